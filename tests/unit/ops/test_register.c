/* Register: what is kept, and that it comes back as it came. */
#include <string.h>

#include "crypto/hash.h"
#include "kmip/values.h"
#include "objects/dates.h"
#include "store/store.h"
#include "unit/ops/bring.h"

static void registered_key_comes_back_in_the_format_it_came_in(void **state)
{
	static const uint32_t formats[] = { KEY_FORMAT_TYPE_RAW, KEY_FORMAT_TYPE_OPAQUE, KEY_FORMAT_TYPE_TRANSPARENT_SYMMETRIC_KEY };
	struct fix *f = *state;
	for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
		char id[UUID_TEXT_LEN + 1];
		struct answer answer;
		struct kmip_managed got;
		struct bring b = bring_key();
		b.managed.block.format = formats[i];
		bring_in(f, ADMIN, &b, id);
		object_table_clear(f->engine.objects);
		bring_get(f, ADMIN, id, &answer, &got);
		assert_int_equal(got.block.format, formats[i]);
		assert_int_equal(got.block.algorithm, CRYPTOGRAPHIC_ALGORITHM_AES);
		assert_int_equal(got.block.length_bits, 128);
		assert_true(view_equal(got.block.material, view_of(BRING_KEY, BRING_KEY_LEN)));
		answer_free(&answer);
	}
}

static void secret_data_keeps_its_type_and_needs_no_algorithm(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	struct answer answer;
	struct kmip_managed got;
	struct bring b = { .managed = { .object_type = OBJECT_TYPE_SECRET_DATA, .data_type = SECRET_DATA_TYPE_PASSWORD, .block = {
		.format = KEY_FORMAT_TYPE_OPAQUE, .has_value = true, .material = view_str("SecretPassword") } } };
	bring_in(f, ADMIN, &b, id);
	object_table_clear(f->engine.objects);
	bring_get(f, ADMIN, id, &answer, &got);
	assert_int_equal(got.object_type, OBJECT_TYPE_SECRET_DATA);
	assert_int_equal(got.data_type, SECRET_DATA_TYPE_PASSWORD);
	assert_int_equal(got.block.algorithm, 0);
	assert_true(view_equal_str(got.block.material, "SecretPassword"));
	answer_free(&answer);
}

static void opaque_object_needs_no_usage_mask_and_has_no_key_attributes(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	struct answer answer;
	struct kmip_managed got;
	struct bring b = { .mask = -1, .name = "o", .managed = { .object_type = OBJECT_TYPE_OPAQUE_OBJECT, .data_type = 0x80000001,
		.opaque = view_str("anything") } };
	bring_in(f, ADMIN, &b, id);
	AUTO_OBJECT struct object *o = bring_stored(f, id);
	assert_int_equal(o->data_type, 0x80000001);
	assert_int_equal(attrset_count(&o->attrs, ATTR_DIGEST), 1);
	assert_int_equal(attrset_count(&o->attrs, ATTR_FRESH), 0);
	bring_get(f, ADMIN, id, &answer, &got);
	assert_int_equal(got.data_type, 0x80000001);
	assert_true(view_equal_str(got.opaque, "anything"));
	answer_free(&answer);
	assert_int_equal(fix_simple(f, ADMIN, OPERATION_DESTROY, id), ERR_OK);
	assert_int_equal(fix_simple(f, ADMIN, OPERATION_GET, id), ERR_STATE);
}

static bool store_holds(struct fix *f, const char *id, struct view needle)
{
	struct store_row row;
	uint8_t uuid[UUID_LEN];
	assert_int_equal(text_parse_uuid(view_str(id), uuid), ERR_OK);
	assert_int_equal(store_get(f->engine.store, STORE_OBJECT, view_of(uuid, UUID_LEN), &row), ERR_OK);
	struct view parts[] = { row.header, row.index, row.body };
	for (size_t p = 0; p < sizeof parts / sizeof parts[0]; p++)
		for (size_t i = 0; i + needle.len <= parts[p].len; i++)
			if (memcmp(parts[p].ptr + i, needle.ptr, needle.len) == 0) return true;
	return false;
}

