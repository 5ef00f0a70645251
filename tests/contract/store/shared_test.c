/* One store that several nodes write: sums of all roots, none older than seen, and what others changed. Over a store in memory and over PostgreSQL. */
#include "shared.h"

#include <pthread.h>

#define IDS 24

/* ---- sums ---- */

/* What one node believes of each row's version; it may be old. */
struct mind {
	uint32_t version[IDS];
};

enum which { ANY, EVEN, ODD };

static enum coffer_err write_one(struct store *s, struct mind *m, unsigned *seed, bool look, enum which which)
{
	unsigned id = (unsigned)rand_r(seed) % IDS;
	if (which) id = id / 2 * 2 + (which == ODD);
	struct store_row row = shared_row_of(id * 8, 1, rand_r(seed) % 2 ? "one" : "another"), found;
	if (look) {
		enum coffer_err err = store_get(s, STORE_OBJECT, shared_id_of(&row), &found);
		if (err && err != ERR_NOT_FOUND) return err;
		m->version[id] = err ? 0 : found.version;
	}
	if (m->version[id] && rand_r(seed) % 4 == 0) {
		enum coffer_err err = store_erase(s, STORE_OBJECT, shared_id_of(&row));
		return err == ERR_NOT_FOUND ? ERR_OK : err;
	}
	row.version = m->version[id] + 1;
	return store_put(s, STORE_OBJECT, &row, true);
}

static enum coffer_err write_some(struct store *s, struct mind *m, unsigned *seed, bool look, enum which which)
{
	for (unsigned i = 0, n = 1 + (unsigned)rand_r(seed) % 3; i < n; i++) {
		unsigned undo = (unsigned)rand_r(seed) % 5;
		if (!undo) TRY(store_savepoint(s));
		enum coffer_err err = write_one(s, m, seed, look, which);
		if (!undo) store_release(s, false);
		TRY(err);
	}
	return ERR_OK;
}

static enum coffer_err finish(struct store *s, enum coffer_err err)
{
	if (!err) return store_commit(s, NULL);
	store_rollback(s);
	return err;
}

/* The whole transaction again, alone and with its eyes open. */
static void again(struct store *s, struct mind *m, unsigned *seed)
{
	for (unsigned i = 0; i < 10; i++) {
		shared_refresh(s);
		assert_int_equal(store_begin(s, NULL), ERR_OK);
		enum coffer_err err = finish(s, write_some(s, m, seed, true, ANY));
		if (!err) return;
		assert_int_equal(err, ERR_BUSY);
	}
	fail_msg("busy ten times with nobody beside it");
}

/* b has begun, and written, when a's transaction begins; a's is over when b goes on. */
static void write_around(struct world *w, struct mind minds[static NODES], unsigned *seed, enum coffer_err err[static NODES])
{
	struct store *a = w->nodes[0].store, *b = w->nodes[1].store;
	assert_int_equal(store_begin(b, NULL), ERR_OK);
	err[1] = write_some(b, &minds[1], seed, true, EVEN);
	assert_int_equal(store_begin(a, NULL), ERR_OK);
	err[0] = finish(a, write_some(a, &minds[0], seed, true, ODD));
	if (!err[1]) err[1] = write_some(b, &minds[1], seed, true, ANY);
	err[1] = finish(b, err[1]);
}

