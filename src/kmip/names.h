/* Numbers to names and back, for tags and enumerations. Names are those of KMIP's XML encoding
 * ("CryptographicAlgorithm", "AES"). Static tables; any thread. */
#ifndef COFFER_KMIP_NAMES_H
#define COFFER_KMIP_NAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/view.h"
#include "kmip/enums.h"
#include "kmip/tags.h"
#include "ttlv/ttlv.h"

/* NULL when unknown. Vendor tags are included. */
const char *kmip_tag_name(uint32_t tag);
/* Exact match, case counts. */
bool kmip_tag_find(struct view name, uint32_t *out_tag);
/* The first minor version of KMIP 1.x that has the tag: 0 to 4, 0 for our own; TAG_NOT_IN_1X for a later or unknown one. */
unsigned kmip_tag_since(uint32_t tag);

/* Our own tags (vendor.def). */
struct kmip_vendor_tag {
	uint32_t tag;
	const char *name;
	enum ttlv_type type; /* TTLV_ANY: no message carries it */
};
const struct kmip_vendor_tag *kmip_vendor_tags(size_t *out_count);

/* Name of a value of one enumeration; NULL when it has none. Vendor operations are values of ENUM_OPERATION. */
const char *kmip_enum_name(enum kmip_enum which, uint32_t value);
/* Exact match, case counts. */
bool kmip_enum_find(enum kmip_enum which, struct view name, uint32_t *out_value);
/* Whether the value is one of the list (for bit masks: whether every bit is). */
bool kmip_enum_has(enum kmip_enum which, uint32_t value);
/* The enumeration that values of this tag belong to; ENUM_NONE when it is none or unknown. */
enum kmip_enum kmip_enum_of_tag(uint32_t tag);
/* Name for people and audit rows: kmip_enum_name of ENUM_OPERATION, else "unknown operation". Never NULL. */
const char *kmip_operation_name(uint32_t operation);

#endif
