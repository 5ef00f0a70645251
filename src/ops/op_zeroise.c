/* Zeroise: the master secret leaves the token, the node forgets its keys, and everything in its state directory is wiped. */
#include <stdio.h>
#include <string.h>

#include "base/fdio.h"
#include "base/log.h"
#include "domain/transport_record.h"
#include "kmip/enums.h"
#include "kmip/tags.h"
#include "ops/audit_signer.h"
#include "ops/json_out.h"
#include "ops/quorum_ask.h"
#include "ops/rotation_master.h"
#include "ops/tables.h"
#include "ops/token_of.h"
#include "ops/zeroise_counter.h"
#include "ops/zeroise_mark.h"
#include "token/kind.h"
#include "token/proxy_transport.h"

/* The domain that is meant: a finger slipped on another node's socket ends nothing. */
static enum coffer_err check_domain(struct op_ctx *ctx, struct view wanted)
{
	char fingerprint[DOMAIN_FINGERPRINT_TEXT];
	uint8_t own[DOMAIN_FINGERPRINT_LEN];
	struct engine *e = ctx->engine;
	if (engine_state_get(e) == ENGINE_UNINITIALISED)
		return reason_fail(&ctx->reason, ERR_UNINITIALISED, "this node belongs to no domain; there is nothing to zeroise");
	TRY(domain_fingerprint(&e->identity.domain, own));
	domain_fingerprint_format(own, fingerprint);
	if (view_equal(wanted, view_str(fingerprint))) return ERR_OK;
	return reason_fail(&ctx->reason, ERR_FIELD, "that is not this domain's fingerprint; 'coffer status' shows it");
}

struct last_words {
	const struct principal *principal;
	char details[512];
};

/* The log's exports may have it outside of this node; the log itself goes with the rest. */
static enum coffer_err record_begun(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	const struct last_words *w = arg;
	(void)reason;
	const struct audit_event event = { .principal = view_str(w->principal->text), .operation = OPERATION_COFFER_ZEROISE,
		.status = RESULT_STATUS_SUCCESS, .details = view_str(w->details) };
	return audit_append(engine->audit, txn, &event);
}

/* A log that cannot be written stops no zeroise: what it is about is about to go. */
static void say_begun(struct op_ctx *ctx)
{
	struct last_words w = { .principal = ctx->principal };
	struct engine *e = ctx->engine;
	snprintf(w.details, sizeof w.details, "zeroise begins%s%s", ctx->detail[0] ? "; " : "", ctx->detail);
	log_warn("zeroise: begun by %s", ctx->principal->text);
	if (engine_state_get(e) == ENGINE_OPEN && e->audit && e->on_store(e, record_begun, &w, NULL) != ERR_OK)
		log_warn("zeroise: the audit log could not be written any more");
}

/* A crash behind the token's part is made good by the next start, which knows by this what the master secret was taken for. That it cannot be written stops no zeroise. */
static void note_order(struct engine *e)
{
	struct reason why = { "" };
	if (e->store_hangs) { /* and writing this would too, in front of what matters */
		log_warn("zeroise: the disk hangs: a crash in the middle of it will want the command again");
		return;
	}
	enum coffer_err err = zeroise_order_put(e->config->state_dir, &why);
	if (err) log_warn("zeroise: a crash in the middle of it will want the command again: %s", reason_text(&why, err));
}

static void withdraw_order(struct engine *e)
{
	if (zeroise_order_remove(e->config->state_dir) != ERR_OK)
		log_error("zeroise: " ZEROISE_ORDER " in %s cannot be removed: remove it by hand, or a start that finds no master secret wipes the folder", e->config->state_dir);
}

/* Of a member of several nodes: later data keys were handed to it. In a PKCS#11 token that is a pair of its own; a TPM keeps none, what was wrapped for it goes with the state folder. */
static void drop_transport(struct engine *e)
{
	uint8_t owner[TRANSPORT_RECORD_OWNER_LEN];
	struct reason why = { "" };
	enum coffer_err err = transport_owner(&e->identity.domain, owner);
	if (!err) err = token_proxy_transport_remove(e->token, owner, &why);
	if (err && err != ERR_UNSUPPORTED) log_warn("zeroise: the transport key in the token could not be removed: %s", reason_text(&why, err));
}

static bool token_serves(struct engine *e)
{
	struct token_health health;
	token_proxy_health(e->token, &health);
	return health.state == TOKEN_WELL || health.state == TOKEN_OPEN;
}

