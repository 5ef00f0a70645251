/* Get Attributes, Get Attribute List, Query, Discover Versions, and what Create keeps. */
#include <string.h>

#include "kmip/values.h"
#include "unit/ops/attrs.h"

static bool has_attribute(const struct answer *answer, enum kmip_attr id)
{
	return attrs_count(answer, kmip_attr_row(id)->name, NULL) > 0;
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
	attrs_get(f, 4, id, NULL, &now);
	attrs_get(f, 1, id, NULL, &old);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		assert_true(has_attribute(&now, cases[i].id));
		assert_int_equal(has_attribute(&old, cases[i].id), cases[i].old);
	}
	assert_true(has_attribute(&now, ATTR_LEASE_TIME) && has_attribute(&old, ATTR_LEASE_TIME));
	answer_free(&now);
	answer_free(&old);
	attrs_get(f, 4, id, "Name", &now);
	assert_true(has_attribute(&now, ATTR_NAME));
	assert_false(has_attribute(&now, ATTR_STATE));
	answer_free(&now);
}

/* Every attribute that can be shown, and what each version and each type of object shows of it. */
static void fill_attributes(struct object *o)
{
	struct given g;
	struct kmip_params params = { .has_block_cipher_mode = true, .block_cipher_mode = BLOCK_CIPHER_MODE_GCM, .has_random_iv = true,
		.random_iv = true, .has_salt_length = true };
	struct kmip_digest digest = { HASHING_ALGORITHM_SHA_256, true, view_str("hash"), true, KEY_FORMAT_TYPE_RAW };
	struct kmip_usage_limits limits = { true, 8, true, 8, true, USAGE_LIMITS_UNIT_BYTE };
	o->algorithm = CRYPTOGRAPHIC_ALGORITHM_AES;
	o->length_bits = 128;
	kmip_params_put(given_new(&g), TAG_CRYPTOGRAPHIC_PARAMETERS, &params);
	assert_int_equal(attrset_set(&o->attrs, ATTR_CRYPTOGRAPHIC_PARAMETERS, writer_view(&g.w)), ERR_OK);
	kmip_digest_put(given_new(&g), TAG_DIGEST, &digest);
	assert_int_equal(attrset_set(&o->attrs, ATTR_DIGEST, writer_view(&g.w)), ERR_OK);
	kmip_usage_limits_put(given_new(&g), TAG_USAGE_LIMITS, &limits);
	assert_int_equal(attrset_set(&o->attrs, ATTR_USAGE_LIMITS, writer_view(&g.w)), ERR_OK);
	ttlv_put_str(given_new(&g), TAG_OPERATION_POLICY_NAME, "default");
	assert_int_equal(attrset_set(&o->attrs, ATTR_OPERATION_POLICY_NAME, writer_view(&g.w)), ERR_OK);
	assert_int_equal(attrset_set_bool(&o->attrs, ATTR_FRESH, true), ERR_OK);
	assert_int_equal(attrset_set_time(&o->attrs, ATTR_PROCESS_START_DATE, NOW_S), ERR_OK);
	assert_int_equal(attrset_set_time(&o->attrs, ATTR_DESTROY_DATE, NOW_S), ERR_OK);
	ttlv_put_str(given_new(&g), TAG_ATTRIBUTE_VALUE, "payroll");
	assert_int_equal(attrset_add(&o->attrs, ATTR_CUSTOM_ATTRIBUTE, "x-team", writer_view(&g.w)), ERR_OK);
}

static void an_object_shows_what_applies_to_its_type(void **state)
{
	static const char *const names[] = { "Unique Identifier", "Object Type", "Cryptographic Algorithm", "Cryptographic Length",
		"Cryptographic Parameters", "Cryptographic Usage Mask", "Digest", "Usage Limits", "Operation Policy Name", "Fresh", "State",
		"Lease Time", "Process Start Date", "Destroy Date", "Initial Date", "Last Change Date" };
	struct fix *f = *state;
	for (uint32_t type = OBJECT_TYPE_CERTIFICATE; type <= OBJECT_TYPE_PGP_KEY; type++) {
		char id[UUID_TEXT_LEN + 1];
		attrs_object(f, type, fill_attributes, id);
		for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
			unsigned shown = kmip_attr_applies(kmip_attr_by_name(view_str(names[i])), type);
			assert_int_equal(attrs_of(f, id, names[i]), shown);
			assert_int_equal(attrs_listed(f, 0, id, names[i]), shown);
		}
		assert_int_equal(attrs_listed(f, 0, id, "x-team"), 1);
	}
}

