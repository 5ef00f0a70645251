/* The table of commands: one row each, options included. docs/man/coffer.1 has an entry for every row (tests/lint checks). */
#include "cli/commands.h"

#include <limits.h>

static const struct cmd_option init_options[] = {
	{ "token", 't', "URI", "tpm2:TCTI or an RFC 7512 pkcs11: URI (default: the configuration's)" },
	{ "pin", 0, NULL, "ask for the token's PIN, in place of a pin-source in the URI" },
	{ "pin-file", 0, "FILE", "read the token's PIN from a file" },
	{ "recovery-shares", 0, "N", "make N recovery shares (default 5)" },
	{ "recovery-threshold", 0, "K", "any K of them recover (default 3)" },
	{ "recovery-out", 0, "FOLDER", "write one file each there instead of showing them" },
	{ "recovery-passphrase", 0, NULL, "a passphrase instead of shares" },
	{ "no-recovery", 0, NULL, "no way back without the token; stays visible in status" },
	{ "secret-file", 0, "FILE", "read the passphrase from a file" },
	{ "secret-fd", 0, "N", "read the passphrase from an open descriptor" },
	{ "secret-credential", 0, "NAME", "read the passphrase from a systemd credential" },
	{ 0 },
};
static const struct cmd_option unseal_options[] = {
	{ "share-file", 0, "FILE", "a recovery share (may be repeated; without: they are asked for)" },
	{ "share-fd", 0, "N", "a share from an open descriptor (may be repeated)" },
	{ "share-credential", 0, "NAME", "a share from a systemd credential (may be repeated)" },
	{ "pin", 0, NULL, "with the token and its PIN; without a file: it is asked for" },
	{ "token", 0, NULL, "with the token as its URI says: no PIN, or its pin-source" },
	{ "forget", 0, NULL, "the node forgets the shares that it was given so far" },
	{ "secret-file", 0, "FILE", "read PIN or recovery passphrase from a file" },
	{ "secret-fd", 0, "N", "read it from an open descriptor" },
	{ "secret-credential", 0, "NAME", "read it from a systemd credential" },
	{ 0 },
};
static const struct cmd_option recovery_shares_options[] = {
	{ "new", 0, NULL, "make new ones; those before open nothing here any more" },
	{ "recovery-shares", 0, "N", "make N recovery shares (default 5)" },
	{ "recovery-threshold", 0, "K", "any K of them recover (default 3)" },
	{ "recovery-out", 0, "FOLDER", "write one file each there instead of showing them" },
	{ "recovery-passphrase", 0, NULL, "a passphrase instead of shares" },
	{ "secret-file", 0, "FILE", "read the passphrase from a file" },
	{ "secret-fd", 0, "N", "read the passphrase from an open descriptor" },
	{ "secret-credential", 0, "NAME", "read the passphrase from a systemd credential" },
	{ 0 },
};
static const struct cmd_option recovery_test_options[] = {
	{ "share-file", 0, "FILE", "a recovery share (may be repeated; without: they are asked for)" },
	{ "share-fd", 0, "N", "a share from an open descriptor (may be repeated)" },
	{ "share-credential", 0, "NAME", "a share from a systemd credential (may be repeated)" },
	{ "secret-file", 0, "FILE", "read the passphrase from a file" },
	{ "secret-fd", 0, "N", "read the passphrase from an open descriptor" },
	{ "secret-credential", 0, "NAME", "read the passphrase from a systemd credential" },
	{ 0 },
};
static const struct cmd_option status_options[] = {
	{ "watch", 'w', NULL, "show it again every second" },
	{ 0 },
};
static const struct cmd_option metrics_options[] = {
	{ "output", 'o', "FILE", "a file that appears whole, for the node exporter's textfile collector" },
	{ 0 },
};
static const struct cmd_option create_options[] = {
	{ "algorithm", 'a', "NAME", "aes-256 (default), aes-192, aes-128, chacha20, hmac-sha256 …" },
	{ "group", 'g', "GROUP", "Object Group that grants can name with --on" },
	{ "rotate-every", 0, "INTERVAL", "the daemon replaces it so often: 12h, 90d, 1y …" },
	{ 0 },
};
static const struct cmd_option schedule_options[] = {
	{ "rotate-every", 0, "INTERVAL", "the daemon replaces it so often: 12h, 90d, 1y …" },
	{ "never", 0, NULL, "not any more" },
	{ 0 },
};
static const struct cmd_option revoke_options[] = {
	{ "reason", 'r', "REASON", "key-compromise, superseded, cessation-of-operation, …" },
	{ "message", 'm', "TEXT", "why, for people" },
	{ 0 },
};
static const struct cmd_option destroy_options[] = {
	{ "version", 0, "N", "that version of the key (default: the one that has the name)" },
	{ 0 },
};
static const struct cmd_option encrypt_options[] = {
	{ "key", 'k', "NAME", "the key: its name or UUID" },
	{ "context", 'c', "NAME=VALUE", "bound to the output; needed again to decrypt (may be repeated)" },
	{ "input", 'i', "FILE", "default: standard input" },
	{ "output", 'o', "FILE", "default: standard output; appears only when whole" },
	{ "no-ring", 0, NULL, "a stream's bytes in messages, not in memory shared with the daemon" },
	{ 0 },
};
static const struct cmd_option decrypt_options[] = {
	{ "context", 'c', "NAME=VALUE", "as it was given to encrypt (may be repeated)" },
	{ "input", 'i', "FILE", "default: standard input" },
	{ "output", 'o', "FILE", "default: standard output; appears only when whole and verified" },
	{ "no-ring", 0, NULL, "a stream's bytes in messages, not in memory shared with the daemon" },
	{ 0 },
};
static const struct cmd_option rewrap_options[] = {
	{ "context", 'c', "NAME=VALUE", "as it was given to encrypt (may be repeated)" },
	{ "input", 'i', "FILE", "default: standard input" },
	{ "output", 'o', "FILE", "default: standard output; appears only when whole and verified" },
	{ 0 },
};
static const struct cmd_option alert_options[] = {
	{ "wait", 0, "SECONDS", "how long to wait for notify_command (default 60)" },
	{ 0 },
};
static const struct cmd_option random_options[] = {
	{ "raw", 0, NULL, "bytes as they are instead of hex" },
	{ 0 },
};
static const struct cmd_option mac_options[] = {
	{ "key", 'k', "NAME", "the HMAC key: its name or UUID" },
	{ "input", 'i', "FILE", "default: standard input" },
	{ "check", 0, "HEX", "say whether this is the MAC of the input, in place of making one" },
	{ 0 },
};
static const struct cmd_option hash_options[] = {
	{ "algorithm", 'a', "NAME", "sha-256 (default), sha-384, sha-512, sha3-256 …" },
	{ "input", 'i', "FILE", "default: standard input" },
	{ 0 },
};
static const struct cmd_option grant_options[] = {
	{ "to", 0, "PRINCIPAL", "unix:UID, unix:USER or tls:SUBJECT" },
	{ "role", 0, "ROLE", "administrator, key-manager, key-user, key-exporter, auditor" },
	{ "on", 0, "GROUP", "only for objects of this group" },
	{ 0 },
};
static const struct cmd_option audit_options[] = {
	{ "from", 0, "N", "first record (default: the newest ones; with a filter, all)" },
	{ "limit", 0, "N", "at most so many (default 1000)" },
	{ "since", 0, "TIME", "only those of this time and later: 2026-01-31 or 2026-01-31T12:00:00Z" },
	{ "until", 0, "TIME", "only those before this time" },
	{ "principal", 0, "PRINCIPAL", "only what this one did: unix:UID, or node" },
	{ "operation", 0, "NAME", "only this operation: Create, Destroy, Seal …; event for the daemon's own" },
	{ "object", 0, "UUID", "only what is about this object" },
	{ "failed", 0, NULL, "only what failed or was refused" },
	{ "follow", 0, NULL, "go on with records as they come" },
	{ 0 },
};
static const struct cmd_option audit_export_options[] = {
	{ "from", 0, "N", "first record (default: the first one that the store has)" },
	{ 0 },
};
static const struct cmd_option audit_verify_options[] = {
	{ "file", 0, "FILE", "an export to check without the daemon, as one named without this (may be repeated)" },
	{ "fingerprint", 0, "TEXT", "the domain whose log it must be, from init's output or a recovery share" },
	{ "public-key", 0, "HEX", "the same by the domain's public key: 64 hex digits, or a file that begins with them" },
	{ "checkpoint", 0, "FILE", "checkpoints that were kept elsewhere: nothing up to them may be missing (may be repeated)" },
	{ "token-key", 0, "TEXT", "fingerprint of the token's signing key, from 'coffer status': it must have signed (may be repeated)" },
	{ "live", 0, NULL, "the last file is still written to: its newest records have no checkpoint yet" },
	{ 0 },
};
static const struct cmd_option zeroise_options[] = {
	{ "domain", 0, "FINGERPRINT", "the domain that is to end on this node, as 'coffer status' shows it" },
	{ "without-token", 0, NULL, "the token cannot be reached: leave the master secret in it" },
	{ 0 },
};
static const struct cmd_option migrate_options[] = {
	{ "to", 0, "postgres|sqlite", "where the configuration, as it is written now, has the store" },
	{ "yes", 0, NULL, "you mean it: the daemon starts anew and moves it" },
	{ "no-wait", 0, NULL, "do not wait until the store is in its new place" },
	{ 0 },
};
static const struct cmd_option accept_options[] = {
	{ "yes", 0, NULL, "you have read what is wrong" },
	{ "rollback", 0, NULL, "after a rollback: take the store against the counter in the token" },
	{ 0 },
};

