/* Base32 for recovery shares: no table look-ups and no branches that depend on the characters. */
#include "base/ct.h"
#include "base/text.h"

/* 1 when v >= 26, for v < 32. */
static uint32_t at_least_26(uint32_t v)
{
	return ((25u - v) >> 31) & 1u;
}

void text_base32(struct view bytes, char *out)
{
	uint32_t pending = 0;
	unsigned bits = 0;
	size_t i = 0;
	while (i < bytes.len || bits > 0) {
		if (bits < 5 && i < bytes.len) {
			pending = (pending << 8 | bytes.ptr[i++]) & 0xfff;
			bits += 8;
		}
		if (bits < 5) { /* the last character carries zero bits at its end */
			pending <<= 5 - bits;
			bits = 5;
		}
		bits -= 5;
		uint32_t v = pending >> bits & 31u;
		/* 0..25 are 'A'..'Z' (65..), 26..31 are '2'..'7' (50..). */
		*out++ = (char)(v + 65u - 41u * at_least_26(v));
	}
	*out = '\0';
}

/* All ones when lo <= c <= hi, else 0; all below 256. */
static uint32_t in_range(uint32_t c, uint32_t lo, uint32_t hi)
{
	return (((c - lo) | (hi - c)) >> 31) - 1u;
}

/* The value of a character, or 32 when it is none. */
static uint32_t value_of(uint8_t c)
{
	uint32_t upper = in_range(c, 'A', 'Z'), lower = in_range(c, 'a', 'z'), digit = in_range(c, '2', '7');
	uint32_t none = ~(upper | lower | digit);
	return (upper & (c - 65u)) | (lower & (c - 97u)) | (digit & (c - 24u)) | (none & 32u);
}

enum coffer_err text_unbase32(struct view text, uint8_t *out, size_t out_cap, size_t *out_len)
{
	/* Characters beyond whole groups of eight carry 0, 1, 2, 3 or 4 bytes; other counts cannot occur. */
	static const int8_t tail_bytes[8] = { 0, -1, 1, -1, 2, 3, -1, 4 };
	uint32_t bad = 0, pending = 0;
	unsigned bits = 0;
	ENSURE(tail_bytes[text.len % 8] >= 0, ERR_INPUT);
	size_t len = text.len / 8 * 5 + (size_t)tail_bytes[text.len % 8];
	ENSURE(len <= out_cap, ERR_INPUT);

	for (size_t i = 0; i < text.len; i++)
		bad |= value_of(text.ptr[i]) & 32u;
	/* The bits after the last byte must be zero, so that each byte string has one text (RFC 4648 section 3.5). */
	unsigned spare = (unsigned)(text.len % 8 * 5 - (size_t)tail_bytes[text.len % 8] * 8);
	if (text.len > 0) bad |= value_of(text.ptr[text.len - 1]) & ((1u << spare) - 1u);
	ENSURE(ct_is_zero(&bad, sizeof bad), ERR_INPUT);

	for (size_t i = 0, at = 0; at < len; i++) {
		pending = (pending << 5 | value_of(text.ptr[i])) & 0xfff;
		bits += 5;
		if (bits >= 8) {
			bits -= 8;
			out[at++] = (uint8_t)(pending >> bits);
		}
	}
	*out_len = len;
	return ERR_OK;
}
