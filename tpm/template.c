/* Profiles, templates, checks and Names. */
#include "tpm/template.h"

#include <string.h>

#include <tss2/tss2_mu.h>

#include "base/ct.h"
#include "tpm/tpm_err.h"

#define STORAGE_KEY (TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN | \
	TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT)
#define SEALED (TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_NODA)
#define GATE (TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_USERWITHAUTH)
#define PRIMARY_UNIQUE "coffer primary" /* makes it a primary of our own, not the platform's storage root key */

static const struct tpm_profile profiles[] = {
	{ 1, "ECC P-384, AES-256-CFB", TPM2_ECC_NIST_P384, TPM2_ALG_SHA384, HASH_SHA384, 256, 48 },
	{ 2, "ECC P-256, AES-128-CFB", TPM2_ECC_NIST_P256, TPM2_ALG_SHA256, HASH_SHA256, 128, 32 },
};
#define PROFILE_COUNT (sizeof profiles / sizeof profiles[0])

const struct tpm_profile *tpm_template_profile(uint8_t id)
{
	for (size_t i = 0; i < PROFILE_COUNT; i++) {
		if (profiles[i].id == id) return &profiles[i];
	}
	return NULL;
}

/* ---- templates ---- */

void tpm_template_master(const struct tpm_profile *profile, TPM2B_PUBLIC *out)
{
	*out = (TPM2B_PUBLIC){ .publicArea = { .type = TPM2_ALG_ECC, .nameAlg = profile->hash_alg,
		.objectAttributes = STORAGE_KEY } };
	TPMS_ECC_PARMS *ecc = &out->publicArea.parameters.eccDetail;
	ecc->symmetric.algorithm = TPM2_ALG_AES;
	ecc->symmetric.keyBits.aes = profile->aes_bits;
	ecc->symmetric.mode.aes = TPM2_ALG_CFB;
	ecc->scheme.scheme = TPM2_ALG_NULL;
	ecc->curveID = profile->curve;
	ecc->kdf.scheme = TPM2_ALG_NULL;
}

void tpm_template_primary(const struct tpm_profile *profile, TPM2B_PUBLIC *out)
{
	tpm_template_master(profile, out);
	TPMS_ECC_POINT *unique = &out->publicArea.unique.ecc;
	unique->x.size = profile->field_len;
	unique->y.size = profile->field_len;
	memcpy(unique->x.buffer, PRIMARY_UNIQUE, sizeof PRIMARY_UNIQUE - 1);
}

enum coffer_err tpm_template_sealed(const struct tpm_profile *profile, const struct tpm_policy *policy, TPM2B_PUBLIC *out)
{
	TPM2B_PUBLIC p = { .publicArea = { .type = TPM2_ALG_KEYEDHASH, .nameAlg = profile->hash_alg,
		.objectAttributes = SEALED } };
	p.publicArea.parameters.keyedHashDetail.scheme.scheme = TPM2_ALG_NULL;
	TRY(tpm_policy_digest(profile, policy, &p.publicArea.authPolicy));
	*out = p;
	return ERR_OK;
}

void tpm_template_gate(const struct tpm_profile *profile, TPM2B_PUBLIC *out)
{
	*out = (TPM2B_PUBLIC){ .publicArea = { .type = TPM2_ALG_KEYEDHASH, .nameAlg = profile->hash_alg, .objectAttributes = GATE } };
	out->publicArea.parameters.keyedHashDetail.scheme.scheme = TPM2_ALG_NULL;
}

/* ---- what the TPM can do ---- */

static enum coffer_err supported(struct tpm_device *dev, const struct tpm_profile *profile, bool *out,
	struct reason *reason)
{
	TPM2B_PUBLIC wanted;
	bool hashes = false;
	*out = false;
	TRY(tpm_device_has_algorithm(dev, profile->hash_alg, &hashes, reason));
	if (!hashes) return ERR_OK;
	tpm_template_master(profile, &wanted);
	TPMT_PUBLIC_PARMS parms = { .type = TPM2_ALG_ECC };
	parms.parameters.eccDetail = wanted.publicArea.parameters.eccDetail;
	struct tpm_call c = tpm_call_begin(dev, "TPM2_TestParms");
	while (tpm_call_again(&c)) c.rc = Esys_TestParms(dev->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &parms);
	if (tpm_err_map(c.rc).err == ERR_UNSUPPORTED) return ERR_OK;
	TRY(tpm_call_end(&c, reason));
	*out = true;
	return ERR_OK;
}

