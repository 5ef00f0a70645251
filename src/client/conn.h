/* One connection of libcoffer: socket, wire buffers, the last sentence. Used by client/ only. */
#ifndef COFFER_CLIENT_CONN_H
#define COFFER_CLIENT_CONN_H

#include <pthread.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/writer.h"
#include "client/form.h"
#include "client/include/coffer.h"
#include "client/landing.h"
#include "client/spin.h"
#include "client/wire.h"
#include "kmip/message.h"

#define CONN_TEXT_MAX 512u
#define CONN_MEMORY_DEFAULT (12u * 1024u * 1024u)
#define CONN_TIMEOUT_DEFAULT_MS 30000u
#define CONN_STREAMS_MAX 16u /* that the daemon keeps of a connection */

struct ring;

/* Forms of messages (message.c), by enum message_op. */
struct message_forms {
	struct { struct request_form of_batch, alone; } requests[FORM_OPS];
	struct answer_header_form header;
	struct { struct answer_form of_batch, alone; } answers[FORM_OPS];
};

/* Operations sent ahead (ahead.c): a ring of what they are, and one of the messages that they travel in. Counters run on; a place in a ring is the counter
 * modulo COFFER_AHEAD. */
struct ahead_message {
	uint64_t room;                       /* bytes that its answer takes at most */
	bool opens;                          /* the answer brings plaintext */
	uint8_t items;                       /* operations in it that are not collected */
};

struct ahead_queue {
	uint8_t ops[COFFER_AHEAD];           /* enum message_op */
	struct ahead_message messages[COFFER_AHEAD];
	unsigned first, next;                /* operations under way */
	unsigned first_message, next_message;
	unsigned unsent, gathered;           /* messages, and operations in them, that only stand in `out` */
	bool secret;                         /* they have to be wiped there */
	struct writer w;                     /* over `out`, while anything is gathered */
	struct kmip_request_mark mark;       /* of the newest message, while it is open */
	size_t opened_at;                    /* where it begins */
	bool open;
	uint64_t room;                       /* of all messages */
	size_t frame_len;                    /* bytes of the answer that is being collected, at the front of `in`; 0: none is */
	size_t at;                           /* its next item */
	uint8_t position;                    /* that item's number */
	bool alike;                          /* all of it is like what was read before, and this is what it holds: */
	struct { size_t at, len; } results[COFFER_BATCH_MAX]; /* in the answer, by number */
	bool named;                          /* its items carry their numbers */
	bool refused;                        /* it is one refusal of the whole message */
};

struct coffer {
	int fd;
	pthread_mutex_t lock;     /* one call at a time */
	char *path;               /* to connect again */
	int64_t server_uid;
	uint32_t timeout_ms;
	size_t max_memory;
	struct wire out, in;
	struct view aside;        /* bytes of the request in `out` that are sent from the caller's memory, until this call returns; empty: none */
	size_t aside_at;          /* where in `out` they belong: that place is not written */
	size_t last_large;        /* bytes of the answer before, if it was large; else 0 */
	size_t head_only;         /* bytes that `in` takes at most for now; 0: as many as there is room for */
	struct landing *landing;  /* where all goes that comes; NULL: into `in` */
	unsigned ahead;           /* answers that are to be collected */
	struct ahead_queue queue;
	struct message_forms forms;
	uint32_t batch;           /* as in coffer_options */
	size_t lent;              /* bytes at the front of `in` that the caller looks at until the next call */
	bool lent_sealed;         /* they hold nothing that has to be wiped */
	struct spin spin;
	uint64_t socket;          /* number of the socket: grows when the connection is made anew */
	pid_t process;            /* that connected: a child has no part in it */
	struct ring *ring;        /* of this socket; NULL: none (client/ring.h) */
	int32_t abandoned[CONN_STREAMS_MAX]; /* handles of streams that were closed while something else was under way: the daemon has yet to be told (stream.c) */
	unsigned abandoned_count;
	uint64_t abandoned_socket; /* number of the socket that they are of */
	bool no_ring;             /* the caller wants none */
	bool without_ring;        /* this socket gets none */
	bool takes_descriptor;    /* the answer under way may bring one … */
	int descriptor;           /* … which lands here (client/descriptor.h) */
	bool broken;              /* framing or connection lost: every call fails */
	bool garbled;             /* what is in `in` is no answer, or not to what is asked for next */
	const char *why;          /* sentence of what broke it, and its status */
	enum coffer_status why_status;
	bool why_unsaid;          /* it was seen by only looking, or behind an answer that was given: the next call says so */
	char text[CONN_TEXT_MAX]; /* sentence of the last failure */
};

