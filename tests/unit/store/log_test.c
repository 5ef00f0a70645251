/* Writes of the log that are kept together: over a file of memory that counts its calls. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store/sqlite_log.h"

#define FRAME 4120
#define FILE_MAX (1024u * 1024u)

static struct {
	uint8_t bytes[FILE_MAX];
	sqlite3_int64 len;
	unsigned writes, syncs;
	int largest;
	int write_rc;
	bool synced; /* since the last write */
} below;

static int below_write(sqlite3_file *f, const void *bytes, int len, sqlite3_int64 at)
{
	(void)f;
	below.writes++;
	if (below.write_rc) return below.write_rc;
	assert_in_range(at + len, 0, FILE_MAX);
	memcpy(below.bytes + at, bytes, (size_t)len);
	if (at + len > below.len) below.len = at + len;
	if (len > below.largest) below.largest = len;
	below.synced = false;
	return SQLITE_OK;
}

static int below_read(sqlite3_file *f, void *out, int len, sqlite3_int64 at)
{
	(void)f;
	if (at + len > below.len) return SQLITE_IOERR_SHORT_READ;
	memcpy(out, below.bytes + at, (size_t)len);
	return SQLITE_OK;
}

static int below_sync(sqlite3_file *f, int flags)
{
	(void)f;
	(void)flags;
	below.syncs++;
	below.synced = true;
	return SQLITE_OK;
}

static int below_truncate(sqlite3_file *f, sqlite3_int64 len)
{
	(void)f;
	below.len = len;
	return SQLITE_OK;
}

static int below_size(sqlite3_file *f, sqlite3_int64 *out)
{
	(void)f;
	*out = below.len;
	return SQLITE_OK;
}

static int below_close(sqlite3_file *f)
{
	(void)f;
	return SQLITE_OK;
}

static const sqlite3_io_methods methods = { .iVersion = 1, .xClose = below_close, .xRead = below_read, .xWrite = below_write, .xTruncate = below_truncate,
	.xSync = below_sync, .xFileSize = below_size };

static union { sqlite3_file file; uint8_t room[SQLITE_LOG_REAL_AT + sizeof(sqlite3_file)]; max_align_t align; } memory;
static sqlite3_file *const f = &memory.file;

static int start(void **state)
{
	(void)state;
	sqlite3_file *real = (sqlite3_file *)(void *)(memory.room + SQLITE_LOG_REAL_AT);
	memset(&below, 0, sizeof below);
	real->pMethods = &methods;
	sqlite_log_wrap(f, real);
	return 0;
}

static int finish(void **state)
{
	(void)state;
	return f->pMethods ? f->pMethods->xClose(f) == SQLITE_OK ? 0 : 1 : 0;
}

/* A frame is a header and a page that begin with its number; from the beginning of the file on. */
static void write_frame(unsigned n)
{
	uint8_t page[FRAME - 24], header[24];
	memset(page, (int)n, sizeof page);
	memset(header, (int)n + 1, sizeof header);
	assert_int_equal(f->pMethods->xWrite(f, header, sizeof header, (sqlite3_int64)n * FRAME), SQLITE_OK);
	assert_int_equal(f->pMethods->xWrite(f, page, sizeof page, (sqlite3_int64)n * FRAME + 24), SQLITE_OK);
}

static void assert_frames(unsigned count)
{
	assert_int_equal(below.len, count * FRAME);
	for (unsigned n = 0; n < count; n++) {
		assert_int_equal(below.bytes[n * FRAME], n + 1);
		assert_int_equal(below.bytes[n * FRAME + 24], n);
		assert_int_equal(below.bytes[(n + 1) * FRAME - 1], n);
	}
}

static void commit_is_one_write_and_then_the_sync(void **state)
{
	(void)state;
	for (unsigned n = 0; n < 13; n++) write_frame(n);
	assert_int_equal(below.writes, 0);
	assert_int_equal(f->pMethods->xSync(f, SQLITE_SYNC_NORMAL), SQLITE_OK);
	assert_int_equal(below.writes, 1);
	assert_int_equal(below.syncs, 1);
	assert_true(below.synced); /* nothing was written behind it */
	assert_frames(13);
}

