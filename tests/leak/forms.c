/* Makes the forms of a marker. */
#include "leak/forms.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/ct.h"
#include "leak/schedule.h"

#define FORM_MAX 1024u /* bytes of the longest form */

bool patterns_init(struct patterns *p)
{
	*p = (struct patterns){ .rows = NULL };
	return getrandom(p->mask, sizeof p->mask, 0) == (ssize_t)sizeof p->mask;
}

void patterns_free(struct patterns *p)
{
	for (size_t i = 0; i < p->count; i++) free(p->rows[i].masked);
	free(p->rows);
	*p = (struct patterns){ .rows = NULL };
}

static bool add_row(struct patterns *p, const char *name, const char *form, const uint8_t *bytes, size_t len)
{
	if (len < MARKER_MIN) return true; /* shorter than what counts as found */
	if (p->count == p->cap) {
		size_t cap = p->cap ? 2 * p->cap : 64;
		struct pattern *rows = realloc(p->rows, cap * sizeof *rows);
		if (!rows) return false;
		p->rows = rows;
		p->cap = cap;
	}
	struct pattern row = { .form = form, .masked = malloc(len), .len = len };
	if (!row.masked) return false;
	snprintf(row.marker, sizeof row.marker, "%s", name);
	for (size_t i = 0; i < len; i++) row.masked[i] = bytes[i] ^ p->mask[i % PATTERN_MASK];
	p->rows[p->count++] = row;
	return true;
}

static bool add_hex(struct patterns *p, const char *name, const uint8_t *bytes, size_t len)
{
	static const char digits[2][17] = { "0123456789abcdef", "0123456789ABCDEF" };
	uint8_t text[2 * MARKER_MAX];
	bool ok = true;
	for (int upper = 0; upper < 2; upper++) {
		for (size_t i = 0; i < len; i++) {
			text[2 * i] = (uint8_t)digits[upper][bytes[i] >> 4];
			text[2 * i + 1] = (uint8_t)digits[upper][bytes[i] & 15];
		}
		ok = ok && add_row(p, name, upper ? "HEX" : "hex", text, 2 * len);
	}
	wipe(text, sizeof text);
	return ok;
}

/* The characters that `skip` unknown bytes before the marker leave alone: those made of its bits only. */
static size_t base64_inner(const uint8_t *bytes, size_t len, unsigned skip, bool url, uint8_t *out)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	size_t count = 0, bits = 8 * (len + skip);
	for (size_t at = 0; at + 6 <= bits; at += 6) {
		if (at < 8 * (size_t)skip) continue;
		unsigned value = 0;
		for (size_t b = at; b < at + 6; b++) {
			size_t i = b / 8 - skip;
			value = value << 1 | (unsigned)(bytes[i] >> (7 - b % 8) & 1);
		}
		out[count++] = (uint8_t)(value < 62 ? alphabet[value] : value == 62 ? (url ? '-' : '+') : (url ? '_' : '/'));
	}
	return count;
}

static bool add_base64(struct patterns *p, const char *name, const uint8_t *bytes, size_t len)
{
	static const char *const forms[2][3] = { { "base64", "base64 +1", "base64 +2" }, { "base64url", "base64url +1", "base64url +2" } };
	uint8_t text[2 * MARKER_MAX];
	bool ok = true;
	for (int url = 0; url < 2; url++) {
		for (unsigned skip = 0; skip < 3; skip++) {
			size_t count = base64_inner(bytes, len, skip, url, text);
			ok = ok && add_row(p, name, forms[url][skip], text, count);
		}
	}
	wipe(text, sizeof text);
	return ok;
}

static void swap_words(const uint8_t *in, size_t len, uint8_t *out)
{
	for (size_t i = 0; i < len; i++) out[i] = in[(i & ~(size_t)3) + 3 - i % 4];
}

static bool add_plain(struct patterns *p, const char *name, const uint8_t *bytes, size_t len)
{
	uint8_t other[MARKER_MAX];
	for (size_t i = 0; i < len; i++) other[i] = bytes[len - 1 - i];
	bool ok = add_row(p, name, "raw", bytes, len) && add_row(p, name, "reversed", other, len);
	if (len % 4 == 0) {
		swap_words(bytes, len, other);
		ok = ok && add_row(p, name, "words swapped", other, len);
	}
	wipe(other, sizeof other);
	return ok;
}

