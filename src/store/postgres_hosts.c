/* Which of several servers: all that the connection string names are asked at once, and of those that take writes the one with the newest history is the store's. So neither a
 * server that does not answer nor a former primary server that is back stands in the way of the one behind it in the list. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "store/postgres_internal.h"
#include "store/postgres_start.h"

#define GRACE_MS 500u /* how long the others are waited for when one has answered; at most a quarter of connect_ms */
#define ITEM_MAX 256u
#define LISTS 3

static const char *const list_names[LISTS] = { "host", "hostaddr", "port" };

enum stage { STARTING, CONNECTING, ASKED_SYSTEM, ASKED_TIMELINE, FIT, OUT }; /* FIT: it takes writes and its history may be used; OUT: one of both is not so, or nothing is known */

struct candidate {
	PGconn *conn;           /* NULL while STARTING */
	struct postgres_start *start;
	enum stage stage;
	short events;           /* what it is waited for with */
	uint64_t system;        /* 0: it does not say */
	uint32_t timeline;
	enum coffer_err err;    /* of one that is OUT; ERR_CORRUPT: it is not to be written to */
	struct reason why;      /* "": libpq says */
};

/* ---- the connection string ---- */

/* 0: an item is empty or too long. */
static unsigned count_items(const char *list)
{
	unsigned n = 0;
	for (const char *at = list; at; n++) {
		size_t len = strcspn(at, ",");
		if (len == 0 || len >= ITEM_MAX) return 0;
		at = at[len] ? at + len + 1 : NULL;
	}
	return n;
}

unsigned postgres_hosts_count(const PQconninfoOption *options)
{
	unsigned count[LISTS], n;
	for (int i = 0; i < LISTS; i++) count[i] = count_items(postgres_conninfo_value(options, list_names[i]));
	n = count[1] ? count[1] : count[0];
	if (n < 2 || (count[0] && count[0] != n) || (count[2] > 1 && count[2] != n)) return 1;
	for (int i = 0; i < LISTS; i++)
		if (postgres_conninfo_value(options, list_names[i]) && !count[i]) return 1; /* what is not a plain list is libpq's to understand */
	return n;
}

static void copy_item(const char *list, unsigned n, char out[static ITEM_MAX])
{
	out[0] = '\0';
	if (!list) return;
	if (!strchr(list, ',')) n = 0; /* one port for all */
	for (; n; n--) list += strcspn(list, ",") + 1;
	snprintf(out, ITEM_MAX, "%.*s", (int)strcspn(list, ","), list);
}

/* ---- connecting ---- */

/* A host that has a name is STARTING until the name service has answered; what cannot have a thread is waited for here. */
static void begin_connection(const struct postgres_store *s, const PQconninfoOption *hosts, unsigned n, struct candidate *c)
{
	char options[512], seconds[16], item[LISTS][ITEM_MAX] = { "" };
	snprintf(options, sizeof options, "-c search_path=%s,pg_temp -c default_transaction_isolation=serializable -c statement_timeout=%u -c lock_timeout=%u"
		" -c idle_in_transaction_session_timeout=%u" /* the server's deadlines come before ours, so that the connection stays */
		" -c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=3 -c tcp_user_timeout=11000", /* a machine that lost its power leaves a session, and its lock, for so long */
		s->schema, s->statement_ms / 4 * 3, s->statement_ms / 2, 4 * s->statement_ms);
	snprintf(seconds, sizeof seconds, "%u", s->connect_ms / 1000 + 2); /* libpq's own, for each address; ours ends all of them */
	for (int i = 0; hosts && i < LISTS; i++) copy_item(postgres_conninfo_value(hosts, list_names[i]), n, item[i]);
	const char *const names[POSTGRES_START_MAX] = { "dbname", "connect_timeout", "target_session_attrs", "application_name", "client_encoding", "options", "host", "hostaddr", "port", NULL };
	const char *const values[POSTGRES_START_MAX] = { s->conninfo, seconds, "read-write", "coffer", "UTF8", options, item[0], item[1], item[2], NULL }; /* an empty one says nothing */
	if (!item[1][0] && postgres_start_asks(item[0])) c->start = postgres_start_new(names, values);
	if (!c->start) c->conn = PQconnectStartParams(names, values, 1);
}

static bool is_pending(const struct candidate *c)
{
	return c->stage != FIT && c->stage != OUT;
}

static bool any(const struct candidate *c, unsigned count, enum stage stage)
{
	for (unsigned i = 0; i < count; i++)
		if (c[i].stage == stage) return true;
	return false;
}

