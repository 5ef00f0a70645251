/* What a client asks of a new object in its Template-Attribute (KMIP 1.4 section 2.1.8), put onto the object. */
#ifndef COFFER_OPS_KMIP_TEMPLATE_H
#define COFFER_OPS_KMIP_TEMPLATE_H

#include "objects/object.h"
#include "ops/op.h"

/* Takes the Template-Attribute that stands next in the payload, if one does, and puts its attributes onto *o, which nobody else sees yet:
 * algorithm, length and usage mask into their fields, everything else into the set. With replace (Re-key) a value replaces those that were
 * copied from the old object. ERR_FIELD: unknown, the server's alone, given twice, unsuitable; ERR_UNSUPPORTED: what could not be kept. */
enum coffer_err kmip_template_apply(struct op_ctx *ctx, struct ttlv_cursor *payload, struct object *o, bool replace) MUST_USE;

#endif
