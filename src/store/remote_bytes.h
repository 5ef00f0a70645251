/* A buffer of one end of coffer-stored's channel. Sealed bytes only, so it is ordinary memory and is not wiped. Zeroed: empty; ended by free(ptr). */
#ifndef COFFER_STORE_REMOTE_BYTES_H
#define COFFER_STORE_REMOTE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct remote_bytes {
	uint8_t *ptr;
	size_t cap;
};

/* At least len bytes; what was there stays. False: memory is short, and nothing has changed. */
bool remote_bytes_room(struct remote_bytes *b, size_t len);
/* Gives back what has grown for one large row. */
void remote_bytes_shrink(struct remote_bytes *b);

#endif
