/* The mark of a move in a store. */
#include <string.h>

#include "base/reader.h"
#include "base/writer.h"
#include "store/move.h"

#define MARK_ID "mark"
#define MARK_FORMAT 1u
#define MARK_BYTES_MAX (2u + STORE_MOVE_ID_LEN + 2u * UUID_LEN + 8u + 2u + STORE_MOVE_PLACE_MAX)

static enum coffer_err parse(struct view body, struct store_move_mark *out)
{
	struct reader r;
	struct view place;
	uint8_t format, state;
	reader_init(&r, body);
	TRY(reader_u8(&r, &format));
	TRY(reader_u8(&r, &state));
	ENSURE(format == MARK_FORMAT && state >= STORE_MOVE_INCOMPLETE && state <= STORE_MOVE_CLEARING, ERR_CORRUPT);
	TRY(reader_bytes(&r, out->move_id, sizeof out->move_id));
	TRY(reader_bytes(&r, out->domain_id, sizeof out->domain_id));
	TRY(reader_bytes(&r, out->node_id, sizeof out->node_id));
	TRY(reader_u64(&r, &out->at_ms));
	TRY(reader_view_u16(&r, sizeof out->place - 1, &place));
	TRY(reader_end(&r));
	text_printable(place, out->place, sizeof out->place);
	out->state = (enum store_move_state)state;
	return ERR_OK;
}

enum coffer_err store_move_mark_get(struct store *s, struct store_move_mark *out)
{
	struct store_row row;
	*out = (struct store_move_mark){ .state = STORE_MOVE_NONE };
	enum coffer_err err = store_get(s, STORE_MOVE, view_str(MARK_ID), &row);
	if (err == ERR_NOT_FOUND) return ERR_OK;
	TRY(err);
	struct store_move_mark mark = { .state = STORE_MOVE_NONE };
	ENSURE(parse(row.body, &mark) == ERR_OK, ERR_CORRUPT);
	*out = mark;
	return ERR_OK;
}

static enum coffer_err put(struct store *s, const struct store_move_mark *mark)
{
	static const uint8_t header[] = { 1 };
	uint8_t body[MARK_BYTES_MAX];
	struct writer w;
	struct store_row row = { .id_len = sizeof MARK_ID - 1, .version = 1, .state = mark->state, .header = view_of(header, sizeof header) };
	memcpy(row.id, MARK_ID, row.id_len);
	writer_init(&w, body, sizeof body);
	writer_u8(&w, MARK_FORMAT);
	writer_u8(&w, (uint8_t)mark->state);
	writer_bytes(&w, view_of(mark->move_id, sizeof mark->move_id));
	writer_bytes(&w, view_of(mark->domain_id, sizeof mark->domain_id));
	writer_bytes(&w, view_of(mark->node_id, sizeof mark->node_id));
	writer_u64(&w, mark->at_ms);
	writer_view_u16(&w, view_str(mark->place));
	TRY(writer_done(&w));
	row.body = writer_view(&w);
	return store_put(s, STORE_MOVE, &row, true);
}

enum coffer_err store_move_mark_set(struct store *s, const struct store_move_mark *mark, struct reason *reason)
{
	TRY(store_begin(s, reason));
	enum coffer_err err = mark->state == STORE_MOVE_NONE ? store_erase(s, STORE_MOVE, view_str(MARK_ID)) : put(s, mark);
	if (err == ERR_NOT_FOUND) err = ERR_OK;
	if (err) {
		store_rollback(s);
		return err;
	}
	return store_commit(s, reason);
}
