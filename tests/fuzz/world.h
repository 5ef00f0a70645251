/* A domain for fuzzing: the real dispatcher over the memory store, a fixed ring, a clock that stands still, and objects with fixed ids in every
 * state. world_send runs one frame as the daemon would and checks what must hold for every answer and every change. One thread. */
#ifndef COFFER_TESTS_FUZZ_WORLD_H
#define COFFER_TESTS_FUZZ_WORLD_H

#include "fuzz/grammar.h"
#include "ops/dispatch.h"

#define WORLD_NOW_S UINT64_C(1700000000)
#define WORLD_ADMIN 4001u    /* uid with the role administrator */
#define WORLD_USER 4002u     /* key-user in the group "pay" */
#define WORLD_MANAGER 4003u  /* key-manager everywhere */
#define WORLD_AUDITOR 4004u
#define WORLD_STRANGER 4005u /* no grant */

enum world_operations { WORLD_KMIP, WORLD_VENDOR, WORLD_ALL };

struct world;

/* Makes the world at the first call. */
struct world *world_get(void);
/* Back to how it was made; cheap when nothing changed. */
void world_reset(struct world *w);
/* What there is to ask for. */
const struct grammar_known *world_known(struct world *w, enum world_operations which);
/* The state that the engine says it is in, until the reset. */
void world_set_state(struct world *w, enum engine_state state);
/* Runs one frame of the user. Aborts with a sentence when an invariant breaks. */
void world_send(struct world *w, unsigned uid, struct view frame);
/* Hands every answer to fn; NULL: no more. */
void world_on_answer(struct world *w, void (*fn)(void *arg, struct view answer), void *arg);
/* Runs bytes as connections bring them: byte 0 chooses user (low 3 bits) and engine state (bits 3 to 5), then frame after frame; what is no frame is
 * sent as it is. Resets the world afterwards. */
void world_run_bytes(struct world *w, struct view bytes);
/* Items that succeeded and failed since the world was made. */
void world_counts(const struct world *w, uint64_t *out_ok, uint64_t *out_failed);
/* The i-th operation of the dispatch table that never succeeded since then; NULL when there are fewer. */
const char *world_never_done(const struct world *w, size_t i);

#endif
