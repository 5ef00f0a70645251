/* OpenSSL's algorithms of algs.def, fetched once per process (a fetch for each call costs more than a short
 * encryption). */
#ifndef COFFER_CRYPTO_ALGS_H
#define COFFER_CRYPTO_ALGS_H

#include <stddef.h>

#include "base/err.h"
#include "crypto/ossl.h"

enum alg {
#define ALG(kind, name, text) ALG_##name,
#include "crypto/algs.def"
#undef ALG
	ALG_COUNT
};

/* Fetches them all; the first call does the work. ERR_CRYPTO: one is missing. Any thread. */
enum coffer_err algs_load(void) MUST_USE;
/* Borrowed for the life of the process; NULL when algs_load failed or the name is of another kind. */
EVP_CIPHER *algs_cipher(enum alg which);
EVP_MD *algs_md(enum alg which);
EVP_MAC *algs_mac(enum alg which);
EVP_KDF *algs_kdf(enum alg which);
/* The row of a key length among three that follow each other (128, 192, 256 bit); ALG_COUNT for another length. */
enum alg algs_by_key_len(enum alg first, size_t key_len);

#endif