static void store_holds_no_byte_of_a_key_in_clear(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	struct bring b = bring_key();
	b.managed.block.material = view_str("0123456789ABCDEF");
	bring_in(f, ADMIN, &b, id);
	AUTO_OBJECT struct object *o = bring_stored(f, id);
	assert_true(store_holds(f, id, view_str("unix:4001")));
	for (size_t i = 0; i + 4 <= 16; i++)
		assert_false(store_holds(f, id, view_of((const uint8_t *)"0123456789ABCDEF" + i, 4)));
}

static struct view digest_of(const struct object *o, uint32_t *out_format)
{
	struct ttlv_item item;
	struct ttlv_cursor c;
	struct view digest;
	uint32_t algorithm;
	assert_true(attrset_item(attrset_get(&o->attrs, ATTR_DIGEST, NULL, 0), &item));
	assert_int_equal(ttlv_enter(&item, &c), ERR_OK);
	assert_int_equal(ttlv_take_enum(&c, TAG_HASHING_ALGORITHM, &algorithm), ERR_OK);
	assert_int_equal(ttlv_take_bytes(&c, TAG_DIGEST_VALUE, &digest), ERR_OK);
	assert_int_equal(ttlv_take_optional_enum(&c, TAG_KEY_FORMAT_TYPE, out_format, NULL), ERR_OK);
	return digest;
}

static void digest_is_of_the_format_that_was_registered(void **state)
{
	struct fix *f = *state;
	char raw[UUID_TEXT_LEN + 1], transparent[UUID_TEXT_LEN + 1];
	uint8_t expected[HASH_SHA256_LEN], encoded[32] = { 0x42, 0x00, 0x43, 1, 0, 0, 0, 24, 0x42, 0x00, 0x3f, 8, 0, 0, 0, 16 };
	uint32_t format = 0;
	struct bring b = bring_key();
	bring_in(f, ADMIN, &b, raw);
	b.managed.block.format = KEY_FORMAT_TYPE_TRANSPARENT_SYMMETRIC_KEY;
	bring_in(f, ADMIN, &b, transparent);
	AUTO_OBJECT struct object *first = bring_stored(f, raw);
	AUTO_OBJECT struct object *second = bring_stored(f, transparent);
	assert_int_equal(hash_sha256(view_of(BRING_KEY, BRING_KEY_LEN), expected), ERR_OK);
	assert_true(view_equal(digest_of(first, &format), view_of(expected, sizeof expected)));
	assert_int_equal(format, KEY_FORMAT_TYPE_RAW);
	memcpy(encoded + 16, BRING_KEY, BRING_KEY_LEN);
	assert_int_equal(hash_sha256(view_of(encoded, sizeof encoded), expected), ERR_OK);
	assert_true(view_equal(digest_of(second, &format), view_of(expected, sizeof expected)));
	assert_int_equal(format, KEY_FORMAT_TYPE_TRANSPARENT_SYMMETRIC_KEY);
}

static void registered_key_claims_no_origin_of_its_own(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	bool value = false;
	uint64_t at_s;
	struct bring b = bring_key();
	bring_in(f, ADMIN, &b, id);
	AUTO_OBJECT struct object *o = bring_stored(f, id);
	assert_int_equal(attrset_count(&o->attrs, ATTR_RANDOM_NUMBER_GENERATOR), 0);
	assert_int_equal(attrset_count(&o->attrs, ATTR_ORIGINAL_CREATION_DATE), 0);
	assert_true(attrset_get_time(&o->attrs, ATTR_INITIAL_DATE, &at_s) && at_s == NOW_S);
	assert_true(attrset_get_bool(&o->attrs, ATTR_FRESH, &value) && value);
	assert_true(attrset_get_bool(&o->attrs, ATTR_EXTRACTABLE, &value) && value);
	assert_true(attrset_get_bool(&o->attrs, ATTR_NEVER_EXTRACTABLE, &value) && !value);
	assert_true(attrset_get_bool(&o->attrs, ATTR_SENSITIVE, &value) && !value);
	assert_int_equal(o->state, OBJECT_PRE_ACTIVE);
}

