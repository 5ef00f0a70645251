/* Keys from Create to Destroy. */
#include "unit/ops/fixture.h"

#include "kmip/keyblock.h"

static void created_key_is_active_when_its_date_has_come(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1], later[UUID_TEXT_LEN + 1];
	fix_create(f, ADMIN, &(struct key_wish){ .name = "k" }, id);
	assert_int_equal(fix_state(f, ADMIN, id), OBJECT_ACTIVE);
	fix_create(f, ADMIN, &(struct key_wish){ .name = "later", .pre_active = true }, later);
	assert_int_equal(fix_state(f, ADMIN, later), OBJECT_PRE_ACTIVE);
	assert_int_equal(fix_simple(f, ADMIN, OPERATION_ACTIVATE, later), ERR_OK);
	assert_int_equal(fix_state(f, ADMIN, later), OBJECT_ACTIVE);
	assert_int_equal(fix_simple(f, ADMIN, OPERATION_ACTIVATE, later), ERR_STATE);
}

static void create_refuses_what_it_cannot_make(void **state)
{
	static const struct { uint32_t algorithm; int32_t bits, mask; enum coffer_err err; } cases[] = {
		{ CRYPTOGRAPHIC_ALGORITHM_AES, 128, 12, ERR_OK }, { CRYPTOGRAPHIC_ALGORITHM_AES, 192, 12, ERR_OK },
		{ CRYPTOGRAPHIC_ALGORITHM_AES, 100, 12, ERR_FIELD }, { CRYPTOGRAPHIC_ALGORITHM_AES, -8, 12, ERR_FIELD },
		{ CRYPTOGRAPHIC_ALGORITHM_RSA, 2048, 12, ERR_UNSUPPORTED }, { CRYPTOGRAPHIC_ALGORITHM_AES, 0, 12, ERR_OK },
		{ CRYPTOGRAPHIC_ALGORITHM_RSA, 0, 12, ERR_MISSING }, { CRYPTOGRAPHIC_ALGORITHM_HMAC_SHA256, 256, 0x80, ERR_OK },
		{ CRYPTOGRAPHIC_ALGORITHM_HMAC_SHA256, 100, 0x80, ERR_FIELD },
		{ CRYPTOGRAPHIC_ALGORITHM_CAMELLIA, 128, 12, ERR_UNSUPPORTED }, { CRYPTOGRAPHIC_ALGORITHM_DES3, 168, 12, ERR_UNSUPPORTED },
		{ CRYPTOGRAPHIC_ALGORITHM_AES, 256, 0, ERR_MISSING }, { 0, 256, 12, ERR_MISSING },
	};
	struct fix *f = *state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct ask a;
		struct answer answer;
		uint64_t rows = fix_audit_rows(f);
		ask_one(&a, OPERATION_CREATE);
		ttlv_put_enum(&a.w, TAG_OBJECT_TYPE, OBJECT_TYPE_SYMMETRIC_KEY);
		struct ttlv_mark mark = ttlv_begin(&a.w, TAG_TEMPLATE_ATTRIBUTE);
		if (cases[i].algorithm) kmip_attr_put_enum(&a.w, ATTR_CRYPTOGRAPHIC_ALGORITHM, cases[i].algorithm);
		if (cases[i].bits) kmip_attr_put_i32(&a.w, ATTR_CRYPTOGRAPHIC_LENGTH, cases[i].bits);
		if (cases[i].mask) kmip_attr_put_i32(&a.w, ATTR_CRYPTOGRAPHIC_USAGE_MASK, cases[i].mask);
		ttlv_end(&a.w, mark);
		ask_item_end(&a, NULL);
		ask_end(&a);
		fix_send(f, ADMIN, &a, &answer);
		assert_int_equal(answer.response.items[0].err, cases[i].err);
		assert_int_equal(fix_audit_rows(f), rows + 1);
		answer_free(&answer);
	}
}

static void name_is_given_once(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	struct ask a;
	struct answer answer;
	fix_create(f, ADMIN, &(struct key_wish){ .name = "same" }, id);
	ask_one(&a, OPERATION_CREATE);
	ask_key(&a, &(struct key_wish){ .name = "same" }, f->now_s);
	ask_item_end(&a, NULL);
	ask_end(&a);
	fix_send(f, ADMIN, &a, &answer);
	assert_int_equal(answer.response.items[0].err, ERR_EXISTS);
	answer_free(&answer);
}

