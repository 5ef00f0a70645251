/* The table of KMIP-chosen ciphers. */
#include "crypto/cipher_internal.h"

#define AES_BLOCK 16u /* bytes */
#define DES_BLOCK 8u
#define TAG_SHORTEST 12u /* SP 800-38D, 5.2.1.2, without its short tags */
#define CCM_TAG_SHORTEST 4u /* SP 800-38C, A.1 */
#define CCM_NONCE_AND_LENGTH 15u /* bytes of both together */

static const uint8_t aes_keys[] = { 16, 24, 32, 0 };
static const uint8_t xts_keys[] = { 32, 64, 0 };
static const uint8_t des_keys[] = { 16, 24, 0 };
static const uint8_t chacha_keys[] = { 32, 0 };

/* One row per combination; another mode is another row (and its names in algs.def). */
static const struct cipher_row table[] = {
	/* algorithm, mode, kind, pads, keys, EVP, shortest tag, { iv_len, iv_min, iv_max, tag_len, block_len, legacy } */
	{ CIPHER_AES, CIPHER_ECB, CIPHER_KIND_PLAIN, true, aes_keys, ALG_AES_128_ECB, 0, { 0, 0, 0, 0, AES_BLOCK, false } },
	{ CIPHER_AES, CIPHER_CBC, CIPHER_KIND_PLAIN, true, aes_keys, ALG_AES_128_CBC, 0, { 16, 16, 16, 0, AES_BLOCK, false } },
	{ CIPHER_AES, CIPHER_CTR, CIPHER_KIND_PLAIN, false, aes_keys, ALG_AES_128_CTR, 0, { 16, 16, 16, 0, 1, false } },
	{ CIPHER_AES, CIPHER_CFB, CIPHER_KIND_PLAIN, false, aes_keys, ALG_AES_128_CFB, 0, { 16, 16, 16, 0, 1, false } },
	{ CIPHER_AES, CIPHER_OFB, CIPHER_KIND_PLAIN, false, aes_keys, ALG_AES_128_OFB, 0, { 16, 16, 16, 0, 1, false } },
	{ CIPHER_AES, CIPHER_GCM, CIPHER_KIND_AEAD, false, aes_keys, ALG_AES_128_GCM, TAG_SHORTEST,
		{ 12, 1, CIPHER_IV_MAX, CIPHER_TAG_MAX, 1, false } },
	{ CIPHER_AES, CIPHER_CCM, CIPHER_KIND_CCM, false, aes_keys, ALG_AES_128_CCM, CCM_TAG_SHORTEST,
		{ 12, 7, 13, CIPHER_TAG_MAX, 1, false } },
	{ CIPHER_AES, CIPHER_XTS, CIPHER_KIND_XTS, false, xts_keys, ALG_AES_128_XTS, 0, { 16, 16, 16, 0, 1, false } },
	{ CIPHER_AES, CIPHER_NIST_KEY_WRAP, CIPHER_KIND_WRAP, false, aes_keys, ALG_AES_128_ECB, 0, { 0, 0, 0, 0, 8, false } },
	{ CIPHER_AES, CIPHER_KEY_WRAP_PADDING, CIPHER_KIND_WRAP, false, aes_keys, ALG_AES_128_ECB, 0, { 0, 0, 0, 0, 1, false } },
	{ CIPHER_3DES, CIPHER_ECB, CIPHER_KIND_PLAIN, true, des_keys, ALG_DES_EDE2_ECB, 0, { 0, 0, 0, 0, DES_BLOCK, true } },
	{ CIPHER_3DES, CIPHER_CBC, CIPHER_KIND_PLAIN, true, des_keys, ALG_DES_EDE2_CBC, 0, { 8, 8, 8, 0, DES_BLOCK, true } },
	{ CIPHER_CHACHA20, 0, CIPHER_KIND_PLAIN, false, chacha_keys, ALG_CHACHA20, 0, { 16, 8, 16, 0, 1, false } },
	{ CIPHER_CHACHA20_POLY1305, 0, CIPHER_KIND_AEAD, false, chacha_keys, ALG_CHACHA20_POLY1305, TAG_SHORTEST,
		{ 12, 12, 12, CIPHER_TAG_MAX, 1, false } },
	{ CIPHER_CHACHA20_POLY1305, CIPHER_AEAD, CIPHER_KIND_AEAD, false, chacha_keys, ALG_CHACHA20_POLY1305, TAG_SHORTEST,
		{ 12, 12, 12, CIPHER_TAG_MAX, 1, false } },
};

static bool padding_known(uint32_t padding)
{
	return padding == CIPHER_PAD_PKCS5 || padding == CIPHER_PAD_ZEROS || padding == CIPHER_PAD_ANSI_X9_23 ||
		padding == CIPHER_PAD_ISO_10126;
}

enum coffer_err cipher_row_find(const struct cipher_params *params, const struct cipher_row **out, uint32_t *out_padding)
{
	uint32_t padding = params->padding != 0 ? params->padding : CIPHER_PAD_NONE;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		const struct cipher_row *row = &table[i];
		if (row->algorithm != params->algorithm || row->mode != params->mode) continue;
		if (padding != CIPHER_PAD_NONE && !(row->pads && padding_known(padding))) return ERR_UNSUPPORTED;
		*out = row;
		*out_padding = padding;
		return ERR_OK;
	}
	return ERR_UNSUPPORTED;
}

enum coffer_err cipher_traits(const struct cipher_params *params, struct cipher_traits *out)
{
	const struct cipher_row *row;
	uint32_t padding;
	TRY(cipher_row_find(params, &row, &padding));
	struct cipher_traits t = row->traits;
	if (params->tag_len != 0) {
		ENSURE(params->tag_len >= row->tag_min && params->tag_len <= t.tag_len, ERR_FIELD);
		ENSURE(row->kind != CIPHER_KIND_CCM || params->tag_len % 2 == 0, ERR_FIELD);
		t.tag_len = params->tag_len;
	}
	*out = t;
	return ERR_OK;
}

enum coffer_err cipher_row_check_text(const struct cipher_row *row, uint32_t padding, enum cipher_way way, size_t iv_len,
	uint64_t text_len)
{
	size_t block_len = row->traits.block_len;
	bool fills = padding != CIPHER_PAD_NONE && way == CIPHER_ENCRYPT;
	ENSURE(fills || text_len % block_len == 0, ERR_FIELD);
	if (padding != CIPHER_PAD_NONE && padding != CIPHER_PAD_ZEROS && way == CIPHER_DECRYPT) ENSURE(text_len != 0, ERR_FIELD);
	if (row->kind == CIPHER_KIND_XTS) {
		ENSURE(text_len >= AES_BLOCK, ERR_FIELD);
		ENSURE(text_len <= CIPHER_XTS_MAX, ERR_TOO_LARGE);
	}
	if (row->kind == CIPHER_KIND_CCM) {
		size_t length_len = CCM_NONCE_AND_LENGTH - iv_len; /* bytes that carry the length: 2 to 8 */
		ENSURE(length_len >= 8 || text_len >> (8 * length_len) == 0, ERR_TOO_LARGE);
	}
	return ERR_OK;
}

