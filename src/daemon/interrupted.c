/* After an init that a crash interrupted. */
#include "daemon/interrupted.h"

#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "keyring/identity.h"
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

enum coffer_err interrupted_settle(struct daemon *d, struct reason *reason)
{
	const char *state = d->engine.config->state_dir;
	char pending[4096];
	bool empty;
	restore_sweep(state);
	if (snprintf(pending, sizeof pending, "%s/pending/node.id", state) >= (int)sizeof pending || access(pending, F_OK) != 0) return ERR_OK;
	TRY(interrupted_store_is_empty(d, &empty, reason));
	if (!empty) {
		log_warn("an init or a restore was interrupted after its last step: finished now");
		return identity_publish(state, reason);
	}
	log_warn("an init or a restore was interrupted before it was done: taken back");
	identity_withdraw(state);
	return ERR_OK;
}
