/* Making a domain and signing its generations (docs/formats.md section 2.3): the domain key pair lives in the sealed
 * record "domain-key". */
#ifndef COFFER_KEYRING_GENERATION_H
#define COFFER_KEYRING_GENERATION_H

#include "keyring/ring.h"
#include "store/store.h"

/* Signs T("generation") | domain id | generation | key check with the domain private key (32-byte seed). */
enum coffer_err generation_sign(const struct secret *domain_seed, const struct domain_id *domain, uint32_t generation,
	const uint8_t key_check[static 32], uint8_t out[static DOMAIN_SIGNATURE_LEN]) MUST_USE;
/* ERR_CORRUPT when it does not verify under domain->public_key. */
enum coffer_err generation_verify(const struct domain_id *domain, uint32_t generation, const uint8_t key_check[static 32],
	const uint8_t signature[static DOMAIN_SIGNATURE_LEN]) MUST_USE;
/* Writes and reads the record that holds the domain key pair. Inside a transaction. Caller frees *out_seed. */
enum coffer_err generation_put_domain_key(struct store *store, struct ring *ring, const struct secret *seed,
	const uint8_t public_key[static DOMAIN_PUBLIC_LEN]) MUST_USE;
enum coffer_err generation_get_domain_key(struct store *store, struct ring *ring, struct secret **out_seed) MUST_USE;

#endif
