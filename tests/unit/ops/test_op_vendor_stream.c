/* Seal Stream, Open Stream, Close Stream. */
#include "unit/ops/vendor.h"

#include <string.h>

#define SEGMENT 65536

struct stream {
	uint32_t operation;
	int32_t handle;
	uint8_t header[STREAM_HEADER_LEN];
};

static enum coffer_err begin_seal(struct fix *f, const char *id, int32_t size, struct stream *out)
{
	struct ask a;
	struct answer answer;
	ask_one(&a, OPERATION_COFFER_SEAL_STREAM);
	ask_id(&a, id);
	vendor_put_context(&a, "app", "ledger");
	if (size) ttlv_put_i32(&a.w, TAG_COFFER_SEGMENT_SIZE, size);
	enum coffer_err err = vendor_send(f, ADMIN, &a, &answer);
	if (!err) {
		out->operation = OPERATION_COFFER_SEAL_STREAM;
		out->handle = vendor_i32(&answer, TAG_COFFER_STREAM_HANDLE);
		struct view header = vendor_bytes(&answer, TAG_COFFER_STREAM_HEADER);
		assert_int_equal(header.len, sizeof out->header);
		memcpy(out->header, header.ptr, header.len);
		assert_int_equal(vendor_i32(&answer, TAG_COFFER_SEGMENT_SIZE), size ? size : 1 << STREAM_BITS_DEFAULT);
	}
	answer_free(&answer);
	return err;
}

static enum coffer_err begin_open(struct fix *f, unsigned uid, const char *app, const uint8_t *header, struct stream *out)
{
	struct ask a;
	struct answer answer;
	ask_one(&a, OPERATION_COFFER_OPEN_STREAM);
	vendor_put_context(&a, "app", app);
	ttlv_put_bytes(&a.w, TAG_COFFER_STREAM_HEADER, view_of(header, STREAM_HEADER_LEN));
	enum coffer_err err = vendor_send(f, uid, &a, &answer);
	if (!err) *out = (struct stream){ .operation = OPERATION_COFFER_OPEN_STREAM, .handle = vendor_i32(&answer, TAG_COFFER_STREAM_HANDLE) };
	answer_free(&answer);
	return err;
}

static enum coffer_err next(struct fix *f, const struct stream *s, struct view in, bool last, struct buf *out)
{
	struct ask a;
	struct answer answer;
	ask_one(&a, s->operation);
	ttlv_put_i32(&a.w, TAG_COFFER_STREAM_HANDLE, s->handle);
	ttlv_put_bytes(&a.w, TAG_COFFER_SEGMENT, in);
	ttlv_put_bool(&a.w, TAG_COFFER_LAST_SEGMENT, last);
	enum coffer_err err = vendor_send(f, ADMIN, &a, &answer);
	if (!err && out) assert_int_equal(buf_append(out, vendor_bytes(&answer, TAG_COFFER_SEGMENT)), ERR_OK);
	answer_free(&answer);
	return err;
}

static enum coffer_err close_stream(struct fix *f, int32_t handle)
{
	struct ask a;
	struct answer answer;
	ask_one(&a, OPERATION_COFFER_CLOSE_STREAM);
	ttlv_put_i32(&a.w, TAG_COFFER_STREAM_HANDLE, handle);
	enum coffer_err err = vendor_send(f, ADMIN, &a, &answer);
	answer_free(&answer);
	return err;
}

/* Two whole segments and 100 bytes, sealed one after another. */
static void seal_three(struct fix *f, const char *id, struct stream *s, struct view plain, struct buf *sealed)
{
	assert_int_equal(begin_seal(f, id, SEGMENT, s), ERR_OK);
	assert_int_equal(next(f, s, view_of(plain.ptr, SEGMENT), false, sealed), ERR_OK);
	assert_int_equal(next(f, s, view_of(plain.ptr + SEGMENT, SEGMENT), false, sealed), ERR_OK);
	assert_int_equal(next(f, s, view_of(plain.ptr + 2 * SEGMENT, 100), true, sealed), ERR_OK);
}

