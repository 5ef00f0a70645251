/* The table of KMIP-chosen ciphers, and one way to run a row of it. */
#include "crypto/cipher.h"

#include "base/cleanup.h"
#include "base/ct.h"
#include "crypto/algs.h"
#include "crypto/crypto_err.h"

#define BLOCK_LEN 16u      /* bytes */
#define CIPHER_TAG_MIN 12u /* SP 800-38D, 5.2.1.2, without its short tags */

struct cipher_row {
	uint32_t algorithm, mode, padding;
	enum alg first; /* of key lengths 128, 192, 256 bit */
	struct cipher_traits traits;
};

/* One row per combination; another mode is another row (and its names in algs.def). */
static const struct cipher_row table[] = {
	/* algorithm, mode, padding, EVP, { iv_len, iv_min, iv_max, tag_len, block_len } */
	{ CIPHER_AES, CIPHER_ECB, CIPHER_PAD_NONE, ALG_AES_128_ECB, { 0, 0, 0, 0, BLOCK_LEN } },
	{ CIPHER_AES, CIPHER_ECB, CIPHER_PAD_PKCS5, ALG_AES_128_ECB, { 0, 0, 0, 0, BLOCK_LEN } },
	{ CIPHER_AES, CIPHER_CBC, CIPHER_PAD_NONE, ALG_AES_128_CBC, { 16, 16, 16, 0, BLOCK_LEN } },
	{ CIPHER_AES, CIPHER_CBC, CIPHER_PAD_PKCS5, ALG_AES_128_CBC, { 16, 16, 16, 0, BLOCK_LEN } },
	{ CIPHER_AES, CIPHER_CTR, CIPHER_PAD_NONE, ALG_AES_128_CTR, { 16, 16, 16, 0, 1 } },
	{ CIPHER_AES, CIPHER_GCM, CIPHER_PAD_NONE, ALG_AES_128_GCM, { 12, 1, CIPHER_IV_MAX, CIPHER_TAG_MAX, 1 } },
};

/* What one call works with. */
struct cipher_run {
	EVP_CIPHER_CTX *ctx;
	struct cipher_traits traits;
	bool padded;
};

DEFINE_AUTO(EVP_CIPHER_CTX, EVP_CIPHER_CTX_free)

static enum coffer_err find_row(const struct cipher_params *params, const struct cipher_row **out)
{
	uint32_t padding = params->padding != 0 ? params->padding : CIPHER_PAD_NONE;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
		if (table[i].algorithm == params->algorithm && table[i].mode == params->mode && table[i].padding == padding) {
			*out = &table[i];
			return ERR_OK;
		}
	return ERR_UNSUPPORTED;
}

enum coffer_err cipher_traits(const struct cipher_params *params, struct cipher_traits *out)
{
	const struct cipher_row *row;
	TRY(find_row(params, &row));
	struct cipher_traits t = row->traits;
	if (params->tag_len != 0) {
		ENSURE(params->tag_len >= CIPHER_TAG_MIN && params->tag_len <= t.tag_len, ERR_FIELD);
		t.tag_len = params->tag_len;
	}
	*out = t;
	return ERR_OK;
}

