/* Whether the second AEAD engine takes one path for all secrets: it is run step by step (ptrace) with different keys and texts of the same lengths, and
 * the instructions that it executes must be the same ones in the same order. Inside of the library, with its functions for AVX-512, the general
 * registers must be the same as well, so that no address depends on a secret. Valgrind cannot run these; at the functions for AVX2, which take short texts
 * through general registers, tests/ct looks. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "crypto/aead_internal.h"
#include "crypto/ossl_mem.h"
#include "crypto/rng.h"
#include "test_arena.h"

#define TEXT_MAX 1500u  /* bytes */
#define STEPS_MAX 60000u
#define VARIANTS 3u
#define FNV_START UINT64_C(0xcbf29ce484222325)

struct trace {
	unsigned steps, inside; /* instructions; of these inside of the library */
	uint64_t path;          /* of all instruction addresses */
	uint64_t registers;     /* of the general registers inside of the library */
};

static struct {
	struct aead_key *key;
	uint8_t key_bytes[32], text[TEXT_MAX], sealed[TEXT_MAX + AEAD_TAG_LEN], opened[TEXT_MAX], nonce[AEAD_NONCE_LEN];
	size_t len;
	enum coffer_err err;
} scene;

static void seal(void)
{
	scene.err = aead_seal(scene.key, scene.nonce, NULL, 0, view_of(scene.text, scene.len), scene.sealed, scene.sealed + scene.len);
}

static void seal_with_new_key(void)
{
	scene.err = aead_seal_rekeyed(scene.key, scene.key_bytes, scene.nonce, NULL, 0, view_of(scene.text, scene.len), scene.sealed,
		scene.sealed + scene.len);
}

static void open_it(void)
{
	scene.err = aead_open(scene.key, scene.nonce, NULL, 0, view_of(scene.sealed, scene.len), scene.sealed + scene.len, scene.opened);
}

static void open_shared(void)
{
	scene.err = aead_open_shared(scene.key, scene.nonce, view_of(scene.sealed, scene.len + AEAD_TAG_LEN), scene.opened);
}

/* The control: how far it goes depends on the key. */
static void look_for_a_byte(void)
{
	volatile const uint8_t *p = scene.key_bytes;
	size_t i = 0;
	while (i < sizeof scene.key_bytes && (p[i] & 1)) i++;
	scene.err = i <= sizeof scene.key_bytes ? ERR_OK : ERR_BUG;
}

/* Stands behind the call that is traced. */
__attribute__((noinline)) static void end_mark(void)
{
	__asm__ volatile("");
}

/* Secrets of a variant; lengths, nonce and places are the same for all. */
static void set_scene(unsigned variant, size_t len)
{
	if (rng_bytes(scene.key_bytes, sizeof scene.key_bytes) != ERR_OK || rng_bytes(scene.text, sizeof scene.text) != ERR_OK) _exit(3);
	scene.key_bytes[0] = (uint8_t)(scene.key_bytes[0] & 0xfe) | (variant & 1);
	scene.len = len;
	if (aead_seal_rekeyed(scene.key, scene.key_bytes, scene.nonce, NULL, 0, view_of(scene.text, TEXT_MAX), scene.sealed, scene.sealed) != ERR_OK) _exit(3);
}

/* The child (the arena is its own: a fork does not have its parent's): stops in front of the call, for each variant. */
static void run_variants(void (*fn)(void), size_t len)
{
	if (setup_arena(NULL) != 0 || ossl_mem_install() != ERR_OK) _exit(2);
	if (aead_key_new_on(&aead_ipsec_mb, scene.key_bytes, 32, &scene.key) != ERR_OK) _exit(2);
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0) _exit(77);
	for (unsigned v = 0; v < VARIANTS; v++) {
		set_scene(v, len);
		if (fn == open_it || fn == open_shared) seal();
		fn(); /* caches, lazy binding */
		raise(SIGSTOP);
		fn();
		end_mark();
		if (scene.err) _exit(4);
	}
	_exit(0);
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
	return (hash ^ value) * UINT64_C(0x100000001b3);
}

