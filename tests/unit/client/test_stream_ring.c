/* The ring itself, against a daemon that is broken or hostile: what is no ring is not used, what no answer should say is not believed, and neither a child nor
 * another connection touches it. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/descriptor.h"
#include "unit/client/stream_server.h"

#define SEGMENT 65536u
#define SEALED (SEGMENT + COFFER_SEGMENT_OVERHEAD)

static struct server *server;
static struct coffer *c;
static struct stream_script script;
static uint8_t plain[SEGMENT], out[SEALED], header[COFFER_STREAM_HEADER];

/* As the kernel has it: with a signal that waits, a look that does not wait is interrupted too. */
int __real_poll(struct pollfd *fds, nfds_t count, int timeout);
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout);
static unsigned interrupt, interrupted;

int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout)
{
	if (!interrupt || timeout != 0) return __real_poll(fds, count, timeout);
	interrupt--;
	interrupted++;
	errno = EINTR;
	return -1;
}

static void start(void)
{
	server = server_start(serve_streams, &script);
	c = server_connect(server, 10000, 0);
}

static void stop(void)
{
	coffer_close(c);
	server_stop(server);
}

static struct coffer_stream *begin(void)
{
	struct coffer_stream *s = NULL;
	assert_int_equal(coffer_stream_seal(c, "disk", NULL, 0, SEGMENT, header, &s), COFFER_OK);
	return s;
}

static void one_segment_goes_through(struct coffer_stream *s)
{
	size_t len = 0;
	memset(plain, 'p', sizeof plain);
	assert_int_equal(coffer_stream_send(s, plain, SEGMENT, 0), COFFER_OK);
	assert_int_equal(coffer_stream_collect(s, out, sizeof out, &len), COFFER_OK);
	assert_int_equal(len, SEALED);
	assert_int_equal(out[SEGMENT - 1], (uint8_t)('p' + 0x5a));
}

static unsigned open_descriptors(void)
{
	unsigned n = 0;
	DIR *d = opendir("/proc/self/fd");
	assert_non_null(d);
	while (readdir(d)) n++;
	closedir(d);
	return n;
}

static unsigned mapped_rings(void)
{
	char line[512];
	unsigned n = 0;
	FILE *f = fopen("/proc/self/maps", "re");
	assert_non_null(f);
	while (fgets(line, sizeof line, f)) n += strstr(line, "coffer-test-ring") != NULL;
	fclose(f);
	return n;
}

static void a_good_ring_is_used(void **state)
{
	(void)state;
	unsigned before = open_descriptors();
	script = (struct stream_script){ .segment_size = SEGMENT, .has_ring = true };
	start();
	struct coffer_stream *s = begin();
	assert_int_equal(coffer_stream_in_ring(s), 1);
	one_segment_goes_through(s);
	assert_int_equal(script.in_ring, 1);
	coffer_stream_close(s);
	stop();
	assert_int_equal(mapped_rings(), 0);
	assert_int_equal(open_descriptors(), before);
}

static void what_is_no_ring_is_left_alone_and_segments_go_in_messages(void **state)
{
	(void)state;
	for (enum ring_flaw flaw = RING_OLD_DAEMON; flaw < RING_FLAWS; flaw++) {
		print_message("flaw %d\n", (int)flaw);
		unsigned before = open_descriptors();
		script = (struct stream_script){ .segment_size = SEGMENT, .has_ring = true, .ring_flaw = flaw };
		start();
		struct coffer_stream *s = begin();
		assert_int_equal(coffer_stream_in_ring(s), 0);
		assert_string_equal(coffer_error(c), "");
		one_segment_goes_through(s);
		coffer_stream_close(s);
		s = begin();
		one_segment_goes_through(s);
		coffer_stream_close(s);
		assert_int_equal(script.asked, flaw == RING_BUSY ? 2 : 1); /* only where there may be room later it is asked for again */
		assert_int_equal(script.in_ring, 0);
		stop();
		assert_int_equal(mapped_rings(), 0);
		assert_int_equal(open_descriptors(), before);
	}
}

