/* The newest of many. */
#include "ops/locate_found.h"

#include <stdlib.h>
#include <string.h>

#define CAP_FIRST 64u

void locate_found_init(struct locate_found *f, size_t want)
{
	*f = (struct locate_found){ .want = want };
}

void locate_found_free(struct locate_found *f)
{
	free(f->hits);
	f->hits = NULL;
}

static int newest_first(const void *a, const void *b)
{
	const struct locate_hit *x = a, *y = b;
	if (x->created_us != y->created_us) return x->created_us > y->created_us ? -1 : 1;
	return memcmp(x->id, y->id, UUID_LEN);
}

void locate_found_sort(struct locate_found *f)
{
	if (f->count) qsort(f->hits, f->count, sizeof *f->hits, newest_first);
	if (f->count > f->want) f->count = f->want;
}

/* Room comes from dropping the older half as long as that is enough. */
static enum coffer_err make_room(struct locate_found *f)
{
	if (f->count < f->cap) return ERR_OK;
	if (f->count / 2 >= f->want) {
		locate_found_sort(f);
		return ERR_OK;
	}
	size_t cap = f->cap ? f->cap * 2 : CAP_FIRST;
	struct locate_hit *hits = reallocarray(f->hits, cap, sizeof *hits);
	ENSURE(hits, ERR_MEMORY);
	f->hits = hits;
	f->cap = cap;
	return ERR_OK;
}

enum coffer_err locate_found_add(struct locate_found *f, const struct object *o)
{
	f->total++;
	if (f->want == 0) return ERR_OK;
	TRY(make_room(f));
	struct locate_hit *hit = &f->hits[f->count++];
	hit->created_us = object_created_us(o);
	memcpy(hit->id, o->id, UUID_LEN);
	return ERR_OK;
}
