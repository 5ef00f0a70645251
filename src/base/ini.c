/* Configuration lines. */
#include "base/ini.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"

#define KEYS_MAX 512u

struct parse {
	const char *file;
	ini_fn *fn;
	void *arg;
	struct reason *reason;
	char section[64];
	unsigned section_line;
	char *seen[KEYS_MAX]; /* "section\0key" of every line, for doubled keys */
	size_t seen_count;
};

static char *trim(char *s)
{
	while (*s == ' ' || *s == '\t') s++;
	size_t n = strlen(s);
	while (n > 0 && (s[n - 1] == ' ' || s[n - 1] == '\t' || s[n - 1] == '\r')) s[--n] = '\0';
	return s;
}

static enum coffer_err begin_section(struct parse *p, char *s, unsigned line)
{
	size_t n = strlen(s);
	if (n < 3 || s[n - 1] != ']' || n - 2 >= sizeof p->section)
		return reason_fail(p->reason, ERR_USAGE, "%s:%u: a section is written [name]", p->file, line);
	memcpy(p->section, s + 1, n - 2);
	p->section[n - 2] = '\0';
	return ERR_OK;
}

static enum coffer_err check_doubled(struct parse *p, const char *key, unsigned line)
{
	char word[256];
	snprintf(word, sizeof word, "%s]%s", p->section, key);
	for (size_t i = 0; i < p->seen_count; i++)
		if (strcmp(p->seen[i], word) == 0)
			return reason_fail(p->reason, ERR_USAGE, "%s:%u: '%s' stands here a second time; keep one of the lines", p->file, line, key);
	if (p->seen_count == KEYS_MAX) return reason_fail(p->reason, ERR_USAGE, "%s:%u: too many lines", p->file, line);
	p->seen[p->seen_count] = strdup(word);
	ENSURE(p->seen[p->seen_count], ERR_MEMORY);
	p->seen_count++;
	return ERR_OK;
}

static enum coffer_err key_line(struct parse *p, char *s, unsigned line)
{
	char *equals = strchr(s, '=');
	if (!equals) return reason_fail(p->reason, ERR_USAGE, "%s:%u: a line is written key = value", p->file, line);
	*equals = '\0';
	char *key = trim(s), *value = trim(equals + 1);
	if (!*key) return reason_fail(p->reason, ERR_USAGE, "%s:%u: there is no key before '='", p->file, line);
	TRY(check_doubled(p, key, line));
	struct ini_line l = { p->file, line, p->section, key, value };
	return p->fn(p->arg, &l, p->reason);
}

static enum coffer_err one_line(struct parse *p, struct view text, unsigned line)
{
	char copy[INI_LINE_MAX + 1];
	if (text.len > INI_LINE_MAX)
		return reason_fail(p->reason, ERR_USAGE, "%s:%u: the line is longer than %u bytes", p->file, line, INI_LINE_MAX);
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.ptr[i];
		if ((c < 0x20 && c != '\t' && c != '\r') || c == 0x7f)
			return reason_fail(p->reason, ERR_USAGE, "%s:%u: there is a control character in the line", p->file, line);
	}
	if (!text_is_utf8(text)) return reason_fail(p->reason, ERR_USAGE, "%s:%u: the line is not UTF-8", p->file, line);
	memcpy(copy, text.ptr, text.len);
	copy[text.len] = '\0';
	char *s = trim(copy);
	if (!*s || *s == '#' || *s == ';') return ERR_OK;
	return *s == '[' ? begin_section(p, s, line) : key_line(p, s, line);
}

enum coffer_err ini_parse(const char *file, struct view bytes, ini_fn *fn, void *arg, struct reason *reason)
{
	struct parse p = { .file = file, .fn = fn, .arg = arg, .reason = reason };
	enum coffer_err err = ERR_OK;
	if (bytes.len > INI_FILE_MAX)
		return reason_fail(reason, ERR_USAGE, "%s: the file is larger than %u bytes", file, INI_FILE_MAX);
	unsigned line = 1;
	for (size_t at = 0; at < bytes.len && !err; line++) {
		const uint8_t *end = memchr(bytes.ptr + at, '\n', bytes.len - at);
		size_t len = end ? (size_t)(end - bytes.ptr) - at : bytes.len - at;
		err = one_line(&p, view_of(bytes.ptr + at, len), line);
		at += len + 1;
	}
	for (size_t i = 0; i < p.seen_count; i++) free(p.seen[i]);
	return err;
}

