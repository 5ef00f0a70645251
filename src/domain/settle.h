/* Unknown outcomes: what may be answered when a commit was not confirmed (docs/formats.md section 23.1). A table of facts; any thread.
 *
 *   commit ──ok──────────────────────────────► it is there
 *      ├────another error────────────────────► it is not there, and does not come
 *      └────ERR_UNKNOWN_OUTCOME──► open again ──► read ──► there / not there
 *                                   ▲   │
 *                                   └───┘ did not go: nothing is known yet */
#ifndef COFFER_DOMAIN_SETTLE_H
#define COFFER_DOMAIN_SETTLE_H

#include <stdbool.h>

#include "base/err.h"

enum settle {
	SETTLE_THERE,    /* the change is there and stays: answer so */
	SETTLE_ABSENT,   /* it is not there and cannot come any more: answer so, or do it again */
	SETTLE_UNKNOWN,  /* neither may be answered: store_reopen first, then read */
};

/* What a commit's answer says of what it carried. */
enum settle settle_commit(enum coffer_err err);
/* After store_reopen and reading what the change would have left; reopened: what store_reopen returned; read: ERR_OK it is there, ERR_NOT_FOUND it is not,
 * anything else that it cannot be read. */
enum settle settle_read(enum coffer_err reopened, enum coffer_err read);
/* A request whose row was found before anything was written: somebody carried it out, and its commit may still wait for a standby. Only a commit of this
 * transaction's own, which is acknowledged behind it, makes the finding one that stays. */
enum settle settle_found(enum coffer_err own_commit);

#endif
