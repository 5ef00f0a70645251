/* RSA-OAEP through C_Encrypt and C_Decrypt, for tokens that hold key pairs alone (smart cards). */
#include "hsm/use.h"

#include "hsm/mech.h"
#include "token/token.h"

#define RSA_MAX 1024u /* bytes of a modulus: RSA-8192 */

struct params {
	CK_RSA_PKCS_OAEP_PARAMS oaep;
	CK_MECHANISM mech;
};

static void params_init(struct params *p, const struct hsm_mech *mech)
{
	p->oaep = (CK_RSA_PKCS_OAEP_PARAMS){ .hashAlg = mech->hash,
		.mgf = mech->hash == CKM_SHA256 ? CKG_MGF1_SHA256 : CKG_MGF1_SHA1,
		.source = CKZ_DATA_SPECIFIED, .pSourceData = NULL, .ulSourceDataLen = 0 };
	p->mech = (CK_MECHANISM){ mech->type, &p->oaep, sizeof p->oaep };
}

static enum coffer_err oaep_wrap(struct hsm_session *s, const struct hsm_mech *mech, const struct hsm_key *key,
	const struct secret *plain, struct buf *out, struct reason *reason)
{
	if (key->public_key == CK_INVALID_HANDLE) {
		return reason_fail(reason, ERR_TOKEN_REFUSED, "the token does not show the one public key with the master secret's "
			"id; write it back with pkcs11-tool --write-object --type pubkey");
	}
	struct params p;
	params_init(&p, mech);
	AUTO_SECRET struct secret *in = hsm_use_copy(secret_view(plain));
	ENSURE(in, ERR_MEMORY);
	TRY(hsm_session_fail(s, reason, "C_EncryptInit", s->fn->C_EncryptInit(s->handle, &p.mech, key->public_key)));
	uint8_t sealed[RSA_MAX];
	CK_ULONG len = sizeof sealed;
	TRY(hsm_session_fail(s, reason, "C_Encrypt", s->fn->C_Encrypt(s->handle, secret_mut(in), secret_len(in), sealed,
		&len)));
	if (len == 0 || len > sizeof sealed) return reason_fail(reason, ERR_TOKEN, "C_Encrypt: the module returns a wrong "
		"length");
	return buf_append(out, view_of(sealed, len));
}

static enum coffer_err oaep_unwrap(struct hsm_session *s, const struct hsm_mech *mech, const struct hsm_key *key,
	struct view blob, struct secret **out, struct reason *reason)
{
	if (blob.len == 0 || blob.len > RSA_MAX) return hsm_session_fail(s, reason, "wrapped data key", CKR_ENCRYPTED_DATA_LEN_RANGE);
	struct params p;
	params_init(&p, mech);
	AUTO_SECRET struct secret *sealed = hsm_use_copy(blob);
	AUTO_SECRET struct secret *opened = secret_new(RSA_MAX); /* modules want room for a whole modulus */
	ENSURE(sealed && opened, ERR_MEMORY);
	CK_ULONG len = secret_len(opened);
	TRY(hsm_session_fail(s, reason, "C_DecryptInit", s->fn->C_DecryptInit(s->handle, &p.mech, key->handle)));
	CK_RV rv = s->fn->C_Decrypt(s->handle, secret_mut(sealed), secret_len(sealed), secret_mut(opened), &len);
	if (rv == CKR_OK && len != TOKEN_SECRET_LEN) rv = CKR_ENCRYPTED_DATA_INVALID;
	TRY(hsm_session_fail(s, reason, "C_Decrypt", rv));
	struct secret *plain = secret_copy(secret_bytes(opened), TOKEN_SECRET_LEN);
	ENSURE(plain, ERR_MEMORY);
	*out = plain;
	return ERR_OK;
}

const struct hsm_method hsm_method_oaep = { CKF_ENCRYPT | CKF_DECRYPT, oaep_wrap, oaep_unwrap };
