/* Rows, their sum, and the record that says so. */
#include "keyring/cache.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/reader.h"
#include "base/writer.h"
#include "keyring/domain_record.h"
#include "keyring/record.h"
#include "keyring/root.h"

#define RECORD_ID "cache-" /* of its record in STORE_DOMAIN; the node id in 32 hex digits stands behind it */
#define RECORD_SCHEMA 1u
#define RECORD_VERSION 1u  /* always: the write count would be used up */
#define BODY_LEN (8u + 8u + 8u + 1u + 8u + ROOT_SUM_LEN)
#define ROW_COST 64u       /* beside its columns */

/* What the record says. */
struct level {
	uint64_t version, as_of_ms, bytes;
	bool whole;
	struct root_sum sum;
};

struct cache {
	char *path;
	struct store *store; /* NULL: it could not be opened again */
	uint64_t limit, max_rows;
	struct ring *ring;   /* borrowed; NULL: not attached */
	struct root_mark *mark;
	struct level durable, now;
	uint8_t hand[UUID_LEN]; /* the object that left last */
	bool dropped;           /* rows left since the last scrub; of a file that was there that is not known */
};

static const uint8_t record_header[] = { RECORD_SCHEMA }, no_entries[] = { 0, 0 };

static enum coffer_err remove_file(const char *path, const char *suffix)
{
	char name[4200];
	snprintf(name, sizeof name, "%s%s", path, suffix);
	return unlink(name) == 0 || errno == ENOENT ? ERR_OK : ERR_IO;
}

enum coffer_err cache_remove_files(const char *path)
{
	enum coffer_err wal = remove_file(path, "-wal"), shm = remove_file(path, "-shm"), file = remove_file(path, "");
	return file ? file : wal ? wal : shm;
}

enum coffer_err cache_open(const char *path, uint64_t limit, uint64_t max_rows, struct cache **out, struct reason *reason)
{
	struct cache *c = calloc(1, sizeof *c);
	enum coffer_err err = c ? ERR_OK : ERR_MEMORY;
	if (!err) c->path = strdup(path);
	if (!err && !c->path) err = ERR_MEMORY;
	if (!err) err = store_open_sqlite(path, &c->store, reason);
	if (err == ERR_CORRUPT) {
		log_warn("the cache is damaged and begun anew: %s", reason_text(reason, err));
		err = cache_remove_files(path);
		if (reason) reason->text[0] = '\0';
		if (!err) err = store_open_sqlite(path, &c->store, reason);
	}
	if (err) {
		cache_close(c);
		return err;
	}
	c->limit = limit;
	c->max_rows = max_rows;
	c->dropped = true;
	*out = c;
	return ERR_OK;
}

void cache_close(struct cache *c)
{
	if (!c) return;
	store_close(c->store);
	free(c->path);
	free(c);
}

struct store *cache_rows(struct cache *c)
{
	return c->store;
}

uint64_t cache_cost(const struct store_row *row)
{
	return row->id_len + row->header.len + row->index.len + row->body.len + ROW_COST;
}

/* ---- its record ---- */

static void record_row(struct ring *ring, struct store_row *row)
{
	*row = (struct store_row){ .version = RECORD_VERSION, .header = view_of(record_header, sizeof record_header), .index = view_of(no_entries, sizeof no_entries) };
	domain_record_node_id(RECORD_ID, ring_domain(ring), row);
}

static enum coffer_err read_level(struct view plain, struct level *out)
{
	struct reader r;
	uint8_t whole;
	reader_init(&r, plain);
	TRY(reader_u64(&r, &out->version));
	TRY(reader_u64(&r, &out->as_of_ms));
	TRY(reader_u64(&r, &out->bytes));
	TRY(reader_u8(&r, &whole));
	TRY(reader_u64(&r, &out->sum.count));
	TRY(reader_bytes(&r, out->sum.sum, ROOT_SUM_LEN));
	TRY(reader_end(&r));
	ENSURE(whole <= 1 && out->version != 0, ERR_CORRUPT);
	out->whole = whole;
	return ERR_OK;
}

