/* Building requests. */
#ifndef COFFER_TESTS_OPS_ASK_H
#define COFFER_TESTS_OPS_ASK_H

#include "base/buf.h"
#include "kmip/attr.h"
#include "kmip/message.h"

struct ask {
	struct buf frame;
	struct writer w;
	struct ttlv_mark message, item, payload;
	bool plain;
};

struct ask_header {
	uint32_t minor;          /* 0: 1.4 … */
	bool zero;               /* … or 1.0 */
	uint32_t max_response;   /* 0: none */
	uint32_t continuation;   /* 0: none */
	uint32_t count;
	void (*before)(struct writer *w); /* fields of the header in front of the Batch Error Continuation Option; NULL: none */
	void (*behind)(struct writer *w); /* those behind it */
	bool plain;              /* a client that knows nothing of our Message Extension */
};

void ask_begin(struct ask *a, const struct ask_header *header);
/* One item in a 1.4 request. */
void ask_one(struct ask *a, uint32_t operation);
/* Begins an item; unique id from its number. */
void ask_item(struct ask *a, uint32_t operation, uint8_t number);
/* request_id: NULL, or 16 bytes for our message extension. */
void ask_item_end(struct ask *a, const uint8_t *request_id);
void ask_end(struct ask *a);
/* The id as Unique Identifier; NULL writes none. */
void ask_id(struct ask *a, const char *id);
/* The fields of Create for the wish of fixture.h. */
struct key_wish;
void ask_key(struct ask *a, const struct key_wish *wish, uint64_t now_s);
void ask_name(struct ask *a, const char *name);

#endif
