/* Frames between cofferd and coffer-stored. */
#include "store/remote_wire.h"

#include <string.h>

/* Numbers of errors on the wire: append, never renumber. What is not here goes over as ERR_STORE. */
static const enum coffer_err errs[] = {
	ERR_OK, ERR_NOT_FOUND, ERR_EXISTS, ERR_BUSY, ERR_CLOSED, ERR_TIMEOUT, ERR_FULL, ERR_IO, ERR_MEMORY, ERR_CORRUPT, ERR_STORE, ERR_SCHEMA,
	ERR_UNKNOWN_OUTCOME, ERR_USAGE, ERR_LIMIT, ERR_DENIED, ERR_UNSUPPORTED, ERR_FIELD, ERR_TOO_LARGE,
};
#define ERRS (sizeof errs / sizeof errs[0])
#define INDEX_LEN_MAX (2u + STORE_INDEX_MAX * STORE_INDEX_ENTRY_LEN)

static uint8_t number_of(enum coffer_err err)
{
	for (size_t i = 0; i < ERRS; i++)
		if (errs[i] == err) return (uint8_t)i;
	return number_of(ERR_STORE);
}

/* What belongs to an op. */
enum { HAS_TABLE = 1, HAS_LIMIT = 2, HAS_ID = 4, MAY_ID = 8, HAS_PLACE = 16, IS_PAGE = 32, IS_WRITE = 64 };
#define READS (REMOTE_BEGIN | REMOTE_READING)

static const struct { unsigned has, flags; } shapes[REMOTE_OP_END] = {
	[REMOTE_OPEN] = { 0, 0 },
	[REMOTE_GET] = { HAS_TABLE | HAS_ID, READS },
	[REMOTE_PUT] = { HAS_TABLE | IS_WRITE, REMOTE_BEGIN | REMOTE_QUIET | REMOTE_REPLACE },
	[REMOTE_ERASE] = { HAS_TABLE | HAS_ID | IS_WRITE, REMOTE_BEGIN },
	[REMOTE_SCAN] = { HAS_TABLE | HAS_LIMIT | MAY_ID | IS_PAGE, READS | REMOTE_BACKWARDS },
	[REMOTE_COUNT] = { HAS_TABLE, READS },
	[REMOTE_FIND] = { HAS_TABLE | HAS_LIMIT | MAY_ID | IS_PAGE, READS },
	[REMOTE_SURVEY] = { HAS_TABLE | HAS_LIMIT | HAS_PLACE | IS_PAGE, READS },
	[REMOTE_SAME] = { HAS_TABLE | HAS_ID, READS },
	[REMOTE_ORPHANS] = { HAS_TABLE | HAS_LIMIT | HAS_PLACE | IS_PAGE, READS },
	[REMOTE_STRAYS] = { 0, READS },
	[REMOTE_SAVEPOINT] = { 0, REMOTE_BEGIN | REMOTE_QUIET },
	[REMOTE_RELEASE] = { 0, REMOTE_QUIET | REMOTE_KEEP },
	[REMOTE_COMMIT] = { 0, 0 },
	[REMOTE_ROLLBACK] = { 0, REMOTE_QUIET },
	[REMOTE_HOLD] = { HAS_TABLE | HAS_ID, REMOTE_BEGIN },
	[REMOTE_NEWS] = { 0, 0 },
};

bool remote_is_page(enum remote_op op)
{
	return (shapes[op].has & IS_PAGE) != 0;
}

/* ---- rows ---- */

static void put_id(struct writer *w, struct view id)
{
	writer_u8(w, (uint8_t)id.len);
	writer_bytes(w, id);
}

static enum coffer_err take_id(struct reader *r, size_t min, size_t max, struct view *out)
{
	uint8_t len;
	TRY(reader_u8(r, &len));
	ENSURE(len >= min && len <= max, ERR_INPUT);
	return reader_view(r, len, out);
}

void remote_put_id(struct writer *w, struct view id)
{
	put_id(w, id);
}

