/* Answers that are given without running the request (ops/again.h) are those that a run would give, as long as it would give them. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "kmip/values.h"
#include "ops/seat.h"
#include "test_arena.h"
#include "unit/ops/again_turn.h"
#include "unit/ops/attrs.h"
#include "unit/ops/counted.h"

static void assert_back(struct again_test *t, unsigned items, bool seals, size_t len, unsigned n)
{
	static uint8_t bytes[AGAIN_TEXT_MAX];
	struct kmip_response response;
	assert_int_equal(again_went_well(t, &response), items);
	for (unsigned i = 0; i < items; i++) {
		struct view got = again_field(&response, i, seals ? TAG_COFFER_PLAINTEXT : TAG_DATA), want = again_text(bytes, len, n + i);
		assert_int_equal(got.len, want.len);
		if (want.len) assert_memory_equal(got.ptr, want.ptr, want.len);
	}
}

/* One message, both ways: by a run, and as it is answered when it came often. */
static void compare(struct again_test *t, bool seals, unsigned items, size_t len, unsigned n)
{
	AUTO_BUF struct buf by_run = BUF_EMPTY, back_by_run = BUF_EMPTY;
	struct ask a, back;
	struct kmip_response response;
	t->f->now_s += 7; /* which stands in the answer */
	again_protect(t, &a, seals, items, len, n);
	assert_true(again_ask(t, RUN, &a));
	assert_int_equal(again_went_well(t, &response), items);
	assert_int_equal(buf_append(&by_run, buf_view(&t->answer)), ERR_OK);
	assert_true(again_ask(t, REPEAT, &a));
	assert_int_equal(again_went_well(t, &response), items);
	again_assert_shape(buf_view(&t->answer), buf_view(&by_run));
	assert_true(memcmp(t->answer.ptr, by_run.ptr, by_run.len) != 0); /* its IV is its own */
	again_back(t, &back, &response, seals, n);
	buf_free(&a.frame);
	assert_true(again_ask(t, RUN, &back));
	assert_back(t, items, seals, len, n);
	buf_free(&back.frame);
}

/* The way back of one message after the other, both ways: the same bytes. */
static void compare_back(struct again_test *t, bool seals, unsigned items, size_t len, unsigned n)
{
	AUTO_BUF struct buf by_run = BUF_EMPTY;
	struct ask a, back;
	struct kmip_response response;
	again_protect(t, &a, seals, items, len, n);
	assert_true(again_ask(t, RUN, &a));
	assert_int_equal(again_went_well(t, &response), items);
	again_back(t, &back, &response, seals, n);
	assert_true(again_ask(t, RUN, &back));
	assert_int_equal(buf_append(&by_run, buf_view(&t->answer)), ERR_OK);
	assert_true(again_ask(t, REPEAT, &back));
	assert_back(t, items, seals, len, n);
	assert_int_equal(t->answer.len, by_run.len);
	assert_memory_equal(t->answer.ptr, by_run.ptr, by_run.len);
	buf_free(&a.frame);
	buf_free(&back.frame);
}

static void answers_are_those_of_a_run(void **state)
{
	static const size_t lengths[] = { 1, 16, 100, 5000 };
	static const unsigned batches[] = { 1, 2, 16 };
	struct again_test *t = *state;
	for (unsigned i = 0; i <= SEAL_BUDGET_BLOCK_FIRST; i++) again_use_once(t); /* the next block is large enough */
	for (unsigned k = 0; k < 2 * 3 * 4; k++) {
		bool seals = k % 2;
		unsigned items = batches[k / 2 % 3];
		size_t len = lengths[k / 6];
		uint64_t before = again_answered(t->f->worker);
		for (unsigned n = 0; n < 5; n++) compare(t, seals, items, len, n * 100);
		if (items * len < 20000) assert_int_equal(again_answered(t->f->worker), before + 3);
		for (unsigned n = 0; n < 5; n++) compare_back(t, seals, items, len, n * 100);
		if (items * len < 20000) assert_int_equal(again_answered(t->f->worker), before + 6);
	}
}

