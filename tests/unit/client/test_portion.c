/* In which portions requests go to the socket. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "client/portion.h"
#include "unit/client/pair.h"

#define MOST (400u * 1024u)
#define BLOCK 32768u

/* ---- the lengths ---- */

/* Blocks of pages for a message of the kernel's, and whether it is a whole one. */
static bool is_whole_block(size_t message)
{
	return message > PORTION_HEAD && (message - PORTION_HEAD + PORTION_PAGE - 1) / PORTION_PAGE * PORTION_PAGE == BLOCK;
}

static void test_all_of_it_goes(void **state)
{
	(void)state;
	for (size_t len = 1; len <= MOST; len++) {
		size_t rest = len;
		for (unsigned parts = 0; rest; parts++) {
			size_t part = portion_of(rest);
			assert_true(part > 0 && part <= rest && parts < 3);
			rest -= part;
		}
	}
}

/* Of each portion only the last message of the kernel's may be of another kind than a whole block, and that only where halves would be, too. */
static void test_whole_blocks(void **state)
{
	(void)state;
	assert_true(is_whole_block(PORTION_MIN) && is_whole_block(PORTION_MAX));
	assert_false(is_whole_block(PORTION_MIN - 1) || is_whole_block(PORTION_MAX + 1));
	for (size_t len = 2 * PORTION_MIN; len <= MOST; len++) {
		size_t rest = len, messages = (len + PORTION_MAX - 1) / PORTION_MAX;
		bool halves = len - (messages - 2) * PORTION_MAX >= 2 * PORTION_MIN;
		while (halves && rest) {
			size_t part = portion_of(rest);
			for (size_t at = 0; at < part; at += PORTION_MAX) assert_true(is_whole_block(part - at < PORTION_MAX ? part - at : PORTION_MAX));
			rest -= part;
		}
	}
}

static void test_what_cannot_be_helped_goes_at_once(void **state)
{
	(void)state;
	static const size_t lengths[] = { 1, 64, PORTION_HEAD, 20000, PORTION_MIN, PORTION_MAX, 2 * PORTION_MIN - 1 };
	for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) assert_int_equal(portion_of(lengths[i]), lengths[i]);
	assert_int_equal(portion_of(2 * PORTION_MIN), PORTION_MIN);
	assert_int_equal(portion_of(65536 + 1), 32769);
	assert_int_equal(portion_of(2 * PORTION_MAX), PORTION_MAX);
	assert_int_equal(portion_of(2 * PORTION_MAX + 1), PORTION_MAX);
	assert_int_equal(portion_of((size_t)1024 * 1024), 27 * (size_t)PORTION_MAX);
}

/* ---- a connection ---- */

static struct sends { unsigned count; size_t len[64]; size_t most; bool full; } sends; /* most: bytes that the socket takes at once */

ssize_t __real_send(int fd, const void *buf, size_t len, int flags);
ssize_t __wrap_send(int fd, const void *buf, size_t len, int flags);
ssize_t __real_sendmsg(int fd, const struct msghdr *m, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *m, int flags);

/* What came to the other end. */
static struct { const struct pair *from; uint8_t bytes[3 * 65536]; size_t len; } came;

static void take_what_came(void)
{
	ssize_t n;
	while ((n = recv(came.from->peer, came.bytes + came.len, sizeof came.bytes - came.len, MSG_DONTWAIT)) > 0) came.len += (size_t)n;
}

/* Full each other time, until somebody reads. */
static bool refuses(void)
{
	sends.full = !sends.full && sends.most != SIZE_MAX;
	if (!sends.full) return false;
	take_what_came();
	errno = EAGAIN;
	return true;
}

static void count_send(size_t len)
{
	assert_true(sends.count < sizeof sends.len / sizeof sends.len[0]);
	sends.len[sends.count++] = len;
}

