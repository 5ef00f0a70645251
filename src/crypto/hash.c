/* SHA-1, SHA-2 and SHA-3 through EVP. */
#include "crypto/hash.h"

#include "base/arena.h"
#include "base/ct.h"
#include "crypto/algs.h"
#include "crypto/crypto_err.h"

struct hash {
	EVP_MD_CTX *ctx;
	bool done;
};

static const struct {
	enum alg alg;
	size_t len;
	uint32_t kmip; /* Hashing Algorithm */
} table[] = {
	[HASH_SHA256] = { ALG_SHA256, 32, 0x06 },
	[HASH_SHA384] = { ALG_SHA384, 48, 0x07 },
	[HASH_SHA512] = { ALG_SHA512, 64, 0x08 },
	[HASH_SHA1] = { ALG_SHA1, 20, 0x04 },
	[HASH_SHA224] = { ALG_SHA224, 28, 0x05 },
	[HASH_SHA512_224] = { ALG_SHA512_224, 28, 0x0c },
	[HASH_SHA512_256] = { ALG_SHA512_256, 32, 0x0d },
	[HASH_SHA3_224] = { ALG_SHA3_224, 28, 0x0e },
	[HASH_SHA3_256] = { ALG_SHA3_256, 32, 0x0f },
	[HASH_SHA3_384] = { ALG_SHA3_384, 48, 0x10 },
	[HASH_SHA3_512] = { ALG_SHA3_512, 64, 0x11 },
};

size_t hash_len(enum hash_algorithm algorithm)
{
	PRE((unsigned)algorithm < sizeof table / sizeof table[0]);
	return table[algorithm].len;
}

enum coffer_err hash_of_kmip(uint32_t number, enum hash_algorithm *out)
{
	for (unsigned i = 0; i < sizeof table / sizeof table[0]; i++)
		if (table[i].kmip == number) {
			*out = (enum hash_algorithm)i;
			return ERR_OK;
		}
	return ERR_UNSUPPORTED;
}

enum coffer_err hash_sha256(struct view bytes, uint8_t out[static HASH_SHA256_LEN])
{
	return hash_parts(HASH_SHA256, &bytes, 1, out);
}

enum coffer_err hash_parts(enum hash_algorithm algorithm, const struct view *parts, size_t count, uint8_t *out)
{
	AUTO(auto_hash_free) struct hash *h = NULL;
	TRY(hash_new(algorithm, &h));
	for (size_t i = 0; i < count; i++)
		TRY(hash_update(h, parts[i]));
	return hash_final(h, out);
}

enum coffer_err hash_new(enum hash_algorithm algorithm, struct hash **out)
{
	PRE((unsigned)algorithm < sizeof table / sizeof table[0]);
	AUTO(auto_hash_free) struct hash *h = arena_alloc(sizeof *h);
	ENSURE(h != NULL, ERR_MEMORY);
	*h = (struct hash){ .ctx = EVP_MD_CTX_new(), .done = false };
	ENSURE(h->ctx != NULL, ERR_MEMORY);
	ENSURE(EVP_DigestInit_ex2(h->ctx, algs_md(table[algorithm].alg), NULL) == 1, crypto_err_take());
	*out = TAKE(h);
	return ERR_OK;
}

void hash_free(struct hash *h)
{
	if (h == NULL) return;
	EVP_MD_CTX_free(h->ctx);
	arena_free(h);
}

enum coffer_err hash_update(struct hash *h, struct view bytes)
{
	ENSURE(!h->done, ERR_STATE);
	if (bytes.len == 0) return ERR_OK;
	ENSURE(EVP_DigestUpdate(h->ctx, bytes.ptr, bytes.len) == 1, crypto_err_take());
	return ERR_OK;
}

enum coffer_err hash_final(struct hash *h, uint8_t *out)
{
	ENSURE(!h->done, ERR_STATE);
	h->done = true;
	ENSURE(EVP_DigestFinal_ex(h->ctx, out, NULL) == 1, crypto_err_take());
	return ERR_OK;
}
