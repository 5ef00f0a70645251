/* Fixtures and helpers of the store's contract suite. */
#include "contract.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "keyring/rooted_store.h"
#include "store/postgres.h"

static const char db_name[] = "store.db";

static int setup(void **state, bool on_disk)
{
	struct contract *c = calloc(1, sizeof *c);
	if (!c) return -1;
	*state = c;
	if (!on_disk) return store_open_memory(&c->store) == ERR_OK ? 0 : -1;
	snprintf(c->dir, sizeof c->dir, "/tmp/store-contract-XXXXXX");
	if (!mkdtemp(c->dir)) return -1;
	char path[128];
	struct reason reason = { "" };
	snprintf(path, sizeof path, "%s/%s", c->dir, db_name);
	enum coffer_err err = store_open_sqlite(path, &c->store, &reason);
	if (err) print_error("%s\n", reason_text(&reason, err));
	return err ? -1 : 0;
}

int contract_setup_sqlite(void **state) { return setup(state, true); }
int contract_setup_memory(void **state) { return setup(state, false); }

int contract_setup_rooted(void **state)
{
	struct domain_id domain = { .id = "contract" };
	struct store *rooted;
	struct secret *key;
	if (arena_level() == ARENA_NONE && arena_init(8u << 20, false, NULL) != ERR_OK) return -1;
	if (setup(state, true) != 0) return -1;
	struct contract *c = *state;
	if (rooted_store_new(c->store, &rooted) != ERR_OK) return -1;
	c->store = rooted;
	c->ring = ring_new(&domain);
	key = secret_new(DATA_KEY_LEN);
	if (!c->ring || !key || ring_add(c->ring, 1, &key) != ERR_OK) return -1;
	return rooted_store_attach(rooted, c->ring, NULL) == ERR_OK && rooted_store_verdict(rooted, NULL) == ERR_OK ? 0 : -1;
}

static unsigned schemas;

static char last_schema[40];

const char *contract_schema(void)
{
	snprintf(last_schema, sizeof last_schema, "t%u_%u", (unsigned)getpid(), ++schemas);
	return last_schema;
}

const char *contract_last_schema(void)
{
	return last_schema;
}

pid_t contract_stored_pid;

static void run_stored(int fd)
{
	char path[4096], name[] = "coffer-stored";
	char *const argv[] = { name, NULL };
	const char *build = getenv("COFFER_BUILD_DIR");
	if (!build || snprintf(path, sizeof path, "%s/bin/coffer-stored", build) >= (int)sizeof path || dup2(fd, 3) < 0) _exit(126);
	if (fd == 3 && fcntl(3, F_SETFD, 0) != 0) _exit(126);
	execv(path, argv);
	_exit(127);
}

static enum coffer_err start_stored(void *arg, int *out_fd, uint32_t *out_instance, struct reason *reason)
{
	int pair[2];
	(void)arg;
	(void)reason;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) return ERR_IO;
	contract_stored_pid = fork();
	if (contract_stored_pid == 0) run_stored(pair[1]);
	close(pair[1]);
	*out_fd = pair[0];
	*out_instance = (uint32_t)contract_stored_pid;
	return contract_stored_pid > 0 ? ERR_OK : ERR_IO;
}

static void kill_stored(void *arg, uint32_t instance)
{
	(void)arg;
	if ((pid_t)instance != contract_stored_pid) return;
	kill(contract_stored_pid, SIGKILL);
	waitpid(contract_stored_pid, NULL, 0);
	contract_stored_pid = 0;
}

const struct store_spawner contract_spawner = { start_stored, kill_stored, NULL };

static int open_remote(struct contract *c)
{
	enum coffer_err lost = ERR_OK;
	struct reason reason = { "" };
	const struct remote_config config = {
		.conninfo = getenv("COFFER_TEST_POSTGRES"), .schema = last_schema, .passfile = "", .writer = schemas, .connect_ms = 10000, .statement_ms = 20000,
	};
	if (!config.conninfo) return -1;
	enum coffer_err err = store_open_remote(&config, &contract_spawner, &c->store, &lost, &reason);
	if (err || lost) print_error("%s\n", reason_text(&reason, err ? err : lost));
	return err || lost ? -1 : 0;
}

int contract_setup_remote(void **state)
{
	struct contract *c = calloc(1, sizeof *c);
	(void)contract_schema();
	if (!c) return -1;
	*state = c;
	return open_remote(c);
}

struct store *contract_reopen_remote(void **state)
{
	struct contract *c = *state;
	store_close(c->store);
	c->store = NULL;
	assert_int_equal(open_remote(c), 0);
	return c->store;
}

