/* Shared memory for the segments of a connection's streams (docs/formats.md section 15). A ring belongs to one socket of a connection; it lives until the
 * connection and the streams that began with it let it go. Everything under the connection's lock. Used by client/ only. */
#ifndef COFFER_CLIENT_RING_H
#define COFFER_CLIENT_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/conn.h"

#define RING_SLOTS COFFER_STREAM_SLOTS
#define RING_SEGMENT_MAX (4u * 1024u * 1024u) /* bytes; larger segments go in messages */

struct ring;

/* The ring for a stream with segments of so many bytes, asked for when this socket has none yet; the caller drops it. *out = NULL when there is none: the
 * daemon is older, or has no room for one, or the segments are too large, or what came is no ring. Takes the lock. Fails only when the connection broke. */
enum coffer_status ring_of(struct coffer *c, uint32_t segment_size, struct ring **out);
/* Looks at what came with the answer and maps it: a sealed memfd of exactly `slots` slots of slot_size bytes. NULL: it is not, or there is no room.
 * Borrows fd. The caller drops the ring. */
struct ring *ring_map(int fd, size_t slot_size, unsigned slots);
/* Lets it go: what was used and is not taken any more is wiped; the last one unmaps. Accepts NULL. */
void ring_drop(struct ring *r);

size_t ring_slot_size(const struct ring *r);
/* False in a child of the process that mapped it: there is no such memory there. */
bool ring_is_here(const struct ring *r);
/* A free slot, that is now taken; -1: none. */
int ring_take(struct ring *r);
void ring_give(struct ring *r, int slot);
uint8_t *ring_slot(const struct ring *r, int slot);

#endif
