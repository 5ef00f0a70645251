/* Bare SQLite: what a create of cofferd writes, written without cofferd. The rows, their lengths and the statements are those of a store that cofferd wrote
 * (a copy of it is what this writes to), the settings of the connection too; so many creates as GROUP says share a transaction, which writes the root's row
 * once. A line of JSON with the rate. With SYNC-US each sync takes so many microseconds longer.
 *
 *   bench_sqlite COPY MILLISECONDS [GROUP [SYNC-US]]      1, 0 */
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/uuid.h"
#include "common.h"
#include "store/sqlite_internal.h"

#define FIELD_MAX 8192
#define TEXT_OF_(x) #x
#define TEXT_OF(x) TEXT_OF_(x)
#define LOG_PAGES "PRAGMA wal_autocheckpoint = " TEXT_OF(SQLITE_STORE_LOG_PAGES)

/* A row as cofferd wrote it: the one in the middle by its length. */
struct template_row {
	int table, id_len, header_len, index_len, body_len, tokens;
	uint8_t id[64], header[FIELD_MAX], index[FIELD_MAX], body[FIELD_MAX];
	int version, state, generation;
};

static sqlite3 *db;
static uint64_t numbers, sync_ns, syncs;

/* The C library's, which SQLite calls. */
__attribute__((visibility("default"))) int fdatasync(int fd)
{
	struct timespec left = { .tv_sec = (time_t)(sync_ns / 1000000000u), .tv_nsec = (long)(sync_ns % 1000000000u) };
	syncs++;
	while (sync_ns && nanosleep(&left, &left) && errno == EINTR) continue;
	return (int)syscall(SYS_fdatasync, fd);
}

static void sql_must(int rc, const char *what)
{
	if (rc != SQLITE_OK && rc != SQLITE_DONE && rc != SQLITE_ROW) bench_die("%s: %s", what, sqlite3_errmsg(db));
}

static sqlite3_stmt *prepare(const char *sql)
{
	sqlite3_stmt *s;
	sql_must(sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &s, NULL), sql);
	return s;
}

static void run(sqlite3_stmt *s)
{
	sql_must(sqlite3_step(s), "a statement");
	sql_must(sqlite3_reset(s), "a statement");
}

static int blob(sqlite3_stmt *s, int column, uint8_t *out, int max)
{
	int n = sqlite3_column_bytes(s, column);
	bench_must(n >= 0 && n <= max, "reading a row");
	if (n) memcpy(out, sqlite3_column_blob(s, column), (size_t)n);
	return n;
}

static void load(int table, const char *where, struct template_row *row)
{
	char sql[512];
	snprintf(sql, sizeof sql, "SELECT id, version, state, generation, header, idx, body FROM record WHERE tbl = %d AND %s ORDER BY length(body)"
		" LIMIT 1 OFFSET (SELECT (count(*) - 1) / 2 FROM record WHERE tbl = %d AND %s)", table, where, table, where);
	sqlite3_stmt *s = prepare(sql);
	if (sqlite3_step(s) != SQLITE_ROW) bench_die("the store has no row in table %d", table);
	*row = (struct template_row){ .table = table, .version = sqlite3_column_int(s, 1), .state = sqlite3_column_int(s, 2), .generation = sqlite3_column_int(s, 3) };
	row->id_len = blob(s, 0, row->id, sizeof row->id);
	row->header_len = blob(s, 4, row->header, FIELD_MAX);
	row->index_len = blob(s, 5, row->index, FIELD_MAX);
	row->body_len = blob(s, 6, row->body, FIELD_MAX);
	row->tokens = (int)store_index_count(view_of(row->index, (size_t)row->index_len));
	sqlite3_finalize(s);
}

/* As src/store/sqlite_open.c sets a connection up. */
static void open_copy(const char *path)
{
	static const char *const settings[] = { "PRAGMA trusted_schema = OFF", "PRAGMA cell_size_check = ON", "PRAGMA mmap_size = 0", "PRAGMA temp_store = MEMORY",
		"PRAGMA secure_delete = ON", "PRAGMA locking_mode = EXCLUSIVE", "PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", LOG_PAGES,
		"PRAGMA cache_size = -32768" /* store_cache */ };
	sql_must(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL), path);
	for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) sql_must(sqlite3_exec(db, settings[i], NULL, NULL, NULL), settings[i]);
}

/* Bytes that no row had before, all over the place as tokens are. */
static void fresh(uint8_t *out, size_t len)
{
	for (size_t i = 0; i < len; i += 8) {
		uint64_t z = numbers += UINT64_C(0x9e3779b97f4a7c15);
		z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
		z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
		z ^= z >> 31;
		memcpy(out + i, &z, len - i < 8 ? len - i : 8);
	}
}