static void sums_are_right_after_random_writes_of_both(void **state)
{
	struct world *w = *state;
	unsigned seed = SEED, busy = 0;
	struct mind minds[NODES] = { 0 };
	for (unsigned round = 0; round < (w->postgres ? 50u : 400u); round++) {
		enum coffer_err err[NODES] = { ERR_OK, ERR_OK };
		if (w->postgres && rand_r(&seed) % 2) {
			write_around(w, minds, &seed, err);
		} else {
			for (unsigned i = 0; i < NODES; i++) {
				bool look = rand_r(&seed) % 3 != 0;
				assert_int_equal(store_begin(w->nodes[i].store, NULL), ERR_OK);
				err[i] = finish(w->nodes[i].store, write_some(w->nodes[i].store, &minds[i], &seed, look, ANY));
			}
		}
		for (unsigned i = 0; i < NODES; i++) {
			if (err[i] && err[i] != ERR_BUSY) fail_msg("seed %u, round %u, node %u: %s", SEED, round, i, err_text(err[i]));
			busy += err[i] == ERR_BUSY;
			if (err[i]) again(w->nodes[i].store, &minds[i], &seed);
		}
		if (round % 25 == 24) shared_expect_well(w, SEED);
	}
	assert_true(busy > 0); /* else nothing was contradicted */
	uint64_t counts[STORE_TABLE_END], rows;
	shared_refresh(w->nodes[0].store);
	rooted_store_counts(w->nodes[0].store, counts);
	assert_int_equal(store_count(w->raw, STORE_OBJECT, &rows), ERR_OK);
	assert_int_equal(counts[STORE_OBJECT], rows);
}

/* One thread of two: transactions of one write each, run again while the other was faster. */
struct runner {
	struct store *store;
	unsigned seed, busy;
	enum coffer_err err;
};

static void *run(void *arg)
{
	struct runner *r = arg;
	struct mind mind = { { 0 } };
	for (unsigned i = 0; i < 60 && !r->err; i++) {
		enum coffer_err err = ERR_BUSY;
		for (unsigned try = 0; try < 500 && err == ERR_BUSY; try++) {
			err = store_begin(r->store, NULL);
			if (!err) err = finish(r->store, write_one(r->store, &mind, &r->seed, true, ANY));
			r->busy += err == ERR_BUSY;
		}
		r->err = err;
	}
	return NULL;
}

static void sums_are_right_after_both_wrote_at_the_same_time(void **state)
{
	struct world *w = *state;
	pthread_t threads[NODES];
	struct runner runners[NODES] = { { .store = w->nodes[0].store, .seed = SEED }, { .store = w->nodes[1].store, .seed = SEED + 1 } };
	for (unsigned i = 0; i < NODES; i++) assert_int_equal(pthread_create(&threads[i], NULL, run, &runners[i]), 0);
	for (unsigned i = 0; i < NODES; i++) pthread_join(threads[i], NULL);
	for (unsigned i = 0; i < NODES; i++)
		if (runners[i].err) fail_msg("seed %u, node %u: %s after %u times busy", SEED, i, err_text(runners[i].err), runners[i].busy);
	shared_expect_well(w, SEED);
}

static void a_write_made_from_an_older_row_is_refused_and_loses_nothing(void **state)
{
	struct world *w = *state;
	struct store *a = w->nodes[0].store, *b = w->nodes[1].store;
	shared_put(a, STORE_OBJECT, 0x10, 1, "active");
	shared_put(b, STORE_OBJECT, 0x10, 2, "revoked");
	struct store_row stale = shared_row_of(0x10, 2, "renamed"), found;
	assert_int_equal(store_begin(a, NULL), ERR_OK);
	assert_int_equal(store_put(a, STORE_OBJECT, &stale, true), ERR_BUSY);
	assert_int_equal(store_commit(a, NULL), ERR_BUSY); /* doomed */
	assert_int_equal(store_get(w->raw, STORE_OBJECT, shared_id_of(&stale), &found), ERR_OK);
	assert_true(view_equal_str(found.body, "revoked"));
	shared_erase(b, STORE_OBJECT, shared_id_of(&stale));
	stale.version = 3;
	assert_int_equal(store_begin(a, NULL), ERR_OK);
	assert_int_equal(store_put(a, STORE_OBJECT, &stale, true), ERR_BUSY); /* nor does it come back */
	store_rollback(a);
	shared_expect_well(w, 0);
}

