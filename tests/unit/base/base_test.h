/* What every test of base/ includes: cmocka with what it needs first, and counting of tables. */
#ifndef COFFER_TESTS_BASE_TEST_H
#define COFFER_TESTS_BASE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/view.h"

/* Whether AddressSanitizer is there (it ends the process on looks at freed memory), and whether any sanitizer that makes
 * mlock do nothing. */
#if defined(__SANITIZE_ADDRESS__)
#define TEST_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TEST_ASAN 1
#endif
#endif
#ifndef TEST_ASAN
#define TEST_ASAN 0
#endif
#if defined(__SANITIZE_THREAD__)
#define TEST_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TEST_TSAN 1
#endif
#endif
#ifndef TEST_TSAN
#define TEST_TSAN 0
#endif
#define TEST_NO_MLOCK (TEST_ASAN || TEST_TSAN)

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A view of a string literal, which may hold NUL bytes. */
#define LITERAL(s) view_of(s, sizeof(s) - 1)

/* Small repeatable random numbers for property tests (xorshift). */
static inline uint32_t test_random(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

#endif
