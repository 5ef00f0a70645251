/* A signing key in the token, beside struct token_ops: it signs what the audit log says (docs/formats.md section 20.6). A backend that has none leaves the
 * calls NULL; what is asked of it then is ERR_UNSUPPORTED. Attached tokens only. Each call may be repeated. */
#ifndef COFFER_TOKEN_SIGN_H
#define COFFER_TOKEN_SIGN_H

#include "token/token.h"

#define TOKEN_SIGNER_REF_MAX 768u
#define TOKEN_SIGNER_OWNER_LEN 32u
#define TOKEN_SIGNER_AUTH_LEN 32u
#define TOKEN_SIGNER_PUBLIC_LEN 65u    /* P-256: 0x04, X, Y */
#define TOKEN_SIGNER_DIGEST_LEN 32u
#define TOKEN_SIGNER_SIGNATURE_LEN 64u /* r, s */

/* Names one key, for the backend that made it: kept under the store's seal. */
struct token_signer_ref {
	uint8_t data[TOKEN_SIGNER_REF_MAX];
	size_t len; /* 0: none */
};

struct token_signer_wish {
	bool drop;                              /* make: the other way, the owner's key is destroyed */
	uint8_t owner[TOKEN_SIGNER_OWNER_LEN];  /* whose key it is; not secret */
	struct view auth;                       /* TOKEN_SIGNER_AUTH_LEN bytes, the last one not zero; secret, borrowed */
	struct token_signer_ref ref;            /* sign */
	uint8_t digest[TOKEN_SIGNER_DIGEST_LEN]; /* sign: SHA-256 */
};

struct token_signer_answer {
	bool there; /* sign: false, this token does not know the key of the reference */
	struct token_signer_ref ref;                      /* make */
	uint8_t public_key[TOKEN_SIGNER_PUBLIC_LEN];      /* make */
	uint8_t signature[TOKEN_SIGNER_SIGNATURE_LEN];    /* sign: to be verified by the caller */
};

typedef enum coffer_err token_signer_fn(struct token *t, const struct token_signer_wish *wish, struct token_signer_answer *out, struct reason *reason);

struct token_signer_ops {
	/* Makes the owner's key, or takes the one that an earlier attempt left. */
	token_signer_fn *make;
	token_signer_fn *sign;
	/* Destroys what the token keeps of the owner's key. */
	token_signer_fn *drop;
};

/* Of the one backend linked into this program. */
extern const struct token_signer_ops token_signer_backend;

#endif
