/* How many GCM invocations a key may still make (SP 800-38D section 8.3: at most 2^32 under one key). The store holds how many were set aside so
 * far; memory spends them one by one. A crash loses what was set aside and not spent, never counts one too few. Blocks grow while a key stays
 * in memory, so that a key that is loaded often loses little and one that works hard writes seldom.
 *
 * Shared by all snapshots of one object in memory (reference-counted). Any thread. */
#ifndef COFFER_OBJECTS_SEAL_BUDGET_H
#define COFFER_OBJECTS_SEAL_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/reason.h"

#define SEAL_BUDGET_MAX (UINT64_C(1) << 32)        /* invocations of one key */
#define SEAL_BUDGET_BLOCK_FIRST UINT64_C(1024)
#define SEAL_BUDGET_BLOCK_MOST (UINT64_C(1) << 22)

struct seal_budget;

/* One reference, nothing to spend; NULL when memory is short. */
struct seal_budget *seal_budget_new(void);
struct seal_budget *seal_budget_ref(struct seal_budget *b);
void seal_budget_unref(struct seal_budget *b); /* accepts NULL */
/* Spends one; false when nothing is left. */
bool seal_budget_spend(struct seal_budget *b);
/* Takes at most so many out of it, to be spent by one thread alone; 0: nothing is left. What it does not spend it gives back. */
uint32_t seal_budget_take(struct seal_budget *b, uint32_t most);
void seal_budget_give(struct seal_budget *b, uint32_t count);

/* Spends one of what the transaction under way set aside; false when there is nothing. What is undone behind it counts as made. Store thread, in a transaction. */
bool seal_budget_spend_staged(struct seal_budget *b);

struct object;
struct txn;
/* Sets the next block aside in `o`, a private copy that the caller's transaction writes here (txn_update), and spends one of it; the rest can be
 * spent once the transaction is durable. ERR_LIMIT with a sentence: the key has made all that it may. Store thread. */
enum coffer_err seal_budget_reserve(struct txn *txn, struct object *o, struct reason *reason) MUST_USE;

#endif
