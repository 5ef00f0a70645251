/* Making the signing key, loading it, signing. */
#include "tpm/signer.h"

#include <string.h>

#include <tss2/tss2_mu.h>

#include "base/ct.h"
#include "base/reader.h"
#include "base/secret.h"
#include "base/writer.h"
#include "crypto/ecdsa.h"
#include "tpm/seal.h"
#include "tpm/session.h"
#include "tpm/tpm_err.h"

#define FORMAT 1u
#define FIELD 32u /* bytes of a coordinate, and of r and s */
#define ATTRIBUTES (TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN | TPMA_OBJECT_USERWITHAUTH | \
	TPMA_OBJECT_NODA | TPMA_OBJECT_SIGN_ENCRYPT)
_Static_assert(TOKEN_SIGNER_PUBLIC_LEN == 1 + 2 * FIELD && TOKEN_SIGNER_SIGNATURE_LEN == 2 * FIELD, "P-256");

static void template_of(TPM2B_PUBLIC *out)
{
	*out = (TPM2B_PUBLIC){ .publicArea = { .type = TPM2_ALG_ECC, .nameAlg = TPM2_ALG_SHA256, .objectAttributes = ATTRIBUTES } };
	TPMS_ECC_PARMS *ecc = &out->publicArea.parameters.eccDetail;
	ecc->symmetric.algorithm = TPM2_ALG_NULL;
	ecc->scheme.scheme = TPM2_ALG_ECDSA;
	ecc->scheme.details.ecdsa.hashAlg = TPM2_ALG_SHA256;
	ecc->curveID = TPM2_ECC_NIST_P256;
	ecc->kdf.scheme = TPM2_ALG_NULL;
}

static enum coffer_err marshal(const TPMT_PUBLIC *pub, uint8_t *out, size_t cap, size_t *out_len)
{
	*out_len = 0;
	return Tss2_MU_TPMT_PUBLIC_Marshal(pub, out, cap, out_len) == TSS2_RC_SUCCESS ? ERR_OK : ERR_TOKEN;
}

/* A number of the TPM may lack its leading zeros. */
static enum coffer_err put_number(const TPM2B_ECC_PARAMETER *n, uint8_t out[static FIELD])
{
	ENSURE(n->size > 0 && n->size <= FIELD, ERR_CORRUPT);
	memset(out, 0, FIELD);
	memcpy(out + FIELD - n->size, n->buffer, n->size);
	return ERR_OK;
}

/* The template with any point on the curve. */
static enum coffer_err check_public(const TPMT_PUBLIC *pub, uint8_t out_point[static TOKEN_SIGNER_PUBLIC_LEN])
{
	uint8_t a[sizeof(TPMT_PUBLIC)], b[sizeof(TPMT_PUBLIC)];
	size_t a_len, b_len;
	TPM2B_PUBLIC wanted;
	struct ecdsa_public key = { .curve = ECDSA_P256, .point = { 4 } };
	template_of(&wanted);
	ENSURE(pub->type == TPM2_ALG_ECC, ERR_CORRUPT);
	wanted.publicArea.unique = pub->unique;
	TRY(marshal(&wanted.publicArea, a, sizeof a, &a_len));
	TRY(marshal(pub, b, sizeof b, &b_len));
	ENSURE(view_equal(view_of(a, a_len), view_of(b, b_len)), ERR_CORRUPT);
	TRY(put_number(&pub->unique.ecc.x, key.point + 1));
	TRY(put_number(&pub->unique.ecc.y, key.point + 1 + FIELD));
	TRY(ecdsa_check(&key));
	memcpy(out_point, key.point, TOKEN_SIGNER_PUBLIC_LEN);
	return ERR_OK;
}

/* ---- reference ---- */

static enum coffer_err write_ref(const TPM2B_PUBLIC *pub, const TPM2B_PRIVATE *private, struct token_signer_ref *out)
{
	uint8_t bytes[sizeof(TPMT_PUBLIC)];
	size_t len;
	struct writer w;
	ENSURE(private->size <= sizeof private->buffer, ERR_TOKEN);
	TRY(marshal(&pub->publicArea, bytes, sizeof bytes, &len));
	writer_init(&w, out->data, sizeof out->data);
	writer_u8(&w, FORMAT);
	writer_view_u16(&w, view_of(bytes, len));
	writer_view_u16(&w, view_of(private->buffer, private->size));
	TRY(writer_done(&w));
	out->len = writer_len(&w);
	return ERR_OK;
}

static enum coffer_err read_ref(const struct token_signer_ref *ref, TPM2B_PUBLIC *pub, TPM2B_PRIVATE *private)
{
	struct reader r;
	struct view pub_bytes, private_bytes;
	uint8_t format, point[TOKEN_SIGNER_PUBLIC_LEN];
	size_t used = 0;
	reader_init(&r, view_of(ref->data, ref->len));
	TRY(reader_u8(&r, &format));
	ENSURE(format == FORMAT, ERR_CORRUPT);
	TRY(reader_view_u16(&r, sizeof(TPMT_PUBLIC), &pub_bytes));
	TRY(reader_view_u16(&r, sizeof private->buffer, &private_bytes));
	TRY(reader_end(&r));
	ENSURE(pub_bytes.len > 0 && private_bytes.len > 0, ERR_CORRUPT);
	*pub = (TPM2B_PUBLIC){ 0 };
	ENSURE(Tss2_MU_TPMT_PUBLIC_Unmarshal(pub_bytes.ptr, pub_bytes.len, &used, &pub->publicArea) == TSS2_RC_SUCCESS, ERR_CORRUPT);
	ENSURE(used == pub_bytes.len, ERR_CORRUPT);
	*private = (TPM2B_PRIVATE){ .size = (UINT16)private_bytes.len };
	memcpy(private->buffer, private_bytes.ptr, private_bytes.len);
	return check_public(&pub->publicArea, point);
}

