/* Secrets of fixed length in the arena. */
#include "base/secret.h"

#include <string.h>

#include "base/arena.h"
#include "base/ct.h"

struct secret {
	size_t len;
	uint8_t bytes[];
};

struct secret *secret_new(size_t len)
{
	if (len == 0 || len > SECRET_MAX) return NULL;
	struct secret *s = arena_alloc(sizeof *s + len);
	if (s) s->len = len;
	return s;
}

struct secret *secret_copy(const void *bytes, size_t len)
{
	struct secret *s = secret_new(len);
	if (s) memcpy(s->bytes, bytes, len);
	return s;
}

void secret_free(struct secret *s)
{
	arena_free(s); /* wipes */
}

size_t secret_len(const struct secret *s)
{
	return s->len;
}

const uint8_t *secret_bytes(const struct secret *s)
{
	return s->bytes;
}

uint8_t *secret_mut(struct secret *s)
{
	return s->bytes;
}

struct view secret_view(const struct secret *s)
{
	return view_of(s->bytes, s->len);
}

bool secret_equal(const struct secret *a, const struct secret *b)
{
	return a->len == b->len && ct_equal(a->bytes, b->bytes, a->len);
}
