/* Message authentication codes: HMAC (RFC 2104, FIPS 198-1) and AES-CMAC (SP 800-38B), never truncated. */
#ifndef COFFER_CRYPTO_MAC_H
#define COFFER_CRYPTO_MAC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/view.h"

#define MAC_LEN 32u     /* bytes of HMAC-SHA-256 */
#define MAC_LEN_MAX 64u /* bytes of any MAC here */

/* HMAC over the parts, one after another, without separators. Key of 1 byte or more, else ERR_FIELD. Any thread. */
enum coffer_err mac_hmac_sha256(struct view key, const struct view *parts, size_t count,
	uint8_t out[static MAC_LEN]) MUST_USE;
/* Compares in constant time; ERR_CORRUPT when the MAC is another. */
enum coffer_err mac_hmac_sha256_check(struct view key, const struct view *parts, size_t count,
	const uint8_t mac[static MAC_LEN]) MUST_USE;

/* The same for many messages under one key: what HMAC makes of the key is kept, in the arena, which is more than half of a short HMAC. One thread at a time.
 * ERR_MEMORY, ERR_CRYPTO; ERR_FIELD: the key has no byte. Caller frees *out. */
struct mac_key;
enum coffer_err mac_key_new(struct view key, struct mac_key **out) MUST_USE;
void mac_key_free(struct mac_key *k); /* accepts NULL */
enum coffer_err mac_key_make(struct mac_key *k, const struct view *parts, size_t count, uint8_t out[static MAC_LEN]) MUST_USE;

/* ---- MACs that a KMIP client chooses; the numbers are KMIP's (KMIP 1.4, 9.1.3.2.13, 14, 16) ---- */

#define MAC_HMAC_SHA1 0x07u
#define MAC_HMAC_SHA224 0x08u
#define MAC_HMAC_SHA256 0x09u
#define MAC_HMAC_SHA384 0x0au
#define MAC_HMAC_SHA512 0x0bu
#define MAC_HMAC_SHA3_224 0x23u
#define MAC_HMAC_SHA3_256 0x24u
#define MAC_HMAC_SHA3_384 0x25u
#define MAC_HMAC_SHA3_512 0x26u

struct mac_params {
	uint32_t algorithm; /* HMAC_…, or AES with Block Cipher Mode CMAC; 0: HMAC over `hash` */
	uint32_t mode;      /* 0, or CMAC */
	uint32_t hash;      /* KMIP Hashing Algorithm: 0, or that of the HMAC. HMAC_SHA512 may narrow it to SHA-512/224 or /256 */
};

struct mac_traits {
	size_t len;            /* bytes of the MAC */
	size_t key_min;        /* bytes; CMAC takes 16, 24 or 32 alone */
	size_t key_max;
	bool legacy;           /* HMAC-SHA-1: making one needs leave of the configuration, verifying does not */
};

#define MAC_KEY_MAX 512u /* bytes of an HMAC key: 4096 bits */

/* ERR_UNSUPPORTED: no such MAC (HMAC-MD5, CBC-MAC …), or a hash that is not that of the algorithm. Any thread. */
enum coffer_err mac_traits(const struct mac_params *params, struct mac_traits *out) MUST_USE;

/* Whether both name one and the same MAC of those above. */
bool mac_same(const struct mac_params *a, const struct mac_params *b);

/* In parts. Its state lives in the arena; one thread at a time. ERR_FIELD: length of the key. */
struct mac;
enum coffer_err mac_new(const struct mac_params *params, struct view key, struct mac **out) MUST_USE;
void mac_free(struct mac *m); /* accepts NULL */
/* ERR_STATE after the end. */
enum coffer_err mac_update(struct mac *m, struct view bytes) MUST_USE;
/* Writes *out_len = mac_traits.len bytes; nothing but mac_free may follow. */
enum coffer_err mac_final(struct mac *m, uint8_t out[static MAC_LEN_MAX], size_t *out_len) MUST_USE;
/* The same end, for a MAC that is to be verified, in constant time: *out_valid. A MAC of another length is not valid. */
enum coffer_err mac_final_check(struct mac *m, struct view mac, bool *out_valid) MUST_USE;

/* At once. Any thread. */
enum coffer_err mac_make(const struct mac_params *params, struct view key, struct view data,
	uint8_t out[static MAC_LEN_MAX], size_t *out_len) MUST_USE;
enum coffer_err mac_check(const struct mac_params *params, struct view key, struct view data, struct view mac,
	bool *out_valid) MUST_USE;

DEFINE_AUTO(struct mac, mac_free)
DEFINE_AUTO(struct mac_key, mac_key_free)

#endif
