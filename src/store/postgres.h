/* The store on PostgreSQL 14 or newer, for domains of several nodes: a schema of one database, one connection, serializable transactions.
 *
 * Only coffer-stored links this (and libpq); cofferd sees a store of sealed rows behind a socket. Threads as in store.h: a handle belongs to one thread at a
 * time. Every call ends within its deadline, whatever server and network do. */
#ifndef COFFER_STORE_POSTGRES_H
#define COFFER_STORE_POSTGRES_H

#include "store/store.h"

struct postgres_config {
	const char *conninfo;       /* libpq's string or URI; a password stands in the file that its passfile names, never here. Several hosts (at most POSTGRES_HOSTS_MAX) are asked at
	                               once; of those that take writes the one with the highest timeline is used */
	const char *schema;         /* 1 to 40 of a-z, 0-9 and _, not a digit first; belongs to this domain alone */
	uint64_t writer;            /* who writes: one connection of a writer at a time. cofferd's own number, made once for its state folder */
	uint32_t connect_ms;        /* until a server has answered and is found good; all hosts together */
	uint32_t statement_ms;      /* until a statement, or the end of a transaction, is answered, together with what was sent before it without waiting */
	uint64_t system;            /* a server of another system, or of a lower timeline, is passed over; 0: not known */
	uint32_t timeline;
};
#define POSTGRES_HOSTS_MAX 16u
/* What is sent before its answers are waited for: so many statements, so many bytes of values. */
#define POSTGRES_SENT_MAX 64u
#define POSTGRES_SENT_BYTES_MAX 262144u

/* Connects, and makes the schema where it is missing (guarded by an advisory lock, in one transaction). ERR_USAGE: the configuration; ERR_TIMEOUT; ERR_CLOSED: no server that
 * takes writes is to be reached; ERR_CORRUPT: those that do are former primary servers, or of another system; ERR_BUSY: this writer has another connection that does not end; ERR_SCHEMA; ERR_STORE; ERR_MEMORY. Caller closes.
 *
 * Beyond store.h:
 * - Any call may return ERR_BUSY because another writer was faster (SQLSTATE 40001, 40P01): the transaction is doomed, nothing of it is there, and it may be run again.
 * - A connection that is lost before COMMIT was sent dooms the transaction (ERR_CLOSED): nothing of it is there. No call but store_reopen makes it anew. From COMMIT on the outcome is unknown, also when the server says
 *   that it committed but that its standby may not have it, or answers that it does not know (SQLSTATE 40003, class 08).
 * - store_reopen waits until the server has ended what the lost connection was doing (a lock of that session), and makes one commit of its own, which is
 *   acknowledged only when everything before it is as durable as the server was told to make it. So what is read afterwards stays.
 * - store_scrub_deleted does nothing: old versions of rows stay in the files, logs and backups of the database until it clears them. What must not be read again is under a data
 *   key that was rotated away. */
enum coffer_err store_open_postgres(const struct postgres_config *config, struct store **out, struct reason *reason) MUST_USE;

/* The server of an open store. name, for people: "host:port", a folder where it is a Unix socket. version as 150004. system and timeline name the history that it writes: a promoted standby
 * has the system of its primary server and a higher timeline; 0: it does not say. */
struct postgres_server {
	char name[256];
	uint32_t version, timeline;
	uint64_t system;
};
void store_postgres_server(struct store *s, struct postgres_server *out);

/* What a connection string names, for who confines the process before it connects. ERR_USAGE: it cannot be read, holds a password (which belongs into a file), or sets what
 * Coffer sets itself. Caller closes. */
struct store_conninfo;
enum coffer_err store_conninfo_open(const char *conninfo, struct store_conninfo **out, struct reason *reason) MUST_USE;
/* Each file or folder that libpq will read for it; borrowed from the conninfo. At most POSTGRES_FILES_MAX. */
#define POSTGRES_FILES_MAX 7u
void store_conninfo_files(const struct store_conninfo *c, void (*fn)(void *arg, const char *path), void *arg);
void store_conninfo_close(struct store_conninfo *c);

#endif
