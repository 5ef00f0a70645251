/* The steps of a policy, and the files that one of them needs. */
#include "tpm/policy_session.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "tpm/gate.h"
#include "tpm/pcr_read.h"
#include "tpm/session.h"
#include "tpm/template.h"
#include "tpm/tpm_err.h"


/* ---- what differs ---- */

static uint32_t differing_from_set(const struct tpm_policy *policy, unsigned set, const struct pcr_values *now)
{
	uint32_t mask = 0;
	for (unsigned n = 0; n < PCR_COUNT; n++) {
		bool differs = (policy->pcrs.mask >> n & 1) && memcmp(policy->sets[set].head[n], now->value[n], TPM_POLICY_HEAD) != 0;
		if (differs) mask |= 1u << n;
	}
	return mask;
}

static uint32_t differing_from_entry(const struct pcr_file *file, unsigned entry, const struct pcr_values *now)
{
	uint32_t mask = 0;
	for (unsigned n = 0; n < PCR_COUNT; n++) {
		bool differs = (file->selection.mask >> n & 1) &&
			memcmp(file->entries[entry].values.value[n], now->value[n], hash_len(file->selection.bank)) != 0;
		if (differs) mask |= 1u << n;
	}
	return mask;
}

uint32_t tpm_policy_differing(const struct tpm_policy *policy, const struct pcr_file *file, const struct pcr_values *now)
{
	uint32_t nearest = policy->pcrs.mask;
	unsigned count = file ? file->count : policy->set_count;
	for (unsigned i = 0; i < count; i++) {
		uint32_t mask = file ? differing_from_entry(file, i, now) : differing_from_set(policy, i, now);
		if (__builtin_popcount(mask) < __builtin_popcount(nearest)) nearest = mask;
	}
	return nearest;
}

static enum coffer_err differs(const struct tpm_policy *policy, uint32_t mask, struct reason *reason)
{
	char list[PCR_LIST_TEXT];
	const struct pcr_selection selection = { policy->pcrs.bank, mask ? mask : policy->pcrs.mask };
	pcr_list_text(&selection, list);
	if (policy->is_signed) {
		return reason_fail(reason, ERR_TOKEN_POLICY, "PCRs %s have values that the vendor has not signed for '%s'; bring the policy file of this "
			"firmware, boot the firmware of before, or recover with shares (coffer unseal --share-file …) and run 'coffer token reseal'",
			list, policy->ref);
	}
	return reason_fail(reason, ERR_TOKEN_POLICY, "PCRs %s differ from those that the data key is bound to; boot the firmware of before and run "
		"'coffer token reseal --next …' there, or recover with shares (coffer unseal --share-file …) and run 'coffer token reseal' here", list);
}

/* ---- files ---- */

enum coffer_err tpm_policy_read_bytes(const char *path, const char *what, size_t max, struct buf *out, struct reason *reason)
{
	struct stat st;
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || fstat(fd, &st) != 0) return reason_fail(reason, ERR_TOKEN_POLICY, "%s %s: %s", what, path, strerror(errno));
	if (!S_ISREG(st.st_mode)) return reason_fail(reason, ERR_TOKEN_POLICY, "%s %s is not a regular file", what, path);
	TRY(buf_reserve(out, max + 1));
	out->len = 0;
	while (out->len <= max) {
		ssize_t n = read(fd, out->ptr + out->len, max + 1 - out->len);
		if (n < 0 && errno == EINTR) continue;
		if (n < 0) return reason_fail(reason, ERR_TOKEN_POLICY, "%s %s: %s", what, path, strerror(errno));
		if (n == 0) return ERR_OK;
		out->len += (size_t)n;
	}
	return reason_fail(reason, ERR_TOKEN_POLICY, "%s %s has more than %zu bytes", what, path, max);
}

static enum coffer_err check_file(const struct tpm_policy *policy, const char *path, const struct pcr_file *file, struct reason *reason)
{
	const char *what = NULL;
	if (!pcr_selection_equal(&file->selection, &policy->pcrs)) what = "is of other PCRs";
	else if (file->key.curve != policy->vendor.curve || memcmp(file->key.point, policy->vendor.point, ecdsa_point_len(file->key.curve)) != 0)
		what = "is signed with another key";
	if (what) return reason_fail(reason, ERR_TOKEN_POLICY, "policy file %s %s than the data key is bound to; bring the right one", path, what);
	if (strcmp(file->ref, policy->ref) == 0) return ERR_OK;
	return reason_fail(reason, ERR_TOKEN_POLICY, "policy file %s is of the series '%s', but the data key is bound to '%s'; bring a file of that series, "
		"or run 'coffer token reseal --policy-file %s' where it still opens", path, file->ref, policy->ref, path);
}

