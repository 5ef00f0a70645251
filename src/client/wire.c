/* Bytes on their way. What comes is put behind what is here, and at the end of the block goes on at its start, where what was there is done with: then of many
 * answers under way only one that is not whole yet is ever moved. */
#include "client/wire.h"

#include <stdlib.h>
#include <string.h>

#include "base/ct.h"

void wire_free(struct wire *w)
{
	if (w->ptr) wipe(w->ptr, w->cap);
	free(w->ptr);
	*w = (struct wire){ .ptr = NULL };
}

size_t wire_total(const struct wire *w)
{
	return w->len + w->front;
}

uint8_t *wire_end(const struct wire *w)
{
	return w->wrapped ? w->ptr + w->front : w->ptr + w->begin + w->len;
}

size_t wire_room(const struct wire *w)
{
	return w->wrapped ? w->begin - w->front : w->cap - w->begin - w->len;
}

void wire_added(struct wire *w, size_t n)
{
	if (w->wrapped) w->front += n;
	else w->len += n;
}

/* What stood in front of it was wiped when it was used, or is stale. */
static void move_to_start(struct wire *w)
{
	memmove(w->ptr, w->ptr + w->begin, w->len);
	if (w->len < w->begin) wipe(w->ptr + w->begin, w->len);
	else wipe(w->ptr + w->len, w->begin);
	w->begin = 0;
}

static void wrap(struct wire *w, size_t tail)
{
	uint8_t *from = w->ptr + w->begin + w->len - tail;
	if (tail) {
		memcpy(w->ptr, from, tail);
		wipe(from, tail);
	}
	w->len -= tail;
	w->front = tail;
	w->wrapped = true;
}

/* Twice as large, for it would soon be too small again. */
static enum coffer_status grow(struct wire *w, size_t want, size_t max)
{
	size_t total = wire_total(w);
	if (want > max || total > max - want) return COFFER_ETOOLARGE;
	size_t cap = total + want;
	if (cap < 2 * w->cap) cap = 2 * w->cap < max ? 2 * w->cap : max;
	uint8_t *p = malloc(cap);
	if (!p) return COFFER_EMEMORY;
	if (w->len) memcpy(p, w->ptr + w->begin, w->len);
	if (w->front) memcpy(p + w->len, w->ptr, w->front);
	wire_free(w);
	*w = (struct wire){ .ptr = p, .len = total, .cap = cap };
	return COFFER_OK;
}

enum coffer_status wire_make_room(struct wire *w, size_t want, size_t max, size_t tail)
{
	if (!w->wrapped && tail < w->len && tail <= w->begin && want <= w->begin - tail) {
		wrap(w, tail);
		return COFFER_OK;
	}
	bool soon_again = w->len > w->cap / 2 && w->cap <= max / 2;
	if (!w->wrapped && w->begin && !soon_again) move_to_start(w);
	return want <= wire_room(w) ? COFFER_OK : grow(w, want, max);
}

void wire_pass_over(struct wire *w, size_t len)
{
	w->begin += len;
	w->len -= len;
	if (w->len) return;
	w->begin = 0;
	w->len = w->front;
	w->front = 0;
	w->wrapped = false;
}

void wire_leave(struct wire *w, size_t end)
{
	if (w->stale < end) w->stale = end;
}

/* Of the bytes from `from` on, those that are stale and before `to`. */
static void wipe_stale(struct wire *w, size_t from, size_t to)
{
	if (to > w->stale) to = w->stale;
	if (from < to) wipe(w->ptr + from, to - from);
}

void wire_settle(struct wire *w)
{
	if (w->stale == 0) return;
	size_t end = w->begin + w->len;
	wipe_stale(w, w->front, w->len ? w->begin : w->cap);
	if (w->len) wipe_stale(w, end, w->cap);
	w->stale = 0;
}

void wire_drop(struct wire *w)
{
	*w = (struct wire){ .ptr = w->ptr, .cap = w->cap, .stale = w->cap };
}
