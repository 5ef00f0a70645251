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

#define TPM_SEAL_MECHANISM "tpm2-seal"

/* Both open one salted session and leave nothing in the TPM, whatever happens. Primary loaded, master found. */

/* Appends the wrapped data key to out (unchanged on failure). */
enum coffer_err tpm_seal_wrap(struct tpm_device *dev, struct tpm_key *key, const struct secret *plain, struct buf *out,
	struct reason *reason) MUST_USE;
/* ERR_CORRUPT when the blob is not one of this master secret, unaltered. Caller frees *out. */
enum coffer_err tpm_seal_unwrap(struct tpm_device *dev, struct tpm_key *key, struct view blob, struct secret **out,
	struct reason *reason) MUST_USE;
/* Wraps and unwraps a fresh canary: ERR_TOKEN when another value comes back. */
enum coffer_err tpm_seal_prove(struct tpm_device *dev, struct tpm_key *key, struct reason *reason) MUST_USE;

#endif
