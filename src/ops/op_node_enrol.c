/* Node Enrol, Node Enrolments, Node Enrol Revoke: tokens by which nodes join without an administrator at the master server's side (docs/formats.md section 23.3). A token is answered once and kept nowhere. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "domain/enrolment.h"
#include "kmip/tags.h"
#include "ops/json_out.h"
#include "ops/nodes.h"
#include "ops/quorum_ask.h"
#include "ops/tables.h"

#define ONE_MAX 1024u
#define LIST_MAX (256u * 1024u)

struct wish {
	char name[ADMISSION_NAME_MAX + 1]; /* "": the first digits of its id */
	int32_t uses, life_s;
};

/* ---- what is asked ---- */

static enum coffer_err take_wish(struct op_ctx *ctx, struct ttlv_cursor *payload, struct wish *w)
{
	struct view name;
	bool has_name = false;
	*w = (struct wish){ .uses = 1, .life_s = ENROLMENT_LIFE_S };
	TRY(ttlv_take_optional_text(payload, TAG_COFFER_ENROLMENT_NAME, &name, &has_name));
	TRY(ttlv_take_optional_i32(payload, TAG_COFFER_ENROLMENT_USES, &w->uses, NULL));
	TRY(ttlv_take_optional_i32(payload, TAG_COFFER_ENROLMENT_LIFE, &w->life_s, NULL));
	TRY(ttlv_done(payload));
	if (has_name) TRY(nodes_take_name(name, "an enrolment token", w->name, &ctx->reason));
	if (w->uses < 1 || w->uses > (int32_t)ENROLMENT_USES_MAX)
		return reason_fail(&ctx->reason, ERR_FIELD, "an enrolment token admits 1 to %u nodes", ENROLMENT_USES_MAX);
	if (w->life_s < (int32_t)ENROLMENT_LIFE_MIN_S || w->life_s > (int32_t)ENROLMENT_LIFE_MAX_S)
		return reason_fail(&ctx->reason, ERR_FIELD, "an enrolment token lives a minute to seven days");
	return ERR_OK;
}

/* Whoever has the token lets nodes in: as grave as approving them. */
static enum coffer_err ask_quorum(struct op_ctx *ctx, const struct wish *w)
{
	char act[ADMISSION_NAME_MAX + 128];
	snprintf(act, sizeof act, "make an enrolment token '%s' by which %" PRId32 " node(s) join within %" PRId32 " s", w->name, w->uses, w->life_s);
	return quorum_ask(ctx, act);
}

/* ---- those that are there ---- */

struct find {
	struct view wanted; /* name, or id */
	uint8_t id[ADMISSION_ENROLMENT_ID_LEN];
	unsigned count;
	bool found;
};

static enum coffer_err look(void *arg, const struct enrolment *e)
{
	struct find *f = arg;
	char id[2 * ADMISSION_ENROLMENT_ID_LEN + 1];
	text_hex(view_of(e->id, sizeof e->id), id);
	f->count++;
	if (!view_equal_str(f->wanted, id) && (f->found || !view_equal_str(f->wanted, e->name))) return ERR_OK;
	memcpy(f->id, e->id, sizeof f->id);
	f->found = true;
	return ERR_OK;
}

static enum coffer_err find(struct op_ctx *ctx, struct view wanted, struct find *out)
{
	*out = (struct find){ .wanted = wanted };
	enum coffer_err err = enrolment_each(txn_store(ctx->txn), txn_ring(ctx->txn), look, out);
	return err ? reason_default(&ctx->reason, err, "the records of the enrolment tokens cannot be read: %s", err_text(err)) : ERR_OK;
}

/* ---- made ---- */

static enum coffer_err make(struct op_ctx *ctx, const struct wish *w, const struct secret *token, struct enrolment *e)
{
	struct find same;
	uint64_t now_ms = clock_date_s() * 1000;
	struct store *store = txn_store(ctx->txn);
	*e = (struct enrolment){ .made_ms = now_ms, .ends_ms = now_ms + (uint64_t)w->life_s * 1000, .uses = (unsigned)w->uses };
	snprintf(e->principal, sizeof e->principal, "%s", ctx->principal->text);
	TRY(enrolment_id(token, e->id));
	TRY(enrolment_key(token, &e->key));
	if (w->name[0]) memcpy(e->name, w->name, sizeof e->name);
	else text_hex(view_of(e->id, 4), e->name);
	TRY(enrolment_tidy(store, txn_ring(ctx->txn), now_ms));
	TRY(find(ctx, view_str(e->name), &same));
	if (same.found) return reason_fail(&ctx->reason, ERR_EXISTS, "there is an enrolment token '%s'; take another name, or see 'coffer node enrolments'", e->name);
	if (same.count >= ENROLMENTS_MAX) return reason_fail(&ctx->reason, ERR_LIMIT, "the domain keeps at most %u enrolment tokens, for a day after their end", ENROLMENTS_MAX);
	return enrolment_put(store, txn_ring(ctx->txn), e);
}

