/* Connecting: who is at the socket. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "client/conn.h"
#include "unit/client/server.h"

static enum coffer_status connect_as(const char *path, int64_t uid)
{
	struct coffer_options options = { .size = sizeof options, .timeout_ms = 1000, .server_uid = uid };
	struct coffer *c = NULL;
	enum coffer_status st = coffer_connect(path, &options, &c);
	assert_int_equal(c != NULL, st == COFFER_OK);
	coffer_close(c);
	return st;
}

static void the_server_must_run_as_the_user_that_was_named(void **state)
{
	static const struct { int64_t offset; enum coffer_status expected; } table[] = {
		{ 0, COFFER_OK }, { 1, COFFER_EPEER }, { 100000, COFFER_EPEER },
		{ INT64_C(1) << 32, COFFER_EPEER }, /* the same in 32 bits */
	};
	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		struct server *s = server_start(NULL, NULL);
		assert_int_equal(connect_as(s->path, (int64_t)geteuid() + table[i].offset), table[i].expected);
		server_stop(s);
	}
}

static void without_a_user_the_own_one_is_trusted(void **state)
{
	struct server *s = server_start(NULL, NULL);
	(void)state;
	assert_int_equal(connect_as(s->path, -1), COFFER_OK);
	server_stop(s);
}

#define ANOTHER_USER 64321

/* Who listens is who called listen(2). */
static int listen_as(uid_t uid, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0 && strlen(path) < sizeof address.sun_path);
	memcpy(address.sun_path, path, strlen(path) + 1);
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(seteuid(uid), 0);
	int rc = listen(fd, 1);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(rc, 0);
	return fd;
}

static void another_user_is_trusted_in_a_folder_that_only_he_can_write(void **state)
{
	static const struct { uid_t owner; mode_t mode; enum coffer_status expected; } table[] = {
		{ ANOTHER_USER, 0755, COFFER_OK }, { ANOTHER_USER, 0700, COFFER_OK }, { ANOTHER_USER, 0775, COFFER_EPEER },
		{ ANOTHER_USER, 0757, COFFER_EPEER }, { ANOTHER_USER, 01777, COFFER_EPEER }, { 0, 0755, COFFER_EPEER },
	};
	char folder[] = "/tmp/coffer-connect-XXXXXX", path[64];
	(void)state;
	if (geteuid() != 0) skip();
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/s", folder);
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		int fd = listen_as(ANOTHER_USER, path);
		assert_int_equal(chmod(folder, table[i].mode), 0);
		assert_int_equal(chown(folder, table[i].owner, 0), 0);
		assert_int_equal(connect_as(path, -1), table[i].expected);
		close(fd);
		unlink(path);
	}
	rmdir(folder);
}

static void where_nobody_listens_is_unreachable(void **state)
{
	struct server *s = server_start(NULL, NULL);
	char path[200];
	(void)state;
	assert_int_equal(connect_as("/nonexistent/socket", -1), COFFER_EUNREACHABLE);
	assert_int_equal(connect_as(s->dir, -1), COFFER_EUNREACHABLE);
	memset(path, 'a', sizeof path - 1);
	path[sizeof path - 1] = '\0';
	assert_int_equal(connect_as(path, -1), COFFER_EINVAL);
	server_stop(s);
}

