/* Making and loading keys that are kept outside of the TPM. */
#include "tpm/child.h"

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
#define ATTRIBUTES (TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN | TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA)

void tpm_child_template(enum tpm_child_use use, TPM2B_PUBLIC *out)
{
	*out = (TPM2B_PUBLIC){ .publicArea = { .type = TPM2_ALG_ECC, .nameAlg = TPM2_ALG_SHA256, .objectAttributes = ATTRIBUTES } };
	TPMS_ECC_PARMS *ecc = &out->publicArea.parameters.eccDetail;
	ecc->symmetric.algorithm = TPM2_ALG_NULL;
	ecc->curveID = TPM2_ECC_NIST_P256;
	ecc->kdf.scheme = TPM2_ALG_NULL;
	if (use == TPM_CHILD_SIGN) {
		out->publicArea.objectAttributes |= TPMA_OBJECT_SIGN_ENCRYPT;
		ecc->scheme.scheme = TPM2_ALG_ECDSA;
		ecc->scheme.details.ecdsa.hashAlg = TPM2_ALG_SHA256;
	} else {
		out->publicArea.objectAttributes |= TPMA_OBJECT_DECRYPT;
		ecc->scheme.scheme = TPM2_ALG_ECDH;
		ecc->scheme.details.ecdh.hashAlg = TPM2_ALG_SHA256;
	}
}

static enum coffer_err marshal(const TPMT_PUBLIC *pub, uint8_t *out, size_t cap, size_t *out_len)
{
	*out_len = 0;
	return Tss2_MU_TPMT_PUBLIC_Marshal(pub, out, cap, out_len) == TSS2_RC_SUCCESS ? ERR_OK : ERR_TOKEN;
}

enum coffer_err tpm_child_number(const TPM2B_ECC_PARAMETER *n, uint8_t out[static TPM_CHILD_FIELD])
{
	ENSURE(n->size > 0 && n->size <= TPM_CHILD_FIELD, ERR_CORRUPT);
	memset(out, 0, TPM_CHILD_FIELD);
	memcpy(out + TPM_CHILD_FIELD - n->size, n->buffer, n->size);
	return ERR_OK;
}

enum coffer_err tpm_child_check(enum tpm_child_use use, const TPMT_PUBLIC *pub, uint8_t out_point[static TPM_CHILD_POINT_LEN])
{
	uint8_t a[sizeof(TPMT_PUBLIC)], b[sizeof(TPMT_PUBLIC)];
	size_t a_len, b_len;
	TPM2B_PUBLIC wanted;
	struct ecdsa_public key = { .curve = ECDSA_P256, .point = { 4 } };
	tpm_child_template(use, &wanted);
	ENSURE(pub->type == TPM2_ALG_ECC, ERR_CORRUPT);
	wanted.publicArea.unique = pub->unique;
	TRY(marshal(&wanted.publicArea, a, sizeof a, &a_len));
	TRY(marshal(pub, b, sizeof b, &b_len));
	ENSURE(view_equal(view_of(a, a_len), view_of(b, b_len)), ERR_CORRUPT);
	TRY(tpm_child_number(&pub->unique.ecc.x, key.point + 1));
	TRY(tpm_child_number(&pub->unique.ecc.y, key.point + 1 + TPM_CHILD_FIELD));
	TRY(ecdsa_check(&key));
	memcpy(out_point, key.point, TPM_CHILD_POINT_LEN);
	return ERR_OK;
}

/* ---- reference ---- */

static enum coffer_err write_ref(const TPM2B_PUBLIC *pub, const TPM2B_PRIVATE *private, uint8_t out[static TPM_CHILD_REF_MAX], size_t *out_len)
{
	uint8_t bytes[sizeof(TPMT_PUBLIC)];
	size_t len;
	struct writer w;
	ENSURE(private->size <= sizeof private->buffer, ERR_TOKEN);
	TRY(marshal(&pub->publicArea, bytes, sizeof bytes, &len));
	writer_init(&w, out, TPM_CHILD_REF_MAX);
	writer_u8(&w, FORMAT);
	writer_view_u16(&w, view_of(bytes, len));
	writer_view_u16(&w, view_of(private->buffer, private->size));
	TRY(writer_done(&w));
	*out_len = writer_len(&w);
	return ERR_OK;
}

static enum coffer_err read_ref(enum tpm_child_use use, struct view ref, TPM2B_PUBLIC *pub, TPM2B_PRIVATE *private,
	uint8_t out_point[static TPM_CHILD_POINT_LEN])
{
	struct reader r;
	struct view pub_bytes, private_bytes;
	uint8_t format;
	size_t used = 0;
	reader_init(&r, ref);
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
	return tpm_child_check(use, &pub->publicArea, out_point);
}

enum coffer_err tpm_child_point(enum tpm_child_use use, struct view ref, uint8_t out_point[static TPM_CHILD_POINT_LEN])
{
	TPM2B_PUBLIC pub;
	TPM2B_PRIVATE private;
	return read_ref(use, ref, &pub, &private, out_point);
}

