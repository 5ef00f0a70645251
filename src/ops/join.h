/* A node without a domain joins one whose store it reaches (docs/formats.md section 23.3): everything that this node makes stands in `pending/join` before it is used, so that the
 * same command goes on after a crash; the end is domain_found. Each call goes as far as it can. Admin lane, engine->admin_lock held by the caller. */
#ifndef COFFER_OPS_JOIN_H
#define COFFER_OPS_JOIN_H

#include "domain/endorsement.h"
#include "domain/joining.h"
#include "ops/engine.h"
#include "token/endorse.h"

struct join_wish {
	char token_uri[TOKEN_URI_MAX + 1];
	uint8_t domain[DOMAIN_FINGERPRINT_LEN];  /* as it was typed */
	struct view name;                        /* of the node; empty: as it was, or the configuration's. Borrowed */
	struct view pin;                         /* of the token, in place of its pin-source; empty: none. Secret, borrowed */
	struct view enrolment;                   /* an enrolment token's text, where there is one; empty: as it was begun. Secret, borrowed */
	bool endorsement;                        /* by the certificate of the token, which is a TPM; false: as it was begun */
	bool has_answer;                         /* the next: the answer must be the one with this fingerprint */
	uint8_t answer[DOMAIN_FINGERPRINT_LEN];
	bool anew;                               /* what was begun is forgotten first */
};

struct join_result {
	bool member;                             /* false: the request waits */
	struct domain_id domain;
	char name[ADMISSION_NAME_MAX + 1];
	enum admission_evidence evidence;        /* with any nobody has to type anything */
	char certificate[ENDORSEMENT_DIGEST_TEXT]; /* of BY_ENDORSEMENT: its digest, which has to be listed */
	char request[DOMAIN_FINGERPRINT_TEXT];   /* what is typed at the master server */
	struct token_info token;
};

/* ERR_EXISTS: the node belongs to a domain; ERR_BUSY: an init or a restore is under way; ERR_STATE: what was begun is another join; ERR_NOT_FOUND, ERR_CONTEXT: no domain there, or another one;
 * ERR_DENIED: the request was refused, and is forgotten; errors of token, store and of the answer (domain/answer.h). Each with its sentence. */
enum coffer_err join_run(struct engine *engine, const struct principal *principal, const struct join_wish *wish, struct join_result *out, struct reason *reason) MUST_USE;
/* Forgets what is in memory, ends the token's helper. Also when the process ends. */
void join_drop(struct engine *engine);

/* ---- between the parts ---- */

/* engine->join: what pending/join says, and its token. */
struct join {
	struct joining kept;
	struct token_proxy *proxy; /* NULL: not asked yet */
	struct token_info info;
};

/* join_token.c. The token of what is kept, attached where there is a binding. */
enum coffer_err join_open_token(struct engine *engine, struct join *j, struct view pin, struct reason *reason) MUST_USE;
/* Master secret and transport key, both there or adopted; kept until JOINING_KEYS. */
enum coffer_err join_make_keys(struct engine *engine, struct join *j, struct view pin, struct reason *reason) MUST_USE;
/* Of the transport key that is kept. */
enum coffer_err join_public_key(struct join *j, uint8_t out[static HPKE_PUBLIC_LEN], struct reason *reason) MUST_USE;
/* What the master secret wrapped; the caller's to free. */
enum coffer_err join_unwrap_auth(struct join *j, struct secret **out, struct reason *reason) MUST_USE;
/* The key of the enrolment token that was given: kept wrapped, and back again (ERR_NOT_FOUND: there is none). */
enum coffer_err join_keep_enrolment(struct join *j, const struct secret *key, struct reason *reason) MUST_USE;
enum coffer_err join_unwrap_enrolment(struct join *j, struct secret **out, struct reason *reason) MUST_USE;
/* join_endorse.c. Certificate and public area of the transport key into the request, whose views borrow *out; ERR_UNSUPPORTED, ERR_NOT_FOUND: this token has none. */
enum coffer_err join_endorse(struct join *j, struct token_endorse_answer *out, struct admission_request *q, struct reason *reason) MUST_USE;
/* The challenge answered by the token, and the proof put in the row. ERR_DENIED: it is not for this token. */
enum coffer_err join_prove(struct engine *engine, struct join *j, struct view challenge, struct reason *reason) MUST_USE;
/* What the token keeps of the transport key; a token that does not answer keeps it. */
void join_remove_key(struct join *j);
/* join_end.c. The answer opened, the ring wrapped by this node's token, the rows, the domain: this node is a member. */
enum coffer_err join_end(struct engine *engine, const struct principal *principal, struct join *j, const struct join_wish *wish, struct view answer, struct reason *reason) MUST_USE;

#endif
