/* Get Attributes, Get Attribute List, Query, Discover Versions, and what Create keeps. */
#include <string.h>

#include "kmip/values.h"
#include "unit/ops/fixture.h"

static bool has_attribute(const struct answer *answer, enum kmip_attr id)
{
	struct ttlv_cursor c = answer_payload(answer, 0);
	struct ttlv_item item;
	struct kmip_attr_value value;
	bool found = true;
	assert_int_equal(ttlv_take(&c, TAG_UNIQUE_IDENTIFIER, &item), ERR_OK);
	while (found) {
		assert_int_equal(kmip_attr_next(&c, &value, &found), ERR_OK);
		if (found && value.id == id) return true;
	}
	return false;
}

static void ask_attributes(struct fix *f, uint32_t minor, const char *id, const char *name, struct answer *answer)
{
	struct ask a;
	ask_begin(&a, &(struct ask_header){ .count = 1, .minor = minor });
	ask_item(&a, OPERATION_GET_ATTRIBUTES, 1);
	ask_id(&a, id);
	if (name) ttlv_put_str(&a.w, TAG_ATTRIBUTE_NAME, name);
	ask_item_end(&a, NULL);
	ask_end(&a);
	fix_send(f, ADMIN, &a, answer);
}

static void server_attributes_are_set_and_told_by_version(void **state)
{
	static const struct { enum kmip_attr id; bool old; } cases[] = {
		{ ATTR_UNIQUE_IDENTIFIER, true }, { ATTR_OBJECT_TYPE, true }, { ATTR_CRYPTOGRAPHIC_ALGORITHM, true },
		{ ATTR_CRYPTOGRAPHIC_LENGTH, true }, { ATTR_CRYPTOGRAPHIC_USAGE_MASK, true }, { ATTR_STATE, true }, { ATTR_NAME, true },
		{ ATTR_INITIAL_DATE, true }, { ATTR_ACTIVATION_DATE, true }, { ATTR_LAST_CHANGE_DATE, true }, { ATTR_DIGEST, true },
		{ ATTR_FRESH, true }, { ATTR_ORIGINAL_CREATION_DATE, false }, { ATTR_RANDOM_NUMBER_GENERATOR, false },
		{ ATTR_SENSITIVE, false }, { ATTR_ALWAYS_SENSITIVE, false }, { ATTR_EXTRACTABLE, false }, { ATTR_NEVER_EXTRACTABLE, false },
	};
	struct fix *f = *state;
	struct answer now, old;
	char id[UUID_TEXT_LEN + 1];
	fix_create(f, ADMIN, &(struct key_wish){ .name = "k" }, id);
	ask_attributes(f, 4, id, NULL, &now);
	ask_attributes(f, 1, id, NULL, &old);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		assert_true(has_attribute(&now, cases[i].id));
		assert_int_equal(has_attribute(&old, cases[i].id), cases[i].old);
	}
	assert_false(has_attribute(&now, ATTR_LEASE_TIME));
	answer_free(&now);
	answer_free(&old);
	ask_attributes(f, 4, id, "Name", &now);
	assert_true(has_attribute(&now, ATTR_NAME));
	assert_false(has_attribute(&now, ATTR_STATE));
	answer_free(&now);
}

static enum coffer_err create_with(struct fix *f, void (*put)(struct writer *w))
{
	struct ask a;
	struct answer answer;
	ask_one(&a, OPERATION_CREATE);
	ttlv_put_enum(&a.w, TAG_OBJECT_TYPE, OBJECT_TYPE_SYMMETRIC_KEY);
	struct ttlv_mark mark = ttlv_begin(&a.w, TAG_TEMPLATE_ATTRIBUTE);
	kmip_attr_put_enum(&a.w, ATTR_CRYPTOGRAPHIC_ALGORITHM, CRYPTOGRAPHIC_ALGORITHM_AES);
	kmip_attr_put_i32(&a.w, ATTR_CRYPTOGRAPHIC_LENGTH, 256);
	kmip_attr_put_i32(&a.w, ATTR_CRYPTOGRAPHIC_USAGE_MASK, 12);
	put(&a.w);
	ttlv_end(&a.w, mark);
	ask_item_end(&a, NULL);
	ask_end(&a);
	fix_send(f, ADMIN, &a, &answer);
	enum coffer_err err = answer.response.items[0].err;
	answer_free(&answer);
	return err;
}

static void put_twice(struct writer *w) { kmip_attr_put_i32(w, ATTR_CRYPTOGRAPHIC_LENGTH, 128); }
static void put_state(struct writer *w) { kmip_attr_put_enum(w, ATTR_STATE, 2); }
static void put_contact(struct writer *w) { kmip_attr_put_text(w, ATTR_CONTACT_INFORMATION, view_str("ops@example.org")); }
static void put_dates(struct writer *w)
{
	kmip_attr_put_time(w, ATTR_ACTIVATION_DATE, 2000);
	kmip_attr_put_time(w, ATTR_DEACTIVATION_DATE, 1000);
}
static void put_custom(struct writer *w)
{
	struct ttlv_mark mark = ttlv_begin(w, TAG_ATTRIBUTE);
	ttlv_put_str(w, TAG_ATTRIBUTE_NAME, "x-team");
	ttlv_put_str(w, TAG_ATTRIBUTE_VALUE, "payroll");
	ttlv_end(w, mark);
}
static void put_unknown(struct writer *w)
{
	struct ttlv_mark mark = ttlv_begin(w, TAG_ATTRIBUTE);
	ttlv_put_str(w, TAG_ATTRIBUTE_NAME, "Colour");
	ttlv_put_str(w, TAG_ATTRIBUTE_VALUE, "red");
	ttlv_end(w, mark);
}

