/* The cache of a node: what is written is found again, and nothing else is taken for it. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keyring/cache.h"
#include "keyring/record.h"
#include "unit/keyring/fixture.h"

#define LIMIT 8192u
#define MAX_ROWS 12u

struct place {
	char folder[64], path[96], mark_path[96];
	struct ring *ring;
	struct root_mark *mark;
	struct cache *cache;
};

static void reopen(struct place *p)
{
	cache_close(p->cache);
	assert_int_equal(cache_open(p->path, LIMIT, MAX_ROWS, &p->cache, NULL), ERR_OK);
}

static void begin(struct place *p)
{
	*p = (struct place){ .folder = "/tmp/coffer-test-cache-XXXXXX" };
	assert_non_null(mkdtemp(p->folder));
	snprintf(p->path, sizeof p->path, "%s/cache.db", p->folder);
	snprintf(p->mark_path, sizeof p->mark_path, "%s/node.root", p->folder);
	p->ring = fixture_ring(2);
	assert_int_equal(root_mark_open(p->mark_path, &p->mark, NULL), ERR_OK);
	assert_int_equal(cache_open(p->path, LIMIT, MAX_ROWS, &p->cache, NULL), ERR_OK);
	assert_int_equal(cache_attach(p->cache, p->ring, p->mark, NULL), ERR_NOT_FOUND);
	assert_int_equal(cache_begin_anew(p->cache, p->ring, p->mark, NULL), ERR_OK);
}

static void end(struct place *p)
{
	char command[128];
	cache_close(p->cache);
	root_mark_close(p->mark);
	ring_free(p->ring);
	snprintf(command, sizeof command, "rm -r %s", p->folder);
	assert_int_equal(system(command), 0);
}

/* An object row whose id is sixteen times `id`. */
static void fill(struct place *p, uint8_t id, uint32_t version, struct store_row *row, struct buf *body)
{
	static const uint8_t plain[600];
	fixture_object_row(row);
	memset(row->id, id, UUID_LEN);
	row->id_len = UUID_LEN;
	row->version = version;
	body->len = 0;
	assert_int_equal(record_seal(p->ring, STORE_OBJECT, view_of(plain, sizeof plain), row, body), ERR_OK);
}

static void keep(struct place *p, uint8_t id, uint32_t version)
{
	struct buf body = BUF_EMPTY;
	struct store_row row;
	fill(p, id, version, &row, &body);
	assert_int_equal(cache_begin(p->cache), ERR_OK);
	assert_int_equal(cache_put(p->cache, STORE_OBJECT, &row), ERR_OK);
	cache_set_whole(p->cache, true);
	cache_set_as_of(p->cache, 1700000000000);
	assert_int_equal(cache_commit(p->cache), ERR_OK);
	buf_free(&body);
}

static uint32_t version_of(struct place *p, uint8_t id)
{
	uint8_t bytes[UUID_LEN];
	uint32_t version = 0;
	memset(bytes, id, sizeof bytes);
	assert_int_equal(cache_version(p->cache, STORE_OBJECT, view_of(bytes, sizeof bytes), &version), ERR_OK);
	return version;
}

static void copy(const char *from, const char *to)
{
	char command[256];
	snprintf(command, sizeof command, "cp -p %s %s", from, to);
	assert_int_equal(system(command), 0);
}

static enum coffer_err attach(struct place *p, struct reason *reason)
{
	return cache_attach(p->cache, p->ring, p->mark, reason);
}

