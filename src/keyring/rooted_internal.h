/* What the parts of the rooted store share. */
#ifndef COFFER_KEYRING_ROOTED_INTERNAL_H
#define COFFER_KEYRING_ROOTED_INTERNAL_H

#include "keyring/root.h"
#include "keyring/rooted_store.h"
#include "store/store_internal.h"

/* What a transaction moves and an undo moves back. */
struct rooted_level {
	struct root root;
	struct root_sum seen[STORE_TABLE_END]; /* of the pass under way: rows before its place */
	bool dirty;
};

struct rooted_pass {
	bool active, in_orphans;
	enum store_table table;
	struct store_place place;
};

struct rooted {
	struct store base;
	struct store *inner;
	struct ring *ring; /* borrowed; NULL: sealed */
	struct root_mark *mark;
	struct rooted_level durable, saved, now; /* as committed, at the savepoint, as it stands */
	enum coffer_err doom;
	enum coffer_err verdict;
	struct reason why;
	bool accepting; /* the transaction under way takes the store as it is, whatever the verdict */
	bool founding;  /* there is no row yet: what a mark says is of a store before this one */
	bool mark_missing;
	uint64_t mark_version;
	uint64_t known; /* the newest root version since the ring was attached; what is opened again must not be older */
	struct rooted_pass pass;
};

struct rooted *rooted_of(struct store *s);
/* Every row of the table but the root's own, into *out; watch may be NULL. At once. */
enum coffer_err rooted_sum_table(struct rooted *r, enum store_table table, const struct rooted_watch *watch, struct root_sum *out,
	size_t *faults) MUST_USE;
/* Makes the searchable copies what the index columns say. Inside a transaction. */
enum coffer_err rooted_mend_copies(struct rooted *r, enum store_table table) MUST_USE;
/* The newest audit row of this node. */
enum coffer_err rooted_find_head(struct rooted *r, struct root_head *out) MUST_USE;
/* Reads the root again, sets verdict and levels. Errors of the store alone. */
enum coffer_err rooted_read(struct rooted *r, struct reason *reason) MUST_USE;
/* The root's row, from what stands now. Inside a transaction. */
enum coffer_err rooted_write(struct rooted *r) MUST_USE;

#endif
