/* Sealed streams: segments sent ahead, collected in order. One contract, four ways: in messages or in shared memory, with copying calls or with lent memory. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "unit/client/stream_server.h"

#define SEGMENT (1024u * 1024u)

struct way {
	bool ring, lent;
};

static struct server *server;
static struct coffer *c;
static struct stream_script script;
static const struct way *way;
static uint8_t plain[SEGMENT + 1], out[SEGMENT + 64], header[COFFER_STREAM_HEADER];

static int set_up(void **state)
{
	way = *state;
	script = (struct stream_script){ .segment_size = SEGMENT, .has_ring = way->ring };
	server = server_start(serve_streams, &script);
	c = server_connect(server, 10000, 0);
	memset(header, 0, sizeof header);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	coffer_close(c);
	server_stop(server);
	return 0;
}

static struct coffer_stream *begin(void)
{
	struct coffer_stream *s = NULL;
	assert_int_equal(coffer_stream_seal(c, "disk", NULL, 0, 0, header, &s), COFFER_OK);
	assert_int_equal(coffer_stream_segment_size(s), SEGMENT);
	assert_int_equal(coffer_stream_in_ring(s), way->ring);
	return s;
}

static enum coffer_status send_segment(struct coffer_stream *s, const uint8_t *bytes, size_t len, int last)
{
	void *piece;
	size_t cap;
	if (!way->lent) return coffer_stream_send(s, bytes, len, last);
	enum coffer_status st = coffer_stream_lend(s, &piece, &cap);
	if (st) return st;
	memcpy(piece, bytes, len);
	st = coffer_stream_send_lent(s, piece, len, last);
	if (st) assert_int_equal(coffer_stream_give_back(s, piece), COFFER_OK); /* what could not be sent stays lent */
	return st;
}

static enum coffer_status collect_segment(struct coffer_stream *s, size_t *len)
{
	const void *at;
	if (!way->lent) return coffer_stream_collect(s, out, sizeof out, len);
	enum coffer_status st = coffer_stream_collect_lent(s, &at, len);
	if (st) return st;
	memcpy(out, at, *len);
	return coffer_stream_give_back(s, at);
}

/* The oldest segment is full, of the stream with that handle, has that number and began with `first`. */
static void collect(struct coffer_stream *s, int32_t handle, unsigned number, uint8_t first)
{
	uint8_t tag[COFFER_SEGMENT_OVERHEAD];
	size_t len = 0;
	stream_server_tag(handle, number, tag);
	assert_int_equal(collect_segment(s, &len), COFFER_OK);
	assert_int_equal(len, SEGMENT + sizeof tag);
	assert_int_equal(out[0], (uint8_t)(first + 0x5a));
	assert_memory_equal(out + SEGMENT, tag, sizeof tag);
}

/* Four megabytes are on their way out and four back; a side that only wrote would wait for ever. */
static void segments_sent_ahead_come_back_in_order_without_a_deadlock(void **state)
{
	struct coffer_stream *s = begin();
	(void)state;
	assert_int_equal(header[0], STREAM_SERVER_HEADER_BYTE);
	for (unsigned i = 0; i < 20; i++) {
		if (coffer_stream_under_way(s) == COFFER_STREAM_AHEAD) {
			assert_int_equal(send_segment(s, plain, SEGMENT, 0), COFFER_EBUSY);
			collect(s, 1, i - COFFER_STREAM_AHEAD, (uint8_t)(i - COFFER_STREAM_AHEAD));
		}
		plain[0] = (uint8_t)i;
		assert_int_equal(send_segment(s, plain, SEGMENT, i == 19), COFFER_OK);
	}
	assert_int_equal(send_segment(s, plain, SEGMENT, 1), COFFER_ESTATE);
	for (unsigned i = 20 - COFFER_STREAM_AHEAD; i < 20; i++) collect(s, 1, i, (uint8_t)i);
	size_t len = 7;
	assert_int_equal(collect_segment(s, &len), COFFER_ESTATE);
	assert_int_equal(len, 7);
	coffer_stream_close(s);
	assert_int_equal(script.closed, 0); /* the last segment ended it */
	assert_int_equal(script.in_ring, way->ring ? 20 : 0);
}

