/* The table of objects in memory: shards by UUID, and shards by Name beside them. */
#include "objects/table.h"

#include <stdlib.h>
#include <string.h>

#include "crypto/rng.h"
#include "objects/hashmap.h"
#include "objects/names.h"

#define SHARDS 64u
#define SWEEP_PART 16u /* of the limits: what those who left may go on holding in caches */

struct object_table {
	struct hashmap ids[SHARDS];
	struct hashmap names[SHARDS];
	size_t max_per_shard;
	_Atomic size_t bytes, heap; /* of secret memory, and of ordinary memory for attributes; changed by the store thread */
	size_t max_bytes, max_heap;
	size_t squeeze_hand;     /* shard where the next object is looked for that leaves for want of bytes */
	size_t bytes_left, heap_left; /* with those who left since the last sweep of the caches */
	object_table_watch_fn *watch;
	void *watch_arg;
	uint64_t seed; /* so that nobody can choose names that collide */
};

#define BLOCK_LEAST 64u /* the arena gives powers of two, and keeps a little beside each */

static size_t block_of(const struct secret *s)
{
	size_t block = BLOCK_LEAST;
	if (!s) return 0;
	while (block < secret_len(s) + BLOCK_LEAST / 2) block *= 2;
	return block;
}

static size_t cost_of(const struct object *o)
{
	return block_of(o->material) + block_of(o->seal_message) + block_of(o->seal_stream);
}

static size_t heap_of(const struct object *o)
{
	return sizeof *o + o->attrs.bytes + o->attrs.count * sizeof o->attrs.values[0] + o->wrapping_len;
}

static void count_in(struct object_table *t, const struct object *o)
{
	t->bytes += cost_of(o);
	t->heap += heap_of(o);
}

static void count_out(struct object_table *t, const struct object *o)
{
	t->bytes -= cost_of(o);
	t->heap -= heap_of(o);
}

static bool is_full(size_t used, size_t more, size_t most)
{
	return more > most || used > most - more;
}

static uint64_t hash_bytes(const struct object_table *t, struct view v)
{
	uint64_t h = t->seed;
	for (size_t i = 0; i < v.len; i++) h = (h ^ v.ptr[i]) * UINT64_C(0x100000001b3);
	h ^= h >> 32;
	h *= UINT64_C(0xd6e8feb86659fd93);
	return h ^ (h >> 32);
}

static bool same_id(const struct object *o, struct view id)
{
	return memcmp(o->id, id.ptr, UUID_LEN) == 0;
}

static bool same_name(const struct object *o, struct view name)
{
	return object_has_name(o, name);
}

struct object_table *object_table_new(size_t max_objects)
{
	struct object_table *t = calloc(1, sizeof *t);
	if (!t) return NULL;
	t->max_per_shard = max_objects / SHARDS + 1;
	t->max_bytes = t->max_heap = SIZE_MAX;
	bool ok = rng_bytes(&t->seed, sizeof t->seed) == ERR_OK;
	for (size_t i = 0; i < SHARDS; i++) ok = hashmap_init(&t->ids[i]) && hashmap_init(&t->names[i]) && ok;
	if (!ok) {
		object_table_free(t);
		return NULL;
	}
	return t;
}

void object_table_free(struct object_table *t)
{
	if (!t) return;
	for (size_t i = 0; i < SHARDS; i++) {
		hashmap_done(&t->names[i]);
		hashmap_done(&t->ids[i]);
	}
	free(t);
}

struct object *object_table_get(struct object_table *t, const uint8_t id[static UUID_LEN])
{
	uint64_t hash = hash_bytes(t, view_of(id, UUID_LEN));
	return hashmap_get(&t->ids[hash % SHARDS], hash, view_of(id, UUID_LEN), same_id);
}

static bool is_live(const struct object *o)
{
	return o->state != OBJECT_DESTROYED && o->state != OBJECT_DESTROYED_COMPROMISED;
}

struct object *object_table_get_by_name(struct object_table *t, struct view name)
{
	uint64_t hash = hash_bytes(t, name);
	struct object *o = hashmap_get(&t->names[hash % SHARDS], hash, name, same_name);
	if (o && (o->stale || !is_live(o))) {
		object_unref(o);
		return NULL;
	}
	return o;
}

/* Names of an object leave the name map, unless a newer object holds them by now. */
static void drop_names(struct object_table *t, struct object *o)
{
	struct view name;
	for (size_t i = 0; names_at(&o->attrs, i, &name); i++) {
		uint64_t hash = hash_bytes(t, name);
		hashmap_remove(&t->names[hash % SHARDS], hash, o);
	}
}

