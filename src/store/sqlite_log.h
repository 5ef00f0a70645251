/* The write-ahead log's file: what SQLite writes to it one behind the other goes to the file in one piece.
 *
 * SQLite writes the log a frame at a time, its header of 24 bytes and its page apart: a commit of 13 pages is 26 calls of the system. This file keeps them
 * together and lets go of them before anything that could tell the difference: a sync, a read of these bytes, a cut, a question after the length, the end.
 * So their order stays, and nothing counts as durable that was not written and then synced. A write that fails is told by the call that let go of it, which
 * for a commit is its sync; then these bytes are dropped, as SQLite does with a frame that it could not write. */
#ifndef COFFER_STORE_SQLITE_LOG_H
#define COFFER_STORE_SQLITE_LOG_H

#include <sqlite3.h>
#include <stddef.h>

#define SQLITE_LOG_KEEP (120u * 1024u) /* bytes kept together at most; SQLite's own file access takes less than 128 KiB in one call */

/* Bytes that the file needs before those of the one below, which begins at this distance. */
#define SQLITE_LOG_REAL_AT 48u

/* Takes the file over: `real` is open and lies SQLITE_LOG_REAL_AT bytes behind `f`, in the same memory. Without memory every write goes through by itself.
 * SQLite's calls, on the store's thread. */
void sqlite_log_wrap(sqlite3_file *f, sqlite3_file *real);

#endif