/* ---- what a run would refuse, or do otherwise ---- */

/* The message that came last is answered without a run. */
static void come_often(struct again_test *t, const struct ask *a)
{
	struct kmip_response response;
	for (unsigned i = 0; i < 4; i++) {
		uint64_t before = again_answered(t->f->worker);
		assert_true(again_ask(t, REPEAT, a));
		unsigned well = again_went_well(t, &response);
		assert_int_equal(well, response.count);
		if (i == 3) assert_int_equal(again_answered(t->f->worker), before + 1);
	}
}

/* Is run, and refused. */
static enum coffer_err refused(struct again_test *t, const struct ask *a)
{
	struct kmip_response response;
	uint64_t before = again_answered(t->f->worker);
	assert_true(again_ask(t, REPEAT, a));
	assert_int_equal(again_answered(t->f->worker), before);
	assert_int_equal(again_went_well(t, &response), 0);
	return response.items[0].err;
}

static void sealed_message(struct again_test *t, const char *key, struct buf *out)
{
	vendor_seal(t->f, ADMIN, key, "test", view_str("sixteen bytes..."), out);
}

static void ask_open(struct ask *a, struct view sealed)
{
	ask_one(a, OPERATION_COFFER_OPEN);
	vendor_put_context(a, "app", "test");
	ttlv_put_bytes(&a->w, TAG_COFFER_SEALED_DATA, sealed);
	ask_item_end(a, NULL);
	ask_end(a);
}

static void what_was_changed_does_not_open(void **state)
{
	struct again_test *t = *state;
	AUTO_BUF struct buf sealed = BUF_EMPTY;
	struct ask good;
	sealed_message(t, "again", &sealed);
	ask_open(&good, buf_view(&sealed));
	for (size_t at = 0; at < sealed.len; at += 5) {
		struct ask bad;
		come_often(t, &good);
		sealed.ptr[at] ^= 0x20;
		ask_open(&bad, buf_view(&sealed));
		sealed.ptr[at] ^= 0x20;
		struct kmip_response response;
		uint64_t before = again_answered(t->f->worker);
		if (again_ask(t, REPEAT, &bad)) assert_int_equal(again_went_well(t, &response), 0); /* an id that nobody has is looked for elsewhere */
		assert_int_equal(again_answered(t->f->worker), before);
		buf_free(&bad.frame);
	}
	come_often(t, &good);
	buf_free(&good.frame);
}

static void a_message_of_another_key_is_opened_with_that(void **state)
{
	struct again_test *t = *state;
	AUTO_BUF struct buf sealed = BUF_EMPTY, others = BUF_EMPTY;
	struct ask one, other;
	struct kmip_response response;
	sealed_message(t, "again", &sealed);
	sealed_message(t, "other", &others);
	ask_open(&one, buf_view(&sealed));
	ask_open(&other, buf_view(&others));
	assert_int_equal(sealed.len, others.len);
	come_often(t, &one);
	assert_true(again_ask(t, REPEAT, &other));
	assert_int_equal(again_went_well(t, &response), 1);
	struct view id = again_field(&response, 0, TAG_UNIQUE_IDENTIFIER);
	assert_memory_equal(id.ptr, t->other, UUID_TEXT_LEN);
	come_often(t, &one);
	buf_free(&one.frame);
	buf_free(&other.frame);
}

static void another_context_is_another_message(void **state)
{
	struct again_test *t = *state;
	AUTO_BUF struct buf sealed = BUF_EMPTY;
	struct ask good, bad;
	sealed_message(t, "again", &sealed);
	ask_open(&good, buf_view(&sealed));
	come_often(t, &good);
	ask_one(&bad, OPERATION_COFFER_OPEN);
	vendor_put_context(&bad, "app", "TEST");
	ttlv_put_bytes(&bad.w, TAG_COFFER_SEALED_DATA, buf_view(&sealed));
	ask_item_end(&bad, NULL);
	ask_end(&bad);
	assert_int_equal(bad.frame.len, good.frame.len);
	assert_int_equal(refused(t, &bad), ERR_CONTEXT);
	buf_free(&good.frame);
	buf_free(&bad.frame);
}

