/* Two writers of a schema of their own in the test's PostgreSQL, and an administrator beside them. */
#ifndef COFFER_TESTS_CONTRACT_STORE_WORLD_H
#define COFFER_TESTS_CONTRACT_STORE_WORLD_H

#include <libpq-fe.h>

#include "contract.h"
#include "store/postgres.h"

struct world {
	char schema[40];
	struct store *a, *b; /* two writers */
	PGconn *admin;
};

void world_admin(const struct world *w, const char *sql);
/* The first value of the first row, or ""; the caller frees it. */
char *world_answer(const struct world *w, const char *sql);
/* Asks until the answer is there; bounded. */
void world_await(const struct world *w, const char *sql, const char *wanted);
enum coffer_err world_open_writer(const struct world *w, uint64_t writer, uint32_t connect_ms, uint32_t statement_ms, struct store **out, struct reason *reason);
/* cmocka's: *state is the world. */
int world_setup(void **state);
int world_teardown(void **state);

#endif
