/* Unseal: opens a sealed node with its token, a PIN, recovery shares or the recovery passphrase (docs/formats.md section 21.2). */
#include <stdio.h>
#include <string.h>

#include "kmip/tags.h"
#include "ops/attend_open.h"
#include "ops/tables.h"
#include "ops/token_of.h"
#include "token/bound.h"

#define SHARES_AT_ONCE 16u
#define PIN_MAX 255u

enum way { WAY_ASK, WAY_TOKEN, WAY_PIN, WAY_SHARES, WAY_PASSPHRASE, WAY_FORGET };

struct wish {
	enum way way;
	struct view pin, passphrase;
	struct view shares[SHARES_AT_ONCE];
	unsigned share_count;
};

static enum coffer_err read_wish(struct op_ctx *ctx, struct ttlv_cursor *payload, struct wish *w)
{
	int32_t way;
	bool has_pin = false, has_passphrase = false;
	TRY(ttlv_take_i32(payload, TAG_COFFER_UNSEAL_WAY, &way));
	if (way < WAY_ASK || way > WAY_FORGET) return reason_fail(&ctx->reason, ERR_FIELD, "a way to unseal is a number from %d to %d", WAY_ASK, WAY_FORGET);
	w->way = (enum way)way;
	TRY(ttlv_take_optional_bytes(payload, TAG_COFFER_TOKEN_PIN, &w->pin, &has_pin));
	while (ttlv_peek_tag(payload) == TAG_COFFER_SHARE) {
		if (w->share_count == SHARES_AT_ONCE) return reason_fail(&ctx->reason, ERR_LIMIT, "give at most %u shares at a time", SHARES_AT_ONCE);
		TRY(ttlv_take_text(payload, TAG_COFFER_SHARE, &w->shares[w->share_count]));
		w->share_count++;
	}
	TRY(ttlv_take_optional_bytes(payload, TAG_COFFER_PASSPHRASE, &w->passphrase, &has_passphrase));
	TRY(ttlv_done(payload));
	if (has_pin != (w->way == WAY_PIN) || has_passphrase != (w->way == WAY_PASSPHRASE) || (w->share_count > 0) != (w->way == WAY_SHARES))
		return reason_fail(&ctx->reason, ERR_FIELD, "PIN, shares and passphrase each go with their own way to unseal");
	if (has_pin && (w->pin.len < 1 || w->pin.len > PIN_MAX)) return reason_fail(&ctx->reason, ERR_FIELD, "a PIN has 1 to %u bytes", PIN_MAX);
	return ERR_OK;
}

/* Where enough are there already, the last opening failed for another reason: one of them once more is another try. */
static enum coffer_err give_share(struct op_ctx *ctx, const struct attend_stanza *s, struct view text)
{
	struct engine *e = ctx->engine;
	enum coffer_err err = attend_add_share(e->attend, &e->domain, &s->stanza, text, ctx->principal, &ctx->reason);
	if (err != ERR_EXISTS || attend_shares(e->attend, &s->stanza) < s->stanza.shares.k) return err;
	ctx->reason.text[0] = '\0';
	return ERR_OK;
}

static enum coffer_err give_shares(struct op_ctx *ctx, const struct attend_stanza *s, const struct wish *w)
{
	struct engine *e = ctx->engine;
	char who[160], how[256];
	AUTO_SECRET struct secret *private_key = NULL;
	for (unsigned i = 0; i < w->share_count; i++) TRY(give_share(ctx, s, w->shares[i]));
	if (attend_shares(e->attend, &s->stanza) < s->stanza.shares.k) return ERR_OK;
	TRY(attend_open_shares(e->attend, &e->domain, &s->stanza, &private_key, who, sizeof who, &ctx->reason));
	snprintf(how, sizeof how, "recovery shares %s", who);
	TRY(attend_open(e, s, private_key, how, &ctx->reason));
	attend_forget_shares(e->attend);
	return ERR_OK;
}

static enum coffer_err give_passphrase(struct op_ctx *ctx, const struct attend_stanza *s, struct view passphrase)
{
	struct engine *e = ctx->engine;
	char how[96];
	AUTO_SECRET struct secret *private_key = NULL;
	TRY(attend_passphrase_begin(e->attend, &ctx->reason));
	enum coffer_err err = recovery_open_passphrase(&e->domain, &s->stanza, passphrase, &private_key, &ctx->reason);
	attend_passphrase_end(e->attend, err);
	TRY(err);
	snprintf(how, sizeof how, "the recovery passphrase (%.64s)", ctx->principal->text);
	return attend_open(e, s, private_key, how, &ctx->reason);
}

static enum coffer_err recover(struct op_ctx *ctx, const struct wish *w)
{
	struct attend_stanza s;
	enum coffer_err err = attend_find(ctx->engine, &s, &ctx->reason);
	if (!err && w->way == WAY_SHARES) err = give_shares(ctx, &s, w);
	if (!err && w->way == WAY_PASSPHRASE) err = give_passphrase(ctx, &s, w->passphrase);
	attend_stanza_done(&s);
	return err;
}

