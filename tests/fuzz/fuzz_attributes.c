/* Fuzzes kmip_attr_parse, kmip_template_enter and kmip_attr_next, the parsers of kmip/values.h, kmip_key_block_parse, and attribute sets: the input
 * is one TTLV item. What parses is put again and must be the same bytes; what a set keeps comes back the same. */
#include <string.h>

#include "fuzz/mutator.h"
#include "kmip/attr.h"
#include "kmip/keyblock.h"
#include "kmip/values.h"
#include "kmip/wrapping.h"
#include "objects/attrset.h"

const size_t fuzz_skip = 0;

static uint8_t again[256 * 1024];

static struct writer *fresh(struct writer *w)
{
	writer_init(w, again, sizeof again);
	return w;
}

/* What was put is one item with the same contents as `from`. */
static void check_same(const struct writer *w, const struct ttlv_item *from)
{
	struct ttlv_item item;
	REQUIRE(writer_done(w) == ERR_OK && ttlv_root(writer_view(w), &item) == ERR_OK);
	REQUIRE(item.type == from->type && view_equal(item.value, from->value));
}

static void try_set(const struct kmip_attr_value *v)
{
	struct attrset set = { NULL, 0, 0 }, copy = { NULL, 0, 0 };
	struct ttlv_item item;
	struct writer w;
	char custom[KMIP_ATTR_NAME_MAX + 1] = "";
	if (v->custom.len) memcpy(custom, v->custom.ptr, v->custom.len);
	custom[v->custom.len] = '\0';
	const char *key = v->id == ATTR_CUSTOM_ATTRIBUTE ? custom : NULL;
	ttlv_put_item(fresh(&w), v->value.tag, &v->value);
	REQUIRE(writer_done(&w) == ERR_OK);
	if (attrset_add_at(&set, (uint32_t)v->id, key, v->index, writer_view(&w)) == ERR_OK) {
		REQUIRE(attrset_add_at(&set, (uint32_t)v->id, key, v->index, writer_view(&w)) == ERR_EXISTS);
		REQUIRE(attrset_copy(&set, &copy) == ERR_OK && copy.count == 1 && copy.bytes == set.bytes);
		REQUIRE(attrset_item(attrset_get(&copy, (uint32_t)v->id, key, v->index), &item));
		REQUIRE(item.tag == v->value.tag && item.type == v->value.type && view_equal(item.value, v->value.value));
		attrset_remove_at(&set, (uint32_t)v->id, key, v->index);
		REQUIRE(set.count == 0 && set.bytes == 0);
	}
	attrset_free(&set);
	attrset_free(&copy);
}

static void try_attribute(const struct ttlv_item *item)
{
	struct kmip_attr_value v;
	struct writer w;
	if (kmip_attr_parse(item, &v) != ERR_OK) return;
	REQUIRE(v.id > ATTR_NONE && v.id < ATTR_COUNT && v.custom.len <= KMIP_ATTR_NAME_MAX && v.index <= INT32_MAX);
	kmip_attr_put(fresh(&w), &v);
	check_same(&w, item);
	if (!v.has_value) return;
	REQUIRE(kmip_attr_check(v.id, &v.value) == ERR_OK);
	try_set(&v);
}

static void try_template(const struct ttlv_item *item)
{
	struct ttlv_cursor c;
	struct kmip_attr_value v;
	struct writer w;
	bool found = true;
	if (kmip_template_enter(item, &c) != ERR_OK) return;
	fresh(&w);
	while (kmip_attr_next(&c, &v, &found) == ERR_OK && found) kmip_attr_put(&w, &v);
	if (!found) REQUIRE(view_equal(writer_view(&w), view_of(item->value.ptr, item->value.len - c.rest.len)));
}

#define TRY_VALUE(kind) \
	do { \
		struct kmip_##kind v; \
		struct writer w; \
		if (kmip_##kind##_parse(item, &v) != ERR_OK) break; \
		kmip_##kind##_put(fresh(&w), item->tag, &v); \
		check_same(&w, item); \
	} while (0)

static void try_values(const struct ttlv_item *item)
{
	TRY_VALUE(name);
	TRY_VALUE(link);
	TRY_VALUE(revocation);
	TRY_VALUE(application);
	TRY_VALUE(params);
	TRY_VALUE(domain_params);
	TRY_VALUE(digest);
	TRY_VALUE(usage_limits);
	TRY_VALUE(alternative_name);
	TRY_VALUE(key_value_location);
	TRY_VALUE(rng);
}

/* Key Wrapping Data comes back as it was, under its own tag; of a specification there is no form of ours. */
static void try_wrapping(const struct ttlv_item *item)
{
	struct kmip_wrapping wrapping;
	struct writer w;
	struct reason reason = { "" };
	for (uint32_t minor = 0; minor <= 4; minor++) {
		if (kmip_wrapping_specification_parse(item, minor, &wrapping, &reason) != ERR_OK) fuzz_check_reason(&reason);
		reason.text[0] = '\0';
		if (kmip_wrapping_data_parse(item, minor, &wrapping, &reason) != ERR_OK) continue;
		kmip_wrapping_data_put(fresh(&w), &wrapping);
		check_same(&w, item);
	}
}

static void try_key_block(const struct ttlv_item *item)
{
	struct kmip_key_block block, second;
	struct ttlv_item root;
	struct writer w;
	struct reason reason = { "" };
	if (kmip_key_block_parse(item, &block, &reason) != ERR_OK) return;
	kmip_key_block_put(fresh(&w), &block);
	REQUIRE(writer_done(&w) == ERR_OK && ttlv_root(writer_view(&w), &root) == ERR_OK);
	REQUIRE(kmip_key_block_parse(&root, &second, &reason) == ERR_OK && second.format == block.format && second.wrapped == block.wrapped);
	REQUIRE(second.has_value == block.has_value && view_equal(second.material, block.material));
	REQUIRE(second.algorithm == block.algorithm && second.length_bits == block.length_bits);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ttlv_limits limits = ttlv_limits_of(sizeof again / 4);
	struct ttlv_item item;
	struct ttlv_cursor c;
	fuzz_arena();
	if (ttlv_check(view_of(data, size), &limits, NULL) != ERR_OK) return 0;
	REQUIRE(ttlv_root(view_of(data, size), &item) == ERR_OK);
	if (ttlv_enter(&item, &c) != ERR_OK) return 0;
	try_attribute(&item);
	try_template(&item);
	try_values(&item);
	try_key_block(&item);
	try_wrapping(&item);
	while (ttlv_next(&c, &item)) try_attribute(&item); /* attributes in a row */
	return 0;
}
