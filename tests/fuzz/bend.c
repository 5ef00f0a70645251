/* Random changes of a tree of TTLV items. */
#include <string.h>

#include "fuzz/tree.h"
#include "kmip/tags.h"

static uint16_t any(const struct tree *t, struct dice *d)
{
	return t->count > 1 ? (uint16_t)(1 + dice_below(d, t->count - 1)) : 0;
}

/* The node before i among its siblings; 0 when it is the first. */
static uint16_t before(const struct tree *t, uint16_t i)
{
	uint16_t at = t->nodes[t->nodes[i].parent].first, last = 0;
	while (at && at != i) {
		last = at;
		at = t->nodes[at].next;
	}
	return last;
}

static bool is_linked(const struct tree *t, uint16_t i)
{
	uint16_t last = before(t, i);
	return last ? t->nodes[last].next == i : t->nodes[t->nodes[i].parent].first == i;
}

static void drop(struct tree *t, uint16_t i)
{
	if (!is_linked(t, i)) return;
	uint16_t last = before(t, i);
	struct tree_node *above = &t->nodes[t->nodes[i].parent];
	if (last) t->nodes[last].next = t->nodes[i].next;
	else above->first = t->nodes[i].next;
	if (above->last == i) above->last = last;
	t->nodes[i].next = 0;
}

static void swap(struct tree *t, uint16_t i)
{
	uint16_t next = t->nodes[i].next;
	if (!next || !is_linked(t, i)) return;
	uint16_t last = before(t, i);
	struct tree_node *above = &t->nodes[t->nodes[i].parent];
	if (last) t->nodes[last].next = next;
	else above->first = next;
	t->nodes[i].next = t->nodes[next].next;
	t->nodes[next].next = i;
	if (above->last == next) above->last = i;
}

/* A copy of i behind the last child of parent; nodes from `limit` on are the copy's own. */
static void copy_below(struct tree *t, uint16_t i, uint16_t parent, size_t depth, uint32_t limit)
{
	struct tree_node from = t->nodes[i];
	if (!from.branch) {
		uint16_t leaf = tree_leaf(t, parent, from.tag, (enum ttlv_type)from.type, view_of(t->bytes + from.at, from.len));
		if (leaf) t->nodes[leaf].padding = from.padding;
		return;
	}
	uint16_t to = tree_branch(t, parent, from.tag);
	if (!to || depth == TREE_DEPTH) return;
	for (uint16_t c = from.first; c && c < limit; c = t->nodes[c].next) copy_below(t, c, to, depth + 1, limit);
}

static void copy(struct tree *t, uint16_t i, uint16_t parent)
{
	copy_below(t, i, parent, 0, t->count);
}

static void graft(struct tree *t, uint16_t i, struct dice *d)
{
	uint16_t to = any(t, d);
	if (t->nodes[to].branch) copy(t, i, to);
}

/* Structures around a node, or a chain of empty ones below it. */
static void nest(struct tree *t, uint16_t i, struct dice *d)
{
	uint32_t levels = 1 + dice_below(d, 20), tag = t->nodes[i].tag;
	uint16_t at = t->nodes[i].branch ? i : t->nodes[i].parent;
	for (uint32_t k = 0; k < levels; k++) {
		uint16_t next = tree_branch(t, at, tag);
		if (!next) return;
		at = next;
	}
	copy(t, i, at);
}

static void retype(struct tree *t, uint16_t i, struct dice *d)
{
	static const uint8_t lens[] = { 0, 8, 4, 8, 8, 4, 8, 8, 8, 8, 4 };
	struct tree_node *n = &t->nodes[i];
	n->type = dice_one_in(d, 8) ? (uint8_t)dice_below(d, 256) : (uint8_t)(1 + dice_below(d, 10));
	if (n->branch || n->type > 10 || dice_one_in(d, 2)) return;
	if (n->len > lens[n->type]) n->len = lens[n->type]; /* of that type, and well-formed */
}

static void retag(struct tree *t, uint16_t i, struct dice *d)
{
	static const uint32_t bases[] = { 0x420001, 0x540001, 0x540080, 0x420100, 0x000000, 0xfffff0 };
	uint32_t base = bases[dice_below(d, 6)];
	t->nodes[i].tag = base + dice_below(d, base == 0x420001 ? 300 : 64);
}

