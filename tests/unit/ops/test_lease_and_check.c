/* Check, Obtain Lease, Get Usage Allocation: what they answer, and the Result Reasons of KMIP 1.4 section 11. */
#include "unit/ops/bring.h"
#include "unit/ops/life.h"

#include <string.h>

#define HOUR 3600u

static struct life_key limited(const char *name, int64_t total, uint32_t unit)
{
	return (struct life_key){ .name = name, .activation_s = NOW_S,
		.has_limits = true, .limits = { .has_total = true, .total = total, .has_unit = true, .unit = unit } };
}

/* ---- Get Usage Allocation ---- */

static void put_units(struct ask *a, const void *arg)
{
	ttlv_put_i64(&a->w, TAG_USAGE_LIMITS_COUNT, *(const int64_t *)arg);
}

static uint32_t allocate(struct fix *f, unsigned uid, const char *id, int64_t units)
{
	return life_ask(f, uid, OPERATION_GET_USAGE_ALLOCATION, id, put_units, &units, NULL);
}

static void allocations_and_encryption_share_one_rest(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	struct life_key key = limited("k", 1000, USAGE_LIMITS_UNIT_BYTE);
	life_create(f, &key, id);
	f->now_s += 10;
	assert_int_equal(allocate(f, ADMIN, id, 500), LIFE_DONE);
	assert_int_equal(life_rest(f, id), 500);
	assert_int_equal(allocate(f, ADMIN, id, 501), RESULT_REASON_PERMISSION_DENIED);
	assert_int_equal(life_cipher(f, ADMIN, OPERATION_ENCRYPT, id, 100), LIFE_DONE);
	assert_int_equal(allocate(f, ADMIN, id, 400), LIFE_DONE);
	assert_int_equal(life_rest(f, id), 0);
	assert_int_equal(allocate(f, ADMIN, id, 1), RESULT_REASON_PERMISSION_DENIED);
	AUTO_OBJECT struct object *o = life_stored(f, id);
	assert_int_equal(life_date(o, ATTR_LAST_CHANGE_DATE), NOW_S + 10);
}

static void allocation_is_refused_as_table_345_says(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1], other[UUID_TEXT_LEN + 1];
	struct life_key key = limited("k", 1000, USAGE_LIMITS_UNIT_BYTE);
	life_create(f, &key, id);
	assert_int_equal(life_ask(f, ADMIN, OPERATION_GET_USAGE_ALLOCATION, id, NULL, NULL, NULL), RESULT_REASON_INVALID_MESSAGE);
	assert_int_equal(allocate(f, ADMIN, id, 0), RESULT_REASON_INVALID_FIELD);
	assert_int_equal(allocate(f, ADMIN, id, -5), RESULT_REASON_INVALID_FIELD);
	assert_int_equal(allocate(f, STRANGER, id, 1), RESULT_REASON_ITEM_NOT_FOUND);
	assert_int_equal(allocate(f, ADMIN, "nothing", 1), RESULT_REASON_ITEM_NOT_FOUND);
	life_create(f, &(struct life_key){ .name = "free", .activation_s = NOW_S }, other);
	assert_int_equal(allocate(f, ADMIN, other, 1), RESULT_REASON_ILLEGAL_OPERATION);
	key.name = "decrypts";
	key.mask = CRYPTOGRAPHIC_USAGE_MASK_DECRYPT | CRYPTOGRAPHIC_USAGE_MASK_MAC_VERIFY;
	life_create(f, &key, other);
	assert_int_equal(allocate(f, ADMIN, other, 1), RESULT_REASON_ILLEGAL_OPERATION);
	key = limited("later", 10, USAGE_LIMITS_UNIT_OBJECT);
	key.activation_s = NOW_S + 10;
	key.protect_stop_s = NOW_S + 20;
	life_create(f, &key, other);
	assert_int_equal(allocate(f, ADMIN, other, 1), RESULT_REASON_ILLEGAL_OPERATION);
	f->now_s = NOW_S + 10;
	assert_int_equal(allocate(f, ADMIN, other, 1), LIFE_DONE);
	f->now_s = NOW_S + 20;
	assert_int_equal(allocate(f, ADMIN, other, 1), RESULT_REASON_ILLEGAL_OPERATION);
	assert_int_equal(life_rest(f, other), 9);
	assert_int_equal(life_ask(f, ADMIN, OPERATION_ARCHIVE, id, NULL, NULL, NULL), LIFE_DONE);
	assert_int_equal(allocate(f, ADMIN, id, 1), RESULT_REASON_OBJECT_ARCHIVED);
}

