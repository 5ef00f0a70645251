/* A store that several nodes write, for its tests: two nodes with rings and marks of their own over one store, in memory (opened in turns) or in PostgreSQL, and somebody who
 * edits it behind their back. */
#ifndef COFFER_TESTS_STORE_SHARED_H
#define COFFER_TESTS_STORE_SHARED_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "keyring/rooted_internal.h"
#include "unit/keyring/fixture.h"

#define SEED 20261122u
#define NODES 2
#define HELD_MAX 4096

struct node {
	struct store *store;
	struct ring *ring;
	char mark[64];
};

struct world {
	bool postgres;
	char schema[40], dir[32];
	struct store *raw; /* who edits the store behind the nodes' back; in memory: the one that they share */
	struct node nodes[NODES];
};

/* A row with its bytes. */
struct copy {
	struct store_row row;
	uint8_t bytes[HELD_MAX];
};

struct findings {
	size_t count;
	struct rooted_fault last;
};

struct told {
	size_t count, everything;
	uint8_t first[64]; /* of each id */
	enum store_table table;
};

/* Setups of a test, and its teardown. */
int shared_in_memory(void **state);
int shared_in_postgres(void **state);
int shared_close_world(void **state);

struct store *shared_open_postgres(const struct world *w, uint64_t writer);
/* A ring of that node's. Caller frees. */
struct ring *shared_ring_of(unsigned node);
/* Opens a node as after a start, whatever the verdict. */
void shared_open_node(struct world *w, unsigned i);
void shared_close_node(struct world *w, unsigned i);

/* One row, whose id rises from `id`, and its id. */
struct store_row shared_row_of(unsigned id, uint32_t version, const char *body);
struct view shared_id_of(const struct store_row *row);
void shared_commit(struct store *s);
/* In a transaction of their own. */
void shared_put(struct store *s, enum store_table table, unsigned id, uint32_t version, const char *body);
void shared_erase(struct store *s, enum store_table table, struct view id);
void shared_take_copy(struct store *s, enum store_table table, struct view id, struct copy *out);
void shared_put_copy(struct store *s, enum store_table table, const struct copy *copy);
/* The id of a node's root, and its name in sentences. */
struct store_row shared_root_of(unsigned node);
void shared_uuid_of(unsigned node, char out[static UUID_TEXT_LEN + 1]);

/* A whole pass: how many faults. rooted_watch's fault, arg is struct findings. */
void shared_note(void *arg, const struct rooted_fault *fault);
size_t shared_pass(struct store *s, struct findings *out);
/* At every node. */
void shared_expect_well(struct world *w, unsigned seed);
struct told shared_refresh(struct store *s);
/* A refresh fails with a sentence that has both parts, and nothing can be written. */
void shared_expect_refused(struct store *s, const char *part, const char *part2);

/* Tests of the other files. */
void another_nodes_root_that_is_older_than_it_was_seen_is_refused_by_name(void **state);
void a_floor_that_was_told_counts_as_seen(void **state);
void this_nodes_own_root_that_was_put_back_is_found_while_it_runs_and_after(void **state);
void what_the_other_changed_is_told_once(void **state);
void a_change_that_is_kept_from_a_node_makes_it_forget_everything(void **state);
void a_change_that_was_rolled_back_does_not_stand_in_for_the_one_that_was_made(void **state);
void more_than_one_row_names_is_everything(void **state);
void a_node_that_wrote_alone_goes_on_as_one_of_several(void **state);
void a_newer_data_key_at_one_node_is_waited_for_at_the_other(void **state);
void accepting_takes_over_what_a_damaged_root_said(void **state);
void flags_and_epoch_are_those_of_all(void **state);
void roots_are_not_seen_by_who_uses_the_store(void **state);

#endif
