/* Entries of the index column. */
#include "objects/index.h"

#include "base/cleanup.h"
#include "base/writer.h"
#include "kmip/values.h"

#define ENTRIES_MAX STORE_INDEX_MAX
#define FIXED_MAX (ENTRIES_MAX - 2u) /* Names and Object Groups: the owner and OBJECT_INDEX_PARTIAL have room beside them */
#define VALUE_WHOLE 0u               /* the field number of a value that is no part of a structure */
#define BYTES_MAX (1024u * 1024u)    /* attributes of an object have at most ATTRSET_BYTES_MAX bytes, each twice here */

/* Which part of which attribute has an entry. */
static const struct { enum kmip_attr attr; uint32_t field; } indexed[] = {
	{ ATTR_APPLICATION_SPECIFIC_INFORMATION, VALUE_WHOLE },
	{ ATTR_APPLICATION_SPECIFIC_INFORMATION, TAG_APPLICATION_NAMESPACE },
	{ ATTR_ALTERNATIVE_NAME, TAG_ALTERNATIVE_NAME_VALUE },
	{ ATTR_LINK, TAG_LINKED_OBJECT_IDENTIFIER },
	{ ATTR_X_509_CERTIFICATE_IDENTIFIER, TAG_CERTIFICATE_SERIAL_NUMBER },
	{ ATTR_X_509_CERTIFICATE_SUBJECT, TAG_SUBJECT_DISTINGUISHED_NAME },
	{ ATTR_CONTACT_INFORMATION, VALUE_WHOLE },
	{ ATTR_PKCS_12_FRIENDLY_NAME, VALUE_WHOLE },
	{ ATTR_DESCRIPTION, VALUE_WHOLE },
	{ ATTR_COMMENT, VALUE_WHOLE },
	{ ATTR_OPERATION_POLICY_NAME, VALUE_WHOLE }, /* what is public is looked for by all */
	{ ATTR_CUSTOM_ATTRIBUTE, VALUE_WHOLE },
	{ ATTR_ROTATE_AUTOMATIC, VALUE_WHOLE }, /* what is to be re-keyed one day is looked for by the daemon */
};

/* Entries as places in one buffer, which may move while it grows. */
struct list {
	struct buf bytes;
	struct { uint8_t index; size_t at, len; } entries[ENTRIES_MAX];
	size_t count;
};

static enum coffer_err add(struct list *l, uint8_t index, struct view value)
{
	ENSURE(l->count < ENTRIES_MAX, ERR_LIMIT);
	size_t at = l->bytes.len;
	TRY(buf_append(&l->bytes, value));
	l->entries[l->count].index = index;
	l->entries[l->count].at = at;
	l->entries[l->count++].len = value.len;
	return ERR_OK;
}

/* tag | LP(custom name) | field | type | LP(value) */
static enum coffer_err add_part(struct list *l, const struct kmip_attr_value *v, uint32_t field, const struct ttlv_item *part)
{
	ENSURE(l->count < ENTRIES_MAX, ERR_LIMIT);
	size_t at = l->bytes.len;
	struct writer w;
	writer_init_buf(&w, &l->bytes, BYTES_MAX);
	writer_u32(&w, kmip_attr_row(v->id)->tag);
	writer_view_u32(&w, v->custom);
	writer_u32(&w, field);
	writer_u8(&w, (uint8_t)part->type);
	writer_view_u32(&w, part->value);
	TRY(writer_done(&w));
	l->entries[l->count].index = OBJECT_INDEX_ATTRIBUTE;
	l->entries[l->count].at = at;
	l->entries[l->count++].len = l->bytes.len - at;
	return ERR_OK;
}

static bool is_searchable_type(enum ttlv_type type)
{
	return type == TTLV_INTEGER || type == TTLV_LONG_INTEGER || type == TTLV_BIG_INTEGER || type == TTLV_ENUMERATION ||
		type == TTLV_TEXT || type == TTLV_BYTES;
}

/* A structure with a field missing matches others than itself: it has no entry as a whole. */
static bool is_searchable_whole(const struct kmip_attr_value *v)
{
	struct kmip_application application;
	if (v->id == ATTR_APPLICATION_SPECIFIC_INFORMATION)
		return kmip_application_parse(&v->value, &application) == ERR_OK && application.has_data;
	return is_searchable_type(v->value.type) || v->id == ATTR_ROTATE_AUTOMATIC;
}

static enum coffer_err add_fields(struct list *l, const struct kmip_attr_value *v, uint32_t field)
{
	struct ttlv_cursor c;
	struct ttlv_item part;
	if (ttlv_enter(&v->value, &c) != ERR_OK) return ERR_OK;
	while (ttlv_next(&c, &part))
		if (part.tag == field && is_searchable_type(part.type)) TRY(add_part(l, v, field, &part));
	return ERR_OK;
}

static enum coffer_err add_value(struct list *l, const struct kmip_attr_value *v)
{
	for (size_t i = 0; i < sizeof indexed / sizeof indexed[0]; i++) {
		if (indexed[i].attr != v->id) continue;
		if (indexed[i].field != VALUE_WHOLE) TRY(add_fields(l, v, indexed[i].field));
		else if (is_searchable_whole(v)) TRY(add_part(l, v, VALUE_WHOLE, &v->value));
	}
	return ERR_OK;
}

