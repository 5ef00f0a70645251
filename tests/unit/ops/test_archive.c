/* Archive and Recover (KMIP 1.4 sections 4.22, 4.23, 11.23, 11.24). */
#include "unit/ops/life.h"
#include "unit/ops/vendor.h"

#include <string.h>

static uint32_t simple(struct fix *f, uint32_t operation, const char *id)
{
	return life_ask(f, ADMIN, operation, id, NULL, NULL, NULL);
}

static void archive_sets_its_date_and_recover_takes_it_away(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	life_create(f, &(struct life_key){ .name = "k", .activation_s = NOW_S }, id);
	f->now_s += 5;
	assert_int_equal(simple(f, OPERATION_ARCHIVE, id), LIFE_DONE);
	AUTO_OBJECT struct object *o = life_stored(f, id);
	assert_true(o->archived);
	assert_int_equal(life_date(o, ATTR_ARCHIVE_DATE), NOW_S + 5);
	assert_int_equal(life_date(o, ATTR_LAST_CHANGE_DATE), NOW_S + 5);
	assert_int_equal(simple(f, OPERATION_ARCHIVE, id), RESULT_REASON_OBJECT_ARCHIVED);
	f->now_s += 5;
	assert_int_equal(simple(f, OPERATION_RECOVER, id), LIFE_DONE);
	AUTO_OBJECT struct object *back = life_stored(f, id);
	assert_false(back->archived);
	assert_int_equal(life_date(back, ATTR_ARCHIVE_DATE), 0);
	assert_int_equal(life_date(back, ATTR_LAST_CHANGE_DATE), NOW_S + 10);
	assert_int_equal(simple(f, OPERATION_GET, id), LIFE_DONE);
}

static void what_is_on_line_is_recovered_without_a_change(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	life_create(f, &(struct life_key){ .name = "k" }, id);
	f->now_s += 5;
	assert_int_equal(simple(f, OPERATION_RECOVER, id), LIFE_DONE);
	AUTO_OBJECT struct object *o = life_stored(f, id);
	assert_int_equal(o->record_version, 1);
	assert_int_equal(simple(f, OPERATION_RECOVER, "nothing"), RESULT_REASON_ITEM_NOT_FOUND);
	assert_int_equal(simple(f, OPERATION_ARCHIVE, "nothing"), RESULT_REASON_ITEM_NOT_FOUND);
	assert_int_equal(life_ask(f, STRANGER, OPERATION_ARCHIVE, id, NULL, NULL, NULL), RESULT_REASON_ITEM_NOT_FOUND);
}

/* Every row of the dispatch table that is about one object, so that an operation that comes later is asked too. */
static void archived_objects_take_only_recover(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	size_t count, refused = 0;
	const struct op_row *rows = dispatch_rows(&count);
	life_create(f, &(struct life_key){ .name = "k", .activation_s = NOW_S }, id);
	assert_int_equal(simple(f, OPERATION_ARCHIVE, id), LIFE_DONE);
	for (size_t i = 0; i < count; i++) {
		uint32_t op = rows[i].operation;
		if ((rows[i].target != OP_TARGET_ID && rows[i].target != OP_TARGET_ID_OR_NAME) || op == OPERATION_RECOVER) continue;
		assert_int_equal(simple(f, op, id), RESULT_REASON_OBJECT_ARCHIVED);
		refused++;
	}
	assert_true(refused >= 14);
	assert_int_equal(simple(f, OPERATION_RECOVER, id), LIFE_DONE);
}

static void sealed_messages_of_an_archived_key_wait_for_it(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1], next[UUID_TEXT_LEN + 1];
	struct buf sealed = BUF_EMPTY;
	struct answer answer;
	life_create(f, &(struct life_key){ .name = "k", .activation_s = NOW_S }, id);
	vendor_seal(f, ADMIN, "k", "ledger", view_str("words"), &sealed);
	assert_int_equal(simple(f, OPERATION_ARCHIVE, id), LIFE_DONE);
	assert_int_equal(vendor_sealed(f, ADMIN, OPERATION_COFFER_OPEN, "ledger", buf_view(&sealed), &answer), ERR_ARCHIVED);
	answer_free(&answer);
	assert_int_equal(simple(f, OPERATION_RECOVER, id), LIFE_DONE);
	assert_int_equal(life_ask(f, ADMIN, OPERATION_RE_KEY, id, NULL, NULL, &answer), LIFE_DONE);
	answer_id(&answer, 0, next);
	answer_free(&answer);
	assert_int_equal(simple(f, OPERATION_ARCHIVE, next), LIFE_DONE);
	assert_int_equal(vendor_sealed(f, ADMIN, OPERATION_COFFER_OPEN, "ledger", buf_view(&sealed), &answer), ERR_OK);
	answer_free(&answer);
	assert_int_equal(vendor_sealed(f, ADMIN, OPERATION_COFFER_REWRAP, "ledger", buf_view(&sealed), &answer), ERR_ARCHIVED);
	answer_free(&answer);
	buf_free(&sealed);
}

