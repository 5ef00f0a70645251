/* Reading and staging a change of the grants. */
#include "ops/grant_change.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kmip/tags.h"
#include "ops/quorum_ask.h"

enum coffer_err grant_change_read(struct op_ctx *ctx, struct ttlv_cursor *payload, struct grant *out)
{
	struct view principal_text, role_text, scope = { NULL, 0 };
	struct principal principal;
	struct grant grant = { .role = ROLE_NONE };
	TRY(ttlv_take_text(payload, TAG_COFFER_PRINCIPAL, &principal_text));
	TRY(ttlv_take_text(payload, TAG_COFFER_ROLE, &role_text));
	TRY(ttlv_take_optional_text(payload, TAG_COFFER_SCOPE, &scope, NULL));
	TRY(ttlv_done(payload));
	TRY(principal_parse(principal_text, &principal, &ctx->reason));
	TRY(role_parse(role_text, &grant.role, &ctx->reason));
	if (scope.len > GRANT_SCOPE_MAX)
		return reason_fail(&ctx->reason, ERR_TOO_LARGE, "the name of an object group has at most %u bytes", GRANT_SCOPE_MAX);
	memcpy(grant.principal, principal.text, sizeof grant.principal);
	if (scope.len) memcpy(grant.scope, scope.ptr, scope.len);
	memcpy(grant.granted_by, ctx->principal->text, sizeof grant.granted_by);
	*out = grant;
	return ERR_OK;
}

void grant_change_describe(struct op_ctx *ctx, const struct grant *grant, const char *direction)
{
	char text[PRINCIPAL_MAX + GRANT_SCOPE_MAX + 128];
	snprintf(text, sizeof text, "role %s %s %s%s%s", role_name(grant->role), direction, grant->principal, grant->scope[0] ? " on " : "",
		grant->scope);
	text_printable(view_str(text), ctx->detail, sizeof ctx->detail);
}

enum coffer_err grant_change_quorum(struct op_ctx *ctx, const struct grant *grant, const char *verb)
{
	char act[PRINCIPAL_MAX + GRANT_SCOPE_MAX + 128];
	if (grant->role != ROLE_ADMINISTRATOR) return ERR_OK;
	snprintf(act, sizeof act, "%s role %s %s %s%s%s", verb, role_name(grant->role), verb[0] == 'g' ? "to" : "from", grant->principal,
		grant->scope[0] ? " on " : "", grant->scope);
	return quorum_ask(ctx, act);
}

struct grants *grant_change_current(struct engine *engine)
{
	return engine->staged_grants ? grants_ref(engine->staged_grants) : engine_grants(engine);
}

/* One change on its way: holds a reference to each. */
struct change {
	struct engine *engine;
	struct grants *before; /* what was staged before; NULL: nothing */
	struct grants *after;
};

static void change_free(struct change *c)
{
	grants_unref(c->before);
	grants_unref(c->after);
	free(c);
}

static void change_publish(void *arg)
{
	struct change *c = arg;
	engine_set_grants(c->engine, grants_ref(c->after));
	if (c->engine->staged_grants == c->after) grants_unref(TAKE(c->engine->staged_grants));
	change_free(c);
}

static void change_undo(void *arg)
{
	struct change *c = arg;
	grants_unref(c->engine->staged_grants);
	c->engine->staged_grants = grants_ref(c->before);
	change_free(c);
}

enum coffer_err grant_change_stage(struct op_ctx *ctx, struct grants *next)
{
	struct engine *engine = ctx->engine;
	struct change *c = calloc(1, sizeof *c);
	if (!c) {
		grants_unref(next);
		return ERR_MEMORY;
	}
	*c = (struct change){ engine, grants_ref(engine->staged_grants), next };
	enum coffer_err err = txn_on_commit(ctx->txn, change_publish, change_undo, c);
	if (err) {
		change_free(c);
		return err;
	}
	grants_unref(engine->staged_grants);
	engine->staged_grants = grants_ref(next);
	return ERR_OK;
}
