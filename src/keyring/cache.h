/* A node's own sealed copy of what it uses of a store that several nodes write, so that it starts and opens while that store is gone (docs/formats.md section 23.5). Rows stand in it as they
 * are (R, seal and MAC the same), in a file of the SQLite store; a sealed record says what all of them are together, and the mark beside the node how new that record must be.
 * It never holds what the node heard to be changed: rows leave it before that is acted on, and come back as they are read anew. Store thread. */
#ifndef COFFER_KEYRING_CACHE_H
#define COFFER_KEYRING_CACHE_H

#include "keyring/ring.h"
#include "keyring/root_mark.h"
#include "store/store.h"

struct cache;

struct cache_facts {
	bool well;        /* attached, and what is there is what was written last */
	bool whole;       /* it has all that a start needs */
	uint64_t rows, bytes, limit;
	uint64_t as_of_ms; /* until then the changes of others are in it; wall clock */
};

/* Opens or makes the file (mode 0600); one that is damaged is made anew. Errors as store_open_sqlite but ERR_CORRUPT. limit: bytes of rows, and max_rows how many of them. Caller closes. */
enum coffer_err cache_open(const char *path, uint64_t limit, uint64_t max_rows, struct cache **out, struct reason *reason) MUST_USE;
/* The file of a SQLite store and what stands beside it. None there is no error. ERR_IO. */
enum coffer_err cache_remove_files(const char *path) MUST_USE;
/* Accepts NULL. */
void cache_close(struct cache *c);
/* Its rows. Slots may be read before it is attached: they are authentic by themselves. Writes go through the functions below. */
struct store *cache_rows(struct cache *c);

/* Reads all of it and compares it with its record and the mark, which is read before (root_seen_load). ring and mark are borrowed until cache_detach. ERR_NOT_FOUND: there is nothing in it;
 * ERR_CORRUPT: it is older than this node knows, edited, another node's or torn. It is not attached then, and cache_begin_anew makes it empty. Errors of the store. */
enum coffer_err cache_attach(struct cache *c, struct ring *ring, struct root_mark *mark, struct reason *reason) MUST_USE;
void cache_detach(struct cache *c);
/* Attached to this ring from now on: the same data keys in another one. */
void cache_set_ring(struct cache *c, struct ring *ring);
/* All rows go: the file is removed and made again. Attached afterwards, and empty. When it fails what stands there is not trusted by any later start where the mark could be written. */
enum coffer_err cache_begin_anew(struct cache *c, struct ring *ring, struct root_mark *mark, struct reason *reason) MUST_USE;

/* The file is gone; nothing is in the cache until cache_begin_anew. ERR_IO. */
enum coffer_err cache_remove(struct cache *c) MUST_USE;

/* One transaction. What is written counts with cache_commit. ERR_STATE: it is not attached, or was not well any more. */
enum coffer_err cache_begin(struct cache *c) MUST_USE;
/* Puts a copy in place of an older one. ERR_FULL: it would take more than the limits; nothing was changed. ERR_FIELD: a row without a generation. */
enum coffer_err cache_put(struct cache *c, enum store_table table, const struct store_row *row) MUST_USE;
/* None there is no error. */
enum coffer_err cache_drop(struct cache *c, enum store_table table, struct view id) MUST_USE;
/* Every row of a table. */
enum coffer_err cache_drop_table(struct cache *c, enum store_table table) MUST_USE;
/* Whether it has all that a start needs, and until when it knows the changes: with the transaction under way. */
void cache_set_whole(struct cache *c, bool whole);
void cache_set_as_of(struct cache *c, uint64_t as_of_ms);
/* Durable, and then the mark. Any error: nothing of it is there, or it is not known, so it is not well any more: cache_begin_anew. */
enum coffer_err cache_commit(struct cache *c) MUST_USE;
void cache_rollback(struct cache *c);
/* What has left it leaves its file too, log and all: of a row that was dropped or replaced they hold older bytes until then. Does nothing when nothing left since the last time; outside a transaction. Errors of
 * the store: it is tried again. */
enum coffer_err cache_scrub(struct cache *c, struct reason *reason) MUST_USE;

/* The write count of a row that it has; 0: none. Any error: it cannot be told, and the row may be there. */
enum coffer_err cache_version(struct cache *c, enum store_table table, struct view id, uint32_t *out) MUST_USE;
/* Inside a transaction: objects leave, in the order of their ids from where the last one left, until one row of `bytes` fits; those that `keeps` says are used stay. False: they do not fit. */
typedef bool cache_keeps_fn(void *arg, const uint8_t id[static UUID_LEN]);
bool cache_make_room(struct cache *c, uint64_t bytes, cache_keeps_fn *keeps, void *arg);
/* Bytes that a row takes of the limit. */
uint64_t cache_cost(const struct store_row *row);
void cache_facts(const struct cache *c, struct cache_facts *out);

#endif