/* ---- Obtain Lease ---- */

struct lease { uint32_t time_s; int64_t changed_s; };

static uint32_t lease(struct fix *f, unsigned uid, const char *id, struct lease *out)
{
	struct answer answer;
	struct ttlv_item item;
	uint32_t reason = life_ask(f, uid, OPERATION_OBTAIN_LEASE, id, NULL, NULL, &answer);
	if (reason == LIFE_DONE) {
		struct ttlv_cursor c = answer_payload(&answer, 0);
		assert_int_equal(ttlv_take(&c, TAG_UNIQUE_IDENTIFIER, &item), ERR_OK);
		assert_int_equal(ttlv_take_interval(&c, TAG_LEASE_TIME, &out->time_s), ERR_OK);
		assert_int_equal(ttlv_take_time(&c, TAG_LAST_CHANGE_DATE, &out->changed_s), ERR_OK);
		assert_int_equal(ttlv_done(&c), ERR_OK);
	}
	answer_free(&answer);
	return reason;
}

static uint32_t lease_attribute(struct fix *f, const char *id)
{
	struct answer answer;
	struct kmip_attr_value value;
	struct ttlv_item item;
	bool found = false;
	uint32_t lease_s = 0;
	assert_int_equal(life_ask(f, ADMIN, OPERATION_GET_ATTRIBUTES, id, NULL, NULL, &answer), LIFE_DONE);
	struct ttlv_cursor c = answer_payload(&answer, 0);
	assert_int_equal(ttlv_take(&c, TAG_UNIQUE_IDENTIFIER, &item), ERR_OK);
	while (kmip_attr_next(&c, &value, &found) == ERR_OK && found)
		if (value.id == ATTR_LEASE_TIME) assert_int_equal(ttlv_get_interval(&value.value, &lease_s), ERR_OK);
	answer_free(&answer);
	return lease_s;
}

static void lease_is_the_configured_one_in_whole_seconds(void **state)
{
	static const struct { uint64_t ms; uint32_t expected_s; } cases[] = {
		{ 0, 0 }, { 3600000, 3600 }, { 1, 1 }, { 1001, 2 }, { UINT64_C(31536000000), 31536000 },
	};
	struct fix *f = *state;
	struct lease l = { 9, 9 };
	char id[UUID_TEXT_LEN + 1];
	life_create(f, &(struct life_key){ .activation_s = NOW_S }, id);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		f->config.kmip_lease_time_ms = cases[i].ms;
		assert_int_equal(lease(f, ADMIN, id, &l), LIFE_DONE);
		assert_int_equal(l.time_s, cases[i].expected_s);
		assert_int_equal(l.changed_s, NOW_S);
		assert_int_equal(lease_attribute(f, id), cases[i].expected_s);
	}
}

static void lease_tells_the_last_change(void **state)
{
	struct fix *f = *state;
	struct lease l;
	char id[UUID_TEXT_LEN + 1];
	unsigned runs;
	life_create(f, &(struct life_key){ .name = "k" }, id);
	f->now_s += 7;
	assert_int_equal(life_ask(f, ADMIN, OPERATION_ACTIVATE, id, NULL, NULL, NULL), LIFE_DONE);
	runs = f->store_runs;
	f->now_s += 7;
	assert_int_equal(lease(f, ADMIN, id, &l), LIFE_DONE);
	assert_int_equal(l.changed_s, NOW_S + 7);
	assert_int_equal(f->store_runs, runs);
}

