/* Values that clients give, in whatever operation: the rules of single attributes beyond the table of kmip/attr.def. Any thread. */
#ifndef COFFER_OPS_KMIP_GIVEN_H
#define COFFER_OPS_KMIP_GIVEN_H

#include "kmip/attr.h"
#include "ops/op.h"

/* Whether a client may give this value to such an object. Custom attributes with y- are the server's; a field must be of the request's protocol
 * version; a link suits the type of the object, and those between versions are Re-key's; an Application Namespace comes with its data; the
 * Operation Policy is 'default' (the owner, and whom the grants of the domain allow), or 'public' for what is no secret; lengths are not negative. ERR_FIELD; ERR_UNSUPPORTED with the
 * Result Reason Application Namespace Not Supported (section 11). */
enum coffer_err kmip_given_check(struct op_ctx *ctx, const struct object *o, const struct kmip_attr_value *v) MUST_USE;
/* Replacement and Replaced Object Link: made by Re-key alone. A client that could make such links could lead rewrapping to a key of its own. */
bool kmip_link_is_of_server(uint32_t link_type);

#endif
