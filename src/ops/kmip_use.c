/* Leave to use a key. */
#include "ops/kmip_use.h"

#include "base/clock.h"
#include "kmip/attr.h"
#include "objects/dates.h"
#include "ops/kmip_key.h"

static enum coffer_err refuse(struct op_ctx *ctx, uint32_t result_reason, enum coffer_err err, const char *label, const char *why)
{
	ctx->result_reason = result_reason;
	return reason_fail(&ctx->reason, err, "%s %s", label, why);
}

static enum coffer_err check_object(struct op_ctx *ctx, const char *label)
{
	const struct object *o = ctx->object;
	bool present = true;
	attrset_get_bool(&o->attrs, ATTR_KEY_VALUE_PRESENT, &present);
	TRY(kmip_check_online(ctx, o));
	if (!present) return refuse(ctx, RESULT_REASON_KEY_VALUE_NOT_PRESENT, ERR_STATE, label, "is elsewhere: its Key Value is not here");
	return ERR_OK;
}

/* All but the dates; the sentences about what is missing are below. */
static bool is_fit(const struct object *o, const struct kmip_use *use)
{
	bool present = true;
	attrset_get_bool(&o->attrs, ATTR_KEY_VALUE_PRESENT, &present);
	return present && !o->archived && o->type == OBJECT_TYPE_SYMMETRIC_KEY && o->material && !o->wrapping &&
		o->key_format != KEY_FORMAT_TYPE_OPAQUE && (o->usage_mask & use->mask);
}

enum coffer_err kmip_use_check(struct op_ctx *ctx, const struct kmip_use *use)
{
	const struct object *o = ctx->object;
	if (is_fit(o, use) && dates_check_use(o, use->use, clock_date_s(), "", NULL) == ERR_OK) return ERR_OK;
	char label[KMIP_KEY_LABEL_MAX];
	kmip_key_label(o, label);
	TRY(check_object(ctx, label));
	ctx->result_reason = RESULT_REASON_PERMISSION_DENIED;
	TRY(dates_check_use(o, use->use, clock_date_s(), label, &ctx->reason));
	if (o->type != OBJECT_TYPE_SYMMETRIC_KEY || !o->material || o->wrapping || o->key_format == KEY_FORMAT_TYPE_OPAQUE)
		return reason_fail(&ctx->reason, ERR_STATE, "%s is not usable for %s: it is no symmetric key whose bytes are known here", label, use->what);
	if (!(o->usage_mask & use->mask))
		return reason_fail(&ctx->reason, ERR_DENIED, "%s is not for %s: its Cryptographic Usage Mask says so", label, use->what);
	ctx->result_reason = 0;
	return ERR_OK;
}

enum coffer_err kmip_use_legacy(struct op_ctx *ctx, bool legacy, const char *what)
{
	const struct config *config = ctx->engine->config;
	if (!legacy || config->legacy_algorithms) return ERR_OK;
	return reason_fail(&ctx->reason, ERR_UNSUPPORTED, "%s is outdated and refused; use a newer algorithm, or set legacy_algorithms = yes", what);
}

bool kmip_use_params(const struct object *o, size_t *at, struct kmip_params *out)
{
	while (*at < o->attrs.count) {
		const struct attrset_value *v = &o->attrs.values[(*at)++];
		struct ttlv_item item;
		if (v->attr != ATTR_CRYPTOGRAPHIC_PARAMETERS || !attrset_item(v, &item)) continue;
		if (kmip_params_parse(&item, out) == ERR_OK) return true;
	}
	return false;
}