/* ---- making ---- */

static enum coffer_err create(struct tpm_device *dev, const struct tpm_key *key, ESYS_TR session, struct view auth, TPM2B_PRIVATE **out_private,
	TPM2B_PUBLIC **out_public, struct reason *reason)
{
	const TPM2B_DATA outside = { 0 };
	const TPML_PCR_SELECTION pcrs = { 0 };
	TPM2B_PUBLIC template;
	AUTO_SECRET struct secret *holder = secret_new(sizeof(TPM2B_SENSITIVE_CREATE));
	ENSURE(holder, ERR_MEMORY);
	PRE(auth.len == TOKEN_SIGNER_AUTH_LEN);
	TPM2B_SENSITIVE_CREATE *sensitive = (void *)secret_mut(holder);
	sensitive->sensitive.userAuth.size = (UINT16)auth.len;
	memcpy(sensitive->sensitive.userAuth.buffer, auth.ptr, auth.len);
	template_of(&template);
	TRY(tpm_session_encrypt(dev, session, true, true, reason));
	struct tpm_call c = tpm_call_begin(dev, "TPM2_Create");
	while (tpm_call_again(&c)) {
		c.rc = Esys_Create(dev->esys, key->primary, session, ESYS_TR_NONE, ESYS_TR_NONE, sensitive, &template, &outside, &pcrs,
			out_private, out_public, NULL, NULL, NULL);
	}
	tpm_seal_forget(dev, &template);
	return tpm_call_end(&c, reason);
}

static enum coffer_err make(struct tpm_device *dev, const struct tpm_key *key, ESYS_TR session, const struct token_signer_wish *wish,
	struct token_signer_answer *out, struct reason *reason)
{
	TPM2B_PRIVATE *private = NULL;
	TPM2B_PUBLIC *pub = NULL;
	TRY(create(dev, key, session, wish->auth, &private, &pub, reason));
	enum coffer_err err = check_public(&pub->publicArea, out->public_key);
	if (!err) err = write_ref(pub, private, &out->ref);
	if (err) err = reason_fail(reason, ERR_TOKEN, "the TPM made another key than the signing key that it was asked for");
	out->there = !err;
	Esys_Free(private);
	Esys_Free(pub);
	return err;
}

/* ---- signing ---- */

static enum coffer_err take_signature(const TPMT_SIGNATURE *s, uint8_t out[static TOKEN_SIGNER_SIGNATURE_LEN])
{
	ENSURE(s->sigAlg == TPM2_ALG_ECDSA && s->signature.ecdsa.hash == TPM2_ALG_SHA256, ERR_CORRUPT);
	TRY(put_number(&s->signature.ecdsa.signatureR, out));
	return put_number(&s->signature.ecdsa.signatureS, out + FIELD);
}

/* The TSS keeps a copy of its own until the object is flushed: zeros go over it. */
static enum coffer_err set_auth(struct tpm_device *dev, ESYS_TR object, struct view auth, struct reason *reason)
{
	TPM2B_AUTH value = { .size = TOKEN_SIGNER_AUTH_LEN };
	if (auth.len) memcpy(value.buffer, auth.ptr, TOKEN_SIGNER_AUTH_LEN);
	TSS2_RC rc = Esys_TR_SetAuth(dev->esys, object, &value);
	wipe(&value, sizeof value);
	return rc == TSS2_RC_SUCCESS ? ERR_OK : tpm_err_fail(reason, "Esys_TR_SetAuth", rc);
}

static enum coffer_err sign_with(struct tpm_device *dev, ESYS_TR object, ESYS_TR session, const struct token_signer_wish *wish,
	struct token_signer_answer *out, struct reason *reason)
{
	const TPMT_SIG_SCHEME scheme = { .scheme = TPM2_ALG_ECDSA, .details.ecdsa.hashAlg = TPM2_ALG_SHA256 };
	const TPMT_TK_HASHCHECK none = { .tag = TPM2_ST_HASHCHECK, .hierarchy = TPM2_RH_NULL };
	TPM2B_DIGEST digest = { .size = TOKEN_SIGNER_DIGEST_LEN };
	TPMT_SIGNATURE *signature = NULL;
	memcpy(digest.buffer, wish->digest, TOKEN_SIGNER_DIGEST_LEN);
	PRE(wish->auth.len == TOKEN_SIGNER_AUTH_LEN);
	TRY(set_auth(dev, object, wish->auth, reason));
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

/* What another TPM wrapped, or this one before it was cleared, does not load: that is an answer and no failure. */
static enum coffer_err sign(struct tpm_device *dev, const struct tpm_key *key, ESYS_TR session, const struct token_signer_wish *wish,
	struct token_signer_answer *out, struct reason *reason)
{
	ESYS_TR object = ESYS_TR_NONE;
	TPM2B_PUBLIC pub;
	TPM2B_PRIVATE private;
	if (read_ref(&wish->ref, &pub, &private) != ERR_OK) return ERR_OK;
	struct tpm_call c = tpm_call_begin(dev, "TPM2_Load");
	while (tpm_call_again(&c)) c.rc = Esys_Load(dev->esys, key->primary, session, ESYS_TR_NONE, ESYS_TR_NONE, &private, &pub, &object);
	if (c.rc != TSS2_RC_SUCCESS && tpm_err_map(c.rc).blame) return ERR_OK;
	TRY(tpm_call_end(&c, reason));
	enum coffer_err err = sign_with(dev, object, session, wish, out, reason);
	if (!dev->dead) (void)!set_auth(dev, object, view_of(NULL, 0), NULL);
	tpm_device_flush(dev, &object);
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
