/* A node's sign of life against frozen answers (tests/vectors/sign-v1.json), and what is not one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "domain/sign_row.h"
#include "unit/keyring/frozen.h"

static int start(void **state)
{
	return frozen_start("sign-v1.json", state);
}

static struct node_sign sample(void)
{
	struct node_sign s = { .count = 1, .written_ms = 1700000000000, .generation = 1, .epoch = 1, .role = SIGN_MASTER, .token_well = true, .version = "0.1.0" };
	rising(0x10, s.node_id, UUID_LEN);
	return s;
}

static struct node_sign viewed(void)
{
	struct node_sign s = sample();
	s.date_ms = 1700000600000;
	s.has_view = true;
	s.view.lag_ms = 1234, s.view.cache = SIGN_CACHE_READY, s.view.rows = 56, s.view.bytes = 7890, s.view.limit = 67108864, s.view.pinned = 12;
	return s;
}

static void is_frozen(const struct node_sign *sign, const char *name)
{
	struct ring *ring = fixture_ring(1);
	uint8_t body[SIGN_BODY_MAX];
	struct store_row row;
	struct node_sign back;
	assert_int_equal(sign_to_row(ring, sign, &row, body), ERR_OK);
	assert_frozen(name, row.body.ptr, row.body.len);
	assert_int_equal(sign_from_row(ring, &row, &back), ERR_OK);
	assert_true(back.count == sign->count && back.written_ms == sign->written_ms && back.generation == sign->generation && back.epoch == sign->epoch);
	assert_true(back.role == sign->role && back.token_well == sign->token_well && back.date_ms == sign->date_ms);
	assert_true(back.has_view == sign->has_view && back.view.lag_ms == sign->view.lag_ms && back.view.cache == sign->view.cache && back.view.rows == sign->view.rows);
	assert_true(back.view.bytes == sign->view.bytes && back.view.limit == sign->view.limit && back.view.pinned == sign->view.pinned);
	assert_string_equal(back.version, sign->version);
	assert_memory_equal(back.node_id, sign->node_id, UUID_LEN);
	ring_free(ring);
}

static void rows_are_the_frozen_ones_and_read_as_they_were_written(void **state)
{
	struct node_sign master = sample(), member = sample(), dated = sample(), seen = viewed();
	(void)state;
	is_frozen(&master, "master");
	dated.date_ms = 1700000600000;
	is_frozen(&dated, "dated");
	is_frozen(&seen, "viewed");
	member.count = 4294967294u;
	member.written_ms++;
	member.generation = 7;
	member.epoch = 9;
	member.role = SIGN_MEMBER;
	member.token_well = false;
	memset(member.version, 'v', SIGN_VERSION_MAX);
	is_frozen(&member, "member");
}

static void a_row_of_which_any_part_was_changed_is_refused(void **state)
{
	struct ring *ring = fixture_ring(2);
	struct node_sign s = viewed(), back;
	uint8_t body[SIGN_BODY_MAX], header[] = { 2 };
	struct store_row row, bent;
	(void)state;
	assert_int_equal(sign_to_row(ring, &s, &row, body), ERR_OK);
	for (size_t i = 0; i < row.body.len; i++)
		for (unsigned bit = 0; bit < 8; bit++) {
			body[i] ^= (uint8_t)(1u << bit);
			enum coffer_err err = sign_from_row(ring, &row, &back);
			assert_true(err == ERR_CORRUPT || (i == 0 && err == ERR_VERSION));
			body[i] ^= (uint8_t)(1u << bit);
		}
	for (size_t len = 0; len < row.body.len; len++) {
		bent = row, bent.body.len = len;
		assert_int_equal(sign_from_row(ring, &bent, &back), ERR_CORRUPT);
	}
	bent = row, bent.version++;
	assert_int_equal(sign_from_row(ring, &bent, &back), ERR_CORRUPT);
	bent = row, bent.state = 2;
	assert_int_equal(sign_from_row(ring, &bent, &back), ERR_CORRUPT);
	bent = row, bent.generation = 9;
	assert_int_equal(sign_from_row(ring, &bent, &back), ERR_NOT_FOUND);
	bent = row, bent.header = view_of(header, 1);
	assert_int_equal(sign_from_row(ring, &bent, &back), ERR_VERSION);
	bent = row, bent.id[SIGN_ID_LEN - 1] ^= 1; /* another node's place */
	assert_int_equal(sign_from_row(ring, &bent, &back), ERR_CORRUPT);
	bent = row, bent.id_len--;
	assert_int_equal(sign_from_row(ring, &bent, &back), ERR_CORRUPT);
	assert_int_equal(sign_from_row(ring, &row, &back), ERR_OK);
	ring_free(ring);
}

static void what_no_reader_takes_is_not_written(void **state)
{
	struct ring *ring = fixture_ring(1), *empty;
	struct domain_id domain;
	uint8_t body[SIGN_BODY_MAX];
	struct store_row row;
	struct node_sign bad[] = { sample(), sample(), sample(), sample(), viewed(), viewed() };
	(void)state;
	bad[0].count = 0;
	bad[1].role = 0;
	bad[2].version[0] = '\0';
	bad[3].version[1] = '\n';
	bad[4].date_ms = 0;
	bad[5].view.cache = SIGN_CACHE_READY + 1;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) assert_int_equal(sign_to_row(ring, &bad[i], &row, body), ERR_FIELD);
	fixture_domain(&domain);
	empty = ring_new(&domain);
	struct node_sign good = sample();
	assert_int_equal(sign_to_row(empty, &good, &row, body), ERR_SEALED);
	ring_free(empty);
	ring_free(ring);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_are_the_frozen_ones_and_read_as_they_were_written),
		cmocka_unit_test(a_row_of_which_any_part_was_changed_is_refused),
		cmocka_unit_test(what_no_reader_takes_is_not_written),
	};
	return cmocka_run_group_tests(tests, start, frozen_stop);
}
