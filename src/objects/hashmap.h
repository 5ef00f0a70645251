/* One shard of the object table: hash -> object reference, chained, with its own reader-writer lock. Used by table.c only.
 * Every stored object carries a reference of the map; every object handed out carries one for the caller. */
#ifndef COFFER_OBJECTS_HASHMAP_H
#define COFFER_OBJECTS_HASHMAP_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/view.h"
#include "objects/object.h"

struct hashmap_entry;

struct hashmap {
	pthread_rwlock_t lock;
	struct hashmap_entry **buckets;
	size_t bucket_count; /* a power of two */
	size_t count;
	size_t hand;         /* bucket where eviction goes on (clock algorithm) */
};

typedef bool hashmap_same_fn(const struct object *o, struct view key);

bool hashmap_init(struct hashmap *map);
void hashmap_done(struct hashmap *map);
/* A new reference, or NULL. */
struct object *hashmap_get(struct hashmap *map, uint64_t hash, struct view key, hashmap_same_fn *same);
/* Stores a reference to o under key; the object it replaces moves to *out_old (NULL when none). */
enum coffer_err hashmap_put(struct hashmap *map, uint64_t hash, struct view key, hashmap_same_fn *same, struct object *o,
	struct object **out_old) MUST_USE;
/* Removes the entry that holds exactly this object, if there is one. */
void hashmap_remove(struct hashmap *map, uint64_t hash, struct object *o);
/* Takes out an entry that was not looked up since the hand last passed; the reference moves to the caller. NULL when empty. */
struct object *hashmap_evict(struct hashmap *map);
size_t hashmap_count(struct hashmap *map);

#endif
