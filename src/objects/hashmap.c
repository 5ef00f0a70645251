/* A chained hash map of object references with clock eviction. */
#include "objects/hashmap.h"

#include <stdlib.h>

#define BUCKETS_FIRST 16u

struct hashmap_entry {
	struct hashmap_entry *next;
	uint64_t hash;
	struct object *object;
	_Atomic bool used; /* looked up since the hand passed */
};

bool hashmap_init(struct hashmap *map)
{
	*map = (struct hashmap){ .bucket_count = BUCKETS_FIRST };
	map->buckets = calloc(map->bucket_count, sizeof(struct hashmap_entry *));
	return map->buckets && pthread_rwlock_init(&map->lock, NULL) == 0;
}

void hashmap_done(struct hashmap *map)
{
	if (!map->buckets) return;
	for (size_t i = 0; i < map->bucket_count; i++) {
		for (struct hashmap_entry *e = map->buckets[i], *next; e; e = next) {
			next = e->next;
			object_unref(e->object);
			free(e);
		}
	}
	free(map->buckets);
	pthread_rwlock_destroy(&map->lock);
}

/* Bits above those that chose the shard. */
static size_t bucket_of(const struct hashmap *map, uint64_t hash)
{
	return (size_t)(hash >> 8) & (map->bucket_count - 1);
}

struct object *hashmap_get(struct hashmap *map, uint64_t hash, struct view key, hashmap_same_fn *same)
{
	struct object *found = NULL;
	pthread_rwlock_rdlock(&map->lock);
	for (struct hashmap_entry *e = map->buckets[bucket_of(map, hash)]; e; e = e->next) {
		if (e->hash == hash && same(e->object, key)) {
			e->used = true;
			found = object_ref(e->object);
			break;
		}
	}
	pthread_rwlock_unlock(&map->lock);
	return found;
}

/* Doubles the buckets; when memory is short the chains just grow longer. */
static void grow(struct hashmap *map)
{
	size_t count = map->bucket_count * 2;
	struct hashmap_entry **buckets = calloc(count, sizeof(struct hashmap_entry *)), **old = map->buckets;
	if (!buckets) return;
	size_t old_count = map->bucket_count;
	map->buckets = buckets;
	map->bucket_count = count;
	map->hand = 0;
	for (size_t i = 0; i < old_count; i++) {
		for (struct hashmap_entry *e = old[i], *next; e; e = next) {
			next = e->next;
			size_t at = bucket_of(map, e->hash);
			e->next = buckets[at];
			buckets[at] = e;
		}
	}
	free(old);
}

static enum coffer_err insert(struct hashmap *map, uint64_t hash, struct object *o)
{
	struct hashmap_entry *e = calloc(1, sizeof *e);
	ENSURE(e, ERR_MEMORY);
	if (map->count >= map->bucket_count) grow(map);
	struct hashmap_entry **bucket = &map->buckets[bucket_of(map, hash)];
	e->next = *bucket;
	e->hash = hash;
	e->used = true;
	*bucket = e;
	e->object = object_ref(o);
	map->count++;
	return ERR_OK;
}

enum coffer_err hashmap_put(struct hashmap *map, uint64_t hash, struct view key, hashmap_same_fn *same, struct object *o,
	struct object **out_old)
{
	enum coffer_err err = ERR_OK;
	struct hashmap_entry *e;
	*out_old = NULL;
	pthread_rwlock_wrlock(&map->lock);
	for (e = map->buckets[bucket_of(map, hash)]; e; e = e->next)
		if (e->hash == hash && same(e->object, key)) break;
	if (e) {
		*out_old = e->object;
		e->object = object_ref(o);
		e->used = true;
	} else {
		err = insert(map, hash, o);
	}
	pthread_rwlock_unlock(&map->lock);
	return err;
}

/* Unlinks *at and hands its reference over. Under the write lock. */
static struct object *unlink_entry(struct hashmap *map, struct hashmap_entry **at)
{
	struct hashmap_entry *e = *at;
	struct object *o = e->object;
	*at = e->next;
	free(e);
	map->count--;
	return o;
}

void hashmap_remove(struct hashmap *map, uint64_t hash, struct object *o)
{
	struct object *removed = NULL;
	pthread_rwlock_wrlock(&map->lock);
	for (struct hashmap_entry **at = &map->buckets[bucket_of(map, hash)]; *at; at = &(*at)->next) {
		if ((*at)->object == o) {
			removed = unlink_entry(map, at);
			break;
		}
	}
	pthread_rwlock_unlock(&map->lock);
	object_unref(removed);
}

/* Passes over one bucket: spares what was used, takes the first that was not. */
static struct object *sweep_bucket(struct hashmap *map, size_t bucket)
{
	for (struct hashmap_entry **at = &map->buckets[bucket]; *at; at = &(*at)->next) {
		if (!(*at)->used) return unlink_entry(map, at);
		(*at)->used = false;
	}
	return NULL;
}

struct object *hashmap_evict(struct hashmap *map)
{
	struct object *taken = NULL;
	pthread_rwlock_wrlock(&map->lock);
	for (size_t i = 0; map->count > 0 && !taken && i <= 2 * map->bucket_count; i++) {
		taken = sweep_bucket(map, map->hand);
		if (!taken) map->hand = (map->hand + 1) & (map->bucket_count - 1);
	}
	pthread_rwlock_unlock(&map->lock);
	return taken;
}

size_t hashmap_count(struct hashmap *map)
{
	pthread_rwlock_rdlock(&map->lock);
	size_t n = map->count;
	pthread_rwlock_unlock(&map->lock);
	return n;
}
