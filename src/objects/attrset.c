/* The attributes of one object. */
#include "objects/attrset.h"

#include <stdlib.h>
#include <string.h>

#include "kmip/attr.h"
#include "ttlv/ttlv.h"

static void value_free(struct attrset_value *v)
{
	free(v->custom);
	free(v->item);
}

void attrset_free(struct attrset *set)
{
	for (size_t i = 0; i < set->count; i++) value_free(&set->values[i]);
	free(set->values);
	*set = (struct attrset){ NULL, 0, 0 };
}

static bool same_attr(const struct attrset_value *v, uint32_t attr, const char *custom)
{
	if (v->attr != attr || !v->custom != !custom) return false;
	return !custom || strcmp(v->custom, custom) == 0;
}

static enum coffer_err append(struct attrset *set, uint32_t attr, const char *custom, uint32_t index, struct view item)
{
	ENSURE(set->count < ATTRSET_MAX && index <= ATTRSET_INDEX_MAX && item.len <= ATTRSET_BYTES_MAX - set->bytes, ERR_LIMIT);
	struct attrset_value *values = realloc(set->values, (set->count + 1) * sizeof *values);
	ENSURE(values, ERR_MEMORY);
	set->values = values;
	struct attrset_value v = { .attr = attr, .index = index, .item_len = item.len };
	v.custom = custom ? strdup(custom) : NULL;
	v.item = view_copy(item);
	if ((custom && !v.custom) || !v.item) {
		value_free(&v);
		return ERR_MEMORY;
	}
	set->bytes += item.len;
	set->values[set->count++] = v;
	return ERR_OK;
}

enum coffer_err attrset_copy(const struct attrset *from, struct attrset *out)
{
	struct attrset copy = { NULL, 0, 0 };
	for (size_t i = 0; i < from->count; i++) {
		const struct attrset_value *v = &from->values[i];
		enum coffer_err err = append(&copy, v->attr, v->custom, v->index, view_of(v->item, v->item_len));
		if (err) {
			attrset_free(&copy);
			return err;
		}
	}
	*out = copy;
	return ERR_OK;
}

enum coffer_err attrset_add(struct attrset *set, uint32_t attr, const char *custom, struct view item)
{
	uint32_t index = 0;
	for (size_t i = 0; i < set->count; i++)
		if (same_attr(&set->values[i], attr, custom) && set->values[i].index >= index) index = set->values[i].index + 1;
	return append(set, attr, custom, index, item);
}

enum coffer_err attrset_add_at(struct attrset *set, uint32_t attr, const char *custom, uint32_t index, struct view item)
{
	ENSURE(!attrset_get(set, attr, custom, index), ERR_EXISTS);
	return append(set, attr, custom, index, item);
}

const struct attrset_value *attrset_get(const struct attrset *set, uint32_t attr, const char *custom, uint32_t index)
{
	for (size_t i = 0; i < set->count; i++)
		if (same_attr(&set->values[i], attr, custom) && set->values[i].index == index) return &set->values[i];
	return NULL;
}

static struct attrset_value *find(struct attrset *set, uint32_t attr, const char *custom, uint32_t index)
{
	for (size_t i = 0; i < set->count; i++)
		if (same_attr(&set->values[i], attr, custom) && set->values[i].index == index) return &set->values[i];
	return NULL;
}

enum coffer_err attrset_replace(struct attrset *set, uint32_t attr, const char *custom, uint32_t index, struct view item)
{
	struct attrset_value *v = find(set, attr, custom, index);
	ENSURE(v, ERR_NOT_FOUND);
	ENSURE(item.len <= ATTRSET_BYTES_MAX - (set->bytes - v->item_len), ERR_LIMIT);
	uint8_t *copy = view_copy(item);
	ENSURE(copy, ERR_MEMORY);
	free(v->item);
	set->bytes = set->bytes - v->item_len + item.len;
	v->item_len = item.len;
	v->item = copy;
	return ERR_OK;
}

enum coffer_err attrset_set(struct attrset *set, uint32_t attr, struct view item)
{
	enum coffer_err err = attrset_replace(set, attr, NULL, 0, item);
	return err == ERR_NOT_FOUND ? append(set, attr, NULL, 0, item) : err;
}

static uint32_t tag_of(uint32_t attr)
{
	return kmip_attr_row((enum kmip_attr)attr)->tag;
}

