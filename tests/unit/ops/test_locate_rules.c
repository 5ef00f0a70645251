/* Locate: every attribute by its own rule (KMIP 1.4 section 4.9). */
#include "unit/ops/seek.h"

#include <stdio.h>
#include <string.h>

#define ASI(ns, data) SEEK_STRUCTURE(APPLICATION_SPECIFIC_INFORMATION, SEEK_FIELD(APPLICATION_NAMESPACE, TEXT, ns, 0), \
	SEEK_FIELD(APPLICATION_DATA, TEXT, data, 0))
#define NAMED(text) SEEK_STRUCTURE(NAME, SEEK_FIELD(NAME_VALUE, TEXT, text, 0), SEEK_FIELD(NAME_TYPE, ENUMERATION, NULL, 1))
#define LIMITS(total, count) SEEK_STRUCTURE(USAGE_LIMITS, SEEK_FIELD(USAGE_LIMITS_TOTAL, LONG_INTEGER, NULL, total), \
	SEEK_FIELD(USAGE_LIMITS_COUNT, LONG_INTEGER, NULL, count), SEEK_FIELD(USAGE_LIMITS_UNIT, ENUMERATION, NULL, 1))
#define LINKED(type, id) SEEK_STRUCTURE(LINK, SEEK_FIELD(LINK_TYPE, ENUMERATION, NULL, type), SEEK_FIELD(LINKED_OBJECT_IDENTIFIER, TEXT, id, 0))
#define ALTERNATIVE(text, type) SEEK_STRUCTURE(ALTERNATIVE_NAME, SEEK_FIELD(ALTERNATIVE_NAME_VALUE, TEXT, text, 0), \
	SEEK_FIELD(ALTERNATIVE_NAME_TYPE, ENUMERATION, NULL, type))

/* What the two objects under test have. The second is there to be left out. */
static const struct seek_value rich[] = {
	NAMED("disk"), NAMED("second"), SEEK_TEXT(OBJECT_GROUP, "pay"), SEEK_TEXT(OBJECT_GROUP, "web"), ASI("ssh", "host 7"), ASI("ldap", "uid=7"),
	ALTERNATIVE("https://example.org/k", 2), LINKED(LINK_TYPE_REPLACED_OBJECT_LINK, "0b8a7a8e-2c0c-4d2d-9a3e-1f3b8d7c6a55"),
	SEEK_TEXT(CONTACT_INFORMATION, "Ann"), SEEK_TEXT(DESCRIPTION, "of the tape robot"), SEEK_TEXT(COMMENT, "none"),
	SEEK_TEXT(PKCS_12_FRIENDLY_NAME, "ann's"), SEEK_TEXT(OPERATION_POLICY_NAME, "default"),
	SEEK_NUMBER(INITIAL_DATE, DATE_TIME, 1000), SEEK_NUMBER(ACTIVATION_DATE, DATE_TIME, 2000), SEEK_NUMBER(LAST_CHANGE_DATE, DATE_TIME, 3000),
	SEEK_NUMBER(SENSITIVE, BOOLEAN, 1), SEEK_NUMBER(KEY_VALUE_PRESENT, BOOLEAN, 0), LIMITS(100, 50),
	SEEK_STRUCTURE(CRYPTOGRAPHIC_PARAMETERS, SEEK_FIELD(BLOCK_CIPHER_MODE, ENUMERATION, NULL, BLOCK_CIPHER_MODE_GCM),
		SEEK_FIELD(TAG_LENGTH, INTEGER, NULL, 16)),
	SEEK_STRUCTURE(DIGEST, SEEK_FIELD(HASHING_ALGORITHM, ENUMERATION, NULL, HASHING_ALGORITHM_SHA_256), SEEK_FIELD(DIGEST_VALUE, BYTES, "digest", 0)),
	SEEK_CUSTOM("x-text", TEXT, "first", 0), SEEK_CUSTOM("x-text", TEXT, "other", 0), SEEK_CUSTOM("x-int", INTEGER, NULL, 7),
	SEEK_CUSTOM("x-long", LONG_INTEGER, NULL, -7), SEEK_CUSTOM("x-bytes", BYTES, "bytes", 0), SEEK_CUSTOM("x-enum", ENUMERATION, NULL, 3),
	SEEK_CUSTOM("x-bool", BOOLEAN, NULL, 1), SEEK_CUSTOM("x-time", DATE_TIME, NULL, 500), SEEK_CUSTOM("x-clock", DATE_TIME, NULL, 600), SEEK_CUSTOM("x-lapse", INTERVAL, NULL, 60),
	SEEK_CUSTOM("x-big", BIG_INTEGER, "\1\2\3\4\5\6\7\10", 0),
	{ ATTR_CUSTOM_ATTRIBUTE, "x-struct", { 0, TTLV_STRUCTURE, NULL, 0 }, { SEEK_FIELD(KEY_VALUE, TEXT, "a", 0), SEEK_FIELD(KEY_PART_IDENTIFIER, INTEGER, NULL, 2) } },
	{ 0 },
};
static const struct seek_value plain[] = { NAMED("tape"), SEEK_TEXT(OBJECT_GROUP, "other"), SEEK_NUMBER(INITIAL_DATE, DATE_TIME, 999), { 0 } };

