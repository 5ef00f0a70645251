/* The contract of src/token/token.h, the same for every backend. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/ct.h"
#include "contract/token/fixture.h"
#include "contract/token/opened.h"
#include "token/token.h"

#define ARENA_LEN (4u << 20)
#define OPS 200

/* ---- helpers ---- */

static struct secret *sample_key(uint8_t first)
{
	struct secret *s = secret_new(TOKEN_SECRET_LEN);
	assert_non_null(s);
	for (size_t i = 0; i < TOKEN_SECRET_LEN; i++) secret_mut(s)[i] = (uint8_t)(first + 7 * i);
	return s;
}

static void wrap_ok(struct token *t, const struct secret *plain, struct buf *out)
{
	struct reason why = { "" };
	enum coffer_err err = token_backend.wrap(t, plain, out, &why);
	if (err != ERR_OK) print_message("wrap: %s: %s\n", err_name(err), why.text);
	assert_int_equal(err, ERR_OK);
}

static void assert_unwraps_to(struct token *t, struct view blob, const struct secret *plain)
{
	struct reason why = { "" };
	AUTO_SECRET struct secret *back = NULL;
	enum coffer_err err = token_backend.unwrap(t, blob, &back, &why);
	if (err != ERR_OK) print_message("unwrap: %s: %s\n", err_name(err), why.text);
	assert_int_equal(err, ERR_OK);
	assert_true(secret_equal(plain, back));
}

static void assert_refused(struct token *t, struct view blob)
{
	struct reason why = { "" };
	AUTO_SECRET struct secret *back = NULL;
	assert_int_equal(token_backend.unwrap(t, blob, &back, &why), ERR_CORRUPT);
	assert_null(back);
	assert_true(why.text[0] != '\0');
}

static int new_fixture(void **state)
{
	*state = fixture_new();
	return 0;
}

static int free_fixture(void **state)
{
	fixture_free(*state);
	return 0;
}

/* ---- opening, provisioning, attaching ---- */

static void an_absent_token_is_reported_as_gone(void **state)
{
	(void)state;
	struct reason why = { "" };
	struct token *t = NULL;
	assert_int_equal(token_backend.open(fixture_uri_absent(), &t, &why), ERR_TOKEN_GONE);
	assert_null(t);
	assert_true(why.text[0] != '\0');
}

static void a_uri_of_another_kind_is_refused_as_usage(void **state)
{
	(void)state;
	static const char *const uris[] = { "", "x", "file:/tmp", ":", "?" };
	for (size_t i = 0; i < sizeof uris / sizeof uris[0]; i++) {
		struct reason why = { "" };
		struct token *t = NULL;
		assert_int_equal(token_backend.open(uris[i], &t, &why), ERR_USAGE);
		assert_null(t);
		assert_true(why.text[0] != '\0');
	}
}

static void close_accepts_null(void **state)
{
	(void)state;
	token_backend.close(NULL);
}

static void nothing_is_wrapped_before_attach(void **state)
{
	AUTO_SECRET struct secret *key = sample_key(1);
	AUTO_SECRET struct secret *back = NULL;
	AUTO_BUF struct buf blob = BUF_EMPTY;
	struct token *t = open_token(*state);
	assert_int_equal(token_backend.wrap(t, key, &blob, NULL), ERR_STATE);
	assert_int_equal(token_backend.unwrap(t, view_of("x", 1), &back, NULL), ERR_STATE);
	assert_int_equal(token_backend.probe(t, NULL), ERR_STATE);
	assert_int_equal(blob.len, 0);
	token_backend.close(t);
}

static void provisioning_twice_adopts_the_same_master_secret(void **state)
{
	struct token_binding first, second;
	struct token_info info = { .kind = "" };
	AUTO_SECRET struct secret *key = sample_key(2);
	AUTO_BUF struct buf blob = BUF_EMPTY;
	struct token *t = open_provisioned(*state, &first);
	assert_int_equal(token_backend.describe(t, &info, NULL), ERR_OK);
	assert_true(info.made_here);
	wrap_ok(t, key, &blob);
	token_backend.close(t);
	t = open_provisioned(*state, &second);
	assert_int_equal(token_backend.describe(t, &info, NULL), ERR_OK);
	assert_false(info.made_here);
	assert_unwraps_to(t, buf_view(&blob), key);
	token_backend.close(t);
}

static void another_token_is_refused_at_attach(void **state)
{
	struct token_binding binding;
	struct reason why = { "" };
	struct fixture *other = fixture_new();
	token_backend.close(open_provisioned(*state, &binding));
	struct token *t = open_token(other);
	enum coffer_err err = token_backend.attach(t, &binding, &why);
	assert_int_equal(err, ERR_TOKEN_OTHER);
	assert_true(why.text[0] != '\0');
	assert_int_equal(token_backend.probe(t, NULL), ERR_STATE);
	token_backend.close(t);
	fixture_free(other);
}

