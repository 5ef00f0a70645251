/* The server of operations sent ahead. */
#include "unit/client/echo.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static bool find_bytes(struct ttlv_cursor c, uint32_t tag, struct view *out)
{
	struct ttlv_item item;
	while (ttlv_next(&c, &item))
		if (item.tag == tag) return ttlv_get_bytes(&item, out) == ERR_OK;
	return false;
}

static void put_turned(uint8_t *to, struct view from)
{
	for (size_t i = 0; i < from.len; i++) to[i] = (uint8_t)~from.ptr[i];
}

/* In front of the result stands what the daemon says, too. */
static void put_result(struct writer *w, const struct kmip_batch_item *item)
{
	struct view in;
	bool seal = item->id.operation == OPERATION_COFFER_SEAL;
	if (!find_bytes(item->payload, seal ? TAG_COFFER_PLAINTEXT : TAG_COFFER_SEALED_DATA, &in)) return;
	ttlv_put_str(w, TAG_UNIQUE_IDENTIFIER, "11111111-2222-3333-4444-555555555555");
	if (!seal && in.len < COFFER_MESSAGE_OVERHEAD) return;
	if (item->id.operation == OPERATION_COFFER_OPEN) {
		struct ttlv_space space = ttlv_reserve_bytes(w, TAG_COFFER_PLAINTEXT, in.len - COFFER_MESSAGE_OVERHEAD);
		put_turned(space.ptr, view_of(in.ptr + COFFER_MESSAGE_OVERHEAD, in.len - COFFER_MESSAGE_OVERHEAD));
		ttlv_commit_bytes(w, space, in.len - COFFER_MESSAGE_OVERHEAD);
		return;
	}
	ttlv_put_i32(w, TAG_COFFER_KEY_VERSION, 1);
	size_t len = in.len + (seal ? COFFER_MESSAGE_OVERHEAD : 0);
	struct ttlv_space space = ttlv_reserve_bytes(w, TAG_COFFER_SEALED_DATA, len);
	memset(space.ptr, seal ? ECHO_SEALED : ECHO_REWRAPPED, COFFER_MESSAGE_OVERHEAD);
	if (seal) put_turned(space.ptr + COFFER_MESSAGE_OVERHEAD, in);
	else memcpy(space.ptr + COFFER_MESSAGE_OVERHEAD, in.ptr + COFFER_MESSAGE_OVERHEAD, len - COFFER_MESSAGE_OVERHEAD);
	ttlv_commit_bytes(w, space, len);
}

static void put_item(struct server *s, const struct kmip_batch_item *item, unsigned number)
{
	const struct echo *e = s->arg;
	char text[64];
	struct kmip_item_id id = item->id;
	enum echo_spoil spoil = number == e->spoil_at ? e->spoil : ECHO_GOOD;
	snprintf(text, sizeof text, ECHO_SENTENCE " %u", number);
	if (spoil == ECHO_OTHER_ITEM) id.unique_id = view_str("?");
	if (spoil == ECHO_NO_NAME) id.has_unique_id = false;
	if (e->refuse_every && number % e->refuse_every == 0) {
		kmip_item_fail(&s->w, &id, ERR_STATE, text, true);
		return;
	}
	struct kmip_item_mark mark = kmip_item_begin(&s->w, &id);
	if (spoil != ECHO_NO_RESULT) put_result(&s->w, item);
	kmip_item_end(&s->w, mark);
}

static bool inside(unsigned number, unsigned first, size_t count)
{
	return number >= first && number < first + count;
}

static struct view answer(struct server *s, unsigned first)
{
	const struct echo *e = s->arg;
	size_t count = s->request.count;
	uint32_t said = (uint32_t)count;
	enum echo_spoil spoil = inside(e->spoil_at, first, count) ? e->spoil : ECHO_GOOD;
	if (inside(e->refuse_message, first, count)) {
		writer_init(&s->w, s->out, SERVER_FRAME_MAX);
		kmip_refuse(&s->w, s->request.version, 1700000000, ERR_LIMIT, "not this message");
		return writer_view(&s->w);
	}
	if (spoil == ECHO_GARBAGE) return view_str("HTTP/1.1 400 Bad Request, which is no TTLV");
	if (spoil == ECHO_ONE_LESS) said = (uint32_t)--count;
	if (spoil == ECHO_ONE_GOOD) said = 1, count = 1;
	server_begin_batch(s);
	for (size_t i = 0; i < count; i++) put_item(s, &s->request.items[i], first + (unsigned)i);
	if (spoil == ECHO_LEFT_OVER) put_item(s, &s->request.items[0], first);
	return server_end_batch(s, said);
}

static bool write_drip(struct server *s, struct view bytes)
{
	for (size_t i = 0; i < bytes.len; i++)
		if (!server_write(s, view_of(bytes.ptr + i, 1))) return false;
	return true;
}

void echo_serve(struct server *s)
{
	struct echo *e = s->arg;
	while (server_read_batch(s)) {
		unsigned first = atomic_load(&e->operations) + 1, count = (unsigned)s->request.count;
		if (count > e->most) e->most = count;
		e->messages++;
		e->operations += count;
		if (inside(e->close_at, first, count)) return;
		if (e->hang_at && first + count > e->hang_at) {
			server_wait_for_close(s);
			return;
		}
		struct view frame = answer(s, first);
		if (inside(e->close_inside, first, count)) {
			bool written = server_write(s, view_of(frame.ptr, frame.len / 2));
			(void)written;
			return;
		}
		if (!(e->drip ? write_drip(s, frame) : server_write(s, frame))) return;
	}
}
