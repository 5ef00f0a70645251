/* The arena's beginning and its violent ends, each in a forked child with an arena of its own. */
#include "base_test.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "test_arena.h"

static uint8_t *fresh_block(size_t len)
{
	return setup_arena(NULL) == 0 ? arena_alloc(len) : NULL;
}

/* Writes where no C code may, so that AddressSanitizer lets the canary find it. */
__attribute__((no_sanitize("address"), noinline)) static void poke(volatile uint8_t *at)
{
	*at = (uint8_t)(*at ^ 1u);
}

static int free_after_overflow(void)
{
	uint8_t *p = fresh_block(40);
	CHILD_CHECK(p);
	poke(p + 40);
	arena_free(p);
	return 0;
}

static int realloc_after_overflow(void)
{
	uint8_t *p = fresh_block(40);
	CHILD_CHECK(p);
	poke(p + 47);
	return arena_realloc(p, 41) ? 0 : 1;
}

static int free_twice(void)
{
	uint8_t *p = fresh_block(40);
	CHILD_CHECK(p);
	arena_free(p);
	arena_free(p);
	return 0;
}

static int free_inside(void)
{
	uint8_t *p = fresh_block(400);
	CHILD_CHECK(p);
	arena_free(p + 64);
	return 0;
}

static int free_unaligned(void)
{
	uint8_t *p = fresh_block(400);
	CHILD_CHECK(p);
	arena_free(p + 1);
	return 0;
}

static int free_foreign(void)
{
	static uint8_t foreign[64];
	CHILD_CHECK(fresh_block(1));
	arena_free(foreign);
	return 0;
}

static int realloc_foreign(void)
{
	static uint8_t foreign[64];
	CHILD_CHECK(fresh_block(1));
	return arena_realloc(foreign, 10) ? 0 : 1;
}

static int free_without_arena(void)
{
	static uint8_t foreign[64];
	arena_free(foreign);
	return 0;
}

/* With AddressSanitizer alone: the plain accesses that it must see in the arena. */
static int read_past_the_end(void)
{
	volatile uint8_t *p = fresh_block(40);
	CHILD_CHECK(p);
	return p[40] ? 0 : 77;
}

static int read_after_free(void)
{
	volatile uint8_t *p = fresh_block(40);
	uint8_t *freed = arena_alloc(1);
	CHILD_CHECK(p && freed);
	arena_free(freed);
	return *(volatile uint8_t *)freed ? 0 : 77;
}

static void address_sanitizer_knows_the_arenas_blocks(void **state)
{
	struct child_end end;
	(void)state;
	if (!TEST_ASAN) skip();
	child_run(read_past_the_end, &end);
	assert_non_null(strstr(end.text, "AddressSanitizer"));
	child_run(read_after_free, &end);
	assert_non_null(strstr(end.text, "AddressSanitizer"));
}

static void misuse_and_damage_abort_with_a_sentence(void **state)
{
	static int (*const cases[])(void) = { free_after_overflow, realloc_after_overflow, free_twice, free_inside, free_unaligned,
		free_foreign, realloc_foreign, free_without_arena };
	struct child_end end;
	(void)state;
	for (unsigned i = 0; i < COUNT(cases); i++) {
		child_run(cases[i], &end);
		if (end.signal != SIGABRT || !strstr(end.text, "arena:")) print_error("case %u: %s\n", i, end.text);
		assert_int_equal(end.signal, SIGABRT);
		assert_non_null(strstr(end.text, "arena:"));
	}
}

static int free_properly(void)
{
	uint8_t *p = fresh_block(40);
	CHILD_CHECK(p);
	memset(p, 0xff, 40);
	arena_free(p);
	return 0;
}

static int no_arena(void)
{
	CHILD_CHECK(arena_level() == ARENA_NONE);
	CHILD_CHECK(strcmp(arena_level_name(), "none") == 0);
	CHILD_CHECK(arena_alloc(1) == NULL);
	CHILD_CHECK(arena_realloc(NULL, 1) == NULL);
	return 0;
}

