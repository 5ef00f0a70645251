/* Descriptors that travel with a message. */
#include "base_test.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fdio.h"

static int pair[2];

static int setup_pair(void **state)
{
	(void)state;
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair);
}

static int close_pair(void **state)
{
	(void)state;
	close(pair[0]);
	close(pair[1]);
	return 0;
}

static unsigned open_fds(void)
{
	unsigned count = 0;
	for (int fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static uint64_t soon(void)
{
	return clock_mono_ms() + 10000;
}

static void a_descriptor_arrives_alive_and_close_on_exec(void **state)
{
	char message[16];
	size_t len = 0;
	int fds[2], got = -1;
	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(fdio_send_fd(pair[0], LITERAL("take"), fds[1], soon()), ERR_OK);
	assert_int_equal(fdio_recv_fd(pair[1], message, sizeof message, soon(), &len, &got), ERR_OK);
	assert_true(view_equal_str(view_of(message, len), "take"));
	assert_true(got >= 0 && got != fds[1]);
	assert_true(fcntl(got, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(fdio_write_all(got, LITERAL("!")), ERR_OK);
	assert_int_equal(fdio_read_exact(fds[0], message, 1, soon()), ERR_OK);
	close(fds[0]);
	close(fds[1]);
	close(got);
}

static void a_message_may_come_without_one(void **state)
{
	char message[16];
	size_t len = 0;
	int got = 77;
	(void)state;
	assert_int_equal(fdio_send_fd(pair[0], LITERAL("none"), -1, soon()), ERR_OK);
	assert_int_equal(fdio_recv_fd(pair[1], message, 4, soon(), &len, &got), ERR_OK);
	assert_int_equal(got, -1);
	assert_int_equal(len, 4);
}

/* What an ill-behaved peer sends: `count` copies of its stdin. */
static void send_many(unsigned count, struct view message)
{
	union { struct cmsghdr align; char bytes[CMSG_SPACE(64 * sizeof(int))]; } control = { .bytes = { 0 } };
	char copy[64];
	memcpy(copy, message.ptr, message.len);
	struct iovec part = { copy, message.len };
	struct msghdr msg = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes,
		.msg_controllen = CMSG_SPACE(count * sizeof(int)) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(count * sizeof(int));
	for (unsigned i = 0; i < count; i++)
		memcpy(CMSG_DATA(c) + i * sizeof(int), &pair[0], sizeof(int));
	assert_int_equal(sendmsg(pair[0], &msg, 0), message.len);
}

static void extra_descriptors_are_closed(void **state)
{
	char message[16];
	size_t len;
	int got = -1;
	unsigned before = open_fds();
	(void)state;
	send_many(5, LITERAL("many"));
	assert_int_equal(fdio_recv_fd(pair[1], message, sizeof message, soon(), &len, &got), ERR_OK);
	assert_int_equal(open_fds(), before + 1);
	close(got);
}

static void refused_messages_leave_no_descriptor_behind(void **state)
{
	char message[4];
	size_t len = 99;
	int got = 77;
	unsigned before = open_fds();
	(void)state;
	send_many(1, LITERAL("too long"));
	assert_int_equal(fdio_recv_fd(pair[1], message, sizeof message, soon(), &len, &got), ERR_TOO_LARGE);
	send_many(60, LITERAL("x"));
	assert_int_equal(fdio_recv_fd(pair[1], message, sizeof message, soon(), &len, &got), ERR_INPUT);
	assert_int_equal(len, 99);
	assert_int_equal(got, 77);
	assert_int_equal(open_fds(), before);
}

static void silence_and_a_closed_peer_are_told_apart(void **state)
{
	char message[4];
	size_t len;
	int got;
	(void)state;
	assert_int_equal(fdio_recv_fd(pair[1], message, sizeof message, clock_mono_ms() + 20, &len, &got), ERR_TIMEOUT);
	close(pair[0]);
	pair[0] = -1;
	assert_int_equal(fdio_recv_fd(pair[1], message, sizeof message, soon(), &len, &got), ERR_CLOSED);
	assert_int_equal(fdio_send_fd(pair[1], LITERAL("x"), -1, soon()), ERR_CLOSED);
}

static void a_full_socket_times_out(void **state)
{
	static const uint8_t large[4096];
	enum coffer_err err = ERR_OK;
	(void)state;
	for (unsigned i = 0; i < 100000 && err == ERR_OK; i++)
		err = fdio_send_fd(pair[0], view_of(large, sizeof large), -1, clock_mono_ms() + 20);
	assert_int_equal(err, ERR_TIMEOUT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_descriptor_arrives_alive_and_close_on_exec, setup_pair, close_pair),
		cmocka_unit_test_setup_teardown(a_message_may_come_without_one, setup_pair, close_pair),
		cmocka_unit_test_setup_teardown(extra_descriptors_are_closed, setup_pair, close_pair),
		cmocka_unit_test_setup_teardown(refused_messages_leave_no_descriptor_behind, setup_pair, close_pair),
		cmocka_unit_test_setup_teardown(silence_and_a_closed_peer_are_told_apart, setup_pair, close_pair),
		cmocka_unit_test_setup_teardown(a_full_socket_times_out, setup_pair, close_pair),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