/* Objects' identifiers and those of requests' records begin with the time. */
static void fresh_id(struct template_row *row)
{
	struct timespec now;
	fresh(row->id, (size_t)row->id_len);
	clock_gettime(CLOCK_REALTIME, &now);
	uuid_of_time(row->id, (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u);
}

static void put(sqlite3_stmt *record, sqlite3_stmt *search, struct template_row *row)
{
	sqlite3_bind_int(record, 1, row->table);
	sqlite3_bind_blob(record, 2, row->id, row->id_len, SQLITE_STATIC);
	sqlite3_bind_int(record, 3, row->version);
	sqlite3_bind_int(record, 4, row->state);
	sqlite3_bind_int(record, 5, row->generation);
	sqlite3_bind_blob(record, 6, row->header, row->header_len, SQLITE_STATIC);
	sqlite3_bind_blob(record, 7, row->index, row->index_len, SQLITE_STATIC);
	sqlite3_bind_blob(record, 8, row->body, row->body_len, SQLITE_STATIC);
	run(record);
	for (int i = 0; i < row->tokens; i++) {
		uint8_t token[STORE_TOKEN_LEN];
		fresh(token, sizeof token);
		sqlite3_bind_int(search, 1, row->table);
		sqlite3_bind_blob(search, 2, row->id, row->id_len, SQLITE_STATIC);
		sqlite3_bind_int(search, 3, store_index_entry(view_of(row->index, (size_t)row->index_len), (size_t)i)[0]);
		sqlite3_bind_blob(search, 4, token, sizeof token, SQLITE_STATIC);
		run(search);
	}
}

static void next_audit_id(struct template_row *row)
{
	for (int i = row->id_len - 1; i >= row->id_len - 8; i--)
		if (++row->id[i]) return;
}

static void create(sqlite3_stmt *insert, sqlite3_stmt *search, struct template_row *object, struct template_row *audit, struct template_row *request)
{
	fresh_id(object);
	fresh_id(request);
	fresh(object->body, (size_t)object->body_len);
	next_audit_id(audit);
	put(insert, search, object);
	put(insert, search, audit);
	put(insert, search, request);
}

int main(int argc, char **argv)
{
	static struct template_row object, audit, request, root;
	if (argc < 3 || argc > 5) bench_die("usage: bench_sqlite COPY MILLISECONDS [GROUP [SYNC-US]]");
	uint64_t window = bench_number(argv[2], 1, 600000) * 1000000u, group = argc > 3 ? bench_number(argv[3], 1, 1000) : 1, commits = 0;
	if (argc > 4) sync_ns = bench_number(argv[4], 0, 1000000) * 1000u;
	open_copy(argv[1]);
	load(STORE_OBJECT, "1", &object);
	load(STORE_AUDIT, "1", &audit);
	load(STORE_REQUEST, "1", &request);
	load(STORE_DOMAIN, "id = CAST('root' AS BLOB)", &root);
	numbers = bench_now_ns();
	sqlite3_stmt *max = prepare("SELECT max(id) FROM record WHERE tbl = 3");
	sql_must(sqlite3_step(max), "the newest audit row");
	blob(max, 0, audit.id, sizeof audit.id);
	sqlite3_finalize(max);
	sqlite3_stmt *begin = prepare("BEGIN IMMEDIATE"), *commit = prepare("COMMIT"),
		*insert = prepare("INSERT INTO record (tbl, id, version, state, generation, header, idx, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"),
		*replace = prepare("INSERT INTO record (tbl, id, version, state, generation, header, idx, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
			" ON CONFLICT (tbl, id) DO UPDATE SET version = ?3, state = ?4, generation = ?5, header = ?6, idx = ?7, body = ?8"),
		*search = prepare("INSERT OR IGNORE INTO search (tbl, id, idx, token) VALUES (?1, ?2, ?3, ?4)");
	uint64_t begun = bench_now_ns(), now = begun, syncs_before = syncs;
	for (; now - begun < window; now = bench_now_ns(), commits++) {
		run(begin);
		for (uint64_t i = 0; i < group; i++) create(insert, search, &object, &audit, &request);
		put(replace, search, &root);
		run(commit);
	}
	bench_must(syncs - syncs_before >= commits, "a sync with each commit");
	uint64_t created = commits * group;
	printf("{\"part\":\"d\",\"side\":\"sqlite\",\"connections\":%u,\"rate\":%.1f,\"created\":%llu,\"bytes\":[%d,%d,%d,%d],\"tokens\":%d}\n",
		(unsigned)group, (double)created * 1e9 / (double)(now - begun), (unsigned long long)created, object.header_len + object.index_len + object.body_len,
		audit.header_len + audit.body_len, request.header_len + request.body_len, root.body_len, object.tokens);
	return 0;
}
