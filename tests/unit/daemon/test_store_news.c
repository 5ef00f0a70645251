/* Two nodes on one store: when the daemon hears what the other one changed, and that what came too late for it runs again. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "access/quorum.h"
#include "base/arena.h"
#include "base/log.h"
#include "daemon/store_care.h"
#include "daemon/store_key.h"
#include "daemon/store_news.h"
#include "daemon/store_thread.h"
#include "keyring/rooted_internal.h"
#include "objects/reindex.h"
#include "store/store_internal.h"

static const struct store_ops *real_ops;
static struct store_ops fake_ops;
static bool told;         /* what the database says when it is asked for news */
static bool cut;          /* its connection is lost */
static enum coffer_err unreadable;
static unsigned read_changes;

static enum coffer_err take_news(struct store *s, bool *out)
{
	(void)s;
	*out = told;
	told = false;
	return cut ? ERR_CLOSED : ERR_OK;
}

static enum coffer_err begin_reading(struct store *s, struct reason *reason)
{
	read_changes++;
	if (unreadable) return reason_fail(reason, unreadable, "the test's store cannot be read");
	return real_ops->begin(s, reason);
}

struct node {
	struct daemon daemon;
	struct config config;
	struct ring *ring;
	unsigned swept;
};

struct world {
	struct store *inner;
	struct node a, b;
};

static void count_sweep(struct engine *engine)
{
	((struct node *)engine->daemon)->swept++;
}

static void open_engine(struct node *n, struct store *inner, uint8_t first)
{
	struct engine *e = &n->daemon.engine;
	struct domain_id domain = { .id = "news", .node_id = { first } };
	struct secret *key = secret_new(DATA_KEY_LEN);
	struct reindex r = { .begun = false };
	struct grants *grants = NULL;
	e->daemon = n; /* struct daemon is its first member */
	e->config = n->daemon.config = &n->config;
	assert_int_equal(pthread_rwlock_init(&e->grants_lock, NULL) + pthread_mutex_init(&e->note_lock, NULL), 0);
	assert_int_equal(rooted_store_new(inner, &e->store), ERR_OK);
	assert_int_equal(rooted_store_share(e->store), ERR_OK);
	n->ring = ring_new(&domain);
	assert_true(key && n->ring);
	memset(secret_mut(key), 0x5a, DATA_KEY_LEN);
	assert_int_equal(ring_add(n->ring, 1, &key), ERR_OK);
	assert_int_equal(rooted_store_attach(e->store, n->ring, NULL), ERR_OK);
	e->quorum = quorum_new();
	e->objects = object_table_new(64);
	e->txn = txn_new(e->store, e->objects);
	assert_true(e->quorum && e->objects && e->txn);
	e->after_destroy = count_sweep;
	txn_set_ring(e->txn, n->ring);
	assert_int_equal(txn_begin(e->txn, NULL), ERR_OK);
	assert_int_equal(txn_reindex(e->txn, &r, NULL), ERR_OK);
	assert_int_equal(grants_load(e->txn, &grants), ERR_OK);
	engine_set_grants(e, grants);
	assert_int_equal(txn_commit(e->txn, NULL), ERR_OK);
	n->config.refresh_interval_ms = 3600000;
	n->daemon.care.reserve_fd = -1;
	n->daemon.care.remote = true;
	assert_int_equal(job_queue_init(&n->daemon.store_jobs, false), ERR_OK);
	e->state = ENGINE_OPEN;
}

static void close_engine(struct node *n)
{
	struct engine *e = &n->daemon.engine;
	job_queue_done(&n->daemon.store_jobs);
	engine_set_grants(e, NULL);
	txn_free(e->txn);
	object_table_free(e->objects);
	quorum_free(e->quorum);
	rooted_of(e->store)->inner = NULL; /* the world's */
	store_close(e->store);
	ring_free(n->ring);
}

static enum coffer_err hear(struct node *n)
{
	return store_news_hear(&n->daemon);
}

