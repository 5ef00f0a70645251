/* Row binding and sealed bodies. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "keyring/record.h"
#include "unit/keyring/fixture.h"

static void row_binding_is_the_frozen_one(void **state)
{
	AUTO_BUF struct buf bound = BUF_EMPTY;
	struct domain_id domain;
	struct store_row row;
	(void)state;
	fixture_domain(&domain);
	fixture_object_row(&row);
	assert_int_equal(record_bind(&domain, STORE_OBJECT, &row, &bound), ERR_OK);
	assert_answer("row-binding", bound.ptr, bound.len);
}

static void frozen_body_opens(void **state)
{
	AUTO_BUF struct buf plain = BUF_EMPTY;
	struct ring *ring = fixture_ring(2);
	uint8_t body[ANSWER_MAX];
	struct store_row row;
	(void)state;
	fixture_object_row(&row);
	row.body = answer("record-body", body);
	assert_int_equal(record_open(ring, STORE_OBJECT, &row, &plain), ERR_OK);
	assert_true(view_equal_str(buf_view(&plain), "body"));
	ring_free(ring);
}

static void an_empty_index_column_is_one_without_entries(void **state)
{
	static const uint8_t none[] = { 0, 0 };
	AUTO_BUF struct buf empty = BUF_EMPTY, zero = BUF_EMPTY;
	struct domain_id domain;
	struct store_row row;
	(void)state;
	fixture_domain(&domain);
	fixture_object_row(&row);
	row.index = view_of(NULL, 0);
	assert_int_equal(record_bind(&domain, STORE_OBJECT, &row, &empty), ERR_OK);
	row.index = view_of(none, sizeof none);
	assert_int_equal(record_bind(&domain, STORE_OBJECT, &row, &zero), ERR_OK);
	assert_true(view_equal(buf_view(&empty), buf_view(&zero)));
}

static void rows_that_no_table_has_are_not_bound(void **state)
{
	static uint8_t large[STORE_HEADER_MAX + 1];
	static const struct { const char *what; int table; size_t id_len; uint32_t version; size_t header_len; } bad[] = {
		{ "table 0", 0, 16, 1, 1 }, { "table 9", 9, 16, 1, 1 }, { "object id of 15", 1, 15, 1, 1 },
		{ "object id of 17", 1, 17, 1, 1 },
		{ "audit id of 16", 3, 16, 1, 1 }, { "request id of 31", 4, 31, 1, 1 }, { "domain id of 0", 5, 0, 1, 1 },
		{ "domain id of 65", 5, 65, 1, 1 }, { "slot id of 16", 7, 16, 1, 1 }, { "version 0", 1, 16, 0, 1 },
		{ "version at its end", 1, 16, UINT32_MAX, 1 }, { "no header", 1, 16, 1, 0 }, { "header too long", 1, 16, 1, sizeof large },
	};
	struct domain_id domain;
	(void)state;
	fixture_domain(&domain);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		AUTO_BUF struct buf out = BUF_EMPTY;
		struct store_row row = { .id_len = bad[i].id_len, .version = bad[i].version, .header = view_of(large, bad[i].header_len) };
		if (record_bind(&domain, (enum store_table)bad[i].table, &row, &out) != ERR_FIELD) fail_msg("%s was bound", bad[i].what);
	}
}

/* A sealed row whose every byte is in the test's hands. */
struct sealed {
	struct ring *ring;
	struct store_row row;
	uint8_t header[ANSWER_MAX], index[ANSWER_MAX];
	struct buf body;
};

static void seal(struct sealed *s, const char *plain)
{
	*s = (struct sealed){ .ring = fixture_ring(2) };
	fixture_object_row(&s->row);
	memcpy(s->header, s->row.header.ptr, s->row.header.len);
	memcpy(s->index, s->row.index.ptr, s->row.index.len);
	s->row.header.ptr = s->header;
	s->row.index.ptr = s->index;
	assert_int_equal(record_seal(s->ring, STORE_OBJECT, view_str(plain), &s->row, &s->body), ERR_OK);
	assert_int_equal(s->row.generation, 2);
}

static void unseal(struct sealed *s)
{
	buf_free(&s->body);
	ring_free(s->ring);
}

static void assert_opens(struct sealed *s, enum store_table table, enum coffer_err expected)
{
	AUTO_BUF struct buf plain = BUF_EMPTY;
	enum coffer_err err = record_open(s->ring, table, &s->row, &plain);
	assert_int_equal(err, expected);
	if (err) assert_int_equal(plain.len, 0);
}

static void bodies_of_many_lengths_open_again(void **state)
{
	static const size_t lengths[] = { 0, 1, 15, 16, 17, 4096, 2097152 };
	(void)state;
	for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
		struct sealed s;
		AUTO_BUF struct buf plain = BUF_EMPTY, body = BUF_EMPTY, out = BUF_EMPTY;
		seal(&s, "");
		assert_int_equal(buf_reserve(&plain, lengths[i] + 1), ERR_OK);
		memset(plain.ptr, 0x5a, lengths[i]);
		plain.len = lengths[i];
		assert_int_equal(buf_append(&body, view_str("before")), ERR_OK);
		assert_int_equal(record_seal(s.ring, STORE_OBJECT, buf_view(&plain), &s.row, &body), ERR_OK);
		assert_int_equal(s.row.body.len, lengths[i] + 68);
		assert_ptr_equal(s.row.body.ptr, body.ptr + 6);
		assert_int_equal(record_open(s.ring, STORE_OBJECT, &s.row, &out), ERR_OK);
		assert_true(view_equal(buf_view(&plain), buf_view(&out)));
		unseal(&s);
	}
}

