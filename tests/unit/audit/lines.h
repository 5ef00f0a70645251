/* The frozen lines of tests/vectors/audit-export-v1.json, and exports made up of lines. */
#ifndef COFFER_TESTS_AUDIT_LINES_H
#define COFFER_TESTS_AUDIT_LINES_H

#include "audit/line.h"

#define LINES_MAX 64u

int lines_start(void **state); /* fixture_start, and reads the vectors */
int lines_stop(void **state);
/* Borrowed, NUL-terminated. The test fails when there is none of this name. */
const char *frozen_line(const char *name);

/* An export in the making: `count` records of the fixture's domain behind a header, each a line of its own. */
struct text {
	char *lines[LINES_MAX]; /* without newline; owned */
	size_t count;
};
/* Records first … last of a chain in which everybody says the same (version: of the history), a checkpoint behind each `every` records and the last. */
void make_export(struct text *t, uint64_t first, uint64_t last, uint64_t every, unsigned version);
void make_checkpoint(char out[static 1024], uint64_t seq, unsigned version);
void make_gap(char out[static 1024], uint64_t from, uint64_t to);
void free_export(struct text *t);
/* The place behind record seq of that history. */
void place_of(uint64_t seq, unsigned version, struct audit_place *out);

#endif
