/* HPKE base mode: RFC 9180, sections 4, 5.1, 5.2. */
#include "crypto/hpke.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/ct.h"
#include "base/writer.h"
#include "crypto/algs.h"
#include "crypto/crypto_err.h"
#include "crypto/hpke_internal.h"
#include "crypto/kdf.h"
#include "crypto/p256.h"

#define HASH_LEN 32u        /* bytes: HKDF-SHA256 */
#define KEM_P256 0x0010u
#define KDF_HKDF_SHA256 0x0001u
#define MODE_BASE 0x00u
#define SUITE_MAX 10u       /* bytes of a suite id */
#define LABELED_OVERHEAD 64u /* bytes: length, "HPKE-v1", suite id, label */

DEFINE_AUTO(EVP_CIPHER_CTX, EVP_CIPHER_CTX_free)

/* The suite id that labels are bound to: "KEM" || kem, or "HPKE" || kem || kdf || aead. */
struct suite {
	uint8_t bytes[SUITE_MAX];
	size_t len;
};

static struct suite suite_make(const char *prefix, const uint16_t *ids, size_t count)
{
	struct suite s;
	struct writer w;
	writer_init(&w, s.bytes, sizeof s.bytes);
	writer_bytes(&w, view_str(prefix));
	for (size_t i = 0; i < count; i++) writer_u16(&w, ids[i]);
	INVARIANT(writer_done(&w) == ERR_OK);
	s.len = writer_len(&w);
	return s;
}

static const struct {
	enum alg alg;
	size_t key_len; /* bytes */
} aeads[] = {
	[HPKE_AES_128_GCM] = { ALG_AES_128_GCM, 16 },
	[HPKE_AES_256_GCM] = { ALG_AES_256_GCM, 32 },
	[HPKE_CHACHA20_POLY1305] = { ALG_CHACHA20_POLY1305, 32 },
};

static enum coffer_err labeled_extract(const struct suite *suite, struct view salt, const char *label, struct view ikm,
	uint8_t out[static HASH_LEN])
{
	AUTO_BUF struct buf in = BUF_EMPTY;
	struct writer w;
	writer_init_buf(&w, &in, HPKE_INFO_MAX + LABELED_OVERHEAD);
	writer_bytes(&w, view_str("HPKE-v1"));
	writer_bytes(&w, view_of(suite->bytes, suite->len));
	writer_bytes(&w, view_str(label));
	writer_bytes(&w, ikm);
	TRY(writer_done(&w));
	return kdf_hkdf_extract(KDF_SHA256, buf_view(&in), salt, out);
}

static enum coffer_err labeled_expand(const struct suite *suite, const uint8_t prk[static HASH_LEN], const char *label,
	struct view info, uint8_t *out, size_t out_len)
{
	AUTO_BUF struct buf in = BUF_EMPTY;
	struct writer w;
	writer_init_buf(&w, &in, HPKE_INFO_MAX + LABELED_OVERHEAD);
	writer_u16(&w, (uint16_t)out_len);
	writer_bytes(&w, view_str("HPKE-v1"));
	writer_bytes(&w, view_of(suite->bytes, suite->len));
	writer_bytes(&w, view_str(label));
	writer_bytes(&w, info);
	TRY(writer_done(&w));
	return kdf_hkdf_expand(KDF_SHA256, view_of(prk, HASH_LEN), buf_view(&in), out, out_len);
}

/* 4.1, ExtractAndExpand with kem_context = enc || pkR. */
static enum coffer_err kem_secret(const uint8_t dh[static 32], const uint8_t enc[static HPKE_ENC_LEN],
	const uint8_t receiver[static HPKE_PUBLIC_LEN], uint8_t out[static 32])
{
	const uint16_t ids[] = { KEM_P256 };
	struct suite suite = suite_make("KEM", ids, 1);
	uint8_t kem_context[HPKE_ENC_LEN + HPKE_PUBLIC_LEN], prk[HASH_LEN];
	memcpy(kem_context, enc, HPKE_ENC_LEN);
	memcpy(kem_context + HPKE_ENC_LEN, receiver, HPKE_PUBLIC_LEN);
	TRY(labeled_extract(&suite, view_of(NULL, 0), "eae_prk", view_of(dh, 32), prk));
	enum coffer_err err = labeled_expand(&suite, prk, "shared_secret", view_of(kem_context, sizeof kem_context), out, 32);
	wipe(prk, sizeof prk);
	return err;
}

