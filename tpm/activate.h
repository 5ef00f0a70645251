/* The endorsement certificate beside the transport key, and TPM2_ActivateCredential: only the TPM that has both gives the secret out (docs/formats.md section 23.3). */
#ifndef COFFER_TPM_ACTIVATE_H
#define COFFER_TPM_ACTIVATE_H

#include "token/endorse.h"
#include "tpm/device.h"
#include "tpm/key.h"

/* As the calls of token/endorse.h; primary loaded. Each leaves nothing in the TPM. */
enum coffer_err tpm_endorse_describe(struct tpm_device *dev, const struct tpm_key *key, const struct token_endorse_wish *wish, struct token_endorse_answer *out,
	struct reason *reason) MUST_USE;
enum coffer_err tpm_endorse_activate(struct tpm_device *dev, const struct tpm_key *key, const struct token_endorse_wish *wish, struct token_endorse_answer *out,
	struct reason *reason) MUST_USE;

#endif
