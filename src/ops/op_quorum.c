/* Set Quorum, List Approvals, Approve: the gravest acts by two administrators. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "access/quorum_record.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "kmip/tags.h"
#include "ops/enrol_revoke.h"
#include "ops/grant_change.h"
#include "ops/quorum_ask.h"
#include "ops/tables.h"

/* ---- Set Quorum ---- */

static void publish_one(void *arg)
{
	quorum_set_needed(arg, 1);
}

static void publish_two(void *arg)
{
	quorum_set_needed(arg, 2);
}

static enum coffer_err check_enough(struct op_ctx *ctx)
{
	struct grants *now = grant_change_current(ctx->engine);
	unsigned count = quorum_administrators(now);
	grants_unref(now);
	if (count == 2) return ERR_OK;
	return reason_fail(&ctx->reason, ERR_STATE, "there is only one administrator; give another principal the role first, or nothing could be approved any more");
}

enum coffer_err op_set_quorum(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	char act[64];
	int32_t needed;
	(void)out;
	TRY(ttlv_take_i32(payload, TAG_COFFER_QUORUM_NEEDED, &needed));
	TRY(ttlv_done(payload));
	if (needed != 1 && needed != 2) return reason_fail(&ctx->reason, ERR_FIELD, "a quorum is 1 or 2 administrators");
	if (needed == 2) TRY(check_enough(ctx));
	snprintf(act, sizeof act, "let the gravest acts need %d administrator%s", needed, needed == 1 ? "" : "s");
	snprintf(ctx->detail, sizeof ctx->detail, "%s", act);
	TRY(quorum_ask(ctx, act));
	TRY(quorum_record_put(ctx->txn, (unsigned)needed));
	if (needed == 2) TRY(enrol_revoke_with(ctx, NULL)); /* one was enough to make them */
	return txn_on_commit(ctx->txn, needed == 2 ? publish_two : publish_one, NULL, ctx->engine->quorum);
}

/* ---- List Approvals ---- */

static void put_act(struct writer *out, const struct quorum_act *act)
{
	uint64_t now = clock_mono_ms();
	struct ttlv_mark entry = ttlv_begin(out, TAG_COFFER_QUORUM_ACT);
	ttlv_put_str(out, TAG_COFFER_APPROVAL_ID, act->id);
	ttlv_put_str(out, TAG_COFFER_PRINCIPAL, act->asker);
	ttlv_put_str(out, TAG_COFFER_QUORUM_WORDS, act->act);
	if (act->approver[0]) ttlv_put_str(out, TAG_COFFER_APPROVER, act->approver);
	ttlv_put_i32(out, TAG_COFFER_SECONDS_LEFT, (int32_t)(act->ends_mono_ms > now ? (act->ends_mono_ms - now) / 1000 : 0));
	ttlv_end(out, entry);
}

enum coffer_err op_list_approvals(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	struct quorum_act act;
	TRY(ttlv_done(payload));
	ttlv_put_i32(out, TAG_COFFER_QUORUM_NEEDED, (int32_t)quorum_needed(ctx->engine->quorum));
	for (size_t i = 0; i < QUORUM_PENDING_MAX && quorum_at(ctx->engine->quorum, i, &act); i++) put_act(out, &act);
	return ERR_OK;
}

/* ---- Approve ---- */

/* A yes that waits for its commit. */
struct yes {
	struct quorum *quorum;
	char id[QUORUM_ID_TEXT];
	char approver[PRINCIPAL_MAX + 1];
};

static void say_yes(void *arg)
{
	struct yes *yes = arg;
	struct quorum_act act;
	enum coffer_err err = quorum_approve(yes->quorum, view_str(yes->id), yes->approver, &act);
	if (err) log_warn("approval %s came too late: %s", yes->id, err_text(err));
	free(yes);
}

/* It counts when its audit row is durable. */
static enum coffer_err stage(struct op_ctx *ctx, const struct quorum_act *act)
{
	struct yes *yes = calloc(1, sizeof *yes);
	ENSURE(yes, ERR_MEMORY);
	yes->quorum = ctx->engine->quorum;
	memcpy(yes->id, act->id, sizeof yes->id);
	memcpy(yes->approver, ctx->principal->text, sizeof yes->approver);
	enum coffer_err err = txn_on_commit(ctx->txn, say_yes, free, yes);
	if (err) free(yes);
	return err;
}

static enum coffer_err check_act(struct op_ctx *ctx, struct view id, struct quorum_act *out)
{
	enum coffer_err err = ctx->engine->quorum ? quorum_look(ctx->engine->quorum, id, out) : ERR_NOT_FOUND;
	if (err)
		return reason_fail(&ctx->reason, err, "nothing with this id waits for an approval; 'coffer approve' without an id lists what does");
	if (strcmp(out->asker, ctx->principal->text) == 0)
		return reason_fail(&ctx->reason, ERR_DENIED, "who asked for it cannot approve it; another administrator must");
	if (out->approver[0])
		return reason_fail(&ctx->reason, ERR_EXISTS, "this was approved already; now who asked for it must do it again");
	return ERR_OK;
}

static void describe(struct op_ctx *ctx, const struct quorum_act *act)
{
	char words[PRINCIPAL_MAX + QUORUM_ACT_MAX + 64];
	snprintf(words, sizeof words, "approved %s for %s: %s", act->id, act->asker, act->act);
	text_printable(view_str(words), ctx->detail, sizeof ctx->detail);
}

enum coffer_err op_approve(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	struct quorum_act act;
	struct view id;
	TRY(ttlv_take_text(payload, TAG_COFFER_APPROVAL_ID, &id));
	TRY(ttlv_done(payload));
	TRY(check_act(ctx, id, &act));
	describe(ctx, &act);
	put_act(out, &act);
	return stage(ctx, &act);
}
