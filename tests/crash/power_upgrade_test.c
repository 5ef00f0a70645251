/* Upgrades on a disk that loses power or under a program that is killed (the images named "all"): objects of schemas 1 and 2 that the start writes again, the
 * version root that a store without one gets, and steps of the database's schema. Each image is what the next start finds; it must finish the upgrade with nothing lost, and an older program must refuse
 * what it does not know and leave it as it is. COFFER_POWER_SEED names another seed; COFFER_POWER_PLANT, set to anything, lets every
 * sync of a file do nothing, which must be found. */
#include "unit/objects/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "crash/power_disk.h"
#include "keyring/rooted_store.h"
#include "objects/codec.h"
#include "objects/names.h"
#include "objects/reindex.h"
#include "store/migrate_internal.h"

#define OBJECTS 150u /* three pages of the re-index */
#define IMAGES 600u
#define ROWS 40u

static char place[128];
static uint64_t seed = 1;
static unsigned images, deeper, half_done;
static bool told; /* the run that was cut had passed its mark */

static void fill_world(struct world *w)
{
	w->table = object_table_new(4096);
	w->txn = txn_new(w->store, w->table);
	assert_true(w->table && w->txn);
	txn_set_ring(w->txn, w->ring);
}

static void expect_ok(enum coffer_err err, const struct reason *reason)
{
	if (err) fail_msg("seed %llu, image %u: %s", (unsigned long long)seed, images, reason_text(reason, err));
}

static void open_world(struct world *w, const char *folder)
{
	struct reason reason = { "" };
	char path[300];
	snprintf(path, sizeof path, "%s/store.db", folder);
	expect_ok(store_open_sqlite(path, &w->store, &reason), &reason);
	w->ring = fixture_ring(1);
	fill_world(w);
}

/* Rows without a root, of a program that kept none: an operator accepts them. */
static enum coffer_err accept_rows(struct store *s, struct reason *reason)
{
	if (rooted_store_verdict(s, reason) == ERR_OK) return ERR_OK;
	TRY(store_begin(s, reason));
	enum coffer_err err = rooted_store_accept(s, 1000);
	if (!err) return store_commit(s, reason);
	store_rollback(s);
	return err;
}

/* With a version root, which a store of an older program gets when it is accepted; once node.id says that there is one, it must be there. */
static void open_rooted(struct world *w, const char *folder, struct power_tape *tape)
{
	struct reason reason = { "" };
	struct root_mark *mark;
	struct store *inner;
	char path[300];
	snprintf(path, sizeof path, "%s/store.db", folder);
	expect_ok(store_open_sqlite(path, &inner, &reason), &reason);
	assert_int_equal(rooted_store_new(inner, &w->store), ERR_OK);
	snprintf(path, sizeof path, "%s/node.root", folder);
	expect_ok(root_mark_open(path, &mark, &reason), &reason);
	rooted_store_set_mark(w->store, mark);
	w->ring = fixture_ring(1);
	expect_ok(rooted_store_attach(w->store, w->ring, &reason), &reason);
	if (!told) expect_ok(accept_rows(w->store, &reason), &reason);
	expect_ok(rooted_store_verdict(w->store, &reason), &reason);
	if (tape) power_tape_mark(tape, 1);
	fill_world(w);
}

/* The store before the ring that it borrows. */
static void world_close_rooted(struct world *w)
{
	txn_free(w->txn);
	object_table_free(w->table);
	store_close(w->store);
	ring_free(w->ring);
}

static void note_fault(void *arg, const struct rooted_fault *fault)
{
	(void)arg;
	fail_msg("seed %llu, image %u: the version root does not fit table %d", (unsigned long long)seed, images, (int)fault->table);
}

static void expect_root_fits(struct world *w)
{
	const struct rooted_watch watch = { .fault = note_fault };
	bool done;
	rooted_store_pass_begin(w->store);
	assert_int_equal(rooted_store_pass_step(w->store, 100000, &watch, &done), ERR_OK);
	assert_true(done);
}
/* What the i-th object is: by its name. Every third is of schema 1, 2 and 3; one in four has no custom attribute. */
static void object_name_of(unsigned i, char out[static 16])
{
	snprintf(out, 16, "key-%u", i);
}

