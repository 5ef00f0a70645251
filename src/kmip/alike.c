/* Requests that are alike. */
#include "kmip/alike.h"

#include <string.h>

#include "base/arena.h"

#define MISSED_OFTEN 8u
#define KEEP_EVERY 8u

static struct kmip_place place_of(struct view frame, struct view part)
{
	return part.len ? (struct kmip_place){ (size_t)(part.ptr - frame.ptr), part.len } : (struct kmip_place){ 0, 0 };
}

static struct view view_at(struct view frame, struct kmip_place place)
{
	return place.len ? view_of(frame.ptr + place.at, place.len) : view_of(NULL, 0);
}

static bool is_bulk(const struct kmip_batch_item *item)
{
	if (item->err) return false;
	switch (item->id.operation) {
	case OPERATION_ENCRYPT:
	case OPERATION_DECRYPT:
	case OPERATION_COFFER_SEAL:
	case OPERATION_COFFER_OPEN: return true;
	default: return false;
	}
}

static bool is_worth_it(const struct kmip_request *q)
{
	if (q->count > KMIP_ALIKE_ITEMS_MAX || q->header.has_authentication || q->header.version.minor > KMIP_VERSION_HIGHEST.minor) return false;
	for (size_t i = 0; i < q->count; i++)
		if (!is_bulk(&q->items[i])) return false;
	return true;
}

/* Of one item. False: there are too many. */
static bool find_holes(struct kmip_alike *a, struct view frame, struct ttlv_cursor payload, size_t *fixed)
{
	struct ttlv_item item;
	size_t most = a->hole_count + KMIP_ALIKE_HOLES_MAX;
	while (ttlv_next(&payload, &item)) {
		if (item.type != TTLV_BYTES || item.value.len == 0) continue;
		if (a->hole_count == most) return false;
		a->holes[a->hole_count++] = place_of(frame, item.value);
		*fixed -= item.value.len;
	}
	return payload.err == ERR_OK;
}

/* False: there are too many holes, or too much stands around them. */
static bool find_all_holes(struct kmip_alike *a, struct view frame, const struct kmip_request *q)
{
	size_t fixed = frame.len;
	a->hole_count = 0;
	for (size_t i = 0; i < q->count; i++)
		if (!find_holes(a, frame, q->items[i].payload, &fixed)) return false;
	return fixed <= KMIP_ALIKE_FIXED_MAX;
}

/* Between the holes, in order. */
static void keep_fixed(struct kmip_alike *a, struct view frame)
{
	size_t at = 0;
	uint8_t *to = a->fixed;
	for (size_t i = 0; i <= a->hole_count; i++) {
		size_t end = i < a->hole_count ? a->holes[i].at : frame.len;
		memcpy(to, frame.ptr + at, end - at);
		to += end - at;
		if (i < a->hole_count) at = end + a->holes[i].len;
	}
}

void kmip_alike_note(struct kmip_alike *a, struct view frame, const struct kmip_request *q)
{
	kmip_alike_forget(a);
	a->known_payloads = 0;
	if (q->count > 1 && ++a->missed > MISSED_OFTEN && a->missed % KEEP_EVERY) return; /* keeping a batch costs as much as reading a part of it */
	if (!is_worth_it(q) || !find_all_holes(a, frame, q)) return;
	if (!a->fixed) a->fixed = arena_alloc(KMIP_ALIKE_FIXED_MAX);
	if (!a->fixed) return;
	keep_fixed(a, frame);
	for (size_t i = 0; i < q->count; i++) {
		a->items[i].payload = place_of(frame, q->items[i].payload.rest);
		a->items[i].unique_id = place_of(frame, q->items[i].id.unique_id);
	}
	a->client_correlation = place_of(frame, q->header.client_correlation);
	a->server_correlation = place_of(frame, q->header.server_correlation);
	a->frame_len = frame.len;
}

bool kmip_alike_take(struct kmip_alike *a, struct view frame, struct kmip_request *q)
{
	const uint8_t *fixed = a->fixed;
	size_t at = 0;
	if (a->frame_len == 0 || frame.len != a->frame_len) return false;
	for (size_t i = 0; i < a->hole_count; i++) {
		size_t len = a->holes[i].at - at;
		if (memcmp(fixed, frame.ptr + at, len) != 0) return false;
		fixed += len;
		at += len + a->holes[i].len;
	}
	if (memcmp(fixed, frame.ptr + at, frame.len - at) != 0) return false;
	for (size_t i = 0; i < q->count; i++) {
		q->items[i].payload.rest = view_at(frame, a->items[i].payload);
		q->items[i].id.unique_id = view_at(frame, a->items[i].unique_id);
	}
	q->header.client_correlation = view_at(frame, a->client_correlation);
	q->header.server_correlation = view_at(frame, a->server_correlation);
	a->missed = 0;
	a->repeats = 1;
	return true;
}

void kmip_alike_forget(struct kmip_alike *a)
{
	a->frame_len = 0;
	a->repeats = 0;
	a->number++;
}

void kmip_alike_done(struct kmip_alike *a)
{
	arena_free(a->fixed);
	*a = (struct kmip_alike){ .place = a->place, .number = a->number + 1 };
}