#define YES(...) { true, { __VA_ARGS__ } }
#define NO(...) { false, { __VA_ARGS__ } }

/* Whether the first object is found; the second never is. */
static const struct { bool found; struct seek_value values[SEEK_VALUES]; } rules[] = {
	/* Name: value, type, or both; any instance */
	YES(NAMED("disk")), YES(NAMED("second")), NO(NAMED("Disk")), NO(NAMED("dis")), YES(NAMED("disk"), NAMED("second")), NO(NAMED("disk"), NAMED("tape")),
	YES(SEEK_STRUCTURE(NAME, SEEK_FIELD(NAME_VALUE, TEXT, "disk", 0))),
	YES(SEEK_STRUCTURE(NAME, SEEK_FIELD(NAME_TYPE, ENUMERATION, NULL, 1)), SEEK_TEXT(CONTACT_INFORMATION, "Ann")),
	NO(SEEK_STRUCTURE(NAME, SEEK_FIELD(NAME_TYPE, ENUMERATION, NULL, 2))),
	NO(SEEK_STRUCTURE(NAME, SEEK_FIELD(NAME_VALUE, TEXT, "disk", 0), SEEK_FIELD(NAME_TYPE, ENUMERATION, NULL, 2))),
	/* the object's own fields */
	YES(SEEK_NUMBER(OBJECT_TYPE, ENUMERATION, OBJECT_TYPE_SYMMETRIC_KEY), NAMED("disk")), NO(SEEK_NUMBER(OBJECT_TYPE, ENUMERATION, OBJECT_TYPE_SECRET_DATA), NAMED("disk")),
	YES(SEEK_NUMBER(CRYPTOGRAPHIC_ALGORITHM, ENUMERATION, CRYPTOGRAPHIC_ALGORITHM_AES), NAMED("disk")),
	NO(SEEK_NUMBER(CRYPTOGRAPHIC_ALGORITHM, ENUMERATION, CRYPTOGRAPHIC_ALGORITHM_RSA)),
	YES(SEEK_NUMBER(CRYPTOGRAPHIC_LENGTH, INTEGER, 256), NAMED("disk")), NO(SEEK_NUMBER(CRYPTOGRAPHIC_LENGTH, INTEGER, 128)),
	/* every bit asked for; more may be set */
	YES(SEEK_NUMBER(CRYPTOGRAPHIC_USAGE_MASK, INTEGER, 4), NAMED("disk")), YES(SEEK_NUMBER(CRYPTOGRAPHIC_USAGE_MASK, INTEGER, 12), NAMED("disk")),
	YES(SEEK_NUMBER(CRYPTOGRAPHIC_USAGE_MASK, INTEGER, 0), NAMED("disk")), NO(SEEK_NUMBER(CRYPTOGRAPHIC_USAGE_MASK, INTEGER, 13)),
	NO(SEEK_NUMBER(CRYPTOGRAPHIC_USAGE_MASK, INTEGER, 1)),
	YES(SEEK_NUMBER(STATE, ENUMERATION, OBJECT_ACTIVE), NAMED("disk")), NO(SEEK_NUMBER(STATE, ENUMERATION, OBJECT_PRE_ACTIVE)),
	/* dates: one is equal, two are a range with its ends, in either order; no date is the last one there is */
	YES(SEEK_NUMBER(INITIAL_DATE, DATE_TIME, 1000)), NO(SEEK_NUMBER(INITIAL_DATE, DATE_TIME, 1001)),
	YES(SEEK_NUMBER(INITIAL_DATE, DATE_TIME, 1000), SEEK_NUMBER(INITIAL_DATE, DATE_TIME, 2000)),
	YES(SEEK_NUMBER(INITIAL_DATE, DATE_TIME, 1500), SEEK_NUMBER(INITIAL_DATE, DATE_TIME, 1000)),
	NO(SEEK_NUMBER(INITIAL_DATE, DATE_TIME, 1001), SEEK_NUMBER(INITIAL_DATE, DATE_TIME, 2000)),
	YES(SEEK_NUMBER(INITIAL_DATE, DATE_TIME, 1000), SEEK_NUMBER(INITIAL_DATE, DATE_TIME, 1000)),
	YES(SEEK_NUMBER(ACTIVATION_DATE, DATE_TIME, 0), SEEK_NUMBER(ACTIVATION_DATE, DATE_TIME, 2000), SEEK_NUMBER(LAST_CHANGE_DATE, DATE_TIME, 3000)),
	YES(SEEK_NUMBER(DEACTIVATION_DATE, DATE_TIME, 2001), SEEK_NUMBER(DEACTIVATION_DATE, DATE_TIME, INT64_MAX), NAMED("disk")),
	YES(SEEK_NUMBER(DEACTIVATION_DATE, DATE_TIME, INT64_MAX), NAMED("disk")), NO(SEEK_NUMBER(ACTIVATION_DATE, DATE_TIME, INT64_MAX), NAMED("disk")),
	NO(SEEK_NUMBER(DEACTIVATION_DATE, DATE_TIME, 2001)),
	NO(SEEK_NUMBER(DEACTIVATION_DATE, DATE_TIME, 0), SEEK_NUMBER(DEACTIVATION_DATE, DATE_TIME, 5000)),
	/* structures: the fields that are given */
	YES(ASI("ssh", "host 7")), YES(ASI("ldap", "uid=7")), NO(ASI("ssh", "uid=7")), YES(ASI("ssh", "host 7"), ASI("ldap", "uid=7")),
	YES(SEEK_STRUCTURE(APPLICATION_SPECIFIC_INFORMATION, SEEK_FIELD(APPLICATION_NAMESPACE, TEXT, "ssh", 0))),
	YES(SEEK_STRUCTURE(APPLICATION_SPECIFIC_INFORMATION, SEEK_FIELD(APPLICATION_DATA, TEXT, "host 7", 0))),
	NO(SEEK_STRUCTURE(APPLICATION_SPECIFIC_INFORMATION, SEEK_FIELD(APPLICATION_NAMESPACE, TEXT, "ss", 0))),
	NO(SEEK_STRUCTURE(APPLICATION_SPECIFIC_INFORMATION, SEEK_FIELD(APPLICATION_DATA, TEXT, "ssh", 0))),
	YES(SEEK_STRUCTURE(APPLICATION_SPECIFIC_INFORMATION, SEEK_FIELD(APPLICATION_DATA, TEXT, "host 7", 0), SEEK_FIELD(APPLICATION_NAMESPACE, TEXT, "ssh", 0))),
	YES(SEEK_STRUCTURE(APPLICATION_SPECIFIC_INFORMATION, { 0 })), /* the attribute, whatever it says */
	YES(ALTERNATIVE("https://example.org/k", 2)), NO(ALTERNATIVE("https://example.org/k", 1)),
	YES(SEEK_STRUCTURE(ALTERNATIVE_NAME, SEEK_FIELD(ALTERNATIVE_NAME_VALUE, TEXT, "https://example.org/k", 0))),
	YES(SEEK_STRUCTURE(ALTERNATIVE_NAME, SEEK_FIELD(ALTERNATIVE_NAME_TYPE, ENUMERATION, NULL, 2))),
	YES(LINKED(LINK_TYPE_REPLACED_OBJECT_LINK, "0b8a7a8e-2c0c-4d2d-9a3e-1f3b8d7c6a55")),
	NO(LINKED(LINK_TYPE_REPLACEMENT_OBJECT_LINK, "0b8a7a8e-2c0c-4d2d-9a3e-1f3b8d7c6a55")),
	YES(SEEK_STRUCTURE(LINK, SEEK_FIELD(LINKED_OBJECT_IDENTIFIER, TEXT, "0b8a7a8e-2c0c-4d2d-9a3e-1f3b8d7c6a55", 0))),
	YES(SEEK_STRUCTURE(LINK, SEEK_FIELD(LINK_TYPE, ENUMERATION, NULL, LINK_TYPE_REPLACED_OBJECT_LINK))),
	YES(SEEK_STRUCTURE(CRYPTOGRAPHIC_PARAMETERS, SEEK_FIELD(BLOCK_CIPHER_MODE, ENUMERATION, NULL, BLOCK_CIPHER_MODE_GCM))),
	YES(SEEK_STRUCTURE(CRYPTOGRAPHIC_PARAMETERS, SEEK_FIELD(TAG_LENGTH, INTEGER, NULL, 16))),
	NO(SEEK_STRUCTURE(CRYPTOGRAPHIC_PARAMETERS, SEEK_FIELD(BLOCK_CIPHER_MODE, ENUMERATION, NULL, BLOCK_CIPHER_MODE_CBC), SEEK_FIELD(TAG_LENGTH, INTEGER, NULL, 16))),
	YES(SEEK_STRUCTURE(DIGEST, SEEK_FIELD(DIGEST_VALUE, BYTES, "digest", 0))),
	NO(SEEK_STRUCTURE(DIGEST, SEEK_FIELD(DIGEST_VALUE, BYTES, "digesu", 0))),
	/* Usage Limits: at least as much of both */
	YES(LIMITS(100, 50)), YES(LIMITS(1, 1)), NO(LIMITS(101, 50)), NO(LIMITS(100, 51)),
	YES(SEEK_STRUCTURE(USAGE_LIMITS, SEEK_FIELD(USAGE_LIMITS_COUNT, LONG_INTEGER, NULL, 49))),
	NO(SEEK_STRUCTURE(USAGE_LIMITS, SEEK_FIELD(USAGE_LIMITS_UNIT, ENUMERATION, NULL, 2))),
	/* plain values */
	YES(SEEK_TEXT(OBJECT_GROUP, "pay")), YES(SEEK_TEXT(OBJECT_GROUP, "web")), NO(SEEK_TEXT(OBJECT_GROUP, "pay "), NAMED("disk")),
	YES(SEEK_TEXT(OBJECT_GROUP, "pay"), SEEK_TEXT(OBJECT_GROUP, "web")), NO(SEEK_TEXT(OBJECT_GROUP, "pay"), SEEK_TEXT(OBJECT_GROUP, "other")),
	YES(SEEK_TEXT(CONTACT_INFORMATION, "Ann")), NO(SEEK_TEXT(CONTACT_INFORMATION, "ann")), YES(SEEK_TEXT(DESCRIPTION, "of the tape robot")),
	YES(SEEK_TEXT(COMMENT, "none")), YES(SEEK_TEXT(PKCS_12_FRIENDLY_NAME, "ann's")), YES(SEEK_TEXT(OPERATION_POLICY_NAME, "default")),
	YES(SEEK_NUMBER(LEASE_TIME, INTERVAL, 3600), NAMED("disk")), NO(SEEK_NUMBER(LEASE_TIME, INTERVAL, 3599)), YES(SEEK_NUMBER(SENSITIVE, BOOLEAN, 1)),
	NO(SEEK_NUMBER(SENSITIVE, BOOLEAN, 0)), NO(SEEK_NUMBER(EXTRACTABLE, BOOLEAN, 1), NAMED("disk")), YES(SEEK_NUMBER(KEY_VALUE_PRESENT, BOOLEAN, 0)),
	/* custom attributes of every type, any instance */
	YES(SEEK_CUSTOM("x-text", TEXT, "first", 0)), YES(SEEK_CUSTOM("x-text", TEXT, "other", 0)), NO(SEEK_CUSTOM("x-text", TEXT, "firs", 0)),
	NO(SEEK_CUSTOM("x-texts", TEXT, "first", 0)), NO(SEEK_CUSTOM("x-text", BYTES, "first", 0)), YES(SEEK_CUSTOM("x-int", INTEGER, NULL, 7)),
	NO(SEEK_CUSTOM("x-int", INTEGER, NULL, 8)), NO(SEEK_CUSTOM("x-int", ENUMERATION, NULL, 7)), YES(SEEK_CUSTOM("x-long", LONG_INTEGER, NULL, -7)),
	YES(SEEK_CUSTOM("x-bytes", BYTES, "bytes", 0)), YES(SEEK_CUSTOM("x-enum", ENUMERATION, NULL, 3)), YES(SEEK_CUSTOM("x-bool", BOOLEAN, NULL, 1)),
	NO(SEEK_CUSTOM("x-bool", BOOLEAN, NULL, 0)), YES(SEEK_CUSTOM("x-lapse", INTERVAL, NULL, 60)), YES(SEEK_CUSTOM("x-big", BIG_INTEGER, "\1\2\3\4\5\6\7\10", 0)),
	NO(SEEK_CUSTOM("x-big", BIG_INTEGER, "\1\2\3\4\5\6\7\11", 0)), YES(SEEK_CUSTOM("x-time", DATE_TIME, NULL, 500)),
	YES(SEEK_CUSTOM("x-time", DATE_TIME, NULL, 400), SEEK_CUSTOM("x-time", DATE_TIME, NULL, 600)),
	NO(SEEK_CUSTOM("x-time", DATE_TIME, NULL, 400), SEEK_CUSTOM("x-clock", DATE_TIME, NULL, 600)), /* two attributes, no range */
	NO(SEEK_CUSTOM("x-never", DATE_TIME, NULL, INT64_MAX)),
	YES({ ATTR_CUSTOM_ATTRIBUTE, "x-struct", { 0, TTLV_STRUCTURE, NULL, 0 }, { SEEK_FIELD(KEY_PART_IDENTIFIER, INTEGER, NULL, 2) } }),
	NO({ ATTR_CUSTOM_ATTRIBUTE, "x-struct", { 0, TTLV_STRUCTURE, NULL, 0 }, { SEEK_FIELD(KEY_PART_IDENTIFIER, INTEGER, NULL, 3) } }),
	NO({ ATTR_CUSTOM_ATTRIBUTE, "x-text", { 0, TTLV_STRUCTURE, NULL, 0 }, { { 0 } } }),
};

