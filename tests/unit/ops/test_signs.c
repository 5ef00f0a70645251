/* Signs of life: each node sees all others, a forged or damaged one counts as none, and one that stays out is told. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <jansson.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "domain/level.h"
#include "ops/seat.h"
#include "ops/signs.h"
#include "unit/ops/nodes_world.h"

static void sit(struct node *n, uint64_t refresh_ms)
{
	n->config.refresh_interval_ms = refresh_ms;
	n->config.node_name = "";
	n->engine.seat = seat_new(&n->config);
	assert_non_null(n->engine.seat);
	n->engine.seat->taken = true;
}

static int open_seated(void **state)
{
	if (world_open(state) != 0) return -1;
	sit(&w.a, 60000);
	sit(&w.b, 60000);
	return 0;
}

static int close_seated(void **state)
{
	seat_free(w.a.engine.seat);
	seat_free(w.b.engine.seat);
	w.a.engine.seat = w.b.engine.seat = NULL;
	return world_close(state);
}

static void give(struct node *n)
{
	struct node_sign sign;
	assert_true(signs_due(&n->engine, &sign));
	assert_int_equal(world_on_store(&n->engine, signs_write, &sign, NULL), ERR_OK);
}

/* "nodes" of the status at n. Caller frees. */
static json_t *seen_by(struct node *n)
{
	static uint8_t text[65536];
	struct writer out;
	struct json_out j = { &out, false };
	assert_int_equal(world_on_store(&n->engine, signs_read, NULL, NULL), ERR_OK);
	writer_init(&out, text, sizeof text);
	json_begin(&j, NULL);
	signs_json(&n->engine, &j);
	json_end(&j);
	assert_int_equal(writer_done(&out), ERR_OK);
	struct view made = writer_view(&out);
	json_t *doc = json_loadb((const char *)made.ptr, made.len, 0, NULL);
	assert_non_null(doc);
	return doc;
}

static json_t *entry_of(json_t *doc, const struct node *n)
{
	char id[UUID_TEXT_LEN + 1];
	text_uuid(n->engine.domain.node_id, id);
	return json_object_get(json_object_get(doc, "nodes"), id);
}

static void is_silent(struct node *at, const struct node *of, const char *yes_or_no, long long all)
{
	json_t *doc = seen_by(at);
	assert_non_null(entry_of(doc, of));
	assert_string_equal(json_string_value(json_object_get(entry_of(doc, of), "silent")), yes_or_no);
	assert_int_equal(json_integer_value(json_object_get(doc, "nodes_silent")), all);
	json_decref(doc);
}

static void each_node_sees_what_the_others_say(void **state)
{
	(void)state;
	give(&w.a);
	is_silent(&w.a, &w.b, "yes", 1);
	give(&w.b);
	is_silent(&w.a, &w.b, "no", 0);
	json_t *doc = seen_by(&w.b), *a = entry_of(doc, &w.a);
	assert_int_equal(json_integer_value(json_object_get(doc, "nodes_count")), 2);
	assert_int_equal(json_integer_value(json_object_get(a, "generation")), 1);
	assert_string_equal(json_string_value(json_object_get(a, "role")), "standby"); /* no lease was seen */
	assert_string_equal(json_string_value(json_object_get(a, "token_health")), "well");
	json_decref(doc);
}

/* Also of one that is silent: it looks after the store when it is back. */
static void what_all_do_they_do_by_turns(void **state)
{
	(void)state;
	assert_int_equal(signs_turn_ms(&w.a.engine, 1000, 123456), 1000); /* nobody was read yet */
	give(&w.a);
	json_decref(seen_by(&w.a));
	json_decref(seen_by(&w.b));
	for (uint64_t wall_ms = 0; wall_ms < 2000; wall_ms += 500) {
		uint64_t a = wall_ms + signs_turn_ms(&w.a.engine, 1000, wall_ms), b = wall_ms + signs_turn_ms(&w.b.engine, 1000, wall_ms);
		assert_int_equal(a, 2000);
		assert_int_equal(b, wall_ms < 1000 ? 1000 : 3000);
	}
}

static bool is_cloned(struct node *at, const struct node *of)
{
	json_t *doc = seen_by(at);
	bool yes = strcmp(json_string_value(json_object_get(entry_of(doc, of), "cloned")), "yes") == 0;
	json_decref(doc);
	return yes;
}

static enum coffer_err note_twin(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	(void)arg;
	(void)reason;
	return fence_note_twin(engine->store, txn_ring(txn));
}