enum coffer_err tpm_policy_read_file(const struct tpm_policy *policy, const char *path, struct pcr_file *out, struct reason *reason)
{
	AUTO_BUF struct buf bytes = BUF_EMPTY;
	TRY(tpm_policy_read_bytes(path, "policy file", PCR_FILE_MAX, &bytes, reason));
	enum coffer_err err = pcr_file_decode(buf_view(&bytes), out);
	if (err == ERR_VERSION) return reason_fail(reason, ERR_TOKEN_POLICY, "policy file %s has a format that this version does not know", path);
	if (err == ERR_CORRUPT) return reason_fail(reason, ERR_TOKEN_POLICY, "policy file %s is damaged or none; 'coffer token sign-pcrs' makes it", path);
	TRY(err);
	return check_file(policy, path, out, reason);
}

/* ---- steps ---- */

/* With the values of now: no digest is sent along. */
static enum coffer_err policy_pcr(struct tpm_device *dev, const struct tpm_policy *policy, ESYS_TR s, struct reason *reason)
{
	const TPM2B_DIGEST now = { .size = 0 };
	TPML_PCR_SELECTION selection;
	tpm_pcr_selection(&policy->pcrs, &selection);
	struct tpm_call c = tpm_call_begin(dev, "TPM2_PolicyPCR");
	while (tpm_call_again(&c)) c.rc = Esys_PolicyPCR(dev->esys, s, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &now, &selection);
	return tpm_call_end(&c, reason);
}

static enum coffer_err satisfy_values(struct tpm_device *dev, const struct tpm_key *key, const struct tpm_policy *policy,
	const struct pcr_values *now, ESYS_TR s, struct reason *reason)
{
	uint8_t digest[HASH_LEN_MAX];
	TPML_DIGEST branches;
	unsigned set = 0;
	TRY(pcr_values_digest(now, key->profile->hash, digest));
	while (set < policy->set_count && memcmp(policy->sets[set].digest, digest, hash_len(key->profile->hash)) != 0) set++;
	if (set == policy->set_count) return differs(policy, tpm_policy_differing(policy, NULL, now), reason);
	TRY(policy_pcr(dev, policy, s, reason));
	if (policy->set_count == 1) return ERR_OK;
	TRY(tpm_policy_branches(key->profile, policy, &branches));
	struct tpm_call c = tpm_call_begin(dev, "TPM2_PolicyOR");
	while (tpm_call_again(&c)) c.rc = Esys_PolicyOR(dev->esys, s, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &branches);
	enum coffer_err err = tpm_call_end(&c, reason);
	if (err != ERR_OK && tpm_err_is_value(c.rc)) return differs(policy, 0, reason); /* extended since they were read */
	return err;
}

/* The TPM looks at the signature; its ticket goes into TPM2_PolicyAuthorize. */
static enum coffer_err verify(struct tpm_device *dev, const struct tpm_policy *policy, const struct pcr_file *file, unsigned entry,
	enum hash_algorithm hash, TPM2B_DIGEST *out_approved, TPMT_TK_VERIFIED **out_ticket, struct reason *reason)
{
	const size_t field = ecdsa_field_len(policy->vendor.curve);
	struct view bytes = pcr_file_signature(file, entry, hash);
	TPM2B_PUBLIC vendor;
	TPM2B_DIGEST digest = { .size = (UINT16)hash_len(ecdsa_hash(policy->vendor.curve)) };
	TPMT_SIGNATURE signature = { .sigAlg = TPM2_ALG_ECDSA };
	TPMS_SIGNATURE_ECC *ecc = (TPMS_SIGNATURE_ECC *)&signature.signature.ecdsa;
	ESYS_TR loaded = ESYS_TR_NONE;
	tpm_policy_vendor_public(policy, &vendor);
	ecc->hash = vendor.publicArea.nameAlg;
	ecc->signatureR.size = ecc->signatureS.size = (UINT16)field;
	memcpy(ecc->signatureR.buffer, bytes.ptr, field);
	memcpy(ecc->signatureS.buffer, bytes.ptr + field, field);
	out_approved->size = (UINT16)hash_len(hash);
	TRY(pcr_file_digest(file, entry, hash, out_approved->buffer, digest.buffer));
	struct tpm_call c = tpm_call_begin(dev, "TPM2_LoadExternal");
	while (tpm_call_again(&c)) {
		c.rc = Esys_LoadExternal(dev->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, NULL, &vendor, ESYS_TR_RH_OWNER, &loaded);
	}
	TRY(tpm_call_end(&c, reason));
	c = tpm_call_begin(dev, "TPM2_VerifySignature");
	while (tpm_call_again(&c)) {
		c.rc = Esys_VerifySignature(dev->esys, loaded, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &digest, &signature, out_ticket);
	}
	enum coffer_err err = tpm_call_end(&c, reason);
	tpm_device_flush(dev, &loaded);
	return err;
}

