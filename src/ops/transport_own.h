/* The transport key of a node that founded its domain: made in its token when several nodes share the store, so that later generations of the data key can be handed to it too
 * (docs/formats.md section 23.3). Who joined has made its own before. */
#ifndef COFFER_OPS_TRANSPORT_OWN_H
#define COFFER_OPS_TRANSPORT_OWN_H

#include "ops/engine.h"

/* Makes it where this node's record names none. Admin lane, admin_lock held, the domain open. ERR_UNSUPPORTED: this token makes no such key; errors of token and store, with the sentence. */
enum coffer_err transport_own_make(struct engine *engine, struct reason *reason) MUST_USE;

#endif
