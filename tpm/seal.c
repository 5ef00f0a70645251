/* Sealing and unsealing through encrypted sessions. */
#include "tpm/seal.h"

#include <string.h>

#include <tss2/tss2_mu.h>

#include "base/ct.h"
#include "base/reader.h"
#include "base/writer.h"
#include "crypto/rng.h"
#include "token/token.h"
#include "tpm/session.h"
#include "tpm/tpm_err.h"

#define FORMAT 1u

/* ---- wrap ---- */

static enum coffer_err write_blob(const TPM2B_PUBLIC *pub, const TPM2B_PRIVATE *private, struct buf *out)
{
	uint8_t bytes[sizeof(TPMT_PUBLIC)];
	size_t len = 0, before = out->len;
	struct writer w;
	ENSURE(Tss2_MU_TPMT_PUBLIC_Marshal(&pub->publicArea, bytes, sizeof bytes, &len) == TSS2_RC_SUCCESS, ERR_TOKEN);
	ENSURE(private->size <= sizeof private->buffer, ERR_TOKEN);
	writer_init_buf(&w, out, TOKEN_BLOB_MAX);
	writer_u8(&w, FORMAT);
	writer_view_u16(&w, view_of(bytes, len));
	writer_view_u16(&w, view_of(private->buffer, private->size));
	enum coffer_err err = writer_done(&w);
	if (err != ERR_OK) out->len = before;
	return err;
}

/* A second call, which fails before anything is sent, puts an empty parameter over the TSS's copy. */
void tpm_seal_forget(struct tpm_device *dev, const TPM2B_PUBLIC *template)
{
	const TPM2B_SENSITIVE_CREATE empty = { 0 };
	const TPM2B_DATA outside = { 0 };
	const TPML_PCR_SELECTION pcrs = { 0 };
	if (dev->dead) return;
	(void)Esys_Create_Async(dev->esys, TPM_NO_SUCH_OBJECT, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &empty, template,
		&outside, &pcrs);
}

enum coffer_err tpm_seal_create(struct tpm_device *dev, const struct tpm_key *key, ESYS_TR session, const TPM2B_PUBLIC *template,
	const struct secret *plain, const struct secret *auth, TPM2B_PRIVATE **out_private, TPM2B_PUBLIC **out_public,
	struct reason *reason)
{
	const TPM2B_DATA outside = { 0 };
	const TPML_PCR_SELECTION pcrs = { 0 };
	AUTO_SECRET struct secret *holder = secret_new(sizeof(TPM2B_SENSITIVE_CREATE));
	ENSURE(holder, ERR_MEMORY);
	TPM2B_SENSITIVE_CREATE *sensitive = (void *)secret_mut(holder);
	sensitive->sensitive.data.size = TOKEN_SECRET_LEN;
	memcpy(sensitive->sensitive.data.buffer, secret_bytes(plain), TOKEN_SECRET_LEN);
	if (auth) {
		sensitive->sensitive.userAuth.size = (UINT16)secret_len(auth);
		memcpy(sensitive->sensitive.userAuth.buffer, secret_bytes(auth), secret_len(auth));
	}
	TRY(tpm_session_encrypt(dev, session, true, true, reason));
	struct tpm_call c = tpm_call_begin(dev, "TPM2_Create");
	while (tpm_call_again(&c)) {
		c.rc = Esys_Create(dev->esys, key->master, session, ESYS_TR_NONE, ESYS_TR_NONE, sensitive, template, &outside, &pcrs,
			out_private, out_public, NULL, NULL, NULL);
	}
	tpm_seal_forget(dev, template);
	return tpm_call_end(&c, reason);
}

