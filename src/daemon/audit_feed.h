/* What one copy of the audit log is fed with: pages of the log, checkpoints, gaps. Its thread's own. */
#ifndef COFFER_DAEMON_AUDIT_FEED_H
#define COFFER_DAEMON_AUDIT_FEED_H

#include "daemon/audit_sink.h"
#include "ops/engine.h"

struct audit_feed {
	struct engine *engine;
	const struct audit_sink_ops *ops;
	struct audit_sink *sink;
	bool located;              /* the sink was asked where it is … */
	bool known;                /* … and place is right, also without it */
	struct audit_place place;  /* behind what is there */
	struct audit_place next;   /* behind the batch under way */
	uint64_t signed_to;        /* newest record with a checkpoint */
	uint64_t due_ms;           /* when a checkpoint is wanted for what is behind it; 0: nothing is */
	uint64_t lost;             /* records that were left out since the start: a gap, or nothing, stands for them */
	uint64_t batch_lost;       /* the same of the batch under way */
	uint8_t *lines;            /* the batch, FEED_BYTES */
	struct audit_batch batch;  /* what is left of it; len 0: none under way */
};

/* The sink is the feed's from then on. ERR_MEMORY: it stays the caller's. */
enum coffer_err audit_feed_init(struct audit_feed *f, struct engine *engine, const struct audit_sink_ops *ops, struct audit_sink *sink) MUST_USE;
void audit_feed_done(struct audit_feed *f);
/* One batch at most. ending: whatever is left, with a checkpoint behind it. *idle: nothing is left to be done now. */
enum coffer_err audit_feed_step(struct audit_feed *f, bool ending, bool *idle) MUST_USE;
/* How long it may sleep, at most most_ms. */
uint64_t audit_feed_pause(const struct audit_feed *f, uint64_t most_ms);
/* A sentence for the log and status. */
const char *audit_feed_trouble(enum coffer_err err);

#endif