static void an_answer_without_its_fields_breaks_the_connection(void **state)
{
	(void)state;
	for (enum ring_flaw flaw = RING_NO_SIZE; flaw <= RING_SIZE_ALONE; flaw++) {
		unsigned before = open_descriptors();
		struct coffer_stream *s = NULL;
		script = (struct stream_script){ .segment_size = SEGMENT, .has_ring = true, .ring_flaw = flaw };
		start();
		assert_int_equal(coffer_stream_seal(c, "disk", NULL, 0, SEGMENT, header, &s), COFFER_EPROTOCOL);
		assert_null(s);
		stop();
		assert_int_equal(open_descriptors(), before);
	}
}

/* Whatever the answer says, the library neither reads nor shows anything but the slot and the length that it waits for. */
static void an_answer_for_another_slot_or_length_is_not_believed(void **state)
{
	(void)state;
	for (unsigned way = 0; way < 2 * ANSWER_FLAWS; way++) {
		enum answer_flaw flaw = (enum answer_flaw)(way / 2);
		struct coffer_stream *s;
		const void *at = NULL;
		size_t len = 7;
		if (flaw == ANSWER_GOOD) continue;
		print_message("flaw %d\n", (int)flaw);
		script = (struct stream_script){ .segment_size = SEGMENT, .has_ring = true, .answer_flaw = flaw, .bad_at = 2 };
		start();
		s = begin();
		one_segment_goes_through(s);
		assert_int_equal(coffer_stream_send(s, plain, SEGMENT, 0), COFFER_OK);
		assert_int_equal(coffer_stream_send(s, plain, SEGMENT, 0), COFFER_OK);
		enum coffer_status st = way % 2 ? coffer_stream_collect(s, out, sizeof out, &len) : coffer_stream_collect_lent(s, &at, &len);
		assert_int_equal(st, COFFER_EPROTOCOL);
		assert_int_equal(len, 7);
		assert_null(at);
		assert_int_equal(coffer_stream_send(s, plain, SEGMENT, 0), COFFER_ESTATE);
		coffer_stream_close(s);
		assert_int_equal(coffer_random(c, out, 8), COFFER_ECLOSED); /* nothing that follows can be trusted */
		stop();
	}
}

static void several_descriptors_are_none(void **state)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(2 * sizeof(int))];
	} control;
	(void)state;
	for (int count = 1; count <= 2; count++) {
		unsigned before = open_descriptors();
		int ends[2], fds[2] = { STDERR_FILENO, STDERR_FILENO }, got = DESCRIPTOR_NONE;
		char byte = 'b';
		struct iovec io = { &byte, 1 };
		struct msghdr m = { .msg_iov = &io, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = CMSG_SPACE((size_t)count * sizeof(int)) };
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
		memset(&control, 0, sizeof control);
		struct cmsghdr *h = CMSG_FIRSTHDR(&m);
		*h = (struct cmsghdr){ .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN((size_t)count * sizeof(int)) };
		memcpy(CMSG_DATA(h), fds, (size_t)count * sizeof(int));
		assert_int_equal(sendmsg(ends[0], &m, 0), 1);
		assert_int_equal(descriptor_recv(ends[1], &byte, 1, &got), 1);
		if (count == 1) {
			assert_true(fcntl(got, F_GETFD) & FD_CLOEXEC);
			close(got);
		} else {
			assert_int_equal(got, DESCRIPTOR_MANY);
		}
		close(ends[0]);
		close(ends[1]);
		assert_int_equal(open_descriptors(), before);
	}
}

static void no_ring_is_asked_for_where_none_is_wanted(void **state)
{
	struct coffer_options options = { .size = sizeof options, .server_uid = -1, .no_ring = 1 };
	(void)state;
	script = (struct stream_script){ .segment_size = SEGMENT, .has_ring = true };
	server = server_start(serve_streams, &script);
	assert_int_equal(coffer_connect(server->path, &options, &c), COFFER_OK);
	struct coffer_stream *s = begin();
	assert_int_equal(coffer_stream_in_ring(s), 0);
	one_segment_goes_through(s);
	coffer_stream_close(s);
	assert_int_equal(script.asked, 0);
	stop();
}

