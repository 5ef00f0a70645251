/* Transactions: staging, marks, commit and its failures. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "kmip/attr.h"
#include "store/store_internal.h"
#include "unit/objects/support.h"

static void a_staged_object_is_seen_inside_alone_until_the_commit(void **state)
{
	struct world w;
	struct object *o = make_key("disk"), *seen = NULL;
	(void)state;
	world_open(&w);
	begin(&w);
	assert_int_equal(txn_create(w.txn, o, NULL), ERR_OK);
	assert_int_equal(o->record_version, 1);
	assert_int_equal(txn_object(w.txn, o->id, &seen), ERR_OK);
	assert_ptr_equal(seen, o);
	object_unref(seen);
	assert_int_equal(txn_object_by_name(w.txn, view_str("disk"), &seen), ERR_OK);
	assert_ptr_equal(seen, o);
	object_unref(seen);
	assert_null(object_table_get(w.table, o->id));
	commit(&w);
	seen = object_table_get(w.table, o->id);
	assert_ptr_equal(seen, o);
	object_unref(seen);
	object_unref(o);
	world_close(&w);
}

static void an_update_is_staged_and_raises_the_record_version(void **state)
{
	struct world w;
	(void)state;
	world_open(&w);
	struct object *o = keep_key(&w, "disk"), *changed = object_copy(o), *seen = NULL;
	begin(&w);
	changed->state = OBJECT_DEACTIVATED;
	assert_int_equal(txn_update(w.txn, changed, NULL), ERR_OK);
	assert_int_equal(changed->record_version, 2);
	assert_false(o->stale);
	seen = object_table_get(w.table, o->id);
	assert_ptr_equal(seen, o);
	object_unref(seen);
	commit(&w);
	assert_true(o->stale);
	object_table_clear(w.table);
	begin(&w);
	assert_int_equal(txn_object(w.txn, o->id, &seen), ERR_OK); /* from the store */
	assert_int_equal(seen->state, OBJECT_DEACTIVATED);
	assert_int_equal(seen->record_version, 2);
	object_unref(seen);
	txn_abort(w.txn);
	object_unref(o);
	object_unref(changed);
	world_close(&w);
}

static void a_state_move_that_is_not_in_the_table_is_refused(void **state)
{
	struct world w;
	struct reason reason = { "" };
	(void)state;
	world_open(&w);
	struct object *o = keep_key(&w, "disk"), *changed = object_copy(o);
	begin(&w);
	changed->state = OBJECT_DESTROYED;
	assert_int_equal(txn_update(w.txn, changed, &reason), ERR_STATE);
	assert_string_equal(reason.text, "an object that is active cannot become destroyed");
	txn_abort(w.txn);
	object_unref(o);
	object_unref(changed);
	world_close(&w);
}

/* Steps write what happens to them. */
static char trace[64];
static void on_commit(void *arg) { strncat(trace, "+", 2); strncat(trace, arg, 4); }
static void on_undo(void *arg) { strncat(trace, "-", 2); strncat(trace, arg, 4); }

static void stage(struct world *w, char *name)
{
	assert_int_equal(txn_on_commit(w->txn, on_commit, on_undo, name), ERR_OK);
}

static void steps_run_in_order_and_are_undone_newest_first(void **state)
{
	static char a[] = "a", b[] = "b", c[] = "c", d[] = "d";
	struct world w;
	(void)state;
	world_open(&w);
	trace[0] = '\0';
	begin(&w);
	stage(&w, a);
	assert_int_equal(txn_mark(w.txn), ERR_OK);
	stage(&w, b);
	stage(&w, c);
	txn_undo(w.txn);
	assert_string_equal(trace, "-c-b");
	assert_int_equal(txn_mark(w.txn), ERR_OK);
	stage(&w, d);
	txn_keep(w.txn);
	commit(&w);
	assert_string_equal(trace, "-c-b+a+d");
	trace[0] = '\0';
	begin(&w);
	stage(&w, a);
	stage(&w, b);
	txn_abort(w.txn);
	assert_string_equal(trace, "-b-a");
	world_close(&w);
}

