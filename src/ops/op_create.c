/* Create (KMIP 1.4 section 4.1): a new symmetric key, or random secret data. */
#include "base/clock.h"
#include "base/secret.h"
#include "kmip/attr.h"
#include "objects/txn.h"
#include "ops/kmip_algorithm.h"
#include "ops/kmip_key.h"
#include "ops/kmip_template.h"
#include "ops/regroup.h"
#include "ops/tables.h"

/* What is made here is a password: secret data of any other type has a form that only its maker knows. */
static enum coffer_err check_secret(struct op_ctx *ctx, struct object *o)
{
	o->data_type = SECRET_DATA_TYPE_PASSWORD;
	if (o->algorithm)
		return reason_fail(&ctx->reason, ERR_FIELD, "secret data has no Cryptographic Algorithm; create a symmetric key, or leave it out");
	if (o->length_bits == 0) return reason_fail(&ctx->reason, ERR_MISSING, "the Cryptographic Length is missing");
	if (o->length_bits % 8 == 0 && o->length_bits <= SECRET_MAX * 8) return ERR_OK;
	return reason_fail(&ctx->reason, ERR_FIELD, "secret data has whole bytes, at most %u of them", (unsigned)SECRET_MAX);
}

static enum coffer_err read_request(struct op_ctx *ctx, struct ttlv_cursor *payload, struct object **out, bool *out_chosen)
{
	uint32_t type;
	TRY(ttlv_take_enum(payload, TAG_OBJECT_TYPE, &type));
	if (type != OBJECT_TYPE_SYMMETRIC_KEY && type != OBJECT_TYPE_SECRET_DATA) {
		ctx->result_reason = RESULT_REASON_INVALID_FIELD;
		return reason_fail(&ctx->reason, ERR_UNSUPPORTED, "only symmetric keys and secret data can be created");
	}
	AUTO_OBJECT struct object *o = NULL;
	TRY(object_make(type, ctx->principal->text, &o));
	if (ttlv_peek_tag(payload) != TAG_TEMPLATE_ATTRIBUTE)
		return reason_fail(&ctx->reason, ERR_MISSING, "the Template-Attribute is missing");
	TRY(kmip_template_apply(ctx, payload, o, KMIP_FOR_CREATE));
	TRY(kmip_end(ctx, payload));
	*out_chosen = o->length_bits == 0 && type == OBJECT_TYPE_SYMMETRIC_KEY;
	if (*out_chosen) o->length_bits = kmip_algorithm_default_bits(o->algorithm);
	TRY(type == OBJECT_TYPE_SECRET_DATA ? check_secret(ctx, o) : kmip_key_check(ctx, o));
	*out = TAKE(o);
	return ERR_OK;
}

enum coffer_err op_create(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	AUTO_OBJECT struct object *o = NULL;
	bool chosen = false;
	TRY(read_request(ctx, payload, &o, &chosen));
	PRE(o);
	TRY(op_may_regroup(ctx, NULL, o));
	TRY(kmip_key_make(ctx, o, clock_date_s()));
	enum coffer_err err = txn_create(ctx->txn, o, &ctx->reason);
	if (err == ERR_EXISTS) ctx->result_reason = RESULT_REASON_INVALID_FIELD; /* section 11.2 */
	if (err == ERR_LIMIT) ctx->result_reason = RESULT_REASON_INDEX_OUT_OF_BOUNDS; /* more names and groups than are looked up */
	TRY(err);
	kmip_touch(ctx, o);
	ttlv_put_enum(out, TAG_OBJECT_TYPE, o->type);
	kmip_put_id(out, o);
	if (!chosen) return ERR_OK;
	struct ttlv_mark mark = ttlv_begin(out, TAG_TEMPLATE_ATTRIBUTE);
	kmip_attr_put_i32(out, ATTR_CRYPTOGRAPHIC_LENGTH, (int32_t)o->length_bits);
	ttlv_end(out, mark);
	return ERR_OK;
}
