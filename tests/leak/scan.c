/* The search itself. */
#include "leak/scan.h"

#include <stdlib.h>
#include <string.h>

#define WORD 8u
#define STEP 4u
#define SCAN_FILTER_BITS 21u /* 256 KiB: stays in the processor's cache */
#define FREE_SLOT UINT32_MAX

static uint64_t hash_of(uint64_t word)
{
	word ^= word >> 29;
	return word * UINT64_C(0x9E3779B97F4A7C15);
}

static uint64_t load(const uint8_t *p)
{
	uint64_t word;
	memcpy(&word, p, sizeof word);
	return word;
}

static bool filter_has(const struct scan *s, uint64_t hash)
{
	uint64_t bit = hash >> (64 - SCAN_FILTER_BITS);
	return s->filter[bit / 64] >> (bit % 64) & 1;
}

static void insert(struct scan *s, uint64_t hash, uint32_t row, uint32_t at)
{
	uint64_t bit = hash >> (64 - SCAN_FILTER_BITS);
	s->filter[bit / 64] |= UINT64_C(1) << (bit % 64);
	size_t slot = hash & (s->slots - 1);
	while (s->words[slot].row != FREE_SLOT) slot = (slot + 1) & (s->slots - 1);
	s->words[slot] = (struct scan_word){ hash, row, at };
}

/* All bytes alike: memory is full of them. */
static bool is_dull(const uint8_t word[static WORD])
{
	for (unsigned i = 1; i < WORD; i++) {
		if (word[i] != word[0]) return false;
	}
	return true;
}

static void insert_pattern(struct scan *s, uint32_t row)
{
	const struct pattern *p = &s->patterns->rows[row];
	for (size_t at = 0; at + WORD <= p->len; at++) {
		uint8_t word[WORD];
		for (unsigned i = 0; i < WORD; i++) word[i] = pattern_byte(s->patterns, p, at + i);
		if (!is_dull(word)) insert(s, hash_of(load(word)), row, (uint32_t)at);
	}
}

bool scan_init(struct scan *s, const struct patterns *patterns, scan_hit_fn *hit, void *user)
{
	size_t words = 0;
	*s = (struct scan){ .patterns = patterns, .slots = 1024, .hit = hit, .user = user };
	for (size_t i = 0; i < patterns->count; i++) words += patterns->rows[i].len;
	while (s->slots < 4 * words) s->slots *= 2;
	s->words = malloc(s->slots * sizeof *s->words);
	s->filter = calloc((size_t)1 << (SCAN_FILTER_BITS - 6), sizeof *s->filter);
	s->last_end = calloc(patterns->count + 1, sizeof *s->last_end);
	if (!s->words || !s->filter || !s->last_end) {
		scan_free(s);
		return false;
	}
	for (size_t i = 0; i < s->slots; i++) s->words[i].row = FREE_SLOT;
	for (size_t i = 0; i < patterns->count; i++) insert_pattern(s, (uint32_t)i);
	return true;
}

void scan_free(struct scan *s)
{
	free(s->words);
	free(s->filter);
	free(s->last_end);
	*s = (struct scan){ .words = NULL };
}

void scan_begin(struct scan *s)
{
	memset(s->last_end, 0, (s->patterns->count + 1) * sizeof *s->last_end);
}

/* How far block and pattern agree around the word at block[p] and pattern byte `at`; a hit when that is a window. */
static void compare(struct scan *s, const uint8_t *block, size_t len, uint64_t offset, size_t p, uint32_t row, size_t at)
{
	const struct pattern *pattern = &s->patterns->rows[row];
	size_t begin = 0, end = 0;
	if (offset + p < s->last_end[row]) return; /* part of the last hit */
	while (end < pattern->len - at && p + end < len && block[p + end] == pattern_byte(s->patterns, pattern, at + end)) end++;
	if (end < WORD) return; /* another word of this hash */
	while (begin < at && begin < p && block[p - begin - 1] == pattern_byte(s->patterns, pattern, at - begin - 1)) begin++;
	if (begin + end < SCAN_WINDOW) return;
	s->last_end[row] = offset + p + end;
	s->hit(s->user, offset + p - begin, pattern, begin + end);
}

static void look_up(struct scan *s, uint64_t hash, const uint8_t *block, size_t len, uint64_t offset, size_t p)
{
	for (size_t slot = hash & (s->slots - 1); s->words[slot].row != FREE_SLOT; slot = (slot + 1) & (s->slots - 1)) {
		if (s->words[slot].hash == hash) compare(s, block, len, offset, p, s->words[slot].row, s->words[slot].at);
	}
}

void scan_block(struct scan *s, const uint8_t *block, size_t len, uint64_t offset, size_t from, size_t to)
{
	if (len < WORD) return;
	if (to > len - WORD + 1) to = len - WORD + 1;
	for (size_t p = (from + STEP - 1) / STEP * STEP; p < to; p += STEP) {
		uint64_t hash = hash_of(load(block + p));
		if (filter_has(s, hash)) look_up(s, hash, block, len, offset, p);
	}
}

void scan_bytes(struct scan *s, const uint8_t *bytes, size_t len, uint64_t offset)
{
	scan_begin(s);
	scan_block(s, bytes, len, offset, 0, len);
}
