/* Templates: registered, named by others, read back. */
#include <string.h>

#include "kmip/values.h"
#include "unit/ops/bring.h"

static void put_name(struct writer *w, const char *name)
{
	kmip_name_put(w, TAG_NAME, &(struct kmip_name){ view_str(name), NAME_TYPE_UNINTERPRETED_TEXT_STRING });
}

struct wish {
	const char *name, *group, *contact;
	uint32_t bits, mask;
	const char *policy;
};

static void put_template(struct writer *w, void *arg)
{
	const struct wish *t = arg;
	struct ttlv_mark mark = ttlv_begin(w, TAG_TEMPLATE);
	kmip_attr_put_enum(w, ATTR_CRYPTOGRAPHIC_ALGORITHM, CRYPTOGRAPHIC_ALGORITHM_AES);
	if (t->bits) kmip_attr_put_i32(w, ATTR_CRYPTOGRAPHIC_LENGTH, (int32_t)t->bits);
	if (t->mask) kmip_attr_put_i32(w, ATTR_CRYPTOGRAPHIC_USAGE_MASK, (int32_t)t->mask);
	if (t->group) kmip_attr_put_text(w, ATTR_OBJECT_GROUP, view_str(t->group));
	if (t->policy) kmip_attr_put_text(w, ATTR_OPERATION_POLICY_NAME, view_str(t->policy));
	if (t->contact) kmip_attr_put_text(w, ATTR_CONTACT_INFORMATION, view_str(t->contact));
	if (t->name) {
		struct kmip_attr_mark name = kmip_attr_begin(w, ATTR_NAME);
		ttlv_put_str(w, TAG_NAME_VALUE, t->name);
		ttlv_put_enum(w, TAG_NAME_TYPE, NAME_TYPE_UNINTERPRETED_TEXT_STRING);
		kmip_attr_end(w, name);
	}
	ttlv_end(w, mark);
}

static void make(struct fix *f, unsigned uid, struct wish t, char out_id[static UUID_TEXT_LEN + 1])
{
	struct bring b = { .mask = -1, .object_type = OBJECT_TYPE_TEMPLATE, .object = put_template, .arg = &t };
	bring_in(f, uid, &b, out_id);
}

/* Create of a symmetric key by templates; contact: NULL or what the request itself says. */
static enum coffer_err create(struct fix *f, unsigned uid, const char *const *names, size_t count, const char *contact, uint32_t *out_reason,
	struct object **out)
{
	struct ask a;
	struct answer answer;
	char id[UUID_TEXT_LEN + 1];
	ask_begin(&a, &(struct ask_header){ .count = 1, .plain = true });
	ask_item(&a, OPERATION_CREATE, 1);
	ttlv_put_enum(&a.w, TAG_OBJECT_TYPE, OBJECT_TYPE_SYMMETRIC_KEY);
	struct ttlv_mark mark = ttlv_begin(&a.w, TAG_TEMPLATE_ATTRIBUTE);
	for (size_t i = 0; i < count; i++) put_name(&a.w, names[i]);
	kmip_attr_put_i32(&a.w, ATTR_CRYPTOGRAPHIC_USAGE_MASK, CRYPTOGRAPHIC_USAGE_MASK_ENCRYPT);
	if (contact) kmip_attr_put_text(&a.w, ATTR_CONTACT_INFORMATION, view_str(contact));
	ttlv_end(&a.w, mark);
	ask_item_end(&a, NULL);
	ask_end(&a);
	fix_send(f, uid, &a, &answer);
	enum coffer_err err = answer.response.items[0].err;
	if (out_reason) *out_reason = answer.response.items[0].reason;
	if (err == ERR_OK && out) {
		answer_id(&answer, 0, id);
		*out = bring_stored(f, id);
	}
	answer_free(&answer);
	return err;
}

static bool text_is(const struct object *o, enum kmip_attr id, uint32_t index, const char *text)
{
	struct ttlv_item item;
	struct view value;
	if (!attrset_item(attrset_get(&o->attrs, id, NULL, index), &item)) return false;
	return ttlv_get_text(&item, &value) == ERR_OK && view_equal_str(value, text);
}

static void attributes_of_a_named_template_reach_the_key(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	const char *names[] = { "t" };
	AUTO_OBJECT struct object *key = NULL;
	make(f, ADMIN, (struct wish){ .name = "t", .group = "g", .contact = "Joe", .bits = 192 }, id);
	assert_int_equal(create(f, ADMIN, names, 1, NULL, NULL, &key), ERR_OK);
	assert_int_equal(key->length_bits, 192);
	assert_int_equal(key->usage_mask, CRYPTOGRAPHIC_USAGE_MASK_ENCRYPT);
	assert_true(text_is(key, ATTR_OBJECT_GROUP, 0, "g"));
	assert_true(text_is(key, ATTR_CONTACT_INFORMATION, 0, "Joe"));
	assert_int_equal(object_name(key).len, 0);
}

