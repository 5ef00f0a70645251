/* Which objects the cache of a node is to read from the database, and which of those that it has were not compared yet (docs/formats.md section 23.5). Store thread. */
#ifndef COFFER_DAEMON_STORE_CACHE_WANTS_H
#define COFFER_DAEMON_STORE_CACHE_WANTS_H

#include "base/err.h"
#include "base/text.h"

#define STORE_CACHE_WANTS_MAX 65536u /* as many as the cache has rows at most, so that each of them can be compared */

struct store_cache_wanted {
	uint8_t id[UUID_LEN];
	uint32_t version; /* no older one is taken */
};

struct store_cache_wants {
	struct store_cache_wanted *list;
	size_t count, cap;
	size_t comparing; /* the first so many stand in the cache and are to be compared; they come last */
};

/* One id once, with the highest version. False: there is no room, and it is kept when it is used again. */
bool store_cache_wants_add(struct store_cache_wants *w, const uint8_t id[static UUID_LEN], uint32_t version);
/* Nothing is wanted any more; then one row of the cache after the other, each id once, before anything else is added. ERR_LIMIT, ERR_MEMORY: it cannot be compared. */
void store_cache_wants_clear(struct store_cache_wants *w);
enum coffer_err store_cache_wants_compare(struct store_cache_wants *w, const uint8_t id[static UUID_LEN], uint32_t version) MUST_USE;
/* Whether this object of the cache may be another one in the database. */
bool store_cache_wants_compares(const struct store_cache_wants *w, const uint8_t id[static UUID_LEN]);
/* All behind the first `left` are done. */
void store_cache_wants_cut(struct store_cache_wants *w, size_t left);
void store_cache_wants_free(struct store_cache_wants *w);

#endif
