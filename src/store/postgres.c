/* The store on PostgreSQL: opening, transactions, and what a failed one means. */
#include "store/postgres.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "store/postgres_internal.h"

static struct postgres_store *self(struct store *base)
{
	return (struct postgres_store *)base;
}

enum coffer_err postgres_ready(struct postgres_store *s)
{
	PQclear(s->lent);
	s->lent = NULL;
	ENSURE(s->conn && !s->unknown, ERR_UNKNOWN_OUTCOME);
	return s->doom;
}

enum coffer_err postgres_step(struct postgres_store *s, enum postgres_stmt_id id, const struct postgres_values *v, PGresult **out)
{
	enum coffer_err err = postgres_run(s, id, v, out, NULL);
	if (err && s->base.in_transaction) s->doom = err; /* the server has doomed it as well */
	return err;
}

static enum coffer_err line(struct postgres_store *s, const char *sql, struct reason *reason)
{
	PGresult *result = NULL;
	enum coffer_err err = postgres_line(s, sql, &result, reason);
	PQclear(result);
	return err;
}

/* A connection that was lost is not made anew underneath: it may lead to another server, so who uses this store must learn of it (store_reopen). */
static enum coffer_err begin_as(struct store *base, const char *sql, struct reason *reason)
{
	struct postgres_store *s = self(base);
	enum coffer_err err = postgres_ready(s);
	if (err == ERR_UNKNOWN_OUTCOME)
		return reason_fail(reason, err, "the connection to the database was lost and it was not opened again since");
	TRY(err);
	return line(s, sql, reason); /* ERR_CLOSED where the connection is lost, also by a rollback that failed */
}

static enum coffer_err begin(struct store *base, struct reason *reason)
{
	return begin_as(base, "BEGIN", reason);
}