static enum coffer_err read_record(struct cache *c, struct ring *ring, struct level *out)
{
	AUTO_BUF struct buf plain = BUF_EMPTY;
	struct store_row row, found;
	record_row(ring, &row);
	TRY(store_get(c->store, STORE_DOMAIN, view_of(row.id, row.id_len), &found));
	ENSURE(found.version == RECORD_VERSION && found.state == 0 && view_equal(found.header, row.header), ERR_CORRUPT);
	TRY(record_open(ring, STORE_DOMAIN, &found, &plain));
	return read_level(buf_view(&plain), out) == ERR_OK ? ERR_OK : ERR_CORRUPT;
}

static enum coffer_err write_record(struct cache *c)
{
	uint8_t bytes[BODY_LEN];
	AUTO_BUF struct buf body = BUF_EMPTY;
	struct store_row row;
	struct writer w;
	const struct level *now = &c->now;
	writer_init(&w, bytes, sizeof bytes);
	writer_u64(&w, now->version);
	writer_u64(&w, now->as_of_ms);
	writer_u64(&w, now->bytes);
	writer_u8(&w, now->whole);
	writer_u64(&w, now->sum.count);
	writer_bytes(&w, view_of(now->sum.sum, ROOT_SUM_LEN));
	TRY(writer_done(&w));
	record_row(c->ring, &row);
	TRY(record_seal(c->ring, STORE_DOMAIN, writer_view(&w), &row, &body));
	return store_put(c->store, STORE_DOMAIN, &row, true);
}

/* ---- as it is found ---- */

struct summing {
	struct ring *ring;
	enum store_table table;
	struct store_row record; /* which does not count */
	struct level sum;
};

static enum coffer_err add_row(void *arg, const struct store_row *row)
{
	struct summing *s = arg;
	uint8_t entry[ROOT_SUM_LEN];
	if (s->table == STORE_DOMAIN && view_equal(view_of(row->id, row->id_len), view_of(s->record.id, s->record.id_len))) return ERR_OK;
	TRY(root_entry(s->ring, row->generation, s->table, row, entry));
	root_sum_add(&s->sum.sum, entry);
	s->sum.bytes += cache_cost(row);
	return ERR_OK;
}

/* ERR_NOT_FOUND: a row under a data key that the ring has not got any more. */
static enum coffer_err sum_rows(struct cache *c, struct ring *ring, struct level *out)
{
	struct summing s = { .ring = ring, .sum = { .version = 0 } };
	record_row(ring, &s.record);
	for (unsigned t = STORE_OBJECT; t < STORE_TABLE_END; t++) {
		s.table = (enum store_table)t;
		TRY(store_scan(c->store, s.table, view_of(NULL, 0), false, SIZE_MAX, add_row, &s));
	}
	*out = s.sum;
	return ERR_OK;
}

struct marked {
	const uint8_t *node_id;
	uint64_t version;
};

static enum coffer_err take_own(void *arg, const uint8_t node_id[static UUID_LEN], uint64_t version)
{
	struct marked *m = arg;
	if (memcmp(node_id, m->node_id, UUID_LEN) == 0) m->version = version;
	return ERR_OK;
}

/* The place of a node's own id is its cache's. 0: there is none, or it is not of this ring. */
static enum coffer_err read_mark(struct root_mark *mark, struct ring *ring, uint64_t *out)
{
	struct marked m = { .node_id = ring_domain(ring)->node_id };
	TRY(root_seen_load(mark, ring, take_own, &m));
	*out = m.version;
	return ERR_OK;
}

static enum coffer_err refuse(struct reason *reason, const char *what)
{
	return reason_fail(reason, ERR_CORRUPT, "this node's cache is not used: %s; it is made anew when the database is there", what);
}

