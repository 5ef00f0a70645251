/* Locate over rows that do not open: the others are found and the log tells of it once; who asks for one object by its name or identifier is never told
 * that there is none. */
#include "unit/ops/seek.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "objects/index.h"
#include "store/store_internal.h"

#define KEYS 5u

static char ids[KEYS][UUID_TEXT_LEN + 1];

/* Keys "key 0" … in one group, all of one principal. */
static void make_keys(struct fix *f, unsigned uid)
{
	for (unsigned i = 0; i < KEYS; i++) {
		char name[16];
		snprintf(name, sizeof name, "key %u", i);
		const struct seek_value values[] = {
			SEEK_STRUCTURE(NAME, SEEK_FIELD(NAME_VALUE, TEXT, name, 0), SEEK_FIELD(NAME_TYPE, ENUMERATION, NULL, 1)),
			SEEK_CUSTOM("x-all", INTEGER, NULL, 1), SEEK_TEXT(OBJECT_GROUP, "pay"), { 0 },
		};
		seek_make(f, uid, values, ids[i]);
	}
}

enum spoiled { BODY, HEADER, STATE, VERSION, GENERATION, SPOILED_END };

/* Behind the back of whoever has the object in memory. Twice: as it was. */
static void spoil(struct fix *f, const char *id_text, enum spoiled what)
{
	uint8_t id[UUID_LEN], header[4096], index[16384], body[16384];
	struct store *s = f->engine.store;
	struct store_row row;
	assert_int_equal(text_parse_uuid(view_str(id_text), id), ERR_OK);
	assert_int_equal(store_get(s, STORE_OBJECT, view_of(id, UUID_LEN), &row), ERR_OK);
	assert_true(row.header.len <= sizeof header && row.index.len <= sizeof index && row.body.len <= sizeof body);
	memcpy(header, row.header.ptr, row.header.len);
	memcpy(index, row.index.ptr, row.index.len);
	memcpy(body, row.body.ptr, row.body.len);
	row.header.ptr = header;
	row.index.ptr = index;
	row.body.ptr = body;
	body[row.body.len - 1] ^= what == BODY;
	header[row.header.len - 1] ^= what == HEADER;
	row.state ^= what == STATE;
	row.version ^= what == VERSION;
	row.generation ^= what == GENERATION ? 2 : 0;
	assert_int_equal(store_begin(s, NULL), ERR_OK);
	assert_int_equal(store_put(s, STORE_OBJECT, &row, true), ERR_OK);
	assert_int_equal(store_commit(s, NULL), ERR_OK);
	object_table_clear(f->engine.objects);
}

/* What the log says meanwhile. */
static void seek_logged(struct fix *f, unsigned uid, const struct seek_ask *ask, struct seek_found *found, char *log, size_t cap)
{
	FILE *file = tmpfile();
	int kept = dup(STDERR_FILENO);
	assert_true(file && kept >= 0);
	fflush(stderr);
	assert_true(dup2(fileno(file), STDERR_FILENO) >= 0);
	seek(f, uid, ask, found);
	assert_true(dup2(kept, STDERR_FILENO) >= 0);
	close(kept);
	rewind(file);
	log[fread(log, 1, cap - 1, file)] = '\0';
	fclose(file);
}

static unsigned lines_of(const char *log)
{
	unsigned lines = 0;
	for (; *log; log++) lines += *log == '\n';
	return lines;
}

static bool has(const struct seek_found *found, const char *id)
{
	for (size_t i = 0; i < found->count; i++)
		if (strcmp(found->ids[i], id) == 0) return true;
	return false;
}

static const struct seek_ask searches[] = {
	{ .minor = 0 }, { .values = { SEEK_CUSTOM("x-all", INTEGER, NULL, 1) } }, { .values = { SEEK_TEXT(OBJECT_GROUP, "pay") } },
	{ .values = { SEEK_NUMBER(CRYPTOGRAPHIC_LENGTH, INTEGER, 256) } }, { .storage = 7 },
};

/* The administrator goes through the table or an entry, the others through what is theirs and their groups: every way. */
static void a_search_passes_over_rows_that_do_not_open(void **state)
{
	static const unsigned askers[] = { ADMIN, OTHER, STRANGER };
	struct fix *f = *state;
	struct seek_found found;
	char log[4096];
	make_keys(f, STRANGER);
	for (enum spoiled what = BODY; what < SPOILED_END; what++) {
		spoil(f, ids[1], what);
		for (size_t i = 0; i < 3 * sizeof searches / sizeof searches[0]; i++) {
			object_table_clear(f->engine.objects);
			seek_logged(f, askers[i % 3], &searches[i / 3], &found, log, sizeof log);
			if (found.err) fail_msg("%zu, spoiled %d: %s", i, (int)what, found.message);
			if (found.count != KEYS - 1 || found.located != KEYS - 1 || has(&found, ids[1])) fail_msg("%zu, spoiled %d: %zu found", i, (int)what, found.count);
			/* A row whose clear columns do not match is not even opened. */
			bool unopened = what != BODY && i % 3 == 0 && lines_of(log) == 0;
			if (!unopened && (lines_of(log) != 1 || !strstr(log, "passed over 1 objects") || !strstr(log, ids[1]) || !strstr(log, "'coffer store check'")))
				fail_msg("%zu, spoiled %d: the log says: %s", i, (int)what, log);
		}
		spoil(f, ids[1], what);
	}
	spoil(f, ids[1], BODY);
	spoil(f, ids[3], BODY);
	seek_logged(f, ADMIN, &searches[0], &found, log, sizeof log);
	assert_true(found.err == ERR_OK && found.count == KEYS - 2 && lines_of(log) == 1);
	assert_non_null(strstr(log, "passed over 2 objects"));
}

