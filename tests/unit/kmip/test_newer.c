/* Fields of later versions are taken out at every depth, and nothing else is touched. */
#include "kmip/newer.h"

#include <string.h>

#include "kmip/names.h"
#include "unit/kmip/kmip_test.h"

/* Which of the fields of one version each are written, in and around structures. */
static void write_fields(struct writer *w, uint32_t highest)
{
	struct ttlv_mark outer = ttlv_begin(w, TAG_RESPONSE_PAYLOAD);
	ttlv_put_str(w, TAG_UNIQUE_IDENTIFIER, "id");
	if (highest >= 3) ttlv_put_i32(w, TAG_LOCATED_ITEMS, 1);
	struct ttlv_mark params = ttlv_begin(w, TAG_CRYPTOGRAPHIC_PARAMETERS);
	if (highest >= 2) ttlv_put_enum(w, TAG_DIGITAL_SIGNATURE_ALGORITHM, 1);
	ttlv_put_enum(w, TAG_BLOCK_CIPHER_MODE, 9);
	if (highest >= 2) ttlv_put_enum(w, TAG_CRYPTOGRAPHIC_ALGORITHM, 3);
	if (highest >= 2) ttlv_put_bool(w, TAG_RANDOM_IV, true);
	if (highest >= 4) ttlv_put_i32(w, TAG_SALT_LENGTH, 1);
	ttlv_end(w, params);
	if (highest >= 3) {
		struct ttlv_mark rng = ttlv_begin(w, TAG_RNG_PARAMETERS);
		ttlv_put_enum(w, TAG_RNG_ALGORITHM, 3);
		ttlv_end(w, rng);
	}
	struct ttlv_mark attribute = ttlv_begin(w, TAG_ATTRIBUTE), digest = ttlv_begin(w, TAG_ATTRIBUTE_VALUE);
	ttlv_put_enum(w, TAG_HASHING_ALGORITHM, 6);
	if (highest >= 1) ttlv_put_enum(w, TAG_KEY_FORMAT_TYPE, 1);
	ttlv_end(w, digest);
	ttlv_end(w, attribute);
	ttlv_put_enum(w, TAG_KEY_FORMAT_TYPE, 1);
	if (highest >= 1) ttlv_put_enum(w, TAG_DIGITAL_SIGNATURE_ALGORITHM, 1);
	struct ttlv_mark hollow = ttlv_begin(w, TAG_TEMPLATE_ATTRIBUTE);
	if (highest >= 4) ttlv_put_str(w, TAG_COMMENT, "not a multiple of eight");
	ttlv_end(w, hollow);
	ttlv_put_bytes(w, TAG_COFFER_SEALED_DATA, view_str("odd length"));
	if (highest >= 4) ttlv_put_bool(w, TAG_SENSITIVE, true);
	ttlv_end(w, outer);
}

static void each_version_keeps_what_it_knows(void **state)
{
	(void)state;
	for (uint32_t minor = 0; minor <= 4; minor++) {
		static struct scratch all, known;
		struct writer *w = scratch_writer(&all);
		write_fields(w, 4);
		kmip_drop_newer(w, 0, minor);
		write_fields(scratch_writer(&known), minor);
		struct view is = writer_view(w), wanted = writer_view(&known.w);
		assert_int_equal(is.len, wanted.len);
		assert_memory_equal(is.ptr, wanted.ptr, is.len);
		assert_int_equal(ttlv_check(is, NULL, NULL), ERR_OK);
	}
}

/* The structure around is still open, and what stands before is not looked at. */
static void what_was_written_before_stays(void **state)
{
	static struct scratch s;
	struct writer *w = scratch_writer(&s);
	struct ttlv_cursor c;
	struct ttlv_item item;
	int32_t value;
	(void)state;
	struct ttlv_mark outer = ttlv_begin(w, TAG_RESPONSE_PAYLOAD);
	ttlv_put_i32(w, TAG_OFFSET_ITEMS, 7);
	size_t from = writer_len(w);
	ttlv_put_i32(w, TAG_LOCATED_ITEMS, 8);
	ttlv_put_i32(w, TAG_BATCH_COUNT, 9);
	ttlv_put_i32(w, TAG_LOCATED_ITEMS, 10);
	kmip_drop_newer(w, from, 2);
	ttlv_end(w, outer);
	item = scratch_item(&s);
	assert_int_equal(ttlv_enter(&item, &c), ERR_OK);
	assert_int_equal(ttlv_take_i32(&c, TAG_OFFSET_ITEMS, &value), ERR_OK);
	assert_int_equal(ttlv_take_i32(&c, TAG_BATCH_COUNT, &value), ERR_OK);
	assert_int_equal(value, 9);
	assert_int_equal(ttlv_done(&c), ERR_OK);
}

static void nothing_and_a_failed_writer_are_left_alone(void **state)
{
	uint8_t bytes[32];
	struct writer w;
	(void)state;
	writer_init(&w, bytes, sizeof bytes);
	kmip_drop_newer(&w, 0, 0);
	assert_int_equal(writer_len(&w), 0);
	ttlv_put_i32(&w, TAG_LOCATED_ITEMS, 8);
	ttlv_put_bytes(&w, TAG_DATA, view_of(bytes, sizeof bytes)); /* does not fit */
	size_t len = writer_len(&w);
	kmip_drop_newer(&w, 0, 0);
	assert_int_equal(writer_len(&w), len);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_version_keeps_what_it_knows),
		cmocka_unit_test(what_was_written_before_stays),
		cmocka_unit_test(nothing_and_a_failed_writer_are_left_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
