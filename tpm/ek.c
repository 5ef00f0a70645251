/* Reading the certificate and making the endorsement key again. */
#include "tpm/ek.h"

#include <string.h>

#include "tpm/tpm_err.h"

#define INDEX_MAX 4096u /* bytes of NV memory that is read */
#define CHUNK 256u            /* bytes of one TPM2_NV_Read: every TPM takes that many */
#define EK_ATTRIBUTES (TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN | \
	TPMA_OBJECT_ADMINWITHPOLICY | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT)

/* TPM2_PolicySecret(TPM_RH_ENDORSEMENT), EK Credential Profile, "PolicyA SHA-256". */
static const uint8_t ek_policy[32] = {
	0x83, 0x71, 0x97, 0x67, 0x44, 0x84, 0xB3, 0xF8, 0x1A, 0x90, 0xCC, 0x8D, 0x46, 0xA5, 0xD7, 0x24,
	0xFD, 0x52, 0xD7, 0x6E, 0x06, 0x52, 0x0B, 0x64, 0xF2, 0xA1, 0xDA, 0x1B, 0x33, 0x14, 0x69, 0xAA,
};

struct place {
	TPM2_HANDLE certificate;
	TPM2_HANDLE vendor_template; /* exists: the key is made by a template of the vendor's */
	TPM2_ALG_ID type;
};

static const struct place places[] = {
	{ 0x01C0000A, 0x01C0000C, TPM2_ALG_ECC },
	{ 0x01C00002, 0x01C00004, TPM2_ALG_RSA },
};

static void ek_template(TPM2_ALG_ID type, TPM2B_PUBLIC *out)
{
	const TPMT_SYM_DEF_OBJECT aes = { .algorithm = TPM2_ALG_AES, .keyBits = { .aes = 128 },
		.mode = { .aes = TPM2_ALG_CFB } };
	*out = (TPM2B_PUBLIC){ .publicArea = { .type = type, .nameAlg = TPM2_ALG_SHA256, .objectAttributes = EK_ATTRIBUTES } };
	TPMT_PUBLIC *p = &out->publicArea;
	p->authPolicy.size = sizeof ek_policy;
	memcpy(p->authPolicy.buffer, ek_policy, sizeof ek_policy);
	if (type == TPM2_ALG_ECC) {
		p->parameters.eccDetail.symmetric = aes;
		p->parameters.eccDetail.scheme.scheme = TPM2_ALG_NULL;
		p->parameters.eccDetail.curveID = TPM2_ECC_NIST_P256;
		p->parameters.eccDetail.kdf.scheme = TPM2_ALG_NULL;
		p->unique.ecc.x.size = 32;
		p->unique.ecc.y.size = 32;
	} else {
		p->parameters.rsaDetail.symmetric = aes;
		p->parameters.rsaDetail.scheme.scheme = TPM2_ALG_NULL;
		p->parameters.rsaDetail.keyBits = 2048;
		p->unique.rsa.size = 256;
	}
}

static enum coffer_err create(struct tpm_device *dev, TPM2_ALG_ID type, ESYS_TR *out, TPM2B_PUBLIC **out_public, struct reason *reason)
{
	const TPM2B_SENSITIVE_CREATE sensitive = { 0 };
	const TPM2B_DATA outside = { 0 };
	const TPML_PCR_SELECTION pcrs = { 0 };
	TPM2B_PUBLIC template;
	ek_template(type, &template);
	struct tpm_call c = tpm_call_begin(dev, "TPM2_CreatePrimary");
	while (tpm_call_again(&c)) {
		c.rc = Esys_CreatePrimary(dev->esys, ESYS_TR_RH_ENDORSEMENT, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
			&sensitive, &template, &outside, &pcrs, out, out_public, NULL, NULL, NULL);
	}
	return tpm_call_end(&c, reason);
}

