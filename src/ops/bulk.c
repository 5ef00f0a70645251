/* What all threads counted. */
#include "ops/bulk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/bulk_table.h"

#define BUCKETS (2u * BULK_ROWS) /* a power of two */
#define NOBODY UINT16_MAX        /* of: several principals */
#define END UINT16_MAX           /* of a bucket */
#define READS_MAX 64u

struct payer {
	char text[PRINCIPAL_MAX + 1];
	uint32_t refs; /* rows of the ledger and of batches; 0 and no `more`: free */
	uint32_t rows; /* of the ledger */
	uint64_t more_keys;
	struct bulk_counts more;
};

#define PLACES 4096u /* of principals and operations that were refused; a power of two */
#define PROBES 8u

struct place {
	uint64_t who; /* hash of principal and operation */
	uint32_t interval, rows;
};

struct bulk {
	pthread_mutex_t lock; /* guards all below, and what the tables say it guards */
	struct bulk_table *tables;
	size_t count;
	uint16_t buckets[BUCKETS];
	struct bulk_row rows[BULK_ROWS];
	struct payer payers[BULK_PRINCIPALS];
	uint64_t others_keys; /* of principals that have no place */
	struct bulk_counts others;
	uint32_t interval; /* from 1 on */
	struct place places[PLACES];
};

struct bulk *bulk_new(void)
{
	struct bulk *b = calloc(1, sizeof *b);
	if (!b) return NULL;
	if (pthread_mutex_init(&b->lock, NULL) != 0) {
		free(b);
		return NULL;
	}
	for (size_t i = 0; i < BUCKETS; i++) b->buckets[i] = END;
	b->interval = 1;
	return b;
}

void bulk_free(struct bulk *bulk)
{
	if (!bulk) return;
	PRE(!bulk->tables);
	pthread_mutex_destroy(&bulk->lock);
	free(bulk);
}

static void sum(struct bulk_counts *to, const struct bulk_counts *more)
{
	bool none = to->last_s == 0;
	for (size_t i = 0; i < BULK_KINDS; i++) to->n[i] += more->n[i];
	if (none || more->first_s < to->first_s) to->first_s = more->first_s;
	if (more->last_s > to->last_s) to->last_s = more->last_s;
}

static uint32_t bucket_of(const uint8_t id[static UUID_LEN], uint32_t operation, uint16_t of)
{
	uint64_t h;
	memcpy(&h, id + 8, sizeof h);
	h ^= (uint64_t)operation << 17 ^ (uint64_t)of << 40;
	return (uint32_t)((h * UINT64_C(0x9e3779b97f4a7c15)) >> 40) & (BUCKETS - 1);
}

/* NOBODY: all places are taken. */
static uint16_t payer_of(struct bulk *b, const char *text)
{
	uint16_t place = NOBODY;
	for (uint16_t i = 0; i < BULK_PRINCIPALS; i++) {
		struct payer *p = &b->payers[i];
		bool free_place = p->refs == 0 && p->more_keys == 0;
		if (!free_place && strcmp(p->text, text) == 0) return i;
		if (free_place && place == NOBODY) place = i;
	}
	if (place != NOBODY) snprintf(b->payers[place].text, sizeof b->payers[place].text, "%s", text);
	return place;
}

/* Several keys, or several principals. */
static void add_more(struct bulk *b, uint16_t of, uint64_t keys, const struct bulk_counts *counts)
{
	sum(of == NOBODY ? &b->others : &b->payers[of].more, counts);
	if (of == NOBODY) b->others_keys += keys;
	else b->payers[of].more_keys += keys;
}

static void add(struct bulk *b, const uint8_t id[static UUID_LEN], uint32_t operation, uint16_t of, const struct bulk_counts *counts)
{
	if (of == NOBODY) {
		add_more(b, of, 1, counts);
		return;
	}
	uint32_t bucket = bucket_of(id, operation, of);
	for (uint16_t i = b->buckets[bucket]; i != END; i = b->rows[i].next) {
		struct bulk_row *row = &b->rows[i];
		if (row->of != of || row->operation != operation || memcmp(row->id, id, UUID_LEN) != 0) continue;
		sum(&row->counts, counts);
		return;
	}
	if (b->count == BULK_ROWS || b->payers[of].rows == BULK_KEYS_OF_ONE) {
		add_more(b, of, 1, counts);
		return;
	}
	struct bulk_row *row = &b->rows[b->count];
	*row = (struct bulk_row){ .operation = operation, .of = of, .next = b->buckets[bucket], .principal = b->payers[of].text, .counts = *counts };
	memcpy(row->id, id, UUID_LEN);
	b->buckets[bucket] = (uint16_t)b->count++;
	b->payers[of].refs++;
	b->payers[of].rows++;
}

