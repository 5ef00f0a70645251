/* Configuration lines: splits a file into sections, keys and values. */
#include "base/ini.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/fdio.h"
#include "base/text.h"

struct parser {
	const char *file;
	unsigned line;
	struct view section;     /* into the file's bytes */
	char section_text[INI_LINE_MAX + 1];
	void *seen;              /* search tree of struct seen: keys met so far */
	ini_fn *fn;
	void *arg;
	struct reason *reason;
};

struct seen {
	struct view section, key; /* into the file's bytes */
	unsigned line;
};

static int compare_view(struct view a, struct view b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int order = len ? memcmp(a.ptr, b.ptr, len) : 0;
	return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int compare_seen(const void *a, const void *b)
{
	const struct seen *x = a, *y = b;
	int order = compare_view(x->section, y->section);
	return order ? order : compare_view(x->key, y->key);
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

static struct view trim(struct view v)
{
	while (v.len && is_blank(v.ptr[0]))
		v = view_of(v.ptr + 1, v.len - 1);
	while (v.len && is_blank(v.ptr[v.len - 1]))
		v.len--;
	return v;
}

/* Letters, digits and these marks: what a key or section can be made of. */
static bool is_name(struct view v, const char *marks)
{
	for (size_t i = 0; i < v.len; i++) {
		uint8_t c = v.ptr[i];
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
		if (!plain && !strchr(marks, c)) return false;
	}
	return v.len > 0;
}

static void to_text(struct view v, char *out)
{
	if (v.len) memcpy(out, v.ptr, v.len);
	out[v.len] = '\0';
}

#define FAIL_LINE(p, ...) FAIL_LINE_(p, __VA_ARGS__, "")
#define FAIL_LINE_(p, fmt, ...) \
	reason_fail((p)->reason, ERR_USAGE, "%s:%u: " fmt "%s", (p)->file, (p)->line, __VA_ARGS__)

static enum coffer_err check_bytes(const struct parser *p, struct view line)
{
	if (line.len > INI_LINE_MAX) return FAIL_LINE(p, "the line is longer than %u bytes", INI_LINE_MAX);
	for (size_t i = 0; i < line.len; i++) {
		uint8_t c = line.ptr[i];
		if (c == '\r') return FAIL_LINE(p, "a carriage return; save the file with Unix line ends");
		if ((c < 0x20 && c != '\t') || c == 0x7f) return FAIL_LINE(p, "a control character (byte 0x%02x)", c);
	}
	if (!text_is_utf8(line)) return FAIL_LINE(p, "this is not valid UTF-8 text");
	return ERR_OK;
}

static enum coffer_err parse_section(struct parser *p, struct view line)
{
	if (line.ptr[line.len - 1] != ']') return FAIL_LINE(p, "a section line ends in ']'");
	struct view name = trim(view_of(line.ptr + 1, line.len - 2));
	if (!is_name(name, "_-.:@/ ")) return FAIL_LINE(p, "'[...]' needs a section name of letters, digits and _-.:@/");
	p->section = name;
	to_text(name, p->section_text);
	return ERR_OK;
}

static enum coffer_err remember_key(struct parser *p, struct view key, const char *key_text)
{
	AUTO_FREE struct seen *entry = malloc(sizeof *entry);
	ENSURE(entry, ERR_MEMORY);
	*entry = (struct seen){ p->section, key, p->line };
	void *found = tsearch(entry, &p->seen, compare_seen);
	ENSURE(found, ERR_MEMORY);
	struct seen *first = *(struct seen **)found;
	if (first != entry) return FAIL_LINE(p, "%s: given twice, first in line %u", key_text, first->line);
	(void)TAKE(entry); /* the tree's now */
	return ERR_OK;
}

static enum coffer_err parse_line(struct parser *p, struct view line)
{
	char key_text[INI_LINE_MAX + 1], value_text[INI_LINE_MAX + 1];
	TRY(check_bytes(p, line));
	line = trim(line);
	if (line.len == 0 || line.ptr[0] == '#' || line.ptr[0] == ';') return ERR_OK;
	if (line.ptr[0] == '[') return parse_section(p, line);

	const uint8_t *equals = memchr(line.ptr, '=', line.len);
	if (!equals) return FAIL_LINE(p, "expected 'key = value', '[section]' or a comment");
	size_t at = (size_t)(equals - line.ptr);
	struct view key = trim(view_of(line.ptr, at));
	struct view value = trim(view_of(equals + 1, line.len - at - 1));
	if (key.len == 0) return FAIL_LINE(p, "there is no key before '='");
	if (!is_name(key, "_-.")) return FAIL_LINE(p, "a key has letters, digits and _-. only");
	to_text(key, key_text);
	to_text(value, value_text);
	TRY(remember_key(p, key, key_text));
	struct ini_line parsed = { p->file, p->line, p->section_text, key_text, value_text };
	return p->fn(p->arg, &parsed, p->reason);
}

static enum coffer_err parse_lines(struct parser *p, struct view rest)
{
	if (rest.len > INI_FILE_MAX)
		return reason_fail(p->reason, ERR_USAGE, "%s:1: the file is longer than %u bytes", p->file, INI_FILE_MAX);
	while (rest.len) {
		const uint8_t *newline = memchr(rest.ptr, '\n', rest.len);
		size_t len = newline ? (size_t)(newline - rest.ptr) : rest.len;
		size_t used = newline ? len + 1 : len;
		p->line++;
		TRY(parse_line(p, view_of(rest.ptr, len)));
		rest = view_of(rest.ptr + used, rest.len - used);
	}
	return ERR_OK;
}

enum coffer_err ini_parse(const char *file, struct view bytes, ini_fn *fn, void *arg, struct reason *reason)
{
	struct parser p = { .file = file, .fn = fn, .arg = arg, .reason = reason };
	enum coffer_err err = parse_lines(&p, bytes);
	tdestroy(p.seen, free);
	return err;
}

enum coffer_err ini_parse_file(const char *path, ini_fn *fn, void *arg, struct reason *reason)
{
	AUTO_BUF struct buf bytes = BUF_EMPTY;
	TRY(fdio_read_file(path, INI_FILE_MAX, &bytes, reason));
	return ini_parse(path, buf_view(&bytes), fn, arg, reason);
}
