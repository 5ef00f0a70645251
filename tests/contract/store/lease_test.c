/* Taking, renewing and fencing on every store, and two nodes that race on PostgreSQL. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "contract.h"
#include "crypto/rng.h"
#include "domain/fence.h"
#include "domain/settle.h"
#include "keyring/record.h"
#include "store/postgres.h"

struct member { /* a node with its connection */
	struct store *store;
	struct ring *ring;
	struct lease mine;
	unsigned taken;
};

/* node 0: that of the rooted store's domain */
static struct ring *ring_of(uint8_t node)
{
	struct domain_id domain = { .id = "contract" };
	struct secret *key;
	if (arena_level() == ARENA_NONE) assert_int_equal(arena_init(8u << 20, false, NULL), ERR_OK);
	memset(domain.node_id, node, UUID_LEN);
	struct ring *ring = ring_new(&domain);
	key = secret_new(DATA_KEY_LEN);
	assert_true(ring && key);
	assert_int_equal(ring_add(ring, 1, &key), ERR_OK);
	return ring;
}

static void put_record(struct store *store, struct ring *ring, uint32_t version, uint32_t state)
{
	AUTO_BUF struct buf body = BUF_EMPTY;
	static const uint8_t header[] = { 1 }, none[] = { 0, 0 };
	struct store_row row = { .id_len = UUID_LEN, .version = version, .state = state, .header = view_of(header, 1), .index = view_of(none, 2) };
	memcpy(row.id, ring_domain(ring)->node_id, UUID_LEN);
	assert_int_equal(record_seal(ring, STORE_NODE, view_str("node"), &row, &body), ERR_OK);
	contract_begin(store);
	assert_int_equal(store_put(store, STORE_NODE, &row, true), ERR_OK);
	contract_commit(store);
}

static struct lease next_of(const struct member *m, const struct lease *seen, bool take)
{
	struct lease next = *seen;
	memcpy(next.holder, ring_domain(m->ring)->node_id, UUID_LEN);
	next.held = true;
	next.holds_ms = 9000;
	if (take) next.epoch++;
	assert_int_equal(rng_bytes(next.life, LEASE_LIFE_LEN), ERR_OK);
	return next;
}

/* One transaction. */
static enum coffer_err write_lease(struct member *m, const struct lease *seen, bool take)
{
	struct lease next = next_of(m, seen, take), found;
	TRY(store_begin(m->store, NULL));
	enum coffer_err err = lease_write(m->store, m->ring, seen, &next, &found, NULL);
	if (err) store_rollback(m->store);
	else err = store_commit(m->store, NULL);
	if (settle_commit(err) == SETTLE_THERE) m->mine = next;
	return err;
}

static enum coffer_err write_fenced(struct member *m, const struct lease *mine, const char *id)
{
	TRY(store_begin(m->store, NULL));
	enum coffer_err err = fence_check(m->store, m->ring, mine, NULL);
	if (!err) err = contract_put_inside(m->store, id, "1", true);
	if (!err) return store_commit(m->store, NULL);
	store_rollback(m->store);
	return err;
}

static struct member start(void **state)
{
	struct contract *c = *state;
	struct member m = { .store = c->store, .ring = c->ring ? c->ring : ring_of(0) };
	put_record(m.store, m.ring, 1, 2);
	return m;
}

static void end(void **state, struct member *m)
{
	struct contract *c = *state;
	if (m->ring != c->ring) ring_free(m->ring);
}

static void a_lease_is_taken_and_renewed_by_who_saw_it_last_and_fences(void **state)
{
	struct member m = start(state);
	struct lease none = { .version = 0 }, seen, first, found, next;
	assert_int_equal(lease_look(m.store, m.ring, &seen), ERR_OK);
	assert_int_equal(seen.version, 0);
	assert_int_equal(write_fenced(&m, &none, "a"), ERR_STATE);
	assert_int_equal(write_lease(&m, &seen, true), ERR_OK);
	first = m.mine;
	assert_int_equal(lease_look(m.store, m.ring, &seen), ERR_OK);
	assert_true(lease_is_same(&seen, &first) && seen.epoch == 1);
	assert_int_equal(write_fenced(&m, &first, "a"), ERR_OK);
	assert_int_equal(write_lease(&m, &seen, false), ERR_OK);
	assert_int_equal(write_fenced(&m, &first, "b"), ERR_STATE); /* same node and epoch, another life */
	assert_int_equal(write_fenced(&m, &m.mine, "b"), ERR_OK);
	contract_begin(m.store);
	next = next_of(&m, &first, true);
	assert_int_equal(lease_write(m.store, m.ring, &first, &next, &found, NULL), ERR_STATE);
	assert_true(lease_is_same(&found, &m.mine));
	store_rollback(m.store);
	assert_int_equal(write_lease(&m, &none, true), ERR_STATE);
	end(state, &m);
}