static void a_date_that_passes_ends_it(void **state)
{
	struct again_test *t = *state;
	struct ask a;
	struct given g;
	given_time(&g, t->f->now_s + 100);
	assert_int_equal(attr_add(t->f, t->id, "Deactivation Date", &g), 0);
	again_protect(t, &a, true, 1, 64, 0);
	come_often(t, &a);
	t->f->now_s += 99;
	come_often(t, &a);
	t->f->now_s += 1;
	assert_int_equal(refused(t, &a), ERR_STATE);
	buf_free(&a.frame);
}

static void a_node_that_does_not_serve_says_so(void **state)
{
	static const enum engine_state states[] = { ENGINE_SEALED, ENGINE_DRAINING, ENGINE_FAULT };
	struct again_test *t = *state;
	struct ask a;
	again_protect(t, &a, true, 1, 64, 0);
	for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
		come_often(t, &a);
		t->f->engine.state = states[i];
		assert_int_not_equal(refused(t, &a), ERR_OK);
		t->f->engine.state = ENGINE_OPEN;
	}
	buf_free(&a.frame);
}

static void an_answer_that_became_too_large_is_refused(void **state)
{
	struct again_test *t = *state;
	struct ask a;
	again_protect(t, &a, true, 1, 64, 0);
	come_often(t, &a);
	assert_true(t->answer.len > a.frame.len);
	t->f->config.max_message = (uint32_t)t->answer.len - 1;
	assert_int_equal(refused(t, &a), ERR_TOO_LARGE);
	buf_free(&a.frame);
}

static void put_correlation(struct writer *w)
{
	ttlv_put_str(w, TAG_CLIENT_CORRELATION_VALUE, "one of mine");
}

/* KMIP 1.4 section 6.19. */
static void an_answer_with_a_name_has_a_new_one_each_time(void **state)
{
	struct again_test *t = *state;
	AUTO_BUF struct buf before = BUF_EMPTY;
	struct ask a;
	struct kmip_response response;
	ask_begin(&a, &(struct ask_header){ .count = 1, .before = put_correlation });
	ask_item(&a, OPERATION_COFFER_SEAL, 0);
	ask_id(&a, t->id);
	ttlv_put_bytes(&a.w, TAG_COFFER_PLAINTEXT, view_str("text"));
	ask_item_end(&a, NULL);
	ask_end(&a);
	for (unsigned i = 0; i < 5; i++) {
		assert_true(again_ask(t, REPEAT, &a));
		assert_int_equal(again_went_well(t, &response), 1);
		assert_int_equal(response.server_correlation.len, UUID_TEXT_LEN);
		if (i) assert_memory_not_equal(response.server_correlation.ptr, before.ptr, UUID_TEXT_LEN);
		buf_clear(&before);
		assert_int_equal(buf_append(&before, response.server_correlation), ERR_OK);
	}
	assert_int_equal(again_answered(t->f->worker), 0);
	buf_free(&a.frame);
}

/* Where several nodes write the store. What was sealed is opened all the same. */
static void without_a_master_server_nothing_is_sealed(void **state)
{
	struct again_test *t = *state;
	AUTO_BUF struct buf sealed = BUF_EMPTY;
	struct seat seat = { .seal_until_ms = UINT64_MAX };
	struct ask a, open;
	sealed_message(t, "again", &sealed);
	ask_open(&open, buf_view(&sealed));
	again_protect(t, &a, true, 1, 64, 0);
	t->f->engine.seat = &seat;
	come_often(t, &a);
	seat.seal_until_ms = 0;
	assert_int_equal(refused(t, &a), ERR_BUSY);
	come_often(t, &open);
	t->f->engine.seat = NULL;
	buf_free(&a.frame);
	buf_free(&open.frame);
}

