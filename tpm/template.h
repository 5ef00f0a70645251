/* The key templates: which strength this TPM can do, how primary, master secret and sealed object look, and the checks
 * of a key that stands at our handle already. Names (TPM 2.0 Part 1, 16) are computed here from public areas, never
 * taken from an answer. */
#ifndef COFFER_TPM_TEMPLATE_H
#define COFFER_TPM_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tss2/tss2_tpm2_types.h>

#include "base/err.h"
#include "base/reason.h"
#include "crypto/hash.h"
#include "tpm/device.h"
#include "tpm/policy.h"

/* A child with fixedParent cannot be stronger than its parent, so one profile goes for primary, master secret and sealed
 * objects. */
struct tpm_profile {
	uint8_t id;       /* kept in the binding */
	const char *name; /* for status: "ECC P-384, AES-256-CFB" */
	TPM2_ECC_CURVE curve;
	TPM2_ALG_ID hash_alg;
	enum hash_algorithm hash;
	uint16_t aes_bits;
	uint16_t field_len; /* bytes of a coordinate */
};

/* The strongest profile that the TPM accepts in TPM2_TestParms. ERR_UNSUPPORTED when it knows none. */
enum coffer_err tpm_template_choose(struct tpm_device *dev, const struct tpm_profile **out,
	struct reason *reason) MUST_USE;
/* NULL when there is none of this id. Static storage. */
const struct tpm_profile *tpm_template_profile(uint8_t id);

void tpm_template_primary(const struct tpm_profile *profile, TPM2B_PUBLIC *out);
void tpm_template_master(const struct tpm_profile *profile, TPM2B_PUBLIC *out);
/* There is no userWithAuth, so an empty authorization value opens nothing. policy NULL: a canary's, with
 * TPM2_PolicyCommandCode(TPM2_Unseal) alone. */
enum coffer_err tpm_template_sealed(const struct tpm_profile *profile, const struct tpm_policy *policy, TPM2B_PUBLIC *out) MUST_USE;
/* The PIN gate: used by its authorization value, and the one object that counts wrong ones. */
void tpm_template_gate(const struct tpm_profile *profile, TPM2B_PUBLIC *out);

/* ERR_TOKEN_REFUSED with the first rule that the object at `handle` breaks and how to clear it. */
enum coffer_err tpm_template_check_master(const struct tpm_profile *profile, const TPMT_PUBLIC *pub, uint32_t handle,
	struct reason *reason) MUST_USE;
/* Whether the public area is the sealed template of this policy, or the gate's, with any unique value. ERR_CORRUPT. */
enum coffer_err tpm_template_check_sealed(const struct tpm_profile *profile, const struct tpm_policy *policy,
	const TPMT_PUBLIC *pub) MUST_USE;
enum coffer_err tpm_template_check_gate(const struct tpm_profile *profile, const TPMT_PUBLIC *pub) MUST_USE;
/* "…; remove it with tpm2_evictcontrol … or choose another place with ?handle=…" */
enum coffer_err tpm_template_refuse(uint32_t handle, const char *fault, struct reason *reason);

/* Name = nameAlg || H(public area). ERR_UNSUPPORTED for a nameAlg other than SHA-256, SHA-384, SHA-512. */
enum coffer_err tpm_name_compute(const TPMT_PUBLIC *pub, TPM2B_NAME *out) MUST_USE;
/* Qualified Name of a child of a primary of the owner hierarchy: nameAlg || H(QN of the parent || Name). */
enum coffer_err tpm_name_qualify(const struct tpm_profile *profile, const TPM2B_NAME *primary, const TPM2B_NAME *child,
	TPM2B_NAME *out) MUST_USE;
bool tpm_name_equal(const TPM2B_NAME *a, const TPM2B_NAME *b);

#endif
