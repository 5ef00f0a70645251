/* XAES-256-GCM: CMAC-based derivation in counter mode (L, K1, M1, M2) through AES-ECB, then AES-256-GCM. */
#include "crypto/xaes.h"

#include <string.h>

#include "base/arena.h"
#include "base/ct.h"
#include "crypto/aead_internal.h"
#include "crypto/algs.h"
#include "crypto/crypto_err.h"

#define BLOCK_LEN 16u                       /* bytes */
#define DERIVE_NONCE_LEN 12u                /* the part of the nonce that chooses the message's key */

struct xaes_key {
	EVP_CIPHER_CTX *ecb;       /* AES-256 under the key */
	struct aead_key *gcm;      /* re-keyed for each message */
	uint64_t masks[2][2];      /* K1, CMAC's first subkey, xor the fixed first bytes of M1 and M2 */
};

/* K1 = L << 1, with 0x87 added when the bit that falls out is set; no branch on it. */
static void double_block(const uint8_t in[static BLOCK_LEN], uint8_t out[static BLOCK_LEN])
{
	uint8_t carry = (uint8_t)(in[0] >> 7);
	for (size_t i = 0; i + 1 < BLOCK_LEN; i++)
		out[i] = (uint8_t)((in[i] << 1) | (in[i + 1] >> 7));
	out[BLOCK_LEN - 1] = (uint8_t)((in[BLOCK_LEN - 1] << 1) ^ (0x87 & -carry));
}

/* M_i = 00 i 58 00 || the first 12 bytes of the nonce: K1 xor M_i is a mask of the key xor a block of the nonce. */
static void make_masks(struct xaes_key *k, const uint8_t l[static BLOCK_LEN])
{
	uint8_t block[BLOCK_LEN];
	for (uint8_t i = 0; i < 2; i++) {
		double_block(l, block);
		block[1] ^= (uint8_t)(i + 1);
		block[2] ^= 0x58;
		memcpy(k->masks[i], block, BLOCK_LEN);
	}
	wipe(block, sizeof block);
}

enum coffer_err xaes_key_new(const uint8_t key[static XAES_KEY_LEN], struct xaes_key **out)
{
	static const uint8_t zero[XAES_KEY_LEN];
	EVP_CIPHER *cipher = algs_cipher(ALG_AES_256_ECB);
	uint8_t l[BLOCK_LEN];
	int n = 0;
	ENSURE(cipher != NULL, ERR_CRYPTO);
	AUTO(auto_xaes_key_free) struct xaes_key *k = arena_alloc(sizeof *k);
	ENSURE(k != NULL, ERR_MEMORY);
	k->ecb = EVP_CIPHER_CTX_new();
	ENSURE(k->ecb != NULL, ERR_MEMORY);
	TRY(aead_key_new(zero, sizeof zero, &k->gcm));
	ENSURE(EVP_EncryptInit_ex2(k->ecb, cipher, key, NULL, NULL) == 1, crypto_err_take());
	ENSURE(EVP_CIPHER_CTX_set_padding(k->ecb, 0) == 1, crypto_err_take());
	ENSURE(EVP_EncryptUpdate(k->ecb, l, &n, zero, (int)BLOCK_LEN) == 1 && n == (int)BLOCK_LEN, crypto_err_take());
	make_masks(k, l);
	wipe(l, sizeof l);
	*out = TAKE(k);
	return ERR_OK;
}

void xaes_key_free(struct xaes_key *k)
{
	if (k == NULL) return;
	EVP_CIPHER_CTX_free(k->ecb);
	aead_key_free(k->gcm);
	wipe(k, sizeof *k);
	arena_free(k);
}

/* Kx = AES(K, K1 xor M1) || AES(K, K1 xor M2), in whole words: bytes cost as much as the cipher. */
static enum coffer_err derive(struct xaes_key *k, const uint8_t nonce[static XAES_NONCE_LEN],
	uint8_t out[static XAES_KEY_LEN])
{
	uint64_t m[4], block[2];
	uint32_t head[2] = { 0, 0 };
	int n = 0;
	memcpy(&head[1], nonce, 4);
	memcpy(&block[0], head, sizeof head);
	memcpy(&block[1], nonce + 4, 8);
	for (size_t i = 0; i < 4; i++) m[i] = k->masks[i / 2][i % 2] ^ block[i % 2];
	bool ok = EVP_EncryptUpdate(k->ecb, out, &n, (const uint8_t *)m, (int)sizeof m) == 1 && n == (int)sizeof m;
	wipe(m, sizeof m);
	ENSURE(ok, crypto_err_take());
	return ERR_OK;
}

enum coffer_err xaes_seal(struct xaes_key *k, const uint8_t nonce[static XAES_NONCE_LEN], const struct view *aad_parts,
	size_t aad_count, struct view pt, uint8_t *out_ct_and_tag)
{
	uint8_t kx[XAES_KEY_LEN];
	ENSURE(pt.len <= AEAD_TEXT_MAX, ERR_TOO_LARGE);
	TRY(derive(k, nonce, kx));
	enum coffer_err err = aead_seal_rekeyed(k->gcm, kx, nonce + DERIVE_NONCE_LEN, aad_parts, aad_count, pt, out_ct_and_tag,
		out_ct_and_tag + pt.len);
	wipe(kx, sizeof kx);
	return err;
}

enum coffer_err xaes_open(struct xaes_key *k, const uint8_t nonce[static XAES_NONCE_LEN], const struct view *aad_parts,
	size_t aad_count, struct view ct_and_tag, uint8_t *out_pt)
{
	uint8_t kx[XAES_KEY_LEN];
	ENSURE(ct_and_tag.len >= XAES_TAG_LEN, ERR_TRUNCATED);
	struct view ct = view_of(ct_and_tag.ptr, ct_and_tag.len - XAES_TAG_LEN);
	TRY(derive(k, nonce, kx));
	enum coffer_err err = aead_open_rekeyed(k->gcm, kx, nonce + DERIVE_NONCE_LEN, aad_parts, aad_count, ct,
		ct.ptr + ct.len, out_pt);
	wipe(kx, sizeof kx);
	return err;
}
