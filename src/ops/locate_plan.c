/* Choosing a way, and going it. */
#include "ops/locate_plan.h"

#include <string.h>

#include "access/operation_policy.h"
#include "base/cleanup.h"
#include "objects/index.h"
#include "objects/names.h"

#define PROBE_MAX 256u /* entries counted; ways that are longer count as equal */

struct planner {
	struct op_ctx *ctx;
	struct locate_plan *plan;
	size_t partial; /* objects with OBJECT_INDEX_PARTIAL: candidates of every attribute entry */
	size_t least;   /* objects of the best way so far; PROBE_MAX: none, or so many and more */
};

static const struct record_index_entry partial = { OBJECT_INDEX_PARTIAL, { NULL, 0 } };

static enum coffer_err weigh(void *arg, const struct record_index_entry *entry)
{
	struct planner *p = arg;
	size_t count;
	bool is_attribute = entry->index == OBJECT_INDEX_ATTRIBUTE;
	if (p->least == 0 || (is_attribute && !txn_indexed(p->ctx->txn))) return ERR_OK;
	TRY(txn_count(p->ctx->txn, entry, p->least, &count)); /* what is not better need not be counted to its end */
	if (is_attribute) count += p->partial;
	bool is_first = p->plan->way == LOCATE_BY_TABLE;
	if (count >= p->least && !is_first) return ERR_OK;
	if (count < p->least) p->least = count;
	p->plan->way = LOCATE_BY_ENTRY;
	p->plan->index = entry->index;
	buf_clear(&p->plan->value);
	return buf_append(&p->plan->value, entry->value);
}

static enum coffer_err add_count(struct planner *p, uint8_t index, const char *value, size_t *sum)
{
	size_t count;
	TRY(txn_count(p->ctx->txn, &(struct record_index_entry){ index, view_str(value) }, PROBE_MAX, &count));
	*sum += count;
	return ERR_OK;
}

/* The index entry of everything that is public, which all see. */
static enum coffer_err each_public(object_index_fn *fn, void *arg)
{
	struct view name = view_str(operation_policy_name(OPERATION_POLICY_PUBLIC));
	struct kmip_attr_value value = { .id = ATTR_OPERATION_POLICY_NAME, .has_value = true,
		.value = { .tag = TAG_OPERATION_POLICY_NAME, .type = TTLV_TEXT, .value = name } };
	return object_index_of_value(&value, fn, arg);
}

struct adding { struct planner *p; size_t sum; };

static enum coffer_err add_public(void *arg, const struct record_index_entry *entry)
{
	struct adding *a = arg;
	size_t count;
	TRY(txn_count(a->p->ctx->txn, entry, PROBE_MAX, &count));
	a->sum += count;
	return ERR_OK;
}

static enum coffer_err weigh_reach(struct planner *p, bool destroyed_too)
{
	struct op_ctx *ctx = p->ctx;
	struct locate_plan *plan = p->plan;
	struct adding a = { p, p->partial };
	size_t sum = 0;
	if (!txn_indexed(ctx->txn)) return ERR_OK;
	if (!policy_reach(ctx->grants, ctx->principal, LOCATE_SCOPES_MAX, plan->scopes, &plan->scope_count)) return ERR_OK;
	TRY(add_count(p, OBJECT_INDEX_OWNER, ctx->principal->text, &sum));
	if (destroyed_too) TRY(add_count(p, OBJECT_INDEX_FORMER_OWNER, ctx->principal->text, &sum));
	for (size_t i = 0; i < plan->scope_count; i++) TRY(add_count(p, OBJECT_INDEX_GROUP, plan->scopes[i], &sum));
	TRY(each_public(add_public, &a));
	sum += a.sum;
	/* Where both are long, what others have put into the store is not to count. */
	if (sum < p->least || p->least == PROBE_MAX) plan->way = LOCATE_BY_REACH;
	return ERR_OK;
}

static bool plan_by_id(const struct locate_criteria *criteria, struct locate_plan *plan)
{
	for (size_t i = 0; i < criteria->count; i++) {
		struct view text;
		if (criteria->values[i].id != ATTR_UNIQUE_IDENTIFIER) continue;
		plan->way = LOCATE_BY_ID;
		plan->no_such_id = ttlv_get_text(&criteria->values[i].value, &text) != ERR_OK || text_parse_uuid(text, plan->id) != ERR_OK;
		return true;
	}
	return false;
}

