/* The attributes of KMIP 1.4 section 3 as one table (attr.def), and their two encodings: the 1.x Attribute structure
 * (name, index, value) and the value item under the attribute's own tag (the 2.x form, and how objects keep them).
 * Parsing borrows the message. Any thread. */
#ifndef COFFER_KMIP_ATTR_H
#define COFFER_KMIP_ATTR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/view.h"
#include "base/writer.h"
#include "kmip/enums.h"
#include "kmip/tags.h"
#include "ttlv/ttlv.h"

#define KMIP_ATTR_NAME_MAX 255u /* bytes of a custom attribute's name */

/* ATTR_UNIQUE_IDENTIFIER = 1 … ATTR_CUSTOM_ATTRIBUTE. Numbers may change between releases: store tags, never these. */
enum kmip_attr {
	ATTR_NONE,
#define ATTR(id, ...) ATTR_##id,
#include "kmip/attr.def"
#undef ATTR
	ATTR_COUNT
};

/* Who may set the first value. REQUEST: the server, from what the request that makes the object says (Create's template,
 * the Key Block of Register); Add Attribute does not reach it. */
enum kmip_attr_set { KMIP_SET_SERVER = 1, KMIP_SET_CLIENT = 2, KMIP_SET_BOTH = 3, KMIP_SET_REQUEST = 5 };

/* When a value that is there may change. */
enum kmip_attr_when {
	KMIP_NEVER,
	KMIP_ANY_TIME,
	KMIP_PRE_ACTIVE,  /* while the object is Pre-Active */
	KMIP_NOT_REACHED, /* while it is Pre-Active or Active, and the date has not come */
	KMIP_NOT_OVER,    /* while it is Pre-Active or Active */
	KMIP_UNUSED,      /* as long as nothing of the limit was allocated */
	KMIP_ONE_WAY,     /* towards more secrecy: what was said about a key stays true */
	KMIP_OWN,         /* custom attributes: x- is the client's, y- the server's */
	KMIP_LEFT_OPEN    /* what the client left open */
};

struct kmip_attr_row {
	enum kmip_attr id;
	uint32_t tag;             /* of the value item; TAG_ATTRIBUTE_VALUE for custom attributes */
	const char *name;         /* 1.x name: "Cryptographic Algorithm"; "" for custom attributes */
	enum ttlv_type type;      /* of the value; TTLV_ANY for custom attributes */
	enum kmip_enum enumeration; /* of an Enumeration value or a bit mask; else ENUM_NONE */
	uint8_t since_minor;      /* first 1.x minor version that has it */
	bool multi;               /* several instances permitted */
	bool always;              /* objects that may have it always have it */
	enum kmip_attr_set set_by;
	enum kmip_attr_when server_modify;
	enum kmip_attr_when client_modify; /* Modify Attribute; for what has no value yet, Add Attribute too */
	enum kmip_attr_when client_delete; /* Delete Attribute */
	uint32_t implicit;        /* bit OPERATION_…: may set it even if the request does not mention it */
	uint32_t applies;         /* bit OBJECT_TYPE_…: may have it */
};

/* id: 1 … ATTR_COUNT-1. */
const struct kmip_attr_row *kmip_attr_row(enum kmip_attr id);
/* Whether objects of this type (enum kmip_object_type) may have the attribute. */
bool kmip_attr_applies(enum kmip_attr id, uint32_t object_type);
/* By the 1.x name. A name with the prefix "x-" or "y-" is ATTR_CUSTOM_ATTRIBUTE; anything unknown is ATTR_NONE. */
enum kmip_attr kmip_attr_by_name(struct view name);
/* By the tag of the value; ATTR_NONE when no attribute has it. */
enum kmip_attr kmip_attr_by_tag(uint32_t tag);

/* One attribute as it came in a message, or as it is to be written. */
struct kmip_attr_value {
	enum kmip_attr id;
	struct view custom;       /* name of a custom attribute, prefix included; else empty */
	bool has_index;
	uint32_t index;           /* 0 when absent */
	bool has_value;
	struct ttlv_item value;   /* under the attribute's own tag */
};

/* Type (and for enumerations, masks and the structures of kmip/values.h the contents) of a value. ERR_FIELD. */
enum coffer_err kmip_attr_check(enum kmip_attr id, const struct ttlv_item *value) MUST_USE;
/* One 1.x Attribute structure; a value that is there is checked. ERR_FIELD unknown name, negative index or
 * unsuitable value; ERR_MISSING; ERR_INPUT. */
enum coffer_err kmip_attr_parse(const struct ttlv_item *attribute, struct kmip_attr_value *out) MUST_USE;
/* The next Attribute of a run of them (payload or Template-Attribute): false in *out_found at the first item that is
 * no Attribute. */
enum coffer_err kmip_attr_next(struct ttlv_cursor *c, struct kmip_attr_value *out, bool *out_found) MUST_USE;
/* The same of what is looked for: a structure may have some of its fields only (Locate, KMIP 1.4 section 4.9). */
enum coffer_err kmip_attr_next_sought(struct ttlv_cursor *c, struct kmip_attr_value *out, bool *out_found) MUST_USE;
/* The attributes of a Template-Attribute (any of the four tags) for kmip_attr_next. ERR_UNSUPPORTED when it names
 * templates, which are deprecated. */
enum coffer_err kmip_template_enter(const struct ttlv_item *template_attribute, struct ttlv_cursor *out) MUST_USE;

/* What KMIP 1.x minor versions know of a value (attr_version.c). The first one that can say it: that of the attribute,
 * or of the newest field in it. A Cryptographic Parameters structure may stand under any tag. */
uint32_t kmip_attr_since(enum kmip_attr id, const struct ttlv_item *value);
/* Writes the value under its own tag without the fields that this minor version does not know. */
void kmip_attr_put_known(struct writer *w, enum kmip_attr id, const struct ttlv_item *value, uint32_t minor);

/* A 1.x Attribute structure; index and value as has_index and has_value say. */
void kmip_attr_put(struct writer *w, const struct kmip_attr_value *value);
/* Shorthands without index. Not for custom attributes. */
void kmip_attr_put_item(struct writer *w, enum kmip_attr id, const struct ttlv_item *value);
void kmip_attr_put_i32(struct writer *w, enum kmip_attr id, int32_t v);
void kmip_attr_put_enum(struct writer *w, enum kmip_attr id, uint32_t v);
void kmip_attr_put_bool(struct writer *w, enum kmip_attr id, bool v);
void kmip_attr_put_text(struct writer *w, enum kmip_attr id, struct view utf8);
void kmip_attr_put_time(struct writer *w, enum kmip_attr id, int64_t unix_s);
/* Opens Attribute and its structured Attribute Value: put the fields, then end. */
struct kmip_attr_mark { struct ttlv_mark attribute, value; };
struct kmip_attr_mark kmip_attr_begin(struct writer *w, enum kmip_attr id);
void kmip_attr_end(struct writer *w, struct kmip_attr_mark mark);

#endif
