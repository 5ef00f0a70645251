/* Policies as digests and as bytes. */
#include "tpm/policy.h"

#include <string.h>

#include <tss2/tss2_mu.h>

#include "tpm/template.h"

#define HAS_VALUES 1u
#define HAS_SIGNED 2u
#define HAS_PIN 4u

bool tpm_policy_is_none(const struct tpm_policy *policy)
{
	return policy->pcrs.mask == 0 && !policy->has_pin;
}

/* ---- digests ---- */

/* digest = H(digest, command code if not 0, data) */
static enum coffer_err extend(const struct tpm_profile *profile, TPM2B_DIGEST *digest, uint32_t cc, struct view data)
{
	uint8_t code[4] = { (uint8_t)(cc >> 24), (uint8_t)(cc >> 16), (uint8_t)(cc >> 8), (uint8_t)cc };
	uint8_t out[HASH_LEN_MAX];
	const struct view parts[] = { view_of(digest->buffer, digest->size), view_of(code, cc ? sizeof code : 0), data };
	TRY(hash_parts(profile->hash, parts, 3, out));
	memcpy(digest->buffer, out, digest->size);
	return ERR_OK;
}

enum coffer_err tpm_policy_branches(const struct tpm_profile *profile, const struct tpm_policy *policy, TPML_DIGEST *out)
{
	TPML_DIGEST list = { .count = policy->set_count };
	for (unsigned i = 0; i < policy->set_count; i++) {
		list.digests[i].size = (UINT16)hash_len(profile->hash);
		TRY(pcr_policy_digest(&policy->pcrs, policy->sets[i].digest, profile->hash, list.digests[i].buffer));
	}
	*out = list;
	return ERR_OK;
}

static enum coffer_err add_values(const struct tpm_profile *profile, const struct tpm_policy *policy, TPM2B_DIGEST *digest)
{
	TPML_DIGEST list;
	uint8_t all[TPM_POLICY_SETS * HASH_LEN_MAX];
	struct writer w;
	TRY(tpm_policy_branches(profile, policy, &list));
	if (list.count == 1) {
		*digest = list.digests[0];
		return ERR_OK;
	}
	writer_init(&w, all, sizeof all);
	for (unsigned i = 0; i < list.count; i++) writer_bytes(&w, view_of(list.digests[i].buffer, list.digests[i].size));
	TRY(writer_done(&w));
	return extend(profile, digest, TPM2_CC_PolicyOR, writer_view(&w));
}

void tpm_policy_vendor_public(const struct tpm_policy *policy, TPM2B_PUBLIC *out)
{
	const struct ecdsa_public *key = &policy->vendor;
	const size_t len = ecdsa_field_len(key->curve);
	const TPM2_ALG_ID hash = key->curve == ECDSA_P384 ? TPM2_ALG_SHA384 : TPM2_ALG_SHA256;
	*out = (TPM2B_PUBLIC){ .publicArea = { .type = TPM2_ALG_ECC, .nameAlg = hash,
		.objectAttributes = TPMA_OBJECT_SIGN_ENCRYPT | TPMA_OBJECT_USERWITHAUTH } };
	TPMS_ECC_PARMS *ecc = &out->publicArea.parameters.eccDetail;
	TPMS_ECC_POINT *point = &out->publicArea.unique.ecc;
	ecc->symmetric.algorithm = TPM2_ALG_NULL;
	ecc->scheme.scheme = TPM2_ALG_ECDSA;
	ecc->scheme.details.ecdsa.hashAlg = hash;
	ecc->curveID = key->curve == ECDSA_P384 ? TPM2_ECC_NIST_P384 : TPM2_ECC_NIST_P256;
	ecc->kdf.scheme = TPM2_ALG_NULL;
	point->x.size = point->y.size = (UINT16)len;
	memcpy(point->x.buffer, key->point + 1, len);
	memcpy(point->y.buffer, key->point + 1 + len, len);
}

