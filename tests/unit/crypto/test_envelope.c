/* Sealed messages: frozen vectors, and every way in which one is refused. */
#include "unit/crypto/support.h"

#include <string.h>

#include "base/ct.h"
#include "base/text.h"
#include "crypto/envelope_internal.h"

#define PLAIN "hello"
#define PLAIN_LEN 5u
#define SEALED_LEN (PLAIN_LEN + ENVELOPE_OVERHEAD)

static const uint8_t key_bytes[XAES_KEY_LEN] = { 1, 2, 3 };
static const uint8_t key_id[UUID_LEN] = { 0xAA, 0xBB };

/* A message of "hello" with context "ctx". */
static struct xaes_key *make(uint8_t out[static SEALED_LEN], enum envelope_kind kind)
{
	struct xaes_key *k = NULL;
	assert_ok(xaes_key_new(key_bytes, &k));
	assert_ok(envelope_seal(k, NULL, kind, key_id, 7, view_str("ctx"), view_str(PLAIN), out));
	return k;
}

static void frozen_messages_open_and_are_made_again(void **state)
{
	size_t i;
	const json_t *v;
	json_t *root = support_load("sealed-message-v1.json");
	unsigned count = 0;
	(void)state;
	json_array_foreach(json_object_get(root, "vectors"), i, v) {
		AUTO_BUF struct buf key = BUF_EMPTY, context = BUF_EMPTY, pt = BUF_EMPTY, sealed = BUF_EMPTY;
		AUTO(auto_xaes_key_free) struct xaes_key *k = NULL;
		struct envelope_header h;
		uint8_t out[1024], opened[1024];
		struct view p = support_field(&pt, v, "plaintext");
		struct view s = support_field(&sealed, v, "sealed"), c = support_field(&context, v, "context");
		assert_ok(xaes_key_new(support_field(&key, v, "key").ptr, &k));
		assert_ok(envelope_parse_header(s, &h));
		assert_hex(h.key_id, UUID_LEN, support_text(v, "key_id"));
		assert_hex(h.nonce, XAES_NONCE_LEN, support_text(v, "nonce"));
		assert_true((json_int_t)h.key_version == json_integer_value(json_object_get(v, "key_version")));
		assert_int_equal(envelope_plain_size(s.len), p.len);
		assert_ok(envelope_open(k, ENVELOPE_MESSAGE, s, c, opened));
		assert_true(view_equal(view_of(opened, p.len), p));
		assert_ok(envelope_seal_header(k, &h, c, p, out));
		assert_true(view_equal(view_of(out, envelope_size(p.len)), s));
		count++;
	}
	assert_int_equal(count, 5);
	json_decref(root);
}

static void sealing_draws_a_new_nonce_each_time(void **state)
{
	uint8_t a[SEALED_LEN], b[SEALED_LEN];
	(void)state;
	AUTO(auto_xaes_key_free) struct xaes_key *k = make(a, ENVELOPE_MESSAGE);
	AUTO(auto_rng_pool_free) struct rng_pool *pool = rng_pool_new();
	assert_ok(envelope_seal(k, pool, ENVELOPE_MESSAGE, key_id, 7, view_str("ctx"), view_str(PLAIN), b));
	assert_false(ct_equal(a + 28, b + 28, XAES_NONCE_LEN));
	assert_false(ct_equal(a + 52, b + 52, SEALED_LEN - 52));
}

static void every_flipped_bit_of_header_and_body_is_refused(void **state)
{
	uint8_t sealed[SEALED_LEN], out[PLAIN_LEN];
	(void)state;
	AUTO(auto_xaes_key_free) struct xaes_key *k = make(sealed, ENVELOPE_MESSAGE);
	for (size_t i = 0; i < SEALED_LEN * 8; i++) {
		size_t at = i / 8;
		sealed[at] ^= (uint8_t)(1u << (i % 8));
		enum coffer_err want = at < 4 ? ERR_FOREIGN : at < 8 ? ERR_VERSION : ERR_CONTEXT;
		memset(out, 'x', sizeof out);
		assert_err(envelope_open(k, ENVELOPE_MESSAGE, view_of(sealed, SEALED_LEN), view_str("ctx"), out), want);
		assert_memory_not_equal(out, PLAIN, PLAIN_LEN);
		sealed[at] ^= (uint8_t)(1u << (i % 8));
	}
	assert_ok(envelope_open(k, ENVELOPE_MESSAGE, view_of(sealed, SEALED_LEN), view_str("ctx"), out));
	assert_memory_equal(out, PLAIN, PLAIN_LEN);
}

static void every_truncation_and_extension_is_refused(void **state)
{
	uint8_t sealed[SEALED_LEN + 1] = { 0 }, out[PLAIN_LEN + 1];
	(void)state;
	AUTO(auto_xaes_key_free) struct xaes_key *k = make(sealed, ENVELOPE_MESSAGE);
	for (size_t len = 0; len < SEALED_LEN; len++) {
		enum coffer_err want = len < ENVELOPE_OVERHEAD ? ERR_TRUNCATED : ERR_CONTEXT;
		assert_err(envelope_open(k, ENVELOPE_MESSAGE, view_of(sealed, len), view_str("ctx"), out), want);
	}
	assert_err(envelope_open(k, ENVELOPE_MESSAGE, view_of(sealed, SEALED_LEN + 1), view_str("ctx"), out), ERR_CONTEXT);
}

