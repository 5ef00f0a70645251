/* Hex, UUID text, numbers and UTF-8. */
#include "base/text.h"

#include <string.h>

#include "base/be.h"
#include "base/ct.h"
#include "base/err.h"

/* A digit of 0..15. No table and no branch: what is printed as hex can be a secret. */
static char hex_digit(uint32_t v)
{
	return (char)(v + '0' + ((0u - ((9u - v) >> 31)) & ('a' - '0' - 10u)));
}

void text_hex(struct view bytes, char *out)
{
	for (size_t i = 0; i < bytes.len; i++) {
		*out++ = hex_digit(bytes.ptr[i] >> 4);
		*out++ = hex_digit(bytes.ptr[i] & 15u);
	}
	*out = '\0';
}

/* All ones when lo <= c <= hi, else 0; all below 256. */
static uint32_t in_range(uint32_t c, uint32_t lo, uint32_t hi)
{
	return (((c - lo) | (hi - c)) >> 31) - 1u;
}

/* The value of a hex digit, or 16. */
static uint32_t unhex_digit(uint8_t c)
{
	uint32_t digit = in_range(c, '0', '9'), lower = in_range(c, 'a', 'f'), upper = in_range(c, 'A', 'F');
	uint32_t none = ~(digit | lower | upper);
	return (digit & (c - (uint32_t)'0')) | (lower & (c - 'a' + 10u)) | (upper & (c - 'A' + 10u)) | (none & 16u);
}

enum coffer_err text_unhex(struct view text, uint8_t *out, size_t out_len)
{
	uint32_t bad = 0;
	ENSURE(text.len % 2 == 0 && text.len / 2 == out_len, ERR_INPUT);
	for (size_t i = 0; i < text.len; i++)
		bad |= unhex_digit(text.ptr[i]) & 16u;
	ENSURE(ct_is_zero(&bad, sizeof bad), ERR_INPUT);
	for (size_t i = 0; i < out_len; i++)
		out[i] = (uint8_t)(unhex_digit(text.ptr[2 * i]) << 4 | unhex_digit(text.ptr[2 * i + 1]));
	return ERR_OK;
}

/* RFC 4122 section 3: 8-4-4-4-12 digits; a hyphen stands before these bytes. */
static bool hyphen_before(size_t byte)
{
	return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

/* Unlike other hex these are no secrets: tables may be used. */
void text_uuid(const uint8_t uuid[static UUID_LEN], char out[static UUID_TEXT_LEN + 1])
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < UUID_LEN; i++) {
		if (hyphen_before(i)) *out++ = '-';
		*out++ = digits[uuid[i] >> 4];
		*out++ = digits[uuid[i] & 15u];
	}
	*out = '\0';
}

#define DIGIT 16u /* set for what is a digit */

static const uint8_t uuid_digits[256] = {
	['0'] = DIGIT | 0, ['1'] = DIGIT | 1, ['2'] = DIGIT | 2, ['3'] = DIGIT | 3, ['4'] = DIGIT | 4, ['5'] = DIGIT | 5, ['6'] = DIGIT | 6,
	['7'] = DIGIT | 7, ['8'] = DIGIT | 8, ['9'] = DIGIT | 9, ['a'] = DIGIT | 10, ['b'] = DIGIT | 11, ['c'] = DIGIT | 12, ['d'] = DIGIT | 13,
	['e'] = DIGIT | 14, ['f'] = DIGIT | 15, ['A'] = DIGIT | 10, ['B'] = DIGIT | 11, ['C'] = DIGIT | 12, ['D'] = DIGIT | 13, ['E'] = DIGIT | 14,
	['F'] = DIGIT | 15
};