static int fallback(void)
{
	struct reason reason = { "" };
	setenv("COFFER_TEST_NO_MEMFD_SECRET", "1", 1);
	CHILD_CHECK(arena_init(1, true, &reason) == ERR_MEMORY);
	CHILD_CHECK(strstr(reason.text, "memfd_secret"));
	CHILD_CHECK(arena_level() == ARENA_NONE);
	CHILD_CHECK(arena_init(1, false, &reason) == ERR_OK);
	CHILD_CHECK(strcmp(arena_level_name(), "reduced") == 0);
	struct arena_stats stats;
	arena_stats(&stats);
	CHILD_CHECK(stats.size == (size_t)1 << 20);
	void *p = arena_alloc(100);
	CHILD_CHECK(p);
	arena_free(p);
	return 0;
}

static int locking_refused(void)
{
	const struct rlimit none = { 0, 0 };
	struct reason reason = { "" };
	if (TEST_NO_MLOCK) return 0;
	CHILD_CHECK(setrlimit(RLIMIT_MEMLOCK, &none) == 0);
	if (geteuid() == 0) CHILD_CHECK(setresuid(65534, 65534, 65534) == 0); /* root may lock beyond its limit */
	CHILD_CHECK(arena_init((size_t)3 << 20, false, &reason) == ERR_MEMORY);
	CHILD_CHECK(strstr(reason.text, "RLIMIT_MEMLOCK"));
	CHILD_CHECK(strstr(reason.text, "4194304"));
	CHILD_CHECK(arena_level() == ARENA_NONE);
	return 0;
}

static int too_large(void)
{
	struct reason reason = { "" };
	CHILD_CHECK(arena_init(SIZE_MAX, false, &reason) == ERR_MEMORY);
	CHILD_CHECK(reason.text[0]);
	return 0;
}

/* A grandchild that touches the arena must die: the pages were not copied to it. */
static int forked(void)
{
	int status = 0;
	uint8_t *p = fresh_block(40);
	CHILD_CHECK(p);
	pid_t pid = fork();
	if (pid == 0) {
		signal(SIGSEGV, SIG_DFL);
		_exit(*(volatile uint8_t *)p);
	}
	CHILD_CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
	CHILD_CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	return 0;
}

static int forked_reduced(void)
{
	setenv("COFFER_TEST_NO_MEMFD_SECRET", "1", 1);
	return forked();
}

static void the_arena_begins_and_is_refused_as_promised(void **state)
{
	static int (*const cases[])(void) = { free_properly, no_arena, fallback, locking_refused, too_large, forked,
		forked_reduced };
	struct child_end end;
	(void)state;
	for (unsigned i = 0; i < COUNT(cases); i++) {
		child_run(cases[i], &end);
		if (end.status != 0) print_error("case %u: %s\n", i, end.text);
		assert_int_equal(end.status, 0);
	}
}

/* The whole arena is one block here, so that its end is the region's end. */
static int touch_guard_page(void)
{
	uint8_t *p = fresh_block(TEST_ARENA_SIZE - ARENA_CANARY_LEN);
	CHILD_CHECK(p);
	poke(p + TEST_ARENA_SIZE - 1);
	poke(p + TEST_ARENA_SIZE);
	return 0;
}

static int touch_guard_page_before(void)
{
	uint8_t *p = fresh_block(TEST_ARENA_SIZE - ARENA_CANARY_LEN);
	CHILD_CHECK(p);
	poke(p);
	poke(p - 1);
	return 0;
}

static int touch_region_ends(void)
{
	uint8_t *p = fresh_block(TEST_ARENA_SIZE - ARENA_CANARY_LEN);
	CHILD_CHECK(p);
	poke(p);
	poke(p + TEST_ARENA_SIZE - 1);
	return 0;
}

static void guard_pages_stop_runs_off_either_end(void **state)
{
	struct child_end end;
	(void)state;
	child_run(touch_guard_page, &end);
	assert_int_equal(end.signal, SIGSEGV);
	child_run(touch_guard_page_before, &end);
	assert_int_equal(end.signal, SIGSEGV);
	child_run(touch_region_ends, &end); /* the last bytes inside are no guard */
	assert_int_equal(end.status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(misuse_and_damage_abort_with_a_sentence),
		cmocka_unit_test(the_arena_begins_and_is_refused_as_promised),
		cmocka_unit_test(address_sanitizer_knows_the_arenas_blocks),
		cmocka_unit_test(guard_pages_stop_runs_off_either_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