static void a_damaged_binding_is_refused(void **state)
{
	struct token_binding good, bad;
	struct token *t = open_provisioned(*state, &good);
	for (size_t i = 0; i < good.data_len; i += 3) {
		bad = good;
		bad.data[i] ^= 0x41;
		assert_int_not_equal(token_backend.attach(t, &bad, NULL), ERR_OK);
	}
	bad = good;
	bad.data_len--;
	assert_int_not_equal(token_backend.attach(t, &bad, NULL), ERR_OK);
	bad = good;
	bad.data_len = 0;
	assert_int_not_equal(token_backend.attach(t, &bad, NULL), ERR_OK);
	bad = good;
	memcpy(bad.mechanism, "none", 5);
	assert_int_not_equal(token_backend.attach(t, &bad, NULL), ERR_OK);
	assert_int_equal(token_backend.attach(t, &good, NULL), ERR_OK);
	token_backend.close(t);
}

static void a_restarted_token_opens_what_it_wrapped(void **state)
{
	struct token_binding binding;
	AUTO_SECRET struct secret *key = sample_key(3);
	AUTO_BUF struct buf blob = BUF_EMPTY;
	struct token *t = open_provisioned(*state, &binding);
	wrap_ok(t, key, &blob);
	token_backend.close(t);
	for (int i = 0; i < 3; i++) {
		fixture_restart(*state);
		t = open_attached(*state, &binding);
		assert_unwraps_to(t, buf_view(&blob), key);
		token_backend.close(t);
	}
}

static void a_token_describes_itself(void **state)
{
	struct token_binding binding;
	struct token_info info = { .kind = "" };
	struct token *t = open_provisioned(*state, &binding);
	assert_int_equal(token_backend.describe(t, &info, NULL), ERR_OK);
	assert_string_equal(info.kind, token_backend.kind);
	assert_true(info.manufacturer[0] != '\0');
	assert_true(info.master_secret[0] != '\0');
	assert_string_equal(info.mechanism, binding.mechanism);
	token_backend.close(t);
}

/* ---- wrapping ---- */

static void a_data_key_comes_back_as_it_was(void **state)
{
	struct token_binding binding;
	struct token *t = open_provisioned(*state, &binding);
	for (unsigned first = 0; first < 256; first += 51) {
		AUTO_SECRET struct secret *key = sample_key((uint8_t)first);
		AUTO_BUF struct buf blob = BUF_EMPTY;
		wrap_ok(t, key, &blob);
		assert_true(blob.len > TOKEN_SECRET_LEN && blob.len <= TOKEN_BLOB_MAX);
		assert_unwraps_to(t, buf_view(&blob), key);
	}
	token_backend.close(t);
}

static void keys_of_all_zeros_and_all_ones_are_wrapped_too(void **state)
{
	struct token_binding binding;
	struct token *t = open_provisioned(*state, &binding);
	for (unsigned value = 0; value <= 0xFF; value += 0xFF) {
		AUTO_SECRET struct secret *key = secret_new(TOKEN_SECRET_LEN);
		AUTO_BUF struct buf blob = BUF_EMPTY;
		for (size_t i = 0; i < TOKEN_SECRET_LEN; i++) secret_mut(key)[i] = (uint8_t)value;
		wrap_ok(t, key, &blob);
		assert_unwraps_to(t, buf_view(&blob), key);
	}
	token_backend.close(t);
}

static void the_same_key_wrapped_twice_opens_twice(void **state)
{
	struct token_binding binding;
	AUTO_SECRET struct secret *key = sample_key(4);
	AUTO_BUF struct buf a = BUF_EMPTY, b = BUF_EMPTY;
	struct token *t = open_provisioned(*state, &binding);
	wrap_ok(t, key, &a);
	wrap_ok(t, key, &b);
	if (strcmp(token_backend.kind, "tpm2") == 0) assert_false(view_equal(buf_view(&a), buf_view(&b)));
	assert_unwraps_to(t, buf_view(&a), key);
	assert_unwraps_to(t, buf_view(&b), key);
	token_backend.close(t);
}