/* Name and Object Group stand under entries of their own, as they are. */
static enum coffer_err add_fixed(struct list *l, const struct kmip_attr_value *v)
{
	struct ttlv_cursor c;
	struct ttlv_item part;
	struct view text;
	if (v->id == ATTR_OBJECT_GROUP) return ttlv_get_text(&v->value, &text) == ERR_OK ? add(l, OBJECT_INDEX_GROUP, text) : ERR_OK;
	if (v->id != ATTR_NAME || ttlv_enter(&v->value, &c) != ERR_OK) return ERR_OK;
	while (ttlv_next(&c, &part))
		if (part.tag == TAG_NAME_VALUE && ttlv_get_text(&part, &text) == ERR_OK) TRY(add(l, OBJECT_INDEX_NAME, text));
	return ERR_OK;
}

static bool value_at(const struct object *o, size_t i, struct kmip_attr_value *out)
{
	const struct attrset_value *from = &o->attrs.values[i];
	*out = (struct kmip_attr_value){ .id = (enum kmip_attr)from->attr, .index = from->index, .has_value = true };
	if (from->custom) out->custom = view_str(from->custom);
	return attrset_item(from, &out->value);
}

static enum coffer_err add_owner(struct list *l, const struct object *o)
{
	bool destroyed = o->state == OBJECT_DESTROYED || o->state == OBJECT_DESTROYED_COMPROMISED;
	return add(l, destroyed ? OBJECT_INDEX_FORMER_OWNER : OBJECT_INDEX_OWNER, view_str(o->owner));
}

/* The attribute values, or the entry that says that they did not fit. */
static enum coffer_err add_values(struct list *l, const struct object *o)
{
	struct kmip_attr_value v;
	size_t count = l->count, len = l->bytes.len;
	enum coffer_err err = ERR_OK;
	for (size_t i = 0; i < o->attrs.count && !err; i++)
		if (value_at(o, i, &v)) err = add_value(l, &v);
	if (err != ERR_LIMIT) return err;
	l->count = count;
	l->bytes.len = len;
	return add(l, OBJECT_INDEX_PARTIAL, view_of(NULL, 0));
}

static enum coffer_err fill(struct list *l, const struct object *o)
{
	struct kmip_attr_value v;
	for (size_t i = 0; i < o->attrs.count; i++)
		if (value_at(o, i, &v)) TRY(add_fixed(l, &v));
	ENSURE(l->count <= FIXED_MAX, ERR_LIMIT);
	TRY(add_owner(l, o));
	return add_values(l, o);
}

static void entry_at(const struct list *l, size_t i, struct record_index_entry *out)
{
	struct view value = l->entries[i].len ? view_of(l->bytes.ptr + l->entries[i].at, l->entries[i].len) : view_of(NULL, 0);
	*out = (struct record_index_entry){ l->entries[i].index, value };
}

static enum coffer_err each(const struct list *l, object_index_fn *fn, void *arg)
{
	for (size_t i = 0; i < l->count; i++) {
		struct record_index_entry entry;
		entry_at(l, i, &entry);
		TRY(fn(arg, &entry));
	}
	return ERR_OK;
}

enum coffer_err object_index_each(const struct object *o, object_index_fn *fn, void *arg)
{
	struct list l = { .bytes = BUF_EMPTY };
	enum coffer_err err = fill(&l, o);
	if (!err) err = each(&l, fn, arg);
	buf_free(&l.bytes);
	return err;
}

enum coffer_err object_index_of_value(const struct kmip_attr_value *value, object_index_fn *fn, void *arg)
{
	struct list l = { .bytes = BUF_EMPTY };
	enum coffer_err err = add_fixed(&l, value);
	if (!err) err = add_value(&l, value);
	if (!err) err = each(&l, fn, arg);
	buf_free(&l.bytes);
	return err;
}

static enum coffer_err compare(void *arg, const struct record_index_entry *entry)
{
	const struct record_index_entry *wanted = arg;
	return entry->index == wanted->index && view_equal(entry->value, wanted->value) ? ERR_EXISTS : ERR_OK;
}

bool object_index_has(const struct object *o, const struct record_index_entry *entry)
{
	struct record_index_entry wanted = *entry;
	if (entry->index == OBJECT_INDEX_NAME) return object_has_name(o, entry->value);
	return object_index_each(o, compare, &wanted) == ERR_EXISTS;
}

enum coffer_err object_index_write(struct ring *ring, const struct object *o, struct buf *out)
{
	struct list l = { .bytes = BUF_EMPTY };
	struct record_index_entry entries[ENTRIES_MAX];
	enum coffer_err err = fill(&l, o);
	for (size_t i = 0; i < l.count && !err; i++) entry_at(&l, i, &entries[i]);
	if (!err) err = record_index(ring, ring_newest(ring), STORE_OBJECT, entries, l.count, out);
	buf_free(&l.bytes);
	return err;
}
