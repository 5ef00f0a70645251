/* One client thread of bench_small: a connection with a number of requests in flight. */
#ifndef COFFER_BENCH_LANE_H
#define COFFER_BENCH_LANE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/view.h"

enum lane_kind { LANE_FRAMES, LANE_LIBRARY };

/* What every thread of a measurement does. Borrowed by the lanes. */
struct lane_plan {
	enum lane_kind kind;
	const char *socket;
	unsigned flight, poll_us;
	/* LANE_FRAMES: the same request again and again; nothing of an answer is looked at but its first bytes, where `expect` has any */
	struct view greeting, request, expect;
	size_t answer_len;
	/* LANE_LIBRARY */
	bool open;        /* decrypt instead of encrypt */
	const char *key;
	struct view text; /* plaintext, or the sealed message */
	_Atomic bool *go, *stop;
	_Atomic unsigned *ready;
};

struct lane {
	const struct lane_plan *plan;
	uint64_t ops, ns;        /* of the time that counts */
	uint64_t cpu_ns;         /* of the client thread */
};

/* The thread: connects, warms up, says that it is ready, works until stop; what it does from go on counts. arg is a struct lane. */
void *lane_main(void *arg);

#endif
