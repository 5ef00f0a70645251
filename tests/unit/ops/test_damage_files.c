/* Files with flipped bits, cut off, removed, copied at the wrong moment, locked; and what a Destroy leaves in them. */
#include "unit/ops/damage.h"

#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "keyring/root_mark.h"
#include "ops/store_check.h"

#define PAGE 4096u
#define FRAME (PAGE + 24u)
#define WAL_HEADER 32u
#define BITS_OF_PAGE 40u /* flipped in each page, one after another; COFFER_DAMAGE_BITS for more */

static unsigned seed = 20261121;

struct tally {
	unsigned of[FOUND_ENDS];
	unsigned unused; /* the bit stood where nothing is kept: both tables are as they were */
};

static void print_tally(const char *what, const struct tally *t)
{
	print_message("%s:", what);
	for (int i = 0; i < FOUND_ENDS; i++)
		if (i != FOUND_NOTHING && t->of[i]) print_message(" %u %s;", t->of[i], damage_where_name((enum damage_where)i));
	print_message(" %u where nothing is kept\n", t->unused);
}

/* Found, or nothing is different. */
static void judge(struct damage *d, const char *what, size_t at, const char *before, struct tally *t)
{
	struct damage_verdict v;
	damage_judge(d, &v);
	t->of[v.where]++;
	if (v.wrong_keys) fail_msg("seed %u: %s at %zu: a wrong key came out", seed, what, at);
	if (v.where != FOUND_NOTHING) return;
	AUTO_FREE char *after = damage_dump(d);
	size_t same = 0;
	while (after && before[same] && before[same] == after[same]) same++;
	if (!after || before[same] || after[same])
		fail_msg("seed %u: %s at %zu changed the store and nothing was found: %.80s -> %.80s", seed, what, at, before + (same < 60 ? 0 : same - 60),
			after ? after + (same < 60 ? 0 : same - 60) : "unreadable");
	t->unused++;
}

static unsigned bits_of_page(void)
{
	const char *more = getenv("COFFER_DAMAGE_BITS");
	return more ? (unsigned)strtoul(more, NULL, 10) : BITS_OF_PAGE;
}

static void a_flipped_bit_in_any_page_is_found(void **state)
{
	struct damage *d = *state;
	struct damage_files whole;
	struct tally t = { .unused = 0 };
	unsigned random = seed, bits = bits_of_page();
	damage_change(d);
	damage_save(d, &whole);
	AUTO_FREE char *before = damage_dump(d);
	assert_non_null(before);
	damage_restore(d, &whole);
	for (size_t page = 0; page < whole.db.len / PAGE; page++)
		for (unsigned i = 0; i < bits; i++) {
			size_t at = page * PAGE + (size_t)rand_r(&random) % PAGE;
			uint8_t bit = (uint8_t)(1u << (rand_r(&random) % 8));
			whole.db.bytes[at] ^= bit;
			damage_restore(d, &whole);
			whole.db.bytes[at] ^= bit;
			judge(d, "a flipped bit", at, before, &t);
		}
	damage_restore(d, &whole);
	print_tally("bits of pages", &t);
	assert_true(t.of[FOUND_OPENING] && t.of[FOUND_PASS]);
	damage_files_free(&whole);
}

/* The store as a crash leaves it: most commits in the log alone. */
static void save_with_log(struct damage *d, struct damage_files *out)
{
	assert_int_equal(damage_open(d, NULL), ERR_OK);
	for (unsigned i = 0; i < 8; i++) {
		struct store_row row = { .id_len = UUID_LEN, .version = 1, .header = view_str("\1") };
		AUTO_BUF struct buf body = BUF_EMPTY;
		rising((uint8_t)(0xa0 + i), row.id, UUID_LEN);
		assert_int_equal(txn_begin(d->engine.txn, NULL), ERR_OK);
		assert_int_equal(record_seal(d->ring, STORE_NODE, view_str("in the log"), &row, &body), ERR_OK);
		assert_int_equal(store_put(d->engine.store, STORE_NODE, &row, false), ERR_OK);
		assert_int_equal(txn_commit(d->engine.txn, NULL), ERR_OK);
	}
	damage_save(d, out);
	damage_close(d);
	assert_true(out->wal.len > 8 * FRAME);
}

