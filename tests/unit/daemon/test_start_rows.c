/* What a start reads does not grow with the store: the same rows with few objects as with many. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "access/policy.h"
#include "base/arena.h"
#include "daemon/daemon.h"
#include "daemon/interrupted.h"
#include "keyring/rooted_store.h"
#include "objects/reindex.h"
#include "ops/store_check.h"
#include "unit/store/counting_store.h"

#define FEW 100u
#define MANY 5000u

struct node {
	struct daemon daemon;
	struct config config;
	struct store *inner;
	struct ring *ring;
};

static enum coffer_err on_store(struct engine *e, engine_store_fn *fn, void *arg, struct reason *reason)
{
	TRY(txn_begin(e->txn, reason));
	enum coffer_err err = fn(e, e->txn, arg, reason);
	if (!err) return txn_commit(e->txn, reason);
	txn_abort(e->txn);
	return err;
}

static void make_node(struct node *n)
{
	struct engine *e = &n->daemon.engine;
	struct domain_id domain = { .id = "start", .node_id = "node" };
	struct secret *key = secret_new(DATA_KEY_LEN);
	*n = (struct node){ .config = { .locate_scan_max = 1000 } };
	e->config = &n->config;
	e->daemon = &n->daemon;
	e->on_store = on_store;
	assert_int_equal(store_open_memory(&n->inner), ERR_OK);
	assert_int_equal(rooted_store_new(n->inner, &e->store), ERR_OK);
	e->objects = object_table_new(64);
	e->txn = txn_new(e->store, e->objects);
	e->check = store_check_new();
	n->ring = ring_new(&domain);
	assert_true(key && n->ring && e->objects && e->txn && e->check);
	assert_int_equal(ring_add(n->ring, 1, &key), ERR_OK);
}

/* Objects, each with its audit record. */
static void fill(struct node *n, unsigned count)
{
	struct engine *e = &n->daemon.engine;
	assert_int_equal(rooted_store_attach(e->store, n->ring, NULL), ERR_OK);
	txn_set_ring(e->txn, n->ring);
	assert_int_equal(txn_begin(e->txn, NULL), ERR_OK);
	assert_int_equal(audit_chain_open(e->txn, &e->audit, NULL), ERR_OK);
	struct reindex r = { .begun = false };
	assert_int_equal(txn_reindex(e->txn, &r, NULL), ERR_OK);
	assert_int_equal(txn_commit(e->txn, NULL), ERR_OK);
	assert_int_equal(txn_begin(e->txn, NULL), ERR_OK);
	for (unsigned i = 0; i < count; i++) {
		AUTO_OBJECT struct object *o = object_new(2, "unix:1");
		const struct audit_event event = { .principal = view_str("unix:1"), .operation = 1 };
		assert_non_null(o);
		assert_int_equal(txn_create(e->txn, o, NULL), ERR_OK);
		assert_int_equal(audit_append(e->audit, e->txn, &event), ERR_OK);
	}
	assert_int_equal(txn_commit(e->txn, NULL), ERR_OK);
	audit_chain_free(e->audit);
	e->audit = NULL;
	txn_set_ring(e->txn, NULL);
	assert_int_equal(rooted_store_attach(e->store, NULL, NULL), ERR_OK);
}

static enum coffer_err open_all(struct engine *e, struct txn *txn, void *arg, struct reason *reason)
{
	struct grants *grants = NULL;
	(void)arg;
	TRY(audit_chain_open(txn, &e->audit, reason));
	TRY(grants_load_passing(txn, &grants));
	grants_unref(grants);
	return ERR_OK;
}

static enum coffer_err reindex(struct engine *e, struct txn *txn, void *arg, struct reason *reason)
{
	(void)e;
	return txn_reindex(txn, arg, reason);
}

/* What daemon/unseal.c does from the start to open, but for the token. */
static size_t rows_of_start(struct node *n)
{
	struct engine *e = &n->daemon.engine;
	struct reindex r = { .begun = false };
	bool empty = true;
	counting_store_begin(n->inner);
	counting_store_rows();
	assert_int_equal(interrupted_store_is_empty(&n->daemon, &empty, NULL), ERR_OK);
	assert_false(empty);
	assert_int_equal(rooted_store_attach(e->store, n->ring, NULL), ERR_OK);
	txn_set_ring(e->txn, n->ring);
	assert_int_equal(store_check_start(e, NULL), ERR_OK);
	while (!r.done) assert_int_equal(on_store(e, reindex, &r, NULL), ERR_OK);
	assert_int_equal(on_store(e, open_all, NULL, NULL), ERR_OK);
	return counting_store_rows();
}

static void end_node(struct node *n)
{
	struct engine *e = &n->daemon.engine;
	audit_chain_free(e->audit);
	txn_free(e->txn);
	object_table_free(e->objects);
	store_check_free(e->check);
	store_close(e->store);
	ring_free(n->ring);
}

static size_t rows_with(unsigned count)
{
	struct node *n = calloc(1, sizeof *n);
	assert_non_null(n);
	make_node(n);
	fill(n, count);
	size_t rows = rows_of_start(n);
	end_node(n);
	free(n);
	return rows;
}

static void a_start_reads_the_same_rows_whatever_the_store_holds(void **state)
{
	(void)state;
	size_t few = rows_with(FEW), many = rows_with(MANY);
	assert_int_equal(few, many);
	assert_in_range(few, 1, FEW);
}

static void an_empty_store_is_known_by_any_row(void **state)
{
	static const enum store_table tables[] = { STORE_SLOT, STORE_AUDIT, STORE_DOMAIN, STORE_OBJECT };
	static const uint8_t byte[] = { 1 };
	(void)state;
	for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
		struct node *n = calloc(1, sizeof *n);
		struct store_row row = { .id = "a row", .id_len = 5, .version = 1, .header = view_of(byte, 1), .body = view_of(byte, 1) };
		bool empty = false;
		assert_non_null(n);
		make_node(n);
		assert_int_equal(interrupted_store_is_empty(&n->daemon, &empty, NULL), ERR_OK);
		assert_true(empty);
		assert_int_equal(store_begin(n->inner, NULL), ERR_OK);
		assert_int_equal(store_put(n->inner, tables[i], &row, false), ERR_OK);
		assert_int_equal(store_commit(n->inner, NULL), ERR_OK);
		assert_int_equal(interrupted_store_is_empty(&n->daemon, &empty, NULL), ERR_OK);
		assert_false(empty);
		end_node(n);
		free(n);
	}
}

static int start(void **state)
{
	(void)state;
	return arena_init(8u << 20, false, NULL) == ERR_OK || arena_init(4u << 20, false, NULL) == ERR_OK ? 0 : -1;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_start_reads_the_same_rows_whatever_the_store_holds),
		cmocka_unit_test(an_empty_store_is_known_by_any_row),
	};
	return cmocka_run_group_tests(tests, start, NULL);
}