/* An entity's Name and then the policy ref: PolicyAuthorize and PolicySecret (TPM 2.0 Part 3, 23.2.3). */
static enum coffer_err add_entity(const struct tpm_profile *profile, const TPMT_PUBLIC *pub, uint32_t cc, struct view ref,
	TPM2B_DIGEST *digest)
{
	TPM2B_NAME name;
	TRY(tpm_name_compute(pub, &name));
	TRY(extend(profile, digest, cc, view_of(name.name, name.size)));
	return extend(profile, digest, 0, ref);
}

enum coffer_err tpm_policy_digest(const struct tpm_profile *profile, const struct tpm_policy *policy, TPM2B_DIGEST *out)
{
	static const uint8_t unseal[4] = { 0, 0, TPM2_CC_Unseal >> 8, TPM2_CC_Unseal & 0xFF };
	TPM2B_DIGEST digest = { .size = (UINT16)hash_len(profile->hash) };
	TPM2B_PUBLIC vendor;
	if (policy && policy->is_signed) {
		tpm_policy_vendor_public(policy, &vendor);
		TRY(add_entity(profile, &vendor.publicArea, TPM2_CC_PolicyAuthorize, view_str(policy->ref), &digest));
	} else if (policy && policy->pcrs.mask) {
		TRY(add_values(profile, policy, &digest));
	}
	if (policy && policy->has_pin) {
		TRY(add_entity(profile, &policy->gate_public.publicArea, TPM2_CC_PolicySecret, view_of(NULL, 0), &digest));
	}
	TRY(extend(profile, &digest, TPM2_CC_PolicyCommandCode, view_of(unseal, sizeof unseal)));
	*out = digest;
	return ERR_OK;
}

enum coffer_err tpm_policy_set_of(const struct tpm_profile *profile, const struct pcr_values *values, struct tpm_policy_set *out)
{
	struct tpm_policy_set set = { { 0 }, { { 0 } } };
	TRY(pcr_values_digest(values, profile->hash, set.digest));
	for (unsigned n = 0; n < PCR_COUNT; n++) {
		if (values->selection.mask >> n & 1) memcpy(set.head[n], values->value[n], TPM_POLICY_HEAD);
	}
	*out = set;
	return ERR_OK;
}

/* ---- bytes ---- */

static void write_sets(struct writer *w, const struct tpm_profile *profile, const struct tpm_policy *policy)
{
	writer_u8(w, (uint8_t)policy->set_count);
	for (unsigned i = 0; i < policy->set_count; i++) {
		writer_bytes(w, view_of(policy->sets[i].digest, hash_len(profile->hash)));
		for (unsigned n = 0; n < PCR_COUNT; n++) {
			if (policy->pcrs.mask >> n & 1) writer_bytes(w, view_of(policy->sets[i].head[n], TPM_POLICY_HEAD));
		}
	}
}

static enum coffer_err write_gate(struct writer *w, const struct tpm_policy *policy)
{
	uint8_t pub[sizeof(TPMT_PUBLIC)];
	size_t len = 0;
	ENSURE(Tss2_MU_TPMT_PUBLIC_Marshal(&policy->gate_public.publicArea, pub, sizeof pub, &len) == TSS2_RC_SUCCESS, ERR_BUG);
	writer_view_u16(w, view_of(pub, len));
	writer_view_u16(w, view_of(policy->gate_private.buffer, policy->gate_private.size));
	return ERR_OK;
}

enum coffer_err tpm_policy_write(struct writer *w, const struct tpm_profile *profile, const struct tpm_policy *policy)
{
	unsigned flags = (policy->set_count ? HAS_VALUES : 0) | (policy->is_signed ? HAS_SIGNED : 0) | (policy->has_pin ? HAS_PIN : 0);
	writer_u8(w, (uint8_t)flags);
	if (flags & (HAS_VALUES | HAS_SIGNED)) {
		writer_u8(w, pcr_bank_number(policy->pcrs.bank));
		writer_u24(w, policy->pcrs.mask);
	}
	if (flags & HAS_VALUES) write_sets(w, profile, policy);
	if (flags & HAS_SIGNED) {
		writer_u8(w, (uint8_t)policy->vendor.curve);
		writer_bytes(w, view_of(policy->vendor.point, ecdsa_point_len(policy->vendor.curve)));
		writer_view_u16(w, view_str(policy->ref));
	}
	if (flags & HAS_PIN) TRY(write_gate(w, policy));
	return writer_done(w);
}

