/* Answers that are alike. When a message is like the one before (kmip/alike.h), and the keys of its items are still the same snapshots, so is its answer:
 * all bytes but those of its Byte Strings and its time stamp. They are kept once, and each further message only has what can change asked again and its
 * cipher run: the node's state, leave (policy), dates, the master server's lease, what is left of a key's GCM budget. What is not as it was takes the
 * way that every other request takes, from the beginning, so nothing is refused here and nothing is decided otherwise. Only whole Encrypt and Decrypt with
 * AES-GCM (KMIP 1.4 sections 4.29, 4.30), Seal and Open are kept, and no key with Usage Limits. One thread. */
#ifndef COFFER_OPS_AGAIN_H
#define COFFER_OPS_AGAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/view.h"
#include "base/writer.h"

#define AGAIN_CONTEXT_MAX 256u /* bytes: messages with a longer encoded context are run each time */

struct again;
struct kmip_alike;
struct op_key;
struct op_local;
struct op_row;
struct request;

enum again_kind { AGAIN_NOT, AGAIN_ENCRYPT, AGAIN_DECRYPT, AGAIN_SEAL, AGAIN_OPEN };

/* What an operation says of one item that it carried out with a warm key. */
struct again_parts {
	enum again_kind kind;
	struct op_key *key;
	struct view in, iv, aad, tag;         /* in the frame */
	size_t out, out_len, out_iv, out_tag; /* values in the answer, from its beginning; out_iv and out_tag: Encrypt alone */
	size_t context_len;                   /* Seal and Open */
	uint8_t context[AGAIN_CONTEXT_MAX];   /* encoded */
};

/* Where p, which `w` gave to be filled, stands in what it wrote. */
static inline size_t again_at(const struct writer *w, const uint8_t *p)
{
	return (size_t)(p - (w->buf ? w->buf->ptr + w->base : w->ptr));
}

/* Accepts NULL. */
void again_free(struct again *a);
/* r came like the one before: gathers from its run what again_run needs for the next. False: that is there, or was found to be of no use, or no memory. */
bool again_begin(struct op_local *local, const struct request *r) MUST_USE;
/* Room for what the operation of the next item says, AGAIN_NOT until then; NULL: there are more items than are kept. */
struct again_parts *again_next(struct op_local *local, const struct request *r);
/* That item was carried out, and its part of the answer stays where it was written (else `stays` is false). */
void again_took(struct op_local *local, const struct request *r, const struct op_row *row, bool stays);
/* The run is over and its answer whole: keeps that, if every item was taken. */
void again_end(struct op_local *local, const struct request *r);
/* Answers r as the message before it was answered, which it is like. False: nothing is done and r->answer is as it was; run it. */
bool again_run(struct op_local *local, struct request *r) MUST_USE;
/* How many it has answered so, for tests. */
uint64_t again_answered(struct op_local *local);

#endif
