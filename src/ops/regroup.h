/* The Object Groups of what an operation makes or changes, against the roles of who asks. */
#ifndef COFFER_OPS_REGROUP_H
#define COFFER_OPS_REGROUP_H

#include "ops/op.h"

/* For every operation that makes an object (before NULL), replaces one, or changes its attributes: asks policy_may_regroup with the grants of the
 * transaction under way. An operation with permission CREATE that does not ask is refused to whoever may create in groups alone. ERR_DENIED with a
 * sentence. Store lane, before anything is written. */
enum coffer_err op_may_regroup(struct op_ctx *ctx, const struct object *before, const struct object *after) MUST_USE;
/* The dispatcher's own look, after the handler of `row` and before its effect is kept: the target has no groups that it may not have, and who may
 * create in groups alone was asked for them. */
enum coffer_err op_check_groups(struct op_ctx *ctx, const struct op_row *row) MUST_USE;

#endif
