/* A segment in the connection's ring (docs/formats.md section 15) that has taken its place in its stream: what is left is the cipher's work on it, which
 * any thread may do. The operation begins it in the request; the daemon has it done, and answers in order. */
#ifndef COFFER_OPS_SEGMENT_WORK_H
#define COFFER_OPS_SEGMENT_WORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto/stream.h"

struct segment_work {
	struct stream_sealer *sealer; /* a reference; exactly one of both, or none: there is no work */
	struct stream_opener *opener;
	struct stream_ticket ticket;
	uint32_t handle;              /* of the stream, which may be closed by now */
	unsigned slot;
	uint8_t *bytes;               /* of the slot, in memory that the client changes as it likes; stays mapped until the work is dropped */
	size_t len;                   /* of the segment there */
	uint8_t key_id[16];           /* what the work is counted by when it is done (ops/bulk.h) */
	uint32_t operation;           /* 0: it is not counted */
	bool has_row;                 /* in the audit log already: only a failure is counted */
};

/* The connection's thread, but for segment_work_run. */
bool segment_work_pending(const struct segment_work *work);
/* Bytes of scratch memory that segment_work_run needs; 0 for sealing. */
size_t segment_work_scratch(const struct segment_work *work);
/* Seals or opens the segment in its slot. scratch: memory that nobody else maps; plaintext is left in it. Any thread, once. ERR_CONTEXT: it does not
 * open; after any failure the slot is for segment_work_wipe. */
enum coffer_err segment_work_run(const struct segment_work *work, uint8_t *scratch) MUST_USE;
/* Whether the stream was ended by a segment before this one. */
bool segment_work_ended(const struct segment_work *work);
/* Ends the stream, and wipes the segment in its slot: what it was, and what was made of it. */
void segment_work_fail(struct segment_work *work);
/* The answer that goes with the work cannot be given, and nothing was done yet: ends the stream, which has a gap now, and gives it back. Nothing when
 * there is no work. */
void segment_work_abandon(struct segment_work *work);
/* Gives the stream back. Nothing when there is no work. */
void segment_work_drop(struct segment_work *work);

#endif
