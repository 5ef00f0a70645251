/* Revoke (KMIP 1.4 section 4.20): a compromised key becomes Compromised, any other that is active Deactivated. */
#include "base/clock.h"
#include "kmip/attr.h"
#include "kmip/values.h"
#include "ops/kmip_key.h"
#include "ops/kmip_new.h"
#include "ops/tables.h"

struct revoke {
	struct kmip_revocation why;
	bool compromised;
	bool has_occurred;
	int64_t occurred_s;
};

static enum coffer_err read_request(struct op_ctx *ctx, struct ttlv_cursor *payload, struct revoke *q)
{
	struct ttlv_item item;
	TRY(ttlv_take(payload, TAG_REVOCATION_REASON, &item));
	TRY(kmip_revocation_parse(&item, &q->why));
	TRY(ttlv_take_optional_time(payload, TAG_COMPROMISE_OCCURRENCE_DATE, &q->occurred_s, &q->has_occurred));
	TRY(kmip_end(ctx, payload));
	if (q->why.code < REVOCATION_REASON_CODE_UNSPECIFIED || q->why.code > REVOCATION_REASON_CODE_PRIVILEGE_WITHDRAWN)
		return reason_fail(&ctx->reason, ERR_FIELD, "this Revocation Reason is not known");
	q->compromised = q->why.code == REVOCATION_REASON_CODE_KEY_COMPROMISE || q->why.code == REVOCATION_REASON_CODE_CA_COMPROMISE;
	if (q->has_occurred && !q->compromised)
		return reason_fail(&ctx->reason, ERR_FIELD, "a Compromise Occurrence Date needs a compromise as the Revocation Reason");
	if (q->has_occurred && (q->occurred_s < 0 || (uint64_t)q->occurred_s > clock_date_s()))
		return reason_fail(&ctx->reason, ERR_FIELD, "the Compromise Occurrence Date is in the future");
	return ERR_OK;
}

static enum coffer_err set_reason(struct object *o, const struct kmip_revocation *why)
{
	AUTO_BUF struct buf bytes = BUF_EMPTY;
	struct writer w;
	writer_init_buf(&w, &bytes, 4096);
	kmip_revocation_put(&w, TAG_REVOCATION_REASON, why);
	TRY(writer_done(&w));
	return attrset_set(&o->attrs, ATTR_REVOCATION_REASON, writer_view(&w));
}

/* Without a date from the client the key may have been known to others from its beginning (section 3.29). */
static enum coffer_err set_compromised(struct object *o, const struct revoke *q, uint64_t now_s)
{
	uint64_t since_s = now_s;
	if (q->has_occurred) since_s = (uint64_t)q->occurred_s;
	else attrset_get_time(&o->attrs, ATTR_INITIAL_DATE, &since_s);
	o->state = o->state == OBJECT_DESTROYED ? OBJECT_DESTROYED_COMPROMISED : OBJECT_COMPROMISED;
	TRY(attrset_set_time(&o->attrs, ATTR_COMPROMISE_OCCURRENCE_DATE, since_s));
	return attrset_set_time(&o->attrs, ATTR_COMPROMISE_DATE, now_s);
}

/* Protection stops no later than the key does (section 3.26). */
static enum coffer_err set_deactivated(struct object *o, uint64_t now_s)
{
	uint64_t stop_s;
	o->state = OBJECT_DEACTIVATED;
	if (attrset_get_time(&o->attrs, ATTR_PROTECT_STOP_DATE, &stop_s) && stop_s > now_s)
		TRY(attrset_set_time(&o->attrs, ATTR_PROTECT_STOP_DATE, now_s));
	return attrset_set_time(&o->attrs, ATTR_DEACTIVATION_DATE, now_s);
}

/* Opaque objects have neither State nor Deactivation Date: of the reasons only a compromise changes more than the Revocation Reason. */
static enum coffer_err set_revoked(struct object *o, const struct revoke *q, uint64_t now_s)
{
	if (q->compromised) return set_compromised(o, q, now_s);
	return kmip_is_cryptographic(o) ? set_deactivated(o, now_s) : ERR_OK;
}

/* Section 11.21 knows one Result Reason for all that cannot be revoked. */
static enum coffer_err refuse(struct op_ctx *ctx, const struct object *o, enum object_state state)
{
	char label[KMIP_KEY_LABEL_MAX];
	kmip_key_label(o, label);
	ctx->result_reason = RESULT_REASON_ILLEGAL_OPERATION;
	if (o->type == OBJECT_TYPE_TEMPLATE) return reason_fail(&ctx->reason, ERR_STATE, "a template cannot be revoked; destroy it");
	return reason_fail(&ctx->reason, ERR_STATE, state == OBJECT_PRE_ACTIVE
		? "%s is %s and can be revoked only as compromised; destroy it when it is not needed" : "%s is %s already", label, lifecycle_name(state));
}

enum coffer_err op_revoke(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	AUTO_OBJECT struct object *o = NULL;
	struct revoke q = { .has_occurred = false };
	uint64_t now_s = clock_date_s();
	TRY(read_request(ctx, payload, &q));
	TRY(kmip_key_change(ctx, now_s, &o));
	enum object_state before = o->state;
	if (o->type == OBJECT_TYPE_TEMPLATE) return refuse(ctx, o, before);
	TRY(set_revoked(o, &q, now_s));
	bool stays = before == o->state && (kmip_is_cryptographic(o) || before != OBJECT_PRE_ACTIVE);
	if (stays || (before != o->state && !lifecycle_allows(before, o->state))) return refuse(ctx, o, before);
	TRY(set_reason(o, &q.why));
	TRY(txn_update(ctx->txn, o, &ctx->reason));
	kmip_put_id(out, o);
	return ERR_OK;
}