/* Makes the key, keeps the bytes of its public key, flushes it. */
static enum coffer_err make_ek(struct tpm_device *dev, TPM2_ALG_ID type, uint8_t *out, size_t cap, size_t *out_len,
	struct reason *reason)
{
	TPM2B_PUBLIC *pub = NULL;
	ESYS_TR ek = ESYS_TR_NONE;
	TRY(create(dev, type, &ek, &pub, reason));
	tpm_device_flush(dev, &ek);
	const TPMU_PUBLIC_ID *u = &pub->publicArea.unique;
	size_t len = 0;
	if (type == TPM2_ALG_RSA && u->rsa.size <= cap) {
		len = u->rsa.size;
		memcpy(out, u->rsa.buffer, len);
	} else if (type == TPM2_ALG_ECC && u->ecc.x.size == 32 && u->ecc.y.size == 32 && cap >= 64) {
		len = 64;
		memcpy(out, u->ecc.x.buffer, 32);
		memcpy(out + 32, u->ecc.y.buffer, 32);
	}
	Esys_Free(pub);
	*out_len = len;
	return ERR_OK;
}

/* Whether an NV index exists; *out stays ESYS_TR_NONE where not. */
static enum coffer_err find_index(struct tpm_device *dev, TPM2_HANDLE handle, ESYS_TR *out, struct reason *reason)
{
	struct tpm_call c = tpm_call_begin(dev, "TPM2_NV_ReadPublic");
	while (tpm_call_again(&c)) {
		c.rc = Esys_TR_FromTPMPublic(dev->esys, handle, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, out);
	}
	if (tpm_err_map(c.rc).err == ERR_TOKEN_KEY_MISSING) {
		*out = ESYS_TR_NONE;
		return ERR_OK;
	}
	return tpm_call_end(&c, reason);
}

/* With the owner's empty authorization value; *out_len stays 0 when that is not allowed or nothing is written there. */
static enum coffer_err read_index(struct tpm_device *dev, ESYS_TR index, uint8_t *out, size_t cap, size_t *out_len,
	struct reason *reason)
{
	TPM2B_NV_PUBLIC *pub = NULL;
	struct tpm_call c = tpm_call_begin(dev, "TPM2_NV_ReadPublic");
	while (tpm_call_again(&c)) c.rc = Esys_NV_ReadPublic(dev->esys, index, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
		&pub, NULL);
	TRY(tpm_call_end(&c, reason));
	size_t size = pub->nvPublic.dataSize, done = 0;
	bool readable = (pub->nvPublic.attributes & TPMA_NV_OWNERREAD) && (pub->nvPublic.attributes & TPMA_NV_WRITTEN) &&
		size <= cap;
	Esys_Free(pub);
	while (readable && done < size) {
		TPM2B_MAX_NV_BUFFER *data = NULL;
		size_t want = size - done < CHUNK ? size - done : CHUNK;
		c = tpm_call_begin(dev, "TPM2_NV_Read");
		while (tpm_call_again(&c)) {
			c.rc = Esys_NV_Read(dev->esys, ESYS_TR_RH_OWNER, index, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, (UINT16)want,
				(UINT16)done, &data);
		}
		TRY(tpm_call_end(&c, reason));
		POST(data);
		bool whole = data->size == want;
		if (whole) memcpy(out + done, data->buffer, want);
		Esys_Free(data);
		ENSURE(whole, reason_fail(reason, ERR_TOKEN, "TPM2_NV_Read: the TPM gives another length than was asked for"));
		done += want;
	}
	*out_len = done;
	return ERR_OK;
}

/* What stands in a place. */
struct found {
	const struct place *place; /* NULL: in none */
	ESYS_TR index;             /* the caller closes it */
	uint8_t bytes[INDEX_MAX];
	size_t len;
};

static enum coffer_err find_place(struct tpm_device *dev, struct found *f, struct reason *reason)
{
	f->place = NULL;
	f->index = ESYS_TR_NONE;
	f->len = 0;
	for (size_t i = 0; i < sizeof places / sizeof places[0] && f->index == ESYS_TR_NONE; i++) {
		TRY(find_index(dev, places[i].certificate, &f->index, reason));
		if (f->index != ESYS_TR_NONE) f->place = &places[i];
	}
	return ERR_OK;
}

