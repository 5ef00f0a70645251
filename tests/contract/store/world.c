#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void world_admin(const struct world *w, const char *sql)
{
	PGresult *result = PQexec(w->admin, sql);
	ExecStatusType status = PQresultStatus(result);
	if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) print_error("%s: %s\n", sql, PQerrorMessage(w->admin));
	PQclear(result);
	assert_true(status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK);
}

char *world_answer(const struct world *w, const char *sql)
{
	PGresult *result = PQexec(w->admin, sql);
	assert_int_equal(PQresultStatus(result), PGRES_TUPLES_OK);
	char *text = PQntuples(result) ? strdup(PQgetvalue(result, 0, 0)) : strdup("");
	PQclear(result);
	return text;
}

void world_await(const struct world *w, const char *sql, const char *wanted)
{
	for (int i = 0; i < 2000; i++) {
		char *text = world_answer(w, sql);
		bool same = strcmp(text, wanted) == 0;
		free(text);
		if (same) return;
		usleep(5000);
	}
	print_error("never '%s': %s\n", wanted, sql);
	fail();
}

enum coffer_err world_open_writer(const struct world *w, uint64_t writer, uint32_t connect_ms, uint32_t statement_ms, struct store **out, struct reason *reason)
{
	const struct postgres_config config = {
		.conninfo = getenv("COFFER_TEST_POSTGRES"), .schema = w->schema, .writer = writer, .connect_ms = connect_ms, .statement_ms = statement_ms,
	};
	return store_open_postgres(&config, out, reason);
}

int world_setup(void **state)
{
	static unsigned schemas;
	struct world *w = calloc(1, sizeof *w);
	*state = w;
	snprintf(w->schema, sizeof w->schema, "p%u_%u", (unsigned)getpid(), ++schemas);
	if (!getenv("COFFER_TEST_POSTGRES")) return -1;
	w->admin = PQconnectdb(getenv("COFFER_TEST_POSTGRES"));
	if (PQstatus(w->admin) != CONNECTION_OK) return -1;
	return world_open_writer(w, 1, 10000, 10000, &w->a, NULL) || world_open_writer(w, 2, 10000, 10000, &w->b, NULL) ? -1 : 0;
}

int world_teardown(void **state)
{
	struct world *w = *state;
	store_close(w->a);
	store_close(w->b);
	PQfinish(w->admin);
	free(w);
	return 0;
}
