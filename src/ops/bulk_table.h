/* The inside of counting, shared by bulk.c (what all threads counted) and bulk_table.c (what one thread counts into).
 *
 * A table has one writer, its thread. Its counters only grow, so whoever holds the lock may read them at any time and adds what is new since the last
 * time: `taken`. `version` is odd while a counter changes: who reads in between reads again. A table is emptied by its thread alone, under the lock. */
#ifndef COFFER_OPS_BULK_TABLE_H
#define COFFER_OPS_BULK_TABLE_H

#include <pthread.h>
#include <stdatomic.h>

#include "ops/bulk.h"

#define BULK_TABLE_PRINCIPALS 32u
#define BULK_TABLE_INDEX (2u * BULK_TABLE_KEYS) /* a power of two */

struct bulk_counter {
	uint8_t id[UUID_LEN];
	uint32_t operation;
	uint32_t of;               /* of the table's principals */
	_Atomic uint32_t version;
	_Atomic uint32_t round;    /* the table's when first_s was set */
	_Atomic uint64_t first_s, last_s, n[BULK_KINDS];
	uint64_t taken[BULK_KINDS]; /* guarded by the lock */
};

struct bulk_table {
	struct bulk *bulk;
	struct bulk_table *next;   /* guarded by the lock */
	_Atomic uint32_t used;     /* counters that may be read */
	_Atomic uint32_t round;    /* how often it was collected */
	uint64_t collected_s;      /* when last; guarded by the lock */
	struct bulk_counter *last; /* what was counted last, or NULL */
	uint32_t principal_count;
	char principals[BULK_TABLE_PRINCIPALS][PRINCIPAL_MAX + 1]; /* those of counters that may be read stay */
	uint16_t index[BULK_TABLE_INDEX]; /* 1 + counter; 0: free */
	struct bulk_counter counters[BULK_TABLE_KEYS];
};

/* Puts the table among those that are collected, takes it out, or empties it, collected. The table's thread. */
void bulk_attach(struct bulk_table *table);
void bulk_detach(struct bulk_table *table);
void bulk_empty(struct bulk_table *table, uint64_t now_s);

#endif
