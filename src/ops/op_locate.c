/* Locate (KMIP 1.4 section 4.9): identifiers of the objects that have the attributes asked for and that the principal may see, newest first. */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "kmip/names.h"
#include "ops/kmip_key.h"
#include "ops/locate_found.h"
#include "ops/locate_plan.h"
#include "ops/tables.h"

#define LOCATE_MAX 2048u /* identifiers of one answer */
#define OFFSET_SINCE 3u  /* Offset Items and Located Items */
#define MEMBER_SINCE 1u  /* Object Group Member */

/* Storage Status Mask. Destroyed objects are a bit of KMIP 2.0. */
#define STORAGE_ON_LINE 1u
#define STORAGE_ARCHIVAL 2u
#define STORAGE_DESTROYED 4u

struct search {
	struct op_ctx *ctx;
	struct locate_criteria criteria;
	uint32_t storage;
	uint32_t member;  /* enum kmip_object_group_member; 0: any object */
	size_t skip, max;
	bool one_at_most; /* Maximum Items of 1 */
	size_t looked_at, look_max;
	uint64_t now_s;
	struct locate_found found;
	struct txn_passed passed;
};

static enum coffer_err take_newer(struct op_ctx *ctx, bool present, uint32_t since, const char *name)
{
	if (!present || ctx->version_minor >= since) return ERR_OK;
	return reason_fail(&ctx->reason, ERR_FIELD, "%s is not of this protocol version", name);
}

static enum coffer_err read_fields(struct op_ctx *ctx, struct ttlv_cursor *payload, struct search *s)
{
	int32_t max = LOCATE_MAX, skip = 0, storage = STORAGE_ON_LINE;
	bool has_skip, has_member;
	TRY(ttlv_take_optional_i32(payload, TAG_MAXIMUM_ITEMS, &max, NULL));
	TRY(ttlv_take_optional_i32(payload, TAG_OFFSET_ITEMS, &skip, &has_skip));
	TRY(ttlv_take_optional_i32(payload, TAG_STORAGE_STATUS_MASK, &storage, NULL));
	TRY(ttlv_take_optional_enum(payload, TAG_OBJECT_GROUP_MEMBER, &s->member, &has_member));
	TRY(take_newer(ctx, has_skip, OFFSET_SINCE, "Offset Items"));
	TRY(take_newer(ctx, has_member, MEMBER_SINCE, "Object Group Member"));
	if (max < 0 || skip < 0) return reason_fail(&ctx->reason, ERR_FIELD, "Maximum Items and Offset Items cannot be negative");
	if (has_member && !kmip_enum_has(ENUM_OBJECT_GROUP_MEMBER, s->member))
		return reason_fail(&ctx->reason, ERR_FIELD, "this Object Group Member is unknown");
	s->max = (uint32_t)max < LOCATE_MAX ? (size_t)max : LOCATE_MAX;
	s->one_at_most = max == 1;
	s->skip = (size_t)skip;
	if ((uint32_t)storage & ~(uint32_t)(STORAGE_ON_LINE | STORAGE_ARCHIVAL | STORAGE_DESTROYED))
		return reason_fail(&ctx->reason, ERR_FIELD, "the Storage Status Mask has a bit that is not known");
	s->storage = (uint32_t)storage;
	return ERR_OK;
}

static enum coffer_err read_request(struct op_ctx *ctx, struct ttlv_cursor *payload, struct search *s)
{
	TRY(read_fields(ctx, payload, s));
	TRY(locate_read(ctx, payload, &s->criteria));
	TRY(kmip_end(ctx, payload));
	if (s->member && !locate_asks(&s->criteria, ATTR_OBJECT_GROUP))
		return reason_fail(&ctx->reason, ERR_MISSING, "Object Group Member is about an Object Group; look for one");
	/* Who asks for a state, or for when it was destroyed, means the destroyed ones too. */
	if (locate_asks(&s->criteria, ATTR_STATE) || locate_asks(&s->criteria, ATTR_DESTROY_DATE)) s->storage |= STORAGE_DESTROYED;
	return ERR_OK;
}

/* Nobody can hold up the store thread for longer. */
static enum coffer_err count_look(struct search *s)
{
	if (++s->looked_at <= s->look_max) return ERR_OK;
	return reason_fail(&s->ctx->reason, ERR_LIMIT, "the search would look at more than %zu objects (locate_scan_max): look for a Unique Identifier, Name, "
		"Object Group, Application Specific Information, Alternative Name, Link, Contact Information, PKCS#12 Friendly Name, Description, Comment or custom attribute, "
		"which are indexed, or raise locate_scan_max", s->look_max);
}

static bool is_destroyed(enum object_state state)
{
	return state == OBJECT_DESTROYED || state == OBJECT_DESTROYED_COMPROMISED;
}

