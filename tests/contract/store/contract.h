/* The contract suite of the store: every test runs against every implementation, each time on a new empty store. */
#ifndef COFFER_TESTS_CONTRACT_STORE_H
#define COFFER_TESTS_CONTRACT_STORE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <cmocka.h>

#include "store/store.h"

#include "store/remote.h"

struct ring;

struct contract {
	struct store *store;
	struct ring *ring; /* of a rooted store */
	char dir[64]; /* empty: nothing on disk */
};

int contract_setup_sqlite(void **state);
int contract_setup_memory(void **state);
/* A schema of its own in the database that COFFER_TEST_POSTGRES names (with_postgres starts one). */
int contract_setup_postgres(void **state);
/* The same behind a coffer-stored of its own: the program that is installed. */
int contract_setup_remote(void **state);
/* The same schema once more, by a process that knows nothing of before. */
struct store *contract_reopen_remote(void **state);
/* A rooted store in front of SQLite; teardown demands that its sums are those of its rows. */
int contract_setup_rooted(void **state);
int contract_teardown(void **state);

/* Five lines of a group's table. */
#define CONTRACT(test) \
	{ #test " [sqlite]", test, contract_setup_sqlite, contract_teardown, NULL }, \
	{ #test " [memory]", test, contract_setup_memory, contract_teardown, NULL }, \
	{ #test " [rooted]", test, contract_setup_rooted, contract_teardown, NULL }, \
	{ #test " [postgres]", test, contract_setup_postgres, contract_teardown, NULL }, \
	{ #test " [remote]", test, contract_setup_remote, contract_teardown, NULL }

struct store *contract_store(void **state);
/* Starts the built coffer-stored as a child; kill ends and reaps it. One at a time; contract_stored_pid: of the newest, 0 when it was reaped. */
extern const struct store_spawner contract_spawner;
extern pid_t contract_stored_pid;
/* A schema of this process that no test had before. */
const char *contract_schema(void);
const char *contract_last_schema(void);
/* A row with a text id and body. */
struct store_row contract_row(const char *id, const char *body);
/* One row in a transaction of its own; must succeed. */
void contract_put(struct store *s, enum store_table table, const char *id, const char *body);
void contract_erase(struct store *s, enum store_table table, const char *id);
void contract_begin(struct store *s);
void contract_commit(struct store *s);
enum coffer_err contract_put_inside(struct store *s, const char *id, const char *body, bool replace);
bool contract_has(struct store *s, enum store_table table, const char *id);
/* Fails the test unless the row is there with this body. */
void contract_expect(struct store *s, enum store_table table, const char *id, const char *body);

/* The ids seen by a scan or a search, joined with spaces. `stop_after` rows it answers ERR_LIMIT (0: never). */
struct contract_list {
	char text[512];
	size_t count, stop_after;
};
enum coffer_err contract_list_row(void *arg, const struct store_row *row);
enum coffer_err contract_list_id(void *arg, struct view id);

#endif