static void lease_is_refused_as_table_344_says(void **state)
{
	struct fix *f = *state;
	struct lease l;
	char id[UUID_TEXT_LEN + 1], archived[UUID_TEXT_LEN + 1];
	life_create(f, &(struct life_key){ .name = "k", .activation_s = NOW_S }, id);
	assert_int_equal(lease(f, STRANGER, id, &l), RESULT_REASON_ITEM_NOT_FOUND);
	assert_int_equal(life_revoke(f, ADMIN, id, REVOCATION_REASON_CODE_SUPERSEDED), LIFE_DONE);
	assert_int_equal(lease(f, ADMIN, id, &l), LIFE_DONE); /* it still decrypts */
	assert_int_equal(life_revoke(f, ADMIN, id, REVOCATION_REASON_CODE_KEY_COMPROMISE), LIFE_DONE);
	assert_int_equal(lease(f, ADMIN, id, &l), RESULT_REASON_PERMISSION_DENIED);
	assert_int_equal(life_ask(f, ADMIN, OPERATION_DESTROY, id, NULL, NULL, NULL), LIFE_DONE);
	assert_int_equal(lease(f, ADMIN, id, &l), RESULT_REASON_PERMISSION_DENIED);
	life_create(f, &(struct life_key){ .name = "archived" }, archived);
	assert_int_equal(life_ask(f, ADMIN, OPERATION_ARCHIVE, archived, NULL, NULL, NULL), LIFE_DONE);
	assert_int_equal(lease(f, ADMIN, archived, &l), RESULT_REASON_OBJECT_ARCHIVED);
}

/* ---- Check ---- */

struct wanted { int64_t units; int32_t mask; int64_t lease_s; }; /* -1: not asked */

static void put_wanted(struct ask *a, const void *arg)
{
	const struct wanted *q = arg;
	if (q->units != -1) ttlv_put_i64(&a->w, TAG_USAGE_LIMITS_COUNT, q->units);
	if (q->mask != -1) ttlv_put_i32(&a->w, TAG_CRYPTOGRAPHIC_USAGE_MASK, q->mask);
	if (q->lease_s != -1) ttlv_put_interval(&a->w, TAG_LEASE_TIME, (uint32_t)q->lease_s);
}

/* What the answer names; -1 where it names nothing. */
static uint32_t check(struct fix *f, unsigned uid, const char *id, const struct wanted *q, struct wanted *named)
{
	struct answer answer;
	struct ttlv_item item;
	uint32_t lease_s, reason = life_ask(f, uid, OPERATION_CHECK, id, put_wanted, q, &answer);
	struct ttlv_cursor c = answer.response.items[0].payload;
	*named = (struct wanted){ -1, -1, -1 };
	while (answer.response.items[0].has_payload && ttlv_next(&c, &item)) {
		if (item.tag == TAG_USAGE_LIMITS_COUNT) assert_int_equal(ttlv_get_i64(&item, &named->units), ERR_OK);
		else if (item.tag == TAG_CRYPTOGRAPHIC_USAGE_MASK) assert_int_equal(ttlv_get_i32(&item, &named->mask), ERR_OK);
		else if (item.tag == TAG_UNIQUE_IDENTIFIER) assert_int_equal(reason, LIFE_DONE);
		else {
			assert_int_equal(ttlv_get_interval(&item, &lease_s), ERR_OK);
			named->lease_s = lease_s;
		}
	}
	answer_free(&answer);
	return reason;
}