static void leave(struct candidate *c, enum coffer_err err)
{
	c->stage = OUT;
	c->err = err;
}

static void started(struct candidate *c)
{
	c->stage = CONNECTING;
	c->events = POLLOUT;
	if (!c->conn) leave(c, ERR_MEMORY);
	else if (PQstatus(c->conn) == CONNECTION_BAD) leave(c, ERR_CLOSED);
}

static void begin_all(const struct postgres_store *s, const PQconninfoOption *options, struct candidate *c, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		begin_connection(s, count > 1 ? options : NULL, i, &c[i]);
		if (!c[i].start) started(&c[i]);
	}
}

/* ---- which history it is that a server writes (docs/formats.md section 23.1) ---- */

static const char *or_empty(const char *text)
{
	return text ? text : "";
}

/* A standby that was promoted goes on with the history of its primary server, under a higher timeline. */
static void judge(const struct postgres_store *s, struct candidate *c)
{
	const char *host = or_empty(PQhost(c->conn)), *port = or_empty(PQport(c->conn));
	c->stage = FIT;
	if (s->known_system && c->system && c->system != s->known_system)
		leave(c, reason_fail(&c->why, ERR_CORRUPT, "the server at %.128s:%.16s is not the one that was used, nor a standby of it (another system identifier): it is not written to. Bring the right one "
			"back; to go on with this one, restart the daemon, which compares what it holds", host, port));
	else if (c->timeline && c->timeline < s->known_timeline)
		leave(c, reason_fail(&c->why, ERR_CORRUPT, "the server at %.128s:%.16s is a former primary server that is back (timeline %u, and %u was seen): it lacks what was written since, and is not written to. Stop "
			"it, or make it a standby of the new one", host, port, c->timeline, s->known_timeline));
}

static void flush(struct candidate *c)
{
	int unsent = PQflush(c->conn);
	c->events = unsent > 0 ? POLLIN | POLLOUT : POLLIN;
	if (unsent < 0) leave(c, ERR_CLOSED);
}

/* Of those that are asked one after the other: who may not know the first may know the second. */
static void ask(const struct postgres_store *s, struct candidate *c, enum stage stage)
{
	static const char *const sql[] = {
		[ASKED_SYSTEM] = "SELECT system_identifier & 9223372036854775807 FROM pg_control_system()",
		[ASKED_TIMELINE] = "SELECT ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::bigint",
	};
	c->stage = stage;
	if (stage == FIT) judge(s, c);
	else if (!PQsendQueryParams(c->conn, sql[stage], 0, NULL, NULL, NULL, NULL, 1)) leave(c, ERR_CLOSED);
	else flush(c);
}

/* A server that does not say for another reason than that this user may not know could be any: it is not used now. */
static void take_answer(struct candidate *c, const PGresult *result)
{
	uint64_t number = 0;
	bool told = PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1 && postgres_load_u64(result, 0, 0, &number) == ERR_OK;
	if (!told && !postgres_is_withheld(result)) {
		const char *said = or_empty(PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY));
		leave(c, reason_fail(&c->why, ERR_CLOSED, "the server at %.128s:%.16s did not say which one it is%s%.128s", or_empty(PQhost(c->conn)), or_empty(PQport(c->conn)), *said ? ": " : "", said));
	} else if (c->stage == ASKED_SYSTEM) {
		c->system = number;
	} else {
		c->timeline = number <= UINT32_MAX ? (uint32_t)number : 0;
	}
}

static void go_on_asking(const struct postgres_store *s, struct candidate *c)
{
	if (!PQconsumeInput(c->conn)) leave(c, ERR_CLOSED);
	else flush(c);
	while (is_pending(c) && !PQisBusy(c->conn)) {
		PGresult *result = PQgetResult(c->conn);
		if (result) take_answer(c, result);
		else ask(s, c, c->stage + 1);
		PQclear(result);
	}
}

static void go_on(const struct postgres_store *s, struct candidate *c)
{
	if (c->stage == STARTING) {
		c->conn = postgres_start_take(c->start);
		started(c);
		return;
	}
	if (c->stage != CONNECTING) {
		go_on_asking(s, c);
		return;
	}
	PostgresPollingStatusType state = PQconnectPoll(c->conn);
	c->events = state == PGRES_POLLING_WRITING ? POLLOUT : POLLIN;
	if (state == PGRES_POLLING_FAILED || (state == PGRES_POLLING_OK && PQsetnonblocking(c->conn, 1) != 0)) leave(c, ERR_CLOSED);
	else if (state == PGRES_POLLING_OK) ask(s, c, ASKED_SYSTEM);
}