/* ---- collecting ---- */

static bool read_once(const struct bulk_counter *c, struct bulk_counts *out)
{
	uint32_t before = atomic_load_explicit(&c->version, memory_order_acquire);
	for (size_t i = 0; i < BULK_KINDS; i++) out->n[i] = atomic_load_explicit(&c->n[i], memory_order_acquire);
	out->first_s = atomic_load_explicit(&c->first_s, memory_order_acquire);
	out->last_s = atomic_load_explicit(&c->last_s, memory_order_acquire);
	return before % 2 == 0 && atomic_load_explicit(&c->version, memory_order_relaxed) == before;
}

/* What is new since the last time. A writer that stands still in the middle of a count costs nothing but that the rest of it is told later. */
static bool take_new(struct bulk_counter *c, uint64_t since_s, struct bulk_counts *out)
{
	bool any = false;
	for (unsigned i = 0; i < READS_MAX && !read_once(c, out); i++) continue;
	for (size_t i = 0; i < BULK_KINDS; i++) {
		uint64_t now = out->n[i];
		out->n[i] -= c->taken[i];
		c->taken[i] = now;
		any = any || out->n[i] > 0;
	}
	if (out->first_s < since_s) out->first_s = since_s;
	if (out->last_s < out->first_s) out->last_s = out->first_s;
	return any;
}

static void collect(struct bulk *b, struct bulk_table *t, uint64_t now_s)
{
	uint16_t of[BULK_TABLE_PRINCIPALS];
	uint32_t used = atomic_load_explicit(&t->used, memory_order_acquire);
	bool known[BULK_TABLE_PRINCIPALS] = { false };
	for (uint32_t i = 0; i < used; i++) {
		struct bulk_counts counts;
		struct bulk_counter *c = &t->counters[i];
		if (!take_new(c, t->collected_s, &counts)) continue;
		if (!known[c->of]) of[c->of] = payer_of(b, t->principals[c->of]);
		known[c->of] = true;
		add(b, c->id, c->operation, of[c->of], &counts);
	}
	t->collected_s = now_s;
	atomic_store_explicit(&t->round, atomic_load_explicit(&t->round, memory_order_relaxed) + 1, memory_order_release);
}

void bulk_collect(struct bulk *bulk, uint64_t now_s)
{
	pthread_mutex_lock(&bulk->lock);
	for (struct bulk_table *t = bulk->tables; t; t = t->next) collect(bulk, t, now_s);
	pthread_mutex_unlock(&bulk->lock);
}

void bulk_attach(struct bulk_table *table)
{
	struct bulk *b = table->bulk;
	pthread_mutex_lock(&b->lock);
	table->next = b->tables;
	b->tables = table;
	pthread_mutex_unlock(&b->lock);
}

void bulk_detach(struct bulk_table *table)
{
	struct bulk *b = table->bulk;
	pthread_mutex_lock(&b->lock);
	collect(b, table, table->collected_s);
	for (struct bulk_table **at = &b->tables; *at; at = &(*at)->next) {
		if (*at != table) continue;
		*at = table->next;
		break;
	}
	pthread_mutex_unlock(&b->lock);
}

void bulk_empty(struct bulk_table *table, uint64_t now_s)
{
	pthread_mutex_lock(&table->bulk->lock);
	collect(table->bulk, table, now_s);
	atomic_store_explicit(&table->used, 0, memory_order_relaxed);
	pthread_mutex_unlock(&table->bulk->lock);
	memset(table->index, 0, sizeof table->index);
	table->principal_count = 0;
	table->last = NULL;
}

void bulk_note_shared(struct bulk *bulk, const struct bulk_use *use)
{
	struct bulk_counts counts = { .n = { [BULK_BYTES] = use->bytes }, .first_s = use->now_s, .last_s = use->now_s };
	counts.n[use->kind] += 1;
	pthread_mutex_lock(&bulk->lock);
	add(bulk, use->id, use->operation, payer_of(bulk, use->principal->text), &counts);
	pthread_mutex_unlock(&bulk->lock);
}

/* ---- refusals ---- */

/* Of what no client chooses: who it is to the kernel, and a number of ours. */
static uint64_t hash_of_refused(const struct principal *principal, uint32_t operation)
{
	uint64_t h = operation;
	for (const char *at = principal->text; *at; at++) h = (h ^ (uint8_t)*at) * UINT64_C(0x100000001b3);
	return h * UINT64_C(0x9e3779b97f4a7c15);
}