enum coffer_err tpm_template_choose(struct tpm_device *dev, const struct tpm_profile **out, struct reason *reason)
{
	for (size_t i = 0; i < PROFILE_COUNT; i++) {
		bool yes = false;
		TRY(supported(dev, &profiles[i], &yes, reason));
		if (!yes) continue;
		*out = &profiles[i];
		return ERR_OK;
	}
	return reason_fail(reason, ERR_UNSUPPORTED,
		"the TPM does neither ECC P-384 with AES-256 nor P-256 with AES-128; use another token");
}

/* ---- checks ---- */

enum coffer_err tpm_template_refuse(uint32_t handle, const char *fault, struct reason *reason)
{
	return reason_fail(reason, ERR_TOKEN_REFUSED,
		"the object at persistent handle 0x%08X %s; if nothing needs it, remove it with "
		"'tpm2_evictcontrol -C o -c 0x%08X', or choose a free handle with ?handle=0x8101XXXX in the token URI", handle,
		fault, handle);
}

struct rule {
	TPMA_OBJECT bit;
	bool wanted;
	const char *fault;
};

static const struct rule rules[] = {
	{ TPMA_OBJECT_FIXEDTPM, true, "is not fixedTPM, so a copy may exist elsewhere" },
	{ TPMA_OBJECT_FIXEDPARENT, true, "is not fixedParent, so it can be moved to another parent" },
	{ TPMA_OBJECT_SENSITIVEDATAORIGIN, true, "was not made inside the TPM (sensitiveDataOrigin), so a copy may exist" },
	{ TPMA_OBJECT_NODA, true, "lacks noDA, so power cuts could lock the TPM" },
	{ TPMA_OBJECT_RESTRICTED, true, "is not restricted, so it can be used to decrypt anything" },
	{ TPMA_OBJECT_DECRYPT, true, "is not a decryption key" },
	{ TPMA_OBJECT_USERWITHAUTH, true, "can be used by policy alone (no userWithAuth)" },
	{ TPMA_OBJECT_SIGN_ENCRYPT, false, "may also sign" },
};

static bool same_parameters(const struct tpm_profile *profile, const TPMT_PUBLIC *pub)
{
	TPM2B_PUBLIC wanted;
	tpm_template_master(profile, &wanted);
	const TPMS_ECC_PARMS *a = &wanted.publicArea.parameters.eccDetail, *b = &pub->parameters.eccDetail;
	return pub->nameAlg == profile->hash_alg && a->symmetric.algorithm == b->symmetric.algorithm &&
		a->symmetric.keyBits.aes == b->symmetric.keyBits.aes && a->symmetric.mode.aes == b->symmetric.mode.aes &&
		a->scheme.scheme == b->scheme.scheme && a->curveID == b->curveID && a->kdf.scheme == b->kdf.scheme;
}

enum coffer_err tpm_template_check_master(const struct tpm_profile *profile, const TPMT_PUBLIC *pub, uint32_t handle,
	struct reason *reason)
{
	for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
		bool is_set = (pub->objectAttributes & rules[i].bit) != 0;
		if (is_set != rules[i].wanted) return tpm_template_refuse(handle, rules[i].fault, reason);
	}
	if (pub->objectAttributes != STORAGE_KEY) return tpm_template_refuse(handle,
		"has attributes that a master secret must not have", reason);
	if (pub->type != TPM2_ALG_ECC) return tpm_template_refuse(handle, "is not an ECC key", reason);
	if (!same_parameters(profile, pub)) return tpm_template_refuse(handle, "is of another strength than the TPM offers",
		reason);
	if (pub->authPolicy.size != 0) return tpm_template_refuse(handle, "has a policy", reason);
	return ERR_OK;
}

