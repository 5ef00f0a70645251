/* What the dates of an object make of its state (KMIP 1.4 sections 3.22 to 3.27): a date that has passed takes effect when the object is
 * looked at, with or without a write. Any thread. */
#ifndef COFFER_OBJECTS_DATES_H
#define COFFER_OBJECTS_DATES_H

#include "base/reason.h"
#include "objects/object.h"

/* The state that the object is in at now_s (POSIX seconds): Pre-Active becomes Active at its Activation Date, Active becomes Deactivated at
 * its Deactivation Date. Templates and opaque objects have no such states: dates in them are attributes like others. */
enum object_state dates_state(const struct object *o, uint64_t now_s);
/* lifecycle_check_use of that state, and Process Start Date and Protect Stop Date. what: the key as the person knows it. ERR_STATE. */
enum coffer_err dates_check_use(const struct object *o, enum object_use use, uint64_t now_s, const char *what, struct reason *reason) MUST_USE;
/* Refuses dates that contradict each other: Activation ≤ Process Start, Activation ≤ Protect Stop ≤ Deactivation (KMIP 1.4
 * sections 3.25 to 3.27; a key may begin to process after it was deactivated). ERR_FIELD. */
enum coffer_err dates_check_order(const struct object *o, struct reason *reason) MUST_USE;

#endif
