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

static bool refuses(void)
{
	sends.full = !sends.full && sends.most != SIZE_MAX;
	errno = EAGAIN;
	return sends.full;
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
	int buffer = 1 << 20;
	struct pair p = pair_open(1);
	sends = (struct sends){ .most = SIZE_MAX };
	assert_int_equal(setsockopt(p.c->fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer), 0);
	sends.most = most;
	return p;
}

static size_t read_all(const struct pair *p, uint8_t *out, size_t cap)
{
	size_t at = 0;
	ssize_t n;
	while ((n = recv(p->peer, out + at, cap - at, MSG_DONTWAIT)) > 0) at += (size_t)n;
	return at;
}

static uint8_t plain[65536], once[3 * 65536], again[3 * 65536];

static void send_ahead(const struct pair *p, size_t len)
{
	memset(plain, 'p', sizeof plain);
	plain[len - 1] = 'e';
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
	for (unsigned i = 0; i < 20; i++) send_ahead(&p, 16384);
	for (unsigned i = 2; i < sends.count; i++) assert_true(is_whole_block(sends.len[i]));
	assert_in_range(sends.count, 9, 11);
	pair_close(&p);
}

/* However little the socket takes at once, and although it is full each other time, the same bytes come. */
static void test_the_same_bytes_come(void **state)
{
	(void)state;
	static const size_t mosts[] = { 4096, 5000, 31000, 32768, 32873, 36544, 65000, 65600 };
	struct pair p = begin(SIZE_MAX);
	for (unsigned i = 0; i < 2; i++) send_ahead(&p, sizeof plain);
	size_t len = read_all(&p, once, sizeof once);
	assert_true(len > 2 * sizeof plain);
	pair_close(&p);
	for (size_t i = 0; i < sizeof mosts / sizeof mosts[0]; i++) {
		p = begin(mosts[i]);
		for (unsigned k = 0; k < 2; k++) send_ahead(&p, sizeof plain);
		assert_int_equal(read_all(&p, again, sizeof again), len);
		assert_memory_equal(again, once, len);
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
