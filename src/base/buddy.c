/* Free lists of power-of-two blocks, kept outside of the memory they describe. */
#include "base/buddy.h"

#include <sys/mman.h>

#include "base/err.h"

#define NONE UINT32_MAX

/* State of a unit: one of these with the block's order in the low bits; 0 inside a block. */
#define STATE_FREE 0x40u
#define STATE_USED 0x80u
#define STATE_RETIRED 0xc0u /* between free's begin and end: no longer its owner's, not yet to be had */
#define STATE_ORDER 0x3fu

static void *map_table(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return p == MAP_FAILED ? NULL : p;
}

static void list_push(struct buddy *b, uint32_t unit, unsigned order)
{
	uint32_t first = b->head[order];
	b->next[unit] = first;
	b->prev[unit] = NONE;
	if (first != NONE) b->prev[first] = unit;
	b->head[order] = unit;
	b->free_orders |= UINT32_C(1) << order;
	atomic_store_explicit(&b->state[unit], (uint8_t)(STATE_FREE | order), memory_order_relaxed);
}

static void list_remove(struct buddy *b, uint32_t unit, unsigned order)
{
	uint32_t next = b->next[unit], prev = b->prev[unit];
	if (next != NONE) b->prev[next] = prev;
	if (prev != NONE)
		b->next[prev] = next;
	else
		b->head[order] = next;
	if (b->head[order] == NONE) b->free_orders &= ~(UINT32_C(1) << order);
	atomic_store_explicit(&b->state[unit], 0, memory_order_relaxed);
}

bool buddy_init(struct buddy *b, void *base, size_t size)
{
	size_t units = size / BUDDY_UNIT;
	PRE(size >= BUDDY_UNIT && size <= BUDDY_SIZE_MAX && (size & (size - 1)) == 0);
	/* One mapping for the four tables, the widest first. */
	uint32_t *tables = map_table(units * (3 * sizeof(uint32_t) + 1));
	if (!tables) return false;
	*b = (struct buddy){ .base = base, .size = size, .next = tables, .prev = tables + units, .len = tables + 2 * units,
		.state = (_Atomic uint8_t *)(tables + 3 * units) };
	for (unsigned order = 0; order < BUDDY_ORDERS; order++)
		b->head[order] = NONE;
	list_push(b, 0, buddy_order_for(size));
	return true;
}

unsigned buddy_order_for(size_t len)
{
	unsigned order = 0;
	while (order < BUDDY_ORDERS && buddy_order_size(order) < len)
		order++;
	return order;
}

/* The unit where p lies, NONE when p is not the start of a unit of this region. */
static uint32_t unit_of(const struct buddy *b, const void *p)
{
	uintptr_t at = (uintptr_t)p - (uintptr_t)b->base; /* wraps to a large number for a pointer before the region */
	return at < b->size && at % BUDDY_UNIT == 0 ? (uint32_t)(at / BUDDY_UNIT) : NONE;
}

/* Among the free blocks of these orders the one at the lowest, or highest, address. They are large, so they are few. */
static uint32_t find_by_address(const struct buddy *b, uint32_t orders, bool highest, unsigned *out_order)
{
	uint32_t best = NONE;
	for (; orders; orders &= orders - 1u) {
		unsigned order = (unsigned)__builtin_ctz(orders);
		for (uint32_t unit = b->head[order]; unit != NONE; unit = b->next[unit]) {
			if (best != NONE && (unit > best) != highest) continue;
			best = unit;
			*out_order = order;
		}
	}
	return best;
}

/* Small blocks fill the region from below and live long, large ones come and go at its top: so the small do not cut up the room of the large. */
static uint32_t find(const struct buddy *b, unsigned order, unsigned *out_order)
{
	uint32_t fitting = b->free_orders & ~((UINT32_C(1) << order) - 1u), small = fitting & ((UINT32_C(1) << BUDDY_LARGE) - 1u);
	if (!small) return find_by_address(b, fitting, order >= BUDDY_LARGE, out_order);
	*out_order = (unsigned)__builtin_ctz(small);
	return b->head[*out_order];
}

void *buddy_take(struct buddy *b, unsigned order, size_t len)
{
	unsigned have = 0;
	uint32_t unit = order < BUDDY_ORDERS ? find(b, order, &have) : NONE;
	if (unit == NONE) return NULL;
	list_remove(b, unit, have);
	while (have > order) { /* the other half goes back to its list */
		uint32_t half = UINT32_C(1) << --have;
		list_push(b, order < BUDDY_LARGE ? unit + half : unit, have);
		if (order >= BUDDY_LARGE) unit += half;
	}
	b->len[unit] = (uint32_t)len;
	atomic_store_explicit(&b->state[unit], (uint8_t)(STATE_USED | order), memory_order_relaxed);
	return b->base + (size_t)unit * BUDDY_UNIT;
}

void buddy_give(struct buddy *b, void *p, unsigned order)
{
	uint32_t unit = unit_of(b, p);
	unsigned top = buddy_order_for(b->size);
	PRE(unit != NONE && b->state[unit] == (STATE_RETIRED | order));
	atomic_store_explicit(&b->state[unit], 0, memory_order_relaxed);
	for (; order < top; order++) {
		uint32_t other = unit ^ (UINT32_C(1) << order);
		if (atomic_load_explicit(&b->state[other], memory_order_relaxed) != (STATE_FREE | order)) break;
		list_remove(b, other, order);
		unit &= ~(UINT32_C(1) << order);
	}
	list_push(b, unit, order);
}

unsigned buddy_order_of(const struct buddy *b, const void *p)
{
	uint32_t unit = unit_of(b, p);
	if (unit == NONE) return BUDDY_ORDERS;
	unsigned state = atomic_load_explicit(&b->state[unit], memory_order_relaxed);
	return (state & ~STATE_ORDER) == STATE_USED ? state & STATE_ORDER : BUDDY_ORDERS;
}

unsigned buddy_retire(struct buddy *b, const void *p)
{
	unsigned order = buddy_order_of(b, p);
	if (order == BUDDY_ORDERS) return BUDDY_ORDERS;
	uint8_t used = (uint8_t)(STATE_USED | order);
	return atomic_compare_exchange_strong(&b->state[unit_of(b, p)], &used, (uint8_t)(STATE_RETIRED | order)) ?
		order : BUDDY_ORDERS;
}

size_t buddy_len(const struct buddy *b, const void *p)
{
	return b->len[unit_of(b, p)];
}

void buddy_set_len(struct buddy *b, const void *p, size_t len)
{
	b->len[unit_of(b, p)] = (uint32_t)len;
}
