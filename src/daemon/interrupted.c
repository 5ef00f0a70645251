/* After an init that a crash interrupted. */
#include "daemon/interrupted.h"

#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "keyring/identity.h"

static enum coffer_err count_rows(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	static const enum store_table tables[] = { STORE_SLOT, STORE_AUDIT, STORE_DOMAIN, STORE_OBJECT };
	uint64_t *sum = arg, n;
	(void)engine;
	*sum = 0;
	for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
		enum coffer_err err = store_count(txn_store(txn), tables[i], &n);
		if (err) return reason_default(reason, err, "the store cannot be read: %s", err_text(err));
		*sum += n;
	}
	return ERR_OK;
}

enum coffer_err interrupted_store_is_empty(struct daemon *d, bool *out, struct reason *reason)
{
	uint64_t rows;
	TRY(d->engine.on_store(&d->engine, count_rows, &rows, reason));
	*out = rows == 0;
	return ERR_OK;
}

enum coffer_err interrupted_settle(struct daemon *d, struct reason *reason)
{
	const char *state = d->engine.config->state_dir;
	char pending[4096];
	bool empty;
	if (snprintf(pending, sizeof pending, "%s/pending/node.id", state) >= (int)sizeof pending || access(pending, F_OK) != 0) return ERR_OK;
	TRY(interrupted_store_is_empty(d, &empty, reason));
	if (!empty) {
		log_warn("an init was interrupted after its last step: finished now");
		return identity_publish(state, reason);
	}
	log_warn("an init was interrupted before it was done: taken back");
	identity_withdraw(state);
	return ERR_OK;
}
