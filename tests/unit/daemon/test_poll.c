/* When a worker polls: while requests come at short gaps, and not when nobody asks, when they come late, or when others want the processor. And what
 * its two blocks hold between the turns of connections. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/conn_internal.h"
#include "daemon/daemon.h"
#include "kmip/message.h"
#include "test_arena.h"

#define WINDOW_US 1000u /* the clock below has whole milliseconds */

struct setting {
	struct config config;
	struct daemon daemon;
	struct worker worker;
	struct peer *peer;
	struct conn *conn;
	int client;
	uint64_t now_ms;
	unsigned asked, step_every; /* the clock goes on by 1 ms each time it was asked so often */
};

static uint64_t fake_mono(void *arg)
{
	struct setting *s = arg;
	if (s->step_every && ++s->asked % s->step_every == 0) s->now_ms++;
	return s->now_ms;
}

/* A frame that is never whole. */
static const uint8_t header[] = { 0x42, 0x00, 0x78, 0x01, 0x00, 0x00, 0x10, 0x00 };

static int start(void **state)
{
	struct setting *s = calloc(1, sizeof *s);
	struct principal principal;
	int ends[2];
	if (!s || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) != 0) return -1;
	s->now_ms = 1000;
	s->config = (struct config){ .busy_poll_us = WINDOW_US, .max_message = 1u << 20, .request_timeout_ms = 10000 };
	s->daemon.engine.config = &s->config;
	s->daemon.bulk_limit = 1u << 20;
	s->daemon.lend_block = s->daemon.loan_block = CONN_READ_BLOCK;
	s->daemon.worker_count = 2;
	s->worker.daemon = &s->daemon;
	s->worker.base = event_base_new();
	s->worker.parsed = malloc(sizeof *s->worker.parsed);
	s->worker.due_event = event_new(s->worker.base, -1, 0, conn_on_due, &s->worker);
	s->daemon.peers = peers_new(4);
	if (!s->worker.base || !s->worker.parsed || !s->worker.due_event || !s->daemon.peers || pthread_mutex_init(&s->daemon.budget_lock, NULL) != 0) return -1;
	principal_from_uid(1000, 1, &principal);
	if (peers_enter(s->daemon.peers, &principal, 4, &s->peer, NULL) != ERR_OK) return -1;
	s->conn = conn_new(&s->worker, ends[0], s->peer);
	s->client = ends[1];
	clock_set_source(&(struct clock_source){ .mono_ms = fake_mono, .arg = s });
	*state = s;
	if (!s->conn || send(s->client, header, sizeof header, 0) != (ssize_t)sizeof header || event_base_loop(s->worker.base, EVLOOP_ONCE) != 0) return -1;
	worker_poll(&s->worker);
	return 0;
}

static int stop(void **state)
{
	struct setting *s = *state;
	clock_set_source(NULL);
	close(s->client);
	if (s->conn) conn_close(s->conn);
	event_free(s->worker.due_event);
	event_base_free(s->worker.base);
	buf_free(&s->worker.input);
	buf_free(&s->worker.output);
	free(s->worker.parsed);
	peers_free(s->daemon.peers);
	int left = s->daemon.pollers != 0 || s->daemon.bulk_used != 0;
	free(s);
	return left ? -1 : 0;
}

/* A byte of a request comes `gap_ms` after the worker slept; it is read, and then the worker polls or not. */
static uint64_t request_after(struct setting *s, uint64_t gap_ms)
{
	s->step_every = 0;
	s->now_ms += gap_ms;
	assert_int_equal(send(s->client, "B", 1, 0), 1);
	assert_int_equal(event_base_loop(s->worker.base, EVLOOP_ONCE), 0);
	assert_int_equal(s->worker.poll.hot_count, 1);
	s->step_every = 64;
	worker_poll(&s->worker);
	assert_int_equal(s->worker.poll.hot_count, 0);
	return s->worker.poll.polls;
}

static void a_worker_that_is_asked_nothing_never_polls(void **state)
{
	struct setting *s = *state;
	for (unsigned i = 0; i < 100; i++) worker_poll(&s->worker);
	assert_int_equal(s->worker.poll.polls, 0);
}

