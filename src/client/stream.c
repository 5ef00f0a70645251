/* Sealed streams: segments sent ahead, answers collected in order. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/ct.h"
#include "client/stream_internal.h"

#define ANSWER_OVERHEAD 4096u /* bytes of an answer's message around its segment, at most */

/* Reads handle, segment size and (sealing) header of the answer to a begin. */
static enum coffer_status read_begin(struct call *call, struct coffer_stream *s, uint8_t *header)
{
	struct ttlv_cursor *c = &call->answer.items[0].payload;
	struct ttlv_item item;
	struct view bytes = { NULL, 0 };
	int32_t size = 0;
	while (ttlv_next(c, &item)) {
		enum coffer_err err = ERR_OK;
		if (item.tag == TAG_COFFER_STREAM_HANDLE) err = ttlv_get_i32(&item, &s->handle);
		else if (item.tag == TAG_COFFER_SEGMENT_SIZE) err = ttlv_get_i32(&item, &size);
		else if (item.tag == TAG_COFFER_STREAM_HEADER) err = ttlv_get_bytes(&item, &bytes);
		if (err) return call_malformed(call);
	}
	if (s->handle <= 0 || size < 65536 || size > 16 * 1024 * 1024 || (header && bytes.len != COFFER_STREAM_HEADER))
		return call_malformed(call);
	if (header) memcpy(header, bytes.ptr, COFFER_STREAM_HEADER);
	s->segment_size = (uint32_t)size;
	return COFFER_OK;
}

/* The daemon forgets the stream, which it knows on that socket alone. COFFER_EBUSY: it was not told, because something else is under way. */
static enum coffer_status say_closed(struct coffer *c, uint64_t socket, int32_t handle)
{
	struct call call;
	enum coffer_status st = call_begin(&call, c, OPERATION_COFFER_CLOSE_STREAM, 64);
	if (st) return st;
	ttlv_put_i32(&call.w, TAG_COFFER_STREAM_HANDLE, handle);
	call_end(&call, c->socket == socket ? call_run(&call, false) : COFFER_OK);
	return COFFER_OK;
}

/* It is told before the next stream begins. There cannot be more than the daemon keeps of a connection. */
static void abandon(struct coffer *c, uint64_t socket, int32_t handle)
{
	pthread_mutex_lock(&c->lock);
	if (c->abandoned_socket != c->socket) c->abandoned_count = 0;
	c->abandoned_socket = c->socket;
	if (socket == c->socket && c->abandoned_count < CONN_STREAMS_MAX) c->abandoned[c->abandoned_count++] = handle;
	pthread_mutex_unlock(&c->lock);
}

/* 0: there is none. */
static int32_t next_abandoned(struct coffer *c, uint64_t *out_socket)
{
	pthread_mutex_lock(&c->lock);
	int32_t handle = c->abandoned_count ? c->abandoned[--c->abandoned_count] : 0;
	*out_socket = c->abandoned_socket;
	pthread_mutex_unlock(&c->lock);
	return handle;
}

/* Streams that were closed while something else was under way. When something still is, the begin that follows says so. */
static void close_abandoned(struct coffer *c)
{
	uint64_t socket;
	enum coffer_status st = COFFER_OK;
	for (int32_t handle; st != COFFER_EBUSY && (handle = next_abandoned(c, &socket)) > 0;) {
		st = say_closed(c, socket, handle);
		if (st == COFFER_EBUSY) abandon(c, socket, handle);
	}
}

static enum coffer_status finish_begin(struct call *call, uint32_t operation, uint8_t *header, enum coffer_status st,
	struct coffer_stream **out)
{
	uint8_t given[COFFER_STREAM_HEADER] = { 0 };
	struct coffer_stream *s = st ? NULL : calloc(1, sizeof *s);
	if (!st && !s) st = COFFER_EMEMORY;
	if (!st) {
		s->c = call->c;
		s->socket = call->c->socket;
		s->operation = operation;
		st = read_begin(call, s, header ? given : NULL);
	}
	st = call_end(call, st);
	if (!st && s) st = ring_of(s->c, s->segment_size, &s->ring);
	if (st) {
		free(s);
		return st;
	}
	if (header) memcpy(header, given, sizeof given);
	*out = s;
	return COFFER_OK;
}

