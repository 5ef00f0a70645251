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
	/* Where several nodes write: */
	bool own_there, adopting;            /* this node's row stands in the store; the row of its time alone goes with the next commit */
	uint8_t own_digest[ROOT_LINK_LEN];   /* SHA-256 of its body: what this process wrote or read last */
	size_t changed;                      /* of rooted.changed; more than ROOTED_CHANGED_MAX: everything */
};

#define ROOTED_CHANGED_MAX 1024u  /* rows that one change row names */
#define ROOTED_CHANGES_KEPT 16384u /* change rows of a node; older ones go */
#define ROOTED_CHANGES_READ 4096u /* who is further behind forgets everything */

/* Another node that writes the same store. */
struct rooted_peer {
	uint8_t node_id[UUID_LEN];
	struct root root;                    /* as it was read last, where there */
	bool there, unusable;                /* its row was found, and opens; was found, and does not */
	uint64_t newest;                     /* the newest root version that was ever read */
	uint64_t read;                       /* the change row up to which its changes are known here, */
	uint8_t read_link[ROOT_LINK_LEN];    /* and its link */
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
	/* Where several nodes write: */
	bool shared;
	bool peer_verdict;               /* the verdict is of another node's root: it is judged anew with each reading */
	bool twin;                       /* another process wrote this node's root */
	bool in_doubt;                   /* a commit of this node may be there or not: until the root was read again */
	bool unheard;                    /* what was told was not taken in */
	struct rooted_peer *peers;
	size_t peer_count, peer_cap;
	struct rooted_row_id *changed;   /* ROOTED_CHANGED_MAX of them */
	rooted_commits_fn *commits;      /* NULL: nobody wants to know */
	void *commits_arg;
};

struct rooted *rooted_of(struct store *s);
extern const char rooted_twin_sentence[];
/* Every row of the table but the root's own, into *out; watch may be NULL. At once. */
enum coffer_err rooted_sum_table(struct rooted *r, enum store_table table, const struct rooted_watch *watch, struct root_sum *out,
	size_t *faults) MUST_USE;
/* Makes the searchable copies what the index columns say. Inside a transaction. */
enum coffer_err rooted_mend_copies(struct rooted *r, enum store_table table) MUST_USE;
/* The newest audit row of a node. */
enum coffer_err rooted_find_head(struct rooted *r, const uint8_t node_id[static UUID_LEN], struct root_head *out) MUST_USE;
/* Reads the root again, sets verdict and levels. Errors of the store alone. */
enum coffer_err rooted_read(struct rooted *r, struct reason *reason) MUST_USE;
void rooted_judge(struct rooted *r, enum coffer_err err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Whether the row is one that users of the store do not see. */
bool rooted_is_root(const struct rooted *r, enum store_table table, struct view id);
/* What a table must hold, and the generation that stands in for rows without one: of this node, or of all nodes as they were read last. */
void rooted_total(const struct rooted *r, enum store_table table, struct root_sum *out);
uint32_t rooted_generation(const struct rooted *r);
bool rooted_two_administrators(const struct rooted *r);

/* rooted_shared.c. The roots of the other nodes, inside a transaction; what is wrong with one is a verdict, where there is none yet. Errors of the store alone. */
enum coffer_err rooted_read_peers(struct rooted *r) MUST_USE;
/* The same; and the verdict, unless the store is being accepted. */
enum coffer_err rooted_need_peers(struct rooted *r) MUST_USE;
/* Begins a transaction that only reads, with all roots as they stand in it; what is wrong with them is the verdict. Ends with store_rollback(r->inner). Errors of the store: it has ended. */
enum coffer_err rooted_look(struct rooted *r, struct reason *reason) MUST_USE;
/* rooted_read where several nodes write. */
enum coffer_err rooted_read_shared(struct rooted *r, struct reason *reason) MUST_USE;
/* Forgets the other nodes and takes what the mark knows of them. */
enum coffer_err rooted_begin_peers(struct rooted *r) MUST_USE;
/* What is read of the others counts as known: nothing was loaded from the store before. */
void rooted_know_changes(struct rooted *r);
/* Before this node's root is written: the row in the store must be the one that this process wrote last. ERR_EXISTS: a second process with this node's identity went on from it; ERR_CORRUPT, the verdict: an older
 * one is there, or none. */
enum coffer_err rooted_check_own(struct rooted *r) MUST_USE;
enum coffer_err rooted_wrote_own(struct rooted *r, struct view body) MUST_USE;
/* Takes the other nodes as they are: those whose root cannot be used lose it, and this node's part is what the rest leaves. Inside a transaction; then after its commit. */
enum coffer_err rooted_accept_peers(struct rooted *r) MUST_USE;
void rooted_accepted_peers(struct rooted *r);

/* rooted_changes.c */
void rooted_note_change(struct rooted *r, enum store_table table, struct view id);
/* The change row of the transaction under way, and its place in the root. */
enum coffer_err rooted_write_change(struct rooted *r) MUST_USE;

/* rooted_read.c */
void rooted_begin_root(struct rooted *r);
void rooted_keep(struct rooted *r);
enum coffer_err rooted_is_empty(struct rooted *r, bool *out) MUST_USE;
void rooted_compare_mark(struct rooted *r);

/* The root's row, from what stands now. Inside a transaction. */
enum coffer_err rooted_write(struct rooted *r) MUST_USE;

#endif
