/* Warm keys of one thread: a small direct-mapped cache. */
#include "ops/local.h"

#include <stdlib.h>
#include <string.h>

#include "ops/again.h"
#include "ops/bulk.h"
#include "ops/engine.h"

#define LOCAL_SLOTS 256u /* a power of two; two ways each */
#define LOCAL_WAYS 2u
#define LOCAL_NAMES 16u /* a power of two */
#define LOCAL_NAME_MAX 63u /* bytes: longer names are looked up each time */

struct named {
	uint8_t len; /* 0: free */
	uint8_t name[LOCAL_NAME_MAX];
	uint8_t id[UUID_LEN];
};

struct op_local {
	struct object_table *objects;
	struct rng_pool *rng;
	struct bulk_table *bulk;
	unsigned place;
	struct again *again[OP_LOCAL_AGAINS]; /* NULL until first needed */
	struct grants *grants;      /* reference */
	uint64_t grants_version;
	struct op_key keys[LOCAL_SLOTS][LOCAL_WAYS];
	uint8_t victim[LOCAL_SLOTS];
	struct named names[LOCAL_NAMES];
};

#define SEALS_AT_ONCE 64u /* of the budget that all threads share */

static void drop(struct op_key *key)
{
	if (key->seals) seal_budget_give(key->object->seals, key->seals);
	xaes_key_free(key->message);
	aead_key_free(key->gcm);
	free(key->choice);
	object_unref(key->object);
	*key = (struct op_key){ .serial = key->serial + 1 };
}

struct op_local *op_local_new(struct object_table *objects)
{
	struct op_local *local = calloc(1, sizeof *local);
	if (!local) return NULL;
	local->objects = objects;
	local->rng = rng_pool_new();
	if (!local->rng) {
		free(local);
		return NULL;
	}
	return local;
}

void op_local_clear(struct op_local *local)
{
	for (size_t i = 0; i < LOCAL_SLOTS; i++)
		for (size_t w = 0; w < LOCAL_WAYS; w++) drop(&local->keys[i][w]);
}

void op_local_sweep(struct op_local *local)
{
	for (size_t i = 0; i < LOCAL_SLOTS; i++)
		for (size_t w = 0; w < LOCAL_WAYS; w++)
			if (local->keys[i][w].object && local->keys[i][w].object->stale) drop(&local->keys[i][w]);
}

void op_local_free(struct op_local *local)
{
	if (!local) return;
	op_local_clear(local);
	grants_unref(local->grants);
	bulk_table_free(local->bulk);
	for (size_t i = 0; i < OP_LOCAL_AGAINS; i++) again_free(local->again[i]);
	rng_pool_free(local->rng);
	free(local);
}

bool op_key_spend(struct op_key *key)
{
	if (key->seals == 0) key->seals = seal_budget_take(key->object->seals, SEALS_AT_ONCE);
	if (key->seals == 0) return false;
	key->seals--;
	return true;
}

void op_local_set_place(struct op_local *local, unsigned place)
{
	local->place = place;
}

unsigned op_local_place(const struct op_local *local)
{
	return local ? local->place : 0;
}

struct again **op_local_again(struct op_local *local, unsigned place)
{
	return &local->again[place % OP_LOCAL_AGAINS];
}

struct rng_pool *op_local_rng(struct op_local *local)
{
	return local->rng;
}

struct grants *op_local_grants(struct op_local *local, struct engine *engine)
{
	uint64_t version = engine->grants_version; /* read first: what is fetched then is this, or newer */
	if (!local->grants || local->grants_version != version) {
		grants_unref(local->grants);
		local->grants = engine_grants(engine);
		local->grants_version = version;
	}
	return local->grants;
}

void op_local_count(struct op_local *local, struct bulk *bulk, const struct bulk_use *use)
{
	if (local && !local->bulk) local->bulk = bulk_table_new(bulk);
	if (local && local->bulk) bulk_note(local->bulk, use);
	else bulk_note_shared(bulk, use);
}

/* The end of a UUID is random: two of its bytes are a hash. */
static size_t slot_of(const uint8_t id[static UUID_LEN])
{
	return ((size_t)id[14] << 8 | id[15]) & (LOCAL_SLOTS - 1);
}

enum coffer_err op_local_key(struct op_local *local, const uint8_t id[static UUID_LEN], struct op_key **out)
{
	size_t slot = slot_of(id);
	struct op_key *ways = local->keys[slot];
	for (size_t w = 0; w < LOCAL_WAYS; w++) {
		struct op_key *key = &ways[w];
		if (!key->object || memcmp(key->object->id, id, UUID_LEN) != 0) continue;
		if (!key->object->stale) {
			*out = key;
			return ERR_OK;
		}
		drop(key);
	}
	struct object *o = object_table_get(local->objects, id);
	ENSURE(o, ERR_NOT_CACHED);
	struct op_key *key = !ways[0].object ? &ways[0] : &ways[local->victim[slot]++ % LOCAL_WAYS];
	drop(key);
	key->object = o;
	*out = key;
	return ERR_OK;
}

static struct named *named_of(struct op_local *local, struct view name)
{
	uint32_t h = (uint32_t)name.len;
	for (size_t i = 0; i < name.len; i++) h = h * 31 + name.ptr[i];
	return &local->names[(h ^ h >> 8) & (LOCAL_NAMES - 1)];
}

static bool is_live(const struct object *o)
{
	return o->state != OBJECT_DESTROYED && o->state != OBJECT_DESTROYED_COMPROMISED;
}

/* What is found is judged by the object itself: one that changed, was destroyed or lost its name is not there any more as it was. */
struct object *op_local_by_name(struct op_local *local, struct view name)
{
	struct op_key *key;
	if (name.len == 0 || name.len > LOCAL_NAME_MAX) return object_table_get_by_name(local->objects, name);
	struct named *n = named_of(local, name);
	if (n->len == name.len && memcmp(n->name, name.ptr, name.len) == 0 && op_local_key(local, n->id, &key) == ERR_OK &&
	    is_live(key->object) && object_has_name(key->object, name))
		return object_ref(key->object);
	struct object *o = object_table_get_by_name(local->objects, name);
	if (!o) return NULL;
	n->len = (uint8_t)name.len;
	memcpy(n->name, name.ptr, name.len);
	memcpy(n->id, o->id, UUID_LEN);
	return o;
}
