/* Calls about listed endorsement certificates. Conventions of admin.h. */
#ifndef COFFER_CLIENT_ADMIN_TRUST_H
#define COFFER_CLIENT_ADMIN_TRUST_H

#include "base/err.h"
#include "base/view.h"
#include "client/include/coffer.h"

#define ADMIN_TRUST_DIGEST_LEN 32u

/* Which certificate a file holds, in PEM or DER. ERR_UNSUPPORTED: its key is neither P-256 nor RSA with 2048 bits; ERR_CORRUPT, ERR_TOO_LARGE: it holds none. Nothing is asked. */
enum coffer_err admin_ek_digest(struct view file, unsigned char out[static ADMIN_TRUST_DIGEST_LEN]) MUST_USE;

/* digest: SHA-256 of the certificate, DER. name: NULL: made up. The JSON document about it as in the list. */
enum coffer_status admin_trust_ek(struct coffer *c, const unsigned char digest[static ADMIN_TRUST_DIGEST_LEN], const char *name, char *text, size_t cap, size_t *out_len);
/* A JSON document: certificates. */
enum coffer_status admin_trusted_eks(struct coffer *c, char *text, size_t cap, size_t *out_len);
/* By name, or digest in hex. name: of the one that was taken off. */
enum coffer_status admin_untrust_ek(struct coffer *c, const char *name_or_digest, char *name, size_t cap);

#endif