/* By the index and, where none has an entry, through the table: the rule is the same. */
static void every_attribute_is_found_by_its_own_rule(void **state)
{
	struct fix *f = *state;
	char first[UUID_TEXT_LEN + 1], second[UUID_TEXT_LEN + 1];
	seek_make(f, ADMIN, rich, first);
	seek_make(f, ADMIN, plain, second);
	for (int indexed = 1; indexed >= 0; indexed--) {
		if (!indexed) {
			txn_set_ring(f->engine.txn, NULL);
			txn_set_ring(f->engine.txn, f->ring);
			assert_false(txn_indexed(f->engine.txn));
		}
		for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
			struct seek_ask ask = { .minor = 0 };
			struct seek_found found;
			memcpy(ask.values, rules[i].values, sizeof ask.values);
			seek(f, ADMIN, &ask, &found);
			if (found.err) fail_msg("rule %zu: %s", i, found.message);
			if (found.count != rules[i].found) fail_msg("rule %zu (indexed %d): %zu found", i, indexed, found.count);
			if (found.count) assert_string_equal(found.ids[0], first);
			assert_true(found.has_located && found.located == (int32_t)found.count);
		}
	}
}

static void a_unique_identifier_is_found_in_either_case_and_with_what_else_is_asked(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1], upper[UUID_TEXT_LEN + 1];
	seek_make(f, ADMIN, plain, id);
	for (size_t i = 0; i <= UUID_TEXT_LEN; i++) upper[i] = id[i] >= 'a' && id[i] <= 'f' ? (char)(id[i] - 32) : id[i];
	const struct { const char *id; const char *name; unsigned uid; size_t count; } table[] = {
		{ id, NULL, ADMIN, 1 }, { upper, NULL, ADMIN, 1 }, { id, "tape", ADMIN, 1 }, { id, "disk", ADMIN, 0 }, { id, NULL, STRANGER, 0 },
		{ "0b8a7a8e-2c0c-4d2d-9a3e-1f3b8d7c6a55", NULL, ADMIN, 0 }, { "no id", NULL, ADMIN, 0 }, { "", NULL, ADMIN, 0 },
	};
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		struct seek_ask ask = { .values = { SEEK_TEXT(UNIQUE_IDENTIFIER, table[i].id) } };
		struct seek_found found;
		if (table[i].name) ask.values[1] = (struct seek_value)NAMED(table[i].name);
		seek(f, table[i].uid, &ask, &found);
		assert_int_equal(found.err, ERR_OK);
		assert_int_equal(found.count, table[i].count);
	}
}