static void wrap_appends_to_what_is_there(void **state)
{
	struct token_binding binding;
	AUTO_SECRET struct secret *key = sample_key(5);
	AUTO_BUF struct buf blob = BUF_EMPTY;
	struct token *t = open_provisioned(*state, &binding);
	assert_int_equal(buf_append(&blob, view_of("head", 4)), ERR_OK);
	wrap_ok(t, key, &blob);
	assert_memory_equal(blob.ptr, "head", 4);
	assert_unwraps_to(t, view_of(blob.ptr + 4, blob.len - 4), key);
	token_backend.close(t);
}

static void a_key_of_another_length_is_refused(void **state)
{
	static const size_t lens[] = { 1, 16, 31, 33, 64 };
	struct token_binding binding;
	struct token *t = open_provisioned(*state, &binding);
	for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
		AUTO_SECRET struct secret *key = secret_new(lens[i]);
		AUTO_BUF struct buf blob = BUF_EMPTY;
		assert_int_equal(token_backend.wrap(t, key, &blob, NULL), ERR_INPUT);
		assert_int_equal(blob.len, 0);
	}
	token_backend.close(t);
}

static void an_altered_blob_is_refused_wherever_it_was_altered(void **state)
{
	struct token_binding binding;
	AUTO_SECRET struct secret *key = sample_key(6);
	AUTO_BUF struct buf blob = BUF_EMPTY;
	struct token *t = open_provisioned(*state, &binding);
	wrap_ok(t, key, &blob);
	for (size_t i = 0; i < blob.len; i++) {
		uint8_t bit = (uint8_t)(1u << (i % 8));
		blob.ptr[i] ^= bit;
		assert_refused(t, buf_view(&blob));
		blob.ptr[i] ^= bit;
	}
	assert_unwraps_to(t, buf_view(&blob), key);
	token_backend.close(t);
}

static void a_blob_cut_or_lengthened_is_refused(void **state)
{
	struct token_binding binding;
	AUTO_SECRET struct secret *key = sample_key(7);
	AUTO_BUF struct buf blob = BUF_EMPTY;
	struct token *t = open_provisioned(*state, &binding);
	wrap_ok(t, key, &blob);
	for (size_t len = 0; len < blob.len; len++) assert_refused(t, view_of(blob.ptr, len));
	size_t len = blob.len;
	assert_int_equal(buf_append(&blob, view_of("\0", 1)), ERR_OK);
	assert_refused(t, buf_view(&blob));
	while (blob.len <= TOKEN_BLOB_MAX) assert_int_equal(buf_append(&blob, view_of("\0\0\0\0", 4)), ERR_OK);
	assert_refused(t, buf_view(&blob));
	assert_unwraps_to(t, view_of(blob.ptr, len), key);
	token_backend.close(t);
}

static void a_blob_of_another_token_is_refused(void **state)
{
	struct token_binding binding_a, binding_b;
	struct fixture *other = fixture_new();
	AUTO_SECRET struct secret *key = sample_key(8);
	AUTO_BUF struct buf blob = BUF_EMPTY;
	struct token *t = open_provisioned(*state, &binding_a);
	wrap_ok(t, key, &blob);
	token_backend.close(t);
	t = open_provisioned(other, &binding_b);
	assert_false(ct_equal(binding_a.master_secret_id, binding_b.master_secret_id, TOKEN_MS_ID_LEN));
	assert_refused(t, buf_view(&blob));
	token_backend.close(t);
	fixture_free(other);
}

/* ---- random, probe, leaks ---- */

static void random_fills_every_byte(void **state)
{
	struct token *t = open_token(*state);
	uint8_t seen[200] = { 0 }, bytes[200 + 8];
	for (int round = 0; round < 16; round++) {
		for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = 0xA5;
		assert_int_equal(token_backend.random(t, bytes, 200, NULL), ERR_OK);
		for (size_t i = 0; i < 200; i++) seen[i] |= bytes[i];
		for (size_t i = 200; i < sizeof bytes; i++) assert_int_equal(bytes[i], 0xA5);
	}
	for (size_t i = 0; i < 200; i++) assert_true(seen[i] != 0);
	token_backend.close(t);
}

static void a_healthy_token_passes_its_probe(void **state)
{
	struct token_binding binding;
	struct token *t = open_provisioned(*state, &binding);
	for (int i = 0; i < 5; i++) assert_int_equal(token_backend.probe(t, NULL), ERR_OK);
	token_backend.close(t);
}

static void two_hundred_operations_leave_nothing_behind(void **state)
{
	struct token_binding binding;
	AUTO_SECRET struct secret *key = sample_key(9);
	AUTO_BUF struct buf blob = BUF_EMPTY;
	struct token *t = open_provisioned(*state, &binding);
	wrap_ok(t, key, &blob);
	for (int i = 0; i < OPS; i++) {
		AUTO_BUF struct buf again = BUF_EMPTY;
		size_t at = (size_t)i * 13 % blob.len;
		wrap_ok(t, key, &again);
		assert_unwraps_to(t, buf_view(&again), key);
		blob.ptr[at] ^= 1;
		assert_refused(t, buf_view(&blob));
		blob.ptr[at] ^= 1;
	}
	token_backend.close(t);
	assert_int_equal(fixture_residue(*state), 0);
}

