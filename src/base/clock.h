/* Wall and monotonic time behind one replaceable source, so that tests drive it. Thread-safe. */
#ifndef COFFER_BASE_CLOCK_H
#define COFFER_BASE_CLOCK_H

#include <stdint.h>

uint64_t clock_wall_s(void);   /* seconds since 1970-01-01 UTC */
uint64_t clock_mono_ms(void);  /* milliseconds, never goes back */
/* The same in nanoseconds, for short times; from a replaced source whole milliseconds. */
uint64_t clock_mono_ns(void);
/* clock_mono_ms, late by a tick of the kernel at most (10 ms), in a third of its time: for what each request asks. */
uint64_t clock_mono_coarse_ms(void);

/* The time by which dates of keys are judged: the wall clock, but never before the latest time that is known to have been, and what
 * has passed since by the monotonic clock. So a clock that is wrong at boot neither revives what has ended nor ends, for lack of time, what
 * has begun. Seconds since 1970-01-01 UTC. */
uint64_t clock_date_s(void);
/* The same in milliseconds, for what is put in the order of its making; late by a tick of the kernel at most (10 ms). From a replaced source, and where the wall clock is behind what is known, whole seconds. */
uint64_t clock_date_ms(void);
/* wall_s: a time that has been, such as that of the newest audit record. Replaces what was known; 0 forgets it. */
void clock_set_known_s(uint64_t wall_s);
/* Seconds by which the wall clock is behind what is known; 0 where it is not. */
uint64_t clock_behind_s(void);

/* Tests only: replaces both sources; NULL restores the real ones. */
struct clock_source {
	uint64_t (*wall_s)(void *arg);
	uint64_t (*mono_ms)(void *arg);
	void *arg;
};
void clock_set_source(const struct clock_source *source);

#endif
