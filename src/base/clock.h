/* Wall and monotonic time behind one replaceable source, so that tests drive it. Thread-safe. */
#ifndef COFFER_BASE_CLOCK_H
#define COFFER_BASE_CLOCK_H

#include <stdint.h>

uint64_t clock_wall_s(void);   /* seconds since 1970-01-01 UTC */
uint64_t clock_mono_ms(void);  /* milliseconds, never goes back */

/* Tests only: replaces both sources; NULL restores the real ones. */
struct clock_source {
	uint64_t (*wall_s)(void *arg);
	uint64_t (*mono_ms)(void *arg);
	void *arg;
};
void clock_set_source(const struct clock_source *source);

#endif
