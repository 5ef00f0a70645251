/* Making the signing key, signing. */
#include "tpm/signer.h"

#include <string.h>

#include "tpm/child.h"
#include "tpm/session.h"
#include "tpm/tpm_err.h"

_Static_assert(TOKEN_SIGNER_PUBLIC_LEN == TPM_CHILD_POINT_LEN && TOKEN_SIGNER_SIGNATURE_LEN == 2 * TPM_CHILD_FIELD, "P-256");
_Static_assert(TOKEN_SIGNER_REF_MAX == TPM_CHILD_REF_MAX && TOKEN_SIGNER_AUTH_LEN == TPM_CHILD_AUTH_LEN, "as children have it");

static enum coffer_err make(struct tpm_device *dev, const struct tpm_key *key, ESYS_TR session, const struct token_signer_wish *wish,
	struct token_signer_answer *out, struct reason *reason)
{
	TRY(tpm_child_make(dev, key, session, TPM_CHILD_SIGN, wish->auth, out->public_key, out->ref.data, &out->ref.len, reason));
	out->there = true;
	return ERR_OK;
}

static enum coffer_err take_signature(const TPMT_SIGNATURE *s, uint8_t out[static TOKEN_SIGNER_SIGNATURE_LEN])
{
	ENSURE(s->sigAlg == TPM2_ALG_ECDSA && s->signature.ecdsa.hash == TPM2_ALG_SHA256, ERR_CORRUPT);
	TRY(tpm_child_number(&s->signature.ecdsa.signatureR, out));
	return tpm_child_number(&s->signature.ecdsa.signatureS, out + TPM_CHILD_FIELD);
}

static enum coffer_err sign_with(struct tpm_device *dev, ESYS_TR object, ESYS_TR session, const struct token_signer_wish *wish,
	struct token_signer_answer *out, struct reason *reason)
{
	const TPMT_SIG_SCHEME scheme = { .scheme = TPM2_ALG_ECDSA, .details.ecdsa.hashAlg = TPM2_ALG_SHA256 };
	const TPMT_TK_HASHCHECK none = { .tag = TPM2_ST_HASHCHECK, .hierarchy = TPM2_RH_NULL };
	TPM2B_DIGEST digest = { .size = TOKEN_SIGNER_DIGEST_LEN };
	TPMT_SIGNATURE *signature = NULL;
	memcpy(digest.buffer, wish->digest, TOKEN_SIGNER_DIGEST_LEN);
	TRY(tpm_session_encrypt(dev, session, true, false, reason));
	struct tpm_call c = tpm_call_begin(dev, "TPM2_Sign");
	while (tpm_call_again(&c)) c.rc = Esys_Sign(dev->esys, object, session, ESYS_TR_NONE, ESYS_TR_NONE, &digest, &scheme, &none, &signature);
	TRY(tpm_call_end(&c, reason));
	POST(signature);
	enum coffer_err err = take_signature(signature, out->signature);
	Esys_Free(signature);
	if (err) return reason_fail(reason, ERR_TOKEN, "TPM2_Sign: the TPM gives something else than a signature");
	out->there = true;
	return ERR_OK;
}

static enum coffer_err sign(struct tpm_device *dev, const struct tpm_key *key, ESYS_TR session, const struct token_signer_wish *wish,
	struct token_signer_answer *out, struct reason *reason)
{
	ESYS_TR object = ESYS_TR_NONE;
	TRY(tpm_child_load(dev, key, session, TPM_CHILD_SIGN, view_of(wish->ref.data, wish->ref.len), wish->auth, &object, reason));
	if (object == ESYS_TR_NONE) return ERR_OK;
	enum coffer_err err = sign_with(dev, object, session, wish, out, reason);
	tpm_child_unload(dev, session, &object);
	return err;
}

typedef enum coffer_err in_session_fn(struct tpm_device *dev, const struct tpm_key *key, ESYS_TR session, const struct token_signer_wish *wish,
	struct token_signer_answer *out, struct reason *reason);

static enum coffer_err in_session(struct tpm_device *dev, const struct tpm_key *key, const struct token_signer_wish *wish, in_session_fn *fn,
	struct token_signer_answer *out, struct reason *reason)
{
	ESYS_TR session = ESYS_TR_NONE;
	struct token_signer_answer answer = { .there = false };
	TRY(tpm_session_open(dev, key->primary, &session, reason));
	enum coffer_err err = fn(dev, key, session, wish, &answer, reason);
	tpm_device_flush(dev, &session);
	tpm_device_scrub(dev);
	if (!err) *out = answer;
	return err;
}

enum coffer_err tpm_signer_make(struct tpm_device *dev, const struct tpm_key *key, const struct token_signer_wish *wish,
	struct token_signer_answer *out, struct reason *reason)
{
	return in_session(dev, key, wish, make, out, reason);
}

enum coffer_err tpm_signer_sign(struct tpm_device *dev, const struct tpm_key *key, const struct token_signer_wish *wish,
	struct token_signer_answer *out, struct reason *reason)
{
	return in_session(dev, key, wish, sign, out, reason);
}
