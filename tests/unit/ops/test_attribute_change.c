/* Add, Modify and Delete Attribute: indices, Result Reasons, and the conditions of single attributes. */
#include <string.h>

#include "kmip/values.h"
#include "unit/ops/attrs.h"

#define DENIED RESULT_REASON_PERMISSION_DENIED
#define ILLEGAL RESULT_REASON_ILLEGAL_OPERATION
#define FIELD RESULT_REASON_INVALID_FIELD
#define LOST RESULT_REASON_ITEM_NOT_FOUND

static void key(struct fix *f, const char *name, bool pre_active, char id[static UUID_TEXT_LEN + 1])
{
	fix_create(f, ADMIN, &(struct key_wish){ .name = name, .pre_active = pre_active }, id);
}

/* The answer's attribute: its index, and whether its value is this text. */
static int32_t told(const struct answer *answer, const char *name, const char *text)
{
	struct ttlv_cursor c = answer_payload(answer, 0);
	struct ttlv_item item;
	struct kmip_attr_value value;
	struct view v;
	bool found;
	assert_int_equal(ttlv_take(&c, TAG_UNIQUE_IDENTIFIER, &item), ERR_OK);
	assert_int_equal(kmip_attr_next(&c, &value, &found), ERR_OK);
	assert_true(found && value.has_value && value.has_index == (value.index > 0));
	assert_true(view_equal_str(value.custom.len ? value.custom : view_str(kmip_attr_row(value.id)->name), name));
	assert_int_equal(ttlv_get_text(&value.value, &v), ERR_OK);
	assert_true(view_equal_str(v, text));
	assert_int_equal(ttlv_done(&c), ERR_OK);
	return (int32_t)value.index;
}

static int32_t change_custom(struct fix *f, uint32_t operation, const char *id, const char *index, const char *text)
{
	struct answer answer;
	struct given g;
	given_text(&g, text);
	change_send(f, ADMIN, &(struct change){ .operation = operation, .id = id, .name = "x-note", .index = index,
		.value = operation == OPERATION_DELETE_ATTRIBUTE ? NULL : &g }, &answer);
	int32_t got = told(&answer, "x-note", text);
	answer_free(&answer);
	return got;
}

static void indices_are_the_servers_and_never_move(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	struct given g;
	key(f, "k", false, id);
	assert_int_equal(change_custom(f, OPERATION_ADD_ATTRIBUTE, id, NULL, "a"), 0);
	assert_int_equal(change_custom(f, OPERATION_ADD_ATTRIBUTE, id, NULL, "b"), 1);
	assert_int_equal(change_custom(f, OPERATION_ADD_ATTRIBUTE, id, NULL, "c"), 2);
	assert_int_equal(change_custom(f, OPERATION_DELETE_ATTRIBUTE, id, "1", "b"), 1);
	assert_int_equal(attr_delete(f, id, "x-note", "1"), LOST);
	assert_int_equal(change_custom(f, OPERATION_ADD_ATTRIBUTE, id, NULL, "d"), 3);
	assert_int_equal(change_custom(f, OPERATION_DELETE_ATTRIBUTE, id, NULL, "a"), 0);
	assert_int_equal(change_custom(f, OPERATION_MODIFY_ATTRIBUTE, id, "3", "e"), 3);
	assert_int_equal(attrs_of(f, id, "x-note"), 2);
	assert_int_equal(attrs_listed(f, 0, id, "x-note"), 1);
	object_table_clear(f->engine.objects); /* the record says the same */
	assert_int_equal(attrs_of(f, id, "x-note"), 2);
	assert_int_equal(change_custom(f, OPERATION_DELETE_ATTRIBUTE, id, "2", "c"), 2);
	assert_int_equal(change_custom(f, OPERATION_DELETE_ATTRIBUTE, id, "3", "e"), 3);
	assert_int_equal(attrs_listed(f, 0, id, "x-note"), 0);
	given_text(&g, "one");
	assert_int_equal(attr_add(f, id, "Object Group", &g), 0);
	given_text(&g, "two");
	assert_int_equal(attr_add(f, id, "Object Group", &g), 0);
	assert_int_equal(attrs_listed(f, 0, id, "Object Group"), 1);
	assert_int_equal(attr_delete(f, id, "Object Group", "0"), 0);
	assert_int_equal(attrs_listed(f, 0, id, "Object Group"), 1);
	given_text(&g, "new");
	assert_int_equal(attr_modify(f, id, "x-note", &g), FIELD);
	assert_int_equal(change_custom(f, OPERATION_ADD_ATTRIBUTE, id, NULL, "z"), 0);
}

