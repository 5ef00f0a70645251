/* What an object can be searched by: the entries of its index column (docs/formats.md section 7). Any thread, but for writing the column. */
#ifndef COFFER_OBJECTS_INDEX_H
#define COFFER_OBJECTS_INDEX_H

#include "base/buf.h"
#include "keyring/record.h"
#include "kmip/attr.h"
#include "objects/object.h"

#define OBJECT_INDEX_NAME 1u         /* a Name */
#define OBJECT_INDEX_GROUP 2u        /* an Object Group */
#define OBJECT_INDEX_OWNER 3u        /* the owner, while the object is not destroyed */
#define OBJECT_INDEX_ATTRIBUTE 4u    /* an attribute value, encoded by object_index_of_value */
#define OBJECT_INDEX_FORMER_OWNER 5u /* the owner of a destroyed object */
#define OBJECT_INDEX_PARTIAL 6u      /* empty value: the entries 4 did not fit and are not there */

/* The value lives during the call. An error ends the walk and is returned. */
typedef enum coffer_err object_index_fn(void *arg, const struct record_index_entry *entry);
/* Every entry of the object's column, doubles too. ERR_LIMIT: more Names and Object Groups than a column holds; ERR_MEMORY. */
enum coffer_err object_index_each(const struct object *o, object_index_fn *fn, void *arg) MUST_USE;
/* The entries that every object with a value matching this one has, or its entry OBJECT_INDEX_PARTIAL in their place. `value` may be a structure
 * with some of its fields. None: it cannot be searched for by the index. Names and Object Groups give their own entries. */
enum coffer_err object_index_of_value(const struct kmip_attr_value *value, object_index_fn *fn, void *arg) MUST_USE;
/* Whether the object's column holds the entry, told from the object itself: false also when memory is short. */
bool object_index_has(const struct object *o, const struct record_index_entry *entry);
/* Appends the column, with tokens of the ring's newest generation. Store thread. */
enum coffer_err object_index_write(struct ring *ring, const struct object *o, struct buf *out) MUST_USE;

#endif
