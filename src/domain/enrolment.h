/* Enrolment tokens: the right to join once or a few times, for a while (docs/formats.md section 23.3). The token itself is shown to who asked for it and kept nowhere. */
#ifndef COFFER_DOMAIN_ENROLMENT_H
#define COFFER_DOMAIN_ENROLMENT_H

#include "domain/admission.h"
#include "keyring/ring.h"
#include "store/store.h"

#define ENROLMENT_TOKEN_LEN 32u
#define ENROLMENT_TEXT_LEN 70u /* characters with NUL: 14 groups of 4 joined by '-' */
#define ENROLMENT_KEY_LEN 32u
#define ENROLMENT_LIFE_S 3600u /* unless it is told */
#define ENROLMENT_LIFE_MIN_S 60u
#define ENROLMENT_LIFE_MAX_S (7u * 24u * 3600u)
#define ENROLMENT_USES_MAX 64u
#define ENROLMENTS_MAX 64u /* that the domain keeps at a time */
#define ENROLMENT_KEEP_MS (24u * 3600u * 1000u) /* after its end: so that a late node is told why */
#define ENROLMENT_PRINCIPAL_MAX 1024u

/* A fresh token. Caller frees. */
enum coffer_err enrolment_token_new(struct secret **out) MUST_USE;
/* The text is secret: text holds ENROLMENT_TEXT_LEN bytes, in the arena. ERR_MEMORY. */
enum coffer_err enrolment_token_text(const struct secret *token, struct secret **out_text) MUST_USE;
/* In either case, with or without dashes and blanks. ERR_INPUT with the sentence; caller frees *out. */
enum coffer_err enrolment_token_parse(struct view text, struct secret **out, struct reason *reason) MUST_USE;
enum coffer_err enrolment_id(const struct secret *token, uint8_t out[static ADMISSION_ENROLMENT_ID_LEN]) MUST_USE;
/* The key that both sides use. Caller frees. */
enum coffer_err enrolment_key(const struct secret *token, struct secret **out) MUST_USE;
/* Fills evidence, id and MAC of a request that is whole but for them. */
enum coffer_err enrolment_prove(const struct secret *token, struct admission_request *request) MUST_USE;

/* The same for another request of the node that had the token: id and key are what is left of it. ERR_FIELD: no such key. */
enum coffer_err enrolment_prove_again(const struct secret *key, const uint8_t id[static ADMISSION_ENROLMENT_ID_LEN], struct admission_request *request) MUST_USE;

/* What the domain keeps. */
struct enrolment {
	uint8_t id[ADMISSION_ENROLMENT_ID_LEN];
	struct secret *key; /* owned */
	uint64_t made_ms, ends_ms, revoked_ms; /* 0: not revoked */
	char principal[ENROLMENT_PRINCIPAL_MAX + 1]; /* who made it */
	char name[ADMISSION_NAME_MAX + 1];     /* for people; printable, at least one byte */
	unsigned uses, used_count;             /* how many nodes it admits, and how many it did */
	uint8_t used_by[ENROLMENT_USES_MAX][UUID_LEN];
};

void enrolment_clear(struct enrolment *e);
bool enrolment_is_used_by(const struct enrolment *e, const uint8_t node_id[static UUID_LEN]);
/* One use more, unless it is this node's already. ERR_LIMIT: there is none left. */
enum coffer_err enrolment_use(struct enrolment *e, const uint8_t node_id[static UUID_LEN]) MUST_USE;
/* Inside a transaction. ERR_FIELD: what no reader takes. */
enum coffer_err enrolment_put(struct store *store, struct ring *ring, const struct enrolment *e) MUST_USE;
/* ERR_NOT_FOUND, ERR_CORRUPT, ERR_VERSION. Caller clears *out. */
enum coffer_err enrolment_get(struct store *store, struct ring *ring, const uint8_t id[static ADMISSION_ENROLMENT_ID_LEN], struct enrolment *out) MUST_USE;
/* Whether the request may join by this token, now. Each refusal has its sentence: ERR_CONTEXT (MAC), ERR_STATE (revoked, used up, over), ERR_BUSY (made later than now: to be
 * asked again). A request that the token was used
 * for already is taken again. */
enum coffer_err enrolment_check(const struct enrolment *e, const struct admission_request *request, uint64_t now_ms, struct reason *reason) MUST_USE;

/* Each in order of its id, at most ENROLMENTS_MAX; what fn returns ends it. One that does not open ends it too, with its error. fn may not call the store. */
typedef enum coffer_err enrolment_fn(void *arg, const struct enrolment *e);
enum coffer_err enrolment_each(struct store *store, struct ring *ring, enrolment_fn *fn, void *arg) MUST_USE;
/* Inside a transaction: revokes each that is neither revoked nor used up, over or not, and counts them; maker: a principal, of whose tokens alone; NULL: of everybody's. now_ms is not 0. Errors of the
 * records: one that does not open, or a row that is none, and nothing may be committed. */
enum coffer_err enrolment_revoke_open(struct store *store, struct ring *ring, const char *maker, uint64_t now_ms, unsigned *out) MUST_USE;
/* Inside a transaction: erases those that are over for ENROLMENT_KEEP_MS. */
enum coffer_err enrolment_tidy(struct store *store, struct ring *ring, uint64_t now_ms) MUST_USE;

#endif