static bool take_place(struct bulk *b, uint64_t who)
{
	for (size_t i = 0; i < PROBES; i++) {
		struct place *p = &b->places[((who >> 40) + i) & (PLACES - 1)];
		bool old = p->interval != b->interval;
		if (!old && p->who != who) continue;
		if (old) *p = (struct place){ .who = who, .interval = b->interval };
		if (p->rows == BULK_EXACT) return false;
		p->rows++;
		return true;
	}
	return false;
}

bool bulk_exact(struct bulk *bulk, const struct principal *principal, uint32_t operation)
{
	pthread_mutex_lock(&bulk->lock);
	bool exact = take_place(bulk, hash_of_refused(principal, operation));
	pthread_mutex_unlock(&bulk->lock);
	return exact;
}

void bulk_next_interval(struct bulk *bulk)
{
	pthread_mutex_lock(&bulk->lock);
	bulk->interval++;
	pthread_mutex_unlock(&bulk->lock);
}

/* ---- taking out ---- */

static uint16_t *link_to(struct bulk *b, size_t i)
{
	const struct bulk_row *row = &b->rows[i];
	uint16_t *at = &b->buckets[bucket_of(row->id, row->operation, row->of)];
	while (*at != i) at = &b->rows[*at].next;
	return at;
}

/* The last row takes its place. The reference to the principal goes along with the row. */
static void move_out(struct bulk *b, size_t i, struct bulk_row *out)
{
	*out = b->rows[i];
	b->payers[out->of].rows--;
	*link_to(b, i) = out->next;
	size_t last = --b->count;
	if (last == i) return;
	*link_to(b, last) = (uint16_t)i;
	b->rows[i] = b->rows[last];
}

static void move_sums(struct bulk *b, size_t most, struct bulk_batch *batch)
{
	for (uint16_t i = 0; i < BULK_PRINCIPALS && batch->count < most; i++) {
		struct payer *p = &b->payers[i];
		if (p->more_keys == 0) continue;
		batch->rows[batch->count++] = (struct bulk_row){ .of = i, .principal = p->text, .keys = p->more_keys, .counts = p->more };
		p->refs++;
		p->more_keys = 0;
		p->more = (struct bulk_counts){ .first_s = 0 };
	}
	if (b->others_keys == 0 || batch->count == most) return;
	batch->rows[batch->count++] = (struct bulk_row){ .of = NOBODY, .keys = b->others_keys, .counts = b->others };
	b->others_keys = 0;
	b->others = (struct bulk_counts){ .first_s = 0 };
}

static size_t waiting(const struct bulk *b, const uint8_t *id)
{
	size_t n = 0;
	for (size_t i = 0; i < b->count; i++) n += !id || memcmp(b->rows[i].id, id, UUID_LEN) == 0;
	if (id) return n;
	for (size_t i = 0; i < BULK_PRINCIPALS; i++) n += b->payers[i].more_keys > 0;
	return n + (b->others_keys > 0);
}

struct bulk_batch *bulk_take(struct bulk *bulk, const uint8_t *id, size_t most)
{
	struct bulk_batch *batch = NULL;
	pthread_mutex_lock(&bulk->lock);
	size_t n = waiting(bulk, id);
	if (n > most) n = most;
	if (n) batch = malloc(sizeof *batch + n * sizeof batch->rows[0]);
	if (batch) {
		*batch = (struct bulk_batch){ .bulk = bulk };
		for (size_t i = bulk->count; i-- > 0 && batch->count < n;)
			if (!id || memcmp(bulk->rows[i].id, id, UUID_LEN) == 0) move_out(bulk, i, &batch->rows[batch->count++]);
		if (!id) move_sums(bulk, n, batch);
	}
	pthread_mutex_unlock(&bulk->lock);
	return batch;
}

static void end_batch(struct bulk_batch *batch, bool give_back)
{
	struct bulk *b = batch->bulk;
	pthread_mutex_lock(&b->lock);
	for (size_t i = 0; i < batch->count; i++) {
		const struct bulk_row *row = &batch->rows[i];
		if (give_back && row->operation) add(b, row->id, row->operation, row->of, &row->counts);
		else if (give_back) add_more(b, row->of, row->keys, &row->counts);
		if (row->of != NOBODY) b->payers[row->of].refs--;
	}
	pthread_mutex_unlock(&b->lock);
	free(batch);
}

void bulk_drop(struct bulk_batch *batch)
{
	end_batch(batch, false);
}

void bulk_give_back(struct bulk_batch *batch)
{
	end_batch(batch, true);
}

size_t bulk_waiting(struct bulk *bulk)
{
	pthread_mutex_lock(&bulk->lock);
	size_t n = waiting(bulk, NULL);
	pthread_mutex_unlock(&bulk->lock);
	return n;
}