static void put_origin(struct ask *a, void *arg)
{
	(void)arg;
	kmip_attr_put_time(&a->w, ATTR_ORIGINAL_CREATION_DATE, 38520);
	kmip_attr_put_bool(&a->w, ATTR_FRESH, false);
	kmip_attr_put_bool(&a->w, ATTR_SENSITIVE, true);
	kmip_attr_put_bool(&a->w, ATTR_EXTRACTABLE, false);
	struct kmip_attr_mark mark = kmip_attr_begin(&a->w, ATTR_RANDOM_NUMBER_GENERATOR);
	ttlv_put_enum(&a->w, TAG_RNG_ALGORITHM, RNG_ALGORITHM_NRBG);
	kmip_attr_end(&a->w, mark);
	mark = kmip_attr_begin(&a->w, ATTR_LINK);
	ttlv_put_enum(&a->w, TAG_LINK_TYPE, LINK_TYPE_PARENT_LINK);
	ttlv_put_str(&a->w, TAG_LINKED_OBJECT_IDENTIFIER, "3b2f0f6e-7f6c-4a7e-9d2e-0b1c2d3e4f50");
	kmip_attr_end(&a->w, mark);
}

static void origin_that_the_client_gives_is_kept(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	bool value = true;
	uint64_t at_s;
	struct bring b = bring_key();
	b.attributes = put_origin;
	bring_in(f, ADMIN, &b, id);
	AUTO_OBJECT struct object *o = bring_stored(f, id);
	assert_true(attrset_get_time(&o->attrs, ATTR_ORIGINAL_CREATION_DATE, &at_s) && at_s == 38520);
	assert_int_equal(attrset_count(&o->attrs, ATTR_RANDOM_NUMBER_GENERATOR), 1);
	assert_int_equal(attrset_count(&o->attrs, ATTR_LINK), 1);
	assert_true(attrset_get_bool(&o->attrs, ATTR_FRESH, &value) && !value);
	assert_true(attrset_get_bool(&o->attrs, ATTR_ALWAYS_SENSITIVE, &value) && value);
	assert_true(attrset_get_bool(&o->attrs, ATTR_NEVER_EXTRACTABLE, &value) && value);
	assert_int_equal(fix_simple(f, ADMIN, OPERATION_GET, id), ERR_DENIED);
}

struct in_key {
	uint32_t algorithm, in_block; /* that the Key Value and the Key Block name; 0 none */
	const char *contact;
};

static void put_key_with_attributes(struct writer *w, void *arg)
{
	const struct in_key *k = arg;
	struct ttlv_mark key = ttlv_begin(w, TAG_SYMMETRIC_KEY), block = ttlv_begin(w, TAG_KEY_BLOCK);
	ttlv_put_enum(w, TAG_KEY_FORMAT_TYPE, KEY_FORMAT_TYPE_RAW);
	struct ttlv_mark value = ttlv_begin(w, TAG_KEY_VALUE);
	ttlv_put_bytes(w, TAG_KEY_MATERIAL, view_of(BRING_KEY, BRING_KEY_LEN));
	if (k->algorithm) {
		kmip_attr_put_enum(w, ATTR_CRYPTOGRAPHIC_ALGORITHM, k->algorithm);
		kmip_attr_put_i32(w, ATTR_CRYPTOGRAPHIC_LENGTH, 128);
	}
	kmip_attr_put_text(w, ATTR_CONTACT_INFORMATION, view_str(k->contact));
	kmip_attr_put_text(w, ATTR_OBJECT_GROUP, view_str("inside"));
	ttlv_end(w, value);
	if (k->in_block) {
		ttlv_put_enum(w, TAG_CRYPTOGRAPHIC_ALGORITHM, k->in_block);
		ttlv_put_i32(w, TAG_CRYPTOGRAPHIC_LENGTH, 128);
	}
	ttlv_end(w, block);
	ttlv_end(w, key);
}

