/* Constant-time helpers, and registers that are wiped. */
#include "base_test.h"

#include "base/ct.h"

static void equality_is_of_all_bytes(void **state)
{
	uint8_t a[40] = { 1, 2, 3 }, b[40] = { 1, 2, 3 };
	(void)state;
	assert_true(ct_equal(a, b, sizeof a));
	for (unsigned bit = 0; bit < 8 * sizeof a; bit++) {
		b[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_false(ct_equal(a, b, sizeof a));
		b[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	assert_true(ct_equal(a, b, 0));
}

static void zero_is_all_bytes(void **state)
{
	uint8_t a[40] = { 0 };
	(void)state;
	assert_true(ct_is_zero(a, sizeof a));
	for (size_t i = 0; i < sizeof a; i++) {
		a[i] = 0x80;
		assert_false(ct_is_zero(a, sizeof a));
		a[i] = 0;
	}
}

#ifdef __x86_64__
#define EACH_LOW(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)
#define EACH_HIGH(X) X(16) X(17) X(18) X(19) X(20) X(21) X(22) X(23) X(24) X(25) X(26) X(27) X(28) X(29) X(30) X(31)
#define FILL_XMM(n) "movdqu (%0), %%xmm" #n "\n\t"
#define KEEP_XMM(n) "movdqu %%xmm" #n ", 64*" #n "(%0)\n\t"
#define FILL_YMM(n) "vmovdqu (%0), %%ymm" #n "\n\t"
#define KEEP_YMM(n) "vmovdqu %%ymm" #n ", 64*" #n "(%0)\n\t"
#define FILL_ZMM(n) "vmovdqu64 (%0), %%zmm" #n "\n\t"
#define KEEP_ZMM(n) "vmovdqu64 %%zmm" #n ", 64*" #n "(%0)\n\t"

static void leave_registers(void) __attribute__((noinline));
static void leave_registers(void)
{
	__asm__ volatile("" ::: "memory");
}

/* The registers after `call`, which all held 0xA5 before it: what this processor has of them. */
static void registers_after(void (*call)(void), uint8_t out[static 32 * 64])
{
	static uint8_t pattern[64];
	memset(pattern, 0xA5, sizeof pattern);
	memset(out, 0, 32 * 64);
	if (__builtin_cpu_supports("avx512f")) __asm__ volatile(EACH_LOW(FILL_ZMM) EACH_HIGH(FILL_ZMM) :: "r"(pattern) : "memory");
	else if (__builtin_cpu_supports("avx")) __asm__ volatile(EACH_LOW(FILL_YMM) :: "r"(pattern) : "memory");
	else __asm__ volatile(EACH_LOW(FILL_XMM) :: "r"(pattern) : "memory");
	call();
	if (__builtin_cpu_supports("avx512f")) __asm__ volatile(EACH_LOW(KEEP_ZMM) EACH_HIGH(KEEP_ZMM) :: "r"(out) : "memory");
	else if (__builtin_cpu_supports("avx")) __asm__ volatile(EACH_LOW(KEEP_YMM) :: "r"(out) : "memory");
	else __asm__ volatile(EACH_LOW(KEEP_XMM) :: "r"(out) : "memory");
}

static void registers_hold_nothing_after_a_wipe(void **state)
{
	static uint8_t after[32 * 64];
	size_t kept = 0;
	(void)state;
	registers_after(leave_registers, after); /* the control: without a wipe they keep what was in them */
	for (size_t i = 0; i < sizeof after; i++) kept += after[i] == 0xA5;
	assert_true(kept >= 12 * 16);
	registers_after(wipe_registers, after);
	for (size_t i = 0; i < sizeof after; i++) {
		if (after[i]) fail_msg("byte %zu of vector register %zu is left", i % 64, i / 64);
	}
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equality_is_of_all_bytes),
		cmocka_unit_test(zero_is_all_bytes),
#ifdef __x86_64__
		cmocka_unit_test(registers_hold_nothing_after_a_wipe),
#endif
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
