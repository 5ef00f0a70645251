/* The pages of the secret arena: how they are got, locked and kept out of dumps. Used by base/arena.c alone. */
#ifndef COFFER_BASE_ARENA_REGION_H
#define COFFER_BASE_ARENA_REGION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

/* Maps `size` bytes (a multiple of the page size), zeroed, between two guard pages. Level and errors as arena_init. */
enum coffer_err arena_region_map(size_t size, bool require_full, void **out_base, enum arena_level *out_level,
	struct reason *reason) MUST_USE;

#endif
