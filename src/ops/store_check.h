/* The store's integrity: what a start and each pass of the scrub found, in sentences (docs/operations.md section 12).
 *
 * The store thread runs passes in small steps; status and Store Check read what came out, from any thread. */
#ifndef COFFER_OPS_STORE_CHECK_H
#define COFFER_OPS_STORE_CHECK_H

#include "ops/engine.h"
#include "ops/json_out.h"

#define STORE_CHECK_FINDINGS 32u    /* sentences that are kept; the others are counted */
#define STORE_CHECK_SENTENCE 320u   /* bytes with NUL */

struct store_check;

/* NULL when memory is short. */
struct store_check *store_check_new(void);
void store_check_free(struct store_check *check); /* accepts NULL */

/* At start, with the ring in place and before anything is served: the root's verdict, the small tables, the end of the audit chain. Store
 * thread, outside a transaction. ERR_CORRUPT with a sentence: the node must not serve. */
enum coffer_err store_check_start(struct engine *engine, struct reason *reason) MUST_USE;
/* The same after the store was opened again under a running node, before anything is read from it; the findings of the last pass stay unless
 * there is a fault. */
enum coffer_err store_check_reopened(struct engine *engine, struct reason *reason) MUST_USE;

/* A pass begins; one that is under way starts over. Store thread. */
void store_check_begin(struct engine *engine);
/* Goes on for about `ms`, at most `rows` rows. True when the pass ended. Store thread, outside a transaction. */
bool store_check_step(struct engine *engine, size_t rows, unsigned ms);
/* After a pass ended: appends an audit record when it found something else than the one before. Store thread, inside a transaction. */
enum coffer_err store_check_note(struct engine *engine, struct txn *txn, void *arg, struct reason *reason) MUST_USE;
/* Whether store_check_note has something to write. */
bool store_check_is_news(struct engine *engine);

/* Forgets what was found (an operator accepted the store). Any thread. */
void store_check_forget(struct store_check *check);
/* What a whole pass found of the generations that rows are sealed under; slot rows do not count. Any thread. */
struct store_check_proof {
	uint64_t pass, faults;
	uint32_t lowest;      /* of any row; UINT32_MAX: there is none */
	uint64_t below;       /* rows under a generation that was not the newest */
};
/* False while the pass has not ended. */
bool store_check_proof(struct store_check *check, uint64_t pass, struct store_check_proof *out);
/* The number of a pass that begins from now on. Any thread. */
uint64_t store_check_next_pass(struct store_check *check);
/* Whether that pass has neither ended nor is under way, and is the next one to begin. Any thread. */
bool store_check_awaits(struct store_check *check, uint64_t pass);
bool store_check_is_well(struct store_check *check);
/* One line: "" before the first pass. Any thread. */
void store_check_sentence(struct store_check *check, char *out, size_t cap);
/* Writes members about the last pass and the one under way. Any thread. */
void store_check_json(struct store_check *check, struct json_out *j);

#endif
