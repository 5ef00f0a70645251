/* A change of the grants inside a transaction that others share: seen by later changes of the transaction at once, by the policy only when it
 * is durable. Store lane. */
#ifndef COFFER_OPS_GRANT_CHANGE_H
#define COFFER_OPS_GRANT_CHANGE_H

#include "ops/op.h"

/* Principal, role and scope of the payload, in their canonical form; granted_by is the one who asks. */
enum coffer_err grant_change_read(struct op_ctx *ctx, struct ttlv_cursor *payload, struct grant *out) MUST_USE;
/* The detail of the audit row: "role auditor to unix:1000 on payroll". */
void grant_change_describe(struct op_ctx *ctx, const struct grant *grant, const char *direction);
/* Who gives or takes the role administrator asks for the second one's yes (ops/quorum_ask.h). verb: "give", "take". */
enum coffer_err grant_change_quorum(struct op_ctx *ctx, const struct grant *grant, const char *verb) MUST_USE;
/* A reference to the grants as the transaction under way sees them. */
struct grants *grant_change_current(struct engine *engine);
/* Takes `next` (also on failure), which is published when the transaction is durable and forgotten when it is undone. */
enum coffer_err grant_change_stage(struct op_ctx *ctx, struct grants *next) MUST_USE;

#endif
