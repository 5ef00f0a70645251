/* crypto/: our own arithmetic, and the ways through OpenSSL with secret keys and texts. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "crypto/aead_internal.h"
#include "crypto/cipher.h"
#include "crypto/cipher_internal.h"
#include "crypto/envelope.h"
#include "crypto/kdf.h"
#include "crypto/keywrap.h"
#include "crypto/mac.h"
#include "crypto/shamir_internal.h"
#include "crypto/stream_core.h"
#include "crypto/xaes.h"
#include "ct/ct.h"

bool __real_cipher_pad_check(uint32_t padding, const uint8_t *block, size_t block_len, size_t *out_keep);

#define TEXT_LEN 48u

static enum coffer_err gf256(void)
{
	for (unsigned v = 0; v < 256; v += 17) {
		uint8_t a = (uint8_t)v, b = (uint8_t)(v + 1);
		ct_hide(&a, 1);
		ct_hide(&b, 1);
		uint8_t product = shamir_mul(a, b), inverse = shamir_inv(a);
		TRY(ct_take(&product, 1));
		TRY(ct_take(&inverse, 1));
		ct_show(&a, 1);
		ENSURE(a == 0 || shamir_mul(a, inverse) == 1, ERR_STATE);
	}
	return ERR_OK;
}

/* The textbook way: logarithms in a table. */
static enum coffer_err gf256_control(void)
{
	static volatile uint8_t logarithm[256];
	uint8_t a = 3;
	ct_hide(&a, 1);
	uint8_t l = logarithm[a];
	ct_show(&l, 1);
	return l == 0 ? ERR_OK : ERR_STATE;
}

/* The coefficients come out of __wrap_rng_bytes, so they are hidden too. */
static enum coffer_err sharing(void)
{
	AUTO_SECRET struct secret *s = ct_secret(9, 32);
	AUTO_SECRET struct secret *shares = secret_new(5 * 32);
	const uint8_t xs[] = { 5, 1, 3 };
	uint8_t back[32];
	TRY(shamir_split(secret_view(s), 3, 5, secret_mut(shares)));
	ENSURE(ct_is_hidden(secret_bytes(shares), 5 * 32), ERR_STATE);
	struct view chosen[3];
	for (size_t i = 0; i < 3; i++) chosen[i] = view_of(secret_bytes(shares) + (xs[i] - 1) * 32, 32);
	TRY(shamir_combine(xs, chosen, 3, 32, back));
	TRY(ct_take(back, sizeof back));
	return back[0] == 9 && back[31] == 40 ? ERR_OK : ERR_STATE;
}

static enum coffer_err hmac_check(void)
{
	AUTO_SECRET struct secret *key = ct_secret(1, 32);
	const struct view part = view_str("message");
	uint8_t mac[MAC_LEN];
	TRY(mac_hmac_sha256(secret_view(key), &part, 1, mac));
	TRY(ct_take(mac, sizeof mac));
	TRY(mac_hmac_sha256_check(secret_view(key), &part, 1, mac));
	mac[31] ^= 1;
	return mac_hmac_sha256_check(secret_view(key), &part, 1, mac) == ERR_CORRUPT ? ERR_OK : ERR_STATE;
}

/* KMIP MAC and MAC Verify, each algorithm. */
static enum coffer_err kmip_mac(void)
{
	static const struct mac_params all[] = { { MAC_HMAC_SHA1, 0, 0 }, { MAC_HMAC_SHA256, 0, 0 }, { MAC_HMAC_SHA512, 0, 0 },
		{ MAC_HMAC_SHA3_256, 0, 0 }, { CIPHER_AES, CIPHER_CMAC, 0 } };
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
		AUTO_SECRET struct secret *key = ct_secret(1, 32);
		uint8_t mac[MAC_LEN_MAX];
		size_t len = 0;
		bool valid = false;
		TRY(mac_make(&all[i], secret_view(key), view_str("message"), mac, &len));
		TRY(ct_take(mac, len));
		TRY(mac_check(&all[i], secret_view(key), view_str("message"), view_of(mac, len), &valid));
		ENSURE(valid, ERR_STATE);
		mac[0] ^= 1;
		TRY(mac_check(&all[i], secret_view(key), view_str("message"), view_of(mac, len), &valid));
		ENSURE(!valid, ERR_STATE);
	}
	return ERR_OK;
}

