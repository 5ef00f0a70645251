/* Step 3 of joining: the master server judges a request and answers it (docs/formats.md section 23.3). Inside of the fenced transaction; the caller has the row of
 * table 65, writes the new one, and the audit record. Store thread. */
#ifndef COFFER_DOMAIN_ADMIT_H
#define COFFER_DOMAIN_ADMIT_H

#include "domain/answer.h"
#include "domain/endorsement.h"
#include "domain/enrolment.h"
#include "domain/node_record.h"

struct admit_wish {
	struct view row;                 /* of table 65, as it stands there */
	const uint8_t *fingerprint;      /* DOMAIN_FINGERPRINT_LEN bytes that an operator typed; NULL: the evidence alone decides */
	const char *principal;           /* who approves; NULL, with an enrolment token or a listed certificate: who made or listed that */
	uint64_t now_ms;                 /* the wall clock: of the request's age */
	uint64_t date_ms;                /* clock_date_s: of an enrolment token's end */
	uint64_t others_ms;              /* the latest that another node said it is; 0: none did */
	uint64_t epoch;
	const struct answer_root *roots; /* as in struct answer_plan */
	size_t root_count;
};

/* What was decided, for the audit record and for the row. */
struct admitted {
	struct node_record record;
	bool again;                      /* the same request once more: its answer is made anew, no record is added */
	uint8_t answer_print[DOMAIN_FINGERPRINT_LEN];
	bool challenged;                 /* nothing is decided yet: the row asks the node's TPM first, and record is empty */
	char evidence[ADMISSION_NAME_MAX + 1]; /* name of the enrolment token or the listed certificate that was used; "": none */
};

/* Writes node record and, where a token or a listed certificate was used, its record; or, with such a certificate, first the challenge alone. Appends the new row of table 65 to *out_row. Every refusal has a sentence of its own and leaves the store
 * as it was: the request's own (admission.h), another fingerprint, evidence that is missing or does not hold, a node id that is known (ERR_EXISTS), or that has slots or
 * audit records without a record (ERR_CORRUPT), a name or transport key of another node (ERR_EXISTS), too many nodes or generations (ERR_LIMIT). */
enum coffer_err admit(struct store *store, struct ring *ring, const struct secret *domain_seed, const struct admit_wish *wish, struct admitted *out,
	struct buf *out_row, struct reason *reason) MUST_USE;
/* The row that tells a node that it was refused, and why. */
enum coffer_err admit_refusal(struct view row, const char *sentence, struct buf *out_row) MUST_USE;

#endif
