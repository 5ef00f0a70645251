/* Key blocks and the managed objects around them. */
#include "kmip/keyblock.h"

#include "kmip/enums.h"
#include "kmip/tags.h"

static bool format_known(uint32_t format)
{
	return format == KEY_FORMAT_TYPE_RAW || format == KEY_FORMAT_TYPE_OPAQUE ||
		format == KEY_FORMAT_TYPE_TRANSPARENT_SYMMETRIC_KEY;
}

enum coffer_err kmip_key_value_parse(const struct ttlv_item *value, struct kmip_key_block *block)
{
	struct ttlv_cursor c, key;
	TRY(ttlv_enter(value, &c));
	if (block->format == KEY_FORMAT_TYPE_TRANSPARENT_SYMMETRIC_KEY) {
		TRY(ttlv_take_structure(&c, TAG_KEY_MATERIAL, &key));
		TRY(ttlv_take_bytes(&key, TAG_KEY, &block->material));
		TRY(ttlv_done(&key));
	} else {
		TRY(ttlv_take_bytes(&c, TAG_KEY_MATERIAL, &block->material));
	}
	block->attributes = c;
	return ERR_OK;
}

/* Section 2.1.4: a byte string when wrapped, else a structure of Key Material and Attributes. */
static enum coffer_err parse_value(const struct ttlv_item *value, struct kmip_key_block *block)
{
	if (block->wrapped) return value->type == TTLV_BYTES ? ttlv_get_bytes(value, &block->material) : ERR_FIELD;
	return value->type == TTLV_BYTES ? ERR_FIELD : kmip_key_value_parse(value, block);
}

static enum coffer_err parse_block(const struct ttlv_item *item, struct kmip_key_block *b, struct reason *reason)
{
	struct ttlv_cursor c;
	struct ttlv_item value;
	int32_t length = 0;
	bool has_algorithm, has_length, has_compression;
	uint32_t compression;
	TRY(ttlv_enter(item, &c));
	TRY(ttlv_take_enum(&c, TAG_KEY_FORMAT_TYPE, &b->format));
	if (!format_known(b->format))
		return reason_fail(reason, ERR_UNSUPPORTED,
			"Key Format Type %u is not supported; use Raw, Opaque or Transparent Symmetric Key", (unsigned)b->format);
	TRY(ttlv_take_optional_enum(&c, TAG_KEY_COMPRESSION_TYPE, &compression, &has_compression));
	if (has_compression) return reason_fail(reason, ERR_UNSUPPORTED, "Key Compression Type is for elliptic curve keys only");
	TRY(ttlv_take_optional(&c, TAG_KEY_VALUE, &value, &b->has_value));
	TRY(ttlv_take_optional_enum(&c, TAG_CRYPTOGRAPHIC_ALGORITHM, &b->algorithm, &has_algorithm));
	TRY(ttlv_take_optional_i32(&c, TAG_CRYPTOGRAPHIC_LENGTH, &length, &has_length));
	TRY(ttlv_take_optional(&c, TAG_KEY_WRAPPING_DATA, &b->wrapping, &b->wrapped));
	TRY(ttlv_done(&c));
	if (has_algorithm != has_length || length < 0)
		return reason_fail(reason, ERR_FIELD,
			"a Key Block has both Cryptographic Algorithm and Cryptographic Length, or neither");
	if (has_algorithm && b->algorithm == 0) return reason_fail(reason, ERR_FIELD, "there is no Cryptographic Algorithm 0");
	if (b->wrapped) ENSURE(b->wrapping.type == TTLV_STRUCTURE, ERR_INPUT);
	b->length_bits = (uint32_t)length;
	return b->has_value ? parse_value(&value, b) : ERR_OK;
}

enum coffer_err kmip_key_block_parse(const struct ttlv_item *item, struct kmip_key_block *out, struct reason *reason)
{
	struct kmip_key_block block = { .has_value = false };
	enum coffer_err err = parse_block(item, &block, reason);
	if (err != ERR_OK) return reason_default(reason, err, "the Key Block is malformed");
	*out = block;
	return ERR_OK;
}

void kmip_key_material_put(struct writer *w, uint32_t format, struct view material)
{
	if (format != KEY_FORMAT_TYPE_TRANSPARENT_SYMMETRIC_KEY) {
		ttlv_put_bytes(w, TAG_KEY_MATERIAL, material);
		return;
	}
	struct ttlv_mark mark = ttlv_begin(w, TAG_KEY_MATERIAL);
	ttlv_put_bytes(w, TAG_KEY, material);
	ttlv_end(w, mark);
}

static void put_value(struct writer *w, const struct kmip_key_block *block)
{
	if (block->wrapped) {
		ttlv_put_bytes(w, TAG_KEY_VALUE, block->material);
		return;
	}
	struct ttlv_mark value = ttlv_begin(w, TAG_KEY_VALUE);
	kmip_key_material_put(w, block->format, block->material);
	ttlv_end(w, value);
}

