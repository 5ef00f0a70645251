/* A whole node in memory: a domain that was made by Init over a rooted store and a token that counts, backed up, restored on another node, and set back to an earlier store. No daemon. */
#ifndef COFFER_TESTS_OPS_FOUNDED_H
#define COFFER_TESTS_OPS_FOUNDED_H

#include "base/bytes.h"
#include "store/store.h"
#include "unit/ops/fake_token.h"
#include "unit/ops/fixture.h"

struct founded {
	struct fix fix;                 /* first: what takes one takes this */
	struct fake_token token;
	struct store *inner;            /* below the version root */
	char dir[64];
	char shares[2][512];            /* any 2 of 3 */
};

/* What the counters of all tokens forget. Before the first node of a test. */
void founded_reset(void);
/* A node without a domain. */
struct founded *founded_new(void);
/* The same over these rows, which it takes. */
struct founded *founded_over(struct store *rows);
/* Init with shares; ADMIN becomes an administrator. */
void founded_init(struct founded *n);
void founded_free(struct founded *n);
/* Appends an archive of it, through the operations. */
void founded_backup(struct founded *n, struct bytes *out);
/* Restores an archive on a node without a domain, with the shares of `of`. */
enum coffer_err founded_restore(struct founded *n, const struct bytes *archive, const struct founded *of, struct reason *reason);
/* The node's rows as they are now, in a store of its own. */
struct store *founded_copy(struct founded *n);
/* The same node once more, on its token and over other rows, as after a start: at fault when the counter says that they are older. Takes `rows`. */
struct founded *founded_again(struct founded *n, struct store *rows);
/* The counter in the token is raised, as at a stop. */
void founded_raise(struct founded *n);
/* Anchor Accept. */
enum coffer_err founded_accept(struct founded *n);

#endif