static const struct cmd_option rotate_master_options[] = {
	{ "token", 't', "URI", "of another token (default: another master secret in this one)" },
	{ "forget-old", 0, NULL, "change it although an earlier one, whose token is gone, was not destroyed" },
	{ "pin", 0, NULL, "ask for the PIN of that token, or without --token of the one that was left" },
	{ "pin-file", 0, "FILE", "read that PIN from a file" },
	{ 0 },
};
static const struct cmd_option join_options[] = {
	{ "domain", 0, "FINGERPRINT", "the domain to join, as 'coffer status' shows it on a node that is in it" },
	{ "token", 't', "URI", "tpm2:TCTI or an RFC 7512 pkcs11: URI (default: the configuration's)" },
	{ "name", 0, "NAME", "of this node, for people (default: the machine's)" },
	{ "answer", 0, "FINGERPRINT", "take no other answer than the one that 'coffer node approve' showed" },
	{ "pin", 0, NULL, "ask for the token's PIN, in place of a pin-source in the URI" },
	{ "pin-file", 0, "FILE", "read the token's PIN from a file" },
	{ "enrolment", 0, NULL, "with an enrolment token, which is asked for: nobody has to approve" },
	{ "secret-file", 0, "FILE", "read the enrolment token from a file" },
	{ "secret-fd", 0, "N", "read the enrolment token from an open descriptor" },
	{ "secret-credential", 0, "NAME", "read the enrolment token from a systemd credential" },
	{ "endorsement", 0, NULL, "by the TPM's endorsement certificate, which is listed: nobody has to approve" },
	{ "anew", 0, NULL, "forget what was begun, and ask as a new node" },
	{ "no-wait", 0, NULL, "ask, and do not wait for the answer" },
	{ 0 },
};
static const struct cmd_option node_enrol_options[] = {
	{ "name", 0, "NAME", "of the token, for people (default: made up)" },
	{ "uses", 0, "N", "how many nodes it admits, up to 64 (default: 1)" },
	{ "lifetime", 0, "TIME", "how long it counts, up to 7d (default: 1h)" },
	{ "out", 0, "FILE", "write it to a new file instead of showing it" },
	{ 0 },
};
static const struct cmd_option node_trust_options[] = {
	{ "digest", 0, "HEX", "SHA-256 of the certificate, in place of its file" },
	{ "name", 0, "NAME", "of the TPM, for people (default: made up)" },
	{ 0 },
};
static const struct cmd_option node_approve_options[] = {
	{ "fingerprint", 0, "FINGERPRINT", "of the request, typed from the new node's own screen" },
	{ 0 },
};
static const struct cmd_option rotate_options[] = {
	{ "wait", 0, NULL, "until every record is sealed again and the older data key is gone" },
	{ 0 },
};
static const struct cmd_option verify_options[] = {
	{ "share-file", 0, "FILE", "a recovery share, to see that the archive opens (repeat it for each)" },
	{ "share-fd", 0, "N", "a share from an open descriptor (may be repeated)" },
	{ "share-credential", 0, "NAME", "a share from a systemd credential (may be repeated)" },
	{ "secret-file", 0, "FILE", "read the recovery passphrase from a file" },
	{ "secret-fd", 0, "N", "read the recovery passphrase from an open descriptor" },
	{ "secret-credential", 0, "NAME", "read the recovery passphrase from a systemd credential" },
	{ "offline", 0, NULL, "tell no daemon that it was verified" },
	{ 0 },
};
static const struct cmd_option restore_options[] = {
	{ "token", 't', "URI", "the new token: tpm2:TCTI or an RFC 7512 pkcs11: URI (default: the configuration's)" },
	{ "share-file", 0, "FILE", "a recovery share (repeat it for each; default: they are asked for)" },
	{ "share-fd", 0, "N", "a share from an open descriptor (may be repeated)" },
	{ "share-credential", 0, "NAME", "a share from a systemd credential (may be repeated)" },
	{ "secret-file", 0, "FILE", "read the recovery passphrase from a file" },
	{ "secret-fd", 0, "N", "read the recovery passphrase from an open descriptor" },
	{ "secret-credential", 0, "NAME", "read the recovery passphrase from a systemd credential" },
	{ "accept-older", 0, NULL, "also when this node knows of a newer store" },
	{ "accept-damaged", 0, NULL, "also when the store was damaged when it was archived" },
	{ 0 },
};
static const struct cmd_option reseal_options[] = {
	{ "pcrs", 0, "LIST", "bind to these PCRs: sha256:0,7 (none: to no PCRs)" },
	{ "next", 0, "VALUES", "also open with these values, of an image to come: sha256:0=HEX,7=HEX (up to 3 times)" },
	{ "policy-key", 0, "FILE", "public key of the vendor that signs values of PCRs, PEM (none: no more)" },
	{ "policy-file", 0, "FILE", "the values that it signed (none: no more)" },
	{ "pin-source", 0, "SOURCE", "want a PIN too: file:/PATH or credential:NAME (none: no more)" },
	{ 0 },
};
static const struct cmd_option change_pin_options[] = {
	{ "secret-file", 0, "FILE", "read the new PIN from a file" },
	{ "secret-fd", 0, "N", "read the new PIN from an open descriptor" },
	{ "secret-credential", 0, "NAME", "read the new PIN from a systemd credential" },
	{ 0 },
};
static const struct cmd_option sign_pcrs_options[] = {
	{ "key", 'k', "FILE", "the vendor's private key: PEM, P-256 or P-384" },
	{ "pcrs", 0, "VALUES", "values of an image: sha256:0=HEX,7=HEX (once for each image)" },
	{ "policy-ref", 0, "TEXT", "product and series that the values are for (up to 32 characters)" },
	{ "output", 'o', "FILE", "the policy file" },
	{ 0 },
};