/* A daemon that accepts nobody: the deadline holds for connecting too. */
static void a_daemon_that_does_not_accept_is_waited_for_until_the_deadline(void **state)
{
	struct coffer_options options = { .size = sizeof options, .timeout_ms = 200, .server_uid = -1 };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char dir[] = "/tmp/coffer-connect-XXXXXX";
	struct coffer *c = NULL;
	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(address.sun_path, sizeof address.sun_path, "%s/s", dir);
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), first = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(listener, (const struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(listen(listener, 0), 0);
	assert_int_equal(connect(first, (const struct sockaddr *)&address, sizeof address), 0); /* the one that may wait */
	uint64_t began_ms = clock_mono_ms();
	assert_int_equal(coffer_connect(address.sun_path, &options, &c), COFFER_EUNREACHABLE);
	assert_true(clock_mono_ms() - began_ms < 3000);
	close(first);
	close(listener);
	unlink(address.sun_path);
	rmdir(dir);
}

static void the_environment_names_the_socket(void **state)
{
	struct server *s = server_start(NULL, NULL);
	struct coffer *c = NULL;
	(void)state;
	assert_int_equal(setenv("COFFER_SOCKET", s->path, 1), 0);
	assert_int_equal(coffer_connect(NULL, NULL, &c), COFFER_OK);
	coffer_close(c);
	assert_int_equal(unsetenv("COFFER_SOCKET"), 0);
	server_stop(s);
}

/* A program that was built before there was busy_poll_us, or no_ring, gives less; what it does not give is not read. */
static void options_of_an_older_header_are_taken(void **state)
{
	static const uint32_t sizes[] = { offsetof(struct coffer_options, busy_poll_us), offsetof(struct coffer_options, no_ring) };
	(void)state;
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		struct server *s = server_start(NULL, NULL);
		struct coffer_options options = { .size = sizes[i], .server_uid = -1, .busy_poll_us = i ? 0 : 12345678, .no_ring = 1 };
		struct coffer *c = NULL;
		assert_int_equal(coffer_connect(s->path, &options, &c), COFFER_OK);
		assert_false(c->no_ring);
		coffer_close(c);
		server_stop(s);
	}
}

static void options_of_another_size_and_odd_users_are_refused(void **state)
{
	struct server *s = server_start(NULL, NULL);
	struct coffer_options options = { .size = sizeof options - 1, .server_uid = -1 };
	struct coffer *c = NULL;
	(void)state;
	assert_int_equal(coffer_connect(s->path, &options, &c), COFFER_EINVAL);
	options = (struct coffer_options){ .size = sizeof options, .server_uid = -1, .busy_poll_us = 10001 };
	assert_int_equal(coffer_connect(s->path, &options, &c), COFFER_EINVAL);
	options = (struct coffer_options){ .size = sizeof options, .server_uid = -1, .batch = COFFER_BATCH_MAX + 1 };
	assert_int_equal(coffer_connect(s->path, &options, &c), COFFER_EINVAL);
	options.size = sizeof options + 8;
	assert_int_equal(coffer_connect(s->path, &options, &c), COFFER_EINVAL);
	assert_int_equal(connect_as(s->path, -2), COFFER_EINVAL);
	assert_int_equal(coffer_connect(s->path, NULL, NULL), COFFER_EINVAL);
	assert_null(c);
	coffer_close(NULL);
	assert_string_equal(coffer_error(NULL), "");
	server_stop(s);
}

/* What a caller that was compiled before there were more fields hands over; behind it stands anything. */
static void options_of_the_first_version_are_taken(void **state)
{
	struct server *s = server_start(NULL, NULL);
	struct coffer_options options = { .size = offsetof(struct coffer_options, busy_poll_us), .server_uid = -1, .busy_poll_us = 77777, .batch = 77777 };
	struct coffer *c = NULL;
	(void)state;
	assert_int_equal(coffer_connect(s->path, &options, &c), COFFER_OK);
	coffer_close(c);
	server_stop(s);
}

static void every_status_has_a_text_of_its_own(void **state)
{
	(void)state;
	for (int a = COFFER_OK; a <= COFFER_ESERVER; a++) {
		assert_true(strlen(coffer_strerror((enum coffer_status)a)) > 3);
		for (int b = COFFER_OK; b < a; b++)
			assert_string_not_equal(coffer_strerror((enum coffer_status)a), coffer_strerror((enum coffer_status)b));
	}
	assert_string_equal(coffer_strerror((enum coffer_status)99), "unknown status");
	assert_string_equal(coffer_strerror((enum coffer_status)-1), "unknown status");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_server_must_run_as_the_user_that_was_named),
		cmocka_unit_test(without_a_user_the_own_one_is_trusted),
		cmocka_unit_test(another_user_is_trusted_in_a_folder_that_only_he_can_write),
		cmocka_unit_test(where_nobody_listens_is_unreachable),
		cmocka_unit_test(a_daemon_that_does_not_accept_is_waited_for_until_the_deadline),
		cmocka_unit_test(the_environment_names_the_socket),
		cmocka_unit_test(options_of_an_older_header_are_taken),
		cmocka_unit_test(options_of_another_size_and_odd_users_are_refused),
		cmocka_unit_test(options_of_the_first_version_are_taken),
		cmocka_unit_test(every_status_has_a_text_of_its_own),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
