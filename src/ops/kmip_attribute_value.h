/* Rules of single attributes beyond the table of kmip/attr.def, for Add, Modify and Delete Attribute. Store lane. */
#ifndef COFFER_OPS_KMIP_ATTRIBUTE_VALUE_H
#define COFFER_OPS_KMIP_ATTRIBUTE_VALUE_H

#include "ops/kmip_attribute_change.h"

/* Whether the value that stands there may go or change (Modify, Delete): links that Re-key made stay, limits that were drawn on stay. */
enum coffer_err attribute_value_may_go(struct attribute_change *c) MUST_USE;
/* Checks the new value against the object and writes it, as it is kept, to c->item. Sensitive and Extractable bring their histories with them. */
enum coffer_err attribute_value_make(struct attribute_change *c) MUST_USE;

/* Replacement and Replaced Object Link: made by Re-key alone. */
bool attribute_link_is_of_server(uint32_t link_type);
/* KMIP 1.4 section 3.35: which links an object of this type can have. */
bool attribute_link_suits(uint32_t link_type, uint32_t object_type);

#endif
