/* The store in a database, behind coffer-stored (store = postgres). */
#ifndef COFFER_DAEMON_DATABASE_H
#define COFFER_DAEMON_DATABASE_H

#include "daemon/daemon.h"

#define DATABASE_WRITER_NAME "store.writer" /* in state_dir: the number by which the database knows who writes, 16 hexadecimal digits */

/* Starts coffer-stored and opens the store. A database that is away is no failure: the store is away then, and opened by store_care. After link_open, before the
 * threads. ERR_USAGE, ERR_SCHEMA, ERR_UNSUPPORTED, ERR_IO, ERR_MEMORY. */
enum coffer_err database_open(struct daemon *d, struct store **out, struct reason *reason) MUST_USE;

/* The same for a database that is not, or not yet, the node's store, with the deadlines of the configuration and this node's writer: *out_lost as in store_open_remote. Any thread but
 * the main one. Caller closes. */
struct database_address {
	const char *conninfo, *schema, *passfile;
};
enum coffer_err database_connect(struct daemon *d, const struct database_address *at, struct store **out, enum coffer_err *out_lost, struct reason *reason) MUST_USE;

#endif
