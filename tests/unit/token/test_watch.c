/* The end of the channel ends the process, also in a call that never returns. Each case is a child of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "tokend/watch.h"

#define PATIENCE_MS 5000u
#define STILL_THERE (-1)

struct helper {
	pid_t pid;
	int ours;
};

/* A helper whose main thread does nothing but hang. */
static struct helper start(bool watched, bool busy)
{
	int pair[2];
	char ready;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		close(pair[0]);
		watch_busy(busy);
		if (watched && watch_start(pair[1]) != ERR_OK) _exit(99);
		if (write(pair[1], "r", 1) != 1) _exit(98);
		(void)alarm(30); /* nothing is left behind */
		for (;;) (void)poll(NULL, 0, -1);
	}
	close(pair[1]);
	assert_int_equal(read(pair[0], &ready, 1), 1);
	return (struct helper){ pid, pair[0] };
}

/* The exit status within the time, or STILL_THERE. */
static int wait_end(struct helper *h, uint64_t limit_ms)
{
	uint64_t until = clock_mono_ms() + limit_ms;
	int status = 0;
	while (clock_mono_ms() < until) {
		if (waitpid(h->pid, &status, WNOHANG) == h->pid) return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
		(void)poll(NULL, 0, 5);
	}
	return STILL_THERE;
}

static void kill_it(struct helper *h)
{
	(void)kill(h->pid, SIGKILL);
	(void)waitpid(h->pid, NULL, 0);
}

static void a_hanging_call_ends_with_the_channel(void **state)
{
	(void)state;
	struct helper h = start(true, true);
	uint64_t began = clock_mono_ms();
	close(h.ours);
	assert_int_equal(wait_end(&h, PATIENCE_MS), 1);
	assert_true(clock_mono_ms() - began < WATCH_ORDER_MS);
}

static void a_close_that_hangs_has_a_moment(void **state)
{
	(void)state;
	struct helper h = start(true, false);
	uint64_t began = clock_mono_ms();
	close(h.ours);
	assert_int_equal(wait_end(&h, PATIENCE_MS), 1);
	assert_true(clock_mono_ms() - began >= WATCH_ORDER_MS / 2);
}

static void bytes_are_not_an_end(void **state)
{
	(void)state;
	struct helper h = start(true, true);
	assert_int_equal(write(h.ours, "abc", 3), 3);
	assert_int_equal(wait_end(&h, 200), STILL_THERE);
	close(h.ours);
	assert_int_equal(wait_end(&h, PATIENCE_MS), 1);
}

/* What the others would see if nobody watched. */
static void without_the_watch_it_stays(void **state)
{
	(void)state;
	struct helper h = start(false, true);
	close(h.ours);
	assert_int_equal(wait_end(&h, 300), STILL_THERE);
	kill_it(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hanging_call_ends_with_the_channel), cmocka_unit_test(a_close_that_hangs_has_a_moment),
		cmocka_unit_test(bytes_are_not_an_end), cmocka_unit_test(without_the_watch_it_stays),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
