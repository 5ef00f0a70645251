/* The anchor's record against frozen answers (tests/vectors/anchor-record-v1.json), and what is not one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <jansson.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keyring/anchor_record.h"
#include "unit/keyring/frozen.h"

static int start(void **state)
{
	return frozen_start("anchor-record-v1.json", state);
}

static struct store *new_store(void)
{
	struct store *store = NULL;
	assert_int_equal(store_open_memory(&store), ERR_OK);
	assert_int_equal(store_begin(store, NULL), ERR_OK);
	return store;
}

static void put_row(struct store *store, uint32_t version, struct view body)
{
	static const uint8_t header[] = { 1 };
	static const uint8_t none[] = { 0, 0 };
	const char *id = frozen_text("id");
	struct store_row row = { .id_len = strlen(id), .version = version, .generation = 1, .header = view_of(header, 1), .index = view_of(none, 2), .body = body };
	memcpy(row.id, id, row.id_len);
	assert_int_equal(store_put(store, STORE_DOMAIN, &row, true), ERR_OK);
}

/* Reads the frozen row, and writes what it says again: sealed anew the body is the same bytes. */
static void read_and_write(const char *sealed, const char *plain, uint32_t version, struct anchor_record *out)
{
	uint8_t bytes[ANSWER_MAX];
	struct ring *ring = fixture_ring(1);
	struct store *store = new_store();
	struct store_row row;
	AUTO_BUF struct buf opened = BUF_EMPTY;
	const char *id = frozen_text("id");
	put_row(store, version, frozen_bytes(sealed, bytes));
	assert_int_equal(anchor_record_read(store, ring, out), ERR_OK);
	assert_int_equal(out->row_version, version);
	assert_int_equal(anchor_record_put(store, ring, out), ERR_OK);
	assert_int_equal(out->row_version, version + 1);
	assert_int_equal(store_get(store, STORE_DOMAIN, view_str(id), &row), ERR_OK);
	assert_int_equal(record_open(ring, STORE_DOMAIN, &row, &opened), ERR_OK);
	assert_frozen(plain, opened.ptr, opened.len);
	assert_frozen("auth", secret_bytes(out->auth), secret_len(out->auth));
	store_rollback(store);
	store_close(store);
	ring_free(ring);
}

static void the_record_in_both_stages_is_the_frozen_one(void **state)
{
	struct anchor_record r = ANCHOR_RECORD_NONE;
	(void)state;
	read_and_write("sealed-making", "making", 1, &r);
	assert_true(r.stage == ANCHOR_MAKING && r.ref.len == 0 && r.counter == 0 && r.root_version == 11 && r.time_ms == 1700000000000);
	anchor_record_clear(&r);
	read_and_write("sealed-made", "made", 2, &r);
	assert_true(r.stage == ANCHOR_MADE && r.first == 5 && r.made_ms == 1700000000001 && r.counter == 9 && r.root_version == 77 && r.time_ms == 1700000000002);
	assert_true(r.overridden == 2 && r.overridden_ms == 1700000000003 && r.overridden_from == 8 && r.overridden_to == 6);
	assert_string_equal(r.ref.place, "NV index 0x01810C10");
	assert_frozen("reference", r.ref.data, r.ref.len);
	anchor_record_clear(&r);
}

static void the_owner_digest_is_the_frozen_one(void **state)
{
	uint8_t owner[TOKEN_COUNTER_OWNER_LEN];
	struct domain_id domain;
	(void)state;
	fixture_domain(&domain);
	assert_int_equal(anchor_owner(&domain, owner), ERR_OK);
	assert_frozen("owner", owner, sizeof owner);
}

/* Every bit of the sealed row, and each shorter one. */
static void nothing_else_is_read(void **state)
{
	uint8_t bytes[ANSWER_MAX];
	struct view body = frozen_bytes("sealed-made", bytes);
	struct ring *ring = fixture_ring(1);
	struct store *store = new_store();
	struct anchor_record r = ANCHOR_RECORD_NONE;
	(void)state;
	for (size_t bit = 0; bit < 8 * body.len; bit += 3) {
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		put_row(store, 2, body);
		enum coffer_err err = anchor_record_read(store, ring, &r);
		if (err != ERR_CORRUPT && err != ERR_VERSION) fail_msg("bit %zu: %s", bit, err_name(err));
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	for (size_t len = 0; len < body.len; len += 7) {
		put_row(store, 2, view_of(bytes, len));
		assert_int_not_equal(anchor_record_read(store, ring, &r), ERR_OK);
	}
	put_row(store, 3, body); /* the write count is under the seal */
	assert_int_equal(anchor_record_read(store, ring, &r), ERR_CORRUPT);
	put_row(store, 2, body);
	assert_int_equal(anchor_record_read(store, ring, &r), ERR_OK);
	anchor_record_clear(&r);
	store_rollback(store);
	store_close(store);
	ring_free(ring);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_record_in_both_stages_is_the_frozen_one),
		cmocka_unit_test(the_owner_digest_is_the_frozen_one),
		cmocka_unit_test(nothing_else_is_read),
	};
	return cmocka_run_group_tests(tests, start, frozen_stop);
}