static int open_world(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	*state = w;
	if (!w || store_open_memory(&w->inner) != ERR_OK) return -1;
	real_ops = w->inner->ops;
	fake_ops = *real_ops;
	fake_ops.news = take_news;
	fake_ops.begin_reading = begin_reading;
	w->inner->ops = &fake_ops;
	cut = false;
	unreadable = ERR_OK;
	open_engine(&w->a, w->inner, 0xa0);
	open_engine(&w->b, w->inner, 0xb0);
	told = true; /* as after each opening */
	if (hear(&w->b) != ERR_OK) return -1;
	read_changes = w->b.swept = 0;
	return 0;
}

static int close_world(void **state)
{
	struct world *w = *state;
	close_engine(&w->a);
	close_engine(&w->b);
	w->inner->ops = real_ops;
	store_close(w->inner);
	free(w);
	return 0;
}

struct change {
	uint8_t id[UUID_LEN];
	enum object_state to;
	unsigned runs;
};

static enum coffer_err create(struct engine *e, struct txn *txn, void *arg, struct reason *reason)
{
	struct change *c = arg;
	AUTO_OBJECT struct object *o = object_new(2, "unix:1");
	(void)e;
	ENSURE(o, ERR_MEMORY);
	o->state = OBJECT_ACTIVE;
	memcpy(c->id, o->id, UUID_LEN);
	return txn_create(txn, o, reason);
}

/* As an operation does: from what is in memory. */
static enum coffer_err become(struct engine *e, struct txn *txn, void *arg, struct reason *reason)
{
	struct change *c = arg;
	struct object *now = NULL;
	(void)e;
	c->runs++;
	TRY(txn_object(txn, c->id, &now));
	AUTO_OBJECT struct object *next = object_copy(now);
	object_unref(now);
	ENSURE(next, ERR_MEMORY);
	next->state = c->to;
	return txn_update(txn, next, reason);
}

static enum coffer_err call(struct node *n, engine_store_fn *fn, struct change *c)
{
	return store_thread_within(&n->daemon.engine, fn, c, NULL);
}

/* 0: not in memory. */
static enum object_state believed(struct node *n, const struct change *c)
{
	AUTO_OBJECT struct object *o = object_table_get(n->daemon.engine.objects, c->id);
	return o ? o->state : 0;
}

static enum coffer_err look(struct engine *e, struct txn *txn, void *arg, struct reason *reason)
{
	struct change *c = arg;
	AUTO_OBJECT struct object *o = NULL;
	(void)e;
	(void)reason;
	TRY(txn_object(txn, c->id, &o));
	c->to = o->state;
	return ERR_OK;
}

/* An active key that both have in memory, and that a revokes. */
static struct change revoked_key(struct world *w)
{
	struct change c = { .to = OBJECT_DEACTIVATED };
	assert_int_equal(call(&w->a, create, &c), ERR_OK);
	assert_int_equal(call(&w->b, look, &c), ERR_OK);
	assert_int_equal(c.to, OBJECT_ACTIVE);
	c.to = OBJECT_DEACTIVATED;
	assert_int_equal(call(&w->a, become, &c), ERR_OK);
	assert_int_equal(believed(&w->b, &c), OBJECT_ACTIVE); /* it has not heard of it: else nothing below shows anything */
	w->b.swept = read_changes = 0;
	return c;
}

static void it_hears_when_it_is_told_and_else_asks_nothing(void **state)
{
	struct world *w = *state;
	struct change c = revoked_key(w);
	assert_int_equal(hear(&w->b), ERR_OK);
	assert_true(read_changes == 0 && believed(&w->b, &c) == OBJECT_ACTIVE);
	told = true;
	assert_int_equal(hear(&w->b), ERR_OK);
	assert_true(read_changes == 1 && believed(&w->b, &c) == 0 && w->b.swept == 1);
	assert_int_equal(hear(&w->b), ERR_OK);
	assert_int_equal(read_changes, 1);
}

