/* The inside of the world, shared by world.c (made and reset), world_objects.c (what is in it) and world_check.c (what must hold). */
#ifndef COFFER_TESTS_FUZZ_WORLD_INTERNAL_H
#define COFFER_TESTS_FUZZ_WORLD_INTERNAL_H

#include "fuzz/fuzz.h"
#include "fuzz/world.h"
#include "kmip/message.h"
#include "store/store.h"

#define WORLD_ROWS_MAX 512u
#define WORLD_OPERATIONS_MAX 128u

struct world_row {
	enum store_table table;
	struct store_row row;      /* its views lead into bytes */
	uint8_t *bytes;
};

/* The rows of a table as one number each, to see what changed. */
struct world_print {
	uint8_t ids[WORLD_ROWS_MAX][STORE_ID_MAX];
	uint64_t sums[WORLD_ROWS_MAX];
	size_t count;
};

/* The material of an object as it was made. */
struct world_secret {
	unsigned owner;            /* uid */
	bool said;                 /* in a request since the reset: answers may repeat it */
	uint8_t material[32];
};

#define WORLD_RING_MAX ((size_t)1 << 20) /* bytes of a ring */

struct world {
	struct engine engine;
	struct config config;
	struct ring *ring;
	struct op_local *worker, *store_local;
	struct op_streams *streams;
	uint8_t *ring_memory;                  /* NULL: no ring is mapped */
	size_t ring_bytes;
	struct world_row rows[WORLD_ROWS_MAX]; /* as made */
	size_t row_count;
	struct grants *grants;                 /* as made */
	struct world_secret secrets[32];
	size_t secret_count;
	bool changed;                          /* since the last reset */
	struct world_print objects, grant_rows; /* after the last check */
	void (*on_answer)(void *arg, struct view answer);
	void *on_answer_arg;
	uint64_t ok, failed;
	bool done[WORLD_OPERATIONS_MAX];       /* by row of the dispatch table: succeeded once */
};

/* world_objects.c: inside a transaction of w->engine.txn. */
void world_fill(struct world *w);
void world_fill_known(struct world *w);
/* world_check.c */
void world_print_table(struct world *w, enum store_table table, struct world_print *out);
/* The answer to a frame. staged: how many steps its transaction had. */
void world_check_answer(struct world *w, struct request *r, enum coffer_err classified, size_t staged);
/* After the commit. any_success: an item succeeded. */
void world_check_store(struct world *w, bool any_success);

/* world_secrets.c */
void world_check_secrets(struct world *w, unsigned uid, struct view frame, struct view answer);

#endif
