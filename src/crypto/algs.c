/* Fetched algorithms, kept for the life of the process. */
#include "crypto/algs.h"

#include <pthread.h>

#include "crypto/crypto_err.h"

enum alg_kind { ALG_KIND_CIPHER, ALG_KIND_MD, ALG_KIND_MAC, ALG_KIND_KDF };

static const struct {
	enum alg_kind kind;
	const char *name;
} names[ALG_COUNT] = {
#define ALG(kind, name, text) [ALG_##name] = { ALG_KIND_##kind, text },
#include "crypto/algs.def"
#undef ALG
};

static void *fetched[ALG_COUNT];
static enum coffer_err load_err = ERR_CRYPTO;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void *fetch(enum alg which)
{
	switch (names[which].kind) {
	case ALG_KIND_CIPHER: return EVP_CIPHER_fetch(NULL, names[which].name, NULL);
	case ALG_KIND_MD: return EVP_MD_fetch(NULL, names[which].name, NULL);
	case ALG_KIND_MAC: return EVP_MAC_fetch(NULL, names[which].name, NULL);
	case ALG_KIND_KDF: return EVP_KDF_fetch(NULL, names[which].name, NULL);
	}
	return NULL;
}

static void load(void)
{
	for (unsigned i = 0; i < ALG_COUNT; i++) {
		fetched[i] = fetch((enum alg)i);
		if (fetched[i] == NULL) {
			load_err = crypto_err_take();
			return;
		}
	}
	load_err = ERR_OK;
}

enum coffer_err algs_load(void)
{
	ENSURE(pthread_once(&once, load) == 0, ERR_BUG);
	return load_err;
}

static void *get(enum alg which, enum alg_kind kind)
{
	if (algs_load() != ERR_OK || which >= ALG_COUNT || names[which].kind != kind) return NULL;
	return fetched[which];
}

EVP_CIPHER *algs_cipher(enum alg which) { return get(which, ALG_KIND_CIPHER); }
EVP_MD *algs_md(enum alg which) { return get(which, ALG_KIND_MD); }
EVP_MAC *algs_mac(enum alg which) { return get(which, ALG_KIND_MAC); }
EVP_KDF *algs_kdf(enum alg which) { return get(which, ALG_KIND_KDF); }

enum alg algs_by_key_len(enum alg first, size_t key_len)
{
	switch (key_len) {
	case 16: return first;
	case 24: return first + 1;
	case 32: return first + 2;
	default: return ALG_COUNT;
	}
}
