/* The question for a second administrator. */
#include "ops/quorum_ask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An approval that the transaction under way uses. */
struct used {
	struct quorum *quorum;
	char id[QUORUM_ID_TEXT];
};

static void use_up(void *arg)
{
	struct used *used = arg;
	quorum_take(used->quorum, used->id);
	free(used);
}

static void give_back(void *arg)
{
	struct used *used = arg;
	quorum_let(used->quorum, used->id);
	free(used);
}

static enum coffer_err use_with_commit(struct op_ctx *ctx)
{
	struct used *used = calloc(1, sizeof *used);
	ENSURE(used, ERR_MEMORY);
	used->quorum = ctx->engine->quorum;
	memcpy(used->id, ctx->quorum_id, sizeof used->id);
	enum coffer_err err = txn_on_commit(ctx->txn, use_up, give_back, used);
	if (err) free(used);
	return err;
}

/* From here on nothing else that waits for the same commit, or is done beside this, has the approval too. */
static enum coffer_err use(struct op_ctx *ctx, const struct quorum_act *act)
{
	TRY(quorum_use(ctx->engine->quorum, act->id));
	memcpy(ctx->quorum_id, act->id, sizeof ctx->quorum_id);
	if (!ctx->txn) return ERR_OK;
	enum coffer_err err = use_with_commit(ctx);
	if (err) quorum_give_back(ctx);
	return err;
}

static bool is_administrator(const struct grants *grants, const char *principal)
{
	for (size_t i = 0; i < grants_count(grants); i++) {
		const struct grant *g = grants_at(grants, i);
		if (g->role == ROLE_ADMINISTRATOR && !g->scope[0] && strcmp(g->principal, principal) == 0) return true;
	}
	return false;
}

unsigned quorum_administrators(const struct grants *grants)
{
	const char *first = NULL;
	for (size_t i = 0; i < grants_count(grants); i++) {
		const struct grant *g = grants_at(grants, i);
		if (g->role != ROLE_ADMINISTRATOR || g->scope[0]) continue;
		if (first && strcmp(first, g->principal) != 0) return 2;
		first = g->principal;
	}
	return first ? 1 : 0;
}

/* The words of the act stay those that were approved: what the audit row says more stands behind them. */
static void note_approver(struct op_ctx *ctx, const struct quorum_act *act)
{
	size_t len = strlen(ctx->detail);
	snprintf(ctx->detail + len, sizeof ctx->detail - len, "%sapproved by %s", len ? "; " : "", act->approver);
}

static enum coffer_err wants_approval(struct op_ctx *ctx, const struct quorum_act *act)
{
	return reason_fail(&ctx->reason, ERR_DENIED, "this needs a second administrator: have one run 'coffer approve %s' within an hour, then do it again", act->id);
}

enum coffer_err quorum_ask(struct op_ctx *ctx, const char *act)
{
	struct quorum *q = ctx->engine->quorum;
	struct quorum_act found;
	if (quorum_needed(q) < 2) return ERR_OK;
	if (!is_administrator(ctx->grants, ctx->principal->text))
		return reason_fail(&ctx->reason, ERR_DENIED, "two administrators are needed for this, and %s is none; an administrator must begin it", ctx->principal->text);
	enum coffer_err err = quorum_find(q, ctx->principal->text, act, &found);
	if (err == ERR_LIMIT)
		return reason_fail(&ctx->reason, err, "too many acts wait for a second administrator; have them approved, or wait until their hour is over");
	TRY(err);
	if (!found.approver[0]) return wants_approval(ctx, &found);
	if (!is_administrator(ctx->grants, found.approver)) {
		quorum_take(q, found.id);
		return reason_fail(&ctx->reason, ERR_DENIED, "%s, who approved this, is no administrator any more; do it again and have another one approve it", found.approver);
	}
	err = use(ctx, &found);
	if (err == ERR_NOT_FOUND) return reason_fail(&ctx->reason, ERR_BUSY, "what was approved is being done just now; look whether it was, before you do it again");
	TRY(err);
	note_approver(ctx, &found);
	return ERR_OK;
}

void quorum_give_back(struct op_ctx *ctx)
{
	if (ctx->quorum_id[0]) quorum_let(ctx->engine->quorum, ctx->quorum_id);
	ctx->quorum_id[0] = '\0';
}

void quorum_done(struct op_ctx *ctx)
{
	if (ctx->quorum_id[0]) quorum_take(ctx->engine->quorum, ctx->quorum_id);
	ctx->quorum_id[0] = '\0';
}
