/* Matching of attributes. */
#include "ops/locate_match.h"

#include "base/text.h"
#include "kmip/tags.h"

static bool is_date(const struct kmip_attr_value *value)
{
	return value->value.type == TTLV_DATE_TIME;
}

static bool same_attribute(const struct kmip_attr_value *a, const struct kmip_attr_value *b)
{
	return a->id == b->id && view_equal(a->custom, b->custom);
}

static enum coffer_err check_sought(struct op_ctx *ctx, const struct locate_criteria *criteria, const struct kmip_attr_value *value)
{
	const struct kmip_attr_row *row = kmip_attr_row(value->id);
	size_t dates = 0;
	if (!value->has_value) return reason_fail(&ctx->reason, ERR_MISSING, "an attribute has no value to look for");
	if (kmip_attr_since(value->id, &value->value) > ctx->version_minor)
		return reason_fail(&ctx->reason, ERR_FIELD, "the attribute %s is not of this protocol version", row->name);
	if (criteria->count == LOCATE_CRITERIA_MAX)
		return reason_fail(&ctx->reason, ERR_LIMIT, "at most %u attributes can be looked for", LOCATE_CRITERIA_MAX);
	for (size_t i = 0; i < criteria->count && is_date(value); i++)
		dates += is_date(&criteria->values[i]) && same_attribute(&criteria->values[i], value);
	if (dates == 2) return reason_fail(&ctx->reason, ERR_FIELD, "a date is looked for once, or twice for a range");
	return ERR_OK;
}

enum coffer_err locate_read(struct op_ctx *ctx, struct ttlv_cursor *payload, struct locate_criteria *out)
{
	for (bool found = true;;) {
		struct kmip_attr_value value;
		enum coffer_err err = kmip_attr_next_sought(payload, &value, &found);
		if (err == ERR_FIELD) return reason_fail(&ctx->reason, err, "an attribute is unknown, or its value does not suit it");
		TRY(err);
		if (!found) return ERR_OK;
		TRY(check_sought(ctx, out, &value));
		out->values[out->count++] = value;
	}
}

bool locate_asks(const struct locate_criteria *criteria, enum kmip_attr id)
{
	for (size_t i = 0; i < criteria->count; i++)
		if (criteria->values[i].id == id) return true;
	return false;
}

static bool same_item(const struct ttlv_item *a, const struct ttlv_item *b)
{
	return a->type == b->type && view_equal(a->value, b->value);
}

static bool is_at_least(const struct ttlv_item *asked, const struct ttlv_item *there)
{
	int64_t want, have;
	return ttlv_get_i64(asked, &want) == ERR_OK && ttlv_get_i64(there, &have) == ERR_OK && have >= want;
}

static bool field_matches(const struct ttlv_item *asked, const struct ttlv_item *there)
{
	if (asked->tag != there->tag) return false;
	if (asked->tag == TAG_USAGE_LIMITS_TOTAL || asked->tag == TAG_USAGE_LIMITS_COUNT) return is_at_least(asked, there);
	return same_item(asked, there);
}

/* Every field that is asked for stands in the structure that is there. */
static bool fields_match(const struct ttlv_item *asked, const struct ttlv_item *there)
{
	struct ttlv_cursor a = ttlv_cursor_of(asked->value);
	struct ttlv_item want, have;
	if (there->type != TTLV_STRUCTURE) return false;
	while (ttlv_next(&a, &want)) {
		struct ttlv_cursor t = ttlv_cursor_of(there->value);
		bool found = false;
		while (!found && ttlv_next(&t, &have)) found = field_matches(&want, &have);
		if (!found) return false;
	}
	return true;
}

static bool has_bits(uint32_t have, uint32_t want)
{
	return (have & want) == want;
}

static bool mask_matches(const struct ttlv_item *asked, const struct ttlv_item *there)
{
	int32_t want, have;
	return ttlv_get_i32(asked, &want) == ERR_OK && ttlv_get_i32(there, &have) == ERR_OK && has_bits((uint32_t)have, (uint32_t)want);
}

static bool id_matches(const struct ttlv_item *asked, const struct ttlv_item *there)
{
	uint8_t want[UUID_LEN], have[UUID_LEN];
	return text_parse_uuid(asked->value, want) == ERR_OK && text_parse_uuid(there->value, have) == ERR_OK &&
		view_equal(view_of(want, UUID_LEN), view_of(have, UUID_LEN));
}

