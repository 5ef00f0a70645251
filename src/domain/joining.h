/* What a new node keeps while it joins: `pending/join` beside what will be its identity file (docs/formats.md section 23.3). No secret stands in it in the clear: what is
 * secret is wrapped by the node's own master secret. One thread, one process. */
#ifndef COFFER_DOMAIN_JOINING_H
#define COFFER_DOMAIN_JOINING_H

#include "domain/admission.h"

#define JOINING_REF_MAX 768u
#define JOINING_FILE_MAX 16384u

/* How far it is; a crash goes on from there. */
enum joining_stage { JOINING_BEGUN = 1, JOINING_KEYS = 2, JOINING_ASKED = 3 };

struct joining {
	enum joining_stage stage;
	struct domain_id domain;      /* of the card; node_id is the one that this node took */
	char token_kind[KIND_NAME_MAX];
	char token_uri[TOKEN_URI_MAX + 1];
	struct token_binding binding; /* from KEYS on */
	struct buf reference;         /* of the transport key; from KEYS on */
	struct buf wrapped_auth;      /* from KEYS on */
	struct buf wrapped_enrolment; /* may be empty */
	struct buf request;           /* ASKED: the bytes that were put up */
};

#define JOINING_NONE ((struct joining){ .stage = JOINING_BEGUN })

void joining_clear(struct joining *j);
/* Appends the bytes of the file. ERR_FIELD: parts that do not fit the stage, or a request of another node or domain. */
enum coffer_err joining_encode(const struct joining *j, struct buf *out) MUST_USE;
/* Into an empty struct; caller clears. ERR_CORRUPT, ERR_VERSION, ERR_MEMORY. */
enum coffer_err joining_decode(struct view bytes, struct joining *out) MUST_USE;

/* `dir`/pending/join, mode 0600, replaced whole and durably; makes the folder. */
enum coffer_err joining_write(const char *dir, const struct joining *j, struct reason *reason) MUST_USE;
/* ERR_NOT_FOUND: no join is under way. ERR_USAGE: others could have written it. ERR_CORRUPT, ERR_VERSION. Caller clears. */
enum coffer_err joining_read(const char *dir, struct joining *out, struct reason *reason) MUST_USE;
/* Once the node is a member, or gave up. None there is no error. */
enum coffer_err joining_erase(const char *dir, struct reason *reason) MUST_USE;

#endif
