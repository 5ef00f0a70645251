/* HMAC-SHA-256 (RFC 2104, FIPS 198-1), never truncated. */
#ifndef COFFER_CRYPTO_MAC_H
#define COFFER_CRYPTO_MAC_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/view.h"

#define MAC_LEN 32u /* bytes */

/* HMAC over the parts, one after another, without separators. Key of 1 byte or more, else ERR_FIELD. Any thread. */
enum coffer_err mac_hmac_sha256(struct view key, const struct view *parts, size_t count,
	uint8_t out[static MAC_LEN]) MUST_USE;
/* Compares in constant time; ERR_CORRUPT when the MAC is another. */
enum coffer_err mac_hmac_sha256_check(struct view key, const struct view *parts, size_t count,
	const uint8_t mac[static MAC_LEN]) MUST_USE;

#endif
