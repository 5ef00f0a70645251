/* Helpers of the SQLite store's tests. */
#include "support.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

static int setup_in(void **state, const char *parent)
{
	struct place *p = calloc(1, sizeof *p);
	if (!p) return -1;
	snprintf(p->dir, sizeof p->dir, "%s/store-unit-XXXXXX", parent);
	if (!mkdtemp(p->dir)) {
		free(p);
		return -1;
	}
	snprintf(p->db, sizeof p->db, "%s/store.db", p->dir);
	snprintf(p->wal, sizeof p->wal, "%s/store.db-wal", p->dir);
	snprintf(p->fresh, sizeof p->fresh, "%s/store.db.new", p->dir);
	*state = p;
	return 0;
}

int place_setup(void **state)
{
	return setup_in(state, "/tmp");
}

int place_setup_fast(void **state)
{
	return setup_in(state, access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
}

void place_empty(const struct place *p)
{
	DIR *d = opendir(p->dir);
	assert_non_null(d);
	for (const struct dirent *e; (e = readdir(d)) != NULL;) {
		char path[512];
		snprintf(path, sizeof path, "%s/%s", p->dir, e->d_name);
		if (e->d_name[0] != '.') assert_int_equal(unlink(path), 0);
	}
	closedir(d);
}

int place_teardown(void **state)
{
	struct place *p = *state;
	place_empty(p);
	int rc = rmdir(p->dir);
	free(p);
	return rc;
}

struct store *open_ok(const struct place *p)
{
	struct store *s = NULL;
	struct reason reason = { "" };
	enum coffer_err err = store_open_sqlite(p->db, &s, &reason);
	if (err) print_error("%s\n", reason_text(&reason, err));
	assert_int_equal(err, ERR_OK);
	return s;
}

void expect_refused(const struct place *p, enum coffer_err want, const char *words)
{
	struct store *s = NULL;
	struct reason reason = { "" };
	enum coffer_err err = store_open_sqlite(p->db, &s, &reason);
	if (err != want || !strstr(reason.text, words)) print_error("got %s: %s\n", err_name(err), reason.text);
	assert_int_equal(err, want);
	assert_null(s);
	assert_non_null(strstr(reason.text, words));
}

static void make_row(const char *prefix, unsigned number, struct view body, struct store_row *out)
{
	char id[STORE_ID_MAX];
	int len = snprintf(id, sizeof id, "%s%u", prefix, number);
	*out = (struct store_row){ .id_len = (size_t)len, .version = number, .body = body };
	memcpy(out->id, id, out->id_len);
}

static uint8_t body_byte(const char *prefix, unsigned number)
{
	return (uint8_t)(prefix[0] + (int)number % 64);
}

enum coffer_err put_rows(struct store *s, const char *prefix, unsigned count, size_t body_len)
{
	AUTO_FREE uint8_t *body = malloc(body_len + 1);
	assert_non_null(body);
	enum coffer_err err = store_begin(s, NULL);
	if (err) return err;
	for (unsigned i = 0; i < count && !err; i++) {
		struct store_row row;
		memset(body, body_byte(prefix, i), body_len);
		make_row(prefix, i, view_of(body, body_len), &row);
		err = store_put(s, STORE_OBJECT, &row, true);
	}
	if (!err) return store_commit(s, NULL);
	store_rollback(s);
	return err;
}

unsigned count_rows(struct store *s, const char *prefix, unsigned count, size_t body_len)
{
	unsigned found = 0;
	for (unsigned i = 0; i < count; i++) {
		struct store_row want, got;
		make_row(prefix, i, view_of(NULL, 0), &want);
		enum coffer_err err = store_get(s, STORE_OBJECT, view_of(want.id, want.id_len), &got);
		assert_true(err == ERR_OK || err == ERR_NOT_FOUND);
		if (err) continue;
		found++;
		assert_int_equal(got.version, i);
		assert_int_equal(got.body.len, body_len);
		for (size_t b = 0; b < body_len; b++)
			if (got.body.ptr[b] != body_byte(prefix, i)) fail_msg("row %s%u is torn at byte %zu", prefix, i, b);
	}
	return found;
}

/* Past the store's own layer and any that a test put in. */
static int open_plain(const char *path, sqlite3 **out)
{
	return sqlite3_open_v2(path, out, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, "unix");
}

void raw_sql(const char *path, const char *sql)
{
	sqlite3 *db = NULL;
	char *message = NULL;
	assert_int_equal(open_plain(path, &db), SQLITE_OK);
	int rc = sqlite3_exec(db, sql, NULL, NULL, &message);
	if (rc) print_error("%s\n", message);
	sqlite3_free(message);
	assert_int_equal(rc, SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

void expect_sound(const char *path)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *stmt = NULL;
	assert_int_equal(open_plain(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &stmt, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	assert_string_equal((const char *)sqlite3_column_text(stmt, 0), "ok");
	sqlite3_finalize(stmt);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

uint8_t *read_all(const char *path, size_t *out_len)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st = { .st_size = 0 };
	if (fd >= 0) assert_int_equal(fstat(fd, &st), 0);
	size_t len = (size_t)st.st_size;
	uint8_t *bytes = malloc(len + 1);
	assert_non_null(bytes);
	if (len) assert_int_equal(read(fd, bytes, len), (ssize_t)len);
	*out_len = len;
	return bytes;
}

void write_all(const char *path, const void *bytes, size_t len)
{
	AUTO_FD int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), (ssize_t)len);
}
