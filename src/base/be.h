/* Big-endian numbers in bytes of any alignment. The compiler makes one load or store of each. The caller has made sure of the room;
 * reader.h and writer.h do that. Any thread. */
#ifndef COFFER_BASE_BE_H
#define COFFER_BASE_BE_H

#include <stdint.h>
#include <string.h>

/* The 8 bytes at `at`. */
static inline uint64_t be64_get(const uint8_t *at)
{
	return (uint64_t)at[0] << 56 | (uint64_t)at[1] << 48 | (uint64_t)at[2] << 40 | (uint64_t)at[3] << 32 | (uint64_t)at[4] << 24 |
		(uint64_t)at[5] << 16 | (uint64_t)at[6] << 8 | at[7];
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
