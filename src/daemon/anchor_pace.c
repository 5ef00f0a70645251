/* The bucket behind the interval. */
#include "daemon/anchor_pace.h"

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

uint64_t anchor_pace_allowed(const struct anchor_pace *pace, uint64_t interval_ms)
{
	uint64_t burst = (uint64_t)(ANCHOR_BURST - 1) * ANCHOR_REFILL_MS;
	uint64_t paid = pace->paid_ms > burst ? pace->paid_ms - burst : 0;
	return pace->last_ms ? later(pace->last_ms + interval_ms, paid) : 0;
}

void anchor_pace_take(struct anchor_pace *pace, uint64_t now_ms)
{
	pace->last_ms = now_ms;
	pace->paid_ms = later(pace->paid_ms, now_ms) + ANCHOR_REFILL_MS;
}

uint64_t anchor_pace_spacing(const struct anchor_pace *pace, uint64_t interval_ms)
{
	uint64_t allowed = anchor_pace_allowed(pace, interval_ms);
	return allowed > pace->last_ms ? allowed - pace->last_ms : interval_ms;
}