static void section_11_says_why_a_change_is_refused(void **state)
{
	enum { ADD = OPERATION_ADD_ATTRIBUTE, MODIFY = OPERATION_MODIFY_ATTRIBUTE, DELETE = OPERATION_DELETE_ATTRIBUTE };
	struct fix *f = *state;
	struct given text, taken, free_name, date;
	given_text(&text, "a");
	given_name(&taken, "other");
	given_name(&free_name, "free");
	given_time(&date, NOW_S);
	const struct { uint32_t operation; const char *name, *index; const struct given *value; uint32_t reason; } rows[] = {
		{ ADD, "Object Group", "1", &text, FIELD }, { ADD, "Object Group", NULL, NULL, RESULT_REASON_MISSING_DATA },
		{ ADD, "Object Group", NULL, &date, FIELD }, { ADD, "Contact Information", NULL, &text, 0 },
		{ ADD, "Contact Information", NULL, &text, ILLEGAL }, { ADD, "Unique Identifier", NULL, &text, DENIED },
		{ ADD, "Initial Date", NULL, &date, DENIED }, { ADD, "Name", NULL, &taken, ILLEGAL }, { ADD, "Name", NULL, &free_name, 0 },
		{ ADD, "Name", NULL, &free_name, ILLEGAL }, { ADD, "Colour", NULL, &text, DENIED }, { ADD, "y-note", NULL, &text, DENIED },
		{ ADD, "x-", NULL, &text, DENIED }, { ADD, "Certificate Type", NULL, NULL, RESULT_REASON_MISSING_DATA },
		{ ADD, NULL, NULL, &text, RESULT_REASON_MISSING_DATA },
		{ MODIFY, "Description", NULL, &text, FIELD }, { MODIFY, "Contact Information", NULL, &text, 0 },
		{ MODIFY, "Contact Information", "1", &text, LOST }, { MODIFY, "Contact Information", "-1", &text, FIELD },
		{ MODIFY, "Unique Identifier", NULL, &text, DENIED }, { MODIFY, "Initial Date", NULL, &date, DENIED },
		{ MODIFY, "Name", NULL, &taken, ILLEGAL }, { MODIFY, "Name", NULL, &free_name, ILLEGAL }, { MODIFY, "Name", "1", &free_name, 0 },
		{ MODIFY, "Name", "2", &free_name, LOST }, { MODIFY, "Colour", NULL, &text, FIELD }, { MODIFY, "y-note", NULL, &text, DENIED },
		{ MODIFY, "x-note", NULL, &text, FIELD },
		{ DELETE, "Description", NULL, NULL, LOST }, { DELETE, "Contact Information", "1", NULL, LOST },
		{ DELETE, "Contact Information", NULL, NULL, 0 }, { DELETE, "Contact Information", NULL, NULL, LOST },
		{ DELETE, "Unique Identifier", NULL, NULL, DENIED }, { DELETE, "Sensitive", NULL, NULL, DENIED },
		{ DELETE, "Activation Date", NULL, NULL, DENIED }, { DELETE, "Colour", NULL, NULL, LOST }, { DELETE, "y-note", NULL, NULL, DENIED },
		{ DELETE, "Name", "-1", NULL, FIELD }, { DELETE, "Name", "0", NULL, 0 }, { DELETE, NULL, NULL, NULL, RESULT_REASON_MISSING_DATA },
	};
	char id[UUID_TEXT_LEN + 1], other[UUID_TEXT_LEN + 1];
	key(f, "k", false, id);
	key(f, "other", false, other);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		uint64_t audited = fix_audit_rows(f);
		uint32_t reason = change_reason(f, ADMIN, &(struct change){ .operation = rows[i].operation, .id = id, .name = rows[i].name,
			.index = rows[i].index, .value = rows[i].value });
		if (reason != rows[i].reason) fail_msg("row %zu (%s): %u", i, rows[i].name ? rows[i].name : "-", (unsigned)reason);
		assert_int_equal(fix_audit_rows(f), audited + 1);
	}
	assert_int_equal(attr_add(f, "00000000-0000-4000-8000-000000000000", "x-note", &text), LOST);
}

