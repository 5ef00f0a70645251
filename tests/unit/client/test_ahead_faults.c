/* Operations sent ahead: refusals, lost connections, answers that are none, misuse. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "unit/client/echo.h"

#define LENGTH 100u /* bytes of a message here */

static struct echo echo;
static struct server *server;
static struct coffer *c;
static uint8_t plain[LENGTH], out[LENGTH + COFFER_MESSAGE_OVERHEAD];
static size_t len;

static void start(server_fn *serve, void *arg, uint32_t batch, uint32_t timeout_ms)
{
	struct coffer_options options = { .size = sizeof options, .timeout_ms = timeout_ms, .server_uid = -1, .batch = batch, .no_ring = 1 };
	server = server_start(serve, arg);
	assert_int_equal(coffer_connect(server->path, &options, &c), COFFER_OK);
	len = 7;
}

static void stop(void)
{
	coffer_close(c);
	server_stop(server);
	c = NULL;
}

static int set_up(void **state)
{
	(void)state;
	memset(&echo, 0, sizeof echo);
	return 0;
}

static void send_many(unsigned count)
{
	for (unsigned i = 0; i < count; i++) assert_int_equal(coffer_encrypt_send(c, "disk", NULL, 0, plain, LENGTH), COFFER_OK);
}

static enum coffer_status collect(void)
{
	size_t before = len = 7;
	enum coffer_status st = coffer_collect(c, out, sizeof out, &len);
	assert_int_equal(len, st ? before : LENGTH + COFFER_MESSAGE_OVERHEAD);
	return st;
}

/* The rest under way has this status, and then nothing is under way and the connection is of no use. */
static void all_lost(unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		assert_int_equal(coffer_under_way(c), count - i);
		assert_int_equal(collect(), COFFER_ECLOSED);
		assert_true(strlen(coffer_error(c)) > 10);
	}
	assert_int_equal(coffer_under_way(c), 0);
	assert_int_equal(collect(), COFFER_ESTATE);
	assert_int_equal(coffer_encrypt_send(c, "disk", NULL, 0, plain, LENGTH), COFFER_ECLOSED);
	assert_int_equal(coffer_flush(c), COFFER_ECLOSED);
	assert_int_equal(coffer_encrypt(c, "disk", NULL, 0, plain, LENGTH, out, sizeof out, &len), COFFER_ECLOSED);
	assert_int_equal(coffer_under_way(c), 0);
}

static const uint32_t batches[] = { 0, 1, 3, COFFER_BATCH_MAX };
#define EACH_BATCH for (size_t b = 0; b < sizeof batches / sizeof batches[0]; b++, stop(), set_up(NULL))

static void a_refusal_is_one_operation_s_own(void **state)
{
	(void)state;
	EACH_BATCH {
		char text[64];
		echo.refuse_every = 5;
		start(echo_serve, &echo, batches[b], 10000);
		send_many(100);
		for (unsigned i = 1; i <= 100; i++) {
			snprintf(text, sizeof text, ECHO_SENTENCE " %u", i);
			assert_int_equal(collect(), i % 5 ? COFFER_OK : COFFER_ESTATE);
			assert_string_equal(coffer_error(c), i % 5 ? "" : text);
		}
		assert_int_equal(coffer_under_way(c), 0);
	}
}

/* As a message that is too large is refused: every operation in it has that status, those in other messages go on. */
static void a_message_may_be_refused_as_a_whole(void **state)
{
	(void)state;
	EACH_BATCH {
		unsigned refused = 0;
		echo.refuse_message = 20;
		start(echo_serve, &echo, batches[b], 10000);
		send_many(48);
		for (unsigned i = 1; i <= 48; i++) {
			enum coffer_status st = collect();
			if (i == 20) assert_int_not_equal(st, COFFER_OK);
			if (st) assert_string_equal(coffer_error(c), "not this message");
			refused += st != COFFER_OK;
		}
		if (batches[b] == 1) assert_int_equal(refused, 1);
		else assert_true(refused >= 1 && refused <= (batches[b] ? batches[b] : COFFER_BATCH_MAX));
		if (batches[b] == 3) assert_int_equal(refused, 3);
		assert_int_equal(coffer_encrypt(c, "disk", NULL, 0, plain, LENGTH, out, sizeof out, &len), COFFER_OK);
	}
}

