/* The two halves of the dispatch table: KMIP's own operations (dispatch_table.c) and Coffer's (vendor_table.c). */
#ifndef COFFER_OPS_TABLES_H
#define COFFER_OPS_TABLES_H

#include "ops/op.h"

extern const struct op_row kmip_rows[];
extern const size_t kmip_row_count;
extern const struct op_row vendor_rows[];
extern const size_t vendor_row_count;

op_fn op_activate;
op_fn op_create;
op_fn op_decrypt;
op_fn op_destroy;
op_fn op_discover_versions;
op_fn op_encrypt;
op_fn op_get;
op_fn op_get_attribute_list;
op_fn op_get_attributes;
op_fn op_locate;
op_fn op_query;
op_fn op_rekey;
op_fn op_revoke;

#endif
