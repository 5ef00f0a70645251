/* A message through a KMIP-chosen cipher: a run of OpenSSL, and both directions at once. */
#include "crypto/cipher.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/ct.h"
#include "crypto/aead.h"
#include "crypto/cipher_internal.h"
#include "crypto/crypto_err.h"
#include "crypto/keywrap.h"

#define CHACHA20_IV_LEN 16u    /* bytes: counter and nonce */
#define CHACHA20_NONCE_LEN 8u  /* bytes of an IV without its counter */

static enum coffer_err choose_alg(const struct cipher_row *row, struct view key, enum alg *out)
{
	size_t n = 0;
	while (row->key_lens[n] != 0 && row->key_lens[n] != key.len) n++;
	ENSURE(row->key_lens[n] != 0, ERR_FIELD);
	/* equal halves make XTS a weaker mode (SP 800-38E; FIPS 140-3 IG C.I) */
	if (row->kind == CIPHER_KIND_XTS) ENSURE(!ct_equal(key.ptr, key.ptr + key.len / 2, key.len / 2), ERR_FIELD);
	*out = row->first + n;
	return ERR_OK;
}

static enum coffer_err check_iv(const struct cipher_row *row, struct view iv)
{
	ENSURE(iv.len >= row->traits.iv_min && iv.len <= row->traits.iv_max, ERR_FIELD);
	if (row->algorithm == CIPHER_CHACHA20) ENSURE(iv.len == CHACHA20_NONCE_LEN || iv.len == CHACHA20_IV_LEN, ERR_FIELD);
	return ERR_OK;
}

/* The order is OpenSSL's: length of IV, tag of CCM, then key and IV, then the length of CCM's text. */
static enum coffer_err init_ctx(struct cipher_run *run, enum alg which, struct view key, struct view iv, size_t ccm_len,
	struct view ccm_tag)
{
	int enc = run->way == CIPHER_ENCRYPT, n = 0;
	bool ccm = run->row->kind == CIPHER_KIND_CCM;
	uint8_t tag[CIPHER_TAG_MAX]; /* OpenSSL takes the tag without const */
	uint8_t wide[CHACHA20_IV_LEN] = { 0 };
	if (run->row->algorithm == CIPHER_CHACHA20 && iv.len == CHACHA20_NONCE_LEN) {
		memcpy(wide + CHACHA20_IV_LEN - CHACHA20_NONCE_LEN, iv.ptr, CHACHA20_NONCE_LEN);
		iv = view_of(wide, sizeof wide);
	}
	run->ctx = EVP_CIPHER_CTX_new();
	ENSURE(run->ctx != NULL, ERR_MEMORY);
	ENSURE(EVP_CipherInit_ex2(run->ctx, algs_cipher(which), NULL, NULL, enc, NULL) == 1, crypto_err_take());
	if (run->traits.tag_len != 0)
		ENSURE(EVP_CIPHER_CTX_ctrl(run->ctx, EVP_CTRL_AEAD_SET_IVLEN, (int)iv.len, NULL) == 1, crypto_err_take());
	if (ccm) {
		if (!enc) memcpy(tag, ccm_tag.ptr, run->traits.tag_len);
		ENSURE(EVP_CIPHER_CTX_ctrl(run->ctx, EVP_CTRL_AEAD_SET_TAG, (int)run->traits.tag_len, enc ? NULL : tag) == 1,
			crypto_err_take());
	}
	ENSURE(EVP_CipherInit_ex2(run->ctx, NULL, key.ptr, iv.len != 0 ? iv.ptr : NULL, enc, NULL) == 1, crypto_err_take());
	ENSURE(EVP_CIPHER_CTX_set_padding(run->ctx, 0) == 1, crypto_err_take());
	if (ccm) ENSURE(EVP_CipherUpdate(run->ctx, NULL, &n, NULL, (int)ccm_len) == 1, crypto_err_take());
	return ERR_OK;
}

enum coffer_err cipher_run_start(struct cipher_run *run, const struct cipher_params *params, enum cipher_way way,
	struct view key, struct view iv, size_t ccm_len, struct view ccm_tag)
{
	enum alg which;
	*run = (struct cipher_run){ .way = way, .iv_len = iv.len };
	TRY(cipher_traits(params, &run->traits));
	TRY(cipher_row_find(params, &run->row, &run->padding));
	PRE(run->row->kind != CIPHER_KIND_WRAP);
	TRY(choose_alg(run->row, key, &which));
	TRY(check_iv(run->row, iv));
	if (run->row->kind == CIPHER_KIND_CCM && way == CIPHER_DECRYPT) ENSURE(ccm_tag.len == run->traits.tag_len, ERR_FIELD);
	return init_ctx(run, which, key, iv, ccm_len, ccm_tag);
}

void cipher_run_done(struct cipher_run *run)
{
	EVP_CIPHER_CTX_free(run->ctx);
	run->ctx = NULL;
	buf_free(&run->held);
}

