/* The connection: made, its session set up. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/postgres_internal.h"

/* A warning while a transaction ends may be "committed locally, but might not have been replicated". */
static void take_notice(void *arg, const PGresult *result)
{
	struct postgres_store *s = arg;
	const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED), *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	if (!severity || strcmp(severity, "WARNING") != 0) return;
	s->warned = true;
	log_warn("the database warns: %s", text ? text : "without a text");
}

/* Role, database or server may be set to acknowledge what they can still lose. Set in the session, so that a setting that is changed later does not count either. */
static enum coffer_err be_durable(struct postgres_store *s, struct reason *reason)
{
	PGresult *result = NULL;
	enum coffer_err err = postgres_line(s, "SELECT set_config('synchronous_commit', CASE current_setting('synchronous_commit') WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, false)",
		&result, reason);
	PQclear(result);
	return err;
}

static enum coffer_err finish_connection(struct postgres_store *s, struct reason *reason)
{
	PQsetNoticeReceiver(s->conn, take_notice, s);
	if (!PQenterPipelineMode(s->conn)) return postgres_lost(s, true, reason);
	if (PQserverVersion(s->conn) < 140000)
		return reason_fail(reason, ERR_UNSUPPORTED, "the database is older than PostgreSQL 14; use a newer one");
	return be_durable(s, reason);
}

/* Held by the session: while a lost connection of this writer is still at work on the server, so is its lock. */
static enum coffer_err take_lock(struct postgres_store *s, uint64_t end_ms, struct reason *reason)
{
	char sql[96];
	snprintf(sql, sizeof sql, "SELECT pg_advisory_lock(%" PRId64 ")", (int64_t)s->writer);
	for (;;) {
		PGresult *result = NULL;
		struct reason why = { "" };
		enum coffer_err err = postgres_line(s, sql, &result, &why);
		PQclear(result);
		if (!err) return ERR_OK;
		if (err != ERR_BUSY && err != ERR_TIMEOUT) return reason_fail(reason, err, "%s", reason_text(&why, err));
		if (s->lost) return reason_fail(reason, err, "%s", reason_text(&why, err));
		if (clock_mono_ms() >= end_ms)
			return reason_fail(reason, ERR_BUSY, "another connection of this node writes to the database and does not end; it is tried again by itself (a session of before a power cut is ended by the server after some seconds); where it stays, look for a copy of this node");
	}
}

static enum coffer_err barrier(struct postgres_store *s, struct reason *reason)
{
	struct postgres_values v = { .count = 0 };
	PGresult *result = NULL;
	postgres_add_i64(&v, (int64_t)s->writer);
	s->warned = false;
	TRY(postgres_run(s, PG_BARRIER, &v, &result, reason));
	PQclear(result);
	if (s->warned) return reason_fail(reason, ERR_TIMEOUT, "the database commits, and its standby does not follow; see to its replication");
	return ERR_OK;
}

/* The schema's name is that of the domain in this database. */
enum coffer_err postgres_tell(struct postgres_store *s)
{
	char sql[96];
	snprintf(sql, sizeof sql, "NOTIFY coffer_%s", s->schema);
	return postgres_send_line(s, sql);
}

/* The server hears of what this connection says as well. */
enum coffer_err postgres_news(struct store *base, bool *out)
{
	struct postgres_store *s = (struct postgres_store *)base;
	TRY(postgres_ready(s));
	if (s->lost || !PQconsumeInput(s->conn)) return postgres_lost(s, true, NULL);
	for (PGnotify *n; (n = PQnotifies(s->conn)) != NULL; PQfreemem(n)) s->news = s->news || n->be_pid != PQbackendPID(s->conn);
	*out = s->news;
	s->news = false;
	return ERR_OK;
}

/* What was told before nobody heard. */
static enum coffer_err listen_again(struct postgres_store *s, struct reason *reason)
{
	char sql[96];
	PGresult *result = NULL;
	s->news = true;
	snprintf(sql, sizeof sql, "LISTEN coffer_%s", s->schema);
	enum coffer_err err = postgres_line(s, sql, &result, reason);
	PQclear(result);
	return err;
}

enum coffer_err postgres_connect(struct postgres_store *s, struct reason *reason)
{
	uint64_t end_ms = clock_mono_ms() + s->connect_ms;
	s->lost = false;
	memset(s->prepared, 0, sizeof s->prepared);
	enum coffer_err err = postgres_find(s, end_ms, reason);
	if (!err) err = finish_connection(s, reason);
	if (!err) err = take_lock(s, end_ms, reason);
	if (!err) err = postgres_schema(s, reason);
	if (!err) err = listen_again(s, reason);
	if (!err) err = barrier(s, reason);
	if (err) postgres_disconnect(s);
	return err;
}

void postgres_disconnect(struct postgres_store *s)
{
	PQclear(s->lent);
	s->lent = NULL;
	PQfinish(s->conn);
	s->conn = NULL;
	s->sent = (struct postgres_sent){ .count = 0 };
}
