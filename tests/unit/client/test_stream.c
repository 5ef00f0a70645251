/* Sealed streams: segments sent ahead, collected in order. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "unit/client/server.h"

#define SEGMENT (1024u * 1024u)

struct script {
	int32_t segment_size;   /* in the answer to a begin */
	unsigned fail_at;       /* this segment is refused; 0: none */
	unsigned begun, segments, closed;
};

static void answer_begin(struct server *s, struct script *t)
{
	uint8_t header[COFFER_STREAM_HEADER];
	memset(header, 'h', sizeof header);
	t->begun++;
	ttlv_put_i32(&s->w, TAG_COFFER_STREAM_HANDLE, (int32_t)t->begun);
	ttlv_put_bytes(&s->w, TAG_COFFER_STREAM_HEADER, view_of(header, sizeof header));
	ttlv_put_i32(&s->w, TAG_COFFER_SEGMENT_SIZE, t->segment_size);
}

/* Begins streams; gives each segment back behind its handle (one byte); reads nothing before its answer is taken off. */
static void serve_streams(struct server *s)
{
	static uint8_t segment[SEGMENT + 1];
	struct script *t = s->arg;
	while (server_read(s)) {
		struct ttlv_cursor *f = server_fields(s);
		struct view bytes;
		int32_t handle;
		if (s->request.items[0].id.operation == OPERATION_COFFER_CLOSE_STREAM) {
			t->closed++;
			server_begin(s);
		} else if (ttlv_peek_tag(f) != TAG_COFFER_STREAM_HANDLE) {
			server_begin(s);
			answer_begin(s, t);
		} else {
			if (ttlv_take_i32(f, TAG_COFFER_STREAM_HANDLE, &handle) != ERR_OK || ttlv_take_bytes(f, TAG_COFFER_SEGMENT, &bytes) != ERR_OK ||
			    bytes.len > SEGMENT)
				return;
			if (++t->segments == t->fail_at) {
				if (!server_write(s, server_refuse(s, ERR_CORRUPT, "the segment was altered"))) return;
				continue;
			}
			segment[0] = (uint8_t)handle;
			if (bytes.len) memcpy(segment + 1, bytes.ptr, bytes.len);
			server_begin(s);
			ttlv_put_bytes(&s->w, TAG_COFFER_SEGMENT, view_of(segment, bytes.len + 1));
		}
		if (!server_write(s, server_end(s))) return;
	}
}

static struct server *server;
static struct coffer *c;
static struct script script;
static uint8_t plain[SEGMENT], out[SEGMENT + 64], header[COFFER_STREAM_HEADER];

static int set_up(void **state)
{
	(void)state;
	script = (struct script){ .segment_size = SEGMENT };
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
	return s;
}

static void collect(struct coffer_stream *s, uint8_t handle, uint8_t first)
{
	size_t len = 0;
	assert_int_equal(coffer_stream_collect(s, out, sizeof out, &len), COFFER_OK);
	assert_int_equal(len, SEGMENT + 1);
	assert_int_equal(out[0], handle);
	assert_int_equal(out[1], first);
}

/* Four megabytes are on their way out and four back; a side that only wrote would wait for ever. */
static void segments_sent_ahead_come_back_in_order_without_a_deadlock(void **state)
{
	struct coffer_stream *s = begin();
	(void)state;
	assert_int_equal(header[0], 'h');
	for (unsigned i = 0; i < 10; i++) {
		if (coffer_stream_under_way(s) == COFFER_STREAM_AHEAD) {
			assert_int_equal(coffer_stream_send(s, plain, SEGMENT, 0), COFFER_EBUSY);
			collect(s, 1, (uint8_t)(i - COFFER_STREAM_AHEAD));
		}
		plain[0] = (uint8_t)i;
		assert_int_equal(coffer_stream_send(s, plain, SEGMENT, i == 9), COFFER_OK);
	}
	assert_int_equal(coffer_stream_send(s, plain, SEGMENT, 1), COFFER_ESTATE);
	for (uint8_t i = 6; i < 10; i++) collect(s, 1, i);
	size_t len = 7;
	assert_int_equal(coffer_stream_collect(s, out, sizeof out, &len), COFFER_ESTATE);
	assert_int_equal(len, 7);
	coffer_stream_close(s);
	assert_int_equal(script.closed, 0); /* the last segment ended it */
}

