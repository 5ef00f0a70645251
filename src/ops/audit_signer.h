/* The token's signature in the audit log (docs/formats.md section 20.6): what is asked of the token, and the record that it becomes. When, is the daemon's
 * (daemon/audit_signer_thread.h). */
#ifndef COFFER_OPS_AUDIT_SIGNER_H
#define COFFER_OPS_AUDIT_SIGNER_H

#include "ops/engine.h"
#include "ops/json_out.h"

struct audit_signer;

/* NULL when memory is short. */
struct audit_signer *audit_signer_new(void);
void audit_signer_free(struct audit_signer *signer); /* accepts NULL */

/* Signs, when a signature is due and there is something new: once in audit_token_interval. Makes the key where the token has none of this node. *out_again_ms: when
 * to ask again. What fails is told to status, and once to the log; and returned for who wants to know. Waits for the token; the one thread that signs. */
enum coffer_err audit_signer_step(struct engine *engine, uint64_t *out_again_ms);
/* While it is held no signature is under way and none begins: a key that is dropped meanwhile is not made again. Waits for the token, as long as its proxy does. Admin lane. */
void audit_signer_hold(struct engine *engine);
void audit_signer_let(struct engine *engine);
/* The same, but a signature that waits for a store which hangs is not waited for beyond ms: false, nothing is held. */
bool audit_signer_hold_for(struct engine *engine, uint64_t ms) MUST_USE;
/* Destroys the key in the token, for who ends this node or leaves this token; what fails is logged. Needs no ring. Admin lane. */
void audit_signer_drop(struct engine *engine);
/* "audit_token" of status. Any thread. */
void audit_signer_json(struct engine *engine, struct json_out *j);

#endif