enum coffer_err remote_take_id(struct reader *r, struct view *out)
{
	return take_id(r, 1, STORE_ID_MAX, out);
}

/* Only the id of a row that is not whole means anything; it may be empty. */
void remote_put_row(struct writer *w, const struct store_row *row, bool is_whole)
{
	writer_u8(w, is_whole);
	put_id(w, view_of(row->id, row->id_len));
	if (!is_whole) return;
	writer_u32(w, row->version);
	writer_u32(w, row->state);
	writer_u32(w, row->generation);
	writer_view_u32(w, row->header);
	writer_view_u32(w, row->index);
	writer_view_u32(w, row->body);
}

static enum coffer_err take_columns(struct reader *r, struct store_row *row)
{
	TRY(reader_u32(r, &row->version));
	TRY(reader_u32(r, &row->state));
	TRY(reader_u32(r, &row->generation));
	TRY(reader_view_u32(r, STORE_HEADER_MAX, &row->header));
	TRY(reader_view_u32(r, INDEX_LEN_MAX, &row->index));
	TRY(reader_view_u32(r, STORE_BODY_MAX, &row->body));
	ENSURE(store_index_is_valid(row->index), ERR_INPUT);
	return ERR_OK;
}

enum coffer_err remote_take_row(struct reader *r, struct store_row *out, bool *out_whole)
{
	struct store_row row = { .id_len = 0 };
	struct view id;
	uint8_t whole;
	TRY(reader_u8(r, &whole));
	ENSURE(whole <= 1, ERR_INPUT);
	TRY(take_id(r, whole, STORE_ID_MAX, &id));
	if (id.len) memcpy(row.id, id.ptr, id.len);
	row.id_len = id.len;
	if (whole) TRY(take_columns(r, &row));
	*out = row;
	*out_whole = whole;
	return ERR_OK;
}

static enum coffer_err take_whole_row(struct reader *r, struct store_row *out)
{
	bool whole;
	TRY(remote_take_row(r, out, &whole));
	return whole ? ERR_OK : ERR_INPUT;
}

/* ---- requests ---- */

size_t remote_request_size(const struct remote_request *q)
{
	return 128 + STORE_ID_MAX + q->token.len + q->row.header.len + q->row.index.len + q->row.body.len + q->open.conninfo.len + q->open.schema.len +
		q->open.passfile.len;
}

static void put_open(struct writer *w, const struct remote_request *q)
{
	writer_u16(w, REMOTE_PROTOCOL);
	writer_u64(w, q->open.writer);
	writer_u32(w, q->open.connect_ms);
	writer_u32(w, q->open.statement_ms);
	writer_u64(w, q->open.system);
	writer_u32(w, q->open.timeline);
	writer_view_u16(w, q->open.conninfo);
	writer_view_u16(w, q->open.schema);
	writer_view_u16(w, q->open.passfile);
}

void remote_encode_request(const struct remote_request *q, struct writer *w)
{
	unsigned has = shapes[q->op].has;
	writer_u8(w, (uint8_t)q->op);
	writer_u8(w, (uint8_t)q->flags);
	if (has & HAS_TABLE) writer_u8(w, (uint8_t)q->table);
	if (has & HAS_LIMIT) writer_u32(w, q->limit);
	if (has & (HAS_ID | MAY_ID | HAS_PLACE)) put_id(w, q->id);
	if (q->op == REMOTE_FIND) writer_u8(w, q->index);
	if (q->op == REMOTE_FIND) writer_bytes(w, q->token);
	if (q->op == REMOTE_SAME) writer_view_u32(w, q->token);
	if (q->op == REMOTE_PUT) remote_put_row(w, &q->row, true);
	if (q->op == REMOTE_OPEN) put_open(w, q);
}

/* Texts for libpq: without a byte that would end them early. */
static enum coffer_err take_text(struct reader *r, size_t min, size_t max, struct view *out)
{
	TRY(reader_view_u16(r, max, out));
	ENSURE(out->len >= min, ERR_INPUT);
	ENSURE(!out->len || !memchr(out->ptr, 0, out->len), ERR_INPUT);
	return ERR_OK;
}

