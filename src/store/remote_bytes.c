/* Buffers of a channel. */
#include "store/remote_bytes.h"

#include <stdlib.h>

#define KEEP_BYTES (512u * 1024u) /* buffers that grew above it for one large row are given back */

bool remote_bytes_room(struct remote_bytes *b, size_t len)
{
	if (b->cap >= len) return true;
	uint8_t *grown = realloc(b->ptr, len);
	if (!grown) return false;
	b->ptr = grown;
	b->cap = len;
	return true;
}

void remote_bytes_shrink(struct remote_bytes *b)
{
	if (b->cap <= KEEP_BYTES) return;
	free(b->ptr);
	*b = (struct remote_bytes){ NULL, 0 };
}
