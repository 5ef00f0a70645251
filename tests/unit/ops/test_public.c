/* Objects with the operation policy "public": found and read by all, changed by whoever could change them before. */
#include <string.h>

#include "kmip/values.h"
#include "unit/ops/bring.h"

struct made {
	const char *name, *policy, *group;
};

static void put_attributes(struct ask *a, void *arg)
{
	const struct made *m = arg;
	if (m->policy) kmip_attr_put_text(&a->w, ATTR_OPERATION_POLICY_NAME, view_str(m->policy));
	if (m->group) kmip_attr_put_text(&a->w, ATTR_OBJECT_GROUP, view_str(m->group));
}

static void put_template(struct writer *w, void *arg)
{
	(void)arg;
	struct ttlv_mark mark = ttlv_begin(w, TAG_TEMPLATE);
	kmip_attr_put_enum(w, ATTR_CRYPTOGRAPHIC_ALGORITHM, CRYPTOGRAPHIC_ALGORITHM_AES);
	kmip_attr_put_i32(w, ATTR_CRYPTOGRAPHIC_LENGTH, 256);
	ttlv_end(w, mark);
}

static enum coffer_err make_template(struct fix *f, struct made m, char out_id[static UUID_TEXT_LEN + 1])
{
	struct bring b = { .mask = -1, .object_type = OBJECT_TYPE_TEMPLATE, .object = put_template, .attributes = put_attributes, .arg = &m, .name = m.name };
	return bring_try(f, ADMIN, &b, out_id, NULL);
}

/* How many objects a Locate without criteria finds, and the only one. */
static size_t located(struct fix *f, unsigned uid, char out_id[static UUID_TEXT_LEN + 1])
{
	struct ask a;
	struct answer answer;
	struct ttlv_item item;
	struct view text;
	size_t count = 0;
	ask_one(&a, OPERATION_LOCATE);
	ask_item_end(&a, NULL);
	ask_end(&a);
	fix_send(f, uid, &a, &answer);
	struct ttlv_cursor c = answer_payload(&answer, 0);
	while (ttlv_next(&c, &item)) {
		if (item.tag != TAG_UNIQUE_IDENTIFIER) continue;
		assert_int_equal(ttlv_get_text(&item, &text), ERR_OK);
		memcpy(out_id, text.ptr, UUID_TEXT_LEN);
		out_id[UUID_TEXT_LEN] = '\0';
		count++;
	}
	answer_free(&answer);
	return count;
}

static void anybody_finds_and_reads_a_public_template(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1], private[UUID_TEXT_LEN + 1], found[UUID_TEXT_LEN + 1];
	assert_int_equal(make_template(f, (struct made){ "open", "public", NULL }, id), ERR_OK);
	assert_int_equal(make_template(f, (struct made){ "closed", "default", NULL }, private), ERR_OK);
	assert_int_equal(located(f, STRANGER, found), 1);
	assert_string_equal(found, id);
	assert_int_equal(fix_simple(f, STRANGER, OPERATION_GET_ATTRIBUTES, id), ERR_OK);
	assert_int_equal(fix_simple(f, STRANGER, OPERATION_GET_ATTRIBUTE_LIST, id), ERR_OK);
	assert_int_equal(fix_simple(f, STRANGER, OPERATION_GET, id), ERR_OK);
	assert_int_equal(fix_simple(f, STRANGER, OPERATION_GET, private), ERR_NOT_FOUND);
	assert_int_equal(fix_simple(f, STRANGER, OPERATION_DESTROY, id), ERR_DENIED);
	assert_int_equal(fix_simple(f, ADMIN, OPERATION_DESTROY, id), ERR_OK);
}

static void a_public_object_of_the_own_group_is_found_once(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1], found[UUID_TEXT_LEN + 1];
	assert_int_equal(make_template(f, (struct made){ "open", "public", "pay" }, id), ERR_OK);
	assert_int_equal(located(f, OTHER, found), 1); /* a key-user of "pay" */
	assert_int_equal(located(f, ADMIN, found), 1);
	assert_int_equal(located(f, STRANGER, found), 1);
	assert_string_equal(found, id);
}

static void secrets_are_not_public_and_policies_are_not_invented(void **state)
{
	static const struct { bool is_template; const char *policy; enum coffer_err err; } cases[] = {
		{ false, "public", ERR_FIELD }, { false, "everybody", ERR_FIELD }, { true, "everybody", ERR_FIELD }, { true, "", ERR_FIELD },
		{ false, "default", ERR_OK }, { true, "default", ERR_OK },
	};
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct made m = { cases[i].is_template ? "t" : NULL, cases[i].policy, NULL };
		struct bring b = bring_key();
		b.attributes = put_attributes;
		b.arg = &m;
		assert_int_equal(cases[i].is_template ? make_template(f, m, id) : bring_try(f, ADMIN, &b, id, NULL), cases[i].err);
	}
}

/* What a key is made by may be public, the key is not. */
static void a_key_made_by_a_public_template_is_as_by_default(void **state)
{
	struct fix *f = *state;
	struct ask a;
	struct answer answer;
	char id[UUID_TEXT_LEN + 1];
	assert_int_equal(make_template(f, (struct made){ "open", "public", NULL }, id), ERR_OK);
	ask_one(&a, OPERATION_CREATE);
	ttlv_put_enum(&a.w, TAG_OBJECT_TYPE, OBJECT_TYPE_SYMMETRIC_KEY);
	struct ttlv_mark mark = ttlv_begin(&a.w, TAG_TEMPLATE_ATTRIBUTE);
	kmip_name_put(&a.w, TAG_NAME, &(struct kmip_name){ view_str("open"), NAME_TYPE_UNINTERPRETED_TEXT_STRING });
	kmip_attr_put_i32(&a.w, ATTR_CRYPTOGRAPHIC_USAGE_MASK, CRYPTOGRAPHIC_USAGE_MASK_ENCRYPT);
	ttlv_end(&a.w, mark);
	ask_item_end(&a, NULL);
	ask_end(&a);
	fix_send(f, ADMIN, &a, &answer);
	answer_id(&answer, 0, id);
	answer_free(&answer);
	assert_int_equal(fix_simple(f, STRANGER, OPERATION_GET_ATTRIBUTES, id), ERR_NOT_FOUND);
	assert_int_equal(fix_simple(f, ADMIN, OPERATION_GET_ATTRIBUTES, id), ERR_OK);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fix_start, fix_stop)
	const struct CMUnitTest tests[] = {
		T(anybody_finds_and_reads_a_public_template), T(a_public_object_of_the_own_group_is_found_once),
		T(secrets_are_not_public_and_policies_are_not_invented), T(a_key_made_by_a_public_template_is_as_by_default),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
