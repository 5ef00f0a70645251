/* Shamir's secret sharing over GF(2^8) with polynomial 0x11D, each byte of the secret alone (docs/formats.md 10.2). Our
 * own code: no tables and no branches that depend on secrets; time depends on k, n, the lengths and the public x
 * values. Any thread. It proves nothing about a share: digests and checksums are recovery/'s. */
#ifndef COFFER_CRYPTO_SHAMIR_H
#define COFFER_CRYPTO_SHAMIR_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/view.h"

#define SHAMIR_SHARES_MAX 255u
#define SHAMIR_SECRET_MAX 1024u /* bytes */

/* Splits secret (1 to SHAMIR_SECRET_MAX bytes) into n shares, any k of which give it back: 1 <= k <= n <= 255, else
 * ERR_FIELD. Coefficients are uniform and fresh for each byte, zero included. Share of x = 1 … n is at out_shares + (x
 * - 1) * secret.len; out_shares has n * secret.len bytes and belongs into the arena. On failure it is wiped. */
enum coffer_err shamir_split(struct view secret, unsigned k, unsigned n, uint8_t *out_shares) MUST_USE;
/* Interpolates exactly k shares of len bytes each; shares[i] belongs to xs[i]. ERR_FIELD: k 0 or over 255, len 0 or
 * over the maximum, an x that is 0 or given twice, a share of another length. out has len bytes. Wrong shares give
 * wrong bytes, not an error. */
enum coffer_err shamir_combine(const uint8_t *xs, const struct view *shares, unsigned k, size_t len, uint8_t *out) MUST_USE;

#endif
