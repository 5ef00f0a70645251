/* Rows out of the input. */
#include "fuzz/rows.h"

#include <string.h>

#include "keyring/record.h"

struct view rows_rest(struct rows *r)
{
	struct view v = { NULL, 0 };
	REQUIRE(reader_view(&r->in, reader_left(&r->in), &v) == ERR_OK);
	return v;
}

static struct view take_view(struct rows *r)
{
	struct view v = { NULL, 0 };
	uint16_t len = 0;
	if (reader_left(&r->in) >= 2) REQUIRE(reader_u16(&r->in, &len) == ERR_OK);
	if (len > reader_left(&r->in)) len = (uint16_t)reader_left(&r->in);
	REQUIRE(reader_view(&r->in, len, &v) == ERR_OK);
	return v;
}

static uint32_t take_u32(struct rows *r)
{
	uint32_t v = 0;
	if (reader_left(&r->in) >= 4) REQUIRE(reader_u32(&r->in, &v) == ERR_OK);
	return v;
}

bool rows_more(const struct rows *r)
{
	return reader_left(&r->in) >= 20; /* the fields of a row that is empty */
}

void rows_take(struct rows *r, struct store_row *out)
{
	*out = (struct store_row){ .version = take_u32(r), .state = take_u32(r), .generation = take_u32(r) };
	struct view id = take_view(r);
	out->id_len = id.len < STORE_ID_MAX ? id.len : STORE_ID_MAX;
	if (out->id_len) memcpy(out->id, id.ptr, out->id_len);
	out->header = take_view(r);
	out->index = take_view(r);
	out->body = take_view(r);
}

bool rows_put(struct rows *r, enum store_table table, const struct store_row *row)
{
	if (row->id_len < 1) return false;
	enum coffer_err err = store_put(r->store, table, row, true);
	REQUIRE(err == ERR_OK || err == ERR_FIELD || err == ERR_TOO_LARGE);
	return err == ERR_OK;
}

bool rows_put_sealed(struct rows *r, enum store_table table, struct store_row *row)
{
	AUTO_BUF struct buf body = BUF_EMPTY;
	if (record_seal(r->ring, table, row->body, row, &body) != ERR_OK) return false;
	return rows_put(r, table, row);
}

bool rows_is_fault(enum coffer_err err)
{
	return err == ERR_CORRUPT || err == ERR_VERSION;
}

bool rows_is_refusal(enum coffer_err err)
{
	return rows_is_fault(err) || err == ERR_TRUNCATED || err == ERR_INPUT || err == ERR_TOO_LARGE || err == ERR_NOT_FOUND;
}
