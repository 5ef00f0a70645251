/* What the parts of a change of the master secret share. */
#ifndef COFFER_OPS_ROTATION_MASTER_INTERNAL_H
#define COFFER_OPS_ROTATION_MASTER_INTERNAL_H

#include "ops/rotation_internal.h"
#include "ops/rotation_master.h"

/* One data key on its way from the old master secret to the new one. */
struct moving {
	uint32_t generation;
	struct secret *key;
	struct buf blob;
	struct buf old; /* wrapped by the one before, as it stands in the store; empty: not read */
};

/* What becomes of the counter in the transaction that puts the new master secret in force. */
enum master_counter {
	MASTER_COUNTER_STAYS,   /* as it is, or there is none */
	MASTER_COUNTER_BEGINS,  /* one is made where the node comes to, which has none of this node */
	MASTER_COUNTER_MOVES,   /* the same, and it takes the place of one of this node that the record is not about */
	MASTER_COUNTER_LEAVES,  /* to a token that cannot count: what the one left behind must say stays known */
	MASTER_COUNTER_RETURNS  /* to the TPM that was left */
};

struct master_flow {
	struct engine *engine;
	const struct master_wish *wish;
	struct master_record record; /* as it was found, or is to be written */
	struct identity before, after;
	struct master_change *out;
	struct token_info old_info;  /* as the token was last known */
	struct moving keys[ROTATION_GENERATIONS_MAX];
	unsigned count;
	enum master_counter counter;
	struct anchor_record left;    /* the counter in the token in force, which the node is about to leave; auth NULL: none. Owned, as record.left */
	uint64_t value;               /* RETURNS: what the counter says */
	bool compared; /* the counter in force bears the store out */
	bool unknown; /* whether the new one is in force: the store could not say */
	bool begun;   /* what is destroyed was made by a change that did not come to its end */
	bool written; /* read back: the slots name the new one */
};

/* Makes the master secret that the wish is about, or takes up the one that a change before this one made; the token is attached to it then, and `after` names it.
 * f->record is what was found of that change. ERR_EXISTS: it is the one in force. */
enum coffer_err master_make(struct master_flow *f, struct reason *reason) MUST_USE;
/* Whether the master secret that the token is attached to opens what another one wrapped: then they are one and the same, under two names. */
bool master_opens(struct engine *e, const struct moving *m, const struct buf *blob);
/* What the token says of two keys is the same. */
bool master_is_same_key(const struct token_info *a, const struct token_info *b);
bool master_is_same(const struct identity *a, const struct identity *b);


/* Before anything is changed: a token in force that counts (token_proxy_counts) is asked. ERR_CORRUPT: the store is not the one that its counter speaks of; the node stops serving. Admin lane. */
enum coffer_err rotation_anchor_before(struct master_flow *f, struct reason *reason) MUST_USE;
/* Whether one is to be made in the token that the node comes to. */
bool rotation_anchor_makes(const struct master_flow *f);
/* What stands against the counter of the token in force, if anything does and it is news, into the audit log. */
void rotation_anchor_tell(struct engine *engine, bool news);
/* With the new token attached: f->counter. ERR_CORRUPT: there is a counter of this node that stands against the store; nothing was changed, the caller lets the node stop serving. */
enum coffer_err rotation_anchor_plan(struct master_flow *f, struct reason *reason) MUST_USE;
/* Attached to the token that was left (record.uri), if need be without its master secret: its counter goes above what any store of then knows, so that a copy of then is older than the counter.
 * ERR_OK too when nothing is to be raised. ERR_TOKEN with a sentence: it does not go up, or is not there. May be repeated. */
enum coffer_err rotation_anchor_leave(struct master_flow *f, struct reason *reason) MUST_USE;
/* In the transaction that writes the slots. */
enum coffer_err rotation_anchor_write(struct engine *engine, struct txn *txn, const struct master_flow *f, struct reason *reason) MUST_USE;

#endif
