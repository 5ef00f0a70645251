/* The memory that a client and the daemon share for the segments of streams (docs/formats.md section 15): made by the daemon, of one size for ever, never a
 * file's, wiped at the end. All rings together are bounded by ring_memory, those of one principal by half of it. */
#ifndef COFFER_DAEMON_SEGMENT_RING_H
#define COFFER_DAEMON_SEGMENT_RING_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/reason.h"

struct daemon;
struct peer;

struct segment_ring {
	struct daemon *daemon;
	struct peer *peer;   /* whose it is; stays as long as the connection, which outlives its ring */
	uint8_t *memory;
	size_t bytes;
	int fd;              /* for the client; -1 when it is sent */
};

/* No rings on a machine that may refuse a process its own memory. Before confinement_enter, once. */
void segment_ring_prepare(struct daemon *d);
/* Makes a ring of `bytes`, whole pages, all of them there. ERR_BUSY with a sentence: no room, or the system gives none. Any thread. */
enum coffer_err segment_ring_open(struct daemon *d, struct peer *peer, size_t bytes, struct segment_ring *out, struct reason *reason) MUST_USE;
/* Wipes it. Nothing when it was never opened. Nobody works in it any more. Any thread. */
void segment_ring_close(struct segment_ring *ring);

#endif