ssize_t __wrap_send(int fd, const void *buf, size_t len, int flags)
{
	if (refuses()) return -1;
	count_send(len);
	return __real_send(fd, buf, len < sends.most ? len : sends.most, flags);
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *m, int flags)
{
	struct iovec parts[3];
	struct msghdr cut = *m;
	size_t len = 0, left = sends.most;
	if (refuses()) return -1;
	assert_true(m->msg_iovlen <= 3);
	for (size_t i = 0; i < m->msg_iovlen; i++) {
		assert_true(m->msg_iov[i].iov_len > 0);
		parts[i] = m->msg_iov[i];
		len += parts[i].iov_len;
		if (parts[i].iov_len > left) parts[i].iov_len = left;
		left -= parts[i].iov_len;
	}
	cut.msg_iov = parts;
	count_send(len);
	return __real_sendmsg(fd, &cut, flags);
}

static struct pair begin(size_t most)
{
	static struct pair p;
	int buffer = 212992; /* twice that, wherever */
	p = pair_open(1);
	came.from = &p;
	came.len = 0;
	sends = (struct sends){ .most = SIZE_MAX };
	assert_int_equal(setsockopt(p.c->fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer), 0);
	sends.most = most;
	return p;
}

static uint8_t plain[65536], once[65536 + 4096];

static void send_ahead(const struct pair *p, size_t len)
{
	for (size_t i = 0; i < len; i++) plain[i] = (uint8_t)(i ^ i >> 8 ^ i >> 12);
	assert_int_equal(coffer_encrypt_send(p->c, "disk", NULL, 0, plain, len), COFFER_OK);
}

static void test_the_first_one_goes_at_once(void **state)
{
	(void)state;
	struct pair p = begin(SIZE_MAX);
	send_ahead(&p, sizeof plain);
	assert_int_equal(sends.count, 1);
	assert_true(sends.len[0] > sizeof plain);
	pair_close(&p);
}

static void test_those_behind_it_go_in_halves(void **state)
{
	(void)state;
	struct pair p = begin(SIZE_MAX);
	send_ahead(&p, sizeof plain);
	size_t first = sends.len[0];
	for (unsigned i = 0; i < 2; i++) {
		send_ahead(&p, sizeof plain);
		assert_int_equal(sends.count, 3 + 2 * i);
		assert_int_equal(sends.len[1 + 2 * i] + sends.len[2 + 2 * i], first);
		assert_true(is_whole_block(sends.len[1 + 2 * i]) && is_whole_block(sends.len[2 + 2 * i]));
	}
	pair_close(&p);
}

/* Two of 16 KiB stand in one block. */
static void test_smaller_ones_are_gathered(void **state)
{
	(void)state;
	struct pair p = begin(SIZE_MAX);
	for (unsigned i = 0; i < 12; i++) send_ahead(&p, 16384);
	for (unsigned i = 2; i < sends.count; i++) assert_true(is_whole_block(sends.len[i]));
	assert_in_range(sends.count, 6, 8);
	pair_close(&p);
}

/* However little the socket takes at once, and although it is full each other time, two of them are twice the bytes of one that went at once. */
static void test_the_same_bytes_come(void **state)
{
	(void)state;
	static const size_t mosts[] = { SIZE_MAX, 4096, 5000, 31000, 32768, 32873, 36544, 65000, 65600 };
	struct pair p = begin(SIZE_MAX);
	send_ahead(&p, sizeof plain);
	take_what_came();
	size_t len = came.len;
	assert_true(sends.count == 1 && len > sizeof plain && len <= sizeof once);
	memcpy(once, came.bytes, len);
	pair_close(&p);
	for (size_t i = 0; i < sizeof mosts / sizeof mosts[0]; i++) {
		p = begin(mosts[i]);
		for (unsigned k = 0; k < 2; k++) send_ahead(&p, sizeof plain);
		take_what_came();
		assert_int_equal(came.len, 2 * len);
		assert_memory_equal(came.bytes, once, len);
		assert_memory_equal(came.bytes + len, once, len);
		pair_close(&p);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_of_it_goes), cmocka_unit_test(test_whole_blocks), cmocka_unit_test(test_what_cannot_be_helped_goes_at_once),
		cmocka_unit_test(test_the_first_one_goes_at_once), cmocka_unit_test(test_those_behind_it_go_in_halves),
		cmocka_unit_test(test_smaller_ones_are_gathered), cmocka_unit_test(test_the_same_bytes_come),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
