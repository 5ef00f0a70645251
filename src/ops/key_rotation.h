/* Keys that are re-keyed by a schedule (docs/formats.md section 17.4): what is due follows from the records alone, so a start, a clock that jumps and a commit
 * that was lost need nothing of their own. Store thread, but for what says otherwise. */
#ifndef COFFER_OPS_KEY_ROTATION_H
#define COFFER_OPS_KEY_ROTATION_H

#include "ops/engine.h"
#include "ops/json_out.h"

#define KEY_ROTATION_STEP 16u /* replacements in a transaction */
#define KEY_ROTATION_TOLD 32u /* keys that failed which a pass remembers */

/* NULL when memory is short. */
struct key_rotation *key_rotation_new(void);
void key_rotation_free(struct key_rotation *rotation); /* accepts NULL */

/* The Rotate Interval of a key that is replaced by its schedule, and when it is due; false: it has no schedule. Any thread. */
bool key_rotation_of(const struct object *o, uint32_t *out_interval_s, uint64_t *out_due_s);
/* Whether a step has something to do now: a pass is under way, or it is time for the next. Any thread. */
bool key_rotation_wants(struct engine *engine);
/* A schedule was set, or the domain opened: a pass begins with the next step. Any thread. */
void key_rotation_wake(struct engine *engine);
/* The last step failed: none for so long, and then what it was to do. Any thread. */
void key_rotation_wait(struct engine *engine, uint64_t ms);
/* One step of a pass, a transaction: looks at 64 keys at most, replaces KEY_ROTATION_STEP of those that are due, or what `ms` allow. arg: unsigned ms. A key that
 * cannot be replaced keeps no other; an error is about the store. */
engine_store_fn key_rotation_step;

/* For status; any thread. */
void key_rotation_json(struct engine *engine, struct json_out *j);

#endif
