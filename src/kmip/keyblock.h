/* Key Block (KMIP 1.4 section 2.1.3) of symmetric keys and secret data, and the managed objects around it (section
 * 2.2): Symmetric Key, Secret Data, Opaque Object. Material is a view into the message: the frame's buffer is wiped
 * by its owner. Any thread. */
#ifndef COFFER_KMIP_KEYBLOCK_H
#define COFFER_KMIP_KEYBLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/reason.h"
#include "base/view.h"
#include "base/writer.h"
#include "ttlv/ttlv.h"

struct kmip_key_block {
	uint32_t format;               /* Raw, Opaque or Transparent Symmetric Key; others ERR_UNSUPPORTED */
	bool has_value;                /* a Key Value is there */
	struct view material;          /* the key's bytes (Transparent: its Key field); wrapped: the whole wrapped Key Value */
	struct ttlv_cursor attributes; /* Attributes in the Key Value, for kmip_attr_next; empty when none */
	uint32_t algorithm;            /* enum kmip_cryptographic_algorithm; 0 absent */
	uint32_t length_bits;          /* Cryptographic Length; 0 absent */
	bool wrapped;
	struct ttlv_item wrapping;     /* Key Wrapping Data, when wrapped */
};

/* ERR_FIELD when only one of algorithm and length is there, or the length is negative; ERR_UNSUPPORTED; ERR_MISSING;
 * ERR_INPUT. */
enum coffer_err kmip_key_block_parse(const struct ttlv_item *item, struct kmip_key_block *out,
	struct reason *reason) MUST_USE;
/* Writes format, Key Value (when has_value), algorithm and length (when not 0), wrapping (when wrapped); attributes
 * are not written. */
void kmip_key_block_put(struct writer *w, const struct kmip_key_block *block);

/* Key Material alone, as a Key Value of this format has it. */
void kmip_key_material_put(struct writer *w, uint32_t format, struct view material);
/* The Key Value structure of a key in block->format: its material and attributes into *block. ERR_INPUT, ERR_MISSING. */
enum coffer_err kmip_key_value_parse(const struct ttlv_item *value, struct kmip_key_block *block) MUST_USE;

/* A managed object as Register sends and Get answers it. */
struct kmip_managed {
	uint32_t object_type;          /* Symmetric Key, Secret Data, Opaque Object; others ERR_UNSUPPORTED */
	struct kmip_key_block block;   /* not for an opaque object */
	uint32_t data_type;            /* Secret Data Type or Opaque Data Type */
	struct view opaque;            /* Opaque Data Value */
};

/* True when the tag begins a managed object of any kind (also of those refused with ERR_UNSUPPORTED). */
bool kmip_managed_is(uint32_t tag);
/* The Object Type that a managed object under this tag has; 0 when the tag is none of them. */
uint32_t kmip_managed_type(uint32_t tag);
enum coffer_err kmip_managed_parse(const struct ttlv_item *item, struct kmip_managed *out, struct reason *reason) MUST_USE;
void kmip_managed_put(struct writer *w, const struct kmip_managed *object);

#endif
