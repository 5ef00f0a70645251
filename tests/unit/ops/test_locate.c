/* Locate: what matches, and only what the principal may see. */
#include "unit/ops/fixture.h"

struct look {
	const char *name, *group;
	int32_t max, skip, length;
	uint32_t state;
};

static size_t locate(struct fix *f, unsigned uid, const struct look *look, int32_t *out_located)
{
	struct ask a;
	struct answer answer;
	struct ttlv_item item;
	size_t count = 0;
	ask_one(&a, OPERATION_LOCATE);
	if (look->max) ttlv_put_i32(&a.w, TAG_MAXIMUM_ITEMS, look->max);
	if (look->skip) ttlv_put_i32(&a.w, TAG_OFFSET_ITEMS, look->skip);
	if (look->name) ask_name(&a, look->name);
	if (look->group) kmip_attr_put_text(&a.w, ATTR_OBJECT_GROUP, view_str(look->group));
	if (look->length) kmip_attr_put_i32(&a.w, ATTR_CRYPTOGRAPHIC_LENGTH, look->length);
	if (look->state) kmip_attr_put_enum(&a.w, ATTR_STATE, look->state);
	ask_item_end(&a, NULL);
	ask_end(&a);
	fix_send(f, uid, &a, &answer);
	struct ttlv_cursor c = answer_payload(&answer, 0);
	assert_int_equal(ttlv_take_i32(&c, TAG_LOCATED_ITEMS, out_located), ERR_OK);
	while (ttlv_next(&c, &item)) count += item.tag == TAG_UNIQUE_IDENTIFIER;
	answer_free(&answer);
	return count;
}

static void locate_finds_what_matches_and_may_be_seen(void **state)
{
	static const struct { unsigned uid; struct look look; size_t given; int32_t located; } cases[] = {
		{ ADMIN, { 0 }, 4, 4 }, { ADMIN, { .name = "a" }, 1, 1 }, { ADMIN, { .name = "none" }, 0, 0 },
		{ ADMIN, { .group = "pay" }, 2, 2 }, { ADMIN, { .max = 2 }, 2, 4 }, { ADMIN, { .max = 9, .skip = 3 }, 1, 4 },
		{ ADMIN, { .length = 256 }, 4, 4 }, { ADMIN, { .length = 128 }, 0, 0 }, { ADMIN, { .state = OBJECT_PRE_ACTIVE }, 1, 1 },
		{ ADMIN, { .state = OBJECT_DESTROYED }, 1, 1 }, { ADMIN, { .name = "a", .group = "web" }, 0, 0 },
		{ OTHER, { 0 }, 2, 2 }, { OTHER, { .name = "c" }, 0, 0 }, { STRANGER, { 0 }, 0, 0 },
	};
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	fix_create(f, ADMIN, &(struct key_wish){ .name = "a", .group = "pay" }, id);
	fix_create(f, ADMIN, &(struct key_wish){ .name = "b", .group = "pay" }, id);
	fix_create(f, ADMIN, &(struct key_wish){ .name = "c", .group = "web" }, id);
	fix_create(f, ADMIN, &(struct key_wish){ .name = "d", .pre_active = true }, id);
	fix_create(f, ADMIN, &(struct key_wish){ .name = "e", .pre_active = true }, id);
	assert_int_equal(fix_simple(f, ADMIN, OPERATION_DESTROY, id), ERR_OK);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		int32_t located = -1;
		assert_int_equal(locate(f, cases[i].uid, &cases[i].look, &located), cases[i].given);
		assert_int_equal(located, cases[i].located);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(locate_finds_what_matches_and_may_be_seen, fix_start, fix_stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
