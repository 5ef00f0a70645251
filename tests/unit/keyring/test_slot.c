/* Slot rows: made, parsed, and what keeps a foreign or edited one out of the ring. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "keyring/generation.h"
#include "keyring/slot.h"
#include "keyring/slot_internal.h"
#include "unit/keyring/fixture.h"

struct made {
	struct ring *ring;
	struct store_row row;
	struct buf header, body;
};

/* The slot of the vectors. */
static void make(struct made *m)
{
	struct token_binding binding;
	uint8_t blob[16], signature[ANSWER_MAX];
	*m = (struct made){ .ring = fixture_ring(1) };
	fixture_binding(&binding);
	rising(0xd0, blob, sizeof blob);
	answer("generation-signature", signature);
	assert_int_equal(slot_make(m->ring, 1, "tpm2", &binding, view_of(blob, sizeof blob), signature, 1700000000000u,
		&m->row, &m->header, &m->body), ERR_OK);
}

static void unmake(struct made *m)
{
	buf_free(&m->header);
	buf_free(&m->body);
	ring_free(m->ring);
}

/* Parses and accepts into an empty ring, as a start does. */
static enum coffer_err open_slot(const struct store_row *row, uint8_t first_key_byte, struct reason *reason)
{
	struct ring *ring = fixture_ring(0);
	struct secret *key = rising_secret(first_key_byte, DATA_KEY_LEN);
	struct slot slot;
	enum coffer_err err = slot_parse(row, &slot, reason);
	if (!err) err = slot_accept(ring, row, &slot, &key, reason);
	assert_int_equal(ring_count(ring), err ? 0 : 1);
	assert_true((key == NULL) == (err == ERR_OK));
	secret_free(key);
	ring_free(ring);
	return err;
}

static void the_row_is_the_frozen_one_and_opens(void **state)
{
	struct made m;
	struct slot slot;
	struct reason why = { "" };
	(void)state;
	make(&m);
	assert_answer("slot-body", m.row.body.ptr, m.row.body.len);
	assert_int_equal(m.row.id_len, 20);
	assert_int_equal(m.row.version, 1);
	assert_int_equal(slot_parse(&m.row, &slot, &why), ERR_OK);
	assert_string_equal(slot.kind, "tpm2");
	assert_int_equal(slot.generation, 1);
	assert_int_equal(slot.blob.len, 16);
	assert_true(view_equal_str(slot.mechanism, "tpm2-seal"));
	assert_true(view_equal_str(slot.binding_data, "details"));
	assert_int_equal(open_slot(&m.row, 0x20, &why), ERR_OK);
	unmake(&m);
}

static void every_flipped_byte_is_refused(void **state)
{
	struct made m;
	(void)state;
	make(&m);
	struct { uint8_t *bytes; size_t len; } parts[] = {
		{ m.row.id, m.row.id_len }, { m.header.ptr, m.header.len }, { m.body.ptr, m.body.len }, { (uint8_t *)&m.row.version, 4 },
		{ (uint8_t *)&m.row.state, 4 }, { (uint8_t *)&m.row.generation, 4 },
	};
	for (size_t p = 0; p < sizeof parts / sizeof parts[0]; p++) {
		for (size_t i = 0; i < parts[p].len; i++) {
			struct reason why = { "" };
			parts[p].bytes[i] ^= 0x04;
			enum coffer_err err = open_slot(&m.row, 0x20, &why);
			if (err != ERR_CORRUPT && err != ERR_VERSION) fail_msg("part %zu byte %zu: %s", p, i, err_name(err));
			assert_true(why.text[0] != '\0');
			parts[p].bytes[i] ^= 0x04;
		}
	}
	assert_int_equal(open_slot(&m.row, 0x20, NULL), ERR_OK);
	unmake(&m);
}

static void every_cut_and_a_trailing_byte_are_refused(void **state)
{
	struct made m;
	struct slot slot;
	(void)state;
	make(&m);
	size_t whole = m.row.body.len;
	for (m.row.body.len = 0; m.row.body.len < whole; m.row.body.len++)
		assert_true(slot_parse(&m.row, &slot, NULL) != ERR_OK);
	assert_int_equal(buf_append(&m.body, view_str("x")), ERR_OK);
	m.row.body = buf_view(&m.body);
	assert_int_equal(slot_parse(&m.row, &slot, NULL), ERR_CORRUPT);
	unmake(&m);
}

static void another_data_key_fails_the_key_check(void **state)
{
	struct made m;
	struct reason why = { "" };
	(void)state;
	make(&m);
	assert_int_equal(open_slot(&m.row, 0x21, &why), ERR_CORRUPT);
	assert_non_null(strstr(why.text, "key check"));
	unmake(&m);
}