/* ---- what goes away, and what is put in its place ---- */

static void a_token_that_vanished_is_gone_until_it_is_opened_again(void **state)
{
	struct token_binding binding;
	uint8_t byte = 0;
	AUTO_SECRET struct secret *key = sample_key(10);
	AUTO_SECRET struct secret *back = NULL;
	AUTO_BUF struct buf blob = BUF_EMPTY, other = BUF_EMPTY;
	struct token *t = open_provisioned(*state, &binding);
	wrap_ok(t, key, &blob);
	fixture_vanish(*state);
	assert_int_equal(token_backend.probe(t, NULL), ERR_TOKEN_GONE);
	fixture_return(*state);
	/* Also when it is back: what was loaded or logged in is not. */
	assert_int_equal(token_backend.unwrap(t, buf_view(&blob), &back, NULL), ERR_TOKEN_GONE);
	assert_int_equal(token_backend.wrap(t, key, &other, NULL), ERR_TOKEN_GONE);
	assert_int_equal(token_backend.random(t, &byte, 1, NULL), ERR_TOKEN_GONE);
	assert_int_equal(other.len, 0);
	token_backend.close(t);
	t = open_attached(*state, &binding);
	assert_unwraps_to(t, buf_view(&blob), key);
	token_backend.close(t);
	assert_int_equal(fixture_residue(*state), 0);
}

static void a_master_secret_that_was_removed_is_missing_and_not_made_again(void **state)
{
	struct token_binding binding;
	struct reason why = { "" };
	token_backend.close(open_provisioned(*state, &binding));
	fixture_remove_master(*state);
	for (int i = 0; i < 2; i++) { /* the second look finds the same: the first one made nothing */
		struct token *t = open_token(*state);
		assert_int_equal(token_backend.attach(t, &binding, &why), ERR_TOKEN_KEY_MISSING);
		assert_true(why.text[0] != '\0');
		assert_int_equal(token_backend.probe(t, NULL), ERR_STATE);
		token_backend.close(t);
	}
}

static void another_master_secret_in_its_place_is_refused_and_wraps_nothing(void **state)
{
	struct token_binding binding;
	struct reason why = { "" };
	AUTO_SECRET struct secret *key = sample_key(11);
	AUTO_BUF struct buf blob = BUF_EMPTY;
	token_backend.close(open_provisioned(*state, &binding));
	fixture_replace_master(*state);
	struct token *t = open_token(*state);
	assert_int_equal(token_backend.attach(t, &binding, &why), ERR_TOKEN_OTHER);
	assert_true(why.text[0] != '\0');
	assert_int_equal(token_backend.wrap(t, key, &blob, NULL), ERR_STATE);
	assert_int_equal(blob.len, 0);
	token_backend.close(t);
}

#define T(f) cmocka_unit_test_setup_teardown(f, new_fixture, free_fixture)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_absent_token_is_reported_as_gone),
		cmocka_unit_test(a_uri_of_another_kind_is_refused_as_usage),
		cmocka_unit_test(close_accepts_null),
		T(nothing_is_wrapped_before_attach),
		T(provisioning_twice_adopts_the_same_master_secret),
		T(another_token_is_refused_at_attach),
		T(a_damaged_binding_is_refused),
		T(a_restarted_token_opens_what_it_wrapped),
		T(a_token_describes_itself),
		T(a_data_key_comes_back_as_it_was),
		T(keys_of_all_zeros_and_all_ones_are_wrapped_too),
		T(the_same_key_wrapped_twice_opens_twice),
		T(wrap_appends_to_what_is_there),
		T(a_key_of_another_length_is_refused),
		T(an_altered_blob_is_refused_wherever_it_was_altered),
		T(a_blob_cut_or_lengthened_is_refused),
		T(a_blob_of_another_token_is_refused),
		T(random_fills_every_byte),
		T(a_healthy_token_passes_its_probe),
		T(two_hundred_operations_leave_nothing_behind),
		T(a_token_that_vanished_is_gone_until_it_is_opened_again),
		T(a_master_secret_that_was_removed_is_missing_and_not_made_again),
		T(another_master_secret_in_its_place_is_refused_and_wraps_nothing),
	};
	if (arena_init(ARENA_LEN, false, NULL) != ERR_OK) return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
