/* The parts of the PostgreSQL store: handle, connection, statements, errors. Only src/store/postgres*.c and its tests include it. */
#ifndef COFFER_STORE_POSTGRES_INTERNAL_H
#define COFFER_STORE_POSTGRES_INTERNAL_H

#include <libpq-fe.h>

#include "store/postgres.h"
#include "store/store_internal.h"

/* Every statement is fixed text, prepared once a connection: STMT(name, parameters, sql). Parameters and results are binary. */
enum postgres_stmt_id {
#define STMT(name, parameters, sql) PG_##name,
#include "store/postgres_stmt.def"
#undef STMT
	PG_STMT_COUNT
};

#define POSTGRES_PARAMETERS_MAX 9

/* What was sent and not answered yet. */
struct postgres_sent {
	unsigned count;
	size_t bytes;                /* of its values */
	uint64_t trips;              /* how often the server was waited for since the connection was made; of interest to tests */
};

struct postgres_store {
	struct store base;
	char *conninfo, *schema;     /* ours */
	uint64_t writer;
	uint32_t connect_ms, statement_ms;
	PGconn *conn;                /* NULL after a reopen that failed; otherwise connected, or lost and found out by the next call */
	bool prepared[PG_STMT_COUNT];
	PGresult *lent;              /* its row was handed out; cleared by the next call */
	enum coffer_err doom;        /* this transaction can only be rolled back */
	bool unknown;                /* outcome of a commit is unknown: only reopen helps */
	bool warned;                 /* the server warned since it was last set to false */
	uint64_t system, known_system; /* of the server, and of those that may be used; 0: it does not say, any */
	uint32_t timeline, known_timeline;
	bool news;                   /* another connection has told of a change since the store was asked last */
	struct postgres_sent sent;
	bool lost;                   /* the connection does not answer, or not in time: it is not asked again */
};

/* Values of one statement. */
struct postgres_values {
	const char *at[POSTGRES_PARAMETERS_MAX];
	int len[POSTGRES_PARAMETERS_MAX];
	uint8_t number[POSTGRES_PARAMETERS_MAX][8];
	int count;
};
void postgres_add_u16(struct postgres_values *v, uint16_t value);
void postgres_add_i64(struct postgres_values *v, int64_t value);
void postgres_add_bytes(struct postgres_values *v, struct view bytes);

/* postgres_conn.c: all waiting for a server. */
/* A connection to a server that takes writes, with its session set up, the writer's lock held and the schema there. Sets s->conn. */
enum coffer_err postgres_connect(struct postgres_store *s, struct reason *reason) MUST_USE;
void postgres_disconnect(struct postgres_store *s);

/* postgres_hosts.c: of the servers that the connection string names and that take writes, the one with the newest history: sets s->conn, s->system and s->timeline. ERR_CORRUPT: there is
 * none but former primary servers, or servers of another system; ERR_CLOSED, ERR_TIMEOUT: there is none; ERR_MEMORY. Nothing was written to any of them. */
enum coffer_err postgres_find(struct postgres_store *s, uint64_t end_ms, struct reason *reason) MUST_USE;
/* postgres_conninfo.c: a parameter's value, borrowed; NULL: it has none. */
const char *postgres_conninfo_value(const PQconninfoOption *option, const char *name);
/* How many servers a connection string names that are tried each for itself; at least 1. */
unsigned postgres_hosts_count(const PQconninfoOption *options);

/* postgres_pipe.c */
/* Sends a prepared statement and waits for its one result, which the caller clears. ERR_OK: *out is a result without an error. Where something failed that was sent before it without waiting, the error
 * is of that, the transaction is doomed, and the server has not looked at this one; the same holds for postgres_line. */
enum coffer_err postgres_run(struct postgres_store *s, enum postgres_stmt_id id, const struct postgres_values *v, PGresult **out,
	struct reason *reason) MUST_USE;
/* The same for one line of SQL without parameters. */
enum coffer_err postgres_line(struct postgres_store *s, const char *sql, PGresult **out, struct reason *reason) MUST_USE;

