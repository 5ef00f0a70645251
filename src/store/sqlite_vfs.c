/* A thin layer over SQLite's file access that leaves no deleted bytes in the database file.
 *
 * secure_delete overwrites a cell where it is erased. But when SQLite rebuilds a page (cells move to a neighbour), old
 * copies stay in the unused gap between the cell pointers and the cell content, and an erase that comes later does not find
 * them. Nothing ever reads that gap, so this layer clears it in every page that is written to the database file. Pages in
 * the log are left alone: its checksums cover them, and store_scrub_deleted empties it.
 *
 *   page:  | header | cell pointers → |   gap: cleared   | ← cell content |      (SQLite file format, section 1.6) */
#include <pthread.h>
#include <string.h>

#include "store/sqlite_internal.h"
#include "store/sqlite_log.h"
#include "store/sqlite_pcache.h"

struct gap_file {
	sqlite3_file base;  /* what SQLite sees */
	sqlite3_file *real; /* behind this struct, in the same memory */
};

#define REAL_AT ((sizeof(struct gap_file) + 15u) & ~(size_t)15u)
#define FILE_HEADER_LEN 100 /* bytes of the first page before its page header */

static sqlite3_file *real_of(sqlite3_file *f)
{
	return ((struct gap_file *)(void *)f)->real;
}

static sqlite3_vfs *under(sqlite3_vfs *vfs)
{
	return vfs->pAppData;
}

static size_t u16_at(const uint8_t *page, size_t at)
{
	return (size_t)page[at] << 8 | page[at + 1];
}

/* Clears the gap of a b-tree page. Other kinds begin with the high byte of a page number, which is 0 while the database is
 * within max_page_count (SQLITE_STORE_PAGE_COUNT_MAX). */
static void clear_gap(uint8_t page[static SQLITE_STORE_PAGE_LEN], bool is_first)
{
	size_t head = is_first ? FILE_HEADER_LEN : 0;
	uint8_t kind = page[head];
	bool is_interior = kind == 2 || kind == 5, is_leaf = kind == 10 || kind == 13;
	if (!is_interior && !is_leaf) return;
	size_t begin = head + (is_interior ? 12 : 8) + 2 * u16_at(page, head + 3);
	size_t end = u16_at(page, head + 5);
	if (begin < end && end <= SQLITE_STORE_PAGE_LEN) memset(page + begin, 0, end - begin);
}

static int gap_write(sqlite3_file *f, const void *bytes, int len, sqlite3_int64 at)
{
	uint8_t page[SQLITE_STORE_PAGE_LEN];
	sqlite3_file *real = real_of(f);
	if (len != SQLITE_STORE_PAGE_LEN || at % SQLITE_STORE_PAGE_LEN != 0) return real->pMethods->xWrite(real, bytes, len, at);
	memcpy(page, bytes, sizeof page);
	clear_gap(page, at == 0);
	return real->pMethods->xWrite(real, page, len, at);
}

static int gap_close(sqlite3_file *f)
{
	sqlite3_file *real = real_of(f);
	return real->pMethods->xClose(real);
}

/* Every other call goes through as it is. */
#define FORWARD(name, params, args) \
	static int gap_##name params { sqlite3_file *real = real_of(f); return real->pMethods->name args; }
FORWARD(xRead, (sqlite3_file *f, void *out, int len, sqlite3_int64 at), (real, out, len, at))
FORWARD(xTruncate, (sqlite3_file *f, sqlite3_int64 len), (real, len))
FORWARD(xSync, (sqlite3_file *f, int flags), (real, flags))
FORWARD(xFileSize, (sqlite3_file *f, sqlite3_int64 *out), (real, out))
FORWARD(xLock, (sqlite3_file *f, int level), (real, level))
FORWARD(xUnlock, (sqlite3_file *f, int level), (real, level))
FORWARD(xCheckReservedLock, (sqlite3_file *f, int *out), (real, out))
FORWARD(xFileControl, (sqlite3_file *f, int op, void *arg), (real, op, arg))
FORWARD(xSectorSize, (sqlite3_file *f), (real))
FORWARD(xDeviceCharacteristics, (sqlite3_file *f), (real))

