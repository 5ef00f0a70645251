/* HKDF and scrypt through EVP_KDF. */
#include "crypto/kdf.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/ct.h"
#include "crypto/algs.h"
#include "crypto/crypto_err.h"
#include "crypto/mac.h"
#include "crypto/ossl.h"

#define KDF_PARAMS_MAX 7u

DEFINE_AUTO(EVP_KDF_CTX, EVP_KDF_CTX_free)

static char name_sha256[] = "SHA2-256", name_sha384[] = "SHA2-384", name_sha512[] = "SHA2-512", name_sha1[] = "SHA1";

static const struct {
	char *name;
	size_t len; /* bytes */
} hashes[] = {
	[KDF_SHA256] = { name_sha256, 32 },
	[KDF_SHA384] = { name_sha384, 48 },
	[KDF_SHA512] = { name_sha512, 64 },
	[KDF_SHA1] = { name_sha1, 20 },
};

/* OSSL_PARAM takes pointers without const, and reads only. */
static OSSL_PARAM octets(const char *key, struct view bytes)
{
	union { const uint8_t *in; void *out; } p = { bytes.ptr };
	return OSSL_PARAM_construct_octet_string(key, p.out, bytes.len);
}

static enum coffer_err derive(enum alg which, const OSSL_PARAM *params, uint8_t *out, size_t out_len)
{
	EVP_KDF *kdf = algs_kdf(which);
	ENSURE(kdf != NULL, ERR_CRYPTO);
	AUTO(auto_EVP_KDF_CTX_free) EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
	ENSURE(ctx != NULL, crypto_err_take());
	if (EVP_KDF_derive(ctx, out, out_len, params) == 1) return ERR_OK;
	wipe(out, out_len);
	return crypto_err_take();
}

static enum coffer_err hkdf(enum kdf_hash hash, int mode, struct view key, struct view salt, struct view info,
	uint8_t *out, size_t out_len)
{
	PRE((unsigned)hash < sizeof hashes / sizeof hashes[0]);
	OSSL_PARAM params[KDF_PARAMS_MAX];
	size_t n = 0;
	ENSURE(key.len >= 1 && out_len >= 1 && out_len <= 255 * hashes[hash].len, ERR_FIELD);
	ENSURE(info.len <= KDF_INFO_MAX, ERR_TOO_LARGE);
	params[n++] = OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode);
	params[n++] = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, hashes[hash].name, 0);
	params[n++] = octets(OSSL_KDF_PARAM_KEY, key);
	if (salt.len != 0) params[n++] = octets(OSSL_KDF_PARAM_SALT, salt);
	if (info.len != 0) params[n++] = octets(OSSL_KDF_PARAM_INFO, info);
	params[n] = OSSL_PARAM_construct_end();
	return derive(ALG_HKDF, params, out, out_len);
}

/* RFC 5869, 2.2 and 2.3, where one block is enough: PRK = HMAC(salt, ikm), T(1) = HMAC(PRK, info | 0x01). EVP_KDF asks the provider for its digest and
 * its HMAC anew each time, which costs three times as much as the work. */
static enum coffer_err hkdf_one_block(struct view ikm, struct view salt, struct view info, uint8_t *out, size_t out_len)
{
	static const uint8_t first = 1;
	const struct view last[] = { info, view_of(&first, 1) };
	uint8_t prk[MAC_LEN], block[MAC_LEN];
	ENSURE(ikm.len >= 1, ERR_FIELD);
	ENSURE(info.len <= KDF_INFO_MAX, ERR_TOO_LARGE);
	enum coffer_err err = mac_hmac_sha256(salt, &ikm, 1, prk);
	if (!err) err = mac_hmac_sha256(view_of(prk, sizeof prk), last, 2, block);
	if (err) wipe(out, out_len);
	else memcpy(out, block, out_len);
	wipe(prk, sizeof prk);
	wipe(block, sizeof block);
	return err;
}

enum coffer_err kdf_hkdf(enum kdf_hash hash, struct view ikm, struct view salt, struct view info, uint8_t *out,
	size_t out_len)
{
	if (hash == KDF_SHA256 && salt.len >= 1 && out_len >= 1 && out_len <= MAC_LEN) return hkdf_one_block(ikm, salt, info, out, out_len);
	return hkdf(hash, EVP_KDF_HKDF_MODE_EXTRACT_AND_EXPAND, ikm, salt, info, out, out_len);
}

enum coffer_err kdf_hkdf_extract(enum kdf_hash hash, struct view ikm, struct view salt, uint8_t *out_prk)
{
	PRE((unsigned)hash < sizeof hashes / sizeof hashes[0]);
	return hkdf(hash, EVP_KDF_HKDF_MODE_EXTRACT_ONLY, ikm, salt, view_of(NULL, 0), out_prk, hashes[hash].len);
}

enum coffer_err kdf_hkdf_expand(enum kdf_hash hash, struct view prk, struct view info, uint8_t *out, size_t out_len)
{
	PRE((unsigned)hash < sizeof hashes / sizeof hashes[0]);
	ENSURE(prk.len >= hashes[hash].len, ERR_FIELD);
	return hkdf(hash, EVP_KDF_HKDF_MODE_EXPAND_ONLY, prk, view_of(NULL, 0), info, out, out_len);
}

enum coffer_err kdf_scrypt(struct view passphrase, struct view salt, unsigned log2n, unsigned r, unsigned p,
	uint8_t *out, size_t out_len)
{
	ENSURE(out_len >= 1 && out_len <= 64, ERR_FIELD);
	ENSURE(log2n >= 1 && log2n <= 24 && r >= 1 && r <= 32 && p >= 1 && p <= KDF_SCRYPT_P_MAX, ERR_LIMIT);
	uint64_t n = UINT64_C(1) << log2n;
	ENSURE(128 * (uint64_t)r * n <= KDF_SCRYPT_MEMORY_MAX, ERR_LIMIT);
	uint64_t memory_max = KDF_SCRYPT_MEMORY_MAX + 1024 * 1024; /* the p blocks and OpenSSL's own scratch beside the table */
	uint32_t r32 = r, p32 = p;
	const OSSL_PARAM params[] = {
		octets(OSSL_KDF_PARAM_PASSWORD, passphrase.len != 0 ? passphrase : view_of("", 0)),
		octets(OSSL_KDF_PARAM_SALT, salt.len != 0 ? salt : view_of("", 0)),
		OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_N, &n),
		OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_R, &r32),
		OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_P, &p32),
		OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_MAXMEM, &memory_max),
		OSSL_PARAM_construct_end(),
	};
	return derive(ALG_SCRYPT, params, out, out_len);
}
