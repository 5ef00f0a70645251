/* The one judge of what a crash left behind.
 *   every acknowledged object is there, in its state or a later one of the step under way; registered material is the registered one; what was
 *   destroyed has no material; nothing is there that nobody asked for; every name has one live holder; every acknowledged step has exactly one
 *   audit row, the step under way at most one; the audit chain verifies; every row of every table opens, and the
 *   version root fits them all. */
#ifndef COFFER_TESTS_CRASH_JUDGE_H
#define COFFER_TESTS_CRASH_JUDGE_H

#include "crash/history.h"
#include "crash/node.h"

typedef void judge_say_fn(void *arg, const char *violation);

struct judge {
	struct node *node;        /* open; borrowed */
	struct history *history;  /* what was acknowledged; borrowed */
	struct step next;         /* the step after it */
	bool under_way;           /* that step may have happened, but was not acknowledged */
	bool live;                /* a whole daemon wrote the store: its own events and refusals are in the audit log too */
	judge_say_fn *say;        /* told each violation */
	void *say_arg;
	size_t seen, strangers;
	unsigned violations;
};

/* Begin with counts of zero. One thread, the node's. */
void judge_all(struct judge *j);

#endif