/* One date is that date; two of the same attribute are a range with its ends. */
static bool date_matches(const struct locate_criteria *criteria, size_t at, int64_t have)
{
	int64_t low, high, other;
	if (ttlv_get_time(&criteria->values[at].value, &low) != ERR_OK) return false;
	high = low;
	for (size_t i = 0; i < criteria->count; i++) {
		if (i == at || !same_attribute(&criteria->values[i], &criteria->values[at])) continue;
		if (ttlv_get_time(&criteria->values[i].value, &other) != ERR_OK) return false;
		if (other < low) low = other;
		if (other > high) high = other;
	}
	return have >= low && have <= high;
}

static bool value_matches(const struct locate_criteria *criteria, size_t at, const struct ttlv_item *there)
{
	const struct kmip_attr_value *asked = &criteria->values[at];
	int64_t have;
	if (asked->id == ATTR_UNIQUE_IDENTIFIER) return id_matches(&asked->value, there);
	if (asked->id == ATTR_CRYPTOGRAPHIC_USAGE_MASK) return mask_matches(&asked->value, there);
	if (is_date(asked)) return ttlv_get_time(there, &have) == ERR_OK && date_matches(criteria, at, have);
	if (asked->value.type == TTLV_STRUCTURE) return fields_match(&asked->value, there);
	return same_item(&asked->value, there);
}

struct match {
	const struct locate_criteria *criteria;
	bool met[LOCATE_CRITERIA_MAX], there[LOCATE_CRITERIA_MAX];
};

static enum coffer_err meet(void *arg, const struct kmip_attr_value *value)
{
	struct match *m = arg;
	for (size_t i = 0; i < m->criteria->count; i++) {
		if (m->met[i] || !same_attribute(&m->criteria->values[i], value)) continue;
		m->there[i] = true;
		m->met[i] = value_matches(m->criteria, i, &value->value);
	}
	return ERR_OK;
}

/* "If a Date attribute is set to its largest possible value, then it is equivalent to an undefined attribute." */
static bool absence_matches(const struct locate_criteria *criteria, size_t at)
{
	const struct kmip_attr_value *asked = &criteria->values[at];
	return asked->id != ATTR_CUSTOM_ATTRIBUTE && is_date(asked) && date_matches(criteria, at, INT64_MAX);
}

enum coffer_err locate_match(const struct locate_criteria *criteria, const struct kmip_seen *seen, bool *out)
{
	struct match m = { .criteria = criteria };
	TRY(kmip_attributes_each(seen, meet, &m));
	bool all = true;
	for (size_t i = 0; i < criteria->count; i++) all = all && (m.met[i] || (!m.there[i] && absence_matches(criteria, i)));
	*out = all;
	return ERR_OK;
}

/* A date may have moved the state that is stored (objects/dates.h). */
static bool may_be_in(enum object_state stored, uint32_t asked)
{
	if (stored == (enum object_state)asked) return true;
	if (stored == OBJECT_PRE_ACTIVE) return asked == OBJECT_ACTIVE || asked == OBJECT_DEACTIVATED;
	return stored == OBJECT_ACTIVE && asked == OBJECT_DEACTIVATED;
}

static bool may_meet(const struct kmip_attr_value *asked, const struct object_head *head)
{
	uint32_t number;
	int32_t i32;
	if (asked->value.type == TTLV_INTEGER) {
		if (ttlv_get_i32(&asked->value, &i32) != ERR_OK) return false;
		number = (uint32_t)i32;
	} else if (ttlv_get_enum(&asked->value, &number) != ERR_OK) {
		return true;
	}
	switch (asked->id) {
	case ATTR_OBJECT_TYPE: return head->type == number;
	case ATTR_CRYPTOGRAPHIC_ALGORITHM: return head->algorithm == number;
	case ATTR_CRYPTOGRAPHIC_LENGTH: return head->length_bits == number;
	case ATTR_CRYPTOGRAPHIC_USAGE_MASK: return has_bits(head->usage_mask, number);
	case ATTR_STATE: return may_be_in(head->state, number);
	default: return true;
	}
}

bool locate_may_match(const struct locate_criteria *criteria, const struct object_head *head)
{
	for (size_t i = 0; i < criteria->count; i++)
		if (!may_meet(&criteria->values[i], head)) return false;
	return true;
}