static void assert_check(struct fix *f, unsigned uid, const char *id, struct wanted q, struct wanted expected)
{
	struct wanted named;
	bool denied = expected.units != -1 || expected.mask != -1 || expected.lease_s != -1;
	assert_int_equal(check(f, uid, id, &q, &named), denied ? RESULT_REASON_PERMISSION_DENIED : LIFE_DONE);
	assert_int_equal(named.units, expected.units);
	assert_int_equal(named.mask, expected.mask);
	assert_int_equal(named.lease_s, expected.lease_s);
}

#define NOTHING ((struct wanted){ -1, -1, -1 })
#define ENC CRYPTOGRAPHIC_USAGE_MASK_ENCRYPT
#define DEC CRYPTOGRAPHIC_USAGE_MASK_DECRYPT
#define MAC CRYPTOGRAPHIC_USAGE_MASK_MAC_GENERATE

static void check_names_what_stands_in_the_way_and_nothing_else(void **state)
{
	static const struct { struct wanted asked, named; } cases[] = {
		{ { -1, -1, -1 }, { -1, -1, -1 } }, { { 1000, ENC | DEC, HOUR }, { -1, -1, -1 } }, { { 1001, ENC, 1 }, { 1001, -1, -1 } },
		{ { 1, ENC | MAC, 1 }, { -1, ENC | MAC, -1 } }, { { 1, ENC, HOUR + 1 }, { -1, -1, HOUR + 1 } }, { { 0, 0, 0 }, { -1, -1, -1 } },
		{ { 2000, MAC, 7200 }, { 2000, MAC, 7200 } },
	};
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	struct life_key key = limited("k", 1000, USAGE_LIMITS_UNIT_BYTE);
	life_create(f, &key, id);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) assert_check(f, ADMIN, id, cases[i].asked, cases[i].named);
	assert_int_equal(life_rest(f, id), 1000); /* it only looks */
	assert_int_equal(allocate(f, ADMIN, id, 600), LIFE_DONE);
	assert_check(f, ADMIN, id, (struct wanted){ 401, -1, -1 }, (struct wanted){ 401, -1, -1 });
	assert_check(f, ADMIN, id, (struct wanted){ 400, -1, -1 }, NOTHING);
}

static void check_knows_the_state_and_the_dates(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	struct life_key key = { .name = "k", .activation_s = NOW_S + 10, .process_start_s = NOW_S + 20, .protect_stop_s = NOW_S + 30,
		.deactivation_s = NOW_S + 40 };
	static const struct { uint64_t after_s; struct wanted named; } cases[] = {
		{ 0, { 5, ENC | DEC, -1 } }, { 10, { -1, ENC | DEC, -1 } }, { 20, { -1, -1, -1 } }, { 30, { 5, ENC | DEC, -1 } },
		{ 40, { 5, ENC | DEC, -1 } },
	};
	life_create(f, &key, id);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		f->now_s = NOW_S + cases[i].after_s;
		assert_check(f, ADMIN, id, (struct wanted){ 5, ENC | DEC, 9 }, cases[i].named);
	}
	assert_check(f, ADMIN, id, (struct wanted){ -1, DEC, -1 }, NOTHING);
	assert_int_equal(life_revoke(f, ADMIN, id, REVOCATION_REASON_CODE_KEY_COMPROMISE), LIFE_DONE);
	assert_check(f, ADMIN, id, (struct wanted){ -1, DEC, 9 }, (struct wanted){ -1, -1, 9 });
}

static void check_knows_who_asks(void **state)
{
	enum { MANAGER = 4010, EXPORTER = 4011 };
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	struct wanted named;
	fix_give(f, MANAGER, ROLE_KEY_MANAGER, "");
	fix_give(f, EXPORTER, ROLE_KEY_EXPORTER, "");
	life_create(f, &(struct life_key){ .name = "k", .group = "pay", .activation_s = NOW_S }, id);
	assert_check(f, OTHER, id, (struct wanted){ -1, ENC, -1 }, NOTHING);
	assert_check(f, EXPORTER, id, (struct wanted){ -1, ENC, -1 }, NOTHING);
	assert_check(f, MANAGER, id, (struct wanted){ -1, ENC, -1 }, (struct wanted){ -1, ENC, -1 });
	assert_int_equal(check(f, STRANGER, id, &NOTHING, &named), RESULT_REASON_ITEM_NOT_FOUND);
}

