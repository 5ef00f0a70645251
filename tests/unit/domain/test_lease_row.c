/* The lease row against frozen answers (tests/vectors/lease-v1.json), and what is not one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "domain/lease_row.h"
#include "unit/keyring/frozen.h"

static int start(void **state)
{
	return frozen_start("lease-v1.json", state);
}

static struct lease sample(uint32_t version, bool held, uint64_t epoch, uint8_t life, uint64_t taken_ms, uint32_t holds_ms)
{
	struct lease l = { .version = version, .held = held, .epoch = epoch, .taken_ms = taken_ms, .holds_ms = holds_ms };
	rising(0x10, l.holder, UUID_LEN);
	rising(life, l.life, LEASE_LIFE_LEN);
	return l;
}

static void rows_are_the_frozen_ones_and_read_as_they_were_written(void **state)
{
	static const char *const names[] = { "taken", "renewed", "given-back" };
	struct lease leases[] = { sample(1, true, 1, 0x40, 1700000000000, 9000), sample(2, true, 1, 0x50, 1700000000000, 9000),
		sample(4294967294u, false, 7, 0x60, 1700000000001, 1200) };
	struct ring *ring = fixture_ring(1);
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		uint8_t body[LEASE_BODY_LEN];
		struct store_row row;
		struct lease back;
		assert_int_equal(lease_to_row(ring, &leases[i], &row, body), ERR_OK);
		assert_frozen(names[i], row.body.ptr, row.body.len);
		assert_int_equal(lease_from_row(ring, &row, &back), ERR_OK);
		assert_true(lease_is_same(&back, &leases[i]) && back.taken_ms == leases[i].taken_ms && back.holds_ms == leases[i].holds_ms);
	}
	ring_free(ring);
}

static void a_row_of_which_any_part_was_changed_is_refused(void **state)
{
	struct ring *ring = fixture_ring(2);
	struct lease l = sample(5, true, 3, 0x40, 9, 9000), back;
	uint8_t body[LEASE_BODY_LEN], header[] = { 2 };
	struct store_row row, bent;
	(void)state;
	assert_int_equal(lease_to_row(ring, &l, &row, body), ERR_OK);
	for (size_t i = 0; i < sizeof body; i++)
		for (unsigned bit = 0; bit < 8; bit++) {
			body[i] ^= (uint8_t)(1u << bit);
			enum coffer_err err = lease_from_row(ring, &row, &back);
			assert_true(err == ERR_CORRUPT || (i == 0 && err == ERR_VERSION));
			body[i] ^= (uint8_t)(1u << bit);
		}
	bent = row, bent.version++;
	assert_int_equal(lease_from_row(ring, &bent, &back), ERR_CORRUPT);
	bent = row, bent.state = 2;
	assert_int_equal(lease_from_row(ring, &bent, &back), ERR_CORRUPT);
	bent = row, bent.generation = 1;
	assert_int_equal(lease_from_row(ring, &bent, &back), ERR_CORRUPT);
	bent = row, bent.generation = 9;
	assert_int_equal(lease_from_row(ring, &bent, &back), ERR_NOT_FOUND);
	bent = row, bent.header = view_of(header, 1);
	assert_int_equal(lease_from_row(ring, &bent, &back), ERR_VERSION);
	bent = row, bent.body.len--;
	assert_int_equal(lease_from_row(ring, &bent, &back), ERR_CORRUPT);
	bent = row, bent.id[0] = 'x';
	assert_int_equal(lease_from_row(ring, &bent, &back), ERR_CORRUPT);
	assert_int_equal(lease_from_row(ring, &row, &back), ERR_OK);
	ring_free(ring);
}

static void numbers_outside_of_their_limits_are_not_written(void **state)
{
	struct ring *ring = fixture_ring(1), *empty;
	struct domain_id domain;
	uint8_t body[LEASE_BODY_LEN];
	struct store_row row;
	struct lease bad[] = { sample(0, true, 1, 0x40, 0, 9000), sample(1, true, 0, 0x40, 0, 9000), sample(1, true, 1, 0x40, 0, 99),
		sample(1, true, 1, 0x40, 0, 3600001) };
	(void)state;
	for (size_t i = 0; i < 4; i++) assert_int_equal(lease_to_row(ring, &bad[i], &row, body), ERR_FIELD);
	fixture_domain(&domain);
	empty = ring_new(&domain);
	assert_int_equal(lease_to_row(empty, &bad[3], &row, body), ERR_SEALED);
	ring_free(empty);
	ring_free(ring);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_are_the_frozen_ones_and_read_as_they_were_written),
		cmocka_unit_test(a_row_of_which_any_part_was_changed_is_refused),
		cmocka_unit_test(numbers_outside_of_their_limits_are_not_written),
	};
	return cmocka_run_group_tests(tests, start, frozen_stop);
}
