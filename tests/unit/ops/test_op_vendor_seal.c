/* Seal, Open and Rewrap. */
#include "unit/ops/vendor.h"

#include <string.h>

#include "crypto/envelope.h"

static struct view text(const char *s)
{
	return view_str(s);
}

static enum coffer_err try_seal(struct fix *f, unsigned uid, const char *id, struct view plain)
{
	struct ask a;
	struct answer answer;
	ask_one(&a, OPERATION_COFFER_SEAL);
	ask_id(&a, id);
	ttlv_put_bytes(&a.w, TAG_COFFER_PLAINTEXT, plain);
	enum coffer_err err = vendor_send(f, uid, &a, &answer);
	answer_free(&answer);
	return err;
}

static enum coffer_err try_open(struct fix *f, unsigned uid, const char *app, struct view sealed)
{
	struct answer answer;
	enum coffer_err err = vendor_sealed(f, uid, OPERATION_COFFER_OPEN, app, sealed, &answer);
	answer_free(&answer);
	return err;
}

static void what_was_sealed_opens_with_the_same_context(void **state)
{
	static uint8_t big[65536];
	const struct view plains[] = { text("hello"), { NULL, 0 }, view_of(big, sizeof big) };
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	fix_create(f, ADMIN, &(struct key_wish){ .name = "payroll" }, id);
	for (size_t i = 0; i < sizeof plains / sizeof plains[0]; i++) {
		AUTO_BUF struct buf sealed = BUF_EMPTY;
		struct answer answer;
		vendor_seal(f, ADMIN, "payroll", "ledger", plains[i], &sealed);
		assert_int_equal(sealed.len, envelope_size(plains[i].len));
		assert_int_equal(vendor_sealed(f, ADMIN, OPERATION_COFFER_OPEN, "ledger", buf_view(&sealed), &answer), ERR_OK);
		assert_true(view_equal(vendor_bytes(&answer, TAG_COFFER_PLAINTEXT), plains[i]));
		assert_true(view_equal_str(vendor_text(&answer, TAG_UNIQUE_IDENTIFIER), id));
		answer_free(&answer);
	}
}

static void whatever_is_altered_the_same_words_refuse_it(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1], first[REASON_MAX] = "";
	AUTO_BUF struct buf sealed = BUF_EMPTY;
	fix_create(f, ADMIN, &(struct key_wish){ .name = "payroll" }, id);
	vendor_seal(f, ADMIN, "payroll", "ledger", text("hello"), &sealed);
	static const struct { size_t at; const char *app; } cases[] = {
		{ SIZE_MAX, "other" }, { SIZE_MAX, NULL }, { 27, "ledger" /* key version */ }, { 30, "ledger" /* nonce */ },
		{ ENVELOPE_HEADER_LEN, "ledger" }, { ENVELOPE_HEADER_LEN + 5, "ledger" /* tag */ },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct answer answer;
		if (cases[i].at != SIZE_MAX) sealed.ptr[cases[i].at] ^= 2;
		assert_int_equal(vendor_sealed(f, ADMIN, OPERATION_COFFER_OPEN, cases[i].app, buf_view(&sealed), &answer), ERR_CONTEXT);
		struct view said = answer.response.items[0].message;
		if (i == 0) memcpy(first, said.ptr, said.len);
		assert_true(view_equal_str(said, first));
		answer_free(&answer);
		if (cases[i].at != SIZE_MAX) sealed.ptr[cases[i].at] ^= 2;
	}
	assert_int_equal(try_open(f, ADMIN, "ledger", buf_view(&sealed)), ERR_OK);
}

static void what_is_no_sealed_message_says_so(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	AUTO_BUF struct buf sealed = BUF_EMPTY;
	fix_create(f, ADMIN, &(struct key_wish){ .name = "payroll" }, id);
	vendor_seal(f, ADMIN, "payroll", NULL, text("hello"), &sealed);
	assert_int_equal(try_open(f, ADMIN, NULL, view_of(sealed.ptr, 40)), ERR_TRUNCATED);
	sealed.ptr[8] ^= 1; /* key id: no such object */
	assert_int_equal(try_open(f, ADMIN, NULL, buf_view(&sealed)), ERR_NOT_FOUND);
	sealed.ptr[0] = 'X';
	assert_int_equal(try_open(f, ADMIN, NULL, buf_view(&sealed)), ERR_FOREIGN);
}

