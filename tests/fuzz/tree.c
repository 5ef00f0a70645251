/* Trees of TTLV items: making, reading, writing. */
#include "fuzz/tree.h"

#include <string.h>

void tree_clear(struct tree *t)
{
	t->nodes[0] = (struct tree_node){ .branch = true };
	t->count = 1;
	t->used = 0;
}

static uint16_t add(struct tree *t, uint16_t parent, uint32_t tag, enum ttlv_type type)
{
	if (t->count == TREE_NODES) return 0;
	uint16_t i = (uint16_t)t->count++;
	struct tree_node *above = &t->nodes[parent];
	t->nodes[i] = (struct tree_node){ .tag = tag, .type = (uint8_t)type, .parent = parent };
	if (above->last) t->nodes[above->last].next = i;
	else above->first = i;
	above->last = i;
	return i;
}

uint16_t tree_branch(struct tree *t, uint16_t parent, uint32_t tag)
{
	uint16_t i = add(t, parent, tag, TTLV_STRUCTURE);
	if (i) t->nodes[i].branch = true;
	return i;
}

uint16_t tree_leaf(struct tree *t, uint16_t parent, uint32_t tag, enum ttlv_type type, struct view value)
{
	if (value.len > TREE_BYTES - t->used) return 0;
	uint16_t i = add(t, parent, tag, type);
	if (!i) return 0;
	if (value.len) memcpy(t->bytes + t->used, value.ptr, value.len);
	t->nodes[i].at = t->used;
	t->nodes[i].len = (uint32_t)value.len;
	t->used += (uint32_t)value.len;
	return i;
}

uint16_t tree_text(struct tree *t, uint16_t parent, uint32_t tag, const char *text)
{
	return tree_leaf(t, parent, tag, TTLV_TEXT, view_str(text));
}

static uint16_t number(struct tree *t, uint16_t parent, uint32_t tag, enum ttlv_type type, uint64_t v, size_t len)
{
	uint8_t bytes[8];
	for (size_t i = 0; i < len; i++) bytes[i] = (uint8_t)(v >> 8 * (len - 1 - i));
	return tree_leaf(t, parent, tag, type, view_of(bytes, len));
}

uint16_t tree_u32(struct tree *t, uint16_t parent, uint32_t tag, enum ttlv_type type, uint32_t v)
{
	return number(t, parent, tag, type, v, 4);
}

uint16_t tree_u64(struct tree *t, uint16_t parent, uint32_t tag, enum ttlv_type type, uint64_t v)
{
	return number(t, parent, tag, type, v, 8);
}

void tree_read(struct tree *t, struct view bytes)
{
	struct ttlv_cursor levels[TREE_DEPTH];
	uint16_t above[TREE_DEPTH] = { 0 };
	size_t depth = 0;
	levels[0] = ttlv_cursor_of(bytes);
	for (;;) {
		struct ttlv_item item;
		if (!ttlv_next(&levels[depth], &item)) {
			if (depth-- == 0) return;
			continue;
		}
		if (item.type != TTLV_STRUCTURE || depth + 1 == TREE_DEPTH) {
			tree_leaf(t, above[depth], item.tag, item.type, item.value);
			continue;
		}
		uint16_t i = tree_branch(t, above[depth], item.tag);
		if (!i || ttlv_enter(&item, &levels[depth + 1]) != ERR_OK) continue;
		above[++depth] = i;
	}
}

static void write_leaf(const struct tree *t, const struct tree_node *n, struct writer *w)
{
	writer_u32(w, n->len + (uint32_t)n->length_off);
	writer_bytes(w, view_of(t->bytes + n->at, n->len));
	for (size_t len = n->len; len % 8 != 0; len++) writer_u8(w, n->padding);
}

static void write_node(const struct tree *t, uint16_t i, size_t depth, struct writer *w)
{
	const struct tree_node *n = &t->nodes[i];
	writer_u24(w, n->tag);
	writer_u8(w, n->type);
	if (!n->branch) {
		write_leaf(t, n, w);
		return;
	}
	struct writer_mark mark = writer_reserve_u32(w);
	size_t start = writer_len(w);
	for (uint16_t c = depth < TREE_DEPTH ? n->first : 0; c; c = t->nodes[c].next)
		for (unsigned k = 0; k <= t->nodes[c].copies && w->err == ERR_OK; k++) write_node(t, c, depth + 1, w);
	writer_fill_u32(w, mark, (uint32_t)(writer_len(w) - start) + (uint32_t)n->length_off);
}

size_t tree_write(const struct tree *t, uint8_t *out, size_t cap)
{
	struct writer w;
	writer_init(&w, out, cap);
	for (uint16_t c = t->nodes[0].first; c; c = t->nodes[c].next) {
		write_node(t, c, 0, &w);
		if (w.err != ERR_OK) break;
	}
	return writer_len(&w);
}