static enum coffer_err wrap_under(struct tpm_device *dev, struct tpm_key *key, const struct tpm_policy *policy, const struct secret *plain,
	struct buf *out, struct reason *reason)
{
	ESYS_TR session = ESYS_TR_NONE;
	TPM2B_PRIVATE *private = NULL;
	TPM2B_PUBLIC *pub = NULL, template;
	ENSURE(secret_len(plain) == TOKEN_SECRET_LEN, reason_fail(reason, ERR_INPUT, "a data key has 32 bytes"));
	TRY(tpm_template_sealed(key->profile, policy, &template));
	TRY(tpm_session_open(dev, key->primary, &session, reason));
	enum coffer_err err = tpm_seal_create(dev, key, session, &template, plain, NULL, &private, &pub, reason);
	tpm_device_flush(dev, &session);
	tpm_device_scrub(dev);
	if (err == ERR_OK) err = write_blob(pub, private, out);
	Esys_Free(private);
	Esys_Free(pub);
	return err;
}

enum coffer_err tpm_seal_wrap(struct tpm_device *dev, struct tpm_key *key, const struct secret *plain, struct buf *out,
	struct reason *reason)
{
	return wrap_under(dev, key, &key->policy, plain, out, reason);
}

/* ---- unwrap ---- */

static enum coffer_err read_blob(const struct tpm_profile *profile, const struct tpm_policy *policy, struct view blob, TPM2B_PUBLIC *pub,
	TPM2B_PRIVATE *private)
{
	struct reader r;
	struct view pub_bytes, private_bytes;
	uint8_t format = 0;
	size_t used = 0;
	reader_init(&r, blob);
	TRY(reader_u8(&r, &format));
	ENSURE(format == FORMAT, ERR_CORRUPT);
	TRY(reader_view_u16(&r, sizeof(TPMT_PUBLIC), &pub_bytes));
	TRY(reader_view_u16(&r, sizeof private->buffer, &private_bytes));
	TRY(reader_end(&r));
	ENSURE(pub_bytes.len > 0 && private_bytes.len > 0, ERR_CORRUPT);
	*pub = (TPM2B_PUBLIC){ 0 };
	ENSURE(Tss2_MU_TPMT_PUBLIC_Unmarshal(pub_bytes.ptr, pub_bytes.len, &used, &pub->publicArea) == TSS2_RC_SUCCESS,
		ERR_CORRUPT);
	ENSURE(used == pub_bytes.len, ERR_CORRUPT);
	TRY(tpm_template_check_sealed(profile, policy, &pub->publicArea));
	*private = (TPM2B_PRIVATE){ .size = (UINT16)private_bytes.len };
	memcpy(private->buffer, private_bytes.ptr, private_bytes.len);
	return ERR_OK;
}

static enum coffer_err corrupt(struct reason *reason)
{
	return reason_fail(reason, ERR_CORRUPT,
		"the TPM refuses this wrapped data key: it was altered, or another master secret wrapped it");
}

static enum coffer_err load(struct tpm_device *dev, const struct tpm_key *key, ESYS_TR session, const TPM2B_PUBLIC *pub,
	const TPM2B_PRIVATE *private, ESYS_TR *out, struct reason *reason)
{
	struct tpm_call c = tpm_call_begin(dev, "TPM2_Load");
	while (tpm_call_again(&c)) {
		c.rc = Esys_Load(dev->esys, key->master, session, ESYS_TR_NONE, ESYS_TR_NONE, private, pub, out);
	}
	enum coffer_err err = tpm_call_end(&c, reason);
	return err != ERR_OK && tpm_err_map(c.rc).blame ? corrupt(reason) : err;
}

/* Moves what came back into a secret and wipes the TSS's copy. */
static enum coffer_err take_data(TPM2B_SENSITIVE_DATA *data, struct secret **out, struct reason *reason)
{
	enum coffer_err err = ERR_OK;
	if (data->size == TOKEN_SECRET_LEN) {
		*out = secret_copy(data->buffer, data->size);
		if (!*out) err = ERR_MEMORY;
	} else {
		err = corrupt(reason);
	}
	wipe(data, sizeof *data);
	Esys_Free(data);
	return err;
}

/* A policy that held when its steps were taken and holds no more: a PCR was extended meanwhile, where it names any. */
static enum coffer_err refused(const struct tpm_policy *policy, TSS2_RC rc, enum coffer_err err, struct reason *reason)
{
	if (err == ERR_TOKEN_POLICY || (tpm_err_is_policy(rc) && policy && !tpm_policy_is_none(policy))) {
		return reason_fail(reason, ERR_TOKEN_POLICY, "the TPM finds the policy of the data key not satisfied%s; try again, and look at "
			"'coffer token status'", policy && policy->pcrs.mask ? ": PCRs changed meanwhile" : "");
	}
	return tpm_err_map(rc).blame ? corrupt(reason) : err;
}

