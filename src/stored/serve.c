/* Requests in, answers out. The order of calls is checked here, because the store's front aborts on a wrong one. */
#include "stored/serve.h"

#include <stdlib.h>
#include <string.h>

#include "base/fdio.h"
#include "store/remote_bytes.h"

struct serving {
	int fd;
	const struct stored_opener *opener;
	struct store *store;       /* NULL: not opened yet */
	bool in_transaction;       /* the other end thinks so; the store may have refused to begin */
	bool reading;              /* and it reads alone */
	bool in_savepoint;
	enum coffer_err failed;    /* in this transaction: every call returns it */
	struct reason why;
	struct remote_bytes in, items, out;
	struct stored_server server;
};

/* ---- pages ---- */

struct page {
	struct writer w;
	uint32_t count;
	bool full;
};

/* Told apart from every error of a store. */
#define PAGE_FULL ERR_EXISTS

static enum coffer_err add(struct page *p)
{
	p->count++;
	p->full = writer_len(&p->w) >= REMOTE_PAGE_BYTES;
	TRY(writer_done(&p->w));
	return p->full ? PAGE_FULL : ERR_OK;
}

static enum coffer_err add_row(void *arg, const struct store_row *row)
{
	struct page *p = arg;
	remote_put_row(&p->w, row, true);
	return add(p);
}

static enum coffer_err add_surveyed(void *arg, const struct store_row *row, bool is_whole)
{
	struct page *p = arg;
	remote_put_row(&p->w, row, is_whole);
	return add(p);
}

static enum coffer_err add_id(void *arg, struct view id)
{
	struct page *p = arg;
	remote_put_id(&p->w, id);
	return add(p);
}

static enum coffer_err walk(struct serving *v, const struct remote_request *q, uint32_t limit, struct store_place *place, struct page *p)
{
	switch (q->op) {
	case REMOTE_SCAN:
		return store_scan(v->store, q->table, q->id, (q->flags & REMOTE_BACKWARDS) != 0, limit, add_row, p);
	case REMOTE_FIND:
		return store_index_find(v->store, q->table, q->index, q->token, q->id, limit, add_id, p);
	case REMOTE_SURVEY:
		return store_survey(v->store, q->table, place, limit, add_surveyed, p);
	default:
		return store_index_orphans(v->store, q->table, place, limit, add_surveyed, p);
	}
}

static enum coffer_err answer_page(struct serving *v, const struct remote_request *q, struct store_place *place, struct remote_answer *a)
{
	struct page p = { .count = 0 };
	uint32_t most = q->op == REMOTE_FIND ? REMOTE_PAGE_IDS : REMOTE_PAGE_ROWS, limit = q->limit < most ? q->limit : most;
	size_t max = REMOTE_PAGE_BYTES + REMOTE_ROW_MAX;
	ENSURE(remote_bytes_room(&v->items, max), ERR_MEMORY);
	writer_init(&p.w, v->items.ptr, max);
	if (q->id.len) memcpy(place->at, q->id.ptr, q->id.len);
	place->len = q->id.len;
	enum coffer_err err = walk(v, q, limit, place, &p);
	if (err == PAGE_FULL && p.full) err = ERR_OK;
	a->items = writer_view(&p.w);
	a->count = p.count;
	a->more = !err && (p.full || p.count == limit);
	a->place = view_of(place->at, place->len);
	return err;
}

/* ---- everything else ---- */

/* A failure, so that what follows in the transaction is not tried. One about a row alone is none. */
static enum coffer_err keep(struct serving *v, enum coffer_err err)
{
	bool of_row = err == ERR_NOT_FOUND || err == ERR_EXISTS || err == ERR_CORRUPT || err == ERR_FIELD || err == ERR_TOO_LARGE;
	if (v->in_transaction && err && !of_row) v->failed = err;
	return err;
}

static void begin(struct serving *v, bool reading)
{
	v->in_transaction = true;
	v->reading = reading;
	v->why.text[0] = '\0';
	v->failed = reading ? store_begin_reading(v->store, &v->why) : store_begin(v->store, &v->why);
}

static enum coffer_err commit(struct serving *v)
{
	enum coffer_err err = v->failed;
	if (err) store_rollback(v->store);
	else err = store_commit(v->store, &v->why);
	v->in_transaction = v->in_savepoint = false;
	v->failed = ERR_OK;
	return err;
}

static enum coffer_err savepoint(struct serving *v)
{
	enum coffer_err err = store_savepoint(v->store);
	v->in_savepoint = err == ERR_OK;
	return err;
}

static enum coffer_err release(struct serving *v, bool keep_it)
{
	store_release(v->store, keep_it);
	v->in_savepoint = false;
	return ERR_OK;
}

static enum coffer_err run(struct serving *v, const struct remote_request *q, struct store_place *place, struct remote_answer *a)
{
	switch (q->op) {
	case REMOTE_GET:
		return store_get(v->store, q->table, q->id, &a->row);
	case REMOTE_HOLD:
		return store_hold(v->store, q->table, q->id, &a->row);
	case REMOTE_PUT:
		return store_put(v->store, q->table, &q->row, (q->flags & REMOTE_REPLACE) != 0);
	case REMOTE_ERASE:
		return store_erase(v->store, q->table, q->id);
	case REMOTE_COUNT:
		return store_count(v->store, q->table, &a->number);
	case REMOTE_SAME:
		return store_index_same(v->store, q->table, q->id, q->token, &a->same);
	case REMOTE_STRAYS:
		return store_strays(v->store, &a->number);
	case REMOTE_NEWS:
		return store_take_news(v->store, &a->same);
	case REMOTE_SAVEPOINT:
		return savepoint(v);
	case REMOTE_RELEASE:
		return release(v, (q->flags & REMOTE_KEEP) != 0);
	default:
		return answer_page(v, q, place, a);
	}
}

