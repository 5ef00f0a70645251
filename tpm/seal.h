/* Wrapping a data key: a sealed object under the master secret.
 *
 *   wrapped data key = u8 format 1 | u16 length, TPMT_PUBLIC | u16 length, encrypted private part
 *                                                                            (big-endian, 321 bytes with P-384)
 *
 * The private part is encrypted and authenticated by the TPM under the master secret's seed and covers the Name of the
 * public part. */
#ifndef COFFER_TPM_SEAL_H
#define COFFER_TPM_SEAL_H

#include "base/buf.h"
#include "base/err.h"
#include "base/reason.h"
#include "base/secret.h"
#include "base/view.h"
#include "tpm/device.h"
#include "tpm/key.h"
#include "tpm/policy_session.h"

#define TPM_SEAL_MECHANISM "tpm2-seal"

/* Each opens one salted session and leaves nothing in the TPM, whatever happens. Primary loaded, master found. */

/* Appends the data key, wrapped under key->policy, to out (unchanged on failure). */
enum coffer_err tpm_seal_wrap(struct tpm_device *dev, struct tpm_key *key, const struct secret *plain, struct buf *out,
	struct reason *reason) MUST_USE;
/* ERR_CORRUPT when the blob is not one of this master secret and policy, unaltered; ERR_TOKEN_POLICY when the machine does
 * not satisfy key->policy, with what differs and what to do; ERR_AUTH: the PIN is wrong. Caller frees *out. */
enum coffer_err tpm_seal_unwrap(struct tpm_device *dev, struct tpm_key *key, const struct tpm_means *means, struct view blob,
	struct secret **out, struct reason *reason) MUST_USE;
/* Wraps and unwraps a fresh canary under key->policy: ERR_TOKEN when another value comes back. */
enum coffer_err tpm_seal_prove(struct tpm_device *dev, struct tpm_key *key, const struct tpm_means *means, struct reason *reason) MUST_USE;
/* The same with a canary that is bound to nothing: the health of the TPM, at no price in PIN uses. */
enum coffer_err tpm_seal_probe(struct tpm_device *dev, struct tpm_key *key, struct reason *reason) MUST_USE;

/* TPM2_Create of a keyedhash object of 32 bytes under the master secret, through the salted session, with an authorization
 * value unless auth is NULL. Caller frees both with Esys_Free. */
enum coffer_err tpm_seal_create(struct tpm_device *dev, const struct tpm_key *key, ESYS_TR session, const TPM2B_PUBLIC *template,
	const struct secret *plain, const struct secret *auth, TPM2B_PRIVATE **out_private, TPM2B_PUBLIC **out_public,
	struct reason *reason) MUST_USE;

/* After a TPM2_Create of one's own: the TSS keeps a copy of the last sensitive parameter in its context, which is gone afterwards. */
void tpm_seal_forget(struct tpm_device *dev, const TPM2B_PUBLIC *template);

#endif
