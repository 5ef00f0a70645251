/* A later generation of the data key comes to this node (docs/formats.md section 23.3, table 67): opened by its token, wrapped by its own master secret, a slot of its own. */
#ifndef COFFER_OPS_GENERATION_TAKE_H
#define COFFER_OPS_GENERATION_TAKE_H

#include "ops/engine.h"

/* Store lane, outside a transaction: whether a row waits for this node. Errors of the store. */
enum coffer_err generation_waits(struct engine *engine, bool *out) MUST_USE;
/* Takes what waits, in order; nothing waits: ERR_OK. What was taken stays when a later one fails. Admin lane, admin_lock held; the domain's ring is set, and it need not be open.
 * ERR_NOT_FOUND: this node has no transport key; else as refresh_open, and errors of token and store, each with its sentence. */
enum coffer_err generation_take(struct engine *engine, struct reason *reason) MUST_USE;

#endif
