/* Matching of attributes. */
#include "ops/locate_match.h"

#include "kmip/values.h"

enum coffer_err locate_read(struct op_ctx *ctx, struct ttlv_cursor *payload, struct locate_criteria *out)
{
	for (bool found = true;;) {
		struct kmip_attr_value value;
		enum coffer_err err = kmip_attr_next(payload, &value, &found);
		if (err == ERR_FIELD) return reason_fail(&ctx->reason, err, "an attribute is unknown, or its value does not suit it");
		TRY(err);
		if (!found) return ERR_OK;
		if (!value.has_value) return reason_fail(&ctx->reason, ERR_MISSING, "an attribute has no value to look for");
		if (out->count == LOCATE_CRITERIA_MAX)
			return reason_fail(&ctx->reason, ERR_LIMIT, "at most %u attributes can be looked for", LOCATE_CRITERIA_MAX);
		out->values[out->count++] = value;
	}
}

bool locate_asks(const struct locate_criteria *criteria, enum kmip_attr id)
{
	for (size_t i = 0; i < criteria->count; i++)
		if (criteria->values[i].id == id) return true;
	return false;
}

bool locate_name(const struct locate_criteria *criteria, struct view *out)
{
	for (size_t i = 0; i < criteria->count; i++) {
		struct kmip_name name;
		if (criteria->values[i].id != ATTR_NAME || kmip_name_parse(&criteria->values[i].value, &name) != ERR_OK) continue;
		*out = name.value;
		return true;
	}
	return false;
}

static bool same_item(const struct ttlv_item *a, const struct ttlv_item *b)
{
	return a->type == b->type && view_equal(a->value, b->value);
}

/* Every field that is asked for stands in the structure that is there. */
static bool fields_match(const struct ttlv_item *asked, const struct ttlv_item *there)
{
	struct ttlv_cursor a = ttlv_cursor_of(asked->value);
	struct ttlv_item want, have;
	while (ttlv_next(&a, &want)) {
		struct ttlv_cursor t = ttlv_cursor_of(there->value);
		bool found = false;
		while (!found && ttlv_next(&t, &have)) found = have.tag == want.tag && same_item(&want, &have);
		if (!found) return false;
	}
	return true;
}

static bool mask_matches(const struct ttlv_item *asked, const struct ttlv_item *there)
{
	int32_t want, have;
	if (ttlv_get_i32(asked, &want) != ERR_OK || ttlv_get_i32(there, &have) != ERR_OK) return false;
	return ((uint32_t)have & (uint32_t)want) == (uint32_t)want;
}

/* One date is that date; two of the same attribute are a range. */
static bool date_matches(const struct locate_criteria *criteria, size_t at, const struct ttlv_item *there)
{
	int64_t low, high, other, have;
	if (ttlv_get_time(&criteria->values[at].value, &low) != ERR_OK || ttlv_get_time(there, &have) != ERR_OK) return false;
	high = low;
	for (size_t i = 0; i < criteria->count; i++) {
		if (i == at || criteria->values[i].id != criteria->values[at].id) continue;
		if (ttlv_get_time(&criteria->values[i].value, &other) != ERR_OK) return false;
		if (other < low) low = other;
		if (other > high) high = other;
	}
	return have >= low && have <= high;
}

static bool value_matches(const struct locate_criteria *criteria, size_t at, const struct kmip_attr_value *there)
{
	const struct kmip_attr_value *asked = &criteria->values[at];
	if (asked->id != there->id || !view_equal(asked->custom, there->custom)) return false;
	if (asked->id == ATTR_CRYPTOGRAPHIC_USAGE_MASK) return mask_matches(&asked->value, &there->value);
	if (asked->value.type == TTLV_DATE_TIME) return date_matches(criteria, at, &there->value);
	if (asked->value.type == TTLV_STRUCTURE) return fields_match(&asked->value, &there->value);
	return same_item(&asked->value, &there->value);
}

struct match {
	const struct locate_criteria *criteria;
	bool met[LOCATE_CRITERIA_MAX];
};

static enum coffer_err meet(void *arg, const struct kmip_attr_value *value)
{
	struct match *m = arg;
	for (size_t i = 0; i < m->criteria->count; i++)
		if (!m->met[i]) m->met[i] = value_matches(m->criteria, i, value);
	return ERR_OK;
}

enum coffer_err locate_match(const struct locate_criteria *criteria, const struct kmip_seen *seen, bool *out)
{
	struct match m = { .criteria = criteria };
	TRY(kmip_attributes_each(seen, meet, &m));
	bool all = true;
	for (size_t i = 0; i < criteria->count; i++) all = all && m.met[i];
	*out = all;
	return ERR_OK;
}
