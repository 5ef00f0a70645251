/* Node Join: this node asks to join a domain, or goes on with that; it says how far it is. */
#include <string.h>

#include "kmip/tags.h"
#include "ops/join.h"
#include "ops/json_out.h"
#include "ops/tables.h"
#include "ops/token_of.h"

#define ANSWER_MAX 4096u

static enum coffer_err take_fingerprint(struct op_ctx *ctx, struct view text, uint8_t out[static DOMAIN_FINGERPRINT_LEN])
{
	char typed[64];
	if (text.len >= sizeof typed) return reason_fail(&ctx->reason, ERR_INPUT, "a fingerprint has 8 groups of 4 letters and digits");
	text_printable(text, typed, sizeof typed);
	return admission_fingerprint_parse(typed, out, &ctx->reason);
}

static enum coffer_err take_wish(struct op_ctx *ctx, struct ttlv_cursor *payload, struct join_wish *wish)
{
	struct view domain, answer;
	TRY(token_uri_take(ctx, payload, wish->token_uri));
	TRY(ttlv_take_optional_bytes(payload, TAG_COFFER_TOKEN_PIN, &wish->pin, NULL));
	TRY(ttlv_take_text(payload, TAG_COFFER_FINGERPRINT, &domain));
	TRY(ttlv_take_optional_text(payload, TAG_COFFER_NODE_NAME, &wish->name, NULL));
	TRY(ttlv_take_optional_text(payload, TAG_COFFER_ANSWER_PRINT, &answer, &wish->has_answer));
	TRY(ttlv_take_optional_bool(payload, TAG_COFFER_ANEW, &wish->anew, NULL));
	TRY(ttlv_take_optional_bytes(payload, TAG_COFFER_ENROLMENT_TOKEN, &wish->enrolment, NULL));
	TRY(ttlv_take_optional_bool(payload, TAG_COFFER_ENDORSEMENT, &wish->endorsement, NULL));
	TRY(ttlv_done(payload));
	TRY(take_fingerprint(ctx, domain, wish->domain));
	return wish->has_answer ? take_fingerprint(ctx, answer, wish->answer) : ERR_OK;
}

static void put_answer(const struct join_result *r, struct writer *out)
{
	static const char *const by[] = { [ADMISSION_BY_FINGERPRINT] = "fingerprint", [ADMISSION_BY_ENROLMENT] = "enrolment token", [ADMISSION_BY_ENDORSEMENT] = "endorsement certificate" };
	char text[ANSWER_MAX], domain[DOMAIN_FINGERPRINT_TEXT], node[UUID_TEXT_LEN + 1];
	struct writer w;
	struct json_out j = { .w = &w };
	writer_init(&w, text, sizeof text);
	domain_fingerprint_text(&r->domain, domain);
	text_uuid(r->domain.node_id, node);
	json_begin(&j, NULL);
	json_str(&j, "state", r->member ? "member" : "waiting");
	json_str(&j, "domain", domain);
	json_str(&j, "node", node);
	json_str(&j, "name", r->name);
	json_str(&j, "fingerprint", r->request);
	json_str(&j, "by", by[r->evidence]);
	if (r->certificate[0]) json_str(&j, "certificate", r->certificate);
	json_end(&j);
	ttlv_put_text(out, TAG_COFFER_JSON, writer_view(&w));
	token_line_put(out, &r->token);
}

/* The answer to the request before this one was lost: it is a member by now. */
static bool joined_already(struct engine *engine, const struct join_wish *wish, struct join_result *out)
{
	uint8_t own[DOMAIN_FINGERPRINT_LEN];
	if (engine_state_get(engine) != ENGINE_OPEN || domain_fingerprint(&engine->identity.domain, own) != ERR_OK) return false;
	if (memcmp(own, wish->domain, sizeof own) != 0 || strcmp(engine->identity.token_uri, wish->token_uri) != 0) return false;
	*out = (struct join_result){ .member = true, .domain = engine->identity.domain };
	return true;
}

enum coffer_err op_node_join(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	struct join_wish wish = { .anew = false };
	struct join_result result;
	TRY(take_wish(ctx, payload, &wish));
	if (!joined_already(ctx->engine, &wish, &result)) TRY(join_run(ctx->engine, ctx->principal, &wish, &result, &ctx->reason));
	put_answer(&result, out);
	return ERR_OK;
}
