/* Ed25519 through EVP. */
#include "crypto/sign.h"

#include "base/cleanup.h"
#include "crypto/algs.h"
#include "crypto/crypto_err.h"
#include "crypto/rng.h"

DEFINE_AUTO(EVP_PKEY, EVP_PKEY_free)
DEFINE_AUTO(EVP_MD_CTX, EVP_MD_CTX_free)

enum coffer_err sign_keypair_generate(struct secret **out_private, uint8_t out_public[static SIGN_PUBLIC_LEN])
{
	AUTO_SECRET struct secret *seed = secret_new(SIGN_PRIVATE_LEN);
	ENSURE(seed != NULL, ERR_MEMORY);
	TRY(rng_bytes(secret_mut(seed), SIGN_PRIVATE_LEN)); /* RFC 8032, 5.1.5: the private key is 32 random bytes */
	TRY(sign_public_of(seed, out_public));
	*out_private = TAKE(seed);
	return ERR_OK;
}

static enum coffer_err load(const struct secret *private_key, EVP_PKEY **out)
{
	ENSURE(secret_len(private_key) == SIGN_PRIVATE_LEN, ERR_FIELD);
	EVP_PKEY *pkey = EVP_PKEY_new_raw_private_key_ex(NULL, "ED25519", NULL, secret_bytes(private_key), SIGN_PRIVATE_LEN);
	ENSURE(pkey != NULL, crypto_err_take());
	*out = pkey;
	return ERR_OK;
}

enum coffer_err sign_public_of(const struct secret *private_key, uint8_t out_public[static SIGN_PUBLIC_LEN])
{
	AUTO(auto_EVP_PKEY_free) EVP_PKEY *pkey = NULL;
	size_t len = SIGN_PUBLIC_LEN;
	TRY(load(private_key, &pkey));
	ENSURE(EVP_PKEY_get_raw_public_key(pkey, out_public, &len) == 1 && len == SIGN_PUBLIC_LEN, crypto_err_take());
	return ERR_OK;
}

enum coffer_err sign_ed25519(const struct secret *private_key, struct view message,
	uint8_t out_signature[static SIGN_SIGNATURE_LEN])
{
	AUTO(auto_EVP_PKEY_free) EVP_PKEY *pkey = NULL;
	size_t len = SIGN_SIGNATURE_LEN;
	TRY(load(private_key, &pkey));
	AUTO(auto_EVP_MD_CTX_free) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	ENSURE(ctx != NULL, ERR_MEMORY);
	ENSURE(EVP_DigestSignInit_ex(ctx, NULL, NULL, NULL, NULL, pkey, NULL) == 1, crypto_err_take());
	ENSURE(EVP_DigestSign(ctx, out_signature, &len, message.ptr, message.len) == 1 && len == SIGN_SIGNATURE_LEN,
		crypto_err_take());
	return ERR_OK;
}

enum coffer_err sign_verify(const uint8_t public_key[static SIGN_PUBLIC_LEN], struct view message,
	const uint8_t signature[static SIGN_SIGNATURE_LEN])
{
	crypto_err_begin();
	AUTO(auto_EVP_PKEY_free) EVP_PKEY *pkey = EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL, public_key, SIGN_PUBLIC_LEN);
	ENSURE(pkey != NULL, crypto_err_take());
	AUTO(auto_EVP_MD_CTX_free) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	ENSURE(ctx != NULL, ERR_MEMORY);
	ENSURE(EVP_DigestVerifyInit_ex(ctx, NULL, NULL, NULL, NULL, pkey, NULL) == 1, crypto_err_take());
	if (EVP_DigestVerify(ctx, signature, SIGN_SIGNATURE_LEN, message.ptr, message.len) == 1) return ERR_OK;
	return crypto_err_take() == ERR_MEMORY ? ERR_MEMORY : ERR_CORRUPT; /* want of memory must not look like a forgery */
}
