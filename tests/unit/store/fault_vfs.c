/* File access that fails on demand. */
#include "fault_vfs.h"

#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

struct fault_file {
	sqlite3_file base;
	sqlite3_file *real;
	bool is_log;
};

#define REAL_AT ((sizeof(struct fault_file) + 15u) & ~(size_t)15u)

static struct {
	bool armed, stays, happened;
	enum fault_kind kind;
	unsigned left;
	int rc;
} fault;
static bool log_unsynced, paused;
static sqlite3_vfs *below;
static sqlite3_vfs fault_vfs;

void fault_vfs_arm(enum fault_kind kind, unsigned nth, int rc, bool stays)
{
	fault.kind = kind;
	fault.left = nth;
	fault.rc = rc;
	fault.stays = stays;
	fault.happened = false;
	fault.armed = true;
}

bool fault_vfs_disarm(void)
{
	fault.armed = false;
	return fault.happened;
}

void fault_vfs_pause(bool pause)
{
	paused = pause;
}

bool fault_vfs_log_is_unsynced(void)
{
	return log_unsynced;
}

static bool strikes(enum fault_kind kind)
{
	if (!fault.armed || paused || fault.kind != kind) return false;
	if (fault.happened) return fault.stays;
	if (--fault.left) return false;
	fault.happened = true;
	return true;
}

static struct fault_file *self(sqlite3_file *f)
{
	return (struct fault_file *)(void *)f;
}

static int close_file(sqlite3_file *f)
{
	sqlite3_file *real = self(f)->real;
	return real->pMethods->xClose(real);
}

static int read_file(sqlite3_file *f, void *out, int len, sqlite3_int64 at)
{
	sqlite3_file *real = self(f)->real;
	if (strikes(FAULT_READ)) return fault.rc;
	return real->pMethods->xRead(real, out, len, at);
}

static int write_file(sqlite3_file *f, const void *bytes, int len, sqlite3_int64 at)
{
	sqlite3_file *real = self(f)->real;
	if (strikes(FAULT_WRITE)) return fault.rc;
	if (self(f)->is_log) log_unsynced = true;
	if (strikes(FAULT_TORN_WRITE)) {
		int rc = real->pMethods->xWrite(real, bytes, len / 2, at);
		return rc ? rc : fault.rc;
	}
	return real->pMethods->xWrite(real, bytes, len, at);
}

static int truncate_file(sqlite3_file *f, sqlite3_int64 len)
{
	sqlite3_file *real = self(f)->real;
	return strikes(FAULT_TRUNCATE) ? fault.rc : real->pMethods->xTruncate(real, len);
}

static int sync_file(sqlite3_file *f, int flags)
{
	sqlite3_file *real = self(f)->real;
	if (strikes(FAULT_SYNC_LOST)) return fault.rc;
	int rc = real->pMethods->xSync(real, flags);
	if (!rc && self(f)->is_log) log_unsynced = false;
	return strikes(FAULT_SYNC_LATE) ? fault.rc : rc;
}

#define FORWARD(name, params, args) \
	static int fault_##name params { sqlite3_file *real = self(f)->real; return real->pMethods->name args; }
FORWARD(xFileSize, (sqlite3_file *f, sqlite3_int64 *out), (real, out))
FORWARD(xLock, (sqlite3_file *f, int level), (real, level))
FORWARD(xUnlock, (sqlite3_file *f, int level), (real, level))
FORWARD(xCheckReservedLock, (sqlite3_file *f, int *out), (real, out))
FORWARD(xFileControl, (sqlite3_file *f, int op, void *arg), (real, op, arg))
FORWARD(xSectorSize, (sqlite3_file *f), (real))
FORWARD(xDeviceCharacteristics, (sqlite3_file *f), (real))

static const sqlite3_io_methods methods = { 1, close_file, read_file, write_file, truncate_file, sync_file, fault_xFileSize, fault_xLock,
	fault_xUnlock, fault_xCheckReservedLock, fault_xFileControl, fault_xSectorSize, fault_xDeviceCharacteristics, NULL, NULL, NULL,
	NULL, NULL, NULL };

static int open_file(sqlite3_vfs *vfs, const char *path, sqlite3_file *f, int flags, int *out_flags)
{
	(void)vfs;
	self(f)->real = (sqlite3_file *)(void *)((uint8_t *)f + REAL_AT);
	self(f)->is_log = flags & SQLITE_OPEN_WAL;
	f->pMethods = NULL;
	int rc = below->xOpen(below, path, self(f)->real, flags, out_flags);
	if (self(f)->real->pMethods) f->pMethods = &methods;
	return rc;
}

int fault_vfs_install(void)
{
	below = sqlite3_vfs_find(NULL);
	if (!below) return SQLITE_ERROR;
	fault_vfs = *below;
	fault_vfs.pNext = NULL;
	fault_vfs.zName = "fault";
	fault_vfs.szOsFile = (int)REAL_AT + below->szOsFile;
	fault_vfs.xOpen = open_file;
	return sqlite3_vfs_register(&fault_vfs, 1);
}