static void too_large_a_body_is_refused(void **state)
{
	struct sealed s;
	static uint8_t plain[2097153];
	AUTO_BUF struct buf body = BUF_EMPTY;
	(void)state;
	seal(&s, "x");
	assert_int_equal(record_seal(s.ring, STORE_OBJECT, view_of(plain, sizeof plain), &s.row, &body), ERR_TOO_LARGE);
	unseal(&s);
}

static void every_flipped_byte_of_a_row_is_corrupt(void **state)
{
	struct sealed s;
	(void)state;
	seal(&s, "secret");
	struct { uint8_t *bytes; size_t len; } parts[] = {
		{ s.row.id, s.row.id_len }, { s.header, s.row.header.len }, { s.index, s.row.index.len }, { s.body.ptr, s.body.len },
		{ (uint8_t *)&s.row.version, 4 }, { (uint8_t *)&s.row.state, 4 }, { (uint8_t *)&s.row.generation, 4 },
	};
	for (size_t p = 0; p < sizeof parts / sizeof parts[0]; p++) {
		for (size_t i = 0; i < parts[p].len; i++) {
			for (unsigned bit = 0; bit < 8; bit++) {
				parts[p].bytes[i] ^= (uint8_t)(1u << bit);
				assert_opens(&s, STORE_OBJECT, ERR_CORRUPT);
				parts[p].bytes[i] ^= (uint8_t)(1u << bit);
			}
		}
	}
	assert_opens(&s, STORE_OBJECT, ERR_OK);
	unseal(&s);
}

static void every_cut_of_a_column_is_corrupt(void **state)
{
	struct sealed s;
	(void)state;
	seal(&s, "secret");
	size_t *lengths[] = { &s.row.id_len, &s.row.header.len, &s.row.index.len, &s.row.body.len };
	for (size_t p = 0; p < 4; p++) {
		size_t whole = *lengths[p];
		for (*lengths[p] = 0; *lengths[p] < whole; ++*lengths[p]) assert_opens(&s, STORE_OBJECT, ERR_CORRUPT);
	}
	assert_opens(&s, STORE_OBJECT, ERR_OK);
	unseal(&s);
}

static void a_row_of_another_table_domain_or_ring_is_corrupt(void **state)
{
	struct sealed s;
	struct domain_id domain;
	(void)state;
	seal(&s, "secret");
	for (int table = 0; table <= 9; table++)
		if (table != STORE_OBJECT) assert_opens(&s, (enum store_table)table, ERR_CORRUPT);
	struct ring *own = s.ring;
	s.ring = fixture_ring(1); /* without the generation of the row */
	assert_opens(&s, STORE_OBJECT, ERR_CORRUPT);
	ring_free(s.ring);
	fixture_domain(&domain);
	domain.id[0] ^= 1; /* the same data keys in another domain */
	s.ring = ring_new(&domain);
	struct secret *key = rising_secret(0x21, DATA_KEY_LEN);
	assert_int_equal(ring_add(s.ring, 2, &key), ERR_OK);
	assert_opens(&s, STORE_OBJECT, ERR_CORRUPT);
	ring_free(s.ring);
	s.ring = own;
	assert_opens(&s, STORE_OBJECT, ERR_OK);
	unseal(&s);
}

static void swapped_bodies_and_ids_are_corrupt(void **state)
{
	struct sealed a, b;
	(void)state;
	seal(&a, "first");
	seal(&b, "other");
	assert_opens(&b, STORE_OBJECT, ERR_OK);
	b.row.id[0] ^= 1; /* the second record under another id */
	assert_opens(&b, STORE_OBJECT, ERR_CORRUPT);
	AUTO_BUF struct buf body = BUF_EMPTY;
	assert_int_equal(record_seal(b.ring, STORE_OBJECT, view_str("other"), &b.row, &body), ERR_OK);
	assert_opens(&b, STORE_OBJECT, ERR_OK);
	struct view kept = a.row.body;
	a.row.body = b.row.body;
	b.row.body = kept;
	assert_opens(&a, STORE_OBJECT, ERR_CORRUPT);
	assert_opens(&b, STORE_OBJECT, ERR_CORRUPT);
	unseal(&a);
	unseal(&b);
}

static void a_sealed_ring_seals_and_opens_nothing(void **state)
{
	struct sealed s;
	AUTO_BUF struct buf body = BUF_EMPTY;
	(void)state;
	seal(&s, "secret");
	ring_free(s.ring);
	s.ring = fixture_ring(0);
	struct store_row row = s.row;
	assert_int_equal(record_seal(s.ring, STORE_OBJECT, view_str("x"), &row, &body), ERR_SEALED);
	assert_opens(&s, STORE_OBJECT, ERR_SEALED);
	unseal(&s);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(row_binding_is_the_frozen_one),
		cmocka_unit_test(frozen_body_opens),
		cmocka_unit_test(an_empty_index_column_is_one_without_entries),
		cmocka_unit_test(rows_that_no_table_has_are_not_bound),
		cmocka_unit_test(bodies_of_many_lengths_open_again),
		cmocka_unit_test(too_large_a_body_is_refused),
		cmocka_unit_test(every_flipped_byte_of_a_row_is_corrupt),
		cmocka_unit_test(every_cut_of_a_column_is_corrupt),
		cmocka_unit_test(a_row_of_another_table_domain_or_ring_is_corrupt),
		cmocka_unit_test(swapped_bodies_and_ids_are_corrupt),
		cmocka_unit_test(a_sealed_ring_seals_and_opens_nothing),
	};
	return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
