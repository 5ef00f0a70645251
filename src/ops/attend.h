/* What a sealed node knows of those who want to unseal it: shares given so far, tries that failed, pauses (docs/formats.md section 21). Nothing of it is on
 * the disk. Secrets stand in the arena. Any thread; one lock. */
#ifndef COFFER_OPS_ATTEND_H
#define COFFER_OPS_ATTEND_H

#include "ops/engine.h"
#include "recovery/recovery.h"

#define ATTEND_LIFETIME_MS (10u * 60u * 1000u) /* of shares, from the first one on */
#define ATTEND_TRIES_MAX 32u                   /* principals and operations that are told apart */
#define ATTEND_PAUSE_MAX_S 60u                 /* between two passphrases */
#define ATTEND_PINS_MAX 2u                     /* refused PINs in a row; tokens lock after three */

struct attend;

/* NULL when memory is short. */
struct attend *attend_new(void);
void attend_free(struct attend *a); /* accepts NULL; wipes */
/* Wipes shares whose time is over. Main thread, every tick; never waits. */
void attend_tick(struct attend *a);

/* Sealed, or at fault for want of its own wrapped data key: shares and passphrase can open it. */
bool attend_wanted(struct engine *engine);
/* Who may unseal: root, this process's user, and the users of unseal_users. ERR_DENIED. */
enum coffer_err attend_may(const struct config *config, const struct principal *principal, struct reason *reason) MUST_USE;

/* Keeps a share that is right. Errors of recovery_check_share; ERR_EXISTS: it was given already. */
enum coffer_err attend_add_share(struct attend *a, const struct domain_id *domain, const struct stanza *stanza, struct view text,
	const struct principal *by, struct reason *reason) MUST_USE;
/* How many shares of this stanza's set there are; those of another set are wiped. */
unsigned attend_shares(struct attend *a, const struct stanza *stanza);
/* Errors of recovery_open_shares; the shares stay. who: their numbers and who gave them, for people. Caller frees *out. */
enum coffer_err attend_open_shares(struct attend *a, const struct domain_id *domain, const struct stanza *stanza, struct secret **out,
	char *who, size_t who_cap, struct reason *reason) MUST_USE;
void attend_forget_shares(struct attend *a);

/* Before a passphrase is tried: ERR_BUSY with the seconds to wait, or while another one is tried. ERR_OK: attend_passphrase_end must follow. */
enum coffer_err attend_passphrase_begin(struct attend *a, struct reason *reason) MUST_USE;
/* err: how the try ended. ERR_AUTH counts; ERR_OK begins anew; what says nothing about the passphrase changes nothing. */
void attend_passphrase_end(struct attend *a, enum coffer_err err);
/* Before a PIN is sent to the token: ERR_TOKEN_LOCKED after ATTEND_PINS_MAX refused ones in a row; ERR_BUSY while one is tried. ERR_OK: attend_pin_end
 * must follow. */
enum coffer_err attend_pin_begin(struct attend *a, struct reason *reason) MUST_USE;
/* err: how the try ended. ERR_AUTH and ERR_TOKEN_LOCKED count; ERR_OK begins anew; after anything else nobody knows, and the count stays. */
void attend_pin_end(struct attend *a, enum coffer_err err);

/* Before the token is asked to open the node: ERR_BUSY while another request does, so that those that wait never hold every thread and status is always answered. ERR_OK:
 * attend_token_end must follow. */
enum coffer_err attend_token_begin(struct attend *a, struct reason *reason) MUST_USE;
void attend_token_end(struct attend *a);

/* A try that failed, while no audit log can be written. Store thread. */
void attend_note(struct attend *a, const struct principal *principal, uint32_t operation, enum coffer_err err, const char *why);
/* Writes what was noted, one record for each principal and operation; it is forgotten when the transaction is durable. Store thread. */
enum coffer_err attend_tell(struct attend *a, struct audit_chain *audit, struct txn *txn) MUST_USE;

/* By what the node is, or is just being, opened: for the audit log and status; "" by its token. */
void attend_set_opening(struct attend *a, const char *text);
void attend_opening(struct attend *a, char *out, size_t cap);

#endif