static void an_archived_key_is_off_line(void **state)
{
	struct again_test *t = *state;
	struct ask a;
	again_protect(t, &a, false, 1, 64, 0);
	come_often(t, &a);
	assert_int_equal(fix_simple(t->f, ADMIN, OPERATION_ARCHIVE, t->id), ERR_OK);
	assert_false(again_ask(t, REPEAT, &a) && refused(t, &a) == ERR_OK);
	buf_free(&a.frame);
}

static void a_row_for_each_is_not_gone_past(void **state)
{
	struct again_test *t = *state;
	struct ask a;
	again_protect(t, &a, true, 1, 64, 0);
	come_often(t, &a);
	t->f->config.audit_bulk = CONFIG_BULK_FULL;
	assert_false(again_ask(t, REPEAT, &a)); /* the store thread writes it */
	t->f->config.audit_bulk = CONFIG_BULK_COUNTED;
	come_often(t, &a);
	buf_free(&a.frame);
}

static void each_use_is_counted(void **state)
{
	struct again_test *t = *state;
	struct newest n;
	struct ask a;
	counted_tell(t->f);
	again_protect(t, &a, true, 2, 64, 0);
	for (unsigned i = 0; i < 10; i++) assert_true(again_ask(t, REPEAT, &a));
	assert_int_equal(again_answered(t->f->worker), 8);
	assert_int_equal(counted_tell(t->f), 1);
	counted_look(t->f, &n);
	assert_non_null(strstr(n.text, "20 "));
	assert_non_null(strstr(n.text, "1280 bytes"));
	assert_int_equal(engine_bulk_bytes(&t->f->engine), 1280);
	buf_free(&a.frame);
}

/* GCM invocations are set aside in blocks: when one is spent, another thread sets the next aside, and it goes on with the new snapshot. */
static void what_is_spent_is_set_aside_anew(void **state)
{
	struct again_test *t = *state;
	struct ask a;
	unsigned elsewhere = 0;
	again_protect(t, &a, false, 1, 16, 0);
	for (unsigned i = 0; i < 5000; i++) {
		if (again_ask(t, REPEAT, &a)) continue;
		elsewhere++;
		again_use_once(t);
	}
	assert_true(elsewhere >= 1);
	assert_true(again_answered(t->f->worker) >= 4900);
	buf_free(&a.frame);
}

static void usage_limits_are_spent_one_by_one(void **state)
{
	struct again_test *t = *state;
	struct ask a;
	struct given g;
	kmip_usage_limits_put(given_new(&g), TAG_ATTRIBUTE_VALUE, &(struct kmip_usage_limits){ .has_total = true, .total = 1000, .has_unit = true,
		.unit = USAGE_LIMITS_UNIT_OBJECT });
	again_protect(t, &a, true, 1, 16, 0);
	come_often(t, &a);
	assert_int_equal(attr_add(t->f, t->id, "Usage Limits", &g), 0);
	for (unsigned i = 0; i < 4; i++) assert_false(again_ask(t, REPEAT, &a)); /* the store thread spends them */
	buf_free(&a.frame);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, again_start, again_stop)
	const struct CMUnitTest tests[] = {
		CASE(answers_are_those_of_a_run),
		CASE(what_was_changed_does_not_open),
		CASE(a_message_of_another_key_is_opened_with_that),
		CASE(another_context_is_another_message),
		CASE(a_date_that_passes_ends_it),
		CASE(a_node_that_does_not_serve_says_so),
		CASE(an_answer_that_became_too_large_is_refused),
		CASE(an_answer_with_a_name_has_a_new_one_each_time),
		CASE(without_a_master_server_nothing_is_sealed),
		CASE(an_archived_key_is_off_line),
		CASE(a_row_for_each_is_not_gone_past),
		CASE(each_use_is_counted),
		CASE(what_is_spent_is_set_aside_anew),
		CASE(usage_limits_are_spent_one_by_one),
	};
	return cmocka_run_group_tests(tests, setup_arena, NULL);
}
