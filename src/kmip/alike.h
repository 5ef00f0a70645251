/* Requests that are alike. Who uses a key many times sends the same message over and over, and only the bytes that are to be worked on differ. What a
 * message says is then known from the one before: all bytes outside of those strings are compared, and nothing is read twice. It is as strict as reading,
 * because nothing that is checked in a message depends on what stands in a Byte String. */
#ifndef COFFER_KMIP_ALIKE_H
#define COFFER_KMIP_ALIKE_H

#include "kmip/message.h"

#define KMIP_ALIKE_FIXED_MAX 504u /* bytes that have to be the same; a longer message is read each time */
#define KMIP_ALIKE_HOLES_MAX 4u

struct kmip_place { size_t at, len; }; /* in the frame */

/* One message that was read. Begin it zeroed; kmip_alike_done wipes and frees what it holds. One thread. */
struct kmip_alike {
	struct kmip_place holes[KMIP_ALIKE_HOLES_MAX]; /* values that may differ, in order */
	size_t hole_count;
	struct kmip_place payload, unique_id, client_correlation, server_correlation;
	size_t frame_len;   /* 0: nothing is kept */
	uint8_t *fixed;     /* arena: the bytes around the holes; NULL until first needed */
	bool known_payload; /* for the dispatcher: the fields of this payload were found to be in order */
};

/* Keeps what `q`, which kmip_request_parse has just read from `frame`, is like; or nothing, where that is of no use: only one Encrypt, Decrypt, Seal or
 * Open is kept. */
void kmip_alike_note(struct kmip_alike *a, struct view frame, const struct kmip_request *q);
/* `q` is what was noted, untouched since. True: `frame` is a message like it, and *q says now what this one says; its views are in `frame`. False: *q
 * is as it was, and `frame` is to be read. */
bool kmip_alike_take(const struct kmip_alike *a, struct view frame, struct kmip_request *q) MUST_USE;
/* What was noted is not there any more. */
void kmip_alike_forget(struct kmip_alike *a);
void kmip_alike_done(struct kmip_alike *a);

#endif
