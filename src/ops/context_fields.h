/* The context pairs of a vendor request (structures TAG_COFFER_CONTEXT) in their one encoding. No state; any thread. */
#ifndef COFFER_OPS_CONTEXT_FIELDS_H
#define COFFER_OPS_CONTEXT_FIELDS_H

#include "crypto/context.h"
#include "ttlv/ttlv.h"

struct context_fields {
	uint8_t bytes[CONTEXT_ENCODED_MAX];
	size_t len;
};

/* Takes every context pair that comes next, in any order of names. Errors of context_add and of the getters, with a sentence. */
enum coffer_err context_fields_take(struct ttlv_cursor *payload, struct context_fields *out, struct reason *reason) MUST_USE;
struct view context_fields_view(const struct context_fields *fields);

#endif
