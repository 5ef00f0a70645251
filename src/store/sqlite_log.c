/* Writes of the log kept together. */
#include "store/sqlite_log.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct log_file {
	sqlite3_file base;   /* what SQLite sees */
	sqlite3_file *real;
	uint8_t *kept;       /* SQLITE_LOG_KEEP bytes; NULL: nothing is kept */
	size_t len;          /* of them hold something … */
	sqlite3_int64 at;    /* … that belongs here */
};
_Static_assert(sizeof(struct log_file) <= SQLITE_LOG_REAL_AT, "the file below begins behind");

static struct log_file *self(sqlite3_file *f)
{
	return (struct log_file *)(void *)f;
}

/* Lets go of what is kept. What could not be written is not kept any longer. */
static int let_go(struct log_file *l)
{
	size_t len = l->len;
	l->len = 0;
	return len ? l->real->pMethods->xWrite(l->real, l->kept, (int)len, l->at) : SQLITE_OK;
}

static int log_write(sqlite3_file *f, const void *bytes, int len, sqlite3_int64 at)
{
	struct log_file *l = self(f);
	bool follows = l->len > 0 && at == l->at + (sqlite3_int64)l->len && (size_t)len <= SQLITE_LOG_KEEP - l->len;
	if (!follows) {
		int rc = let_go(l);
		if (rc) return rc;
		if (!l->kept || (size_t)len > SQLITE_LOG_KEEP) return l->real->pMethods->xWrite(l->real, bytes, len, at);
		l->at = at;
	}
	memcpy(l->kept + l->len, bytes, (size_t)len);
	l->len += (size_t)len;
	return SQLITE_OK;
}

static int log_read(sqlite3_file *f, void *out, int len, sqlite3_int64 at)
{
	struct log_file *l = self(f);
	bool apart = l->len == 0 || at + len <= l->at || at >= l->at + (sqlite3_int64)l->len;
	int rc = apart ? SQLITE_OK : let_go(l);
	return rc ? rc : l->real->pMethods->xRead(l->real, out, len, at);
}

static int log_close(sqlite3_file *f)
{
	struct log_file *l = self(f);
	int rc = let_go(l), closed = l->real->pMethods->xClose(l->real);
	free(l->kept);
	l->kept = NULL;
	return rc ? rc : closed;
}

/* Every other call finds the file as SQLite wrote it. */
#define AFTER(name, params, args) \
	static int log_##name params \
	{ \
		struct log_file *l = self(f); \
		int rc = let_go(l); \
		return rc ? rc : l->real->pMethods->name args; \
	}
AFTER(xTruncate, (sqlite3_file *f, sqlite3_int64 len), (l->real, len))
AFTER(xSync, (sqlite3_file *f, int flags), (l->real, flags))
AFTER(xFileSize, (sqlite3_file *f, sqlite3_int64 *out), (l->real, out))

/* No call about the file's bytes. */
#define FORWARD(name, params, args) \
	static int log_##name params { struct log_file *l = self(f); return l->real->pMethods->name args; }
FORWARD(xLock, (sqlite3_file *f, int level), (l->real, level))
FORWARD(xUnlock, (sqlite3_file *f, int level), (l->real, level))
FORWARD(xCheckReservedLock, (sqlite3_file *f, int *out), (l->real, out))
FORWARD(xFileControl, (sqlite3_file *f, int op, void *arg), (l->real, op, arg))
FORWARD(xSectorSize, (sqlite3_file *f), (l->real))
FORWARD(xDeviceCharacteristics, (sqlite3_file *f), (l->real))

/* Version 1: no shared memory and no memory map, which the store does not use. */
static const sqlite3_io_methods log_methods = {
	.iVersion = 1,
	.xClose = log_close,
	.xRead = log_read,
	.xWrite = log_write,
	.xTruncate = log_xTruncate,
	.xSync = log_xSync,
	.xFileSize = log_xFileSize,
	.xLock = log_xLock,
	.xUnlock = log_xUnlock,
	.xCheckReservedLock = log_xCheckReservedLock,
	.xFileControl = log_xFileControl,
	.xSectorSize = log_xSectorSize,
	.xDeviceCharacteristics = log_xDeviceCharacteristics,
};

void sqlite_log_wrap(sqlite3_file *f, sqlite3_file *real)
{
	*self(f) = (struct log_file){ .base = { &log_methods }, .real = real, .kept = malloc(SQLITE_LOG_KEEP) };
}