enum coffer_err text_parse_uuid(struct view text, uint8_t out[static UUID_LEN])
{
	uint8_t bytes[UUID_LEN];
	uint32_t all = DIGIT;
	ENSURE(text.len == UUID_TEXT_LEN, ERR_INPUT);
	const uint8_t *at = text.ptr;
	for (size_t i = 0; i < UUID_LEN; i++) {
		if (hyphen_before(i)) ENSURE(*at++ == '-', ERR_INPUT);
		uint32_t high = uuid_digits[at[0]], low = uuid_digits[at[1]];
		all &= high & low;
		bytes[i] = (uint8_t)(high << 4 | (low & 15u));
		at += 2;
	}
	ENSURE(all & DIGIT, ERR_INPUT);
	memcpy(out, bytes, UUID_LEN);
	return ERR_OK;
}

enum coffer_err text_parse_u64(struct view text, uint64_t *out)
{
	uint64_t v = 0;
	ENSURE(text.len > 0, ERR_INPUT);
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.ptr[i];
		ENSURE(c >= '0' && c <= '9', ERR_INPUT);
		ENSURE(!__builtin_mul_overflow(v, UINT64_C(10), &v), ERR_INPUT);
		ENSURE(!__builtin_add_overflow(v, (uint64_t)(c - '0'), &v), ERR_INPUT);
	}
	*out = v;
	return ERR_OK;
}

/* left > 0 (RFC 3629 section 4). */
static size_t utf8_char(const uint8_t *p, size_t left, uint32_t *out_code)
{
	static const struct { uint8_t lead_min, lead_max, second_min, second_max, len; } forms[] = {
		{ 0x00, 0x7f, 0, 0, 1 },       { 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 },
		{ 0xe1, 0xec, 0x80, 0xbf, 3 }, { 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
		{ 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};
	for (size_t f = 0; f < sizeof forms / sizeof forms[0]; f++) {
		size_t len = forms[f].len;
		if (p[0] < forms[f].lead_min || p[0] > forms[f].lead_max) continue;
		if (len > left) return 0;
		if (len > 1 && (p[1] < forms[f].second_min || p[1] > forms[f].second_max)) return 0;
		uint32_t code = len == 1 ? p[0] : p[0] & (0x7fu >> len);
		for (size_t i = 1; i < len; i++) {
			if ((p[i] & 0xc0) != 0x80) return 0;
			code = code << 6 | (p[i] & 0x3fu);
		}
		*out_code = code;
		return len;
	}
	return 0;
}

size_t text_utf8_char(struct view bytes, uint32_t *out_code)
{
	return bytes.len ? utf8_char(bytes.ptr, bytes.len, out_code) : 0;
}

/* Eight bytes of 1 to 127: what is 0 borrows into the top bit. */
static bool eight_ascii(const uint8_t *at)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);
	uint64_t v = be64_get(at);
	return ((v | (v - ones)) & (ones << 7)) == 0;
}

bool text_is_utf8(struct view bytes)
{
	uint32_t code;
	for (size_t i = 0; i < bytes.len;) {
		if (bytes.len - i >= 8 && eight_ascii(bytes.ptr + i)) {
			i += 8;
			continue;
		}
		if (bytes.ptr[i] - 1u < 0x7f) { /* most text is ASCII */
			i++;
			continue;
		}
		size_t len = utf8_char(bytes.ptr + i, bytes.len - i, &code);
		if (len == 0 || code == 0) return false;
		i += len;
	}
	return true;
}

/* C0 and C1 controls, line separators, and the marks that reorder text on a terminal. */
static bool is_control(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x061c || (code >= 0x200e && code <= 0x200f) ||
		(code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

void text_printable(struct view bytes, char *out, size_t out_cap)
{
	size_t used = 0;
	if (out_cap == 0) return;
	for (size_t i = 0; i < bytes.len;) {
		uint32_t code = 0;
		size_t len = utf8_char(bytes.ptr + i, bytes.len - i, &code);
		bool shown = len > 0 && !is_control(code);
		size_t out_len = shown ? len : 1;
		if (out_len > out_cap - 1 - used) break; /* never half a character */
		if (shown)
			memcpy(out + used, bytes.ptr + i, len);
		else
			out[used] = '?';
		used += out_len;
		i += len ? len : 1;
	}
	out[used] = '\0';
}