enum coffer_err locate_plan(struct op_ctx *ctx, const struct locate_criteria *criteria, bool destroyed_too, struct locate_plan *out)
{
	struct planner p = { .ctx = ctx, .plan = out, .least = PROBE_MAX };
	*out = (struct locate_plan){ .way = LOCATE_BY_TABLE, .value = BUF_EMPTY };
	if (plan_by_id(criteria, out)) return ERR_OK;
	if (txn_indexed(ctx->txn)) TRY(txn_count(ctx->txn, &partial, PROBE_MAX, &p.partial));
	for (size_t i = 0; i < criteria->count; i++) TRY(object_index_of_value(&criteria->values[i], weigh, &p));
	return weigh_reach(&p, destroyed_too);
}

void locate_plan_done(struct locate_plan *plan)
{
	buf_free(&plan->value);
}

static enum coffer_err visit_id(struct op_ctx *ctx, const struct locate_plan *plan, const struct locate_visitor *v)
{
	AUTO_OBJECT struct object *o = NULL;
	if (plan->no_such_id) return ERR_OK;
	enum coffer_err err = txn_object(ctx->txn, plan->id, &o);
	if (err == ERR_NOT_FOUND) return ERR_OK;
	TRY(err);
	return v->hit(v->arg, o);
}

static enum coffer_err visit_entry(struct op_ctx *ctx, const struct locate_plan *plan, const struct locate_visitor *v)
{
	TRY(txn_find_passing(ctx->txn, &(struct record_index_entry){ plan->index, buf_view(&plan->value) }, v->hit, v->arg, v->passed));
	return plan->index == OBJECT_INDEX_ATTRIBUTE ? txn_find_passing(ctx->txn, &partial, v->hit, v->arg, v->passed) : ERR_OK;
}

/* The objects of one Object Group, or the public ones, that were not visited before: as the principal's own, or in a group that came first. */
struct in_scope {
	const struct op_ctx *ctx;
	const struct locate_plan *plan;
	size_t scope;
	const struct locate_visitor *visitor;
};

static bool is_in_group(const struct object *o, const char *group)
{
	struct view have;
	for (size_t i = 0; names_group_at(&o->attrs, i, &have); i++)
		if (view_equal_str(have, group)) return true;
	return false;
}

static enum coffer_err visit_member(void *arg, struct object *o)
{
	const struct in_scope *s = arg;
	if (strcmp(o->owner, s->ctx->principal->text) == 0) return ERR_OK;
	for (size_t i = 0; i < s->scope; i++)
		if (is_in_group(o, s->plan->scopes[i])) return ERR_OK;
	return s->visitor->hit(s->visitor->arg, o);
}

static enum coffer_err visit_public(void *arg, const struct record_index_entry *entry)
{
	struct in_scope *s = arg;
	return txn_find_passing(s->ctx->txn, entry, visit_member, s, s->visitor->passed);
}

/* Those whose index has no room for the attribute come too, whatever they are: who may not see them is asked for every object. */
static enum coffer_err visit_for_all(struct op_ctx *ctx, const struct locate_plan *plan, const struct locate_visitor *v)
{
	struct in_scope s = { ctx, plan, plan->scope_count, v };
	TRY(each_public(visit_public, &s));
	return txn_find_passing(ctx->txn, &partial, visit_member, &s, v->passed);
}

static enum coffer_err visit_reach(struct op_ctx *ctx, const struct locate_plan *plan, bool destroyed_too, const struct locate_visitor *v)
{
	struct view own = view_str(ctx->principal->text);
	TRY(txn_find_passing(ctx->txn, &(struct record_index_entry){ OBJECT_INDEX_OWNER, own }, v->hit, v->arg, v->passed));
	if (destroyed_too) TRY(txn_find_passing(ctx->txn, &(struct record_index_entry){ OBJECT_INDEX_FORMER_OWNER, own }, v->hit, v->arg, v->passed));
	for (size_t i = 0; i < plan->scope_count; i++) {
		struct in_scope s = { ctx, plan, i, v };
		TRY(txn_find_passing(ctx->txn, &(struct record_index_entry){ OBJECT_INDEX_GROUP, view_str(plan->scopes[i]) }, visit_member, &s, v->passed));
	}
	return visit_for_all(ctx, plan, v);
}

enum coffer_err locate_visit(struct op_ctx *ctx, const struct locate_plan *plan, bool destroyed_too, const struct locate_visitor *visitor)
{
	switch (plan->way) {
	case LOCATE_BY_ID: return visit_id(ctx, plan, visitor);
	case LOCATE_BY_ENTRY: return visit_entry(ctx, plan, visitor);
	case LOCATE_BY_REACH: return visit_reach(ctx, plan, destroyed_too, visitor);
	case LOCATE_BY_TABLE: break;
	}
	return txn_scan_kept(ctx->txn, view_of(NULL, 0), SIZE_MAX, visitor->keep, visitor->opened, visitor->arg, visitor->passed);
}
