/* What the audit log tells in sums: bulk use of keys (Encrypt, Decrypt, MAC, MAC Verify, Seal, Open, Rewrap, streams) when it is counted, and refusals of
 * whatever operation behind the first BULK_EXACT of an interval. How often, with how many bytes, when first and last, by key, principal and operation.
 *
 *   struct bulk_table   what one thread counts into, without a lock and without memory: fixed, for the keys that it used last
 *   struct bulk         what all threads counted and no audit row tells yet: fixed too. Rows are taken out of it, written, and dropped, or given
 *                       back when they could not be written
 *
 * Both are bounded, whatever a client does: a table that is full is collected at once; of one principal at most BULK_KEYS_OF_ONE rows are kept apart,
 * what it does with more keys is one sum, and so is what principals do that are more than BULK_PRINCIPALS. No operation goes uncounted. */
#ifndef COFFER_OPS_BULK_H
#define COFFER_OPS_BULK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "access/principal.h"
#include "base/text.h"

#define BULK_ROWS 4096u         /* kept apart */
#define BULK_KEYS_OF_ONE 1024u  /* of them for one principal */
#define BULK_PRINCIPALS 256u
#define BULK_TABLE_KEYS 1024u   /* key, principal and operation: what a thread remembers before it is collected */

#define BULK_EXACT 10u          /* refusals of one principal and operation in an interval that have a row each */

enum bulk_kind {
	BULK_DONE,      /* operations that were carried out, or begun where they come in parts */
	BULK_PARTS,     /* further parts, and segments of streams */
	BULK_BYTES,     /* of data, in what was done */
	BULK_UNOPENED,  /* did not open, or did not verify */
	BULK_FAILED,    /* any other failure after the policy allowed it */
	BULK_REFUSED,   /* refusals that have no row of their own */
	BULK_KINDS
};

struct bulk;
struct bulk_table;

/* One operation that ended. */
struct bulk_use {
	const uint8_t *id;      /* of the key, UUID_LEN bytes; all zero where there is none */
	const struct principal *principal;
	uint32_t operation;
	enum bulk_kind kind;    /* not BULK_BYTES */
	uint64_t bytes;
	uint64_t now_s;
};

struct bulk_counts {
	uint64_t n[BULK_KINDS];
	uint64_t first_s, last_s;
};

/* What becomes one audit row. */
struct bulk_row {
	uint8_t id[UUID_LEN];
	uint32_t operation;     /* 0: several operations on several keys */
	uint16_t of;            /* the ledger's own */
	uint16_t next;          /* likewise */
	const char *principal;  /* text; NULL: of several principals. Valid until the batch is given back or dropped */
	uint64_t keys;          /* operation 0: at most so many keys */
	struct bulk_counts counts;
};

struct bulk_batch {
	struct bulk *bulk;
	size_t count;
	struct bulk_row rows[];
};

struct bulk *bulk_new(void); /* NULL when memory is short */
/* After every table of it was freed. Accepts NULL. */
void bulk_free(struct bulk *bulk);

/* NULL when memory is short. One thread counts into it; bulk outlives it. */
struct bulk_table *bulk_table_new(struct bulk *bulk);
/* Collects what it holds. Accepts NULL. */
void bulk_table_free(struct bulk_table *table);
/* Counts. The table's own thread: some nanoseconds, but for a table that is full. */
void bulk_note(struct bulk_table *table, const struct bulk_use *use);
/* The same under the lock, for who has no table. Any thread. */
void bulk_note_shared(struct bulk *bulk, const struct bulk_use *use);

/* Whether one more refusal of this principal and operation may have a row of its own in this interval; then it is taken as one. Any thread; takes the
 * lock. When many principals are refused at a time, fewer have rows. */
bool bulk_exact(struct bulk *bulk, const struct principal *principal, uint32_t operation);
/* An interval begins. */
void bulk_next_interval(struct bulk *bulk);
/* Brings together what the tables hold. Any thread; takes a lock that no other holds for longer than this. */
void bulk_collect(struct bulk *bulk, uint64_t now_s);
/* Takes out at most `most` rows of what was collected: of the key, or of all with id NULL. NULL: there are none, or memory is short (then they stay).
 * Any thread. */
struct bulk_batch *bulk_take(struct bulk *bulk, const uint8_t *id, size_t most);
/* They are written. Frees the batch. */
void bulk_drop(struct bulk_batch *batch);
/* They are not written, and told another time. Frees the batch. */
void bulk_give_back(struct bulk_batch *batch);
/* Rows that were collected and wait. Any thread. */
size_t bulk_waiting(struct bulk *bulk);

#endif
