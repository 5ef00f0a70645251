/* What a worker's two blocks hold between the turns of connections, and where it reads messages of each length. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test_arena.h"
#include "unit/daemon/worker_setting.h"

/* ---- bytes that come to an end ---- */

static const uint8_t large_header[] = { 0x42, 0x00, 0x78, 0x01, 0x00, 0x00, 0x50, 0x00 };

#define LARGE (sizeof large_header + 0x5000u)

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
	int fd = worker_setting_connect(s, SOCK_STREAM);
	s->daemon.loan_block = s->daemon.lend_block;
	send_large(fd, LARGE);
	assert_int_equal(event_base_loop(s->workers[0].base, EVLOOP_ONCE), 0);
	assert_int_equal(s->workers[0].conn_count, 1);
	assert_true(s->daemon.bulk_used > 0);
	assert_int_equal(event_base_loop(s->workers[0].base, EVLOOP_ONCE), 0);
	assert_int_equal(s->workers[0].conn_count, 1);
	assert_true(recv(fd, answer, sizeof answer, 0) > 0); /* that it is malformed */
}

/* The same frame in the worker's block, where that may grow. */
static void a_large_frame_is_read_in_the_block_that_grows(void **state)
{
	struct setting *s = *state;
	uint8_t answer[1024];
	int fd = worker_setting_connect(s, SOCK_STREAM);
	s->daemon.loan_block = 4 * s->daemon.lend_block;
	send_large(fd, LARGE);
	assert_int_equal(event_base_loop(s->workers[0].base, EVLOOP_ONCE), 0);
	assert_true(recv(fd, answer, sizeof answer, 0) > 0);
	assert_int_equal(s->daemon.bulk_used, 0);
	assert_int_equal(s->conn->in.cap, 0);
	assert_true(s->workers[0].input.cap <= s->daemon.lend_block); /* without a timer it does not stay */
}

/* One that needs more than the half that small ones get; not while others have most of the memory for large frames. */
static void a_large_frame_behind_a_small_one_gets_all_of_the_block(void **state)
{
	struct setting *s = *state;
	uint8_t answer[1024];
	for (unsigned scarce = 0; scarce < 2; scarce++) {
		int fd = worker_setting_connect(s, SOCK_STREAM);
		size_t others = scarce ? s->daemon.bulk_limit / 2 + 1 : 0;
		s->daemon.loan_block = 2 * s->daemon.lend_block; /* half of it is smaller than the frame */
		s->daemon.bulk_used = others;
		s->conn->last_large = 0;
		send_large(fd, LARGE);
		assert_int_equal(event_base_loop(s->workers[0].base, EVLOOP_ONCE), 0);
		assert_int_equal(s->daemon.bulk_used > others, scarce); /* memory of its own */
		if (scarce) assert_int_equal(event_base_loop(s->workers[0].base, EVLOOP_ONCE), 0);
		assert_true(recv(fd, answer, sizeof answer, 0) > 0);
		s->daemon.bulk_used = 0;
	}
}

/* Answers to small frames pile up in half of what large ones may have, and neither in less than a worker lends at all times. */
static void small_frames_get_half_of_the_block(void **state)
{
	struct setting *s = *state;
	(void)worker_setting_connect(s, SOCK_STREAM);
	size_t lend = s->daemon.lend_block;
	for (size_t times = 1; times <= 8; times *= 2) {
		s->daemon.loan_block = times * lend;
		s->conn->last_large = 0;
		assert_int_equal(conn_block_most(s->conn), times > 2 ? times * lend / 2 : lend);
		s->conn->last_large = LARGE;
		assert_int_equal(conn_block_most(s->conn), times * lend);
	}
	s->daemon.loan_block = 4 * lend;
	s->conn->last_large = 0;
	conn_lend_output(s->conn);
	assert_true(conn_grow_output(s->conn, lend));
	size_t half = s->conn->out.cap;
	assert_true(half >= lend && half <= 2 * lend);
	s->conn->out.len = half - ARENA_CANARY_LEN; /* it is full of them */
	assert_false(conn_grow_output(s->conn, 1000));
	s->conn->last_large = LARGE;
	assert_true(conn_grow_output(s->conn, 1000));
	s->conn->out.len = 0;
	conn_return_output(s->conn);
}