static void usage_mask_and_size_are_kept(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	AUTO_BUF struct buf much = BUF_EMPTY;
	fix_create(f, ADMIN, &(struct key_wish){ .name = "read-only", .mask = CRYPTOGRAPHIC_USAGE_MASK_DECRYPT }, id);
	assert_int_equal(try_seal(f, ADMIN, id, text("hello")), ERR_STATE);
	fix_create(f, ADMIN, &(struct key_wish){ .name = "mac", .mask = CRYPTOGRAPHIC_USAGE_MASK_MAC_GENERATE }, id);
	assert_int_equal(try_seal(f, ADMIN, id, text("hello")), ERR_STATE);
	fix_create(f, ADMIN, &(struct key_wish){ .name = "all" }, id);
	assert_int_equal(buf_reserve(&much, ENVELOPE_MESSAGE_MAX + 1), ERR_OK);
	memset(much.ptr, 1, ENVELOPE_MESSAGE_MAX + 1);
	assert_int_equal(try_seal(f, ADMIN, id, view_of(much.ptr, ENVELOPE_MESSAGE_MAX)), ERR_OK);
	assert_int_equal(try_seal(f, ADMIN, id, view_of(much.ptr, ENVELOPE_MESSAGE_MAX + 1)), ERR_TOO_LARGE);
}

static void the_state_of_the_key_decides(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	AUTO_BUF struct buf sealed = BUF_EMPTY;
	fix_create(f, ADMIN, &(struct key_wish){ .name = "early", .pre_active = true }, id);
	assert_int_equal(try_seal(f, ADMIN, id, text("x")), ERR_STATE);
	assert_int_equal(fix_simple(f, ADMIN, OPERATION_ACTIVATE, id), ERR_OK);
	vendor_seal(f, ADMIN, "early", NULL, text("x"), &sealed);
	assert_int_equal(fix_revoke(f, ADMIN, id, REVOCATION_REASON_CODE_CESSATION_OF_OPERATION), ERR_OK);
	assert_int_equal(try_seal(f, ADMIN, id, text("x")), ERR_STATE);
	assert_int_equal(try_open(f, ADMIN, NULL, buf_view(&sealed)), ERR_OK); /* deactivated: may still be read */
	assert_int_equal(fix_simple(f, ADMIN, OPERATION_DESTROY, id), ERR_OK);
	assert_int_not_equal(try_open(f, ADMIN, NULL, buf_view(&sealed)), ERR_OK);
}

static void make_dated(struct fix *f, const char *name, enum kmip_attr date, uint64_t at_s, bool pre_active)
{
	struct ask a;
	struct answer answer;
	ask_one(&a, OPERATION_CREATE);
	ttlv_put_enum(&a.w, TAG_OBJECT_TYPE, OBJECT_TYPE_SYMMETRIC_KEY);
	struct ttlv_mark mark = ttlv_begin(&a.w, TAG_TEMPLATE_ATTRIBUTE);
	kmip_attr_put_enum(&a.w, ATTR_CRYPTOGRAPHIC_ALGORITHM, CRYPTOGRAPHIC_ALGORITHM_AES);
	kmip_attr_put_i32(&a.w, ATTR_CRYPTOGRAPHIC_LENGTH, 256);
	kmip_attr_put_i32(&a.w, ATTR_CRYPTOGRAPHIC_USAGE_MASK, CRYPTOGRAPHIC_USAGE_MASK_ENCRYPT | CRYPTOGRAPHIC_USAGE_MASK_DECRYPT);
	ask_name(&a, name);
	if (!pre_active) kmip_attr_put_time(&a.w, ATTR_ACTIVATION_DATE, (int64_t)f->now_s);
	kmip_attr_put_time(&a.w, date, (int64_t)at_s);
	ttlv_end(&a.w, mark);
	assert_int_equal(vendor_send(f, ADMIN, &a, &answer), ERR_OK);
	answer_free(&answer);
}