/* The tags in the value of an attribute under a version. */
static bool shows(struct fix *f, uint32_t version, const char *id, const char *name, uint32_t tag)
{
	struct answer answer;
	struct kmip_attr_value value;
	struct ttlv_cursor c;
	struct ttlv_item item;
	bool found = false;
	attrs_get(f, version, id, NULL, &answer);
	assert_int_equal(attrs_count(&answer, name, &value), 1);
	assert_int_equal(ttlv_enter(&value.value, &c), ERR_OK);
	while (ttlv_next(&c, &item)) found = found || item.tag == tag;
	answer_free(&answer);
	return found;
}

static void fields_that_a_version_does_not_know_are_not_sent(void **state)
{
	static const struct { const char *name; uint32_t tag, since; } rows[] = {
		{ "Digest", TAG_DIGEST_VALUE, 0 }, { "Digest", TAG_KEY_FORMAT_TYPE, 1 }, { "Cryptographic Parameters", TAG_BLOCK_CIPHER_MODE, 0 },
		{ "Cryptographic Parameters", TAG_RANDOM_IV, 2 }, { "Cryptographic Parameters", TAG_SALT_LENGTH, 4 },
		{ "Usage Limits", TAG_USAGE_LIMITS_COUNT, 0 },
	};
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	attrs_object(f, OBJECT_TYPE_SYMMETRIC_KEY, fill_attributes, id);
	for (uint32_t minor = 0; minor <= 4; minor++)
		for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
			assert_int_equal(shows(f, minor ? minor : KMIP_1_0, id, rows[i].name, rows[i].tag), minor >= rows[i].since);
	assert_int_equal(attrs_listed(f, KMIP_1_0, id, "Fresh"), 0);
	assert_int_equal(attrs_listed(f, 1, id, "Fresh"), 1);
	assert_int_equal(attrs_listed(f, KMIP_1_0, id, "Lease Time"), 1);
}

static void names_are_asked_for_once_and_unknown_ones_are_left_out(void **state)
{
	static const struct { const char *names[3]; unsigned answered; enum coffer_err err; } rows[] = {
		{ { "State", "Colour", "Destroy Date" }, 1, ERR_OK }, { { "Colour" }, 0, ERR_OK }, { { "x-nothing", "Name" }, 0, ERR_OK },
		{ { "State", "Name", "State" }, 0, ERR_INPUT }, { { "Colour", "Colour" }, 0, ERR_INPUT },
		{ { "y-coffer-owner", "y-coffer-version", "Object Type" }, 3, ERR_OK },
	};
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	fix_create(f, ADMIN, &(struct key_wish){ .mask = 12 }, id);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct ask a;
		struct answer answer;
		struct ttlv_item item;
		unsigned answered = 0;
		ask_one(&a, OPERATION_GET_ATTRIBUTES);
		ask_id(&a, id);
		for (size_t n = 0; n < 3 && rows[i].names[n]; n++) ttlv_put_str(&a.w, TAG_ATTRIBUTE_NAME, rows[i].names[n]);
		ask_item_end(&a, NULL);
		ask_end(&a);
		fix_send(f, ADMIN, &a, &answer);
		assert_int_equal(answer.response.items[0].err, rows[i].err);
		struct ttlv_cursor c = answer.response.items[0].payload;
		while (ttlv_next(&c, &item)) answered += item.tag == TAG_ATTRIBUTE;
		assert_int_equal(answered, rows[i].answered);
		answer_free(&answer);
	}
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
		T(server_attributes_are_set_and_told_by_version), T(an_object_shows_what_applies_to_its_type),
		T(fields_that_a_version_does_not_know_are_not_sent), T(names_are_asked_for_once_and_unknown_ones_are_left_out),
		T(create_takes_only_attributes_that_are_the_clients),
		T(dates_take_effect_when_they_pass), T(query_names_the_operations_of_the_table), T(discover_versions_answers_the_common_ones),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