static void what_was_written_is_found_again(void **state)
{
	struct place p;
	struct cache_facts facts;
	struct stat st;
	(void)state;
	begin(&p);
	keep(&p, 1, 1);
	keep(&p, 2, 1);
	keep(&p, 1, 4);
	reopen(&p);
	assert_int_equal(attach(&p, NULL), ERR_OK);
	cache_facts(p.cache, &facts);
	assert_true(facts.well && facts.whole);
	assert_int_equal(facts.rows, 2);
	assert_int_equal(facts.as_of_ms, 1700000000000);
	assert_int_equal(version_of(&p, 1), 4);
	assert_int_equal(version_of(&p, 3), 0);
	assert_int_equal(stat(p.path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	end(&p);
}

static void an_older_copy_is_refused(void **state)
{
	struct place p;
	char kept[128];
	struct reason reason = { "" };
	(void)state;
	begin(&p);
	keep(&p, 1, 1);
	cache_close(p.cache);
	p.cache = NULL;
	snprintf(kept, sizeof kept, "%s/kept", p.folder);
	copy(p.path, kept);
	reopen(&p);
	assert_int_equal(attach(&p, NULL), ERR_OK);
	keep(&p, 1, 2); /* revoked, say */
	cache_close(p.cache);
	p.cache = NULL;
	copy(kept, p.path);
	reopen(&p);
	assert_int_equal(attach(&p, &reason), ERR_CORRUPT);
	assert_non_null(strstr(reason.text, "older"));
	assert_int_equal(cache_begin_anew(p.cache, p.ring, p.mark, NULL), ERR_OK);
	assert_int_equal(version_of(&p, 1), 0);
	cache_close(p.cache);
	p.cache = NULL;
	copy(kept, p.path); /* as one that could not be removed */
	reopen(&p);
	assert_int_equal(attach(&p, NULL), ERR_CORRUPT);
	end(&p);
}

/* Somebody who may write the file, and has rows that were in it. */
static void edit(struct place *p, uint8_t id, uint32_t version, bool erase)
{
	struct buf body = BUF_EMPTY;
	struct store_row row;
	struct store *file;
	fill(p, id, version, &row, &body);
	cache_close(p->cache);
	p->cache = NULL;
	assert_int_equal(store_open_sqlite(p->path, &file, NULL), ERR_OK);
	assert_int_equal(store_begin(file, NULL), ERR_OK);
	if (erase) assert_int_equal(store_erase(file, STORE_OBJECT, view_of(row.id, row.id_len)), ERR_OK);
	else assert_int_equal(store_put(file, STORE_OBJECT, &row, true), ERR_OK);
	assert_int_equal(store_commit(file, NULL), ERR_OK);
	store_close(file);
	buf_free(&body);
	reopen(p);
}

static void an_edited_one_is_refused(void **state)
{
	struct place p;
	(void)state;
	begin(&p);
	keep(&p, 1, 2);
	keep(&p, 2, 2);
	edit(&p, 1, 1, false); /* an older row, sealed by the domain */
	assert_int_equal(attach(&p, NULL), ERR_CORRUPT);
	end(&p);
	begin(&p);
	keep(&p, 1, 2);
	keep(&p, 2, 2);
	edit(&p, 3, 1, false); /* one more */
	assert_int_equal(attach(&p, NULL), ERR_CORRUPT);
	end(&p);
	begin(&p);
	keep(&p, 1, 2);
	keep(&p, 2, 2);
	edit(&p, 2, 2, true); /* one less */
	assert_int_equal(attach(&p, NULL), ERR_CORRUPT);
	end(&p);
}

static void another_nodes_is_refused(void **state)
{
	struct place p;
	struct domain_id other;
	(void)state;
	begin(&p);
	keep(&p, 1, 1);
	fixture_domain(&other);
	other.node_id[0] ^= 1;
	struct ring *ring = ring_new(&other);
	assert_non_null(ring);
	struct secret *key = rising_secret(0x20, 32);
	assert_int_equal(ring_add(ring, 1, &key), ERR_OK);
	key = rising_secret(0x21, 32);
	assert_int_equal(ring_add(ring, 2, &key), ERR_OK);
	reopen(&p);
	assert_int_equal(cache_attach(p.cache, ring, p.mark, NULL), ERR_CORRUPT);
	ring_free(ring);
	end(&p);
}

static void without_its_mark_it_is_refused(void **state)
{
	struct place p;
	(void)state;
	begin(&p);
	keep(&p, 1, 1);
	reopen(&p);
	root_mark_clear(p.mark);
	assert_int_equal(attach(&p, NULL), ERR_CORRUPT);
	end(&p);
}

static void a_data_key_that_left_ends_it(void **state)
{
	struct place p;
	struct ring *older;
	(void)state;
	begin(&p);
	keep(&p, 1, 1);
	older = fixture_ring(1);
	reopen(&p);
	assert_int_equal(cache_attach(p.cache, older, p.mark, NULL), ERR_CORRUPT);
	ring_free(older);
	end(&p);
}

static bool keeps_two(void *arg, const uint8_t id[static UUID_LEN])
{
	(void)arg;
	return id[0] == 2;
}

static bool keeps_all(void *arg, const uint8_t id[static UUID_LEN])
{
	(void)arg;
	(void)id;
	return true;
}

static void it_is_bounded_and_what_is_used_stays(void **state)
{
	struct place p;
	struct cache_facts facts;
	struct buf body = BUF_EMPTY;
	struct store_row row;
	uint8_t id = 1;
	(void)state;
	begin(&p);
	for (;; id++) {
		fill(&p, id, 1, &row, &body);
		cache_facts(p.cache, &facts);
		if (facts.bytes + cache_cost(&row) > LIMIT) break;
		keep(&p, id, 1);
	}
	assert_true(id > 5);
	assert_int_equal(cache_begin(p.cache), ERR_OK);
	assert_int_equal(cache_put(p.cache, STORE_OBJECT, &row), ERR_FULL);
	assert_false(cache_make_room(p.cache, cache_cost(&row), keeps_all, NULL));
	assert_true(cache_make_room(p.cache, cache_cost(&row), keeps_two, NULL));
	assert_int_equal(cache_put(p.cache, STORE_OBJECT, &row), ERR_OK);
	assert_true(cache_make_room(p.cache, cache_cost(&row), keeps_two, NULL)); /* goes on behind the one that left */
	assert_int_equal(cache_commit(p.cache), ERR_OK);
	cache_facts(p.cache, &facts);
	assert_true(facts.bytes <= LIMIT);
	assert_int_equal(version_of(&p, 1), 0);
	assert_int_equal(version_of(&p, 2), 1);
	assert_int_equal(version_of(&p, 3), 0);
	assert_int_equal(version_of(&p, id), 1);
	buf_free(&body);
	reopen(&p);
	assert_int_equal(attach(&p, NULL), ERR_OK);
	end(&p);
}

static void what_is_dropped_is_gone_and_what_is_rolled_back_is_not(void **state)
{
	struct place p;
	struct store_row row;
	struct buf body = BUF_EMPTY;
	(void)state;
	begin(&p);
	keep(&p, 1, 1);
	keep(&p, 2, 1);
	fill(&p, 1, 1, &row, &body);
	assert_int_equal(cache_begin(p.cache), ERR_OK);
	assert_int_equal(cache_drop_table(p.cache, STORE_DOMAIN), ERR_OK); /* not its own record */
	assert_int_equal(cache_drop(p.cache, STORE_OBJECT, view_of(row.id, row.id_len)), ERR_OK);
	cache_rollback(p.cache);
	assert_int_equal(version_of(&p, 1), 1);
	assert_int_equal(cache_begin(p.cache), ERR_OK);
	assert_int_equal(cache_drop(p.cache, STORE_OBJECT, view_of(row.id, row.id_len)), ERR_OK);
	assert_int_equal(cache_commit(p.cache), ERR_OK);
	assert_int_equal(cache_begin(p.cache), ERR_OK);
	row.generation = 0;
	assert_int_equal(cache_put(p.cache, STORE_OBJECT, &row), ERR_FIELD);
	cache_rollback(p.cache);
	reopen(&p);
	assert_int_equal(attach(&p, NULL), ERR_OK);
	assert_int_equal(version_of(&p, 1), 0);
	assert_int_equal(version_of(&p, 2), 1);
	buf_free(&body);
	end(&p);
}

static void it_never_has_more_rows_than_can_be_compared(void **state)
{
	struct place p;
	struct cache_facts facts;
	struct buf body = BUF_EMPTY;
	struct store_row row;
	(void)state;
	begin(&p);
	cache_close(p.cache);
	assert_int_equal(cache_open(p.path, 1u << 20, MAX_ROWS, &p.cache, NULL), ERR_OK);
	assert_int_equal(attach(&p, NULL), ERR_OK);
	for (uint8_t id = 1; id <= MAX_ROWS; id++) keep(&p, id, 1);
	fill(&p, MAX_ROWS + 1, 1, &row, &body);
	assert_int_equal(cache_begin(p.cache), ERR_OK);
	assert_int_equal(cache_put(p.cache, STORE_OBJECT, &row), ERR_FULL);
	assert_false(cache_make_room(p.cache, 0, keeps_all, NULL));
	assert_true(cache_make_room(p.cache, 0, keeps_two, NULL));
	assert_int_equal(cache_put(p.cache, STORE_OBJECT, &row), ERR_OK);
	assert_int_equal(cache_commit(p.cache), ERR_OK);
	cache_facts(p.cache, &facts);
	assert_int_equal(facts.rows, MAX_ROWS);
	buf_free(&body);
	end(&p);
}

/* Writes behind `bytes` of a file fail. */
static void bound_files(rlim_t bytes)
{
	struct rlimit limit;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void after_a_commit_that_failed_it_is_not_well_and_made_anew(void **state)
{
	struct place p;
	struct stat st;
	struct cache_facts facts;
	uint8_t id[UUID_LEN];
	(void)state;
	begin(&p);
	keep(&p, 1, 1);
	memset(id, 1, sizeof id);
	assert_int_equal(stat(p.mark_path, &st), 0);
	assert_int_equal(cache_begin(p.cache), ERR_OK);
	assert_int_equal(cache_drop(p.cache, STORE_OBJECT, view_of(id, sizeof id)), ERR_OK);
	bound_files((rlim_t)st.st_size);
	assert_int_not_equal(cache_commit(p.cache), ERR_OK);
	cache_facts(p.cache, &facts);
	assert_false(facts.well);
	assert_int_equal(cache_begin(p.cache), ERR_STATE);
	assert_int_not_equal(cache_begin_anew(p.cache, p.ring, p.mark, NULL), ERR_OK); /* the mark at least is written in place */
	bound_files(RLIM_INFINITY);
	reopen(&p);
	assert_int_not_equal(attach(&p, NULL), ERR_OK);
	assert_int_equal(cache_begin_anew(p.cache, p.ring, p.mark, NULL), ERR_OK);
	assert_int_equal(version_of(&p, 1), 0);
	end(&p);
}

static void a_row_that_cannot_be_looked_for_is_not_one_that_is_not_there(void **state)
{
	struct place p;
	uint8_t id[UUID_LEN] = { 1 };
	uint32_t version;
	(void)state;
	begin(&p);
	assert_int_equal(cache_version(p.cache, STORE_OBJECT, view_of(id, sizeof id), &version), ERR_OK);
	assert_int_equal(version, 0);
	assert_int_equal(cache_remove(p.cache), ERR_OK);
	assert_int_not_equal(cache_version(p.cache, STORE_OBJECT, view_of(id, sizeof id), &version), ERR_OK);
	end(&p);
}

static void one_that_is_no_database_is_made_anew(void **state)
{
	struct place p;
	(void)state;
	begin(&p);
	keep(&p, 1, 1);
	cache_close(p.cache);
	p.cache = NULL;
	assert_int_equal(truncate(p.path, 100), 0);
	reopen(&p);
	assert_int_equal(attach(&p, NULL), ERR_CORRUPT); /* empty, and there was one */
	assert_int_equal(cache_begin_anew(p.cache, p.ring, p.mark, NULL), ERR_OK);
	keep(&p, 1, 1);
	end(&p);
}

/* How often these bytes stand in the file or its log. */
static unsigned found_in(const char *path, struct view bytes)
{
	static uint8_t all[1u << 20];
	unsigned found = 0;
	char name[128];
	for (unsigned i = 0; i < 2; i++) {
		snprintf(name, sizeof name, "%s%s", path, i ? "-wal" : "");
		FILE *f = fopen(name, "r");
		assert_non_null(f);
		size_t len = fread(all, 1, sizeof all, f);
		fclose(f);
		assert_true(len < sizeof all);
		for (uint8_t *at = all; (at = memmem(at, (size_t)(all + len - at), bytes.ptr, bytes.len)) != NULL; at++) found++;
	}
	return found;
}

/* A key that was destroyed elsewhere leaves the log too, not the rows alone. */
static void what_is_dropped_leaves_the_file_and_its_log(void **state)
{
	struct place p;
	struct store_row row;
	uint8_t body[64];
	(void)state;
	begin(&p);
	keep(&p, 1, 1);
	memset(row.id, 1, UUID_LEN);
	assert_int_equal(store_get(cache_rows(p.cache), STORE_OBJECT, view_of(row.id, UUID_LEN), &row), ERR_OK);
	memcpy(body, row.body.ptr + 100, sizeof body);
	assert_int_equal(cache_scrub(p.cache, NULL), ERR_OK);
	assert_int_equal(found_in(p.path, view_of(body, sizeof body)), 1);
	assert_int_equal(cache_begin(p.cache), ERR_OK);
	assert_int_equal(cache_drop(p.cache, STORE_OBJECT, view_of(row.id, UUID_LEN)), ERR_OK);
	assert_int_equal(cache_commit(p.cache), ERR_OK);
	assert_true(found_in(p.path, view_of(body, sizeof body)) > 0);
	assert_int_equal(cache_scrub(p.cache, NULL), ERR_OK);
	assert_int_equal(found_in(p.path, view_of(body, sizeof body)), 0);
	keep(&p, 2, 1);
	reopen(&p); /* nobody knows whether the one before came to it */
	assert_int_equal(attach(&p, NULL), ERR_OK);
	assert_int_equal(cache_scrub(p.cache, NULL), ERR_OK);
	assert_int_equal(version_of(&p, 2), 1);
	end(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_written_is_found_again),
		cmocka_unit_test(an_older_copy_is_refused),
		cmocka_unit_test(an_edited_one_is_refused),
		cmocka_unit_test(another_nodes_is_refused),
		cmocka_unit_test(without_its_mark_it_is_refused),
		cmocka_unit_test(a_data_key_that_left_ends_it),
		cmocka_unit_test(it_is_bounded_and_what_is_used_stays),
		cmocka_unit_test(what_is_dropped_is_gone_and_what_is_rolled_back_is_not),
		cmocka_unit_test(what_is_dropped_leaves_the_file_and_its_log),
		cmocka_unit_test(it_never_has_more_rows_than_can_be_compared),
		cmocka_unit_test(after_a_commit_that_failed_it_is_not_well_and_made_anew),
		cmocka_unit_test(a_row_that_cannot_be_looked_for_is_not_one_that_is_not_there),
		cmocka_unit_test(one_that_is_no_database_is_made_anew),
	};
	return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