static void a_flipped_bit_in_any_frame_of_the_log_is_found(void **state)
{
	struct damage *d = *state;
	struct damage_files whole;
	struct tally t = { .unused = 0 };
	unsigned random = seed, frames = 0;
	save_with_log(d, &whole);
	damage_restore(d, &whole);
	AUTO_FREE char *before = damage_dump(d);
	assert_non_null(before);
	for (size_t begin = 0; begin + FRAME <= whole.wal.len; begin += begin ? FRAME : WAL_HEADER, frames++) {
		size_t at = begin + (size_t)rand_r(&random) % (begin ? FRAME : 24);
		uint8_t bit = (uint8_t)(1u << (rand_r(&random) % 8));
		whole.wal.bytes[at] ^= bit;
		damage_restore(d, &whole);
		whole.wal.bytes[at] ^= bit;
		judge(d, "a flipped bit of the log", at, before, &t);
	}
	print_message("%u frames; ", frames);
	print_tally("bits of the log", &t);
	assert_true(t.of[FOUND_ROOT] > 0 && t.unused == 0);
	damage_files_free(&whole);
}

/* One file of `whole` at each length that is a whole number of pages: nothing is served that was not written. */
static void cut_everywhere(struct damage *d, const struct damage_files *whole, bool log, const char *what, const char *before)
{
	struct tally t = { .unused = 0 };
	size_t full = log ? whole->wal.len : whole->db.len;
	for (size_t len = 0; len < full; len += PAGE) {
		struct damage_files cut = *whole;
		*(log ? &cut.wal.len : &cut.db.len) = len;
		damage_restore(d, &cut);
		judge(d, what, len, before, &t);
	}
	print_tally(log ? "lengths of the log" : "lengths of the database", &t);
	assert_int_equal(t.unused, 0);
}

static void a_database_cut_off_anywhere_is_refused_or_whole(void **state)
{
	struct damage *d = *state;
	struct damage_files whole;
	damage_change(d);
	damage_save(d, &whole);
	AUTO_FREE char *before = damage_dump(d);
	damage_restore(d, &whole);
	cut_everywhere(d, &whole, false, "a database of", before);
	damage_files_free(&whole);
}

static void a_log_cut_off_anywhere_is_found_by_the_mark(void **state)
{
	struct damage *d = *state;
	struct damage_files whole;
	save_with_log(d, &whole);
	damage_restore(d, &whole);
	AUTO_FREE char *before = damage_dump(d);
	assert_non_null(before);
	cut_everywhere(d, &whole, true, "a log of", before);
	damage_files_free(&whole);
}

/* The log removed, and a copy of the database file alone. Without the mark it is an older store, whole: nobody can tell. */
static void a_store_without_its_log_is_older_than_its_mark(void **state)
{
	struct damage *d = *state;
	struct damage_files whole, bare;
	struct damage_verdict v;
	save_with_log(d, &whole);
	bare = whole;
	bare.wal.there = false;
	damage_restore(d, &bare);
	damage_judge(d, &v);
	assert_int_equal(v.where, FOUND_ROOT);
	assert_non_null(strstr(v.text, "its last 8 changes are missing"));
	bare.mark.there = false;
	damage_restore(d, &bare);
	damage_judge(d, &v);
	assert_int_equal(v.where, FOUND_NOTHING);
	/* What SQLite would make of an index of the log that is not its own: nothing, it is not used. */
	damage_restore(d, &whole);
	FILE *f = fopen(d->shm, "wb");
	assert_true(f && fwrite(whole.db.bytes, 1, 8 * PAGE, f) == 8 * PAGE && fclose(f) == 0);
	damage_judge(d, &v);
	if (v.where != FOUND_NOTHING) fail_msg("%s", v.text);
	damage_files_free(&whole);
}

