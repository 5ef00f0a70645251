/* Store Accept: the operator has read what is wrong with the store, and takes it as it is. */
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "keyring/rooted_store.h"
#include "kmip/enums.h"
#include "ops/open_again.h"
#include "ops/quorum_ask.h"
#include "ops/store_check.h"
#include "ops/tables.h"

struct acceptance {
	const struct principal *principal;
	struct rooted_facts before;
	char found[STORE_CHECK_SENTENCE];
	char by[sizeof "; " + 256]; /* "; approved by …", or "" */
};

static enum coffer_err accept_on_store(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	struct acceptance *a = arg;
	char details[STORE_CHECK_SENTENCE + sizeof a->by + 128];
	rooted_store_facts(engine->store, &a->before);
	if (!a->before.rooted)
		return reason_fail(reason, ERR_SEALED, "the node is sealed: the store can be accepted when its token has opened the data key");
	if (!engine->audit) TRY(audit_chain_open(txn, &engine->audit, reason));
	enum coffer_err err = rooted_store_accept(engine->store, clock_wall_s() * 1000);
	if (err) return reason_default(reason, err, "the store cannot be summed up: %s", err_text(err));
	if (quorum_needed(engine->quorum) == 2) rooted_store_need_two(engine->store, true); /* what two were asked for one alone does not undo */
	snprintf(details, sizeof details, "store accepted as it is, at version %llu: %s%s", (unsigned long long)a->before.version,
		a->found[0] ? a->found : "nothing was known to be wrong", a->by);
	const struct audit_event event = { .principal = view_str(a->principal->text), .operation = OPERATION_COFFER_STORE_ACCEPT,
		.status = RESULT_STATUS_SUCCESS, .details = view_str(details) };
	return audit_append(engine->audit, txn, &event);
}

/* A node that serves what is in memory, or in its cache, beside a store that it does not take writes nothing there. */
static enum coffer_err check_written(struct engine *e, struct reason *reason)
{
	if (!e->cache.offline && !e->store_away) return ERR_OK;
	return reason_fail(reason, ERR_STATE, "this node serves what it has in memory or in its cache and writes nothing to the store now ('coffer status' says why); where the store that is there is to be taken "
		"as it is, restart this node's daemon first, and accept it then");
}

static enum coffer_err run(struct op_ctx *ctx)
{
	struct engine *e = ctx->engine;
	struct acceptance a = { .principal = ctx->principal };
	if (!e->check) return reason_fail(&ctx->reason, ERR_UNSUPPORTED, "this store is not checked");
	TRY(check_written(e, &ctx->reason)); /* before anybody is asked for a yes */
	store_check_sentence(e->check, a.found, sizeof a.found);
	TRY(quorum_ask(ctx, "accept the store as it is"));
	if (ctx->detail[0]) snprintf(a.by, sizeof a.by, "; %s", ctx->detail);
	TRY(e->on_store(e, accept_on_store, &a, &ctx->reason));
	quorum_done(ctx);
	log_warn("the store was accepted as it is by %s", ctx->principal->text);
	store_check_forget(e->check);
	TRY(open_again(e, &ctx->reason));
	if (e->want_check) e->want_check(e);
	return ERR_OK;
}

enum coffer_err op_store_accept(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	(void)out;
	TRY(ttlv_done(payload));
	return run(ctx);
}
