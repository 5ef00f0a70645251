/* The mark beside the store: frozen answers, slots that are torn, slots of another data key. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keyring/root_mark.h"
#include "unit/keyring/frozen.h"

static int start(void **state)
{
	return frozen_start("version-root-v1.json", state);
}

static void the_mark_is_the_frozen_one_and_the_higher_slot_that_holds(void **state)
{
	char path[] = "/tmp/coffer-test-mark-XXXXXX";
	struct ring *ring = fixture_ring(1);
	struct root_mark *mark;
	uint8_t bytes[ANSWER_MAX];
	uint64_t version;
	(void)state;
	int fd = mkstemp(path);
	assert_int_equal(root_mark_open(path, &mark, NULL), ERR_OK);
	assert_int_equal(root_mark_read(mark, ring, &version), ERR_NOT_FOUND);
	root_mark_write(mark, ring, 6);
	root_mark_write(mark, ring, 7);
	assert_int_equal(pread(fd, bytes, 64, 64), 64);
	assert_frozen("mark-slot-2", bytes, 64);
	assert_int_equal(root_mark_read(mark, ring, &version), ERR_OK);
	assert_int_equal(version, 7);
	for (off_t at = 64; at < 64 + 52; at++) { /* every byte of the newer slot, one after another: the older one is left */
		uint8_t was, bent;
		assert_int_equal(pread(fd, &was, 1, at), 1);
		bent = was ^ 0x10;
		assert_int_equal(pwrite(fd, &bent, 1, at), 1);
		assert_int_equal(root_mark_read(mark, ring, &version), ERR_OK);
		assert_int_equal(version, 6);
		assert_int_equal(pwrite(fd, &was, 1, at), 1);
	}
	bytes[4] = 1; /* of the first format, which has the same fields */
	memset(bytes + 52, 0, 12);
	assert_frozen("mark-slot", bytes, 64);
	assert_int_equal(pwrite(fd, bytes, 64, 64), 64);
	assert_int_equal(root_mark_read(mark, ring, &version), ERR_OK);
	assert_int_equal(version, 7);
	struct ring *newer = fixture_ring(2); /* a mark of a key that the ring has not is not one that is not there */
	root_mark_write(mark, newer, 8);
	assert_int_equal(root_mark_generation(mark), 2);
	assert_int_equal(root_mark_read(mark, ring, &version), ERR_OK);
	for (off_t at = 0; at < 60; at++) { /* torn, it names no generation: least of all one that stood nowhere */
		uint8_t was, bent;
		assert_int_equal(pread(fd, &was, 1, at), 1);
		bent = was ^ 0x10;
		assert_int_equal(pwrite(fd, &bent, 1, at), 1);
		assert_int_equal(root_mark_generation(mark), 0); /* nor does the other one, of the first format */
		assert_int_equal(pwrite(fd, &was, 1, at), 1);
	}
	root_mark_write(mark, newer, 9);
	assert_int_equal(root_mark_read(mark, ring, &version), ERR_CORRUPT);
	root_mark_clear(mark);
	assert_int_equal(root_mark_generation(mark), 0);
	assert_int_equal(root_mark_read(mark, ring, &version), ERR_NOT_FOUND);
	ring_free(newer);
	root_mark_close(mark);
	close(fd);
	assert_int_equal(chmod(path, 0644), 0);
	struct reason why = { "" };
	assert_int_equal(root_mark_open(path, &mark, &why), ERR_USAGE);
	assert_non_null(strstr(why.text, "mode 0600"));
	unlink(path);
	assert_int_equal(symlink("/nowhere", path), 0);
	assert_int_equal(root_mark_open(path, &mark, &why), ERR_USAGE);
	unlink(path);
	ring_free(ring);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_mark_is_the_frozen_one_and_the_higher_slot_that_holds),
	};
	return cmocka_run_group_tests(tests, start, frozen_stop);
}