/* A TPM whose data keys are bound to a PIN serves without it too, as behind recovery shares. */
static bool lacks_pin(struct engine *e, struct token_proxy *proxy)
{
	pthread_mutex_lock(&e->note_lock);
	bool wanted = token_binding_wants_pin(&e->identity.binding) && !strstr(e->identity.token_uri, "pin-source=");
	pthread_mutex_unlock(&e->note_lock);
	return wanted && !token_proxy_has_pin(proxy);
}

/* An open node whose token does not serve: it is given one more try, or the PIN that it wants again after one was refused. */
static bool token_is_lost(struct engine *e, bool with_pin)
{
	struct token_health health;
	struct token_proxy *proxy = engine_state_get(e) == ENGINE_OPEN ? token_of(e) : NULL;
	if (!proxy) return false;
	token_proxy_health(proxy, &health);
	if (health.state == TOKEN_WELL) return with_pin && lacks_pin(e, proxy);
	return health.state != TOKEN_OPEN && health.state != TOKEN_STARTING;
}

/* Not while the token is turned to another one, which would get the PIN: by a change of the master secret, by what follows an opening, by a zeroise, also on a node at fault. All of these hold admin_lock. */
static enum coffer_err unlock(struct engine *e, struct token_proxy *proxy, struct secret **pin, struct reason *reason)
{
	pthread_mutex_lock(&e->admin_lock);
	enum coffer_err err = token_proxy_unlock(proxy, pin, reason);
	pthread_mutex_unlock(&e->admin_lock);
	return err;
}

/* With the token as it is configured, or with a PIN that it is given; one try either way. A TPM refuses a PIN when it opens the data key, and not before. */
static enum coffer_err by_token(struct op_ctx *ctx, const struct wish *w)
{
	struct engine *e = ctx->engine;
	AUTO_SECRET struct secret *pin = NULL;
	struct token_proxy *proxy = token_of(e);
	if (!proxy) return reason_fail(&ctx->reason, ERR_STATE, "there is no token yet; 'coffer status' says why");
	if (w->way == WAY_PIN) {
		pin = secret_copy(w->pin.ptr, w->pin.len);
		ENSURE(pin, ERR_MEMORY);
		TRY(attend_pin_begin(e->attend, &ctx->reason));
	}
	enum coffer_err err = unlock(e, proxy, &pin, &ctx->reason);
	if (!err) err = e->open_by_token(e, &ctx->reason);
	if (w->way == WAY_PIN) attend_pin_end(e->attend, err);
	return err;
}

static enum coffer_err by_token_alone(struct op_ctx *ctx, const struct wish *w)
{
	TRY(attend_token_begin(ctx->engine->attend, &ctx->reason));
	enum coffer_err err = by_token(ctx, w);
	attend_token_end(ctx->engine->attend);
	return err;
}

static void put_recovery(struct op_ctx *ctx, const struct attend_stanza *s, struct writer *out)
{
	char set[RECOVERY_SET_NAME];
	ttlv_put_i32(out, TAG_COFFER_RECOVERY_MODE, (int32_t)s->stanza.mode);
	if (s->stanza.mode == STANZA_SHARES) {
		unsigned given = attend_shares(ctx->engine->attend, &s->stanza), k = s->stanza.shares.k;
		ttlv_put_i32(out, TAG_COFFER_SHARE_COUNT, s->stanza.shares.n);
		ttlv_put_i32(out, TAG_COFFER_SHARE_THRESHOLD, s->stanza.shares.k);
		ttlv_put_i32(out, TAG_COFFER_SHARES_GIVEN, (int32_t)given);
		ttlv_put_i32(out, TAG_COFFER_SHARES_MISSING, (int32_t)(given < k ? k - given : 0));
	}
	recovery_set_name(&s->stanza, set);
	ttlv_put_str(out, TAG_COFFER_RECOVERY_SET, set);
}

/* What stands now, and what recovery there is; one that cannot be read is none here. */
static void put_answer(struct op_ctx *ctx, struct writer *out)
{
	struct attend_stanza s;
	struct reason ignored = { "" };
	bool sealed = attend_wanted(ctx->engine);
	enum coffer_err err = sealed ? attend_find(ctx->engine, &s, &ignored) : ERR_OK;
	ttlv_put_bool(out, TAG_COFFER_SEALED, sealed);
	if (!sealed) return;
	if (err) ttlv_put_i32(out, TAG_COFFER_RECOVERY_MODE, 3);
	else put_recovery(ctx, &s, out);
	attend_stanza_done(&s);
}

enum coffer_err op_unseal(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	struct wish w = { .share_count = 0 };
	TRY(read_wish(ctx, payload, &w));
	bool again = (w.way == WAY_TOKEN || w.way == WAY_PIN) && token_is_lost(ctx->engine, w.way == WAY_PIN);
	if (w.way != WAY_ASK && !again && !attend_wanted(ctx->engine))
		return reason_fail(&ctx->reason, ERR_EXISTS, "the node is open already");
	if (w.way == WAY_SHARES || w.way == WAY_PASSPHRASE) TRY(recover(ctx, &w));
	if (w.way == WAY_TOKEN || w.way == WAY_PIN) TRY(by_token_alone(ctx, &w));
	if (w.way == WAY_FORGET) attend_forget_shares(ctx->engine->attend);
	put_answer(ctx, out);
	return ERR_OK;
}
