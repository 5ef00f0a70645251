/* Telling notify_command, beside a helper that the test plays, on a clock that it moves. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/alert_tell.h"
#include "daemon/link.h"
#include "monitor/notify.h"

#define RETRY_MS 1000u

static uint64_t mono_ms;
static struct daemon d;
static struct config config;
static char command[] = "/bin/true";
static struct alert_tell tell;
static int helper = -1;      /* the test's end */
static unsigned starts, kills;
static const struct alert_origin origin = { .host = "h", .node = "n", .domain = "d" };

static uint64_t get_wall(void *arg)
{
	(void)arg;
	return 1700000000;
}

static uint64_t get_mono(void *arg)
{
	(void)arg;
	return mono_ms;
}

static const struct clock_source source = { get_wall, get_mono, NULL };

static void drop_helper(void)
{
	if (helper >= 0) close(helper);
	helper = -1;
}

enum coffer_err link_start_notify(struct daemon *daemon, int *out_fd, uint32_t *out_instance, struct reason *reason)
{
	int ends[2];
	(void)daemon;
	(void)reason;
	drop_helper();
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	helper = ends[1];
	*out_fd = ends[0];
	*out_instance = ++starts;
	return ERR_OK;
}

void link_kill_notify(struct daemon *daemon, uint32_t instance)
{
	(void)daemon;
	assert_int_equal(instance, starts);
	kills++;
}

static int start(void **state)
{
	(void)state;
	mono_ms = 5000;
	starts = kills = 0;
	clock_set_source(&source);
	config.notify_command = command;
	config.notify_retry_ms = RETRY_MS;
	config.notify_timeout_ms = 5000;
	d.engine.config = &config;
	d.engine.alerts = alerts_new();
	alert_tell_init(&tell);
	return d.engine.alerts ? 0 : -1;
}

static int stop(void **state)
{
	(void)state;
	alert_tell_end(&tell, &d);
	drop_helper();
	alerts_free(d.engine.alerts);
	clock_set_source(NULL);
	return 0;
}

static void step(void)
{
	alert_tell_step(&tell, &d, &origin);
}

/* Whether the helper was asked; what it says. */
static bool asked(void)
{
	char line[ALERT_LINE_MAX];
	return helper >= 0 && recv(helper, line, sizeof line, MSG_DONTWAIT) > 0;
}

static void answer(enum notify_outcome outcome)
{
	uint8_t bytes[NOTIFY_ANSWER_MAX];
	const struct notify_answer a = { .outcome = outcome, .number = outcome == NOTIFY_EXIT ? 7 : 0 };
	size_t len = notify_encode(&a, bytes);
	assert_int_equal(send(helper, bytes, len, 0), len);
	step();
}

/* The pause until it is tried again, looked for in steps of 100 ms. */
static uint64_t pause_ms(void)
{
	uint64_t begun = mono_ms;
	for (step(); !asked() && mono_ms - begun < 700000; step()) mono_ms += 100;
	return mono_ms - begun;
}

static void pauses_double_and_begin_anew_once_it_was_told(void **state)
{
	(void)state;
	alert_happened(d.engine.alerts, ALERT_TAKEOVER, "x");
	step();
	assert_true(asked());
	for (unsigned i = 0; i < 4; i++) {
		answer(NOTIFY_EXIT);
		assert_int_equal(pause_ms(), RETRY_MS << i);
	}
	answer(NOTIFY_TOLD);
	alert_happened(d.engine.alerts, ALERT_TAKEOVER, "y");
	step();
	assert_true(asked());
	answer(NOTIFY_EXIT);
	assert_int_equal(pause_ms(), RETRY_MS);
	assert_int_equal(starts, 2); /* nothing was left to tell: the first one ended */
}

static void a_test_does_not_wait_for_the_end_of_a_pause(void **state)
{
	(void)state;
	alert_happened(d.engine.alerts, ALERT_TAKEOVER, "x");
	step();
	assert_true(asked());
	answer(NOTIFY_EXIT);
	step();
	assert_false(asked());
	alert_happened(d.engine.alerts, ALERT_TEST, "a test");
	step();
	assert_true(asked());
}

static void a_helper_that_says_nothing_is_ended_and_another_one_asked(void **state)
{
	(void)state;
	alert_happened(d.engine.alerts, ALERT_TAKEOVER, "x");
	step();
	assert_true(asked());
	mono_ms += config.notify_timeout_ms + NOTIFY_EXTRA_MS - 1;
	step();
	assert_int_equal(kills, 0);
	mono_ms++;
	step();
	assert_int_equal(kills, 1);
	assert_int_equal(pause_ms(), RETRY_MS);
	assert_int_equal(starts, 2);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, start, stop)
	const struct CMUnitTest tests[] = {
		T(pauses_double_and_begin_anew_once_it_was_told), T(a_test_does_not_wait_for_the_end_of_a_pause),
		T(a_helper_that_says_nothing_is_ended_and_another_one_asked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
