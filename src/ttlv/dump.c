/* A message as lines of text without its secrets. */
#include <inttypes.h>
#include <stdio.h>

#include "ttlv/ttlv_internal.h"

#define LINE_MAX_LEN 192u

static void put_text(struct writer *out, const char *text)
{
	writer_bytes(out, view_str(text));
}

static void put_indent(struct writer *out, size_t depth)
{
	for (size_t i = 0; i < depth; i++)
		put_text(out, "  ");
}

/* Numbers are shown; strings of any kind and big integers may be keys, passphrases or names, so only their length is. */
static void put_value(struct writer *out, const struct ttlv_item *item)
{
	char text[LINE_MAX_LEN] = "?";
	int32_t i32;
	int64_t i64;
	uint32_t u32;
	bool b;
	if (ttlv_get_i32(item, &i32) == ERR_OK) snprintf(text, sizeof text, "%" PRId32, i32);
	else if (ttlv_get_i64(item, &i64) == ERR_OK) snprintf(text, sizeof text, "%" PRId64, i64);
	else if (ttlv_get_enum(item, &u32) == ERR_OK) snprintf(text, sizeof text, "0x%08" PRIx32, u32);
	else if (ttlv_get_bool(item, &b) == ERR_OK) snprintf(text, sizeof text, "%s", b ? "true" : "false");
	else if (ttlv_get_time(item, &i64) == ERR_OK) snprintf(text, sizeof text, "%" PRId64, i64);
	else if (ttlv_get_interval(item, &u32) == ERR_OK) snprintf(text, sizeof text, "%" PRIu32 " s", u32);
	else snprintf(text, sizeof text, "(%zu bytes)", item->value.len);
	put_text(out, text);
}

static void put_line(struct writer *out, const struct ttlv_item *item, ttlv_tag_name_fn *tag_name, size_t depth)
{
	char text[LINE_MAX_LEN];
	const char *name = tag_name ? tag_name(item->tag) : NULL;
	put_indent(out, depth);
	if (name) snprintf(text, sizeof text, "%s %s ", name, ttlv_type_name(item->type));
	else snprintf(text, sizeof text, "%06" PRIx32 " %s ", item->tag, ttlv_type_name(item->type));
	put_text(out, text);
	put_value(out, item);
	put_text(out, "\n");
}

static void put_malformed(struct writer *out, size_t depth, size_t left)
{
	char text[LINE_MAX_LEN];
	put_indent(out, depth);
	snprintf(text, sizeof text, "malformed (%zu bytes)\n", left);
	put_text(out, text);
}

void ttlv_dump(struct view message, ttlv_tag_name_fn *tag_name, struct writer *out)
{
	struct view levels[TTLV_DEPTH_MAX + 1] = { message };
	size_t depth = 0;
	for (;;) {
		while (levels[depth].len == 0) {
			if (depth == 0) return;
			depth--;
		}
		struct ttlv_item item;
		if (ttlv_split(levels[depth], &item, &levels[depth]) != ERR_OK) {
			put_malformed(out, depth, levels[depth].len);
			levels[depth].len = 0;
			continue;
		}
		put_line(out, &item, tag_name, depth);
		if (item.type != TTLV_STRUCTURE) continue;
		if (depth == TTLV_DEPTH_MAX) {
			put_malformed(out, depth, item.value.len);
			continue;
		}
		levels[++depth] = item.value;
	}
}
