/* After an init, or a change of the token's binding, that a crash interrupted. */
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

/* Whose binding this node's slot rows have: the pending file's, that of the one at its place, or (a mixture, or damage) neither's. */
struct whose {
	const struct identity *pending;
	unsigned rows, new_rows;
};

static enum coffer_err compare_row(void *arg, const struct store_row *row)
{
	struct whose *w = arg;
	struct slot slot;
	if (row->id_len != UUID_LEN + 4 || memcmp(row->id, w->pending->domain.node_id, UUID_LEN) != 0) return ERR_OK;
	w->rows++;
	if (slot_parse(row, &slot, NULL) == ERR_OK &&
		slot_check_binding(&slot, w->pending->token_kind, &w->pending->binding, NULL) == ERR_OK) w->new_rows++;
	return ERR_OK;
}

static enum coffer_err compare_rows(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	(void)engine;
	(void)reason;
	return store_scan(txn_store(txn), STORE_SLOT, view_of(NULL, 0), false, 4096, compare_row, arg);
}

/* A reseal writes the rows after the pending file and before it puts that at its place. */
static enum coffer_err settle_reseal(struct daemon *d, const char *state, const char *folder, struct reason *reason)
{
	struct identity pending;
	struct whose w = { .pending = &pending };
	struct reason why = { "" };
	enum coffer_err err = identity_read(folder, &pending, &why);
	if (!err) TRY(d->engine.on_store(&d->engine, compare_rows, &w, reason));
	if (!err && w.rows > 0 && w.new_rows == w.rows) {
		log_warn("a change of the token's binding was interrupted after its last step: finished now");
		return identity_publish(state, reason);
	}
	log_warn("a change of the token's binding was interrupted before it was done: taken back");
	identity_withdraw(state);
	return ERR_OK;
}

enum coffer_err interrupted_settle(struct daemon *d, struct reason *reason)
{
	const char *state = d->engine.config->state_dir;
	char folder[4096], pending[4096], published[4096];
	bool empty;
	restore_sweep(state);
	if (snprintf(folder, sizeof folder, "%s/pending", state) >= (int)sizeof folder ||
		snprintf(pending, sizeof pending, "%s/pending/node.id", state) >= (int)sizeof pending || access(pending, F_OK) != 0) return ERR_OK;
	if (snprintf(published, sizeof published, "%s/node.id", state) >= (int)sizeof published) return ERR_OK;
	if (access(published, F_OK) == 0) return settle_reseal(d, state, folder, reason);
	TRY(interrupted_store_is_empty(d, &empty, reason));
	if (!empty) {
		log_warn("an init or a restore was interrupted after its last step: finished now");
		return identity_publish(state, reason);
	}
	log_warn("an init or a restore was interrupted before it was done: taken back");
	identity_withdraw(state);
	return ERR_OK;
}
