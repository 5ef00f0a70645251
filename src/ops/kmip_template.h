/* What a client asks of a new object in its Template-Attribute (KMIP 1.4 section 2.1.8), put onto the object. */
#ifndef COFFER_OPS_KMIP_TEMPLATE_H
#define COFFER_OPS_KMIP_TEMPLATE_H

#include "objects/object.h"
#include "ops/op.h"

enum kmip_purpose {
	KMIP_FOR_CREATE,
	KMIP_FOR_REKEY,    /* a value replaces those that were copied from the old object */
	KMIP_FOR_REGISTER  /* what only the maker of an object knows may be given: Original Creation Date, Random Number Generator … */
};

/* Takes the Template-Attribute that stands next in the payload, if one does, and puts its attributes onto *o, which nobody else sees yet:
 * algorithm, length and usage mask into their fields, everything else into the set. ERR_FIELD: unknown, the server's alone, given twice,
 * unsuitable; ERR_UNSUPPORTED: what could not be kept; ERR_LIMIT. */
enum coffer_err kmip_template_apply(struct op_ctx *ctx, struct ttlv_cursor *payload, struct object *o, enum kmip_purpose purpose) MUST_USE;
/* The attributes that stand in the Key Value of a key that is registered: they add to those of the Template-Attribute, and may repeat them.
 * ERR_FIELD also when they contradict them. */
enum coffer_err kmip_template_apply_key(struct op_ctx *ctx, struct ttlv_cursor *attributes, struct object *o) MUST_USE;

#endif