static void renumber(struct tree *t, uint16_t i, struct dice *d)
{
	static const uint64_t numbers[] = { 0, 1, 2, 3, 4, 5, 7, 8, 15, 16, 63, 64, 65, 127, 255, 256, 4096, 65535, 65536, 65537, 1000000,
		0x7fffffff, 0x80000000, 0x80000001, 0x80000010, 0xffffffff, 1700000000, 0x7fffffffffffffff, 0x8000000000000000, UINT64_MAX };
	struct tree_node *n = &t->nodes[i];
	uint64_t v = dice_one_in(d, 4) ? dice_u64(d) : numbers[dice_below(d, sizeof numbers / sizeof numbers[0])];
	if (n->type == TTLV_ENUMERATION && dice_one_in(d, 2)) v = dice_below(d, 64);
	for (uint32_t k = 0; !n->branch && k < n->len && k < 8; k++) t->bytes[n->at + n->len - 1 - k] = (uint8_t)(v >> 8 * k);
}

static void scribble(struct tree *t, uint16_t i, struct dice *d)
{
	static const uint8_t bad[] = { 0x00, 0x1b, 0x7f, 0x80, 0xc0, 0xed, 0xf5, 0xff, '/', '-', ':', '%', '"' };
	const struct tree_node *n = &t->nodes[i];
	if (n->branch || n->len == 0) return;
	t->bytes[n->at + dice_below(d, n->len)] = dice_one_in(d, 2) ? (uint8_t)dice_u64(d) : bad[dice_below(d, sizeof bad)];
}

static void stretch(struct tree *t, uint16_t i, struct dice *d)
{
	static const uint32_t lens[] = { 0, 1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 255, 256, 257, 1024, 1025, 4096, 4097, 20000 };
	struct tree_node *n = &t->nodes[i];
	uint32_t len = lens[dice_below(d, sizeof lens / sizeof lens[0])];
	if (n->branch || len > TREE_BYTES - t->used) return;
	for (uint32_t k = 0; k < len; k++) t->bytes[t->used + k] = n->len ? t->bytes[n->at + k % n->len] : 'a';
	n->at = t->used;
	n->len = len;
	t->used += len;
}

static void reversion(struct tree *t, struct dice *d)
{
	for (uint32_t i = 1; i < t->count; i++) {
		const struct tree_node *n = &t->nodes[i];
		bool major = n->tag == TAG_PROTOCOL_VERSION_MAJOR, minor = n->tag == TAG_PROTOCOL_VERSION_MINOR;
		if ((!major && !minor) || n->len != 4 || (major && !dice_one_in(d, 8))) continue;
		t->bytes[n->at + 3] = (uint8_t)(dice_one_in(d, 8) ? dice_u64(d) : dice_below(d, 6));
	}
}

static void relength(struct tree *t, uint16_t i, struct dice *d)
{
	static const int32_t offs[] = { 1, -1, 8, -8, 4, -4, 0x7fffffff, -0x7fffffff, 16 };
	t->nodes[i].length_off = offs[dice_below(d, sizeof offs / sizeof offs[0])];
}

void tree_bend(struct tree *t, struct dice *d)
{
	uint16_t i = any(t, d);
	if (!i) return;
	switch (dice_below(d, 20)) {
	case 0: case 1: retype(t, i, d); break;
	case 2: case 3: relength(t, i, d); break;
	case 4: copy(t, i, t->nodes[i].parent); break;
	case 5: case 6: drop(t, i); break;
	case 7: swap(t, i); break;
	case 8: case 9: retag(t, i, d); break;
	case 10: t->nodes[i].padding = (uint8_t)(1 + dice_below(d, 255)); break;
	case 11: case 12: scribble(t, i, d); break;
	case 13: case 14: renumber(t, i, d); break;
	case 15: nest(t, i, d); break;
	case 16: stretch(t, i, d); break;
	case 17: reversion(t, d); break;
	case 18: graft(t, i, d); break;
	default: t->nodes[i].copies = (uint16_t)(dice_one_in(d, 8) ? dice_below(d, 5000) : dice_below(d, 80)); break;
	}
}