static enum coffer_err authorize(struct tpm_device *dev, const struct tpm_policy *policy, const TPM2B_DIGEST *approved,
	const TPMT_TK_VERIFIED *ticket, ESYS_TR s, struct reason *reason)
{
	TPM2B_PUBLIC vendor;
	TPM2B_NAME name;
	TPM2B_NONCE ref = { .size = (UINT16)strlen(policy->ref) };
	memcpy(ref.buffer, policy->ref, ref.size);
	tpm_policy_vendor_public(policy, &vendor);
	TRY(tpm_name_compute(&vendor.publicArea, &name));
	struct tpm_call c = tpm_call_begin(dev, "TPM2_PolicyAuthorize");
	while (tpm_call_again(&c)) {
		c.rc = Esys_PolicyAuthorize(dev->esys, s, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, approved, &ref, &name, ticket);
	}
	return tpm_call_end(&c, reason);
}

static enum coffer_err satisfy_signed(struct tpm_device *dev, const struct tpm_key *key, const struct tpm_policy *policy, const char *path,
	const struct pcr_values *now, ESYS_TR s, struct reason *reason)
{
	struct pcr_file file;
	TPM2B_DIGEST approved;
	TPMT_TK_VERIFIED *ticket = NULL;
	unsigned entry = 0;
	TRY(tpm_policy_read_file(policy, path, &file, reason));
	while (entry < file.count && differing_from_entry(&file, entry, now) != 0) entry++;
	if (entry == file.count) return differs(policy, tpm_policy_differing(policy, &file, now), reason);
	TRY(policy_pcr(dev, policy, s, reason));
	enum coffer_err err = verify(dev, policy, &file, entry, key->profile->hash, &approved, &ticket, reason);
	if (err != ERR_OK && tpm_err_is_signature(dev->last_rc)) {
		err = reason_fail(reason, ERR_TOKEN_POLICY, "a signature in policy file %s is not the vendor key's; bring the right file", path);
	}
	if (err == ERR_OK) err = authorize(dev, policy, &approved, ticket, s, reason);
	Esys_Free(ticket);
	return err;
}

static enum coffer_err satisfy_pcrs(struct tpm_device *dev, const struct tpm_key *key, const struct tpm_policy *policy,
	const struct tpm_means *means, ESYS_TR session, ESYS_TR s, struct pcr_values *out_now, struct reason *reason)
{
	TRY(tpm_pcr_read(dev, session, &policy->pcrs, out_now, reason));
	if (!policy->is_signed) return satisfy_values(dev, key, policy, out_now, s, reason);
	return satisfy_signed(dev, key, policy, means ? means->policy_file : "", out_now, s, reason);
}

static enum coffer_err command_code(struct tpm_device *dev, ESYS_TR s, struct reason *reason)
{
	struct tpm_call c = tpm_call_begin(dev, "TPM2_PolicyCommandCode");
	while (tpm_call_again(&c)) {
		c.rc = Esys_PolicyCommandCode(dev->esys, s, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, TPM2_CC_Unseal);
	}
	return tpm_call_end(&c, reason);
}

enum coffer_err tpm_policy_satisfy(struct tpm_device *dev, const struct tpm_key *key, const struct tpm_policy *policy,
	const struct tpm_means *means, ESYS_TR session, ESYS_TR *out, struct reason *reason)
{
	ESYS_TR s = ESYS_TR_NONE;
	struct pcr_values now;
	TRY(tpm_session_open_policy(dev, key->profile->hash_alg, &s, reason));
	enum coffer_err err = ERR_OK;
	if (policy && policy->pcrs.mask) err = satisfy_pcrs(dev, key, policy, means, session, s, &now, reason);
	if (err == ERR_OK && policy && policy->has_pin) err = tpm_gate_pass(dev, key, policy, means, session, s, reason);
	if (err == ERR_OK) err = command_code(dev, s, reason);
	if (err != ERR_OK) {
		tpm_device_flush(dev, &s);
		return err;
	}
	*out = s;
	return ERR_OK;
}

enum coffer_err tpm_policy_try(struct tpm_device *dev, const struct tpm_key *key, const struct tpm_means *means, ESYS_TR session,
	struct pcr_values *out_values, struct reason *reason)
{
	ESYS_TR s = ESYS_TR_NONE;
	*out_values = (struct pcr_values){ .selection = key->policy.pcrs };
	if (key->policy.pcrs.mask == 0) return ERR_OK;
	TRY(tpm_session_open_policy(dev, key->profile->hash_alg, &s, reason));
	enum coffer_err err = satisfy_pcrs(dev, key, &key->policy, means, session, s, out_values, reason);
	tpm_device_flush(dev, &s);
	return err;
}
