/* HMAC-SHA-256 through EVP_MAC. */
#include "crypto/mac.h"

#include "base/cleanup.h"
#include "base/ct.h"
#include "crypto/algs.h"
#include "crypto/crypto_err.h"
#include "crypto/ossl.h"

DEFINE_AUTO(EVP_MAC_CTX, EVP_MAC_CTX_free)

enum coffer_err mac_hmac_sha256(struct view key, const struct view *parts, size_t count, uint8_t out[static MAC_LEN])
{
	static char digest[] = "SHA2-256";
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0), OSSL_PARAM_construct_end()
	};
	size_t len = 0;
	ENSURE(key.len >= 1, ERR_FIELD);
	EVP_MAC *mac = algs_mac(ALG_HMAC);
	ENSURE(mac != NULL, ERR_CRYPTO);
	AUTO(auto_EVP_MAC_CTX_free) EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(mac);
	ENSURE(ctx != NULL, crypto_err_take());
	ENSURE(EVP_MAC_init(ctx, key.ptr, key.len, params) == 1, crypto_err_take());
	for (size_t i = 0; i < count; i++)
		if (parts[i].len != 0)
			ENSURE(EVP_MAC_update(ctx, parts[i].ptr, parts[i].len) == 1, crypto_err_take());
	ENSURE(EVP_MAC_final(ctx, out, &len, MAC_LEN) == 1 && len == MAC_LEN, crypto_err_take());
	return ERR_OK;
}

enum coffer_err mac_hmac_sha256_check(struct view key, const struct view *parts, size_t count, const uint8_t mac[static MAC_LEN])
{
	uint8_t right[MAC_LEN];
	TRY(mac_hmac_sha256(key, parts, count, right));
	bool equal = ct_equal(right, mac, MAC_LEN);
	wipe(right, sizeof right);
	return equal ? ERR_OK : ERR_CORRUPT;
}
