/* A new recovery key for a domain that runs, in two requests as init (docs/formats.md section 21.6): Recovery New makes it in memory and hands out the
 * shares, Recovery Confirm takes k of them back and writes it; the one in force until then is erased in the same transaction. Admin lane. */
#ifndef COFFER_OPS_RECOVERY_CHANGE_H
#define COFFER_OPS_RECOVERY_CHANGE_H

#include "ops/engine.h"
#include "recovery/recovery.h"

#define RECOVERY_CHANGE_ID_LEN 16u
#define RECOVERY_CHANGE_LIFETIME_MS (10u * 60u * 1000u)

struct recovery_wish {
	enum stanza_mode mode;
	unsigned shares, threshold; /* with shares */
	struct view passphrase;     /* with a passphrase; secret, borrowed */
	unsigned administrators;    /* that such an act needed when it was allowed */
};

/* Made and not yet written. */
struct recovery_change {
	uint8_t id[RECOVERY_CHANGE_ID_LEN];
	char owner[PRINCIPAL_MAX + 1];
	uint64_t ends_mono_ms;
	struct recovery_wish wish;     /* its passphrase is empty */
	struct recovery_record before; /* what was in force */
	struct store_row row;
	struct buf body;
	struct buf *texts;             /* printed shares, until they are handed out */
	char set[RECOVERY_SET_NAME];
};

/* admin_lock is held by the caller of each. Replaces the caller's own change; another principal's is ERR_BUSY, but not to root. On ERR_OK
 * engine->recovery_change is the new one. */
enum coffer_err recovery_change_begin(struct engine *engine, const struct principal *principal, const struct recovery_wish *wish,
	struct reason *reason) MUST_USE;
/* ERR_NOT_FOUND: none with this id, another principal's, or its time is over. Borrowed. */
enum coffer_err recovery_change_find(struct engine *engine, const struct principal *principal, struct view id, struct recovery_change **out,
	struct reason *reason) MUST_USE;
/* Which share or line is wrong; the change stays. */
enum coffer_err recovery_change_prove(struct engine *engine, const struct recovery_change *change, const struct view *proofs, unsigned count,
	struct reason *reason) MUST_USE;
/* Writes it, with its audit record, and forgets it, unless it failed for want of memory or disk. ERR_STATE: another recovery key came meanwhile. */
enum coffer_err recovery_change_write(struct engine *engine, const struct principal *principal, struct reason *reason) MUST_USE;
void recovery_change_forget_texts(struct recovery_change *change);
/* Also when the process ends. */
void recovery_change_drop(struct engine *engine);

/* A ring of its own with the data keys of the domain, for work that is too long for the store thread. Store lane. Caller frees. ERR_MEMORY. */
enum coffer_err recovery_copy_ring(const struct ring *ring, struct ring **out) MUST_USE;
/* What status says of the recovery in force; store lane, after it changed or was read. */
void recovery_describe(struct engine *engine, struct txn *txn);

#endif
