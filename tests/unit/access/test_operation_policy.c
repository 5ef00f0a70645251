/* Operation policies: names, the tables of the specification, and what they do to decisions. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "access/operation_policy.h"
#include "access/policy.h"
#include "kmip/attr.h"
#include "kmip/enums.h"
#include "unit/objects/support.h"

#define SECRETS 5
static const uint32_t secret_types[SECRETS] = { OBJECT_TYPE_SYMMETRIC_KEY, OBJECT_TYPE_PRIVATE_KEY, OBJECT_TYPE_SPLIT_KEY, OBJECT_TYPE_SECRET_DATA,
	OBJECT_TYPE_OPAQUE_OBJECT };
static const uint32_t open_types[] = { OBJECT_TYPE_PUBLIC_KEY, OBJECT_TYPE_CERTIFICATE, OBJECT_TYPE_TEMPLATE };

/* KMIP 1.4 tables 93 and 95, "Allowed to all". */
static const uint32_t for_all_of_keys[] = { OPERATION_LOCATE, OPERATION_CHECK, OPERATION_GET, OPERATION_GET_ATTRIBUTES, OPERATION_GET_ATTRIBUTE_LIST,
	OPERATION_OBTAIN_LEASE };
static const uint32_t for_all_of_templates[] = { OPERATION_LOCATE, OPERATION_GET, OPERATION_GET_ATTRIBUTES, OPERATION_GET_ATTRIBUTE_LIST };

static bool stands_in(const uint32_t *list, size_t count, uint32_t operation)
{
	for (size_t i = 0; i < count; i++)
		if (list[i] == operation) return true;
	return false;
}

static void what_is_public_follows_the_tables(void **state)
{
	(void)state;
	for (uint32_t operation = 0; operation < 0x40; operation++) {
		bool keys = stands_in(for_all_of_keys, sizeof for_all_of_keys / sizeof for_all_of_keys[0], operation);
		bool templates = stands_in(for_all_of_templates, sizeof for_all_of_templates / sizeof for_all_of_templates[0], operation);
		assert_int_equal(policy_operation_allowed(OPERATION_POLICY_PUBLIC, operation, OBJECT_TYPE_PUBLIC_KEY, false), keys);
		assert_int_equal(policy_operation_allowed(OPERATION_POLICY_PUBLIC, operation, OBJECT_TYPE_CERTIFICATE, false), keys);
		assert_int_equal(policy_operation_allowed(OPERATION_POLICY_PUBLIC, operation, OBJECT_TYPE_TEMPLATE, false), templates);
		for (size_t i = 0; i < SECRETS; i++) {
			assert_false(policy_operation_allowed(OPERATION_POLICY_PUBLIC, operation, secret_types[i], false));
			assert_false(policy_operation_allowed(OPERATION_POLICY_DEFAULT, operation, secret_types[i], false));
			assert_true(policy_operation_allowed(OPERATION_POLICY_DEFAULT, operation, secret_types[i], true));
		}
		assert_false(policy_operation_allowed(OPERATION_POLICY_DEFAULT, operation, OBJECT_TYPE_PUBLIC_KEY, false));
	}
}

static void names_that_are_not_there_are_refused_with_a_sentence(void **state)
{
	static const char *const wrong[] = { "", "Default", "PUBLIC", "public ", "private", "default\n" };
	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		enum operation_policy policy = OPERATION_POLICY_DEFAULT;
		struct reason reason = { "" };
		assert_int_equal(operation_policy_parse(view_str(wrong[i]), OBJECT_TYPE_TEMPLATE, &policy, &reason), ERR_FIELD);
		assert_non_null(strstr(reason.text, "'default'"));
	}
}

static void public_is_for_what_is_no_secret(void **state)
{
	enum operation_policy policy;
	struct reason reason = { "" };
	(void)state;
	for (size_t i = 0; i < sizeof open_types / sizeof open_types[0]; i++) {
		assert_int_equal(operation_policy_parse(view_str("public"), open_types[i], &policy, NULL), ERR_OK);
		assert_string_equal(operation_policy_name(policy), "public");
		assert_int_equal(operation_policy_parse(view_str("default"), open_types[i], &policy, NULL), ERR_OK);
		assert_string_equal(operation_policy_name(policy), "default");
	}
	for (size_t i = 0; i < SECRETS; i++) {
		assert_int_equal(operation_policy_parse(view_str("public"), secret_types[i], &policy, &reason), ERR_FIELD);
		assert_non_null(strstr(reason.text, "alone"));
		assert_int_equal(operation_policy_parse(view_str("default"), secret_types[i], &policy, NULL), ERR_OK);
	}
}

static struct object *with_policy(uint32_t type, const char *name)
{
	uint8_t bytes[128];
	struct writer w;
	struct object *o = object_new(type, "unix:1000");
	assert_non_null(o);
	if (!name) return o;
	writer_init(&w, bytes, sizeof bytes);
	ttlv_put_str(&w, TAG_OPERATION_POLICY_NAME, name);
	assert_int_equal(attrset_set(&o->attrs, ATTR_OPERATION_POLICY_NAME, writer_view(&w)), ERR_OK);
	return o;
}

static bool stranger_may(const struct object *o, enum permission permission)
{
	struct principal stranger;
	principal_from_uid(7, 1, &stranger);
	return policy_check(NULL, &stranger, permission, o, NULL) == ERR_OK;
}

static void anybody_finds_and_reads_public_objects_and_changes_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof open_types / sizeof open_types[0]; i++) {
		AUTO_OBJECT struct object *o = with_policy(open_types[i], "public");
		struct principal stranger;
		principal_from_uid(7, 1, &stranger);
		assert_true(policy_sees(NULL, &stranger, o));
		for (unsigned p = 1; p < PERMISSION_COUNT; p++)
			assert_int_equal(stranger_may(o, (enum permission)p), p == PERMISSION_READ || p == PERMISSION_EXPORT);
	}
}

/* A record with the name on a secret, or with a name that nobody knows, opens nothing. */
static void everything_else_is_as_by_default(void **state)
{
	static const struct { uint32_t type; const char *name; } cases[] = {
		{ OBJECT_TYPE_PUBLIC_KEY, NULL }, { OBJECT_TYPE_PUBLIC_KEY, "default" }, { OBJECT_TYPE_PUBLIC_KEY, "everybody" }, { OBJECT_TYPE_TEMPLATE, "" },
		{ OBJECT_TYPE_SYMMETRIC_KEY, "public" }, { OBJECT_TYPE_PRIVATE_KEY, "public" }, { OBJECT_TYPE_SECRET_DATA, "public" },
		{ OBJECT_TYPE_OPAQUE_OBJECT, "public" }, { OBJECT_TYPE_SPLIT_KEY, "public" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		AUTO_OBJECT struct object *o = with_policy(cases[i].type, cases[i].name);
		assert_int_equal(operation_policy_of(o), OPERATION_POLICY_DEFAULT);
		for (unsigned p = 1; p < PERMISSION_COUNT; p++) assert_false(stranger_may(o, (enum permission)p));
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_public_follows_the_tables),
		cmocka_unit_test(names_that_are_not_there_are_refused_with_a_sentence),
		cmocka_unit_test(public_is_for_what_is_no_secret),
		cmocka_unit_test(anybody_finds_and_reads_public_objects_and_changes_nothing),
		cmocka_unit_test(everything_else_is_as_by_default),
	};
	return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