/* ---- which one ---- */

/* Until the next of them has something to say; false: end_ms is over, or nobody is waited for. */
static bool wait_for_one(const struct postgres_store *s, struct candidate *c, unsigned count, uint64_t end_ms)
{
	struct pollfd p[POSTGRES_HOSTS_MAX];
	unsigned at[POSTGRES_HOSTS_MAX], n = 0;
	uint64_t now = clock_mono_ms();
	for (unsigned i = 0; i < count; i++) {
		if (!is_pending(&c[i])) continue;
		bool starts = c[i].stage == STARTING;
		p[n] = (struct pollfd){ .fd = starts ? postgres_start_fd(c[i].start) : PQsocket(c[i].conn), .events = starts ? POLLIN : c[i].events };
		at[n++] = i;
	}
	if (!n || now >= end_ms) return false;
	int ready = poll(p, n, end_ms - now > INT32_MAX ? INT32_MAX : (int)(end_ms - now));
	if (ready < 0) return errno == EINTR;
	for (unsigned i = 0; i < n; i++)
		if (p[i].revents) go_on(s, &c[at[i]]);
	return true;
}

/* One that may not be used is out of the race: the others are waited for as if it were not there. */
static void wait_for_all(const struct postgres_store *s, struct candidate *c, unsigned count, uint64_t end_ms)
{
	bool found = false;
	uint64_t grace = s->connect_ms / 4 < GRACE_MS ? s->connect_ms / 4 : GRACE_MS;
	while (wait_for_one(s, c, count, end_ms)) {
		if (found || !any(c, count, FIT)) continue;
		uint64_t soon = clock_mono_ms() + grace;
		found = true;
		if (soon < end_ms) end_ms = soon;
	}
}

/* libpq's texts may name hosts and users, never a password. */
static enum coffer_err none_fail(const struct candidate *c, unsigned count, struct reason *reason)
{
	char text[REASON_MAX] = "";
	size_t len = 0;
	for (unsigned i = 0; i < count; i++)
		if (c[i].err == ERR_CORRUPT) return reason_fail(reason, ERR_CORRUPT, "%s", c[i].why.text);
	for (unsigned i = 0; i < count && len < sizeof text; i++) {
		if (c[i].err == ERR_MEMORY) return reason_fail(reason, ERR_MEMORY, "out of memory in the connection to the database; give the process more memory");
		if (c[i].stage == STARTING)
			return reason_fail(reason, ERR_TIMEOUT, "the name of a server of the database was not found within the deadline; see whether the name service answers, or give addresses (hostaddr)");
		const char *said = c[i].why.text[0] ? c[i].why.text : PQerrorMessage(c[i].conn);
		if (is_pending(&c[i])) return reason_fail(reason, ERR_TIMEOUT, "the database did not answer within its deadline; see whether its server is up and reachable");
		len += (size_t)snprintf(text + len, sizeof text - len, "%s%.*s", i ? "; " : "", (int)strcspn(said, "\n"), said);
	}
	return reason_fail(reason, ERR_CLOSED, "no server of the database can be used: %s", text);
}

/* Moves the best one into s->conn. */
static enum coffer_err choose(struct postgres_store *s, struct candidate *c, unsigned count, struct reason *reason)
{
	struct candidate *best = NULL;
	for (unsigned i = 0; i < count; i++)
		if (c[i].stage == FIT && (!best || c[i].timeline > best->timeline)) best = &c[i];
	if (!best) return none_fail(c, count, reason);
	s->system = best->system;
	s->timeline = best->timeline;
	s->lost = false;
	s->conn = best->conn;
	best->conn = NULL;
	return ERR_OK;
}

enum coffer_err postgres_find(struct postgres_store *s, uint64_t end_ms, struct reason *reason)
{
	struct candidate c[POSTGRES_HOSTS_MAX] = { { .conn = NULL } };
	PQconninfoOption *options = PQconninfoParse(s->conninfo, NULL);
	unsigned count = options ? postgres_hosts_count(options) : 1;
	if (count > POSTGRES_HOSTS_MAX) count = POSTGRES_HOSTS_MAX; /* store_conninfo_open refuses it */
	begin_all(s, options, c, count);
	wait_for_all(s, c, count, end_ms);
	enum coffer_err err = choose(s, c, count, reason);
	for (unsigned i = 0; i < count; i++) {
		PQfinish(c[i].conn);
		postgres_start_leave(c[i].start);
	}
	PQconninfoFree(options);
	return err;
}
