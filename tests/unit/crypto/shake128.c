/* Keccak-f[1600] and the sponge around it. */
#include "unit/crypto/shake128.h"

#define RATE 168u /* bytes */

static uint64_t rotate(uint64_t v, unsigned n)
{
	return n == 0 ? v : (v << n) | (v >> (64 - n));
}

static void theta(uint64_t a[25])
{
	uint64_t c[5];
	for (unsigned x = 0; x < 5; x++) c[x] = a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20];
	for (unsigned i = 0; i < 25; i++) a[i] ^= c[(i + 4) % 5] ^ rotate(c[(i + 1) % 5], 1);
}

static void rho_pi_chi(uint64_t a[25])
{
	uint64_t b[25];
	unsigned x = 1, y = 0;
	b[0] = a[0];
	for (unsigned t = 0; t < 24; t++) { /* offsets are the triangular numbers */
		unsigned next_y = (2 * x + 3 * y) % 5;
		b[y + 5 * next_y] = rotate(a[x + 5 * y], ((t + 1) * (t + 2) / 2) % 64);
		x = y;
		y = next_y;
	}
	for (unsigned i = 0; i < 25; i++) {
		unsigned row = i - i % 5;
		a[i] = b[i] ^ (~b[row + (i + 1) % 5] & b[row + (i + 2) % 5]);
	}
}

static void permute(uint64_t a[25])
{
	unsigned lfsr = 1; /* the round constants come from x^8 + x^6 + x^5 + x^4 + 1 */
	for (unsigned round = 0; round < 24; round++) {
		theta(a);
		rho_pi_chi(a);
		for (unsigned j = 0; j < 7; j++) {
			if (lfsr & 1) a[0] ^= UINT64_C(1) << ((1u << j) - 1);
			lfsr = lfsr & 0x80 ? ((lfsr << 1) ^ 0x171) & 0xFF : lfsr << 1;
		}
	}
}

static void mix(struct shake128 *s, uint8_t byte)
{
	s->lane[s->at / 8] ^= (uint64_t)byte << (8 * (s->at % 8));
}

void shake128_absorb(struct shake128 *s, const uint8_t *in, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		mix(s, in[i]);
		if (++s->at == RATE) {
			permute(s->lane);
			s->at = 0;
		}
	}
}

void shake128_squeeze(struct shake128 *s, uint8_t *out, size_t len)
{
	if (!s->squeezing) {
		mix(s, 0x1F);
		s->at = RATE - 1;
		mix(s, 0x80);
		s->at = RATE;
		s->squeezing = true;
	}
	for (size_t i = 0; i < len; i++) {
		if (s->at == RATE) {
			permute(s->lane);
			s->at = 0;
		}
		out[i] = (uint8_t)(s->lane[s->at / 8] >> (8 * (s->at % 8)));
		s->at++;
	}
}
