/* From one request frame to one answer frame. The only caller of operation handlers, the only place of authorisation and audit.
 *
 * Who may not see an object (permission READ) is told that there is none, in the same words as when there is none; only who may see it is told
 * "permission denied". Both are audited as what they are. */
#ifndef COFFER_OPS_DISPATCH_H
#define COFFER_OPS_DISPATCH_H

#include "base/buf.h"
#include "ops/op.h"
#include "ops/segment_work.h"

struct kmip_request;

/* One request on its way: the daemon owns it, one thread at a time works on it. */
struct request {
	struct engine *engine;
	const struct principal *principal; /* borrowed from whoever asks, until the request is done */
	struct op_streams *streams;  /* borrowed from the connection, which waits for the answer */
	struct buf frame;            /* the whole TTLV request; wiped when answered. Empty: it is lent */
	struct view lent_frame;      /* borrowed from who runs the request, until request_keep */
	struct kmip_alike *lent_alike;    /* what lent_parsed held last (kmip/alike.h); NULL: not known */
	struct kmip_request *lent_parsed; /* room for `parsed`, likewise; NULL: request_classify makes its own */
	struct buf answer;           /* the whole TTLV answer, built here */
	size_t answer_at;            /* where it begins: other answers may stand before it */
	enum op_lane lane;           /* from request_classify */
	bool close_after;            /* the answer is the last on this connection (framing lost) */
	/* set by request_run on the worker lane when an object must be loaded first */
	bool want_name;
	uint8_t wanted_id[UUID_LEN];
	char *wanted_name;           /* NUL-terminated, of the request; NULL: none */
	bool loaded_once;            /* the load was tried: a second miss is ERR_NOT_FOUND */
	/* set by request_run on the worker lane when an item was refused: the refusal belongs into the audit log, so the daemon runs the request
	 * again on the store lane (lane is set to it, nothing is to be loaded) */
	bool rerun_on_store;
	struct kmip_request *parsed; /* views into the frame; from request_classify to request_done */
	size_t counted;              /* so many items from the first on are done with counting: they are run again on another lane, and counted once */
	uint64_t counted_failed;     /* bit n: item n was counted as refused or failed; when it is carried out after all, that counts too */
	size_t exact_item;           /* 1 + item whose refusal has an audit row of its own, which was asked for on another lane; 0 none */
	bool anchored;               /* set by request_run: an item was carried out that the anchor stands behind (OP_ANCHORED) */
	uint64_t audit_seq;          /* newest audit row that this request wrote; 0 none */
	/* Set by request_run when the answer says what is only true after the work: have it done before the answer is sent, or send request_failure
	 * instead. */
	struct segment_work work;
};

/* Checks the frame and says on which lane it runs. When the request cannot even be parsed, the error answer is already in
 * r->answer and ERR_INPUT (or the like) is returned: send it. Any thread. */
enum coffer_err request_classify(struct request *r) MUST_USE;
/* Runs it on the lane it belongs to (txn NULL off the store lane). ERR_OK: r->answer is complete (it may well be an error answer).
 * ERR_NOT_CACHED (worker lane only): when r->rerun_on_store, submit the request to the store lane; else load r->wanted_* there
 * (request_load), then run again. On the store lane the caller brackets it with txn_begin/txn_commit and sends the answer only after the
 * commit. */
enum coffer_err request_run(struct request *r, struct op_local *local, struct txn *txn) MUST_USE;
/* Store lane: brings what a worker lacked into the object table. ERR_OK also when it does not exist. */
enum coffer_err request_load(struct request *r, struct txn *txn) MUST_USE;
/* Replaces the answer of a store-lane request by a failure (the commit failed): ERR_FULL, ERR_UNKNOWN_OUTCOME … */
void request_fail(struct request *r, enum coffer_err err, const struct reason *reason);
/* The failure that request_fail would put in place of the answer, into an empty *out; the answer stays. After request_classify said ERR_OK. ERR_MEMORY. */
enum coffer_err request_failure(const struct request *r, enum coffer_err err, const char *text, struct buf *out) MUST_USE;
/* The same in one short answer for the message as a whole, however many items it has. */
void request_refuse(struct request *r, enum coffer_err err, const struct reason *reason);
/* After ERR_UNKNOWN_OUTCOME and store_reopen: whether what this request wrote is in the store. Told by its audit row, which stands in the same
 * transaction as every change; a request that wrote none tells nothing (*out false). Store lane. */
enum coffer_err request_was_durable(struct request *r, struct txn *txn, bool *out) MUST_USE;
/* After request_classify said ERR_OK: batch items, and whether it is nothing but Status. */
uint32_t request_items(const struct request *r);
bool request_is_status(const struct request *r);
/* Whether it is about the next segment of a stream, which stands in the ring. */
bool request_is_ring_segment(const struct request *r);
/* What a request means to a store that is in trouble, by its gravest item. */
enum request_write {
	REQUEST_READS,          /* nothing, but perhaps the audit row of a refusal */
	REQUEST_ENDS,           /* changes that are carried out when the disk is full (OP_WHEN_FULL) */
	REQUEST_CHANGES         /* any other change */
};
enum request_write request_write_kind(const struct request *r);
/* Whether the node's cache may answer it in the place of a database that does not: it reads objects, and changes nothing but what is counted. */
bool request_is_of_cache(const struct request *r);
/* Whether nothing of it writes to the store, not even a refusal. */
bool request_only_reads(const struct request *r);
/* Makes a new request of it for the same engine, principal and streams; the one before is done. */
void request_begin(struct request *r);
/* What is lent becomes the request's own, so that another thread can go on with it. The frame is copied, unless the caller has moved the memory where
 * it stands into r->frame. After request_classify said ERR_OK. ERR_MEMORY: it is still lent. */
enum coffer_err request_keep(struct request *r) MUST_USE;
/* The answer alone; empty while there is none. Borrowed. */
struct view request_answer(const struct request *r);
/* Takes the answer back. */
void request_clear_answer(struct request *r);
/* Wipes and frees frame, answer and what was parsed, but nothing lent. */
void request_done(struct request *r);

/* The dispatch table, for Query, docs and tests. */
const struct op_row *dispatch_rows(size_t *out_count);
const struct op_row *dispatch_find(uint32_t operation);

#endif