enum coffer_status coffer_stream_seal(struct coffer *c, const char *key, const struct coffer_pair *context, size_t context_count,
	uint32_t segment_size, uint8_t header[COFFER_STREAM_HEADER], struct coffer_stream **out)
{
	struct call call;
	size_t context_size;
	if (!c) return COFFER_EINVAL;
	if (!key || !header || !out) return conn_refuse(c, COFFER_EINVAL, "an argument is missing");
	if (segment_size > 16 * 1024 * 1024) return conn_refuse(c, COFFER_EINVAL, "a segment has at most 16 MiB");
	enum coffer_status st = call_check_key(c, key);
	if (!st) st = call_check_context(c, context, context_count, &context_size);
	if (!st) close_abandoned(c);
	if (!st) st = call_begin(&call, c, OPERATION_COFFER_SEAL_STREAM, strlen(key) + context_size + 64);
	if (st) return st;
	call_put_key(&call, key);
	call_put_context(&call, context, context_count);
	if (segment_size) ttlv_put_i32(&call.w, TAG_COFFER_SEGMENT_SIZE, (int32_t)segment_size);
	st = call_run(&call, false);
	return finish_begin(&call, OPERATION_COFFER_SEAL_STREAM, header, st, out);
}

enum coffer_status coffer_stream_open(struct coffer *c, const struct coffer_pair *context, size_t context_count,
	const uint8_t header[COFFER_STREAM_HEADER], struct coffer_stream **out)
{
	struct call call;
	size_t context_size;
	if (!c) return COFFER_EINVAL;
	if (!header || !out) return conn_refuse(c, COFFER_EINVAL, "an argument is missing");
	enum coffer_status st = call_check_context(c, context, context_count, &context_size);
	if (!st) close_abandoned(c);
	if (!st) st = call_begin(&call, c, OPERATION_COFFER_OPEN_STREAM, COFFER_STREAM_HEADER + context_size + 64);
	if (st) return st;
	call_put_context(&call, context, context_count);
	ttlv_put_bytes(&call.w, TAG_COFFER_STREAM_HEADER, view_of(header, COFFER_STREAM_HEADER));
	st = call_run(&call, false);
	return finish_begin(&call, OPERATION_COFFER_OPEN_STREAM, NULL, st, out);
}

uint32_t coffer_stream_segment_size(const struct coffer_stream *s)
{
	return s ? s->segment_size : 0;
}

unsigned coffer_stream_under_way(const struct coffer_stream *s)
{
	return s ? s->under_way : 0;
}

/* Answers come in the order of the requests, so only one stream of a connection may have segments under way. */
static enum coffer_status begin_segment(struct coffer_stream *s, size_t len, struct call *call)
{
	enum coffer_status st = call_begin_ahead(call, s->c, s->operation, len + 128);
	if (st) return st;
	if (s->c->socket != s->socket) {
		s->dead = true; /* another stream may have the handle now */
		return call_end(call, conn_fail(s->c, COFFER_ECLOSED, "the daemon was started again since; begin the stream again"));
	}
	if (s->c->ahead == s->under_way) return st;
	return call_end(call, conn_fail(s->c, COFFER_EBUSY, "another stream on this connection has segments under way; collect them first"));
}

static void put_segment(struct call *call, const struct coffer_stream *s, int slot, const void *in, size_t len, bool last)
{
	ttlv_put_i32(&call->w, TAG_COFFER_STREAM_HANDLE, s->handle);
	if (slot >= 0) {
		ttlv_put_i32(&call->w, TAG_COFFER_RING_SLOT, slot);
		ttlv_put_i32(&call->w, TAG_COFFER_SEGMENT_LENGTH, (int32_t)len);
	} else {
		ttlv_put_bytes(&call->w, TAG_COFFER_SEGMENT, view_of(in, len));
	}
	ttlv_put_bool(&call->w, TAG_COFFER_LAST_SEGMENT, last);
}

