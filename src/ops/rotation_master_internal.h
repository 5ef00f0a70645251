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
	struct master_record found;  /* phase 0 or 1: what was on record before this change */
	struct identity before, after;
	struct master_change *out;
	struct token_info old_info;  /* as the token was last known */
	struct moving keys[ROTATION_GENERATIONS_MAX];
	unsigned count;
	enum master_counter counter;
	struct anchor_record left;    /* the counter in the token in force, which the node is about to leave; auth NULL: none. Owned, as record.left */
	uint64_t value;               /* RETURNS: what the counter says */
	bool compared; /* the counter in force bears the store out */
	bool for_good; /* zeroise: the old one goes, whatever the counter in its token says */
	bool given_up; /* --forget-old */
	char last_said[REASON_MAX]; /* given_up: what status said of it */
	bool rolled_back; /* the counter in the token that was left says that the store is not the newest */
	bool unknown; /* whether the new one is in force: the store could not say */
	bool begun;   /* what is destroyed was made by a change that did not come to its end */
	bool written; /* read back: the slots name the new one */
};

/* Makes the master secret that the wish is about, or takes up the one that a change before this one made; the token is attached to it then, and `after` names it.
 * f->record is what was found of that change. ERR_EXISTS: it is the one in force. */
enum coffer_err master_make(struct master_flow *f, struct reason *reason) MUST_USE;
/* ERR_EXISTS, with how it is known; what was on record before the change is so again. */
enum coffer_err master_already(struct master_flow *f, const char *how, struct reason *reason) MUST_USE;
/* Whether the master secret that the token is attached to opens what another one wrapped: then they are one and the same, under two names. */
bool master_opens(struct engine *e, const struct moving *m, const struct buf *blob);
/* What the token says of two keys is the same. */
bool master_is_same_key(const struct token_info *a, const struct token_info *b);
bool master_is_same(const struct identity *a, const struct identity *b);
/* On the store thread, arg a struct master_flow: puts f->record. */
enum coffer_err master_store_record(struct engine *engine, struct txn *txn, void *arg, struct reason *reason) MUST_USE;

/* On the store thread, arg a struct master_flow: f->record; the node's data keys and their wrapped forms into f->keys. */
enum coffer_err master_load(struct engine *engine, struct txn *txn, void *arg, struct reason *reason) MUST_USE;
enum coffer_err master_take_keys(struct engine *engine, struct txn *txn, void *arg, struct reason *reason) MUST_USE;
/* The id of this node's slot of a generation: UUID_LEN + 4 bytes. */
void master_slot_id(const struct domain_id *domain, uint32_t generation, uint8_t out[static UUID_LEN + 4]);
/* The master secret that the token is attached to gives back each data key of f->keys from its blob. */
enum coffer_err master_prove(struct master_flow *f, struct reason *reason) MUST_USE;
/* Attached to that again; what stands in the way is logged. */
void master_back_to(struct master_flow *f, const struct identity *to);
/* Wipes f->keys. */
void master_flow_end(struct master_flow *f);
/* The token is not turned to another one while a raise or a signature is under way, and none begins meanwhile. */
void master_keep_raises(struct engine *e);
void master_let_raises(struct engine *e);
/* Before anything is changed. ERR_USAGE: the token in force wants a PIN, and the new master secret would be a TPM's that wants none. */
enum coffer_err master_check_pin(const struct master_flow *f, struct reason *reason) MUST_USE;
/* The wish's PIN, if there is one, is that of the token of uri. */
enum coffer_err master_give_pin(struct master_flow *f, const char *uri) MUST_USE;

/* Only after every slot, as it stands in the store, was opened by the new one. */
enum coffer_err master_destroy_old(struct master_flow *f, struct reason *reason) MUST_USE;
/* The old one is settled: the record goes. */
enum coffer_err master_end(struct master_flow *f, struct reason *reason) MUST_USE;
/* What became of the old one, into status. */
void master_tell_old(const struct master_flow *f, const char *still);
/* An earlier change whose old master secret stands yet. */
enum coffer_err master_settle_earlier(struct master_flow *f, struct reason *reason) MUST_USE;

/* Before anything is changed: a token in force that counts (token_proxy_counts) is asked. ERR_CORRUPT: the store is not the one that its counter speaks of; the node stops serving. Admin lane. */
enum coffer_err rotation_anchor_before(struct master_flow *f, struct reason *reason) MUST_USE;
/* Whether one is to be made in the token that the node comes to. */
bool rotation_anchor_makes(const struct master_flow *f);
/* What stands against the counter of the token in force, if anything does and it is news, into the audit log. */
void rotation_anchor_tell(struct engine *engine, bool news);
/* With the new token attached: f->counter. ERR_CORRUPT: there is a counter of this node that stands against the store; nothing was changed, the caller lets the node stop serving. */
enum coffer_err rotation_anchor_plan(struct master_flow *f, struct reason *reason) MUST_USE;
/* Attached to the token that was left (record.uri), if need be without its master secret: its counter goes above what any store of then knows, so that a copy of then is older than the counter.
 * ERR_OK too when nothing is to be raised. ERR_TOKEN with a sentence: it does not go up, or is not there. ERR_CORRUPT and f->rolled_back: it is further than the node can have left it, so the store
 * that made the change was not the newest; the level is REFUSED, nothing was raised, and the caller destroys nothing and lets the node stop serving. May be repeated. */
enum coffer_err rotation_anchor_leave(struct master_flow *f, struct reason *reason) MUST_USE;
/* In the transaction by which an administrator takes the store against the counter that was left (value: what it says): it is raised from there. *out_from: what the store knew. */
enum coffer_err rotation_anchor_take_left(struct txn *txn, uint64_t value, uint64_t *out_from) MUST_USE;
/* In the transaction that writes the slots. */
enum coffer_err rotation_anchor_write(struct engine *engine, struct txn *txn, const struct master_flow *f, struct reason *reason) MUST_USE;

#endif
