/* The ring: the data keys of a domain by generation, and their subkeys (docs/formats.md section 2). Lives in the arena.
 * Not thread-safe: filled by the thread that opens the domain, then owned by the store thread. */
#ifndef COFFER_KEYRING_RING_H
#define COFFER_KEYRING_RING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/secret.h"
#include "keyring/domain.h"

#define RING_GENERATIONS_MAX 1024u
#define RING_RETIRED_MAX 65536u /* generations that left */
#define DATA_KEY_LEN 32u

struct ring;
struct rng_pool;

/* Subkey labels: one use each. SUBKEY(name, label) of keyring/subkey.def: OBJECT_SEAL "object-seal", INDEX "index",
 * AUDIT "audit", NODE_RECORD "node-record", KEY_CHECK "key-check", DOMAIN_KEY "domain-key", ANCHOR "anchor". */
enum subkey {
#define SUBKEY(name, label) SUBKEY_##name,
#include "keyring/subkey.def"
#undef SUBKEY
	SUBKEY_COUNT
};

/* An empty ring for a domain; NULL when memory is short. Caller frees. */
struct ring *ring_new(const struct domain_id *domain);
/* Wipes every key; accepts NULL. */
void ring_free(struct ring *ring);
const struct domain_id *ring_domain(const struct ring *ring);
/* Takes a data key (moves *key). The caller has checked key check and generation signature. ERR_EXISTS, ERR_LIMIT. */
enum coffer_err ring_add(struct ring *ring, uint32_t generation, struct secret **key) MUST_USE;
/* Wipes a generation's keys; what was borrowed of them is gone. Does nothing when the ring has it not. */
void ring_remove(struct ring *ring, uint32_t generation);
/* The audit subkey (32 bytes, moved) of a generation that left the ring: ring_subkey gives SUBKEY_AUDIT of it, and nothing else does. ERR_EXISTS: the
 * ring has it, or the generation itself; ERR_LIMIT, ERR_FIELD, ERR_MEMORY. */
enum coffer_err ring_add_audit(struct ring *ring, uint32_t generation, struct secret **audit) MUST_USE;
/* Several nodes share the domain: one of them may have made a generation that this one has not fetched yet (false at first). */
void ring_set_shared(struct ring *ring, bool shared);
bool ring_is_behind(const struct ring *ring, uint32_t generation); /* it is newer than all that are here, and can be fetched */
/* 0 when the ring is empty. */
uint32_t ring_newest(const struct ring *ring);
unsigned ring_count(const struct ring *ring);
/* The i-th generation in rising order, i < ring_count. */
uint32_t ring_generation_at(const struct ring *ring, unsigned i);
/* The data key itself, borrowed; only for wrapping it (slots, recovery). ERR_NOT_FOUND. */
enum coffer_err ring_data_key(const struct ring *ring, uint32_t generation, const struct secret **out) MUST_USE;
/* A subkey (32 bytes), derived once and kept; borrowed while the ring lives. ERR_NOT_FOUND: no such generation. */
enum coffer_err ring_subkey(struct ring *ring, uint32_t generation, enum subkey which, const struct secret **out) MUST_USE;

/* HMAC-SHA-256 over the parts under a subkey. ERR_NOT_FOUND: no such generation. */
enum coffer_err ring_hmac(struct ring *ring, uint32_t generation, enum subkey which, const struct view *parts, size_t count, uint8_t out[static 32]) MUST_USE;

/* Where nonces of records come from, borrowed; NULL where memory is short: then each is drawn by itself (crypto/rng.h). */
struct rng_pool *ring_nonces(struct ring *ring);

/* The public key check of a data key before it is in a ring. */
enum coffer_err ring_key_check(const struct domain_id *domain, uint32_t generation, const struct secret *key,
	uint8_t out[static 32]) MUST_USE;

/* Subkeys of a managed AES-256 key (docs/formats.md 2.2). label: "seal-message" or "seal-stream". Caller frees *out. */
enum coffer_err ring_managed_subkey(const uint8_t domain_id[static UUID_LEN], const uint8_t key_id[static UUID_LEN],
	const struct secret *key, const char *label, struct secret **out) MUST_USE;

#endif