/* How many segments may be under way: the answers of those in messages must fit into the connection's memory together. */
static unsigned may_be_ahead(const struct coffer_stream *s, bool in_slot)
{
	size_t fit = s->c->max_memory / (s->segment_size + ANSWER_OVERHEAD);
	if (in_slot || fit >= COFFER_STREAM_AHEAD) return COFFER_STREAM_AHEAD;
	return fit ? (unsigned)fit : 1;
}

enum coffer_status stream_send(struct coffer_stream *s, int piece, const void *in, size_t len, bool last)
{
	struct call call;
	int slot = piece < 0 ? -1 : s->pieces[piece].slot;
	if (s->dead || s->last_sent) return conn_refuse(s->c, COFFER_ESTATE, "the stream has ended");
	if (s->under_way >= may_be_ahead(s, slot >= 0)) return conn_refuse(s->c, COFFER_EBUSY, "collect a segment first");
	enum coffer_status st = begin_segment(s, slot < 0 ? len : 0, &call);
	if (st) return st;
	put_segment(&call, s, slot, in, len, last);
	st = call_send(&call, false);
	if (st) {
		s->dead = true;
	} else {
		s->sent[(s->oldest + s->under_way) % COFFER_STREAM_AHEAD] = (struct sent){ piece, len };
		if (piece >= 0) s->pieces[piece].state = PIECE_SENT;
		s->under_way++;
		s->c->ahead++;
		s->last_sent = last;
	}
	return call_end(&call, st);
}

/* A copy in a slot where there is one; else straight into the message. */
enum coffer_status coffer_stream_send(struct coffer_stream *s, const void *in, size_t in_len, int last)
{
	if (!s) return COFFER_EINVAL;
	if (!in && in_len) return conn_refuse(s->c, COFFER_EINVAL, "an argument is missing");
	if (in_len > (size_t)s->segment_size + COFFER_SEGMENT_OVERHEAD)
		return conn_refuse(s->c, COFFER_ETOOLARGE, "a segment of this stream has at most %u bytes", s->segment_size);
	bool fits = s->ring && in_len <= stream_piece_cap(s) && !s->dead && !s->last_sent && s->under_way < COFFER_STREAM_AHEAD;
	int piece = fits ? stream_take_piece(s, PIECE_LENT, true) : -1;
	if (piece >= 0 && in_len) memcpy(s->pieces[piece].ptr, in, in_len);
	enum coffer_status st = stream_send(s, piece, in, in_len, last != 0);
	if (st && piece >= 0) stream_free_piece(s, piece);
	return st;
}

/* The answer must name the slot of the oldest request, and the length that its segment has on the other side; nothing else of it is used. */
static enum coffer_status slot_answer(struct coffer_stream *s, struct call *call, const struct sent *sent, struct view *out)
{
	struct ttlv_cursor *fields = &call->answer.items[0].payload;
	const struct piece *p = &s->pieces[sent->piece];
	bool opens = s->operation == OPERATION_COFFER_OPEN_STREAM;
	int32_t slot, len;
	if (opens && sent->len < COFFER_SEGMENT_OVERHEAD) return call_malformed(call);
	size_t wanted = opens ? sent->len - COFFER_SEGMENT_OVERHEAD : sent->len + COFFER_SEGMENT_OVERHEAD;
	if (ttlv_take_i32(fields, TAG_COFFER_RING_SLOT, &slot) != ERR_OK || slot != p->slot) return call_malformed(call);
	if (ttlv_take_i32(fields, TAG_COFFER_SEGMENT_LENGTH, &len) != ERR_OK || len < 0 || (size_t)len != wanted) return call_malformed(call);
	if (!ring_is_here(s->ring)) return conn_fail(s->c, COFFER_ESTATE, "the stream belongs to the process that began it, not to its child");
	*out = view_of(p->ptr, wanted);
	return COFFER_OK;
}

