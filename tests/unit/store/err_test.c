/* SQLite's codes in the project's terms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "store/sqlite_internal.h"

static void every_result_code_has_its_meaning(void **state)
{
	static const struct { int rc; enum coffer_err want; } cases[] = {
		{ SQLITE_OK, ERR_OK }, { SQLITE_ROW, ERR_OK }, { SQLITE_DONE, ERR_OK }, { SQLITE_BUSY, ERR_BUSY },
		{ SQLITE_BUSY_RECOVERY, ERR_BUSY }, { SQLITE_FULL, ERR_FULL }, { SQLITE_NOMEM, ERR_MEMORY },
		{ SQLITE_IOERR_NOMEM, ERR_MEMORY }, { SQLITE_IOERR_FSYNC, ERR_IO }, { SQLITE_IOERR_WRITE, ERR_IO },
		{ SQLITE_CANTOPEN_SYMLINK, ERR_IO }, { SQLITE_READONLY_DIRECTORY, ERR_IO }, { SQLITE_CORRUPT_INDEX, ERR_CORRUPT },
		{ SQLITE_NOTADB, ERR_CORRUPT }, { SQLITE_CONSTRAINT_PRIMARYKEY, ERR_EXISTS }, { SQLITE_CONSTRAINT_NOTNULL, ERR_STORE },
		{ SQLITE_TOOBIG, ERR_TOO_LARGE }, { SQLITE_MISUSE, ERR_BUG }, { SQLITE_ERROR, ERR_STORE }, { SQLITE_INTERNAL, ERR_STORE },
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) assert_int_equal(sqlite_err(cases[i].rc), cases[i].want);
}

static void failed_commit_is_unknown_unless_it_was_certainly_rolled_back(void **state)
{
	static const struct { int rc; enum coffer_err want; } cases[] = {
		{ SQLITE_FULL, ERR_FULL }, { SQLITE_BUSY, ERR_BUSY }, { SQLITE_IOERR_FSYNC, ERR_UNKNOWN_OUTCOME },
		{ SQLITE_IOERR_WRITE, ERR_UNKNOWN_OUTCOME }, { SQLITE_NOMEM, ERR_UNKNOWN_OUTCOME }, { SQLITE_CORRUPT, ERR_UNKNOWN_OUTCOME },
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_int_equal(sqlite_commit_fail(NULL, cases[i].rc, "x", NULL), cases[i].want);
}

static void full_disk_is_told_in_words(void **state)
{
	struct reason reason = { "" };
	(void)state;
	assert_int_equal(sqlite_fail(NULL, SQLITE_FULL, "/x/store.db", &reason), ERR_FULL);
	assert_non_null(strstr(reason.text, "the disk is full"));
	assert_non_null(strstr(reason.text, "/x/store.db"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_result_code_has_its_meaning),
		cmocka_unit_test(failed_commit_is_unknown_unless_it_was_certainly_rolled_back),
		cmocka_unit_test(full_disk_is_told_in_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
