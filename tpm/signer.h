/* The key that signs the audit log (docs/formats.md section 20.6): a child of the pinned primary, kept outside of the TPM as the TPM wrapped it. Its authorization
 * value goes to the TPM once, encrypted, and is proved afterwards in a salted session.
 *
 *   reference = u8 format 1 | LP16 TPMT_PUBLIC | LP16 bytes of TPM2B_PRIVATE */
#ifndef COFFER_TPM_SIGNER_H
#define COFFER_TPM_SIGNER_H

#include "token/sign.h"
#include "tpm/device.h"
#include "tpm/key.h"

/* As the calls of token/sign.h; primary loaded. Each opens one session and leaves nothing in the TPM. */
enum coffer_err tpm_signer_make(struct tpm_device *dev, const struct tpm_key *key, const struct token_signer_wish *wish,
	struct token_signer_answer *out, struct reason *reason) MUST_USE;
enum coffer_err tpm_signer_sign(struct tpm_device *dev, const struct tpm_key *key, const struct token_signer_wish *wish,
	struct token_signer_answer *out, struct reason *reason) MUST_USE;

#endif
