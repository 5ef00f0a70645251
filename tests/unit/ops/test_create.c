/* Create: lengths that are left open, secret data, generators that are asked for. */
#include <string.h>

#include "unit/ops/bring.h"

struct wish {
	uint32_t type, algorithm, bits;
	uint32_t rng, drbg; /* RNG Algorithm and DRBG Algorithm of a Random Number Generator; 0: none */
	bool original_date;
};

static void create(struct fix *f, const struct wish *c, struct answer *answer)
{
	struct ask a;
	ask_one(&a, OPERATION_CREATE);
	ttlv_put_enum(&a.w, TAG_OBJECT_TYPE, c->type);
	struct ttlv_mark mark = ttlv_begin(&a.w, TAG_TEMPLATE_ATTRIBUTE);
	if (c->algorithm) kmip_attr_put_enum(&a.w, ATTR_CRYPTOGRAPHIC_ALGORITHM, c->algorithm);
	if (c->bits) kmip_attr_put_i32(&a.w, ATTR_CRYPTOGRAPHIC_LENGTH, (int32_t)c->bits);
	if (c->type == OBJECT_TYPE_SYMMETRIC_KEY) kmip_attr_put_i32(&a.w, ATTR_CRYPTOGRAPHIC_USAGE_MASK, CRYPTOGRAPHIC_USAGE_MASK_ENCRYPT);
	if (c->original_date) kmip_attr_put_time(&a.w, ATTR_ORIGINAL_CREATION_DATE, 1);
	if (c->rng) {
		struct kmip_attr_mark rng = kmip_attr_begin(&a.w, ATTR_RANDOM_NUMBER_GENERATOR);
		ttlv_put_enum(&a.w, TAG_RNG_ALGORITHM, c->rng);
		if (c->drbg) ttlv_put_enum(&a.w, TAG_DRBG_ALGORITHM, c->drbg);
		kmip_attr_end(&a.w, rng);
	}
	ttlv_end(&a.w, mark);
	ask_item_end(&a, NULL);
	ask_end(&a);
	fix_send(f, ADMIN, &a, answer);
}

static enum coffer_err try_create(struct fix *f, struct wish c, char *out_id)
{
	struct answer answer;
	create(f, &c, &answer);
	enum coffer_err err = answer.response.items[0].err;
	if (err == ERR_OK) answer_id(&answer, 0, out_id);
	answer_free(&answer);
	return err;
}

static void length_that_the_server_chose_is_told(void **state)
{
	static const struct { uint32_t algorithm, asked; int32_t told; } cases[] = {
		{ CRYPTOGRAPHIC_ALGORITHM_AES, 0, 256 }, { CRYPTOGRAPHIC_ALGORITHM_AES, 128, 0 }, { CRYPTOGRAPHIC_ALGORITHM_HMAC_SHA384, 0, 384 },
		{ CRYPTOGRAPHIC_ALGORITHM_HMAC_SHA512, 256, 0 },
	};
	struct fix *f = *state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct answer answer;
		struct ttlv_item item;
		struct ttlv_cursor attributes;
		struct kmip_attr_value v = { .id = ATTR_NONE };
		int32_t told = 0;
		bool found = false;
		create(f, &(struct wish){ .type = OBJECT_TYPE_SYMMETRIC_KEY, .algorithm = cases[i].algorithm, .bits = cases[i].asked }, &answer);
		struct ttlv_cursor c = answer_payload(&answer, 0);
		assert_int_equal(ttlv_take(&c, TAG_OBJECT_TYPE, &item), ERR_OK);
		assert_int_equal(ttlv_take(&c, TAG_UNIQUE_IDENTIFIER, &item), ERR_OK);
		assert_int_equal(ttlv_peek_tag(&c) == TAG_TEMPLATE_ATTRIBUTE, cases[i].told != 0);
		if (cases[i].told) {
			assert_int_equal(ttlv_take_structure(&c, TAG_TEMPLATE_ATTRIBUTE, &attributes), ERR_OK);
			assert_int_equal(kmip_attr_next(&attributes, &v, &found), ERR_OK);
			assert_int_equal(v.id, ATTR_CRYPTOGRAPHIC_LENGTH);
			assert_int_equal(ttlv_get_i32(&v.value, &told), ERR_OK);
		}
		assert_int_equal(told, cases[i].told);
		answer_free(&answer);
	}
}

