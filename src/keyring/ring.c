/* The ring: generations in rising order, each with its data key, its subkeys and its warm record ciphers. */
#include "keyring/ring.h"

#include <stdlib.h>
#include <string.h>

#include "base/writer.h"
#include "crypto/mac.h"
#include "crypto/rng.h"
#include "keyring/ring_internal.h"

struct entry {
	uint32_t generation;
	struct secret *key;
	struct secret *subkeys[SUBKEY_COUNT];   /* NULL until first used */
	struct xaes_key *ciphers[SUBKEY_COUNT]; /* only those of records; NULL until first used */
	struct mac_key *macs[SUBKEY_COUNT];     /* likewise, of what was the newest generation then */
};

/* Of a generation that left: its audit links can be checked for ever. */
struct retired {
	uint32_t generation;
	struct secret *audit;
};

struct ring {
	struct domain_id domain;
	bool shared;
	struct retired *retired;
	unsigned retired_count;
	unsigned count;
	unsigned cap;
	struct entry *entries; /* rising generations; pointers only, the keys are in the arena */
	struct rng_pool *nonces; /* NULL: not asked for yet */
};

struct ring *ring_new(const struct domain_id *domain)
{
	struct ring *ring = calloc(1, sizeof *ring);
	if (ring) ring->domain = *domain;
	return ring;
}

static void entry_free(struct entry *e)
{
	for (unsigned i = 0; i < SUBKEY_COUNT; i++) {
		xaes_key_free(e->ciphers[i]);
		mac_key_free(e->macs[i]);
		secret_free(e->subkeys[i]);
	}
	secret_free(e->key);
}

void ring_free(struct ring *ring)
{
	if (!ring) return;
	for (unsigned i = 0; i < ring->count; i++) entry_free(&ring->entries[i]);
	for (unsigned i = 0; i < ring->retired_count; i++) secret_free(ring->retired[i].audit);
	rng_pool_free(ring->nonces);
	free(ring->retired);
	free(ring->entries);
	free(ring);
}

struct rng_pool *ring_nonces(struct ring *ring)
{
	if (!ring->nonces) ring->nonces = rng_pool_new();
	return ring->nonces;
}

void ring_set_shared(struct ring *ring, bool shared)
{
	ring->shared = shared;
}

bool ring_is_behind(const struct ring *ring, uint32_t generation)
{
	return ring->shared && generation > ring_newest(ring);
}

const struct domain_id *ring_domain(const struct ring *ring)
{
	return &ring->domain;
}

/* Index of the first entry whose generation is not below `generation`. */
static unsigned lower_bound(const struct ring *ring, uint32_t generation)
{
	unsigned low = 0, high = ring->count;
	while (low < high) {
		unsigned mid = low + (high - low) / 2;
		if (ring->entries[mid].generation < generation) low = mid + 1;
		else high = mid;
	}
	return low;
}

static struct entry *find(const struct ring *ring, uint32_t generation)
{
	unsigned at = lower_bound(ring, generation);
	return at < ring->count && ring->entries[at].generation == generation ? &ring->entries[at] : NULL;
}

static enum coffer_err make_room(struct ring *ring)
{
	if (ring->count < ring->cap) return ERR_OK;
	unsigned cap = ring->cap ? ring->cap * 2 : 4;
	struct entry *entries = reallocarray(ring->entries, cap, sizeof *entries);
	ENSURE(entries, ERR_MEMORY);
	ring->entries = entries;
	ring->cap = cap;
	return ERR_OK;
}

enum coffer_err ring_add(struct ring *ring, uint32_t generation, struct secret **key)
{
	ENSURE(generation != 0 && *key && secret_len(*key) == DATA_KEY_LEN, ERR_FIELD);
	ENSURE(!find(ring, generation), ERR_EXISTS);
	ENSURE(ring->count < RING_GENERATIONS_MAX, ERR_LIMIT);
	TRY(make_room(ring));
	unsigned at = lower_bound(ring, generation);
	memmove(&ring->entries[at + 1], &ring->entries[at], (ring->count - at) * sizeof *ring->entries);
	ring->entries[at] = (struct entry){ .generation = generation, .key = TAKE(*key) };
	ring->count++;
	return ERR_OK;
}

void ring_remove(struct ring *ring, uint32_t generation)
{
	struct entry *e = find(ring, generation);
	if (!e) return;
	entry_free(e);
	unsigned at = (unsigned)(e - ring->entries);
	memmove(e, e + 1, (ring->count - at - 1) * sizeof *e);
	ring->count--;
}