static void answers_that_came_before_the_connection_broke_are_collected(void **state)
{
	(void)state;
	for (unsigned inside = 0; inside < 2; inside++) {
		EACH_BATCH {
			unsigned done = 0;
			*(inside ? &echo.close_inside : &echo.close_at) = 30;
			start(echo_serve, &echo, batches[b], 10000);
			send_many(15); /* the rest may meet a closed socket */
			unsigned sent = 15;
			while (sent < 60 && coffer_encrypt_send(c, "disk", NULL, 0, plain, LENGTH) == COFFER_OK) sent++;
			while (coffer_under_way(c) && collect() == COFFER_OK) done++;
			assert_true(done < 30);
			if (batches[b] == 1) assert_int_equal(done, 29);
			all_lost(sent - done - 1);
		}
	}
}

static void an_answer_that_does_not_come_is_a_timeout(void **state)
{
	(void)state;
	EACH_BATCH {
		echo.hang_at = 1;
		start(echo_serve, &echo, batches[b], 50);
		send_many(20);
		assert_int_equal(collect(), COFFER_ETIMEOUT);
		all_lost(19);
	}
}

static void read_nothing(struct server *s)
{
	uint8_t byte;
	while (recv(s->fd, &byte, 1, MSG_PEEK) > 0 && !atomic_load(&echo.operations)) {}
}

/* A server that reads nothing: sending comes to its deadline, and what was not sent is not under way. */
static void sending_has_a_deadline(void **state)
{
	static uint8_t large[COFFER_MESSAGE_MAX];
	unsigned sent = 0;
	enum coffer_status st = COFFER_OK;
	(void)state;
	start(read_nothing, NULL, 0, 50);
	while (sent < 8 && (st = coffer_encrypt_send(c, "disk", NULL, 0, large, sizeof large)) == COFFER_OK) sent++;
	assert_int_equal(st, COFFER_ETIMEOUT);
	all_lost(sent);
	echo.operations = 1;
	stop();
}

static void answers_that_are_none_end_everything(void **state)
{
	static const enum echo_spoil in_batches[] = { ECHO_OTHER_ITEM, ECHO_NO_NAME, ECHO_ONE_LESS, ECHO_NO_RESULT, ECHO_ONE_GOOD, ECHO_LEFT_OVER, ECHO_GARBAGE };
	static const enum echo_spoil alone[] = { ECHO_ONE_LESS, ECHO_NO_RESULT, ECHO_LEFT_OVER, ECHO_GARBAGE };
	(void)state;
	for (size_t n = 0; n < sizeof in_batches / sizeof in_batches[0] + sizeof alone / sizeof alone[0]; n++) {
		bool batch = n < sizeof in_batches / sizeof in_batches[0];
		unsigned good = 0;
		set_up(NULL);
		echo.spoil_at = 13; /* not the first of its message */
		echo.spoil = batch ? in_batches[n] : alone[n - sizeof in_batches / sizeof in_batches[0]];
		start(echo_serve, &echo, batch ? 8 : 1, 10000);
		send_many(24);
		enum coffer_status st;
		while ((st = collect()) == COFFER_OK) good++;
		assert_int_equal(st, COFFER_EPROTOCOL);
		assert_true(good >= (batch ? 8 : 12) && good < 16);
		all_lost(23 - good);
		stop();
	}
}

static void a_small_buffer_leaves_the_operation(void **state)
{
	uint8_t small[LENGTH];
	(void)state;
	EACH_BATCH {
		start(echo_serve, &echo, batches[b], 10000);
		send_many(4);
		for (unsigned i = 0; i < 4; i++) {
			len = 7;
			assert_int_equal(coffer_collect(c, small, sizeof small, &len), COFFER_ENOSPACE);
			assert_int_equal(len, 7);
			assert_int_equal(coffer_under_way(c), 4 - i);
			assert_int_equal(coffer_collect(c, NULL, 0, &len), COFFER_EINVAL);
			assert_int_equal(coffer_collect(c, small, sizeof small, NULL), COFFER_EINVAL);
			assert_int_equal(coffer_collect_view(c, NULL, &len), COFFER_EINVAL);
			assert_int_equal(collect(), COFFER_OK);
		}
	}
}

