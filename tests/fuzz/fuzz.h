/* What the fuzz targets share. */
#ifndef COFFER_TESTS_FUZZ_FUZZ_H
#define COFFER_TESTS_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/reason.h"
#include "base/text.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
/* libFuzzer's own; only where a target brings LLVMFuzzerCustomMutator. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

/* What must hold whatever the input is: says what did not, and ends the process as libFuzzer wants it. */
#define REQUIRE(condition) ((condition) ? (void)0 : fuzz_stop(__FILE__, __LINE__, #condition))

static inline void fuzz_stop(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
	abort();
}

/* The arena, once: secrets and buffers live there. */
static inline void fuzz_arena(void)
{
	if (arena_level() == ARENA_NONE) REQUIRE(arena_init((size_t)64 << 20, false, NULL) == ERR_OK);
}

/* A failure comes with one printable sentence. */
static inline void fuzz_check_reason(const struct reason *reason)
{
	struct view text = view_str(reason->text);
	REQUIRE(text.len > 0 && text_is_utf8(text));
	for (size_t i = 0; i < text.len; i++) REQUIRE(text.ptr[i] >= ' ' && text.ptr[i] != 0x7f);
}

#endif