/* Segments of 8 MiB are too large for slots: none is asked for. */
static void large_segments_ask_for_no_ring(void **state)
{
	struct coffer_stream *s = NULL;
	(void)state;
	script = (struct stream_script){ .segment_size = 8 * 1024 * 1024, .has_ring = true };
	start();
	assert_int_equal(coffer_stream_seal(c, "disk", NULL, 0, 8 * 1024 * 1024, header, &s), COFFER_OK);
	assert_int_equal(coffer_stream_in_ring(s), 0);
	coffer_stream_close(s);
	assert_int_equal(script.asked, 0);
	stop();
}

/* The daemon takes the pages of a ring back when a connection ends. Zeros that were read then must not pass for the segment. */
static void what_is_used_after_the_daemon_hung_up_does_not_count(void **state)
{
	(void)state;
	for (int lent = 0; lent < 2; lent++) {
		const void *at = NULL;
		size_t len = 7;
		script = (struct stream_script){ .segment_size = SEGMENT, .has_ring = true, .hang_up_at = 1 };
		start();
		struct coffer_stream *s = begin();
		assert_int_equal(coffer_stream_in_ring(s), 1);
		assert_int_equal(coffer_stream_send(s, plain, SEGMENT, 1), COFFER_OK);
		server_wait_end(server); /* the answer is here, and the pages are gone */
		if (lent) {
			assert_int_equal(coffer_stream_collect_lent(s, &at, &len), COFFER_OK);
			assert_int_equal(*(const uint8_t *)at, 0);
			assert_int_equal(coffer_stream_give_back(s, at), COFFER_ECLOSED);
			assert_string_equal(coffer_error(c), "the daemon hung up while the segment was being used; begin the stream again");
		} else {
			assert_int_equal(coffer_stream_collect(s, out, sizeof out, &len), COFFER_ECLOSED);
			assert_int_equal(len, 7);
		}
		coffer_stream_close(s);
		stop();
	}
}

static void a_signal_is_no_daemon_that_hung_up(void **state)
{
	const void *at = NULL;
	size_t len = 0;
	(void)state;
	script = (struct stream_script){ .segment_size = SEGMENT, .has_ring = true };
	start();
	struct coffer_stream *s = begin();
	interrupted = 0;
	interrupt = 2;
	one_segment_goes_through(s);
	assert_int_equal(interrupted, 2);
	assert_int_equal(coffer_stream_send(s, plain, SEGMENT, 0), COFFER_OK);
	assert_int_equal(coffer_stream_collect_lent(s, &at, &len), COFFER_OK);
	interrupt = 1;
	assert_int_equal(coffer_stream_give_back(s, at), COFFER_OK);
	assert_int_equal(interrupted, 3);
	coffer_stream_close(s);
	stop();
}

/* Who looks first, and then collects, is told the same as who collects at once. */
static void what_only_looking_saw_is_said_by_the_next_call(void **state)
{
	size_t len = 7;
	unsigned looks = 0;
	(void)state;
	script = (struct stream_script){ .segment_size = SEGMENT, .has_ring = true, .garbage_at = 1 };
	start();
	struct coffer_stream *s = begin();
	assert_int_equal(coffer_stream_send(s, plain, SEGMENT, 0), COFFER_OK);
	while (!coffer_stream_ready(s)) assert_true(looks++ < 100000000);
	assert_int_equal(coffer_stream_ready(s), 1);
	assert_int_equal(coffer_stream_collect(s, out, sizeof out, &len), COFFER_EPROTOCOL);
	assert_string_equal(coffer_error(c), "what answers at the socket does not speak Coffer's protocol");
	assert_int_equal(coffer_random(c, out, 8), COFFER_ECLOSED);
	assert_string_equal(coffer_error(c), "the connection is broken; connect again");
	coffer_stream_close(s);
	stop();
}

