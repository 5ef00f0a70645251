/* Busy polling of a worker (configuration key busy_poll). Worker thread. */
#ifndef COFFER_DAEMON_WORKER_POLL_H
#define COFFER_DAEMON_WORKER_POLL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WORKER_HOT_MAX 4u

struct conn;
struct worker;

struct worker_poll {
	struct conn *hot[WORKER_HOT_MAX]; /* whose requests came since the worker slept */
	unsigned hot_count, victim;
	bool crowded;            /* … and there were more of them */
	int trust;               /* above 0: polling has been worth it */
	bool hit;                /* a request came */
	bool polling;
	uint64_t woke_ns;        /* when the first of them came, monotonic */
	uint64_t slept_ns;       /* when the worker last went to sleep */
	uint64_t off_until_ns;   /* no polling before */
	_Atomic uint64_t served_ns; /* when it last had served all that came; others read it */
	_Atomic unsigned served; /* connections, then */
	uint64_t pause_ns;       /* the last pause; 0: none lately */
	size_t taken;            /* bytes of requests since the glance began */
	unsigned vain, skipped;  /* glances one after the other that found nothing; how many were not taken because of that */
	uint64_t glances;        /* for tests */
	uint64_t polls, lost;    /* how often it began, and was ended because others wanted the processor; for tests */
};

/* So many bytes came on this connection. */
void worker_poll_note(struct worker *w, struct conn *c, size_t len);
/* The connection ends. */
void worker_poll_forget(struct worker *w, const struct conn *c);
/* Before the worker sleeps: asks for more where it is worth it. */
void worker_poll(struct worker *w);

#endif
