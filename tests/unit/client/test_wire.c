/* Broken, late, cut and oversized answers. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <linux/sockios.h>
#include <poll.h>

#include "unit/client/server.h"

/* After such a failure the connection is of no use. */
static void assert_broken(struct coffer *c)
{
	uint8_t random[8];
	assert_int_equal(coffer_random(c, random, sizeof random), COFFER_ECLOSED);
	assert_string_equal(coffer_error(c), "the connection is broken; connect again");
}

/* One request; the answer is made by `serve`; expects `status` and a broken connection. */
static void expect(server_fn *serve, void *arg, uint32_t timeout_ms, size_t max_memory, enum coffer_status status)
{
	struct server *s = server_start(serve, arg);
	struct coffer *c = server_connect(s, timeout_ms, max_memory);
	uint8_t random[8] = { 0 };
	assert_int_equal(coffer_random(c, random, sizeof random), status);
	assert_true(coffer_error(c)[0] != '\0');
	assert_int_equal(random[0] | random[7], 0);
	assert_broken(c);
	coffer_close(c);
	server_stop(s);
}

struct bytes { const char *bytes; size_t len; };

static void write_bytes(struct server *s)
{
	const struct bytes *b = s->arg;
	if (server_read(s)) server_write(s, view_of(b->bytes, b->len));
	server_wait_for_close(s);
}

static void what_is_no_response_message_is_refused(void **state)
{
	static struct bytes table[] = {
		{ "HTTP/1.1 200 OK\r\n\r\n", 19 },
		{ "\x42\x00\x78\x01\x00\x00\x00\x00", 8 },                                 /* a request message */
		{ "\x42\x00\x7b\x02\x00\x00\x00\x08", 8 },                                 /* an Integer */
		{ "\x42\x00\x7b\x01\x00\x00\x00\x07", 8 },                                 /* no multiple of 8 */
		{ "\x42\x00\x7b\x01\x00\x00\x00\x00", 8 },                                 /* nothing inside */
		{ "\x42\x00\x7b\x01\x00\x00\x00\x08\x42\x00\x7a\x01\x00\x00\x00\x50", 16 }, /* a child larger than its parent */
		{ "\0\0\0\0\0\0\0\0", 8 },
	};
	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) expect(write_bytes, &table[i], 0, 0, COFFER_EPROTOCOL);
}

static void answer_two(struct server *s)
{
	if (!server_read(s)) return;
	server_begin(s);
	kmip_item_end(&s->w, s->item);
	s->item = kmip_item_begin(&s->w, &s->request.items[0].id);
	kmip_item_end(&s->w, s->item);
	kmip_response_end(&s->w, s->mark, 2);
	server_write(s, writer_view(&s->w));
	server_wait_for_close(s);
}

/* One item, and a count of none. */
static void answer_none(struct server *s)
{
	if (!server_read(s)) return;
	server_begin(s);
	ttlv_put_bytes(&s->w, TAG_DATA, view_of("12345678", 8));
	kmip_item_end(&s->w, s->item);
	kmip_response_end(&s->w, s->mark, 0);
	server_write(s, writer_view(&s->w));
	server_wait_for_close(s);
}

static void answer_without_fields(struct server *s)
{
	if (!server_read(s)) return;
	server_begin(s);
	server_write(s, server_end(s));
	server_wait_for_close(s);
}

static void answer_too_few(struct server *s)
{
	if (!server_read(s)) return;
	server_begin(s);
	ttlv_put_bytes(&s->w, TAG_DATA, view_of("1234567", 7));
	server_write(s, server_end(s));
	server_wait_for_close(s);
}

static void answers_with_other_fields_than_asked_for_are_refused(void **state)
{
	(void)state;
	expect(answer_two, NULL, 0, 0, COFFER_EPROTOCOL);
	expect(answer_none, NULL, 0, 0, COFFER_EPROTOCOL);
	expect(answer_without_fields, NULL, 0, 0, COFFER_EPROTOCOL);
	expect(answer_too_few, NULL, 0, 0, COFFER_EPROTOCOL);
}

/* The first *arg bytes of a good answer, then the end. */
static void cut(struct server *s)
{
	const size_t *len = s->arg;
	if (!server_read(s)) return;
	server_begin(s);
	ttlv_put_bytes(&s->w, TAG_DATA, view_of("12345678", 8));
	struct view frame = server_end(s);
	server_write(s, view_of(frame.ptr, *len));
}

static void an_answer_that_is_cut_is_a_closed_connection(void **state)
{
	static size_t lens[] = { 0, 1, 7, 8, 9, 40 };
	(void)state;
	for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) expect(cut, &lens[i], 0, 0, COFFER_ECLOSED);
}

static void say_nothing(struct server *s)
{
	if (server_read(s)) server_wait_for_close(s);
}

static void half_and_silence(struct server *s)
{
	if (!server_read(s)) return;
	server_begin(s);
	ttlv_put_bytes(&s->w, TAG_DATA, view_of("12345678", 8));
	struct view frame = server_end(s);
	server_write(s, view_of(frame.ptr, frame.len / 2));
	server_wait_for_close(s);
}

static void a_late_answer_is_a_timeout(void **state)
{
	(void)state;
	expect(say_nothing, NULL, 50, 0, COFFER_ETIMEOUT);
	expect(half_and_silence, NULL, 50, 0, COFFER_ETIMEOUT);
}

