/* Checking exports of an audit log without the node (docs/formats.md section 20.5): lines go in, findings come out. One thread; needs no arena.
 *
 *   new ── keep (checkpoints from elsewhere) ── for each file in the order of its header: file, line … ── end */
#ifndef COFFER_AUDIT_PROOF_H
#define COFFER_AUDIT_PROOF_H

#include <stdbool.h>
#include <stddef.h>

#include "audit/join.h"
#include "audit/line.h"
#include "audit/witness.h"

#define AUDIT_KEPT_MAX 1024u /* checkpoints from elsewhere */
#define AUDIT_JOINS_MAX 64u  /* nodes that were restored from backups of one */
#define AUDIT_TOKEN_KEYS_MAX 64u /* keys of tokens that are expected */

enum audit_finding_kind {
	AUDIT_UNREADABLE,   /* a line that is none of this format */
	AUDIT_FOREIGN,      /* of another domain or node */
	AUDIT_EDITED,       /* not what was written, or not what was signed */
	AUDIT_MISSING,
	AUDIT_DOUBLED,
	AUDIT_MISPLACED,    /* record out of order */
	AUDIT_GAP,          /* the node says that it left them out */
	AUDIT_FORGED,       /* a checkpoint or gap that the domain key did not sign */
	AUDIT_STALE,        /* a checkpoint that belongs somewhere else */
	AUDIT_UNSIGNED,     /* no checkpoint behind them */
	AUDIT_TRUNCATED,    /* a checkpoint from elsewhere says that there was more */
	AUDIT_REWRITTEN,    /* a checkpoint from elsewhere, or the token, says that it was otherwise */
	AUDIT_TOKEN_FORGED, /* a record says that the token signed, and its signature does not hold */
	AUDIT_TOKEN_KEY,    /* the token's key is not one of those that are expected, or another one than before */
	AUDIT_TOKEN_NONE    /* the token signed nothing, though its key is known */
};

struct audit_finding {
	enum audit_finding_kind kind;
	uint64_t from, to;   /* records; 0: none */
	const char *file;    /* borrowed from audit_proof_file */
	uint64_t line;       /* 1 and up; 0: of no line */
	const char *detail;  /* a sentence; "" */
};
typedef void audit_finding_fn(void *arg, const struct audit_finding *finding);
/* "missing", "edited" … */
const char *audit_finding_name(enum audit_finding_kind kind);

/* Whom to believe: one of the two. */
struct audit_trust {
	bool by_key;
	uint8_t key[DOMAIN_PUBLIC_LEN];
	uint8_t fingerprint[DOMAIN_FINGERPRINT_LEN];
};

struct audit_proof_result {
	bool begun;                  /* a header of the trusted domain was there */
	struct domain_id domain;
	uint64_t first, last;        /* records, as the headers and lines say */
	uint64_t records;            /* lines of records that are what was written */
	uint64_t old;                /* further ones from before digests were kept: their links are signed, what they say is not */
	uint64_t signed_to;          /* last record in front of a good checkpoint */
	uint64_t signed_ms;          /* time of the newest one; 0: none */
	uint64_t compared;           /* checkpoints from elsewhere that could be compared, and fitted */
	uint64_t findings;
	bool has_join;               /* record 1 says from which log this one goes on */
	struct audit_join join;
	bool joined;                 /* what restored nodes say of this log was compared, and all of it fits */
	uint64_t token_signatures;   /* of the token that hold, over records that are here */
	uint64_t token_to, token_ms; /* newest record that it signed, and when */
	uint64_t token_records;      /* records that say so */
	uint8_t token_key[DOMAIN_FINGERPRINT_LEN]; /* of the newest; valid with token_records */
};

struct audit_proof;

/* NULL: memory is short. Caller frees. */
struct audit_proof *audit_proof_new(const struct audit_trust *trust, audit_finding_fn *fn, void *arg);
void audit_proof_free(struct audit_proof *proof); /* accepts NULL */
/* A checkpoint from elsewhere, before the first file. ERR_CORRUPT: the line is no checkpoint. ERR_LIMIT. That it is signed, and by whom, is judged when the
 * domain is known. */
enum coffer_err audit_proof_keep(struct audit_proof *proof, struct view line) MUST_USE;
/* Before the first file: the token's key must be one of those that are given so, by fingerprint, and at least one signature must be there. ERR_LIMIT. */
enum coffer_err audit_proof_expect_key(struct audit_proof *proof, const uint8_t fingerprint[static DOMAIN_FINGERPRINT_LEN]) MUST_USE;
/* Before the first file: a node that was restored from a backup of this one says that this was its newest record. ERR_LIMIT. */
enum coffer_err audit_proof_expect_join(struct audit_proof *proof, const struct audit_join *join) MUST_USE;
/* At the end: whether what the i-th of them says was compared, and fits. */
bool audit_proof_join_fits(const struct audit_proof *proof, size_t i);
/* The lines of this file follow. */
void audit_proof_file(struct audit_proof *proof, const char *name);
/* line: without its newline. */
void audit_proof_line(struct audit_proof *proof, struct view line);
/* The last line had no newline. */
void audit_proof_torn(struct audit_proof *proof);
/* live: records without a checkpoint behind them are no finding, nor that there is none at all. */
void audit_proof_end(struct audit_proof *proof, bool live, struct audit_proof_result *out);

/* For who goes on writing a file: the place behind the last line that fits. */
const struct audit_place *audit_proof_place(const struct audit_proof *proof);

#endif