static void secret_data_is_made_of_whole_random_bytes(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1], other[UUID_TEXT_LEN + 1];
	struct answer first, second;
	struct kmip_managed a, b;
	assert_int_equal(try_create(f, (struct wish){ .type = OBJECT_TYPE_SECRET_DATA, .bits = 80 }, id), ERR_OK);
	assert_int_equal(try_create(f, (struct wish){ .type = OBJECT_TYPE_SECRET_DATA, .bits = 80 }, other), ERR_OK);
	object_table_clear(f->engine.objects);
	bring_get(f, ADMIN, id, &first, &a);
	bring_get(f, ADMIN, other, &second, &b);
	assert_int_equal(a.object_type, OBJECT_TYPE_SECRET_DATA);
	assert_int_equal(a.data_type, SECRET_DATA_TYPE_PASSWORD);
	assert_int_equal(a.block.format, KEY_FORMAT_TYPE_OPAQUE);
	assert_int_equal(a.block.material.len, 10);
	assert_false(view_equal(a.block.material, b.block.material));
	answer_free(&first);
	answer_free(&second);
}

static void what_cannot_be_made_is_refused(void **state)
{
	static const struct { struct wish wish; enum coffer_err err; } cases[] = {
		{ { .type = OBJECT_TYPE_SECRET_DATA }, ERR_MISSING }, { { .type = OBJECT_TYPE_SECRET_DATA, .bits = 81 }, ERR_FIELD },
		{ { .type = OBJECT_TYPE_SECRET_DATA, .bits = SECRET_MAX * 8 + 8 }, ERR_FIELD },
		{ { .type = OBJECT_TYPE_SECRET_DATA, .bits = 128, .algorithm = CRYPTOGRAPHIC_ALGORITHM_AES }, ERR_FIELD },
		{ { .type = OBJECT_TYPE_OPAQUE_OBJECT, .bits = 128 }, ERR_UNSUPPORTED }, { { .type = OBJECT_TYPE_TEMPLATE }, ERR_UNSUPPORTED },
		{ { .type = OBJECT_TYPE_SYMMETRIC_KEY, .bits = 128 }, ERR_MISSING },
		{ { .type = OBJECT_TYPE_SYMMETRIC_KEY, .algorithm = CRYPTOGRAPHIC_ALGORITHM_AES, .original_date = true }, ERR_FIELD },
		{ { .type = OBJECT_TYPE_SYMMETRIC_KEY, .algorithm = CRYPTOGRAPHIC_ALGORITHM_AES, .rng = RNG_ALGORITHM_NRBG }, ERR_FIELD },
		{ { .type = OBJECT_TYPE_SYMMETRIC_KEY, .algorithm = CRYPTOGRAPHIC_ALGORITHM_AES, .rng = RNG_ALGORITHM_DRBG,
			.drbg = DRBG_ALGORITHM_HASH }, ERR_FIELD },
		{ { .type = OBJECT_TYPE_SYMMETRIC_KEY, .algorithm = CRYPTOGRAPHIC_ALGORITHM_AES, .rng = RNG_ALGORITHM_DRBG,
			.drbg = DRBG_ALGORITHM_CTR }, ERR_OK },
	};
	struct fix *f = *state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char id[UUID_TEXT_LEN + 1];
		assert_int_equal(try_create(f, cases[i].wish, id), cases[i].err);
	}
}

static unsigned ones(uint8_t byte)
{
	unsigned count = 0;
	for (; byte; byte &= (uint8_t)(byte - 1)) count++;
	return count;
}

