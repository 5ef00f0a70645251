/* JSON, written. */
#include "ops/json_out.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/text.h"

static void put(struct writer *w, const char *s)
{
	writer_bytes(w, view_str(s));
}

static void put_char(struct writer *w, uint8_t c, bool is_utf8)
{
	char escape[8];
	if (c == '"' || c == '\\') {
		writer_u8(w, '\\');
		writer_u8(w, c);
	} else if (c < 0x20 || c == 0x7f) {
		snprintf(escape, sizeof escape, "\\u%04x", (unsigned)c);
		put(w, escape);
	} else {
		writer_u8(w, c >= 0x80 && !is_utf8 ? '?' : c);
	}
}

static void put_quoted(struct writer *w, struct view value)
{
	bool is_utf8 = text_is_utf8(value);
	writer_u8(w, '"');
	for (size_t i = 0; i < value.len; i++) put_char(w, value.ptr[i], is_utf8);
	writer_u8(w, '"');
}

static void put_name(struct json_out *j, const char *name)
{
	if (j->has_member) writer_u8(j->w, ',');
	j->has_member = true;
	if (!name) return;
	put_quoted(j->w, view_str(name));
	writer_u8(j->w, ':');
}

void json_begin(struct json_out *j, const char *name)
{
	put_name(j, name);
	writer_u8(j->w, '{');
	j->has_member = false;
}

void json_end(struct json_out *j)
{
	writer_u8(j->w, '}');
	j->has_member = true;
}

void json_text(struct json_out *j, const char *name, struct view value)
{
	put_name(j, name);
	put_quoted(j->w, value);
}

void json_str(struct json_out *j, const char *name, const char *value)
{
	json_text(j, name, view_str(value));
}

void json_u64(struct json_out *j, const char *name, uint64_t value)
{
	char text[24];
	snprintf(text, sizeof text, "%" PRIu64, value);
	put_name(j, name);
	put(j->w, text);
}
