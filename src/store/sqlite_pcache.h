/* SQLite's page cache, spared a walk that finds nothing.
 *
 * When SQLite balances a tree it lets a page have the number of the byte range for locks (1 GiB into the file) for a moment, and its page cache then takes
 * that for the largest number it has. So the next commit, which drops pages behind the end of the file, walks through the whole cache in search of some: with
 * 32 MiB of it a seventh of the time of a durable create. This layer knows the numbers better and asks only when there can be such a page. */
#ifndef COFFER_STORE_SQLITE_PCACHE_H
#define COFFER_STORE_SQLITE_PCACHE_H

#include <sqlite3.h>

/* Makes *out, a page cache over `below`, of which there is one in a process: the last call counts. Before SQLite starts. */
void sqlite_pcache_over(const sqlite3_pcache_methods2 *below, sqlite3_pcache_methods2 *out);
/* Puts it over SQLite's own. Does nothing when SQLite was started before. */
void sqlite_pcache_install(void);

#endif
