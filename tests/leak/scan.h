/* Finds the patterns in a stream of bytes. Any 12 bytes of a pattern count as found, wherever they lie and whatever stands around them.
 *
 * Method: a window of 12 bytes holds a word of 8 bytes that begins at a multiple of 4. The 8-byte words of all patterns are hashed into a set; the
 * stream is probed at each multiple of 4, and what is in the set is compared with the patterns to both sides. */
#ifndef TESTS_LEAK_SCAN_H
#define TESTS_LEAK_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "leak/forms.h"

#define SCAN_WINDOW 12u

struct scan_word {
	uint64_t hash;
	uint32_t row, at; /* of the pattern; at is where the word begins */
};

/* What is found, at the offset of its first byte. */
typedef void scan_hit_fn(void *user, uint64_t offset, const struct pattern *row, size_t len);

struct scan {
	const struct patterns *patterns;
	struct scan_word *words; /* open addressing; row UINT32_MAX: free */
	size_t slots;            /* a power of two */
	uint64_t *filter;        /* one bit for each of 2^SCAN_FILTER_BITS hashes */
	uint64_t *last_end;      /* for each pattern: where its last hit in this stream ended */
	scan_hit_fn *hit;
	void *user;
};

/* The patterns stay the caller's and must not change. False: out of memory. */
bool scan_init(struct scan *s, const struct patterns *patterns, scan_hit_fn *hit, void *user);
void scan_free(struct scan *s);

/* A stream begins: offsets from here on. */
void scan_begin(struct scan *s);

#define SCAN_CONTEXT 32u /* bytes of the stream that are looked at to both sides of a probe */

/* Bytes [0, len) of block stand at offset `offset` of the stream, which is a multiple of 4. Probes begin in [from, to); what lies outside of that range is
 * looked at, but not probed. Words that do not end within the block are left out. */
void scan_block(struct scan *s, const uint8_t *block, size_t len, uint64_t offset, size_t from, size_t to);

/* A whole stream in memory, beginning at offset. */
void scan_bytes(struct scan *s, const uint8_t *bytes, size_t len, uint64_t offset);

#endif
