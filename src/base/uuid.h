/* Version 7 UUIDs (RFC 9562 section 5.7): what is made together has identifiers that stand together, and so the same pages of a store's trees. Any thread. */
#ifndef COFFER_BASE_UUID_H
#define COFFER_BASE_UUID_H

#include <stdbool.h>
#include <string.h>

#include "base/be.h"
#include "base/text.h"

#define UUID_TIME_LEN 6u /* bytes in front: milliseconds since 1970-01-01 UTC, big-endian */

/* Makes one of 16 random bytes, of which 74 bits stay; ms: the low 48 bits count. */
static inline void uuid_of_time(uint8_t uuid[static UUID_LEN], uint64_t ms)
{
	uint8_t time[8];
	be64_put(time, ms);
	memcpy(uuid, time + sizeof time - UUID_TIME_LEN, UUID_TIME_LEN);
	uuid[6] = (uint8_t)((uuid[6] & 0x0f) | 0x70);
	uuid[8] = (uint8_t)((uuid[8] & 0x3f) | 0x80);
}

/* Whether it is of version 7, and variant 1. */
static inline bool uuid_has_time(const uint8_t uuid[static UUID_LEN])
{
	return uuid[6] >> 4 == 7 && uuid[8] >> 6 == 2;
}

/* The time that stands in front, whatever the 16 bytes are. */
static inline uint64_t uuid_time(const uint8_t uuid[static UUID_LEN])
{
	return be64_get(uuid) >> 16;
}

#endif