enum coffer_err attrset_set_enum(struct attrset *set, uint32_t attr, uint32_t value)
{
	uint8_t item[16];
	struct writer w;
	writer_init(&w, item, sizeof item);
	ttlv_put_enum(&w, tag_of(attr), value);
	TRY(writer_done(&w));
	return attrset_set(set, attr, writer_view(&w));
}

enum coffer_err attrset_set_i32(struct attrset *set, uint32_t attr, int32_t value)
{
	uint8_t item[16];
	struct writer w;
	writer_init(&w, item, sizeof item);
	ttlv_put_i32(&w, tag_of(attr), value);
	TRY(writer_done(&w));
	return attrset_set(set, attr, writer_view(&w));
}

enum coffer_err attrset_set_bool(struct attrset *set, uint32_t attr, bool value)
{
	uint8_t item[16];
	struct writer w;
	writer_init(&w, item, sizeof item);
	ttlv_put_bool(&w, tag_of(attr), value);
	TRY(writer_done(&w));
	return attrset_set(set, attr, writer_view(&w));
}

enum coffer_err attrset_set_interval(struct attrset *set, uint32_t attr, uint32_t seconds)
{
	uint8_t item[16];
	struct writer w;
	writer_init(&w, item, sizeof item);
	ttlv_put_interval(&w, tag_of(attr), seconds);
	TRY(writer_done(&w));
	return attrset_set(set, attr, writer_view(&w));
}

enum coffer_err attrset_set_time(struct attrset *set, uint32_t attr, uint64_t unix_s)
{
	uint8_t item[16];
	struct writer w;
	ENSURE(unix_s <= INT64_MAX, ERR_FIELD);
	writer_init(&w, item, sizeof item);
	ttlv_put_time(&w, tag_of(attr), (int64_t)unix_s);
	TRY(writer_done(&w));
	return attrset_set(set, attr, writer_view(&w));
}

bool attrset_item(const struct attrset_value *value, struct ttlv_item *out)
{
	return value && ttlv_root(view_of(value->item, value->item_len), out) == ERR_OK;
}

bool attrset_get_time(const struct attrset *set, uint32_t attr, uint64_t *out_unix_s)
{
	struct ttlv_item item;
	int64_t t;
	if (!attrset_item(attrset_get(set, attr, NULL, 0), &item) || ttlv_get_time(&item, &t) != ERR_OK) return false;
	*out_unix_s = t < 0 ? 0 : (uint64_t)t;
	return true;
}

bool attrset_get_interval(const struct attrset *set, uint32_t attr, uint32_t *out_seconds)
{
	struct ttlv_item item;
	return attrset_item(attrset_get(set, attr, NULL, 0), &item) && ttlv_get_interval(&item, out_seconds) == ERR_OK;
}

bool attrset_get_bool(const struct attrset *set, uint32_t attr, bool *out)
{
	struct ttlv_item item;
	return attrset_item(attrset_get(set, attr, NULL, 0), &item) && ttlv_get_bool(&item, out) == ERR_OK;
}

bool attrset_has(const struct attrset *set, uint32_t attr, const char *custom, struct view item, uint32_t except)
{
	for (size_t i = 0; i < set->count; i++) {
		const struct attrset_value *v = &set->values[i];
		if (same_attr(v, attr, custom) && v->index != except && view_equal(view_of(v->item, v->item_len), item)) return true;
	}
	return false;
}

bool attrset_has_any(const struct attrset *set, uint32_t attr, const char *custom)
{
	for (size_t i = 0; i < set->count; i++)
		if (same_attr(&set->values[i], attr, custom)) return true;
	return false;
}

size_t attrset_count(const struct attrset *set, uint32_t attr)
{
	size_t n = 0;
	for (size_t i = 0; i < set->count; i++) n += set->values[i].attr == attr;
	return n;
}

static void remove_position(struct attrset *set, size_t i)
{
	set->bytes -= set->values[i].item_len;
	value_free(&set->values[i]);
	set->count--;
	memmove(&set->values[i], &set->values[i + 1], (set->count - i) * sizeof set->values[0]);
}

void attrset_remove(struct attrset *set, uint32_t attr)
{
	for (size_t i = set->count; i-- > 0;)
		if (set->values[i].attr == attr) remove_position(set, i);
}

void attrset_remove_at(struct attrset *set, uint32_t attr, const char *custom, uint32_t index)
{
	for (size_t i = set->count; i-- > 0;)
		if (same_attr(&set->values[i], attr, custom) && set->values[i].index == index) remove_position(set, i);
}
