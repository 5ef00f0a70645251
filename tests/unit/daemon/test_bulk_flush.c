/* What was counted is in the audit log once, also when it is not known whether a write was done. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/log.h"
#include "daemon/bulk_flush.h"
#include "daemon/daemon.h"
#include "daemon/store_care.h"
#include "keyring/rooted_store.h"
#include "kmip/enums.h"
#include "ops/bulk_rows.h"
#include "ops/store_check.h"
#include "store/store_internal.h"

static const struct store_ops *real_ops;
static struct store_ops failing_ops;
static bool fail_commit, commit_kept, fail_reopen;

static enum coffer_err commit_unknown(struct store *s, struct reason *reason)
{
	if (!fail_commit) return real_ops->commit(s, reason);
	fail_commit = false;
	if (commit_kept) TRY(real_ops->commit(s, reason));
	else real_ops->rollback(s);
	return reason_fail(reason, ERR_UNKNOWN_OUTCOME, "the test's commit fails");
}

static enum coffer_err reopen(struct store *s, struct reason *reason)
{
	if (fail_reopen) return reason_fail(reason, ERR_IO, "the test's store stays away");
	return real_ops->reopen(s, reason);
}

struct node {
	struct daemon daemon;
	struct config config;
	struct ring *ring;
};

static void open_log(struct engine *e)
{
	assert_int_equal(txn_begin(e->txn, NULL), ERR_OK);
	assert_int_equal(audit_chain_open(e->txn, &e->audit, NULL), ERR_OK);
	assert_int_equal(txn_commit(e->txn, NULL), ERR_OK);
}

static int start(void **state)
{
	struct node *n = calloc(1, sizeof *n);
	struct domain_id domain = { .id = "flush", .node_id = "node" };
	struct secret *key = secret_new(DATA_KEY_LEN);
	struct store *inner;
	if (!n || !key) return -1;
	struct engine *e = &n->daemon.engine;
	e->config = &n->config;
	e->daemon = &n->daemon;
	n->daemon.config = &n->config;
	n->daemon.care.reserve_fd = -1;
	assert_int_equal(pthread_rwlock_init(&e->grants_lock, NULL) + pthread_mutex_init(&e->note_lock, NULL), 0);
	assert_int_equal(store_open_memory(&inner), ERR_OK);
	real_ops = inner->ops;
	failing_ops = *real_ops;
	failing_ops.commit = commit_unknown;
	failing_ops.reopen = reopen;
	inner->ops = &failing_ops;
	fail_commit = fail_reopen = false;
	assert_int_equal(rooted_store_new(inner, &e->store), ERR_OK);
	e->objects = object_table_new(64);
	e->txn = txn_new(e->store, e->objects);
	e->check = store_check_new();
	n->ring = ring_new(&domain);
	assert_true(n->ring && e->objects && e->txn && e->check);
	assert_int_equal(ring_add(n->ring, 1, &key), ERR_OK);
	assert_int_equal(rooted_store_attach(e->store, n->ring, NULL), ERR_OK);
	txn_set_ring(e->txn, n->ring);
	open_log(e);
	e->state = ENGINE_OPEN;
	assert_int_equal(job_queue_init(&n->daemon.store_jobs, false), ERR_OK);
	assert_int_equal(bulk_flush_start(&n->daemon), ERR_OK);
	*state = n;
	return 0;
}

static int stop(void **state)
{
	struct node *n = *state;
	struct engine *e = &n->daemon.engine;
	bulk_flush_stop(&n->daemon);
	job_queue_done(&n->daemon.store_jobs);
	audit_chain_free(e->audit);
	grants_unref(e->grants);
	txn_free(e->txn);
	object_table_free(e->objects);
	store_check_free(e->check);
	store_close(e->store);
	ring_free(n->ring);
	free(n);
	return 0;
}

/* One round, as the main thread begins it and the store thread carries it out. */
static void flush(struct node *n)
{
	struct job *job;
	bulk_flush_tick(&n->daemon);
	for (unsigned i = 0; i < 16 && (job = job_queue_take_one(&n->daemon.store_jobs)) != NULL; i++) job->call(job->arg);
	assert_null(job_queue_take_one(&n->daemon.store_jobs));
}

static void count(struct node *n, const char *who, uint8_t key)
{
	struct principal principal = { .uid = 1 };
	uint8_t id[UUID_LEN] = { key };
	snprintf(principal.text, sizeof principal.text, "%s", who);
	const struct bulk_use use = { .id = id, .principal = &principal, .operation = OPERATION_ENCRYPT, .kind = BULK_DONE, .bytes = 7, .now_s = 1700000000 };
	bulk_note_shared(n->daemon.engine.bulk, &use);
}

