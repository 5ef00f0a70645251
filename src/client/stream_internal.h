/* A stream and the memory that it lends. Used by client/stream*.c only. */
#ifndef COFFER_CLIENT_STREAM_INTERNAL_H
#define COFFER_CLIENT_STREAM_INTERNAL_H

#include "client/call.h"
#include "client/ring.h"

/*  FREE --lend--> LENT --send--> SENT --collect_lent--> COLLECTED
 *   ^               |              |                       |
 *   +---------------+--- collect --+------ give_back ------+    */
enum piece_state { PIECE_FREE, PIECE_LENT, PIECE_SENT, PIECE_COLLECTED };

/* Room for one segment: a slot of the ring, or memory of the process. */
struct piece {
	enum piece_state state;
	int slot;      /* of the ring; -1: ptr is the process's memory */
	uint8_t *ptr;  /* while it is not free */
	uint8_t *own;  /* the process's memory, kept for the next time */
};

struct sent {
	int piece;     /* -1: its bytes went in the message, and no piece is in use */
	size_t len;
};

struct coffer_stream {
	struct coffer *c;
	uint64_t socket;       /* which socket of the connection the daemon knows the handle on */
	uint32_t operation;    /* Seal Stream or Open Stream */
	int32_t handle;
	uint32_t segment_size; /* plaintext bytes */
	struct ring *ring;     /* NULL: segments go in messages */
	struct piece pieces[COFFER_STREAM_SLOTS];
	struct sent sent[COFFER_STREAM_AHEAD]; /* requests under way, the oldest at `oldest` */
	unsigned oldest, under_way;
	bool last_sent, dead;
};

/* Bytes of a piece that a caller may fill. */
size_t stream_piece_cap(const struct coffer_stream *s);
/* A free piece, now in that state; -1: none (or, when only_slots, none in the ring). -2: no memory. */
int stream_take_piece(struct coffer_stream *s, enum piece_state state, bool only_slots);
void stream_free_piece(struct coffer_stream *s, int piece);
/* Gives all of them back; wipes what was the process's. */
void stream_free_pieces(struct coffer_stream *s);
/* Sends len bytes, which lie in the piece or, with piece -1, at `in`, as the next segment. */
enum coffer_status stream_send(struct coffer_stream *s, int piece, const void *in, size_t len, bool last);
/* Waits for the oldest segment, which is under way no more then: it lies in the answer, or in the slot of its piece. Between call_begin_collect and call_end.
 * COFFER_ESTATE: it is good, but the stream was dead before, so that it must not pass for what comes next. */
enum coffer_status stream_receive(struct coffer_stream *s, struct call *call, struct view *out);
/* The answer to the oldest segment will not come: the connection is broken, and the stream dead. */
void stream_lose(struct coffer_stream *s);
/* Whether the connection that the stream began on still stands. Takes the lock. */
bool stream_stands(struct coffer_stream *s);

#endif
