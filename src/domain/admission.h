/* Joining a domain: card, request and row of table 65 as bytes (docs/formats.md section 23.3). All of them stand where anybody who can write the database can write
 * them, so every reader is strict. Plain values; views of what was read borrow from the bytes. Any thread. */
#ifndef COFFER_DOMAIN_ADMISSION_H
#define COFFER_DOMAIN_ADMISSION_H

#include "base/buf.h"
#include "base/reason.h"
#include "crypto/hpke.h"
#include "keyring/domain.h"
#include "keyring/kind.h"

#define ADMISSION_NAME_MAX 64u       /* bytes of a node's name */
#define ADMISSION_NONCE_LEN 32u
#define ADMISSION_DIGEST_LEN 32u     /* Q */
#define ADMISSION_REQUEST_MAX 2560u  /* bytes */
#define ADMISSION_ANSWER_MAX 8192u
#define ADMISSION_CHALLENGE_MAX 1024u
#define ADMISSION_PROOF_LEN 32u
#define ADMISSION_SENTENCE_MAX 255u
#define ADMISSION_ROW_MAX (ADMISSION_REQUEST_MAX + ADMISSION_ANSWER_MAX + ADMISSION_CHALLENGE_MAX + 512u)
#define ADMISSION_CERTIFICATE_MAX 1600u
#define ADMISSION_PUBLIC_AREA_MAX 256u
#define ADMISSION_ENROLMENT_ID_LEN 16u
#define ADMISSION_MAC_LEN 32u
#define ADMISSION_AGE_MAX_MS (24u * 3600u * 1000u) /* of a request, forwards and backwards */
#define ADMISSION_WAITING_MAX 64u    /* rows of table 65 besides the card */

enum admission_evidence { ADMISSION_BY_FINGERPRINT = 0, ADMISSION_BY_ENROLMENT = 1, ADMISSION_BY_ENDORSEMENT = 2 };

struct admission_request {
	uint8_t domain_id[UUID_LEN], node_id[UUID_LEN];
	char name[ADMISSION_NAME_MAX + 1]; /* printable UTF-8, at least one byte */
	char token_kind[KIND_NAME_MAX];
	uint8_t transport_key[HPKE_PUBLIC_LEN];
	uint8_t nonce[ADMISSION_NONCE_LEN];
	uint64_t created_ms;
	enum admission_evidence evidence;
	uint8_t enrolment_id[ADMISSION_ENROLMENT_ID_LEN]; /* BY_ENROLMENT, this and the next */
	uint8_t enrolment_mac[ADMISSION_MAC_LEN];
	struct view certificate, public_area;             /* BY_ENDORSEMENT */
};

/* Appends the request. ERR_FIELD: a field that no reader takes. */
enum coffer_err admission_request_write(const struct admission_request *request, struct buf *out) MUST_USE;
/* The same with empty evidence: what the MAC of an enrolment covers. */
enum coffer_err admission_request_write_core(const struct admission_request *request, struct buf *out) MUST_USE;
/* ERR_VERSION: a newer one. ERR_CORRUPT, ERR_FIELD (no point of P-256), each with its sentence. */
enum coffer_err admission_request_read(struct view bytes, struct admission_request *out, struct reason *reason) MUST_USE;
/* Q. */
enum coffer_err admission_digest(struct view request, uint8_t out[static ADMISSION_DIGEST_LEN]) MUST_USE;
/* What a person compares and types: the first 20 bytes of Q. */
void admission_fingerprint_text(const uint8_t digest[static ADMISSION_DIGEST_LEN], char out[static DOMAIN_FINGERPRINT_TEXT]);
/* A typed fingerprint, in either case, with or without the dashes. ERR_INPUT. */
enum coffer_err admission_fingerprint_parse(const char *text, uint8_t out[static DOMAIN_FINGERPRINT_LEN], struct reason *reason) MUST_USE;

/* What can be said of a request by itself: its domain, its node id, its age. The sentence says what to do. ERR_CONTEXT: of another domain; ERR_FIELD; ERR_STATE: too old,
 * or from the future. */
enum coffer_err admission_request_judge(const struct admission_request *request, const struct domain_id *domain, uint64_t now_ms, struct reason *reason) MUST_USE;

/* ---- card ---- */

#define ADMISSION_CARD_LEN (1u + UUID_LEN + DOMAIN_PUBLIC_LEN)

enum coffer_err admission_card_write(const struct domain_id *domain, struct buf *out) MUST_USE;
/* Fills id and public key of *domain when the card is the one of this fingerprint. ERR_CONTEXT: of another domain; ERR_CORRUPT, ERR_VERSION. */
enum coffer_err admission_card_read(struct view bytes, const uint8_t typed[static DOMAIN_FINGERPRINT_LEN], struct domain_id *domain, struct reason *reason) MUST_USE;

/* ---- row ---- */

enum admission_state { ADMISSION_ASKED = 1, ADMISSION_ANSWERED = 2, ADMISSION_REFUSED = 3, ADMISSION_CHALLENGED = 4 };

/* Which of the views may be there follows from the state. */
struct admission_row {
	enum admission_state state;
	struct view request;
	struct view challenge; /* CHALLENGED */
	struct view proof;     /* CHALLENGED: none yet, or ADMISSION_PROOF_LEN bytes */
	struct view answer;    /* ANSWERED */
	struct view sentence;  /* REFUSED */
};

enum coffer_err admission_row_write(const struct admission_row *row, struct buf *out) MUST_USE;
enum coffer_err admission_row_read(struct view bytes, struct admission_row *out, struct reason *reason) MUST_USE;

#endif
