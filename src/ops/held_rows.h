/* Records of the time without the database come into the audit log (audit/held.h). Store thread. */
#ifndef COFFER_OPS_HELD_ROWS_H
#define COFFER_OPS_HELD_ROWS_H

#include "audit/held.h"
#include "ops/engine.h"

/* engine_store_fn, arg: struct audit_held_place, for audit_held_moved when the transaction is durable. Each record with the time when it was made, and what is missing of them as a record of its own; a key that
 * was handed out meanwhile is not fresh any more. */
enum coffer_err held_rows_move(struct engine *engine, struct txn *txn, void *arg, struct reason *reason) MUST_USE;

#endif
