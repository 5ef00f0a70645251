/* Objects in memory, found by UUID or name without a global lock: shards with a reader-writer lock each; workers keep references in their
 * own small caches and look here again only when a snapshot is stale. Bounded: entries that were not found lately leave, and become stale,
 * because nobody would tell their holders about a newer snapshot. */
#ifndef COFFER_OBJECTS_TABLE_H
#define COFFER_OBJECTS_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/view.h"
#include "objects/object.h"

struct object_table;

struct object_table *object_table_new(size_t max_objects);
void object_table_free(struct object_table *t);
/* What the objects take together: secret_bytes of the arena (with what it keeps beside each), heap_bytes of ordinary memory for attributes. Beyond that
 * objects leave, those not found lately first. Default: no limit. Before it is used. */
void object_table_limit_bytes(struct object_table *t, size_t secret_bytes, size_t heap_bytes);
/* Who wants to know of each object that comes into memory, before anybody finds it there. On the store thread; no call of the table in it but object_table_get. Before it is used. */
typedef void object_table_watch_fn(void *arg, const struct object *o);
void object_table_watch(struct object_table *t, object_table_watch_fn *fn, void *arg);
/* Whether so much left since the last time that caches which hold references are to be swept: a sixteenth of what there may be. Store thread. */
bool object_table_squeezed(struct object_table *t);
/* A new reference, or NULL when it is not in memory (it may be in the store). Any thread. */
struct object *object_table_get(struct object_table *t, const uint8_t id[static UUID_LEN]);
/* By Name; only live objects in memory: the store knows whether a destroyed one is all there is. Any thread. */
struct object *object_table_get_by_name(struct object_table *t, struct view name);
/* Publishes a snapshot (takes a reference of its own) in place of an older one of the same id, which becomes stale. Only a
 * snapshot with a higher record_version replaces. Store thread. */
enum coffer_err object_table_publish(struct object_table *t, struct object *o) MUST_USE;
/* Takes the object out, whichever snapshot is there; it becomes stale. Store thread. */
void object_table_remove(struct object_table *t, const uint8_t id[static UUID_LEN]);
size_t object_table_count(struct object_table *t);
struct object_table_facts {
	size_t count, count_max;
	size_t secret, secret_max; /* bytes of the arena, as object_table_limit_bytes counts them */
	size_t heap, heap_max;     /* bytes of ordinary memory */
};
/* For status. Any thread. */
void object_table_facts(struct object_table *t, struct object_table_facts *out);
/* Drops everything (seal, zeroise); outstanding references stay valid but stale. */
void object_table_clear(struct object_table *t);

#endif