static void what_is_not_allowed_sends_nothing(void **state)
{
	static uint8_t large[COFFER_MESSAGE_MAX + COFFER_MESSAGE_OVERHEAD + 1];
	const struct coffer_pair no_name = { NULL, NULL, 0 };
	(void)state;
	start(echo_serve, &echo, 0, 10000);
	assert_int_equal(coffer_encrypt_send(NULL, "disk", NULL, 0, plain, 1), COFFER_EINVAL);
	assert_int_equal(coffer_decrypt_send(NULL, NULL, 0, plain, 1), COFFER_EINVAL);
	assert_int_equal(coffer_collect(NULL, out, sizeof out, &len), COFFER_EINVAL);
	assert_int_equal(coffer_collect_view(NULL, NULL, &len), COFFER_EINVAL);
	assert_int_equal(coffer_flush(NULL), COFFER_EINVAL);
	assert_int_equal(coffer_under_way(NULL), 0);
	assert_int_equal(coffer_encrypt_send(c, NULL, NULL, 0, plain, 1), COFFER_EINVAL);
	assert_int_equal(coffer_encrypt_send(c, "", NULL, 0, plain, 1), COFFER_EINVAL);
	assert_int_equal(coffer_encrypt_send(c, "disk", NULL, 0, NULL, 1), COFFER_EINVAL);
	assert_int_equal(coffer_encrypt_send(c, "disk", &no_name, 1, plain, 1), COFFER_EINVAL);
	assert_int_equal(coffer_encrypt_send(c, "disk", NULL, 0, large, COFFER_MESSAGE_MAX + 1), COFFER_ETOOLARGE);
	assert_int_equal(coffer_decrypt_send(c, NULL, 0, large, sizeof large), COFFER_EFOREIGN);
	memcpy(large, "CFR1", 4);
	assert_int_equal(coffer_decrypt_send(c, NULL, 0, large, sizeof large), COFFER_ETOOLARGE);
	assert_int_equal(coffer_rewrap_send(c, NULL, 0, "CFRS and so on", 14), COFFER_EFOREIGN);
	assert_int_equal(coffer_under_way(c), 0);
	assert_int_equal(coffer_flush(c), COFFER_OK);
	assert_int_equal(collect(), COFFER_ESTATE);
	assert_string_not_equal(coffer_error(c), "");
	assert_int_equal(coffer_encrypt(c, "disk", NULL, 0, plain, LENGTH, out, sizeof out, &len), COFFER_OK);
	assert_int_equal(echo.operations, 1);
	stop();
}

static void other_calls_wait_until_all_is_collected(void **state)
{
	struct coffer_stream *s = NULL;
	struct coffer_new_key key = { .name = "k" };
	uint8_t header[COFFER_STREAM_HEADER] = { 0 };
	char uuid[COFFER_UUID_TEXT];
	(void)state;
	start(echo_serve, &echo, 0, 10000);
	send_many(2);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(coffer_encrypt(c, "disk", NULL, 0, plain, LENGTH, out, sizeof out, &len), COFFER_EBUSY);
		assert_non_null(strstr(coffer_error(c), "operations sent ahead"));
		assert_int_equal(coffer_key_create(c, "k", NULL, NULL, uuid), COFFER_EBUSY);
		assert_int_equal(coffer_key_create_many(c, &key, 1), COFFER_EBUSY);
		assert_int_equal(coffer_stream_seal(c, "disk", NULL, 0, 0, header, &s), COFFER_EBUSY);
		assert_int_equal(coffer_stream_open(c, NULL, 0, header, &s), COFFER_EBUSY);
		assert_int_equal(coffer_random(c, out, 4), COFFER_EBUSY);
		assert_int_equal(collect(), COFFER_OK);
	}
	assert_int_equal(coffer_encrypt(c, "disk", NULL, 0, plain, LENGTH, out, sizeof out, &len), COFFER_OK);
	stop();
}

/* Answers a begin of a stream and its segments with the segments themselves. */
static void serve_a_stream(struct server *s)
{
	uint8_t header[COFFER_STREAM_HEADER] = { 0 };
	while (server_read(s)) {
		struct ttlv_cursor *f = server_fields(s);
		server_begin(s);
		if (ttlv_peek_tag(f) == TAG_COFFER_STREAM_HANDLE) {
			ttlv_put_bytes(&s->w, TAG_COFFER_SEGMENT, view_of(header, 10));
		} else {
			ttlv_put_i32(&s->w, TAG_COFFER_STREAM_HANDLE, 1);
			ttlv_put_bytes(&s->w, TAG_COFFER_STREAM_HEADER, view_of(header, sizeof header));
			ttlv_put_i32(&s->w, TAG_COFFER_SEGMENT_SIZE, 65536);
		}
		if (!server_write(s, server_end(s))) return;
	}
}

