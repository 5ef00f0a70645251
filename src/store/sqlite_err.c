/* SQLite's result codes in the project's terms, and the sentences for people. */
#include <errno.h>
#include <string.h>

#include "store/sqlite_internal.h"

enum coffer_err sqlite_err(int rc)
{
	static const struct { int rc; enum coffer_err err; } extended[] = {
		{ SQLITE_IOERR_NOMEM, ERR_MEMORY },
		{ SQLITE_CONSTRAINT_PRIMARYKEY, ERR_EXISTS },
		{ SQLITE_CONSTRAINT_UNIQUE, ERR_EXISTS },
		{ SQLITE_IOERR_CORRUPTFS, ERR_CORRUPT },
	};
	static const struct { int rc; enum coffer_err err; } primary[] = {
		{ SQLITE_OK, ERR_OK }, { SQLITE_ROW, ERR_OK }, { SQLITE_DONE, ERR_OK },
		{ SQLITE_BUSY, ERR_BUSY }, { SQLITE_LOCKED, ERR_BUSY },
		{ SQLITE_NOMEM, ERR_MEMORY }, { SQLITE_FULL, ERR_FULL },
		{ SQLITE_CORRUPT, ERR_CORRUPT }, { SQLITE_NOTADB, ERR_CORRUPT }, { SQLITE_MISMATCH, ERR_CORRUPT },
		{ SQLITE_IOERR, ERR_IO }, { SQLITE_CANTOPEN, ERR_IO }, { SQLITE_READONLY, ERR_IO }, { SQLITE_PERM, ERR_IO },
		{ SQLITE_TOOBIG, ERR_TOO_LARGE }, { SQLITE_SCHEMA, ERR_SCHEMA }, { SQLITE_MISUSE, ERR_BUG },
	};
	for (size_t i = 0; i < sizeof extended / sizeof extended[0]; i++)
		if (extended[i].rc == rc) return extended[i].err;
	for (size_t i = 0; i < sizeof primary / sizeof primary[0]; i++)
		if (primary[i].rc == (rc & 0xff)) return primary[i].err;
	return ERR_STORE;
}

enum coffer_err sqlite_fail(sqlite3 *db, int rc, const char *path, struct reason *reason)
{
	/* Some of SQLite's ways out say no more than "error" when memory was short. */
	if (db && rc == SQLITE_ERROR && (sqlite3_errcode(db) & 0xff) == SQLITE_NOMEM) rc = SQLITE_NOMEM;
	enum coffer_err err = sqlite_err(rc);
	const char *detail = db ? sqlite3_errmsg(db) : sqlite3_errstr(rc);
	int cause = db ? sqlite3_system_errno(db) : 0;
	if (err == ERR_IO && cause == EDQUOT) err = ERR_FULL;
	switch (err) {
	case ERR_BUSY:
		return reason_fail(reason, err, "the store %s is in use by another process; stop that one first", path);
	case ERR_FULL:
		return reason_fail(reason, err, "the disk is full: the store %s could not write and changed nothing; make room on its "
			"file system and try again", path);
	case ERR_CORRUPT:
		return reason_fail(reason, err, "the store %s is damaged (%s); restore it from a backup", path, detail);
	case ERR_MEMORY:
		return reason_fail(reason, err, "out of memory in the store %s; give the process more memory", path);
	case ERR_OK: /* a success cannot be what failed */
		return reason_fail(reason, ERR_BUG, "the store %s reported a failure without a cause", path);
	default:
		return reason_fail(reason, err, "the store %s failed: %s%s%s (SQLite code %d); check the disk and the permissions", path,
			detail, cause ? ": " : "", cause ? strerror(cause) : "", rc);
	}
}

enum coffer_err sqlite_commit_fail(sqlite3 *db, int rc, const char *path, struct reason *reason)
{
	enum coffer_err err = sqlite_err(rc);
	if (err == ERR_FULL || err == ERR_BUSY) return sqlite_fail(db, rc, path, reason);
	/* Out of memory counts too: SQLite extends its map of the log after the commit record is on disk. */
	return reason_fail(reason, ERR_UNKNOWN_OUTCOME, "the store %s failed while committing (%s, SQLite code %d); it is not known "
		"whether the change was made until the store is opened again", path, sqlite3_errmsg(db), rc);
}
