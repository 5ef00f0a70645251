/* Where a data key stands in this process after it went through the TSS: in the secret arena alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "token/counter.h"
#include "token/transport.h"
#include "unit/tpm/helpers.h"
#include "unit/tpm/swtpm.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

#define WINDOW 16u /* bytes of the key that count as a find */

/* Compares without copying. */
static size_t finds_between(uintptr_t from, uintptr_t to, const uint8_t *needle)
{
	size_t finds = 0;
	for (uintptr_t at = from; at + WINDOW <= to; at++) {
		const volatile uint8_t *p = (const volatile uint8_t *)at;
		size_t i = 0;
		while (i < WINDOW && p[i] == needle[i]) i++;
		if (i == WINDOW) finds++;
	}
	return finds;
}

/* In all writable memory but the mapping that holds the secret itself. */
static size_t finds_outside_arena(const struct secret *key, size_t offset)
{
	char line[512];
	size_t finds = 0;
	uintptr_t own = (uintptr_t)secret_bytes(key);
	AUTO_FILE FILE *maps = fopen("/proc/self/maps", "re");
	assert_non_null(maps);
	while (fgets(line, sizeof line, maps)) {
		unsigned long from = 0, to = 0;
		char mode[5] = "";
		if (sscanf(line, "%lx-%lx %4s", &from, &to, mode) != 3 || strncmp(mode, "rw", 2) != 0) continue;
		if (own >= from && own < to) continue;
		finds += finds_between(from, to, secret_bytes(key) + offset);
	}
	return finds;
}

static void assert_stays(const struct secret *secret)
{
	for (size_t offset = 0; offset + WINDOW <= secret_len(secret); offset += WINDOW) assert_int_equal(finds_outside_arena(secret, offset), 0);
}

static void a_data_key_stays_in_the_arena(void **state)
{
	(void)state;
	struct swtpm s;
	struct token_binding binding;
	AUTO_SECRET struct secret *key = help_key();
	AUTO_BUF struct buf blob = BUF_EMPTY;
	swtpm_init(&s);
	struct token *t = help_provision(s.uri, &binding);
	help_wrap(t, key, &blob);
	for (size_t offset = 0; offset + WINDOW <= TOKEN_SECRET_LEN; offset += WINDOW) {
		assert_int_equal(finds_outside_arena(key, offset), 0);
	}
	help_unwraps_to(t, buf_view(&blob), key);
	for (size_t offset = 0; offset + WINDOW <= TOKEN_SECRET_LEN; offset += WINDOW) {
		assert_int_equal(finds_outside_arena(key, offset), 0);
	}
	token_backend.close(t);
	for (size_t offset = 0; offset + WINDOW <= TOKEN_SECRET_LEN; offset += WINDOW) {
		assert_int_equal(finds_outside_arena(key, offset), 0);
	}
	swtpm_done(&s);
}

/* The generator's double: whatever point, so that nobody but the TPM computes here. */
static const uint8_t peer[TOKEN_TRANSPORT_POINT_LEN] = { 0x04, 0x7c, 0xf2, 0x7b, 0x18, 0x8d, 0x03, 0x4f, 0x7e, 0x8a, 0x52, 0x38, 0x03, 0x04, 0xb5, 0x1a, 0xc3, 0xc0,
	0x89, 0x69, 0xe2, 0x77, 0xf2, 0x1b, 0x35, 0xa6, 0x0b, 0x48, 0xfc, 0x47, 0x66, 0x99, 0x78, 0x07, 0x77, 0x55, 0x10, 0xdb, 0x8e, 0xd0, 0x40, 0x29, 0x3d, 0x9a, 0xc6,
	0x9f, 0x74, 0x30, 0xdb, 0xba, 0x7d, 0xad, 0xe6, 0x3c, 0xe9, 0x82, 0x29, 0x9e, 0x04, 0xb7, 0x9d, 0x22, 0x78, 0x73, 0xd1 };