static enum coffer_err try_seal_named(struct fix *f, const char *name)
{
	struct ask a;
	struct answer answer;
	ask_one(&a, OPERATION_COFFER_SEAL);
	ttlv_put_str(&a.w, TAG_COFFER_KEY_NAME, name);
	ttlv_put_bytes(&a.w, TAG_COFFER_PLAINTEXT, text("x"));
	enum coffer_err err = vendor_send(f, ADMIN, &a, &answer);
	answer_free(&answer);
	return err;
}

static void the_dates_of_the_key_decide_as_they_come(void **state)
{
	static const struct { const char *name; enum kmip_attr date; bool pre_active; enum coffer_err before, after; } cases[] = {
		{ "ends", ATTR_DEACTIVATION_DATE, false, ERR_OK, ERR_STATE },
		{ "begins", ATTR_ACTIVATION_DATE, true, ERR_STATE, ERR_OK },
		{ "stops", ATTR_PROTECT_STOP_DATE, false, ERR_OK, ERR_STATE },
	};
	struct fix *f = *state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		make_dated(f, cases[i].name, cases[i].date, f->now_s + 60, cases[i].pre_active);
		assert_int_equal(try_seal_named(f, cases[i].name), cases[i].before);
		f->now_s += 61;
		assert_int_equal(try_seal_named(f, cases[i].name), cases[i].after);
	}
	AUTO_BUF struct buf sealed = BUF_EMPTY;
	make_dated(f, "later", ATTR_PROCESS_START_DATE, f->now_s + 60, false);
	vendor_seal(f, ADMIN, "later", NULL, text("x"), &sealed);
	assert_int_equal(try_open(f, ADMIN, NULL, buf_view(&sealed)), ERR_STATE);
	f->now_s += 61;
	assert_int_equal(try_open(f, ADMIN, NULL, buf_view(&sealed)), ERR_OK);
}

static void a_stranger_learns_nothing_and_leaves_a_trace(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	AUTO_BUF struct buf sealed = BUF_EMPTY;
	fix_create(f, ADMIN, &(struct key_wish){ .name = "payroll" }, id);
	vendor_seal(f, ADMIN, "payroll", NULL, text("hello"), &sealed);
	uint64_t rows = fix_audit_rows(f);
	assert_int_equal(try_open(f, STRANGER, NULL, buf_view(&sealed)), ERR_NOT_FOUND);
	assert_int_equal(try_seal(f, STRANGER, id, text("x")), ERR_NOT_FOUND);
	assert_int_equal(fix_audit_rows(f), rows + 2);
}

static void a_refusal_in_a_batch_that_is_undone_leaves_its_trace_too(void **state)
{
	static const struct { const char *name; bool behind_another; } cases[] = { { "one", false }, { "two", true } };
	struct fix *f = *state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char id[UUID_TEXT_LEN + 1];
		struct ask a;
		struct answer answer;
		uint32_t count = cases[i].behind_another ? 2 : 1;
		fix_create(f, ADMIN, &(struct key_wish){ .name = cases[i].name }, id);
		uint64_t rows = fix_audit_rows(f);
		ask_begin(&a, &(struct ask_header){ .count = count, .continuation = BATCH_ERROR_CONTINUATION_OPTION_UNDO });
		if (cases[i].behind_another) {
			ask_item(&a, OPERATION_DISCOVER_VERSIONS, 1);
			ask_item_end(&a, NULL);
		}
		ask_item(&a, OPERATION_COFFER_SEAL, 2);
		ask_id(&a, id);
		ttlv_put_bytes(&a.w, TAG_COFFER_PLAINTEXT, text("x"));
		ask_item_end(&a, NULL);
		ask_end(&a);
		fix_send(f, STRANGER, &a, &answer);
		assert_int_equal(answer.response.items[count - 1].err, ERR_NOT_FOUND);
		assert_int_equal(fix_audit_rows(f), rows + 1);
		answer_free(&answer);
	}
}

