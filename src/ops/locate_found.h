/* What a Locate found, newest first: only as many as the answer needs are kept. One thread. */
#ifndef COFFER_OPS_LOCATE_FOUND_H
#define COFFER_OPS_LOCATE_FOUND_H

#include <stddef.h>
#include <stdint.h>

#include "objects/object.h"

struct locate_hit {
	uint64_t created_us;
	uint8_t id[UUID_LEN];
};

struct locate_found {
	struct locate_hit *hits;
	size_t count, cap;
	size_t want;   /* the newest so many are kept */
	size_t total;  /* all that were added */
};

void locate_found_init(struct locate_found *f, size_t want);
void locate_found_free(struct locate_found *f);
enum coffer_err locate_found_add(struct locate_found *f, const struct object *o) MUST_USE;
/* Puts them in order; hits[0 … count) are then the newest. Those of the same time stand in the order of their ids. */
void locate_found_sort(struct locate_found *f);

#endif