static enum coffer_err compare(struct tpm_device *dev, struct found *f, enum tpm_ek *out, struct reason *reason)
{
	uint8_t key[512];
	size_t key_len = 0;
	uint32_t permanent = 0;
	ESYS_TR vendor = ESYS_TR_NONE;
	*out = TPM_EK_UNCHECKED;
	TRY(find_index(dev, f->place->vendor_template, &vendor, reason));
	if (vendor != ESYS_TR_NONE) {
		(void)Esys_TR_Close(dev->esys, &vendor);
		return ERR_OK;
	}
	TRY(tpm_device_property(dev, TPM2_PT_PERMANENT, &permanent, reason));
	if (permanent & TPMA_PERMANENT_ENDORSEMENTAUTHSET) return ERR_OK;
	TRY(read_index(dev, f->index, f->bytes, sizeof f->bytes, &f->len, reason));
	if (f->len == 0) return ERR_OK;
	TRY(make_ek(dev, f->place->type, key, sizeof key, &key_len, reason));
	if (key_len == 0) return ERR_OK;
	*out = memmem(f->bytes, f->len, key, key_len) ? TPM_EK_MATCHES : TPM_EK_DIFFERS;
	return ERR_OK;
}

/* f is found as *out says; the index is closed. */
static enum coffer_err look(struct tpm_device *dev, struct found *f, enum tpm_ek *out, struct reason *reason)
{
	*out = TPM_EK_NONE;
	TRY(find_place(dev, f, reason));
	if (!f->place) return ERR_OK;
	enum coffer_err err = compare(dev, f, out, reason);
	(void)Esys_TR_Close(dev->esys, &f->index);
	return err;
}

enum coffer_err tpm_ek_check(struct tpm_device *dev, enum tpm_ek *out, struct reason *reason)
{
	struct found f = { .place = NULL };
	enum tpm_ek ek = TPM_EK_UNCHECKED;
	enum coffer_err err = look(dev, &f, &ek, reason);
	if (err != ERR_OK && (dev->dead || !f.place)) return err;
	*out = err == ERR_OK ? ek : TPM_EK_UNCHECKED; /* hierarchies that the firmware disabled are no fault here */
	return ERR_OK;
}

/* ---- used as evidence ---- */

static enum coffer_err none_there(struct reason *reason)
{
	return reason_fail(reason, ERR_NOT_FOUND, "the TPM holds no endorsement certificate; join by the fingerprint, or with an enrolment token");
}

enum coffer_err tpm_ek_certificate(struct tpm_device *dev, uint8_t out[static CERTIFICATE_MAX], size_t *out_len, struct reason *reason)
{
	struct found f = { .place = NULL };
	enum tpm_ek ek = TPM_EK_UNCHECKED;
	struct view der;
	TRY(look(dev, &f, &ek, reason));
	if (ek == TPM_EK_NONE) return none_there(reason);
	if (ek == TPM_EK_DIFFERS) return reason_fail(reason, ERR_TOKEN_REFUSED, "the endorsement certificate in the TPM is that of another TPM; join by the fingerprint, and look at the machine");
	if (ek == TPM_EK_UNCHECKED)
		return reason_fail(reason, ERR_TOKEN_REFUSED, "the TPM's endorsement certificate cannot be used: its key has a template of the vendor's, or an authorization value; join by the fingerprint, or with an enrolment token");
	if (certificate_cut(view_of(f.bytes, f.len), &der) != ERR_OK)
		return reason_fail(reason, ERR_TOKEN_REFUSED, "what the TPM holds as its endorsement certificate is none; join by the fingerprint, or with an enrolment token");
	memcpy(out, der.ptr, der.len);
	*out_len = der.len;
	return ERR_OK;
}

enum coffer_err tpm_ek_load(struct tpm_device *dev, ESYS_TR *out, struct reason *reason)
{
	struct found f = { .place = NULL };
	TPM2B_PUBLIC *pub = NULL;
	TRY(find_place(dev, &f, reason));
	if (!f.place) return none_there(reason);
	(void)Esys_TR_Close(dev->esys, &f.index);
	TRY(create(dev, f.place->type, out, &pub, reason));
	Esys_Free(pub);
	return ERR_OK;
}
