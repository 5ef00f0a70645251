/* HPKE (RFC 9180) base mode, one Seal per context: KEM 0x0010 (DHKEM P-256, HKDF-SHA256), KDF 0x0001 (HKDF-SHA256),
 * AEAD 0x0002 (AES-256-GCM). Base mode proves no sender. Any thread. */
#ifndef COFFER_CRYPTO_HPKE_H
#define COFFER_CRYPTO_HPKE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/secret.h"
#include "base/view.h"

#define HPKE_PRIVATE_LEN 32u /* bytes: the scalar d, big-endian, 1 <= d < order */
#define HPKE_PUBLIC_LEN 65u  /* 0x04 || X || Y */
#define HPKE_ENC_LEN 65u
#define HPKE_TAG_LEN 16u
#define HPKE_INFO_MAX 16384u

/* A fresh key pair. Caller frees *out_private. */
enum coffer_err hpke_keypair_generate(struct secret **out_private, uint8_t out_public[static HPKE_PUBLIC_LEN]) MUST_USE;
/* The public half of a private key (d times G). ERR_FIELD: not 32 bytes, 0, or not below the order. */
enum coffer_err hpke_public_of(const struct secret *private_key, uint8_t out_public[static HPKE_PUBLIC_LEN]) MUST_USE;
/* ERR_FIELD unless the 65 bytes are an uncompressed point on the curve. */
enum coffer_err hpke_public_check(const uint8_t public_key[static HPKE_PUBLIC_LEN]) MUST_USE;

/* Seals pt to a public key: writes the encapsulated key, appends pt.len + 16 bytes to *out_ct. ERR_FIELD: the public
 * key is not on the curve. ERR_TOO_LARGE: info over HPKE_INFO_MAX. */
enum coffer_err hpke_seal(const uint8_t public_key[static HPKE_PUBLIC_LEN], struct view info, struct view aad,
	struct view pt, uint8_t out_enc[static HPKE_ENC_LEN], struct buf *out_ct) MUST_USE;
/* Opens; caller frees *out (1 byte to SECRET_MAX of plaintext; ERR_TRUNCATED, ERR_TOO_LARGE outside). ERR_FIELD: enc is
 * not on the curve. ERR_CONTEXT: key, info, aad or bytes are others. */
enum coffer_err hpke_open(const struct secret *private_key, const uint8_t enc[static HPKE_ENC_LEN], struct view info,
	struct view aad, struct view ct, struct secret **out) MUST_USE;

/* Diffie-Hellman of a private key that is somewhere else (a token): X of the shared point, HPKE_SHARED_LEN bytes, the caller's to free. The point is on the curve. */
#define HPKE_SHARED_LEN 32u
typedef enum coffer_err hpke_dh_fn(void *arg, const uint8_t point[static HPKE_PUBLIC_LEN], struct secret **out_shared);
/* hpke_open with such a key, whose public half is public_key (ERR_FIELD: no point). The key's own errors as they are; ERR_CRYPTO: it gives something of another
 * length. It is asked once, and not before enc and ct have their form. */
enum coffer_err hpke_open_by(hpke_dh_fn *dh, void *arg, const uint8_t public_key[static HPKE_PUBLIC_LEN], const uint8_t enc[static HPKE_ENC_LEN],
	struct view info, struct view aad, struct view ct, struct secret **out) MUST_USE;

#endif