static void only_who_may_manage_the_object_changes_it(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	struct given g;
	given_text(&g, "a");
	fix_create(f, ADMIN, &(struct key_wish){ .name = "k", .group = "pay" }, id);
	struct change change = { .operation = OPERATION_ADD_ATTRIBUTE, .id = id, .name = "x-note", .value = &g };
	assert_int_equal(change_reason(f, OTHER, &change), DENIED);
	assert_int_equal(change_reason(f, STRANGER, &change), LOST);
	assert_int_equal(attrs_of(f, id, "x-note"), 0);
}

static void a_manager_of_groups_moves_objects_between_these_alone(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	struct given pay, hr, note;
	given_text(&pay, "pay");
	given_text(&hr, "hr");
	given_text(&note, "a");
	fix_give(f, STRANGER, ROLE_KEY_MANAGER, "pay");
	fix_create(f, ADMIN, &(struct key_wish){ .name = "k", .group = "pay" }, id);
	struct change change = { .operation = OPERATION_ADD_ATTRIBUTE, .id = id, .name = "Object Group", .value = &hr };
	assert_int_equal(change_reason(f, STRANGER, &change), DENIED);
	change.operation = OPERATION_MODIFY_ATTRIBUTE;
	assert_int_equal(change_reason(f, STRANGER, &change), DENIED);
	change = (struct change){ .operation = OPERATION_DELETE_ATTRIBUTE, .id = id, .name = "Object Group" };
	assert_int_equal(change_reason(f, STRANGER, &change), DENIED);
	change = (struct change){ .operation = OPERATION_ADD_ATTRIBUTE, .id = id, .name = "Comment", .value = &note };
	assert_int_equal(change_reason(f, STRANGER, &change), 0);
	assert_int_equal(attr_add(f, id, "Object Group", &hr), 0);
	assert_int_equal(attr_add(f, id, "Object Group", &pay), ILLEGAL);
}

static void names_are_free_again_and_found_at_once(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1], other[UUID_TEXT_LEN + 1];
	struct given first, second;
	given_name(&first, "first");
	given_name(&second, "second");
	key(f, "first", false, id);
	key(f, NULL, false, other);
	assert_int_equal(attr_modify(f, id, "Name", &second), 0);
	assert_int_equal(attr_modify(f, id, "Name", &second), 0); /* its own value is no other's */
	assert_int_equal(attr_add(f, other, "Name", &first), 0);
	assert_int_equal(attr_add(f, other, "Name", &second), ILLEGAL);
	assert_int_equal(attr_delete(f, id, "Name", NULL), 0);
	assert_int_equal(attr_add(f, other, "Name", &second), 0);
	assert_null(object_table_get_by_name(f->engine.objects, view_str("gone")));
	struct object *o = object_table_get_by_name(f->engine.objects, view_str("second"));
	assert_non_null(o);
	assert_true(object_has_name(o, view_str("first")));
	object_unref(o);
}

static enum object_state stored_state(struct fix *f, const char *id)
{
	uint8_t bytes[UUID_LEN];
	assert_int_equal(text_parse_uuid(view_str(id), bytes), ERR_OK);
	struct object *o = object_table_get(f->engine.objects, bytes);
	assert_non_null(o);
	enum object_state state = o->state;
	object_unref(o);
	return state;
}

