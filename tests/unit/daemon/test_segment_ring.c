/* Rings are counted, bounded for all and for each principal, sealed, and gone when they are closed. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/ct.h"
#include "daemon/daemon.h"
#include "daemon/peers.h"
#include "daemon/segment_ring.h"

#define MIB (1024u * 1024u)

struct setting {
	struct daemon daemon;
	struct config config;
	struct peer *peers[3];
};

static int start(void **state)
{
	struct setting *s = calloc(1, sizeof *s);
	if (!s || pthread_mutex_init(&s->daemon.budget_lock, NULL) != 0) return -1;
	s->config.ring_memory = 8 * MIB;
	s->daemon.engine.config = &s->config;
	for (size_t i = 0; i < 3; i++)
		if (!(s->peers[i] = calloc(1, sizeof *s->peers[i] + 1))) return -1;
	*state = s;
	return 0;
}

/* Nothing is left counted. */
static int stop(void **state)
{
	struct setting *s = *state;
	int left = s->daemon.engine.ring_bytes != 0 || s->daemon.engine.rings != 0;
	for (size_t i = 0; i < 3; i++) {
		left |= s->peers[i]->ring_bytes != 0;
		free(s->peers[i]);
	}
	free(s);
	return left ? -1 : 0;
}

static enum coffer_err open_ring(struct setting *s, size_t peer, size_t bytes, struct segment_ring *out, const char *sentence)
{
	struct reason reason = { "" };
	enum coffer_err err = segment_ring_open(&s->daemon, s->peers[peer], bytes, out, &reason);
	if (err && !strstr(reason.text, sentence)) fail_msg("'%s' does not say '%s'", reason.text, sentence);
	return err;
}

static void all_together_and_each_principal_are_bounded(void **state)
{
	struct setting *s = *state;
	struct segment_ring ring[5];
	assert_int_equal(open_ring(s, 0, 4 * MIB + 4096, &ring[0], "your rings"), ERR_BUSY);
	assert_int_equal(open_ring(s, 0, 9 * MIB, &ring[0], "no room"), ERR_BUSY);
	assert_int_equal(open_ring(s, 0, SIZE_MAX - 4095, &ring[0], "no room"), ERR_BUSY);
	assert_int_equal(open_ring(s, 0, 3 * MIB, &ring[0], ""), ERR_OK);
	assert_int_equal(open_ring(s, 0, MIB, &ring[1], ""), ERR_OK);
	assert_int_equal(open_ring(s, 0, 4096, &ring[2], "your rings"), ERR_BUSY);
	assert_int_equal(open_ring(s, 1, 3 * MIB, &ring[2], ""), ERR_OK);
	assert_int_equal(open_ring(s, 2, 2 * MIB, &ring[3], "no room"), ERR_BUSY);
	assert_int_equal(open_ring(s, 2, MIB, &ring[3], ""), ERR_OK);
	assert_int_equal(s->daemon.engine.rings, 4);
	assert_int_equal(s->daemon.engine.ring_bytes, 8 * MIB);
	segment_ring_close(&ring[1]);
	assert_int_equal(open_ring(s, 0, MIB, &ring[1], ""), ERR_OK);
	s->config.ring_memory = 0; /* what is there stays */
	assert_int_equal(open_ring(s, 2, 4096, &ring[4], "no room"), ERR_BUSY);
	for (size_t i = 0; i < 4; i++) segment_ring_close(&ring[i]);
}

static void a_machine_that_may_refuse_memory_has_no_rings(void **state)
{
	struct setting *s = *state;
	struct segment_ring ring;
	s->daemon.no_rings = true;
	assert_int_equal(open_ring(s, 0, 4096, &ring, "no room"), ERR_BUSY);
}

/* A failure of the system is Busy with its cause, and nothing stays counted or open. */
static void without_descriptors_there_is_no_ring(void **state)
{
	struct setting *s = *state;
	struct segment_ring ring;
	int fds[4096], count = 0;
	errno = 0;
	while (count < 4096 && (fds[count] = dup(0)) >= 0) count++;
	int err = errno;
	enum coffer_err got = count < 4096 ? open_ring(s, 0, 4096, &ring, "Too many open files") : ERR_BUSY;
	while (count > 0) close(fds[--count]);
	assert_int_equal(got, ERR_BUSY);
	assert_true(err == EMFILE || err == 0);
}

static void it_is_sealed_and_private_and_whole(void **state)
{
	struct setting *s = *state;
	struct segment_ring ring;
	struct stat st;
	assert_int_equal(open_ring(s, 0, 2 * MIB, &ring, ""), ERR_OK);
	int seals = fcntl(ring.fd, F_GET_SEALS);
	assert_int_equal(seals & (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL | F_SEAL_WRITE), F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	assert_int_equal(fstat(ring.fd, &st), 0);
	assert_int_equal(st.st_size, 2 * MIB);
	assert_int_equal(st.st_blocks * 512, 2 * MIB);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(fcntl(ring.fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	assert_int_equal(ftruncate(ring.fd, 4096), -1);
	assert_int_equal(ftruncate(ring.fd, 4 * MIB), -1);
	memset(ring.memory, 0xEE, ring.bytes);
	segment_ring_close(&ring);
	assert_null(ring.memory);
	segment_ring_close(&ring); /* again: nothing */
}

/* Whoever maps it still finds it empty, and it takes no memory. */
static void closing_takes_the_pages_back(void **state)
{
	struct setting *s = *state;
	struct segment_ring ring;
	struct stat st;
	assert_int_equal(open_ring(s, 0, MIB, &ring, ""), ERR_OK);
	int fd = dup(ring.fd);
	uint8_t *client = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(client, MAP_FAILED);
	memset(client, 0xEE, MIB);
	segment_ring_close(&ring);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_blocks, 0);
	assert_true(ct_is_zero(client, MIB));
	munmap(client, MIB);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(all_together_and_each_principal_are_bounded, start, stop),
		cmocka_unit_test_setup_teardown(a_machine_that_may_refuse_memory_has_no_rings, start, stop),
		cmocka_unit_test_setup_teardown(without_descriptors_there_is_no_ring, start, stop),
		cmocka_unit_test_setup_teardown(it_is_sealed_and_private_and_whole, start, stop),
		cmocka_unit_test_setup_teardown(closing_takes_the_pages_back, start, stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
