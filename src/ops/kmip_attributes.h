/* The attributes of an object as a client sees them: those kept in the object's own fields, then those of its set. Any thread. */
#ifndef COFFER_OPS_KMIP_ATTRIBUTES_H
#define COFFER_OPS_KMIP_ATTRIBUTES_H

#include "kmip/attr.h"
#include "objects/object.h"
#include "ops/op.h"

struct kmip_seen {
	const struct object *object;
	uint64_t now_s;         /* State is that of this time */
	uint32_t version_minor; /* attributes and fields that this KMIP 1.x version does not know are left out */
	bool hide_digest;       /* of what people choose: it can be guessed from its hash, so only who may have it learns that */
	uint32_t lease_time_s;  /* Lease Time of what can be leased; 0: none is shown */
};

/* The object as whoever made this request sees it now. */
struct kmip_seen kmip_seen_of(const struct op_ctx *ctx, const struct object *o);

/* Every value of every attribute that objects of this type may have. The value borrows from a buffer that lives during the call. An error ends the
 * walk and is returned. */
typedef enum coffer_err kmip_attribute_fn(void *arg, const struct kmip_attr_value *value);
enum coffer_err kmip_attributes_each(const struct kmip_seen *seen, kmip_attribute_fn *fn, void *arg) MUST_USE;
/* 1.x name of an attribute: of the table, or the custom one. */
struct view kmip_attribute_name(const struct kmip_attr_value *value);

#endif
