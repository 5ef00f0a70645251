/* Making or adopting the master secret of a TPM. */
#ifndef COFFER_TPM_PROVISION_H
#define COFFER_TPM_PROVISION_H

#include "base/err.h"
#include "base/reason.h"
#include "tpm/device.h"
#include "tpm/key.h"
#include "tpm/policy_session.h"
#include "tpm/uri.h"

/* Chooses the profile, makes the primary, adopts the object at key->handle when it meets the template and is a child of
 * that primary, or makes it where the handle is free; makes the policy that the URI asks for and proves a round trip under it; looks at the endorsement key's certificate;
 * raises the TPM's tolerance for wrong authorizations to 32 where the lockout hierarchy allows it. Running it again
 * adopts what the first run made. ERR_TOKEN_REFUSED with the sentence that mends it. */
enum coffer_err tpm_provision(struct tpm_device *dev, struct tpm_key *key, const struct tpm_uri *uri, const struct tpm_means *means,
	struct tpm_facts *out_facts, struct reason *reason) MUST_USE;

#endif
