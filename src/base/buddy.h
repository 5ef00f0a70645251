/* A binary buddy allocator over a given region: hands out blocks of 2^order units. Its bookkeeping lies outside of the
 * region, so that no write past a block can reach it. Knows nothing of contents, wiping or canaries (base/arena.h does).
 * Taking and giving back are O(log n). Not thread-safe by itself: the caller holds a lock around buddy_take and
 * buddy_give; the other calls are for the owner of a block and need none. */
#ifndef COFFER_BASE_BUDDY_H
#define COFFER_BASE_BUDDY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BUDDY_UNIT 64u        /* bytes of the smallest block; also the alignment of every block */
#define BUDDY_ORDERS 26u      /* sizes of blocks: 2^0 to 2^25 units */
#define BUDDY_LARGE 10u       /* blocks of this order (64 KiB) and more are taken from the top of the region, smaller ones from below */
#define BUDDY_SIZE_MAX ((size_t)BUDDY_UNIT << (BUDDY_ORDERS - 1)) /* 2 GiB */

struct buddy {
	uint8_t *base;
	size_t size;               /* bytes, a power of two */
	_Atomic uint8_t *state;    /* one per unit: what begins there */
	uint32_t *next, *prev;     /* free lists, by unit */
	uint32_t *len;             /* bytes asked for, by unit; of the block's owner */
	uint32_t head[BUDDY_ORDERS];
	uint32_t free_orders;      /* bit i: the list of order i is not empty */
};

/* Takes over `size` bytes (a power of two, BUDDY_UNIT..BUDDY_SIZE_MAX) at base. False when there is no memory for the
 * bookkeeping. There is no way back: an arena lives as long as its process. */
bool buddy_init(struct buddy *b, void *base, size_t size);

/* The order of the smallest block with at least len bytes; BUDDY_ORDERS when none is as large. */
unsigned buddy_order_for(size_t len);
static inline size_t buddy_order_size(unsigned order) { return (size_t)BUDDY_UNIT << order; }

/* A block of that order for a request of len bytes; NULL when no free block is large enough. */
void *buddy_take(struct buddy *b, unsigned order, size_t len);
/* Gives back a block that buddy_retire returned, and joins it with its free neighbours. */
void buddy_give(struct buddy *b, void *p, unsigned order);

/* The order of the block in use that begins at p; BUDDY_ORDERS when none does. */
unsigned buddy_order_of(const struct buddy *b, const void *p);
/* Marks the block at p as being freed: of any number of threads that try, one gets its order, the others BUDDY_ORDERS. */
unsigned buddy_retire(struct buddy *b, const void *p);
size_t buddy_len(const struct buddy *b, const void *p);
void buddy_set_len(struct buddy *b, const void *p, size_t len);

#endif
