/* Walks a message with cursors and writes it again with the encoder, without recursion. For tests and fuzz targets. */
#ifndef COFFER_TESTS_UNIT_TTLV_REENCODE_H
#define COFFER_TESTS_UNIT_TTLV_REENCODE_H

#include "ttlv/ttlv.h"

/* One item that is no structure, through its typed getter and putter. */
static inline enum coffer_err reencode_value(const struct ttlv_item *item, struct writer *w)
{
	int32_t i32;
	int64_t i64;
	uint32_t u32;
	bool b;
	struct view v;
	switch (item->type) {
	case TTLV_INTEGER: TRY(ttlv_get_i32(item, &i32)); ttlv_put_i32(w, item->tag, i32); return ERR_OK;
	case TTLV_LONG_INTEGER: TRY(ttlv_get_i64(item, &i64)); ttlv_put_i64(w, item->tag, i64); return ERR_OK;
	case TTLV_BIG_INTEGER:
		TRY(ttlv_get_bigint(item, &v));
		if (v.len) ttlv_put_bigint(w, item->tag, v);
		else ttlv_put_item(w, item->tag, item); /* a number of no bytes has no form of its own */
		return ERR_OK;
	case TTLV_ENUMERATION: TRY(ttlv_get_enum(item, &u32)); ttlv_put_enum(w, item->tag, u32); return ERR_OK;
	case TTLV_BOOLEAN: TRY(ttlv_get_bool(item, &b)); ttlv_put_bool(w, item->tag, b); return ERR_OK;
	case TTLV_TEXT: TRY(ttlv_get_text(item, &v)); ttlv_put_text(w, item->tag, v); return ERR_OK;
	case TTLV_BYTES: TRY(ttlv_get_bytes(item, &v)); ttlv_put_bytes(w, item->tag, v); return ERR_OK;
	case TTLV_DATE_TIME: TRY(ttlv_get_time(item, &i64)); ttlv_put_time(w, item->tag, i64); return ERR_OK;
	case TTLV_INTERVAL: TRY(ttlv_get_interval(item, &u32)); ttlv_put_interval(w, item->tag, u32); return ERR_OK;
	default: return ERR_INPUT;
	}
}

static inline enum coffer_err reencode(struct view message, struct writer *w)
{
	struct ttlv_cursor levels[TTLV_DEPTH_MAX + 1];
	struct ttlv_mark marks[TTLV_DEPTH_MAX + 1];
	size_t depth = 0;
	levels[0] = ttlv_cursor_of(message);
	for (;;) {
		struct ttlv_item item;
		if (!ttlv_next(&levels[depth], &item)) {
			TRY(ttlv_done(&levels[depth]));
			if (depth == 0) return writer_done(w);
			ttlv_end(w, marks[depth--]);
			continue;
		}
		if (item.type != TTLV_STRUCTURE) {
			TRY(reencode_value(&item, w));
			continue;
		}
		ENSURE(depth < TTLV_DEPTH_MAX, ERR_DEPTH);
		TRY(ttlv_enter(&item, &levels[++depth]));
		marks[depth] = ttlv_begin(w, item.tag);
	}
}

#endif
