/* What the maker of the token says of it, beside struct token_ops: a TPM's endorsement certificate, and the proof that the TPM of it has a node's transport key (docs/formats.md section 23.3).
 * A backend that has none leaves the calls NULL; what is asked of it then is ERR_UNSUPPORTED. Attached tokens only. Each call may be repeated. */
#ifndef COFFER_TOKEN_ENDORSE_H
#define COFFER_TOKEN_ENDORSE_H

#include "token/transport.h"

#define TOKEN_ENDORSE_CERTIFICATE_MAX 1600u
#define TOKEN_ENDORSE_AREA_MAX 256u
#define TOKEN_ENDORSE_BLOB_MAX 128u
#define TOKEN_ENDORSE_SEED_MAX 256u
#define TOKEN_ENDORSE_SECRET_LEN 32u

struct token_endorse_wish {
	struct token_transport_ref ref; /* of the transport key */
	struct view auth;               /* activate: the transport key's, TOKEN_TRANSPORT_AUTH_LEN bytes; secret, borrowed */
	struct view blob, seed;         /* activate: what TPM2_MakeCredential gives; borrowed */
};

struct token_endorse_answer {
	bool there;                                         /* false: this token does not know the key of the reference */
	uint8_t certificate[TOKEN_ENDORSE_CERTIFICATE_MAX]; /* describe: DER */
	size_t certificate_len;
	uint8_t area[TOKEN_ENDORSE_AREA_MAX];               /* describe: the transport key's public area, TPMT_PUBLIC */
	size_t area_len;
	struct secret *secret;                              /* activate: TOKEN_ENDORSE_SECRET_LEN bytes, the caller's to free; else NULL */
};

/* *out is written only with ERR_OK. */
typedef enum coffer_err token_endorse_fn(struct token *t, const struct token_endorse_wish *wish, struct token_endorse_answer *out, struct reason *reason);

struct token_endorse_ops {
	/* ERR_NOT_FOUND: the token has no certificate; ERR_TOKEN_REFUSED: it may not be read, or is not this token's. */
	token_endorse_fn *describe;
	/* ERR_DENIED: what is to be activated was made for another token, or for another transport key. */
	token_endorse_fn *activate;
};

/* Of the one backend linked into this program. */
extern const struct token_endorse_ops token_endorse_backend;

#endif