static enum coffer_err hkdf(void)
{
	AUTO_SECRET struct secret *key = ct_secret(1, 32);
	uint8_t out[64];
	TRY(kdf_hkdf(KDF_SHA256, secret_view(key), view_str("salt"), view_str("info"), out, sizeof out));
	return ct_take(out, sizeof out);
}

static enum coffer_err xaes(void)
{
	AUTO_SECRET struct secret *key = ct_secret(1, XAES_KEY_LEN);
	AUTO_SECRET struct secret *text = ct_secret(100, TEXT_LEN);
	AUTO(auto_xaes_key_free) struct xaes_key *k = NULL;
	const struct view aad = view_str("context");
	uint8_t nonce[XAES_NONCE_LEN] = { 1 }, sealed[TEXT_LEN + XAES_TAG_LEN], back[TEXT_LEN];
	TRY(xaes_key_new(secret_bytes(key), &k));
	TRY(xaes_seal(k, nonce, &aad, 1, secret_view(text), sealed));
	TRY(ct_take(sealed, sizeof sealed)); /* goes to the disk */
	TRY(xaes_open(k, nonce, &aad, 1, view_of(sealed, sizeof sealed), back));
	TRY(ct_take(back, sizeof back));
	ENSURE(back[0] == 100, ERR_STATE);
	sealed[0] ^= 1;
	return xaes_open(k, nonce, &aad, 1, view_of(sealed, sizeof sealed), back) == ERR_CONTEXT ? ERR_OK : ERR_STATE;
}

static enum coffer_err stream_segment(void)
{
	AUTO_SECRET struct secret *key = ct_secret(1, 32);
	AUTO_SECRET struct secret *text = ct_secret(100, TEXT_LEN);
	AUTO(auto_aead_key_free) struct aead_key *k = NULL;
	const uint8_t prefix[STREAM_CORE_PREFIX_LEN] = { 1 };
	uint8_t segment_key[32], sealed[TEXT_LEN + AEAD_TAG_LEN], back[TEXT_LEN];
	TRY(stream_core_derive(KDF_SHA256, secret_view(key), view_str("salt"), view_str("info"), segment_key, sizeof segment_key));
	ENSURE(ct_is_hidden(segment_key, sizeof segment_key), ERR_STATE);
	TRY(aead_key_new(segment_key, sizeof segment_key, &k));
	TRY(stream_core_seal(k, prefix, 0, true, secret_view(text), sealed));
	TRY(ct_take(sealed, sizeof sealed));
	TRY(stream_core_open(k, prefix, 0, true, view_of(sealed, sizeof sealed), back));
	return ct_take(back, sizeof back);
}

/* Opened piece by piece out of memory that others may change; the key is secret, and the text that comes out. */
static enum coffer_err shared_memory(void)
{
	AUTO_SECRET struct secret *key = ct_secret(1, 32);
	AUTO_SECRET struct secret *text = ct_secret(100, TEXT_LEN);
	AUTO(auto_aead_key_free) struct aead_key *k = NULL;
	const uint8_t nonce[AEAD_NONCE_LEN] = { 1 };
	uint8_t sealed[TEXT_LEN + AEAD_TAG_LEN], back[TEXT_LEN];
	TRY(aead_key_new(secret_bytes(key), secret_len(key), &k));
	TRY(aead_seal(k, nonce, NULL, 0, secret_view(text), sealed, sealed + TEXT_LEN));
	TRY(ct_take(sealed, sizeof sealed));
	TRY(aead_open_shared(k, nonce, view_of(sealed, sizeof sealed), back));
	TRY(ct_take(back, sizeof back));
	sealed[3] ^= 1;
	return aead_open_shared(k, nonce, view_of(sealed, sizeof sealed), back) == ERR_CONTEXT ? ERR_OK : ERR_STATE;
}

