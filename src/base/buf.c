/* The growable byte buffer in the arena. */
#include "base/buf.h"

#include <string.h>

#include "base/arena.h"
#include "base/checked.h"
#include "base/ct.h"

#define BUF_BLOCK_MIN 256u /* bytes of the first block */

enum coffer_err buf_reserve(struct buf *b, size_t extra)
{
	size_t need, block = BUF_BLOCK_MIN;
	if (!size_add(b->len, extra, &need)) return ERR_MEMORY;
	if (need <= b->cap) return ERR_OK;
	/* The arena's blocks are powers of two: fill one to its canary, so that growth doubles. */
	while (block - ARENA_CANARY_LEN < need)
		if (!size_mul(block, 2, &block)) return ERR_MEMORY;
	uint8_t *grown = arena_realloc(b->ptr, block - ARENA_CANARY_LEN); /* wipes the old block */
	if (!grown) return ERR_MEMORY;
	b->ptr = grown;
	b->cap = block - ARENA_CANARY_LEN;
	return ERR_OK;
}

enum coffer_err buf_append(struct buf *b, struct view bytes)
{
	TRY(buf_reserve(b, bytes.len));
	if (bytes.len) memcpy(b->ptr + b->len, bytes.ptr, bytes.len);
	b->len += bytes.len;
	return ERR_OK;
}

void buf_consume(struct buf *b, size_t n)
{
	PRE(n <= b->len);
	if (n == 0) return;
	size_t left = b->len - n;
	memmove(b->ptr, b->ptr + n, left);
	wipe(b->ptr + left, n);
	b->len = left;
}

void buf_cut(struct buf *b, size_t len)
{
	PRE(len <= b->len);
	wipe(b->ptr + len, b->len - len);
	b->len = len;
}

void buf_clear(struct buf *b)
{
	wipe(b->ptr, b->len); /* what lies behind len was wiped when it was given up */
	b->len = 0;
}

void buf_free(struct buf *b)
{
	arena_free(b->ptr);
	*b = BUF_EMPTY;
}

struct view buf_view(const struct buf *b)
{
	return view_of(b->ptr, b->len);
}