static void a_row_that_was_edited_is_found_by_both(void **state)
{
	struct world *w = *state;
	struct copy first, second;
	struct findings f;
	for (unsigned i = 0; i < 6; i++) shared_put(w->nodes[i % NODES].store, STORE_GRANT, 0x10 * i, 1, i % 2 ? "odd" : "even");
	shared_expect_well(w, 0);
	struct store_row row = shared_row_of(0, 1, ""), other = shared_row_of(0x10, 1, "");
	shared_take_copy(w->raw, STORE_GRANT, shared_id_of(&row), &first);
	shared_take_copy(w->raw, STORE_GRANT, shared_id_of(&other), &second);
	for (unsigned what = 0; what < 4; what++) {
		struct store_row bent = first.row;
		enum rooted_fault_kind wanted = ROOTED_CHANGED;
		if (what == 0) { /* gone */
			shared_erase(w->raw, STORE_GRANT, shared_id_of(&row));
			wanted = ROOTED_MISSING;
		} else if (what == 1) { /* older or newer than it should be */
			shared_put(w->raw, STORE_GRANT, 0, 2, "even");
		} else if (what == 2) { /* another row's contents, and the other way */
			struct store_row swapped = second.row;
			bent.body = second.row.body;
			swapped.body = first.row.body;
			assert_int_equal(store_begin(w->raw, NULL), ERR_OK);
			assert_int_equal(store_put(w->raw, STORE_GRANT, &bent, true), ERR_OK);
			assert_int_equal(store_put(w->raw, STORE_GRANT, &swapped, true), ERR_OK);
			shared_commit(w->raw);
		} else { /* one too many */
			shared_put(w->raw, STORE_GRANT, 0x99, 1, "new");
			wanted = ROOTED_EXTRA;
		}
		for (unsigned i = 0; i < NODES; i++) {
			if (shared_pass(w->nodes[i].store, &f) != 1 || f.last.kind != wanted) fail_msg("edit %u, node %u: %zu faults, kind %d", what, i, f.count, (int)f.last.kind);
		}
		shared_put(w->nodes[1].store, STORE_GRANT, 0x40 + what, what < 1 ? 2 : 1, "use"); /* heals nothing */
		assert_int_equal(shared_pass(w->nodes[0].store, &f), 1);
		shared_put_copy(w->raw, STORE_GRANT, &first);
		shared_put_copy(w->raw, STORE_GRANT, &second);
		if (what == 3) shared_erase(w->raw, STORE_GRANT, view_of(f.last.id, f.last.id_len)); /* which was named */
		shared_expect_well(w, 0);
	}
}

#define BOTH(test) cmocka_unit_test_setup_teardown(test, shared_in_memory, shared_close_world), cmocka_unit_test_setup_teardown(test, shared_in_postgres, shared_close_world)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(sums_are_right_after_random_writes_of_both),
		cmocka_unit_test_setup_teardown(sums_are_right_after_both_wrote_at_the_same_time, shared_in_postgres, shared_close_world),
		BOTH(a_write_made_from_an_older_row_is_refused_and_loses_nothing),
		BOTH(a_row_that_was_edited_is_found_by_both),
		BOTH(another_nodes_root_that_is_older_than_it_was_seen_is_refused_by_name),
		BOTH(a_floor_that_was_told_counts_as_seen),
		BOTH(this_nodes_own_root_that_was_put_back_is_found_while_it_runs_and_after),
		BOTH(what_the_other_changed_is_told_once),
		BOTH(a_change_that_is_kept_from_a_node_makes_it_forget_everything),
		cmocka_unit_test_setup_teardown(a_change_that_was_rolled_back_does_not_stand_in_for_the_one_that_was_made, shared_in_memory, shared_close_world),
		cmocka_unit_test_setup_teardown(more_than_one_row_names_is_everything, shared_in_memory, shared_close_world),
		BOTH(a_node_that_wrote_alone_goes_on_as_one_of_several),
		BOTH(a_newer_data_key_at_one_node_is_waited_for_at_the_other),
		BOTH(accepting_takes_over_what_a_damaged_root_said),
		BOTH(flags_and_epoch_are_those_of_all),
		BOTH(roots_are_not_seen_by_who_uses_the_store),
	};
	return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
