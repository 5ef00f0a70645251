/* Promote and Step Down: who is master server, decided by an administrator. The role acts on it behind this transaction (daemon/role_drive.h). */
#include <stdio.h>

#include "base/clock.h"
#include "ops/seat.h"
#include "ops/tables.h"

static enum coffer_err find_seat(struct op_ctx *ctx, struct seat **out)
{
	*out = ctx->engine->seat;
	if (*out && (*out)->taken) return ERR_OK;
	return reason_fail(&ctx->reason, ERR_UNSUPPORTED, "this node is the only one that writes its store (store_shared = no), so there is no master server");
}

enum coffer_err op_promote(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	struct seat *s;
	(void)out;
	TRY(ttlv_done(payload));
	TRY(find_seat(ctx, &s));
	if (!role_promote(&s->role, clock_mono_ms()))
		return reason_fail(&ctx->reason, ERR_STATE, "this node cannot be master server: it is a member (node_role in its configuration), was removed, was cloned, or its store is older than it saw; "
			"'coffer status' says which");
	snprintf(ctx->detail, sizeof ctx->detail, "this node is to be master server");
	return ERR_OK;
}

enum coffer_err op_step_down(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	struct seat *s;
	(void)out;
	TRY(ttlv_done(payload));
	TRY(find_seat(ctx, &s));
	TRY(seat_ask_master(ctx->engine, &ctx->reason));
	role_step_down(&s->role, clock_mono_ms());
	snprintf(ctx->detail, sizeof ctx->detail, "this node is not to be master server");
	return ERR_OK;
}
