/* Parts of HPKE, so that the published vectors (other AEADs, given ephemeral keys, later sequence numbers) check the
 * code that Coffer runs. */
#ifndef COFFER_CRYPTO_HPKE_INTERNAL_H
#define COFFER_CRYPTO_HPKE_INTERNAL_H

#include "crypto/hpke.h"

/* AEAD identifiers of RFC 9180, 7.3. */
enum hpke_aead { HPKE_AES_128_GCM = 1, HPKE_AES_256_GCM = 2, HPKE_CHACHA20_POLY1305 = 3 };

#define HPKE_KEY_MAX 32u /* bytes */
#define HPKE_NONCE_LEN 12u

/* RFC 9180, 5.1: what the two sides share. Secret: lives on the stack of one call, wiped by its owner. */
struct hpke_schedule {
	enum hpke_aead aead;
	uint8_t shared_secret[32];
	uint8_t key[HPKE_KEY_MAX];
	uint8_t base_nonce[HPKE_NONCE_LEN];
	uint8_t exporter_secret[32];
};

/* Encap with a given ephemeral key, then the schedule; and Decap, then the schedule. */
enum coffer_err hpke_schedule_send(enum hpke_aead aead, const struct secret *ephemeral,
	const uint8_t public_key[static HPKE_PUBLIC_LEN],
	struct view info, uint8_t out_enc[static HPKE_ENC_LEN], struct hpke_schedule *out) MUST_USE;
enum coffer_err hpke_schedule_receive(enum hpke_aead aead, const struct secret *private_key,
	const uint8_t enc[static HPKE_ENC_LEN], struct view info, struct hpke_schedule *out) MUST_USE;
/* The same with a private key that is somewhere else. enc is on the curve. */
enum coffer_err hpke_schedule_receive_by(enum hpke_aead aead, hpke_dh_fn *dh, void *arg, const uint8_t public_key[static HPKE_PUBLIC_LEN],
	const uint8_t enc[static HPKE_ENC_LEN], struct view info, struct hpke_schedule *out) MUST_USE;
/* One message of a context. Seal writes pt.len + 16 bytes, open ct.len - 16 bytes. */
enum coffer_err hpke_schedule_seal(const struct hpke_schedule *s, uint64_t sequence, struct view aad, struct view pt,
	uint8_t *out) MUST_USE;
enum coffer_err hpke_schedule_open(const struct hpke_schedule *s, uint64_t sequence, struct view aad, struct view ct,
	uint8_t *out) MUST_USE;

/* hpke_seal with a given ephemeral key. */
enum coffer_err hpke_seal_with(const struct secret *ephemeral, const uint8_t public_key[static HPKE_PUBLIC_LEN],
	struct view info,
	struct view aad, struct view pt, uint8_t out_enc[static HPKE_ENC_LEN], struct buf *out_ct) MUST_USE;

#endif