enum coffer_err cache_attach(struct cache *c, struct ring *ring, struct root_mark *mark, struct reason *reason)
{
	struct level said, found;
	uint64_t marked;
	ENSURE(c->store, ERR_IO);
	TRY(read_mark(mark, ring, &marked));
	enum coffer_err err = sum_rows(c, ring, &found);
	if (err == ERR_NOT_FOUND) return refuse(reason, "it has rows under a data key that is not this node's any more");
	TRY(err);
	err = read_record(c, ring, &said);
	if (err == ERR_NOT_FOUND && found.sum.count == 0 && marked == 0) return err;
	if (err == ERR_NOT_FOUND) return refuse(reason, "it is empty or another node's, and this node wrote one");
	if (err == ERR_CORRUPT) return refuse(reason, "its record does not open, the file was edited or damaged");
	TRY(err);
	if (marked == 0) return refuse(reason, "node.root does not say how new it must be");
	if (said.version < marked) return refuse(reason, "it is older than this node knows, an older copy was put back");
	if (!root_sum_equal(&said.sum, &found.sum) || said.bytes != found.bytes) return refuse(reason, "rows of it are missing, older or not of this node, the file was edited or damaged");
	c->ring = ring;
	c->mark = mark;
	c->durable = c->now = said;
	return ERR_OK;
}

void cache_detach(struct cache *c)
{
	c->ring = NULL;
	c->mark = NULL;
}

void cache_set_ring(struct cache *c, struct ring *ring)
{
	if (c->ring) c->ring = ring;
}

enum coffer_err cache_begin_anew(struct cache *c, struct ring *ring, struct root_mark *mark, struct reason *reason)
{
	uint64_t marked = 0;
	store_close(TAKE(c->store));
	enum coffer_err err = cache_remove_files(c->path), read = read_mark(mark, ring, &marked);
	uint64_t version = marked > c->durable.version ? marked : c->durable.version;
	cache_detach(c);
	c->durable = c->now = (struct level){ .version = version };
	root_seen_write(mark, ring, ring_domain(ring)->node_id, version + 1); /* also what could not be removed is older than this */
	if (err) return reason_fail(reason, err, "the file of the cache cannot be removed: %s", strerror(errno));
	TRY(read);
	TRY(store_open_sqlite(c->path, &c->store, reason));
	c->ring = ring;
	c->mark = mark;
	TRY(cache_begin(c));
	return cache_commit(c);
}

enum coffer_err cache_remove(struct cache *c)
{
	store_close(TAKE(c->store));
	cache_detach(c);
	c->durable = c->now = (struct level){ .version = c->durable.version };
	return cache_remove_files(c->path);
}

/* ---- writing ---- */

enum coffer_err cache_begin(struct cache *c)
{
	ENSURE(c->ring, ERR_STATE);
	c->now = c->durable;
	return store_begin(c->store, NULL);
}

static enum coffer_err take_out(struct cache *c, enum store_table table, const struct store_row *row)
{
	uint8_t entry[ROOT_SUM_LEN];
	TRY(root_entry(c->ring, row->generation, table, row, entry));
	root_sum_take(&c->now.sum, entry);
	c->now.bytes -= cache_cost(row);
	return ERR_OK;
}

enum coffer_err cache_drop(struct cache *c, enum store_table table, struct view id)
{
	struct store_row row;
	enum coffer_err err = store_get(c->store, table, id, &row);
	if (err == ERR_NOT_FOUND) return ERR_OK;
	TRY(err);
	TRY(take_out(c, table, &row));
	c->dropped = true;
	return store_erase(c->store, table, id);
}

enum coffer_err cache_scrub(struct cache *c, struct reason *reason)
{
	if (!c->store || !c->dropped) return ERR_OK;
	TRY(store_scrub_deleted(c->store, reason));
	c->dropped = false;
	return ERR_OK;
}

static bool fits(const struct cache *c, uint64_t bytes)
{
	return c->now.bytes + bytes <= c->limit && c->now.sum.count < c->max_rows;
}

enum coffer_err cache_put(struct cache *c, enum store_table table, const struct store_row *row)
{
	uint8_t entry[ROOT_SUM_LEN];
	ENSURE(row->generation != 0, ERR_FIELD); /* its entry would change with the data key */
	ENSURE(fits(c, cache_cost(row)), ERR_FULL);
	TRY(root_entry(c->ring, row->generation, table, row, entry));
	TRY(cache_drop(c, table, view_of(row->id, row->id_len)));
	TRY(store_put(c->store, table, row, false));
	root_sum_add(&c->now.sum, entry);
	c->now.bytes += cache_cost(row);
	return ERR_OK;
}

