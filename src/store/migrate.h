/* Schema steps of the SQLite store, from the first schema on. The version found is the database's user_version. */
#ifndef COFFER_STORE_MIGRATE_H
#define COFFER_STORE_MIGRATE_H

#include <sqlite3.h>

#include "base/err.h"
#include "base/reason.h"

/* Brings the database to STORE_SCHEMA_VERSION, one transaction for each step; an empty database becomes a store. Before and
 * after, its schema must be exactly that of its version. ERR_SCHEMA: newer than this program, not a Coffer store, or an
 * object that is not ours (the sentence names it). path is for sentences. */
enum coffer_err migrate_to_newest(sqlite3 *db, const char *path, struct reason *reason) MUST_USE;

#endif
