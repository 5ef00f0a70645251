/* What the files of alerts share. */
#ifndef COFFER_OPS_ALERT_INTERNAL_H
#define COFFER_OPS_ALERT_INTERNAL_H

#include <pthread.h>

#include "ops/alert.h"

struct alert_kind {
	const char *name; /* NULL: the number is none */
	const char *message_id;
	bool stands;      /* a condition */
	uint32_t hold_ms;
	enum alert_severity severity;
};
extern const struct alert_kind alert_kinds[ALERT_NAMES];

/* Times are of the monotonic clock; those of a loaded record may be negative. */
struct alert_condition {
	enum alert_fact fact;
	int64_t fact_ms;      /* since when the fact is so */
	uint64_t fact_s;      /* the same by the wall clock */
	bool raised;
	bool changed;         /* once at least; then: */
	int64_t changed_ms;   /* the last raise or clear */
	uint64_t since_s;     /* raised: wall time of the fact */
	uint32_t calm_ms;
	char sentence[ALERT_SENTENCE];
};

struct alerts {
	pthread_mutex_t lock;  /* guards the rest */
	struct alert_condition conditions[ALERT_NAMES];
	struct alert_event events[ALERT_QUEUE]; /* oldest first */
	unsigned count, fresh; /* the newest `fresh` of them were not taken by alerts_take_fresh */
	bool under_way;        /* the oldest is being told */
	uint64_t next;         /* number of the next event */
	uint64_t dropped, dropped_untold;
	bool dirty, hurried;
	bool has_command;      /* for status */
	char trouble[ALERT_SENTENCE];
	void (*wake)(void *arg);
	void *wake_arg;
};

#endif
