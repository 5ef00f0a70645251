/* Paddings of block modes: PKCS #5 (RFC 8018), ANSI X9.23, ISO 10126, zeros. */
#include "base/ct.h"
#include "crypto/cipher_internal.h"
#include "crypto/rng.h"

enum coffer_err cipher_pad_make(uint32_t padding, size_t block_len, uint64_t text_len, uint8_t out[static CIPHER_BLOCK_MAX],
	size_t *out_len)
{
	size_t part = (size_t)(text_len % block_len), len = block_len - part;
	PRE(block_len <= CIPHER_BLOCK_MAX);
	if (padding == CIPHER_PAD_NONE || (padding == CIPHER_PAD_ZEROS && part == 0)) len = 0;
	for (size_t i = 0; i < len; i++) out[i] = padding == CIPHER_PAD_PKCS5 ? (uint8_t)len : 0;
	if (padding == CIPHER_PAD_ISO_10126 && len > 1) TRY(rng_bytes(out, len - 1));
	if (len != 0 && padding != CIPHER_PAD_ZEROS) out[len - 1] = (uint8_t)len;
	*out_len = len;
	return ERR_OK;
}

/* All ones when a <= b, else 0; both below 2^31. */
static unsigned mask_le(unsigned a, unsigned b)
{
	return 0u - ((a - b - 1u) >> 31);
}

bool cipher_pad_check(uint32_t padding, const uint8_t *block, size_t block_len, size_t *out_keep)
{
	unsigned size = (unsigned)block_len, count = block[block_len - 1], bad = 0;
	unsigned wanted = padding == CIPHER_PAD_PKCS5 ? count : 0;
	for (unsigned i = 0; i + 1 < size && padding != CIPHER_PAD_ISO_10126; i++)
		bad |= mask_le(size - i, count) & (block[i] ^ wanted);
	bad |= ~(mask_le(1, count) & mask_le(count, size));
	bool good = ct_is_zero(&bad, sizeof bad);
	*out_keep = good ? size - count : 0;
	return good;
}
