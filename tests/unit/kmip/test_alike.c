/* Requests that are alike are told from others by every byte that counts, and say what reading them says. */
#include "kmip/alike.h"

#include <string.h>

#include "test_arena.h"
#include "unit/kmip/kmip_test.h"

#define FRAME_MAX 8192u

static struct kmip_alike alike;
static struct kmip_request request, read_anew;

struct frame {
	uint8_t bytes[FRAME_MAX];
	size_t len;
};

static const struct kmip_item_id encrypt = { .operation = OPERATION_ENCRYPT, .has_unique_id = true, .unique_id = { (const uint8_t *)"7", 1 } };

static const struct kmip_item_id encrypt_and_register = { .operation = OPERATION_ENCRYPT, .has_unique_id = true, .unique_id = { (const uint8_t *)"7", 1 } };

static void put_fields(struct writer *w, size_t data_len)
{
	static const uint8_t data[FRAME_MAX];
	ttlv_put_str(w, TAG_UNIQUE_IDENTIFIER, "00000000-1111-4222-8333-444444444444");
	struct ttlv_mark params = ttlv_begin(w, TAG_CRYPTOGRAPHIC_PARAMETERS);
	ttlv_put_enum(w, TAG_BLOCK_CIPHER_MODE, BLOCK_CIPHER_MODE_GCM);
	ttlv_put_bool(w, TAG_RANDOM_IV, true);
	ttlv_end(w, params);
	ttlv_put_bytes(w, TAG_DATA, view_of(data, data_len));
	ttlv_put_bytes(w, TAG_IV_COUNTER_NONCE, view_of(data, 12));
}

static void make(struct frame *f, const struct kmip_item_id *id, uint32_t count, size_t data_len)
{
	struct writer w;
	writer_init(&w, f->bytes, sizeof f->bytes);
	struct kmip_item_id others = *id;
	if (id == &encrypt_and_register) others.operation = OPERATION_REGISTER;
	struct kmip_request_mark mark = kmip_request_begin(&w, KMIP_VERSION_HIGHEST, 0, count);
	for (uint32_t i = 0; i < count; i++) {
		struct kmip_item_mark item = kmip_request_item_begin(&w, i ? &others : id);
		put_fields(&w, data_len);
		kmip_request_item_end(&w, item, NULL);
	}
	kmip_request_end(&w, mark);
	assert_int_equal(writer_done(&w), ERR_OK);
	f->len = writer_len(&w);
}

static struct view whole(const struct frame *f)
{
	return view_of(f->bytes, f->len);
}

static void note(const struct frame *f)
{
	assert_int_equal(kmip_request_parse(whole(f), NULL, &request, NULL), ERR_OK);
	kmip_alike_note(&alike, whole(f), &request);
}

static void assert_same_view(struct view a, struct view b)
{
	assert_int_equal(a.len, b.len);
	if (a.len) assert_ptr_equal(a.ptr, b.ptr);
}

/* What was taken is what reading gives, where it stands too. */
static void assert_read_alike(const struct frame *f)
{
	assert_int_equal(kmip_request_parse(whole(f), NULL, &read_anew, NULL), ERR_OK);
	assert_int_equal(request.count, read_anew.count);
	for (size_t i = 0; i < request.count; i++) {
		assert_same_view(request.items[i].payload.rest, read_anew.items[i].payload.rest);
		assert_same_view(request.items[i].id.unique_id, read_anew.items[i].id.unique_id);
		assert_int_equal(request.items[i].id.operation, read_anew.items[i].id.operation);
		assert_int_equal(request.items[i].err, read_anew.items[i].err);
		assert_int_equal(request.items[i].from_coffer, read_anew.items[i].from_coffer);
	}
	assert_int_equal(request.header.version.minor, read_anew.header.version.minor);
}

static bool in_hole(size_t at)
{
	for (size_t i = 0; i < alike.hole_count; i++)
		if (at >= alike.holes[i].at && at < alike.holes[i].at + alike.holes[i].len) return true;
	return false;
}

/* Each byte of the message, each with each bit turned: alike where it is data, and nowhere else, not even in padding. */
static void every_byte_counts(uint32_t count)
{
	static struct frame first, f;
	unsigned taken = 0;
	make(&first, &encrypt, count, 37);
	for (size_t at = 0; at < first.len; at++)
		for (unsigned bit = 0; bit < 8; bit++) {
			alike.missed = 0;
			note(&first);
			f = first;
			f.bytes[at] ^= (uint8_t)(1u << bit);
			bool same = kmip_alike_take(&alike, whole(&f), &request);
			assert_int_equal(same, in_hole(at));
			if (!same) continue;
			assert_read_alike(&f);
			taken++;
		}
	assert_int_equal(taken, count * (37 + 12) * 8);
}