static unsigned schema_of(unsigned i)
{
	return 1 + i % 3;
}

static void make_objects(const char *folder)
{
	struct world w;
	open_world(&w, folder);
	for (unsigned i = 0; i < OBJECTS; i++) {
		char name[16];
		object_name_of(i, name);
		struct object *o = make_key(name);
		if (i % 4) add_custom(o, "x-n", "7");
		if (schema_of(i) == 2) o->gcm_reserved = 1000 + i;
		keep(&w, o);
		if (schema_of(i) < 3) keep_old(&w, o, (uint8_t)schema_of(i), false);
		object_unref(o);
	}
	world_close(&w);
}

struct tally {
	unsigned seen, old;
	uint64_t numbers; /* sum of what the names say */
};

static enum coffer_err tally_object(void *arg, struct object *o)
{
	struct tally *t = arg;
	char name[16];
	unsigned i = OBJECTS;
	assert_int_equal(sscanf((const char *)object_name(o).ptr, "key-%u", &i), 1);
	assert_true(i < OBJECTS);
	object_name_of(i, name);
	assert_true(view_equal_str(object_name(o), name));
	assert_int_equal(o->state, OBJECT_ACTIVE);
	assert_int_equal(secret_len(o->material), 32);
	assert_int_equal(secret_bytes(o->material)[0], 0x60);
	assert_int_equal(o->gcm_reserved, schema_of(i) == 2 ? 1000 + i : 0);
	t->seen++;
	t->numbers += i;
	return ERR_OK;
}

static enum coffer_err tally_row(void *arg, const struct store_row *row)
{
	struct tally *t = arg;
	struct object_head head;
	assert_int_equal(object_peek(row, &head), ERR_OK);
	t->old += head.schema < OBJECT_SCHEMA_INDEXED;
	return ERR_OK;
}

static void expect_all(struct world *w)
{
	struct tally t = { 0 };
	begin(w);
	assert_int_equal(txn_scan(w->txn, view_of(NULL, 0), SIZE_MAX, tally_object, &t), ERR_OK);
	commit(w);
	assert_int_equal(t.seen, OBJECTS);
	assert_int_equal(t.numbers, OBJECTS * (OBJECTS - 1) / 2);
}

static unsigned old_rows(struct world *w)
{
	struct tally t = { 0 };
	assert_int_equal(store_scan(w->store, STORE_OBJECT, view_of(NULL, 0), false, SIZE_MAX, tally_row, &t), ERR_OK);
	return t.old;
}

static uint64_t reindex(struct world *w)
{
	struct reindex r = { .begun = false };
	for (unsigned pages = 0; !r.done; pages++) {
		assert_true(pages < 10);
		begin(w);
		assert_int_equal(txn_reindex(w->txn, &r, NULL), ERR_OK);
		commit(w);
	}
	assert_int_equal(r.failed, 0);
	assert_true(txn_indexed(w->txn));
	return r.written;
}

/* One start: whatever is there opens, the upgrade is finished, searches find it all, and the next start has nothing to do. */
static void start(const char *folder, struct power_tape *tape)
{
	struct world w;
	size_t owned = 0;
	if (tape) power_tape_begin(tape, folder);
	open_rooted(&w, folder, tape);
	expect_root_fits(&w);
	unsigned old = old_rows(&w);
	half_done += old > 0 && old < OBJECTS / 3 * 2;
	expect_all(&w);
	assert_int_equal(reindex(&w), old);
	assert_int_equal(old_rows(&w), 0);
	assert_int_equal(txn_count_owned(w.txn, view_str("unix:1000"), 1000, &owned), ERR_OK);
	assert_int_equal(owned, OBJECTS);
	object_table_clear(w.table);
	expect_all(&w);
	txn_set_ring(w.txn, NULL);
	txn_set_ring(w.txn, w.ring);
	assert_int_equal(reindex(&w), 0);
	expect_root_fits(&w);
	world_close_rooted(&w);
	if (tape) power_tape_end(tape, folder);
}

typedef void image_fn(const char *folder, struct power_tape *tape);