static enum coffer_err marshal(const TPMT_PUBLIC *pub, uint8_t *out, size_t cap, size_t *out_len)
{
	size_t len = 0;
	ENSURE(Tss2_MU_TPMT_PUBLIC_Marshal(pub, out, cap, &len) == TSS2_RC_SUCCESS, ERR_INPUT);
	*out_len = len;
	return ERR_OK;
}

static enum coffer_err check_keyed(const TPM2B_PUBLIC *template, const TPMT_PUBLIC *pub)
{
	TPM2B_PUBLIC wanted = *template;
	uint8_t a[sizeof(TPMT_PUBLIC)], b[sizeof(TPMT_PUBLIC)];
	size_t a_len = 0, b_len = 0;
	ENSURE(pub->type == TPM2_ALG_KEYEDHASH, ERR_CORRUPT);
	wanted.publicArea.unique = pub->unique;
	TRY(marshal(&wanted.publicArea, a, sizeof a, &a_len));
	TRY(marshal(pub, b, sizeof b, &b_len));
	return view_equal(view_of(a, a_len), view_of(b, b_len)) ? ERR_OK : ERR_CORRUPT;
}

enum coffer_err tpm_template_check_sealed(const struct tpm_profile *profile, const struct tpm_policy *policy, const TPMT_PUBLIC *pub)
{
	TPM2B_PUBLIC wanted;
	TRY(tpm_template_sealed(profile, policy, &wanted));
	return check_keyed(&wanted, pub);
}

enum coffer_err tpm_template_check_gate(const struct tpm_profile *profile, const TPMT_PUBLIC *pub)
{
	TPM2B_PUBLIC wanted;
	tpm_template_gate(profile, &wanted);
	return check_keyed(&wanted, pub);
}

/* ---- Names ---- */

static enum coffer_err hash_of(TPM2_ALG_ID alg, enum hash_algorithm *out)
{
	switch (alg) {
	case TPM2_ALG_SHA256: *out = HASH_SHA256; return ERR_OK;
	case TPM2_ALG_SHA384: *out = HASH_SHA384; return ERR_OK;
	case TPM2_ALG_SHA512: *out = HASH_SHA512; return ERR_OK;
	default: return ERR_UNSUPPORTED;
	}
}

static enum coffer_err name_from(TPM2_ALG_ID alg, const struct view *parts, size_t count, TPM2B_NAME *out)
{
	enum hash_algorithm hash;
	TPM2B_NAME name = { 0 };
	TRY(hash_of(alg, &hash));
	name.name[0] = (uint8_t)(alg >> 8);
	name.name[1] = (uint8_t)alg;
	TRY(hash_parts(hash, parts, count, name.name + 2));
	name.size = (UINT16)(2 + hash_len(hash));
	*out = name;
	return ERR_OK;
}

enum coffer_err tpm_name_compute(const TPMT_PUBLIC *pub, TPM2B_NAME *out)
{
	uint8_t bytes[sizeof(TPMT_PUBLIC)];
	size_t len = 0;
	TRY(marshal(pub, bytes, sizeof bytes, &len));
	struct view part = view_of(bytes, len);
	return name_from(pub->nameAlg, &part, 1, out);
}

enum coffer_err tpm_name_qualify(const struct tpm_profile *profile, const TPM2B_NAME *primary,
	const TPM2B_NAME *child, TPM2B_NAME *out)
{
	static const uint8_t owner[4] = { 0x40, 0x00, 0x00, 0x01 }; /* the hierarchy's Name is its handle */
	TPM2B_NAME primary_qn;
	struct view parts[2] = { view_of(owner, sizeof owner), view_of(primary->name, primary->size) };
	TRY(name_from(profile->hash_alg, parts, 2, &primary_qn));
	parts[0] = view_of(primary_qn.name, primary_qn.size);
	parts[1] = view_of(child->name, child->size);
	return name_from(profile->hash_alg, parts, 2, out);
}

bool tpm_name_equal(const TPM2B_NAME *a, const TPM2B_NAME *b)
{
	return a->size == b->size && a->size <= sizeof a->name && ct_equal(a->name, b->name, a->size);
}