static void requests_that_come_late_are_not_polled_for(void **state)
{
	struct setting *s = *state;
	for (unsigned i = 0; i < 4; i++) assert_int_equal(request_after(s, 50), 0);
}

static void requests_at_short_gaps_are_polled_for(void **state)
{
	struct setting *s = *state;
	assert_int_equal(request_after(s, 50), 0);
	assert_int_equal(request_after(s, 1), 1);
}

static void busy_poll_0_is_none(void **state)
{
	struct setting *s = *state;
	s->config.busy_poll_us = 0;
	for (unsigned i = 0; i < 4; i++) assert_int_equal(request_after(s, 1), 0);
}

static void a_lost_processor_ends_the_polling_for_longer_each_time(void **state)
{
	struct setting *s = *state;
	uint64_t pause = 0;
	for (uint64_t lost = 1; lost <= 12; lost++) {
		while (s->worker.poll.lost < lost) { /* each step of the clock is one that others ran on this processor */
			uint64_t polls = request_after(s, 1);
			assert_in_range(polls, lost - 1, lost);
		}
		assert_true(s->worker.poll.pause_ns > pause || pause >= 256000000u);
		pause = s->worker.poll.pause_ns;
		s->worker.poll.trust = 1;
	}
	assert_int_equal(pause, 256000000u);
}

/* Requests one after the other, each 1 ms after the worker slept. */
static uint64_t polls_of(struct setting *s, unsigned requests)
{
	uint64_t before = s->worker.poll.polls;
	for (unsigned i = 0; i < requests; i++) request_after(s, 1);
	return s->worker.poll.polls - before;
}

static void while_the_pause_lasts_nothing_is_polled_for(void **state)
{
	struct setting *s = *state;
	s->worker.poll.pause_ns = 64000000u; /* the next is twice as long */
	while (s->worker.poll.lost == 0) request_after(s, 1);
	assert_int_equal(s->worker.poll.pause_ns, 128000000u);
	s->worker.poll.trust = 1;
	assert_int_equal(polls_of(s, 100), 0);
	s->now_ms += 100;
	assert_int_equal(polls_of(s, 2) > 0, true);
}

static void polling_in_vain_is_made_good_for_first(void **state)
{
	struct setting *s = *state;
	s->step_every = 0;
	s->worker.poll.trust = 1;
	s->now_ms += 1;
	assert_int_equal(send(s->client, "B", 1, 0), 1);
	assert_int_equal(event_base_loop(s->worker.base, EVLOOP_ONCE), 0);
	s->step_every = 64;
	s->asked = 62; /* the clock goes on just when it was asked for how long to poll: that time is over, and nobody took the processor */
	worker_poll(&s->worker);
	assert_int_equal(s->worker.poll.polls, 1);
	assert_int_equal(s->worker.poll.lost, 0);
	assert_int_equal(polls_of(s, 8), 0);
	assert_int_equal(polls_of(s, 2) > 0, true);
}

/* ---- bytes that come to an end ---- */

static const uint8_t large_header[] = { 0x42, 0x00, 0x78, 0x01, 0x00, 0x00, 0x50, 0x00 };

#define LARGE (sizeof large_header + 0x5000u)

/* Another connection than that of the setting, which has the beginning of a frame. */
static int connect_new(struct setting *s)
{
	int ends[2];
	close(s->client);
	if (s->conn) conn_close(s->conn);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
	struct principal principal;
	principal_from_uid(1000, 1, &principal);
	assert_int_equal(peers_enter(s->daemon.peers, &principal, 4, &s->peer, NULL), ERR_OK);
	s->conn = conn_new(&s->worker, ends[0], s->peer);
	assert_non_null(s->conn);
	return s->client = ends[1];
}

static void send_large(int fd, size_t len)
{
	static uint8_t frame[LARGE];
	memcpy(frame, large_header, sizeof large_header);
	assert_int_equal(send(fd, frame, len, 0), (ssize_t)len);
}