/* count images of a tape, each given to fn; some of these are recorded and cut again. */
static void cut_tape(const struct power_tape *tape, unsigned count, unsigned depth, image_fn *fn, struct power_dice *dice)
{
	struct power_cut cut;
	bool before = told, marked = told;
	power_cut_begin(&cut, tape);
	for (size_t at = 1; at <= tape->count; at++) {
		power_cut_to(&cut, at);
		marked = marked || tape->ops[at - 1].kind == POWER_MARK;
		unsigned here = count / (unsigned)tape->count + (power_roll(dice, tape->count) < count % tape->count);
		for (unsigned i = 0; i < here; i++) {
			char folder[200];
			struct power_disk image;
			struct power_tape again;
			bool second = depth == 1 && power_roll(dice, 40) == 0;
			images++;
			deeper += depth > 1;
			snprintf(folder, sizeof folder, "%s/image-%u", place, depth);
			power_image(&cut, (enum power_how)power_roll(dice, POWER_HOW_COUNT), dice, &image);
			power_disk_write(&image, folder);
			power_disk_free(&image);
			told = marked;
			fn(folder, second ? &again : NULL);
			power_remove(folder);
			if (!second) continue;
			cut_tape(&again, 8, depth + 1, fn, dice);
			power_tape_free(&again);
		}
	}
	told = before;
	power_cut_free(&cut);
}

/* Also after a failure. */
static void clean(void)
{
	power_tape_stop();
	if (place[0]) power_remove(place);
}

static void begin_campaign(char folder[static 200], struct power_dice *dice)
{
	const char *given = getenv("COFFER_POWER_SEED");
	if (getenv("COFFER_POWER_PLANT")) power_planted = POWER_NO_FILE_SYNC;
	if (given) seed = strtoull(given, NULL, 10);
	*dice = (struct power_dice){ seed * 15485863u };
	images = deeper = half_done = 0;
	clean();
	print_message("seed %llu\n", (unsigned long long)seed);
	power_make_place(place);
	snprintf(folder, 200, "%s/first", place);
	assert_int_equal(mkdir(folder, 0700), 0);
}

static void end_campaign(const char *what, const struct power_tape *tape)
{
	print_message("power: %s: %zu calls, %u images (%u after a second cut), %u half done\n", what, tape->count, images, deeper, half_done);
	power_remove(place);
}

static void objects_of_schemas_1_and_2_survive_their_upgrade(void **state)
{
	char folder[200];
	struct power_dice dice;
	struct power_tape tape;
	(void)state;
	begin_campaign(folder, &dice);
	make_objects(folder);
	start(folder, &tape);
	half_done = 0;
	cut_tape(&tape, IMAGES, 1, start, &dice);
	assert_true(half_done > 0); /* else nothing was tried */
	end_campaign("re-index", &tape);
	power_tape_free(&tape);
}

static void an_object_of_a_newer_schema_is_refused_and_left_as_it_is(void **state)
{
	char folder[200];
	struct power_dice dice;
	struct world w;
	struct reindex r = { .begun = false };
	struct object *o, *got = NULL;
	struct store_row row;
	(void)state;
	begin_campaign(folder, &dice);
	open_world(&w, folder);
	o = keep_key(&w, "new");
	keep_old(&w, o, OBJECT_SCHEMA_INDEXED + 1, false);
	object_table_clear(w.table);
	assert_int_equal(txn_object(w.txn, o->id, &got), ERR_VERSION);
	begin(&w);
	assert_int_equal(txn_reindex(w.txn, &r, NULL), ERR_OK);
	commit(&w);
	assert_true(r.failed == 1 && !txn_indexed(w.txn));
	assert_int_equal(store_get(w.store, STORE_OBJECT, view_of(o->id, UUID_LEN), &row), ERR_OK);
	assert_int_equal(row.header.ptr[0], OBJECT_SCHEMA_INDEXED + 1);
	object_unref(o);
	world_close(&w);
	power_remove(place);
}

/* Steps of the database's schema: the real first one, and two that a later program might have. */

static const char later_2[] = "ALTER TABLE record ADD COLUMN extra INTEGER; CREATE INDEX by_state ON record (tbl, state);"
	"UPDATE record SET extra = state + 1;";
static const char later_3[] = "CREATE TABLE moved (tbl INTEGER NOT NULL, id BLOB NOT NULL, body BLOB NOT NULL, PRIMARY KEY (tbl, id)) STRICT;"
	"INSERT INTO moved SELECT tbl, id, body FROM record; UPDATE record SET body = x'';";

