/* The buddy allocator. */
#include "base/buddy.h"

#include <stdlib.h>

#define NONE UINT32_MAX

static void list_push(struct buddy *b, unsigned order, uint32_t unit)
{
	b->order[unit] = (uint8_t)(order + 1);
	b->used[unit] = false;
	b->prev[unit] = NONE;
	b->next[unit] = b->head[order];
	if (b->head[order] != NONE) b->prev[b->head[order]] = unit;
	b->head[order] = unit;
}

static void list_remove(struct buddy *b, unsigned order, uint32_t unit)
{
	if (b->prev[unit] != NONE) b->next[b->prev[unit]] = b->next[unit];
	else b->head[order] = b->next[unit];
	if (b->next[unit] != NONE) b->prev[b->next[unit]] = b->prev[unit];
	b->order[unit] = 0;
}

bool buddy_init(struct buddy *b, size_t size)
{
	*b = (struct buddy){ .units = size / BUDDY_UNIT };
	while (((size_t)1 << b->top) < b->units) b->top++;
	b->order = calloc(b->units, 1);
	b->used = calloc(b->units, sizeof *b->used);
	b->next = calloc(b->units, sizeof *b->next);
	b->prev = calloc(b->units, sizeof *b->prev);
	if (!b->order || !b->used || !b->next || !b->prev) {
		buddy_done(b);
		return false;
	}
	for (unsigned i = 0; i < BUDDY_ORDERS; i++) b->head[i] = NONE;
	list_push(b, b->top, 0);
	return true;
}

void buddy_done(struct buddy *b)
{
	free(b->order);
	free(b->used);
	free(b->next);
	free(b->prev);
	*b = (struct buddy){ 0 };
}

size_t buddy_alloc(struct buddy *b, size_t len)
{
	unsigned want = 0, order;
	if (len > b->units * BUDDY_UNIT) return SIZE_MAX;
	while (((size_t)BUDDY_UNIT << want) < len) want++;
	for (order = want; order <= b->top && b->head[order] == NONE;) order++;
	if (order > b->top) return SIZE_MAX;
	uint32_t unit = b->head[order];
	list_remove(b, order, unit);
	while (order > want) {
		order--;
		list_push(b, order, unit + (UINT32_C(1) << order));
	}
	b->order[unit] = (uint8_t)(want + 1);
	b->used[unit] = true;
	return (size_t)unit * BUDDY_UNIT;
}

size_t buddy_size(const struct buddy *b, size_t offset)
{
	size_t unit = offset / BUDDY_UNIT;
	if (offset % BUDDY_UNIT || unit >= b->units || !b->used[unit] || b->order[unit] == 0) return 0;
	return (size_t)BUDDY_UNIT << (b->order[unit] - 1);
}

void buddy_free(struct buddy *b, size_t offset)
{
	uint32_t unit = (uint32_t)(offset / BUDDY_UNIT);
	unsigned order = b->order[unit] - 1u;
	b->used[unit] = false;
	b->order[unit] = 0;
	while (order < b->top) {
		uint32_t other = unit ^ (UINT32_C(1) << order);
		if (b->used[other] || b->order[other] != order + 1) break;
		list_remove(b, order, other);
		unit &= ~(UINT32_C(1) << order);
		order++;
	}
	list_push(b, order, unit);
}
