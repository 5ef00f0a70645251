/* Opening: a connection with every defence on, the schema ours and the newest; making a new file. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "store/migrate.h"
#include "store/sqlite_internal.h"

#define BUSY_TIMEOUT_MS 500   /* the only other user can be a daemon that is just ending */
#define ROW_LEN_MAX (8 << 20) /* bytes; STORE_BODY_MAX, header, index and room */

#define TEXT_OF_(x) #x
#define TEXT_OF(x) TEXT_OF_(x)

/* What must hold on every connection: the statement's only value must be the text. */
static const struct { const char *sql, *want; } settings[] = {
	{ "PRAGMA trusted_schema = OFF", NULL },
	{ "PRAGMA cell_size_check = ON", NULL },
	{ "PRAGMA page_size = " TEXT_OF(SQLITE_STORE_PAGE_LEN), NULL }, /* of a new file */
	{ "PRAGMA mmap_size = 0", NULL },
	{ "PRAGMA temp_store = MEMORY", NULL },
	{ "PRAGMA secure_delete = ON", "1" },
	/* Before the first use of the log: then its index lives in this process's memory and no -shm file is made, and no
	 * other process can open the store. */
	{ "PRAGMA locking_mode = EXCLUSIVE", "exclusive" },
	{ "PRAGMA journal_mode = WAL", "wal" },
	{ "PRAGMA synchronous = FULL", NULL },
	{ "PRAGMA wal_autocheckpoint = " TEXT_OF(SQLITE_STORE_LOG_PAGES), TEXT_OF(SQLITE_STORE_LOG_PAGES) },
	{ "PRAGMA page_size", TEXT_OF(SQLITE_STORE_PAGE_LEN) },
	{ "PRAGMA max_page_count = " TEXT_OF(SQLITE_STORE_PAGE_COUNT_MAX), TEXT_OF(SQLITE_STORE_PAGE_COUNT_MAX) },
	{ "PRAGMA synchronous", "2" },
	{ "PRAGMA secure_delete", "1" },
	{ "PRAGMA trusted_schema", "0" },
	{ "PRAGMA temp_store", "2" },
};

static int set_defences(sqlite3 *db)
{
	static const struct { int option, value; } options[] = {
		{ SQLITE_DBCONFIG_DEFENSIVE, 1 }, { SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0 }, { SQLITE_DBCONFIG_WRITABLE_SCHEMA, 0 },
		{ SQLITE_DBCONFIG_ENABLE_TRIGGER, 0 }, { SQLITE_DBCONFIG_ENABLE_VIEW, 0 }, { SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0 },
		{ SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER, 0 }, { SQLITE_DBCONFIG_DQS_DML, 0 }, { SQLITE_DBCONFIG_DQS_DDL, 0 },
	};
	for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
		int now = -1;
		int rc = sqlite3_db_config(db, options[i].option, options[i].value, &now);
		if (rc) return rc;
		if (now != options[i].value) return SQLITE_ERROR;
	}
	sqlite3_limit(db, SQLITE_LIMIT_LENGTH, ROW_LEN_MAX);
	sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
	sqlite3_limit(db, SQLITE_LIMIT_WORKER_THREADS, 0);
	return sqlite3_busy_timeout(db, BUSY_TIMEOUT_MS);
}

static int apply_setting(sqlite3 *db, const char *sql, const char *want)
{
	sqlite3_stmt *stmt = NULL;
	bool matches = !want;
	int rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);
	if (!rc) rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW && want) {
		const unsigned char *got = sqlite3_column_text(stmt, 0);
		if (!got) rc = SQLITE_NOMEM; /* every setting has a text */
		matches = got && strcmp((const char *)got, want) == 0;
	}
	int end = sqlite3_finalize(stmt);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE) return end ? end : rc;
	return matches ? SQLITE_OK : SQLITE_ERROR;
}

/* Configured, but its schema not looked at yet. */
static enum coffer_err open_file(const char *path, sqlite3 **out, struct reason *reason)
{
	sqlite3 *db = NULL;
	int rc = sqlite_vfs_register();
	if (!rc) rc = sqlite3_open_v2(path, &db,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_EXRESCODE, SQLITE_STORE_VFS);
	if (!rc) rc = set_defences(db);
	/* SQLite falls back to reading without a word. */
	if (!rc && sqlite3_db_readonly(db, "main") == 1) rc = SQLITE_READONLY;
	for (size_t i = 0; i < sizeof settings / sizeof settings[0] && !rc; i++)
		rc = apply_setting(db, settings[i].sql, settings[i].want);
	if (!rc) {
		*out = db;
		return ERR_OK;
	}
	enum coffer_err err = (rc & 0xff) == SQLITE_READONLY
		? reason_fail(reason, ERR_IO, "the store %s cannot be written; make its file and file system writable", path)
		: sqlite_fail(db, rc, path, reason);
	sqlite3_close(db);
	return err;
}

/* SQLite cuts the log and does not sync that: after a power loss its old bytes could be back. */
static int sync_log(sqlite3 *db)
{
	sqlite3_file *log = NULL;
	int rc = sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
	if (rc || !log || !log->pMethods) return rc;
	return log->pMethods->xSync(log, SQLITE_SYNC_NORMAL);
}

enum coffer_err sqlite_checkpoint(sqlite3 *db, const char *path, struct reason *reason)
{
	int rc = sqlite3_wal_checkpoint_v2(db, "main", SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	if (!rc) rc = sync_log(db);
	return rc ? sqlite_fail(db, rc, path, reason) : ERR_OK;
}

/* A whole store under the new name: all of it in the file, the log gone. */
static enum coffer_err fill_new(const char *new_path, struct reason *reason)
{
	sqlite3 *db = NULL;
	TRY(open_file(new_path, &db, reason));
	enum coffer_err err = migrate_to_newest(db, new_path, reason);
	if (!err) err = sqlite_checkpoint(db, new_path, reason);
	int rc = sqlite3_close(db);
	if (!err && rc) err = sqlite_fail(NULL, rc, new_path, reason);
	return err;
}

static enum coffer_err make_new(const char *path, struct reason *reason)
{
	AUTO_FREE char *new_path = NULL;
	AUTO_FD int lock = -1;
	enum coffer_err err = sqlite_file_make(path, &new_path, &lock, reason);
	if (err == ERR_EXISTS) return ERR_OK;
	TRY(err);
	err = fill_new(new_path, reason);
	if (!err) err = sqlite_file_adopt(new_path, path, reason);
	if (err) sqlite_file_discard(new_path);
	return err;
}

enum coffer_err sqlite_connect(const char *path, bool may_create, sqlite3 **out, struct reason *reason)
{
	bool exists;
	sqlite3 *db = NULL;
	TRY(sqlite_file_check(path, &exists, reason));
	if (!exists && !may_create)
		return reason_fail(reason, ERR_IO, "the store %s has disappeared; restore it from a backup", path);
	if (!exists) TRY(make_new(path, reason));
	TRY(open_file(path, &db, reason));
	enum coffer_err err = migrate_to_newest(db, path, reason);
	if (err) {
		sqlite3_close(db);
		return err;
	}
	*out = db;
	return ERR_OK;
}
