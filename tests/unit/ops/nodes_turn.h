/* The nodes of nodes_world.h change their data key. */
#ifndef COFFER_TESTS_OPS_NODES_TURN_H
#define COFFER_TESTS_OPS_NODES_TURN_H

#include "ops/rotation_internal.h"
#include "unit/ops/nodes_world.h"

/* At a, the master server. */
enum coffer_err turn_rotate(struct reason *reason);
/* A slot, or a generation that waits for a node. */
bool turn_has_row(enum store_table table, const struct node *n, uint32_t generation);
/* As the rotator does, with the scrub beside it, until there is nothing more to be done, or it waits for a node. */
enum rotation_phase turn_work(struct node *n);
/* What waits for it, of which there must be something. */
enum coffer_err turn_take(struct node *n, struct reason *reason);
/* It hears what the others changed, and finds the store as it should be. */
void turn_expect_whole(struct node *n);
/* engine_store_fn: a new object, whose id goes to arg. */
enum coffer_err turn_create(struct engine *e, struct txn *txn, void *arg, struct reason *reason);
enum coffer_err turn_look(struct node *n, const uint8_t id[static UUID_LEN]);

#endif
