/* The AEAD engine that is always there: OpenSSL's AES-GCM over a warm EVP context. */
#include <string.h>

#include "crypto/aead_internal.h"
#include "crypto/algs.h"
#include "crypto/crypto_err.h"

static const char *nothing(void)
{
	return NULL;
}

static enum coffer_err start(struct aead_key *k, const uint8_t *key, size_t key_len)
{
	EVP_CIPHER *cipher = algs_cipher(algs_by_key_len(ALG_AES_128_GCM, key_len));
	ENSURE(cipher != NULL, ERR_CRYPTO);
	k->state = EVP_CIPHER_CTX_new();
	ENSURE(k->state != NULL, ERR_MEMORY);
	ENSURE(EVP_EncryptInit_ex2(k->state, cipher, key, NULL, NULL) == 1, crypto_err_take());
	return ERR_OK;
}

static void finish(struct aead_key *k)
{
	EVP_CIPHER_CTX_free(k->state);
}

/* Feeds the associated data; false when OpenSSL refuses. */
static bool feed_aad(EVP_CIPHER_CTX *ctx, const struct view *aad, size_t aad_count)
{
	for (size_t i = 0; i < aad_count; i++) {
		int n = 0;
		if (aad[i].len == 0) continue;
		if (EVP_CipherUpdate(ctx, NULL, &n, aad[i].ptr, (int)aad[i].len) != 1) return false;
	}
	return true;
}

/* Straight to the parameter: EVP_CIPHER_CTX_ctrl would only make the same list of it. */
static bool get_tag(EVP_CIPHER_CTX *ctx, uint8_t *out_tag)
{
	OSSL_PARAM params[] = { OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, out_tag, AEAD_TAG_LEN), OSSL_PARAM_construct_end() };
	return EVP_CIPHER_CTX_get_params(ctx, params) == 1;
}

static enum coffer_err seal(struct aead_key *k, const uint8_t *new_key, const uint8_t *nonce, const struct view *aad, size_t aad_count,
	struct view pt, uint8_t *out_ct, uint8_t *out_tag)
{
	uint8_t none[AEAD_TAG_LEN];
	int n = 0;
	bool ok = EVP_EncryptInit_ex2(k->state, NULL, new_key, nonce, NULL) == 1 && feed_aad(k->state, aad, aad_count) &&
		(pt.len == 0 || EVP_EncryptUpdate(k->state, out_ct, &n, pt.ptr, (int)pt.len) == 1) &&
		EVP_EncryptFinal_ex(k->state, none, &n) == 1 &&
		get_tag(k->state, out_tag);
	return ok ? ERR_OK : crypto_err_take();
}

static enum coffer_err check_tag(EVP_CIPHER_CTX *ctx, const uint8_t *tag)
{
	uint8_t expected[AEAD_TAG_LEN]; /* OpenSSL takes the tag without const */
	uint8_t none[AEAD_TAG_LEN];
	int n = 0;
	memcpy(expected, tag, AEAD_TAG_LEN);
	const OSSL_PARAM params[] = { OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, expected, AEAD_TAG_LEN),
		OSSL_PARAM_construct_end() };
	ENSURE(EVP_CIPHER_CTX_set_params(ctx, params) == 1, crypto_err_take());
	if (EVP_DecryptFinal_ex(ctx, none, &n) == 1) return ERR_OK;
	crypto_err_drop();
	return ERR_CONTEXT;
}

static enum coffer_err begin(EVP_CIPHER_CTX *ctx, const uint8_t *new_key, const uint8_t *nonce)
{
	return EVP_DecryptInit_ex2(ctx, NULL, new_key, nonce, NULL) == 1 ? ERR_OK : crypto_err_take();
}

static enum coffer_err decrypt(EVP_CIPHER_CTX *ctx, struct view in, uint8_t *out)
{
	int n = 0;
	return in.len == 0 || EVP_DecryptUpdate(ctx, out, &n, in.ptr, (int)in.len) == 1 ? ERR_OK : crypto_err_take();
}

static enum coffer_err open_whole(struct aead_key *k, const uint8_t *new_key, const uint8_t *nonce, const struct view *aad, size_t aad_count,
	struct view ct, const uint8_t *tag, uint8_t *out_pt)
{
	TRY(begin(k->state, new_key, nonce));
	ENSURE(feed_aad(k->state, aad, aad_count), crypto_err_take());
	TRY(decrypt(k->state, ct, out_pt));
	return check_tag(k->state, tag);
}

static enum coffer_err open_begin(struct aead_key *k, struct aead_run *run, const uint8_t *nonce)
{
	(void)run; /* the context knows */
	return begin(k->state, NULL, nonce);
}

static enum coffer_err open_piece(struct aead_key *k, struct aead_run *run, struct view in, uint8_t *out)
{
	(void)run;
	return decrypt(k->state, in, out);
}

static enum coffer_err open_end(struct aead_key *k, struct aead_run *run, const uint8_t *tag)
{
	(void)run;
	return check_tag(k->state, tag);
}

const struct aead_engine aead_openssl = {
	.name = "openssl", .missing = nothing, .slow = nothing, .start = start, .finish = finish, .seal = seal, .open = open_whole,
	.open_begin = open_begin, .open_piece = open_piece, .open_end = open_end,
};