static enum coffer_err wrapping(enum keywrap_kind kind, size_t len)
{
	AUTO_SECRET struct secret *key = ct_secret(1, 32);
	AUTO_SECRET struct secret *text = ct_secret(100, len);
	AUTO_BUF struct buf wrapped = BUF_EMPTY;
	AUTO_BUF struct buf back = BUF_EMPTY;
	TRY(keywrap_wrap(secret_view(key), kind, secret_view(text), &wrapped));
	TRY(ct_take(wrapped.ptr, wrapped.len));
	TRY(keywrap_unwrap(secret_view(key), kind, buf_view(&wrapped), &back));
	ENSURE(back.len == len, ERR_STATE);
	return ct_take(back.ptr, back.len);
}

static enum coffer_err wrap_3394(void)
{
	return wrapping(KEYWRAP_RFC3394, 32);
}

static enum coffer_err wrap_5649(void)
{
	return wrapping(KEYWRAP_RFC5649, 29);
}

static enum coffer_err padding(void)
{
	static const uint32_t all[] = { CIPHER_PAD_PKCS5, CIPHER_PAD_ANSI_X9_23, CIPHER_PAD_ISO_10126 };
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		for (unsigned count = 0; count < 18; count += 3) {
			uint8_t block[16];
			size_t keep = 0;
			memset(block, (int)count, sizeof block);
			ct_hide(block, sizeof block);
			bool good = __real_cipher_pad_check(all[i], block, sizeof block, &keep);
			ENSURE(ct_is_hidden(&keep, sizeof keep) == good, ERR_STATE);
			ENSURE(good || all[i] != CIPHER_PAD_PKCS5 || count == 0 || count > 16, ERR_STATE);
		}
	return ERR_OK;
}

static enum coffer_err block_cipher(uint32_t algorithm, uint32_t mode, uint32_t pad, size_t key_len, size_t iv_len, size_t tag_len)
{
	const struct cipher_params params = { .algorithm = algorithm, .mode = mode, .padding = pad };
	AUTO_SECRET struct secret *key = ct_secret(1, key_len);
	AUTO_SECRET struct secret *text = ct_secret(100, TEXT_LEN);
	AUTO_BUF struct buf sealed = BUF_EMPTY;
	AUTO_BUF struct buf back = BUF_EMPTY;
	const uint8_t iv[16] = { 3 };
	uint8_t tag[CIPHER_TAG_MAX];
	size_t made = 0;
	TRY(cipher_encrypt(&params, secret_view(key), view_of(iv, iv_len), view_of(iv, 0), secret_view(text), &sealed, tag, &made));
	ENSURE(made == tag_len, ERR_STATE);
	ENSURE(ct_is_hidden(sealed.ptr, sealed.len), ERR_STATE);
	ct_show(sealed.ptr, sealed.len);
	if (made) TRY(ct_take(tag, made));
	TRY(cipher_decrypt(&params, secret_view(key), view_of(iv, iv_len), view_of(iv, 0), buf_view(&sealed), view_of(tag, made), &back));
	ENSURE(back.len == TEXT_LEN, ERR_STATE);
	/* Text that came through tables has lost its mark. */
	return algorithm == CIPHER_3DES ? ERR_OK : ct_take(back.ptr, back.len);
}

static enum coffer_err aes_cbc(void)
{
	return block_cipher(CIPHER_AES, CIPHER_CBC, CIPHER_PAD_PKCS5, 32, 16, 0);
}

static enum coffer_err aes_others(void)
{
	TRY(block_cipher(CIPHER_AES, CIPHER_ECB, 0, 24, 0, 0));
	TRY(block_cipher(CIPHER_AES, CIPHER_CFB, 0, 16, 16, 0));
	TRY(block_cipher(CIPHER_AES, CIPHER_OFB, 0, 32, 16, 0));
	return block_cipher(CIPHER_AES, CIPHER_CTR, 0, 16, 16, 0);
}