static bool is_stored_as_asked(const struct search *s, const struct object *o)
{
	uint32_t storage = is_destroyed(o->state) ? STORAGE_DESTROYED : o->archived ? STORAGE_ARCHIVAL : STORAGE_ON_LINE;
	return s->storage & storage;
}

static bool is_fresh(const struct object *o)
{
	bool fresh = false;
	return attrset_get_bool(&o->attrs, ATTR_FRESH, &fresh) && fresh;
}

static enum coffer_err consider(void *arg, struct object *o)
{
	struct search *s = arg;
	struct kmip_seen seen = kmip_seen_of(s->ctx, o);
	seen.now_s = s->now_s;
	bool matches;
	if (!is_stored_as_asked(s, o) || !policy_sees(s->ctx->grants, s->ctx->principal, o)) return ERR_OK;
	if (s->member == OBJECT_GROUP_MEMBER_GROUP_MEMBER_FRESH && !is_fresh(o)) return ERR_OK;
	TRY(locate_match(&s->criteria, &seen, &matches));
	return matches ? locate_found_add(&s->found, o) : ERR_OK;
}

static enum coffer_err consider_hit(void *arg, struct object *o)
{
	TRY(count_look(arg));
	return consider(arg, o);
}

/* A row whose columns cannot be read is opened, to be found out. */
static enum coffer_err keep_row(void *arg, const struct store_row *row, bool *out_keep)
{
	struct search *s = arg;
	struct object_head head;
	TRY(count_look(s));
	if (object_peek(row, &head) != ERR_OK) return ERR_OK;
	*out_keep = locate_may_match(&s->criteria, &head) && (!is_destroyed(head.state) || (s->storage & STORAGE_DESTROYED));
	return ERR_OK;
}

/* For the operator alone: who asked may not have been let see them. */
static void say_passed(const struct txn_passed *passed)
{
	char id[UUID_TEXT_LEN + 1];
	if (passed->count == 0) return;
	text_uuid(passed->ids[0], id);
	log_error("a search passed over %zu objects that do not open, object %s first; 'coffer store check' names what is damaged", passed->count, id);
}

/* One damaged row does not hide the others; but who asks for a Name is not told that there is none when its object does not open. */
static enum coffer_err look(struct search *s)
{
	struct txn_passed *passed = locate_asks(&s->criteria, ATTR_NAME) ? NULL : &s->passed;
	const struct locate_visitor visitor = { keep_row, consider_hit, consider, s, passed };
	bool destroyed_too = s->storage & STORAGE_DESTROYED;
	struct locate_plan plan;
	enum coffer_err err = locate_plan(s->ctx, &s->criteria, destroyed_too, &plan);
	if (!err) err = locate_visit(s->ctx, &plan, destroyed_too, &visitor);
	locate_plan_done(&plan);
	say_passed(&s->passed);
	return err;
}

/* The default member of a group is its newest object that matches. */
static void order(struct search *s)
{
	locate_found_sort(&s->found);
	if (s->member != OBJECT_GROUP_MEMBER_GROUP_MEMBER_DEFAULT || s->found.total <= 1) return;
	s->found.total = 1;
	if (s->found.count > 1) s->found.count = 1;
}

static size_t put_found(const struct search *s, struct writer *out)
{
	size_t given = 0;
	if (s->ctx->version_minor >= OFFSET_SINCE)
		ttlv_put_i32(out, TAG_LOCATED_ITEMS, s->found.total > INT32_MAX ? INT32_MAX : (int32_t)s->found.total);
	for (size_t i = s->skip; i < s->found.count && given < s->max; i++, given++) {
		char id[UUID_TEXT_LEN + 1];
		text_uuid(s->found.hits[i].id, id);
		ttlv_put_str(out, TAG_UNIQUE_IDENTIFIER, id);
	}
	return given;
}

/* "If a single Unique Identifier is returned", it is the placeholder; unless more matched and nobody asked for just one. */
static void set_placeholder(struct op_ctx *ctx, const struct search *s, size_t given)
{
	ctx->has_placeholder = given == 1 && (s->found.total == 1 || s->one_at_most);
	if (ctx->has_placeholder) memcpy(ctx->placeholder, s->found.hits[s->skip].id, UUID_LEN);
}

enum coffer_err op_locate(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	struct search s = { .ctx = ctx, .now_s = clock_date_s(), .look_max = ctx->engine->config->locate_scan_max };
	TRY(read_request(ctx, payload, &s));
	locate_found_init(&s.found, s.max ? s.skip + s.max : 0);
	enum coffer_err err = look(&s);
	if (!err) {
		order(&s);
		set_placeholder(ctx, &s, put_found(&s, out));
	}
	locate_found_free(&s.found);
	return err;
}