static struct retired *find_retired(const struct ring *ring, uint32_t generation)
{
	for (unsigned i = 0; i < ring->retired_count; i++)
		if (ring->retired[i].generation == generation) return &ring->retired[i];
	return NULL;
}

enum coffer_err ring_add_audit(struct ring *ring, uint32_t generation, struct secret **audit)
{
	ENSURE(generation != 0 && *audit && secret_len(*audit) == SUBKEY_LEN, ERR_FIELD);
	ENSURE(!find(ring, generation) && !find_retired(ring, generation), ERR_EXISTS);
	ENSURE(ring->retired_count < RING_RETIRED_MAX, ERR_LIMIT);
	struct retired *retired = reallocarray(ring->retired, ring->retired_count + 1, sizeof *retired);
	ENSURE(retired, ERR_MEMORY);
	ring->retired = retired;
	retired[ring->retired_count++] = (struct retired){ generation, TAKE(*audit) };
	return ERR_OK;
}

uint32_t ring_newest(const struct ring *ring)
{
	return ring->count ? ring->entries[ring->count - 1].generation : 0;
}

unsigned ring_count(const struct ring *ring)
{
	return ring->count;
}

uint32_t ring_generation_at(const struct ring *ring, unsigned i)
{
	PRE(i < ring->count);
	return ring->entries[i].generation;
}

enum coffer_err ring_data_key(const struct ring *ring, uint32_t generation, const struct secret **out)
{
	const struct entry *e = find(ring, generation);
	ENSURE(e, ERR_NOT_FOUND);
	*out = e->key;
	return ERR_OK;
}

enum coffer_err ring_subkey(struct ring *ring, uint32_t generation, enum subkey which, const struct secret **out)
{
	uint8_t tail[4];
	struct writer w;
	struct entry *e = find(ring, generation);
	PRE((unsigned)which < SUBKEY_COUNT);
	const struct retired *retired = !e && which == SUBKEY_AUDIT ? find_retired(ring, generation) : NULL;
	if (retired) {
		*out = retired->audit;
		return ERR_OK;
	}
	ENSURE(e, ERR_NOT_FOUND);
	if (!e->subkeys[which]) {
		AUTO_SECRET struct secret *subkey = secret_new(SUBKEY_LEN);
		ENSURE(subkey, ERR_MEMORY);
		writer_init(&w, tail, sizeof tail);
		writer_u32(&w, generation);
		TRY(writer_done(&w));
		TRY(subkey_derive(e->key, ring->domain.id, subkey_label(which), writer_view(&w), secret_mut(subkey)));
		e->subkeys[which] = TAKE(subkey);
	}
	*out = e->subkeys[which];
	return ERR_OK;
}

enum coffer_err ring_cipher(struct ring *ring, uint32_t generation, enum subkey which, struct xaes_key **out)
{
	const struct secret *subkey;
	PRE(which == SUBKEY_OBJECT_SEAL || which == SUBKEY_DOMAIN_KEY);
	TRY(ring_subkey(ring, generation, which, &subkey));
	struct entry *e = find(ring, generation);
	INVARIANT(e);
	if (!e->ciphers[which]) TRY(xaes_key_new(secret_bytes(subkey), &e->ciphers[which]));
	*out = e->ciphers[which];
	return ERR_OK;
}

/* The newest generation has nearly all of the work; the others of a long ring would take the arena for themselves. */
static struct mac_key *mac_of(struct ring *ring, uint32_t generation, enum subkey which, const struct secret *subkey)
{
	struct entry *e = find(ring, generation);
	if (!e || (!e->macs[which] && generation != ring_newest(ring))) return NULL;
	if (!e->macs[which] && mac_key_new(secret_view(subkey), &e->macs[which]) != ERR_OK) return NULL;
	return e->macs[which];
}

enum coffer_err ring_hmac(struct ring *ring, uint32_t generation, enum subkey which, const struct view *parts, size_t count, uint8_t out[static 32])
{
	const struct secret *subkey;
	TRY(ring_subkey(ring, generation, which, &subkey));
	struct mac_key *k = mac_of(ring, generation, which, subkey);
	return k ? mac_key_make(k, parts, count, out) : mac_hmac_sha256(secret_view(subkey), parts, count, out);
}