enum coffer_err cipher_run_aad(struct cipher_run *run, struct view aad)
{
	int n = 0;
	if (aad.len == 0) return ERR_OK;
	ENSURE(run->traits.tag_len != 0, ERR_FIELD);
	ENSURE(aad.len <= CIPHER_TEXT_MAX, ERR_TOO_LARGE);
	ENSURE(EVP_CipherUpdate(run->ctx, NULL, &n, aad.ptr, (int)aad.len) == 1, crypto_err_take());
	return ERR_OK;
}

/* A decryption whose last block may be padding. */
static bool holds_back(const struct cipher_run *run)
{
	return run->way == CIPHER_DECRYPT && run->padding != CIPHER_PAD_NONE && run->padding != CIPHER_PAD_ZEROS;
}

/* Takes the newest whole block away from `out` again. */
static enum coffer_err hold(struct cipher_run *run, struct buf *out, size_t added)
{
	size_t block_len = run->traits.block_len;
	if (added < block_len) return ERR_OK;
	uint8_t *last = out->ptr + out->len - block_len;
	buf_clear(&run->held);
	TRY(buf_append(&run->held, view_of(last, block_len)));
	wipe(last, block_len);
	out->len -= block_len;
	return ERR_OK;
}

enum coffer_err cipher_run_text(struct cipher_run *run, struct view text, struct buf *out)
{
	static const uint8_t nothing[1]; /* a NULL text would be the end to OpenSSL */
	int n = 0;
	size_t room = text.len + CIPHER_BLOCK_MAX;
	ENSURE(text.len <= CIPHER_TEXT_MAX, ERR_TOO_LARGE);
	run->text_len += text.len;
	if (text.len == 0 && run->row->kind != CIPHER_KIND_CCM) return ERR_OK; /* CCM's tag is in this step */
	TRY(buf_append(out, buf_view(&run->held)));
	TRY(buf_reserve(out, room));
	uint8_t *at = out->ptr + out->len;
	if (EVP_CipherUpdate(run->ctx, at, &n, text.len != 0 ? text.ptr : nothing, (int)text.len) != 1) {
		wipe(at, room);
		if (run->row->kind != CIPHER_KIND_CCM || run->way == CIPHER_ENCRYPT) return crypto_err_take();
		crypto_err_drop();
		return ERR_CONTEXT;
	}
	out->len += (size_t)n;
	return holds_back(run) ? hold(run, out, run->held.len + (size_t)n) : ERR_OK;
}

static enum coffer_err end_padding(struct cipher_run *run, struct buf *out)
{
	uint8_t pad[CIPHER_BLOCK_MAX];
	size_t len;
	if (run->way == CIPHER_ENCRYPT) {
		TRY(cipher_pad_make(run->padding, run->traits.block_len, run->text_len, pad, &len));
		return len != 0 ? cipher_run_text(run, view_of(pad, len), out) : ERR_OK;
	}
	if (!holds_back(run)) return ERR_OK;
	ENSURE(run->held.len != 0 && cipher_pad_check(run->padding, run->held.ptr, run->held.len, &len), ERR_CONTEXT);
	return buf_append(out, view_of(run->held.ptr, len));
}

/* CCM has compared its tag with the text already. */
static enum coffer_err end_tag(struct cipher_run *run, struct view tag, uint8_t out_tag[static CIPHER_TAG_MAX])
{
	uint8_t copy[CIPHER_TAG_MAX] = { 0 }, rest[CIPHER_BLOCK_MAX];
	int n = 0, len = (int)run->traits.tag_len;
	if (len == 0) return ERR_OK;
	if (run->way == CIPHER_ENCRYPT) {
		ENSURE(EVP_CipherFinal_ex(run->ctx, rest, &n) == 1, crypto_err_take());
		ENSURE(EVP_CIPHER_CTX_ctrl(run->ctx, EVP_CTRL_AEAD_GET_TAG, len, copy) == 1, crypto_err_take());
		memcpy(out_tag, copy, run->traits.tag_len);
		return ERR_OK;
	}
	if (run->row->kind == CIPHER_KIND_CCM) return ERR_OK;
	memcpy(copy, tag.ptr, tag.len);
	ENSURE(EVP_CIPHER_CTX_ctrl(run->ctx, EVP_CTRL_AEAD_SET_TAG, len, copy) == 1, crypto_err_take());
	if (EVP_CipherFinal_ex(run->ctx, rest, &n) == 1) return ERR_OK;
	crypto_err_drop();
	return ERR_CONTEXT;
}

enum coffer_err cipher_run_end(struct cipher_run *run, struct view tag, struct buf *out, uint8_t out_tag[static CIPHER_TAG_MAX],
	size_t *out_tag_len)
{
	bool encrypts = run->way == CIPHER_ENCRYPT;
	ENSURE(tag.len == (encrypts ? 0 : run->traits.tag_len), ERR_FIELD);
	TRY(cipher_row_check_text(run->row, run->padding, run->way, run->iv_len, run->text_len));
	TRY(end_padding(run, out));
	TRY(end_tag(run, tag, out_tag));
	*out_tag_len = encrypts ? run->traits.tag_len : 0;
	return ERR_OK;
}

