/* The structured attribute values of KMIP 1.4 section 3 that this server understands: Name, Link, Cryptographic
 * Parameters, Revocation Reason, Application Specific Information. Parsing takes the whole structure item under any
 * tag and borrows it; ERR_INPUT, ERR_MISSING, ERR_FIELD.
 * Writing takes the tag: the attribute's own, or TAG_ATTRIBUTE_VALUE inside a 1.x Attribute. */
#ifndef COFFER_KMIP_VALUES_H
#define COFFER_KMIP_VALUES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/view.h"
#include "base/writer.h"
#include "ttlv/ttlv.h"

/* Section 3.2. */
struct kmip_name {
	struct view value;        /* text, at least 1 byte */
	uint32_t type;            /* enum kmip_name_type */
};
enum coffer_err kmip_name_parse(const struct ttlv_item *item, struct kmip_name *out) MUST_USE;
void kmip_name_put(struct writer *w, uint32_t tag, const struct kmip_name *name);

/* Section 3.35. */
struct kmip_link {
	uint32_t type;            /* enum kmip_link_type */
	struct view linked;       /* Unique Identifier of the target, text */
};
enum coffer_err kmip_link_parse(const struct ttlv_item *item, struct kmip_link *out) MUST_USE;
void kmip_link_put(struct writer *w, uint32_t tag, const struct kmip_link *link);

/* Section 3.31. */
struct kmip_revocation {
	uint32_t code;            /* enum kmip_revocation_reason_code */
	bool has_message;
	struct view message;      /* text */
};
enum coffer_err kmip_revocation_parse(const struct ttlv_item *item, struct kmip_revocation *out) MUST_USE;
void kmip_revocation_put(struct writer *w, uint32_t tag, const struct kmip_revocation *revocation);

/* Section 3.36. */
struct kmip_application {
	struct view name_space;   /* text */
	bool has_data;
	struct view data;         /* text */
};
enum coffer_err kmip_application_parse(const struct ttlv_item *item, struct kmip_application *out) MUST_USE;
void kmip_application_put(struct writer *w, uint32_t tag, const struct kmip_application *application);

/* Section 3.6, fields in the order of its table: has_<field> and <field> for each row of params.def. */
struct kmip_params {
#define PARAM_ENUM(field, tag, since) bool has_##field; uint32_t field;
#define PARAM_I32(field, tag, since) bool has_##field; int32_t field;
#define PARAM_BOOL(field, tag, since) bool has_##field; bool field;
#define PARAM_BYTES(field, tag, since) bool has_##field; struct view field;
#include "kmip/params.def"
#undef PARAM_ENUM
#undef PARAM_I32
#undef PARAM_BOOL
#undef PARAM_BYTES
};
enum coffer_err kmip_params_parse(const struct ttlv_item *item, struct kmip_params *out) MUST_USE;
void kmip_params_put(struct writer *w, uint32_t tag, const struct kmip_params *params);

#endif