static void a_date_that_has_passed_changes_the_state(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	struct given past, now, future, far;
	given_time(&past, NOW_S - 10);
	given_time(&now, NOW_S);
	given_time(&future, NOW_S + 10);
	given_time(&far, NOW_S + 20);
	key(f, "k", true, id);
	assert_int_equal(attr_add(f, id, "Activation Date", &future), 0);
	assert_int_equal(fix_state(f, ADMIN, id), OBJECT_PRE_ACTIVE);
	assert_int_equal(attr_add(f, id, "Deactivation Date", &now), FIELD); /* before the Activation Date */
	assert_int_equal(attr_modify(f, id, "Activation Date", &past), 0);
	assert_int_equal(stored_state(f, id), OBJECT_ACTIVE);
	assert_int_equal(fix_state(f, ADMIN, id), OBJECT_ACTIVE);
	assert_int_equal(attr_modify(f, id, "Activation Date", &past), DENIED);
	assert_int_equal(attr_add(f, id, "Deactivation Date", &far), 0);
	assert_int_equal(attr_add(f, id, "Protect Stop Date", &now), 0);
	assert_int_equal(attr_modify(f, id, "Protect Stop Date", &future), DENIED); /* it has come */
	assert_int_equal(attr_add(f, id, "Process Start Date", &future), 0);
	assert_int_equal(attr_modify(f, id, "Process Start Date", &past), 0);
	assert_int_equal(attr_modify(f, id, "Deactivation Date", &past), FIELD); /* before the Protect Stop Date */
	assert_int_equal(attr_modify(f, id, "Deactivation Date", &now), 0);
	assert_int_equal(fix_state(f, ADMIN, id), OBJECT_DEACTIVATED);
	assert_int_equal(attr_modify(f, id, "Deactivation Date", &far), DENIED);
	assert_int_equal(attr_delete(f, id, "Deactivation Date", NULL), DENIED);
	assert_int_equal(fix_simple(f, ADMIN, OPERATION_DESTROY, id), ERR_OK);
}

static void a_date_that_came_meanwhile_counts(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1], pre[UUID_TEXT_LEN + 1];
	struct given soon, later;
	given_time(&soon, NOW_S + 10);
	given_time(&later, NOW_S + 100);
	key(f, "k", true, id);
	assert_int_equal(attr_add(f, id, "Activation Date", &soon), 0);
	f->now_s += 10;
	assert_int_equal(attr_modify(f, id, "Activation Date", &later), DENIED);
	assert_int_equal(fix_state(f, ADMIN, id), OBJECT_ACTIVE);
	key(f, "pre", true, pre);
	assert_int_equal(fix_revoke(f, ADMIN, pre, REVOCATION_REASON_CODE_KEY_COMPROMISE), ERR_OK);
	assert_int_equal(attr_add(f, pre, "Activation Date", &later), DENIED);
	assert_int_equal(attr_add(f, pre, "Process Start Date", &later), DENIED);
}

static void every_change_moves_the_last_change_date(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	struct given g;
	key(f, "k", false, id);
	given_text(&g, "a");
	f->now_s += 5;
	assert_int_equal(attr_add(f, id, "Comment", &g), 0);
	assert_int_equal(attrs_time(f, id, "Last Change Date"), NOW_S + 5);
	f->now_s += 5;
	assert_int_equal(attr_add(f, id, "Comment", &g), ILLEGAL);
	assert_int_equal(attrs_time(f, id, "Last Change Date"), NOW_S + 5);
	assert_int_equal(attr_modify(f, id, "Comment", &g), 0);
	assert_int_equal(attrs_time(f, id, "Last Change Date"), NOW_S + 10);
	f->now_s += 5;
	assert_int_equal(attr_delete(f, id, "Comment", NULL), 0);
	assert_int_equal(attrs_time(f, id, "Last Change Date"), NOW_S + 15);
	assert_int_equal(attrs_time(f, id, "Initial Date"), NOW_S);
}

static void put_limits(struct given *g, bool with_total, int64_t total, bool with_count, uint32_t unit)
{
	kmip_usage_limits_put(given_new(g), TAG_ATTRIBUTE_VALUE, &(struct kmip_usage_limits){ with_total, total, with_count, total, unit != 0, unit });
}

static struct kmip_usage_limits limits_of(struct fix *f, const char *id)
{
	struct answer answer;
	struct kmip_attr_value value;
	struct kmip_usage_limits limits;
	attrs_get(f, 0, id, "Usage Limits", &answer);
	assert_int_equal(attrs_count(&answer, "Usage Limits", &value), 1);
	assert_int_equal(kmip_usage_limits_parse(&value.value, &limits), ERR_OK);
	answer_free(&answer);
	return limits;
}

static void limits_half_used(struct object *o)
{
	struct given g;
	kmip_usage_limits_put(given_new(&g), TAG_USAGE_LIMITS, &(struct kmip_usage_limits){ true, 8, true, 4, true, USAGE_LIMITS_UNIT_BYTE });
	assert_int_equal(attrset_set(&o->attrs, ATTR_USAGE_LIMITS, writer_view(&g.w)), ERR_OK);
}

