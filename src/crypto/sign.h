/* Ed25519 (RFC 8032, pure). Any thread. */
#ifndef COFFER_CRYPTO_SIGN_H
#define COFFER_CRYPTO_SIGN_H

#include <stdint.h>

#include "base/err.h"
#include "base/secret.h"
#include "base/view.h"

#define SIGN_PRIVATE_LEN 32u   /* bytes: the seed */
#define SIGN_PUBLIC_LEN 32u
#define SIGN_SIGNATURE_LEN 64u

/* A fresh key pair. Caller frees *out_private (the seed). */
enum coffer_err sign_keypair_generate(struct secret **out_private, uint8_t out_public[static SIGN_PUBLIC_LEN]) MUST_USE;
/* The public half of a seed. ERR_FIELD: not 32 bytes. */
enum coffer_err sign_public_of(const struct secret *private_key, uint8_t out_public[static SIGN_PUBLIC_LEN]) MUST_USE;
enum coffer_err sign_ed25519(const struct secret *private_key, struct view message,
	uint8_t out_signature[static SIGN_SIGNATURE_LEN]) MUST_USE;
/* ERR_OK when the signature is the key's; ERR_CORRUPT when it is not, or the public key is no point. */
enum coffer_err sign_verify(const uint8_t public_key[static SIGN_PUBLIC_LEN], struct view message,
	const uint8_t signature[static SIGN_SIGNATURE_LEN]) MUST_USE;

#endif
