/* Opening salted and policy sessions. */
#include "tpm/session.h"

#include <string.h>

#include <tss2/tss2_tcti.h>

#define AUTH_LEN 32u

static enum coffer_err set_flags(struct tpm_device *dev, ESYS_TR session, TPMA_SESSION flags, struct reason *reason)
{
	struct tpm_call c = tpm_call_begin(dev, "session attributes");
	while (tpm_call_again(&c)) {
		c.rc = Esys_TRSess_SetAttributes(dev->esys, session, flags | TPMA_SESSION_CONTINUESESSION,
			TPMA_SESSION_CONTINUESESSION | TPMA_SESSION_DECRYPT | TPMA_SESSION_ENCRYPT | TPMA_SESSION_AUDIT);
	}
	return tpm_call_end(&c, reason);
}

enum coffer_err tpm_session_encrypt(struct tpm_device *dev, ESYS_TR session, bool to_tpm, bool from_tpm,
	struct reason *reason)
{
	TPMA_SESSION flags = 0;
	if (to_tpm) flags |= TPMA_SESSION_DECRYPT;
	if (from_tpm) flags |= TPMA_SESSION_ENCRYPT;
	return set_flags(dev, session, flags, reason);
}

enum coffer_err tpm_session_audit(struct tpm_device *dev, ESYS_TR session, struct reason *reason)
{
	return set_flags(dev, session, TPMA_SESSION_AUDIT, reason);
}

enum coffer_err tpm_session_open(struct tpm_device *dev, ESYS_TR primary, ESYS_TR *out, struct reason *reason)
{
	const TPMT_SYM_DEF symmetric = { .algorithm = TPM2_ALG_AES, .keyBits = { .aes = 128 }, .mode = { .aes = TPM2_ALG_CFB } };
	ESYS_TR session = ESYS_TR_NONE;
	struct tpm_call c = tpm_call_begin(dev, "TPM2_StartAuthSession");
	while (tpm_call_again(&c)) {
		c.rc = Esys_StartAuthSession(dev->esys, primary, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, NULL,
			TPM2_SE_HMAC, &symmetric, TPM2_ALG_SHA256, &session);
	}
	TRY(tpm_call_end(&c, reason));
	enum coffer_err err = tpm_session_encrypt(dev, session, true, true, reason);
	if (err != ERR_OK) {
		tpm_device_flush(dev, &session);
		return err;
	}
	*out = session;
	return ERR_OK;
}

enum coffer_err tpm_session_open_policy(struct tpm_device *dev, TPM2_ALG_ID hash_alg, ESYS_TR *out,
	struct reason *reason)
{
	const TPMT_SYM_DEF none = { .algorithm = TPM2_ALG_NULL };
	ESYS_TR session = ESYS_TR_NONE;
	struct tpm_call c = tpm_call_begin(dev, "TPM2_StartAuthSession");
	while (tpm_call_again(&c)) {
		c.rc = Esys_StartAuthSession(dev->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, NULL,
			TPM2_SE_POLICY, &none, hash_alg, &session);
	}
	TRY(tpm_call_end(&c, reason));
	*out = session;
	return ERR_OK;
}

/* ---- forgetting ---- */

static TSS2_RC take(TSS2_TCTI_CONTEXT *tcti, size_t size, const uint8_t *command)
{
	(void)tcti;
	(void)size;
	(void)command;
	return TSS2_RC_SUCCESS;
}

static TSS2_RC refuse(TSS2_TCTI_CONTEXT *tcti, size_t *size, uint8_t *response, int32_t timeout)
{
	static const uint8_t answer[] = { 0x80, 0x01, 0, 0, 0, 10, 0, 0, 0x01, 0x43 }; /* TPM2_RC_COMMAND_CODE */
	(void)tcti;
	(void)timeout;
	if (response && *size < sizeof answer) return TSS2_TCTI_RC_INSUFFICIENT_BUFFER;
	if (response) memcpy(response, answer, sizeof answer);
	*size = sizeof answer;
	return TSS2_RC_SUCCESS;
}

/* The TSS puts the HMAC key of a command together in the session: session key, then the object's authorization value, and leaves it there. With a value that says nothing it does so again here,
 * for a command that does not go to the TPM. */
void tpm_session_forget(struct tpm_device *dev, ESYS_TR session, ESYS_TR object)
{
	TSS2_TCTI_CONTEXT_COMMON_V1 *tcti = (TSS2_TCTI_CONTEXT_COMMON_V1 *)dev->tcti;
	TPM2B_SENSITIVE_DATA *none = NULL;
	const TPM2B_AUTH nothing = { .size = AUTH_LEN, .buffer = { [AUTH_LEN - 1] = 1 } }; /* zeros at the end would be cut off */
	if (object == ESYS_TR_NONE) return;
	if (Esys_TR_SetAuth(dev->esys, object, &nothing) != TSS2_RC_SUCCESS || session == ESYS_TR_NONE) return;
	const TSS2_TCTI_CONTEXT_COMMON_V1 before = *tcti;
	tcti->transmit = take;
	tcti->receive = refuse;
	if (Esys_Unseal_Async(dev->esys, object, session, ESYS_TR_NONE, ESYS_TR_NONE) == TSS2_RC_SUCCESS) (void)Esys_Unseal_Finish(dev->esys, &none);
	tcti->transmit = before.transmit;
	tcti->receive = before.receive;
	Esys_Free(none);
}
