/* Locate (KMIP 1.4 section 4.9): identifiers of the objects that have the attributes asked for and that the principal may see. */
#include <string.h>

#include "base/clock.h"
#include "ops/kmip_key.h"
#include "ops/locate_match.h"
#include "ops/tables.h"

#define LOCATE_MAX 2048u /* identifiers of one answer */
#define STORAGE_DESTROYED 4 /* destroyed objects too; without it, and without a State to look for, they are left out */

struct search {
	struct op_ctx *ctx;
	struct locate_criteria criteria;
	bool destroyed_too;
	size_t skip, max;
	size_t found, given;
	uint8_t only[UUID_LEN];
	struct buf ids;          /* UUID_LEN bytes each */
	uint64_t now_s;
};

static enum coffer_err read_request(struct op_ctx *ctx, struct ttlv_cursor *payload, struct search *s)
{
	int32_t max = LOCATE_MAX, skip = 0, storage = 1;
	bool has_member;
	uint32_t member;
	TRY(ttlv_take_optional_i32(payload, TAG_MAXIMUM_ITEMS, &max, NULL));
	TRY(ttlv_take_optional_i32(payload, TAG_OFFSET_ITEMS, &skip, NULL));
	TRY(ttlv_take_optional_i32(payload, TAG_STORAGE_STATUS_MASK, &storage, NULL));
	TRY(ttlv_take_optional_enum(payload, TAG_OBJECT_GROUP_MEMBER, &member, &has_member));
	if (max < 0 || skip < 0) return reason_fail(&ctx->reason, ERR_FIELD, "Maximum Items and Offset Items cannot be negative");
	if (has_member) return reason_fail(&ctx->reason, ERR_UNSUPPORTED, "Object Group Member is not supported; look for the Object Group");
	TRY(locate_read(ctx, payload, &s->criteria));
	TRY(kmip_end(ctx, payload));
	s->max = (uint32_t)max < LOCATE_MAX ? (size_t)max : LOCATE_MAX;
	s->skip = (size_t)skip;
	s->destroyed_too = (storage & STORAGE_DESTROYED) || locate_asks(&s->criteria, ATTR_STATE);
	return ERR_OK;
}

static enum coffer_err consider(void *arg, struct object *o)
{
	struct search *s = arg;
	struct kmip_seen seen = kmip_seen_of(s->ctx, o);
	seen.now_s = s->now_s;
	bool matches;
	if (!s->destroyed_too && (o->state == OBJECT_DESTROYED || o->state == OBJECT_DESTROYED_COMPROMISED)) return ERR_OK;
	if (!policy_sees(s->ctx->grants, s->ctx->principal, o)) return ERR_OK;
	TRY(locate_match(&s->criteria, &seen, &matches));
	if (!matches) return ERR_OK;
	if (s->found++ < s->skip || s->given == s->max) return ERR_OK;
	s->given++;
	memcpy(s->only, o->id, UUID_LEN);
	return buf_append(&s->ids, view_of(o->id, UUID_LEN));
}

static enum coffer_err look(struct search *s)
{
	AUTO_OBJECT struct object *o = NULL;
	struct view name;
	if (!locate_name(&s->criteria, &name)) return txn_scan(s->ctx->txn, view_of(NULL, 0), SIZE_MAX, consider, s);
	enum coffer_err err = txn_object_by_name(s->ctx->txn, name, &o);
	if (err == ERR_NOT_FOUND) return ERR_OK;
	TRY(err);
	return consider(s, o);
}

static void put_found(const struct search *s, struct writer *out)
{
	if (s->ctx->version_minor >= 3) ttlv_put_i32(out, TAG_LOCATED_ITEMS, (int32_t)s->found);
	for (size_t i = 0; i < s->given; i++) {
		char id[UUID_TEXT_LEN + 1];
		text_uuid(s->ids.ptr + i * UUID_LEN, id);
		ttlv_put_str(out, TAG_UNIQUE_IDENTIFIER, id);
	}
}

enum coffer_err op_locate(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	struct search s = { .ctx = ctx, .now_s = clock_wall_s(), .ids = BUF_EMPTY };
	TRY(read_request(ctx, payload, &s));
	enum coffer_err err = look(&s);
	if (!err) put_found(&s, out);
	buf_free(&s.ids);
	TRY(err);
	if (s.given == 1) {
		memcpy(ctx->placeholder, s.only, UUID_LEN);
		ctx->has_placeholder = true;
	} else {
		ctx->has_placeholder = false;
	}
	return ERR_OK;
}
