/* How often the counter in the token may be raised, so that it wears for years (docs/formats.md section 19.5): at most one raise in `anchor_interval`, and behind that
 * a bucket of ANCHOR_BURST raises into which one more comes back every ANCHOR_REFILL_MS. Plain values; the caller has the clock and the lock. */
#ifndef COFFER_DAEMON_ANCHOR_PACE_H
#define COFFER_DAEMON_ANCHOR_PACE_H

#include <stdint.h>

#define ANCHOR_BURST 360u
#define ANCHOR_REFILL_MS 300000u

/* Zeros: no raise yet, and the bucket is full. Times are of one clock that only goes forward and is never at 0. */
struct anchor_pace {
	uint64_t last_ms; /* when the last raise began; 0: none yet */
	uint64_t paid_ms; /* raises so far are paid for up to then */
};

/* The next raise is not allowed before this; 0: at once. */
uint64_t anchor_pace_allowed(const struct anchor_pace *pace, uint64_t interval_ms);
/* One begins now. That it was allowed is the caller's to see: those at start and stop are not held back, and are paid for all the same. */
void anchor_pace_take(struct anchor_pace *pace, uint64_t now_ms);
/* How long the next raise is kept back after the one before. */
uint64_t anchor_pace_spacing(const struct anchor_pace *pace, uint64_t interval_ms);

#endif
