/* Fields that are too new, taken out of what was written. */
#include "kmip/newer.h"

#include "kmip/names.h"
#include "kmip/version.h"
#include "ttlv/ttlv.h"

#define LEN_AT 4u /* bytes from the beginning of an item to its length */

/* The structures around the place that is looked at, outermost first. */
struct around {
	struct { size_t at, end; uint32_t tag; } open[TTLV_DEPTH_MAX];
	size_t depth;
};

/* Fields that came into a structure later than their tag came into the protocol. In a 1.x Attribute the structure is an Attribute Value; no other
 * attribute of these versions has such a field in its structure. */
static const struct { uint32_t parent, tag, since; } late[] = {
	{ TAG_DIGEST, TAG_KEY_FORMAT_TYPE, 1 },
	{ TAG_CRYPTOGRAPHIC_PARAMETERS, TAG_CRYPTOGRAPHIC_ALGORITHM, 2 },
	{ TAG_CRYPTOGRAPHIC_PARAMETERS, TAG_DIGITAL_SIGNATURE_ALGORITHM, 2 },
};

static bool is_newer(const struct around *around, uint32_t tag, uint32_t minor)
{
	if (kmip_tag_since(tag) > minor) return true;
	uint32_t parent = around->depth ? around->open[around->depth - 1].tag : 0;
	for (size_t i = 0; i < sizeof late / sizeof late[0]; i++)
		if (late[i].tag == tag && late[i].since > minor && (late[i].parent == parent || parent == TAG_ATTRIBUTE_VALUE)) return true;
	return false;
}

static size_t whole(const struct ttlv_item *item)
{
	return TTLV_HEADER_LEN + (item->value.len + 7) / 8 * 8;
}

static void cut(struct writer *w, struct around *around, size_t at, size_t len)
{
	writer_cut(w, at, len);
	for (size_t i = 0; i < around->depth; i++) {
		size_t begin = around->open[i].at;
		around->open[i].end -= len;
		writer_fill_u32(w, (struct writer_mark){ begin + LEN_AT }, (uint32_t)(around->open[i].end - begin - TTLV_HEADER_LEN));
	}
}

static void drop(struct writer *w, size_t from, uint32_t minor)
{
	struct around around = { .depth = 0 };
	size_t at = from;
	if (writer_done(w) != ERR_OK) return;
	while (at < writer_len(w)) {
		while (around.depth && around.open[around.depth - 1].end == at) around.depth--;
		struct view left = writer_view(w);
		struct ttlv_cursor c = ttlv_cursor_of(view_of(left.ptr + at, left.len - at));
		struct ttlv_item item;
		if (!ttlv_next(&c, &item)) return;
		if (is_newer(&around, item.tag, minor)) {
			cut(w, &around, at, whole(&item));
			continue;
		}
		if (item.type == TTLV_STRUCTURE && item.value.len) {
			PRE(around.depth < TTLV_DEPTH_MAX);
			around.open[around.depth].at = at;
			around.open[around.depth].tag = item.tag;
			around.open[around.depth++].end = at + whole(&item);
			at += TTLV_HEADER_LEN;
		} else {
			at += whole(&item);
		}
	}
}

void kmip_drop_newer(struct writer *w, size_t from, uint32_t minor)
{
	if (minor < KMIP_VERSION_HIGHEST.minor) drop(w, from, minor);
}

void kmip_drop_unknown(struct writer *w, size_t from)
{
	drop(w, from, KMIP_VERSION_HIGHEST.minor);
}