static void what_was_sealed_opens_again(void **state)
{
	static uint8_t sealed[3][SEGMENT + COFFER_SEGMENT_OVERHEAD];
	static const size_t lens[3] = { SEGMENT, SEGMENT, 12345 };
	struct coffer_stream *s = begin();
	size_t len;
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		memset(plain, (int)(i + 1), SEGMENT);
		assert_int_equal(send_segment(s, plain, lens[i], i == 2), COFFER_OK);
		assert_int_equal(collect_segment(s, &len), COFFER_OK);
		assert_int_equal(len, lens[i] + COFFER_SEGMENT_OVERHEAD);
		memcpy(sealed[i], out, len);
	}
	coffer_stream_close(s);
	assert_int_equal(coffer_stream_open(c, NULL, 0, header, &s), COFFER_OK);
	for (unsigned i = 0; i < 3; i++) assert_int_equal(send_segment(s, sealed[i], lens[i] + COFFER_SEGMENT_OVERHEAD, i == 2), COFFER_OK);
	for (unsigned i = 0; i < 3; i++) {
		memset(plain, (int)(i + 1), SEGMENT);
		assert_int_equal(collect_segment(s, &len), COFFER_OK);
		assert_int_equal(len, lens[i]);
		assert_memory_equal(out, plain, len);
	}
	coffer_stream_close(s);
	assert_int_equal(script.asked, 1); /* a ring is asked for once */
	assert_int_equal(script.in_ring, way->ring ? 6 : 0);
}

/* Answers in messages must fit into the connection's memory together; in the ring they take none of it. */
static void no_more_is_sent_ahead_than_there_is_memory_for_the_answers(void **state)
{
	struct coffer_stream *s = NULL;
	unsigned sent = 0;
	(void)state;
	coffer_close(c);
	server_stop(server);
	server = server_start(serve_streams, &script);
	c = server_connect(server, 10000, 3 * 1024 * 1024 + 512 * 1024);
	s = begin();
	while (send_segment(s, plain, SEGMENT, 0) == COFFER_OK) sent++;
	assert_int_equal(sent, way->ring ? COFFER_STREAM_AHEAD : 3);
	for (unsigned i = 0; i < sent; i++) collect(s, 1, i, plain[0]);
	assert_int_equal(send_segment(s, plain, SEGMENT, 1), COFFER_OK);
	collect(s, 1, sent, plain[0]);
	coffer_stream_close(s);
}

static void an_answer_that_is_here_is_said_to_be_ready(void **state)
{
	struct coffer_stream *s = begin();
	(void)state;
	assert_int_equal(coffer_stream_ready(s), 0);
	assert_int_equal(send_segment(s, plain, SEGMENT, 0), COFFER_OK);
	assert_int_equal(send_segment(s, plain, SEGMENT, 1), COFFER_OK);
	unsigned looks = 0;
	while (!coffer_stream_ready(s)) assert_true(looks++ < 100000000);
	collect(s, 1, 0, plain[0]);
	collect(s, 1, 1, plain[0]);
	assert_int_equal(coffer_stream_ready(s), 0);
	coffer_stream_close(s);
}

static void other_calls_wait_until_the_segments_are_collected(void **state)
{
	struct coffer_stream *a = begin(), *b = begin();
	uint8_t random[8];
	(void)state;
	assert_int_equal(send_segment(a, plain, SEGMENT, 0), COFFER_OK);
	assert_int_equal(coffer_random(c, random, sizeof random), COFFER_EBUSY);
	assert_int_equal(send_segment(b, plain, SEGMENT, 0), COFFER_EBUSY); /* its answer would come behind a's */
	assert_int_equal(send_segment(a, plain, SEGMENT, 0), COFFER_OK);
	collect(a, 1, 0, plain[0]);
	collect(a, 1, 1, plain[0]);
	assert_int_equal(send_segment(b, plain, SEGMENT, 1), COFFER_OK);
	collect(b, 2, 0, plain[0]);
	coffer_stream_close(b);
	coffer_stream_close(a);
	assert_int_equal(script.closed, 1);
}

