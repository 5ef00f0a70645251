/* Configuration values: switches, numbers, sizes and durations, and the nearest name to a mistyped one. */
#include "base/ini.h"

#include <string.h>

#include "base/text.h"

#define SHOWN_MAX 65 /* bytes of a bad value in a sentence, with NUL */

static enum coffer_err fail_value(const struct ini_line *line, const char *expected, struct reason *reason)
{
	char shown[SHOWN_MAX];
	text_printable(view_str(line->value), shown, sizeof shown);
	return reason_fail(reason, ERR_USAGE, "%s:%u: %s: '%s' is not %s", line->file, line->line, line->key, shown, expected);
}

static enum coffer_err check_range(const struct ini_line *line, uint64_t value, uint64_t min, uint64_t max,
	const char *unit, struct reason *reason)
{
	char shown[SHOWN_MAX];
	if (value >= min && value <= max) return ERR_OK;
	text_printable(view_str(line->value), shown, sizeof shown);
	return reason_fail(reason, ERR_USAGE, "%s:%u: %s: '%s' is outside of %llu to %llu%s", line->file, line->line, line->key,
		shown, (unsigned long long)min, (unsigned long long)max, unit);
}

enum coffer_err ini_bool(const struct ini_line *line, bool *out, struct reason *reason)
{
	static const struct { const char *word; bool value; } words[] = {
		{ "yes", true }, { "true", true }, { "on", true }, { "no", false }, { "false", false }, { "off", false },
	};
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		if (strcmp(line->value, words[i].word) != 0) continue;
		*out = words[i].value;
		return ERR_OK;
	}
	return fail_value(line, "yes or no", reason);
}

enum coffer_err ini_u64(const struct ini_line *line, uint64_t min, uint64_t max, uint64_t *out, struct reason *reason)
{
	uint64_t value;
	if (text_parse_u64(view_str(line->value), &value) != ERR_OK) return fail_value(line, "a whole number", reason);
	TRY(check_range(line, value, min, max, "", reason));
	*out = value;
	return ERR_OK;
}

struct unit {
	const char *suffix;
	uint64_t factor;
};

/* A decimal number with exactly one of the suffixes (the list ends in a NULL suffix). */
static bool parse_scaled(const char *text, const struct unit *units, uint64_t *out)
{
	size_t digits = strspn(text, "0123456789");
	uint64_t number;
	if (text_parse_u64(view_of(text, digits), &number) != ERR_OK) return false;
	for (; units->suffix; units++)
		if (strcmp(text + digits, units->suffix) == 0) return !__builtin_mul_overflow(number, units->factor, out);
	return false;
}

enum coffer_err ini_size(const struct ini_line *line, uint64_t min, uint64_t max, uint64_t *out, struct reason *reason)
{
	static const struct unit units[] = {
		{ "", 1 }, { "K", UINT64_C(1) << 10 }, { "M", UINT64_C(1) << 20 }, { "G", UINT64_C(1) << 30 }, { NULL, 0 },
	};
	uint64_t value;
	if (!parse_scaled(line->value, units, &value))
		return fail_value(line, "a size in bytes, or with K, M or G (as in 64M)", reason);
	TRY(check_range(line, value, min, max, " bytes", reason));
	*out = value;
	return ERR_OK;
}

enum coffer_err ini_duration_ms(const struct ini_line *line, uint64_t min, uint64_t max, uint64_t *out,
	struct reason *reason)
{
	static const struct unit units[] = {
		{ "", 1000 }, { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 }, { "d", 86400000 }, { NULL, 0 },
	};
	uint64_t value;
	if (!parse_scaled(line->value, units, &value))
		return fail_value(line, "a duration with ms, s, m, h or d (as in 10s)", reason);
	TRY(check_range(line, value, min, max, " milliseconds", reason));
	*out = value;
	return ERR_OK;
}

#define NEAR_DISTANCE 3u
#define NEAR_WORD_MAX 64u /* longer words have no near name */

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned low = a < b ? a : b;
	return low < c ? low : c;
}

/* Insertions, deletions and replacements from a to b (Levenshtein), by rows. Both at most NEAR_WORD_MAX characters. */
static unsigned distance(const char *a, const char *b)
{
	unsigned row[NEAR_WORD_MAX + 1];
	unsigned b_len = (unsigned)strlen(b);
	for (unsigned j = 0; j <= b_len; j++)
		row[j] = j;
	for (unsigned i = 0; a[i]; i++) {
		unsigned diagonal = row[0];
		row[0] = i + 1;
		for (unsigned j = 0; j < b_len; j++) {
			unsigned replaced = diagonal + (a[i] != b[j]);
			diagonal = row[j + 1];
			row[j + 1] = min3(replaced, row[j] + 1, diagonal + 1);
		}
	}
	return row[b_len];
}

const char *ini_nearest(const char *word, const char *const *names)
{
	const char *nearest = NULL;
	unsigned best = NEAR_DISTANCE + 1;
	if (strlen(word) > NEAR_WORD_MAX) return NULL;
	for (; *names; names++) {
		unsigned far = strlen(*names) > NEAR_WORD_MAX ? best : distance(word, *names);
		if (far >= best) continue;
		best = far;
		nearest = *names;
	}
	return nearest;
}