static void a_store_that_is_whole_is_not_spoken_of(void **state)
{
	struct fix *f = *state;
	struct seek_found found;
	char log[4096];
	make_keys(f, STRANGER);
	object_table_clear(f->engine.objects);
	seek_logged(f, ADMIN, &searches[0], &found, log, sizeof log);
	assert_true(found.err == ERR_OK && found.count == KEYS && lines_of(log) == 0);
}

static void one_object_asked_for_by_name_or_identifier_must_open(void **state)
{
	struct fix *f = *state;
	struct seek_found found;
	make_keys(f, ADMIN);
	spoil(f, ids[1], BODY);
	const struct seek_ask strict[] = {
		{ .values = { SEEK_STRUCTURE(NAME, SEEK_FIELD(NAME_VALUE, TEXT, "key 1", 0)) } }, { .values = { SEEK_TEXT(UNIQUE_IDENTIFIER, ids[1]) } },
		{ .values = { SEEK_TEXT(OBJECT_GROUP, "pay"), SEEK_STRUCTURE(NAME, SEEK_FIELD(NAME_VALUE, TEXT, "key 1", 0)) } },
	};
	for (size_t i = 0; i < sizeof strict / sizeof strict[0]; i++) {
		seek(f, ADMIN, &strict[i], &found);
		if (found.err != ERR_CORRUPT) fail_msg("%zu: error %s, %zu found", i, err_name(found.err), found.count);
	}
	assert_int_equal(fix_simple(f, ADMIN, OPERATION_GET, ids[1]), ERR_CORRUPT);
	seek(f, ADMIN, &(struct seek_ask){ .values = { SEEK_STRUCTURE(NAME, SEEK_FIELD(NAME_VALUE, TEXT, "key 2", 0)) } }, &found);
	assert_true(found.err == ERR_OK && found.count == 1 && has(&found, ids[2]));
}

/* An entry that leads to no row, or to one that has not the value. */
static void a_search_passes_over_entries_that_lead_to_nothing(void **state)
{
	struct fix *f = *state;
	struct seek_found found;
	uint8_t other[16384], id[UUID_LEN];
	struct store *s = f->engine.store;
	struct store_row row, from;
	char log[4096], alien[UUID_TEXT_LEN + 1];
	make_keys(f, STRANGER);
	seek_make(f, ADMIN, NULL, alien);
	assert_int_equal(text_parse_uuid(view_str(ids[0]), id), ERR_OK);
	assert_int_equal(store_get(s, STORE_OBJECT, view_of(id, UUID_LEN), &from), ERR_OK);
	memcpy(other, from.index.ptr, from.index.len);
	size_t len = from.index.len;
	assert_int_equal(text_parse_uuid(view_str(alien), id), ERR_OK);
	assert_int_equal(store_get(s, STORE_OBJECT, view_of(id, UUID_LEN), &row), ERR_OK);
	row.index = view_of(other, len);
	uint8_t header[4096], body[16384];
	memcpy(header, row.header.ptr, row.header.len);
	memcpy(body, row.body.ptr, row.body.len);
	row.header.ptr = header;
	row.body.ptr = body;
	assert_int_equal(store_begin(s, NULL), ERR_OK);
	assert_int_equal(store_put(s, STORE_OBJECT, &row, true), ERR_OK);
	assert_int_equal(store_commit(s, NULL), ERR_OK);
	for (unsigned cached = 0; cached < 2; cached++) {
		if (!cached) object_table_clear(f->engine.objects);
		seek_logged(f, STRANGER, &searches[0], &found, log, sizeof log);
		assert_true(found.err == ERR_OK && found.count == KEYS && !has(&found, alien));
		assert_non_null(strstr(log, alien));
	}
}

/* ---- what is not about one row ---- */

static const struct store_ops *real_ops;
static struct store_ops failing_ops;
static enum coffer_err failure;

static enum coffer_err failing_get(struct store *s, enum store_table table, struct view id, struct store_row *out)
{
	return table == STORE_OBJECT ? failure : real_ops->get(s, table, id, out);
}

static void a_failing_store_fails_the_search(void **state)
{
	static const enum coffer_err failures[] = { ERR_IO, ERR_MEMORY };
	static const unsigned askers[] = { ADMIN, STRANGER };
	struct fix *f = *state;
	struct seek_found found;
	make_keys(f, STRANGER);
	real_ops = f->engine.store->ops;
	failing_ops = *real_ops;
	failing_ops.get = failing_get;
	f->engine.store->ops = &failing_ops;
	for (size_t i = 0; i < 4; i++) {
		failure = failures[i / 2];
		object_table_clear(f->engine.objects);
		seek(f, askers[i % 2], &searches[0], &found);
		if (found.err != failure) fail_msg("%zu: %s, %zu found", i, err_name(found.err), found.count);
	}
	f->engine.store->ops = real_ops;
}

int main(void)
{
#define LOCATE(test) cmocka_unit_test_setup_teardown(test, fix_start, fix_stop)
	const struct CMUnitTest tests[] = {
		LOCATE(a_search_passes_over_rows_that_do_not_open), LOCATE(a_store_that_is_whole_is_not_spoken_of),
		LOCATE(one_object_asked_for_by_name_or_identifier_must_open), LOCATE(a_search_passes_over_entries_that_lead_to_nothing),
		LOCATE(a_failing_store_fails_the_search),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