static enum coffer_err unseal(struct tpm_device *dev, const struct tpm_policy *policy, ESYS_TR session, ESYS_TR satisfied, ESYS_TR object,
	struct secret **out, struct reason *reason)
{
	TPM2B_SENSITIVE_DATA *data = NULL;
	TRY(tpm_session_encrypt(dev, session, false, true, reason));
	struct tpm_call c = tpm_call_begin(dev, "TPM2_Unseal");
	while (tpm_call_again(&c)) c.rc = Esys_Unseal(dev->esys, object, satisfied, session, ESYS_TR_NONE, &data);
	enum coffer_err err = tpm_call_end(&c, reason);
	if (err != ERR_OK) return refused(policy, c.rc, err, reason);
	POST(data);
	return take_data(data, out, reason);
}

static enum coffer_err unwrap_under(struct tpm_device *dev, struct tpm_key *key, const struct tpm_policy *policy,
	const struct tpm_means *means, struct view blob, struct secret **out, struct reason *reason)
{
	ESYS_TR session = ESYS_TR_NONE, satisfied = ESYS_TR_NONE, object = ESYS_TR_NONE;
	TPM2B_PUBLIC pub;
	TPM2B_PRIVATE private;
	if (read_blob(key->profile, policy, blob, &pub, &private) != ERR_OK) {
		return reason_fail(reason, ERR_CORRUPT,
			"this is not a wrapped data key of this TPM and policy: it was altered, or another token wrapped it");
	}
	TRY(tpm_session_open(dev, key->primary, &session, reason));
	/* The policy first: its gate and this object, their parent and the primary are more than the three slots of a TPM. */
	enum coffer_err err = tpm_policy_satisfy(dev, key, policy, means, session, &satisfied, reason);
	if (err == ERR_OK) err = tpm_session_encrypt(dev, session, true, true, reason);
	if (err == ERR_OK) err = load(dev, key, session, &pub, &private, &object, reason);
	if (err == ERR_OK) err = unseal(dev, policy, session, satisfied, object, out, reason);
	tpm_device_flush(dev, &object);
	tpm_device_flush(dev, &satisfied);
	tpm_device_flush(dev, &session);
	tpm_device_scrub(dev);
	return err;
}

enum coffer_err tpm_seal_unwrap(struct tpm_device *dev, struct tpm_key *key, const struct tpm_means *means, struct view blob,
	struct secret **out, struct reason *reason)
{
	return unwrap_under(dev, key, &key->policy, means, blob, out, reason);
}

static enum coffer_err prove_under(struct tpm_device *dev, struct tpm_key *key, const struct tpm_policy *policy,
	const struct tpm_means *means, struct reason *reason)
{
	AUTO_SECRET struct secret *canary = secret_new(TOKEN_SECRET_LEN);
	AUTO_SECRET struct secret *back = NULL;
	AUTO_BUF struct buf blob = BUF_EMPTY;
	ENSURE(canary, ERR_MEMORY);
	TRY(rng_bytes(secret_mut(canary), TOKEN_SECRET_LEN));
	TRY(wrap_under(dev, key, policy, canary, &blob, reason));
	TRY(unwrap_under(dev, key, policy, means, buf_view(&blob), &back, reason));
	if (secret_equal(canary, back)) return ERR_OK;
	return reason_fail(reason, ERR_TOKEN, "the TPM gives back another value than was wrapped; do not use it");
}

enum coffer_err tpm_seal_prove(struct tpm_device *dev, struct tpm_key *key, const struct tpm_means *means, struct reason *reason)
{
	return prove_under(dev, key, &key->policy, means, reason);
}

enum coffer_err tpm_seal_probe(struct tpm_device *dev, struct tpm_key *key, struct reason *reason)
{
	return prove_under(dev, key, NULL, NULL, reason);
}