/* In a child: the address of the ring is free, so whatever is there now is the child's own, and stays. */
static int child_closes(const uint8_t *where, struct coffer_stream *s)
{
	uint8_t *own = mmap((void *)(uintptr_t)where, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	if (own != where) return 10; /* the ring was inherited */
	memset(own, 0x77, 4096);
	coffer_stream_close(s);
	coffer_close(c);
	for (size_t i = 0; i < 4096; i++)
		if (own[i] != 0x77) return 11;
	return 0;
}

/* The ring stays with the connection, what was in it does not; another stream's piece is left alone. */
static void a_stream_s_end_wipes_what_it_used(void **state)
{
	void *piece, *other_piece;
	size_t cap;
	(void)state;
	script = (struct stream_script){ .segment_size = SEGMENT, .has_ring = true };
	start();
	struct coffer_stream *s = begin(), *other = begin();
	assert_int_equal(coffer_stream_lend(s, &piece, &cap), COFFER_OK);
	assert_int_equal(coffer_stream_lend(other, &other_piece, &cap), COFFER_OK);
	memset(piece, 'p', SEGMENT);
	memset(other_piece, 'q', SEGMENT);
	assert_int_equal(coffer_stream_give_back(s, piece), COFFER_OK);
	coffer_stream_close(s);
	const uint8_t *now = piece; /* still mapped */
	for (size_t i = 0; i < SEGMENT; i++) assert_int_equal(now[i], 0);
	assert_int_equal(((uint8_t *)other_piece)[SEGMENT - 1], 'q');
	coffer_stream_close(other);
	stop();
}

static void a_child_neither_inherits_the_ring_nor_wipes_what_lies_there(void **state)
{
	void *piece;
	size_t cap;
	int status = -1;
	(void)state;
	script = (struct stream_script){ .segment_size = SEGMENT, .has_ring = true };
	start();
	struct coffer_stream *s = begin();
	assert_int_equal(coffer_stream_lend(s, &piece, &cap), COFFER_OK);
	memset(piece, 'p', cap);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) _exit(child_closes((const uint8_t *)((uintptr_t)piece & ~(uintptr_t)4095), s));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_int_equal(((uint8_t *)piece)[SEGMENT - 1], 'p'); /* the parent goes on */
	assert_int_equal(coffer_stream_give_back(s, piece), COFFER_OK);
	one_segment_goes_through(s);
	coffer_stream_close(s);
	assert_int_equal(script.closed, 1);
	stop();
}

/* Streams until a change comes: its answer is lost with the connection. Then everything over the next one. */
static void serve_and_break_once(struct server *s)
{
	struct stream_script *t = s->arg;
	serve_streams(s); /* ends at what is not of a stream */
	unsigned asked = t->asked;
	close(s->fd);
	*t = (struct stream_script){ .segment_size = SEGMENT, .has_ring = true };
	s->fd = accept(s->listener, NULL, NULL);
	if (s->fd < 0 || !server_read(s)) return;
	server_begin(s);
	ttlv_put_enum(&s->w, TAG_OBJECT_TYPE, OBJECT_TYPE_SYMMETRIC_KEY);
	ttlv_put_str(&s->w, TAG_UNIQUE_IDENTIFIER, "01234567-89ab-4def-8123-456789abcdef");
	if (!server_write(s, server_end(s))) return;
	serve_streams(s);
	t->asked += asked;
}

