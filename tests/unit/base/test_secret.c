/* Secrets: lengths, copies, comparison, wiping. */
#include "base_test.h"

#include "base/ct.h"
#include "base/secret.h"
#include "test_arena.h"

static void a_new_secret_is_zeroed_and_has_its_length(void **state)
{
	static const size_t lens[] = { 1, 16, 32, 64, 4096, SECRET_MAX };
	(void)state;
	for (unsigned i = 0; i < COUNT(lens); i++) {
		AUTO_SECRET struct secret *s = secret_new(lens[i]);
		assert_non_null(s);
		assert_int_equal(secret_len(s), lens[i]);
		assert_true(ct_is_zero(secret_bytes(s), lens[i]));
		assert_ptr_equal(secret_view(s).ptr, secret_mut(s));
		assert_int_equal(secret_view(s).len, lens[i]);
	}
}

static void lengths_out_of_range_are_refused(void **state)
{
	(void)state;
	assert_null(secret_new(0));
	assert_null(secret_new(SECRET_MAX + 1));
	assert_null(secret_new(SIZE_MAX));
	assert_null(secret_copy("", 0));
}

static void copies_are_equal_until_one_changes(void **state)
{
	AUTO_SECRET struct secret *a = secret_copy("correct horse", 13);
	AUTO_SECRET struct secret *b = secret_copy("correct horse", 13);
	AUTO_SECRET struct secret *shorter = secret_copy("correct hors", 12);
	(void)state;
	assert_true(secret_equal(a, b));
	assert_false(secret_equal(a, shorter));
	secret_mut(b)[12] ^= 1;
	assert_false(secret_equal(a, b));
}

static void a_full_arena_gives_no_secret(void **state)
{
	struct secret *held[TEST_ARENA_SIZE / SECRET_MAX + 1];
	size_t count = 0;
	(void)state;
	while (count < COUNT(held) && (held[count] = secret_new(SECRET_MAX)) != NULL)
		count++;
	assert_true(count > 0 && count < COUNT(held));
	while (count--)
		secret_free(held[count]);
	secret_free(NULL);
}

static void the_bytes_are_gone_after_free(void **state)
{
	struct secret *s = secret_copy("the bytes of a master secret ...", 32);
	const uint8_t *where = secret_bytes(s);
	(void)state;
	assert_false(ct_is_zero(where, 32));
	secret_free(s);
	if (!TEST_ASAN) assert_true(ct_is_zero(where, 32));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_secret_is_zeroed_and_has_its_length),
		cmocka_unit_test(lengths_out_of_range_are_refused),
		cmocka_unit_test(copies_are_equal_until_one_changes),
		cmocka_unit_test(a_full_arena_gives_no_secret),
		cmocka_unit_test(the_bytes_are_gone_after_free),
	};
	return cmocka_run_group_tests(tests, setup_arena, NULL);
}