/* A block that is full and no room for more is no end of the connection: what is missing goes into memory of its own. */
static void a_full_block_is_not_taken_for_the_end(void **state)
{
	struct setting *s = *state;
	uint8_t answer[1024];
	int fd = connect_new(s);
	s->daemon.loan_block = s->daemon.lend_block;
	send_large(fd, LARGE);
	assert_int_equal(event_base_loop(s->worker.base, EVLOOP_ONCE), 0);
	assert_int_equal(s->worker.conn_count, 1);
	assert_true(s->daemon.bulk_used > 0);
	assert_int_equal(event_base_loop(s->worker.base, EVLOOP_ONCE), 0);
	assert_int_equal(s->worker.conn_count, 1);
	assert_true(recv(fd, answer, sizeof answer, 0) > 0); /* that it is malformed */
}

/* The same frame in the worker's block, where that may grow. */
static void a_large_frame_is_read_in_the_block_that_grows(void **state)
{
	struct setting *s = *state;
	uint8_t answer[1024];
	int fd = connect_new(s);
	s->daemon.loan_block = 4 * s->daemon.lend_block;
	send_large(fd, LARGE);
	assert_int_equal(event_base_loop(s->worker.base, EVLOOP_ONCE), 0);
	assert_true(recv(fd, answer, sizeof answer, 0) > 0);
	assert_int_equal(s->daemon.bulk_used, 0);
	assert_int_equal(s->conn->in.cap, 0);
	assert_true(s->worker.input.cap <= s->daemon.lend_block); /* without a timer it does not stay */
}

/* With nothing before it, and when the rest of a frame is asked for. */
static void the_end_closes_the_connection(void **state)
{
	struct setting *s = *state;
	for (unsigned beginning = 0; beginning < 2; beginning++) {
		int fd = connect_new(s);
		s->daemon.loan_block = 4 * s->daemon.lend_block;
		if (beginning) send_large(fd, 100);
		shutdown(fd, SHUT_WR);
		assert_int_equal(event_base_loop(s->worker.base, EVLOOP_ONCE), 0);
		assert_int_equal(s->worker.conn_count, 0);
		assert_int_equal(s->worker.poll.hot_count, 0);
		assert_int_equal(s->daemon.bulk_used, 0);
		s->conn = NULL;
	}
}

/* ---- what stays in the worker's block between two turns (conn_lend.c) ---- */

#define MARK 0xa5u
#define PART 20000u

/* A large frame that is full of marks, and malformed. */
static const uint8_t *marked(void)
{
	static uint8_t frame[LARGE];
	memset(frame, MARK, sizeof frame);
	memcpy(frame, large_header, sizeof large_header);
	return frame;
}

static void send_part(int fd, size_t from, size_t to)
{
	assert_int_equal(send(fd, marked() + from, to - from, 0), (ssize_t)(to - from));
}

static bool has_marks(const struct buf *b)
{
	for (size_t i = 0; i < b->cap; i++)
		if (b->ptr[i] == MARK) return true;
	return false;
}

/* Another connection of the same worker; the caller closes it by its end. */
static struct conn *connect_other(struct setting *s, int *out_fd)
{
	int ends[2];
	struct peer *peer;
	struct principal principal;
	principal_from_uid(1001, 1, &principal);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
	assert_int_equal(peers_enter(s->daemon.peers, &principal, 4, &peer, NULL), ERR_OK);
	*out_fd = ends[1];
	return conn_new(&s->worker, ends[0], peer);
}

static int connect_in_large_blocks(struct setting *s)
{
	int fd = connect_new(s);
	buf_free(&s->worker.input);
	s->daemon.lend_block = s->daemon.loan_block = 64u * 1024u;
	return fd;
}

static void the_beginning_of_a_large_frame_stays_in_the_block(void **state)
{
	struct setting *s = *state;
	uint8_t answer[1024];
	int fd = connect_in_large_blocks(s);
	send_part(fd, 0, PART);
	assert_int_equal(event_base_loop(s->worker.base, EVLOOP_ONCE), 0);
	assert_ptr_equal(s->worker.holder, s->conn);
	assert_true(s->conn->in_lent && s->conn->in.len == PART);
	assert_int_equal(s->daemon.bulk_used, 0);
	conn_wipe_blocks(&s->worker); /* the worker sleeps: what is here of the frame stays */
	assert_memory_equal(s->conn->in.ptr, marked(), PART);
	send_part(fd, PART, LARGE);
	assert_int_equal(event_base_loop(s->worker.base, EVLOOP_ONCE), 0);
	assert_true(recv(fd, answer, sizeof answer, 0) > 0);
	assert_null(s->worker.holder);
	assert_int_equal(s->conn->in.cap, 0);
	assert_true(has_marks(&s->worker.input)); /* the same connection may have it again */
	conn_wipe_blocks(&s->worker);
	assert_false(has_marks(&s->worker.input));
}