static void what_makes_no_sense_is_refused(void **state)
{
	static const struct { struct seek_ask ask; enum coffer_err err; const char *says; } table[] = {
		{ { .max = -1 }, ERR_FIELD, "negative" }, { { .skip = -1 }, ERR_FIELD, "negative" },
		{ { .minor = 2, .skip = 1 }, ERR_FIELD, "Offset Items" }, { { .zero = true, .member = 1 }, ERR_FIELD, "Object Group Member" },
		{ { .member = 1 }, ERR_MISSING, "Object Group" }, { { .member = 3, .values = { SEEK_TEXT(OBJECT_GROUP, "pay") } }, ERR_FIELD, "Object Group Member" },
		{ { .minor = 3, .values = { SEEK_TEXT(COMMENT, "none") } }, ERR_FIELD, "Comment" },
		{ { .minor = 1, .values = { SEEK_STRUCTURE(CRYPTOGRAPHIC_PARAMETERS, SEEK_FIELD(TAG_LENGTH, INTEGER, NULL, 16)) } }, ERR_FIELD, "version" },
		{ { .values = { SEEK_NUMBER(INITIAL_DATE, DATE_TIME, 1), SEEK_NUMBER(INITIAL_DATE, DATE_TIME, 2), SEEK_NUMBER(INITIAL_DATE, DATE_TIME, 3) } },
		  ERR_FIELD, "twice" },
		{ { .values = { SEEK_TEXT(INITIAL_DATE, "today") } }, ERR_FIELD, "suit" }, { { .values = { SEEK_NUMBER(STATE, ENUMERATION, 77) } }, ERR_FIELD, "suit" },
		{ { .values = { SEEK_TEXT(NAME, "disk") } }, ERR_FIELD, "suit" },
	};
	struct fix *f = *state;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		struct seek_found found;
		seek(f, ADMIN, &table[i].ask, &found);
		assert_int_equal(found.err, table[i].err);
		if (!strstr(found.message, table[i].says)) fail_msg("%zu: %s", i, found.message);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_attribute_is_found_by_its_own_rule, fix_start, fix_stop),
		cmocka_unit_test_setup_teardown(a_unique_identifier_is_found_in_either_case_and_with_what_else_is_asked, fix_start, fix_stop),
		cmocka_unit_test_setup_teardown(what_makes_no_sense_is_refused, fix_start, fix_stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
