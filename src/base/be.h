/* Big-endian numbers in bytes of any alignment, each one load or store. The caller has made sure of the room; reader.h and writer.h do that. Any thread. */
#ifndef COFFER_BASE_BE_H
#define COFFER_BASE_BE_H

#include <stdint.h>
#include <string.h>

/* The 8 bytes at `at`. */
static inline uint64_t be64_get(const uint8_t *at)
{
	uint64_t v;
	memcpy(&v, at, sizeof v);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	v = __builtin_bswap64(v);
#endif
	return v;
}

/* Writes 8 bytes at `at`. */
static inline void be64_put(uint8_t *at, uint64_t v)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	v = __builtin_bswap64(v);
#endif
	memcpy(at, &v, sizeof v);
}

#endif
