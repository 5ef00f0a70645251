/* A list. */
#include "daemon/store_cache_wants.h"

#include <stdlib.h>
#include <string.h>

static struct store_cache_wanted *find(const struct store_cache_wants *w, size_t count, const uint8_t id[static UUID_LEN])
{
	for (size_t i = 0; i < count; i++)
		if (memcmp(w->list[i].id, id, UUID_LEN) == 0) return &w->list[i];
	return NULL;
}

static enum coffer_err append(struct store_cache_wants *w, const uint8_t id[static UUID_LEN], uint32_t version)
{
	if (w->count == w->cap) {
		size_t cap = w->cap ? w->cap * 2 : 64;
		ENSURE(cap <= STORE_CACHE_WANTS_MAX, ERR_LIMIT);
		struct store_cache_wanted *wider = reallocarray(w->list, cap, sizeof *wider);
		ENSURE(wider, ERR_MEMORY);
		w->list = wider;
		w->cap = cap;
	}
	memcpy(w->list[w->count].id, id, UUID_LEN);
	w->list[w->count++].version = version;
	return ERR_OK;
}

bool store_cache_wants_add(struct store_cache_wants *w, const uint8_t id[static UUID_LEN], uint32_t version)
{
	struct store_cache_wanted *found = find(w, w->count, id);
	if (!found) return append(w, id, version) == ERR_OK;
	if (version > found->version) found->version = version;
	return true;
}

void store_cache_wants_clear(struct store_cache_wants *w)
{
	w->count = w->comparing = 0;
}

enum coffer_err store_cache_wants_compare(struct store_cache_wants *w, const uint8_t id[static UUID_LEN], uint32_t version)
{
	TRY(append(w, id, version));
	w->comparing = w->count;
	return ERR_OK;
}

bool store_cache_wants_compares(const struct store_cache_wants *w, const uint8_t id[static UUID_LEN])
{
	return find(w, w->comparing, id) != NULL;
}

void store_cache_wants_cut(struct store_cache_wants *w, size_t left)
{
	w->count = left;
	if (w->comparing > left) w->comparing = left;
}

void store_cache_wants_free(struct store_cache_wants *w)
{
	free(w->list);
	*w = (struct store_cache_wants){ .list = NULL };
}