static void note(struct trace *t, const struct user_regs_struct *r, const uint64_t library[2])
{
	t->steps++;
	t->path = mix(t->path, r->rip);
	if (r->rip < library[0] || r->rip >= library[1]) return;
	t->inside++;
	const uint64_t general[] = { r->rax, r->rbx, r->rcx, r->rdx, r->rsi, r->rdi, r->rbp, r->rsp, r->r8, r->r9, r->r10, r->r11, r->r12, r->r13, r->r14,
		r->r15 };
	for (size_t i = 0; i < sizeof general / sizeof general[0]; i++) t->registers = mix(t->registers, general[i]);
}

/* Where the code of the library lies; this process and its children have it at the same place. */
static void find_library(uint64_t out[static 2])
{
	char line[4096], rights[8];
	FILE *f = fopen("/proc/self/maps", "re");
	assert_non_null(f);
	out[0] = out[1] = 0;
	while (fgets(line, sizeof line, f)) {
		unsigned long from, to;
		if (!strstr(line, "libIPSec_MB") || sscanf(line, "%lx-%lx %7s", &from, &to, rights) != 3 || rights[2] != 'x') continue;
		out[0] = from;
		out[1] = to;
	}
	fclose(f);
	assert_true(out[1] != 0);
}

static void trace_one(pid_t pid, const uint64_t library[2], struct trace *t)
{
	struct user_regs_struct r;
	int status;
	*t = (struct trace){ 0, 0, FNV_START, FNV_START };
	do {
		assert_int_equal(ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP);
		assert_int_equal(ptrace(PTRACE_GETREGS, pid, NULL, &r), 0);
		note(t, &r, library);
		assert_in_range(t->steps, 1, STEPS_MAX);
	} while (r.rip != (uint64_t)(uintptr_t)end_mark);
}

/* False where ptrace is not allowed. */
static bool trace_all(void (*fn)(void), size_t len, struct trace out[static VARIANTS])
{
	uint64_t library[2];
	int status;
	find_library(library);
	fflush(stdout);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) run_variants(fn, len);
	for (unsigned v = 0; v < VARIANTS; v++) {
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (WIFEXITED(status) && WEXITSTATUS(status) == 77) return false;
		assert_true(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
		trace_one(pid, library, &out[v]);
		assert_int_equal(ptrace(PTRACE_CONT, pid, NULL, NULL), 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	return true;
}

static void all_secrets_take_one_path(void **state)
{
	static const struct { const char *name; void (*fn)(void); size_t wide_from; } table[] = {
		{ "seal", seal, 0 }, { "open", open_it, 0 }, { "open_shared", open_shared, 0 }, { "seal with a new key", seal_with_new_key, 385 },
	};
	static const size_t lengths[] = { 0, 5, 16, 63, 256, 300, 777, 1400 };
	bool wide = aead_ipsec_mb.slow() == NULL; /* the CPU has AVX-512 and VAES */
	struct trace t[VARIANTS];
	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
		for (size_t l = 0; l < sizeof lengths / sizeof lengths[0]; l++) {
			if (!trace_all(table[i].fn, lengths[l], t)) skip();
			assert_true(t[0].inside >= 50);
			for (unsigned v = 1; v < VARIANTS; v++) {
				if (t[v].steps != t[0].steps || t[v].path != t[0].path)
					fail_msg("%s of %zu bytes takes another path with other secrets", table[i].name, lengths[l]);
				if (wide && lengths[l] >= table[i].wide_from && t[v].registers != t[0].registers)
					fail_msg("%s of %zu bytes: addresses depend on secrets", table[i].name, lengths[l]);
			}
		}
}

static void path_that_depends_on_a_key_is_seen(void **state)
{
	struct trace t[VARIANTS];
	(void)state;
	if (!trace_all(look_for_a_byte, 16, t)) skip();
	assert_true(t[0].path != t[1].path);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(all_secrets_take_one_path), cmocka_unit_test(path_that_depends_on_a_key_is_seen) };
	if (aead_ipsec_mb.missing() != NULL) {
		printf("not looked at: %s\n", aead_ipsec_mb.missing());
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
