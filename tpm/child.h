/* P-256 keys of Coffer's own that are children of the pinned primary, each for one use. They are kept outside of the TPM as it wrapped them and used by an
 * authorization value in a salted session. (Of the primary, not of the master secret: so they outlive another master secret in the same TPM.)
 *
 *   reference = u8 format 1 | LP16 TPMT_PUBLIC | LP16 bytes of TPM2B_PRIVATE */
#ifndef COFFER_TPM_CHILD_H
#define COFFER_TPM_CHILD_H

#include <stdbool.h>

#include "base/view.h"
#include "tpm/device.h"
#include "tpm/key.h"

#define TPM_CHILD_FIELD 32u /* bytes of a coordinate */
#define TPM_CHILD_POINT_LEN (1u + 2u * TPM_CHILD_FIELD)
#define TPM_CHILD_AUTH_LEN 32u
#define TPM_CHILD_REF_MAX 768u

enum tpm_child_use { TPM_CHILD_SIGN, TPM_CHILD_DERIVE };

void tpm_child_template(enum tpm_child_use use, TPM2B_PUBLIC *out);
/* The template with any point on the curve. ERR_CORRUPT, ERR_FIELD. */
enum coffer_err tpm_child_check(enum tpm_child_use use, const TPMT_PUBLIC *pub, uint8_t out_point[static TPM_CHILD_POINT_LEN]) MUST_USE;
/* A number of the TPM, which may lack its leading zeros. ERR_CORRUPT. */
enum coffer_err tpm_child_number(const TPM2B_ECC_PARAMETER *n, uint8_t out[static TPM_CHILD_FIELD]) MUST_USE;

/* Makes a key: its point, and its reference of *out_ref_len bytes. auth: TPM_CHILD_AUTH_LEN bytes, secret. */
enum coffer_err tpm_child_make(struct tpm_device *dev, const struct tpm_key *key, ESYS_TR session, enum tpm_child_use use, struct view auth,
	uint8_t out_point[static TPM_CHILD_POINT_LEN], uint8_t out_ref[static TPM_CHILD_REF_MAX], size_t *out_ref_len, struct reason *reason) MUST_USE;
/* The point of a reference, without the TPM. ERR_CORRUPT: it is none of this use. */
enum coffer_err tpm_child_point(enum tpm_child_use use, struct view ref, uint8_t out_point[static TPM_CHILD_POINT_LEN]) MUST_USE;
/* Its public area, TPMT_PUBLIC as the TPM has it: borrowed from the reference. ERR_CORRUPT. */
enum coffer_err tpm_child_area(enum tpm_child_use use, struct view ref, struct view *out) MUST_USE;
/* Loads it and gives the TSS its authorization value. *out ESYS_TR_NONE: what another TPM wrapped, or this one before it was cleared, or what was altered does not
 * load, which is an answer and no failure. Ended by tpm_child_unload. */
enum coffer_err tpm_child_load(struct tpm_device *dev, const struct tpm_key *key, ESYS_TR session, enum tpm_child_use use, struct view ref, struct view auth,
	ESYS_TR *out, struct reason *reason) MUST_USE;
/* Zeros go over the TSS's copies of the authorization value, that of the object and that of the session it was used in; accepts ESYS_TR_NONE. */
void tpm_child_unload(struct tpm_device *dev, ESYS_TR session, ESYS_TR *object);

#endif
