/* What keyring/ alone knows of a ring: derivation and the warm record ciphers. */
#ifndef COFFER_KEYRING_RING_INTERNAL_H
#define COFFER_KEYRING_RING_INTERNAL_H

#include "crypto/xaes.h"
#include "keyring/ring.h"

#define SUBKEY_LEN 32u /* bytes */

/* The label of a subkey; static storage. */
const char *subkey_label(enum subkey which);
/* HKDF-SHA-256(ikm = key (32), salt = domain id, info = "coffer v1 " | label | tail); tail at most 16 bytes. ERR_FIELD
 * when the key has another length. out has SUBKEY_LEN bytes. */
enum coffer_err subkey_derive(const struct secret *key, const uint8_t domain_id[static UUID_LEN], const char *label,
	struct view tail, uint8_t *out) MUST_USE;
/* The cipher of sealed records under (generation, which), made once and kept; borrowed while the ring lives.
 * ERR_NOT_FOUND. */
enum coffer_err ring_cipher(struct ring *ring, uint32_t generation, enum subkey which, struct xaes_key **out) MUST_USE;

#endif
