/* TPM2_MakeCredential without a TPM (TPM 2.0 Library, Part 1, "Credential Protection"): a secret for the TPM that has the endorsement key of a certificate, which gives it out only while the object
 * of a Name is loaded in it. For endorsement keys of the default templates with P-256 and RSA 2048: their Name is by SHA-256, their cipher AES-128-CFB. Any thread. */
#ifndef COFFER_CRYPTO_CREDENTIAL_H
#define COFFER_CRYPTO_CREDENTIAL_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/secret.h"
#include "base/view.h"

#define CREDENTIAL_SECRET_LEN 32u
#define CREDENTIAL_NAME_LEN 34u  /* number of SHA-256 | digest */
#define CREDENTIAL_BLOB_LEN (2u + 32u + 2u + CREDENTIAL_SECRET_LEN)
#define CREDENTIAL_SEED_MAX 256u

struct credential {
	uint8_t blob[CREDENTIAL_BLOB_LEN]; /* what TPM2B_ID_OBJECT holds */
	uint8_t seed[CREDENTIAL_SEED_MAX]; /* what TPM2B_ENCRYPTED_SECRET holds */
	size_t seed_len;
};

/* secret: CREDENTIAL_SECRET_LEN bytes. ERR_CORRUPT, ERR_UNSUPPORTED: as certificate_check says. */
enum coffer_err credential_make(struct view certificate, const uint8_t name[static CREDENTIAL_NAME_LEN], const struct secret *secret, struct credential *out) MUST_USE;

#endif
