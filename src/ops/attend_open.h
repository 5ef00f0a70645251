/* From shares or a passphrase to an open node, without its token (docs/formats.md section 21.4). Admin lane. */
#ifndef COFFER_OPS_ATTEND_OPEN_H
#define COFFER_OPS_ATTEND_OPEN_H

#include "ops/attend.h"

/* The stanza in force, copied out of the store. */
struct attend_stanza {
	struct store_row row;
	struct stanza stanza; /* borrows body */
	struct buf body;
};

/* On a sealed node. Errors of recovery_find. attend_stanza_done frees it, also after a failure. */
enum coffer_err attend_find(struct engine *engine, struct attend_stanza *out, struct reason *reason) MUST_USE;
void attend_stanza_done(struct attend_stanza *s);

/* Opens the node. how: one line for the audit log. ERR_EXISTS: it is open already. ERR_CORRUPT: a wrap does not open, or the stanza is not the newest (the
 * node stays sealed), or the store is not what was written last (then its state is FAULT). takes admin_lock. */
enum coffer_err attend_open(struct engine *engine, const struct attend_stanza *s, const struct secret *private_key, const char *how,
	struct reason *reason) MUST_USE;

#endif