static void a_planted_data_key_fails_the_generation_signature(void **state)
{
	/* The thief's own key, wrapped to the token, with key check and MAC made from it: all but the signature is in order. */
	struct made m = { 0 };
	struct token_binding binding;
	struct secret *key = rising_secret(0x99, DATA_KEY_LEN), *seed = rising_secret(0x11, 32);
	struct reason why = { "" };
	uint8_t check[32], mac[32], signatures[2][DOMAIN_SIGNATURE_LEN];
	(void)state;
	fixture_binding(&binding);
	m.ring = fixture_ring(0);
	assert_int_equal(ring_key_check(ring_domain(m.ring), 1, key, check), ERR_OK);
	assert_int_equal(generation_sign(seed, ring_domain(m.ring), 1, check, signatures[0]), ERR_OK); /* by a key of his own */
	uint8_t real[ANSWER_MAX];
	answer("generation-signature", real); /* the domain's signature of the real generation */
	memcpy(signatures[1], real, DOMAIN_SIGNATURE_LEN);
	assert_int_equal(ring_add(m.ring, 1, &key), ERR_OK);
	for (size_t i = 0; i < 2; i++) {
		m.row = (struct store_row){ 0 };
		assert_int_equal(slot_make(m.ring, 1, "tpm2", &binding, view_str("blob"), signatures[i], 1, &m.row, &m.header,
			&m.body), ERR_OK);
		assert_int_equal(slot_mac(m.ring, &m.row, view_of(m.row.body.ptr, m.row.body.len - 32), mac), ERR_OK);
		assert_memory_equal(mac, m.row.body.ptr + m.row.body.len - 32, 32);
		assert_int_equal(open_slot(&m.row, 0x99, &why), ERR_CORRUPT);
		assert_non_null(strstr(why.text, "generation signature"));
	}
	secret_free(seed);
	unmake(&m);
}

static void a_slot_of_another_node_generation_or_write_is_refused(void **state)
{
	struct made m;
	struct reason why = { "" };
	(void)state;
	make(&m);
	struct store_row row = m.row;
	row.id[0] ^= 1;
	assert_int_equal(open_slot(&row, 0x20, &why), ERR_CORRUPT);
	assert_non_null(strstr(why.text, "another node"));
	row = m.row;
	row.id[19] = 2;
	row.generation = 2;
	assert_int_equal(open_slot(&row, 0x20, &why), ERR_CORRUPT);
	row = m.row;
	row.version = 2;
	assert_int_equal(open_slot(&row, 0x20, &why), ERR_CORRUPT);
	assert_non_null(strstr(why.text, "MAC"));
	unmake(&m);
}

static void a_slot_must_name_what_the_identity_file_pins(void **state)
{
	struct made m;
	struct slot slot;
	struct token_binding pinned;
	struct reason why = { "" };
	(void)state;
	make(&m);
	assert_int_equal(slot_parse(&m.row, &slot, &why), ERR_OK);
	fixture_binding(&pinned);
	assert_int_equal(slot_check_binding(&slot, "tpm2", &pinned, &why), ERR_OK);
	assert_int_equal(slot_check_binding(&slot, "pkcs11", &pinned, &why), ERR_TOKEN_OTHER);
	pinned.master_secret_id[31] ^= 1;
	assert_int_equal(slot_check_binding(&slot, "tpm2", &pinned, &why), ERR_TOKEN_OTHER);
	fixture_binding(&pinned);
	pinned.mechanism[0] = 'T';
	assert_int_equal(slot_check_binding(&slot, "tpm2", &pinned, &why), ERR_TOKEN_OTHER);
	fixture_binding(&pinned);
	pinned.data[6] ^= 1;
	assert_int_equal(slot_check_binding(&slot, "tpm2", &pinned, &why), ERR_TOKEN_OTHER);
	fixture_binding(&pinned);
	pinned.data_len = 6;
	assert_int_equal(slot_check_binding(&slot, "tpm2", &pinned, &why), ERR_TOKEN_OTHER);
	unmake(&m);
}

static void what_the_format_cannot_hold_is_not_made(void **state)
{
	struct made m;
	struct token_binding binding;
	static uint8_t blob[TOKEN_BLOB_MAX + 1];
	uint8_t signature[DOMAIN_SIGNATURE_LEN] = { 0 };
	struct store_row row = { 0 };
	(void)state;
	make(&m);
	fixture_binding(&binding);
	assert_int_equal(slot_make(m.ring, 1, "tpm2", &binding, view_of(blob, 0), signature, 1, &row, &m.header, &m.body), ERR_FIELD);
	assert_int_equal(slot_make(m.ring, 1, "tpm2", &binding, view_of(blob, sizeof blob), signature, 1, &row, &m.header,
		&m.body), ERR_FIELD);
	assert_int_equal(slot_make(m.ring, 1, "tpm", &binding, view_of(blob, 1), signature, 1, &row, &m.header, &m.body), ERR_FIELD);
	assert_int_equal(slot_make(m.ring, 2, "tpm2", &binding, view_of(blob, 1), signature, 1, &row, &m.header, &m.body),
		ERR_NOT_FOUND);
	binding.mechanism[0] = '\0';
	assert_int_equal(slot_make(m.ring, 1, "tpm2", &binding, view_of(blob, 1), signature, 1, &row, &m.header, &m.body), ERR_FIELD);
	unmake(&m);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_row_is_the_frozen_one_and_opens),
		cmocka_unit_test(every_flipped_byte_is_refused),
		cmocka_unit_test(every_cut_and_a_trailing_byte_are_refused),
		cmocka_unit_test(another_data_key_fails_the_key_check),
		cmocka_unit_test(a_planted_data_key_fails_the_generation_signature),
		cmocka_unit_test(a_slot_of_another_node_generation_or_write_is_refused),
		cmocka_unit_test(a_slot_must_name_what_the_identity_file_pins),
		cmocka_unit_test(what_the_format_cannot_hold_is_not_made),
	};
	return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