static void an_old_store_put_back_without_its_mark_is_found_and_can_be_accepted(void **state)
{
	struct damage *d = *state;
	struct damage_files old, whole;
	struct damage_verdict v;
	damage_save(d, &old);
	damage_change(d);
	damage_save(d, &whole);
	struct damage_files mixed = old;
	mixed.mark = whole.mark;
	damage_restore(d, &mixed);
	damage_judge(d, &v);
	assert_int_equal(v.where, FOUND_ROOT);
	assert_non_null(strstr(v.text, "is older than this node has seen"));
	damage_accept(d);
	damage_judge(d, &v);
	if (v.where != FOUND_NOTHING) fail_msg("%s", v.text);
	damage_files_free(&old);
	damage_files_free(&whole);
}

static void write_mark(const struct damage *d, unsigned generations, uint64_t version)
{
	struct root_mark *mark;
	struct ring *ring = fixture_ring(generations);
	assert_int_equal(root_mark_open(d->mark, &mark, NULL), ERR_OK);
	root_mark_write(mark, ring, version);
	root_mark_close(mark);
	ring_free(ring);
}

/* The old store's data keys cannot compute the MAC of such a mark; one slot may be of before the change. */
static void an_old_store_put_back_from_before_a_change_of_the_data_key_is_found_and_can_be_accepted(void **state)
{
	struct damage *d = *state;
	struct damage_verdict v;
	for (unsigned slots = 1; slots <= 2; slots++) {
		for (unsigned i = 0; i < slots; i++) write_mark(d, 2, 1000 + i);
		damage_judge(d, &v);
		assert_int_equal(v.where, FOUND_ROOT);
		assert_non_null(strstr(v.text, "is older than this node has seen: node.root was written under generation 2"));
		damage_accept(d);
		damage_judge(d, &v);
		if (v.where != FOUND_NOTHING) fail_msg("%s", v.text);
	}
	write_mark(d, 1, 3); /* the same key, an older version in the other slot: nothing */
	damage_judge(d, &v);
	if (v.where != FOUND_NOTHING) fail_msg("%s", v.text);
}

static void a_lost_mark_is_made_anew(void **state)
{
	struct damage *d = *state;
	struct damage_verdict v;
	unlink(d->mark);
	damage_judge(d, &v);
	assert_int_equal(v.where, FOUND_NOTHING);
	struct damage_files whole, old;
	damage_save(d, &old);
	damage_change(d);
	damage_save(d, &whole);
	struct damage_files mixed = old;
	mixed.mark = whole.mark;
	damage_restore(d, &mixed);
	damage_judge(d, &v);
	assert_int_equal(v.where, FOUND_ROOT);
	damage_files_free(&old);
	damage_files_free(&whole);
}

/* Another process holds the file: the start says so soon, and works when it is over. */
static void a_lock_of_another_process_is_told_and_passes(void **state)
{
	struct damage *d = *state;
	struct reason why = { "" };
	int tell[2], hold[2];
	char byte;
	assert_int_equal(pipe(tell), 0);
	assert_int_equal(pipe(hold), 0);
	pid_t other = fork();
	if (other == 0) {
		sqlite3 *db;
		close(hold[1]);
		if (sqlite3_open(d->db, &db) || sqlite3_exec(db, "BEGIN EXCLUSIVE", NULL, NULL, NULL)) _exit(1);
		if (write(tell[1], "x", 1) != 1) _exit(1);
		ssize_t n = read(hold[0], &byte, 1); /* until the test lets go */
		_exit(n == 0 ? 0 : 1);
	}
	close(tell[1]);
	assert_int_equal(read(tell[0], &byte, 1), 1);
	uint64_t begun = clock_mono_ms();
	assert_int_equal(damage_open(d, &why), ERR_BUSY);
	assert_non_null(strstr(why.text, "in use by another process"));
	assert_in_range(clock_mono_ms() - begun, 0, 5000);
	close(hold[1]);
	int status;
	assert_int_equal(waitpid(other, &status, 0), other);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_int_equal(damage_open(d, &why), ERR_OK);
	damage_close(d);
	close(tell[0]);
	close(hold[0]);
}

/* ---- Destroy ---- */

#define WINDOW 12u

