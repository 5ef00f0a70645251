/* After an init, a restore, a join, or a change of the master secret or of its binding, that a crash interrupted. */
#include "daemon/interrupted.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "keyring/identity.h"
#include "keyring/slot.h"
#include "ops/restore.h"

static enum coffer_err note_row(void *arg, const struct store_row *row, bool is_whole)
{
	(void)row;
	(void)is_whole;
	*(bool *)arg = true;
	return ERR_OK;
}

/* Whether there is a row at all, also one that cannot be used: a large table is not counted for that. */
static enum coffer_err has_row(struct store *store, enum store_table table, bool *out)
{
	struct store_place place = { .len = 0 };
	*out = false;
	return store_survey(store, table, &place, 1, note_row, out);
}

static enum coffer_err look_for_rows(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	struct store *store = txn_store(txn);
	bool *empty = arg, objects = false, records = false;
	uint64_t slots = 0, domain = 0;
	(void)engine;
	enum coffer_err err = store_count(store, STORE_SLOT, &slots);
	if (!err) err = store_count(store, STORE_DOMAIN, &domain);
	if (!err) err = has_row(store, STORE_AUDIT, &records);
	if (!err) err = has_row(store, STORE_OBJECT, &objects);
	if (err) return reason_default(reason, err, "the store cannot be read: %s", err_text(err));
	*empty = !slots && !domain && !records && !objects;
	return ERR_OK;
}

enum coffer_err interrupted_store_is_empty(struct daemon *d, bool *out, struct reason *reason)
{
	return d->engine.on_store(&d->engine, look_for_rows, out, reason);
}

/* A change of the master secret, or of what binds it: which of the two identity files the slot rows of the node name. Clear columns: what is false about them only keeps the
 * node from opening. */
struct slots_name {
	const struct identity *now, *next;
	unsigned of_now, of_next, of_neither;
};

static bool is_of(const struct slot *slot, const struct identity *identity)
{
	return slot_check_binding(slot, identity->token_kind, &identity->binding, NULL) == ERR_OK;
}

static enum coffer_err note_slot(void *arg, const struct store_row *row)
{
	struct slots_name *n = arg;
	struct slot slot;
	if (row->id_len != UUID_LEN + 4 || memcmp(row->id, n->now->domain.node_id, UUID_LEN) != 0) return ERR_OK;
	if (slot_parse(row, &slot, NULL) != ERR_OK) n->of_neither++;
	else if (is_of(&slot, n->next)) n->of_next++;
	else if (is_of(&slot, n->now)) n->of_now++;
	else n->of_neither++;
	return ERR_OK;
}

static enum coffer_err look_at_slots(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	(void)engine;
	enum coffer_err err = store_scan(txn_store(txn), STORE_SLOT, view_of(NULL, 0), false, SIZE_MAX, note_slot, arg);
	return err ? reason_default(reason, err, "the wrapped data keys cannot be read: %s", err_text(err)) : ERR_OK;
}

static enum coffer_err settle_master(struct daemon *d, const struct identity *now, const struct identity *next, struct reason *reason)
{
	const char *state = d->engine.config->state_dir;
	struct slots_name n = { .now = now, .next = next };
	TRY(d->engine.on_store(&d->engine, look_at_slots, &n, reason));
	if (n.of_next && !n.of_now && !n.of_neither) {
		log_warn("a change of the master secret or its binding was interrupted after its last step: finished now");
		return identity_publish(state, reason);
	}
	if (n.of_next || n.of_neither)
		return reason_fail(reason, ERR_CORRUPT, "node.id and pending/node.id in %s name two master secrets, and the store's wrapped data keys neither of them alone; "
			"restore the store", state);
	log_warn("a change of the master secret or its binding was interrupted before it was done: taken back");
	identity_withdraw(state);
	return ERR_OK;
}

/* An end right behind the renaming of node.id leaves the empty folder. */
static void remove_empty_pending(const char *state)
{
	char pending[4096];
	if (snprintf(pending, sizeof pending, "%s/pending", state) < (int)sizeof pending) (void)rmdir(pending);
}

struct own_slots {
	const uint8_t *node_id;
	bool any;
};

static enum coffer_err look_for_own(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	struct own_slots *o = arg;
	(void)engine;
	enum coffer_err err = slot_any(txn_store(txn), o->node_id, &o->any);
	return err ? reason_default(reason, err, "the wrapped data keys cannot be read: %s", err_text(err)) : ERR_OK;
}

/* Whether nothing of the pending identity's is in the store: what several nodes write holds rows of others. */
static enum coffer_err nothing_of_it(struct daemon *d, const char *state, bool *out, struct reason *reason)
{
	char pending[4096];
	struct identity next;
	if (!d->engine.config->store_shared) return interrupted_store_is_empty(d, out, reason);
	snprintf(pending, sizeof pending, "%s/pending", state);
	enum coffer_err err = identity_read(pending, &next, NULL);
	if (err == ERR_CORRUPT) { /* not whole: of a node that has an identity it is looked at there */
		snprintf(pending, sizeof pending, "%s/node.id", state);
		*out = access(pending, F_OK) != 0;
		return ERR_OK;
	}
	if (err) return reason_default(reason, err, "pending/node.id in %s cannot be read: %s", state, err_text(err));
	struct own_slots own = { .node_id = next.domain.node_id };
	TRY(d->engine.on_store(&d->engine, look_for_own, &own, reason));
	*out = !own.any;
	return ERR_OK;
}

enum coffer_err interrupted_settle(struct daemon *d, struct reason *reason)
{
	const char *state = d->engine.config->state_dir;
	char pending[4096];
	struct identity now, next;
	bool empty = false;
	restore_sweep(state);
	remove_empty_pending(state);
	if (snprintf(pending, sizeof pending, "%s/pending/node.id", state) >= (int)sizeof pending || access(pending, F_OK) != 0) return ERR_OK;
	TRY(nothing_of_it(d, state, &empty, reason));
	enum coffer_err there = empty ? ERR_NOT_FOUND : identity_read(state, &now, reason);
	if (there && there != ERR_NOT_FOUND) return there; /* it may be the one that the slots name: not written over */
	if (there == ERR_OK) {
		snprintf(pending, sizeof pending, "%s/pending", state);
		enum coffer_err err = identity_read(pending, &next, reason);
		if (err == ERR_CORRUPT) { /* not whole: nothing in the store was changed for it yet */
			log_warn("a change of the master secret or its binding was interrupted before it was done: taken back");
			identity_withdraw(state);
			return ERR_OK;
		}
		return err ? err : settle_master(d, &now, &next, reason);
	}
	if (reason) reason->text[0] = '\0';
	if (!empty) {
		log_warn("an init, a restore or a join was interrupted after its last step: finished now");
		return identity_publish(state, reason);
	}
	log_warn("an init, a restore or a join was interrupted before it was done: taken back");
	identity_withdraw(state);
	return ERR_OK;
}
