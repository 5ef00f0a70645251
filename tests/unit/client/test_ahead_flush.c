/* Operations sent ahead: the connection breaks while a collect sends what is gathered, and answers that came before are here. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "unit/client/pair.h"

#define LENGTH 100u
#define LARGE 100000u  /* no answer of so many bytes is read at once */
#define GATHERED 2u

static size_t most_memory = SIZE_MAX;                      /* in one piece */
static enum poll_way { POLLS, POLLS_LATE, POLLS_FAIL } second_poll; /* the first one sees the answer; what the second one does, it does once */
static unsigned polls;
static time_t late_s;
static bool drips;                                         /* a byte a second */

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
int __real_poll(struct pollfd *fds, nfds_t count, int timeout);
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout);
ssize_t __real_recv(int fd, void *buf, size_t len, int flags);
ssize_t __wrap_recv(int fd, void *buf, size_t len, int flags);
int __real_clock_gettime(clockid_t clock, struct timespec *out);
int __wrap_clock_gettime(clockid_t clock, struct timespec *out);

void *__wrap_malloc(size_t size)
{
	return size > most_memory ? NULL : __real_malloc(size);
}

int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout)
{
	bool late = second_poll == POLLS_LATE;
	if (second_poll == POLLS || polls++ == 0) return __real_poll(fds, count, timeout);
	second_poll = POLLS;
	late_s += late ? 3600 : 0; /* nothing came until the deadline */
	errno = ENOMEM;
	return late ? 0 : -1;
}

int __wrap_clock_gettime(clockid_t clock, struct timespec *out)
{
	int rc = __real_clock_gettime(clock, out);
	out->tv_sec += late_s;
	return rc;
}

ssize_t __wrap_recv(int fd, void *buf, size_t len, int flags)
{
	late_s += drips;
	return __real_recv(fd, buf, drips && len ? 1 : len, flags);
}

static void send_many(const struct pair *p, unsigned count)
{
	static const uint8_t plain[LENGTH];
	for (unsigned i = 0; i < count; i++) assert_int_equal(coffer_encrypt_send(p->c, "disk", NULL, 0, plain, sizeof plain), COFFER_OK);
}

/* The daemon reads no more. */
static void fill_socket(const struct pair *p)
{
	static const uint8_t bytes[4096];
	while (send(p->c->fd, bytes, sizeof bytes, MSG_NOSIGNAL) > 0) {}
	assert_int_equal(errno, EAGAIN);
}

static enum coffer_status collect(const struct pair *p, uint8_t *out)
{
	size_t len = 7;
	enum coffer_status st = coffer_collect(p->c, out, LENGTH, &len);
	assert_int_equal(len, st ? 7 : LENGTH);
	return st;
}

/* A message of `items` operations and one more message are sent, others are gathered, nothing more can be sent; the answer to the first message is there. */
static struct pair stalled(uint32_t batch, unsigned items)
{
	struct pair p = pair_open(batch);
	send_many(&p, items);
	assert_int_equal(coffer_flush(p.c), COFFER_OK);
	send_many(&p, 1);
	assert_int_equal(coffer_flush(p.c), COFFER_OK);
	fill_socket(&p);
	send_many(&p, GATHERED);
	assert_int_equal(p.c->queue.gathered, GATHERED);
	pair_say_sealed(&p, items, batch != 1, 'a', LENGTH);
	return p;
}

/* Every operation of the first message has its own result, the next one says what broke the connection, and nobody else is given anything. */
static void first_is_given_and_no_other(struct pair *p, unsigned items, enum coffer_status status)
{
	uint8_t out[LENGTH], expected[LENGTH];
	for (unsigned i = 0; i < items; i++) {
		memset(expected, 'a' + (int)i, sizeof expected);
		assert_int_equal(collect(p, out), COFFER_OK);
		assert_memory_equal(out, expected, sizeof out);
		assert_string_equal(coffer_error(p->c), "");
	}
	for (unsigned i = 0; i < 1 + GATHERED; i++) {
		assert_int_equal(collect(p, out), i ? COFFER_ECLOSED : status);
		assert_true(strlen(coffer_error(p->c)) > 10);
	}
	assert_int_equal(coffer_under_way(p->c), 0);
	assert_int_equal(coffer_encrypt_send(p->c, "disk", NULL, 0, "data", 4), COFFER_ECLOSED);
	pair_close(p);
}

static const struct { uint32_t batch; unsigned items; } messages[] = { { 1, 1 }, { 0, 1 }, { 0, 3 }, { 3, 3 } };
#define EACH_MESSAGE for (size_t m = 0; m < sizeof messages / sizeof messages[0]; m++)

