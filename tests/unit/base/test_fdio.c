/* Exact reads and writes: short pieces, ends, deadlines, both kinds of descriptor. */
#include "base_test.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/ct.h"
#include "base/fdio.h"
#include "test_arena.h"

static uint64_t soon(void)
{
	return clock_mono_ms() + 10000;
}

/* Sends the bytes 0, 1, 2 ... in pieces of one byte, then of growing size, and closes. */
#define DRIBBLE_LEN 2000u
static void *dribble(void *arg)
{
	int fd = *(int *)arg;
	uint8_t bytes[DRIBBLE_LEN];
	for (unsigned i = 0; i < DRIBBLE_LEN; i++)
		bytes[i] = (uint8_t)i;
	for (unsigned at = 0, piece = 1; at < DRIBBLE_LEN; at += piece) {
		if (at > 500) piece = 300;
		if (piece > DRIBBLE_LEN - at) piece = DRIBBLE_LEN - at;
		if (send(fd, bytes + at, piece, 0) < 0) break;
	}
	close(fd);
	return NULL;
}

static void short_pieces_make_a_whole(void **state)
{
	int pair[2];
	pthread_t thread;
	uint8_t got[DRIBBLE_LEN], more;
	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(pthread_create(&thread, NULL, dribble, &pair[1]), 0);
	assert_int_equal(fdio_read_exact(pair[0], got, sizeof got, soon()), ERR_OK);
	for (unsigned i = 0; i < DRIBBLE_LEN; i++)
		assert_int_equal(got[i], (uint8_t)i);
	assert_int_equal(fdio_read_exact(pair[0], &more, 1, soon()), ERR_CLOSED);
	assert_int_equal(fdio_read_exact(pair[0], &more, 0, 0), ERR_OK);
	pthread_join(thread, NULL);
	close(pair[0]);
}

static void an_end_in_the_middle_is_truncation(void **state)
{
	int pair[2];
	uint8_t got[4];
	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(fdio_write_all(pair[1], LITERAL("abc")), ERR_OK);
	close(pair[1]);
	assert_int_equal(fdio_read_exact(pair[0], got, sizeof got, soon()), ERR_TRUNCATED);
	close(pair[0]);
}

static void silence_ends_at_the_deadline(void **state)
{
	int pair[2];
	uint8_t got[4];
	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	uint64_t begin = clock_mono_ms();
	assert_int_equal(fdio_read_exact(pair[0], got, sizeof got, begin + 30), ERR_TIMEOUT);
	assert_true(clock_mono_ms() >= begin + 30);
	assert_int_equal(fdio_read_exact(pair[0], got, sizeof got, 0), ERR_TIMEOUT); /* long past */
	assert_int_equal(fdio_write_all(pair[1], LITERAL("data")), ERR_OK);
	assert_int_equal(fdio_read_exact(pair[0], got, sizeof got, 0), ERR_OK); /* what is there counts still */
	close(pair[0]);
	close(pair[1]);
}

static void a_reader_that_stops_makes_the_writer_time_out(void **state)
{
	static const uint8_t large[1 << 20];
	int pair[2];
	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0); /* blocking, yet the call must come back */
	assert_int_equal(fdio_write_exact(pair[1], large, sizeof large, clock_mono_ms() + 30), ERR_TIMEOUT);
	close(pair[0]);
	assert_int_equal(fdio_write_exact(pair[1], large, sizeof large, soon()), ERR_CLOSED); /* and no SIGPIPE */
	close(pair[1]);
}

static void pipes_work_like_sockets(void **state)
{
	static const uint8_t large[1 << 18];
	int fds[2];
	uint8_t got[5];
	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(fdio_write_all(fds[1], LITERAL("hello")), ERR_OK);
	assert_int_equal(fdio_read_exact(fds[0], got, 5, soon()), ERR_OK);
	assert_memory_equal(got, "hello", 5);
	assert_int_equal(fdio_write_exact(fds[1], large, sizeof large, clock_mono_ms() + 30), ERR_TIMEOUT);
	signal(SIGPIPE, SIG_IGN);
	close(fds[0]);
	assert_int_equal(fdio_write_all(fds[1], LITERAL("x")), ERR_CLOSED);
	close(fds[1]);
}

static void a_closed_descriptor_is_an_error_at_once(void **state)
{
	uint8_t got[1];
	int fds[2];
	(void)state;
	assert_int_equal(pipe(fds), 0);
	close(fds[0]);
	close(fds[1]);
	assert_int_equal(fdio_read_exact(fds[0], got, 1, FDIO_NO_DEADLINE), ERR_IO);
	assert_int_equal(fdio_write_all(fds[0], LITERAL("x")), ERR_IO);
}

static void read_all_takes_everything_up_to_the_limit(void **state)
{
	static const struct { size_t max; enum coffer_err err; } cases[] = {
		{ DRIBBLE_LEN, ERR_OK }, { DRIBBLE_LEN + 1, ERR_OK }, { DRIBBLE_LEN - 1, ERR_TOO_LARGE }, { 0, ERR_TOO_LARGE },
	};
	(void)state;
	for (unsigned i = 0; i < COUNT(cases); i++) {
		AUTO_BUF struct buf b = BUF_EMPTY;
		pthread_t thread;
		int pair[2];
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
		assert_int_equal(buf_append(&b, LITERAL("kept")), ERR_OK);
		signal(SIGPIPE, SIG_IGN);
		assert_int_equal(pthread_create(&thread, NULL, dribble, &pair[1]), 0);
		assert_int_equal(fdio_read_all(pair[0], cases[i].max, &b), cases[i].err);
		close(pair[0]);
		pthread_join(thread, NULL);
		assert_int_equal(b.len, cases[i].err == ERR_OK ? 4 + DRIBBLE_LEN : 4);
		assert_memory_equal(b.ptr, "kept", 4);
		if (cases[i].err != ERR_OK) assert_true(ct_is_zero(b.ptr + 4, b.cap - 4));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(short_pieces_make_a_whole),
		cmocka_unit_test(an_end_in_the_middle_is_truncation),
		cmocka_unit_test(silence_ends_at_the_deadline),
		cmocka_unit_test(a_reader_that_stops_makes_the_writer_time_out),
		cmocka_unit_test(pipes_work_like_sockets),
		cmocka_unit_test(a_closed_descriptor_is_an_error_at_once),
		cmocka_unit_test(read_all_takes_everything_up_to_the_limit),
	};
	return cmocka_run_group_tests(tests, setup_arena, NULL);
}