/* Whether the call may come now. */
static bool is_in_order(const struct serving *v, const struct remote_request *q)
{
	bool begins = (q->flags & REMOTE_BEGIN) != 0, inside = v->in_transaction || begins, writes = inside && (begins || !v->reading);
	if ((q->op == REMOTE_OPEN) != !v->store || (begins && v->in_transaction)) return false;
	switch (q->op) {
	case REMOTE_NEWS:
		return !inside;
	case REMOTE_ROLLBACK:
		return inside;
	case REMOTE_PUT:
	case REMOTE_ERASE:
	case REMOTE_HOLD:
		return writes;
	case REMOTE_COMMIT:
		return writes && (!v->in_savepoint || v->failed);
	case REMOTE_SAVEPOINT:
		return writes && !v->in_savepoint;
	case REMOTE_RELEASE:
		return inside && (v->in_savepoint || v->failed);
	default:
		return true;
	}
}

static enum coffer_err open_store(struct serving *v, const struct remote_request *q, struct remote_answer *a)
{
	enum coffer_err err = v->opener->open(v->opener->arg, q, &v->store, &v->server, &v->why);
	a->open.version = v->server.version;
	a->open.system = v->server.system;
	a->open.timeline = v->server.timeline;
	a->open.server = view_str(v->server.name);
	return err;
}

static enum coffer_err act(struct serving *v, const struct remote_request *q, struct store_place *place, struct remote_answer *a)
{
	if (q->op == REMOTE_OPEN) return open_store(v, q, a);
	if (q->flags & REMOTE_BEGIN) begin(v, (q->flags & REMOTE_READING) != 0);
	if (q->op == REMOTE_ROLLBACK) {
		store_rollback(v->store);
		v->in_transaction = v->in_savepoint = false;
		v->failed = ERR_OK;
		return ERR_OK;
	}
	if (q->op == REMOTE_COMMIT) return commit(v);
	TRY(v->failed);
	return keep(v, run(v, q, place, a));
}

static enum coffer_err send_answer(struct serving *v, struct remote_answer *a)
{
	size_t len = strnlen(v->why.text, REMOTE_TEXT_MAX);
	size_t max = REMOTE_LEN_BYTES + REMOTE_TEXT_MAX + REMOTE_NAME_MAX + 512 + a->items.len + a->row.header.len + a->row.index.len + a->row.body.len;
	struct writer w;
	if (a->err) a->text = view_of(v->why.text, len);
	ENSURE(remote_bytes_room(&v->out, max), ERR_MEMORY);
	writer_init(&w, v->out.ptr, v->out.cap);
	struct writer_mark mark = writer_reserve_u32(&w);
	remote_encode_answer(a, &w);
	writer_fill_len(&w, mark);
	TRY(writer_done(&w));
	return fdio_write_exact(v->fd, v->out.ptr, writer_len(&w), FDIO_NO_DEADLINE);
}

/* ERR_CLOSED: the end. */
static enum coffer_err receive(struct serving *v, struct remote_request *out)
{
	uint8_t head[REMOTE_LEN_BYTES];
	struct reader r;
	uint32_t len;
	TRY(fdio_read_exact(v->fd, head, sizeof head, FDIO_NO_DEADLINE));
	reader_init(&r, view_of(head, sizeof head));
	TRY(reader_u32(&r, &len));
	ENSURE(len <= REMOTE_FRAME_MAX, ERR_INPUT);
	remote_bytes_shrink(&v->in);
	ENSURE(remote_bytes_room(&v->in, len ? len : 1), ERR_MEMORY);
	enum coffer_err err = fdio_read_exact(v->fd, v->in.ptr, len, FDIO_NO_DEADLINE);
	TRY(err == ERR_TRUNCATED ? ERR_CLOSED : err);
	return remote_decode_request(view_of(v->in.ptr, len), out);
}

static enum coffer_err step(struct serving *v)
{
	struct remote_request q = { .flags = 0 };
	struct store_place place = { .len = 0 };
	TRY(receive(v, &q));
	struct remote_answer a = { .op = q.op };
	ENSURE(is_in_order(v, &q), ERR_INPUT);
	if (!v->failed) v->why.text[0] = '\0';
	a.err = act(v, &q, &place, &a);
	if (q.flags & REMOTE_QUIET) return ERR_OK;
	enum coffer_err err = send_answer(v, &a);
	remote_bytes_shrink(&v->items);
	remote_bytes_shrink(&v->out);
	return err;
}

enum coffer_err stored_serve(int fd, const struct stored_opener *opener)
{
	struct serving v = { .fd = fd, .opener = opener };
	enum coffer_err err;
	do err = step(&v);
	while (err == ERR_OK);
	store_close(v.store);
	free(v.in.ptr);
	free(v.items.ptr);
	free(v.out.ptr);
	return err == ERR_CLOSED || err == ERR_TRUNCATED ? ERR_OK : err;
}