static void later_template_and_then_the_request_win(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	const char *names[] = { "first", "second" };
	AUTO_OBJECT struct object *by_template = NULL;
	AUTO_OBJECT struct object *by_request = NULL;
	make(f, ADMIN, (struct wish){ .name = "first", .group = "a", .contact = "one", .bits = 128 }, id);
	make(f, ADMIN, (struct wish){ .name = "second", .group = "b", .contact = "two", .bits = 256, .mask = 8 }, id);
	assert_int_equal(create(f, ADMIN, names, 2, NULL, NULL, &by_template), ERR_OK);
	assert_int_equal(by_template->length_bits, 256);
	assert_int_equal(by_template->usage_mask, CRYPTOGRAPHIC_USAGE_MASK_ENCRYPT);
	assert_true(text_is(by_template, ATTR_CONTACT_INFORMATION, 0, "two"));
	assert_true(text_is(by_template, ATTR_OBJECT_GROUP, 0, "a") && text_is(by_template, ATTR_OBJECT_GROUP, 1, "b"));
	assert_int_equal(create(f, ADMIN, names, 2, "three", NULL, &by_request), ERR_OK);
	assert_true(text_is(by_request, ATTR_CONTACT_INFORMATION, 0, "three"));
	assert_int_equal(attrset_count(&by_request->attrs, ATTR_CONTACT_INFORMATION), 1);
}

static void what_is_no_template_of_ours_is_not_found(void **state)
{
	struct fix *f = *state;
	char template[UUID_TEXT_LEN + 1], key[UUID_TEXT_LEN + 1];
	uint32_t reason = 0;
	const char *names[] = { "t" }, *none[] = { "none" }, *no_template[] = { "k" };
	make(f, ADMIN, (struct wish){ .name = "t", .bits = 128 }, template);
	fix_create(f, ADMIN, &(struct key_wish){ .name = "k", .pre_active = true }, key);
	assert_int_equal(create(f, ADMIN, none, 1, NULL, &reason, NULL), ERR_NOT_FOUND);
	assert_int_equal(reason, RESULT_REASON_ITEM_NOT_FOUND);
	assert_int_equal(create(f, ADMIN, no_template, 1, NULL, &reason, NULL), ERR_NOT_FOUND);
	assert_int_equal(create(f, ADMIN, names, 1, NULL, &reason, NULL), ERR_OK);
	assert_int_equal(fix_simple(f, ADMIN, OPERATION_DESTROY, template), ERR_OK);
	assert_int_equal(create(f, ADMIN, names, 1, NULL, &reason, NULL), ERR_NOT_FOUND);
}

static void template_of_another_owner_helps_only_who_may_see_it(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	uint32_t reason = 0;
	const char *names[] = { "t" };
	make(f, ADMIN, (struct wish){ .name = "t", .bits = 128 }, id);
	assert_int_equal(create(f, STRANGER, names, 1, NULL, &reason, NULL), ERR_DENIED);
	bring_grant(f, STRANGER, ROLE_KEY_MANAGER, "");
	assert_int_equal(create(f, STRANGER, names, 1, NULL, &reason, NULL), ERR_OK);
}

static void put_public(struct ask *a, void *arg)
{
	(void)arg;
	kmip_attr_put_text(&a->w, ATTR_OPERATION_POLICY_NAME, view_str("public"));
}

static void template_that_may_not_be_seen_does_not_exist(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	const char *names[] = { "pay's", "hidden" };
	bring_grant(f, STRANGER, ROLE_KEY_MANAGER, "pay");
	make(f, ADMIN, (struct wish){ .name = "pay's", .group = "pay", .bits = 128 }, id);
	make(f, ADMIN, (struct wish){ .name = "hidden", .group = "other", .bits = 128 }, id);
	assert_int_equal(create(f, STRANGER, names, 1, NULL, NULL, NULL), ERR_OK);
	assert_int_equal(create(f, STRANGER, names + 1, 1, NULL, NULL, NULL), ERR_NOT_FOUND);
}

static void public_template_serves_all_and_makes_nothing_else_public(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	const char *names[] = { "open" };
	AUTO_OBJECT struct object *key = NULL;
	struct bring b = bring_key();
	bring_grant(f, STRANGER, ROLE_KEY_MANAGER, "pay");
	make(f, ADMIN, (struct wish){ .name = "open", .group = "pay", .bits = 128, .policy = "public" }, id);
	assert_int_equal(create(f, STRANGER, names, 1, NULL, NULL, &key), ERR_OK);
	assert_int_equal(attrset_count(&key->attrs, ATTR_OPERATION_POLICY_NAME), 0);
	assert_int_equal(fix_simple(f, STRANGER, OPERATION_GET, id), ERR_OK);
	assert_int_equal(fix_simple(f, STRANGER + 1, OPERATION_GET, id), ERR_OK);
	assert_int_equal(fix_simple(f, STRANGER + 1, OPERATION_DESTROY, id), ERR_DENIED);
	make(f, ADMIN, (struct wish){ .name = "closed", .bits = 128, .policy = "default" }, id);
	assert_int_equal(fix_simple(f, STRANGER + 1, OPERATION_GET, id), ERR_NOT_FOUND);
	b.attributes = put_public;
	assert_int_equal(bring_try(f, ADMIN, &b, id, NULL), ERR_FIELD);
}

