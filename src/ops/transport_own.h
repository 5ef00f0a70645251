/* The transport key of a node whose store several share: later generations of the data key are handed to it (docs/formats.md section 23.3). Who joins has made its own before; who founded the domain makes it when
 * it is open, and who goes over to another token makes another one there. */
#ifndef COFFER_OPS_TRANSPORT_OWN_H
#define COFFER_OPS_TRANSPORT_OWN_H

#include "ops/engine.h"

/* Makes it where this node's record names none, or one that the token in force does not know. Admin lane, admin_lock held, the domain open. ERR_UNSUPPORTED: this token makes no such key; errors of token and store, with the sentence. */
enum coffer_err transport_own_make(struct engine *engine, struct reason *reason) MUST_USE;

/* Inside the transaction that puts a master secret of another token in force: this node's record names no transport key, and what waits for the old one is erased. Until transport_own_make has made another one
 * no data key can be handed to this node, and none is begun: it would be wrapped for a key that is gone. Nothing where the record names none. Errors of the store. */
enum coffer_err transport_own_leave(struct engine *engine, struct txn *txn) MUST_USE;

#endif