static void who_was_removed_or_has_a_twin_writes_nothing(void **state)
{
	struct member m = start(state);
	struct lease none = { .version = 0 };
	assert_int_equal(write_lease(&m, &none, true), ERR_OK);
	contract_begin(m.store);
	assert_int_equal(fence_note_twin(m.store, m.ring), ERR_OK);
	contract_commit(m.store);
	assert_int_equal(write_fenced(&m, &m.mine, "a"), ERR_EXISTS);
	assert_int_equal(write_lease(&m, &m.mine, false), ERR_EXISTS);
	contract_begin(m.store);
	assert_int_equal(fence_note_twin(m.store, m.ring), ERR_OK);
	assert_int_equal(fence_clear_twin(m.store, ring_domain(m.ring)->node_id), ERR_OK);
	assert_int_equal(fence_clear_twin(m.store, ring_domain(m.ring)->node_id), ERR_OK);
	contract_commit(m.store);
	assert_int_equal(write_fenced(&m, &m.mine, "a"), ERR_OK);
	put_record(m.store, m.ring, 2, 3);
	assert_int_equal(write_fenced(&m, &m.mine, "b"), ERR_DENIED);
	assert_int_equal(write_lease(&m, &m.mine, false), ERR_DENIED);
	assert_false(contract_has(m.store, STORE_OBJECT, "b"));
	end(state, &m);
}

static void a_lease_under_an_older_data_key_is_no_lease(void **state)
{
	struct member m = start(state);
	struct lease none = { .version = 0 }, seen;
	struct ring *newer = ring_of(0);
	struct secret *key = secret_new(DATA_KEY_LEN);
	assert_non_null(key);
	assert_int_equal(ring_add(newer, 2, &key), ERR_OK);
	assert_int_equal(write_lease(&m, &none, true), ERR_OK);
	assert_int_equal(lease_look(m.store, newer, &seen), ERR_CORRUPT);
	assert_int_equal(lease_look(m.store, m.ring, &seen), ERR_OK);
	ring_free(newer);
	end(state, &m);
}

/* ---- two nodes, PostgreSQL ---- */

static struct member pair[2];

static int open_pair(void **state)
{
	static unsigned schemas;
	char schema[40];
	(void)state;
	snprintf(schema, sizeof schema, "l%u_%u", (unsigned)getpid(), ++schemas);
	for (unsigned i = 0; i < 2; i++) {
		const struct postgres_config config = { .conninfo = getenv("COFFER_TEST_POSTGRES"), .schema = schema, .writer = 1 + i, .connect_ms = 10000,
			.statement_ms = i ? 6000 : 20000 }; /* the second one waits 3 s for a lock */
		pair[i] = (struct member){ .ring = ring_of((uint8_t)('A' + i)) };
		if (!config.conninfo || store_open_postgres(&config, &pair[i].store, NULL) != ERR_OK) return -1;
		put_record(pair[i].store, pair[i].ring, 1, 2);
	}
	return 0;
}

static int close_pair(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		store_close(pair[i].store);
		ring_free(pair[i].ring);
	}
	return 0;
}

static void a_fenced_write_stands_before_the_next_taking_or_not_at_all(void **state)
{
	struct member *a = &pair[0], *b = &pair[1];
	struct lease none = { .version = 0 };
	(void)state;
	assert_int_equal(write_lease(a, &none, true), ERR_OK);
	contract_begin(a->store);
	assert_int_equal(fence_check(a->store, a->ring, &a->mine, NULL), ERR_OK);
	assert_int_equal(contract_put_inside(a->store, "a", "1", true), ERR_OK);
	assert_int_equal(write_lease(b, &a->mine, true), ERR_BUSY); /* waits for a, and not for ever */
	contract_commit(a->store);
	contract_begin(a->store);
	assert_false(contract_has(a->store, STORE_OBJECT, "b")); /* its snapshot is older than the taking */
	assert_int_equal(write_lease(b, &a->mine, true), ERR_OK);
	assert_int_equal(fence_check(a->store, a->ring, &a->mine, NULL), ERR_BUSY);
	store_rollback(a->store);
	assert_int_equal(write_fenced(a, &a->mine, "b"), ERR_STATE);
	assert_int_equal(write_fenced(b, &b->mine, "c"), ERR_OK);
	assert_false(contract_has(b->store, STORE_OBJECT, "b"));
}

#define RACES 5 /* two that hold and then write wait for the server to see a deadlock, a second each time */

static void *race(void *arg)
{
	struct member *m = arg;
	for (unsigned i = 0; i < RACES; i++) {
		struct lease seen;
		if (lease_look(m->store, m->ring, &seen) != ERR_OK) continue;
		if (write_lease(m, &seen, true) == ERR_OK) m->taken++;
	}
	return NULL;
}

static void of_two_that_take_at_the_same_time_one_has_the_epoch(void **state)
{
	pthread_t thread;
	struct lease seen;
	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, race, &pair[0]), 0);
	race(&pair[1]);
	pthread_join(thread, NULL);
	assert_int_equal(lease_look(pair[0].store, pair[0].ring, &seen), ERR_OK);
	assert_int_equal(seen.epoch, pair[0].taken + pair[1].taken);
	assert_int_equal(seen.version, seen.epoch);
	assert_true(lease_is_same(&seen, &pair[0].mine) != lease_is_same(&seen, &pair[1].mine));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CONTRACT(a_lease_is_taken_and_renewed_by_who_saw_it_last_and_fences),
		CONTRACT(who_was_removed_or_has_a_twin_writes_nothing),
		CONTRACT(a_lease_under_an_older_data_key_is_no_lease),
		cmocka_unit_test_setup_teardown(a_fenced_write_stands_before_the_next_taking_or_not_at_all, open_pair, close_pair),
		cmocka_unit_test_setup_teardown(of_two_that_take_at_the_same_time_one_has_the_epoch, open_pair, close_pair),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