static void it_hears_after_the_interval_when_nobody_tells_it(void **state)
{
	struct world *w = *state;
	struct change c = revoked_key(w);
	w->b.daemon.news.heard_ms -= w->b.config.refresh_interval_ms; /* so long ago */
	assert_int_equal(hear(&w->b), ERR_OK);
	assert_true(believed(&w->b, &c) == 0 && w->b.swept == 1);
}

static void a_transaction_begins_with_what_was_told(void **state)
{
	struct world *w = *state;
	struct change c = revoked_key(w);
	told = true;
	assert_int_equal(call(&w->b, look, &c), ERR_OK);
	assert_int_equal(c.to, OBJECT_DEACTIVATED);
}

/* Nobody told it, and what it writes is made from an older row: the transaction is refused, and runs once more with what is there. */
static void what_came_too_late_hears_the_news_and_runs_again(void **state)
{
	struct world *w = *state;
	struct change c = revoked_key(w);
	c.to = OBJECT_COMPROMISED;
	c.runs = 0;
	assert_int_equal(call(&w->b, become, &c), ERR_OK);
	assert_int_equal(c.runs, 2);
	assert_int_equal(believed(&w->b, &c), OBJECT_COMPROMISED);
	told = true;
	assert_int_equal(hear(&w->a), ERR_OK);
	assert_int_equal(call(&w->a, look, &c), ERR_OK);
	assert_int_equal(c.to, OBJECT_COMPROMISED);
}

static enum coffer_err always_busy(struct engine *e, struct txn *txn, void *arg, struct reason *reason)
{
	(void)e;
	(void)txn;
	((struct change *)arg)->runs++;
	return reason_fail(reason, ERR_BUSY, "busy");
}

static void it_does_not_run_again_for_ever(void **state)
{
	struct world *w = *state;
	struct change c = { .runs = 0 };
	assert_int_equal(call(&w->b, always_busy, &c), ERR_BUSY);
	assert_in_range(c.runs, 2, 10);
	w->b.daemon.engine.state = ENGINE_SEALED; /* who opens the node tries the whole of it again */
	c.runs = 0;
	assert_int_equal(call(&w->b, always_busy, &c), ERR_BUSY);
	assert_int_equal(c.runs, 1);
}

static bool is_deaf(struct node *n)
{
	struct store_care *care = &n->daemon.care;
	return care->distrusted && !care->away && engine_store_health(&n->daemon.engine) == STORE_FAILED;
}

static void what_is_damaged_ends_changes_and_is_read_later(void **state)
{
	struct world *w = *state;
	struct change c = revoked_key(w), other = { .to = OBJECT_ACTIVE };
	told = true;
	unreadable = ERR_CORRUPT;
	assert_int_equal(call(&w->b, create, &other), ERR_OK); /* the test's store does not say so of itself */
	assert_int_equal(read_changes, 1);
	assert_true(is_deaf(&w->b));
	assert_int_equal(hear(&w->b), ERR_OK);
	assert_int_equal(read_changes, 1); /* not at each transaction */
	unreadable = ERR_OK;
	w->b.daemon.news.tried_ms -= 60000;
	assert_int_equal(hear(&w->b), ERR_OK);
	assert_int_equal(believed(&w->b, &c), 0);
	assert_false(w->b.daemon.care.distrusted);
}

/* A key to come, which anybody can pretend, or memory that is short: for as long as a change may take to be heard. */
static void what_else_cannot_be_read_is_waited_for_no_longer_than_the_interval(void **state)
{
	struct world *w = *state;
	static const enum coffer_err errors[] = { ERR_STATE, ERR_VERSION, ERR_MEMORY };
	for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
		told = true;
		unreadable = errors[i];
		assert_int_equal(hear(&w->b), ERR_OK);
		assert_false(is_deaf(&w->b));
		w->b.daemon.news.tried_ms -= 60000;
		w->b.daemon.news.deaf_ms -= w->b.config.refresh_interval_ms; /* so long ago */
		assert_int_equal(hear(&w->b), ERR_OK);
		assert_true(is_deaf(&w->b));
		unreadable = ERR_OK;
		w->b.daemon.news.tried_ms -= 60000;
		assert_int_equal(hear(&w->b), ERR_OK);
		assert_false(w->b.daemon.care.distrusted);
	}
}

