/* The two halves of the dispatch table: KMIP's own operations (dispatch_table.c) and Coffer's (vendor_table.c). */
#ifndef COFFER_OPS_TABLES_H
#define COFFER_OPS_TABLES_H

#include "ops/op.h"

extern const struct op_row kmip_rows[];
extern const size_t kmip_row_count;
extern const struct op_row vendor_rows[];
extern const size_t vendor_row_count;

op_fn op_activate;
op_fn op_add_attribute;
op_fn op_create;
op_fn op_decrypt;
op_fn op_delete_attribute;
op_fn op_destroy;
op_fn op_discover_versions;
op_fn op_encrypt;
op_fn op_get;
op_fn op_get_attribute_list;
op_fn op_get_attributes;
op_fn op_hash;
op_fn op_locate;
op_fn op_mac;
op_fn op_mac_verify;
op_fn op_modify_attribute;
op_fn op_query;
op_fn op_register;
op_fn op_rekey;
op_fn op_set_rotation;
op_fn op_revoke;

op_fn op_archive;
op_fn op_check;
op_fn op_get_usage_allocation;
op_fn op_obtain_lease;
op_fn op_recover;

op_fn op_approve;
op_fn op_audit_export;
op_fn op_promote, op_step_down;
op_fn op_alert_test;
op_fn op_audit_show;
op_fn op_audit_verify;
op_fn op_close_stream;
op_fn op_grant;
op_fn op_init;
op_fn op_init_confirm;
op_fn op_list_approvals;
op_fn op_list_grants;
op_fn op_map_ring;
op_fn op_open;
op_fn op_open_stream;
op_fn op_revoke_grant;
op_fn op_rewrap;
op_fn op_rng_retrieve;
op_fn op_rng_seed;
op_fn op_rotate_data_key, op_rotate_master;
op_fn op_seal;
op_fn op_set_quorum;
op_fn op_seal_stream;
op_fn op_status;
op_fn op_store_accept;
op_fn op_store_migrate;
op_fn op_anchor_accept;
op_fn op_store_check;
op_fn op_token_test, op_token_provision, op_token_policy, op_token_reseal, op_token_change_pin;
op_fn op_zeroise;
op_fn op_unseal, op_recovery_new, op_recovery_confirm, op_recovery_test;

op_fn op_node_join, op_node_list, op_node_approve, op_node_remove, op_node_accept;
op_fn op_node_enrol, op_node_enrolments, op_node_enrol_revoke;
op_fn op_node_trust, op_node_trusted, op_node_untrust;

op_fn op_backup_begin, op_backup_read, op_backup_end, op_backup_verified, op_backup_list;
op_fn op_restore_begin, op_restore_write, op_restore_commit;

#endif