static enum coffer_err aes_ccm(void)
{
	return block_cipher(CIPHER_AES, CIPHER_CCM, 0, 32, 12, 16);
}

/* The two halves are compared first. */
static enum coffer_err aes_xts(void)
{
	return block_cipher(CIPHER_AES, CIPHER_XTS, 0, 64, 16, 0);
}

static enum coffer_err aes_gcm(void)
{
	return block_cipher(CIPHER_AES, CIPHER_GCM, 0, 32, 12, 16);
}

/* The other engine with what valgrind has of a CPU: AVX2, not AVX-512. A build without it says so. */
static enum coffer_err by_ipsec_mb(enum coffer_err (*run)(void))
{
	if (aead_ipsec_mb.missing() != NULL) {
		printf("ipsec-mb is not looked at: %s\n", aead_ipsec_mb.missing());
		return ERR_OK;
	}
	aead_engine_use(&aead_ipsec_mb);
	enum coffer_err err = run();
	aead_engine_use(&aead_openssl);
	return err;
}

static enum coffer_err xaes_ipsec_mb(void)
{
	return by_ipsec_mb(xaes);
}

static enum coffer_err stream_segment_ipsec_mb(void)
{
	return by_ipsec_mb(stream_segment);
}

static enum coffer_err shared_memory_ipsec_mb(void)
{
	return by_ipsec_mb(shared_memory);
}

static enum coffer_err aes_gcm_ipsec_mb(void)
{
	return by_ipsec_mb(aes_gcm);
}

static enum coffer_err chacha20_poly1305(void)
{
	return block_cipher(CIPHER_CHACHA20_POLY1305, CIPHER_AEAD, 0, 32, 12, 16);
}

/* DES is tables; so is every old cipher. */
static enum coffer_err triple_des(void)
{
	return block_cipher(CIPHER_3DES, CIPHER_CBC, CIPHER_PAD_PKCS5, 24, 8, 0);
}

const struct ct_case ct_crypto[] = {
	{ "GF(256): mul, inverse", CT_CLEAN, gf256 },
	{ "a logarithm table", CT_CONTROL, gf256_control },
	{ "shamir_split, shamir_combine", CT_CLEAN, sharing },
	{ "mac_hmac_sha256_check", CT_CLEAN, hmac_check },
	{ "KMIP MAC, MAC Verify", CT_CLEAN, kmip_mac },
	{ "HKDF", CT_CLEAN, hkdf },
	{ "XAES seal, open", CT_CLEAN, xaes },
	{ "stream segment seal, open", CT_CLEAN, stream_segment },
	{ "shared memory opened", CT_CLEAN, shared_memory },
	{ "AES key wrap (RFC 3394)", CT_CLEAN, wrap_3394 },
	{ "AES key wrap (RFC 5649)", CT_CLEAN, wrap_5649 },
	{ "cipher_pad_check", CT_CLEAN, padding },
	{ "AES-CBC with PKCS #5", CT_CLEAN, aes_cbc },
	{ "AES-ECB, -CFB, -OFB, -CTR", CT_CLEAN, aes_others },
	{ "AES-CCM", CT_CLEAN, aes_ccm },
	{ "AES-XTS", CT_CLEAN, aes_xts },
	{ "AES-GCM", CT_CLEAN, aes_gcm },
	{ "ipsec-mb: XAES seal, open", CT_CLEAN, xaes_ipsec_mb },
	{ "ipsec-mb: stream segment seal, open", CT_CLEAN, stream_segment_ipsec_mb },
	{ "ipsec-mb: shared memory opened", CT_CLEAN, shared_memory_ipsec_mb },
	{ "ipsec-mb: AES-GCM", CT_CLEAN, aes_gcm_ipsec_mb },
	{ "ChaCha20-Poly1305", CT_CLEAN, chacha20_poly1305 },
	{ "3DES: tables of OpenSSL", CT_CONTROL, triple_des },
	{ NULL, CT_CLEAN, NULL },
};
