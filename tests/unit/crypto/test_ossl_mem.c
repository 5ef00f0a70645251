/* OpenSSL's memory lies in the arena: no key byte on the ordinary heap. */
#include "unit/crypto/support.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/ct.h"
#include "crypto/aead.h"
#include "crypto/kdf.h"
#include "crypto/ossl_mem.h"
#include "crypto/rng.h"
#include "crypto/xaes.h"

#define KEY_LEN 32u

/* The range of the process's heap; false when there is none (a sanitizer brings its own). */
static bool heap_range(uintptr_t *from, uintptr_t *to)
{
	char line[512];
	bool found = false;
	FILE *maps = fopen("/proc/self/maps", "r");
	assert_non_null(maps);
	while (!found && fgets(line, sizeof line, maps) != NULL)
		found = strstr(line, "[heap]") != NULL && sscanf(line, "%" SCNxPTR "-%" SCNxPTR, from, to) == 2;
	fclose(maps);
	return found;
}

/* How often the needle stands on the heap. It is given inverted, so that the search itself makes no copy. */
static unsigned count_on_heap(const uint8_t inverted[static KEY_LEN])
{
	uintptr_t from, to;
	unsigned found = 0;
	if (!heap_range(&from, &to)) return 0;
	const uint8_t *at = (const uint8_t *)from;
	for (size_t i = 0; i + KEY_LEN <= to - from; i++) {
		size_t n = 0;
		while (n < KEY_LEN && (at[i + n] ^ inverted[n]) == 0xFF) n++;
		if (n == KEY_LEN) found++;
	}
	return found;
}

static void live_contexts_leave_no_key_on_the_heap(void **state)
{
	struct arena_stats before, after;
	uint8_t key[KEY_LEN], inverted[KEY_LEN];
	(void)state;
	arena_stats(&before);
	assert_ok(rng_bytes(key, KEY_LEN));
	for (size_t i = 0; i < KEY_LEN; i++) inverted[i] = key[i] ^ 0xFF;
	AUTO(auto_aead_key_free) struct aead_key *gcm = NULL;
	AUTO(auto_xaes_key_free) struct xaes_key *xaes = NULL;
	assert_ok(aead_key_new(key, KEY_LEN, &gcm));
	assert_ok(xaes_key_new(key, &xaes));
	arena_stats(&after);
	assert_true(after.used > before.used);
	assert_int_equal(count_on_heap(inverted), 0);
	uint8_t *on_heap = malloc(KEY_LEN + 16); /* the search can find one */
	assert_non_null(on_heap);
	memcpy(on_heap + 16, key, KEY_LEN);
	unsigned found = count_on_heap(inverted);
	wipe(on_heap, KEY_LEN + 16);
	uintptr_t from, to;
	if (heap_range(&from, &to) && (uintptr_t)on_heap >= from && (uintptr_t)on_heap < to) assert_int_equal(found, 1);
	else print_message("malloc is not on the heap here (sanitizer): the search was not proven\n");
	free(on_heap);
}

static void installing_twice_is_refused(void **state)
{
	(void)state;
	assert_err(ossl_mem_install(), ERR_STATE);
}

static void scrypt_takes_its_memory_outside_the_arena_and_gives_it_back(void **state)
{
	struct arena_stats before, after;
	uint8_t first[32], second[32];
	(void)state;
	assert_ok(kdf_scrypt(view_str("p"), view_str("s"), 1, 1, 1, first, 32)); /* what OpenSSL sets up once */
	arena_stats(&before);
	for (unsigned i = 0; i < OSSL_MEM_BIG_COUNT + 1; i++) { /* a row that is not given back would fail the last ones */
		assert_ok(kdf_scrypt(view_str("passphrase"), view_str("salt"), 14, 8, 1, i == 0 ? first : second, 32));
		if (i != 0) assert_memory_equal(first, second, 32);
	}
	arena_stats(&after);
	assert_int_equal(after.used, before.used);
	assert_int_equal(after.failed, before.failed);
}

static void full_arena_is_an_error_of_memory(void **state)
{
	static struct aead_key *keys[1000000];
	static const uint8_t key[KEY_LEN];
	enum coffer_err err = ERR_OK;
	size_t n = 0;
	(void)state;
	while (n < 1000000 && (err = aead_key_new(key, KEY_LEN, &keys[n])) == ERR_OK) n++;
	for (size_t i = 0; i < n; i++) aead_key_free(keys[i]);
	assert_err(err, ERR_MEMORY);
	assert_ok(aead_key_new(key, KEY_LEN, &keys[0]));
	aead_key_free(keys[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(live_contexts_leave_no_key_on_the_heap),
		cmocka_unit_test(installing_twice_is_refused),
		cmocka_unit_test(scrypt_takes_its_memory_outside_the_arena_and_gives_it_back),
		cmocka_unit_test(full_arena_is_an_error_of_memory),
	};
	return cmocka_run_group_tests(tests, support_setup, NULL);
}
