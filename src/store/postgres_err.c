/* PostgreSQL's errors in the project's terms, and the sentences for people. */
#include <string.h>

#include "store/postgres_internal.h"

enum coffer_err postgres_lost(struct postgres_store *s, bool in_time, struct reason *reason)
{
	s->lost = true;
	if (!in_time)
		return reason_fail(reason, ERR_TIMEOUT, "the database did not answer within its deadline; see whether its server is up and reachable");
	return reason_fail(reason, ERR_CLOSED, "the connection to the database was lost; see whether its server is up and reachable");
}

static enum coffer_err err_of(const char *state)
{
	/* The longest that fits: whole states, then classes (PostgreSQL manual, appendix A). */
	static const struct { const char *state; enum coffer_err err; } table[] = {
		{ "40001", ERR_BUSY },    /* serialization_failure */
		{ "40P01", ERR_BUSY },    /* deadlock_detected */
		{ "55P03", ERR_BUSY },    /* lock_not_available */
		{ "53100", ERR_FULL },    /* disk_full */
		{ "53200", ERR_MEMORY },  /* out_of_memory */
		{ "57014", ERR_TIMEOUT }, /* query_canceled: statement_timeout */
		{ "25006", ERR_IO },      /* read_only_sql_transaction */
		{ "42P01", ERR_SCHEMA },  /* undefined_table */
		{ "42883", ERR_SCHEMA },  /* undefined_function */
		{ "42703", ERR_SCHEMA },  /* undefined_column */
		{ "3F000", ERR_SCHEMA },  /* invalid_schema_name */
		{ "57P", ERR_CLOSED },    /* shut down, crashed, starting */
		{ "08", ERR_CLOSED },     /* connection exceptions */
		{ "53", ERR_LIMIT },      /* too many connections */
		{ "28", ERR_DENIED },     /* authorization */
		{ "58", ERR_IO },         /* system errors */
		{ "XX001", ERR_CORRUPT }, /* data_corrupted */
		{ "XX002", ERR_CORRUPT }, /* index_corrupted */
	};
	for (size_t i = 0; state && i < sizeof table / sizeof table[0]; i++)
		if (strncmp(state, table[i].state, strlen(table[i].state)) == 0) return table[i].err;
	return ERR_STORE;
}

enum coffer_err postgres_fail(struct postgres_store *s, const PGresult *result, struct reason *reason)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE), *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	if (!result) return reason_fail(reason, ERR_MEMORY, "out of memory in the connection to the database; give the process more memory");
	if (!state && PQstatus(s->conn) != CONNECTION_OK) return postgres_lost(s, true, reason);
	enum coffer_err err = err_of(state);
	if (err == ERR_CLOSED) s->lost = true;
	switch (err) {
	case ERR_BUSY:
		return reason_fail(reason, err, "another node changed the same at the same time; try again");
	case ERR_FULL:
		return reason_fail(reason, err, "the disk of the database is full and nothing was changed; make room there");
	case ERR_TIMEOUT:
		return reason_fail(reason, err, "the database took longer than its deadline and nothing was changed; see what it is waiting for");
	case ERR_SCHEMA:
		return reason_fail(reason, err, "the schema %s of the database is not as Coffer made it: %s; restore the database", s->schema, text ? text : "?");
	default:
		return reason_fail(reason, err, "the database refused: %s (SQLSTATE %s)", text ? text : "no reason given", state ? state : "unknown");
	}
}

bool postgres_is_withheld(const PGresult *result)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	return state && (strcmp(state, "42501") == 0 || strcmp(state, "42883") == 0); /* insufficient_privilege, undefined_function */
}

/* Databases of several machines, and what stands between us and a server, answer so without knowing: statement_completion_unknown, connection exceptions. */
static bool is_ignorant(const char *state)
{
	return strcmp(state, "40003") == 0 || strncmp(state, "08", 2) == 0;
}

bool postgres_is_rolled_back(PGresult *result)
{
	const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED), *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	if (PQresultStatus(result) == PGRES_COMMAND_OK) return strcmp(PQcmdStatus(result), "ROLLBACK") == 0;
	return severity && strcmp(severity, "ERROR") == 0 && state && !is_ignorant(state);
}