static enum coffer_err copy_row(void *arg, const struct store_row *row)
{
	struct store_row *first = arg;
	memcpy(first->id, row->id, row->id_len);
	first->id_len = row->id_len;
	return ERR_EXISTS; /* enough */
}

/* The id of the first row after one; ERR_NOT_FOUND: there is none. */
static enum coffer_err next_id(struct cache *c, enum store_table table, struct view after, struct store_row *out)
{
	struct store_row found = { .id_len = 0 };
	enum coffer_err err = store_scan(c->store, table, after, false, 1, copy_row, &found);
	if (err == ERR_EXISTS) *out = found;
	return err == ERR_EXISTS ? ERR_OK : err ? err : ERR_NOT_FOUND;
}

enum coffer_err cache_drop_table(struct cache *c, enum store_table table)
{
	struct store_row record, at = { .id_len = 0 };
	enum coffer_err err;
	record_row(c->ring, &record);
	while ((err = next_id(c, table, view_of(at.id, at.id_len), &at)) == ERR_OK) {
		struct view id = view_of(at.id, at.id_len);
		if (table == STORE_DOMAIN && view_equal(id, view_of(record.id, record.id_len))) continue;
		TRY(cache_drop(c, table, id));
	}
	return err == ERR_NOT_FOUND ? ERR_OK : err;
}

void cache_set_whole(struct cache *c, bool whole)
{
	c->now.whole = whole;
}

void cache_set_as_of(struct cache *c, uint64_t as_of_ms)
{
	c->now.as_of_ms = as_of_ms;
}

enum coffer_err cache_commit(struct cache *c)
{
	c->now.version++;
	enum coffer_err err = write_record(c);
	if (err) cache_rollback(c);
	else err = store_commit(c->store, NULL);
	if (err) {
		cache_detach(c); /* what stands there now is not known: nobody reads it until it was made anew */
		return err;
	}
	c->durable = c->now;
	root_seen_write(c->mark, c->ring, ring_domain(c->ring)->node_id, c->durable.version);
	return ERR_OK;
}

void cache_rollback(struct cache *c)
{
	store_rollback(c->store);
	c->now = c->durable;
}

/* ---- what is there ---- */

enum coffer_err cache_version(struct cache *c, enum store_table table, struct view id, uint32_t *out)
{
	struct store_row row;
	*out = 0;
	ENSURE(c->store, ERR_IO);
	enum coffer_err err = store_get(c->store, table, id, &row);
	if (!err) *out = row.version;
	return err == ERR_NOT_FOUND ? ERR_OK : err;
}

bool cache_make_room(struct cache *c, uint64_t bytes, cache_keeps_fn *keeps, void *arg)
{
	struct store_row at = { .id_len = UUID_LEN };
	bool round = false;
	memcpy(at.id, c->hand, UUID_LEN);
	while (!fits(c, bytes)) {
		enum coffer_err err = next_id(c, STORE_OBJECT, view_of(at.id, at.id_len), &at);
		if (err == ERR_NOT_FOUND && !round) {
			round = true;
			at.id_len = 0;
			continue;
		}
		if (err || at.id_len != UUID_LEN || (round && memcmp(at.id, c->hand, UUID_LEN) > 0)) return false;
		if (keeps(arg, at.id)) continue;
		if (cache_drop(c, STORE_OBJECT, view_of(at.id, UUID_LEN)) != ERR_OK) return false;
		if (!round) memcpy(c->hand, at.id, UUID_LEN);
	}
	return true;
}

void cache_facts(const struct cache *c, struct cache_facts *out)
{
	*out = (struct cache_facts){ .well = c->ring != NULL, .whole = c->ring && c->durable.whole, .rows = c->durable.sum.count, .bytes = c->durable.bytes,
		.limit = c->limit, .as_of_ms = c->durable.as_of_ms };
}
