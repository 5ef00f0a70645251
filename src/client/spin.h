/* Whether a wait for an answer first looks for it again and again. A sleeping core takes longer to wake than a small operation takes; but looking
 * costs the core, so it goes on only while answers come quickly, and while nobody else wants the core. Belongs to one connection, under its lock. */
#ifndef COFFER_CLIENT_SPIN_H
#define COFFER_CLIENT_SPIN_H

#include <stdbool.h>
#include <stdint.h>

#define SPIN_AUTO_US 100u
#define SPIN_MAX_US 10000u

struct spin {
	uint64_t limit_ns;  /* of one wait; 0: never */
	uint64_t began_ns;  /* the wait under way */
	uint32_t looks;     /* of this wait */
	uint32_t skip;      /* waits that still sleep at once */
	uint32_t backoff;   /* how many they were last */
	bool looking;
	bool shared;        /* in this wait somebody else ran on this core */
};

/* busy_poll_us of coffer.h. */
void spin_init(struct spin *s, uint32_t busy_poll_us);
/* A wait begins; true: look. */
bool spin_begin(struct spin *s);
/* Nothing was there; true: look once more. Lets others on this core run now and then. */
bool spin_again(struct spin *s);
/* The wait is over: something was there. */
void spin_end(struct spin *s);

#endif