/* A key beside the master secret that could not be destroyed may have ended the helper, and then no order reaches the token: it is opened again. */
static void mend_token(struct engine *e)
{
	struct reason why = { "" };
	if (token_serves(e)) return;
	enum coffer_err err = token_proxy_probe_now(e->token, 4 * e->config->token_deadline_ms, &why);
	if (err) log_warn("zeroise: the token does not open again: %s", reason_text(&why, err));
}

/* The keys beside the master secret go first: a token that is not attached to that any more takes no order. */
static void drop_others(struct engine *e, bool tpm)
{
	const bool served = token_serves(e);
	if (!served && tpm) return; /* it keeps none, and may have no PIN to be asked with */
	audit_signer_drop(e);
	if (served) mend_token(e);
	drop_transport(e);
	if (served) mend_token(e);
}

/* asked: the token was told to destroy it, and one that did not answer may have done it all the same. */
static enum coffer_err say_left(struct op_ctx *ctx, enum coffer_err err, bool tpm, bool asked)
{
	char why[REASON_MAX];
	const char *begin = asked ? err == ERR_TOKEN_REFUSED ? "the master secret was not destroyed" : "it is not certain that the master secret is destroyed"
		: "the token was not asked to destroy the master secret";
	const bool pin = !tpm && !asked && (err == ERR_AUTH || err == ERR_TOKEN_LOCKED || err == ERR_STATE || err == ERR_USAGE);
	const char *cure = pin ? "without its PIN this token neither destroys it nor shows whether it is there: open it with the PIN and give the command again, or add --without-token and then "
		"delete master secret, coffer-audit and coffer-transport with 'pkcs11-tool --login --delete-object'" : "mend the token and give the command again, or add --without-token";
	snprintf(why, sizeof why, "%s", reason_text(&ctx->reason, err));
	return reason_fail(&ctx->reason, err, "%s: %.*s; the state directory is not wiped; %s", begin, pin ? 120 : 300, why, cure);
}

static enum coffer_err destroy_master_secret(struct op_ctx *ctx, const char **out_what)
{
	struct engine *e = ctx->engine;
	const bool tpm = strcmp(e->identity.token_kind, token_kind_name(TOKEN_KIND_TPM2)) == 0;
	bool asked = false;
	if (!e->token) return reason_fail(&ctx->reason, ERR_TOKEN_GONE, "the token is not connected; start the daemon with it, or add --without-token");
	drop_others(e, tpm);
	enum coffer_err err = token_proxy_zeroise(e->token, &asked, &ctx->reason);
	*out_what = err == ERR_TOKEN_KEY_MISSING ? "not there any more; if another token held it, destroy it there" : "destroyed, and looked for again";
	if (!err || err == ERR_TOKEN_KEY_MISSING) return ERR_OK;
	return say_left(ctx, err, tpm, asked);
}

/* What the answer says of what was in the token. */
struct remains {
	const char *master_secret, *counter;
	char earlier[TOKEN_URI_MAX + 1]; /* where a master secret from before the last change stands yet, or may stand of one that was begun; "": nowhere that is known */
	bool begun;                      /* the second */
};

/* The counter goes last, and that it stays hinders nothing: no secret is in it. */
static enum coffer_err destroy_as_ordered(struct op_ctx *ctx, struct remains *out)
{
	struct reason why = { "" };
	note_order(ctx->engine);
	enum coffer_err err = destroy_master_secret(ctx, &out->master_secret);
	if (err) {
		withdraw_order(ctx->engine);
		return err;
	}
	err = zeroise_drop_counter(ctx->engine, &out->counter, &why);
	if (err) log_warn("zeroise: the counter in the token could not be removed: %s", reason_text(&why, err));
	return ERR_OK;
}

static const char *left_by(const struct remains *remains)
{
	return remains->begun ? "a change of the master secret that was begun may have left one in" : "an earlier master secret stays in";
}

static void put_answer(struct writer *out, const struct remains *remains)
{
	char text[6 * TOKEN_URI_MAX + 1024], earlier[TOKEN_URI_MAX + 96];
	struct writer w;
	writer_init(&w, (uint8_t *)text, sizeof text);
	struct json_out j = { .w = &w };
	json_begin(&j, NULL);
	json_str(&j, "master_secret", remains->master_secret);
	json_str(&j, "counter", remains->counter);
	snprintf(earlier, sizeof earlier, "%s %s", left_by(remains), remains->earlier);
	if (remains->earlier[0]) json_str(&j, remains->begun ? "begun_master_secret" : "earlier_master_secret", earlier);
	json_str(&j, "state", "wiped by the restart that follows");
	json_end(&j);
	ttlv_put_text(out, TAG_COFFER_JSON, writer_view(&w));
}

