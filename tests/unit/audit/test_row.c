/* Audit rows and links as bytes: the known answers of docs/formats.md section 12. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "audit/row.h"
#include "unit/keyring/fixture.h"

static const uint8_t link_0[] = {
	0xf0, 0xeb, 0xef, 0x9b, 0xb6, 0x79, 0x21, 0x96, 0xea, 0xa5, 0xf7, 0x74, 0x7a, 0xd0, 0x8e, 0x18,
	0x7e, 0x0d, 0x32, 0x4f, 0xfd, 0xd8, 0x54, 0x39, 0xf7, 0xf4, 0x49, 0x78, 0xf3, 0x55, 0x8c, 0xca,
};
static const uint8_t link_1[] = {
	0x61, 0xda, 0x00, 0x56, 0xed, 0xe7, 0x6c, 0xa1, 0x06, 0x7e, 0xb7, 0x69, 0xdd, 0xf5, 0x7b, 0x9d,
	0x8a, 0x63, 0x23, 0xe4, 0x4e, 0x5d, 0x1d, 0xb1, 0x59, 0xd9, 0xbe, 0xb5, 0x56, 0xbc, 0xad, 0xfa,
};
static const char row_hex[] = "0100000000000000010000018bcfe56800101112131415161718191a1b1c1d1e1f000000000000000500000009756e69783a31303030"
	"00000001000000000000000000000010404142434445464748494a4b4c4d4e4f0000000000000000";

static struct view frozen_row(uint8_t out[static 128])
{
	size_t len = strlen(row_hex) / 2;
	assert_true(len <= 128);
	assert_int_equal(text_unhex(view_str(row_hex), out, len), ERR_OK);
	return view_of(out, len);
}

static void links_are_the_frozen_ones(void **state)
{
	struct ring *ring = fixture_ring(1);
	uint8_t bytes[128], link[AUDIT_LINK_LEN];
	(void)state;
	assert_int_equal(audit_genesis(ring_domain(ring), link), ERR_OK);
	assert_memory_equal(link, link_0, sizeof link_0);
	assert_int_equal(audit_link(ring, 1, 1, link_0, frozen_row(bytes), link), ERR_OK);
	assert_memory_equal(link, link_1, sizeof link_1);
	ring_free(ring);
}

static void a_link_binds_generation_number_previous_link_and_row(void **state)
{
	struct ring *ring = fixture_ring(2);
	uint8_t bytes[128], link[AUDIT_LINK_LEN], previous[AUDIT_LINK_LEN];
	struct view row = frozen_row(bytes);
	(void)state;
	memcpy(previous, link_0, sizeof previous);
	assert_int_equal(audit_link(ring, 2, 1, link_0, row, link), ERR_OK);
	assert_memory_not_equal(link, link_1, sizeof link);
	assert_int_equal(audit_link(ring, 1, 2, link_0, row, link), ERR_OK);
	assert_memory_not_equal(link, link_1, sizeof link);
	previous[31] ^= 1;
	assert_int_equal(audit_link(ring, 1, 1, previous, row, link), ERR_OK);
	assert_memory_not_equal(link, link_1, sizeof link);
	bytes[row.len - 1] ^= 1;
	assert_int_equal(audit_link(ring, 1, 1, link_0, row, link), ERR_OK);
	assert_memory_not_equal(link, link_1, sizeof link);
	assert_int_equal(audit_link(ring, 3, 1, link_0, row, link), ERR_NOT_FOUND);
	ring_free(ring);
}

static void the_frozen_row_reads_and_writes(void **state)
{
	struct ring *ring = fixture_ring(1);
	struct audit_event e;
	struct buf again = BUF_EMPTY;
	uint8_t bytes[128], object[UUID_LEN];
	(void)state;
	rising(0x40, object, sizeof object);
	struct view row = frozen_row(bytes);
	assert_int_equal(audit_row_decode(ring_domain(ring), row, &e), ERR_OK);
	assert_int_equal(e.seq, 1);
	assert_int_equal(e.time_ms, 1700000000000);
	assert_true(view_equal_str(e.principal, "unix:1000"));
	assert_int_equal(e.operation, 1);
	assert_true(view_equal(e.object_id, view_of(object, sizeof object)));
	assert_int_equal(e.epoch, 5);
	assert_int_equal(e.request_id.len + e.details.len, 0);
	assert_int_equal(audit_row_encode(ring_domain(ring), &e, &again), ERR_OK);
	assert_int_equal(again.len, row.len);
	assert_memory_equal(again.ptr, row.ptr, row.len);
	buf_free(&again);
	ring_free(ring);
}

static void rows_that_are_not_ours_are_refused(void **state)
{
	struct ring *ring = fixture_ring(1);
	struct audit_event e = { .seq = 77 };
	uint8_t bytes[129];
	(void)state;
	struct view row = frozen_row(bytes);
	for (size_t len = 0; len < row.len; len++)
		assert_int_equal(audit_row_decode(ring_domain(ring), view_of(bytes, len), &e), ERR_CORRUPT);
	bytes[row.len] = 0;
	assert_int_equal(audit_row_decode(ring_domain(ring), view_of(bytes, row.len + 1), &e), ERR_CORRUPT);
	static const size_t fatal[] = { 0, 17, 32 }; /* format, first and last byte of the node id */
	for (size_t i = 0; i < 3; i++) {
		bytes[fatal[i]] ^= 1;
		assert_int_equal(audit_row_decode(ring_domain(ring), row, &e), ERR_CORRUPT);
		bytes[fatal[i]] ^= 1;
	}
	assert_int_equal(e.seq, 77);
	ring_free(ring);
}

static void fields_over_their_limits_are_not_written(void **state)
{
	static const uint8_t long_bytes[4097] = { 0 };
	struct ring *ring = fixture_ring(1);
	(void)state;
	for (int which = 0; which < 4; which++) {
		static const size_t max[] = { 1024, 64, 64, 4096 };
		for (size_t over = 0; over < 2; over++) {
			struct audit_event e = { .seq = 1 };
			struct view *fields[] = { &e.principal, &e.object_id, &e.request_id, &e.details };
			struct buf out = BUF_EMPTY;
			*fields[which] = view_of(long_bytes, max[which] + over);
			assert_int_equal(audit_row_encode(ring_domain(ring), &e, &out), over ? ERR_TOO_LARGE : ERR_OK);
			buf_free(&out);
		}
	}
	ring_free(ring);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(links_are_the_frozen_ones),
		cmocka_unit_test(a_link_binds_generation_number_previous_link_and_row),
		cmocka_unit_test(the_frozen_row_reads_and_writes),
		cmocka_unit_test(rows_that_are_not_ours_are_refused),
		cmocka_unit_test(fields_over_their_limits_are_not_written),
	};
	return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