static void usage_limits_change_until_they_are_drawn_on(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1], used[UUID_TEXT_LEN + 1];
	struct given whole, counted, total, unit, negative;
	put_limits(&whole, true, 1000, false, USAGE_LIMITS_UNIT_BYTE);
	put_limits(&counted, true, 1000, true, USAGE_LIMITS_UNIT_BYTE);
	put_limits(&total, true, 500, false, 0);
	put_limits(&unit, false, 0, false, USAGE_LIMITS_UNIT_OBJECT);
	put_limits(&negative, true, -1, false, USAGE_LIMITS_UNIT_BYTE);
	key(f, "k", false, id);
	assert_int_equal(attr_add(f, id, "Usage Limits", &counted), DENIED);
	assert_int_equal(attr_add(f, id, "Usage Limits", &total), RESULT_REASON_MISSING_DATA);
	assert_int_equal(attr_add(f, id, "Usage Limits", &unit), RESULT_REASON_MISSING_DATA);
	assert_int_equal(attr_add(f, id, "Usage Limits", &negative), FIELD);
	assert_int_equal(attr_add(f, id, "Usage Limits", &whole), 0);
	assert_int_equal(limits_of(f, id).count, 1000);
	assert_int_equal(attr_modify(f, id, "Usage Limits", &unit), 0);
	assert_int_equal(attr_modify(f, id, "Usage Limits", &total), 0);
	assert_int_equal(attr_modify(f, id, "Usage Limits", &counted), DENIED);
	struct kmip_usage_limits now = limits_of(f, id);
	assert_true(now.total == 500 && now.count == 500 && now.unit == USAGE_LIMITS_UNIT_OBJECT);
	assert_int_equal(attr_delete(f, id, "Usage Limits", NULL), 0);
	attrs_object(f, OBJECT_TYPE_SYMMETRIC_KEY, limits_half_used, used);
	assert_int_equal(attr_modify(f, used, "Usage Limits", &whole), DENIED);
	assert_int_equal(attr_delete(f, used, "Usage Limits", NULL), DENIED);
	assert_int_equal(limits_of(f, used).count, 4);
}

static void links_suit_the_object_and_versions_are_the_servers(void **state)
{
	static const struct { uint32_t type, reason; } rows[] = {
		{ LINK_TYPE_NEXT_LINK, 0 }, { LINK_TYPE_NEXT_LINK, ILLEGAL }, { LINK_TYPE_PARENT_LINK, 0 }, { LINK_TYPE_DERIVATION_BASE_OBJECT_LINK, 0 },
		{ LINK_TYPE_DERIVED_KEY_LINK, 0 }, { LINK_TYPE_PRIVATE_KEY_LINK, FIELD }, { LINK_TYPE_CERTIFICATE_LINK, FIELD },
		{ LINK_TYPE_REPLACEMENT_OBJECT_LINK, FIELD }, { LINK_TYPE_REPLACED_OBJECT_LINK, FIELD }, { LINK_TYPE_WRAPPING_KEY_LINK, FIELD },
	};
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	struct given g;
	key(f, "k", false, id);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		given_link(&g, rows[i].type, "an id of another server");
		assert_int_equal(attr_add(f, id, "Link", &g), rows[i].reason);
	}
	assert_int_equal(fix_simple(f, ADMIN, OPERATION_RE_KEY, id), ERR_OK);
	given_link(&g, LINK_TYPE_CHILD_LINK, "x");
	assert_int_equal(change_reason(f, ADMIN, &(struct change){ .operation = OPERATION_MODIFY_ATTRIBUTE, .id = id, .name = "Link", .index = "4",
		.value = &g }), DENIED);
	assert_int_equal(attr_delete(f, id, "Link", "4"), DENIED);
	assert_int_equal(attr_delete(f, id, "Link", "3"), 0);
	assert_int_equal(attrs_of(f, id, "Link"), 4);
}