struct wanted {
	const char *who;
	uint8_t key;
	unsigned rows;
};

static enum coffer_err match(void *arg, const struct audit_event *event)
{
	struct wanted *w = arg;
	w->rows += event->object_id.len == UUID_LEN && event->object_id.ptr[0] == w->key && view_equal(event->principal, view_str(w->who));
	return ERR_OK;
}

static unsigned rows_of(struct node *n, const char *who, uint8_t key)
{
	struct engine *e = &n->daemon.engine;
	struct wanted w = { who, key, 0 };
	assert_int_equal(txn_begin(e->txn, NULL), ERR_OK);
	assert_int_equal(audit_read(e->audit, e->txn, 1, 1000, match, &w), ERR_OK);
	txn_abort(e->txn);
	return w.rows;
}

static void lose_next_commit(bool kept, bool away)
{
	fail_commit = true;
	commit_kept = kept;
	fail_reopen = away;
}

static void come_back(struct node *n)
{
	fail_reopen = false;
	n->daemon.care.tried_ms = 0;
	assert_int_equal(store_care_readable(&n->daemon, NULL), ERR_OK);
	assert_int_equal(engine_store_health(&n->daemon.engine), STORE_WELL);
}

/* Two keys, the outcome unknown; then rounds until nothing more is written. */
static void write_in_doubt(struct node *n, bool kept, bool away)
{
	count(n, "unix:1", 1);
	count(n, "unix:1", 2);
	lose_next_commit(kept, away);
	flush(n);
	assert_false(fail_commit);
}

static void is_told_once(struct node *n)
{
	for (unsigned i = 0; i < 3; i++) flush(n);
	assert_int_equal(rows_of(n, "unix:1", 1), 1);
	assert_int_equal(rows_of(n, "unix:1", 2), 1);
	assert_int_equal(bulk_waiting(n->daemon.engine.bulk), 0);
}

static void after_an_unknown_outcome_each_sum_is_told_once(void **state)
{
	write_in_doubt(*state, true, false);
	is_told_once(*state);
}

static void what_was_not_written_is_told_later(void **state)
{
	write_in_doubt(*state, false, false);
	is_told_once(*state);
}

static void while_the_store_is_away_it_stays_in_doubt(struct node *n, bool kept)
{
	write_in_doubt(n, kept, true);
	assert_int_equal(engine_store_health(&n->daemon.engine), STORE_FAILED);
	count(n, "unix:1", 3);
	for (unsigned i = 0; i < 3; i++) flush(n);
	assert_int_equal(bulk_waiting(n->daemon.engine.bulk), 1); /* only what came since */
	come_back(n);
	is_told_once(n);
	assert_int_equal(rows_of(n, "unix:1", 3), 1);
}

static void a_store_that_was_away_is_asked_when_it_is_back(void **state)
{
	while_the_store_is_away_it_stays_in_doubt(*state, true);
}

static void a_store_that_lost_it_gets_it_again(void **state)
{
	while_the_store_is_away_it_stays_in_doubt(*state, false);
}

/* The same use of the same key by somebody else, whose row has the place that the lost one would have had. */
static void the_row_of_another_is_not_taken_for_it(void **state)
{
	struct node *n = *state;
	struct engine *e = &n->daemon.engine;
	uint8_t id[UUID_LEN] = { 1 };
	uint64_t before = audit_chain_length(e->audit);
	write_in_doubt(n, false, true);
	come_back(n); /* a row of its own */
	assert_int_equal(audit_chain_length(e->audit), before + 1);
	count(n, "unix:2", 1);
	assert_int_equal(txn_begin(e->txn, NULL), ERR_OK);
	assert_int_equal(bulk_tell(e, e->txn, id, 1), ERR_OK); /* as Destroy does */
	assert_int_equal(txn_commit(e->txn, NULL), ERR_OK);
	assert_int_equal(audit_chain_length(e->audit), before + 2);
	is_told_once(n);
	assert_int_equal(rows_of(n, "unix:2", 1), 1);
}

static int prepare(void **state)
{
	(void)state;
	return arena_init(8u << 20, false, NULL) == ERR_OK || arena_init(4u << 20, false, NULL) == ERR_OK ? 0 : -1;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(after_an_unknown_outcome_each_sum_is_told_once, start, stop),
		cmocka_unit_test_setup_teardown(what_was_not_written_is_told_later, start, stop),
		cmocka_unit_test_setup_teardown(a_store_that_was_away_is_asked_when_it_is_back, start, stop),
		cmocka_unit_test_setup_teardown(a_store_that_lost_it_gets_it_again, start, stop),
		cmocka_unit_test_setup_teardown(the_row_of_another_is_not_taken_for_it, start, stop),
	};
	return cmocka_run_group_tests(tests, prepare, NULL);
}
