/* The connection: every wait has an end. libpq's own calls that wait are not used (PQexec, PQconnectdb, PQcancel, PQreset). */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/postgres_internal.h"

static const struct { const char *sql; int parameters; } stmts[PG_STMT_COUNT] = {
#define STMT(name, parameters, sql) { sql, parameters },
#include "store/postgres_stmt.def"
#undef STMT
};

/* False: the deadline passed. */
static bool wait_for(PGconn *conn, bool for_write, uint64_t end_ms)
{
	struct pollfd p = { .fd = PQsocket(conn), .events = (short)(for_write ? POLLIN | POLLOUT : POLLIN) };
	for (;;) {
		uint64_t now = clock_mono_ms();
		if (now >= end_ms) return false;
		uint64_t left = end_ms - now;
		int n = poll(&p, 1, left > INT32_MAX ? INT32_MAX : (int)left);
		if (n > 0 || (n < 0 && errno != EINTR)) return true; /* libpq finds out what it was */
	}
}

/* One more result of what was sent. *out NULL: there is none. */
static enum coffer_err next_result(struct postgres_store *s, uint64_t end_ms, PGresult **out, struct reason *reason)
{
	int unsent;
	while ((unsent = PQflush(s->conn)) > 0) {
		if (!wait_for(s->conn, true, end_ms)) return postgres_lost(s, false, reason);
		if (!PQconsumeInput(s->conn)) return postgres_lost(s, true, reason);
	}
	if (unsent < 0) return postgres_lost(s, true, reason);
	while (PQisBusy(s->conn)) {
		if (!wait_for(s->conn, false, end_ms)) return postgres_lost(s, false, reason);
		if (!PQconsumeInput(s->conn)) return postgres_lost(s, true, reason);
	}
	*out = PQgetResult(s->conn);
	return ERR_OK;
}

/* All results of what was sent; the first is the caller's. */
static enum coffer_err collect(struct postgres_store *s, PGresult **out, struct reason *reason)
{
	uint64_t end_ms = clock_mono_ms() + s->statement_ms;
	PGresult *first = NULL, *more = NULL;
	enum coffer_err err = next_result(s, end_ms, &first, reason);
	for (more = first; !err && more;) {
		err = next_result(s, end_ms, &more, reason);
		if (!err && more) PQclear(more);
	}
	if (!err && !first) err = postgres_lost(s, true, reason);
	ExecStatusType status = PQresultStatus(first);
	if (!err && status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) err = postgres_fail(s, first, reason);
	*out = first;
	return err;
}

/* The caller gets the result of a refusal too: a COMMIT's says what became of it. */
static enum coffer_err send_line(struct postgres_store *s, const char *sql, PGresult **out, struct reason *reason)
{
	*out = NULL;
	if (!s->conn || s->lost) return postgres_lost(s, true, reason);
	if (!PQsendQueryParams(s->conn, sql, 0, NULL, NULL, NULL, NULL, 1)) return postgres_lost(s, true, reason);
	return collect(s, out, reason);
}

enum coffer_err postgres_line(struct postgres_store *s, const char *sql, PGresult **out, struct reason *reason)
{
	return send_line(s, sql, out, reason);
}

static enum coffer_err prepare(struct postgres_store *s, enum postgres_stmt_id id, struct reason *reason)
{
	char name[8];
	PGresult *result = NULL;
	if (s->prepared[id]) return ERR_OK;
	snprintf(name, sizeof name, "s%d", (int)id);
	if (!PQsendPrepare(s->conn, name, stmts[id].sql, stmts[id].parameters, NULL)) return postgres_lost(s, true, reason);
	enum coffer_err err = collect(s, &result, reason);
	PQclear(result);
	s->prepared[id] = err == ERR_OK;
	return err;
}

enum coffer_err postgres_run(struct postgres_store *s, enum postgres_stmt_id id, const struct postgres_values *v, PGresult **out, struct reason *reason)
{
	static const int binary[POSTGRES_PARAMETERS_MAX] = { 1, 1, 1, 1, 1, 1, 1, 1, 1 };
	const char *at[POSTGRES_PARAMETERS_MAX];
	char name[8];
	*out = NULL;
	PRE(v->count == stmts[id].parameters);
	if (!s->conn || s->lost) return postgres_lost(s, true, reason);
	TRY(prepare(s, id, reason));
	for (int i = 0; i < v->count; i++) at[i] = v->at[i] ? v->at[i] : (const char *)v->number[i];
	snprintf(name, sizeof name, "s%d", (int)id);
	if (!PQsendQueryPrepared(s->conn, name, v->count, at, v->len, binary, 1)) return postgres_lost(s, true, reason);
	enum coffer_err err = collect(s, out, reason);
	if (err) {
		PQclear(*out);
		*out = NULL;
	}
	return err;
}

static void add_number(struct postgres_values *v, uint64_t value, int len)
{
	PRE(v->count < POSTGRES_PARAMETERS_MAX);
	for (int i = 0; i < len; i++) v->number[v->count][i] = (uint8_t)(value >> (8 * (len - 1 - i)));
	v->at[v->count] = NULL;
	v->len[v->count++] = len;
}

void postgres_add_u16(struct postgres_values *v, uint16_t value)
{
	add_number(v, value, 2);
}

void postgres_add_i64(struct postgres_values *v, int64_t value)
{
	add_number(v, (uint64_t)value, 8);
}

void postgres_add_bytes(struct postgres_values *v, struct view bytes)
{
	PRE(v->count < POSTGRES_PARAMETERS_MAX);
	v->at[v->count] = bytes.len ? (const char *)bytes.ptr : "";
	v->len[v->count++] = (int)bytes.len;
}

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
static enum coffer_err wake(struct postgres_store *s, const char *word, struct reason *reason)
{
	char sql[96];
	PGresult *result = NULL;
	snprintf(sql, sizeof sql, "%s coffer_%s", word, s->schema);
	enum coffer_err err = postgres_line(s, sql, &result, reason);
	PQclear(result);
	return err;
}

enum coffer_err postgres_tell(struct postgres_store *s)
{
	return wake(s, "NOTIFY", NULL);
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
	s->news = true;
	return wake(s, "LISTEN", reason);
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
}
