/* What the wrapped data keys of a TPM are bound to: PCR values, values that a vendor signed, a PIN (docs/formats.md
 * sections 18.1 and 18.2). Data and digests; tpm/policy_session.h satisfies it. */
#ifndef COFFER_TPM_POLICY_H
#define COFFER_TPM_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include <tss2/tss2_tpm2_types.h>

#include "base/err.h"
#include "base/reader.h"
#include "base/writer.h"
#include "crypto/ecdsa.h"
#include "token/pcr.h"
#include "token/pcr_file.h"

struct tpm_profile; /* tpm/template.h */

#define TPM_POLICY_SETS 4u
#define TPM_POLICY_HEAD 8u /* bytes of a PCR's value that are kept for people */

struct tpm_policy_set {
	uint8_t digest[HASH_LEN_MAX]; /* of the values, by the profile's hash */
	uint8_t head[PCR_COUNT][TPM_POLICY_HEAD];
};

/* All zero: nothing but the command is bound. */
struct tpm_policy {
	struct pcr_selection pcrs; /* mask 0: no PCRs */
	unsigned set_count;        /* values: 1 to TPM_POLICY_SETS; 0 with signed values */
	struct tpm_policy_set sets[TPM_POLICY_SETS];
	bool is_signed;
	struct ecdsa_public vendor;     /* with is_signed */
	char ref[PCR_REF_MAX + 1];
	bool has_pin;
	TPM2B_PUBLIC gate_public;  /* with has_pin */
	TPM2B_PRIVATE gate_private;
};

bool tpm_policy_is_none(const struct tpm_policy *policy);
/* The authPolicy of sealed objects; NULL: that of a canary, which is bound to nothing but the command. */
enum coffer_err tpm_policy_digest(const struct tpm_profile *profile, const struct tpm_policy *policy, TPM2B_DIGEST *out) MUST_USE;
/* The alternatives of fixed values, for TPM2_PolicyOR. */
enum coffer_err tpm_policy_branches(const struct tpm_profile *profile, const struct tpm_policy *policy, TPML_DIGEST *out) MUST_USE;
void tpm_policy_vendor_public(const struct tpm_policy *policy, TPM2B_PUBLIC *out);
/* A set of values, as a policy keeps it. */
enum coffer_err tpm_policy_set_of(const struct tpm_profile *profile, const struct pcr_values *values, struct tpm_policy_set *out) MUST_USE;

/* The part of the binding from its flags on. */
enum coffer_err tpm_policy_write(struct writer *w, const struct tpm_profile *profile, const struct tpm_policy *policy) MUST_USE;
/* ERR_CORRUPT. Leaves the reader behind the policy. */
enum coffer_err tpm_policy_read(struct reader *r, const struct tpm_profile *profile, struct tpm_policy *out) MUST_USE;

#endif
