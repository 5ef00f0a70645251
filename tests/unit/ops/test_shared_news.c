/* Two engines over one store: what one revokes, destroys or takes away the other honours as soon as it hears of it. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "access/principal.h"
#include "access/quorum.h"
#include "access/quorum_record.h"
#include "base/arena.h"
#include "keyring/rooted_internal.h"
#include "objects/reindex.h"
#include "ops/shared_news.h"

struct node {
	struct engine engine;
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

static void open_node(struct world *w, struct node *n, uint8_t first)
{
	struct engine *e = &n->engine;
	struct domain_id domain = { .id = "shared", .node_id = { first } };
	struct secret *key = secret_new(DATA_KEY_LEN);
	struct reindex r = { .begun = false };
	struct shared_news news;
	assert_int_equal(rooted_store_new(w->inner, &e->store), ERR_OK);
	assert_int_equal(rooted_store_share(e->store), ERR_OK);
	n->ring = ring_new(&domain);
	assert_true(key && n->ring);
	memset(secret_mut(key), 0x5a, DATA_KEY_LEN);
	assert_int_equal(ring_add(n->ring, 1, &key), ERR_OK);
	assert_int_equal(rooted_store_attach(e->store, n->ring, NULL), ERR_OK);
	assert_int_equal(rooted_store_verdict(e->store, NULL), ERR_OK);
	pthread_rwlock_init(&e->grants_lock, NULL);
	pthread_mutex_init(&e->note_lock, NULL);
	e->daemon = n;
	e->after_destroy = count_sweep;
	e->quorum = quorum_new();
	e->objects = object_table_new(64);
	e->txn = txn_new(e->store, e->objects);
	assert_true(e->quorum && e->objects && e->txn);
	txn_set_ring(e->txn, n->ring);
	assert_int_equal(txn_begin(e->txn, NULL), ERR_OK);
	assert_int_equal(txn_reindex(e->txn, &r, NULL), ERR_OK);
	struct grants *grants = NULL;
	assert_int_equal(grants_load(e->txn, &grants), ERR_OK);
	engine_set_grants(e, grants);
	assert_int_equal(txn_commit(e->txn, NULL), ERR_OK);
	assert_int_equal(shared_news_read(e, &news, NULL), ERR_OK);
	n->swept = 0;
}

static void close_node(struct node *n)
{
	struct engine *e = &n->engine;
	engine_set_grants(e, NULL);
	txn_free(e->txn);
	object_table_free(e->objects);
	quorum_free(e->quorum);
	rooted_of(e->store)->inner = NULL; /* the world's */
	store_close(e->store);
	ring_free(n->ring);
}

static int open_world(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	struct shared_news news;
	*state = w;
	if (arena_level() == ARENA_NONE && arena_init(4u << 20, false, NULL) != ERR_OK) return -1;
	if (store_open_memory(&w->inner) != ERR_OK) return -1;
	open_node(w, &w->a, 0xa0);
	open_node(w, &w->b, 0xb0);
	return shared_news_read(&w->a.engine, &news, NULL) == ERR_OK ? 0 : -1;
}

static int close_world(void **state)
{
	struct world *w = *state;
	close_node(&w->a);
	close_node(&w->b);
	store_close(w->inner);
	free(w);
	return 0;
}

static void create(struct node *n, uint8_t id[static UUID_LEN])
{
	AUTO_OBJECT struct object *o = object_new(2, "unix:1");
	assert_non_null(o);
	o->state = OBJECT_ACTIVE;
	memcpy(id, o->id, UUID_LEN);
	assert_int_equal(txn_begin(n->engine.txn, NULL), ERR_OK);
	assert_int_equal(txn_create(n->engine.txn, o, NULL), ERR_OK);
	assert_int_equal(txn_commit(n->engine.txn, NULL), ERR_OK);
}

static enum coffer_err become(struct node *n, const uint8_t id[static UUID_LEN], enum object_state state)
{
	struct object *now = NULL;
	AUTO_OBJECT struct object *next = NULL;
	assert_int_equal(txn_begin(n->engine.txn, NULL), ERR_OK);
	assert_int_equal(txn_object(n->engine.txn, id, &now), ERR_OK);
	next = object_copy(now);
	object_unref(now);
	assert_non_null(next);
	next->state = state;
	enum coffer_err err = txn_update(n->engine.txn, next, NULL);
	if (!err) return txn_commit(n->engine.txn, NULL);
	txn_abort(n->engine.txn);
	return err;
}

/* What this node believes; 0: it is not in memory. */
static enum object_state believed(struct node *n, const uint8_t id[static UUID_LEN])
{
	AUTO_OBJECT struct object *o = object_table_get(n->engine.objects, id);
	return o ? o->state : 0;
}

static enum object_state looked_up(struct node *n, const uint8_t id[static UUID_LEN])
{
	AUTO_OBJECT struct object *o = NULL;
	assert_int_equal(txn_object(n->engine.txn, id, &o), ERR_OK);
	return o->state;
}

static struct shared_news hear(struct node *n)
{
	struct shared_news news;
	struct reason why = { "" };
	enum coffer_err err = shared_news_read(&n->engine, &news, &why);
	if (err) fail_msg("%s", reason_text(&why, err));
	return news;
}

