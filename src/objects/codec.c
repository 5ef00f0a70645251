/* Managed objects as records: clear header, index column, sealed TTLV body (docs/formats.md sections 6 and 6.1). */
#include "objects/codec.h"

#include <stdlib.h>
#include <string.h>

#include "base/reader.h"
#include "base/writer.h"
#include "keyring/record.h"
#include "kmip/attr.h"
#include "objects/names.h"
#include "ttlv/ttlv.h"

#define SCHEMA_FIRST 1u
#define SCHEMA_NEWEST OBJECT_SCHEMA_INDEXED
#define BODY_MAX (2u * 1024u * 1024u)

static enum coffer_err write_header(const struct object *o, struct buf *out)
{
	struct writer w;
	struct view owner = view_str(o->owner);
	ENSURE(owner.len <= OBJECT_OWNER_MAX && text_is_utf8(owner), ERR_FIELD);
	writer_init_buf(&w, out, STORE_HEADER_MAX);
	writer_u8(&w, SCHEMA_NEWEST);
	writer_u32(&w, o->type);
	writer_u32(&w, o->algorithm);
	writer_u32(&w, o->length_bits);
	writer_u32(&w, o->usage_mask);
	writer_view_u32(&w, owner);
	return writer_done(&w);
}

static void write_attribute(struct writer *w, const struct attrset_value *v)
{
	struct ttlv_mark mark = ttlv_begin(w, TAG_COFFER_RECORD_ATTRIBUTE);
	ttlv_put_i32(w, TAG_COFFER_RECORD_INDEX, (int32_t)v->index);
	if (v->custom) ttlv_put_str(w, TAG_COFFER_RECORD_NAME, v->custom);
	writer_bytes(w, view_of(v->item, v->item_len));
	ttlv_end(w, mark);
}

static void write_more(struct writer *w, const struct object *o)
{
	if (o->created_us) ttlv_put_i64(w, TAG_COFFER_RECORD_CREATED, (int64_t)o->created_us);
	if (o->data_type) ttlv_put_enum(w, TAG_COFFER_RECORD_DATA_TYPE, o->data_type);
	if (o->archived) ttlv_put_bool(w, TAG_COFFER_RECORD_ARCHIVED, true);
	if (o->gcm_reserved) ttlv_put_i64(w, TAG_COFFER_RECORD_GCM_RESERVED, (int64_t)o->gcm_reserved);
	if (o->wrapping) writer_bytes(w, view_of(o->wrapping, o->wrapping_len));
}

static enum coffer_err write_body(const struct object *o, struct buf *out)
{
	struct writer w;
	ENSURE(o->key_version >= 1 && o->key_version <= INT32_MAX, ERR_LIMIT);
	writer_init_buf(&w, out, BODY_MAX);
	struct ttlv_mark record = ttlv_begin(&w, TAG_COFFER_RECORD);
	ttlv_put_i32(&w, TAG_COFFER_RECORD_KEY_VERSION, (int32_t)o->key_version);
	ttlv_put_enum(&w, TAG_COFFER_RECORD_KEY_FORMAT, o->key_format);
	if (o->material) ttlv_put_bytes(&w, TAG_COFFER_RECORD_MATERIAL, secret_view(o->material));
	write_more(&w, o);
	for (size_t i = 0; i < o->attrs.count; i++) write_attribute(&w, &o->attrs.values[i]);
	ttlv_end(&w, record);
	return writer_done(&w);
}

enum coffer_err object_to_row(struct ring *ring, struct object *o, struct store_row *row, struct buf *header, struct buf *index,
	struct buf *body)
{
	AUTO_BUF struct buf plain = BUF_EMPTY;
	TRY(write_header(o, header));
	TRY(object_index_write(ring, o, index));
	TRY(write_body(o, &plain));
	*row = (struct store_row){ .id_len = UUID_LEN, .version = o->record_version, .state = (uint32_t)o->state };
	memcpy(row->id, o->id, UUID_LEN);
	row->header = buf_view(header);
	row->index = buf_view(index);
	TRY(record_seal(ring, STORE_OBJECT, buf_view(&plain), row, body));
	o->generation = row->generation;
	return ERR_OK;
}

static enum coffer_err read_header(struct view header, struct object_head *out)
{
	struct reader r;
	reader_init(&r, header);
	TRY(reader_u8(&r, &out->schema));
	ENSURE(out->schema >= SCHEMA_FIRST && out->schema <= SCHEMA_NEWEST, ERR_VERSION);
	TRY(reader_u32(&r, &out->type));
	TRY(reader_u32(&r, &out->algorithm));
	TRY(reader_u32(&r, &out->length_bits));
	TRY(reader_u32(&r, &out->usage_mask));
	TRY(reader_view_u32(&r, OBJECT_OWNER_MAX, &out->owner));
	ENSURE(text_is_utf8(out->owner), ERR_CORRUPT);
	return reader_end(&r);
}

static enum coffer_err take_head(const struct object_head *head, struct object *o)
{
	o->type = head->type;
	o->algorithm = head->algorithm;
	o->length_bits = head->length_bits;
	o->usage_mask = head->usage_mask;
	free(o->owner);
	o->owner = strndup((const char *)head->owner.ptr, head->owner.len);
	return o->owner ? ERR_OK : ERR_MEMORY;
}

