/* HMAC-SHA-256 through EVP_MAC. */
#include "crypto/mac.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/ct.h"
#include "crypto/algs.h"
#include "crypto/crypto_err.h"
#include "crypto/ossl.h"

DEFINE_AUTO(EVP_MAC_CTX, EVP_MAC_CTX_free)

/* A context with the digest chosen and no key yet. Choosing it costs more than a short HMAC, copying it does not. */
static EVP_MAC_CTX *unkeyed;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void make_unkeyed(void)
{
	static char digest[] = "SHA2-256";
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0), OSSL_PARAM_construct_end()
	};
	EVP_MAC *mac = algs_mac(ALG_HMAC);
	AUTO(auto_EVP_MAC_CTX_free) EVP_MAC_CTX *ctx = mac != NULL ? EVP_MAC_CTX_new(mac) : NULL;
	if (ctx != NULL && EVP_MAC_CTX_set_params(ctx, params) == 1) unkeyed = TAKE(ctx);
}

/* One that was used is kept for the next caller: making one and ending it are a dozen blocks of the arena, most of a short HMAC. It holds no key meanwhile. */
static EVP_MAC_CTX *_Atomic spare;

static EVP_MAC_CTX *take_context(void)
{
	EVP_MAC_CTX *ctx = atomic_exchange(&spare, NULL);
	return ctx ? ctx : EVP_MAC_CTX_dup(unkeyed);
}

/* A key that everybody knows takes the place of the one that was used, in the states that were made from it too. */
static void give_back(EVP_MAC_CTX *ctx)
{
	static const uint8_t known[MAC_LEN] = { 0 };
	EVP_MAC_CTX *none = NULL;
	bool clean = EVP_MAC_init(ctx, known, sizeof known, NULL) == 1;
	if (!clean) crypto_err_drop();
	if (!clean || !atomic_compare_exchange_strong(&spare, &none, ctx)) EVP_MAC_CTX_free(ctx);
}

/* No key: the one before again (EVP_MAC(3)). */
static enum coffer_err hmac(EVP_MAC_CTX *ctx, struct view key, const struct view *parts, size_t count, uint8_t out[static MAC_LEN])
{
	size_t len = 0;
	ENSURE(EVP_MAC_init(ctx, key.ptr, key.len, NULL) == 1, crypto_err_take());
	for (size_t i = 0; i < count; i++)
		if (parts[i].len != 0)
			ENSURE(EVP_MAC_update(ctx, parts[i].ptr, parts[i].len) == 1, crypto_err_take());
	ENSURE(EVP_MAC_final(ctx, out, &len, MAC_LEN) == 1 && len == MAC_LEN, crypto_err_take());
	return ERR_OK;
}

enum coffer_err mac_hmac_sha256(struct view key, const struct view *parts, size_t count, uint8_t out[static MAC_LEN])
{
	ENSURE(key.len >= 1, ERR_FIELD);
	ENSURE(pthread_once(&once, make_unkeyed) == 0 && unkeyed != NULL, crypto_err_take());
	AUTO(auto_EVP_MAC_CTX_free) EVP_MAC_CTX *ctx = take_context();
	ENSURE(ctx != NULL, crypto_err_take());
	TRY(hmac(ctx, key, parts, count, out)); /* one that failed is not used again */
	give_back(TAKE(ctx));
	return ERR_OK;
}

struct mac_key {
	EVP_MAC_CTX *ctx;
};

void mac_key_free(struct mac_key *k)
{
	if (!k) return;
	EVP_MAC_CTX_free(k->ctx);
	free(k);
}

enum coffer_err mac_key_make(struct mac_key *k, const struct view *parts, size_t count, uint8_t out[static MAC_LEN])
{
	return hmac(k->ctx, view_of(NULL, 0), parts, count, out);
}

/* What a second message gets is what a first one does. */
static enum coffer_err try_twice(struct mac_key *k, struct view key)
{
	static const struct view part = { (const uint8_t *)"coffer", 6 };
	uint8_t first[MAC_LEN], again[MAC_LEN];
	TRY(hmac(k->ctx, key, &part, 1, first));
	TRY(mac_key_make(k, &part, 1, again));
	return ct_equal(first, again, MAC_LEN) ? ERR_OK : ERR_CRYPTO;
}

enum coffer_err mac_key_new(struct view key, struct mac_key **out)
{
	ENSURE(key.len >= 1, ERR_FIELD);
	ENSURE(pthread_once(&once, make_unkeyed) == 0 && unkeyed != NULL, crypto_err_take());
	AUTO(auto_mac_key_free) struct mac_key *k = calloc(1, sizeof *k);
	ENSURE(k, ERR_MEMORY);
	k->ctx = EVP_MAC_CTX_dup(unkeyed);
	ENSURE(k->ctx, crypto_err_take());
	TRY(try_twice(k, key));
	*out = TAKE(k);
	return ERR_OK;
}

enum coffer_err mac_hmac_sha256_check(struct view key, const struct view *parts, size_t count,
	const uint8_t mac[static MAC_LEN])
{
	uint8_t right[MAC_LEN];
	TRY(mac_hmac_sha256(key, parts, count, right));
	bool equal = ct_equal(right, mac, MAC_LEN);
	wipe(right, sizeof right);
	return equal ? ERR_OK : ERR_CORRUPT;
}