static unsigned windows_in(const char *path, const uint8_t *bytes, size_t len)
{
	unsigned hits = 0;
	FILE *f = fopen(path, "rb");
	if (!f) return 0;
	static uint8_t file[8u << 20];
	size_t file_len = fread(file, 1, sizeof file, f);
	assert_true(feof(f));
	fclose(f);
	for (size_t i = 0; i + WINDOW <= len; i++)
		if (memmem(file, file_len, bytes + i, WINDOW)) hits++;
	return hits;
}

static unsigned windows_anywhere(const struct damage *d, const uint8_t *bytes, size_t len)
{
	return windows_in(d->db, bytes, len) + windows_in(d->wal, bytes, len) + windows_in(d->shm, bytes, len);
}

/* Sealed bytes of an object as they stand, but for the clear head of the envelope. */
static size_t sealed_of(struct damage *d, size_t key, uint8_t *out, size_t cap)
{
	struct store_row row;
	assert_int_equal(store_get(d->engine.store, STORE_OBJECT, view_of(d->ids[key], UUID_LEN), &row), ERR_OK);
	assert_true(row.body.len > 28 && row.body.len <= cap);
	memcpy(out, row.body.ptr + 28, row.body.len - 28);
	return row.body.len - 28;
}

static void change_key(struct damage *d, size_t key, enum object_state to)
{
	AUTO_OBJECT struct object *o = NULL;
	assert_int_equal(txn_begin(d->engine.txn, NULL), ERR_OK);
	assert_int_equal(txn_object(d->engine.txn, d->ids[key], &o), ERR_OK);
	AUTO_OBJECT struct object *next = object_copy(o);
	assert_non_null(next);
	next->state = to;
	if (to == OBJECT_DESTROYED) object_drop_material(next);
	assert_int_equal(txn_update(d->engine.txn, next, NULL), ERR_OK);
	if (to == OBJECT_DESTROYED) txn_want_scrub(d->engine.txn);
	assert_int_equal(txn_commit(d->engine.txn, NULL), ERR_OK);
}

/* In the database, its log, and whatever pages are free: not 12 bytes in a row of any body that the key had, after the commit of its Destroy. */
static void nothing_of_a_destroyed_key_is_left_in_any_file(void **state)
{
	struct damage *d = *state;
	static uint8_t first[65536], second[65536];
	assert_int_equal(damage_open(d, NULL), ERR_OK);
	for (size_t key = 0; key < DAMAGE_KEYS; key++) {
		size_t first_len = sealed_of(d, key, first, sizeof first);
		change_key(d, key, OBJECT_DEACTIVATED); /* sealed anew: the first body is an old one */
		size_t second_len = sealed_of(d, key, second, sizeof second);
		assert_true(windows_anywhere(d, second, second_len) > 0); /* the control: the search finds what is there */
		change_key(d, key, OBJECT_DESTROYED);
		assert_int_equal(windows_anywhere(d, first, first_len), 0);
		assert_int_equal(windows_anywhere(d, second, second_len), 0);
	}
	damage_close(d);
}

int main(void)
{
#define DAMAGE(test) cmocka_unit_test_setup_teardown(test, damage_start, damage_stop)
	const struct CMUnitTest tests[] = {
		DAMAGE(a_flipped_bit_in_any_page_is_found),
		DAMAGE(a_flipped_bit_in_any_frame_of_the_log_is_found),
		DAMAGE(a_database_cut_off_anywhere_is_refused_or_whole),
		DAMAGE(a_log_cut_off_anywhere_is_found_by_the_mark),
		DAMAGE(a_store_without_its_log_is_older_than_its_mark),
		DAMAGE(an_old_store_put_back_without_its_mark_is_found_and_can_be_accepted),
		DAMAGE(an_old_store_put_back_from_before_a_change_of_the_data_key_is_found_and_can_be_accepted),
		DAMAGE(a_lost_mark_is_made_anew),
		DAMAGE(a_lock_of_another_process_is_told_and_passes),
		DAMAGE(nothing_of_a_destroyed_key_is_left_in_any_file),
	};
	return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
