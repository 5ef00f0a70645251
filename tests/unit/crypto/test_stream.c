/* Sealed streams: every way in which one is refused, and the rules of the count. */
#include "unit/crypto/support.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/ct.h"
#include "crypto/context.h"
#include "crypto/stream_internal.h"

#define SEGMENT 65536u               /* bytes of plaintext: the smallest size */
#define SEALED (SEGMENT + STREAM_TAG_LEN)
#define LAST_PLAIN 10u
#define LAST (LAST_PLAIN + STREAM_TAG_LEN)

static const uint8_t key[STREAM_KEY_LEN] = { 5, 6, 7 };
static const uint8_t key_id[UUID_LEN] = { 0xCC };

/* A stream of two whole segments and one of 10 bytes. */
static struct {
	uint8_t header[STREAM_HEADER_LEN];
	uint8_t segment[3][SEALED];
} made;
static uint8_t scratch[SEALED];

static int make(void **state)
{
	struct stream_sealer *s = NULL;
	static uint8_t plain[SEGMENT];
	if (support_setup(state) != 0) return -1;
	assert_ok(stream_sealer_new(key, key_id, 1, view_str("ctx"), 16, made.header, &s));
	for (unsigned i = 0; i < 3; i++) {
		memset(plain, (int)i + 1, sizeof plain);
		assert_ok(stream_seal_segment(s, view_of(plain, i < 2 ? SEGMENT : LAST_PLAIN), i == 2, made.segment[i]));
	}
	stream_sealer_free(s);
	return 0;
}

static struct view segment(unsigned i)
{
	return view_of(made.segment[i], i < 2 ? SEALED : LAST);
}

/* An opener that has opened the first `done` segments. */
static struct stream_opener *opener(unsigned done)
{
	struct stream_opener *o = NULL;
	assert_ok(stream_opener_new(key, view_of(made.header, STREAM_HEADER_LEN), view_str("ctx"), &o));
	for (unsigned i = 0; i < done; i++) assert_ok(stream_open_segment(o, segment(i), i == 2, scratch));
	return o;
}

/* The next segment is refused, nothing of it is handed out, and the opener is dead. */
static void expect_refused(unsigned done, struct view ct, bool last, enum coffer_err err)
{
	AUTO(auto_stream_opener_free) struct stream_opener *o = opener(done);
	memset(scratch, 0, sizeof scratch);
	assert_err(stream_open_segment(o, ct, last, scratch), err);
	assert_true(ct_is_zero(scratch, sizeof scratch));
	if (done < 3) assert_err(stream_open_segment(o, segment(done), done == 2, scratch), ERR_STATE);
	assert_true(done == 3 || !stream_opener_complete(o));
}

static void whole_stream_opens(void **state)
{
	(void)state;
	AUTO(auto_stream_opener_free) struct stream_opener *o = opener(3);
	assert_true(stream_opener_complete(o));
	assert_int_equal(scratch[0], 3);
}

static void reordered_and_doubled_segments_are_refused(void **state)
{
	(void)state;
	expect_refused(0, segment(1), false, ERR_CONTEXT);
	expect_refused(1, segment(0), false, ERR_CONTEXT); /* doubled */
	expect_refused(0, segment(2), true, ERR_CONTEXT);
}

static void missing_last_segment_is_noticed(void **state)
{
	(void)state;
	expect_refused(1, segment(1), true, ERR_CONTEXT); /* segment 1 stands at the end of the file */
	expect_refused(0, segment(0), true, ERR_CONTEXT);
	AUTO(auto_stream_opener_free) struct stream_opener *o = opener(2);
	assert_false(stream_opener_complete(o));
}

static void extended_streams_are_refused(void **state)
{
	(void)state;
	expect_refused(2, view_of(made.segment[2], SEALED), false, ERR_CONTEXT); /* padded up to a whole segment */
	expect_refused(2, view_of(made.segment[2], LAST + 1), true, ERR_CONTEXT);
	expect_refused(3, segment(2), true, ERR_STATE);
	expect_refused(0, view_of(made.segment[0], SEALED + 1), true, ERR_TOO_LARGE);
}