static void a_refused_segment_ends_the_stream_and_leaves_the_connection(void **state)
{
	struct coffer_stream *s;
	size_t len = 7;
	(void)state;
	script.fail_at = 2;
	s = begin();
	for (int i = 0; i < 3; i++) assert_int_equal(send_segment(s, plain, SEGMENT, 0), COFFER_OK);
	collect(s, 1, 0, plain[0]);
	assert_int_equal(collect_segment(s, &len), COFFER_EINTEGRITY);
	assert_string_equal(coffer_error(c), "the segment was altered");
	assert_int_equal(len, 7);
	assert_int_equal(send_segment(s, plain, SEGMENT, 0), COFFER_ESTATE);
	coffer_stream_close(s); /* takes the third answer off and tells the server */
	assert_int_equal(script.closed, 1);
	coffer_stream_close(begin());
	assert_int_equal(script.begun, 2);
}

static void closing_does_not_hide_why(void **state)
{
	struct coffer_stream *s;
	size_t len;
	(void)state;
	script.fail_at = 1;
	s = begin();
	assert_int_equal(send_segment(s, plain, 5, 1), COFFER_OK);
	assert_int_equal(collect_segment(s, &len), COFFER_EINTEGRITY);
	coffer_stream_close(s);
	assert_string_equal(coffer_error(c), "the segment was altered");
}

static void a_segment_larger_than_the_stream_takes_is_not_sent(void **state)
{
	struct coffer_stream *s = begin();
	void *piece;
	size_t cap;
	(void)state;
	assert_int_equal(coffer_stream_send(s, plain, SEGMENT + COFFER_SEGMENT_OVERHEAD + 1, 0), COFFER_ETOOLARGE);
	assert_int_equal(coffer_stream_send(s, plain, SIZE_MAX, 0), COFFER_ETOOLARGE);
	assert_int_equal(coffer_stream_send(s, NULL, 1, 0), COFFER_EINVAL);
	assert_int_equal(coffer_stream_lend(s, &piece, &cap), COFFER_OK);
	assert_int_equal(cap, SEGMENT);
	assert_int_equal(coffer_stream_send_lent(s, piece, SEGMENT + 1, 0), COFFER_ETOOLARGE);
	assert_int_equal(coffer_stream_send_lent(s, piece, SIZE_MAX, 0), COFFER_ETOOLARGE);
	assert_int_equal(coffer_stream_under_way(s), 0);
	coffer_stream_close(s);
	assert_int_equal(script.segments, 0);
}

static void an_out_buffer_that_is_too_small_is_said_and_nothing_written(void **state)
{
	struct coffer_stream *s = begin();
	size_t len = 7;
	(void)state;
	out[0] = 0xee;
	assert_int_equal(send_segment(s, plain, 5, 1), COFFER_OK);
	assert_int_equal(coffer_stream_collect(s, out, 5, &len), COFFER_ENOSPACE);
	assert_int_equal(out[0], 0xee);
	assert_int_equal(len, 7);
	coffer_stream_close(s);
}

/* Else the next segment passed for it, and the last one's tag for the whole. */
static void a_stream_that_failed_gives_no_segment_any_more(void **state)
{
	struct coffer_stream *s = begin();
	size_t len = 7;
	(void)state;
	out[0] = 0xee;
	for (unsigned i = 0; i < 3; i++) assert_int_equal(send_segment(s, plain, 5, i == 2), COFFER_OK);
	assert_int_equal(coffer_stream_collect(s, out, 5, &len), COFFER_ENOSPACE);
	for (unsigned left = 2; left; left--) {
		assert_int_equal(coffer_stream_under_way(s), left);
		assert_int_equal(collect_segment(s, &len), COFFER_ESTATE);
	}
	assert_int_equal(coffer_stream_under_way(s), 0);
	assert_int_equal(out[0], 0xee);
	assert_int_equal(len, 7);
	coffer_stream_close(s);
	assert_int_equal(script.closed, 1);
}

static void a_lost_connection_is_collected_to_its_end(void **state)
{
	script.hang_up_at = 1;
	struct coffer_stream *s = begin();
	enum coffer_status last = COFFER_OK;
	size_t len;
	(void)state;
	for (unsigned i = 0; i < 3; i++)
		if (send_segment(s, plain, 5, i == 2)) break;
	for (unsigned i = 0; i < 3 && coffer_stream_under_way(s); i++) last = collect_segment(s, &len);
	assert_int_equal(coffer_stream_under_way(s), 0);
	assert_int_not_equal(last, COFFER_OK);
	coffer_stream_close(s);
}

