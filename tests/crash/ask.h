/* A step of the history, asked of a node. */
#ifndef COFFER_TESTS_CRASH_ASK_H
#define COFFER_TESTS_CRASH_ASK_H

#include "crash/history.h"
#include "crash/node.h"

/* Asks the step after the last acknowledged one, with its own request id, and notes its acknowledgement in the history. Dies when it is refused. */
void step_ask(struct node *n, struct history *h);

/* What step_ask is made of: the request as a frame, in a buffer that was empty; and what an answer acknowledges (the new object, or the one that the step
 * is about), noted in the history. */
void step_build(uint64_t seed, const struct step *s, struct buf *frame);
void step_acknowledge(struct history *h, const struct step *step, const struct kmip_response_item *item);

#endif