static void other_calls_wait_until_the_segments_are_collected(void **state)
{
	struct coffer_stream *a = begin(), *b = begin();
	uint8_t random[8];
	(void)state;
	assert_int_equal(coffer_stream_send(a, plain, SEGMENT, 0), COFFER_OK);
	assert_int_equal(coffer_random(c, random, sizeof random), COFFER_EBUSY);
	assert_int_equal(coffer_stream_send(b, plain, SEGMENT, 0), COFFER_EBUSY); /* its answer would come behind a's */
	assert_int_equal(coffer_stream_send(a, plain, SEGMENT, 0), COFFER_OK);
	collect(a, 1, plain[0]);
	collect(a, 1, plain[0]);
	assert_int_equal(coffer_stream_send(b, plain, SEGMENT, 1), COFFER_OK);
	collect(b, 2, plain[0]);
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
	for (int i = 0; i < 3; i++) assert_int_equal(coffer_stream_send(s, plain, SEGMENT, 0), COFFER_OK);
	collect(s, 1, plain[0]);
	assert_int_equal(coffer_stream_collect(s, out, sizeof out, &len), COFFER_EINTEGRITY);
	assert_string_equal(coffer_error(c), "the segment was altered");
	assert_int_equal(len, 7);
	assert_int_equal(coffer_stream_send(s, plain, SEGMENT, 0), COFFER_ESTATE);
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
	assert_int_equal(coffer_stream_send(s, plain, 5, 1), COFFER_OK);
	assert_int_equal(coffer_stream_collect(s, out, sizeof out, &len), COFFER_EINTEGRITY);
	coffer_stream_close(s);
	assert_string_equal(coffer_error(c), "the segment was altered");
}

static void a_segment_larger_than_the_stream_takes_is_not_sent(void **state)
{
	struct coffer_stream *s = begin();
	(void)state;
	assert_int_equal(coffer_stream_send(s, plain, SEGMENT + COFFER_SEGMENT_OVERHEAD + 1, 0), COFFER_ETOOLARGE);
	assert_int_equal(coffer_stream_send(s, plain, SIZE_MAX, 0), COFFER_ETOOLARGE);
	assert_int_equal(coffer_stream_send(s, NULL, 1, 0), COFFER_EINVAL);
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
	assert_int_equal(coffer_stream_send(s, plain, 5, 1), COFFER_OK);
	assert_int_equal(coffer_stream_collect(s, out, 5, &len), COFFER_ENOSPACE);
	assert_int_equal(out[0], 0xee);
	assert_int_equal(len, 7);
	coffer_stream_close(s);
}

static void a_begin_with_odd_answers_is_refused_and_leaves_the_header(void **state)
{
	static const int32_t sizes[] = { 0, -1, 65535, 16 * 1024 * 1024 + 1 };
	struct coffer_stream *s = NULL;
	(void)state;
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		tear_down(NULL);
		set_up(NULL);
		script.segment_size = sizes[i];
		assert_int_equal(coffer_stream_seal(c, "disk", NULL, 0, 0, header, &s), COFFER_EPROTOCOL);
		assert_null(s);
		assert_int_equal(header[0], 0);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(segments_sent_ahead_come_back_in_order_without_a_deadlock, set_up, tear_down),
		cmocka_unit_test_setup_teardown(other_calls_wait_until_the_segments_are_collected, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_refused_segment_ends_the_stream_and_leaves_the_connection, set_up, tear_down),
		cmocka_unit_test_setup_teardown(closing_does_not_hide_why, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_segment_larger_than_the_stream_takes_is_not_sent, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_out_buffer_that_is_too_small_is_said_and_nothing_written, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_begin_with_odd_answers_is_refused_and_leaves_the_header, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
