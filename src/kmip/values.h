/* The structured attribute values of KMIP 1.4 section 3, but for those of certificates. Parsing takes the whole
 * structure item under any tag and borrows it; a field that does not belong there is refused, never skipped: ERR_INPUT,
 * ERR_MISSING, ERR_FIELD.
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

/* Section 3.7. */
struct kmip_domain_params {
	bool has_qlength;
	int32_t qlength;          /* bits, above 0 */
	bool has_curve;
	uint32_t curve;           /* enum kmip_recommended_curve */
};
enum coffer_err kmip_domain_params_parse(const struct ttlv_item *item, struct kmip_domain_params *out) MUST_USE;
void kmip_domain_params_put(struct writer *w, uint32_t tag, const struct kmip_domain_params *params);

/* Section 3.17. */
struct kmip_digest {
	uint32_t hashing_algorithm; /* enum kmip_hashing_algorithm */
	bool has_value;
	struct view value;        /* bytes */
	bool has_format;          /* KMIP 1.1 and later; keys and secret data */
	uint32_t format;          /* enum kmip_key_format_type */
};
enum coffer_err kmip_digest_parse(const struct ttlv_item *item, struct kmip_digest *out) MUST_USE;
void kmip_digest_put(struct writer *w, uint32_t tag, const struct kmip_digest *digest);

/* Section 3.21. Every field is optional here: a client gives total and unit, or one of them, and never the count. */
struct kmip_usage_limits {
	bool has_total;
	int64_t total;            /* at least 0 */
	bool has_count;
	int64_t count;            /* what is left: 0 to total */
	bool has_unit;
	uint32_t unit;            /* enum kmip_usage_limits_unit */
};
enum coffer_err kmip_usage_limits_parse(const struct ttlv_item *item, struct kmip_usage_limits *out) MUST_USE;
void kmip_usage_limits_put(struct writer *w, uint32_t tag, const struct kmip_usage_limits *limits);

/* Section 3.40. */
struct kmip_alternative_name {
	struct view value;        /* text, at least 1 byte */
	uint32_t type;            /* enum kmip_alternative_name_type */
};
enum coffer_err kmip_alternative_name_parse(const struct ttlv_item *item, struct kmip_alternative_name *out) MUST_USE;
void kmip_alternative_name_put(struct writer *w, uint32_t tag, const struct kmip_alternative_name *name);

/* Section 3.42. */
struct kmip_key_value_location {
	struct view value;        /* text, at least 1 byte */
	uint32_t type;            /* enum kmip_key_value_location_type */
};
enum coffer_err kmip_key_value_location_parse(const struct ttlv_item *item, struct kmip_key_value_location *out) MUST_USE;
void kmip_key_value_location_put(struct writer *w, uint32_t tag, const struct kmip_key_value_location *location);

/* Sections 2.1.18 and 3.44, fields in the order of its table: has_<field> and <field> for each row of rng.def. */
struct kmip_rng {
#define RNG_ENUM(field, tag) bool has_##field; uint32_t field;
#define RNG_I32(field, tag) bool has_##field; int32_t field;
#define RNG_BOOL(field, tag) bool has_##field; bool field;
#include "kmip/rng.def"
#undef RNG_ENUM
#undef RNG_I32
#undef RNG_BOOL
};
enum coffer_err kmip_rng_parse(const struct ttlv_item *item, struct kmip_rng *out) MUST_USE;
void kmip_rng_put(struct writer *w, uint32_t tag, const struct kmip_rng *rng);

#endif