void kmip_key_block_put(struct writer *w, const struct kmip_key_block *block)
{
	struct ttlv_mark mark = ttlv_begin(w, TAG_KEY_BLOCK);
	ttlv_put_enum(w, TAG_KEY_FORMAT_TYPE, block->format);
	if (block->has_value) put_value(w, block);
	if (block->algorithm) {
		ttlv_put_enum(w, TAG_CRYPTOGRAPHIC_ALGORITHM, block->algorithm);
		ttlv_put_i32(w, TAG_CRYPTOGRAPHIC_LENGTH, (int32_t)block->length_bits);
	}
	if (block->wrapped) ttlv_put_item(w, TAG_KEY_WRAPPING_DATA, &block->wrapping);
	ttlv_end(w, mark);
}

/* Tags of managed objects (section 2.2) and the Object Type each one has. */
static const struct { uint32_t tag, object_type; } managed[] = {
	{ TAG_CERTIFICATE, OBJECT_TYPE_CERTIFICATE }, { TAG_SYMMETRIC_KEY, OBJECT_TYPE_SYMMETRIC_KEY },
	{ TAG_PUBLIC_KEY, OBJECT_TYPE_PUBLIC_KEY },   { TAG_PRIVATE_KEY, OBJECT_TYPE_PRIVATE_KEY },
	{ TAG_SPLIT_KEY, OBJECT_TYPE_SPLIT_KEY },     { TAG_TEMPLATE, OBJECT_TYPE_TEMPLATE },
	{ TAG_SECRET_DATA, OBJECT_TYPE_SECRET_DATA }, { TAG_OPAQUE_OBJECT, OBJECT_TYPE_OPAQUE_OBJECT },
	{ TAG_PGP_KEY, OBJECT_TYPE_PGP_KEY },
};

uint32_t kmip_managed_type(uint32_t tag)
{
	for (size_t i = 0; i < sizeof managed / sizeof managed[0]; i++)
		if (managed[i].tag == tag) return managed[i].object_type;
	return 0;
}

bool kmip_managed_is(uint32_t tag)
{
	return kmip_managed_type(tag) != 0;
}

static enum coffer_err parse_managed(const struct ttlv_item *item, struct kmip_managed *m, struct reason *reason)
{
	struct ttlv_cursor c;
	struct ttlv_item block;
	TRY(ttlv_enter(item, &c));
	m->object_type = kmip_managed_type(item->tag);
	switch (m->object_type) {
	case OBJECT_TYPE_OPAQUE_OBJECT:
		TRY(ttlv_take_enum(&c, TAG_OPAQUE_DATA_TYPE, &m->data_type));
		TRY(ttlv_take_bytes(&c, TAG_OPAQUE_DATA_VALUE, &m->opaque));
		return ttlv_done(&c);
	case OBJECT_TYPE_SECRET_DATA:
		TRY(ttlv_take_enum(&c, TAG_SECRET_DATA_TYPE, &m->data_type));
		break;
	case OBJECT_TYPE_SYMMETRIC_KEY:
		break;
	default:
		return reason_fail(reason, ERR_UNSUPPORTED,
			"this kind of object is not supported; use Symmetric Key, Secret Data or Opaque Object");
	}
	TRY(ttlv_take(&c, TAG_KEY_BLOCK, &block));
	TRY(kmip_key_block_parse(&block, &m->block, reason));
	return ttlv_done(&c);
}

enum coffer_err kmip_managed_parse(const struct ttlv_item *item, struct kmip_managed *out, struct reason *reason)
{
	struct kmip_managed m = { .object_type = 0 };
	enum coffer_err err = parse_managed(item, &m, reason);
	if (err != ERR_OK) return reason_default(reason, err, "the object is malformed");
	*out = m;
	return ERR_OK;
}

void kmip_managed_put(struct writer *w, const struct kmip_managed *object)
{
	struct ttlv_mark mark;
	switch (object->object_type) {
	case OBJECT_TYPE_OPAQUE_OBJECT:
		mark = ttlv_begin(w, TAG_OPAQUE_OBJECT);
		ttlv_put_enum(w, TAG_OPAQUE_DATA_TYPE, object->data_type);
		ttlv_put_bytes(w, TAG_OPAQUE_DATA_VALUE, object->opaque);
		break;
	case OBJECT_TYPE_SECRET_DATA:
		mark = ttlv_begin(w, TAG_SECRET_DATA);
		ttlv_put_enum(w, TAG_SECRET_DATA_TYPE, object->data_type);
		kmip_key_block_put(w, &object->block);
		break;
	default:
		PRE(object->object_type == OBJECT_TYPE_SYMMETRIC_KEY);
		mark = ttlv_begin(w, TAG_SYMMETRIC_KEY);
		kmip_key_block_put(w, &object->block);
	}
	ttlv_end(w, mark);
}
