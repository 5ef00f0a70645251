/* The remote store: opening, transactions, and what a failed one means. */
#include "store/remote.h"

#include <stdlib.h>
#include <string.h>

#include "store/remote_internal.h"

static struct remote_store *self(struct store *base)
{
	return (struct remote_store *)base;
}

static enum coffer_err lost_fail(struct reason *reason)
{
	return reason_fail(reason, ERR_CLOSED, "the connection to the database was lost and is not open again yet; see whether its server is up and reachable");
}

/* A connection that was lost is not made anew underneath: it may lead to another server, so what is in memory must be compared first (store_reopen's caller does). */
static bool is_lost_by(enum coffer_err err)
{
	return err == ERR_CLOSED || err == ERR_TIMEOUT || err == ERR_IO;
}

enum coffer_err remote_failed(struct remote_store *s, enum remote_op op, enum coffer_err err)
{
	bool of_row = err == ERR_NOT_FOUND || err == ERR_EXISTS || (err == ERR_CORRUPT && op != REMOTE_PUT && op != REMOTE_ERASE); /* more than that the next call tells */
	if (is_lost_by(err)) remote_drop(s);
	if (s->base.in_transaction && !of_row) s->doom = err;
	return err;
}

enum coffer_err remote_step(struct remote_store *s, struct remote_request *q, struct remote_answer *out)
{
	ENSURE(!s->unknown, ERR_UNKNOWN_OUTCOME);
	TRY(s->doom);
	ENSURE(!s->lost, ERR_CLOSED);
	if (s->begin_due) q->flags |= REMOTE_BEGIN | (s->reading ? REMOTE_READING : 0);
	s->begin_due = false;
	if (s->base.in_transaction) s->asked = true;
	enum coffer_err err = remote_ask(s, q, out, NULL);
	if (err) return remote_failed(s, q->op, err);
	return !out->err || remote_is_page(q->op) ? ERR_OK : remote_failed(s, q->op, out->err);
}

static enum coffer_err begin_as(struct store *base, bool reading, struct reason *reason)
{
	struct remote_store *s = self(base);
	if (s->unknown) return reason_fail(reason, ERR_UNKNOWN_OUTCOME, "the connection to the database was lost and it was not opened again since");
	if (s->lost) return lost_fail(reason);
	s->doom = ERR_OK;
	s->begin_due = true;
	s->reading = reading;
	s->asked = false;
	return ERR_OK;
}

static enum coffer_err begin(struct store *base, struct reason *reason)
{
	return begin_as(base, false, reason);
}

static enum coffer_err begin_reading(struct store *base, struct reason *reason)
{
	return begin_as(base, true, reason);
}

static enum coffer_err news(struct store *base, bool *out)
{
	struct remote_request q = { .op = REMOTE_NEWS };
	struct remote_answer a;
	TRY(remote_step(self(base), &q, &a));
	*out = a.same;
	return ERR_OK;
}

static void rollback(struct store *base)
{
	struct remote_store *s = self(base);
	struct remote_request q = { .op = REMOTE_ROLLBACK, .flags = REMOTE_QUIET };
	struct remote_answer a;
	bool send = s->asked && !s->lost && !s->unknown;
	s->doom = ERR_OK;
	s->begin_due = s->asked = false;
	if (send && remote_ask(s, &q, &a, NULL) != ERR_OK) return; /* the database rolls back what has no connection */
}

/* From the moment it may have been sent nobody knows, unless coffer-stored says. */
static enum coffer_err ask_commit(struct remote_store *s, struct reason *reason)
{
	struct remote_request q = { .op = REMOTE_COMMIT };
	struct remote_answer a;
	struct reason why = { "" };
	enum coffer_err err = remote_ask(s, &q, &a, &why);
	if (err) {
		s->unknown = true;
		return reason_fail(reason, ERR_UNKNOWN_OUTCOME, "the database did not confirm a change (%s); whether it was made is not known until it is opened again",
			err_text(err));
	}
	if (!a.err) {
		if (s->opened_system) s->system = s->opened_system;
		if (s->opened_timeline) s->timeline = s->opened_timeline;
		return ERR_OK;
	}
	err = remote_answer_fail(&a, reason);
	if (err == ERR_UNKNOWN_OUTCOME) {
		s->unknown = true;
		remote_drop(s);
	} else if (is_lost_by(err)) {
		remote_drop(s);
	}
	return err;
}

static enum coffer_err commit(struct store *base, struct reason *reason)
{
	struct remote_store *s = self(base);
	enum coffer_err doom = s->doom;
	if (s->unknown)
		return reason_fail(reason, ERR_UNKNOWN_OUTCOME, "the connection to the database was lost; it must be opened again before its contents are known");
	if (s->lost || doom) {
		rollback(base);
		if (doom == ERR_BUSY) return reason_fail(reason, doom, "another node changed the same at the same time; try again");
		if (!doom || is_lost_by(doom)) return reason_fail(reason, doom ? doom : ERR_CLOSED, "the connection to the database was lost before the change was sent, and nothing was changed; "
			"see whether its server is up and reachable");
		return reason_fail(reason, doom, "the database took back the whole change because a part of it failed: %s", err_text(doom));
	}
	bool asked = s->asked;
	s->begin_due = s->asked = false;
	return asked ? ask_commit(s, reason) : ERR_OK;
}

