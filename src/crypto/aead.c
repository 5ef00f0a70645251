/* AES-GCM over a warm EVP context. */
#include "crypto/aead.h"

#include <string.h>

#include "base/arena.h"
#include "base/ct.h"
#include "crypto/aead_internal.h"
#include "crypto/algs.h"
#include "crypto/crypto_err.h"

struct aead_key {
	EVP_CIPHER_CTX *ctx;
};

enum coffer_err aead_key_new(const uint8_t *key, size_t key_len, struct aead_key **out)
{
	enum alg which = algs_by_key_len(ALG_AES_128_GCM, key_len);
	ENSURE(which != ALG_COUNT, ERR_FIELD);
	EVP_CIPHER *cipher = algs_cipher(which);
	ENSURE(cipher != NULL, ERR_CRYPTO);
	AUTO(auto_aead_key_free) struct aead_key *k = arena_alloc(sizeof *k);
	ENSURE(k != NULL, ERR_MEMORY);
	k->ctx = EVP_CIPHER_CTX_new();
	ENSURE(k->ctx != NULL, ERR_MEMORY);
	ENSURE(EVP_EncryptInit_ex2(k->ctx, cipher, key, NULL, NULL) == 1, crypto_err_take());
	*out = TAKE(k);
	return ERR_OK;
}

void aead_key_free(struct aead_key *k)
{
	if (k == NULL) return;
	EVP_CIPHER_CTX_free(k->ctx);
	arena_free(k);
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

static enum coffer_err check_sizes(const struct view *aad, size_t aad_count, size_t text_len)
{
	size_t left = AEAD_TEXT_MAX;
	for (size_t i = 0; i < aad_count; i++) {
		ENSURE(aad[i].len <= left, ERR_TOO_LARGE);
		left -= aad[i].len;
	}
	ENSURE(text_len <= AEAD_TEXT_MAX, ERR_TOO_LARGE);
	return ERR_OK;
}

static enum coffer_err fail(uint8_t *out, size_t len, bool tag_wrong)
{
	wipe(out, len);
	if (!tag_wrong) return crypto_err_take();
	crypto_err_drop();
	return ERR_CONTEXT;
}

enum coffer_err aead_seal_rekeyed(struct aead_key *k, const uint8_t *new_key, const uint8_t nonce[static AEAD_NONCE_LEN],
	const struct view *aad, size_t aad_count, struct view pt, uint8_t *out_ct, uint8_t out_tag[static AEAD_TAG_LEN])
{
	uint8_t none[AEAD_TAG_LEN];
	int n = 0;
	TRY(check_sizes(aad, aad_count, pt.len));
	bool ok = EVP_EncryptInit_ex2(k->ctx, NULL, new_key, nonce, NULL) == 1 && feed_aad(k->ctx, aad, aad_count) &&
		(pt.len == 0 || EVP_EncryptUpdate(k->ctx, out_ct, &n, pt.ptr, (int)pt.len) == 1) &&
		EVP_EncryptFinal_ex(k->ctx, none, &n) == 1 &&
		EVP_CIPHER_CTX_ctrl(k->ctx, EVP_CTRL_AEAD_GET_TAG, (int)AEAD_TAG_LEN, out_tag) == 1;
	return ok ? ERR_OK : fail(out_ct, pt.len, false);
}

enum coffer_err aead_open_rekeyed(struct aead_key *k, const uint8_t *new_key, const uint8_t nonce[static AEAD_NONCE_LEN],
	const struct view *aad, size_t aad_count, struct view ct, const uint8_t tag[static AEAD_TAG_LEN], uint8_t *out_pt)
{
	uint8_t expected[AEAD_TAG_LEN]; /* OpenSSL takes the tag without const */
	uint8_t none[AEAD_TAG_LEN];
	int n = 0;
	TRY(check_sizes(aad, aad_count, ct.len));
	memcpy(expected, tag, AEAD_TAG_LEN);
	bool ok = EVP_DecryptInit_ex2(k->ctx, NULL, new_key, nonce, NULL) == 1 && feed_aad(k->ctx, aad, aad_count) &&
		(ct.len == 0 || EVP_DecryptUpdate(k->ctx, out_pt, &n, ct.ptr, (int)ct.len) == 1) &&
		EVP_CIPHER_CTX_ctrl(k->ctx, EVP_CTRL_AEAD_SET_TAG, (int)AEAD_TAG_LEN, expected) == 1;
	if (!ok) return fail(out_pt, ct.len, false);
	return EVP_DecryptFinal_ex(k->ctx, none, &n) == 1 ? ERR_OK : fail(out_pt, ct.len, true);
}

enum coffer_err aead_seal(struct aead_key *k, const uint8_t nonce[static AEAD_NONCE_LEN], const struct view *aad,
	size_t aad_count, struct view pt, uint8_t *out_ct, uint8_t out_tag[static AEAD_TAG_LEN])
{
	return aead_seal_rekeyed(k, NULL, nonce, aad, aad_count, pt, out_ct, out_tag);
}

enum coffer_err aead_open(struct aead_key *k, const uint8_t nonce[static AEAD_NONCE_LEN], const struct view *aad,
	size_t aad_count, struct view ct, const uint8_t tag[static AEAD_TAG_LEN], uint8_t *out_pt)
{
	return aead_open_rekeyed(k, NULL, nonce, aad, aad_count, ct, tag, out_pt);
}

/* The tag and then every piece are copied before they are looked at: what the other process writes afterwards changes
 * nothing. scratch takes the copies and the plaintext over them, so that a piece is decrypted while the cache has it. */
static bool decrypt_shared(EVP_CIPHER_CTX *ctx, struct view ct, uint8_t *scratch)
{
	int n = 0;
	for (size_t at = 0; at < ct.len; at += AEAD_SHARED_PIECE) {
		size_t len = ct.len - at < AEAD_SHARED_PIECE ? ct.len - at : AEAD_SHARED_PIECE;
		memcpy(scratch + at, ct.ptr + at, len);
		if (EVP_DecryptUpdate(ctx, scratch + at, &n, scratch + at, (int)len) != 1) return false;
	}
	return true;
}

enum coffer_err aead_open_shared(struct aead_key *k, const uint8_t nonce[static AEAD_NONCE_LEN], struct view ct_and_tag,
	uint8_t *scratch)
{
	uint8_t tag[AEAD_TAG_LEN], none[AEAD_TAG_LEN];
	int n = 0;
	ENSURE(ct_and_tag.len >= AEAD_TAG_LEN, ERR_TRUNCATED);
	struct view ct = view_of(ct_and_tag.ptr, ct_and_tag.len - AEAD_TAG_LEN);
	ENSURE(ct.len <= AEAD_TEXT_MAX, ERR_TOO_LARGE);
	memcpy(tag, ct.ptr + ct.len, AEAD_TAG_LEN);
	bool ok = EVP_DecryptInit_ex2(k->ctx, NULL, NULL, nonce, NULL) == 1 && decrypt_shared(k->ctx, ct, scratch) &&
		EVP_CIPHER_CTX_ctrl(k->ctx, EVP_CTRL_AEAD_SET_TAG, (int)AEAD_TAG_LEN, tag) == 1;
	if (!ok) return fail(scratch, ct.len, false);
	return EVP_DecryptFinal_ex(k->ctx, none, &n) == 1 ? ERR_OK : fail(scratch, ct.len, true);
}
