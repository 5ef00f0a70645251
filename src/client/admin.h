/* Calls of the command line that firmware does not need: initialising, grants, audit, token. Part of the same library archive, not exported from
 * libcoffer. Conventions of coffer.h. */
#ifndef COFFER_CLIENT_ADMIN_H
#define COFFER_CLIENT_ADMIN_H

#include "base/buf.h"
#include "base/secret.h"
#include "client/include/coffer.h"

enum admin_recovery { ADMIN_RECOVERY_SHARES = 1, ADMIN_RECOVERY_PASSPHRASE = 2, ADMIN_RECOVERY_NONE = 3 };

#define ADMIN_SHARES_MAX 255u

struct admin_init {
	const char *token_uri;
	enum admin_recovery recovery;
	unsigned shares, threshold;      /* with ADMIN_RECOVERY_SHARES */
	const struct secret *passphrase; /* with ADMIN_RECOVERY_PASSPHRASE */
	const struct secret *pin;        /* of the token, in place of a pin-source; NULL: none */
};

struct admin_init_answer {
	char fingerprint[64];
	char domain_id[COFFER_UUID_TEXT];
	char node_id[COFFER_UUID_TEXT];
	char token[256];                 /* one line about the master secret */
	uint8_t init_id[64];
	size_t init_id_len;
	size_t share_count;
	struct secret *shares[ADMIN_SHARES_MAX]; /* printed form, NUL-terminated; caller frees with admin_init_answer_free */
};

void admin_init_answer_free(struct admin_init_answer *answer);
/* Prepares the domain: nothing is kept until admin_init_confirm proves the recovery (without recovery: with no proof). */
enum coffer_status admin_init(struct coffer *c, const struct admin_init *init, struct admin_init_answer *out);
/* proofs: k share texts, or the passphrase once more; count 0 without recovery. Afterwards the domain is initialised and open. */
enum coffer_status admin_init_confirm(struct coffer *c, const struct admin_init_answer *answer, enum admin_recovery recovery,
	const struct secret *const *proofs, size_t count);

/* scope may be NULL. */
enum coffer_status admin_grant(struct coffer *c, const char *principal, const char *role, const char *scope);
enum coffer_status admin_revoke_grant(struct coffer *c, const char *principal, const char *role, const char *scope);
struct admin_grant { const char *principal, *role, *scope, *granted_by; uint64_t created_s; };
enum coffer_status admin_grants(struct coffer *c, int (*fn)(void *arg, const struct admin_grant *grant), void *arg);

/* Rows from `first` on (1 is the oldest; 0: the newest `limit` rows), in order, as JSON objects with seq, time, principal, operation, result,
 * object, details. The text is borrowed for the call. */
enum coffer_status admin_audit_show(struct coffer *c, uint64_t first, uint32_t limit,
	int (*fn)(void *arg, const char *json, size_t len), void *arg);
/* Sequence number of the newest record. */
enum coffer_status admin_audit_length(struct coffer *c, uint64_t *out_records);
/* Checks the chain from the first record that the store has, *out_first; *out_records = its length. COFFER_EINTEGRITY with the sentence that names the first bad record. */
enum coffer_status admin_audit_verify(struct coffer *c, uint64_t *out_first, uint64_t *out_records);

/* Records from `first` (0: all that the store has) to the newest one, as the lines of an export: a header, records, checkpoints. fn gets them in pieces that end
 * anywhere; not 0 ends it with COFFER_EIO. *out_first, *out_last: the records. */
typedef int admin_export_fn(void *arg, const uint8_t *bytes, size_t len);
enum coffer_status admin_audit_export(struct coffer *c, uint64_t first, admin_export_fn *fn, void *arg, uint64_t *out_first, uint64_t *out_last);

/* Has operators told a test event; *out_number is its number. */
enum coffer_status admin_alert_test(struct coffer *c, uint64_t *out_number);

/* Before init: makes or adopts the master secret of a token. line: one line about it, NUL-terminated. */
enum coffer_status admin_token_provision(struct coffer *c, const char *token_uri, char *line, size_t line_cap);
/* A canary round trip now; *out_ms = how long it took, milliseconds, rounded up. */
enum coffer_status admin_token_test(struct coffer *c, uint32_t *out_ms);

/* What the token's wrapped data keys are bound to, and whether the next start opens them: a JSON document in text, not NUL-terminated. The two below
 * answer the same after the change. */
enum coffer_status admin_token_policy(struct coffer *c, char *text, size_t cap, size_t *out_len);
/* changes: parameters of the token URI, "pcrs=sha256:0,7&policy-file=…", or "": the same ones, for the machine as it is now. */
enum coffer_status admin_token_reseal(struct coffer *c, const char *changes, char *text, size_t cap, size_t *out_len);
/* pin: with a NUL behind it, which is not part of it. */
enum coffer_status admin_token_change_pin(struct coffer *c, const struct secret *pin, char *text, size_t cap, size_t *out_len);

/* Asks for a pass over the store (pass 0), or for what is known of one: a JSON document in text, not NUL-terminated. */
enum coffer_status admin_store_check(struct coffer *c, uint64_t pass, char *text, size_t cap, size_t *out_len);
/* Takes the store as it is. */
enum coffer_status admin_store_accept(struct coffer *c);
/* Takes the store as it is, against the counter in the token. */
enum coffer_status admin_anchor_accept(struct coffer *c);
/* Orders that the store is moved to "postgres" or "sqlite"; the daemon starts anew and does it. json: what was ordered. */
enum coffer_status admin_store_migrate(struct coffer *c, const char *to, char *json, size_t cap, size_t *out_len);

#endif
