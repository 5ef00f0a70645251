/* Authorization sessions. Every command that carries a secret, and every answer that must not be forged, goes through a
 * salted HMAC session: the salt is encrypted to the primary whose Name was checked, so its session key is known to that
 * TPM alone. */
#ifndef COFFER_TPM_SESSION_H
#define COFFER_TPM_SESSION_H

#include "base/err.h"
#include "base/reason.h"
#include "tpm/device.h"
#include "tpm/template.h"

/* A salted HMAC session with AES-128-CFB parameter encryption; one operation long. The caller flushes it
 * (tpm_device_flush). */
enum coffer_err tpm_session_open(struct tpm_device *dev, ESYS_TR primary, ESYS_TR *out, struct reason *reason) MUST_USE;
/* Which directions the next command encrypts: the first parameter to the TPM, the first one back. */
enum coffer_err tpm_session_encrypt(struct tpm_device *dev, ESYS_TR session, bool to_tpm, bool from_tpm,
	struct reason *reason) MUST_USE;
/* For the next command alone: the answer is authenticated though nothing in it can be encrypted (TPM2_PCR_Read).
 * tpm_session_encrypt ends it. */
enum coffer_err tpm_session_audit(struct tpm_device *dev, ESYS_TR session, struct reason *reason) MUST_USE;
/* A policy session with nothing satisfied yet, by the hash of the objects that it is for. It has no key of its own: the command that uses it carries the salted
 * session beside it, which encrypts and authenticates. The caller flushes it. */
enum coffer_err tpm_session_open_policy(struct tpm_device *dev, TPM2_ALG_ID hash_alg, ESYS_TR *out,
	struct reason *reason) MUST_USE;
/* Overwrites the authorization value that the TSS keeps for an object (32 bytes, set with Esys_TR_SetAuth) and the copy of it that a command left in the session. Nothing is sent.
 * Before the object is flushed, closed or undefined; without effect on ESYS_TR_NONE. */
void tpm_session_forget(struct tpm_device *dev, ESYS_TR session, ESYS_TR object);

#endif