const struct cmd commands[] = {
	{ "init", "", 0, 0, "make the domain on a token", init_options, cmd_init },
	{ "unseal", "", 0, 0, "open a sealed node: recovery shares or passphrase, or the token's PIN", unseal_options, cmd_unseal },
	{ "recovery shares", "", 0, 0, "with --new: a new recovery key, proven before the old one goes", recovery_shares_options, cmd_recovery_shares },
	{ "recovery test", "", 0, 0, "a drill: do the shares, or the passphrase, open this domain", recovery_test_options, cmd_recovery_test },
	{ "status", "", 0, 0, "state of the daemon, its token and its store", status_options, cmd_status },
	{ "metrics", "", 0, 0, "the status as numbers, in Prometheus text format", metrics_options, cmd_metrics },
	{ "alert test", "", 0, 0, "tell operators a test event: log, journal, notify_command", alert_options, cmd_alert_test },
	{ "token provision", "URI", 1, 1, "before init: make the master secret on a token, or check the one that is there", NULL, cmd_token_provision },
	{ "token status", "", 0, 0, "the token in detail", NULL, cmd_token_status },
	{ "token reseal", "", 0, 0, "bind the wrapped data keys anew, to the machine as it is now", reseal_options, cmd_token_reseal },
	{ "token change-pin", "", 0, 0, "a new PIN for the token", change_pin_options, cmd_token_change_pin },
	{ "token sign-pcrs", "", 0, 0, "offline: sign the PCR values of firmware images", sign_pcrs_options, cmd_token_sign_pcrs },
	{ "token test", "", 0, 0, "a canary round trip through the token now", NULL, cmd_token_test },
	{ "key create", "NAME", 1, 1, "make a key, active at once", create_options, cmd_key_create },
	{ "key list", "", 0, 0, "the keys that you may see", NULL, cmd_key_list },
	{ "key show", "NAME", 1, 1, "one key (a name or a UUID, as everywhere)", NULL, cmd_key_show },
	{ "key rotate", "NAME", 1, 1, "a new version takes the name; older ones still decrypt", NULL, cmd_key_rotate },
	{ "key schedule", "NAME", 1, 1, "let the daemon replace a key every so often", schedule_options, cmd_key_schedule },
	{ "key activate", "NAME", 1, 1, "from pre-active to active", NULL, cmd_key_activate },
	{ "key deactivate", "NAME", 1, 1, "it protects nothing new, and still decrypts", NULL, cmd_key_deactivate },
	{ "key revoke", "NAME", 1, 1, "deactivated, or compromised when the reason says so", revoke_options, cmd_key_revoke },
	{ "key destroy", "NAME", 1, 1, "gone for good; not from the active state", destroy_options, cmd_key_destroy },
	{ "encrypt", "", 0, 0, "a sealed message (up to 1 MiB) or a sealed stream", encrypt_options, cmd_encrypt },
	{ "decrypt", "", 0, 0, "open it; the key is named inside", decrypt_options, cmd_decrypt },
	{ "rewrap", "", 0, 0, "a sealed message under its key's newest version", rewrap_options, cmd_rewrap },
	{ "random", "N", 1, 1, "N random bytes as hex", random_options, cmd_random },
	{ "mac", "", 0, 0, "message authentication code of the input, as hex", mac_options, cmd_mac },
	{ "hash", "", 0, 0, "hash of the input, as hex", hash_options, cmd_hash },
	{ "grant", "", 0, 0, "give a role to a principal", grant_options, cmd_grant },
	{ "revoke-grant", "", 0, 0, "take a role away", grant_options, cmd_revoke_grant },
	{ "grants", "", 0, 0, "who has which role", NULL, cmd_grants },
	{ "quorum", "", 0, 0, "how many administrators the gravest acts need, and what waits for the second one", NULL, cmd_quorum },
	{ "quorum set", "1|2", 1, 1, "let the gravest acts need one administrator, or two", NULL, cmd_quorum_set },
	{ "approve", "[ID]", 0, 1, "the second administrator's yes; without ID: what waits for one", NULL, cmd_approve },
	{ "zeroise", "", 0, 0, "destroy the master secret and all that this node has of its domain", zeroise_options, cmd_zeroise },
	{ "rotate data-key", "", 0, 0, "a new data key; every record is sealed again in the background", rotate_options, cmd_rotate_data_key },
	{ "rotate master", "", 0, 0, "a new master secret, in the token or in another one", rotate_master_options, cmd_rotate_master },
	{ "node join", "", 0, 0, "this node, which has no domain, asks to join one that shares its store", join_options, cmd_node_join },
	{ "node list", "", 0, 0, "the nodes of the domain, and who asks to join", NULL, cmd_node_list },
	{ "node approve", "", 0, 0, "on the master server: answer the request with this fingerprint", node_approve_options, cmd_node_approve },
	{ "node remove", "NODE", 1, 1, "on the master server: a node (name or id) is no member any more; the data key is changed", NULL, cmd_node_remove },
	{ "node accept", "NODE", 1, 1, "of two machines that ran as this node (name or id) one is gone: it goes on", NULL, cmd_node_accept },
	{ "node enrol", "", 0, 0, "on the master server: make an enrolment token, by which nodes join without being approved", node_enrol_options, cmd_node_enrol },
	{ "node enrolments", "", 0, 0, "the enrolment tokens, what is left of each and who used it", NULL, cmd_node_enrolments },
	{ "node enrol-revoke", "NAME", 1, 1, "on the master server: an enrolment token (name or id) admits nobody any more", NULL, cmd_node_enrol_revoke },
	{ "node trust-ek", "[CERTIFICATE]", 0, 1, "on the master server: list a TPM's endorsement certificate, by which one node joins", node_trust_options, cmd_node_trust },
	{ "node trusted-eks", "", 0, 0, "the listed endorsement certificates, and which node joined by each", NULL, cmd_node_trusted },
	{ "node untrust-ek", "NAME", 1, 1, "on the master server: an endorsement certificate (name or digest) is not listed any more", NULL, cmd_node_untrust },
	{ "node test-failover", "", 0, 0, "on the master server: a standby takes over and gives it back; how long each took", NULL, cmd_test_failover },
	{ "promote", "", 0, 0, "this node becomes master server now", NULL, cmd_promote },
	{ "step-down", "", 0, 0, "this node, which is master server, leaves that to others", NULL, cmd_step_down },
	{ "audit show", "", 0, 0, "records of the audit log", audit_options, cmd_audit_show },
	{ "audit verify", "[FILE …]", 0, INT_MAX, "check every link of the audit log; with files, an export, without a daemon", audit_verify_options, cmd_audit_verify },
	{ "audit export", "FILE", 1, 1, "records with signed checkpoints, one JSON object a line (- is standard output)", audit_export_options, cmd_audit_export },
	{ "store check", "", 0, 0, "read the whole store now and say what is wrong with it", NULL, cmd_store_check },
	{ "store accept", "", 0, 0, "after an integrity fault or a rollback: go on with the store as it is", accept_options, cmd_store_accept },
	{ "store migrate", "", 0, 0, "move the store from SQLite to PostgreSQL, or back, verified", migrate_options, cmd_store_migrate },
	{ "backup create", "FILE", 1, 1, "an archive of everything, while the daemon serves", NULL, cmd_backup_create },
	{ "backup verify", "FILE", 1, 1, "is the archive whole, does it open, what does it hold; needs no daemon", verify_options, cmd_backup_verify },
	{ "backup list", "", 0, 0, "backups made, and whether they were verified", NULL, cmd_backup_list },
	{ "restore", "FILE", 1, 1, "an archive onto a new node and token", restore_options, cmd_restore },
	{ 0 },
};
