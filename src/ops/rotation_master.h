/* Changing the master secret, and the token that holds it (docs/formats.md section 17.2). Admin lane, admin_lock held by the caller. */
#ifndef COFFER_OPS_ROTATION_MASTER_H
#define COFFER_OPS_ROTATION_MASTER_H

#include "keyring/anchor_record.h"
#include "ops/engine.h"

struct master_wish {
	const char *principal;
	char uri[TOKEN_URI_MAX + 1]; /* of another token; "": another master secret in this one */
	bool forget_old;             /* give up destroying an earlier one whose token is gone */
	struct view pin;             /* of the token of uri, or without one of the token that an earlier change left; empty: none given. Borrowed */
};
/* What became of the old one. */
enum master_old {
	MASTER_OLD_STANDS,    /* not destroyed yet, or nobody asked */
	MASTER_OLD_DESTROYED,
	MASTER_OLD_ADOPTED,   /* its owner's: Coffer did not make it */
	MASTER_OLD_NOT_SHOWN  /* its token does not show it: destroyed before, or standing where the token does not show it; whether Coffer made it nobody can say either */
};
/* What came out. */
struct master_change {
	struct token_info info;      /* of the new one */
	enum master_old old;
	char old_sentence[REASON_MAX]; /* what is still to be done about the old one; "" nothing */
};
/* Into out, of cap bytes: what became of it, and what is still to be done (""  nothing). */
void master_old_say(enum master_old old, const char *still, char *out, size_t cap);

enum coffer_err rotation_master(struct engine *engine, const struct master_wish *wish, struct master_change *out, struct reason *reason) MUST_USE;
/* After a start: destroys the old master secret that a change left; where the counter in its token says that the store is not the newest nothing is destroyed, and the node stops serving.
 * ends_by (who zeroises; NULL: a start): also on a node at fault whose data keys are open, and whatever the counter says; and also the new one that a change made which did not come to its end.
 * out_gone (TOKEN_URI_MAX + 1 bytes, may be NULL): the URI of what was destroyed just now, whether or not that could be written down; "": nothing. Takes admin_lock itself. */
void rotation_master_finish(struct engine *engine, const char *ends_by, char *out_gone);
/* The URI of an old master secret that a change left and that was not destroyed yet, or (*out_begun) of a place in which a change that did not come to its end may have made one; "": none, or the store
 * cannot say. Admin lane, admin_lock held. */
void rotation_master_stands(struct engine *engine, char out[static TOKEN_URI_MAX + 1], bool *out_begun);

/* The domain record "master-change-" and the node's id: each node has one of its own. */
struct master_record {
	uint8_t phase; /* 0: there is none; 1: a new one is being made under uri; 2: the old one of uri and binding is to be destroyed */
	char uri[TOKEN_URI_MAX + 1];
	char kind[16];
	struct token_binding binding;
	bool refused; /* phase 2: that token refused the PIN, or is locked: it is asked again when somebody asks for a change, and by nothing else */
	struct anchor_record left; /* phase 2: the counter in the token of uri that the node left; auth NULL: none. Its auth, ref and counter alone; owned */
};
/* The caller clears record.left; after an error there is none. */
enum coffer_err master_record_read(struct txn *txn, struct master_record *out) MUST_USE;
enum coffer_err master_record_put(struct txn *txn, const struct master_record *record) MUST_USE;
/* That of a node of the domain; none there is no error. Inside a transaction. */
enum coffer_err master_record_erase(struct txn *txn, const uint8_t node_id[static UUID_LEN]) MUST_USE;
/* What an earlier program wrote under an id without a node, where no other node ever was in the domain, and where this node has none of its own: it gets this node's id. Inside a transaction, at each opening. */
enum coffer_err master_record_take_over(struct txn *txn) MUST_USE;
/* Whether the row of table 5 is such a record, of whatever node. */
bool master_record_is(const struct store_row *row);
/* The URI of another place for a master secret in the same token: n counts the tries from 1. ERR_TOO_LARGE. */
enum coffer_err master_next_uri(const char *uri, unsigned n, char out[static TOKEN_URI_MAX + 1]) MUST_USE;

#endif
