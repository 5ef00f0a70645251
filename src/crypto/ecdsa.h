/* ECDSA (FIPS 186-4) with keys of a vendor in PEM files: P-256 with SHA-256, P-384 with SHA-384. Any thread. */
#ifndef COFFER_CRYPTO_ECDSA_H
#define COFFER_CRYPTO_ECDSA_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/secret.h"
#include "base/view.h"
#include "crypto/hash.h"

enum ecdsa_curve { ECDSA_P256 = 1, ECDSA_P384 = 2 }; /* the numbers that formats use */

#define ECDSA_FIELD_MAX 48u                       /* bytes of a coordinate */
#define ECDSA_POINT_MAX (1u + 2u * ECDSA_FIELD_MAX)
#define ECDSA_SIGNATURE_MAX (2u * ECDSA_FIELD_MAX)
#define ECDSA_PEM_MAX 16384u                      /* bytes of a PEM file */

struct ecdsa_public {
	enum ecdsa_curve curve;
	uint8_t point[ECDSA_POINT_MAX]; /* uncompressed: 0x04, X, Y */
};

/* ERR_CORRUPT: no such number. */
enum coffer_err ecdsa_curve_of(uint8_t number, enum ecdsa_curve *out) MUST_USE;
size_t ecdsa_field_len(enum ecdsa_curve curve);  /* 32 or 48 */
size_t ecdsa_point_len(enum ecdsa_curve curve);  /* 65 or 97 */
enum hash_algorithm ecdsa_hash(enum ecdsa_curve curve);

/* The key of a PEM file, public or private. ERR_FIELD: not a key of these curves, or encrypted with a passphrase. */
enum coffer_err ecdsa_public_from_pem(struct view pem, struct ecdsa_public *out) MUST_USE;
/* ERR_FIELD unless an uncompressed point on its curve. */
enum coffer_err ecdsa_check(const struct ecdsa_public *key) MUST_USE;
/* Signs a digest of ecdsa_hash with the private key of a PEM file: r, s of the field's length each. ERR_FIELD as above, and for a public key. */
enum coffer_err ecdsa_sign_with_pem(const struct secret *pem, struct view digest, uint8_t out[static ECDSA_SIGNATURE_MAX]) MUST_USE;
/* ERR_CORRUPT when the signature is another key's or another digest's. */
enum coffer_err ecdsa_verify(const struct ecdsa_public *key, struct view digest, struct view signature) MUST_USE;

#endif