static enum coffer_err read_sets(struct reader *r, const struct tpm_profile *profile, struct tpm_policy *p)
{
	uint8_t count;
	TRY(reader_u8(r, &count));
	ENSURE(count >= 1 && count <= TPM_POLICY_SETS, ERR_CORRUPT);
	for (p->set_count = 0; p->set_count < count; p->set_count++) {
		struct tpm_policy_set *set = &p->sets[p->set_count];
		TRY(reader_bytes(r, set->digest, hash_len(profile->hash)));
		for (unsigned n = 0; n < PCR_COUNT; n++) {
			if (p->pcrs.mask >> n & 1) TRY(reader_bytes(r, set->head[n], TPM_POLICY_HEAD));
		}
	}
	return ERR_OK;
}

static enum coffer_err read_signed(struct reader *r, struct tpm_policy *p)
{
	uint8_t curve;
	struct view ref;
	TRY(reader_u8(r, &curve));
	TRY(ecdsa_curve_of(curve, &p->vendor.curve));
	TRY(reader_bytes(r, p->vendor.point, ecdsa_point_len(p->vendor.curve)));
	TRY(reader_view_u16(r, PCR_REF_MAX, &ref));
	ENSURE(pcr_ref_is_sound(ref), ERR_CORRUPT);
	if (ref.len) memcpy(p->ref, ref.ptr, ref.len);
	p->is_signed = true;
	return ecdsa_check(&p->vendor);
}

static enum coffer_err read_gate(struct reader *r, const struct tpm_profile *profile, struct tpm_policy *p)
{
	struct view pub, private;
	size_t used = 0;
	TRY(reader_view_u16(r, sizeof(TPMT_PUBLIC), &pub));
	TRY(reader_view_u16(r, sizeof p->gate_private.buffer, &private));
	ENSURE(pub.len > 0 && private.len > 0, ERR_CORRUPT);
	ENSURE(Tss2_MU_TPMT_PUBLIC_Unmarshal(pub.ptr, pub.len, &used, &p->gate_public.publicArea) == TSS2_RC_SUCCESS && used == pub.len,
		ERR_CORRUPT);
	TRY(tpm_template_check_gate(profile, &p->gate_public.publicArea));
	p->gate_private.size = (UINT16)private.len;
	memcpy(p->gate_private.buffer, private.ptr, private.len);
	p->has_pin = true;
	return ERR_OK;
}

enum coffer_err tpm_policy_read(struct reader *r, const struct tpm_profile *profile, struct tpm_policy *out)
{
	struct tpm_policy p = { .set_count = 0 };
	uint8_t flags, bank;
	TRY(reader_u8(r, &flags));
	ENSURE(flags != 0 && flags <= (HAS_VALUES | HAS_SIGNED | HAS_PIN), ERR_CORRUPT);
	ENSURE((flags & HAS_VALUES) == 0 || (flags & HAS_SIGNED) == 0, ERR_CORRUPT);
	if (flags & (HAS_VALUES | HAS_SIGNED)) {
		TRY(reader_u8(r, &bank));
		TRY(pcr_bank_of(bank, &p.pcrs.bank));
		TRY(reader_u24(r, &p.pcrs.mask));
		ENSURE(p.pcrs.mask != 0, ERR_CORRUPT);
	}
	if (flags & HAS_VALUES) TRY(read_sets(r, profile, &p));
	if (flags & HAS_SIGNED) TRY(read_signed(r, &p));
	if (flags & HAS_PIN) TRY(read_gate(r, profile, &p));
	*out = p;
	return ERR_OK;
}
