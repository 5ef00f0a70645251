/* Memory that a stream lends: slots of the ring, or memory of the process where there is none. */
#include <stdlib.h>
#include <string.h>

#include "base/ct.h"
#include "client/stream_internal.h"

#define NO_PIECE (-1)
#define NO_MEMORY (-2)

size_t stream_piece_cap(const struct coffer_stream *s)
{
	return s->segment_size + (s->operation == OPERATION_COFFER_OPEN_STREAM ? COFFER_SEGMENT_OVERHEAD : 0);
}

static size_t room_for_segment(const struct coffer_stream *s)
{
	return (size_t)s->segment_size + COFFER_SEGMENT_OVERHEAD;
}

static int take_slot(struct coffer_stream *s)
{
	if (!s->ring || !ring_is_here(s->ring)) return -1;
	pthread_mutex_lock(&s->c->lock);
	int slot = ring_take(s->ring);
	pthread_mutex_unlock(&s->c->lock);
	return slot;
}

int stream_take_piece(struct coffer_stream *s, enum piece_state state, bool only_slots)
{
	int i = 0;
	while (i < (int)COFFER_STREAM_SLOTS && s->pieces[i].state != PIECE_FREE) i++;
	if (i == (int)COFFER_STREAM_SLOTS) return NO_PIECE;
	struct piece *p = &s->pieces[i];
	p->slot = take_slot(s);
	if (p->slot < 0 && only_slots) return NO_PIECE;
	if (p->slot < 0 && !p->own) p->own = malloc(room_for_segment(s));
	p->ptr = p->slot < 0 ? p->own : ring_slot(s->ring, p->slot);
	if (!p->ptr) return NO_MEMORY;
	p->state = state;
	return i;
}

void stream_free_piece(struct coffer_stream *s, int piece)
{
	struct piece *p = &s->pieces[piece];
	if (p->slot >= 0) {
		pthread_mutex_lock(&s->c->lock);
		ring_give(s->ring, p->slot);
		pthread_mutex_unlock(&s->c->lock);
	}
	p->state = PIECE_FREE;
	p->ptr = NULL;
}

void stream_free_pieces(struct coffer_stream *s)
{
	for (int i = 0; i < (int)COFFER_STREAM_SLOTS; i++) {
		if (s->pieces[i].state != PIECE_FREE) stream_free_piece(s, i);
		if (s->pieces[i].own) wipe(s->pieces[i].own, room_for_segment(s));
		free(s->pieces[i].own);
	}
	pthread_mutex_lock(&s->c->lock);
	ring_drop(s->ring);
	pthread_mutex_unlock(&s->c->lock);
}

static int find(const struct coffer_stream *s, const void *ptr)
{
	for (int i = 0; i < (int)COFFER_STREAM_SLOTS; i++)
		if (s->pieces[i].state != PIECE_FREE && s->pieces[i].ptr == ptr) return i;
	return NO_PIECE;
}

static enum coffer_status not_lent(struct coffer_stream *s)
{
	return conn_refuse(s->c, COFFER_EINVAL, "this stream has not lent that memory; ask coffer_stream_lend for some");
}

static enum coffer_status no_piece(struct coffer_stream *s, int why)
{
	if (why == NO_MEMORY) return conn_refuse(s->c, COFFER_EMEMORY, "out of memory");
	return conn_refuse(s->c, COFFER_EBUSY, "all %u pieces of this stream are in use; collect one and give it back first", COFFER_STREAM_SLOTS);
}

enum coffer_status coffer_stream_lend(struct coffer_stream *s, void **out, size_t *out_cap)
{
	if (!s) return COFFER_EINVAL;
	if (!out || !out_cap) return conn_refuse(s->c, COFFER_EINVAL, "an argument is missing");
	if (s->dead || s->last_sent) return conn_refuse(s->c, COFFER_ESTATE, "the stream has ended");
	int piece = stream_take_piece(s, PIECE_LENT, false);
	if (piece < 0) return no_piece(s, piece);
	*out = s->pieces[piece].ptr;
	*out_cap = stream_piece_cap(s);
	return COFFER_OK;
}

enum coffer_status coffer_stream_send_lent(struct coffer_stream *s, void *lent, size_t len, int last)
{
	if (!s) return COFFER_EINVAL;
	int piece = lent ? find(s, lent) : NO_PIECE;
	if (piece < 0) return not_lent(s);
	if (s->pieces[piece].state != PIECE_LENT) return conn_refuse(s->c, COFFER_ESTATE, "that memory was sent already; lend another piece");
	if (len > stream_piece_cap(s)) return conn_refuse(s->c, COFFER_ETOOLARGE, "a segment of this stream has at most %zu bytes", stream_piece_cap(s));
	return stream_send(s, piece, lent, len, last != 0);
}

/* Waits for the oldest segment and puts it where the piece is. However it ends, it is under way no more. */
static enum coffer_status collect_into(struct coffer_stream *s, uint8_t *ptr, size_t *out_len)
{
	struct call call;
	struct view bytes;
	enum coffer_status st = call_begin_collect(&call, s->c);
	if (st) {
		stream_lose(s);
		return st;
	}
	st = stream_receive(s, &call, &bytes);
	if (!st && bytes.len > room_for_segment(s)) st = call_malformed(&call);
	if (!st && bytes.len && bytes.ptr != ptr) memcpy(ptr, bytes.ptr, bytes.len);
	*out_len = bytes.len;
	return call_end(&call, st);
}

enum coffer_status coffer_stream_collect_lent(struct coffer_stream *s, const void **out, size_t *out_len)
{
	size_t len;
	if (!s) return COFFER_EINVAL;
	if (!out || !out_len) return conn_refuse(s->c, COFFER_EINVAL, "an argument is missing");
	if (!s->under_way) return conn_refuse(s->c, COFFER_ESTATE, "no segment is under way");
	/* One that was sent in a message, without a piece, needs one now. */
	int piece = s->sent[s->oldest].piece;
	if (piece < 0) piece = stream_take_piece(s, PIECE_SENT, false);
	if (piece < 0) return no_piece(s, piece);
	enum coffer_status st = collect_into(s, s->pieces[piece].ptr, &len);
	if (st) {
		s->dead = true;
		stream_free_piece(s, piece);
		return st;
	}
	s->pieces[piece].state = PIECE_COLLECTED;
	*out = s->pieces[piece].ptr;
	*out_len = len;
	return COFFER_OK;
}

enum coffer_status coffer_stream_give_back(struct coffer_stream *s, const void *lent)
{
	if (!s) return COFFER_EINVAL;
	int piece = lent ? find(s, lent) : NO_PIECE;
	if (piece < 0) return not_lent(s);
	struct piece *p = &s->pieces[piece];
	if (p->state == PIECE_SENT) return conn_refuse(s->c, COFFER_ESTATE, "that memory is under way; collect it first");
	bool is_good = p->state == PIECE_LENT || p->slot < 0 || stream_stands(s);
	stream_free_piece(s, piece);
	if (is_good) return COFFER_OK;
	s->dead = true;
	return conn_refuse(s->c, COFFER_ECLOSED, "the daemon hung up while the segment was being used; begin the stream again");
}

int coffer_stream_in_ring(const struct coffer_stream *s)
{
	return s && s->ring;
}
