/* A step of the history, asked of a node. */
#ifndef COFFER_TESTS_CRASH_ASK_H
#define COFFER_TESTS_CRASH_ASK_H

#include "crash/history.h"
#include "crash/node.h"

/* Asks the step after the last acknowledged one, with its own request id, and notes its acknowledgement in the history. Dies when it is refused. */
void step_ask(struct node *n, struct history *h);

#endif