/* The daemon keeps sixteen of a connection, and forgets none that it is not told to. */
static void a_stream_closed_beside_another_is_forgotten_when_the_next_begins(void **state)
{
	(void)state;
	struct coffer_stream *a = begin(), *b = begin(), *other = begin();
	size_t len;
	assert_int_equal(send_segment(a, plain, 5, 0), COFFER_OK);
	coffer_stream_close(b);
	coffer_stream_close(other);
	assert_int_equal(script.closed, 0);
	assert_int_equal(collect_segment(a, &len), COFFER_OK);
	struct coffer_stream *next = begin();
	assert_int_equal(script.closed, 2);
	coffer_stream_close(next);
	assert_int_equal(script.closed, 3);
	next = begin();
	assert_int_equal(script.closed, 3);
	coffer_stream_close(next);
	coffer_stream_close(a);
	assert_int_equal(script.closed, 5);
}

static void a_begin_with_odd_answers_is_refused_and_leaves_the_header(void **state)
{
	static const int32_t sizes[] = { 0, -1, 65535, 16 * 1024 * 1024 + 1 };
	struct coffer_stream *s = NULL;
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		tear_down(state);
		set_up(state);
		script.segment_size = sizes[i];
		assert_int_equal(coffer_stream_seal(c, "disk", NULL, 0, 0, header, &s), COFFER_EPROTOCOL);
		assert_null(s);
		assert_int_equal(header[0], 0);
	}
}

static void a_small_segment_uses_the_ring_of_a_larger_one_and_a_larger_one_does_not(void **state)
{
	struct coffer_stream *s = begin();
	size_t len;
	(void)state;
	coffer_stream_close(s);
	script.segment_size = 65536;
	assert_int_equal(coffer_stream_seal(c, "disk", NULL, 0, 65536, header, &s), COFFER_OK);
	assert_int_equal(coffer_stream_in_ring(s), way->ring);
	coffer_stream_close(s);
	script.segment_size = 2 * SEGMENT;
	assert_int_equal(coffer_stream_seal(c, "disk", NULL, 0, 2 * SEGMENT, header, &s), COFFER_OK);
	assert_int_equal(coffer_stream_in_ring(s), 0);
	assert_int_equal(send_segment(s, plain, 99, 1), COFFER_OK);
	assert_int_equal(collect_segment(s, &len), COFFER_OK);
	assert_int_equal(len, 99 + COFFER_SEGMENT_OVERHEAD);
	coffer_stream_close(s);
	assert_int_equal(script.asked, 1);
	assert_int_equal(script.in_ring, 0);
}

static const struct way ways[] = { { false, false }, { false, true }, { true, false }, { true, true } };

#define EACH_WAY(test) \
	{ #test " [messages, copied]", test, set_up, tear_down, (void *)(uintptr_t)&ways[0] }, \
	{ #test " [messages, lent]", test, set_up, tear_down, (void *)(uintptr_t)&ways[1] }, \
	{ #test " [ring, copied]", test, set_up, tear_down, (void *)(uintptr_t)&ways[2] }, \
	{ #test " [ring, lent]", test, set_up, tear_down, (void *)(uintptr_t)&ways[3] }

int main(void)
{
	const struct CMUnitTest tests[] = {
		EACH_WAY(segments_sent_ahead_come_back_in_order_without_a_deadlock),
		EACH_WAY(what_was_sealed_opens_again),
		EACH_WAY(no_more_is_sent_ahead_than_there_is_memory_for_the_answers),
		EACH_WAY(an_answer_that_is_here_is_said_to_be_ready),
		EACH_WAY(other_calls_wait_until_the_segments_are_collected),
		EACH_WAY(a_refused_segment_ends_the_stream_and_leaves_the_connection),
		EACH_WAY(closing_does_not_hide_why),
		EACH_WAY(a_segment_larger_than_the_stream_takes_is_not_sent),
		EACH_WAY(an_out_buffer_that_is_too_small_is_said_and_nothing_written),
		EACH_WAY(a_stream_that_failed_gives_no_segment_any_more),
		EACH_WAY(a_lost_connection_is_collected_to_its_end),
		EACH_WAY(a_stream_closed_beside_another_is_forgotten_when_the_next_begins),
		EACH_WAY(a_begin_with_odd_answers_is_refused_and_leaves_the_header),
		EACH_WAY(a_small_segment_uses_the_ring_of_a_larger_one_and_a_larger_one_does_not),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
