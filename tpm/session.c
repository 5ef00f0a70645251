/* Opening salted and policy sessions. */
#include "tpm/session.h"

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

enum coffer_err tpm_session_open_policy(struct tpm_device *dev, const struct tpm_profile *profile, ESYS_TR *out,
	struct reason *reason)
{
	const TPMT_SYM_DEF none = { .algorithm = TPM2_ALG_NULL };
	ESYS_TR session = ESYS_TR_NONE;
	struct tpm_call c = tpm_call_begin(dev, "TPM2_StartAuthSession");
	while (tpm_call_again(&c)) {
		c.rc = Esys_StartAuthSession(dev->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, NULL,
			TPM2_SE_POLICY, &none, profile->hash_alg, &session);
	}
	TRY(tpm_call_end(&c, reason));
	*out = session;
	return ERR_OK;
}
