/* The store of another process: coffer-stored, which alone talks to a database (docs/formats.md section 25). This end links no network library.
 *
 * Threads as in store.h, but for store_remote_facts. The process is made by a spawner and may hang or die at any time: every call has a deadline. */
#ifndef COFFER_STORE_REMOTE_H
#define COFFER_STORE_REMOTE_H

#include "store/store.h"

/* Who starts and ends coffer-stored. */
struct store_spawner {
	/* A new process and its channel (a stream socket, the caller's). ERR_TIMEOUT, ERR_CLOSED … with a sentence. Within some seconds. */
	enum coffer_err (*start)(void *arg, int *out_fd, uint32_t *out_instance, struct reason *reason);
	void (*kill)(void *arg, uint32_t instance); /* one that ended already is no error */
	void *arg;
};

struct remote_config {
	const char *conninfo;   /* as in store/postgres.h; at most REMOTE_CONNINFO_MAX bytes */
	const char *schema;
	const char *passfile;   /* "": none; read by coffer-stored */
	uint64_t writer;
	uint32_t connect_ms, statement_ms;
};

/* Starts coffer-stored and opens the store through it. What may pass (ERR_CLOSED, ERR_TIMEOUT, ERR_BUSY, ERR_LIMIT, ERR_STORE …) is no failure: then the store is
 * lost from the beginning, *out_lost says why with the sentence in reason, and store_reopen opens it. ERR_USAGE, ERR_SCHEMA, ERR_UNSUPPORTED, ERR_MEMORY: there is none. The
 * spawner is borrowed. Caller closes.
 *
 * Beyond store.h:
 * - ERR_BUSY: another writer was faster; nothing of the transaction is there and it may be run again.
 * - ERR_CLOSED, ERR_TIMEOUT before COMMIT was sent: nothing of the transaction is there; every call but store_reopen returns ERR_CLOSED from then on. From COMMIT on it is
 *   ERR_UNKNOWN_OUTCOME.
 * - store_reopen ends the process and has a new one made, which reads nothing before the lost connection has ended (store/postgres.h). */
enum coffer_err store_open_remote(const struct remote_config *config, const struct store_spawner *spawner, struct store **out, enum coffer_err *out_lost,
	struct reason *reason) MUST_USE;

/* For status; copied. Any thread, while the store is open. */
struct remote_facts {
	char server[256];        /* host and port of the connection, or of the last one; "": there was none yet */
	char schema[64];
	uint32_t version;        /* of the server, as 150004 */
	uint64_t latency_us;     /* of the last answer */
	uint64_t opened;         /* how often the store was opened */
	uint64_t lost_wall_s;    /* since when it is lost; 0: it is there */
};
void store_remote_facts(struct store *s, struct remote_facts *out);

#endif
