/* A growable byte buffer in ordinary memory. */
#include "base/bytes.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

#define FIRST_CAP 4096u

enum coffer_err bytes_reserve(struct bytes *b, size_t extra)
{
	size_t need, cap = b->cap ? b->cap : FIRST_CAP;
	ENSURE(size_add(b->len, extra, &need), ERR_MEMORY);
	while (cap < need) {
		ENSURE(cap <= SIZE_MAX / 2, ERR_MEMORY);
		cap *= 2;
	}
	if (cap == b->cap) return ERR_OK;
	uint8_t *wider = realloc(b->ptr, cap);
	ENSURE(wider, ERR_MEMORY);
	b->ptr = wider;
	b->cap = cap;
	return ERR_OK;
}

enum coffer_err bytes_append(struct bytes *b, struct view more)
{
	TRY(bytes_reserve(b, more.len));
	if (more.len) memcpy(b->ptr + b->len, more.ptr, more.len);
	b->len += more.len;
	return ERR_OK;
}

void bytes_consume(struct bytes *b, size_t n)
{
	PRE(n <= b->len);
	if (n == 0) return;
	memmove(b->ptr, b->ptr + n, b->len - n);
	b->len -= n;
}

void bytes_free(struct bytes *b)
{
	free(b->ptr);
	*b = BYTES_EMPTY;
}

struct view bytes_view(const struct bytes *b)
{
	return view_of(b->ptr, b->len);
}