static sqlite3_int64 number(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *stmt = NULL;
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	sqlite3_int64 n = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return n;
}

/* The program of today: opens schema 1, refuses the later ones with one sentence and changes nothing. */
static sqlite3_int64 older_program(const char *path)
{
	struct store *s = NULL;
	struct reason reason = { "" };
	enum coffer_err err = store_open_sqlite(path, &s, &reason);
	store_close(s);
	if (!err) return 1;
	if (err != ERR_SCHEMA || !strstr(reason.text, "use the newer version of Coffer"))
		fail_msg("seed %llu, image %u: %s: %s", (unsigned long long)seed, images, err_name(err), reason.text);
	return 2;
}

static void check_rows(sqlite3 *db, sqlite3_int64 version)
{
	static const char intact[] = "SELECT count(*) FROM record WHERE length(id) = 8 AND state = 2";
	assert_int_equal(number(db, intact), ROWS);
	if (version < 3) assert_int_equal(number(db, "SELECT count(*) FROM record WHERE body = zeroblob(700)"), ROWS);
	if (version == 3) assert_int_equal(number(db, "SELECT count(*) FROM moved WHERE body = zeroblob(700)"), ROWS);
	if (version > 1) assert_int_equal(number(db, "SELECT count(*) FROM record WHERE extra = 3"), ROWS);
}

/* The program of later: finishes the steps whatever it finds. */
static void newer_program(const char *folder, struct power_tape *tape)
{
	const char *sql[] = { migrate_steps_all.sql[0], later_2, later_3 };
	struct migrate_steps steps = { sql, 3 };
	struct reason reason = { "" };
	sqlite3 *db = NULL;
	char path[300];
	snprintf(path, sizeof path, "%s/store.db", folder);
	if (tape) power_tape_begin(tape, folder);
	sqlite3_int64 least = older_program(path);
	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = FULL", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_int64 version = number(db, "PRAGMA user_version");
	assert_true(version >= least && version <= 3);
	half_done += version == 2;
	check_rows(db, version);
	enum coffer_err err = migrate_run(db, &steps, path, &reason);
	if (err) fail_msg("seed %llu, image %u: %s", (unsigned long long)seed, images, reason_text(&reason, err));
	if (tape) power_tape_mark(tape, 1);
	assert_int_equal(number(db, "PRAGMA user_version"), 3);
	check_rows(db, 3);
	sqlite3_close(db);
	assert_int_equal(older_program(path), 2);
	if (tape) power_tape_end(tape, folder);
}

static void make_rows(const char *folder)
{
	struct store *s = NULL;
	char path[300];
	static const uint8_t body[700];
	snprintf(path, sizeof path, "%s/store.db", folder);
	assert_int_equal(store_open_sqlite(path, &s, NULL), ERR_OK);
	assert_int_equal(store_begin(s, NULL), ERR_OK);
	for (unsigned i = 0; i < ROWS; i++) {
		struct store_row row = { .id_len = 8, .version = 1, .state = 2, .generation = 1, .body = view_of(body, sizeof body) };
		memcpy(row.id, &i, sizeof i);
		assert_int_equal(store_put(s, STORE_OBJECT, &row, false), ERR_OK);
	}
	assert_int_equal(store_commit(s, NULL), ERR_OK);
	store_close(s);
}

static void schema_steps_survive_and_older_programs_refuse_what_is_newer(void **state)
{
	char folder[200];
	struct power_dice dice;
	struct power_tape tape;
	(void)state;
	begin_campaign(folder, &dice);
	make_rows(folder);
	newer_program(folder, &tape);
	half_done = 0;
	cut_tape(&tape, IMAGES, 1, newer_program, &dice);
	assert_true(half_done > 0);
	end_campaign("schema steps", &tape);
	power_tape_free(&tape);
}

int main(void)
{
	atexit(clean);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(objects_of_schemas_1_and_2_survive_their_upgrade),
		cmocka_unit_test(an_object_of_a_newer_schema_is_refused_and_left_as_it_is),
		cmocka_unit_test(schema_steps_survive_and_older_programs_refuse_what_is_newer),
	};
	return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