/* Their failures are told by what comes next. */
static enum coffer_err say(struct remote_store *s, enum remote_op op, unsigned flags)
{
	struct remote_request q = { .op = op, .flags = REMOTE_QUIET | flags };
	struct remote_answer a;
	return remote_step(s, &q, &a);
}

static enum coffer_err ready(struct remote_store *s)
{
	ENSURE(!s->unknown, ERR_UNKNOWN_OUTCOME);
	return s->lost ? ERR_CLOSED : ERR_OK;
}

/* Where nothing is written there is nothing to go back to: coffer-stored is not told, and takes it for a breach. */
static enum coffer_err savepoint(struct store *base)
{
	struct remote_store *s = self(base);
	if (!s->reading) return say(s, REMOTE_SAVEPOINT, 0);
	TRY(s->doom);
	return ready(s);
}

static void release(struct store *base, bool keep)
{
	struct remote_store *s = self(base);
	if (!s->reading) (void)!say(s, REMOTE_RELEASE, keep ? REMOTE_KEEP : 0); /* dooms the whole */
}

static enum coffer_err set_cache(struct store *base, size_t bytes)
{
	(void)base; /* the database's */
	(void)bytes;
	return ERR_OK;
}

static enum coffer_err scrub_deleted(struct store *base, struct reason *reason)
{
	(void)reason; /* store/postgres.h says why there is nothing that could be done */
	return ready(self(base));
}

/* While it fails the outcome stays unknown, or the store lost. */
static enum coffer_err reopen(struct store *base, struct reason *reason)
{
	struct remote_store *s = self(base);
	s->doom = ERR_OK;
	s->begin_due = s->asked = false;
	return remote_connect(s, reason);
}

static void end(struct store *base)
{
	struct remote_store *s = self(base);
	if (s->fd >= 0) remote_drop(s);
	free(s->conninfo);
	free(s->schema);
	free(s->passfile);
	free(s->out.ptr);
	free(s->in.ptr);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

static const struct store_ops remote_ops = {
	.name = "remote",
	.close = end,
	.begin = begin,
	.begin_reading = begin_reading,
	.commit = commit,
	.rollback = rollback,
	.savepoint = savepoint,
	.release = release,
	.put = remote_put,
	.get = remote_get,
	.hold = remote_hold,
	.erase = remote_erase,
	.scan = remote_scan,
	.count = remote_count,
	.index_find = remote_index_find,
	.survey = remote_survey,
	.index_same = remote_index_same,
	.index_orphans = remote_index_orphans,
	.strays = remote_strays,
	.set_cache = set_cache,
	.scrub_deleted = scrub_deleted,
	.reopen = reopen,
	.news = news,
};

static bool may_pass(enum coffer_err err)
{
	return err != ERR_OK && err != ERR_USAGE && err != ERR_SCHEMA && err != ERR_UNSUPPORTED && err != ERR_MEMORY;
}

enum coffer_err store_open_remote(const struct remote_config *config, const struct store_spawner *spawner, struct store **out, enum coffer_err *out_lost,
	struct reason *reason)
{
	if (strlen(config->conninfo) > REMOTE_CONNINFO_MAX || strlen(config->schema) > REMOTE_NAME_MAX || !config->schema[0] || strlen(config->passfile) > REMOTE_PATH_MAX)
		return reason_fail(reason, ERR_USAGE, "the address of the database, its schema or the name of its password file is too long, or there is no schema");
	struct remote_store *s = calloc(1, sizeof *s);
	ENSURE(s, ERR_MEMORY);
	s->base.ops = &remote_ops;
	s->spawner = *spawner;
	s->fd = -1;
	s->writer = config->writer;
	s->connect_ms = config->connect_ms;
	s->statement_ms = config->statement_ms;
	s->conninfo = strdup(config->conninfo);
	s->schema = strdup(config->schema);
	s->passfile = strdup(config->passfile);
	pthread_mutex_init(&s->lock, NULL);
	strncpy(s->facts.schema, config->schema, sizeof s->facts.schema - 1);
	enum coffer_err err = s->conninfo && s->schema && s->passfile ? remote_connect(s, reason) : ERR_MEMORY;
	if (err && !may_pass(err)) {
		end(&s->base);
		return err;
	}
	if (err) remote_drop(s);
	*out_lost = err;
	*out = &s->base;
	return ERR_OK;
}

void store_remote_facts(struct store *base, struct remote_facts *out)
{
	struct remote_store *s = self(base);
	pthread_mutex_lock(&s->lock);
	*out = s->facts;
	pthread_mutex_unlock(&s->lock);
}