/* With nothing before it, and when the rest of a frame is asked for. */
static void the_end_closes_the_connection(void **state)
{
	struct setting *s = *state;
	for (unsigned beginning = 0; beginning < 2; beginning++) {
		int fd = worker_setting_connect(s, SOCK_STREAM);
		s->daemon.loan_block = 4 * s->daemon.lend_block;
		if (beginning) send_large(fd, 100);
		shutdown(fd, SHUT_WR);
		assert_int_equal(event_base_loop(s->workers[0].base, EVLOOP_ONCE), 0);
		assert_int_equal(s->workers[0].conn_count, 0);
		assert_int_equal(s->workers[0].poll.hot_count, 0);
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
	return conn_new(&s->workers[0], ends[0], peer);
}

static int connect_in_large_blocks(struct setting *s)
{
	int fd = worker_setting_connect(s, SOCK_STREAM);
	buf_free(&s->workers[0].input);
	s->daemon.lend_block = s->daemon.loan_block = 64u * 1024u;
	return fd;
}

static void the_beginning_of_a_large_frame_stays_in_the_block(void **state)
{
	struct setting *s = *state;
	uint8_t answer[1024];
	int fd = connect_in_large_blocks(s);
	send_part(fd, 0, PART);
	assert_int_equal(event_base_loop(s->workers[0].base, EVLOOP_ONCE), 0);
	assert_ptr_equal(s->workers[0].holder, s->conn);
	assert_true(s->conn->in_lent && s->conn->in.len == PART);
	assert_int_equal(s->daemon.bulk_used, 0);
	conn_wipe_blocks(&s->workers[0]); /* the worker sleeps: what is here of the frame stays */
	assert_memory_equal(s->conn->in.ptr, marked(), PART);
	send_part(fd, PART, LARGE);
	assert_int_equal(event_base_loop(s->workers[0].base, EVLOOP_ONCE), 0);
	assert_true(recv(fd, answer, sizeof answer, 0) > 0);
	assert_null(s->workers[0].holder);
	assert_int_equal(s->conn->in.cap, 0);
	assert_true(has_marks(&s->workers[0].input)); /* the same connection may have it again */
	conn_wipe_blocks(&s->workers[0]);
	assert_false(has_marks(&s->workers[0].input));
}

/* Bounded: the timer is the only event. */
static void what_stays_in_the_blocks_is_wiped_when_the_worker_sleeps(void **state)
{
	struct setting *s = *state;
	struct worker *w = &s->workers[0];
	uint8_t answer[1024];
	int fd = connect_in_large_blocks(s);
	w->wipe_event = event_new(w->base, -1, 0, conn_on_wipe, w);
	assert_non_null(w->wipe_event);
	send_part(fd, 0, LARGE);
	assert_int_equal(event_base_loop(w->base, EVLOOP_ONCE), 0);
	assert_true(recv(fd, answer, sizeof answer, 0) > 0);
	conn_wipe_soon(w);
	assert_true(w->wipe_set && has_marks(&w->input));
	for (unsigned i = 0; i < 1000 && w->wipe_set; i++) assert_int_equal(event_base_loop(w->base, EVLOOP_ONCE), 0);
	assert_false(has_marks(&w->input));
	event_free(w->wipe_event);
	w->wipe_event = NULL;
	fd = worker_setting_connect(s, SOCK_STREAM);
	send_part(fd, 0, LARGE);
	assert_int_equal(event_base_loop(w->base, EVLOOP_ONCE), 0);
	assert_true(has_marks(&w->input));
	conn_wipe_soon(w); /* without the timer */
	assert_false(has_marks(&w->input));
	assert_int_equal(w->input_left + w->output_left, 0);
	fd = worker_setting_connect(s, SOCK_STREAM); /* a block that grew and is not kept has nothing left to be wiped */
	buf_free(&w->input);
	s->daemon.lend_block = CONN_READ_BLOCK;
	s->daemon.loan_block = 4 * CONN_READ_BLOCK;
	send_part(fd, 0, LARGE);
	assert_int_equal(event_base_loop(w->base, EVLOOP_ONCE), 0);
	conn_wipe_soon(w);
	assert_int_equal(w->input_left + w->output_left, 0);
}

static void another_connection_gets_the_block_and_finds_nothing_in_it(void **state)
{
	struct setting *s = *state;
	uint8_t answer[1024];
	int other_fd, fd = connect_in_large_blocks(s);
	struct conn *other = connect_other(s, &other_fd);
	send_part(fd, 0, PART);
	assert_int_equal(event_base_loop(s->workers[0].base, EVLOOP_ONCE), 0);
	assert_ptr_equal(s->workers[0].holder, s->conn);
	assert_int_equal(send(other_fd, worker_setting_header, sizeof worker_setting_header, 0), (ssize_t)sizeof worker_setting_header);
	assert_int_equal(event_base_loop(s->workers[0].base, EVLOOP_ONCE), 0);
	assert_int_equal(other->in.len, sizeof worker_setting_header);
	assert_null(s->workers[0].holder);
	assert_false(has_marks(&s->workers[0].input));
	assert_false(s->conn->in_lent);
	assert_memory_equal(s->conn->in.ptr, marked(), PART);
	assert_true(s->daemon.bulk_used >= 2 * LARGE); /* set aside, for the frame and its answer */
	send_part(fd, PART, LARGE);
	assert_int_equal(event_base_loop(s->workers[0].base, EVLOOP_ONCE), 0);
	assert_true(recv(fd, answer, sizeof answer, 0) > 0);
	conn_close(other);
	close(other_fd);
}

/* Asked on the chance of bytes, a connection takes nothing from another one. */
static void who_has_nothing_to_say_takes_no_block(void **state)
{
	struct setting *s = *state;
	int other_fd, fd = connect_in_large_blocks(s);
	struct conn *other = connect_other(s, &other_fd);
	send_part(fd, 0, PART);
	assert_int_equal(event_base_loop(s->workers[0].base, EVLOOP_ONCE), 0);
	assert_ptr_equal(s->workers[0].holder, s->conn);
	assert_false(conn_poll(other));
	assert_ptr_equal(s->workers[0].holder, s->conn);
	assert_int_equal(s->daemon.bulk_used, 0);
	send_part(fd, PART, LARGE);
	assert_true(conn_poll(s->conn));
	assert_null(s->workers[0].holder);
	conn_close(other);
	close(other_fd);
}

static void who_holds_the_block_may_end(void **state)
{
	struct setting *s = *state;
	int fd = connect_in_large_blocks(s);
	send_part(fd, 0, PART);
	assert_int_equal(event_base_loop(s->workers[0].base, EVLOOP_ONCE), 0);
	assert_ptr_equal(s->workers[0].holder, s->conn);
	conn_close(s->conn);
	s->conn = NULL;
	assert_null(s->workers[0].holder);
	assert_null(s->workers[0].user);
	assert_non_null(s->workers[0].input.ptr);
	assert_false(has_marks(&s->workers[0].input));
}

/* A client sends batches of two or three lengths by turns: each is read where one like it may have come before. */
static void messages_of_each_length_have_a_place_of_their_own(void **state)
{
	struct setting *s = *state;
	struct worker *w = &s->workers[0];
	struct request r = { .lent_parsed = NULL };
	for (unsigned i = 0; i < WORKER_ALIKES; i++) w->alike[i].frame_len = 100 + i;
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < WORKER_ALIKES; i++) {
			worker_lend(w, 100 + i, &r);
			assert_ptr_equal(r.lent_alike, &w->alike[i]);
			assert_ptr_equal(r.lent_parsed, w->parsed[i]);
		}
	}
	w->alike[2].frame_len = 0; /* what was there was not kept */
	for (unsigned i = 0; i < 3; i++) {
		worker_lend(w, 99, &r);
		assert_ptr_equal(r.lent_alike, &w->alike[2]);
	}
	w->alike[2].frame_len = 102;
	const struct kmip_alike *before = NULL;
	for (unsigned i = 0; i < 2 * WORKER_ALIKES; i++) { /* of another length: none is thrown out twice in a row */
		worker_lend(w, 99, &r);
		assert_ptr_not_equal(r.lent_alike, before);
		before = r.lent_alike;
	}
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, worker_setting_start, worker_setting_stop)
	const struct CMUnitTest tests[] = {
		CASE(a_full_block_is_not_taken_for_the_end),
		CASE(a_large_frame_is_read_in_the_block_that_grows),
		CASE(a_large_frame_behind_a_small_one_gets_all_of_the_block),
		CASE(small_frames_get_half_of_the_block),
		CASE(the_end_closes_the_connection),
		CASE(the_beginning_of_a_large_frame_stays_in_the_block),
		CASE(what_stays_in_the_blocks_is_wiped_when_the_worker_sleeps),
		CASE(another_connection_gets_the_block_and_finds_nothing_in_it),
		CASE(who_has_nothing_to_say_takes_no_block),
		CASE(who_holds_the_block_may_end),
		CASE(messages_of_each_length_have_a_place_of_their_own),
	};
	return cmocka_run_group_tests(tests, setup_arena, NULL);
}
