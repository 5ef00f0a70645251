/* Acts that need two administrators, where the domain says so (docs/formats.md section 22). A handler asks before it does anything. */
#ifndef COFFER_OPS_QUORUM_ASK_H
#define COFFER_OPS_QUORUM_ASK_H

#include "access/quorum.h"
#include "ops/op.h"

/* ERR_OK: one administrator is enough, or a second one approved exactly this act of this principal; with a transaction the approval is used up by its
 * commit, without one by quorum_done. Else ERR_DENIED with the sentence that names the approval which is wanted, ERR_LIMIT, ERR_CRYPTO.
 * act: the whole act in words, as the second administrator reads it; two acts that differ have different words; at most QUORUM_ACT_MAX bytes. */
enum coffer_err quorum_ask(struct op_ctx *ctx, const char *act) MUST_USE;
/* Admin lane, when the act is done: its approval is used up. Does nothing where none was needed. */
void quorum_done(struct op_ctx *ctx);
/* Admin lane, when the act failed: its approval counts for another try. The dispatcher's; does nothing behind quorum_done. */
void quorum_give_back(struct op_ctx *ctx);
/* Different principals with the role administrator everywhere, at most two are counted. */
unsigned quorum_administrators(const struct grants *grants);

#endif