static uint8_t bytes[2 * SEGMENT + 100];

static void a_stream_comes_back_as_it_was(void **state)
{
	struct fix *f = *state;
	struct stream s, o;
	char id[UUID_TEXT_LEN + 1];
	AUTO_BUF struct buf sealed = BUF_EMPTY;
	AUTO_BUF struct buf plain = BUF_EMPTY;
	memset(bytes, 0x33, sizeof bytes);
	fix_create(f, ADMIN, &(struct key_wish){ .name = "backup" }, id);
	seal_three(f, id, &s, view_of(bytes, sizeof bytes), &sealed);
	assert_int_equal(sealed.len, sizeof bytes + 3 * STREAM_TAG_LEN);
	assert_int_equal(begin_open(f, ADMIN, "ledger", s.header, &o), ERR_OK);
	const size_t step = SEGMENT + STREAM_TAG_LEN;
	assert_int_equal(next(f, &o, view_of(sealed.ptr, step), false, &plain), ERR_OK);
	assert_int_equal(next(f, &o, view_of(sealed.ptr + step, step), false, &plain), ERR_OK);
	assert_int_equal(next(f, &o, view_of(sealed.ptr + 2 * step, 100 + STREAM_TAG_LEN), true, &plain), ERR_OK);
	assert_true(view_equal(buf_view(&plain), view_of(bytes, sizeof bytes)));
	assert_int_equal(next(f, &o, view_of(sealed.ptr, step), false, NULL), ERR_NOT_FOUND); /* it ended */
	assert_int_equal(next(f, &s, view_of(bytes, 1), true, NULL), ERR_NOT_FOUND);
}

static void a_stream_that_was_tampered_with_ends(void **state)
{
	static const struct { size_t at; bool last; size_t flip; } cases[] = {
		{ SEGMENT + STREAM_TAG_LEN, false, SIZE_MAX }, /* the second segment first */
		{ 0, true, SIZE_MAX },                         /* cut off */
		{ 0, false, 7 },
	};
	struct fix *f = *state;
	struct stream s, o;
	char id[UUID_TEXT_LEN + 1];
	AUTO_BUF struct buf sealed = BUF_EMPTY;
	fix_create(f, ADMIN, &(struct key_wish){ .name = "backup" }, id);
	seal_three(f, id, &s, view_of(bytes, sizeof bytes), &sealed);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		if (cases[i].flip != SIZE_MAX) sealed.ptr[cases[i].flip] ^= 1;
		assert_int_equal(begin_open(f, ADMIN, "ledger", s.header, &o), ERR_OK);
		struct view segment = view_of(sealed.ptr + cases[i].at, SEGMENT + STREAM_TAG_LEN);
		assert_int_equal(next(f, &o, segment, cases[i].last, NULL), ERR_CONTEXT);
		assert_int_equal(next(f, &o, segment, cases[i].last, NULL), ERR_NOT_FOUND);
	}
}

static void beginning_checks_context_header_and_size(void **state)
{
	struct fix *f = *state;
	struct stream s, o;
	char id[UUID_TEXT_LEN + 1];
	fix_create(f, ADMIN, &(struct key_wish){ .name = "backup" }, id);
	assert_int_equal(begin_seal(f, id, 1000, &s), ERR_FIELD);
	assert_int_equal(begin_seal(f, id, 1 << 25, &s), ERR_FIELD);
	assert_int_equal(begin_seal(f, id, 0, &s), ERR_OK);
	assert_int_equal(begin_open(f, ADMIN, "other", s.header, &o), ERR_CONTEXT);
	assert_int_equal(begin_open(f, STRANGER, "ledger", s.header, &o), ERR_NOT_FOUND);
	s.header[0] = 'X';
	assert_int_equal(begin_open(f, ADMIN, "ledger", s.header, &o), ERR_FOREIGN);
}

