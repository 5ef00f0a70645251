/* AES key expansion; slow and plain, for tests. */
#include "leak/schedule.h"

#include <string.h>

static uint8_t times(uint8_t a, uint8_t b)
{
	unsigned product = 0, x = a;
	for (unsigned i = 0; i < 8; i++, x <<= 1) {
		if (x & 0x100) x ^= 0x11b;
		if (b >> i & 1) product ^= x;
	}
	return (uint8_t)product;
}

/* SubBytes: the inverse in GF(2^8), then the affine map. */
static uint8_t substitute(uint8_t a)
{
	uint8_t inverse = 0;
	for (unsigned b = 1; b < 256 && a; b++) {
		if (times(a, (uint8_t)b) == 1) inverse = (uint8_t)b;
	}
	unsigned r = inverse, s = 0;
	for (unsigned i = 0; i < 5; i++) s ^= r << i | r >> (8 - i);
	return (uint8_t)(s ^ 0x63);
}

static void inverse_mix(uint8_t column[static 4])
{
	static const uint8_t by[4] = { 14, 11, 13, 9 };
	uint8_t in[4];
	memcpy(in, column, sizeof in);
	for (unsigned i = 0; i < 4; i++) {
		column[i] = 0;
		for (unsigned j = 0; j < 4; j++) column[i] ^= times(in[j], by[(j + 4 - i) % 4]);
	}
}

size_t aes_schedule(const uint8_t *key, size_t len, bool inverse, uint8_t out[static AES_SCHEDULE_MAX])
{
	size_t size = 16 * (len / 4 + 7);
	uint8_t rcon = 1;
	memcpy(out, key, len);
	for (size_t at = len; at < size; at += 4) {
		uint8_t word[4];
		memcpy(word, out + at - 4, 4);
		if (at % len == 0) {
			uint8_t first = word[0];
			for (unsigned i = 0; i < 3; i++) word[i] = substitute(word[i + 1]);
			word[3] = substitute(first);
			word[0] ^= rcon;
			rcon = times(rcon, 2);
		} else if (len == 32 && at % len == 16) {
			for (unsigned i = 0; i < 4; i++) word[i] = substitute(word[i]);
		}
		for (unsigned i = 0; i < 4; i++) out[at + i] = out[at + i - len] ^ word[i];
	}
	for (size_t at = 16; inverse && at < size - 16; at += 4) inverse_mix(out + at);
	return size;
}
