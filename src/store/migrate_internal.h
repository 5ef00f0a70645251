/* The steps as data, so that a test can add one of its own. */
#ifndef COFFER_STORE_MIGRATE_INTERNAL_H
#define COFFER_STORE_MIGRATE_INTERNAL_H

#include <stddef.h>

#include "store/migrate.h"

/* Step n (from 0) leads from schema n to n + 1. One line of SQL or many; no transaction commands. */
struct migrate_steps {
	const char *const *sql;
	size_t count; /* the newest schema */
};

extern const struct migrate_steps migrate_steps_all;

#define MIGRATE_APPLICATION_ID 0x434f4652 /* "COFR", in the file's header */

/* migrate_to_newest with other steps. */
enum coffer_err migrate_run(sqlite3 *db, const struct migrate_steps *steps, const char *path, struct reason *reason) MUST_USE;

#endif
