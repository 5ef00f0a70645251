/* A key pair in the token for Diffie-Hellman, beside struct token_ops: what is wrapped to a node is opened with it (docs/formats.md section 23.3). A backend that
 * has none leaves the calls NULL; what is asked of it then is ERR_UNSUPPORTED. Attached tokens only. Each call may be repeated. */
#ifndef COFFER_TOKEN_TRANSPORT_H
#define COFFER_TOKEN_TRANSPORT_H

#include "token/token.h"

#define TOKEN_TRANSPORT_REF_MAX 768u
#define TOKEN_TRANSPORT_OWNER_LEN 32u
#define TOKEN_TRANSPORT_AUTH_LEN 32u
#define TOKEN_TRANSPORT_POINT_LEN 65u  /* P-256: 0x04, X, Y */
#define TOKEN_TRANSPORT_SHARED_LEN 32u /* X of the shared point */

/* Names one key pair, for the backend that made it; not secret. */
struct token_transport_ref {
	uint8_t data[TOKEN_TRANSPORT_REF_MAX];
	size_t len; /* 0: none */
};

struct token_transport_wish {
	uint8_t owner[TOKEN_TRANSPORT_OWNER_LEN]; /* make, remove: whose key it is; not secret */
	struct view auth;                         /* TOKEN_TRANSPORT_AUTH_LEN bytes, the last one not zero; secret, borrowed. Unused by public_point and remove */
	struct token_transport_ref ref;           /* public_point, ecdh */
	uint8_t point[TOKEN_TRANSPORT_POINT_LEN]; /* ecdh: the other side's */
};

struct token_transport_answer {
	bool there;                                    /* false: this token does not know the key of the reference */
	struct token_transport_ref ref;                /* make */
	uint8_t public_key[TOKEN_TRANSPORT_POINT_LEN]; /* make, public_point */
	struct secret *shared;                         /* ecdh: TOKEN_TRANSPORT_SHARED_LEN bytes, the caller's to free; else NULL */
};

/* *out is written only with ERR_OK. */
typedef enum coffer_err token_transport_fn(struct token *t, const struct token_transport_wish *wish, struct token_transport_answer *out,
	struct reason *reason);

struct token_transport_ops {
	/* Makes the owner's key pair, or takes the one that an earlier attempt left. */
	token_transport_fn *make;
	token_transport_fn *public_point;
	/* ERR_FIELD: the other side's point is not one of P-256 (the token is not asked). */
	token_transport_fn *ecdh;
	/* Destroys what the token keeps of the owner's key pair. */
	token_transport_fn *remove;
};

/* Of the one backend linked into this program. */
extern const struct token_transport_ops token_transport_backend;

#endif