static void put_name_and_storage(struct ask *a, const void *arg)
{
	int32_t mask = *(const int32_t *)arg;
	if (mask) ttlv_put_i32(&a->w, TAG_STORAGE_STATUS_MASK, mask);
	ask_name(a, "k");
}

static size_t found(struct fix *f, int32_t storage)
{
	struct answer answer;
	assert_int_equal(life_ask(f, ADMIN, OPERATION_LOCATE, NULL, put_name_and_storage, &storage, &answer), LIFE_DONE);
	size_t count = vendor_count(&answer, TAG_UNIQUE_IDENTIFIER);
	answer_free(&answer);
	return count;
}

static void locate_looks_into_the_archive_when_asked(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	life_create(f, &(struct life_key){ .name = "k" }, id);
	assert_int_equal(simple(f, OPERATION_ARCHIVE, id), LIFE_DONE);
	assert_int_equal(found(f, 0), 0);
	assert_int_equal(found(f, STORAGE_STATUS_MASK_ON_LINE_STORAGE), 0);
	assert_int_equal(found(f, STORAGE_STATUS_MASK_ARCHIVAL_STORAGE), 1);
	assert_int_equal(found(f, STORAGE_STATUS_MASK_ARCHIVAL_STORAGE | STORAGE_STATUS_MASK_ON_LINE_STORAGE), 1);
	assert_int_equal(simple(f, OPERATION_RECOVER, id), LIFE_DONE);
	assert_int_equal(found(f, 0), 1);
	assert_int_equal(found(f, STORAGE_STATUS_MASK_ARCHIVAL_STORAGE), 0);
}

static void dates_go_on_in_the_archive(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	life_create(f, &(struct life_key){ .name = "k", .activation_s = NOW_S + 10, .deactivation_s = NOW_S + 20 }, id);
	assert_int_equal(simple(f, OPERATION_ARCHIVE, id), LIFE_DONE);
	f->now_s += 20;
	assert_int_equal(simple(f, OPERATION_RECOVER, id), LIFE_DONE);
	assert_int_equal(fix_state(f, ADMIN, id), OBJECT_DEACTIVATED);
	assert_int_equal(simple(f, OPERATION_DESTROY, id), LIFE_DONE);
}

/* Recover sets the ID Placeholder (section 4), Archive does not. */
static void recover_sets_the_id_placeholder(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1], other[UUID_TEXT_LEN + 1];
	struct ask a;
	struct answer answer;
	life_create(f, &(struct life_key){ .name = "k" }, id);
	life_create(f, &(struct life_key){ .name = "o" }, other);
	ask_begin(&a, &(struct ask_header){ .count = 4 });
	ask_item(&a, OPERATION_ARCHIVE, 1);
	ask_id(&a, id);
	ask_item_end(&a, NULL);
	ask_item(&a, OPERATION_RECOVER, 2);
	ask_id(&a, id);
	ask_item_end(&a, NULL);
	ask_item(&a, OPERATION_ARCHIVE, 3);
	ask_id(&a, other);
	ask_item_end(&a, NULL);
	ask_item(&a, OPERATION_GET, 4);
	ask_item_end(&a, NULL);
	ask_end(&a);
	fix_send(f, ADMIN, &a, &answer);
	char got[UUID_TEXT_LEN + 1];
	answer_id(&answer, 3, got);
	assert_string_equal(got, id);
	answer_free(&answer);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fix_start, fix_stop)
	const struct CMUnitTest tests[] = {
		T(archive_sets_its_date_and_recover_takes_it_away), T(what_is_on_line_is_recovered_without_a_change),
		T(archived_objects_take_only_recover), T(sealed_messages_of_an_archived_key_wait_for_it),
		T(locate_looks_into_the_archive_when_asked), T(dates_go_on_in_the_archive), T(recover_sets_the_id_placeholder),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
