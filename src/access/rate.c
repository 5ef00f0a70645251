/* The token bucket. */
#include "access/rate.h"

#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S UINT64_C(1000000000)

uint64_t rate_take(struct rate *rate, uint32_t per_second, uint32_t burst, uint32_t count, uint64_t now_mono_ms)
{
	const uint64_t each = NS_PER_S / per_second, slack = each * (burst - 1u), now = now_mono_ms * NS_PER_MS;
	uint64_t until = atomic_load(&rate->until_ns), start;
	do {
		start = until > now ? until : now;
		if (start - now > slack) return (start - now - slack + NS_PER_MS - 1) / NS_PER_MS;
	} while (!atomic_compare_exchange_weak(&rate->until_ns, &until, start + each * count));
	return 0;
}
