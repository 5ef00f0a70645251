/* What was counted of bulk operations, as rows of the audit log (docs/formats.md section 8). Store thread. */
#ifndef COFFER_OPS_BULK_ROWS_H
#define COFFER_OPS_BULK_ROWS_H

#include "ops/bulk.h"
#include "ops/engine.h"

#define BULK_ROWS_AT_ONCE 1024u /* in the transaction of a request */
#define BULK_DETAILS_MAX 256u /* bytes of the sentence with its NUL */

/* "812 done, 64 further parts, 3325952 bytes, 2 did not open, 1 failed; from 2026-01-31T12:00:00Z to 2026-01-31T12:00:59Z" */
void bulk_row_details(const struct bulk_row *row, char out[static BULK_DETAILS_MAX]);
/* Whom the audit row names: "node" for several principals. Valid as long as the row. */
const char *bulk_row_principal(const struct bulk_row *row);
/* One audit row for each; inside the transaction. The batch stays the caller's, who drops it or gives it back by what becomes of the transaction. */
enum coffer_err bulk_append(struct engine *engine, struct txn *txn, const struct bulk_batch *batch) MUST_USE;
/* The same while the database does not answer: held by this node (audit/held.h), and durable. Errors as audit_held_append and audit_held_commit; nothing of it is held then, or that is not known. */
enum coffer_err bulk_hold(struct engine *engine, const struct bulk_batch *batch, struct reason *reason) MUST_USE;
/* What was counted until now with this key (NULL: with all, at most so many rows) goes into the log with this transaction, or is told later when that
 * does not become durable. Nothing while the store is not well. */
enum coffer_err bulk_tell(struct engine *engine, struct txn *txn, const uint8_t *id, size_t most) MUST_USE;

#endif
