/* Two or three nodes of one domain over one store in memory, without daemons: each has a ring, a token of its own that answers Diffie-Hellman, and a place in the domain. */
#ifndef COFFER_TESTS_OPS_NODES_WORLD_H
#define COFFER_TESTS_OPS_NODES_WORLD_H

#include "domain/node_record.h"
#include "ops/engine.h"
#include "unit/ops/fake_token.h"

struct node {
	struct engine engine;
	struct config config;
	struct ring *ring;
	struct fake_token token;
	uint8_t transport[HPKE_PUBLIC_LEN];
};

struct world {
	struct store *inner;
	struct node a, b, c; /* a is master server; c is opened by who wants it */
	struct domain_id domain;
	struct secret *seed, *first;
	struct secret *private_key; /* of b's and c's transport keys */
	bool silent;         /* their tokens do not answer */
	unsigned asked;
};
extern struct world w;

int world_open(void **state);
int world_close(void **state);
void world_open_node(struct node *n, uint8_t first);
/* As the tokens here do. */
void world_wrap(struct buf *out, struct view in);
/* In a transaction, as the daemon's store thread does. */
enum coffer_err world_on_store(struct engine *engine, engine_store_fn *fn, void *arg, struct reason *reason);
/* The node's record, by a. mute: it has no transport key. */
enum coffer_err world_record(struct node *node, enum node_state state, bool mute);
/* It hears what the others changed. */
enum coffer_err world_hear(struct node *n);

#endif
