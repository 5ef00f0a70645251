/* The order to move the store, as a file: what is written is read, and nothing else is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "ops/move_order.h"

static char dir[64], path[96];

static int begin(void **state)
{
	(void)state;
	snprintf(dir, sizeof dir, "/tmp/move-order-XXXXXX");
	if (!mkdtemp(dir)) return -1;
	snprintf(path, sizeof path, "%s/" MOVE_ORDER_NAME, dir);
	return 0;
}

static int end(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(dir);
}

static struct move_order some(void)
{
	struct move_order o = { .phase = MOVE_ORDERED, .to_database = true, .move_id = { 1, 2, 3 }, .ordered_s = 7, .by = "unix:0", .conninfo = "host=db user=coffer", .schema = "coffer",
		.passfile = "/etc/coffer/db-password" };
	return o;
}

static void test_comes_back(void **state)
{
	(void)state;
	struct move_order o = some(), found;
	struct stat st;
	char place[128];
	assert_int_equal(move_order_read(dir, &found, NULL), ERR_OK);
	assert_int_equal(found.phase, MOVE_NONE);
	for (unsigned phase = MOVE_ORDERED; phase <= MOVE_DONE; phase++) {
		o.phase = (enum move_phase)phase;
		o.switched_s = phase;
		assert_int_equal(move_order_write(dir, &o, NULL), ERR_OK);
		assert_int_equal(move_order_read(dir, &found, NULL), ERR_OK);
		assert_true(found.phase == o.phase && found.to_database && found.ordered_s == 7 && found.switched_s == phase && memcmp(found.move_id, o.move_id, sizeof o.move_id) == 0);
		assert_string_equal(found.by, o.by);
		assert_string_equal(found.conninfo, o.conninfo);
		assert_string_equal(found.schema, o.schema);
		assert_string_equal(found.passfile, o.passfile);
	}
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	move_order_place(&found, true, place, sizeof place);
	assert_string_equal(place, "PostgreSQL, schema coffer");
	move_order_place(&found, false, place, sizeof place);
	assert_string_equal(place, "SQLite (store.db)");
	assert_int_equal(move_order_remove(dir, NULL), ERR_OK);
	assert_int_equal(move_order_remove(dir, NULL), ERR_OK);
	assert_int_equal(move_order_read(dir, &found, NULL), ERR_OK);
	assert_int_equal(found.phase, MOVE_NONE);
}

/* It may say that the store is elsewhere: what cannot be read is never taken for none. */
static void test_damaged(void **state)
{
	(void)state;
	struct move_order o = some(), found;
	struct reason reason = { "" };
	struct stat st;
	assert_int_equal(move_order_write(dir, &o, NULL), ERR_OK);
	assert_int_equal(stat(path, &st), 0);
	for (off_t at = 0; at < st.st_size; at++) {
		uint8_t byte;
		int fd = open(path, O_RDWR | O_CLOEXEC);
		assert_true(fd >= 0 && pread(fd, &byte, 1, at) == 1);
		byte ^= 1;
		assert_int_equal(pwrite(fd, &byte, 1, at), 1);
		assert_int_equal(move_order_read(dir, &found, &reason), ERR_CORRUPT);
		assert_int_equal(found.phase, MOVE_NONE);
		assert_non_null(strstr(reason.text, "is damaged or of a newer version"));
		byte ^= 1;
		assert_int_equal(pwrite(fd, &byte, 1, at), 1);
		close(fd);
	}
	assert_int_equal(move_order_read(dir, &found, NULL), ERR_OK);
	for (off_t len = st.st_size - 1; len >= 0; len--) {
		assert_int_equal(truncate(path, len), 0);
		assert_int_equal(move_order_read(dir, &found, NULL), ERR_CORRUPT);
	}
}

static int group(void **state)
{
	struct reason reason = { "" };
	(void)state;
	return arena_init(1024 * 1024, false, &reason) == ERR_OK ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_comes_back, begin, end),
		cmocka_unit_test_setup_teardown(test_damaged, begin, end),
	};
	return cmocka_run_group_tests(tests, group, NULL);
}
