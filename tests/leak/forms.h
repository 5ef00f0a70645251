/* Markers and the forms in which one can lie in memory: what the scanner looks for. Patterns are kept XOR-masked, so that a scan of memory or swap
 * does not find the scanner itself. */
#ifndef TESTS_LEAK_FORMS_H
#define TESTS_LEAK_FORMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define MARKER_MIN 12u    /* bytes: one window */
#define MARKER_MAX 256u   /* bytes */
#define MARKER_NAME 40u   /* characters with the NUL */
#define PATTERN_MASK 16u  /* bytes of mask, repeated */

struct pattern {
	char marker[MARKER_NAME];
	const char *form; /* a literal: "raw", "hex", "AES schedule" … */
	uint8_t *masked;  /* len bytes, byte i XORed with mask[i % PATTERN_MASK] */
	size_t len;
};

struct patterns {
	struct pattern *rows;
	size_t count, cap;
	uint8_t mask[PATTERN_MASK];
};

/* A new random mask; no rows. */
bool patterns_init(struct patterns *p);
void patterns_free(struct patterns *p);

/* Adds every form of the marker. `is_key`: also what ciphers and MACs make of it (AES key schedules for 16, 24 and 32 bytes, HMAC pads). The caller
 * wipes its own copy. False: out of memory, or a length outside of MARKER_MIN … MARKER_MAX. */
bool patterns_add(struct patterns *p, const char *name, const uint8_t *bytes, size_t len, bool is_key);

/* Reads lines `NAME key|text MASK VALUE`, both in hex, VALUE XORed with the 16 bytes of MASK repeated; lines that begin with # are left out.
 * False, with a sentence on stderr: a line is none of these, or memory. */
bool patterns_read(struct patterns *p, FILE *in, const char *path);

/* One line of such a file, unmasked. */
struct marker {
	char name[MARKER_NAME];
	bool is_key;
	uint8_t bytes[MARKER_MAX];
	size_t len;
};
bool marker_parse(const char *line, struct marker *out);

/* Byte i of a pattern, in the clear. */
static inline uint8_t pattern_byte(const struct patterns *p, const struct pattern *row, size_t i)
{
	return row->masked[i] ^ p->mask[i % PATTERN_MASK];
}

#endif
