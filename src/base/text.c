/* Hex, UUID text, numbers and UTF-8. */
#include "base/text.h"

#include <string.h>

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

void text_uuid(const uint8_t uuid[static UUID_LEN], char out[static UUID_TEXT_LEN + 1])
{
	for (size_t i = 0; i < UUID_LEN; i++) {
		if (hyphen_before(i)) *out++ = '-';
		*out++ = hex_digit(uuid[i] >> 4);
		*out++ = hex_digit(uuid[i] & 15u);
	}
	*out = '\0';
}

enum coffer_err text_parse_uuid(struct view text, uint8_t out[static UUID_LEN])
{
	uint8_t digits[2 * UUID_LEN];
	size_t at = 0;
	ENSURE(text.len == UUID_TEXT_LEN, ERR_INPUT);
	for (size_t i = 0; i < UUID_LEN; i++) {
		if (hyphen_before(i)) ENSURE(text.ptr[at++] == '-', ERR_INPUT);
		memcpy(digits + 2 * i, text.ptr + at, 2);
		at += 2;
	}
	return text_unhex(view_of(digits, sizeof digits), out, UUID_LEN);
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

/* Reads one character at p (left > 0 bytes). Its length in bytes, 0 when it is not well-formed (RFC 3629 section 4). */
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

bool text_is_utf8(struct view bytes)
{
	uint32_t code;
	for (size_t i = 0; i < bytes.len;) {
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