/* Checks all lengths and makes run->ctx ready for the text. */
static enum coffer_err start(struct cipher_run *run, const struct cipher_params *params, int enc, struct view key,
	struct view iv, struct view aad, size_t text_len)
{
	const struct cipher_row *row;
	int n = 0;
	TRY(cipher_traits(params, &run->traits));
	TRY(find_row(params, &row));
	run->padded = row->padding == CIPHER_PAD_PKCS5;
	enum alg which = algs_by_key_len(row->first, key.len);
	ENSURE(which != ALG_COUNT, ERR_FIELD);
	ENSURE(iv.len >= run->traits.iv_min && iv.len <= run->traits.iv_max, ERR_FIELD);
	ENSURE(aad.len == 0 || run->traits.tag_len != 0, ERR_FIELD);
	ENSURE(text_len <= CIPHER_TEXT_MAX && aad.len <= CIPHER_TEXT_MAX, ERR_TOO_LARGE);
	if (!run->padded || !enc) ENSURE(text_len % run->traits.block_len == 0, ERR_FIELD);
	run->ctx = EVP_CIPHER_CTX_new();
	ENSURE(run->ctx != NULL, ERR_MEMORY);
	ENSURE(EVP_CipherInit_ex2(run->ctx, algs_cipher(which), NULL, NULL, enc, NULL) == 1, crypto_err_take());
	if (run->traits.tag_len != 0)
		ENSURE(EVP_CIPHER_CTX_ctrl(run->ctx, EVP_CTRL_AEAD_SET_IVLEN, (int)iv.len, NULL) == 1, crypto_err_take());
	ENSURE(EVP_CipherInit_ex2(run->ctx, NULL, key.ptr, iv.len != 0 ? iv.ptr : NULL, enc, NULL) == 1, crypto_err_take());
	ENSURE(EVP_CIPHER_CTX_set_padding(run->ctx, run->padded) == 1, crypto_err_take());
	if (aad.len != 0) ENSURE(EVP_CipherUpdate(run->ctx, NULL, &n, aad.ptr, (int)aad.len) == 1, crypto_err_take());
	return ERR_OK;
}

/* Runs the text through and appends it; *out_final is false when the last step refused (tag or padding). */
static enum coffer_err run_text(EVP_CIPHER_CTX *ctx, struct view text, struct buf *out, bool *out_final)
{
	int n = 0, rest = 0;
	TRY(buf_reserve(out, text.len + BLOCK_LEN));
	uint8_t *at = out->ptr + out->len;
	if (text.len != 0 && EVP_CipherUpdate(ctx, at, &n, text.ptr, (int)text.len) != 1) {
		wipe(at, text.len + BLOCK_LEN);
		return crypto_err_take();
	}
	*out_final = EVP_CipherFinal_ex(ctx, at + n, &rest) == 1;
	if (*out_final) out->len += (size_t)n + (size_t)rest;
	else wipe(at, text.len + BLOCK_LEN);
	return ERR_OK;
}

enum coffer_err cipher_encrypt(const struct cipher_params *params, struct view key, struct view iv, struct view aad,
	struct view pt, struct buf *out, uint8_t out_tag[static CIPHER_TAG_MAX], size_t *out_tag_len)
{
	struct cipher_run run = { .ctx = NULL };
	uint8_t tag[CIPHER_TAG_MAX] = { 0 };
	bool final_ok = false;
	size_t before = out->len;
	enum coffer_err err = start(&run, params, 1, key, iv, aad, pt.len);
	AUTO(auto_EVP_CIPHER_CTX_free) EVP_CIPHER_CTX *ctx = run.ctx;
	TRY(err);
	TRY(run_text(ctx, pt, out, &final_ok));
	ENSURE(final_ok, crypto_err_take());
	if (run.traits.tag_len != 0 && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, (int)run.traits.tag_len, tag) != 1) {
		out->len = before;
		return crypto_err_take();
	}
	for (size_t i = 0; i < run.traits.tag_len; i++) out_tag[i] = tag[i];
	*out_tag_len = run.traits.tag_len;
	return ERR_OK;
}

enum coffer_err cipher_decrypt(const struct cipher_params *params, struct view key, struct view iv, struct view aad,
	struct view ct, struct view tag, struct buf *out)
{
	struct cipher_run run = { .ctx = NULL };
	uint8_t expected[CIPHER_TAG_MAX]; /* OpenSSL takes the tag without const */
	bool final_ok = false;
	enum coffer_err err = start(&run, params, 0, key, iv, aad, ct.len);
	AUTO(auto_EVP_CIPHER_CTX_free) EVP_CIPHER_CTX *ctx = run.ctx;
	TRY(err);
	ENSURE(tag.len == run.traits.tag_len, ERR_FIELD);
	for (size_t i = 0; i < tag.len; i++) expected[i] = tag.ptr[i];
	if (tag.len != 0) ENSURE(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, (int)tag.len, expected) == 1,
		crypto_err_take());
	TRY(run_text(ctx, ct, out, &final_ok));
	if (final_ok) return ERR_OK;
	crypto_err_drop();
	return ERR_CONTEXT;
}