static void rewrap_moves_to_the_newest_version(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	AUTO_BUF struct buf sealed = BUF_EMPTY;
	AUTO_BUF struct buf newer = BUF_EMPTY;
	struct answer answer;
	fix_create(f, ADMIN, &(struct key_wish){ .name = "payroll" }, id);
	vendor_seal(f, ADMIN, "payroll", "ledger", text("hello"), &sealed);
	for (int i = 0; i < 2; i++) {
		struct ask a;
		struct answer made;
		ask_one(&a, OPERATION_RE_KEY);
		ask_id(&a, id);
		assert_int_equal(vendor_send(f, ADMIN, &a, &made), ERR_OK);
		answer_id(&made, 0, id);
		answer_free(&made);
	}
	AUTO_BUF struct buf by_name = BUF_EMPTY;
	struct envelope_header header;
	vendor_seal(f, ADMIN, "payroll", NULL, text("hello"), &by_name); /* the name goes with the newest */
	assert_int_equal(envelope_parse_header(buf_view(&by_name), &header), ERR_OK);
	assert_int_equal(header.key_version, 3);
	object_table_clear(f->engine.objects); /* every version must be loaded again */
	assert_int_equal(vendor_sealed(f, ADMIN, OPERATION_COFFER_REWRAP, "ledger", buf_view(&sealed), &answer), ERR_OK);
	assert_int_equal(vendor_i32(&answer, TAG_COFFER_KEY_VERSION), 3);
	assert_true(view_equal_str(vendor_text(&answer, TAG_UNIQUE_IDENTIFIER), id));
	assert_int_equal(buf_append(&newer, vendor_bytes(&answer, TAG_COFFER_SEALED_DATA)), ERR_OK);
	answer_free(&answer);
	assert_int_equal(try_open(f, ADMIN, "ledger", buf_view(&newer)), ERR_OK);
	assert_int_equal(try_open(f, ADMIN, "ledger", buf_view(&sealed)), ERR_OK);
	assert_int_equal(vendor_sealed(f, ADMIN, OPERATION_COFFER_REWRAP, "other", buf_view(&sealed), &answer), ERR_CONTEXT);
	answer_free(&answer);
}

static void random_bytes_come_in_the_length_asked_for(void **state)
{
	static const struct { int32_t len; enum coffer_err err; } cases[] = {
		{ 1, ERR_OK }, { 32, ERR_OK }, { 65536, ERR_OK }, { 0, ERR_FIELD }, { -1, ERR_FIELD }, { 65537, ERR_FIELD },
	};
	struct fix *f = *state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct ask a;
		struct answer answer;
		ask_one(&a, OPERATION_RNG_RETRIEVE);
		ttlv_put_i32(&a.w, TAG_DATA_LENGTH, cases[i].len);
		assert_int_equal(vendor_send(f, ADMIN, &a, &answer), cases[i].err);
		if (!cases[i].err) assert_int_equal(vendor_bytes(&answer, TAG_DATA).len, cases[i].len);
		answer_free(&answer);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_was_sealed_opens_with_the_same_context, fix_start, fix_stop),
		cmocka_unit_test_setup_teardown(whatever_is_altered_the_same_words_refuse_it, fix_start, fix_stop),
		cmocka_unit_test_setup_teardown(what_is_no_sealed_message_says_so, fix_start, fix_stop),
		cmocka_unit_test_setup_teardown(usage_mask_and_size_are_kept, fix_start, fix_stop),
		cmocka_unit_test_setup_teardown(the_state_of_the_key_decides, fix_start, fix_stop),
		cmocka_unit_test_setup_teardown(the_dates_of_the_key_decide_as_they_come, fix_start, fix_stop),
		cmocka_unit_test_setup_teardown(a_refusal_in_a_batch_that_is_undone_leaves_its_trace_too, fix_start, fix_stop),
		cmocka_unit_test_setup_teardown(a_stranger_learns_nothing_and_leaves_a_trace, fix_start, fix_stop),
		cmocka_unit_test_setup_teardown(rewrap_moves_to_the_newest_version, fix_start, fix_stop),
		cmocka_unit_test_setup_teardown(random_bytes_come_in_the_length_asked_for, fix_start, fix_stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
