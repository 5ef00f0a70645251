/* What the daemon says of streams, in messages and in a ring of shared memory: for the server of the client's tests. It seals by adding 0x5a to each byte and a
 * tag of the stream's handle, the segment's number and zeros; it can be told to go wrong in every way that the client looks for. */
#ifndef COFFER_TESTS_CLIENT_STREAM_SERVER_H
#define COFFER_TESTS_CLIENT_STREAM_SERVER_H

#include "unit/client/server.h"

/* What is wrong with the descriptor of the ring, or with what is said of it. */
enum ring_flaw {
	RING_GOOD, RING_OLD_DAEMON, RING_BUSY, RING_DENIED,
	RING_NO_DESCRIPTOR, RING_TWO_DESCRIPTORS, RING_MANY_DESCRIPTORS, RING_PIPE, RING_FILE, RING_HUGE_PAGES, RING_READ_ONLY,
	RING_CAN_SHRINK, RING_CAN_GROW, RING_SEALS_OPEN, RING_SHORT, RING_LONG,
	RING_NO_SLOTS, RING_MORE_SLOTS, RING_MANY_SLOTS, RING_SLOTS_NEGATIVE, RING_SLOT_SMALL, RING_SLOT_NEGATIVE, RING_SLOT_UNALIGNED, RING_SLOT_HUGE,
	RING_FLAWS, /* after these the client goes on in messages; after the next ones it trusts nothing any more */
	RING_NO_SIZE = RING_FLAWS, RING_SIZE_ALONE,
};

/* What is wrong with the answer to the segment `bad_at`. */
enum answer_flaw {
	ANSWER_GOOD, ANSWER_OTHER_SLOT, ANSWER_SLOT_NEGATIVE, ANSWER_SLOT_FAR, ANSWER_LONGER, ANSWER_SHORTER, ANSWER_NEGATIVE, ANSWER_HUGE,
	ANSWER_IN_MESSAGE, ANSWER_NO_LENGTH, ANSWER_EMPTY, ANSWER_FLAWS,
};

struct stream_script {
	bool has_ring;
	enum ring_flaw ring_flaw;
	enum answer_flaw answer_flaw;
	unsigned bad_at;        /* segment whose answer is wrong, 1 and up */
	unsigned fail_at;       /* this segment is refused, 1 and up; 0: none */
	unsigned garbage_at;    /* this segment's answer is none */
	unsigned hang_up_at;    /* after this segment's answer the ring is taken back and the connection closed */
	bool keeps_ring;        /* mapped when the server has ended; the test unmaps it */
	int32_t segment_size;   /* in the answer to a begin */
	/* what came */
	unsigned asked, begun, segments, in_ring, closed;
	/* of the server */
	uint8_t *ring;
	size_t ring_size, slot_size;
	struct { int32_t handle; bool opens; unsigned number; } streams[16];
};

#define STREAM_SERVER_HEADER_BYTE 'h'

/* A server_fn; arg is a struct stream_script. */
void serve_streams(struct server *s);
/* The tag that the server gives that segment. */
void stream_server_tag(int32_t handle, unsigned number, uint8_t tag[COFFER_SEGMENT_OVERHEAD]);

#endif
