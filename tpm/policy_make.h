/* A policy from what a token URI asks for and what this machine is now. */
#ifndef COFFER_TPM_POLICY_MAKE_H
#define COFFER_TPM_POLICY_MAKE_H

#include "base/err.h"
#include "base/reason.h"
#include "base/secret.h"
#include "tpm/device.h"
#include "tpm/key.h"
#include "tpm/uri.h"

/* next: values to come, beside those of now; may be NULL. pin: makes a new PIN gate; NULL keeps that of `old`, whose PIN it is. *out is not yet
 * proved. ERR_USAGE: vendor key or policy file; ERR_TOKEN_REFUSED: PCRs that the TPM does not keep. Primary loaded, master found. */
enum coffer_err tpm_policy_make(struct tpm_device *dev, const struct tpm_key *key, const struct tpm_uri *uri, const struct tpm_next *next,
	const struct secret *pin, const struct tpm_policy *old, struct tpm_policy *out, struct reason *reason) MUST_USE;

#endif
