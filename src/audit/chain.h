/* The audit chain of this node: rows in the same transaction as what they record (docs/formats.md section 8). Store thread. */
#ifndef COFFER_AUDIT_CHAIN_H
#define COFFER_AUDIT_CHAIN_H

#include <stdint.h>

#include "audit/digest.h"
#include "audit/event.h"
#include "base/err.h"
#include "base/reason.h"
#include "objects/txn.h"

struct audit_chain;

/* Reads the newest row of this node and checks its link as far as the one before it; an empty chain starts at the genesis link.
 * ERR_CORRUPT when the tail does not verify. Caller frees. */
enum coffer_err audit_chain_open(struct txn *txn, struct audit_chain **out, struct reason *reason) MUST_USE;
void audit_chain_free(struct audit_chain *chain);
/* Appends inside the open transaction; the tail moves back by itself when the transaction or savepoint is undone. */
enum coffer_err audit_append(struct audit_chain *chain, struct txn *txn, const struct audit_event *event) MUST_USE;
uint64_t audit_chain_length(const struct audit_chain *chain); /* newest sequence number, 0 when empty */
/* Behind which place the store has the records: seq 0 when none was taken out. */
const struct audit_place *audit_chain_base(const struct audit_chain *chain);
/* Takes records up to `last`, which is before the newest two, out of the store inside the open transaction, with a signed checkpoint over the last of them. exported: an
 * export holds them. The base moves back by itself when the transaction is undone. */
enum coffer_err audit_take_out(struct audit_chain *chain, struct txn *txn, uint64_t last, bool exported) MUST_USE;
/* The latest time (ms since 1970-01-01 UTC) in the 64 newest rows when the chain was opened, 0 when there was none. Not that of the newest alone: a
 * start with a wrong clock writes rows too; and not of all, so that a clock that once was in the future is forgotten. */
uint64_t audit_chain_known_ms(const struct audit_chain *chain);

/* Rows from `first` on, at most limit, in order; the event's views live during the call. */
typedef enum coffer_err audit_row_fn(void *arg, const struct audit_event *event);
enum coffer_err audit_read(struct audit_chain *chain, struct txn *txn, uint64_t first, size_t limit, audit_row_fn *fn, void *arg) MUST_USE;
/* Checks every link from the first record that the store has; *out_bad = first bad sequence number, 0 when all verify (ERR_OK) or ERR_CORRUPT with a sentence. */
enum coffer_err audit_verify(struct audit_chain *chain, struct txn *txn, uint64_t *out_bad, struct reason *reason) MUST_USE;

#endif
