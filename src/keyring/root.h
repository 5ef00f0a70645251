/* The version root: what a store as a whole must hold, in sums that only the domain can make (docs/formats.md section 14). Plain values. */
#ifndef COFFER_KEYRING_ROOT_H
#define COFFER_KEYRING_ROOT_H

#include "base/buf.h"
#include "keyring/record.h"

#define ROOT_ID "root"         /* of its row in STORE_DOMAIN */
#define ROOT_NODE_ID "root-"   /* of a node's row where several write one store; the node id in 32 hex digits stands behind it */
#define ROOT_SUM_LEN 32u       /* bytes, a number modulo 2^256, big-endian */
#define ROOT_LINK_LEN 32u      /* bytes of an audit link */

struct root_sum {
	uint64_t count;
	uint8_t sum[ROOT_SUM_LEN];
};

/* The newest row of an audit chain. */
struct root_head {
	uint8_t node_id[UUID_LEN];
	uint64_t seq; /* 0: no row yet */
	uint8_t link[ROOT_LINK_LEN];
};

struct root {
	uint64_t version;       /* transactions that changed rows; 0: nothing was written yet */
	uint32_t accepted;      /* how often an operator accepted the store as it was */
	uint64_t accepted_ms, accepted_from;
	struct root_sum tables[STORE_TABLE_END];
	struct root_head head;  /* of this node */
	bool two_administrators; /* the gravest acts need two of them (docs/formats.md section 22.1) */
	uint32_t generation;    /* of the root's own row: stands in for rows without one */

	/* Where several nodes write one store (docs/formats.md section 23.1): each node has a root, of what it changed. The sums are theirs together. */
	bool shared;
	uint32_t flag_changes;  /* how often two_administrators was changed in the domain: the highest one is right */
	uint64_t epoch;         /* the highest that this node has seen */
	uint64_t changes;       /* change rows written; the newest one's number */
	uint8_t change_link[ROOT_LINK_LEN]; /* of the newest one */
};

/* A row's number in the sum of its table. Any row, also one that does not open. ERR_MEMORY, ERR_CRYPTO; ERR_NOT_FOUND: neither the row's
 * generation nor root_generation is in the ring. */
enum coffer_err root_entry(struct ring *ring, uint32_t root_generation, enum store_table table, const struct store_row *row,
	uint8_t out[static ROOT_SUM_LEN]) MUST_USE;
void root_sum_add(struct root_sum *to, const uint8_t entry[static ROOT_SUM_LEN]);
void root_sum_take(struct root_sum *from, const uint8_t entry[static ROOT_SUM_LEN]);
bool root_sum_equal(const struct root_sum *a, const struct root_sum *b);
/* The parts of two nodes together, and one without the other. */
void root_sum_join(struct root_sum *to, const struct root_sum *part);
void root_sum_part(struct root_sum *from, const struct root_sum *part);
/* Moves the head when the row is a newer one of the chain. Rows that are no audit rows of its node leave it alone. */
void root_head_follow(struct root_head *head, const struct store_row *row);
bool root_is_own_row(enum store_table table, struct view id);
/* Whether it is the row of a node's root, and of which. out_node may be NULL. */
bool root_is_of_node(enum store_table table, struct view id, uint8_t *out_node);
/* The id of that row into row->id. */
void root_node_row_id(const uint8_t node_id[static UUID_LEN], struct store_row *row);

/* The sealed row, under the ring's newest generation; sets root->generation. row's views point into body and static storage. */
enum coffer_err root_to_row(struct ring *ring, struct root *root, struct store_row *row, struct buf *body) MUST_USE;
/* The root of this node, or (by the row's id) of any node that shares the store. ERR_CORRUPT: it does not open or is malformed; ERR_VERSION: a newer program wrote it;
 * ERR_NOT_FOUND: under a data key that is newer than the ring's. */
enum coffer_err root_from_row(struct ring *ring, const struct store_row *row, struct root *out) MUST_USE;

#endif