/* Reads nothing until the client has given up and says so through the pipe. */
static void read_nothing(struct server *s)
{
	char over;
	ssize_t n = read(*(int *)s->arg, &over, 1);
	(void)n;
}

static void a_server_that_does_not_read_is_a_timeout_too(void **state)
{
	int gave_up[2];
	static uint8_t plain[COFFER_MESSAGE_MAX], out[COFFER_MESSAGE_MAX + COFFER_MESSAGE_OVERHEAD];
	size_t len = 0;
	(void)state;
	assert_int_equal(pipe(gave_up), 0);
	struct server *s = server_start(read_nothing, &gave_up[0]);
	struct coffer *c = server_connect(s, 50, 0);
	assert_int_equal(coffer_encrypt(c, "disk", NULL, 0, plain, sizeof plain, out, sizeof out, &len), COFFER_ETIMEOUT);
	assert_broken(c);
	close(gave_up[1]);
	coffer_close(c);
	server_stop(s);
	close(gave_up[0]);
}

/* Takes the beginning of a request only, says why it wants no more, and hangs up with the rest unread. */
static void refuse_half_read(struct server *s)
{
	char some[64];
	ssize_t n = read(s->fd, some, sizeof some);
	if (n <= 0) return;
	struct writer w;
	uint8_t out[1024];
	writer_init(&w, out, sizeof out);
	kmip_refuse(&w, KMIP_VERSION_HIGHEST, 0, ERR_TOO_LARGE, "send less at a time");
	if (writer_done(&w) == ERR_OK) server_write(s, writer_view(&w));
}

/* The same, and hangs up only when the client has read it, still sending. */
static void refuse_half_read_and_wait(struct server *s)
{
	int unread = 1;
	refuse_half_read(s);
	for (unsigned i = 0; i < 2000 && unread; i++) {
		if (ioctl(s->fd, SIOCOUTQ, &unread) != 0) return;
		if (unread) poll(NULL, 0, 1);
	}
}

static void is_refused_while_sending(void (*serve)(struct server *s))
{
	static uint8_t plain[COFFER_MESSAGE_MAX], out[COFFER_MESSAGE_MAX + COFFER_MESSAGE_OVERHEAD];
	size_t len = 0;
	struct server *s = server_start(serve, NULL);
	struct coffer *c = server_connect(s, 0, 0);
	assert_int_equal(coffer_encrypt(c, "disk", NULL, 0, plain, sizeof plain, out, sizeof out, &len), COFFER_EINVAL);
	assert_string_equal(coffer_error(c), "send less at a time");
	coffer_close(c);
	server_stop(s);
}

static void a_refusal_of_a_request_that_is_still_being_sent_is_read(void **state)
{
	(void)state;
	is_refused_while_sending(refuse_half_read);
	is_refused_while_sending(refuse_half_read_and_wait);
}

#define SMALL (16u * 1024u)

/* An answer of *arg data bytes. */
static void answer_large(struct server *s)
{
	static const uint8_t zeros[64 * 1024];
	const size_t *len = s->arg;
	while (server_read(s)) {
		server_begin(s);
		ttlv_put_bytes(&s->w, TAG_DATA, view_of(zeros, *len));
		if (!server_write(s, server_end(s))) return;
	}
}

static void an_answer_over_the_memory_limit_is_refused_and_one_below_it_fits(void **state)
{
	static struct bytes gigabyte = { "\x42\x00\x7b\x01\x40\x00\x00\x00", 8 };
	static size_t fits = SMALL - 512, over = SMALL + 8;
	static uint8_t random[SMALL];
	(void)state;
	expect(write_bytes, &gigabyte, 0, 0, COFFER_ETOOLARGE);
	expect(answer_large, &over, 0, SMALL, COFFER_ETOOLARGE);
	struct server *s = server_start(answer_large, &fits);
	struct coffer *c = server_connect(s, 0, SMALL);
	for (int i = 0; i < 3; i++) assert_int_equal(coffer_random(c, random, fits), COFFER_OK);
	coffer_close(c);
	server_stop(s);
}

static void a_request_over_the_memory_limit_is_refused_and_the_connection_lives(void **state)
{
	static size_t eight = 8;
	static uint8_t plain[SMALL], out[2 * SMALL];
	struct server *s = server_start(answer_large, &eight);
	struct coffer *c = server_connect(s, 0, SMALL);
	uint8_t random[8];
	size_t len;
	(void)state;
	assert_int_equal(coffer_encrypt(c, "disk", NULL, 0, plain, sizeof plain, out, sizeof out, &len), COFFER_ETOOLARGE);
	assert_non_null(strstr(coffer_error(c), "16384"));
	assert_int_equal(coffer_random(c, random, sizeof random), COFFER_OK);
	coffer_close(c);
	server_stop(s);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_no_response_message_is_refused),
		cmocka_unit_test(answers_with_other_fields_than_asked_for_are_refused),
		cmocka_unit_test(an_answer_that_is_cut_is_a_closed_connection),
		cmocka_unit_test(a_late_answer_is_a_timeout),
		cmocka_unit_test(a_server_that_does_not_read_is_a_timeout_too),
		cmocka_unit_test(a_refusal_of_a_request_that_is_still_being_sent_is_read),
		cmocka_unit_test(an_answer_over_the_memory_limit_is_refused_and_one_below_it_fits),
		cmocka_unit_test(a_request_over_the_memory_limit_is_refused_and_the_connection_lives),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