static void put_entry(struct json_out *j, const struct enrolment *e, uint64_t now_ms)
{
	char id[2 * ADMISSION_ENROLMENT_ID_LEN + 1], node[UUID_TEXT_LEN + 1];
	text_hex(view_of(e->id, sizeof e->id), id);
	json_begin(j, NULL);
	json_str(j, "id", id);
	json_str(j, "name", e->name);
	json_str(j, "state", e->revoked_ms ? "revoked" : e->used_count == e->uses ? "used up" : now_ms >= e->ends_ms ? "over" : "open");
	json_str(j, "by", e->principal);
	json_u64(j, "made", e->made_ms / 1000);
	json_u64(j, "ends", e->ends_ms / 1000);
	json_u64(j, "uses", e->uses);
	json_u64(j, "used", e->used_count);
	if (e->used_count) {
		text_uuid(e->used_by[e->used_count - 1], node);
		json_str(j, "last_node", node);
	}
	json_end(j);
}

static void put_answer(struct op_ctx *ctx, const struct enrolment *e, const struct secret *text, struct writer *out)
{
	char entry[ONE_MAX];
	struct writer w;
	struct json_out j = { .w = &w };
	writer_init(&w, entry, sizeof entry);
	put_entry(&j, e, e->made_ms);
	ttlv_put_bytes(out, TAG_COFFER_ENROLMENT_TOKEN, view_of(secret_bytes(text), ENROLMENT_TEXT_LEN - 1));
	ttlv_put_text(out, TAG_COFFER_JSON, writer_view(&w));
	size_t len = strlen(ctx->detail); /* who approved it */
	snprintf(ctx->detail + len, sizeof ctx->detail - len, "%senrolment token '%s' made: %u node(s), %" PRIu64 " s", len ? "; " : "", e->name, e->uses, (e->ends_ms - e->made_ms) / 1000);
	log_info("enrolment token '%s' made by %s: %u node(s) may join by it", e->name, e->principal, e->uses);
}

enum coffer_err op_node_enrol(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	struct wish w;
	struct enrolment e = { .key = NULL };
	AUTO_SECRET struct secret *token = NULL, *text = NULL;
	TRY(take_wish(ctx, payload, &w));
	TRY(nodes_check_master(ctx->engine, &ctx->reason));
	TRY(ask_quorum(ctx, &w));
	TRY(enrolment_token_new(&token));
	TRY(enrolment_token_text(token, &text));
	enum coffer_err err = make(ctx, &w, token, &e);
	if (!err) put_answer(ctx, &e, text, out);
	enrolment_clear(&e);
	return err;
}

/* ---- listed ---- */

struct list {
	struct json_out j;
	uint64_t now_ms;
	bool first;
};

static enum coffer_err list_one(void *arg, const struct enrolment *e)
{
	struct list *l = arg;
	if (!l->first) writer_u8(l->j.w, ',');
	l->first = l->j.has_member = false;
	put_entry(&l->j, e, l->now_ms);
	return ERR_OK;
}

enum coffer_err op_node_enrolments(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	AUTO_BUF struct buf text = BUF_EMPTY;
	struct writer w;
	struct list l = { .j = { .w = &w }, .now_ms = clock_date_s() * 1000, .first = true };
	TRY(ttlv_done(payload));
	writer_init_buf(&w, &text, LIST_MAX);
	writer_bytes(&w, view_str("{\"enrolments\":["));
	enum coffer_err err = enrolment_each(txn_store(ctx->txn), txn_ring(ctx->txn), list_one, &l);
	if (err) return reason_default(&ctx->reason, err, "the records of the enrolment tokens cannot be read: %s", err_text(err));
	writer_bytes(&w, view_str("]}"));
	TRY(writer_done(&w));
	ttlv_put_text(out, TAG_COFFER_JSON, buf_view(&text));
	return ERR_OK;
}

/* ---- revoked ---- */

enum coffer_err op_node_enrol_revoke(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	struct view wanted;
	struct find f;
	struct enrolment e = { .key = NULL };
	TRY(ttlv_take_text(payload, TAG_COFFER_ENROLMENT_NAME, &wanted));
	TRY(ttlv_done(payload));
	TRY(nodes_check_master(ctx->engine, &ctx->reason));
	TRY(find(ctx, wanted, &f));
	if (!f.found) return reason_fail(&ctx->reason, ERR_NOT_FOUND, "no enrolment token has this name or id; see 'coffer node enrolments'");
	TRY(enrolment_get(txn_store(ctx->txn), txn_ring(ctx->txn), f.id, &e));
	enum coffer_err err = ERR_OK;
	if (!e.revoked_ms) { /* once more changes nothing */
		e.revoked_ms = clock_date_s() * 1000;
		err = enrolment_put(txn_store(ctx->txn), txn_ring(ctx->txn), &e);
	}
	if (!err) {
		ttlv_put_str(out, TAG_COFFER_ENROLMENT_NAME, e.name);
		snprintf(ctx->detail, sizeof ctx->detail, "enrolment token '%s' revoked; %u of %u node(s) joined by it", e.name, e.used_count, e.uses);
		log_info("enrolment token '%s' revoked by %s", e.name, ctx->principal->text);
	}
	enrolment_clear(&e);
	return err;
}