static void get_gives_the_raw_key_to_its_owner_alone(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	struct ask a;
	struct answer answer;
	fix_create(f, ADMIN, &(struct key_wish){ .name = "k", .group = "pay" }, id);
	ask_one(&a, OPERATION_GET);
	ask_id(&a, id);
	ask_item_end(&a, NULL);
	ask_end(&a);
	fix_send(f, ADMIN, &a, &answer);
	struct ttlv_cursor c = answer_payload(&answer, 0);
	struct ttlv_item item;
	struct kmip_managed managed;
	assert_int_equal(ttlv_take(&c, TAG_OBJECT_TYPE, &item), ERR_OK);
	assert_int_equal(ttlv_take(&c, TAG_UNIQUE_IDENTIFIER, &item), ERR_OK);
	assert_int_equal(ttlv_take(&c, TAG_SYMMETRIC_KEY, &item), ERR_OK);
	assert_int_equal(kmip_managed_parse(&item, &managed, NULL), ERR_OK);
	assert_int_equal(managed.block.material.len, 32);
	answer_free(&answer);
	assert_int_equal(fix_simple(f, OTHER, OPERATION_GET, id), ERR_DENIED);
	assert_int_equal(fix_simple(f, STRANGER, OPERATION_GET, id), ERR_NOT_FOUND);
}

static void active_key_is_revoked_before_it_is_destroyed(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	fix_create(f, ADMIN, &(struct key_wish){ .name = "k" }, id);
	assert_int_equal(fix_simple(f, ADMIN, OPERATION_DESTROY, id), ERR_STATE);
	assert_int_equal(fix_revoke(f, ADMIN, id, REVOCATION_REASON_CODE_SUPERSEDED), ERR_OK);
	assert_int_equal(fix_state(f, ADMIN, id), OBJECT_DEACTIVATED);
	assert_int_equal(fix_revoke(f, ADMIN, id, REVOCATION_REASON_CODE_SUPERSEDED), ERR_STATE);
	assert_int_equal(fix_simple(f, ADMIN, OPERATION_DESTROY, id), ERR_OK);
	assert_int_equal(fix_state(f, ADMIN, id), OBJECT_DESTROYED);
	assert_int_equal(fix_simple(f, ADMIN, OPERATION_GET, id), ERR_STATE);
	assert_int_equal(fix_simple(f, ADMIN, OPERATION_DESTROY, id), ERR_STATE);
	assert_int_equal(fix_revoke(f, ADMIN, id, REVOCATION_REASON_CODE_KEY_COMPROMISE), ERR_OK);
	assert_int_equal(fix_state(f, ADMIN, id), OBJECT_DESTROYED_COMPROMISED);
}

static void compromise_marks_the_key(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	fix_create(f, ADMIN, &(struct key_wish){ .name = "k" }, id);
	assert_int_equal(fix_revoke(f, ADMIN, id, REVOCATION_REASON_CODE_KEY_COMPROMISE), ERR_OK);
	assert_int_equal(fix_state(f, ADMIN, id), OBJECT_COMPROMISED);
	assert_int_equal(fix_revoke(f, ADMIN, id, 99), ERR_FIELD);
}

static void rekey_moves_the_name_and_counts_the_version(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1], next[UUID_TEXT_LEN + 1];
	uint8_t uuid[UUID_LEN];
	struct ask a;
	struct answer answer;
	AUTO_OBJECT struct object *old = NULL;
	AUTO_OBJECT struct object *new = NULL;
	fix_create(f, ADMIN, &(struct key_wish){ .name = "k" }, id);
	ask_one(&a, OPERATION_RE_KEY);
	ask_id(&a, id);
	ask_item_end(&a, NULL);
	ask_end(&a);
	fix_send(f, ADMIN, &a, &answer);
	answer_id(&answer, 0, next);
	answer_free(&answer);
	assert_int_equal(text_parse_uuid(view_str(id), uuid), ERR_OK);
	assert_int_equal(txn_object(f->engine.txn, uuid, &old), ERR_OK);
	assert_int_equal(text_parse_uuid(view_str(next), uuid), ERR_OK);
	assert_int_equal(txn_object_by_name(f->engine.txn, view_str("k"), &new), ERR_OK);
	assert_memory_equal(new->id, uuid, UUID_LEN);
	assert_int_equal(new->key_version, old->key_version + 1);
	assert_int_equal(object_name(old).len, 0);
	assert_int_equal(new->state, OBJECT_ACTIVE);
	assert_false(secret_equal(old->material, new->material));
	assert_int_equal(fix_simple(f, ADMIN, OPERATION_RE_KEY, id), ERR_STATE);
	assert_int_equal(fix_simple(f, STRANGER, OPERATION_RE_KEY, next), ERR_NOT_FOUND);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fix_start, fix_stop)
	const struct CMUnitTest tests[] = {
		T(created_key_is_active_when_its_date_has_come), T(create_refuses_what_it_cannot_make), T(name_is_given_once),
		T(get_gives_the_raw_key_to_its_owner_alone), T(active_key_is_revoked_before_it_is_destroyed), T(compromise_marks_the_key),
		T(rekey_moves_the_name_and_counts_the_version),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