/* Keeps a sentence and returns the status. Under the lock. */
enum coffer_status conn_fail(struct coffer *c, enum coffer_status status, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* The same outside of a call: takes the lock. */
enum coffer_status conn_refuse(struct coffer *c, enum coffer_status status, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
enum coffer_status conn_status_of(enum coffer_err err);

#define CONN_ASIDE_MIN (18u * 1024u) /* bytes that are worth it: two of 16 KiB go together, which is worth more */

/* A Byte String of the request that `w` writes into c->out; a long one stays where it is and is sent from there. The call that takes it sends it. */
void conn_put_bytes(struct coffer *c, struct writer *w, uint32_t tag, struct view bytes);
/* The request of `len` bytes in c->out is done with, and wiped. */
void conn_wipe_request(struct coffer *c, size_t len);
/* The same for one of many, which is overwritten by the next ones, or wiped when nothing is under way any more. */
void conn_keep_request(struct coffer *c, size_t len);
/* The same for one that holds sealed messages at most. */
void conn_leave_request(struct coffer *c);
/* Sends the request of `len` bytes that stands in c->out, while reading what comes meanwhile, so that neither side waits for the other. */
enum coffer_status conn_send(struct coffer *c, size_t len, uint64_t deadline_ms);
/* Whether a whole frame is here already. Frames that cannot be are COFFER_EPROTOCOL, COFFER_ETOOLARGE. */
enum coffer_status conn_whole_frame(struct coffer *c, size_t *out_size, bool *out_whole);
/* The oldest answer: a whole frame, borrowed until conn_consume. */
enum coffer_status conn_receive(struct coffer *c, uint64_t deadline_ms, struct view *out);
/* The first `len` bytes of the answer, and none behind them, into c->in, which is empty; fewer when it is a shorter one. */
enum coffer_status conn_receive_head(struct coffer *c, size_t len, uint64_t deadline_ms);
/* The rest of that answer. On failure what came of it is wiped. */
enum coffer_status conn_receive_rest(struct coffer *c, struct landing *rest, uint64_t deadline_ms);
/* Whether a whole answer is here, without waiting. Also true when waiting for one would fail. */
bool conn_has_answer(struct coffer *c);
/* What a call on a broken connection fails with: what broke it, when no call has said so. */
enum coffer_status conn_is_broken(struct coffer *c);
/* Whether the daemon has not hung up: what was used out of the ring until now is what it put there. */
bool conn_stands(const struct coffer *c);
/* Connects again after the connection broke, waiting for a daemon that is being restarted until the deadline. What was under way is forgotten. */
enum coffer_status conn_reconnect(struct coffer *c, uint64_t deadline_ms);
/* Waits a little before another attempt; false when the deadline has come. */
bool conn_pause(uint64_t deadline_ms);
/* The frame at the front is done with, and wiped. */
void conn_consume(struct coffer *c, size_t len);
/* The same for one that holds sealed messages at most, which callers store wherever they like: it is not wiped before the connection is closed. */
void conn_pass_over(struct coffer *c, size_t len);
/* Wipes the plaintext that is left of operations sent ahead, when none is under way any more. */
void conn_settle(struct coffer *c);
/* What the caller was lent comes back; then conn_settle. At the beginning of a call. */
void conn_take_back(struct coffer *c);
/* Room for a request of up to len bytes at c->out.ptr. */
enum coffer_status conn_prepare(struct coffer *c, size_t len);

#endif
