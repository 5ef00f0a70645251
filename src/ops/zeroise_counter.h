/* The counter in the token at the end of a node's domain (docs/formats.md section 22.2). */
#ifndef COFFER_OPS_ZEROISE_COUNTER_H
#define COFFER_OPS_ZEROISE_COUNTER_H

#include "ops/engine.h"

/* Removes this node's counter from its token, behind the master secret: without its counter a node whose master secret is still there would not start. Also while the token has no
 * master secret any more; it is then turned to without one, and serves nothing else. *out_what: for people, static; a failure too has one. ERR_OK also where the token cannot count.
 * Admin lane, admin_lock held; waits for the token. */
enum coffer_err zeroise_drop_counter(struct engine *engine, const char **out_what, struct reason *reason) MUST_USE;

#endif
