/* Token Policy: what the wrapped data keys are bound to, and whether the next start opens them. Token Reseal: binds them anew. Token Change Pin. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "kmip/enums.h"
#include "kmip/tags.h"
#include "ops/anchor.h"
#include "ops/json_out.h"
#include "ops/reseal.h"
#include "ops/tables.h"
#include "ops/token_of.h"
#include "token/proxy_policy.h"

#define JSON_MAX 4096u

static const char *boot_text(enum token_boot boot)
{
	switch (boot) {
	case TOKEN_BOOT_OPENS: return "opens";
	case TOKEN_BOOT_CLOSED: return "does not open";
	default: return "unknown";
	}
}

/* The keys may open and the node yet not: the counter in the token is asked at a start, too. */
static void look_at_anchor(struct engine *engine, struct token_policy_status *s)
{
	struct anchor_facts facts;
	anchor_facts(engine->anchor, &facts);
	bool refused = facts.level == ANCHOR_REFUSED, unknown = facts.uncompared || facts.late;
	if (s->boot != TOKEN_BOOT_OPENS || (!refused && !unknown)) return;
	s->boot = refused ? TOKEN_BOOT_CLOSED : TOKEN_BOOT_UNKNOWN;
	snprintf(s->sentence, sizeof s->sentence, "%.*s", (int)sizeof s->sentence - 1, facts.sentence);
}

/* slots: how many wrapped data keys were bound anew; negative: none was to be. */
static enum coffer_err put_policy(struct op_ctx *ctx, struct token_proxy *proxy, int slots, struct writer *out)
{
	struct token_policy_status s;
	char text[JSON_MAX];
	struct writer w;
	struct json_out j = { &w, false };
	TRY(token_proxy_policy_status(proxy, &s, &ctx->reason));
	look_at_anchor(ctx->engine, &s);
	writer_init(&w, text, sizeof text);
	json_begin(&j, NULL);
	json_str(&j, "policy", s.policy);
	json_str(&j, "pcrs", s.pcrs);
	json_str(&j, "next_start", boot_text(s.boot));
	json_str(&j, "sentence", s.sentence);
	json_str(&j, "warning", s.warning);
	if (slots >= 0) json_u64(&j, "wrapped", (uint64_t)slots);
	json_end(&j);
	TRY(writer_done(&w));
	ttlv_put_text(out, TAG_COFFER_JSON, writer_view(&w));
	return ERR_OK;
}

enum coffer_err op_token_policy(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	TRY(ttlv_done(payload));
	struct token_proxy *proxy = token_of(ctx->engine);
	if (!proxy) return reason_fail(&ctx->reason, ERR_UNINITIALISED, "there is no token yet; 'coffer init' chooses one");
	return put_policy(ctx, proxy, -1, out);
}

/* A status that cannot be read does not undo what was done. */
static enum coffer_err change(struct op_ctx *ctx, const char *changes, const struct secret *pin, uint32_t operation, const char *details,
	struct writer *out)
{
	unsigned slots = 0;
	const struct reseal_wish wish = { .principal = ctx->principal, .operation = operation, .changes = changes, .pin = pin, .details = details };
	pthread_mutex_lock(&ctx->engine->admin_lock);
	enum coffer_err err = ctx->engine->token ? reseal_run(ctx->engine, &wish, &slots, &ctx->reason) : ERR_SEALED;
	pthread_mutex_unlock(&ctx->engine->admin_lock);
	TRY(err);
	snprintf(ctx->detail, sizeof ctx->detail, "%.200s", details);
	log_info("token: %s, %u wrapped data keys bound anew", details, slots);
	if (put_policy(ctx, ctx->engine->token, (int)slots, out) != ERR_OK) ttlv_put_str(out, TAG_COFFER_JSON, "{}");
	ctx->reason.text[0] = '\0';
	return ERR_OK;
}

enum coffer_err op_token_reseal(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	struct view given;
	char changes[TOKEN_CHANGES_MAX + 1], details[200];
	TRY(ttlv_take_text(payload, TAG_COFFER_POLICY_CHANGES, &given));
	TRY(ttlv_done(payload));
	if (given.len > TOKEN_CHANGES_MAX) return reason_fail(&ctx->reason, ERR_FIELD, "what is to be changed has more than %u bytes", TOKEN_CHANGES_MAX);
	if (given.len) memcpy(changes, given.ptr, given.len);
	changes[given.len] = '\0';
	snprintf(details, sizeof details, "reseal %.180s", given.len ? changes : "to the values of now");
	return change(ctx, changes, NULL, OPERATION_COFFER_TOKEN_RESEAL, details, out);
}

enum coffer_err op_token_change_pin(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	struct view given;
	TRY(ttlv_take_bytes(payload, TAG_COFFER_TOKEN_PIN, &given));
	TRY(ttlv_done(payload));
	if (given.len == 0 || given.len > TOKEN_PIN_MAX_LEN)
		return reason_fail(&ctx->reason, ERR_FIELD, "a PIN has 1 to %u bytes", TOKEN_PIN_MAX_LEN);
	AUTO_SECRET struct secret *pin = secret_copy(given.ptr, given.len);
	ENSURE(pin, ERR_MEMORY);
	return change(ctx, "", pin, OPERATION_COFFER_TOKEN_CHANGE_PIN, "PIN changed", out);
}
