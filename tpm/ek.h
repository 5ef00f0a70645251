/* The endorsement key and its certificate, which is looked at at provisioning: is it the certificate of this TPM? Whether its
 * issuer is to be trusted is for people to judge; the public key in it is what an interposer with a TPM of its own
 * cannot match. */
#ifndef COFFER_TPM_EK_H
#define COFFER_TPM_EK_H

#include "base/err.h"
#include "base/reason.h"
#include "crypto/certificate.h"
#include "tpm/device.h"

enum tpm_ek {
	TPM_EK_NONE,      /* the TPM holds no certificate */
	TPM_EK_MATCHES,   /* it holds the public key of the endorsement key that the TPM makes */
	TPM_EK_DIFFERS,   /* it holds another one */
	TPM_EK_UNCHECKED  /* it cannot be read or compared (authorization values, a vendor's own template) */
};

/* Reads NV 0x01C0000A (ECC P-256), else 0x01C00002 (RSA 2048), and makes the key again by the TCG default template (EK
 * Credential Profile, templates L-2 and L-1). Leaves nothing in the TPM. Fails only when the TPM does. */
enum coffer_err tpm_ek_check(struct tpm_device *dev, enum tpm_ek *out, struct reason *reason) MUST_USE;

/* The certificate of the same place, cut to its own length (at most CERTIFICATE_MAX bytes of out), when it is this TPM's. ERR_NOT_FOUND: there is none; ERR_TOKEN_REFUSED: it cannot be read, or is not the
 * one of the key that the TPM makes by the default template. */
enum coffer_err tpm_ek_certificate(struct tpm_device *dev, uint8_t out[static CERTIFICATE_MAX], size_t *out_len, struct reason *reason) MUST_USE;
/* Makes the endorsement key of that certificate; the caller flushes it. ERR_NOT_FOUND: there is no certificate. */
enum coffer_err tpm_ek_load(struct tpm_device *dev, ESYS_TR *out, struct reason *reason) MUST_USE;

#endif
