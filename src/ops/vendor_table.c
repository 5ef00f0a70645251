/* The dispatch table of Coffer's own operations, and of RNG Retrieve and RNG Seed. A missing row means refused. */
#include "kmip/enums.h"
#include "ops/tables.h"

#define ROW(op, text, fn, perm, where, on, log, bits) \
	{ .operation = OPERATION_##op, .name = text, .run = fn, .permission = PERMISSION_##perm, .target = OP_TARGET_##where, \
	  .lane = OP_LANE_##on, .audit = OP_AUDIT_##log, .flags = (bits), .since_minor = 0 }

#define ANY_STATE (OP_SEALED_OK | OP_UNINITIALISED_OK)
#define MAKES_DOMAIN (OP_UNINITIALISED_OK | OP_SEALED_OK | OP_ALONE | OP_SECRET_ANSWER) /* refused by the handler once there is a domain */

/* Streams are OP_ALONE: a segment moves its stream on, so it must not be in a batch that may be run again. */
const struct op_row vendor_rows[] = {
	ROW(COFFER_STATUS,       "Status",        op_status,       NONE,        NONE,       ADMIN,  NEVER,  ANY_STATE),
	ROW(COFFER_INIT,         "Init",          op_init,         INIT,        NONE,       ADMIN,  ALWAYS, MAKES_DOMAIN | OP_ADMIN_LOCK),
	ROW(COFFER_INIT_CONFIRM, "Init Confirm",  op_init_confirm, INIT,        NONE,       ADMIN,  ALWAYS, MAKES_DOMAIN | OP_ADMIN_LOCK),
	ROW(COFFER_SEAL,         "Seal",          op_seal,         USE,         ID_OR_NAME, WORKER, COUNTED, OP_SEALS),
	ROW(COFFER_OPEN,         "Open",          op_open,         USE,         SEALED,     WORKER, COUNTED, OP_SECRET_ANSWER),
	ROW(COFFER_REWRAP,       "Rewrap",        op_rewrap,       USE,         SEALED,     WORKER, COUNTED, OP_SEALS),
	ROW(COFFER_SEAL_STREAM,  "Seal Stream",   op_seal_stream,  USE,         ID_OR_NAME, WORKER, COUNTED, OP_ALONE | OP_SEALS),
	ROW(COFFER_OPEN_STREAM,  "Open Stream",   op_open_stream,  USE,         SEALED,     WORKER, COUNTED, OP_ALONE | OP_SECRET_ANSWER),
	ROW(COFFER_CLOSE_STREAM, "Close Stream",  op_close_stream, NONE,        NONE,       WORKER, NEVER,  OP_SEALED_OK | OP_ALONE),
	ROW(COFFER_GRANT,        "Grant",         op_grant,        GRANT,       NONE,       STORE,  ALWAYS, 0),
	ROW(COFFER_REVOKE_GRANT, "Revoke Grant",  op_revoke_grant, GRANT,       NONE,       STORE,  ALWAYS, OP_WHEN_FULL | OP_ANCHORED),
	ROW(COFFER_LIST_GRANTS,  "List Grants",   op_list_grants,  GRANTS_READ, NONE,       WORKER, DENIED, 0),
	ROW(COFFER_AUDIT_SHOW,   "Audit Show",    op_audit_show,   AUDIT_READ,  NONE,       STORE,  DENIED, OP_TELLS_BULK),
	ROW(COFFER_AUDIT_VERIFY, "Audit Verify",  op_audit_verify, AUDIT_READ,  NONE,       STORE,  DENIED, 0),
	ROW(COFFER_TOKEN_TEST,   "Token Test",    op_token_test,   TOKEN,       NONE,       ADMIN,  DENIED, OP_SEALED_OK),
	ROW(COFFER_TOKEN_PROVISION, "Token Provision", op_token_provision, INIT, NONE,     ADMIN,  ALWAYS, MAKES_DOMAIN | OP_ADMIN_LOCK),
	ROW(COFFER_STORE_CHECK,  "Store Check",   op_store_check,  AUDIT_READ,       NONE,       ADMIN,  DENIED, 0),
	ROW(COFFER_STORE_ACCEPT, "Store Accept",  op_store_accept, INIT,        NONE,       ADMIN,  DENIED, OP_ALONE | OP_ANCHORED | OP_ADMIN_LOCK),
	ROW(COFFER_STORE_MIGRATE, "Store Migrate", op_store_migrate, INIT,     NONE,       ADMIN,  FAILED, OP_ALONE | OP_ADMIN_LOCK),
	ROW(COFFER_MAP_RING,     "Map Ring",      op_map_ring,     NONE,        NONE,       ADMIN,  NEVER,  OP_ALONE),
	/* backup and restore */
	ROW(COFFER_BACKUP_BEGIN, "Backup Begin",  op_backup_begin, BACKUP,      NONE,       ADMIN,  ALWAYS, OP_ALONE),
	ROW(COFFER_BACKUP_READ,  "Backup Read",   op_backup_read,  BACKUP,      NONE,       ADMIN,  DENIED, OP_ALONE),
	ROW(COFFER_BACKUP_END,   "Backup End",    op_backup_end,   BACKUP,      NONE,       ADMIN,  DENIED, OP_ALONE),
	ROW(COFFER_BACKUP_VERIFIED, "Backup Verified", op_backup_verified, BACKUP, NONE,    STORE,  ALWAYS, 0),
	ROW(COFFER_BACKUP_LIST,  "Backup List",   op_backup_list,  BACKUP,      NONE,       STORE,  DENIED, 0),
	ROW(COFFER_RESTORE_BEGIN, "Restore Begin", op_restore_begin, INIT,      NONE,       ADMIN,  ALWAYS, OP_UNINITIALISED_OK | OP_SEALED_OK | OP_ALONE),
	ROW(COFFER_RESTORE_WRITE, "Restore Write", op_restore_write, INIT,      NONE,       ADMIN,  DENIED, OP_UNINITIALISED_OK | OP_SEALED_OK | OP_ALONE),
	ROW(COFFER_RESTORE_COMMIT, "Restore Commit", op_restore_commit, INIT,   NONE,       ADMIN,  DENIED, OP_UNINITIALISED_OK | OP_SEALED_OK | OP_ALONE),

	/* rotation */
	ROW(COFFER_ROTATE_DATA_KEY, "Rotate Data Key", op_rotate_data_key, ROTATE, NONE, ADMIN, FAILED, OP_ALONE | OP_ANCHORED | OP_ADMIN_LOCK | OP_FENCED),
	ROW(COFFER_ROTATE_MASTER, "Rotate Master", op_rotate_master, ROTATE, NONE, ADMIN, FAILED, OP_ALONE | OP_ANCHORED | OP_ADMIN_LOCK),
	ROW(COFFER_SET_ROTATION, "Set Rotation", op_set_rotation, MANAGE, ID_OR_NAME, STORE, ALWAYS, 0),

	/* token */
	ROW(COFFER_TOKEN_RESEAL, "Token Reseal",  op_token_reseal, TOKEN,       NONE,       ADMIN,  ALWAYS, OP_ALONE),
	ROW(COFFER_TOKEN_CHANGE_PIN, "Token Change Pin", op_token_change_pin, TOKEN, NONE,  ADMIN,  ALWAYS, OP_ALONE),
	ROW(COFFER_TOKEN_POLICY, "Token Policy",  op_token_policy, TOKEN,       NONE,       ADMIN,  DENIED, OP_SEALED_OK),

	/* unseal and recovery */
	ROW(COFFER_UNSEAL,       "Unseal",        op_unseal,       UNSEAL,      NONE,       ADMIN,  ALWAYS, OP_SEALED_OK | OP_ALONE),
	ROW(COFFER_RECOVERY_NEW, "Recovery New",  op_recovery_new, RECOVERY,    NONE,       ADMIN,  ALWAYS, OP_ALONE | OP_SECRET_ANSWER | OP_ADMIN_LOCK),
	ROW(COFFER_RECOVERY_CONFIRM, "Recovery Confirm", op_recovery_confirm, RECOVERY, NONE, ADMIN, ALWAYS, OP_ALONE | OP_ANCHORED | OP_ADMIN_LOCK),
	ROW(COFFER_RECOVERY_TEST, "Recovery Test", op_recovery_test, RECOVERY,  NONE,       ADMIN,  ALWAYS, OP_ALONE),

	/* zeroise and quorum */
	ROW(COFFER_SET_QUORUM,   "Set Quorum",    op_set_quorum,   GRANT,       NONE,       STORE,  ALWAYS, 0),
	ROW(COFFER_LIST_APPROVALS, "List Approvals", op_list_approvals, GRANT,  NONE,       WORKER, DENIED, 0),
	ROW(COFFER_APPROVE,      "Approve",       op_approve,      GRANT,       NONE,       STORE,  ALWAYS, OP_WHEN_FULL),
	ROW(COFFER_ZEROISE,      "Zeroise",       op_zeroise,      ZEROISE,     NONE,       ADMIN,  DENIED, OP_SEALED_OK | OP_ALONE),

	/* anchor */
	ROW(COFFER_ANCHOR_ACCEPT, "Anchor Accept", op_anchor_accept, INIT,     NONE,       ADMIN,  DENIED, OP_ALONE | OP_ADMIN_LOCK),

	/* audit */
	ROW(COFFER_AUDIT_EXPORT, "Audit Export",  op_audit_export, AUDIT_READ,  NONE,       STORE,  DENIED, OP_TELLS_BULK),

	/* alerts */
	ROW(COFFER_PROMOTE,      "Promote",       op_promote,      NODES,       NONE,       STORE,  ALWAYS, OP_ALONE),
	ROW(COFFER_STEP_DOWN,    "Step Down",     op_step_down,    NODES,       NONE,       STORE,  ALWAYS, OP_ALONE),
	ROW(COFFER_ALERT_TEST,   "Alert Test",    op_alert_test,   TOKEN,       NONE,       WORKER, DENIED, 0),

	/* several nodes */
	ROW(COFFER_NODE_JOIN,    "Node Join",     op_node_join,    INIT,        NONE,       ADMIN,  DENIED, OP_UNINITIALISED_OK | OP_SEALED_OK | OP_ALONE | OP_ADMIN_LOCK),
	ROW(COFFER_NODE_LIST,    "Node List",     op_node_list,    NODES,       NONE,       STORE,  DENIED, 0),
	ROW(COFFER_NODE_APPROVE, "Node Approve",  op_node_approve, NODES,       NONE,       STORE,  ALWAYS, OP_ALONE | OP_FENCED),
	ROW(COFFER_NODE_REMOVE,  "Node Remove",   op_node_remove,  NODES,       NONE,       ADMIN,  FAILED, OP_ALONE | OP_ADMIN_LOCK | OP_FENCED),
	ROW(COFFER_NODE_ACCEPT,  "Node Accept",   op_node_accept,  NODES,       NONE,       ADMIN,  FAILED, OP_ALONE | OP_ADMIN_LOCK),
	ROW(COFFER_NODE_ENROL,   "Node Enrol",    op_node_enrol,   NODES,       NONE,       STORE,  ALWAYS, OP_ALONE | OP_FENCED | OP_SECRET_ANSWER),
	ROW(COFFER_NODE_ENROLMENTS, "Node Enrolments", op_node_enrolments, NODES, NONE,     STORE,  DENIED, 0),
	ROW(COFFER_NODE_ENROL_REVOKE, "Node Enrol Revoke", op_node_enrol_revoke, NODES, NONE, STORE, ALWAYS, OP_ALONE | OP_FENCED),
	ROW(COFFER_NODE_TRUST,   "Node Trust",    op_node_trust,   NODES,       NONE,       STORE,  ALWAYS, OP_ALONE | OP_FENCED),
	ROW(COFFER_NODE_TRUSTED, "Node Trusted",  op_node_trusted, NODES,       NONE,       STORE,  DENIED, 0),
	ROW(COFFER_NODE_UNTRUST, "Node Untrust",  op_node_untrust, NODES,       NONE,       STORE,  ALWAYS, OP_ALONE | OP_FENCED),

	{ .operation = OPERATION_RNG_RETRIEVE, .name = "RNG Retrieve", .run = op_rng_retrieve, .permission = PERMISSION_RANDOM,
	  .target = OP_TARGET_NONE, .lane = OP_LANE_WORKER, .audit = OP_AUDIT_DENIED, .flags = OP_SECRET_ANSWER, .since_minor = 2 },
	{ .operation = OPERATION_RNG_SEED, .name = "RNG Seed", .run = op_rng_seed, .permission = PERMISSION_RANDOM,
	  .target = OP_TARGET_NONE, .lane = OP_LANE_WORKER, .audit = OP_AUDIT_DENIED, .since_minor = 2 },
};
const size_t vendor_row_count = sizeof vendor_rows / sizeof vendor_rows[0];