struct wish {
	bool without_token;
};

/* Of a change whose outcome the store could not say either master secret may be in force: a start finds out. */
static enum coffer_err check_settled(struct op_ctx *ctx)
{
	struct engine *e = ctx->engine;
	if (e->store_hangs || identity_settled(e->config->state_dir, &e->identity, NULL) != ERR_STATE) return ERR_OK;
	return reason_fail(&ctx->reason, ERR_STATE, "whether an earlier change of the token took effect is not known, and so not which master secret is to be destroyed: restart the daemon first, "
		"or add --without-token");
}

/* Nothing is touched before this says yes. */
static enum coffer_err check(struct op_ctx *ctx, struct ttlv_cursor *payload, struct wish *wish)
{
	struct view wanted;
	TRY(ttlv_take_text(payload, TAG_COFFER_FINGERPRINT, &wanted));
	TRY(ttlv_take_optional_bool(payload, TAG_COFFER_WITHOUT_TOKEN, &wish->without_token, NULL));
	TRY(ttlv_done(payload));
	TRY(check_domain(ctx, wanted));
	if (!wish->without_token) TRY(check_settled(ctx));
	return quorum_ask(ctx, wish->without_token ? "zeroise this node, without its token" : "zeroise this node");
}

/* *out_gone: the node is at fault, and nothing is asked of the token any more. */
static enum coffer_err destroy(struct op_ctx *ctx, const struct wish *wish, struct remains *out, bool *out_gone)
{
	struct engine *e = ctx->engine;
	if (!wish->without_token) TRY(destroy_as_ordered(ctx, out));
	enum coffer_err err = zeroise_mark_put(e->config->state_dir, &ctx->reason);
	if (err && wish->without_token) return err;
	*out_gone = true;
	e->state = ENGINE_FAULT;
	return err;
}

/* destroyed_in: a place in which one was destroyed just now, also where the store could not note it. */
static enum coffer_err carry_out(struct op_ctx *ctx, const struct wish *wish, const char *destroyed_in, struct writer *out)
{
	struct engine *e = ctx->engine;
	struct remains remains = { "left in the token, as was asked", "left in the token, as was asked", "", false };
	bool gone = false;
	rotation_master_stands(e, remains.earlier, &remains.begun);
	if (strcmp(remains.earlier, destroyed_in) == 0) remains.earlier[0] = '\0';
	if (remains.earlier[0]) log_warn("zeroise: %s %s", left_by(&remains), remains.earlier);
	say_begun(ctx);
	bool held = !wish->without_token && audit_signer_hold_for(e, 4 * e->config->token_deadline_ms);
	if (!wish->without_token && !held) log_warn("zeroise: a signature of the audit log does not end; it is not waited for, and its key may be made in the token again");
	enum coffer_err err = destroy(ctx, wish, &remains, &gone);
	if (held) audit_signer_let(e);
	if (!gone) return err;
	if (err) {
		engine_note(e, "the master secret is destroyed, but the state directory cannot be written: remove what is in it by hand");
		return err;
	}
	quorum_done(ctx);
	engine_note(e, "zeroised: the daemon starts anew");
	put_answer(out, &remains);
	e->restart(e);
	return ERR_OK;
}

/* A master secret that was changed and is not destroyed yet goes first: older copies of the store open with it. What stands in its way is in the log. */
enum coffer_err op_zeroise(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	struct wish wish = { .without_token = false };
	struct engine *e = ctx->engine;
	char destroyed_in[TOKEN_URI_MAX + 1] = "";
	pthread_mutex_lock(&e->admin_lock);
	enum coffer_err err = check(ctx, payload, &wish);
	pthread_mutex_unlock(&e->admin_lock);
	TRY(err);
	if (!wish.without_token) rotation_master_finish(e, ctx->principal->text, destroyed_in);
	pthread_mutex_lock(&e->admin_lock);
	err = carry_out(ctx, &wish, destroyed_in, out);
	pthread_mutex_unlock(&e->admin_lock);
	return err;
}
