/* MACs that a KMIP client chooses: HMAC and CMAC through EVP_MAC. */
#include "crypto/mac.h"

#include "base/arena.h"
#include "base/ct.h"
#include "crypto/algs.h"
#include "crypto/cipher.h"
#include "crypto/crypto_err.h"
#include "crypto/hash.h"
#include "crypto/ossl.h"

#define CMAC_LEN 16u /* bytes */

struct mac {
	EVP_MAC_CTX *ctx;
	size_t len; /* bytes */
	bool done;
};

/* HMACs of KMIP; the digest is OpenSSL's name of it. */
static const struct row {
	uint32_t algorithm; /* 0: KMIP has no HMAC of its own over this hash */
	uint32_t hash;
	char digest[16];
} rows[] = {
	{ MAC_HMAC_SHA1, 0x04, "SHA1" },
	{ MAC_HMAC_SHA224, 0x05, "SHA2-224" },
	{ MAC_HMAC_SHA256, 0x06, "SHA2-256" },
	{ MAC_HMAC_SHA384, 0x07, "SHA2-384" },
	{ MAC_HMAC_SHA512, 0x08, "SHA2-512" },
	{ 0, 0x0c, "SHA2-512/224" },
	{ 0, 0x0d, "SHA2-512/256" },
	{ MAC_HMAC_SHA3_224, 0x0e, "SHA3-224" },
	{ MAC_HMAC_SHA3_256, 0x0f, "SHA3-256" },
	{ MAC_HMAC_SHA3_384, 0x10, "SHA3-384" },
	{ MAC_HMAC_SHA3_512, 0x11, "SHA3-512" },
};

static bool is_cmac(const struct mac_params *params)
{
	return params->algorithm == CIPHER_AES && params->mode == CIPHER_CMAC && params->hash == 0;
}

/* Without a hash, that of the algorithm. A hash that has no HMAC of its own in KMIP is a truncated SHA-512. */
static const struct row *find(const struct mac_params *params)
{
	if (params->mode != 0 || (params->algorithm == 0 && params->hash == 0)) return NULL;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const struct row *r = &rows[i];
		uint32_t algorithm = r->algorithm != 0 ? r->algorithm : MAC_HMAC_SHA512;
		if (params->hash != 0 ? r->hash != params->hash : r->algorithm != params->algorithm) continue;
		return params->algorithm == 0 || params->algorithm == algorithm ? r : NULL;
	}
	return NULL;
}

enum coffer_err mac_traits(const struct mac_params *params, struct mac_traits *out)
{
	enum hash_algorithm hash;
	if (is_cmac(params)) {
		*out = (struct mac_traits){ .len = CMAC_LEN, .key_min = 16, .key_max = 32 };
		return ERR_OK;
	}
	const struct row *row = find(params);
	ENSURE(row != NULL, ERR_UNSUPPORTED);
	TRY(hash_of_kmip(row->hash, &hash));
	*out = (struct mac_traits){ .len = hash_len(hash), .key_min = 1, .key_max = MAC_KEY_MAX, .legacy = hash == HASH_SHA1 };
	return ERR_OK;
}

bool mac_same(const struct mac_params *a, const struct mac_params *b)
{
	if (is_cmac(a) || is_cmac(b)) return is_cmac(a) && is_cmac(b);
	return find(a) != NULL && find(a) == find(b);
}

/* The name of digest or cipher as OpenSSL's parameter wants it: writable. */
static enum coffer_err init_ctx(struct mac *m, const struct mac_params *params, struct view key)
{
	bool cmac = is_cmac(params);
	const struct row *row = cmac ? NULL : find(params);
	char cipher[] = "AES-128-CBC", digest[sizeof row->digest] = { 0 };
	if (key.len == 24) cipher[4] = '1', cipher[5] = '9', cipher[6] = '2';
	if (key.len == 32) cipher[4] = '2', cipher[5] = '5', cipher[6] = '6';
	for (size_t i = 0; row != NULL && i < sizeof digest; i++) digest[i] = row->digest[i];
	const OSSL_PARAM choice[] = {
		cmac ? OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_CIPHER, cipher, 0)
			: OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end()
	};
	m->ctx = EVP_MAC_CTX_new(algs_mac(cmac ? ALG_CMAC : ALG_HMAC));
	ENSURE(m->ctx != NULL, crypto_err_take());
	ENSURE(EVP_MAC_init(m->ctx, key.ptr, key.len, choice) == 1, crypto_err_take());
	return ERR_OK;
}

enum coffer_err mac_new(const struct mac_params *params, struct view key, struct mac **out)
{
	struct mac_traits traits;
	TRY(mac_traits(params, &traits));
	ENSURE(key.len >= traits.key_min && key.len <= traits.key_max, ERR_FIELD);
	ENSURE(!is_cmac(params) || key.len % 8 == 0, ERR_FIELD);
	AUTO(auto_mac_free) struct mac *m = arena_alloc(sizeof *m);
	ENSURE(m != NULL, ERR_MEMORY);
	*m = (struct mac){ .len = traits.len };
	TRY(init_ctx(m, params, key));
	*out = TAKE(m);
	return ERR_OK;
}

void mac_free(struct mac *m)
{
	if (m == NULL) return;
	EVP_MAC_CTX_free(m->ctx);
	arena_free(m);
}

enum coffer_err mac_update(struct mac *m, struct view bytes)
{
	ENSURE(!m->done, ERR_STATE);
	if (bytes.len == 0) return ERR_OK;
	ENSURE(EVP_MAC_update(m->ctx, bytes.ptr, bytes.len) == 1, crypto_err_take());
	return ERR_OK;
}

enum coffer_err mac_final(struct mac *m, uint8_t out[static MAC_LEN_MAX], size_t *out_len)
{
	size_t len = 0;
	ENSURE(!m->done, ERR_STATE);
	m->done = true;
	ENSURE(EVP_MAC_final(m->ctx, out, &len, MAC_LEN_MAX) == 1 && len == m->len, crypto_err_take());
	*out_len = len;
	return ERR_OK;
}

enum coffer_err mac_final_check(struct mac *m, struct view mac, bool *out_valid)
{
	uint8_t right[MAC_LEN_MAX];
	size_t len = 0;
	TRY(mac_final(m, right, &len));
	*out_valid = mac.len == len && ct_equal(right, mac.ptr, len);
	wipe(right, sizeof right);
	return ERR_OK;
}

enum coffer_err mac_make(const struct mac_params *params, struct view key, struct view data,
	uint8_t out[static MAC_LEN_MAX], size_t *out_len)
{
	AUTO(auto_mac_free) struct mac *m = NULL;
	TRY(mac_new(params, key, &m));
	TRY(mac_update(m, data));
	return mac_final(m, out, out_len);
}

enum coffer_err mac_check(const struct mac_params *params, struct view key, struct view data, struct view mac,
	bool *out_valid)
{
	AUTO(auto_mac_free) struct mac *m = NULL;
	TRY(mac_new(params, key, &m));
	TRY(mac_update(m, data));
	return mac_final_check(m, mac, out_valid);
}