static void truncation_at_every_class_of_place_is_refused(void **state)
{
	static const size_t whole[] = { 0, 1, STREAM_TAG_LEN - 1, STREAM_TAG_LEN, STREAM_TAG_LEN + 1, SEGMENT - 1, SEGMENT,
		SEALED - 1 };
	(void)state;
	for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++) {
		expect_refused(0, view_of(made.segment[0], whole[i]), false, ERR_TRUNCATED);
		expect_refused(1, view_of(made.segment[1], whole[i]), true,
			whole[i] <= STREAM_TAG_LEN ? ERR_TRUNCATED : ERR_CONTEXT);
		expect_refused(0, view_of(made.segment[0], whole[i]), true,
			whole[i] < STREAM_TAG_LEN ? ERR_TRUNCATED : ERR_CONTEXT);
	}
	for (size_t len = 0; len < LAST; len++)
		expect_refused(2, view_of(made.segment[2], len), true, len <= STREAM_TAG_LEN ? ERR_TRUNCATED : ERR_CONTEXT);
}

static void flipped_bits_in_segments_are_refused(void **state)
{
	static const size_t places[] = { 0, 1, SEGMENT / 2, SEGMENT - 1, SEGMENT, SEALED - 1 };
	(void)state;
	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
		made.segment[0][places[i]] ^= 0x20;
		expect_refused(0, segment(0), false, ERR_CONTEXT);
		made.segment[0][places[i]] ^= 0x20;
	}
}

static void every_flipped_bit_of_the_header_is_refused_before_a_segment(void **state)
{
	uint8_t header[STREAM_HEADER_LEN];
	(void)state;
	for (size_t i = 0; i < STREAM_HEADER_LEN * 8; i++) {
		struct stream_opener *o = NULL;
		memcpy(header, made.header, sizeof header);
		header[i / 8] ^= (uint8_t)(1u << (i % 8));
		enum coffer_err err = stream_opener_new(key, view_of(header, sizeof header), view_str("ctx"), &o);
		size_t at = i / 8;
		if (at < 4) assert_err(err, ERR_FOREIGN);
		else if (at == 4 || at == 6 || at == 7) assert_err(err, ERR_VERSION);
		else if (at == 5) assert_err(err, header[5] < 16 || header[5] > 24 ? ERR_FIELD : ERR_CONTEXT);
		else if (at < 28 && ct_is_zero(header + 24, 4)) assert_err(err, ERR_FIELD);
		else assert_err(err, ERR_CONTEXT);
		assert_null(o);
	}
}

static void short_and_foreign_headers_are_named(void **state)
{
	struct stream_header h;
	(void)state;
	for (size_t len = 0; len < STREAM_HEADER_LEN; len++)
		assert_err(stream_header_parse(view_of(made.header, len), &h), ERR_TRUNCATED);
	assert_ok(stream_header_parse(view_of(made.header, STREAM_HEADER_LEN), &h));
	assert_int_equal(h.segment_bits, 16);
	assert_err(stream_header_parse(view_str("CFR1"), &h), ERR_FOREIGN);
	assert_err(stream_header_parse(view_str("PK\3\4 a foreign file"), &h), ERR_FOREIGN);
}

static void another_key_or_context_stops_at_the_commitment(void **state)
{
	uint8_t other[STREAM_KEY_LEN] = { 8 };
	static uint8_t long_context[CONTEXT_ENCODED_MAX + 1];
	struct stream_opener *o = NULL;
	struct view header = view_of(made.header, STREAM_HEADER_LEN);
	(void)state;
	assert_err(stream_opener_new(other, header, view_str("ctx"), &o), ERR_CONTEXT);
	assert_err(stream_opener_new(key, header, view_str("ctx2"), &o), ERR_CONTEXT);
	assert_err(stream_opener_new(key, header, view_of(NULL, 0), &o), ERR_CONTEXT);
	assert_err(stream_opener_new(key, header, view_of(long_context, sizeof long_context), &o), ERR_TOO_LARGE);
	assert_err(stream_opener_new(key, header, view_of(long_context, sizeof long_context - 1), &o), ERR_CONTEXT);
	assert_null(o);
}

static struct stream_sealer *sealer(void)
{
	struct stream_sealer *s = NULL;
	uint8_t header[STREAM_HEADER_LEN];
	assert_ok(stream_sealer_new(key, key_id, 1, view_of(NULL, 0), 16, header, &s));
	return s;
}

/* Sealing is refused with err, and the sealer is dead after it. */
static void expect_not_sealed(struct stream_sealer *s, size_t len, bool last, enum coffer_err err)
{
	static const uint8_t plain[SEGMENT + 1];
	assert_err(stream_seal_segment(s, view_of(plain, len), last, scratch), err);
	assert_err(stream_seal_segment(s, view_of(plain, SEGMENT), false, scratch), ERR_STATE);
	stream_sealer_free(s);
}

