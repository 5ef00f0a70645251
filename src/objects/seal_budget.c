/* GCM invocations: set aside durably, spent in memory. */
#include "objects/seal_budget.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "objects/txn.h"

struct seal_budget {
	_Atomic unsigned refs;
	_Atomic uint64_t left;
	_Atomic uint64_t block; /* size of the next one */
	struct credit *staged;  /* what the transaction under way set aside; NULL: nothing. Store thread */
};

struct seal_budget *seal_budget_new(void)
{
	struct seal_budget *b = calloc(1, sizeof *b);
	if (!b) return NULL;
	b->refs = 1;
	b->block = SEAL_BUDGET_BLOCK_FIRST;
	return b;
}

struct seal_budget *seal_budget_ref(struct seal_budget *b)
{
	b->refs++;
	return b;
}

void seal_budget_unref(struct seal_budget *b)
{
	if (b && --b->refs == 0) free(b);
}

uint32_t seal_budget_take(struct seal_budget *b, uint32_t most)
{
	uint64_t left = b->left;
	while (left > 0) {
		uint32_t count = left < most ? (uint32_t)left : most;
		if (atomic_compare_exchange_weak(&b->left, &left, left - count)) return count;
	}
	return 0;
}

void seal_budget_give(struct seal_budget *b, uint32_t count)
{
	b->left += count;
}

bool seal_budget_spend(struct seal_budget *b)
{
	return seal_budget_take(b, 1) == 1;
}

/* What a transaction brings when it is durable. */
struct credit {
	struct seal_budget *budget;
	uint64_t count;
};

static void drop_credit(void *arg)
{
	struct credit *c = arg;
	if (c->budget->staged == c) c->budget->staged = NULL;
	seal_budget_unref(c->budget);
	free(c);
}

static void give_credit(void *arg)
{
	struct credit *c = arg;
	uint64_t block = c->budget->block;
	if (block < SEAL_BUDGET_BLOCK_MOST) c->budget->block = block * 4;
	c->budget->left += c->count;
	drop_credit(c);
}

static enum coffer_err promise(struct txn *txn, struct seal_budget *budget, uint64_t count)
{
	struct credit *c = calloc(1, sizeof *c);
	ENSURE(c, ERR_MEMORY);
	*c = (struct credit){ .budget = seal_budget_ref(budget), .count = count };
	enum coffer_err err = txn_on_commit(txn, give_credit, drop_credit, c);
	if (err) drop_credit(c);
	else budget->staged = c;
	return err;
}

bool seal_budget_spend_staged(struct seal_budget *b)
{
	if (!b->staged || b->staged->count == 0) return false;
	b->staged->count--;
	return true;
}

enum coffer_err seal_budget_reserve(struct txn *txn, struct object *o, struct reason *reason)
{
	uint64_t block = o->seals->block, room = SEAL_BUDGET_MAX - o->gcm_reserved;
	if (block > room) block = room;
	if (block == 0)
		return reason_fail(reason, ERR_LIMIT, "this key has encrypted as many messages as GCM allows; rotate it");
	o->gcm_reserved += block;
	TRY(txn_update(txn, o, reason));
	return promise(txn, o->seals, block - 1);
}
