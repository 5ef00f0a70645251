/* Binding this node's wrapped data keys anew, while the ring stays open (docs/formats.md section 18.4). Admin lane, engine->admin_lock held by the
 * caller. */
#ifndef COFFER_OPS_RESEAL_H
#define COFFER_OPS_RESEAL_H

#include "ops/engine.h"
#include "token/policy.h"

struct principal;

struct reseal_wish {
	const struct principal *principal;
	uint32_t operation;       /* for the audit record */
	const char *changes;      /* as token/policy.h wants it; "" for none */
	const struct secret *pin; /* NULL: the PIN does not change */
	const char *details;      /* for the audit record; no secret */
};

/* Steps 1 to 4. On failure before the commit nothing is changed; a token that changes its PIN itself has done so (*out_slots = 0). */
enum coffer_err reseal_run(struct engine *engine, const struct reseal_wish *wish, unsigned *out_slots, struct reason *reason) MUST_USE;

#endif