/* One snapshot, without the locks that serializable transactions take on what they read. */
static enum coffer_err begin_reading(struct store *base, struct reason *reason)
{
	return begin_as(base, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", reason);
}

static void rollback(struct store *base)
{
	struct postgres_store *s = self(base);
	PQclear(s->lent);
	s->lent = NULL;
	if (!s->conn || s->unknown || s->lost) { /* the server rolls back what has no connection */
		s->doom = ERR_OK;
		return;
	}
	bool settled = postgres_settle(s) == ERR_OK; /* one that failed would have the server pass over what is behind it */
	if (!settled && s->lost) log_warn("the connection to the database was lost while a transaction was rolled back");
	s->doom = ERR_OK;
	if (line(s, "ROLLBACK", NULL) != ERR_OK) s->lost = true;
}

/* The server may say yes and yet not know whether its standby has it. */
static enum coffer_err commit(struct store *base, struct reason *reason)
{
	struct postgres_store *s = self(base);
	PGresult *result = NULL;
	enum coffer_err err = postgres_ready(s);
	if (err == ERR_UNKNOWN_OUTCOME)
		return reason_fail(reason, err, "the connection to the database was lost; it must be opened again before its contents are known");
	if (err || s->lost) {
		if (!err) err = ERR_CLOSED;
		rollback(base);
		return reason_fail(reason, err, "the database took back the whole change because a part of it failed: %s", err_text(err));
	}
	s->warned = false;
	err = postgres_line(s, "COMMIT", &result, reason);
	if (s->doom && !s->lost && PQresultStatus(result) == PGRES_PIPELINE_ABORTED) { /* found out together with it, and the server has not looked at COMMIT */
		PQclear(result);
		rollback(base);
		return reason_fail(reason, err, "the database took back the whole change because a part of it failed: %s", err_text(err));
	}
	bool rolled_back = result && postgres_is_rolled_back(result);
	PQclear(result);
	if (!err && !rolled_back && !s->warned) return ERR_OK;
	if (rolled_back) return err ? err : reason_fail(reason, ERR_STORE, "the database took back the whole change because a part of it failed");
	s->unknown = true;
	return reason_fail(reason, ERR_UNKNOWN_OUTCOME, "the database did not confirm a change (%s); whether it was made is not known until it is opened again",
		err ? err_text(err) : "its standby may not have it");
}

static enum coffer_err savepoint(struct store *base)
{
	struct postgres_store *s = self(base);
	TRY(postgres_ready(s));
	return postgres_send_line(s, "SAVEPOINT one");
}

static void release(struct store *base, bool keep)
{
	struct postgres_store *s = self(base);
	if (postgres_ready(s) != ERR_OK) return; /* the whole transaction goes */
	if (!keep && postgres_send_line(s, "ROLLBACK TO one") != ERR_OK) return;
	if (postgres_send_line(s, "RELEASE one") != ERR_OK) return; /* doomed: the next call says so */
}

static enum coffer_err set_cache(struct store *base, size_t bytes)
{
	(void)bytes; /* the server's */
	return postgres_ready(self(base));
}

static enum coffer_err scrub_deleted(struct store *base, struct reason *reason)
{
	(void)reason; /* postgres.h says why there is nothing that could be done */
	return postgres_ready(self(base));
}

static enum coffer_err reopen(struct store *base, struct reason *reason)
{
	struct postgres_store *s = self(base);
	postgres_disconnect(s);
	s->doom = ERR_OK;
	s->unknown = false;
	return postgres_connect(s, reason);
}

static void end(struct store *base)
{
	struct postgres_store *s = self(base);
	postgres_disconnect(s);
	free(s->conninfo);
	free(s->schema);
	free(s);
}

static const struct store_ops postgres_ops = {
	.name = "postgres",
	.close = end,
	.begin = begin,
	.begin_reading = begin_reading,
	.commit = commit,
	.rollback = rollback,
	.savepoint = savepoint,
	.release = release,
	.put = postgres_put,
	.get = postgres_get,
	.hold = postgres_hold,
	.erase = postgres_erase,
	.scan = postgres_scan,
	.count = postgres_count,
	.index_find = postgres_index_find,
	.survey = postgres_survey,
	.index_same = postgres_index_same,
	.index_orphans = postgres_index_orphans,
	.strays = postgres_strays,
	.set_cache = set_cache,
	.scrub_deleted = scrub_deleted,
	.reopen = reopen,
	.news = postgres_news,
};

/* It stands in SQL text. */
static bool is_name(const char *text)
{
	size_t len = strlen(text);
	return len >= 1 && len <= 40 && strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_") == len && !(text[0] >= '0' && text[0] <= '9');
}

enum coffer_err store_open_postgres(const struct postgres_config *config, struct store **out, struct reason *reason)
{
	if (!is_name(config->schema))
		return reason_fail(reason, ERR_USAGE, "'%.64s' is no name for a schema: 1 to 40 of a-z, 0-9 and _, not a digit first", config->schema);
	struct postgres_store *s = calloc(1, sizeof *s);
	ENSURE(s, ERR_MEMORY);
	s->base.ops = &postgres_ops;
	s->writer = config->writer;
	s->connect_ms = config->connect_ms;
	s->statement_ms = config->statement_ms;
	s->known_system = config->system;
	s->known_timeline = config->timeline;
	s->conninfo = strdup(config->conninfo);
	s->schema = strdup(config->schema);
	enum coffer_err err = s->conninfo && s->schema ? postgres_connect(s, reason) : ERR_MEMORY;
	if (err) {
		end(&s->base);
		return err;
	}
	*out = &s->base;
	return ERR_OK;
}

void store_postgres_server(struct store *base, struct postgres_server *out)
{
	const struct postgres_store *s = self(base);
	const char *host = PQhost(s->conn), *port = PQport(s->conn);
	int version = PQserverVersion(s->conn);
	*out = (struct postgres_server){ .version = version > 0 ? (uint32_t)version : 0, .timeline = s->timeline, .system = s->system };
	(void)snprintf(out->name, sizeof out->name, "%s:%s", host ? host : "", port ? port : "");
}