static void every_byte_but_the_data_counts(void **state)
{
	(void)state;
	every_byte_counts(1);
	kmip_alike_forget(&alike);
	every_byte_counts(3);
}

/* Where no batch is like the one before, only one in eight is kept; one that is like it brings back the others. */
static void batches_that_differ_are_kept_now_and_then(void **state)
{
	static struct frame f;
	unsigned kept = 0;
	(void)state;
	for (size_t i = 0; i < 88; i++) {
		make(&f, &encrypt, 2, 16 + 8 * (i % 2));
		note(&f);
		kept += alike.frame_len > 0;
	}
	assert_int_equal(kept, 8 + 10);
	assert_true(kmip_alike_take(&alike, whole(&f), &request));
	for (unsigned i = 0; i < 8; i++) {
		note(&f);
		assert_true(alike.frame_len > 0);
	}
}

static void a_message_elsewhere_is_read_where_it_is(void **state)
{
	static struct frame first, f;
	(void)state;
	make(&first, &encrypt, 1, 64);
	note(&first);
	f = first;
	assert_true(kmip_alike_take(&alike, whole(&f), &request));
	assert_read_alike(&f);
	memset(&first, 0xa5, sizeof first);
	assert_true(kmip_alike_take(&alike, whole(&f), &request));
}

static void another_length_is_another_message(void **state)
{
	static struct frame first, f;
	(void)state;
	make(&first, &encrypt, 1, 64);
	make(&f, &encrypt, 1, 63);
	note(&first);
	assert_int_equal(f.len, first.len);
	assert_false(kmip_alike_take(&alike, whole(&f), &request));
	assert_false(kmip_alike_take(&alike, view_of(first.bytes, first.len - 8), &request));
	assert_true(kmip_alike_take(&alike, whole(&first), &request));
	kmip_alike_forget(&alike);
	assert_false(kmip_alike_take(&alike, whole(&first), &request));
}

static void assert_not_kept(const struct kmip_item_id *id, uint32_t count, size_t data_len)
{
	static struct frame f;
	make(&f, id, count, data_len);
	note(&f);
	assert_false(kmip_alike_take(&alike, whole(&f), &request));
}

/* Keys and passphrases never stay here. */
static void only_what_is_of_use_is_kept(void **state)
{
	static const struct kmip_item_id reg = { .operation = OPERATION_REGISTER };
	static struct frame f;
	struct writer w;
	(void)state;
	assert_not_kept(&reg, 1, 16);
	assert_not_kept(&encrypt, KMIP_ALIKE_ITEMS_MAX + 1, 16);
	assert_not_kept(&encrypt_and_register, 2, 16);
	writer_init(&w, f.bytes, sizeof f.bytes);
	struct kmip_request_mark mark = kmip_request_begin(&w, KMIP_VERSION_HIGHEST, 0, 1);
	struct kmip_item_mark item = kmip_request_item_begin(&w, &encrypt);
	for (unsigned i = 0; i < 90; i++) ttlv_put_str(&w, TAG_UNIQUE_IDENTIFIER, "a text of forty bytes, ninety times over");
	kmip_request_item_end(&w, item, NULL);
	kmip_request_end(&w, mark);
	f.len = writer_len(&w);
	note(&f);
	assert_false(kmip_alike_take(&alike, whole(&f), &request));
	writer_init(&w, f.bytes, sizeof f.bytes);
	mark = kmip_request_begin(&w, KMIP_VERSION_HIGHEST, 0, 1);
	item = kmip_request_item_begin(&w, &encrypt);
	for (unsigned i = 0; i <= KMIP_ALIKE_HOLES_MAX; i++) ttlv_put_bytes(&w, TAG_DATA, view_str("data"));
	kmip_request_item_end(&w, item, NULL);
	kmip_request_end(&w, mark);
	f.len = writer_len(&w);
	note(&f);
	assert_false(kmip_alike_take(&alike, whole(&f), &request));
}

static int done(void **state)
{
	(void)state;
	kmip_alike_done(&alike);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(every_byte_but_the_data_counts, done),
		cmocka_unit_test_teardown(a_message_elsewhere_is_read_where_it_is, done),
		cmocka_unit_test_teardown(another_length_is_another_message, done),
		cmocka_unit_test_teardown(batches_that_differ_are_kept_now_and_then, done),
		cmocka_unit_test_teardown(only_what_is_of_use_is_kept, done),
	};
	return cmocka_run_group_tests(tests, setup_arena, NULL);
}
