/* Whether an object has the attributes that a Locate asks for (KMIP 1.4 section 4.9). Any thread. */
#ifndef COFFER_OPS_LOCATE_MATCH_H
#define COFFER_OPS_LOCATE_MATCH_H

#include "kmip/attr.h"
#include "objects/codec.h"
#include "ops/kmip_attributes.h"
#include "ops/op.h"

#define LOCATE_CRITERIA_MAX 32u

struct locate_criteria {
	struct kmip_attr_value values[LOCATE_CRITERIA_MAX]; /* borrow the request */
	size_t count;
};

/* Takes the Attributes that stand next in the payload. ERR_FIELD: unknown, of a later protocol version, or a date more than twice; ERR_MISSING: without
 * a value; ERR_LIMIT. */
enum coffer_err locate_read(struct op_ctx *ctx, struct ttlv_cursor *payload, struct locate_criteria *out) MUST_USE;
bool locate_asks(const struct locate_criteria *criteria, enum kmip_attr id);
/* All of them are met. A date: that one, or two of them for a range; without the date, as if it were the last there is. Usage mask: every bit asked for.
 * Usage Limits: at least as much. A structure: every field asked for. Anything else: the same value in any instance. */
enum coffer_err locate_match(const struct locate_criteria *criteria, const struct kmip_seen *seen, bool *out) MUST_USE;
/* False when the clear columns of a row already tell that locate_match will not. */
bool locate_may_match(const struct locate_criteria *criteria, const struct object_head *head);

#endif