enum coffer_err ini_parse_file(const char *path, ini_fn *fn, void *arg, struct reason *reason)
{
	AUTO_FILE FILE *f = fopen(path, "re");
	if (!f)
		return reason_fail(reason, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s cannot be read: %s", path, strerror(errno));
	AUTO_FREE char *bytes = malloc(INI_FILE_MAX + 1);
	ENSURE(bytes, ERR_MEMORY);
	size_t n = fread(bytes, 1, INI_FILE_MAX + 1, f);
	if (ferror(f)) return reason_fail(reason, ERR_IO, "%s cannot be read: %s", path, strerror(errno));
	return ini_parse(path, view_of(bytes, n), fn, arg, reason);
}

enum coffer_err ini_bool(const struct ini_line *line, bool *out, struct reason *reason)
{
	static const char *const yes[] = { "yes", "true", "on", "1" }, *const no[] = { "no", "false", "off", "0" };
	for (size_t i = 0; i < 4; i++) {
		if (strcasecmp(line->value, yes[i]) == 0) {
			*out = true;
			return ERR_OK;
		}
		if (strcasecmp(line->value, no[i]) == 0) {
			*out = false;
			return ERR_OK;
		}
	}
	return reason_fail(reason, ERR_USAGE, "%s:%u: %s: '%s' is neither yes nor no", line->file, line->line, line->key, line->value);
}

/* Number and unit of "10s", "64M". ERR_USAGE without a sentence. */
static enum coffer_err number_with_unit(const char *value, uint64_t *out, const char **unit)
{
	size_t digits = strspn(value, "0123456789");
	*unit = value + digits;
	return text_parse_u64(view_of(value, digits), out) == ERR_OK ? ERR_OK : ERR_USAGE;
}

static enum coffer_err in_range(const struct ini_line *line, uint64_t v, uint64_t min, uint64_t max, const char *what,
	uint64_t *out, struct reason *reason)
{
	if (v < min || v > max)
		return reason_fail(reason, ERR_USAGE, "%s:%u: %s: %s is out of range; allowed is %llu to %llu%s", line->file, line->line, line->key,
			line->value, (unsigned long long)min, (unsigned long long)max, what);
	*out = v;
	return ERR_OK;
}

enum coffer_err ini_u64(const struct ini_line *line, uint64_t min, uint64_t max, uint64_t *out, struct reason *reason)
{
	uint64_t v;
	if (text_parse_u64(view_str(line->value), &v) != ERR_OK)
		return reason_fail(reason, ERR_USAGE, "%s:%u: %s: '%s' is not a whole number", line->file, line->line, line->key, line->value);
	return in_range(line, v, min, max, "", out, reason);
}

enum coffer_err ini_size(const struct ini_line *line, uint64_t min, uint64_t max, uint64_t *out, struct reason *reason)
{
	static const struct { const char *unit; unsigned shift; } units[] = { { "", 0 }, { "K", 10 }, { "M", 20 }, { "G", 30 } };
	uint64_t v;
	const char *unit;
	if (number_with_unit(line->value, &v, &unit) == ERR_OK) {
		for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
			if (strcasecmp(unit, units[i].unit) == 0 && v <= UINT64_MAX >> units[i].shift)
				return in_range(line, v << units[i].shift, min, max, " bytes", out, reason);
	}
	return reason_fail(reason, ERR_USAGE, "%s:%u: %s: '%s' is not a size; write bytes, or a number with K, M or G", line->file, line->line,
		line->key, line->value);
}

enum coffer_err ini_duration_ms(const struct ini_line *line, uint64_t min, uint64_t max, uint64_t *out, struct reason *reason)
{
	static const struct { const char *unit; uint64_t ms; } units[] = {
		{ "", 1000 }, { "s", 1000 }, { "ms", 1 }, { "m", 60000 }, { "h", 3600000 }, { "d", 86400000 },
	};
	uint64_t v, ms;
	const char *unit;
	if (number_with_unit(line->value, &v, &unit) == ERR_OK) {
		for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
			if (strcmp(unit, units[i].unit) == 0 && !__builtin_mul_overflow(v, units[i].ms, &ms))
				return in_range(line, ms, min, max, " ms", out, reason);
	}
	return reason_fail(reason, ERR_USAGE, "%s:%u: %s: '%s' is not a time; write a number with ms, s, m, h or d", line->file, line->line,
		line->key, line->value);
}

/* Levenshtein distance, at most `limit` + 1. */
static unsigned distance(const char *a, const char *b, unsigned limit)
{
	enum { LONGEST = 64 };
	unsigned row[LONGEST + 1];
	size_t la = strlen(a), lb = strlen(b);
	if (la > LONGEST || lb > LONGEST) return limit + 1;
	for (size_t j = 0; j <= lb; j++) row[j] = (unsigned)j;
	for (size_t i = 1; i <= la; i++) {
		unsigned diagonal = row[0];
		row[0] = (unsigned)i;
		for (size_t j = 1; j <= lb; j++) {
			unsigned change = diagonal + (a[i - 1] != b[j - 1]), best = row[j] < row[j - 1] ? row[j] : row[j - 1];
			diagonal = row[j];
			row[j] = best + 1 < change ? best + 1 : change;
		}
	}
	return row[lb];
}

const char *ini_nearest(const char *word, const char *const *names)
{
	const char *best = NULL;
	unsigned best_distance = 4;
	for (; *names; names++) {
		unsigned d = distance(word, *names, 3);
		if (d < best_distance && d < strlen(*names)) {
			best_distance = d;
			best = *names;
		}
	}
	return best;
}
