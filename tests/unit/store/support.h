/* What the tests of the SQLite store share: a directory of their own, rows, the file opened behind the store's back. */
#ifndef COFFER_TESTS_UNIT_STORE_SUPPORT_H
#define COFFER_TESTS_UNIT_STORE_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "store/store.h"

struct place {
	char dir[64];
	char db[96], wal[96], fresh[96]; /* the database, its log, the name while it is made */
};

/* Per test: *state becomes a struct place with a new directory (mode 0700), removed with all its files. */
int place_setup(void **state);
/* The same in memory-backed storage where there is one: for loops with many fsyncs. */
int place_setup_fast(void **state);
int place_teardown(void **state);
/* Removes every file in the directory. */
void place_empty(const struct place *p);

struct store *open_ok(const struct place *p);
/* Opening must fail so, and the sentence must contain `words`. */
void expect_refused(const struct place *p, enum coffer_err want, const char *words);

/* One transaction that puts `count` rows "<prefix><number>" with bodies of body_len bytes; the first failure, else commit's. */
enum coffer_err put_rows(struct store *s, const char *prefix, unsigned count, size_t body_len);
/* How many of these rows are there, each checked to be whole. */
unsigned count_rows(struct store *s, const char *prefix, unsigned count, size_t body_len);

/* SQL on the file, without the store. Must succeed. */
void raw_sql(const char *path, const char *sql);
/* SQLite's own integrity check says ok. */
void expect_sound(const char *path);
/* Whole file; caller frees. An absent one has no bytes. */
uint8_t *read_all(const char *path, size_t *out_len);
void write_all(const char *path, const void *bytes, size_t len);

#endif