/* Version 1: no shared memory and no memory map, which the store does not use. */
static const sqlite3_io_methods gap_methods = {
	.iVersion = 1,
	.xClose = gap_close,
	.xRead = gap_xRead,
	.xWrite = gap_write,
	.xTruncate = gap_xTruncate,
	.xSync = gap_xSync,
	.xFileSize = gap_xFileSize,
	.xLock = gap_xLock,
	.xUnlock = gap_xUnlock,
	.xCheckReservedLock = gap_xCheckReservedLock,
	.xFileControl = gap_xFileControl,
	.xSectorSize = gap_xSectorSize,
	.xDeviceCharacteristics = gap_xDeviceCharacteristics,
};

static int open_log(sqlite3_vfs *vfs, const char *path, sqlite3_file *f, int flags, int *out_flags)
{
	sqlite3_file *real = (sqlite3_file *)(void *)((uint8_t *)f + SQLITE_LOG_REAL_AT);
	f->pMethods = NULL;
	int rc = under(vfs)->xOpen(under(vfs), path, real, flags, out_flags);
	if (real->pMethods) sqlite_log_wrap(f, real);
	return rc;
}

static int vfs_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *f, int flags, int *out_flags)
{
	if (flags & SQLITE_OPEN_WAL) return open_log(vfs, path, f, flags, out_flags);
	if (!(flags & SQLITE_OPEN_MAIN_DB)) return under(vfs)->xOpen(under(vfs), path, f, flags, out_flags);
	struct gap_file *g = (struct gap_file *)(void *)f;
	g->real = (sqlite3_file *)(void *)((uint8_t *)f + REAL_AT);
	g->base.pMethods = NULL;
	int rc = under(vfs)->xOpen(under(vfs), path, g->real, flags, out_flags);
	/* A file with methods is closed even after a failed open. */
	if (g->real->pMethods) g->base.pMethods = &gap_methods;
	return rc;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *path, int sync_dir)
{
	return under(vfs)->xDelete(under(vfs), path, sync_dir);
}

static int vfs_access(sqlite3_vfs *vfs, const char *path, int flags, int *out)
{
	return under(vfs)->xAccess(under(vfs), path, flags, out);
}

static int vfs_full_path(sqlite3_vfs *vfs, const char *path, int cap, char *out)
{
	return under(vfs)->xFullPathname(under(vfs), path, cap, out);
}

static int vfs_randomness(sqlite3_vfs *vfs, int len, char *out)
{
	return under(vfs)->xRandomness(under(vfs), len, out);
}

static int vfs_sleep(sqlite3_vfs *vfs, int us)
{
	return under(vfs)->xSleep(under(vfs), us);
}

static int vfs_time(sqlite3_vfs *vfs, double *out)
{
	return under(vfs)->xCurrentTime(under(vfs), out);
}

static int vfs_last_error(sqlite3_vfs *vfs, int cap, char *out)
{
	return under(vfs)->xGetLastError(under(vfs), cap, out);
}

static sqlite3_vfs gap_vfs = {
	.iVersion = 1,
	.zName = SQLITE_STORE_VFS,
	.xOpen = vfs_open,
	.xDelete = vfs_delete,
	.xAccess = vfs_access,
	.xFullPathname = vfs_full_path,
	.xRandomness = vfs_randomness,
	.xSleep = vfs_sleep,
	.xCurrentTime = vfs_time,
	.xGetLastError = vfs_last_error,
};

static pthread_mutex_t registering = PTHREAD_MUTEX_INITIALIZER; /* guards gap_vfs until it is registered */

int sqlite_vfs_register(void)
{
	int rc = SQLITE_OK;
	pthread_mutex_lock(&registering);
	if (!gap_vfs.pAppData) sqlite_pcache_install(); /* looking for the layer below starts SQLite */
	sqlite3_vfs *below = gap_vfs.pAppData ? NULL : sqlite3_vfs_find(NULL);
	if (below) {
		_Static_assert(SQLITE_LOG_REAL_AT >= REAL_AT, "room for either kind of file");
		gap_vfs.szOsFile = (int)SQLITE_LOG_REAL_AT + below->szOsFile;
		gap_vfs.mxPathname = below->mxPathname;
		gap_vfs.pAppData = below;
		rc = sqlite3_vfs_register(&gap_vfs, 0);
		if (rc) gap_vfs.pAppData = NULL;
	} else if (!gap_vfs.pAppData) {
		rc = SQLITE_NOMEM; /* SQLite could not start */
	}
	pthread_mutex_unlock(&registering);
	return rc;
}