static void an_undone_mark_takes_back_objects_and_rows(void **state)
{
	struct world w;
	(void)state;
	world_open(&w);
	struct object *kept = make_key("kept"), *gone = make_key("gone"), *seen = NULL;
	begin(&w);
	assert_int_equal(txn_mark(w.txn), ERR_OK);
	assert_int_equal(txn_create(w.txn, kept, NULL), ERR_OK);
	txn_keep(w.txn);
	assert_int_equal(txn_mark(w.txn), ERR_OK);
	assert_int_equal(txn_create(w.txn, gone, NULL), ERR_OK);
	txn_undo(w.txn);
	assert_int_equal(txn_object(w.txn, gone->id, &seen), ERR_NOT_FOUND);
	assert_int_equal(txn_object_by_name(w.txn, view_str("gone"), &seen), ERR_NOT_FOUND);
	commit(&w);
	assert_int_equal(rows(&w, STORE_OBJECT), 1);
	assert_int_equal(object_table_count(w.table), 1);
	assert_int_equal(gone->refs, 1);
	object_unref(kept);
	object_unref(gone);
	world_close(&w);
}

static void a_failed_commit_publishes_nothing(void **state)
{
	static char a[] = "a";
	struct world w;
	struct reason reason = { "" };
	(void)state;
	world_open(&w);
	struct object *o = make_key("disk");
	trace[0] = '\0';
	begin(&w);
	assert_int_equal(txn_create(w.txn, o, NULL), ERR_OK);
	stage(&w, a);
	world_fail_commit(&w, ERR_FULL, false);
	assert_int_equal(txn_commit(w.txn, &reason), ERR_FULL);
	assert_string_equal(trace, "-a");
	assert_int_equal(object_table_count(w.table), 0);
	assert_int_equal(rows(&w, STORE_OBJECT), 0);
	assert_int_equal(o->refs, 1);
	begin(&w); /* the transaction is over */
	commit(&w);
	object_unref(o);
	world_close(&w);
}

static void an_unknown_outcome_waits_to_be_settled(void **state)
{
	static char a[] = "a";
	(void)state;
	for (int kept = 0; kept < 2; kept++) {
		struct world w;
		world_open(&w);
		struct object *o = make_key("disk");
		trace[0] = '\0';
		begin(&w);
		assert_int_equal(txn_create(w.txn, o, NULL), ERR_OK);
		stage(&w, a);
		world_fail_commit(&w, ERR_UNKNOWN_OUTCOME, kept);
		assert_int_equal(txn_commit(w.txn, NULL), ERR_UNKNOWN_OUTCOME);
		assert_string_equal(trace, "");
		assert_int_equal(object_table_count(w.table), 0);
		assert_int_equal(store_reopen(w.store, NULL), ERR_OK);
		assert_int_equal(rows(&w, STORE_OBJECT), kept);
		assert_int_equal(txn_settle(w.txn, kept), ERR_OK);
		assert_string_equal(trace, kept ? "+a" : "-a");
		assert_int_equal(object_table_count(w.table), kept);
		begin(&w);
		commit(&w);
		object_unref(o);
		world_close(&w);
	}
}

static unsigned scrubs;
static enum coffer_err count_scrub(struct store *s, struct reason *reason)
{
	(void)s;
	(void)reason;
	scrubs++;
	return ERR_OK;
}

static void deleted_bytes_are_scrubbed_after_every_durable_destroy(void **state)
{
	struct world w;
	(void)state;
	world_open(&w);
	struct store_ops ops = *w.store->ops;
	ops.scrub_deleted = count_scrub;
	w.store->ops = &ops;
	scrubs = 0;
	begin(&w);
	commit(&w);
	assert_int_equal(scrubs, 0);
	begin(&w);
	txn_want_scrub(w.txn);
	commit(&w);
	assert_int_equal(scrubs, 1);
	for (int kept = 0; kept < 2; kept++) {
		begin(&w);
		txn_want_scrub(w.txn);
		world_fail_commit(&w, ERR_UNKNOWN_OUTCOME, kept);
		assert_int_equal(txn_commit(w.txn, NULL), ERR_UNKNOWN_OUTCOME);
		assert_int_equal(txn_settle(w.txn, kept), ERR_OK);
		assert_int_equal(scrubs, 1 + (unsigned)kept);
	}
	world_close(&w);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_staged_object_is_seen_inside_alone_until_the_commit),
		cmocka_unit_test(an_update_is_staged_and_raises_the_record_version),
		cmocka_unit_test(a_state_move_that_is_not_in_the_table_is_refused),
		cmocka_unit_test(steps_run_in_order_and_are_undone_newest_first),
		cmocka_unit_test(an_undone_mark_takes_back_objects_and_rows),
		cmocka_unit_test(a_failed_commit_publishes_nothing),
		cmocka_unit_test(an_unknown_outcome_waits_to_be_settled),
		cmocka_unit_test(deleted_bytes_are_scrubbed_after_every_durable_destroy),
	};
	return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
