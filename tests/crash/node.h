/* A node without processes around it: the real dispatcher, keyring, audit chain and SQLite store on a folder, under a fixed data key. What the crash
 * campaign kills, and what the oracle opens afterwards. One thread. Every failure of its own making ends the program with a sentence. */
#ifndef COFFER_TESTS_CRASH_NODE_H
#define COFFER_TESTS_CRASH_NODE_H

#include "kmip/message.h"
#include "ops/dispatch.h"

#define NODE_UID 4001u /* the one client: administrator */

struct node {
	struct engine engine;
	struct config config;
	struct ring *ring;
	struct op_local *local;
	struct op_streams *streams;
};

/* Opens (and the first time makes) the store of a folder. The first time it also gives NODE_UID its role. */
void node_open(struct node *n, const char *folder);
/* The same with a ring of the caller's, which becomes the node's. */
void node_open_with(struct node *n, const char *folder, struct ring *ring);
/* The secret arena, before anything else; node_open does it by itself. */
void node_memory(void);
void node_close(struct node *n);

/* Called when a request was carried out; normally after the commit. */
typedef void node_ack_fn(void *arg, const struct kmip_response_item *item);
/* Runs one request frame in one transaction. The item's error; *ack is called with the item when that is ERR_OK, once what it says is durable. */
enum coffer_err node_ask(struct node *n, struct buf *frame, node_ack_fn *ack, void *arg);

/* Says what is wrong and ends the program with status 3; told to node_die_hook before, when that is set. */
extern void (*node_die_hook)(const char *text);
_Noreturn void node_die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
