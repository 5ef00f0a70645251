/* The five lines of a share: printed, and read back from what a person typed. */
#include <stdio.h>
#include <string.h>

#include "base/ct.h"
#include "base/text.h"
#include "base/writer.h"
#include "crypto/hash.h"
#include "keyring/label.h"
#include "recovery/share_bytes.h"

#define GROUP_CHARS 4u
#define DATA_CHARS 24u /* base32 of SHARE_LINE_BYTES */
#define SUM_BYTES 5u   /* as many bytes as 8 base32 characters; 4 of them are kept */
#define SUM_CHARS 8u
#define PRINTED_MAX 1024u

/* First 4 characters of the base32 of SHA-256(T("share-line") | i | bytes). Secret-dependent like the line itself. */
static enum coffer_err line_sum(unsigned i, struct view bytes, char out[static SUM_CHARS + 1])
{
	uint8_t head[LABEL_MAX], digest[HASH_SHA256_LEN];
	struct writer w;
	writer_init(&w, head, sizeof head);
	label_write(&w, "share-line");
	writer_u8(&w, (uint8_t)i);
	TRY(writer_done(&w));
	const struct view parts[] = { writer_view(&w), bytes };
	TRY(hash_parts(HASH_SHA256, parts, 2, digest));
	text_base32(view_of(digest, SUM_BYTES), out);
	return ERR_OK;
}

static enum coffer_err print_line(struct writer *w, unsigned i, struct view bytes)
{
	AUTO_SECRET struct secret *line = secret_new(SHARE_LINE_CHARS + SUM_CHARS + 1);
	ENSURE(line, ERR_MEMORY);
	char *chars = (char *)secret_mut(line);
	char sum[SUM_CHARS + 1];
	text_base32(bytes, chars);
	TRY(line_sum(i, bytes, sum));
	memcpy(chars + DATA_CHARS, sum, GROUP_CHARS);
	writer_u8(w, (uint8_t)('0' + i));
	writer_bytes(w, view_str("  "));
	for (size_t at = 0; at < SHARE_LINE_CHARS; at += GROUP_CHARS) {
		if (at) writer_u8(w, '-');
		writer_bytes(w, view_of(chars + at, GROUP_CHARS));
	}
	writer_u8(w, '\n');
	wipe(sum, sizeof sum);
	return ERR_OK;
}

enum coffer_err share_print(const struct share *share, struct buf *out)
{
	struct writer w;
	char head[160], fingerprint[DOMAIN_FINGERPRINT_TEXT];
	AUTO_SECRET struct secret *bytes = NULL;
	TRY(share_encode(share, &bytes));
	domain_fingerprint_format(share->fingerprint, fingerprint);
	int len = snprintf(head, sizeof head, "coffer share %u of %u, any %u recover\ndomain %s\n", share->x, share->n,
		share->k, fingerprint);
	INVARIANT(len > 0 && (size_t)len < sizeof head);
	writer_init_buf(&w, out, PRINTED_MAX);
	writer_bytes(&w, view_of(head, (size_t)len));
	for (unsigned i = 1; i <= SHARE_LINES; i++)
		TRY(print_line(&w, i, view_of(secret_bytes(bytes) + (i - 1) * SHARE_LINE_BYTES, SHARE_LINE_BYTES)));
	return writer_done(&w);
}

/* ERR_CORRUPT when the checksum is another; else the line's bytes. */
static enum coffer_err decode_line(unsigned i, const char chars[static SHARE_LINE_CHARS], uint8_t out[static SHARE_LINE_BYTES])
{
	char sum[SUM_CHARS + 1];
	size_t len = 0;
	if (text_unbase32(view_of(chars, DATA_CHARS), out, SHARE_LINE_BYTES, &len) != ERR_OK ||
		len != SHARE_LINE_BYTES) return ERR_CORRUPT;
	TRY(line_sum(i, view_of(out, SHARE_LINE_BYTES), sum));
	bool same = ct_equal(sum, chars + DATA_CHARS, GROUP_CHARS);
	wipe(sum, sizeof sum);
	ENSURE(same, ERR_CORRUPT);
	return ERR_OK;
}

/* All ones when a and b are the same byte, else 0. */
static uint32_t same_byte(uint32_t a, uint32_t b)
{
	return 0u - (((a ^ b) - 1u) >> 31);
}

/* Upper case, and the letters that a person takes for digits. Masks in place of branches: the characters are secret, and of a comparison the
 * compiler makes a branch (tests/ct). */
