/* What the AEAD engine of intel-ipsec-mb leaves behind on the stack and in vector registers: of the key, its round keys and hash keys, the text
 * and the key stream, nothing. The library promises that (SAFE_DATA, which the engine asks for); this looks. Each call runs on a painted stack. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "base/arena.h"
#include "base/ct.h"
#include "crypto/aead_internal.h"
#include "crypto/ossl_mem.h"
#include "crypto/rng.h"
#include "test_arena.h"

#define STACK_SIZE ((size_t)256 << 10)
#define TEXT_MAX 9000u
#define STATE_LEN 1008u /* bytes of struct gcm_key_data */
#define WINDOW 8u       /* bytes in a row that count as found */

static struct {
	struct aead_key *key;
	uint8_t *key_bytes, *text, *stream, *sealed, *opened; /* in the arena */
	uint8_t nonce[AEAD_NONCE_LEN];
	size_t len;
	enum coffer_err err;
} scene;
static uint8_t registers[32 * 64];
static void (*under_test)(void);
static ucontext_t outside, inside;
static uint8_t *stack;

#define EACH(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15) X(16) X(17) X(18) X(19) X(20) X(21) X(22) X(23) \
	X(24) X(25) X(26) X(27) X(28) X(29) X(30) X(31)
#define KEEP(n) "vmovdqu64 %%zmm" #n ", 64*" #n "(%0)\n\t"

static void on_the_stack(void)
{
	wipe_registers(); /* of what the search before had in them */
	under_test();
	if (__builtin_cpu_supports("avx512f")) __asm__ volatile(EACH(KEEP) :: "r"(registers) : "memory");
}

static void seal(void)
{
	scene.err = aead_seal(scene.key, scene.nonce, NULL, 0, view_of(scene.text, scene.len), scene.sealed, scene.sealed + scene.len);
}

static void open_it(void)
{
	scene.err = aead_open(scene.key, scene.nonce, NULL, 0, view_of(scene.sealed, scene.len), scene.sealed + scene.len, scene.opened);
}

static void open_shared(void)
{
	scene.err = aead_open_shared(scene.key, scene.nonce, view_of(scene.sealed, scene.len + AEAD_TAG_LEN), scene.opened);
}

static void seal_with_new_key(void)
{
	scene.err = aead_seal_rekeyed(scene.key, scene.key_bytes, scene.nonce, NULL, 0, view_of(scene.text, scene.len), scene.sealed,
		scene.sealed + scene.len);
}

/* Controls: the state of a message in pieces, which holds the rest of a block of the key stream, is not wiped; a register is left full. */
static void forget_the_run(void)
{
	struct aead_run run;
	scene.err = scene.key->engine->open_begin(scene.key, &run, scene.nonce);
	if (!scene.err) scene.err = scene.key->engine->open_piece(scene.key, &run, view_of(scene.sealed, 5), scene.opened);
}

static void leave_a_register(void)
{
	scene.err = ERR_OK;
	__asm__ volatile("vmovdqu64 (%0), %%zmm29" :: "r"(scene.key_bytes) : "memory");
}

static size_t found_in(const uint8_t *where, size_t where_len, const uint8_t *what, size_t len)
{
	static const uint8_t zero[WINDOW];
	size_t found = 0;
	for (size_t at = 0; at + WINDOW <= len; at += 4)
		if (memcmp(what + at, zero, WINDOW) != 0 && memmem(where, where_len, what + at, WINDOW) != NULL) found++;
	return found;
}

static size_t secrets_in(const uint8_t *where, size_t where_len)
{
	return found_in(where, where_len, scene.key_bytes, 32) + found_in(where, where_len, scene.key->state, STATE_LEN) +
		found_in(where, where_len, scene.text, scene.len) + found_in(where, where_len, scene.stream, scene.len + 16);
}

/* Pieces of secrets on the stack and in registers after fn. */
static size_t left_by(void (*fn)(void))
{
	memset(stack, 0xa5, STACK_SIZE);
	memset(registers, 0, sizeof registers);
	under_test = fn;
	assert_int_equal(getcontext(&inside), 0);
	inside.uc_stack.ss_sp = stack;
	inside.uc_stack.ss_size = STACK_SIZE;
	inside.uc_link = &outside;
	makecontext(&inside, on_the_stack, 0);
	assert_int_equal(swapcontext(&outside, &inside), 0);
	assert_int_equal(scene.err, ERR_OK);
	return secrets_in(stack, STACK_SIZE) + secrets_in(registers, sizeof registers);
}

/* A key, a text of len bytes and its key stream, out of the generator. */
static void set_scene(size_t len)
{
	static const uint8_t zeros[TEXT_MAX + 16];
	uint8_t tag[AEAD_TAG_LEN];
	scene.len = len;
	assert_int_equal(rng_bytes(scene.key_bytes, 32), ERR_OK);
	assert_int_equal(rng_bytes(scene.text, len), ERR_OK);
	assert_int_equal(rng_bytes(scene.nonce, sizeof scene.nonce), ERR_OK);
	aead_key_free(scene.key);
	scene.key = NULL;
	assert_int_equal(aead_key_new_on(&aead_ipsec_mb, scene.key_bytes, 32, &scene.key), ERR_OK);
	assert_int_equal(aead_seal(scene.key, scene.nonce, NULL, 0, view_of(zeros, len + 16), scene.stream, tag), ERR_OK);
	wipe_registers();
}

static void nothing_of_a_message_is_left(void **state)
{
	static const struct { const char *name; void (*fn)(void); } table[] = {
		{ "seal", seal }, { "open", open_it }, { "open_shared", open_shared }, { "seal with a new key", seal_with_new_key },
	};
	static const size_t lengths[] = { 0, 5, 8, 16, 31, 32, 63, 64, 100, 250, 256, 300, 384, 385, 513, 777, 1024, 4096, 5000, TEXT_MAX };
	(void)state;
	for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
		set_scene(lengths[i]);
		for (size_t t = 0; t < sizeof table / sizeof table[0]; t++) {
			size_t found = left_by(table[t].fn);
			if (found != 0) fail_msg("%s of %zu bytes left %zu pieces of secrets", table[t].name, lengths[i], found);
		}
	}
}

static void what_is_left_would_be_found(void **state)
{
	(void)state;
	set_scene(100);
	seal();
	assert_true(left_by(forget_the_run) != 0);
	if (__builtin_cpu_supports("avx512f")) assert_true(left_by(leave_a_register) != 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(nothing_of_a_message_is_left), cmocka_unit_test(what_is_left_would_be_found) };
	if (setup_arena(NULL) != 0 || ossl_mem_install() != ERR_OK) return 1;
	if (aead_ipsec_mb.missing() != NULL) {
		printf("not looked at: %s\n", aead_ipsec_mb.missing());
		return 77;
	}
	stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	scene.key_bytes = arena_alloc(64);
	scene.text = arena_alloc(TEXT_MAX);
	scene.stream = arena_alloc(TEXT_MAX + 16);
	scene.sealed = arena_alloc(TEXT_MAX + AEAD_TAG_LEN);
	scene.opened = arena_alloc(TEXT_MAX);
	if (stack == MAP_FAILED || !scene.key_bytes || !scene.text || !scene.stream || !scene.sealed || !scene.opened) return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
