/* The functions behind the rows of commands.c. */
#ifndef COFFER_CLI_COMMANDS_H
#define COFFER_CLI_COMMANDS_H

#include "cli/cli.h"

typedef int cmd_fn(struct cli *cli, const struct cmd_args *args);

cmd_fn cmd_unseal, cmd_recovery_shares, cmd_recovery_test;
cmd_fn cmd_init, cmd_status, cmd_alert_test, cmd_metrics, cmd_token_provision, cmd_token_status, cmd_token_test, cmd_token_reseal, cmd_token_change_pin, cmd_token_sign_pcrs;
cmd_fn cmd_key_create, cmd_key_list, cmd_key_show, cmd_key_rotate, cmd_key_schedule, cmd_key_activate, cmd_key_revoke, cmd_key_destroy, cmd_key_deactivate;
cmd_fn cmd_encrypt, cmd_decrypt, cmd_rewrap, cmd_random, cmd_mac, cmd_hash;
cmd_fn cmd_rotate_data_key, cmd_rotate_master;
cmd_fn cmd_promote, cmd_step_down, cmd_test_failover;
cmd_fn cmd_quorum, cmd_quorum_set, cmd_approve, cmd_zeroise;
cmd_fn cmd_grant, cmd_revoke_grant, cmd_grants, cmd_audit_show, cmd_audit_verify, cmd_audit_export, cmd_store_check, cmd_store_accept, cmd_store_migrate;
cmd_fn cmd_node_join, cmd_node_list, cmd_node_approve, cmd_node_remove, cmd_node_accept;
cmd_fn cmd_node_enrol, cmd_node_enrolments, cmd_node_enrol_revoke;
cmd_fn cmd_node_trust, cmd_node_trusted, cmd_node_untrust;
cmd_fn cmd_backup_create, cmd_backup_verify, cmd_backup_list, cmd_restore;

#endif