static void another_connection_gets_the_block_and_finds_nothing_in_it(void **state)
{
	struct setting *s = *state;
	uint8_t answer[1024];
	int other_fd, fd = connect_in_large_blocks(s);
	struct conn *other = connect_other(s, &other_fd);
	send_part(fd, 0, PART);
	assert_int_equal(event_base_loop(s->worker.base, EVLOOP_ONCE), 0);
	assert_ptr_equal(s->worker.holder, s->conn);
	assert_int_equal(send(other_fd, header, sizeof header, 0), (ssize_t)sizeof header);
	assert_int_equal(event_base_loop(s->worker.base, EVLOOP_ONCE), 0);
	assert_int_equal(other->in.len, sizeof header);
	assert_null(s->worker.holder);
	assert_false(has_marks(&s->worker.input));
	assert_false(s->conn->in_lent);
	assert_memory_equal(s->conn->in.ptr, marked(), PART);
	assert_true(s->daemon.bulk_used >= 2 * LARGE); /* set aside, for the frame and its answer */
	send_part(fd, PART, LARGE);
	assert_int_equal(event_base_loop(s->worker.base, EVLOOP_ONCE), 0);
	assert_true(recv(fd, answer, sizeof answer, 0) > 0);
	conn_close(other);
	close(other_fd);
}

static void who_holds_the_block_may_end(void **state)
{
	struct setting *s = *state;
	int fd = connect_in_large_blocks(s);
	send_part(fd, 0, PART);
	assert_int_equal(event_base_loop(s->worker.base, EVLOOP_ONCE), 0);
	assert_ptr_equal(s->worker.holder, s->conn);
	conn_close(s->conn);
	s->conn = NULL;
	assert_null(s->worker.holder);
	assert_null(s->worker.user);
	assert_non_null(s->worker.input.ptr);
	assert_false(has_marks(&s->worker.input));
}

static void no_more_workers_poll_than_half_of_them(void **state)
{
	struct setting *s = *state;
	s->daemon.pollers = 1; /* another one of two */
	assert_int_equal(request_after(s, 1), 0);
	assert_int_equal(request_after(s, 1), 0);
	s->daemon.pollers = 0;
	assert_int_equal(request_after(s, 1), 1);
}

static void a_connection_that_ends_is_not_asked_again(void **state)
{
	struct setting *s = *state;
	s->now_ms += 1;
	assert_int_equal(send(s->client, "B", 1, 0), 1);
	assert_int_equal(event_base_loop(s->worker.base, EVLOOP_ONCE), 0);
	conn_close(s->conn);
	s->conn = NULL;
	assert_int_equal(s->worker.poll.hot_count, 0);
	worker_poll(&s->worker);
	assert_int_equal(s->worker.poll.polls, 0);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, start, stop)
	const struct CMUnitTest tests[] = {
		CASE(a_worker_that_is_asked_nothing_never_polls),
		CASE(requests_that_come_late_are_not_polled_for),
		CASE(requests_at_short_gaps_are_polled_for),
		CASE(busy_poll_0_is_none),
		CASE(a_lost_processor_ends_the_polling_for_longer_each_time),
		CASE(while_the_pause_lasts_nothing_is_polled_for),
		CASE(polling_in_vain_is_made_good_for_first),
		CASE(a_full_block_is_not_taken_for_the_end),
		CASE(a_large_frame_is_read_in_the_block_that_grows),
		CASE(the_end_closes_the_connection),
		CASE(the_beginning_of_a_large_frame_stays_in_the_block),
		CASE(another_connection_gets_the_block_and_finds_nothing_in_it),
		CASE(who_holds_the_block_may_end),
		CASE(no_more_workers_poll_than_half_of_them),
		CASE(a_connection_that_ends_is_not_asked_again),
	};
	return cmocka_run_group_tests(tests, setup_arena, NULL);
}
