/* Log lines: prefixes, levels, no forged lines. */
#include "base_test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

static char captured[8192];
static int saved_stderr, pipe_fds[2];

static void capture_begin(void)
{
	assert_int_equal(pipe2(pipe_fds, O_NONBLOCK), 0);
	saved_stderr = dup(STDERR_FILENO);
	dup2(pipe_fds[1], STDERR_FILENO);
}

static void capture_end(void)
{
	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	ssize_t n = read(pipe_fds[0], captured, sizeof captured - 1);
	captured[n > 0 ? n : 0] = '\0';
	close(pipe_fds[0]);
	close(pipe_fds[1]);
}

static uint64_t fixed_time(void *arg)
{
	(void)arg;
	return 1700000000; /* 2023-11-14 22:13:20 UTC */
}

static void the_journal_gets_syslog_levels(void **state)
{
	(void)state;
	setenv("JOURNAL_STREAM", "8:1", 1);
	log_init("cofferd", LOG_LEVEL_DEBUG);
	capture_begin();
	log_error("e %d", 1);
	log_warn("w");
	log_info("i");
	log_debug("d");
	capture_end();
	assert_string_equal(captured, "<3>cofferd: e 1\n<4>cofferd: w\n<6>cofferd: i\n<7>cofferd: d\n");
}

static void elsewhere_lines_begin_with_utc_time(void **state)
{
	(void)state;
	unsetenv("JOURNAL_STREAM");
	clock_set_source(&(struct clock_source){ fixed_time, NULL, NULL });
	log_init("cofferd", LOG_LEVEL_INFO);
	capture_begin();
	log_info("ready");
	capture_end();
	clock_set_source(NULL);
	assert_string_equal(captured, "2023-11-14T22:13:20Z cofferd: ready\n");
}

static void lines_above_the_level_are_left_out(void **state)
{
	(void)state;
	setenv("JOURNAL_STREAM", "8:1", 1);
	log_init("p", LOG_LEVEL_WARN);
	capture_begin();
	log_info("hidden");
	log_warn("shown");
	log_set_level(LOG_LEVEL_ERROR);
	log_warn("hidden");
	capture_end();
	assert_string_equal(captured, "<4>p: shown\n");
}

static void no_text_can_forge_a_line_and_errno_survives(void **state)
{
	(void)state;
	setenv("JOURNAL_STREAM", "8:1", 1);
	log_init("p", LOG_LEVEL_INFO);
	capture_begin();
	errno = ENOSPC;
	log_info("name: %s", "x\n<0>p: forged\x1b[0m\xff");
	assert_int_equal(errno, ENOSPC);
	capture_end();
	assert_string_equal(captured, "<6>p: name: x?<0>p: forged?[0m?\n");
}

static void a_long_text_is_cut_and_stays_one_line(void **state)
{
	char text[6000];
	(void)state;
	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	setenv("JOURNAL_STREAM", "8:1", 1);
	log_init("p", LOG_LEVEL_INFO);
	capture_begin();
	log_info("%s", text);
	capture_end();
	assert_in_range(strlen(captured), 1000, 2000);
	assert_ptr_equal(strchr(captured, '\n'), captured + strlen(captured) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_journal_gets_syslog_levels),
		cmocka_unit_test(elsewhere_lines_begin_with_utc_time),
		cmocka_unit_test(lines_above_the_level_are_left_out),
		cmocka_unit_test(no_text_can_forge_a_line_and_errno_survives),
		cmocka_unit_test(a_long_text_is_cut_and_stays_one_line),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