static void put_waiting(struct world *w)
{
	struct store_row row = { .id = { 0xb0 }, .id_len = UUID_LEN + 4, .version = 1, .state = 1, .header = view_str("1"), .body = view_str("2") };
	row.id[UUID_LEN + 3] = 2;
	assert_int_equal(store_begin(w->inner, NULL), ERR_OK);
	assert_int_equal(store_put(w->inner, STORE_REFRESH, &row, true), ERR_OK);
	assert_int_equal(store_commit(w->inner, NULL), ERR_OK);
}

static void a_generation_that_waits_is_taken_by_an_admin_thread(void **state)
{
	struct world *w = *state;
	struct daemon *d = &w->b.daemon;
	assert_int_equal(job_queue_init(&d->admin_jobs, false), ERR_OK);
	assert_int_equal(pthread_mutex_init(&d->engine.admin_lock, NULL), 0);
	told = true;
	assert_int_equal(hear(&w->b), ERR_OK);
	assert_null(job_queue_take_one(&d->admin_jobs));
	put_waiting(w);
	for (unsigned i = 0; i < 2; i++) {
		told = true;
		assert_int_equal(hear(&w->b), ERR_OK);
	}
	struct job *job = job_queue_take_one(&d->admin_jobs);
	assert_non_null(job);
	assert_null(job_queue_take_one(&d->admin_jobs)); /* one is at it */
	d->engine.state = ENGINE_SEALED; /* nothing to be taken here */
	job->call(job->arg);
	free(job);
	d->engine.state = ENGINE_OPEN;
	told = true;
	assert_int_equal(hear(&w->b), ERR_OK);
	job = job_queue_take_one(&d->admin_jobs);
	assert_non_null(job);
	free(job);
	job_queue_done(&d->admin_jobs);
}

static void add_generation(struct node *n)
{
	struct secret *key = secret_new(DATA_KEY_LEN);
	assert_non_null(key);
	memset(secret_mut(key), 0xa5, DATA_KEY_LEN);
	assert_int_equal(ring_add(n->ring, 2, &key), ERR_OK);
}

static void open_audit(struct engine *e)
{
	assert_int_equal(txn_begin(e->txn, NULL), ERR_OK);
	assert_int_equal(audit_chain_open(e->txn, &e->audit, NULL), ERR_OK);
	txn_abort(e->txn);
}

/* Its connection is lost, and the other one's root is under a key that waits for it: only a store that is there hands that over. */
static void who_waits_for_a_data_key_comes_back_to_fetch_it(void **state)
{
	struct world *w = *state;
	struct daemon *d = &w->b.daemon;
	struct change c = revoked_key(w);
	open_audit(&d->engine);
	add_generation(&w->a);
	assert_int_equal(call(&w->a, create, &(struct change){ .runs = 0 }), ERR_OK);
	d->care.away = true;
	assert_true(store_care_mend(d, ERR_CLOSED));
	assert_true(!d->care.away && d->care.unread);
	assert_int_equal(hear(&w->b), ERR_OK); /* cannot yet */
	assert_true(d->care.unread && believed(&w->b, &c) == OBJECT_ACTIVE);
	add_generation(&w->b);
	told = true;
	d->news.tried_ms -= 60000;
	assert_int_equal(hear(&w->b), ERR_OK);
	assert_true(!d->care.away && !d->care.unread && believed(&w->b, &c) == 0);
	audit_chain_free(TAKE(d->engine.audit));
}

