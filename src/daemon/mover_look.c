/* Moving the store: what is seen before it is ordered, and opening the other store. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/database.h"
#include "daemon/mover_internal.h"

static enum coffer_err open_database(struct daemon *d, const struct move_order *order, struct store **out, struct reason *reason)
{
	const struct database_address at = { order->conninfo, order->schema, order->passfile };
	enum coffer_err lost = ERR_OK;
	struct store *store = NULL;
	TRY(database_connect(d, &at, &store, &lost, reason));
	if (lost) {
		store_close(store);
		return lost;
	}
	*out = store;
	return ERR_OK;
}

/* NULL where there is none: it is not made. */
static enum coffer_err open_file(struct daemon *d, struct store **out, struct reason *reason)
{
	char path[MOVER_PATH_LEN];
	if (snprintf(path, sizeof path, "%s/store.db", d->config->state_dir) >= (int)sizeof path) return reason_fail(reason, ERR_USAGE, "the path of state_dir is too long");
	*out = NULL;
	return access(path, F_OK) == 0 ? store_open_sqlite(path, out, reason) : ERR_OK;
}

enum coffer_err mover_open_other(struct mover *m, struct store **out, struct reason *reason)
{
	return m->order.to_database ? open_file(m->daemon, out, reason) : open_database(m->daemon, &m->order, out, reason);
}

static enum coffer_err check_config(const struct daemon *d, const struct config *next, bool to_database, struct reason *reason)
{
	const char *wanted = to_database ? "postgres" : "sqlite";
	if (strcmp(next->store, wanted) != 0)
		return reason_fail(reason, ERR_STATE, "%.200s says store = %s: write there where the store is to be moved to (store = %s%s) and give the command again; the running daemon does not look there "
			"before it moves the store", d->config_path, next->store, wanted, to_database ? ", store_conninfo, store_passfile" : ", and without store_conninfo");
	if (next->store_shared) return reason_fail(reason, ERR_UNSUPPORTED, "%.200s says store_shared = yes: move the store first without it", d->config_path);
	if (strcmp(next->state_dir, d->config->state_dir) != 0) return reason_fail(reason, ERR_STATE, "%.200s names another state_dir: the store is moved, and nothing else", d->config_path);
	return ERR_OK;
}

static enum coffer_err keep(char *out, size_t cap, const char *text, struct reason *reason)
{
	if (snprintf(out, cap, "%s", text) < (int)cap) return ERR_OK;
	return reason_fail(reason, ERR_USAGE, "the address of the database, its schema or the name of its password file is too long");
}

static enum coffer_err take_address(struct move_order *order, const struct config *c, struct reason *reason)
{
	TRY(keep(order->conninfo, sizeof order->conninfo, c->store_conninfo, reason));
	TRY(keep(order->schema, sizeof order->schema, c->store_schema, reason));
	return keep(order->passfile, sizeof order->passfile, c->store_passfile, reason);
}

/* The place where the store is to go, as it is now. */
static enum coffer_err probe(struct daemon *d, const struct move_order *order, struct reason *reason)
{
	struct store *to = NULL;
	const struct domain_id *domain = &d->engine.identity.domain;
	struct store_move_mark mark = { .state = STORE_MOVE_NONE };
	memcpy(mark.domain_id, domain->id, UUID_LEN);
	memcpy(mark.node_id, domain->node_id, UUID_LEN);
	TRY(order->to_database ? open_database(d, order, &to, reason) : open_file(d, &to, reason));
	enum coffer_err err = to ? store_move_admits(to, &mark, reason) : ERR_OK;
	store_close(to);
	return err;
}

enum coffer_err mover_look(struct engine *engine, struct move_order *order, struct reason *reason)
{
	struct daemon *d = engine->daemon;
	struct config *next = calloc(1, sizeof *next);
	ENSURE(next, ERR_MEMORY);
	enum coffer_err err = config_load(d->config_path, next, reason);
	if (err) {
		free(next);
		return err;
	}
	err = check_config(d, next, order->to_database, reason);
	if (!err) err = take_address(order, order->to_database ? next : engine->config, reason);
	config_free(next);
	free(next);
	TRY(err);
	return probe(d, order, reason);
}