static void the_others_see_that_there_are_two_of_a_node(void **state)
{
	char sentence[256] = "";
	(void)state;
	give(&w.a);
	assert_false(is_cloned(&w.a, &w.b));
	assert_int_equal(world_on_store(&w.b.engine, note_twin, NULL, NULL), ERR_OK);
	assert_true(is_cloned(&w.a, &w.b)); /* which never gave a sign */
	assert_false(is_cloned(&w.a, &w.a));
	assert_true(signs_cloned(&w.a.engine, sentence, sizeof sentence));
	assert_non_null(strstr(sentence, "the identity of node '"));
	assert_true(is_cloned(&w.b, &w.b));
	assert_false(signs_cloned(&w.b.engine, sentence, sizeof sentence)); /* its own is told as that */
	assert_int_equal(store_begin(w.inner, NULL), ERR_OK);
	assert_int_equal(fence_clear_twin(w.inner, w.b.engine.domain.node_id), ERR_OK);
	assert_int_equal(store_commit(w.inner, NULL), ERR_OK);
	assert_false(is_cloned(&w.a, &w.b));
	assert_false(signs_cloned(&w.a.engine, sentence, sizeof sentence));
}

static json_int_t number_of(json_t *entry, const char *part, const char *member)
{
	return json_integer_value(json_object_get(part ? json_object_get(entry, part) : entry, member));
}

static void from_its_level_on_it_says_how_far_behind_it_is_and_what_its_cache_has(void **state)
{
	struct engine *b = &w.b.engine;
	uint64_t lag_ms;
	(void)state;
	assert_false(signs_lag(b, &lag_ms));
	b->cache.on = b->cache.well = b->cache.whole = true;
	b->cache.rows = 34;
	b->cache.bytes = 5678;
	b->cache.limit = 65536;
	b->cache.pinned = 2;
	b->seat->level = LEVEL_SIGN_VIEW;
	give(&w.b); /* nothing was read yet */
	json_t *doc = seen_by(&w.a);
	assert_null(json_object_get(entry_of(doc, &w.b), "lag_ms"));
	json_decref(doc);
	b->seat->heard_ms = clock_mono_ms() - 4000;
	b->seat->signed_at_ms = 0;
	give(&w.b);
	doc = seen_by(&w.a);
	json_t *entry = entry_of(doc, &w.b);
	assert_in_range(number_of(entry, NULL, "lag_ms"), 4000, 60000);
	assert_string_equal(json_string_value(json_object_get(json_object_get(entry, "cache"), "state")), "ready");
	assert_int_equal(number_of(entry, "cache", "rows"), 34);
	assert_int_equal(number_of(entry, "cache", "bytes"), 5678);
	assert_int_equal(number_of(entry, "cache", "limit"), 65536);
	assert_int_equal(number_of(entry, "cache", "pinned"), 2);
	json_decref(doc);
	b->cache.on = false;
	b->seat->signed_at_ms = 0;
	give(&w.b);
	doc = seen_by(&w.a);
	assert_null(json_object_get(entry_of(doc, &w.b), "cache"));
	json_decref(doc);
}

static void one_that_says_the_same_waits_for_the_interval(void **state)
{
	struct node_sign sign;
	(void)state;
	give(&w.a);
	assert_false(signs_due(&w.a.engine, &sign));
	w.a.engine.seat->signed_at_ms = clock_mono_ms() - SIGNS_PAUSE_MS - 1;
	assert_false(signs_due(&w.a.engine, &sign));
	w.a.engine.seat->epoch = 9; /* another one is master server since */
	assert_true(signs_due(&w.a.engine, &sign));
	assert_false(signs_due(&w.a.engine, &sign)); /* a pause first, also where it could not be written */
	w.a.engine.seat->signed_at_ms = clock_mono_ms() - 60001;
	w.a.engine.seat->own_sign = sign;
	assert_true(signs_due(&w.a.engine, &sign));
	seat_leave(&w.a.engine);
	assert_false(signs_due(&w.a.engine, &sign));
}

static void bend(const struct node *n, bool erase)
{
	uint8_t id[SIGN_ID_LEN], body[SIGN_BODY_MAX];
	struct store_row row;
	sign_id(n->engine.domain.node_id, id);
	assert_int_equal(store_begin(w.inner, NULL), ERR_OK);
	assert_int_equal(store_get(w.inner, STORE_LEASE, view_of(id, sizeof id), &row), ERR_OK);
	memcpy(body, row.body.ptr, row.body.len);
	body[row.body.len - 1] ^= 1;
	row.body = view_of(body, row.body.len);
	if (erase) assert_int_equal(store_erase(w.inner, STORE_LEASE, view_of(id, sizeof id)), ERR_OK);
	else assert_int_equal(store_put(w.inner, STORE_LEASE, &row, true), ERR_OK);
	assert_int_equal(store_commit(w.inner, NULL), ERR_OK);
}