static enum coffer_err read_attribute(const struct ttlv_item *structure, struct attrset *attrs)
{
	struct ttlv_cursor c;
	struct ttlv_item value;
	struct view custom = { NULL, 0 };
	bool is_custom;
	int32_t index;
	char name[KMIP_ATTR_NAME_MAX + 1];
	TRY(ttlv_enter(structure, &c));
	TRY(ttlv_take_i32(&c, TAG_COFFER_RECORD_INDEX, &index));
	TRY(ttlv_take_optional_text(&c, TAG_COFFER_RECORD_NAME, &custom, &is_custom));
	struct view item_bytes = c.rest;
	ENSURE(ttlv_next(&c, &value) && index >= 0 && is_custom == (value.tag == TAG_ATTRIBUTE_VALUE), ERR_CORRUPT);
	TRY(ttlv_done(&c));
	if (is_custom) {
		ENSURE(custom.len >= 1 && custom.len <= KMIP_ATTR_NAME_MAX && text_is_utf8(custom), ERR_CORRUPT);
		memcpy(name, custom.ptr, custom.len);
		name[custom.len] = '\0';
		return attrset_add_at(attrs, ATTR_CUSTOM_ATTRIBUTE, name, (uint32_t)index, item_bytes);
	}
	enum kmip_attr attr = kmip_attr_by_tag(value.tag);
	ENSURE(attr != ATTR_NONE, ERR_VERSION);
	return attrset_add_at(attrs, (uint32_t)attr, NULL, (uint32_t)index, item_bytes);
}

static enum coffer_err read_more(struct ttlv_cursor *c, struct object *o)
{
	int64_t reserved = 0, created = 0;
	struct ttlv_item item;
	struct view before;
	bool present;
	TRY(ttlv_take_optional_i64(c, TAG_COFFER_RECORD_CREATED, &created, NULL));
	ENSURE(created >= 0, ERR_CORRUPT);
	o->created_us = (uint64_t)created;
	TRY(ttlv_take_optional_enum(c, TAG_COFFER_RECORD_DATA_TYPE, &o->data_type, NULL));
	TRY(ttlv_take_optional_bool(c, TAG_COFFER_RECORD_ARCHIVED, &o->archived, NULL));
	TRY(ttlv_take_optional_i64(c, TAG_COFFER_RECORD_GCM_RESERVED, &reserved, NULL));
	ENSURE(reserved >= 0 && (uint64_t)reserved <= SEAL_BUDGET_MAX, ERR_CORRUPT);
	o->gcm_reserved = (uint64_t)reserved;
	before = c->rest;
	TRY(ttlv_take_optional(c, TAG_KEY_WRAPPING_DATA, &item, &present));
	return present ? object_set_wrapping(o, view_of(before.ptr, before.len - c->rest.len)) : ERR_OK;
}

static enum coffer_err read_body(struct view plain, const uint8_t *domain_id, struct object *o)
{
	struct ttlv_item record, item;
	struct ttlv_cursor c;
	struct view material = { NULL, 0 };
	bool has_material;
	int32_t key_version;
	TRY(ttlv_root(plain, &record));
	ENSURE(record.tag == TAG_COFFER_RECORD, ERR_CORRUPT);
	TRY(ttlv_enter(&record, &c));
	TRY(ttlv_take_i32(&c, TAG_COFFER_RECORD_KEY_VERSION, &key_version));
	TRY(ttlv_take_enum(&c, TAG_COFFER_RECORD_KEY_FORMAT, &o->key_format));
	TRY(ttlv_take_optional_bytes(&c, TAG_COFFER_RECORD_MATERIAL, &material, &has_material));
	ENSURE(key_version >= 1, ERR_CORRUPT);
	o->key_version = (uint32_t)key_version;
	TRY(read_more(&c, o));
	while (ttlv_peek_tag(&c) == TAG_COFFER_RECORD_ATTRIBUTE && ttlv_next(&c, &item)) TRY(read_attribute(&item, &o->attrs));
	TRY(ttlv_done(&c));
	if (!has_material) return ERR_OK;
	ENSURE(material.len >= 1 && material.len <= SECRET_MAX, ERR_CORRUPT);
	AUTO_SECRET struct secret *copy = secret_copy(material.ptr, material.len);
	ENSURE(copy, ERR_MEMORY);
	return object_set_material(o, domain_id, &copy);
}

/* Whatever is wrong inside a record that opened is a fault of the record, but for a shortage here and for what a newer program wrote. */
static enum coffer_err as_fault(enum coffer_err err)
{
	return err == ERR_OK || err == ERR_MEMORY || err == ERR_CRYPTO || err == ERR_VERSION ? err : ERR_CORRUPT;
}

static bool is_state(uint32_t state)
{
	return state >= OBJECT_PRE_ACTIVE && state <= OBJECT_DESTROYED_COMPROMISED;
}

enum coffer_err object_peek(const struct store_row *row, struct object_head *out)
{
	ENSURE(row->id_len == UUID_LEN && is_state(row->state), ERR_CORRUPT);
	TRY(as_fault(read_header(row->header, out)));
	out->state = (enum object_state)row->state;
	return ERR_OK;
}

enum coffer_err object_from_row(struct ring *ring, const struct store_row *row, struct object **out)
{
	AUTO_BUF struct buf plain = BUF_EMPTY;
	ENSURE(row->id_len == UUID_LEN && is_state(row->state), ERR_CORRUPT);
	TRY(record_open(ring, STORE_OBJECT, row, &plain));
	AUTO_OBJECT struct object *o = object_blank(0, "");
	ENSURE(o, ERR_MEMORY);
	memcpy(o->id, row->id, UUID_LEN);
	o->state = (enum object_state)row->state;
	o->record_version = row->version;
	o->generation = row->generation;
	struct object_head head;
	TRY(as_fault(read_header(row->header, &head)));
	TRY(take_head(&head, o));
	TRY(as_fault(read_body(buf_view(&plain), ring_domain(ring)->id, o)));
	*out = TAKE(o);
	return ERR_OK;
}