/* 5.1, KeySchedule in base mode (empty psk and psk_id); reads s->shared_secret, writes the rest. */
static enum coffer_err key_schedule(struct hpke_schedule *s, struct view info)
{
	const uint16_t ids[] = { KEM_P256, KDF_HKDF_SHA256, (uint16_t)s->aead };
	struct suite suite = suite_make("HPKE", ids, 3);
	struct view empty = view_of(NULL, 0);
	uint8_t context[1 + 2 * HASH_LEN] = { MODE_BASE }, secret[HASH_LEN];
	struct view context_view = view_of(context, sizeof context);
	ENSURE(info.len <= HPKE_INFO_MAX, ERR_TOO_LARGE);
	TRY(labeled_extract(&suite, empty, "psk_id_hash", empty, context + 1));
	TRY(labeled_extract(&suite, empty, "info_hash", info, context + 1 + HASH_LEN));
	TRY(labeled_extract(&suite, view_of(s->shared_secret, HASH_LEN), "secret", empty, secret));
	enum coffer_err err = labeled_expand(&suite, secret, "key", context_view, s->key, aeads[s->aead].key_len);
	if (err == ERR_OK) err = labeled_expand(&suite, secret, "base_nonce", context_view, s->base_nonce, HPKE_NONCE_LEN);
	if (err == ERR_OK) err = labeled_expand(&suite, secret, "exp", context_view, s->exporter_secret, HASH_LEN);
	wipe(secret, sizeof secret);
	return err;
}

/* The schedule of a shared point, and the two that bind the KEM's context. */
static enum coffer_err schedule_of(enum hpke_aead aead, const uint8_t dh[static HPKE_SHARED_LEN], const uint8_t enc[static HPKE_ENC_LEN],
	const uint8_t receiver[static HPKE_PUBLIC_LEN], struct view info, struct hpke_schedule *out)
{
	struct hpke_schedule s = { .aead = aead };
	enum coffer_err err = kem_secret(dh, enc, receiver, s.shared_secret);
	if (err == ERR_OK) err = key_schedule(&s, info);
	if (err == ERR_OK) *out = s;
	wipe(&s, sizeof s);
	return err;
}

/* One side's: its own private key and the other's point. */
static enum coffer_err schedule(enum hpke_aead aead, const struct secret *own, const uint8_t other[static HPKE_PUBLIC_LEN],
	const uint8_t enc[static HPKE_ENC_LEN], const uint8_t receiver[static HPKE_PUBLIC_LEN], struct view info,
	struct hpke_schedule *out)
{
	uint8_t dh[HPKE_SHARED_LEN];
	TRY(p256_ecdh(own, other, dh));
	enum coffer_err err = schedule_of(aead, dh, enc, receiver, info, out);
	wipe(dh, sizeof dh);
	return err;
}

enum coffer_err hpke_schedule_receive_by(enum hpke_aead aead, hpke_dh_fn *dh, void *arg, const uint8_t public_key[static HPKE_PUBLIC_LEN],
	const uint8_t enc[static HPKE_ENC_LEN], struct view info, struct hpke_schedule *out)
{
	AUTO_SECRET struct secret *shared = NULL;
	TRY(dh(arg, enc, &shared));
	ENSURE(shared && secret_len(shared) == HPKE_SHARED_LEN, ERR_CRYPTO);
	return schedule_of(aead, secret_bytes(shared), enc, public_key, info, out);
}

enum coffer_err hpke_schedule_send(enum hpke_aead aead, const struct secret *ephemeral,
	const uint8_t public_key[static HPKE_PUBLIC_LEN],
	struct view info, uint8_t out_enc[static HPKE_ENC_LEN], struct hpke_schedule *out)
{
	uint8_t enc[HPKE_ENC_LEN];
	TRY(p256_public_of(ephemeral, enc));
	TRY(schedule(aead, ephemeral, public_key, enc, public_key, info, out));
	memcpy(out_enc, enc, sizeof enc);
	return ERR_OK;
}

