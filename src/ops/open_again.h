/* After an administrator has taken what stopped the node. */
#ifndef COFFER_OPS_OPEN_AGAIN_H
#define COFFER_OPS_OPEN_AGAIN_H

#include "ops/engine.h"

/* Whether what kept a node from opening goes away by itself: memory is short, no random bytes come, a disk is full, the token does not answer or wants another PIN. Any thread. */
bool open_failure_passes(enum coffer_err err);

/* Opens a node that is at fault; what stands in its way and passes (open_failure_passes) is waited for, and the node then opens by itself. Admin lane, admin_lock held. */
enum coffer_err open_again(struct engine *engine, struct reason *reason) MUST_USE;

#endif