static void sealer_refuses_what_no_stream_has(void **state)
{
	static const uint8_t plain[SEGMENT];
	struct stream_sealer *s = NULL;
	uint8_t header[STREAM_HEADER_LEN];
	(void)state;
	expect_not_sealed(sealer(), SEGMENT - 1, false, ERR_FIELD); /* a short segment before the last */
	expect_not_sealed(sealer(), SEGMENT + 1, true, ERR_FIELD);
	expect_not_sealed(sealer(), 0, false, ERR_FIELD);
	s = sealer();
	assert_ok(stream_seal_segment(s, view_of(plain, SEGMENT), false, scratch));
	expect_not_sealed(s, 0, true, ERR_FIELD); /* an empty last segment behind a whole one */
	s = sealer();
	assert_ok(stream_seal_segment(s, view_of(plain, 0), true, scratch)); /* but the empty stream is one */
	expect_not_sealed(s, 1, true, ERR_STATE);
	assert_err(stream_sealer_new(key, key_id, 1, view_of(NULL, 0), 15, header, &s), ERR_FIELD);
	assert_err(stream_sealer_new(key, key_id, 1, view_of(NULL, 0), 25, header, &s), ERR_FIELD);
	assert_err(stream_sealer_new(key, key_id, 0, view_of(NULL, 0), 16, header, &s), ERR_FIELD);
}

static void number_and_length_never_wrap(void **state)
{
	static const uint8_t plain[SEGMENT];
	(void)state;
	struct stream_sealer *s = sealer();
	stream_sealer_skip_to(s, UINT32_MAX, 0);
	assert_ok(stream_seal_segment(s, view_of(plain, SEGMENT), false, scratch));
	expect_not_sealed(s, 1, true, ERR_LIMIT);
	s = sealer();
	stream_sealer_skip_to(s, 5, STREAM_PLAIN_MAX - SEGMENT);
	assert_ok(stream_seal_segment(s, view_of(plain, SEGMENT), false, scratch));
	expect_not_sealed(s, 1, true, ERR_LIMIT);
	AUTO(auto_stream_opener_free) struct stream_opener *o = opener(0);
	stream_opener_skip_to(o, UINT64_C(1) << 32, 0); /* the number 0 again, if it wrapped */
	assert_err(stream_open_segment(o, segment(0), false, scratch), ERR_LIMIT);
}

/* ---- several segments of one stream at once ---- */

#define AT_ONCE 24u

struct work {
	struct stream_sealer *sealer;
	struct stream_opener *opener;
	struct stream_ticket ticket[AT_ONCE];
	uint8_t *plain, *ct; /* AT_ONCE segments each */
	atomic_uint next, failed;
};

/* Takes one segment after another, the last one first. */
static void *do_work(void *arg)
{
	struct work *w = arg;
	uint8_t own[SEGMENT];
	for (unsigned n; (n = atomic_fetch_add(&w->next, 1)) < AT_ONCE;) {
		unsigned i = AT_ONCE - 1 - n;
		struct view plain = view_of(w->plain + (size_t)i * SEGMENT, SEGMENT);
		uint8_t *ct = w->ct + (size_t)i * SEALED;
		enum coffer_err err = w->sealer ? stream_seal_taken(w->sealer, &w->ticket[i], plain, ct)
			: stream_open_taken(w->opener, &w->ticket[i], view_of(ct, SEALED), own);
		if (err || (w->opener && memcmp(own, plain.ptr, SEGMENT) != 0)) atomic_fetch_add(&w->failed, 1);
	}
	return NULL;
}

static void run_threads(struct work *w)
{
	pthread_t threads[12]; /* more than a stream keeps contexts for */
	atomic_store(&w->next, 0);
	for (size_t i = 0; i < 12; i++) assert_int_equal(pthread_create(&threads[i], NULL, do_work, w), 0);
	for (size_t i = 0; i < 12; i++) pthread_join(threads[i], NULL);
	assert_int_equal(atomic_load(&w->failed), 0);
}