static void check_is_refused_as_table_337_says(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1], opaque[UUID_TEXT_LEN + 1];
	struct wanted named, bad = { -1, 0x40000000, -1 }, negative = { -7, -1, -1 };
	struct bring b = { .managed = { .object_type = OBJECT_TYPE_OPAQUE_OBJECT, .data_type = 0x80000001u, .opaque = view_str("bytes") }, .mask = -1 };
	life_create(f, &(struct life_key){ .name = "k" }, id);
	bring_in(f, ADMIN, &b, opaque);
	assert_int_equal(check(f, ADMIN, opaque, &NOTHING, &named), RESULT_REASON_ILLEGAL_OPERATION);
	assert_int_equal(check(f, ADMIN, id, &bad, &named), RESULT_REASON_INVALID_FIELD);
	assert_int_equal(check(f, ADMIN, id, &negative, &named), RESULT_REASON_INVALID_FIELD);
	assert_int_equal(life_ask(f, ADMIN, OPERATION_ARCHIVE, id, NULL, NULL, NULL), LIFE_DONE);
	assert_int_equal(check(f, ADMIN, id, &NOTHING, &named), RESULT_REASON_OBJECT_ARCHIVED);
	assert_int_equal(life_ask(f, ADMIN, OPERATION_RECOVER, id, NULL, NULL, NULL), LIFE_DONE);
	assert_int_equal(life_ask(f, ADMIN, OPERATION_DESTROY, id, NULL, NULL, NULL), LIFE_DONE);
	assert_int_equal(check(f, ADMIN, id, &NOTHING, &named), RESULT_REASON_ILLEGAL_OPERATION);
}

/* Create, Check, Get by the ID Placeholder: a Check that fails leaves none (section 4.10). */
static void failed_check_empties_the_id_placeholder(void **state)
{
	static const struct { int32_t mask; enum coffer_err get; } cases[] = { { ENC, ERR_OK }, { MAC, ERR_MISSING } };
	struct fix *f = *state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct ask a;
		struct answer answer;
		ask_begin(&a, &(struct ask_header){ .count = 3, .continuation = BATCH_ERROR_CONTINUATION_OPTION_CONTINUE });
		ask_item(&a, OPERATION_CREATE, 1);
		ask_key(&a, &(struct key_wish){ .name = i ? "two" : "one" }, f->now_s);
		ask_item_end(&a, NULL);
		ask_item(&a, OPERATION_CHECK, 2);
		ttlv_put_i32(&a.w, TAG_CRYPTOGRAPHIC_USAGE_MASK, cases[i].mask);
		ask_item_end(&a, NULL);
		ask_item(&a, OPERATION_GET, 3);
		ask_item_end(&a, NULL);
		ask_end(&a);
		fix_send(f, ADMIN, &a, &answer);
		assert_int_equal(answer.response.items[0].err, ERR_OK);
		assert_int_equal(answer.response.items[2].err, cases[i].get);
		answer_free(&answer);
	}
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fix_start, fix_stop)
	const struct CMUnitTest tests[] = {
		T(allocations_and_encryption_share_one_rest), T(allocation_is_refused_as_table_345_says),
		T(lease_is_the_configured_one_in_whole_seconds), T(lease_tells_the_last_change), T(lease_is_refused_as_table_344_says),
		T(check_names_what_stands_in_the_way_and_nothing_else), T(check_knows_the_state_and_the_dates), T(check_knows_who_asks),
		T(check_is_refused_as_table_337_says), T(failed_check_empties_the_id_placeholder),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