static bool add_pads(struct patterns *p, const char *name, const uint8_t *bytes, size_t len)
{
	uint8_t pad[MARKER_MAX];
	for (size_t i = 0; i < len; i++) pad[i] = bytes[i] ^ 0x36;
	bool ok = add_row(p, name, "HMAC inner pad", pad, len);
	for (size_t i = 0; i < len; i++) pad[i] = bytes[i] ^ 0x5c;
	ok = ok && add_row(p, name, "HMAC outer pad", pad, len);
	wipe(pad, sizeof pad);
	return ok;
}

/* What stands behind the key itself, in both byte orders, for encryption and decryption. */
static bool add_schedule(struct patterns *p, const char *name, const uint8_t *bytes, size_t len)
{
	static const char *const forms[2][2] = { { "AES schedule", "AES schedule, words swapped" },
		{ "AES decryption schedule", "AES decryption schedule, words swapped" } };
	uint8_t schedule[AES_SCHEDULE_MAX], swapped[AES_SCHEDULE_MAX];
	bool ok = true;
	for (int inverse = 0; inverse < 2; inverse++) {
		size_t size = aes_schedule(bytes, len, inverse, schedule);
		const uint8_t *begin = inverse ? schedule + 16 : schedule + len; /* round keys 0 and last are the encryption's own */
		size_t count = inverse ? size - 32 : size - len;
		swap_words(begin, count, swapped);
		ok = ok && add_row(p, name, forms[inverse][0], begin, count) && add_row(p, name, forms[inverse][1], swapped, count);
	}
	wipe(schedule, sizeof schedule);
	wipe(swapped, sizeof swapped);
	return ok;
}

bool patterns_add(struct patterns *p, const char *name, const uint8_t *bytes, size_t len, bool is_key)
{
	if (len < MARKER_MIN || len > MARKER_MAX) return false;
	if (!add_plain(p, name, bytes, len) || !add_hex(p, name, bytes, len) || !add_base64(p, name, bytes, len)) return false;
	if (!is_key) return true;
	if (!add_pads(p, name, bytes, len)) return false;
	return (len != 16 && len != 24 && len != 32) || add_schedule(p, name, bytes, len);
}

static int hex_value(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* How many bytes of hex stand at text, up to a blank or the end; -1: another character, or more than cap. */
static int unhex(const char *text, uint8_t *out, size_t cap)
{
	size_t len = 0;
	for (; text[0] && text[0] != ' ' && text[0] != '\n'; text += 2) {
		int high = hex_value(text[0]), low = high < 0 ? -1 : hex_value(text[1]);
		if (low < 0 || len == cap) return -1;
		out[len++] = (uint8_t)(high << 4 | low);
	}
	return (int)len;
}

bool marker_parse(const char *line, struct marker *out)
{
	char kind[8];
	uint8_t mask[16];
	int at = 0, value_at = 0;
	*out = (struct marker){ .len = 0 };
	if (sscanf(line, "%39[^ ] %7[a-z] %n%*s %n", out->name, kind, &at, &value_at) != 2 || !at || !value_at) return false;
	out->is_key = strcmp(kind, "key") == 0;
	if (!out->is_key && strcmp(kind, "text") != 0) return false;
	if (unhex(line + at, mask, sizeof mask) != (int)sizeof mask) return false;
	int len = unhex(line + value_at, out->bytes, sizeof out->bytes);
	if (len < (int)MARKER_MIN) return false;
	out->len = (size_t)len;
	for (size_t i = 0; i < out->len; i++) out->bytes[i] ^= mask[i % sizeof mask];
	return true;
}

bool patterns_read(struct patterns *p, FILE *in, const char *path)
{
	char line[FORM_MAX];
	struct marker m;
	bool ok = true;
	for (unsigned number = 1; ok && fgets(line, sizeof line, in); number++) {
		if (line[0] == '#' || line[0] == '\n') continue;
		ok = marker_parse(line, &m) && patterns_add(p, m.name, m.bytes, m.len, m.is_key);
		if (!ok) fprintf(stderr, "%s:%u: not a marker\n", path, number);
	}
	wipe(&m, sizeof m);
	return ok;
}
