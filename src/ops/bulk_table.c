/* What one thread counts into. */
#include "ops/bulk_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bulk_table *bulk_table_new(struct bulk *bulk)
{
	struct bulk_table *t = calloc(1, sizeof *t);
	if (!t) return NULL;
	t->bulk = bulk;
	bulk_attach(t);
	return t;
}

void bulk_table_free(struct bulk_table *table)
{
	if (!table) return;
	bulk_detach(table);
	free(table);
}

static bool is_of(const struct bulk_table *t, const struct bulk_counter *c, const struct bulk_use *use)
{
	return memcmp(c->id, use->id, UUID_LEN) == 0 && c->operation == use->operation && strcmp(t->principals[c->of], use->principal->text) == 0;
}

/* The end of a UUID is random. */
static uint32_t hash_of(const struct bulk_use *use)
{
	uint64_t h;
	memcpy(&h, use->id + 8, sizeof h);
	h ^= (uint64_t)use->operation << 17 ^ (uint64_t)use->principal->uid << 29;
	return (uint32_t)((h * UINT64_C(0x9e3779b97f4a7c15)) >> 40);
}

/* False: there is no room for one more. */
static bool find_principal(struct bulk_table *t, const char *text, uint32_t *out)
{
	for (uint32_t i = 0; i < t->principal_count; i++) {
		if (strcmp(t->principals[i], text) != 0) continue;
		*out = i;
		return true;
	}
	if (t->principal_count == BULK_TABLE_PRINCIPALS) return false;
	snprintf(t->principals[t->principal_count], sizeof t->principals[0], "%s", text);
	*out = t->principal_count++;
	return true;
}

/* Nobody reads it yet. */
static void fill(struct bulk_table *t, struct bulk_counter *c, const struct bulk_use *use, uint32_t of)
{
	memcpy(c->id, use->id, UUID_LEN);
	c->operation = use->operation;
	c->of = of;
	memset(c->taken, 0, sizeof c->taken);
	for (size_t i = 0; i < BULK_KINDS; i++) atomic_store_explicit(&c->n[i], 0, memory_order_relaxed);
	atomic_store_explicit(&c->first_s, use->now_s, memory_order_relaxed);
	atomic_store_explicit(&c->round, atomic_load_explicit(&t->round, memory_order_relaxed), memory_order_relaxed);
}

/* NULL: the table is full. */
static struct bulk_counter *look_up(struct bulk_table *t, const struct bulk_use *use)
{
	uint32_t used = atomic_load_explicit(&t->used, memory_order_relaxed), of;
	uint32_t at = hash_of(use) & (BULK_TABLE_INDEX - 1);
	for (; t->index[at]; at = (at + 1) & (BULK_TABLE_INDEX - 1))
		if (is_of(t, &t->counters[t->index[at] - 1], use)) return &t->counters[t->index[at] - 1];
	if (used == BULK_TABLE_KEYS || !find_principal(t, use->principal->text, &of)) return NULL;
	fill(t, &t->counters[used], use, of);
	t->index[at] = (uint16_t)(used + 1);
	atomic_store_explicit(&t->used, used + 1, memory_order_release);
	return &t->counters[used];
}

static void add(_Atomic uint64_t *n, uint64_t more)
{
	atomic_store_explicit(n, atomic_load_explicit(n, memory_order_relaxed) + more, memory_order_release);
}

/* Single writer: no read-modify-write is needed. Who reads a new value reads a new version too. */
static void count(struct bulk_table *t, struct bulk_counter *c, const struct bulk_use *use)
{
	uint32_t version = atomic_load_explicit(&c->version, memory_order_relaxed);
	uint32_t round = atomic_load_explicit(&t->round, memory_order_acquire);
	atomic_store_explicit(&c->version, version + 1, memory_order_relaxed);
	if (atomic_load_explicit(&c->round, memory_order_relaxed) != round) {
		atomic_store_explicit(&c->first_s, use->now_s, memory_order_release);
		atomic_store_explicit(&c->round, round, memory_order_release);
	}
	atomic_store_explicit(&c->last_s, use->now_s, memory_order_release);
	add(&c->n[use->kind], 1);
	if (use->bytes) add(&c->n[BULK_BYTES], use->bytes);
	atomic_store_explicit(&c->version, version + 2, memory_order_release);
}

void bulk_note(struct bulk_table *table, const struct bulk_use *use)
{
	struct bulk_counter *c = table->last;
	if (!c || !is_of(table, c, use)) {
		c = look_up(table, use);
		if (!c) {
			bulk_empty(table, use->now_s);
			c = look_up(table, use);
		}
		table->last = c;
	}
	count(table, c, use);
}