static void large_commits_go_in_pieces_that_sqlite_takes(void **state)
{
	(void)state;
	for (unsigned n = 0; n < 100; n++) write_frame(n);
	assert_int_equal(f->pMethods->xSync(f, SQLITE_SYNC_NORMAL), SQLITE_OK);
	assert_frames(100);
	assert_in_range(below.writes, 2, 6);
	assert_in_range(below.largest, 1, 0x1ffff);
}

static void what_is_read_is_what_was_written(void **state)
{
	uint8_t got[8], changed[8] = "changed";
	(void)state;
	write_frame(0);
	write_frame(1);
	assert_int_equal(f->pMethods->xRead(f, got, sizeof got, FRAME + 24), SQLITE_OK);
	assert_int_equal(got[0], 1);
	/* Over what was written before: the newer stays. */
	assert_int_equal(f->pMethods->xWrite(f, changed, sizeof changed, 24), SQLITE_OK);
	assert_int_equal(f->pMethods->xRead(f, got, sizeof got, 20), SQLITE_OK);
	assert_memory_equal(got + 4, changed, 4);
	assert_int_equal(f->pMethods->xRead(f, got, sizeof got, 28), SQLITE_OK);
	assert_memory_equal(got, changed + 4, 4);
}

static void order_of_writes_stays(void **state)
{
	uint8_t older[16], newer[16];
	(void)state;
	memset(older, 1, sizeof older);
	memset(newer, 2, sizeof newer);
	assert_int_equal(f->pMethods->xWrite(f, older, sizeof older, 100), SQLITE_OK);
	assert_int_equal(f->pMethods->xWrite(f, newer, sizeof newer, 92), SQLITE_OK);
	assert_int_equal(f->pMethods->xSync(f, SQLITE_SYNC_NORMAL), SQLITE_OK);
	assert_int_equal(below.bytes[92], 2);
	assert_int_equal(below.bytes[107], 2);
	assert_int_equal(below.bytes[108], 1);
}

static void size_and_cut_see_what_was_written(void **state)
{
	sqlite3_int64 len;
	(void)state;
	write_frame(0);
	assert_int_equal(f->pMethods->xFileSize(f, &len), SQLITE_OK);
	assert_int_equal(len, FRAME);
	write_frame(1);
	assert_int_equal(f->pMethods->xTruncate(f, 0), SQLITE_OK);
	assert_int_equal(f->pMethods->xFileSize(f, &len), SQLITE_OK);
	assert_int_equal(len, 0);
}

static void failed_write_fails_the_sync_and_is_not_tried_again(void **state)
{
	(void)state;
	write_frame(0);
	below.write_rc = SQLITE_FULL;
	assert_int_equal(f->pMethods->xSync(f, SQLITE_SYNC_NORMAL), SQLITE_FULL);
	assert_int_equal(below.syncs, 0); /* a sync that succeeds would say that the commit is there */
	below.write_rc = SQLITE_OK;
	assert_int_equal(f->pMethods->xSync(f, SQLITE_SYNC_NORMAL), SQLITE_OK);
	assert_int_equal(below.len, 0);
	write_frame(0);
	assert_int_equal(f->pMethods->xSync(f, SQLITE_SYNC_NORMAL), SQLITE_OK);
	assert_frames(1);
}

static void end_leaves_nothing_behind(void **state)
{
	(void)state;
	write_frame(0);
	assert_int_equal(f->pMethods->xClose(f), SQLITE_OK);
	f->pMethods = NULL;
	assert_frames(1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(commit_is_one_write_and_then_the_sync),
		TEST(large_commits_go_in_pieces_that_sqlite_takes),
		TEST(what_is_read_is_what_was_written),
		TEST(order_of_writes_stays),
		TEST(size_and_cut_see_what_was_written),
		TEST(failed_write_fails_the_sync_and_is_not_tried_again),
		TEST(end_leaves_nothing_behind),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
