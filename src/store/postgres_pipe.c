/* What is sent to the server, and what it answers. The connection is in libpq's pipeline mode: what has no answer of its own (postgres_send) waits for nobody, and what does is one round trip together with
 * all that was sent before it. Every wait has an end; libpq's own calls that wait are not used (PQexec, PQconnectdb, PQcancel, PQreset). */
#include <errno.h>
#include <poll.h>
#include <stdio.h>

#include "base/clock.h"
#include "store/postgres_internal.h"

static const struct { const char *sql; int parameters; } stmts[PG_STMT_COUNT] = {
#define STMT(name, parameters, sql) { sql, parameters },
#include "store/postgres_stmt.def"
#undef STMT
};

/* ---- answers ---- */

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

/* One more result of what was sent. *out NULL: there is no more of this statement. */
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

/* Of a statement that was sent without waiting: a function of the schema says 1, everything else nothing. */
static enum coffer_err take_sent(struct postgres_store *s, const PGresult *result, struct reason *reason)
{
	uint64_t said = 0;
	if (PQresultStatus(result) == PGRES_COMMAND_OK) return ERR_OK;
	if (PQresultStatus(result) != PGRES_TUPLES_OK) return postgres_fail(s, result, reason);
	if (PQntuples(result) != 1 || postgres_load_u64(result, 0, 0, &said) != ERR_OK || said != 1)
		return reason_fail(reason, ERR_CORRUPT, "a function in the schema %s of the database does not do what Coffer made it for; restore the database", s->schema);
	return ERR_OK;
}

/* The first that failed has all behind it, up to the mark, passed over by the server. */
static enum coffer_err take(struct postgres_store *s, unsigned nth, unsigned sent, PGresult *result, PGresult **out, enum coffer_err err, struct reason *reason)
{
	if (nth < sent || !out || *out) {
		if (!err) err = take_sent(s, result, reason);
		if (nth < sent && err) s->doom = err;
		PQclear(result);
		return err;
	}
	*out = result;
	if (err || PQresultStatus(result) == PGRES_COMMAND_OK || PQresultStatus(result) == PGRES_TUPLES_OK) return err;
	return postgres_fail(s, result, reason);
}

/* The answers to all that was sent, up to the mark behind it; that of the last statement is the caller's (out NULL: there is none behind what was sent without waiting). */
static enum coffer_err collect(struct postgres_store *s, PGresult **out, struct reason *reason)
{
	uint64_t end_ms = clock_mono_ms() + s->statement_ms;
	unsigned sent = s->sent.count, nth = 0;
	enum coffer_err err = ERR_OK;
	s->sent = (struct postgres_sent){ .trips = s->sent.trips + 1 };
	for (bool ended = false;;) {
		PGresult *result = NULL;
		enum coffer_err lost = next_result(s, end_ms, &result, reason);
		if (!lost && !result && ended) lost = postgres_lost(s, true, reason); /* it has nothing more to say, and the mark is not there */
		if (lost) return lost;
		ended = !result;
		if (ended) nth++;
		if (ended) continue;
		if (PQresultStatus(result) == PGRES_PIPELINE_SYNC) {
			PQclear(result);
			return !err && out && !*out ? postgres_lost(s, true, reason) : err;
		}
		err = take(s, nth, sent, result, out, err, reason);
		if (s->lost) return err;
	}
}

/* ---- one round trip ---- */

static enum coffer_err mark_and_collect(struct postgres_store *s, PGresult **out, struct reason *reason)
{
	if (!PQpipelineSync(s->conn)) return postgres_lost(s, true, reason);
	return collect(s, out, reason);
}

/* The caller gets the result of a refusal too: a COMMIT's says what became of it. */
enum coffer_err postgres_line(struct postgres_store *s, const char *sql, PGresult **out, struct reason *reason)
{
	*out = NULL;
	if (!s->conn || s->lost) return postgres_lost(s, true, reason);
	if (!PQsendQueryParams(s->conn, sql, 0, NULL, NULL, NULL, NULL, 1)) return postgres_lost(s, true, reason);
	return mark_and_collect(s, out, reason);
}

static enum coffer_err prepare(struct postgres_store *s, enum postgres_stmt_id id, struct reason *reason)
{
	char name[8];
	PGresult *result = NULL;
	if (s->prepared[id]) return ERR_OK;
	snprintf(name, sizeof name, "s%d", (int)id);
	if (!PQsendPrepare(s->conn, name, stmts[id].sql, stmts[id].parameters, NULL)) return postgres_lost(s, true, reason);
	enum coffer_err err = mark_and_collect(s, &result, reason);
	s->prepared[id] = PQresultStatus(result) == PGRES_COMMAND_OK; /* also where something before it was not what it should be */
	PQclear(result);
	return err;
}

static enum coffer_err send_prepared(struct postgres_store *s, enum postgres_stmt_id id, const struct postgres_values *v, struct reason *reason)
{
	static const int binary[POSTGRES_PARAMETERS_MAX] = { 1, 1, 1, 1, 1, 1, 1, 1, 1 };
	const char *at[POSTGRES_PARAMETERS_MAX];
	char name[8];
	PRE(v->count == stmts[id].parameters);
	if (!s->conn || s->lost) return postgres_lost(s, true, reason);
	TRY(prepare(s, id, reason));
	for (int i = 0; i < v->count; i++) at[i] = v->at[i] ? v->at[i] : (const char *)v->number[i];
	snprintf(name, sizeof name, "s%d", (int)id);
	return PQsendQueryPrepared(s->conn, name, v->count, at, v->len, binary, 1) ? ERR_OK : postgres_lost(s, true, reason);
}

enum coffer_err postgres_run(struct postgres_store *s, enum postgres_stmt_id id, const struct postgres_values *v, PGresult **out, struct reason *reason)
{
	*out = NULL;
	TRY(send_prepared(s, id, v, reason));
	enum coffer_err err = mark_and_collect(s, out, reason);
	if (err) {
		PQclear(*out);
		*out = NULL;
	}
	return err;
}

/* ---- without waiting ---- */

enum coffer_err postgres_settle(struct postgres_store *s)
{
	if (!s->sent.count) return ERR_OK;
	if (!s->conn || s->lost) return postgres_lost(s, true, NULL);
	return mark_and_collect(s, NULL, NULL);
}

/* What was sent is bounded: neither this process nor the server holds more of it. */
static enum coffer_err count_sent(struct postgres_store *s, size_t bytes)
{
	s->sent.count++;
	s->sent.bytes += bytes;
	return s->sent.count < POSTGRES_SENT_MAX && s->sent.bytes < POSTGRES_SENT_BYTES_MAX ? ERR_OK : postgres_settle(s);
}

enum coffer_err postgres_send(struct postgres_store *s, enum postgres_stmt_id id, const struct postgres_values *v)
{
	size_t bytes = 0;
	enum coffer_err err = send_prepared(s, id, v, NULL);
	for (int i = 0; i < v->count; i++) bytes += (size_t)v->len[i];
	if (!err) err = count_sent(s, bytes);
	if (err) s->doom = err;
	return err;
}

enum coffer_err postgres_send_line(struct postgres_store *s, const char *sql)
{
	enum coffer_err err = ERR_OK;
	if (!s->conn || s->lost || !PQsendQueryParams(s->conn, sql, 0, NULL, NULL, NULL, NULL, 1)) err = postgres_lost(s, true, NULL);
	if (!err) err = count_sent(s, 0);
	if (err) s->doom = err;
	return err;
}

/* ---- values ---- */

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
