/* Satisfying a policy: the steps of docs/formats.md section 18.1, in a policy session. */
#ifndef COFFER_TPM_POLICY_SESSION_H
#define COFFER_TPM_POLICY_SESSION_H

#include "base/err.h"
#include "base/reason.h"
#include "base/secret.h"
#include "token/pcr_file.h"
#include "tpm/device.h"
#include "tpm/key.h"

/* What stands outside the TPM. Borrowed. */
struct tpm_means {
	const char *policy_file;  /* "": none */
	const char *pin_source;   /* for sentences */
	const struct secret *pin; /* NULL: none */
};

/* A fresh policy session that satisfies `policy` (NULL: that of a canary) and TPM2_PolicyCommandCode(TPM2_Unseal); the caller flushes it. session:
 * the salted one. ERR_TOKEN_POLICY: PCRs differ, or no PIN is there; ERR_AUTH: the PIN is wrong. The PIN comes last, so that no try is
 * spent when something else is in the way. */
enum coffer_err tpm_policy_satisfy(struct tpm_device *dev, const struct tpm_key *key, const struct tpm_policy *policy,
	const struct tpm_means *means, ESYS_TR session, ESYS_TR *out, struct reason *reason) MUST_USE;
/* The part that concerns PCRs alone, tried without anything being opened: ERR_OK, or ERR_TOKEN_POLICY with the sentence. values: as they are now. */
enum coffer_err tpm_policy_try(struct tpm_device *dev, const struct tpm_key *key, const struct tpm_means *means, ESYS_TR session,
	struct pcr_values *out_values, struct reason *reason) MUST_USE;
/* PCRs whose values are not those of the set (of the signed entry) that comes nearest; file may be NULL. */
uint32_t tpm_policy_differing(const struct tpm_policy *policy, const struct pcr_file *file, const struct pcr_values *now);

/* The file of signed values, if it is one for this policy. ERR_TOKEN_POLICY with the sentence. */
enum coffer_err tpm_policy_read_file(const struct tpm_policy *policy, const char *path, struct pcr_file *out, struct reason *reason) MUST_USE;
/* A regular file of at most max bytes, whole. ERR_TOKEN_POLICY. */
enum coffer_err tpm_policy_read_bytes(const char *path, const char *what, size_t max, struct buf *out, struct reason *reason) MUST_USE;

#endif