static void what_one_revokes_and_destroys_the_other_honours(void **state)
{
	struct world *w = *state;
	static const enum object_state life[] = { OBJECT_DEACTIVATED, OBJECT_COMPROMISED, OBJECT_DESTROYED_COMPROMISED };
	uint8_t id[UUID_LEN], other[UUID_LEN];
	create(&w->a, id);
	create(&w->b, other);
	enum object_state before = OBJECT_ACTIVE;
	for (size_t i = 0; i < sizeof life / sizeof life[0]; i++) {
		struct object *held = NULL;
		assert_int_equal(txn_object(w->b.engine.txn, id, &held), ERR_OK); /* as a thread keeps it */
		assert_int_equal(held->state, before);
		w->b.swept = 0;
		assert_int_equal(become(&w->a, id, life[i]), ERR_OK);
		assert_int_equal(believed(&w->b, id), before); /* it has not heard of it: else this shows nothing */
		struct shared_news news = hear(&w->b);
		assert_true(news.rows >= 1 && !news.everything && w->b.swept == 1 && held->stale);
		assert_int_equal(looked_up(&w->b, id), life[i]);
		assert_int_equal(believed(&w->b, other), OBJECT_ACTIVE); /* nothing else left memory */
		object_unref(held);
		before = life[i];
	}
	assert_int_equal(hear(&w->b).rows, 0);
}

static void a_write_that_had_not_heard_of_the_revocation_does_not_undo_it(void **state)
{
	struct world *w = *state;
	uint8_t id[UUID_LEN];
	create(&w->a, id);
	assert_int_equal(looked_up(&w->b, id), OBJECT_ACTIVE);
	assert_int_equal(become(&w->a, id, OBJECT_COMPROMISED), ERR_OK);
	assert_int_equal(become(&w->b, id, OBJECT_DEACTIVATED), ERR_BUSY);
	hear(&w->b);
	assert_int_equal(looked_up(&w->b, id), OBJECT_COMPROMISED);
	assert_int_equal(become(&w->b, id, OBJECT_DESTROYED_COMPROMISED), ERR_OK); /* run again it decides by what is there */
	hear(&w->a);
	assert_int_equal(looked_up(&w->a, id), OBJECT_DESTROYED_COMPROMISED);
}

static void when_changes_are_kept_from_it_a_node_forgets_everything(void **state)
{
	struct world *w = *state;
	uint8_t id[UUID_LEN], other[UUID_LEN];
	create(&w->a, id);
	create(&w->b, other);
	hear(&w->b);
	assert_int_equal(looked_up(&w->b, id), OBJECT_ACTIVE);
	assert_int_equal(become(&w->a, id, OBJECT_COMPROMISED), ERR_OK);
	uint8_t change[UUID_LEN + 8] = { 0xa0 };
	change[sizeof change - 1] = (uint8_t)rooted_of(w->a.engine.store)->durable.root.changes;
	assert_int_equal(store_begin(w->inner, NULL), ERR_OK);
	assert_int_equal(store_erase(w->inner, STORE_CHANGE, view_of(change, sizeof change)), ERR_OK);
	assert_int_equal(store_commit(w->inner, NULL), ERR_OK);
	struct shared_news news = hear(&w->b);
	assert_true(news.everything && news.tables & 1u << STORE_SLOT && w->b.swept);
	assert_true(believed(&w->b, id) == 0 && believed(&w->b, other) == 0);
	assert_int_equal(looked_up(&w->b, id), OBJECT_COMPROMISED);
	assert_int_equal(looked_up(&w->b, other), OBJECT_ACTIVE);
}

static void grants_and_two_administrators_are_heard_of(void **state)
{
	struct world *w = *state;
	struct engine *a = &w->a.engine, *b = &w->b.engine;
	struct grant grant = { .role = ROLE_ADMINISTRATOR, .created_ms = 1, .principal = "unix:1", .granted_by = "unix:1", .id = { 7 } };
	struct grants *before = engine_grants(a), *after = NULL;
	assert_int_equal(txn_begin(a->txn, NULL), ERR_OK);
	assert_int_equal(grants_add(a->txn, before, &grant, &after, NULL), ERR_OK);
	assert_int_equal(quorum_record_put(a->txn, 2), ERR_OK);
	assert_int_equal(txn_commit(a->txn, NULL), ERR_OK);
	grants_unref(before);
	engine_set_grants(a, after);
	struct grants *known = engine_grants(b);
	assert_int_equal(grants_count(known), 0);
	grants_unref(known);
	assert_int_equal(quorum_needed(b->quorum), 1);
	hear(&w->b);
	known = engine_grants(b);
	assert_int_equal(grants_count(known), 1);
	grants_unref(known);
	assert_int_equal(quorum_needed(b->quorum), 2);
}


static void a_row_that_is_gone_is_not_brought_back(void **state)
{
	struct world *w = *state;
	uint8_t id[UUID_LEN];
	struct object *o = NULL;
	create(&w->a, id);
	assert_int_equal(looked_up(&w->b, id), OBJECT_ACTIVE);
	assert_int_equal(txn_begin(w->a.engine.txn, NULL), ERR_OK);
	assert_int_equal(txn_object(w->a.engine.txn, id, &o), ERR_OK);
	assert_int_equal(txn_remove(w->a.engine.txn, o), ERR_OK);
	assert_int_equal(txn_commit(w->a.engine.txn, NULL), ERR_OK);
	object_unref(o);
	assert_int_equal(become(&w->b, id, OBJECT_DEACTIVATED), ERR_BUSY);
	hear(&w->b);
	assert_int_equal(txn_object(w->b.engine.txn, id, &o), ERR_NOT_FOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_one_revokes_and_destroys_the_other_honours, open_world, close_world),
		cmocka_unit_test_setup_teardown(a_write_that_had_not_heard_of_the_revocation_does_not_undo_it, open_world, close_world),
		cmocka_unit_test_setup_teardown(when_changes_are_kept_from_it_a_node_forgets_everything, open_world, close_world),
		cmocka_unit_test_setup_teardown(grants_and_two_administrators_are_heard_of, open_world, close_world),
		cmocka_unit_test_setup_teardown(a_row_that_is_gone_is_not_brought_back, open_world, close_world),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
