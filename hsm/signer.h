/* The key pair that signs the audit log (docs/formats.md section 20.6): token objects of this owner, found by label and CKA_ID.
 *
 *   reference = u8 format 1 | CKA_ID (16) */
#ifndef COFFER_HSM_SIGNER_H
#define COFFER_HSM_SIGNER_H

#include "hsm/session.h"
#include "token/sign.h"

#define HSM_SIGNER_LABEL "coffer-audit"
#define HSM_SIGNER_ID_LEN 16u

/* As the calls of token/sign.h. */
enum coffer_err hsm_signer_make(struct hsm_session *s, const struct token_signer_wish *wish, struct token_signer_answer *out, struct reason *reason) MUST_USE;
enum coffer_err hsm_signer_sign(struct hsm_session *s, const struct token_signer_wish *wish, struct token_signer_answer *out, struct reason *reason) MUST_USE;
enum coffer_err hsm_signer_drop(struct hsm_session *s, const struct token_signer_wish *wish, struct reason *reason) MUST_USE;

#endif
