/* Changing the data key (docs/formats.md section 17.1): the new generation, the re-seal of every row, and the end of the old one.
 *
 *   none ──begin──► reseal ──every row──► proof ──a whole pass──► (retired) none
 *                     ▲                     │ a fault, or a row that cannot be re-sealed
 *                     └──────after a while── held
 *
 * What is to be done follows from the ring alone: more than one generation in it. Store thread, but for what says otherwise. */
#ifndef COFFER_OPS_ROTATION_H
#define COFFER_OPS_ROTATION_H

#include "ops/engine.h"
#include "ops/json_out.h"

#define ROTATION_GENERATIONS_MAX 16u /* in the ring at a time */

enum rotation_phase { ROTATION_NONE, ROTATION_RESEAL, ROTATION_PROOF, ROTATION_HELD };

/* NULL when memory is short. */
struct rotation *rotation_new(void);
void rotation_free(struct rotation *rotation); /* accepts NULL */
enum rotation_phase rotation_phase(struct engine *engine); /* any thread */

/* When the domain opens: audit subkeys of generations that left come into the ring, and what is to be done is found out. arg unused. */
engine_store_fn rotation_load;

/* A generation that is being made. */
struct rotation_fresh {
	const char *principal;
	uint32_t generation;      /* set by rotation_ask */
	struct secret *key;       /* 32 bytes; the caller's */
	struct view blob;         /* wrapped by the token of engine->identity */
};
/* Whether a new generation may be made now, and its number; arg: struct rotation_fresh. ERR_STATE: one is under way, and none is owed (ops/rotation_owed.h); ERR_CORRUPT: the stanza does
 * not verify; ERR_LIMIT. */
engine_store_fn rotation_ask;
/* Makes it the newest of the ring, with everything that belongs to it, in this transaction. arg: struct rotation_fresh. When the commit's outcome is not known
 * the ring is in doubt until rotation_settle. */
engine_store_fn rotation_begin;
/* Outside a transaction, before anything is written: a generation whose commit is in doubt stays in the ring if its slot row is there, else leaves it. */
enum coffer_err rotation_settle(struct engine *engine) MUST_USE;

/* The whole beginning: asked, made, wrapped by the token and opened again, written. Admin lane, admin_lock held. ERR_STATE, ERR_LIMIT, errors of token and store, each with its sentence. */
enum coffer_err rotation_run(struct engine *engine, const char *principal, uint32_t *out_generation, struct reason *reason) MUST_USE;

/* One step of the re-seal, a transaction. A failure changes nothing, and the step is made again. */
struct rotation_budget {
	size_t rows;
	unsigned ms;
};
engine_store_fn rotation_reseal; /* arg: struct rotation_budget */
/* Whether the proof is there (the phase then says what comes next); asks for the pass. Outside a transaction. */
bool rotation_is_proven(struct engine *engine);
/* The end of the old generations. arg unused. */
engine_store_fn rotation_retire;
/* Store lane, outside a transaction: generations whose slot of this node the master server took out of the store leave the ring. */
enum coffer_err rotation_follow(struct engine *engine) MUST_USE;
/* The phase is HELD because a node has not got the newest generation: it is looked for again soon. Store lane. */
bool rotation_awaits_node(struct engine *engine);
/* Held back for a while: the re-seal begins again, for what was mended meanwhile. */
void rotation_again(struct engine *engine);

/* For status; any thread. */
void rotation_json(struct engine *engine, struct json_out *j);

#endif