static void a_shared_secret_stays_in_the_arena(void **state)
{
	(void)state;
	struct swtpm s;
	struct token_binding binding;
	struct token_transport_answer key, answer;
	AUTO_SECRET struct secret *auth = help_key();
	secret_mut(auth)[TOKEN_TRANSPORT_AUTH_LEN - 1] |= 1;
	struct token_transport_wish wish = { .auth = secret_view(auth), .owner = { 1 } };
	swtpm_init(&s);
	struct token *t = help_provision(s.uri, &binding);
	assert_int_equal(token_transport_backend.make(t, &wish, &key, NULL), ERR_OK);
	assert_stays(auth);
	wish.ref = key.ref;
	memcpy(wish.point, peer, sizeof peer);
	assert_int_equal(token_transport_backend.ecdh(t, &wish, &answer, NULL), ERR_OK);
	assert_true(answer.there);
	AUTO_SECRET struct secret *shared = answer.shared;
	for (unsigned closed = 0; closed < 2; closed++) {
		assert_stays(shared);
		assert_stays(auth);
		if (!closed) token_backend.close(t);
	}
	swtpm_done(&s);
}

/* Each use by itself: what one leaves behind the next could write over. */
static void use_counter(struct token *t, struct token_counter_wish *wish, const struct secret *auth)
{
	enum coffer_err (*const uses[])(struct token *t, const struct token_counter_wish *wish, struct token_counter_answer *out, struct reason *reason) = {
		token_counter_backend.make, token_counter_backend.read, token_counter_backend.raise, token_counter_backend.make };
	for (size_t i = 0; i < sizeof uses / sizeof uses[0]; i++) {
		struct token_counter_answer answer;
		assert_int_equal(uses[i](t, wish, &answer, NULL), ERR_OK);
		assert_int_equal(answer.state, TOKEN_COUNTER_WELL);
		if (answer.ref.len) wish->ref = answer.ref;
		wish->from = answer.value;
		assert_stays(auth);
	}
}

static void a_counters_authorization_value_stays_in_the_arena(void **state)
{
	(void)state;
	struct swtpm s;
	struct token_binding binding;
	struct token_counter_answer answer;
	AUTO_SECRET struct secret *auth = help_key();
	AUTO_SECRET struct secret *other = secret_new(TOKEN_COUNTER_AUTH_LEN);
	assert_non_null(other);
	memset(secret_mut(other), 0xC7, TOKEN_COUNTER_AUTH_LEN);
	secret_mut(auth)[TOKEN_COUNTER_AUTH_LEN - 1] |= 1;
	struct token_counter_wish wish = { .auth = secret_view(auth), .owner = { 1 } };
	swtpm_init(&s);
	struct token *t = help_provision(s.uri, &binding);
	use_counter(t, &wish, auth);
	/* One that the counter refuses: looked for, and made in the place of that one. */
	struct token_counter_wish another = { .auth = secret_view(other), .owner = { 1 } };
	assert_int_equal(token_counter_backend.read(t, &another, &answer, NULL), ERR_OK);
	assert_int_equal(answer.state, TOKEN_COUNTER_OTHER);
	assert_stays(other);
	another.replace = true;
	use_counter(t, &another, other);
	assert_int_equal(token_counter_backend.drop(t, &another, &answer, NULL), ERR_OK);
	token_backend.close(t);
	assert_stays(auth);
	assert_stays(other);
	swtpm_done(&s);
}

static void the_search_finds_a_copy_on_the_heap(void **state)
{
	(void)state;
	AUTO_SECRET struct secret *key = help_key();
	AUTO_FREE uint8_t *copy = malloc(TOKEN_SECRET_LEN);
	assert_non_null(copy);
	memcpy(copy, secret_bytes(key), TOKEN_SECRET_LEN);
	assert_true(finds_outside_arena(key, 0) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_data_key_stays_in_the_arena),
		cmocka_unit_test(a_shared_secret_stays_in_the_arena),
		cmocka_unit_test(a_counters_authorization_value_stays_in_the_arena),
		cmocka_unit_test(the_search_finds_a_copy_on_the_heap),
	};
	if (SANITIZED) return 0; /* terabytes of shadow memory, and freed memory is kept on purpose */
	if (arena_init(4u << 20, false, NULL) != ERR_OK) return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
