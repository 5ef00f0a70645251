/* MakeCredential: a seed for the endorsement key, and under it the secret, bound to the Name. */
#include "crypto/credential.h"

#include <string.h>

#include "base/writer.h"
#include "crypto/certificate_internal.h"
#include "crypto/cipher.h"
#include "crypto/crypto_err.h"
#include "crypto/hash.h"
#include "crypto/mac.h"
#include "crypto/rng.h"

#define SEED_LEN 32u /* of SHA-256 */
#define KEY_LEN 16u  /* AES-128 */
#define FIELD 32u    /* bytes of a coordinate */

DEFINE_AUTO(EVP_PKEY, EVP_PKEY_free)
DEFINE_AUTO(EVP_PKEY_CTX, EVP_PKEY_CTX_free)

/* The labels go with their NUL. */
static const char identity[] = "IDENTITY", storage[] = "STORAGE", integrity[] = "INTEGRITY";

/* ---- the seed ---- */

/* KDFe over the Diffie-Hellman of a fresh key: its point is what is sent, LP16 X | LP16 Y. */
static enum coffer_err agree(const struct certificate_key *ek, struct secret *seed, struct credential *out)
{
	static const uint8_t counter[4] = { 0, 0, 0, 1 };
	uint8_t point[P256_PUBLIC_LEN];
	struct writer w;
	AUTO_SECRET struct secret *d = NULL;
	AUTO_SECRET struct secret *z = secret_new(FIELD);
	ENSURE(z, ERR_MEMORY);
	TRY(p256_generate(&d));
	TRY(p256_public_of(d, point));
	TRY(p256_ecdh(d, ek->point, secret_mut(z)));
	const struct view parts[] = { view_of(counter, sizeof counter), secret_view(z), view_of(identity, sizeof identity), view_of(point + 1, FIELD), view_of(ek->point + 1, FIELD) };
	TRY(hash_parts(HASH_SHA256, parts, sizeof parts / sizeof parts[0], secret_mut(seed)));
	writer_init(&w, out->seed, sizeof out->seed);
	writer_view_u16(&w, view_of(point + 1, FIELD));
	writer_view_u16(&w, view_of(point + 1 + FIELD, FIELD));
	out->seed_len = writer_len(&w);
	return writer_done(&w);
}

/* RSAES-OAEP, SHA-256 for both, with the label. */
static enum coffer_err encrypt(const struct certificate_key *ek, struct secret *seed, struct credential *out)
{
	char padding[] = OSSL_PKEY_RSA_PAD_MODE_OAEP, digest[] = "SHA256";
	uint8_t label[sizeof identity];
	memcpy(label, identity, sizeof label);
	const OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string(OSSL_ASYM_CIPHER_PARAM_PAD_MODE, padding, 0),
		OSSL_PARAM_construct_utf8_string(OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST, digest, 0), OSSL_PARAM_construct_utf8_string(OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST, digest, 0),
		OSSL_PARAM_construct_octet_string(OSSL_ASYM_CIPHER_PARAM_OAEP_LABEL, label, sizeof label), OSSL_PARAM_construct_end() };
	AUTO(auto_EVP_PKEY_CTX_free) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, ek->pkey, NULL);
	TRY(rng_bytes(secret_mut(seed), SEED_LEN));
	out->seed_len = sizeof out->seed;
	ENSURE(ctx && EVP_PKEY_encrypt_init_ex(ctx, params) == 1, crypto_err_take());
	ENSURE(EVP_PKEY_encrypt(ctx, out->seed, &out->seed_len, secret_bytes(seed), SEED_LEN) == 1, crypto_err_take());
	return ERR_OK;
}

/* ---- under it ---- */

/* KDFa of one round: HMAC(seed, 1 | label | context | bits), cut to len bytes. */
static enum coffer_err derive(const struct secret *seed, struct view label, struct view context, size_t len, struct secret **out)
{
	static const uint8_t counter[4] = { 0, 0, 0, 1 };
	const uint8_t bits[4] = { 0, 0, (uint8_t)(len * 8 >> 8), (uint8_t)(len * 8) };
	AUTO_SECRET struct secret *round = secret_new(MAC_LEN);
	ENSURE(round, ERR_MEMORY);
	const struct view parts[] = { view_of(counter, sizeof counter), label, context, view_of(bits, sizeof bits) };
	TRY(mac_hmac_sha256(secret_view(seed), parts, sizeof parts / sizeof parts[0], secret_mut(round)));
	*out = secret_copy(secret_bytes(round), len);
	return *out ? ERR_OK : ERR_MEMORY;
}

/* AES-128-CFB, IV zero, of LP16 secret. */
static enum coffer_err hide(const struct secret *seed, struct view name, const struct secret *secret, struct buf *out)
{
	static const struct cipher_params cfb = { .algorithm = CIPHER_AES, .mode = CIPHER_CFB };
	static const uint8_t iv[16];
	uint8_t tag[CIPHER_TAG_MAX];
	size_t tag_len;
	AUTO_SECRET struct secret *key = NULL;
	AUTO_BUF struct buf plain = BUF_EMPTY;
	struct writer w;
	writer_init_buf(&w, &plain, 2 + CREDENTIAL_SECRET_LEN);
	writer_view_u16(&w, secret_view(secret));
	TRY(writer_done(&w));
	TRY(derive(seed, view_of(storage, sizeof storage), name, KEY_LEN, &key));
	return cipher_encrypt(&cfb, secret_view(key), view_of(iv, sizeof iv), view_of(NULL, 0), buf_view(&plain), out, tag, &tag_len);
}

/* LP16 HMAC over what is hidden and the Name | what is hidden. */
static enum coffer_err protect(const struct secret *seed, struct view name, const struct secret *secret, uint8_t out[static CREDENTIAL_BLOB_LEN])
{
	uint8_t mac[MAC_LEN];
	struct writer w;
	AUTO_SECRET struct secret *key = NULL;
	AUTO_BUF struct buf hidden = BUF_EMPTY;
	TRY(hide(seed, name, secret, &hidden));
	TRY(derive(seed, view_of(integrity, sizeof integrity), view_of(NULL, 0), SEED_LEN, &key));
	const struct view parts[] = { buf_view(&hidden), name };
	TRY(mac_hmac_sha256(secret_view(key), parts, sizeof parts / sizeof parts[0], mac));
	writer_init(&w, out, CREDENTIAL_BLOB_LEN);
	writer_view_u16(&w, view_of(mac, sizeof mac));
	writer_bytes(&w, buf_view(&hidden));
	return writer_done(&w);
}

enum coffer_err credential_make(struct view certificate, const uint8_t name[static CREDENTIAL_NAME_LEN], const struct secret *secret, struct credential *out)
{
	struct certificate_key ek = { .is_rsa = false };
	struct credential made = { .seed_len = 0 };
	AUTO_SECRET struct secret *seed = secret_new(SEED_LEN);
	ENSURE(seed, ERR_MEMORY);
	ENSURE(secret_len(secret) == CREDENTIAL_SECRET_LEN, ERR_FIELD);
	TRY(certificate_key(certificate, &ek));
	AUTO(auto_EVP_PKEY_free) EVP_PKEY *pkey = ek.pkey;
	TRY(pkey && ek.is_rsa ? encrypt(&ek, seed, &made) : agree(&ek, seed, &made));
	TRY(protect(seed, view_of(name, CREDENTIAL_NAME_LEN), secret, made.blob));
	*out = made;
	return ERR_OK;
}
