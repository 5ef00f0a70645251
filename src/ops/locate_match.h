/* Whether an object has the attributes that a Locate asks for (KMIP 1.4 section 4.9). */
#ifndef COFFER_OPS_LOCATE_MATCH_H
#define COFFER_OPS_LOCATE_MATCH_H

#include "kmip/attr.h"
#include "ops/kmip_attributes.h"
#include "ops/op.h"

#define LOCATE_CRITERIA_MAX 32u

struct locate_criteria {
	struct kmip_attr_value values[LOCATE_CRITERIA_MAX]; /* borrow the request */
	size_t count;
};

/* Takes the Attributes that stand next in the payload. ERR_FIELD unknown attribute, ERR_LIMIT. */
enum coffer_err locate_read(struct op_ctx *ctx, struct ttlv_cursor *payload, struct locate_criteria *out) MUST_USE;
bool locate_asks(const struct locate_criteria *criteria, enum kmip_attr id);
/* The text of a Name that is asked for; false when none is. */
bool locate_name(const struct locate_criteria *criteria, struct view *out);
enum coffer_err locate_match(const struct locate_criteria *criteria, const struct kmip_seen *seen, bool *out) MUST_USE;

#endif