/* Nothing of a failed message stays. */
static void take_back(struct buf *out, size_t len)
{
	if (out->len > len) wipe(out->ptr + len, out->len - len);
	out->len = len;
}

/* All of it, after cipher_run_start has looked at row, key and IV. */
static enum coffer_err run_whole(struct cipher_run *run, struct view aad, struct view text, struct view tag, struct buf *out,
	uint8_t out_tag[static CIPHER_TAG_MAX], size_t *out_tag_len)
{
	TRY(cipher_run_aad(run, aad));
	TRY(cipher_run_text(run, text, out));
	return cipher_run_end(run, tag, out, out_tag, out_tag_len);
}

/* AES-GCM as nearly everybody uses it is the AEAD engine's: no cipher context is made, and where the CPU allows it is several times as fast. */
static bool is_for_engine(const struct cipher_row *row, const struct cipher_traits *traits, struct view iv)
{
	return row->algorithm == CIPHER_AES && row->mode == CIPHER_GCM && iv.len == AEAD_NONCE_LEN && traits->tag_len == AEAD_TAG_LEN;
}

static enum coffer_err by_engine(enum cipher_way way, struct view key, struct view iv, struct view aad, struct view text, struct view tag,
	struct buf *out, uint8_t out_tag[static CIPHER_TAG_MAX], size_t *out_tag_len)
{
	AUTO(auto_aead_key_free) struct aead_key *k = NULL;
	TRY(aead_key_new(key.ptr, key.len, &k));
	TRY(buf_reserve(out, text.len + CIPHER_BLOCK_MAX)); /* never nothing */
	uint8_t *at = out->ptr + out->len;
	if (way == CIPHER_ENCRYPT) TRY(aead_seal(k, iv.ptr, &aad, 1, text, at, out_tag));
	else TRY(aead_open(k, iv.ptr, &aad, 1, text, tag.ptr, at));
	out->len += text.len;
	*out_tag_len = way == CIPHER_ENCRYPT ? AEAD_TAG_LEN : 0;
	return ERR_OK;
}

static enum coffer_err whole(const struct cipher_params *params, enum cipher_way way, struct view key, struct view iv,
	struct view aad, struct view text, struct view tag, struct buf *out, uint8_t out_tag[static CIPHER_TAG_MAX], size_t *out_tag_len)
{
	const struct cipher_row *row;
	struct cipher_traits traits;
	uint32_t padding;
	TRY(cipher_traits(params, &traits));
	TRY(cipher_row_find(params, &row, &padding));
	ENSURE(aad.len == 0 || traits.tag_len != 0, ERR_FIELD);
	ENSURE(text.len <= CIPHER_TEXT_MAX, ERR_TOO_LARGE);
	ENSURE(tag.len == (way == CIPHER_ENCRYPT ? 0 : traits.tag_len), ERR_FIELD);
	ENSURE(check_iv(row, iv) == ERR_OK, ERR_FIELD);
	if (row->kind == CIPHER_KIND_WRAP) {
		enum keywrap_kind kind = row->mode == CIPHER_NIST_KEY_WRAP ? KEYWRAP_RFC3394 : KEYWRAP_RFC5649;
		*out_tag_len = 0;
		return way == CIPHER_ENCRYPT ? keywrap_wrap(key, kind, text, out) : keywrap_unwrap(key, kind, text, out);
	}
	TRY(cipher_row_check_text(row, padding, way, iv.len, text.len));
	if (is_for_engine(row, &traits, iv)) return by_engine(way, key, iv, aad, text, tag, out, out_tag, out_tag_len);
	struct cipher_run run;
	size_t before = out->len;
	enum coffer_err err = cipher_run_start(&run, params, way, key, iv, text.len, tag);
	if (err == ERR_OK) err = run_whole(&run, aad, text, tag, out, out_tag, out_tag_len);
	cipher_run_done(&run);
	if (err == ERR_OK) return ERR_OK;
	take_back(out, before);
	return err;
}

enum coffer_err cipher_encrypt(const struct cipher_params *params, struct view key, struct view iv, struct view aad,
	struct view pt, struct buf *out, uint8_t out_tag[static CIPHER_TAG_MAX], size_t *out_tag_len)
{
	return whole(params, CIPHER_ENCRYPT, key, iv, aad, pt, view_of(NULL, 0), out, out_tag, out_tag_len);
}

enum coffer_err cipher_decrypt(const struct cipher_params *params, struct view key, struct view iv, struct view aad,
	struct view ct, struct view tag, struct buf *out)
{
	uint8_t no_tag[CIPHER_TAG_MAX];
	size_t no_tag_len;
	return whole(params, CIPHER_DECRYPT, key, iv, aad, ct, tag, out, no_tag, &no_tag_len);
}