static void another_context_key_or_kind_is_refused(void **state)
{
	uint8_t sealed[SEALED_LEN], record[SEALED_LEN], out[PLAIN_LEN], other_key[XAES_KEY_LEN] = { 9 };
	AUTO(auto_xaes_key_free) struct xaes_key *other = NULL;
	struct view s = view_of(sealed, SEALED_LEN), r = view_of(record, SEALED_LEN);
	(void)state;
	AUTO(auto_xaes_key_free) struct xaes_key *k = make(sealed, ENVELOPE_MESSAGE);
	AUTO(auto_xaes_key_free) struct xaes_key *same = make(record, ENVELOPE_RECORD);
	assert_ok(xaes_key_new(other_key, &other));
	assert_err(envelope_open(k, ENVELOPE_MESSAGE, s, view_str("ctx2"), out), ERR_CONTEXT);
	assert_err(envelope_open(k, ENVELOPE_MESSAGE, s, view_of(NULL, 0), out), ERR_CONTEXT);
	assert_err(envelope_open(other, ENVELOPE_MESSAGE, s, view_str("ctx"), out), ERR_CONTEXT);
	assert_err(envelope_open(k, ENVELOPE_MESSAGE, r, view_str("ctx"), out), ERR_VERSION);
	assert_err(envelope_open(k, ENVELOPE_RECORD, s, view_str("ctx"), out), ERR_VERSION);
	assert_ok(envelope_open(same, ENVELOPE_RECORD, r, view_str("ctx"), out));
}

static void foreign_files_and_unknown_versions_are_named(void **state)
{
	static const struct { const char *hex; enum coffer_err err; } table[] = {
		{ "", ERR_TRUNCATED }, { "43", ERR_TRUNCATED }, { "00", ERR_FOREIGN }, { "43465253", ERR_FOREIGN },
		{ "7f454c4602010100", ERR_FOREIGN },
		{ "43465231", ERR_TRUNCATED }, { "4346523102", ERR_VERSION }, { "4346523100", ERR_VERSION },
		{ "434652310102", ERR_VERSION },
		{ "43465231010080", ERR_TRUNCATED }, { "4346523101000001", ERR_VERSION }, { "4346523101000000", ERR_TRUNCATED },
	};
	struct envelope_header h;
	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		AUTO_BUF struct buf b = BUF_EMPTY;
		assert_err(envelope_parse_header(support_unhex(&b, table[i].hex), &h), table[i].err);
	}
}

static void sizes_are_bounded_and_version_zero_refused(void **state)
{
	uint8_t small[SEALED_LEN];
	struct envelope_header h;
	const size_t len = envelope_size(ENVELOPE_MESSAGE_MAX + 1);
	uint8_t *big = test_calloc(1, len), *out = test_calloc(1, len);
	(void)state;
	AUTO(auto_xaes_key_free) struct xaes_key *k = make(small, ENVELOPE_MESSAGE);
	struct view most = view_of(big, ENVELOPE_MESSAGE_MAX), more = view_of(big, ENVELOPE_MESSAGE_MAX + 1),
		none = view_of(NULL, 0);
	assert_err(envelope_seal(k, NULL, ENVELOPE_MESSAGE, key_id, 1, none, more, out), ERR_TOO_LARGE);
	assert_err(envelope_seal(k, NULL, ENVELOPE_MESSAGE, key_id, 0, none, most, out), ERR_FIELD);
	assert_ok(envelope_seal(k, NULL, ENVELOPE_RECORD, key_id, 1, none, more, out));
	assert_ok(envelope_seal(k, NULL, ENVELOPE_MESSAGE, key_id, 1, none, most, out));
	assert_ok(envelope_parse_header(view_of(out, len - 1), &h));
	assert_err(envelope_parse_header(view_of(out, len), &h), ERR_TOO_LARGE);
	assert_ok(envelope_open(k, ENVELOPE_MESSAGE, view_of(out, len - 1), none, out + ENVELOPE_HEADER_LEN)); /* in place */
	assert_true(ct_is_zero(out + ENVELOPE_HEADER_LEN, ENVELOPE_MESSAGE_MAX));
	memset(out + 24, 0, 4);
	assert_err(envelope_parse_header(view_of(out, len - 1), &h), ERR_FIELD);
	test_free(big);
	test_free(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frozen_messages_open_and_are_made_again),
		cmocka_unit_test(sealing_draws_a_new_nonce_each_time),
		cmocka_unit_test(every_flipped_bit_of_header_and_body_is_refused),
		cmocka_unit_test(every_truncation_and_extension_is_refused),
		cmocka_unit_test(another_context_key_or_kind_is_refused),
		cmocka_unit_test(foreign_files_and_unknown_versions_are_named),
		cmocka_unit_test(sizes_are_bounded_and_version_zero_refused),
	};
	return cmocka_run_group_tests(tests, support_setup, NULL);
}