static enum coffer_err take_open(struct reader *r, struct remote_request *q)
{
	uint16_t protocol;
	TRY(reader_u16(r, &protocol));
	ENSURE(protocol == REMOTE_PROTOCOL, ERR_INPUT);
	TRY(reader_u64(r, &q->open.writer));
	TRY(reader_u32(r, &q->open.connect_ms));
	TRY(reader_u32(r, &q->open.statement_ms));
	TRY(reader_u64(r, &q->open.system));
	TRY(reader_u32(r, &q->open.timeline));
	TRY(take_text(r, 0, REMOTE_CONNINFO_MAX, &q->open.conninfo));
	TRY(take_text(r, 1, REMOTE_NAME_MAX, &q->open.schema));
	return take_text(r, 0, REMOTE_PATH_MAX, &q->open.passfile);
}

static enum coffer_err take_request_id(struct reader *r, unsigned has, struct view *out)
{
	size_t min = has & HAS_ID ? 1 : 0;
	return take_id(r, min, has & HAS_PLACE ? STORE_ID_MAX + 1 : STORE_ID_MAX, out);
}

static enum coffer_err take_fields(struct reader *r, struct remote_request *q)
{
	unsigned has = shapes[q->op].has;
	uint8_t table = 0;
	if (has & HAS_TABLE) TRY(reader_u8(r, &table));
	if (has & HAS_TABLE) ENSURE(store_is_table((enum store_table)table), ERR_INPUT);
	q->table = (enum store_table)table;
	if (has & HAS_LIMIT) TRY(reader_u32(r, &q->limit));
	if (has & HAS_LIMIT) ENSURE(q->limit >= 1, ERR_INPUT);
	if (has & (HAS_ID | MAY_ID | HAS_PLACE)) TRY(take_request_id(r, has, &q->id));
	switch (q->op) {
	case REMOTE_FIND:
		TRY(reader_u8(r, &q->index));
		return reader_view(r, STORE_TOKEN_LEN, &q->token);
	case REMOTE_SAME:
		TRY(reader_view_u32(r, INDEX_LEN_MAX, &q->token));
		return store_index_is_valid(q->token) ? ERR_OK : ERR_INPUT;
	case REMOTE_PUT:
		return take_whole_row(r, &q->row);
	case REMOTE_OPEN:
		return take_open(r, q);
	default:
		return ERR_OK;
	}
}

enum coffer_err remote_decode_request(struct view frame, struct remote_request *out)
{
	struct remote_request q = { .flags = 0 };
	struct reader r;
	uint8_t op, flags;
	reader_init(&r, frame);
	ENSURE(reader_u8(&r, &op) == ERR_OK && reader_u8(&r, &flags) == ERR_OK, ERR_INPUT);
	ENSURE(op >= REMOTE_OPEN && op < REMOTE_OP_END && !(flags & ~shapes[op].flags), ERR_INPUT);
	ENSURE((flags & READS) != REMOTE_READING, ERR_INPUT);
	/* What may fail for a reason of its own is always answered. */
	ENSURE(op != REMOTE_PUT || !(flags & REMOTE_QUIET) || (flags & REMOTE_REPLACE), ERR_INPUT);
	q.op = (enum remote_op)op;
	q.flags = flags;
	ENSURE(take_fields(&r, &q) == ERR_OK && reader_end(&r) == ERR_OK, ERR_INPUT);
	*out = q;
	return ERR_OK;
}

/* ---- answers ---- */

static void put_payload(const struct remote_answer *a, struct writer *w)
{
	switch (a->op) {
	case REMOTE_GET:
	case REMOTE_HOLD:
		remote_put_row(w, &a->row, true);
		return;
	case REMOTE_COUNT:
	case REMOTE_STRAYS:
		writer_u64(w, a->number);
		return;
	case REMOTE_SAME:
	case REMOTE_NEWS:
		writer_u8(w, a->same);
		return;
	case REMOTE_OPEN:
		writer_u32(w, a->open.version);
		writer_u64(w, a->open.system);
		writer_u32(w, a->open.timeline);
		writer_view_u16(w, a->open.server);
		return;
	default:
		return;
	}
}

