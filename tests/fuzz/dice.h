/* Numbers from a seed (splitmix64): the same on every machine. For tests that vary their input, never for keys. */
#ifndef COFFER_TESTS_FUZZ_DICE_H
#define COFFER_TESTS_FUZZ_DICE_H

#include <stdbool.h>
#include <stdint.h>

struct dice { uint64_t state; };

static inline uint64_t dice_u64(struct dice *d)
{
	uint64_t z = d->state += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

/* 0 … n-1; n at least 1. */
static inline uint32_t dice_below(struct dice *d, uint32_t n)
{
	return (uint32_t)((dice_u64(d) >> 32) % n);
}

static inline bool dice_one_in(struct dice *d, uint32_t n)
{
	return dice_below(d, n) == 0;
}

#endif