static void put_contact(struct ask *a, void *arg)
{
	(void)arg;
	kmip_attr_put_text(&a->w, ATTR_CONTACT_INFORMATION, view_str("Joe"));
}

static void attributes_in_the_key_value_join_those_outside(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	struct in_key k = { CRYPTOGRAPHIC_ALGORITHM_AES, 0, "Joe" };
	struct bring b = { .object_type = OBJECT_TYPE_SYMMETRIC_KEY, .group = "outside", .attributes = put_contact, .object = put_key_with_attributes,
		.arg = &k };
	bring_in(f, ADMIN, &b, id);
	AUTO_OBJECT struct object *o = bring_stored(f, id);
	assert_int_equal(o->algorithm, CRYPTOGRAPHIC_ALGORITHM_AES);
	assert_int_equal(o->length_bits, 128);
	assert_int_equal(attrset_count(&o->attrs, ATTR_OBJECT_GROUP), 2);
	assert_int_equal(attrset_count(&o->attrs, ATTR_CONTACT_INFORMATION), 1);
	k.contact = "Jim";
	assert_int_equal(bring_try(f, ADMIN, &b, id, NULL), ERR_FIELD);
	k.contact = "Joe";
	k.in_block = CRYPTOGRAPHIC_ALGORITHM_HMAC_SHA256;
	assert_int_equal(bring_try(f, ADMIN, &b, id, NULL), ERR_FIELD);
	k.in_block = CRYPTOGRAPHIC_ALGORITHM_AES;
	assert_int_equal(bring_try(f, ADMIN, &b, id, NULL), ERR_OK);
	k.in_block = k.algorithm = 0;
	assert_int_equal(bring_try(f, ADMIN, &b, id, NULL), ERR_MISSING);
}

static void activation_date_that_has_come_makes_the_key_active(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	struct bring b = bring_key();
	b.active = true;
	b.name = "n";
	bring_in(f, ADMIN, &b, id);
	assert_int_equal(fix_state(f, ADMIN, id), OBJECT_ACTIVE);
	assert_int_equal(bring_try(f, ADMIN, &b, id, NULL), ERR_EXISTS);
}

static void only_who_may_create_registers(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	struct bring b = bring_key();
	uint64_t rows = fix_audit_rows(f);
	assert_int_equal(bring_try(f, STRANGER, &b, id, NULL), ERR_DENIED);
	assert_int_equal(bring_try(f, OTHER, &b, id, NULL), ERR_DENIED);
	bring_in(f, ADMIN, &b, id);
	assert_int_equal(fix_audit_rows(f), rows + 3);
}

static void scoped_manager_registers_in_its_own_group(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	struct bring b = bring_key();
	bring_grant(f, STRANGER, ROLE_KEY_MANAGER, "pay");
	assert_int_equal(bring_try(f, STRANGER, &b, id, NULL), ERR_DENIED);
	b.group = "other";
	assert_int_equal(bring_try(f, STRANGER, &b, id, NULL), ERR_DENIED);
	b.group = "pay";
	assert_int_equal(bring_try(f, STRANGER, &b, id, NULL), ERR_OK);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fix_start, fix_stop)
	const struct CMUnitTest tests[] = {
		T(registered_key_comes_back_in_the_format_it_came_in), T(secret_data_keeps_its_type_and_needs_no_algorithm),
		T(opaque_object_needs_no_usage_mask_and_has_no_key_attributes), T(store_holds_no_byte_of_a_key_in_clear),
		T(digest_is_of_the_format_that_was_registered), T(registered_key_claims_no_origin_of_its_own),
		T(origin_that_the_client_gives_is_kept), T(attributes_in_the_key_value_join_those_outside),
		T(activation_date_that_has_come_makes_the_key_active), T(only_who_may_create_registers),
		T(scoped_manager_registers_in_its_own_group),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
