/* AES key wrap over single blocks of AES. Not through EVP's wrap ciphers: those take OpenSSL's AES of tables, whose time depends on key and
 * text, even where the processor has AES instructions (tests/ct). */
#include "crypto/keywrap.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/ct.h"
#include "crypto/algs.h"
#include "crypto/crypto_err.h"

#define SEMI 8u   /* bytes of a semiblock */
#define BLOCK 16u /* bytes of AES's block */
#define ROUNDS 6u

DEFINE_AUTO(EVP_CIPHER_CTX, EVP_CIPHER_CTX_free)

static const uint8_t iv_3394[SEMI] = { 0xa6, 0xa6, 0xa6, 0xa6, 0xa6, 0xa6, 0xa6, 0xa6 };
static const uint8_t iv_5649[SEMI / 2] = { 0xa6, 0x59, 0x59, 0xa6 }; /* the length of the text follows, big-endian */

static enum coffer_err start(struct view key, int enc, EVP_CIPHER_CTX **out)
{
	enum alg which = algs_by_key_len(ALG_AES_128_ECB, key.len);
	ENSURE(which != ALG_COUNT, ERR_FIELD);
	AUTO(auto_EVP_CIPHER_CTX_free) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	ENSURE(ctx != NULL, ERR_MEMORY);
	ENSURE(EVP_CipherInit_ex2(ctx, algs_cipher(which), key.ptr, NULL, enc, NULL) == 1, crypto_err_take());
	ENSURE(EVP_CIPHER_CTX_set_padding(ctx, 0) == 1, crypto_err_take());
	*out = TAKE(ctx);
	return ERR_OK;
}

static enum coffer_err one_block(EVP_CIPHER_CTX *ctx, uint8_t block[static BLOCK])
{
	int n = 0;
	ENSURE(EVP_CipherUpdate(ctx, block, &n, block, (int)BLOCK) == 1 && n == (int)BLOCK, crypto_err_take());
	return ERR_OK;
}

static void add_step(uint8_t a[static SEMI], uint64_t t)
{
	for (size_t i = 0; i < SEMI; i++) a[i] = (uint8_t)(a[i] ^ t >> 8 * (SEMI - 1 - i));
}

/* One step, forth or back, of semiblock i of `text` (RFC 3394 section 2.2, by index); block begins with A. */
static enum coffer_err step(EVP_CIPHER_CTX *ctx, bool forth, uint64_t t, uint8_t block[static BLOCK], uint8_t *semi)
{
	if (!forth) add_step(block, t);
	memcpy(block + SEMI, semi, SEMI);
	TRY(one_block(ctx, block));
	memcpy(semi, block + SEMI, SEMI);
	if (forth) add_step(block, t);
	return ERR_OK;
}

/* text: A and n semiblocks, n of 2 and more; in place. */
static enum coffer_err all_steps(EVP_CIPHER_CTX *ctx, bool forth, uint8_t *text, size_t n)
{
	uint8_t block[BLOCK];
	enum coffer_err err = ERR_OK;
	memcpy(block, text, SEMI);
	for (uint64_t done = 0, count = ROUNDS * n; done < count && !err; done++) {
		uint64_t t = forth ? done + 1 : count - done;
		err = step(ctx, forth, t, block, text + SEMI + SEMI * (size_t)((t - 1) % n));
	}
	memcpy(text, block, SEMI);
	wipe(block, sizeof block);
	return err;
}

static enum coffer_err run(EVP_CIPHER_CTX *ctx, bool forth, uint8_t *text, size_t len)
{
	return len == BLOCK ? one_block(ctx, text) : all_steps(ctx, forth, text, len / SEMI - 1);
}

enum coffer_err keywrap_wrap(struct view key, enum keywrap_kind kind, struct view in, struct buf *out)
{
	AUTO(auto_EVP_CIPHER_CTX_free) EVP_CIPHER_CTX *ctx = NULL;
	ENSURE(in.len >= 1 && in.len <= KEYWRAP_TEXT_MAX, ERR_FIELD);
	ENSURE(kind != KEYWRAP_RFC3394 || (in.len >= 2 * SEMI && in.len % SEMI == 0), ERR_FIELD);
	TRY(start(key, 1, &ctx));
	size_t len = SEMI + (in.len + SEMI - 1) / SEMI * SEMI;
	TRY(buf_reserve(out, len));
	uint8_t *at = out->ptr + out->len;
	memset(at, 0, len);
	memcpy(at, kind == KEYWRAP_RFC3394 ? iv_3394 : iv_5649, kind == KEYWRAP_RFC3394 ? SEMI : SEMI / 2);
	if (kind == KEYWRAP_RFC5649) add_step(at, in.len); /* into the zeros behind the constant: 32 bits hold the length */
	memcpy(at + SEMI, in.ptr, in.len);
	enum coffer_err err = run(ctx, true, at, len);
	if (err == ERR_OK) out->len += len;
	else wipe(at, len);
	return err;
}

/* Zero when the semiblock in front and the padding are right; without a branch or an address that depends on them. */
static uint32_t judge_5649(const uint8_t *text, size_t len, uint32_t *out_len)
{
	uint32_t given = (uint32_t)text[4] << 24 | (uint32_t)text[5] << 16 | (uint32_t)text[6] << 8 | text[7];
	uint32_t most = (uint32_t)(len - SEMI), bad = 0;
	for (size_t i = 0; i < sizeof iv_5649; i++) bad |= (uint32_t)(text[i] ^ iv_5649[i]);
	uint32_t pad = most - given; /* 0 to 7, else it is none: huge when more is given than there is */
	bad |= pad & ~7u;
	for (uint32_t i = 0; i < SEMI; i++) { /* the last bytes, from the end */
		uint32_t is_pad = 0u - ((i - (pad & 7u)) >> 31);
		bad |= is_pad & text[len - 1 - i];
	}
	*out_len = given;
	return bad;
}

enum coffer_err keywrap_unwrap(struct view key, enum keywrap_kind kind, struct view in, struct buf *out)
{
	AUTO(auto_EVP_CIPHER_CTX_free) EVP_CIPHER_CTX *ctx = NULL;
	AUTO_BUF struct buf text = BUF_EMPTY;
	size_t shortest = (kind == KEYWRAP_RFC3394 ? 3 : 2) * SEMI;
	TRY(start(key, 0, &ctx));
	ENSURE(in.len >= shortest && in.len <= KEYWRAP_TEXT_MAX + 2 * SEMI && in.len % SEMI == 0, ERR_CONTEXT);
	TRY(buf_append(&text, in));
	TRY(run(ctx, false, text.ptr, text.len));
	if (kind == KEYWRAP_RFC3394) {
		ENSURE(ct_equal(text.ptr, iv_3394, SEMI), ERR_CONTEXT);
		return buf_append(out, view_of(text.ptr + SEMI, text.len - SEMI));
	}
	uint32_t given = 0, bad = judge_5649(text.ptr, text.len, &given), len = 0;
	ENSURE(ct_is_zero(&bad, sizeof bad), ERR_CONTEXT);
	for (uint32_t pad = 0; pad < SEMI; pad++) { /* which of the eight lengths it is stands in the answer */
		uint32_t candidate = (uint32_t)(text.len - SEMI) - pad;
		if (ct_equal(&candidate, &given, sizeof given)) len = candidate;
	}
	return buf_append(out, view_of(text.ptr + SEMI, len));
}