static void nothing_is_sent_ahead_beside_a_stream_s_segments(void **state)
{
	struct coffer_stream *s = NULL;
	uint8_t header[COFFER_STREAM_HEADER];
	(void)state;
	start(serve_a_stream, NULL, 0, 10000);
	assert_int_equal(coffer_stream_seal(c, "disk", NULL, 0, 65536, header, &s), COFFER_OK);
	assert_int_equal(coffer_stream_send(s, plain, LENGTH, 1), COFFER_OK);
	assert_int_equal(coffer_encrypt_send(c, "disk", NULL, 0, plain, LENGTH), COFFER_EBUSY);
	assert_non_null(strstr(coffer_error(c), "stream"));
	assert_int_equal(coffer_under_way(c), 0);
	assert_int_equal(coffer_flush(c), COFFER_OK);
	assert_int_equal(collect(), COFFER_ESTATE);
	assert_int_equal(coffer_stream_collect(s, out, sizeof out, &len), COFFER_OK);
	assert_int_equal(len, 10);
	assert_int_equal(coffer_encrypt_send(c, "disk", NULL, 0, plain, LENGTH), COFFER_OK);
	assert_int_equal(coffer_stream_send(s, plain, LENGTH, 1), COFFER_ESTATE);
	coffer_stream_close(s);
	stop();
}

static void serve_a_stream_and_messages(struct server *s)
{
	static const uint8_t header[COFFER_STREAM_HEADER];
	if (!server_read(s)) return;
	server_begin(s);
	ttlv_put_i32(&s->w, TAG_COFFER_STREAM_HANDLE, 1);
	ttlv_put_bytes(&s->w, TAG_COFFER_STREAM_HEADER, view_of(header, sizeof header));
	ttlv_put_i32(&s->w, TAG_COFFER_SEGMENT_SIZE, 1024 * 1024);
	if (server_write(s, server_end(s))) echo_serve(s);
}

/* They stand where a segment's request would be written, and a large one would take another place for it. */
static void a_segment_does_not_touch_what_was_gathered(void **state)
{
	static const uint8_t segment[1024 * 1024];
	static const size_t lengths[] = { 0, LENGTH, sizeof segment };
	struct coffer_stream *s = NULL;
	uint8_t header[COFFER_STREAM_HEADER];
	(void)state;
	for (unsigned batch = 0; batch < 2; batch++) {
		start(serve_a_stream_and_messages, &echo, batch, 10000);
		assert_int_equal(coffer_stream_seal(c, "disk", NULL, 0, 0, header, &s), COFFER_OK);
		for (unsigned i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
			send_many(1);
			assert_int_equal(coffer_stream_send(s, segment, lengths[i], 0), COFFER_EBUSY);
			assert_non_null(strstr(coffer_error(c), "operations sent ahead"));
			send_many(1);
			assert_int_equal(coffer_under_way(c), 2);
			for (unsigned k = 0; k < 2; k++) assert_int_equal(collect(), COFFER_OK);
		}
		coffer_stream_close(s);
		stop();
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_refusal_is_one_operation_s_own, set_up),
		cmocka_unit_test_setup(a_message_may_be_refused_as_a_whole, set_up),
		cmocka_unit_test_setup(answers_that_came_before_the_connection_broke_are_collected, set_up),
		cmocka_unit_test_setup(an_answer_that_does_not_come_is_a_timeout, set_up),
		cmocka_unit_test_setup(sending_has_a_deadline, set_up),
		cmocka_unit_test_setup(answers_that_are_none_end_everything, set_up),
		cmocka_unit_test_setup(a_small_buffer_leaves_the_operation, set_up),
		cmocka_unit_test_setup(what_is_not_allowed_sends_nothing, set_up),
		cmocka_unit_test_setup(other_calls_wait_until_all_is_collected, set_up),
		cmocka_unit_test_setup(nothing_is_sent_ahead_beside_a_stream_s_segments, set_up),
		cmocka_unit_test_setup(a_segment_does_not_touch_what_was_gathered, set_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
