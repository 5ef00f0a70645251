/* Numbers to names and back. */
#include "kmip/names.h"

#include <stddef.h>

struct name_row {
	uint32_t number;
	const char *name;
};

/* In order of number, as every list that make_tables.py makes. */
static const struct name_row tag_rows[] = {
#define TAG(id, number, name, since) { number, name },
#include "kmip/tags.def"
#undef TAG
};

#define TAG_FIRST 0x420000u

/* By number: every field of a request asks. One more than the version; 0: there is no such tag. */
static const uint16_t tag_since[] = {
#define TAG(id, number, name, since) [number - TAG_FIRST] = since + 1,
#include "kmip/tags.def"
#undef TAG
};

/* Kept by hand, in any order. */
static const struct kmip_vendor_tag vendor_tag_rows[] = {
#define VENDOR_TAG(id, number, name, type) { number, name, TTLV_##type },
#include "kmip/vendor.def"
};

#define ENUM_BEGIN(id, lower, name, tag) static const struct name_row rows_##id[] = {
#define ENUM_VALUE(id, value, number, name) { number, name },
#define ENUM_END(id) };
#include "kmip/enums.def"
#undef ENUM_BEGIN
#undef ENUM_VALUE
#undef ENUM_END

static const struct name_row vendor_operation_rows[] = {
#define VENDOR_OPERATION(id, number, name) { number, name },
#include "kmip/vendor.def"
};

struct enum_row {
	uint32_t tag;
	size_t count;
	const struct name_row *rows;
};

static const struct enum_row enum_rows[ENUM_COUNT] = {
#define ENUM_BEGIN(id, lower, name, tag) [ENUM_##id] = { tag, sizeof rows_##id / sizeof rows_##id[0], rows_##id },
#define ENUM_VALUE(id, value, number, name)
#define ENUM_END(id)
#include "kmip/enums.def"
#undef ENUM_BEGIN
#undef ENUM_VALUE
#undef ENUM_END
};

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])

/* Binary search; the rows are in order of number. `count` when there is none. */
static size_t place_of(const struct name_row *rows, size_t count, uint32_t number)
{
	size_t low = 0, high = count;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (rows[mid].number == number) return mid;
		if (rows[mid].number < number) low = mid + 1;
		else high = mid;
	}
	return count;
}

static const char *name_of(const struct name_row *rows, size_t count, uint32_t number)
{
	size_t place = place_of(rows, count, number);
	return place < count ? rows[place].name : NULL;
}

/* One after the other. */
static const char *name_in(const struct name_row *rows, size_t count, uint32_t number)
{
	for (size_t i = 0; i < count; i++)
		if (rows[i].number == number) return rows[i].name;
	return NULL;
}

static bool number_of(const struct name_row *rows, size_t count, struct view name, uint32_t *out)
{
	for (size_t i = 0; i < count; i++) {
		if (!view_equal_str(name, rows[i].name)) continue;
		*out = rows[i].number;
		return true;
	}
	return false;
}

const struct kmip_vendor_tag *kmip_vendor_tags(size_t *out_count)
{
	*out_count = COUNT(vendor_tag_rows);
	return vendor_tag_rows;
}

static const struct kmip_vendor_tag *vendor_tag(uint32_t tag)
{
	for (size_t i = 0; i < COUNT(vendor_tag_rows); i++)
		if (vendor_tag_rows[i].tag == tag) return &vendor_tag_rows[i];
	return NULL;
}

const char *kmip_tag_name(uint32_t tag)
{
	const char *name = name_of(tag_rows, COUNT(tag_rows), tag);
	const struct kmip_vendor_tag *own = name ? NULL : vendor_tag(tag);
	return own ? own->name : name;
}

bool kmip_tag_find(struct view name, uint32_t *out_tag)
{
	if (number_of(tag_rows, COUNT(tag_rows), name, out_tag)) return true;
	for (size_t i = 0; i < COUNT(vendor_tag_rows); i++) {
		if (!view_equal_str(name, vendor_tag_rows[i].name)) continue;
		*out_tag = vendor_tag_rows[i].tag;
		return true;
	}
	return false;
}

unsigned kmip_tag_since(uint32_t tag)
{
	if (tag - TAG_FIRST < COUNT(tag_since) && tag_since[tag - TAG_FIRST]) return tag_since[tag - TAG_FIRST] - 1u;
	return vendor_tag(tag) ? 0 : TAG_NOT_IN_1X;
}

static bool is_enum(enum kmip_enum which)
{
	return which > ENUM_NONE && which < ENUM_COUNT;
}

const char *kmip_enum_name(enum kmip_enum which, uint32_t value)
{
	if (!is_enum(which)) return NULL;
	const char *name = name_of(enum_rows[which].rows, enum_rows[which].count, value);
	if (!name && which == ENUM_OPERATION) name = name_in(vendor_operation_rows, COUNT(vendor_operation_rows), value);
	return name;
}

bool kmip_enum_find(enum kmip_enum which, struct view name, uint32_t *out_value)
{
	if (!is_enum(which)) return false;
	if (number_of(enum_rows[which].rows, enum_rows[which].count, name, out_value)) return true;
	return which == ENUM_OPERATION && number_of(vendor_operation_rows, COUNT(vendor_operation_rows), name, out_value);
}

static bool is_mask(enum kmip_enum which)
{
	return which == ENUM_CRYPTOGRAPHIC_USAGE_MASK || which == ENUM_STORAGE_STATUS_MASK ||
		which == ENUM_PROTECTION_STORAGE_MASK;
}

bool kmip_enum_has(enum kmip_enum which, uint32_t value)
{
	uint32_t known = 0;
	if (!is_enum(which)) return false;
	if (!is_mask(which)) return kmip_enum_name(which, value) != NULL;
	for (size_t i = 0; i < enum_rows[which].count; i++)
		known |= enum_rows[which].rows[i].number;
	return (value & ~known) == 0;
}

enum kmip_enum kmip_enum_of_tag(uint32_t tag)
{
	if (tag == TAG_MASK_GENERATOR_HASHING_ALGORITHM) return ENUM_HASHING_ALGORITHM;
	for (int which = ENUM_NONE + 1; which < ENUM_COUNT; which++)
		if (tag != 0 && enum_rows[which].tag == tag) return (enum kmip_enum)which;
	return ENUM_NONE;
}

const char *kmip_operation_name(uint32_t operation)
{
	const char *name = kmip_enum_name(ENUM_OPERATION, operation);
	return name ? name : "unknown operation";
}
