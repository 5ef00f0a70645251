/* The attributes of one object: an ordered set of encoded values (one TTLV item each), by attribute and index.
 * Built on the attribute table of kmip/attr.h. Not thread-safe; immutable once its object is published. */
#ifndef COFFER_OBJECTS_ATTRSET_H
#define COFFER_OBJECTS_ATTRSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/view.h"
#include "ttlv/ttlv.h"

#define ATTRSET_MAX 512u             /* values of one object */
#define ATTRSET_BYTES_MAX (256u * 1024u)
#define ATTRSET_INDEX_MAX 0x7fffffffu /* a KMIP Integer */
#define ATTRSET_INDEX_NONE UINT32_MAX

struct attrset_value {
	uint32_t attr;      /* enum kmip attribute id of kmip/attr.h */
	uint32_t index;     /* KMIP Attribute Index among the values of the same attribute */
	char *custom;       /* name of a custom attribute ("x-…"), else NULL */
	uint8_t *item;      /* one whole TTLV item under the attribute's own tag (custom: Attribute Value) */
	size_t item_len;
};

struct attrset {
	struct attrset_value *values;
	size_t count;
	size_t bytes;
};

void attrset_free(struct attrset *set);
enum coffer_err attrset_copy(const struct attrset *from, struct attrset *out) MUST_USE;
/* Appends a value; its index is the next free one of its attribute. ERR_LIMIT. */
enum coffer_err attrset_add(struct attrset *set, uint32_t attr, const char *custom, struct view item) MUST_USE;
/* Appends with a given index (reading back a record). ERR_EXISTS. */
enum coffer_err attrset_add_at(struct attrset *set, uint32_t attr, const char *custom, uint32_t index, struct view item) MUST_USE;
/* Adds or replaces the value with index 0. */
enum coffer_err attrset_set(struct attrset *set, uint32_t attr, struct view item) MUST_USE;
enum coffer_err attrset_set_enum(struct attrset *set, uint32_t attr, uint32_t value) MUST_USE;
enum coffer_err attrset_set_i32(struct attrset *set, uint32_t attr, int32_t value) MUST_USE;
enum coffer_err attrset_set_bool(struct attrset *set, uint32_t attr, bool value) MUST_USE;
enum coffer_err attrset_set_interval(struct attrset *set, uint32_t attr, uint32_t seconds) MUST_USE;
enum coffer_err attrset_set_time(struct attrset *set, uint32_t attr, uint64_t unix_s) MUST_USE;
/* Gives an existing value another content; index and place stay. ERR_NOT_FOUND, ERR_LIMIT. */
enum coffer_err attrset_replace(struct attrset *set, uint32_t attr, const char *custom, uint32_t index, struct view item) MUST_USE;
/* The value, or NULL. custom: NULL but for custom attributes. */
const struct attrset_value *attrset_get(const struct attrset *set, uint32_t attr, const char *custom, uint32_t index);
/* The value as an item that borrows from it; false when value is NULL. */
bool attrset_item(const struct attrset_value *value, struct ttlv_item *out);
/* Convenience reads of index 0; false when absent. A time before 1970 reads as 0: it has passed. */
bool attrset_get_time(const struct attrset *set, uint32_t attr, uint64_t *out_unix_s);
bool attrset_get_interval(const struct attrset *set, uint32_t attr, uint32_t *out_seconds);
bool attrset_get_bool(const struct attrset *set, uint32_t attr, bool *out);
size_t attrset_count(const struct attrset *set, uint32_t attr);
/* Whether a value of this attribute other than the one with index `except` (ATTRSET_INDEX_NONE: any) has this content. */
bool attrset_has(const struct attrset *set, uint32_t attr, const char *custom, struct view item, uint32_t except);
/* Whether it has any value. */
bool attrset_has_any(const struct attrset *set, uint32_t attr, const char *custom);
/* Removes every value of an attribute, or one index. */
void attrset_remove(struct attrset *set, uint32_t attr);
void attrset_remove_at(struct attrset *set, uint32_t attr, const char *custom, uint32_t index);

#endif
