/* After an administrator has taken what stopped the node. */
#ifndef COFFER_OPS_OPEN_AGAIN_H
#define COFFER_OPS_OPEN_AGAIN_H

#include "ops/engine.h"

/* Opens a node that is at fault; what stands in its way for want of memory or disk passes, and the node then opens by itself. Admin lane, admin_lock held. */
enum coffer_err open_again(struct engine *engine, struct reason *reason) MUST_USE;

#endif
