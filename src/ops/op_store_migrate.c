/* Store Migrate: the order to move the store to the place that the configuration names, which the daemon carries out when it starts anew. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "crypto/rng.h"
#include "keyring/rooted_store.h"
#include "kmip/enums.h"
#include "kmip/tags.h"
#include "ops/json_out.h"
#include "ops/move_order.h"
#include "ops/quorum_ask.h"
#include "ops/store_check.h"
#include "ops/tables.h"

/* What needs no other store to be looked at. */
static enum coffer_err check_own(struct op_ctx *ctx, bool to_database)
{
	struct engine *e = ctx->engine;
	bool in_database = strcmp(e->config->store, "postgres") == 0;
	if (!e->look_at_move) return reason_fail(&ctx->reason, ERR_UNSUPPORTED, "this store is not moved");
	if (in_database == to_database)
		return reason_fail(&ctx->reason, ERR_STATE, "the store is in %s already", in_database ? "PostgreSQL" : "SQLite");
	if (e->config->store_shared)
		return reason_fail(&ctx->reason, ERR_UNSUPPORTED, "several nodes write this store (store_shared = yes), and it is not moved: its version roots are those of several");
	if (e->move_phase == MOVE_ORDERED) return reason_fail(&ctx->reason, ERR_BUSY, "the store is about to be moved already");
	if (e->move_phase == MOVE_SWITCHED)
		return reason_fail(&ctx->reason, ERR_STATE, "the last move of the store is not finished: the store that was left could not be marked; make it reachable and restart the daemon, then give the command again");
	if (e->backup) return reason_fail(&ctx->reason, ERR_BUSY, "a backup is being made; wait until it is done");
	char sentence[STORE_CHECK_SENTENCE];
	if (!e->check || store_check_is_well(e->check)) return ERR_OK;
	store_check_sentence(e->check, sentence, sizeof sentence);
	return reason_fail(&ctx->reason, ERR_CORRUPT, "a store that is not whole is not moved (%.200s); see 'coffer store check'", sentence);
}

struct last_words {
	const struct principal *principal;
	char details[1024];
};

static enum coffer_err record_order(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	const struct last_words *w = arg;
	(void)reason;
	const struct audit_event event = { .principal = view_str(w->principal->text), .operation = OPERATION_COFFER_STORE_MIGRATE,
		.status = RESULT_STATUS_SUCCESS, .details = view_str(w->details) };
	return audit_append(engine->audit, txn, &event);
}

static void put_answer(struct writer *out, const struct move_order *order, const char *place)
{
	char text[512], id[2 * STORE_MOVE_ID_LEN + 1];
	struct writer w;
	writer_init(&w, (uint8_t *)text, sizeof text);
	text_hex(view_of(order->move_id, sizeof order->move_id), id);
	struct json_out j = { .w = &w };
	json_begin(&j, NULL);
	json_str(&j, "move", id);
	json_str(&j, "place", place);
	json_end(&j);
	ttlv_put_text(out, TAG_COFFER_JSON, writer_view(&w));
}

/* The record is in the old store before the order is, so it comes along. */
static enum coffer_err give(struct op_ctx *ctx, const struct move_order *order, const char *place)
{
	struct engine *e = ctx->engine;
	struct last_words w = { .principal = ctx->principal };
	snprintf(w.details, sizeof w.details, "the store is to be moved to %s%s%s", place, ctx->detail[0] ? "; " : "", ctx->detail);
	TRY(e->on_store(e, record_order, &w, &ctx->reason));
	TRY(move_order_write(e->config->state_dir, order, &ctx->reason));
	e->move_phase = MOVE_ORDERED;
	log_warn("the store is to be moved to %s, as %s ordered", place, ctx->principal->text);
	return ERR_OK;
}

enum coffer_err op_store_migrate(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	struct engine *e = ctx->engine;
	struct move_order order = { .phase = MOVE_ORDERED, .ordered_s = clock_wall_s() };
	char place[STORE_MOVE_PLACE_MAX + REMOTE_NAME_MAX], act[sizeof place + 32];
	struct view to;
	TRY(ttlv_take_text(payload, TAG_COFFER_STORE_KIND, &to));
	TRY(ttlv_done(payload));
	order.to_database = view_equal_str(to, "postgres");
	if (!order.to_database && !view_equal_str(to, "sqlite")) return reason_fail(&ctx->reason, ERR_FIELD, "a store is moved to postgres or to sqlite");
	TRY(check_own(ctx, order.to_database));
	TRY(rng_bytes(order.move_id, sizeof order.move_id));
	snprintf(order.by, sizeof order.by, "%s", ctx->principal->text);
	TRY(e->look_at_move(e, &order, &ctx->reason));
	move_order_place(&order, true, place, sizeof place);
	snprintf(act, sizeof act, "move the store to %s", place);
	TRY(quorum_ask(ctx, act));
	TRY(give(ctx, &order, place));
	quorum_done(ctx);
	put_answer(out, &order, place);
	e->restart(e);
	return ERR_OK;
}