enum coffer_err hpke_schedule_receive(enum hpke_aead aead, const struct secret *private_key,
	const uint8_t enc[static HPKE_ENC_LEN], struct view info, struct hpke_schedule *out)
{
	uint8_t receiver[HPKE_PUBLIC_LEN];
	TRY(p256_public_of(private_key, receiver));
	return schedule(aead, private_key, enc, enc, receiver, info, out);
}

/* A context under the key and the nonce of `sequence` (base_nonce xor the number). Caller frees. */
static enum coffer_err message_start(const struct hpke_schedule *s, uint64_t sequence, int enc, struct view aad,
	EVP_CIPHER_CTX **out)
{
	uint8_t nonce[HPKE_NONCE_LEN];
	int n = 0;
	memcpy(nonce, s->base_nonce, sizeof nonce);
	for (size_t i = 0; i < 8; i++)
		nonce[HPKE_NONCE_LEN - 1 - i] ^= (uint8_t)(sequence >> (8 * i));
	AUTO(auto_EVP_CIPHER_CTX_free) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	ENSURE(ctx != NULL, ERR_MEMORY);
	ENSURE(EVP_CipherInit_ex2(ctx, algs_cipher(aeads[s->aead].alg), s->key, nonce, enc, NULL) == 1, crypto_err_take());
	if (aad.len != 0) ENSURE(EVP_CipherUpdate(ctx, NULL, &n, aad.ptr, (int)aad.len) == 1, crypto_err_take());
	*out = TAKE(ctx);
	return ERR_OK;
}

enum coffer_err hpke_schedule_seal(const struct hpke_schedule *s, uint64_t sequence, struct view aad, struct view pt,
	uint8_t *out)
{
	AUTO(auto_EVP_CIPHER_CTX_free) EVP_CIPHER_CTX *ctx = NULL;
	uint8_t none[16];
	int n = 0;
	ENSURE(pt.len <= SECRET_MAX && aad.len <= HPKE_INFO_MAX, ERR_TOO_LARGE);
	TRY(message_start(s, sequence, 1, aad, &ctx));
	if (pt.len != 0) ENSURE(EVP_EncryptUpdate(ctx, out, &n, pt.ptr, (int)pt.len) == 1, crypto_err_take());
	ENSURE(EVP_EncryptFinal_ex(ctx, none, &n) == 1, crypto_err_take());
	ENSURE(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, (int)HPKE_TAG_LEN, out + pt.len) == 1, crypto_err_take());
	return ERR_OK;
}

enum coffer_err hpke_schedule_open(const struct hpke_schedule *s, uint64_t sequence, struct view aad, struct view ct,
	uint8_t *out)
{
	AUTO(auto_EVP_CIPHER_CTX_free) EVP_CIPHER_CTX *ctx = NULL;
	uint8_t tag[HPKE_TAG_LEN], none[16];
	int n = 0;
	ENSURE(ct.len >= HPKE_TAG_LEN, ERR_TRUNCATED);
	ENSURE(ct.len <= SECRET_MAX + HPKE_TAG_LEN && aad.len <= HPKE_INFO_MAX, ERR_TOO_LARGE);
	size_t len = ct.len - HPKE_TAG_LEN;
	memcpy(tag, ct.ptr + len, HPKE_TAG_LEN);
	TRY(message_start(s, sequence, 0, aad, &ctx));
	if (len != 0) ENSURE(EVP_DecryptUpdate(ctx, out, &n, ct.ptr, (int)len) == 1, crypto_err_take());
	ENSURE(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, (int)HPKE_TAG_LEN, tag) == 1, crypto_err_take());
	if (EVP_DecryptFinal_ex(ctx, none, &n) == 1) return ERR_OK;
	wipe(out, len);
	crypto_err_drop();
	return ERR_CONTEXT;
}
