/* PCR lists: text, digests. */
#include "token/pcr.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "base/writer.h"

#define CC_POLICY_PCR 0x0000017Fu
#define ALG_SHA256 0x000Bu
#define ALG_SHA384 0x000Cu
#define BITMAP_LEN 3u

static const struct {
	const char *name;
	enum hash_algorithm hash;
	uint16_t alg;
} banks[] = {
	{ "sha256", HASH_SHA256, ALG_SHA256 },
	{ "sha384", HASH_SHA384, ALG_SHA384 },
};
#define BANK_COUNT (sizeof banks / sizeof banks[0])

static size_t bank_index(enum hash_algorithm bank)
{
	size_t i = 0;
	while (i + 1 < BANK_COUNT && banks[i].hash != bank) i++;
	return i;
}

uint8_t pcr_bank_number(enum hash_algorithm bank)
{
	return (uint8_t)(bank_index(bank) + 1);
}

enum coffer_err pcr_bank_of(uint8_t number, enum hash_algorithm *out)
{
	ENSURE(number >= 1 && number <= BANK_COUNT, ERR_CORRUPT);
	*out = banks[number - 1].hash;
	return ERR_OK;
}

/* ---- text ---- */

static struct view cut(struct view *rest, char at)
{
	const uint8_t *end = rest->len ? memchr(rest->ptr, at, rest->len) : NULL;
	struct view part = view_of(rest->ptr, end ? (size_t)(end - rest->ptr) : rest->len);
	*rest = end ? view_of(end + 1, rest->len - part.len - 1) : view_of(NULL, 0);
	return part;
}

static enum coffer_err parse_bank(struct view *rest, struct pcr_selection *out)
{
	ENSURE(rest->len && memchr(rest->ptr, ':', rest->len), ERR_INPUT);
	struct view name = cut(rest, ':');
	for (size_t i = 0; i < BANK_COUNT; i++) {
		if (!view_equal_str(name, banks[i].name)) continue;
		out->bank = banks[i].hash;
		return ERR_OK;
	}
	return ERR_INPUT;
}

/* A number with no sign, blank or leading zero, larger than those before it. */
static enum coffer_err parse_number(struct view text, uint32_t mask, unsigned *out)
{
	uint64_t n = 0;
	ENSURE(text.len >= 1 && text.len <= 2 && !(text.len == 2 && text.ptr[0] == '0'), ERR_INPUT);
	TRY(text_parse_u64(text, &n));
	ENSURE(n < PCR_COUNT && mask >> n == 0, ERR_INPUT);
	*out = (unsigned)n;
	return ERR_OK;
}

/* values NULL: numbers alone. */
static enum coffer_err parse(struct view text, struct pcr_selection *selection, struct pcr_values *values)
{
	bool more = true;
	TRY(parse_bank(&text, selection));
	selection->mask = 0;
	while (more) {
		more = text.len && memchr(text.ptr, ',', text.len);
		struct view value = cut(&text, ',');
		bool has_value = value.len && memchr(value.ptr, '=', value.len);
		struct view number = cut(&value, '=');
		unsigned n = 0;
		ENSURE(has_value == (values != NULL), ERR_INPUT);
		TRY(parse_number(number, selection->mask, &n));
		if (values) TRY(text_unhex(value, values->value[n], hash_len(selection->bank)));
		selection->mask |= 1u << n;
	}
	return ERR_OK;
}

enum coffer_err pcr_parse_list(struct view text, const char *what, struct pcr_selection *out, struct reason *reason)
{
	struct pcr_selection s;
	char shown[48];
	if (parse(text, &s, NULL) == ERR_OK) {
		*out = s;
		return ERR_OK;
	}
	text_printable(text, shown, sizeof shown);
	return reason_fail(reason, ERR_USAGE, "%s: '%s' is no list of PCRs; write sha256:0,7 (bank sha256 or sha384, numbers 0 to 23, rising)",
		what, shown);
}

enum coffer_err pcr_parse_values(struct view text, const char *what, struct pcr_values *out, struct reason *reason)
{
	struct pcr_values v = { .selection = { HASH_SHA256, 0 } };
	char shown[48];
	if (parse(text, &v.selection, &v) == ERR_OK) {
		*out = v;
		return ERR_OK;
	}
	text_printable(text, shown, sizeof shown);
	return reason_fail(reason, ERR_USAGE, "%s: '%s…' is no list of values of PCRs; write sha256:0=HEX,7=HEX (bank sha256 or sha384, numbers "
		"0 to 23, rising, each with the whole value)", what, shown);
}

void pcr_list_text(const struct pcr_selection *selection, char out[static PCR_LIST_TEXT])
{
	size_t len = (size_t)snprintf(out, PCR_LIST_TEXT, "%s", banks[bank_index(selection->bank)].name);
	for (unsigned n = 0, first = 1; n < PCR_COUNT; n++) {
		if (!(selection->mask >> n & 1)) continue;
		len += (size_t)snprintf(out + len, PCR_LIST_TEXT - len, "%c%u", first ? ':' : ',', n);
		first = 0;
	}
}

bool pcr_selection_equal(const struct pcr_selection *a, const struct pcr_selection *b)
{
	return a->bank == b->bank && a->mask == b->mask;
}

unsigned pcr_selection_count(const struct pcr_selection *selection)
{
	return (unsigned)__builtin_popcount(selection->mask);
}

/* ---- digests ---- */

enum coffer_err pcr_values_digest(const struct pcr_values *values, enum hash_algorithm hash, uint8_t *out)
{
	struct view parts[PCR_COUNT];
	size_t count = 0;
	for (unsigned n = 0; n < PCR_COUNT; n++) {
		if (values->selection.mask >> n & 1) parts[count++] = view_of(values->value[n], hash_len(values->selection.bank));
	}
	return hash_parts(hash, parts, count, out);
}

/* H(zeros, TPM_CC_PolicyPCR, TPML_PCR_SELECTION of one bank, digest of the values). */
enum coffer_err pcr_policy_digest(const struct pcr_selection *selection, const uint8_t *values_digest, enum hash_algorithm hash,
	uint8_t *out)
{
	uint8_t text[2 * HASH_LEN_MAX + 16];
	struct writer w;
	writer_init(&w, text, sizeof text);
	writer_zero(&w, hash_len(hash));
	writer_u32(&w, CC_POLICY_PCR);
	writer_u32(&w, 1);
	writer_u16(&w, banks[bank_index(selection->bank)].alg);
	writer_u8(&w, BITMAP_LEN);
	for (unsigned i = 0; i < BITMAP_LEN; i++) writer_u8(&w, (uint8_t)(selection->mask >> 8 * i));
	writer_bytes(&w, view_of(values_digest, hash_len(hash)));
	TRY(writer_done(&w));
	struct view part = writer_view(&w);
	return hash_parts(hash, &part, 1, out);
}
