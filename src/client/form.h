/* Forms. Who uses a key many times sends the same request over and over, and is answered alike: only the bytes that are worked on differ, and the lengths
 * around them. A request that was written, and an answer that was read, is kept as a form; the next one is filled in, or held against it, as a whole.
 *
 * A form that is filled in gives the bytes that writing field by field gives. Holding an answer against a form is as strict as reading it: every byte outside
 * of the result and the time stamp has to be the one that was checked and read before, the lengths those that belong to the result's, the number the one
 * that is expected; and what is not alike is read. Nothing that callers protect is kept: a request's form ends before context and data, an answer's before
 * the result. No allocation; under the connection's lock. */
#ifndef COFFER_CLIENT_FORM_H
#define COFFER_CLIENT_FORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/view.h"
#include "base/writer.h"
#include "kmip/message.h"

#define FORM_OPS 3u            /* enum message_op */
#define FORM_REQUEST_MAX 384u  /* bytes: the header of a message and of its item, and the longest name of a key */
#define FORM_TAIL_MAX 64u      /* bytes of an item behind its data */
#define FORM_HEADER_MAX 128u   /* bytes of an answer in front of its items; one that has more is read each time */
#define FORM_ANSWER_MAX 160u   /* bytes of an answer's item in front of its result; likewise */

/* A request up to its context: a batch item, or a whole message of one. Begin it zeroed. */
struct request_form {
	uint16_t len;                 /* bytes in `head`; 0: nothing is kept */
	uint16_t item_at, payload_at; /* their headers in it; with item_at 0 it is an item of a batch, and its number stands before its payload */
	uint16_t key_len;
	uint8_t tail_len;
	uint8_t head[FORM_REQUEST_MAX];
	uint8_t tail[FORM_TAIL_MAX];
};

/* Where what was written into a writer begins, as writer_len. */
struct request_places { size_t start, item, payload, context, tail; };

/* Keeps the request that `w` has written from at->start to its end, with this key ("" when it names none); or nothing, when it does not fit. */
void request_form_keep(struct request_form *f, const struct writer *w, const struct request_places *at, struct view key);
/* Whether it is one with this key. */
bool request_form_is_for(const struct request_form *f, struct view key);
/* Fills the form in where `head` is, which was kept free for f->len bytes. more: bytes of context and data, with their headers, that follow. number: of the
 * item in its batch. */
void request_form_fill(const struct request_form *f, uint8_t *head, size_t more, uint8_t number);

/* An answer up to its items. Begin it zeroed. */
struct answer_header_form {
	uint16_t len;                 /* bytes in `head`; 0: nothing is kept */
	uint16_t time_at, count_at;   /* values in it */
	uint8_t head[FORM_HEADER_MAX];
};

/* An answer's item up to its result, with which it ends. Begin it zeroed. */
struct answer_form {
	uint16_t len;                 /* bytes in `head`; 0: nothing is kept */
	uint16_t payload_at;          /* its header in it */
	uint16_t number_at;           /* its number in the batch; 0: it has none */
	uint32_t tag;                 /* of the result */
	uint8_t head[FORM_ANSWER_MAX];
};

/* Keeps the header of an answer that was read well. */
void answer_header_keep(struct answer_header_form *f, struct view frame);
/* Whether `frame`, whose length is known to be the one that it says, begins like it and has `count` items. They begin behind f->len bytes, and only these are
 * looked at. */
bool answer_header_is_like(struct answer_header_form *f, struct view frame, uint32_t count);
/* Keeps the item that fills `from` and was read well; `fields`: of its payload, all of them; `result`: the one under `tag`. One that was no success, or does not
 * end with its result, is not kept. */
void answer_form_keep(struct answer_form *f, struct view from, const struct kmip_response_item *item, struct view fields, uint32_t tag, struct view result);
/* Whether an item of `total` bytes, of which `head` holds the first ones, f->len at least, is like it up to its result, which is *out_result_len bytes long
 * and followed by zeros up to the next multiple of 8 at most; these and the rest of the item are not looked at. number as below. */
bool answer_form_is_head(struct answer_form *f, const uint8_t *head, size_t total, uint8_t number, size_t *out_result_len);
/* Bytes of the item that `rest` begins with, if it is like it and, where it has numbers, number `number`; else 0. Its result begins behind f->len bytes. */
size_t answer_form_match(struct answer_form *f, struct view rest, uint8_t number, size_t *out_result_len);

#endif