enum coffer_status stream_receive(struct coffer_stream *s, struct call *call, struct view *out)
{
	enum coffer_status st = call_receive(call);
	struct sent sent = s->sent[s->oldest];
	s->oldest = (s->oldest + 1) % COFFER_STREAM_AHEAD;
	s->under_way--;
	s->c->ahead--;
	if (!st && s->dead) st = conn_fail(s->c, COFFER_ESTATE, "the stream has ended: a segment before this one was not collected");
	if (st) return st;
	if (sent.piece >= 0 && s->pieces[sent.piece].slot >= 0) return slot_answer(s, call, &sent, out);
	return ttlv_take_bytes(&call->answer.items[0].payload, TAG_COFFER_SEGMENT, out) == ERR_OK ? COFFER_OK : call_malformed(call);
}

void stream_lose(struct coffer_stream *s)
{
	pthread_mutex_lock(&s->c->lock);
	s->c->ahead--;
	pthread_mutex_unlock(&s->c->lock);
	s->oldest = (s->oldest + 1) % COFFER_STREAM_AHEAD;
	s->under_way--;
	s->dead = true;
}

bool stream_stands(struct coffer_stream *s)
{
	pthread_mutex_lock(&s->c->lock);
	bool stands = s->c->socket == s->socket && conn_stands(s->c);
	pthread_mutex_unlock(&s->c->lock);
	return stands;
}

enum coffer_status coffer_stream_collect(struct coffer_stream *s, void *out, size_t out_cap, size_t *out_len)
{
	struct call call;
	struct view bytes;
	size_t len = 0;
	if (!s) return COFFER_EINVAL;
	if (!out || !out_len) return conn_refuse(s->c, COFFER_EINVAL, "an argument is missing");
	if (!s->under_way) return conn_refuse(s->c, COFFER_ESTATE, "no segment is under way");
	int piece = s->sent[s->oldest].piece;
	enum coffer_status st = call_begin_collect(&call, s->c);
	if (st) {
		stream_lose(s);
	} else {
		st = stream_receive(s, &call, &bytes);
		if (!st) st = call_copy_out(&call, bytes, out, out_cap, &len);
		if (!st && piece >= 0 && s->pieces[piece].slot >= 0 && !conn_stands(s->c)) {
			st = conn_fail(s->c, COFFER_ECLOSED, "the daemon hung up; begin the stream again");
			wipe(out, len);
		}
		if (st) s->dead = true;
		else *out_len = len;
		st = call_end(&call, st);
	}
	if (piece >= 0) stream_free_piece(s, piece);
	return st;
}

int coffer_stream_ready(struct coffer_stream *s)
{
	if (!s || !s->under_way) return 0;
	pthread_mutex_lock(&s->c->lock);
	bool is_ready = conn_has_answer(s->c);
	pthread_mutex_unlock(&s->c->lock);
	return is_ready;
}

/* Answers under way are read and dropped, so that the connection can be used again; an unfinished stream is forgotten by the daemon too. */
static void settle(struct coffer_stream *s)
{
	struct call call;
	struct view bytes;
	while (s->under_way) {
		if (call_begin_collect(&call, s->c)) return; /* the connection is broken */
		enum coffer_status st = stream_receive(s, &call, &bytes);
		if (st) s->dead = true;
		call_end(&call, st);
	}
	if (s->last_sent && !s->dead) return;
	if (say_closed(s->c, s->socket, s->handle) == COFFER_EBUSY) abandon(s->c, s->socket, s->handle);
}

void coffer_stream_close(struct coffer_stream *s)
{
	char text[CONN_TEXT_MAX];
	if (!s) return;
	pthread_mutex_lock(&s->c->lock);
	memcpy(text, s->c->text, sizeof text); /* closing does not hide why */
	pthread_mutex_unlock(&s->c->lock);
	if (s->c->process == getpid() && (!s->ring || ring_is_here(s->ring))) settle(s); /* a child leaves its parent's connection alone */
	stream_free_pieces(s);
	conn_refuse(s->c, COFFER_OK, "%s", text);
	free(s);
}
