/* Recovery Test: a drill. Proves that shares or passphrase open every data key and, with the newest alone, a record of the store; then nothing is changed but
 * the audit log and the date of the last drill. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "kmip/tags.h"
#include "ops/attend.h"
#include "ops/recovery_fields.h"
#include "ops/tables.h"

struct drill {
	struct store_row row;
	struct stanza stanza;  /* borrows body */
	struct buf body;
	struct ring *recovered;
	uint32_t generation;
};

static void drill_done(struct drill *d)
{
	buf_free(&d->body);
	ring_free(d->recovered);
}

static enum coffer_err load(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	struct drill *d = arg;
	(void)engine;
	buf_clear(&d->body);
	return recovery_load(txn_store(txn), txn_ring(txn), &d->row, &d->stanza, &d->body, reason);
}

static enum coffer_err open_private(struct op_ctx *ctx, const struct drill *d, const struct recovery_proofs *proofs, struct secret **out)
{
	struct engine *e = ctx->engine;
	if (!proofs->is_passphrase) return recovery_open_shares(&e->domain, &d->stanza, proofs->views, proofs->count, out, &ctx->reason);
	TRY(attend_passphrase_begin(e->attend, &ctx->reason));
	enum coffer_err err = recovery_open_passphrase(&e->domain, &d->stanza, proofs->views[0], out, &ctx->reason);
	attend_passphrase_end(e->attend, err == ERR_AUTH);
	return err;
}

/* With the recovered data keys alone: they are the node's, all of them, and open a record. */
static enum coffer_err compare(struct txn *txn, const struct drill *d, struct reason *reason)
{
	const struct secret *ours, *theirs;
	const struct ring *ring = txn_ring(txn);
	struct recovery_record canary;
	for (unsigned i = 0; i < ring_count(ring); i++) {
		uint32_t generation = ring_generation_at(ring, i);
		TRY(ring_data_key(ring, generation, &ours));
		if (ring_data_key(d->recovered, generation, &theirs) != ERR_OK || !secret_equal(ours, theirs))
			return reason_fail(reason, ERR_CORRUPT, "the recovery does not hold the data key of generation %u: make new shares with 'coffer recovery shares --new'",
				generation);
	}
	if (recovery_get(txn_store(txn), d->recovered, &canary) != ERR_OK || memcmp(canary.key_id, d->stanza.key_id, RECOVERY_KEY_ID_LEN) != 0)
		return reason_fail(reason, ERR_CORRUPT, "the recovered data key does not open the domain's own record; check the store with 'coffer store check'");
	return ERR_OK;
}

static enum coffer_err finish(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	struct drill *d = arg;
	struct recovery_record now;
	TRY(recovery_get(txn_store(txn), txn_ring(txn), &now));
	if (memcmp(now.key_id, d->stanza.key_id, RECOVERY_KEY_ID_LEN) != 0)
		return reason_fail(reason, ERR_STATE, "another recovery key came into force meanwhile; run the drill again with its shares");
	TRY(compare(txn, d, reason));
	TRY(recovery_put_drill(txn_store(txn), txn_ring(txn), clock_wall_s() * 1000, d->stanza.key_id));
	d->generation = ring_newest(txn_ring(txn));
	recovery_describe(engine, txn);
	return ERR_OK;
}

static enum coffer_err run(struct op_ctx *ctx, struct drill *d, const struct recovery_proofs *proofs)
{
	struct engine *e = ctx->engine;
	AUTO_SECRET struct secret *private_key = NULL;
	TRY(e->on_store(e, load, d, &ctx->reason));
	if (!proofs->count) return ERR_OK;
	TRY(open_private(ctx, d, proofs, &private_key));
	TRY(recovery_open_ring(&e->domain, &d->stanza, private_key, &d->recovered, &ctx->reason));
	return e->on_store(e, finish, d, &ctx->reason);
}

enum coffer_err op_recovery_test(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	char set[RECOVERY_SET_NAME];
	struct recovery_proofs proofs;
	AUTO(drill_done) struct drill d = { .body = BUF_EMPTY };
	TRY(recovery_proofs_take(ctx, payload, &proofs));
	TRY(run(ctx, &d, &proofs));
	recovery_set_name(&d.stanza, set);
	recovery_mode_put(out, &d.stanza);
	ttlv_put_str(out, TAG_COFFER_RECOVERY_SET, set);
	if (proofs.count) ttlv_put_i32(out, TAG_COFFER_GENERATION, (int32_t)d.generation);
	if (proofs.count) snprintf(ctx->detail, sizeof ctx->detail, "drill: set %s opened every data key up to generation %u", set, d.generation);
	else snprintf(ctx->detail, sizeof ctx->detail, "asked what a drill takes");
	return ERR_OK;
}
