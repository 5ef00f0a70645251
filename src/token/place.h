/* Where in its token a URI puts the master secret: a handle of a TPM, the attribute id of a PKCS#11 token. */
#ifndef COFFER_TOKEN_PLACE_H
#define COFFER_TOKEN_PLACE_H

#include <stdbool.h>

/* The attribute id of a pkcs11 URI's path, within it; NULL: it has none. */
const char *token_place_id(const char *uri);
/* Whether two URIs differ in the place of the master secret alone. Each of at most TOKEN_URI_MAX bytes. */
bool token_place_same_token(const char *a, const char *b);

#endif
