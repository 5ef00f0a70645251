/* The public key of a certificate. */
#ifndef COFFER_CRYPTO_CERTIFICATE_INTERNAL_H
#define COFFER_CRYPTO_CERTIFICATE_INTERNAL_H

#include <stdbool.h>

#include "base/view.h"
#include "crypto/ossl.h"
#include "crypto/p256.h"

struct certificate_key {
	EVP_PKEY *pkey; /* owned */
	bool is_rsa;    /* RSA 2048; else P-256, with: */
	uint8_t point[P256_PUBLIC_LEN];
};

/* ERR_CORRUPT, ERR_UNSUPPORTED, as certificate_check. Caller frees out->pkey (EVP_PKEY_free). */
enum coffer_err certificate_key(struct view der, struct certificate_key *out) MUST_USE;

#endif
