/* The PIN gate: an object whose authorization value is made from the PIN. */
#ifndef COFFER_TPM_GATE_H
#define COFFER_TPM_GATE_H

#include "base/err.h"
#include "base/reason.h"
#include "base/secret.h"
#include "tpm/device.h"
#include "tpm/key.h"
#include "tpm/policy_session.h"

/* The authorization value that a PIN is in this TPM (32 bytes; docs/formats.md section 18.1). Caller frees. */
enum coffer_err tpm_gate_auth(const struct tpm_key *key, const struct secret *pin, struct secret **out) MUST_USE;
/* Makes a new gate for this PIN: policy->gate_public, gate_private, has_pin. */
enum coffer_err tpm_gate_make(struct tpm_device *dev, const struct tpm_key *key, ESYS_TR session, const struct secret *pin,
	struct tpm_policy *policy, struct reason *reason) MUST_USE;
/* Proves the PIN in the policy session. One try: ERR_AUTH, ERR_TOKEN_LOCKED with how long to wait. */
enum coffer_err tpm_gate_pass(struct tpm_device *dev, const struct tpm_key *key, const struct tpm_policy *policy,
	const struct tpm_means *means, ESYS_TR session, ESYS_TR policy_session, struct reason *reason) MUST_USE;

#endif
