/* Sealed streams of one connection: the daemon keeps segment number, last flag and segment key (docs/formats.md section 4), the client only a
 * handle. One thread at a time: the connection's worker, or whoever runs its request. */
#ifndef COFFER_OPS_STREAMS_H
#define COFFER_OPS_STREAMS_H

#include <stdint.h>

#include "base/err.h"
#include "base/reason.h"
#include "crypto/stream.h"
#include "objects/object.h"
#include "ops/op_parts.h"

#define OP_STREAMS_MAX 16u
#define OP_STREAM_COST 4096u /* secret memory that one takes */
#define OP_RING_SLOTS_MAX 16u
#define OP_RING_PAGE 4096u /* bytes; slots are whole pages */

/* The connection's ring as operations see it. */
struct op_ring {
	uint8_t *memory;      /* shared with the client; NULL: there is none */
	size_t slot_bytes;
	unsigned slots;
	uint32_t under_way;   /* bit n: slot n is being worked on. Set and cleared by the daemon */
};

/* What the daemon offers to a connection that can carry a descriptor. */
struct op_ring_host {
	/* Makes a ring, which stays until the connection ends, and has its descriptor sent with the answer under way. ERR_BUSY with a sentence: there is no
	 * room for it. */
	enum coffer_err (*map)(void *arg, size_t slot_bytes, unsigned slots, struct op_ring *out, struct reason *reason);
	void *arg;
};

struct op_streams;

/* One open stream: exactly one of sealer and opener is set. */
struct op_stream {
	uint32_t handle;        /* 0: free */
	struct stream_sealer *sealer;
	struct stream_opener *opener;
	uint8_t object_id[UUID_LEN]; /* its key must still be usable when a segment comes */
	struct ledger_line *line;    /* who is charged for it */
};

struct op_streams *op_streams_new(void);
/* Ordinary memory that it takes while no stream is open. */
size_t op_streams_idle_bytes(void);
/* Wipes every stream; accepts NULL. */
void op_streams_free(struct op_streams *streams);
/* host: copied; what it needs outlives the streams. Without one there are no rings. */
void op_streams_set_host(struct op_streams *streams, const struct op_ring_host *host);
const struct op_ring_host *op_streams_host(const struct op_streams *streams); /* NULL: none */
/* Never NULL; its memory is NULL as long as there is no ring. */
struct op_ring *op_streams_ring(struct op_streams *streams);
/* Whether a stream is open. */
bool op_streams_any(const struct op_streams *streams);
/* Whether a stream is being opened (not sealed). */
bool op_streams_opening(const struct op_streams *streams);
/* Takes sealer or opener (one is NULL), and charges the principal (ops/parts_ledger.h). ERR_LIMIT when OP_STREAMS_MAX are open, ERR_BUSY when the principal,
 * or all, have as many as the secret memory is for, ERR_MEMORY (the caller keeps both). */
enum coffer_err op_streams_add(struct op_streams *streams, struct stream_sealer *sealer, struct stream_opener *opener,
	const char *principal, const uint8_t object_id[static UUID_LEN], struct op_stream **out) MUST_USE;
/* ERR_NOT_FOUND. Borrowed until it is closed. */
enum coffer_err op_streams_find(struct op_streams *streams, uint32_t handle, struct op_stream **out) MUST_USE;
/* KMIP's own operations in parts; made when first asked for. NULL when memory is short. */
struct op_parts *op_streams_parts(struct op_streams *streams);
/* Ends streams and operations in parts whose key was destroyed. The connection's worker, while no request of it runs. */
void op_streams_sweep(struct op_streams *streams, struct object_table *objects);
void op_streams_close(struct op_streams *streams, struct op_stream *stream);

#endif
