/* How often a principal may ask: a token bucket in one word (the generic cell rate algorithm). Any thread, no lock. */
#ifndef COFFER_ACCESS_RATE_H
#define COFFER_ACCESS_RATE_H

#include <stdatomic.h>
#include <stdint.h>

struct rate {
	_Atomic uint64_t until_ns; /* monotonic time at which all that was taken is paid for; 0: nothing was taken yet */
};

/* Takes `count` (at least 1) at per_second (1 and up), when fewer than `burst` (1 and up) are owed still; what one taking owes beyond the burst is paid
 * for later, so a large batch passes and the next waits. Returns 0, or the milliseconds (1 and up) after which it would be granted: then nothing
 * was taken. */
uint64_t rate_take(struct rate *rate, uint32_t per_second, uint32_t burst, uint32_t count, uint64_t now_mono_ms);

#endif
