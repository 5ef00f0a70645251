/* A second process with a node's identity, found by the node's own root: told as that and as no damage, and both are stopped by the note. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/arena.h"
#include "base/log.h"
#include "domain/fence.h"
#include "keyring/domain_record.h"
#include "keyring/rooted_internal.h"
#include "keyring/rooted_store.h"
#include "unit/ops/nodes_world.h"

struct clone {
	struct store *store;
	struct ring *ring;
};

/* Of a: it begins with what the store has now. */
static void open_clone(struct clone *c)
{
	struct domain_id domain = *ring_domain(w.a.ring);
	struct secret *key = secret_copy(secret_bytes(w.first), DATA_KEY_LEN);
	c->ring = ring_new(&domain);
	assert_true(key && c->ring);
	assert_int_equal(ring_add(c->ring, 1, &key), ERR_OK);
	assert_int_equal(rooted_store_new(w.inner, &c->store), ERR_OK);
	assert_int_equal(rooted_store_share(c->store), ERR_OK);
	assert_int_equal(rooted_store_attach(c->store, c->ring, NULL), ERR_OK);
}

static void close_clone(struct clone *c)
{
	rooted_of(c->store)->inner = NULL;
	store_close(c->store);
	ring_free(c->ring);
}

static enum coffer_err change(struct store *store, struct ring *ring, struct reason *reason)
{
	TRY(store_begin(store, reason));
	enum coffer_err err = domain_record_put(store, ring, "anything", view_str("x"));
	if (!err) return store_commit(store, reason);
	store_rollback(store);
	return err;
}

static enum coffer_err change_a(struct reason *reason)
{
	return change(w.a.engine.store, w.a.ring, reason);
}

static enum coffer_err may_write(struct store *store, struct ring *ring)
{
	assert_int_equal(store_begin(store, NULL), ERR_OK);
	enum coffer_err err = fence_member(store, ring, NULL);
	store_rollback(store);
	return err;
}

static void who_writes_behind_it_is_found_and_both_are_stopped(void **state)
{
	struct clone c;
	struct reason why = { "" };
	struct store *a = w.a.engine.store;
	(void)state;
	open_clone(&c);
	assert_int_equal(change(c.store, c.ring, NULL), ERR_OK);
	assert_false(rooted_store_has_twin(a));
	assert_int_equal(change_a(&why), ERR_EXISTS);
	assert_non_null(strstr(why.text, "two machines run with the identity of this node"));
	assert_true(rooted_store_has_twin(a));
	assert_int_equal(world_hear(&w.a), ERR_EXISTS);
	assert_int_equal(rooted_store_verdict(a, NULL), ERR_OK); /* nothing is damaged */
	assert_int_equal(store_begin(a, NULL), ERR_OK);
	assert_int_equal(fence_note_twin(a, w.a.ring), ERR_OK);
	assert_int_equal(store_commit(a, NULL), ERR_OK);
	assert_int_equal(may_write(a, w.a.ring), ERR_EXISTS);
	assert_int_equal(may_write(c.store, c.ring), ERR_EXISTS);
	assert_int_equal(may_write(w.b.engine.store, w.b.ring), ERR_OK);
	close_clone(&c);
}

static void who_was_there_while_the_connection_was_lost_is_found(void **state)
{
	struct clone c;
	struct store *a = w.a.engine.store;
	(void)state;
	open_clone(&c);
	assert_int_equal(store_reopen(a, NULL), ERR_OK);
	assert_false(rooted_store_has_twin(a)); /* nobody was */
	assert_int_equal(change(c.store, c.ring, NULL), ERR_OK);
	rooted_of(a)->in_doubt = true; /* it may be this node's own, whose outcome was not known */
	assert_int_equal(store_reopen(a, NULL), ERR_OK);
	assert_false(rooted_store_has_twin(a));
	assert_int_equal(change_a(NULL), ERR_OK);
	assert_int_equal(change(c.store, c.ring, NULL), ERR_EXISTS);
	close_clone(&c);
	open_clone(&c);
	assert_int_equal(change(c.store, c.ring, NULL), ERR_OK);
	assert_int_equal(store_reopen(a, NULL), ERR_OK);
	assert_true(rooted_store_has_twin(a));
	rooted_store_forget_twin(a);
	assert_int_equal(change_a(NULL), ERR_OK); /* it goes on from what the store has */
	close_clone(&c);
}

/* Behind an older database that was refused the right one comes back, and in it this node's root is further than in that one. */
static void the_newer_store_behind_an_older_one_is_no_twin(void **state)
{
	struct clone c;
	struct store *a = w.a.engine.store;
	(void)state;
	open_clone(&c);
	assert_int_equal(change(c.store, c.ring, NULL), ERR_OK);
	rooted_of(a)->verdict = ERR_CORRUPT; /* of what was read last */
	assert_int_equal(store_reopen(a, NULL), ERR_OK);
	assert_false(rooted_store_has_twin(a));
	assert_int_equal(change_a(NULL), ERR_OK);
	close_clone(&c);
}

static void an_older_copy_of_its_root_is_no_twin(void **state)
{
	struct store_row id, row;
	uint8_t body[4096], header[8];
	(void)state;
	root_node_row_id(ring_domain(w.a.ring)->node_id, &id);
	assert_int_equal(store_get(w.inner, STORE_DOMAIN, view_of(id.id, id.id_len), &row), ERR_OK);
	assert_true(row.body.len <= sizeof body && row.header.len <= sizeof header);
	memcpy(body, row.body.ptr, row.body.len);
	memcpy(header, row.header.ptr, row.header.len);
	assert_int_equal(change_a(NULL), ERR_OK);
	row.body = view_of(body, row.body.len);
	row.header = view_of(header, row.header.len);
	row.index = view_of("\0\0", 2);
	assert_int_equal(store_begin(w.inner, NULL), ERR_OK);
	assert_int_equal(store_put(w.inner, STORE_DOMAIN, &row, true), ERR_OK);
	assert_int_equal(store_commit(w.inner, NULL), ERR_OK);
	assert_int_equal(change_a(NULL), ERR_CORRUPT);
	assert_false(rooted_store_has_twin(w.a.engine.store));
	assert_int_equal(rooted_store_verdict(w.a.engine.store, NULL), ERR_CORRUPT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(who_writes_behind_it_is_found_and_both_are_stopped, world_open, world_close),
		cmocka_unit_test_setup_teardown(who_was_there_while_the_connection_was_lost_is_found, world_open, world_close),
		cmocka_unit_test_setup_teardown(the_newer_store_behind_an_older_one_is_no_twin, world_open, world_close),
		cmocka_unit_test_setup_teardown(an_older_copy_of_its_root_is_no_twin, world_open, world_close),
	};
	log_init("test", LOG_LEVEL_ERROR);
	if (arena_init(16u << 20, false, NULL) != ERR_OK) return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
