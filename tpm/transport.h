/* A node's transport key (docs/formats.md section 23.3): a child of the pinned primary, kept outside of the TPM as the TPM wrapped it. Its authorization value goes to
 * the TPM once, encrypted, and is proved afterwards in a salted session; the shared point comes back encrypted by that session.
 *
 *   reference = u8 format 1 | LP16 TPMT_PUBLIC | LP16 bytes of TPM2B_PRIVATE */
#ifndef COFFER_TPM_TRANSPORT_H
#define COFFER_TPM_TRANSPORT_H

#include "token/transport.h"
#include "tpm/device.h"
#include "tpm/key.h"

/* As the calls of token/transport.h; primary loaded. Each opens one session and leaves nothing in the TPM. */
enum coffer_err tpm_transport_make(struct tpm_device *dev, const struct tpm_key *key, const struct token_transport_wish *wish,
	struct token_transport_answer *out, struct reason *reason) MUST_USE;
enum coffer_err tpm_transport_public(struct tpm_device *dev, const struct tpm_key *key, const struct token_transport_wish *wish,
	struct token_transport_answer *out, struct reason *reason) MUST_USE;
enum coffer_err tpm_transport_ecdh(struct tpm_device *dev, const struct tpm_key *key, const struct token_transport_wish *wish,
	struct token_transport_answer *out, struct reason *reason) MUST_USE;

#endif