/* Inside a transaction: sends a prepared statement, or a line of SQL, and does not wait. It changes what it is about (a function of the schema says 1) or fails, and then the transaction is doomed; that is found
 * out by the next call that waits, at the latest by COMMIT, which the server does not look at then. (A function that says
 * anything else was edited: found out by the same call, and where that is COMMIT the outcome is unknown.) Copies the values. */
enum coffer_err postgres_send(struct postgres_store *s, enum postgres_stmt_id id, const struct postgres_values *v) MUST_USE;
enum coffer_err postgres_send_line(struct postgres_store *s, const char *sql) MUST_USE;
/* Waits for the answers to all that was sent without waiting. */
enum coffer_err postgres_settle(struct postgres_store *s) MUST_USE;

/* Says, when the transaction under way commits, to all who listen that there are changes. */
enum coffer_err postgres_tell(struct postgres_store *s) MUST_USE;
enum coffer_err postgres_news(struct store *base, bool *out);

/* postgres_err.c: the only place that knows SQLSTATE. */
/* What a result without success means; the sentence for people. Never ERR_OK. */
enum coffer_err postgres_fail(struct postgres_store *s, const PGresult *result, struct reason *reason);
/* The same for a connection that was lost or did not answer in time. */
enum coffer_err postgres_lost(struct postgres_store *s, bool in_time, struct reason *reason);
/* Whether the server does not tell this user: he has not got the right, or there is no such function. */
bool postgres_is_withheld(const PGresult *result);
/* Whether the server has said that it rolled back: nothing else makes the outcome of a COMMIT known. */
bool postgres_is_rolled_back(PGresult *result);

/* postgres_schema.c */
/* Makes the schema, or compares its number with ours. */
enum coffer_err postgres_schema(struct postgres_store *s, struct reason *reason) MUST_USE;

/* postgres.c: begins every call. Refuses a store that is doomed or unknown, and ends what was lent. */
enum coffer_err postgres_ready(struct postgres_store *s) MUST_USE;
/* Runs a statement inside a call of the interface; a failure dooms the transaction. */
enum coffer_err postgres_step(struct postgres_store *s, enum postgres_stmt_id id, const struct postgres_values *v, PGresult **out) MUST_USE;

/* postgres_rows.c */
enum coffer_err postgres_put(struct store *base, enum store_table table, const struct store_row *row, bool replace);
enum coffer_err postgres_get(struct store *base, enum store_table table, struct view id, struct store_row *out);
enum coffer_err postgres_hold(struct store *base, enum store_table table, struct view id, struct store_row *out);
enum coffer_err postgres_erase(struct store *base, enum store_table table, struct view id);
enum coffer_err postgres_scan(struct store *base, enum store_table table, struct view after, bool backwards, size_t limit, store_row_fn *fn, void *arg);
enum coffer_err postgres_count(struct store *base, enum store_table table, uint64_t *out);
enum coffer_err postgres_index_find(struct store *base, enum store_table table, uint8_t index, struct view token, struct view after, size_t limit,
	store_id_fn *fn, void *arg);
/* The row at `at` of a result; its views are borrowed from the result. ERR_CORRUPT. */
enum coffer_err postgres_load_row(const PGresult *result, int at, struct store_row *out) MUST_USE;
enum coffer_err postgres_load_u64(const PGresult *result, int row, int column, uint64_t *out) MUST_USE;
/* One row more than SQL's LIMIT would give is never needed: pages of a bounded size, so that no answer fills the memory. */
#define POSTGRES_PAGE 64
/* postgres_survey.c */
enum coffer_err postgres_survey(struct store *base, enum store_table table, struct view from, size_t limit, store_survey_fn *fn, void *arg);
enum coffer_err postgres_index_same(struct store *base, enum store_table table, struct view id, struct view index, bool *out_same);
enum coffer_err postgres_index_orphans(struct store *base, enum store_table table, struct view from, size_t limit, store_survey_fn *fn, void *arg);
enum coffer_err postgres_strays(struct store *base, uint64_t *out);

#endif