static void a_forged_one_counts_as_none_and_is_written_over(void **state)
{
	(void)state;
	give(&w.a);
	give(&w.b);
	bend(&w.b, false);
	is_silent(&w.a, &w.b, "yes", 1);
	w.b.engine.seat->signed_at_ms = 0;
	give(&w.b);
	is_silent(&w.a, &w.b, "no", 0);
	bend(&w.b, true);
	is_silent(&w.a, &w.b, "yes", 1);
}

static void one_that_stays_out_is_silent_after_three_intervals(void **state)
{
	(void)state;
	give(&w.a);
	struct node_sign old;
	assert_true(signs_due(&w.b.engine, &old));
	old.written_ms -= 4000;
	assert_int_equal(world_on_store(&w.b.engine, signs_write, &old, NULL), ERR_OK);
	is_silent(&w.a, &w.b, "no", 0);
	w.a.config.refresh_interval_ms = 500;
	is_silent(&w.a, &w.b, "yes", 1);
}

static uint64_t now_s, passed_ms;

static uint64_t wall(void *arg)
{
	(void)arg;
	return now_s;
}

static uint64_t mono(void *arg)
{
	(void)arg;
	return passed_ms;
}

/* b's clock is ahead of a's by so much when it writes; a minute passes by both before and behind it. */
static bool finds_off(long long ahead_s, char sentence[static 256])
{
	struct node_sign sign;
	assert_int_equal(world_on_store(&w.a.engine, signs_read, NULL, NULL), ERR_OK);
	now_s += 60, passed_ms += 60000;
	assert_true(signs_due(&w.b.engine, &sign));
	sign.written_ms = (uint64_t)((long long)now_s + ahead_s) * 1000;
	assert_int_equal(world_on_store(&w.b.engine, signs_write, &sign, NULL), ERR_OK);
	now_s += 60, passed_ms += 60000;
	assert_int_equal(world_on_store(&w.a.engine, signs_read, NULL, NULL), ERR_OK);
	return signs_clock_is_off(&w.a.engine, sentence, 256);
}

static void a_clock_that_differs_is_told(void **state)
{
	char sentence[256];
	const struct clock_source source = { wall, mono, NULL };
	(void)state;
	now_s = 1700000000, passed_ms = 1000000;
	clock_set_source(&source);
	assert_false(finds_off(0, sentence)); /* the first one says how often it writes alone */
	assert_false(finds_off(0, sentence));
	assert_false(finds_off(-60, sentence));
	assert_true(finds_off(3600, sentence));
	assert_non_null(strstr(sentence, "the clock of node 'node b0' is some 3540 s ahead of this node's"));
	assert_false(finds_off(0, sentence)); /* it was set */
	assert_true(finds_off(-3600, sentence));
	assert_non_null(strstr(sentence, "behind this node's"));
	assert_true(finds_off(315360000, sentence));
	assert_false(finds_off(0, sentence));
	now_s += 7200; /* a's own: b's stays, as what b writes says */
	assert_true(finds_off(-7200, sentence));
	clock_set_source(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_node_sees_what_the_others_say, open_seated, close_seated),
		cmocka_unit_test_setup_teardown(what_all_do_they_do_by_turns, open_seated, close_seated),
		cmocka_unit_test_setup_teardown(from_its_level_on_it_says_how_far_behind_it_is_and_what_its_cache_has, open_seated, close_seated),
		cmocka_unit_test_setup_teardown(the_others_see_that_there_are_two_of_a_node, open_seated, close_seated),
		cmocka_unit_test_setup_teardown(one_that_says_the_same_waits_for_the_interval, open_seated, close_seated),
		cmocka_unit_test_setup_teardown(a_forged_one_counts_as_none_and_is_written_over, open_seated, close_seated),
		cmocka_unit_test_setup_teardown(one_that_stays_out_is_silent_after_three_intervals, open_seated, close_seated),
		cmocka_unit_test_setup_teardown(a_clock_that_differs_is_told, open_seated, close_seated),
	};
	log_init("test", LOG_LEVEL_ERROR);
	if (arena_init(16u << 20, false, NULL) != ERR_OK) return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