static void archived_template_is_not_used(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	uint32_t reason = 0;
	const char *names[] = { "t" };
	make(f, ADMIN, (struct wish){ .name = "t", .bits = 128 }, id);
	bring_archive(f, id);
	assert_int_equal(create(f, ADMIN, names, 1, NULL, &reason, NULL), ERR_ARCHIVED);
	assert_int_equal(reason, RESULT_REASON_OBJECT_ARCHIVED);
}

static void template_needs_a_name_that_is_free(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	struct wish t = { .bits = 128 };
	struct bring b = { .mask = -1, .object_type = OBJECT_TYPE_TEMPLATE, .object = put_template, .arg = &t };
	assert_int_equal(bring_try(f, ADMIN, &b, id, NULL), ERR_MISSING);
	b.name = "outside";
	assert_int_equal(bring_try(f, ADMIN, &b, id, NULL), ERR_OK);
	assert_int_equal(bring_try(f, ADMIN, &b, id, NULL), ERR_EXISTS);
	b.name = NULL;
	t.name = "outside";
	assert_int_equal(bring_try(f, ADMIN, &b, id, NULL), ERR_EXISTS);
}

static void get_gives_the_attributes_of_a_template(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	struct ask a;
	struct answer answer;
	struct ttlv_item item;
	struct ttlv_cursor attributes;
	struct kmip_attr_value v;
	bool found = true, has_name = false, has_group = false, others = false;
	make(f, ADMIN, (struct wish){ .name = "t", .group = "g", .bits = 128 }, id);
	ask_one(&a, OPERATION_GET);
	ask_id(&a, id);
	ask_item_end(&a, NULL);
	ask_end(&a);
	fix_send(f, ADMIN, &a, &answer);
	struct ttlv_cursor c = answer_payload(&answer, 0);
	assert_int_equal(ttlv_take(&c, TAG_OBJECT_TYPE, &item), ERR_OK);
	assert_int_equal(ttlv_take(&c, TAG_UNIQUE_IDENTIFIER, &item), ERR_OK);
	assert_int_equal(ttlv_take_structure(&c, TAG_TEMPLATE, &attributes), ERR_OK);
	while (found) {
		assert_int_equal(kmip_attr_next(&attributes, &v, &found), ERR_OK);
		if (!found) break;
		has_name |= v.id == ATTR_NAME;
		has_group |= v.id == ATTR_OBJECT_GROUP;
		others |= v.id == ATTR_UNIQUE_IDENTIFIER || v.id == ATTR_STATE || v.id == ATTR_INITIAL_DATE || v.id == ATTR_CRYPTOGRAPHIC_USAGE_MASK;
	}
	assert_true(has_name && has_group && !others);
	answer_free(&answer);
}

static void put_two_names(struct ask *a, void *arg)
{
	put_name(&a->w, arg);
}

static void template_serves_register_as_well(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	char name[] = "t";
	make(f, ADMIN, (struct wish){ .name = "t", .contact = "Joe", .mask = 4 }, id);
	struct bring b = bring_key();
	b.mask = -1;
	b.attributes = put_two_names;
	b.arg = name;
	bring_in(f, ADMIN, &b, id);
	AUTO_OBJECT struct object *o = bring_stored(f, id);
	assert_int_equal(o->usage_mask, 4);
	assert_true(text_is(o, ATTR_CONTACT_INFORMATION, 0, "Joe"));
	struct bring opaque = { .mask = -1, .attributes = put_two_names, .arg = name, .managed = { .object_type = OBJECT_TYPE_OPAQUE_OBJECT,
		.data_type = 0x80000000, .opaque = view_str("o") } };
	bring_in(f, ADMIN, &opaque, id);
	AUTO_OBJECT struct object *other = bring_stored(f, id);
	assert_int_equal(other->usage_mask, 0);
	assert_true(text_is(other, ATTR_CONTACT_INFORMATION, 0, "Joe"));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fix_start, fix_stop)
	const struct CMUnitTest tests[] = {
		T(attributes_of_a_named_template_reach_the_key), T(later_template_and_then_the_request_win),
		T(what_is_no_template_of_ours_is_not_found), T(template_of_another_owner_helps_only_who_may_see_it), T(template_that_may_not_be_seen_does_not_exist),
		T(public_template_serves_all_and_makes_nothing_else_public),
		T(archived_template_is_not_used),
		T(template_needs_a_name_that_is_free), T(get_gives_the_attributes_of_a_template), T(template_serves_register_as_well),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
