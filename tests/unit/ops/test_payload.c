/* Fields that stand twice, that nobody knows, or that a newer version brought, wherever they stand in a payload (KMIP 1.4 section 11.1). */
#include "unit/ops/fixture.h"

#define UNKNOWN_TAG 0x4201FFu

enum where { NOWHERE, FIRST, MIDDLE, LAST };

static void put_unknown(struct ask *a, enum where here, enum where where)
{
	if (here == where) ttlv_put_i32(&a->w, UNKNOWN_TAG, 7);
}

static void put_template(struct ask *a, struct fix *f, enum where unknown)
{
	(void)f;
	struct ttlv_mark mark = ttlv_begin(&a->w, TAG_TEMPLATE_ATTRIBUTE);
	kmip_attr_put_enum(&a->w, ATTR_CRYPTOGRAPHIC_ALGORITHM, CRYPTOGRAPHIC_ALGORITHM_AES);
	kmip_attr_put_i32(&a->w, ATTR_CRYPTOGRAPHIC_LENGTH, 256);
	kmip_attr_put_i32(&a->w, ATTR_CRYPTOGRAPHIC_USAGE_MASK, CRYPTOGRAPHIC_USAGE_MASK_ENCRYPT);
	put_unknown(a, MIDDLE, unknown); /* in a structure */
	ttlv_end(&a->w, mark);
}

/* Result Reason of a Create; 0 when it was carried out. */
static uint32_t create(struct fix *f, uint32_t minor, unsigned types, enum where unknown)
{
	struct ask a;
	struct answer answer;
	ask_begin(&a, &(struct ask_header){ .minor = minor, .count = 1 });
	ask_item(&a, OPERATION_CREATE, 1);
	put_unknown(&a, FIRST, unknown);
	for (unsigned i = 0; i < types; i++) ttlv_put_enum(&a.w, TAG_OBJECT_TYPE, OBJECT_TYPE_SYMMETRIC_KEY);
	put_template(&a, f, unknown);
	put_unknown(&a, LAST, unknown);
	ask_item_end(&a, NULL);
	ask_end(&a);
	fix_send(f, ADMIN, &a, &answer);
	uint32_t reason = answer.response.items[0].err ? answer.response.items[0].reason : 0;
	answer_free(&answer);
	return reason;
}

static void a_field_that_stands_twice_is_an_invalid_message(void **state)
{
	struct fix *f = *state;
	assert_int_equal(create(f, 4, 1, NOWHERE), 0);
	assert_int_equal(create(f, 4, 2, NOWHERE), RESULT_REASON_INVALID_MESSAGE);
	assert_int_equal(create(f, 4, 3, NOWHERE), RESULT_REASON_INVALID_MESSAGE);
}

static void what_nobody_knows_is_an_invalid_field(void **state)
{
	struct fix *f = *state;
	assert_int_equal(create(f, 4, 1, FIRST), RESULT_REASON_INVALID_FIELD);
	assert_int_equal(create(f, 4, 1, MIDDLE), RESULT_REASON_INVALID_FIELD);
	assert_int_equal(create(f, 4, 1, LAST), RESULT_REASON_INVALID_FIELD);
}

static void a_newer_client_may_send_more(void **state)
{
	struct fix *f = *state;
	for (enum where w = NOWHERE; w <= LAST; w++) assert_int_equal(create(f, 9, 1, w), 0);
	assert_int_equal(create(f, 9, 2, FIRST), RESULT_REASON_INVALID_MESSAGE);
}

/* The worker lane loads the object first: what it wants to load must outlive the run. */
static void a_newer_client_finds_its_key_by_id(void **state)
{
	struct fix *f = *state;
	struct ask a;
	struct answer answer;
	char id[UUID_TEXT_LEN + 1];
	fix_create(f, ADMIN, &(struct key_wish){ .name = "k" }, id);
	object_table_clear(f->engine.objects);
	ask_begin(&a, &(struct ask_header){ .minor = 9, .count = 1 });
	ask_item(&a, OPERATION_GET_ATTRIBUTES, 1);
	ttlv_put_i32(&a.w, UNKNOWN_TAG, 7);
	ask_id(&a, id);
	ask_item_end(&a, NULL);
	ask_end(&a);
	fix_send(f, ADMIN, &a, &answer);
	(void)answer_payload(&answer, 0);
	answer_free(&answer);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fix_start, fix_stop)
	const struct CMUnitTest tests[] = {
		T(a_field_that_stands_twice_is_an_invalid_message), T(what_nobody_knows_is_an_invalid_field), T(a_newer_client_may_send_more),
		T(a_newer_client_finds_its_key_by_id),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