static void legacy_algorithms_need_the_leave_of_the_configuration(void **state)
{
	static const struct { uint32_t bits; size_t len; } lengths[] = { { 0, 24 }, { 112, 16 }, { 168, 24 }, { 192, 24 } };
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	struct bring b = bring_key();
	b.managed.block.algorithm = CRYPTOGRAPHIC_ALGORITHM_DES3;
	b.managed.block.length_bits = 112;
	assert_int_equal(try_create(f, (struct wish){ .type = OBJECT_TYPE_SYMMETRIC_KEY, .algorithm = CRYPTOGRAPHIC_ALGORITHM_DES3 }, id), ERR_UNSUPPORTED);
	assert_int_equal(bring_try(f, ADMIN, &b, id, NULL), ERR_UNSUPPORTED);
	f->config.legacy_algorithms = true;
	assert_int_equal(bring_try(f, ADMIN, &b, id, NULL), ERR_OK);
	for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
		assert_int_equal(try_create(f, (struct wish){ .type = OBJECT_TYPE_SYMMETRIC_KEY, .algorithm = CRYPTOGRAPHIC_ALGORITHM_DES3,
			.bits = lengths[i].bits }, id), ERR_OK);
		AUTO_OBJECT struct object *o = bring_stored(f, id);
		assert_int_equal(secret_len(o->material), lengths[i].len);
		for (size_t k = 0; k < lengths[i].len; k++) assert_int_equal(ones(secret_bytes(o->material)[k]) % 2, 1);
	}
}

static void server_names_its_own_generator(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	struct ttlv_item item;
	struct ttlv_cursor c;
	uint32_t algorithm, cipher;
	int32_t bits;
	assert_int_equal(try_create(f, (struct wish){ .type = OBJECT_TYPE_SYMMETRIC_KEY, .algorithm = CRYPTOGRAPHIC_ALGORITHM_AES,
		.rng = RNG_ALGORITHM_DRBG }, id), ERR_OK);
	AUTO_OBJECT struct object *o = bring_stored(f, id);
	assert_true(attrset_item(attrset_get(&o->attrs, ATTR_RANDOM_NUMBER_GENERATOR, NULL, 0), &item));
	assert_int_equal(attrset_count(&o->attrs, ATTR_RANDOM_NUMBER_GENERATOR), 1);
	assert_int_equal(ttlv_enter(&item, &c), ERR_OK);
	assert_int_equal(ttlv_take_enum(&c, TAG_RNG_ALGORITHM, &algorithm), ERR_OK);
	assert_int_equal(ttlv_take_enum(&c, TAG_CRYPTOGRAPHIC_ALGORITHM, &cipher), ERR_OK);
	assert_int_equal(ttlv_take_i32(&c, TAG_CRYPTOGRAPHIC_LENGTH, &bits), ERR_OK);
	assert_int_equal(bits, 256);
}

static void nobody_owns_more_than_the_configuration_allows(void **state)
{
	struct fix *f = *state;
	struct ask a;
	struct answer answer;
	char id[UUID_TEXT_LEN + 1];
	f->config.max_objects_per_principal = 2;
	fix_create(f, ADMIN, &(struct key_wish){ .pre_active = true }, id);
	fix_create(f, ADMIN, &(struct key_wish){ .pre_active = true }, id);
	ask_one(&a, OPERATION_CREATE);
	ask_key(&a, &(struct key_wish){ .name = "third" }, f->now_s);
	ask_item_end(&a, NULL);
	ask_end(&a);
	fix_send(f, ADMIN, &a, &answer);
	assert_int_equal(answer.response.items[0].err, ERR_LIMIT);
	answer_free(&answer);
	assert_int_equal(fix_simple(f, ADMIN, OPERATION_DESTROY, id), ERR_OK); /* what is destroyed does not count */
	fix_create(f, ADMIN, &(struct key_wish){ .name = "third" }, id);
	assert_int_equal(fix_simple(f, ADMIN, OPERATION_RE_KEY, id), ERR_LIMIT);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fix_start, fix_stop)
	const struct CMUnitTest tests[] = {
		T(nobody_owns_more_than_the_configuration_allows),
		T(length_that_the_server_chose_is_told), T(secret_data_is_made_of_whole_random_bytes), T(what_cannot_be_made_is_refused),
		T(legacy_algorithms_need_the_leave_of_the_configuration),
		T(server_names_its_own_generator),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
