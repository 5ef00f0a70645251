/* A node over a store in memory and a token that counts, for tests of the anchor: lives that end by a cut at any step. */
#ifndef COFFER_TESTS_OPS_ANCHOR_NODE_H
#define COFFER_TESTS_OPS_ANCHOR_NODE_H

#include "ops/anchor_internal.h"
#include "unit/ops/fake_token.h"

/* The token: one counter, and no way back. The tests change it between lives. */
struct anchor_chip {
	bool there;
	uint8_t owner[TOKEN_COUNTER_OWNER_LEN], auth[TOKEN_COUNTER_AUTH_LEN];
	uint8_t place;
	uint64_t value, most; /* most: of all counters that there ever were */
	unsigned raises;
	bool full;            /* it makes none */
};
extern struct anchor_chip chip;

/* The n-th step of a life fails: a call of the token, or a transaction. */
enum cut { CUT_NONE, CUT_BEFORE, CUT_AFTER };
struct knife {
	enum cut cut;
	unsigned at, step;
};
extern struct knife knife;

struct node {
	struct engine engine;
	struct config config;
	struct fake_token token;
	struct store *inner;
	struct ring *ring;
};

/* cmocka's: *state becomes a struct node, chip and knife are as new. */
int start_node(void **state);
int stop_node(void **state);
/* fake_token's on_counter. */
enum coffer_err on_counter(unsigned op, const struct token_counter_wish *w, struct token_counter_answer *out);
/* The process ends and starts; store and chip stay. */
void next_life(struct node *n);
enum anchor_level level_of(struct node *n);
/* One more version of the root; the knife is not met. */
void commit_something(struct node *n);
/* As a store from before there was a counter; the knife is not met. */
void erase_record(struct node *n);
/* Checked, and the counter at what the record says. */
void checks_well(struct node *n);
/* The check refuses, and says these words. */
void is_refused(struct node *n, const char *words);
/* The record of now as a copy has it. */
struct anchor_record record_of(struct node *n);
/* The row is there and does not open. */
void damage_record(struct node *n);
/* As an open node has it. */
void opens_audit(struct node *n);
/* The newest record of the audit log has these words. */
void on_record(struct node *n, const char *words);
/* That record is of this principal. */
void recorded_by(struct node *n, const char *principal);

#endif