static void create_takes_only_attributes_that_are_the_clients(void **state)
{
	static const struct { void (*put)(struct writer *w); enum coffer_err err; } cases[] = {
		{ put_twice, ERR_FIELD }, { put_state, ERR_FIELD }, { put_contact, ERR_OK }, { put_dates, ERR_FIELD }, { put_custom, ERR_OK },
		{ put_unknown, ERR_FIELD },
	};
	struct fix *f = *state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) assert_int_equal(create_with(f, cases[i].put), cases[i].err);
}

static void dates_take_effect_when_they_pass(void **state)
{
	struct fix *f = *state;
	struct ask a;
	struct answer answer;
	char id[UUID_TEXT_LEN + 1];
	ask_one(&a, OPERATION_CREATE);
	ttlv_put_enum(&a.w, TAG_OBJECT_TYPE, OBJECT_TYPE_SYMMETRIC_KEY);
	struct ttlv_mark mark = ttlv_begin(&a.w, TAG_TEMPLATE_ATTRIBUTE);
	kmip_attr_put_enum(&a.w, ATTR_CRYPTOGRAPHIC_ALGORITHM, CRYPTOGRAPHIC_ALGORITHM_AES);
	kmip_attr_put_i32(&a.w, ATTR_CRYPTOGRAPHIC_LENGTH, 256);
	kmip_attr_put_i32(&a.w, ATTR_CRYPTOGRAPHIC_USAGE_MASK, 12);
	kmip_attr_put_time(&a.w, ATTR_ACTIVATION_DATE, (int64_t)NOW_S + 10);
	kmip_attr_put_time(&a.w, ATTR_DEACTIVATION_DATE, (int64_t)NOW_S + 20);
	ttlv_end(&a.w, mark);
	ask_item_end(&a, NULL);
	ask_end(&a);
	fix_send(f, ADMIN, &a, &answer);
	answer_id(&answer, 0, id);
	answer_free(&answer);
	assert_int_equal(fix_state(f, ADMIN, id), OBJECT_PRE_ACTIVE);
	f->now_s += 10;
	assert_int_equal(fix_state(f, ADMIN, id), OBJECT_ACTIVE);
	assert_int_equal(fix_simple(f, ADMIN, OPERATION_DESTROY, id), ERR_STATE);
	f->now_s += 10;
	assert_int_equal(fix_state(f, ADMIN, id), OBJECT_DEACTIVATED);
	assert_int_equal(fix_simple(f, ADMIN, OPERATION_DESTROY, id), ERR_OK);
	assert_int_equal(fix_state(f, ADMIN, id), OBJECT_DESTROYED);
}

static void query_names_the_operations_of_the_table(void **state)
{
	struct fix *f = *state;
	struct ask a;
	struct answer answer;
	struct ttlv_item item;
	size_t count, told = 0;
	const struct op_row *rows = dispatch_rows(&count);
	ask_one(&a, OPERATION_QUERY);
	ttlv_put_enum(&a.w, TAG_QUERY_FUNCTION, QUERY_FUNCTION_QUERY_OPERATIONS);
	ttlv_put_enum(&a.w, TAG_QUERY_FUNCTION, QUERY_FUNCTION_QUERY_SERVER_INFORMATION);
	ask_item_end(&a, NULL);
	ask_end(&a);
	fix_send(f, STRANGER, &a, &answer);
	struct ttlv_cursor c = answer_payload(&answer, 0);
	while (ttlv_next(&c, &item) && item.tag == TAG_OPERATION) told++;
	assert_non_null(rows);
	assert_int_equal(told, count);
	assert_int_equal(item.tag, TAG_VENDOR_IDENTIFICATION);
	answer_free(&answer);
	assert_int_equal(fix_simple(f, STRANGER, OPERATION_QUERY, NULL), ERR_MISSING);
}

static void discover_versions_answers_the_common_ones(void **state)
{
	struct fix *f = *state;
	struct ask a;
	struct answer answer;
	struct ttlv_item item;
	struct kmip_version v;
	ask_one(&a, OPERATION_DISCOVER_VERSIONS);
	kmip_version_put(&a.w, (struct kmip_version){ 7, 0 });
	kmip_version_put(&a.w, (struct kmip_version){ 1, 2 });
	ask_item_end(&a, NULL);
	ask_end(&a);
	fix_send(f, STRANGER, &a, &answer);
	struct ttlv_cursor c = answer_payload(&answer, 0);
	assert_int_equal(ttlv_take(&c, TAG_PROTOCOL_VERSION, &item), ERR_OK);
	assert_int_equal(kmip_version_parse(&item, &v), ERR_OK);
	assert_true(v.major == 1 && v.minor == 2);
	assert_int_equal(ttlv_done(&c), ERR_OK);
	answer_free(&answer);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fix_start, fix_stop)
	const struct CMUnitTest tests[] = {
		T(server_attributes_are_set_and_told_by_version), T(create_takes_only_attributes_that_are_the_clients),
		T(dates_take_effect_when_they_pass), T(query_names_the_operations_of_the_table), T(discover_versions_answers_the_common_ones),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