static void after_a_new_connection_the_old_pieces_stay_until_their_stream_is_closed_and_a_ring_is_asked_for_again(void **state)
{
	char uuid[COFFER_UUID_TEXT];
	const void *at = NULL;
	void *piece = NULL;
	size_t cap, len;
	(void)state;
	script = (struct stream_script){ .segment_size = SEGMENT, .has_ring = true };
	server = server_start(serve_and_break_once, &script);
	c = server_connect(server, 10000, 0);
	struct coffer_stream *s = begin();
	assert_int_equal(coffer_stream_send(s, plain, SEGMENT, 0), COFFER_OK);
	assert_int_equal(coffer_stream_collect_lent(s, &at, &len), COFFER_OK);
	assert_int_equal(coffer_stream_lend(s, &piece, &cap), COFFER_OK);
	assert_int_equal(coffer_key_create(c, "new", NULL, NULL, uuid), COFFER_OK);
	memset(piece, 'x', cap); /* still there */
	assert_int_equal(coffer_stream_send_lent(s, piece, cap, 0), COFFER_ECLOSED);
	assert_int_equal(coffer_stream_give_back(s, at), COFFER_ECLOSED);
	struct coffer_stream *next = begin();
	assert_int_equal(coffer_stream_in_ring(next), 1);
	one_segment_goes_through(next);
	assert_int_equal(((const uint8_t *)piece)[0], 'x'); /* another ring, another place */
	coffer_stream_close(s);
	one_segment_goes_through(next);
	coffer_stream_close(next);
	stop();
	assert_int_equal(script.asked, 2);
	assert_int_equal(script.in_ring, 2);
	assert_int_equal(mapped_rings(), 0);
}

static void a_new_connection_may_have_the_ring_that_the_old_one_had_not(void **state)
{
	char uuid[COFFER_UUID_TEXT];
	(void)state;
	script = (struct stream_script){ .segment_size = SEGMENT, .has_ring = false };
	server = server_start(serve_and_break_once, &script);
	c = server_connect(server, 10000, 0);
	struct coffer_stream *s = begin();
	assert_int_equal(coffer_stream_in_ring(s), 0);
	assert_int_equal(coffer_key_create(c, "new", NULL, NULL, uuid), COFFER_OK);
	coffer_stream_close(s);
	s = begin();
	assert_int_equal(coffer_stream_in_ring(s), 1);
	one_segment_goes_through(s);
	coffer_stream_close(s);
	stop();
}

static void nothing_of_what_was_used_is_left_in_the_ring(void **state)
{
	(void)state;
	script = (struct stream_script){ .segment_size = SEGMENT, .has_ring = true, .keeps_ring = true };
	start();
	struct coffer_stream *s = begin();
	one_segment_goes_through(s);
	assert_int_equal(script.ring[0], (uint8_t)('p' + 0x5a));
	coffer_stream_close(s);
	stop();
	for (size_t i = 0; i < script.ring_size; i++) assert_int_equal(script.ring[i], 0);
	munmap(script.ring, script.ring_size);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_ring_is_used),
		cmocka_unit_test(what_is_no_ring_is_left_alone_and_segments_go_in_messages),
		cmocka_unit_test(an_answer_without_its_fields_breaks_the_connection),
		cmocka_unit_test(an_answer_for_another_slot_or_length_is_not_believed),
		cmocka_unit_test(several_descriptors_are_none),
		cmocka_unit_test(no_ring_is_asked_for_where_none_is_wanted),
		cmocka_unit_test(large_segments_ask_for_no_ring),
		cmocka_unit_test(what_is_used_after_the_daemon_hung_up_does_not_count),
		cmocka_unit_test(a_signal_is_no_daemon_that_hung_up),
		cmocka_unit_test(a_stream_s_end_wipes_what_it_used),
		cmocka_unit_test(what_only_looking_saw_is_said_by_the_next_call),
		cmocka_unit_test(a_child_neither_inherits_the_ring_nor_wipes_what_lies_there),
		cmocka_unit_test(after_a_new_connection_the_old_pieces_stay_until_their_stream_is_closed_and_a_ring_is_asked_for_again),
		cmocka_unit_test(a_new_connection_may_have_the_ring_that_the_old_one_had_not),
		cmocka_unit_test(nothing_of_what_was_used_is_left_in_the_ring),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