static void what_was_kept_back_stays_back(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	struct given yes, no;
	given_bool(&yes, true);
	given_bool(&no, false);
	key(f, "k", false, id);
	assert_int_equal(attr_modify(f, id, "Sensitive", &yes), 0);
	assert_int_equal(attr_modify(f, id, "Sensitive", &yes), 0);
	assert_int_equal(attr_modify(f, id, "Sensitive", &no), DENIED);
	assert_int_equal(attr_modify(f, id, "Extractable", &no), 0);
	assert_int_equal(attr_modify(f, id, "Extractable", &yes), DENIED);
	assert_true(attrs_bool(f, id, "Sensitive") && !attrs_bool(f, id, "Always Sensitive"));
	assert_false(attrs_bool(f, id, "Extractable") || attrs_bool(f, id, "Never Extractable"));
	assert_int_equal(attr_modify(f, id, "Always Sensitive", &yes), DENIED);
	assert_int_equal(attr_delete(f, id, "Extractable", NULL), DENIED);
	assert_int_equal(attr_add(f, id, "Sensitive", &yes), ILLEGAL);
	attrs_object(f, OBJECT_TYPE_SECRET_DATA, NULL, id); /* what has none was open until now */
	assert_int_equal(attr_add(f, id, "Sensitive", &yes), 0);
	assert_int_equal(attr_add(f, id, "Extractable", &no), 0);
	assert_false(attrs_bool(f, id, "Always Sensitive") || attrs_bool(f, id, "Never Extractable"));
}

static void lacks_its_value(struct object *o)
{
	assert_int_equal(attrset_set_bool(&o->attrs, ATTR_KEY_VALUE_PRESENT, false), ERR_OK);
}

static void rules_of_single_attributes(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1], elsewhere[UUID_TEXT_LEN + 1];
	struct given g;
	key(f, "k", false, id);
	kmip_application_put(given_new(&g), TAG_ATTRIBUTE_VALUE, &(struct kmip_application){ .name_space = view_str("ssl") });
	assert_int_equal(attr_add(f, id, "Application Specific Information", &g), RESULT_REASON_APPLICATION_NAMESPACE_NOT_SUPPORTED);
	kmip_application_put(given_new(&g), TAG_ATTRIBUTE_VALUE, &(struct kmip_application){ view_str("ssl"), true, view_str("www") });
	assert_int_equal(attr_add(f, id, "Application Specific Information", &g), 0);
	given_text(&g, "mine");
	assert_int_equal(attr_add(f, id, "Operation Policy Name", &g), FIELD);
	given_text(&g, "default");
	assert_int_equal(attr_add(f, id, "Operation Policy Name", &g), 0);
	assert_int_equal(attr_modify(f, id, "Operation Policy Name", &g), DENIED);
	kmip_params_put(given_new(&g), TAG_ATTRIBUTE_VALUE, &(struct kmip_params){ .has_iv_length = true, .iv_length = -8 });
	assert_int_equal(attr_add(f, id, "Cryptographic Parameters", &g), FIELD);
	kmip_params_put(given_new(&g), TAG_ATTRIBUTE_VALUE, &(struct kmip_params){ .has_iv_length = true, .iv_length = 96 });
	assert_int_equal(change_reason(f, ADMIN, &(struct change){ .operation = OPERATION_ADD_ATTRIBUTE, .version = 1, .id = id,
		.name = "Cryptographic Parameters", .value = &g }), FIELD); /* a field of 1.2 */
	assert_int_equal(attr_add(f, id, "Cryptographic Parameters", &g), 0);
	kmip_key_value_location_put(given_new(&g), TAG_ATTRIBUTE_VALUE, &(struct kmip_key_value_location){ view_str("hsm:1"), 2 });
	assert_int_equal(attr_add(f, id, "Key Value Location", &g), DENIED);
	attrs_object(f, OBJECT_TYPE_SYMMETRIC_KEY, lacks_its_value, elsewhere);
	assert_int_equal(attr_add(f, elsewhere, "Key Value Location", &g), 0);
	given_time(&g, 12);
	assert_int_equal(attr_add(f, id, "Original Creation Date", &g), ILLEGAL); /* the server made it */
	assert_int_equal(attr_add(f, elsewhere, "Original Creation Date", &g), 0);
	assert_int_equal(attr_modify(f, elsewhere, "Original Creation Date", &g), DENIED);
	assert_int_equal(attr_delete(f, elsewhere, "Original Creation Date", NULL), DENIED);
}

