/* A binary buddy allocator over a given region; all bookkeeping stands outside of it, so that a write past a block cannot bend a list.
 * Used by arena.c only. Not thread-safe. */
#ifndef COFFER_BASE_BUDDY_H
#define COFFER_BASE_BUDDY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BUDDY_UNIT 64u       /* bytes of the smallest block */
#define BUDDY_ORDERS 32u

struct buddy {
	size_t units;            /* a power of two */
	uint8_t *order;          /* per unit: order + 1 of the block that begins here; 0: none begins */
	bool *used;              /* per unit: the block that begins here is handed out */
	uint32_t *next, *prev;   /* free lists by unit number */
	uint32_t head[BUDDY_ORDERS];
	unsigned top;            /* order of the whole */
};

/* size: a power of two, at least BUDDY_UNIT. False when memory is short. */
bool buddy_init(struct buddy *b, size_t size);
void buddy_done(struct buddy *b);
/* Offset of a block of at least len bytes; SIZE_MAX when there is none. */
size_t buddy_alloc(struct buddy *b, size_t len);
/* Bytes of the block that begins at offset; 0 when none that is handed out begins there. */
size_t buddy_size(const struct buddy *b, size_t offset);
/* offset of a block that is handed out. */
void buddy_free(struct buddy *b, size_t offset);

#endif
