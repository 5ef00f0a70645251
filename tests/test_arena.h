/* The group setup that gives a test program its secret arena: cmocka_run_group_tests(tests, setup_arena, NULL). */
#ifndef COFFER_TESTS_TEST_ARENA_H
#define COFFER_TESTS_TEST_ARENA_H

#include <stdio.h>

#include "base/arena.h"

#define TEST_ARENA_SIZE ((size_t)4 << 20) /* bytes */

static inline int setup_arena(void **state)
{
	struct reason reason = { "" };
	(void)state;
	if (arena_level() != ARENA_NONE) return 0;
	enum coffer_err err = arena_init(TEST_ARENA_SIZE, false, &reason);
	if (err == ERR_OK) return 0;
	fprintf(stderr, "setup_arena: %s\n", reason_text(&reason, err));
	return -1;
}

#endif