static void a_stream_does_not_outlive_the_right_to_its_key(void **state)
{
	struct fix *f = *state;
	struct stream s, o;
	char id[UUID_TEXT_LEN + 1];
	AUTO_BUF struct buf sealed = BUF_EMPTY;
	fix_create(f, ADMIN, &(struct key_wish){ .name = "backup" }, id);
	assert_int_equal(begin_seal(f, id, SEGMENT, &s), ERR_OK);
	assert_int_equal(next(f, &s, view_of(bytes, SEGMENT), false, &sealed), ERR_OK);
	assert_int_equal(begin_open(f, ADMIN, "ledger", s.header, &o), ERR_OK);
	assert_int_equal(fix_revoke(f, ADMIN, id, REVOCATION_REASON_CODE_CESSATION_OF_OPERATION), ERR_OK);
	assert_int_equal(next(f, &s, view_of(bytes, SEGMENT), false, NULL), ERR_STATE);
	assert_int_equal(next(f, &o, buf_view(&sealed), false, NULL), ERR_OK); /* reading goes on */
	assert_int_equal(fix_simple(f, ADMIN, OPERATION_DESTROY, id), ERR_OK);
	assert_int_not_equal(next(f, &o, buf_view(&sealed), false, NULL), ERR_OK);
}

static void streams_are_few_and_can_be_given_back(void **state)
{
	struct fix *f = *state;
	struct stream s;
	char id[UUID_TEXT_LEN + 1];
	fix_create(f, ADMIN, &(struct key_wish){ .name = "backup" }, id);
	for (unsigned i = 0; i < OP_STREAMS_MAX; i++) assert_int_equal(begin_seal(f, id, SEGMENT, &s), ERR_OK);
	assert_int_equal(begin_seal(f, id, SEGMENT, &s), ERR_LIMIT);
	assert_int_equal(close_stream(f, s.handle), ERR_OK);
	assert_int_equal(close_stream(f, s.handle), ERR_NOT_FOUND);
	assert_int_equal(begin_seal(f, id, SEGMENT, &s), ERR_OK);
	s.operation = OPERATION_COFFER_OPEN_STREAM; /* a sealer is no opener */
	assert_int_equal(next(f, &s, view_of(bytes, SEGMENT), false, NULL), ERR_STATE);
}

static void a_segment_shares_no_batch(void **state)
{
	struct fix *f = *state;
	struct stream s;
	struct ask a;
	struct answer answer;
	char id[UUID_TEXT_LEN + 1];
	fix_create(f, ADMIN, &(struct key_wish){ .name = "backup" }, id);
	assert_int_equal(begin_seal(f, id, SEGMENT, &s), ERR_OK);
	ask_begin(&a, &(struct ask_header){ .count = 2 });
	for (uint8_t i = 0; i < 2; i++) {
		ask_item(&a, OPERATION_COFFER_SEAL_STREAM, i);
		ttlv_put_i32(&a.w, TAG_COFFER_STREAM_HANDLE, s.handle);
		ttlv_put_bytes(&a.w, TAG_COFFER_SEGMENT, view_of(bytes, SEGMENT));
		ttlv_put_bool(&a.w, TAG_COFFER_LAST_SEGMENT, false);
		ask_item_end(&a, NULL);
	}
	ask_end(&a);
	fix_send(f, ADMIN, &a, &answer);
	assert_int_equal(answer.response.items[0].err, ERR_UNSUPPORTED);
	answer_free(&answer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_stream_comes_back_as_it_was, fix_start, fix_stop),
		cmocka_unit_test_setup_teardown(a_stream_that_was_tampered_with_ends, fix_start, fix_stop),
		cmocka_unit_test_setup_teardown(beginning_checks_context_header_and_size, fix_start, fix_stop),
		cmocka_unit_test_setup_teardown(a_stream_does_not_outlive_the_right_to_its_key, fix_start, fix_stop),
		cmocka_unit_test_setup_teardown(streams_are_few_and_can_be_given_back, fix_start, fix_stop),
		cmocka_unit_test_setup_teardown(a_segment_shares_no_batch, fix_start, fix_stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