static void many_threads_make_the_same_bytes(void **state)
{
	static struct work w;
	uint8_t header[STREAM_HEADER_LEN], one[SEALED];
	(void)state;
	w.plain = calloc(AT_ONCE, SEGMENT);
	w.ct = calloc(AT_ONCE, SEALED);
	assert_true(w.plain && w.ct);
	for (size_t i = 0; i < (size_t)AT_ONCE * SEGMENT; i++) w.plain[i] = (uint8_t)(i * 7 + i / SEGMENT);
	assert_ok(stream_sealer_new(key, key_id, 1, view_str("ctx"), 16, header, &w.sealer));
	for (unsigned i = 0; i < AT_ONCE; i++) {
		assert_ok(stream_sealer_take(w.sealer, SEGMENT, i == AT_ONCE - 1, &w.ticket[i]));
		assert_int_equal(w.ticket[i].number, i);
	}
	run_threads(&w);
	stream_sealer_free(TAKE(w.sealer));
	AUTO(auto_stream_opener_free) struct stream_opener *o = NULL;
	assert_ok(stream_opener_new(key, view_of(header, sizeof header), view_str("ctx"), &o));
	for (unsigned i = 0; i < AT_ONCE; i++) { /* as ever, one after another */
		assert_ok(stream_open_segment(o, view_of(w.ct + (size_t)i * SEALED, SEALED), i == AT_ONCE - 1, one));
		assert_memory_equal(one, w.plain + (size_t)i * SEGMENT, SEGMENT);
	}
	assert_ok(stream_opener_new(key, view_of(header, sizeof header), view_str("ctx"), &w.opener));
	for (unsigned i = 0; i < AT_ONCE; i++) assert_ok(stream_opener_take(w.opener, SEGMENT, i == AT_ONCE - 1, &w.ticket[i]));
	run_threads(&w);
	stream_opener_free(TAKE(w.opener));
	free(w.plain);
	free(w.ct);
}

static void a_place_is_taken_once_and_checked(void **state)
{
	struct stream_ticket first, none;
	(void)state;
	AUTO(auto_stream_opener_free) struct stream_opener *o = opener(0);
	assert_ok(stream_opener_take(o, SEGMENT, false, &first));
	assert_err(stream_open_taken(o, &first, segment(1), scratch), ERR_CONTEXT); /* another segment in its place */
	assert_true(ct_is_zero(scratch, SEGMENT));
	assert_false(stream_opener_ended(o)); /* the caller says when */
	assert_ok(stream_open_taken(o, &first, segment(0), scratch));
	stream_opener_end(o);
	assert_true(stream_opener_ended(o));
	assert_err(stream_opener_take(o, SEGMENT, false, &none), ERR_STATE);
	static const struct { size_t len; bool last; enum coffer_err err; } wrong[] = {
		{ SEGMENT - 1, false, ERR_TRUNCATED }, { SEGMENT + 1, true, ERR_TOO_LARGE }, { SEGMENT + 1, false, ERR_TOO_LARGE },
	};
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		AUTO(auto_stream_opener_free) struct stream_opener *other = opener(0);
		assert_err(stream_opener_take(other, wrong[i].len, wrong[i].last, &none), wrong[i].err);
		assert_true(stream_opener_ended(other));
	}
	AUTO(auto_stream_sealer_free) struct stream_sealer *s = sealer();
	assert_ok(stream_sealer_take(s, 5, true, &first));
	assert_err(stream_sealer_take(s, 5, true, &none), ERR_STATE); /* the last one was that */
}

/* A stream whose owner is done with it lives as long as somebody works on it. */
static void references_keep_a_stream(void **state)
{
	struct stream_ticket ticket;
	struct arena_stats before, after;
	static uint8_t plain[SEGMENT];
	(void)state;
	arena_stats(&before);
	struct stream_sealer *s = sealer(), *again = stream_sealer_ref(s);
	assert_ok(stream_sealer_take(s, SEGMENT, false, &ticket));
	stream_sealer_free(s);
	assert_ok(stream_seal_taken(again, &ticket, view_of(plain, SEGMENT), scratch));
	stream_sealer_free(again);
	struct stream_opener *o = opener(0), *other = stream_opener_ref(o);
	stream_opener_free(o);
	assert_ok(stream_open_segment(other, segment(0), false, scratch));
	stream_opener_free(other);
	arena_stats(&after);
	assert_int_equal(after.used, before.used);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_stream_opens),
		cmocka_unit_test(reordered_and_doubled_segments_are_refused),
		cmocka_unit_test(missing_last_segment_is_noticed),
		cmocka_unit_test(extended_streams_are_refused),
		cmocka_unit_test(truncation_at_every_class_of_place_is_refused),
		cmocka_unit_test(flipped_bits_in_segments_are_refused),
		cmocka_unit_test(every_flipped_bit_of_the_header_is_refused_before_a_segment),
		cmocka_unit_test(short_and_foreign_headers_are_named),
		cmocka_unit_test(another_key_or_context_stops_at_the_commitment),
		cmocka_unit_test(sealer_refuses_what_no_stream_has),
		cmocka_unit_test(number_and_length_never_wrap),
		cmocka_unit_test(many_threads_make_the_same_bytes),
		cmocka_unit_test(a_place_is_taken_once_and_checked),
		cmocka_unit_test(references_keep_a_stream),
	};
	return cmocka_run_group_tests(tests, make, NULL);
}
