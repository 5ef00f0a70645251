/* AES key wrap through EVP's wrap ciphers. */
#include "crypto/keywrap.h"

#include "base/cleanup.h"
#include "base/ct.h"
#include "crypto/algs.h"
#include "crypto/crypto_err.h"

#define SEMIBLOCK_LEN 8u /* bytes */

DEFINE_AUTO(EVP_CIPHER_CTX, EVP_CIPHER_CTX_free)

static enum coffer_err start(struct view key, enum keywrap_kind kind, int enc, EVP_CIPHER_CTX **out)
{
	enum alg first = kind == KEYWRAP_RFC3394 ? ALG_AES_128_WRAP : ALG_AES_128_WRAP_PAD;
	enum alg which = algs_by_key_len(first, key.len);
	ENSURE(which != ALG_COUNT, ERR_FIELD);
	AUTO(auto_EVP_CIPHER_CTX_free) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	ENSURE(ctx != NULL, ERR_MEMORY);
	EVP_CIPHER_CTX_set_flags(ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
	ENSURE(EVP_CipherInit_ex2(ctx, algs_cipher(which), key.ptr, NULL, enc, NULL) == 1, crypto_err_take());
	*out = TAKE(ctx);
	return ERR_OK;
}

/* Appends what one update makes; refused: the error when OpenSSL says no. */
static enum coffer_err run(EVP_CIPHER_CTX *ctx, struct view in, struct buf *out, bool unwrap)
{
	size_t room = in.len + 2 * SEMIBLOCK_LEN;
	int n = 0;
	TRY(buf_reserve(out, room));
	uint8_t *at = out->ptr + out->len;
	if (EVP_CipherUpdate(ctx, at, &n, in.ptr, (int)in.len) == 1 && n > 0) {
		wipe(at + n, room - (size_t)n); /* unwrapping writes its padding too */
		out->len += (size_t)n;
		return ERR_OK;
	}
	wipe(at, room);
	if (!unwrap) return crypto_err_take();
	crypto_err_drop();
	return ERR_CONTEXT;
}

enum coffer_err keywrap_wrap(struct view key, enum keywrap_kind kind, struct view in, struct buf *out)
{
	AUTO(auto_EVP_CIPHER_CTX_free) EVP_CIPHER_CTX *ctx = NULL;
	ENSURE(in.len >= 1 && in.len <= KEYWRAP_TEXT_MAX, ERR_FIELD);
	ENSURE(kind != KEYWRAP_RFC3394 || (in.len >= 2 * SEMIBLOCK_LEN && in.len % SEMIBLOCK_LEN == 0), ERR_FIELD);
	TRY(start(key, kind, 1, &ctx));
	return run(ctx, in, out, false);
}

enum coffer_err keywrap_unwrap(struct view key, enum keywrap_kind kind, struct view in, struct buf *out)
{
	AUTO(auto_EVP_CIPHER_CTX_free) EVP_CIPHER_CTX *ctx = NULL;
	size_t shortest = (kind == KEYWRAP_RFC3394 ? 3 : 2) * SEMIBLOCK_LEN;
	TRY(start(key, kind, 0, &ctx));
	ENSURE(in.len >= shortest && in.len <= KEYWRAP_TEXT_MAX + 2 * SEMIBLOCK_LEN && in.len % SEMIBLOCK_LEN == 0,
		ERR_CONTEXT);
	return run(ctx, in, out, true);
}