/* The name of a destroyed object is free again: it never takes the place of a live one. */
static bool held_by_live(struct object_table *t, struct view name, const struct object *o)
{
	struct object *holder = is_live(o) ? NULL : object_table_get_by_name(t, name);
	bool held = holder && is_live(holder) && memcmp(holder->id, o->id, UUID_LEN) != 0;
	object_unref(holder);
	return held;
}

static enum coffer_err put_names(struct object_table *t, struct object *o)
{
	struct view name;
	for (size_t i = 0; names_at(&o->attrs, i, &name); i++) {
		uint64_t hash = hash_bytes(t, name);
		if (held_by_live(t, name, o)) continue;
		struct object *old = NULL;
		TRY(hashmap_put(&t->names[hash % SHARDS], hash, name, same_name, o, &old));
		object_unref(old);
	}
	return ERR_OK;
}

static bool evict_one(struct object_table *t, struct hashmap *map)
{
	struct object *old = hashmap_evict(map);
	if (!old) return false;
	old->stale = true; /* the table cannot tell its holders about a newer snapshot any more */
	count_out(t, old);
	t->bytes_left += cost_of(old);
	t->heap_left += heap_of(old);
	drop_names(t, old);
	object_unref(old);
	return true;
}

/* Room for one more. One object alone may be larger than the limit. */
static void make_room(struct object_table *t, const struct object *o)
{
	size_t empty = 0;
	while ((is_full(t->bytes, cost_of(o), t->max_bytes) || is_full(t->heap, heap_of(o), t->max_heap)) && empty < SHARDS) {
		bool left = evict_one(t, &t->ids[t->squeeze_hand]);
		empty = left ? 0 : empty + 1;
		t->squeeze_hand = (t->squeeze_hand + 1) % SHARDS;
	}
}

void object_table_limit_bytes(struct object_table *t, size_t secret_bytes, size_t heap_bytes)
{
	t->max_bytes = secret_bytes;
	t->max_heap = heap_bytes;
}

void object_table_watch(struct object_table *t, object_table_watch_fn *fn, void *arg)
{
	t->watch = fn;
	t->watch_arg = arg;
}

bool object_table_squeezed(struct object_table *t)
{
	bool squeezed = t->bytes_left > t->max_bytes / SWEEP_PART || t->heap_left > t->max_heap / SWEEP_PART;
	if (squeezed) t->bytes_left = t->heap_left = 0;
	return squeezed;
}

enum coffer_err object_table_publish(struct object_table *t, struct object *o)
{
	uint64_t hash = hash_bytes(t, view_of(o->id, UUID_LEN));
	struct hashmap *map = &t->ids[hash % SHARDS];
	struct object *old = hashmap_get(map, hash, view_of(o->id, UUID_LEN), same_id);
	if (old) {
		bool newer = o->record_version > old->record_version;
		object_unref(old);
		if (!newer) return ERR_OK;
		old = NULL;
	} else if (hashmap_count(map) >= t->max_per_shard) {
		evict_one(t, map); /* before the new one is in, so that it is never the one that leaves */
	}
	if (t->watch) t->watch(t->watch_arg, o);
	make_room(t, o);
	enum coffer_err err = hashmap_put(map, hash, view_of(o->id, UUID_LEN), same_id, o, &old);
	if (!err) count_in(t, o);
	if (old) {
		old->stale = true;
		count_out(t, old);
		drop_names(t, old);
		object_unref(old);
	}
	TRY(err);
	return put_names(t, o);
}

void object_table_remove(struct object_table *t, const uint8_t id[static UUID_LEN])
{
	uint64_t hash = hash_bytes(t, view_of(id, UUID_LEN));
	struct hashmap *map = &t->ids[hash % SHARDS];
	struct object *o = hashmap_get(map, hash, view_of(id, UUID_LEN), same_id);
	if (!o) return;
	hashmap_remove(map, hash, o);
	o->stale = true;
	count_out(t, o);
	drop_names(t, o);
	object_unref(o);
}

size_t object_table_count(struct object_table *t)
{
	size_t n = 0;
	for (size_t i = 0; i < SHARDS; i++) n += hashmap_count(&t->ids[i]);
	return n;
}

void object_table_facts(struct object_table *t, struct object_table_facts *out)
{
	*out = (struct object_table_facts){ .count = object_table_count(t), .count_max = t->max_per_shard * SHARDS, .secret = t->bytes,
		.secret_max = t->max_bytes, .heap = t->heap, .heap_max = t->max_heap };
}

void object_table_clear(struct object_table *t)
{
	for (size_t i = 0; i < SHARDS; i++) {
		for (struct object *o; (o = hashmap_evict(&t->ids[i])) != NULL;) {
			o->stale = true;
			count_out(t, o);
			drop_names(t, o);
			object_unref(o);
		}
	}
}
