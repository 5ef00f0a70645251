/* Fixtures and helpers of the store's contract suite. */
#include "contract.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

int contract_teardown(void **state)
{
	static const char *const suffixes[] = { "", "-wal", "-shm" };
	struct contract *c = *state;
	store_close(c->store);
	for (size_t i = 0; i < 3 && c->dir[0]; i++) {
		char path[128];
		snprintf(path, sizeof path, "%s/%s%s", c->dir, db_name, suffixes[i]);
		unlink(path);
	}
	int rc = c->dir[0] ? rmdir(c->dir) : 0;
	free(c);
	return rc;
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
