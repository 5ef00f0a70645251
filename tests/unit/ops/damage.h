/* A store on disk with rows in every table, under a fixed data key, that tests damage; and the judge: what a start and a pass of the scrub find, and
 * whether a wrong key ever comes out. */
#ifndef COFFER_TESTS_OPS_DAMAGE_H
#define COFFER_TESTS_OPS_DAMAGE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ops/engine.h"
#include "unit/keyring/fixture.h"

#define DAMAGE_KEYS 12u
#define DAMAGE_ROWS 128u

struct damage {
	char dir[64], db[96], wal[104], shm[104], mark[96];
	struct ring *ring;
	struct secret *seed;
	uint8_t ids[DAMAGE_KEYS][UUID_LEN];
	/* while it is open */
	struct engine engine;
	struct config config;
};

/* Every file as bytes. */
struct damage_files {
	struct { uint8_t *bytes; size_t len; bool there; } db, wal, mark;
};

/* cmocka setup and teardown: *state is a struct damage with a closed store. */
int damage_start(void **state);
int damage_stop(void **state);

/* The real parts over the file, ready to write. The error of opening, with its sentence. */
enum coffer_err damage_open(struct damage *d, struct reason *reason) MUST_USE;
void damage_close(struct damage *d);
/* Changes at least one row of every table but the audit log, which grows; takes one grant away and destroys one key. The store is closed before and after. */
void damage_change(struct damage *d);

void damage_save(const struct damage *d, struct damage_files *out);
void damage_restore(const struct damage *d, const struct damage_files *files);
void damage_files_free(struct damage_files *files);

/* Where it was found. */
enum damage_where { FOUND_OPENING, FOUND_ROOT, FOUND_START, FOUND_PASS, FOUND_NOTHING, FOUND_ENDS };
struct damage_verdict {
	enum damage_where where;
	enum coffer_err err;     /* of opening, root or start */
	char text[8192];         /* every sentence, a line each */
	unsigned wrong_keys;     /* came out with other bytes: never */
	unsigned good_keys;
};
/* Opens, starts, reads every key, and runs one pass. The files may be other ones afterwards. */
void damage_judge(struct damage *d, struct damage_verdict *out);
const char *damage_where_name(enum damage_where where);

/* Takes the store as it is, so that only what is wrong with single rows is left to be found. */
void damage_accept(struct damage *d);

/* SQL on the file, behind the store's back; must succeed. */
void damage_sql(const struct damage *d, const char *sql);
/* Everything in both tables, in order, as text; caller frees. NULL: the file cannot be read. */
char *damage_dump(const struct damage *d);

#endif