static char plain_char(uint8_t c)
{
	uint32_t u = c, above = (((uint32_t)'z' - u) | (u - (uint32_t)'a')) >> 31; /* 1: not a to z */
	u -= 32u & (above - 1u);
	u += ('O' - '0') & same_byte(u, '0');
	u += ('I' - '1') & same_byte(u, '1');
	u += ('B' - '8') & same_byte(u, '8');
	return (char)u;
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* Where a line has its fillers may be known, and nothing else about a character that is none: one question, answered by ct_is_zero. */
static bool is_filler(uint8_t c)
{
	uint64_t u = c, product = (u ^ ' ') * (u ^ '\t') * (u ^ '\r') * (u ^ '-') * (u ^ '.') * (u ^ ':'); /* below 2^48 */
	return ct_is_zero(&product, sizeof product);
}

/* The end of the first line. Where lines end may be known. */
static size_t line_length(struct view text)
{
	size_t len = 0;
	while (len < text.len && !ct_equal(text.ptr + len, "\n", 1)) len++;
	return len;
}

/* Collects the characters after the digit; returns how many there are, counting on past SHARE_LINE_CHARS. */
static size_t collect(struct view rest, char out[static SHARE_LINE_CHARS])
{
	size_t count = 0;
	for (size_t i = 0; i < rest.len; i++) {
		if (is_filler(rest.ptr[i])) continue;
		if (count < SHARE_LINE_CHARS) out[count] = plain_char(rest.ptr[i]);
		count++;
	}
	return count;
}

struct reading {
	struct secret *bytes;      /* the share, line by line */
	unsigned seen[SHARE_LINES];
	unsigned mistyped;         /* number of the first mistyped line, 0: none */
	size_t mistyped_chars;     /* how many characters it has */
};

static enum coffer_err read_line(struct reading *reading, struct view line)
{
	size_t at = 0;
	while (at < line.len && is_blank(line.ptr[at])) at++;
	if (at == line.len || line.ptr[at] < '1' || line.ptr[at] > '0' + (int)SHARE_LINES) return ERR_OK; /* for people */
	unsigned i = (unsigned)(line.ptr[at] - '0');
	AUTO_SECRET struct secret *chars = secret_new(SHARE_LINE_CHARS);
	ENSURE(chars, ERR_MEMORY);
	char *c = (char *)secret_mut(chars);
	size_t count = collect(view_of(line.ptr + at + 1, line.len - at - 1), c);
	enum coffer_err err = ERR_CORRUPT;
	if (count == SHARE_LINE_CHARS) err = decode_line(i, c, secret_mut(reading->bytes) + (i - 1) * SHARE_LINE_BYTES);
	if (err == ERR_CORRUPT && reading->mistyped == 0) {
		reading->mistyped = i;
		reading->mistyped_chars = count;
	}
	reading->seen[i - 1]++;
	return err == ERR_CORRUPT ? ERR_OK : err;
}

static enum coffer_err read_lines(struct reading *reading, struct view text)
{
	while (text.len > 0) {
		size_t len = line_length(text), step = len < text.len ? len + 1 : len;
		TRY(read_line(reading, view_of(text.ptr, len)));
		text = view_of(text.ptr + step, text.len - step);
	}
	return ERR_OK;
}

static enum coffer_err judge(const struct reading *reading, struct reason *reason)
{
	if (reading->mistyped && reading->mistyped_chars != SHARE_LINE_CHARS)
		return reason_fail(reason, ERR_CORRUPT, "line %u is mistyped: it has %zu characters in place of %u", reading->mistyped,
			reading->mistyped_chars, SHARE_LINE_CHARS);
	if (reading->mistyped)
		return reason_fail(reason, ERR_CORRUPT, "line %u is mistyped: compare it with the sheet", reading->mistyped);
	for (unsigned i = 1; i <= SHARE_LINES; i++)
		if (reading->seen[i - 1] == 0) return reason_fail(reason, ERR_MISSING, "line %u is missing: a share has five lines", i);
	for (unsigned i = 1; i <= SHARE_LINES; i++)
		if (reading->seen[i - 1] > 1) return reason_fail(reason, ERR_FIELD, "line %u is there twice: give one share at a time", i);
	return ERR_OK;
}

enum coffer_err share_read(struct view text, struct share *out, struct reason *reason)
{
	AUTO_SECRET struct secret *bytes = secret_new(SHARE_LEN);
	ENSURE(bytes, ERR_MEMORY);
	struct reading reading = { .bytes = bytes };
	if (text.len > SHARE_TEXT_MAX)
		return reason_fail(reason, ERR_TOO_LARGE, "the text is longer than a share can be (%u bytes)", SHARE_TEXT_MAX);
	TRY(read_lines(&reading, text));
	TRY(judge(&reading, reason));
	return share_decode(bytes, out, reason);
}
