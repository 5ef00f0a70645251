/* Requests that are alike. Who uses a key many times sends the same message over and over, and only the bytes that are to be worked on differ. What a
 * message says is then known from the one before: all bytes outside of those strings are compared, and nothing is read twice. It is as strict as reading,
 * because nothing that is checked in a message depends on what stands in a Byte String. */
#ifndef COFFER_KMIP_ALIKE_H
#define COFFER_KMIP_ALIKE_H

#include "kmip/message.h"

#define KMIP_ALIKE_FIXED_MAX 4088u /* bytes that have to be the same; a longer message is read each time */
#define KMIP_ALIKE_ITEMS_MAX 16u   /* of a batch; libcoffer gathers no more */
#define KMIP_ALIKE_HOLES_MAX 4u    /* of an item */

struct kmip_place { size_t at, len; }; /* in the frame */

/* One message that was read. Begin it zeroed; kmip_alike_done wipes and frees what it holds. One thread. */
struct kmip_alike {
	struct kmip_place holes[KMIP_ALIKE_ITEMS_MAX * KMIP_ALIKE_HOLES_MAX]; /* values that may differ, in order */
	size_t hole_count;
	struct { struct kmip_place payload, unique_id; } items[KMIP_ALIKE_ITEMS_MAX];
	struct kmip_place client_correlation, server_correlation;
	size_t frame_len;   /* 0: nothing is kept */
	uint8_t *fixed;     /* arena: the bytes around the holes; NULL until first needed */
	unsigned place;     /* the owner's, who has several: which it is */
	uint64_t number;    /* another one whenever another message, or none, is kept */
	uint32_t repeats;   /* messages like it since, at most 1: it came again */
	uint32_t known_payloads; /* for the dispatcher, a bit for each item: the fields of its payload were found to be in order */
	unsigned missed;    /* messages in a row that were not like the one before: batches are then kept now and then only */
};

/* Keeps what `q`, which kmip_request_parse has just read from `frame`, is like; or nothing, where that is of no use: only Encrypt, Decrypt, Seal and
 * Open are kept. */
void kmip_alike_note(struct kmip_alike *a, struct view frame, const struct kmip_request *q);
/* `q` is what was noted, untouched since. True: `frame` is a message like it, and *q says now what this one says; its views are in `frame`. False: *q
 * is as it was, and `frame` is to be read. */
bool kmip_alike_take(struct kmip_alike *a, struct view frame, struct kmip_request *q) MUST_USE;
/* What was noted is not there any more. */
void kmip_alike_forget(struct kmip_alike *a);
void kmip_alike_done(struct kmip_alike *a);

#endif