int contract_setup_postgres(void **state)
{
	struct reason reason = { "" };
	struct contract *c = calloc(1, sizeof *c);
	const char *schema = contract_schema();
	if (!c) return -1;
	*state = c;
	const struct postgres_config config = {
		.conninfo = getenv("COFFER_TEST_POSTGRES"), .schema = schema, .writer = schemas, .connect_ms = 10000, .statement_ms = 20000,
	};
	if (!config.conninfo) {
		print_error("COFFER_TEST_POSTGRES is not set: run this through with_postgres\n");
		return -1;
	}
	enum coffer_err err = store_open_postgres(&config, &c->store, &reason);
	if (err) print_error("%s\n", reason_text(&reason, err));
	return err ? -1 : 0;
}

static void print_fault(void *arg, const struct rooted_fault *fault)
{
	++*(size_t *)arg;
	print_error("fault %d in table %d: expected %llu, found %llu, id %.*s\n", (int)fault->kind, (int)fault->table,
		(unsigned long long)fault->expected, (unsigned long long)fault->found, (int)fault->id_len, (const char *)fault->id);
}

/* Whatever a test did: the sums are those of the rows, also when the root is read again. */
static int check_sums(struct contract *c)
{
	size_t faults = 0;
	bool done = false;
	struct rooted_watch watch = { .fault = print_fault, .arg = &faults };
	store_rollback(c->store);
	for (int again = 0; again < 2; again++) {
		rooted_store_pass_begin(c->store);
		for (done = false; !done;)
			if (rooted_store_pass_step(c->store, 3, &watch, &done) != ERR_OK) return -1;
		if (store_reopen(c->store, NULL) != ERR_OK) return -1;
	}
	return faults ? -1 : 0;
}

int contract_teardown(void **state)
{
	static const char *const suffixes[] = { "", "-wal", "-shm" };
	struct contract *c = *state;
	int sums = c->ring ? check_sums(c) : 0;
	store_close(c->store);
	ring_free(c->ring);
	for (size_t i = 0; i < 3 && c->dir[0]; i++) {
		char path[128];
		snprintf(path, sizeof path, "%s/%s%s", c->dir, db_name, suffixes[i]);
		unlink(path);
	}
	int rc = c->dir[0] ? rmdir(c->dir) : 0;
	free(c);
	return rc ? rc : sums;
}

struct store *contract_store(void **state)
{
	return ((struct contract *)*state)->store;
}

struct store_row contract_row(const char *id, const char *body)
{
	struct store_row row = { .id_len = strlen(id), .version = 1, .state = 2, .generation = 3, .header = view_str("header"),
		.body = view_str(body) };
	memcpy(row.id, id, row.id_len);
	return row;
}

void contract_begin(struct store *s)
{
	assert_int_equal(store_begin(s, NULL), ERR_OK);
}

void contract_commit(struct store *s)
{
	assert_int_equal(store_commit(s, NULL), ERR_OK);
}

void contract_put(struct store *s, enum store_table table, const char *id, const char *body)
{
	struct store_row row = contract_row(id, body);
	contract_begin(s);
	assert_int_equal(store_put(s, table, &row, true), ERR_OK);
	contract_commit(s);
}

void contract_erase(struct store *s, enum store_table table, const char *id)
{
	contract_begin(s);
	assert_int_equal(store_erase(s, table, view_str(id)), ERR_OK);
	contract_commit(s);
}

enum coffer_err contract_put_inside(struct store *s, const char *id, const char *body, bool replace)
{
	struct store_row row = contract_row(id, body);
	return store_put(s, STORE_OBJECT, &row, replace);
}

bool contract_has(struct store *s, enum store_table table, const char *id)
{
	struct store_row row;
	enum coffer_err err = store_get(s, table, view_str(id), &row);
	assert_true(err == ERR_OK || err == ERR_NOT_FOUND);
	return err == ERR_OK;
}

void contract_expect(struct store *s, enum store_table table, const char *id, const char *body)
{
	struct store_row row;
	assert_int_equal(store_get(s, table, view_str(id), &row), ERR_OK);
	assert_true(view_equal(row.body, view_str(body)));
}

enum coffer_err contract_list_id(void *arg, struct view id)
{
	struct contract_list *l = arg;
	size_t used = strlen(l->text);
	snprintf(l->text + used, sizeof l->text - used, "%s%.*s", used ? " " : "", (int)id.len, (const char *)id.ptr);
	l->count++;
	return l->stop_after && l->count >= l->stop_after ? ERR_LIMIT : ERR_OK;
}

enum coffer_err contract_list_row(void *arg, const struct store_row *row)
{
	return contract_list_id(arg, view_of(row->id, row->id_len));
}