static void an_object_holds_so_many_values_and_no_more(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1], text[24];
	struct given g;
	uint32_t reason = 0;
	unsigned i;
	key(f, "k", false, id);
	for (i = 0; i <= ATTRSET_MAX && reason == 0; i++) {
		snprintf(text, sizeof text, "%u", i);
		given_text(&g, text);
		reason = attr_add(f, id, "x-n", &g);
	}
	assert_int_equal(reason, RESULT_REASON_INDEX_OUT_OF_BOUNDS);
	assert_true(attrs_of(f, id, "x-n") == i - 1 && i > 400);
	for (reason = 0, i = 0; i <= 256 && reason == 0; i++) {
		snprintf(text, sizeof text, "group %u", i);
		given_text(&g, text);
		assert_int_equal(attr_delete(f, id, "x-n", text + 6), 0);
		reason = attr_add(f, id, "Object Group", &g);
	}
	assert_int_equal(reason, RESULT_REASON_INDEX_OUT_OF_BOUNDS); /* of the names and groups that are looked up */
}

static void archive(struct object *o)
{
	o->archived = true;
}

static void an_archived_object_is_recovered_first(void **state)
{
	enum { GONE = RESULT_REASON_OBJECT_ARCHIVED };
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	struct given g;
	given_text(&g, "a");
	attrs_object(f, OBJECT_TYPE_SECRET_DATA, archive, id);
	assert_int_equal(attr_add(f, id, "Comment", &g), GONE);
	assert_int_equal(attr_modify(f, id, "Comment", &g), GONE);
	assert_int_equal(attr_delete(f, id, "Comment", NULL), GONE);
	assert_int_equal(fix_simple(f, ADMIN, OPERATION_GET_ATTRIBUTES, id), ERR_ARCHIVED);
	assert_int_equal(fix_simple(f, ADMIN, OPERATION_GET_ATTRIBUTE_LIST, id), ERR_ARCHIVED);
}

static void custom_values_may_have_every_type(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	struct given g;
	static const uint8_t number[8] = { 1 };
	key(f, "k", false, id);
	for (enum ttlv_type type = TTLV_STRUCTURE; type < TTLV_TYPE_END; type++) {
		struct writer *w = given_new(&g);
		size_t len = type == TTLV_STRUCTURE ? 0 : type == TTLV_INTEGER || type == TTLV_ENUMERATION || type == TTLV_INTERVAL ? 4 : 8;
		struct ttlv_item item = { .tag = TAG_ATTRIBUTE_VALUE, .type = type, .value = view_of(type == TTLV_TEXT ? (const uint8_t *)"abcdefgh" : number, len) };
		if (type == TTLV_BOOLEAN) ttlv_put_bool(w, TAG_ATTRIBUTE_VALUE, true);
		else ttlv_put_item(w, TAG_ATTRIBUTE_VALUE, &item);
		assert_int_equal(attr_add(f, id, "x-any", &g), 0);
	}
	assert_int_equal(attrs_of(f, id, "x-any"), TTLV_TYPE_END - TTLV_STRUCTURE);
	struct writer *w = given_new(&g);
	struct ttlv_mark outer = ttlv_begin(w, TAG_ATTRIBUTE_VALUE), inner = ttlv_begin(w, TAG_NAME);
	ttlv_end(w, inner);
	ttlv_end(w, outer);
	assert_int_equal(attr_add(f, id, "x-any", &g), FIELD);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fix_start, fix_stop)
	const struct CMUnitTest tests[] = {
		T(indices_are_the_servers_and_never_move), T(section_11_says_why_a_change_is_refused), T(only_who_may_manage_the_object_changes_it),
		T(a_manager_of_groups_moves_objects_between_these_alone), T(names_are_free_again_and_found_at_once), T(a_date_that_has_passed_changes_the_state), T(a_date_that_came_meanwhile_counts),
		T(every_change_moves_the_last_change_date), T(usage_limits_change_until_they_are_drawn_on),
		T(links_suit_the_object_and_versions_are_the_servers), T(what_was_kept_back_stays_back), T(rules_of_single_attributes),
		T(an_object_holds_so_many_values_and_no_more), T(custom_values_may_have_every_type),
		T(an_archived_object_is_recovered_first),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