enum coffer_err tpm_child_area(enum tpm_child_use use, struct view ref, struct view *out)
{
	struct reader r;
	uint8_t format, point[TPM_CHILD_POINT_LEN];
	TRY(tpm_child_point(use, ref, point));
	reader_init(&r, ref);
	TRY(reader_u8(&r, &format));
	return reader_view_u16(&r, sizeof(TPMT_PUBLIC), out);
}

/* ---- making ---- */

static enum coffer_err create(struct tpm_device *dev, const struct tpm_key *key, ESYS_TR session, enum tpm_child_use use, struct view auth,
	TPM2B_PRIVATE **out_private, TPM2B_PUBLIC **out_public, struct reason *reason)
{
	const TPM2B_DATA outside = { 0 };
	const TPML_PCR_SELECTION pcrs = { 0 };
	TPM2B_PUBLIC template;
	AUTO_SECRET struct secret *holder = secret_new(sizeof(TPM2B_SENSITIVE_CREATE));
	ENSURE(holder, ERR_MEMORY);
	PRE(auth.len == TPM_CHILD_AUTH_LEN);
	TPM2B_SENSITIVE_CREATE *sensitive = (void *)secret_mut(holder);
	sensitive->sensitive.userAuth.size = (UINT16)auth.len;
	memcpy(sensitive->sensitive.userAuth.buffer, auth.ptr, auth.len);
	tpm_child_template(use, &template);
	TRY(tpm_session_encrypt(dev, session, true, true, reason));
	struct tpm_call c = tpm_call_begin(dev, "TPM2_Create");
	while (tpm_call_again(&c)) {
		c.rc = Esys_Create(dev->esys, key->primary, session, ESYS_TR_NONE, ESYS_TR_NONE, sensitive, &template, &outside, &pcrs,
			out_private, out_public, NULL, NULL, NULL);
	}
	tpm_seal_forget(dev, &template);
	return tpm_call_end(&c, reason);
}

enum coffer_err tpm_child_make(struct tpm_device *dev, const struct tpm_key *key, ESYS_TR session, enum tpm_child_use use, struct view auth,
	uint8_t out_point[static TPM_CHILD_POINT_LEN], uint8_t out_ref[static TPM_CHILD_REF_MAX], size_t *out_ref_len, struct reason *reason)
{
	TPM2B_PRIVATE *private = NULL;
	TPM2B_PUBLIC *pub = NULL;
	TRY(create(dev, key, session, use, auth, &private, &pub, reason));
	enum coffer_err err = tpm_child_check(use, &pub->publicArea, out_point);
	if (!err) err = write_ref(pub, private, out_ref, out_ref_len);
	if (err) err = reason_fail(reason, ERR_TOKEN, "the TPM made another key than the %s that it was asked for", use == TPM_CHILD_SIGN ? "signing key" : "transport key");
	Esys_Free(private);
	Esys_Free(pub);
	return err;
}

/* ---- loading ---- */

/* The TSS keeps a copy of its own until the object is flushed. */
static enum coffer_err set_auth(struct tpm_device *dev, ESYS_TR object, struct view auth, struct reason *reason)
{
	TPM2B_AUTH value = { .size = TPM_CHILD_AUTH_LEN };
	memcpy(value.buffer, auth.ptr, TPM_CHILD_AUTH_LEN);
	TSS2_RC rc = Esys_TR_SetAuth(dev->esys, object, &value);
	wipe(&value, sizeof value);
	return rc == TSS2_RC_SUCCESS ? ERR_OK : tpm_err_fail(reason, "Esys_TR_SetAuth", rc);
}

void tpm_child_unload(struct tpm_device *dev, ESYS_TR session, ESYS_TR *object)
{
	if (*object == ESYS_TR_NONE) return;
	tpm_session_forget(dev, session, *object);
	tpm_device_flush(dev, object);
}

enum coffer_err tpm_child_load(struct tpm_device *dev, const struct tpm_key *key, ESYS_TR session, enum tpm_child_use use, struct view ref, struct view auth,
	ESYS_TR *out, struct reason *reason)
{
	ESYS_TR object = ESYS_TR_NONE;
	TPM2B_PUBLIC pub;
	TPM2B_PRIVATE private;
	uint8_t point[TPM_CHILD_POINT_LEN];
	*out = ESYS_TR_NONE;
	PRE(auth.len == TPM_CHILD_AUTH_LEN);
	if (read_ref(use, ref, &pub, &private, point) != ERR_OK) return ERR_OK;
	struct tpm_call c = tpm_call_begin(dev, "TPM2_Load");
	while (tpm_call_again(&c)) c.rc = Esys_Load(dev->esys, key->primary, session, ESYS_TR_NONE, ESYS_TR_NONE, &private, &pub, &object);
	if (c.rc != TSS2_RC_SUCCESS && tpm_err_map(c.rc).blame) return ERR_OK;
	TRY(tpm_call_end(&c, reason));
	enum coffer_err err = set_auth(dev, object, auth, reason);
	if (err != ERR_OK) tpm_child_unload(dev, session, &object);
	*out = object;
	return err;
}
