/* One operation: build a request, send it, take its answer apart. */
#ifndef COFFER_CLIENT_CALL_H
#define COFFER_CLIENT_CALL_H

#include "client/conn.h"

/* A request that is being built in c->out. */
struct call {
	struct coffer *c;
	struct writer w;
	struct kmip_request_mark request;
	struct kmip_item_mark item;
	uint64_t deadline_ms;
	size_t len;                 /* bytes of the request in c->out */
	bool asks_sealed, gets_sealed; /* the request, and the answer, hold nothing that has to be wiped */
	struct view frame;          /* the answer, until call_end */
	struct { struct kmip_response_item items[1]; } answer; /* its one item */
	unsigned batch;             /* call_begin_batch: operations; else 0 */
	struct ttlv_cursor items;   /* of the answer: those that are to come */
	struct view from;           /* the bytes of the one that was taken last */
	bool named;                 /* it is a batch */
	uint8_t position;           /* number of the next one, which is its Unique Batch Item ID in a batch */
};

/* Takes the connection's lock and begins a request with one batch item; payload_max: bytes that its fields take at most.
 * On failure the lock is not held. */
enum coffer_status call_begin(struct call *call, struct coffer *c, uint32_t operation, size_t payload_max);
/* The same without writing anything: the whole message is put to call->w, and sent by call_transmit. size: bytes of it at most. */
enum coffer_status call_open(struct call *call, struct coffer *c, size_t size);
enum coffer_status call_transmit(struct call *call);
/* A message of `items` operations, named 0, 1 … (one byte of Unique Batch Item ID), each between kmip_request_item_begin and kmip_request_item_end on call->w; then call_exchange, and call_next as
 * often. size: bytes that the items take at most. */
enum coffer_status call_begin_batch(struct call *call, struct coffer *c, unsigned items, size_t size);
/* The same for a segment of a stream: answers of earlier segments may still be under way. */
enum coffer_status call_begin_ahead(struct call *call, struct coffer *c, uint32_t operation, size_t payload_max);
/* Takes the lock to collect an answer whose request was sent before. */
enum coffer_status call_begin_collect(struct call *call, struct coffer *c);
/* A new request id: a version 7 UUID, because the daemon keeps what is made together where it stands together. False: the system has no random bytes. */
bool call_request_id(uint8_t out[static KMIP_REQUEST_ID_LEN]) MUST_USE;
/* Sends it. change: with a request id, so that repeating it has one effect. */
enum coffer_status call_send(struct call *call, bool change);
/* Waits for the answer; call->answer.items[0].payload holds its fields. A refusal keeps its sentence and becomes a status. */
enum coffer_status call_receive(struct call *call);
/* Its two halves: waits until the answer stands in call->frame; reads it. */
enum coffer_status call_await(struct call *call);
enum coffer_status call_read(struct call *call);
/* call_send and call_receive. A change whose answer was lost with the connection is sent again under the same request id, as soon as the daemon is
 * back and open: it has one effect. */
enum coffer_status call_run(struct call *call, bool change);
/* call_run for a batch whose items are written: they carry the request id. COFFER_OK: there is an answer for each of them. */
enum coffer_status call_exchange(struct call *call, bool change);
/* The next item of a batch's answer, in call->answer.items[0]; a refusal keeps its sentence and becomes a status. COFFER_EPROTOCOL breaks the
 * connection. */
enum coffer_status call_next(struct call *call);
/* Forgets the answer (wiped) and gives the lock back. Returns status. */
enum coffer_status call_end(struct call *call, enum coffer_status status);
/* An answer that lacks what it should have: breaks the connection. */
enum coffer_status call_malformed(struct call *call);

/* Fields that several operations share. */
void call_put_key(struct call *call, const char *key);   /* Unique Identifier or key name */
void call_put_context(struct call *call, const struct coffer_pair *context, size_t count);
void call_write_key(struct writer *w, const char *key);  /* the same, into any writer */
void call_write_context(struct writer *w, const struct coffer_pair *context, size_t count);
/* Checks a key's name or UUID before its call begins. COFFER_EINVAL with a sentence. */
enum coffer_status call_check_key(struct coffer *c, const char *key);
/* Checks a context before its call begins; *out_size = bytes that it takes in a request at most. COFFER_EINVAL with a sentence. */
enum coffer_status call_check_context(struct coffer *c, const struct coffer_pair *context, size_t count, size_t *out_size);
/* The payload's byte string under `tag`, behind fields that are passed over. */
bool call_find_bytes(struct ttlv_cursor *payload, uint32_t tag, struct view *out);
/* Whether the item is the one with this number in its batch. */
bool call_item_is(const struct kmip_response_item *item, uint8_t number);
/* Status and sentence of one item of an answer. */
enum coffer_status call_item_status(struct coffer *c, const struct kmip_response_item *item);
/* Bytes of a request besides the fields of its payload, at most. */
#define CALL_OVERHEAD 1024u
/* Copies a byte string to the caller. COFFER_ENOSPACE. */
enum coffer_status call_copy_out(struct call *call, struct view bytes, void *out, size_t out_cap, size_t *out_len);
bool call_is_uuid(const char *key);

/* The JSON document of an answer with one item, copied to text (cap bytes, no NUL behind it). COFFER_ENOSPACE. */
enum coffer_status call_take_json(struct call *call, char *text, size_t cap, size_t *out_len);
/* call_run, that, and call_end. */
enum coffer_status call_end_json(struct call *call, char *text, size_t cap, size_t *out_len);

#endif