/* The flush waits twice, and the second time ends so. */
static void the_second_wait_ends(enum poll_way how, enum coffer_status status)
{
	EACH_MESSAGE {
		struct pair p = stalled(messages[m].batch, messages[m].items);
		polls = 0;
		second_poll = how;
		first_is_given_and_no_other(&p, messages[m].items, status);
		assert_int_equal(second_poll, POLLS);
	}
}

static void the_daemon_reads_no_more(void **state)
{
	(void)state;
	the_second_wait_ends(POLLS_LATE, COFFER_ETIMEOUT);
}

static void the_daemon_hangs_up(void **state)
{
	(void)state;
	EACH_MESSAGE {
		struct pair p = stalled(messages[m].batch, messages[m].items);
		assert_int_equal(shutdown(p.peer, SHUT_WR), 0);
		first_is_given_and_no_other(&p, messages[m].items, COFFER_ECLOSED);
	}
}

/* The first read has the first answer and part of the next one; there is no room for the rest. */
static void there_is_no_memory_to_read_on(void **state)
{
	(void)state;
	EACH_MESSAGE {
		struct pair p = stalled(messages[m].batch, messages[m].items);
		pair_say_sealed(&p, 1, messages[m].batch != 1, 'x', LARGE);
		most_memory = LARGE;
		first_is_given_and_no_other(&p, messages[m].items, COFFER_EMEMORY);
		most_memory = SIZE_MAX;
	}
}

/* Half of a message may have been sent: nothing goes out behind it. */
static void waiting_fails(void **state)
{
	(void)state;
	the_second_wait_ends(POLLS_FAIL, COFFER_ECLOSED);
}

/* An operation that ended without its answer: should anything read that answer after all, it is not the next one's. */
static void a_late_answer_is_nobody_s(void **state)
{
	uint8_t out[LENGTH];
	struct pair p = pair_open(1);
	(void)state;
	p.c->timeout_ms = 50;
	send_many(&p, 2);
	assert_int_equal(collect(&p, out), COFFER_ETIMEOUT);
	pair_say_sealed(&p, 1, false, 'a', LENGTH);
	p.c->broken = false; /* or nothing would read it */
	assert_true(conn_has_answer(p.c));
	p.c->broken = true;
	assert_int_equal(collect(&p, out), COFFER_ECLOSED);
	pair_close(&p);
}

/* A block that may not grow any more and has gone round is used as far as it goes, and not made anew for each read. */
static void a_full_block_is_read_into_as_it_is(void **state)
{
	static const uint8_t header[] = { 0x42, 0x00, 0x7b, 0x01, 0x00, 0x00, 0x0f, 0xf8 }; /* an answer of 4,096 bytes */
	enum { BLOCK = 3 * 4096, SAID = 100 };
	uint8_t said[SAID] = { 's' };
	struct pair p = pair_open(1);
	(void)state;
	send_many(&p, 1);
	assert_int_equal(coffer_flush(p.c), COFFER_OK);
	fill_socket(&p);
	send_many(&p, 1);
	p.c->max_memory = BLOCK;
	p.c->in = (struct wire){ .ptr = calloc(1, BLOCK), .cap = BLOCK, .begin = 4096, .len = 4096, .wrapped = true };
	assert_non_null(p.c->in.ptr);
	memcpy(p.c->in.ptr + p.c->in.begin, header, sizeof header);
	const uint8_t *block = p.c->in.ptr;
	pair_say(&p, view_of(said, sizeof said), false);
	polls = 0;
	second_poll = POLLS_LATE;
	assert_int_equal(coffer_flush(p.c), COFFER_ETIMEOUT);
	assert_ptr_equal(p.c->in.ptr, block);
	assert_int_equal(p.c->in.front, SAID);
	assert_int_equal(p.c->in.ptr[0], 's');
	pair_close(&p);
}

/* Something is there each time. */
static void an_answer_that_drips_has_a_deadline_too(void **state)
{
	uint8_t out[LENGTH];
	struct pair p = pair_open(1);
	(void)state;
	send_many(&p, 1);
	pair_say_sealed(&p, 1, false, 'a', LENGTH);
	drips = true;
	assert_int_equal(collect(&p, out), COFFER_ETIMEOUT);
	drips = false;
	assert_int_equal(coffer_under_way(p.c), 0);
	pair_close(&p);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_daemon_reads_no_more),
		cmocka_unit_test(the_daemon_hangs_up),
		cmocka_unit_test(there_is_no_memory_to_read_on),
		cmocka_unit_test(waiting_fails),
		cmocka_unit_test(a_late_answer_is_nobody_s),
		cmocka_unit_test(a_full_block_is_read_into_as_it_is),
		cmocka_unit_test(an_answer_that_drips_has_a_deadline_too),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
