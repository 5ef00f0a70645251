/* Names and Object Groups among the attributes of an object. */
#ifndef COFFER_OBJECTS_NAMES_H
#define COFFER_OBJECTS_NAMES_H

#include "objects/attrset.h"

/* The text of the first Name value; empty when there is none. Borrowed. */
struct view names_first(const struct attrset *attrs);
bool names_has(const struct attrset *attrs, struct view name);
/* The text of the i-th Name value (by position); false when there are fewer. Borrowed. */
bool names_at(const struct attrset *attrs, size_t i, struct view *out);
/* The first Object Group; empty when there is none. Borrowed. */
struct view names_group(const struct attrset *attrs);
bool names_group_at(const struct attrset *attrs, size_t i, struct view *out);
/* Adds a Name of type Uninterpreted Text String. */
enum coffer_err names_add(struct attrset *attrs, struct view name) MUST_USE;
enum coffer_err names_add_group(struct attrset *attrs, struct view group) MUST_USE;

#endif
