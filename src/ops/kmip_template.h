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
 * algorithm, length and usage mask into their fields, everything else into the set. Templates that it names come first, in their order; the
 * value of a later one, and at last that of the request itself, replaces a single value and joins several. Store lane. ERR_FIELD: unknown, the
 * server's alone, given twice, unsuitable; ERR_UNSUPPORTED: what could not be kept; ERR_LIMIT; ERR_NOT_FOUND, ERR_STATE: a named template. */
enum coffer_err kmip_template_apply(struct op_ctx *ctx, struct ttlv_cursor *payload, struct object *o, enum kmip_purpose purpose) MUST_USE;

enum kmip_list {
	KMIP_LIST_TEMPLATE, /* of a Template object: joins the Template-Attribute */
	KMIP_LIST_IN_KEY    /* of a Key Value: may repeat what the Template-Attribute says, not contradict it (ERR_FIELD) */
};
/* The attributes that stand inside an object that is registered, after its Template-Attribute. */
enum coffer_err kmip_template_apply_list(struct op_ctx *ctx, struct ttlv_cursor *attributes, struct object *o, enum kmip_list list) MUST_USE;

#endif