/* As the store thread has it. */
static struct job waiting_job(void)
{
	struct job job = { .kind = JOB_REQUEST };
	request_begin(&job.request);
	return job;
}

/* What needs a data key that is on its way is not refused: it waits behind what fetches it, and not for ever. */
static void what_needs_a_data_key_that_comes_waits_for_it(void **state)
{
	struct world *w = *state;
	struct daemon *d = &w->b.daemon;
	struct job job = waiting_job(), late = waiting_job();
	assert_int_equal(job_queue_init(&d->admin_jobs, false), ERR_OK);
	open_audit(&d->engine);
	add_generation(&w->a);
	assert_int_equal(call(&w->a, create, &(struct change){ .runs = 0 }), ERR_OK);
	told = true;
	assert_int_equal(hear(&w->b), ERR_OK);
	assert_false(store_key_comes(d, &job)); /* nobody has handed it over */
	d->news.tried_ms -= 60000;
	put_waiting(w);
	assert_int_equal(hear(&w->b), ERR_OK);
	assert_true(store_key_comes(d, &job));
	late.key_until_ms = 1;
	assert_false(store_key_comes(d, &late));
	job.next = &late;
	assert_ptr_equal(store_key_wait(d, &job), &late);
	assert_null(late.next);
	assert_ptr_equal(job_queue_take_one(&d->store_jobs), &job);
	assert_true(job.key_until_ms > 1);
	job_queue_close(&d->store_jobs);
	job.next = NULL;
	assert_ptr_equal(store_key_wait(d, &job), &job); /* the daemon stops */
	add_generation(&w->b);
	told = true;
	d->news.tried_ms -= 60000;
	assert_int_equal(hear(&w->b), ERR_OK);
	assert_false(store_key_comes(d, &job));
	free(job_queue_take_one(&d->admin_jobs));
	job_queue_done(&d->admin_jobs);
	audit_chain_free(TAKE(d->engine.audit));
}

/* A hundred nodes that lost the same database do not come back to it at the same moments. */
static void the_pause_between_two_tries_differs(void **state)
{
	struct world *w = *state;
	struct daemon *d = &w->b.daemon;
	uint32_t low = UINT32_MAX, high = 0;
	for (unsigned i = 0; i < 100; i++) {
		store_care_lost(d, ERR_CLOSED);
		low = d->care.pause_ms < low ? d->care.pause_ms : low;
		high = d->care.pause_ms > high ? d->care.pause_ms : high;
	}
	assert_true(low >= 225 && high <= 375 && high - low >= 50);
	assert_true(high <= STORE_CARE_TICK_MS * 3 / 4); /* each tick may try */
}

static void a_lost_connection_is_told(void **state)
{
	struct world *w = *state;
	cut = true;
	assert_int_equal(hear(&w->b), ERR_CLOSED);
	w->b.daemon.care.away = true; /* then it is not asked */
	assert_int_equal(hear(&w->b), ERR_OK);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)
	const struct CMUnitTest tests[] = {
		TEST(it_hears_when_it_is_told_and_else_asks_nothing),
		TEST(it_hears_after_the_interval_when_nobody_tells_it),
		TEST(a_transaction_begins_with_what_was_told),
		TEST(what_came_too_late_hears_the_news_and_runs_again),
		TEST(it_does_not_run_again_for_ever),
		TEST(what_is_damaged_ends_changes_and_is_read_later),
		TEST(what_else_cannot_be_read_is_waited_for_no_longer_than_the_interval),
		TEST(a_generation_that_waits_is_taken_by_an_admin_thread),
		TEST(who_waits_for_a_data_key_comes_back_to_fetch_it),
		TEST(what_needs_a_data_key_that_comes_waits_for_it),
		TEST(a_lost_connection_is_told),
		TEST(the_pause_between_two_tries_differs),
	};
	log_init("test", LOG_LEVEL_ERROR);
	if (arena_init(8u << 20, false, NULL) != ERR_OK) return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