void remote_encode_answer(const struct remote_answer *a, struct writer *w)
{
	writer_u8(w, (uint8_t)a->op);
	writer_u8(w, number_of(a->err));
	if (a->err) writer_view_u16(w, a->text);
	if (remote_is_page(a->op)) {
		writer_u8(w, a->more);
		if (shapes[a->op].has & HAS_PLACE) put_id(w, a->place);
		writer_u16(w, (uint16_t)a->count);
		writer_bytes(w, a->items);
	} else if (!a->err) {
		put_payload(a, w);
	}
}

/* Looks through all of them, so that who uses the page needs to expect nothing. */
static enum coffer_err check_items(struct remote_answer *a)
{
	struct reader r;
	struct store_row row;
	struct view id;
	bool whole;
	reader_init(&r, a->items);
	for (uint32_t i = 0; i < a->count; i++) {
		if (a->op == REMOTE_FIND) TRY(remote_take_id(&r, &id));
		else if (a->op == REMOTE_SCAN) TRY(take_whole_row(&r, &row));
		else TRY(remote_take_row(&r, &row, &whole));
	}
	return reader_end(&r);
}

static enum coffer_err take_page(struct reader *r, struct remote_answer *a)
{
	uint8_t more;
	uint16_t count;
	TRY(reader_u8(r, &more));
	ENSURE(more <= 1 && !(more && a->err), ERR_INPUT);
	if (shapes[a->op].has & HAS_PLACE) TRY(take_id(r, 0, STORE_ID_MAX + 1, &a->place));
	TRY(reader_u16(r, &count));
	ENSURE(count <= (a->op == REMOTE_FIND ? REMOTE_PAGE_IDS : REMOTE_PAGE_ROWS) && (count || !more), ERR_INPUT);
	a->more = more;
	a->count = count;
	TRY(reader_view(r, reader_left(r), &a->items));
	return check_items(a);
}

static enum coffer_err take_payload(struct reader *r, struct remote_answer *a)
{
	uint8_t same;
	switch (a->op) {
	case REMOTE_GET:
	case REMOTE_HOLD:
		return take_whole_row(r, &a->row);
	case REMOTE_COUNT:
	case REMOTE_STRAYS:
		return reader_u64(r, &a->number);
	case REMOTE_SAME:
	case REMOTE_NEWS:
		TRY(reader_u8(r, &same));
		a->same = same;
		return same <= 1 ? ERR_OK : ERR_INPUT;
	case REMOTE_OPEN:
		TRY(reader_u32(r, &a->open.version));
		TRY(reader_u64(r, &a->open.system));
		TRY(reader_u32(r, &a->open.timeline));
		return take_text(r, 0, REMOTE_NAME_MAX, &a->open.server);
	default:
		return ERR_OK;
	}
}

enum coffer_err remote_decode_answer(struct view frame, enum remote_op op, struct remote_answer *out)
{
	struct remote_answer a = { .op = op };
	struct reader r;
	uint8_t said, err;
	reader_init(&r, frame);
	ENSURE(reader_u8(&r, &said) == ERR_OK && said == op && reader_u8(&r, &err) == ERR_OK && err < ERRS, ERR_INPUT);
	a.err = errs[err];
	if (a.err) ENSURE(take_text(&r, 0, REMOTE_TEXT_MAX, &a.text) == ERR_OK, ERR_INPUT);
	if (remote_is_page(op)) ENSURE(take_page(&r, &a) == ERR_OK, ERR_INPUT);
	else if (!a.err) ENSURE(take_payload(&r, &a) == ERR_OK, ERR_INPUT);
	ENSURE(reader_end(&r) == ERR_OK, ERR_INPUT);
	*out = a;
	return ERR_OK;
}
