/* Endorsement key and transport key loaded side by side. */
#include "tpm/activate.h"

#include <string.h>

#include "base/ct.h"
#include "tpm/child.h"
#include "tpm/ek.h"
#include "tpm/session.h"
#include "tpm/tpm_err.h"
#include "tpm/transport.h"

_Static_assert(TOKEN_ENDORSE_CERTIFICATE_MAX == CERTIFICATE_MAX, "as certificates have it");

/* ---- what is shown ---- */

enum coffer_err tpm_endorse_describe(struct tpm_device *dev, const struct tpm_key *key, const struct token_endorse_wish *wish, struct token_endorse_answer *out,
	struct reason *reason)
{
	struct token_endorse_answer answer = { .there = false };
	struct token_transport_answer transport = { .there = false };
	const struct token_transport_wish own = { .ref = wish->ref };
	struct view area;
	TRY(tpm_transport_public(dev, key, &own, &transport, reason));
	if (transport.there) {
		TRY(tpm_child_area(TPM_CHILD_DERIVE, view_of(wish->ref.data, wish->ref.len), &area));
		ENSURE(area.len <= sizeof answer.area, ERR_TOO_LARGE);
		TRY(tpm_ek_certificate(dev, answer.certificate, &answer.certificate_len, reason));
		memcpy(answer.area, area.ptr, area.len);
		answer.area_len = area.len;
		answer.there = true;
	}
	*out = answer;
	return ERR_OK;
}

/* ---- activating ---- */

/* The sessions and keys of one call. */
struct activation {
	ESYS_TR session, policy, ek, object; /* ESYS_TR_NONE: not there */
};

/* The endorsement key is used by TPM2_PolicySecret of its hierarchy, whose authorization value is empty (tpm/ek.h). */
static enum coffer_err allow(struct tpm_device *dev, struct activation *a, struct reason *reason)
{
	TRY(tpm_session_open_policy(dev, TPM2_ALG_SHA256, &a->policy, reason));
	struct tpm_call c = tpm_call_begin(dev, "TPM2_PolicySecret");
	while (tpm_call_again(&c)) {
		c.rc = Esys_PolicySecret(dev->esys, ESYS_TR_RH_ENDORSEMENT, a->policy, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, NULL, NULL, NULL, 0, NULL, NULL);
	}
	return tpm_call_end(&c, reason);
}

/* Moves the secret and wipes the TSS's copy. */
static enum coffer_err take(TPM2B_DIGEST *found, struct secret **out)
{
	struct secret *secret = found->size == TOKEN_ENDORSE_SECRET_LEN ? secret_copy(found->buffer, found->size) : NULL;
	enum coffer_err err = found->size != TOKEN_ENDORSE_SECRET_LEN ? ERR_DENIED : secret ? ERR_OK : ERR_MEMORY;
	wipe(found, sizeof *found);
	Esys_Free(found);
	*out = secret;
	return err;
}

static enum coffer_err for_another(struct reason *reason)
{
	return reason_fail(reason, ERR_DENIED, "the challenge was made for another TPM, or for another transport key: it does not come from the master server; add --anew to ask once more, and tell an administrator");
}

static bool is_about_input(TSS2_RC rc)
{
	return rc != TSS2_RC_SUCCESS && !tpm_err_is_policy(rc) && (tpm_err_map(rc).blame || tpm_err_is_point(rc));
}

static enum coffer_err activate(struct tpm_device *dev, const struct activation *a, const struct token_endorse_wish *wish, struct secret **out, struct reason *reason)
{
	TPM2B_ID_OBJECT blob = { .size = (UINT16)wish->blob.len };
	TPM2B_ENCRYPTED_SECRET seed = { .size = (UINT16)wish->seed.len };
	TPM2B_DIGEST *found = NULL;
	if (wish->blob.len == 0 || wish->blob.len > TOKEN_ENDORSE_BLOB_MAX || wish->seed.len == 0 || wish->seed.len > TOKEN_ENDORSE_SEED_MAX) return for_another(reason);
	memcpy(blob.credential, wish->blob.ptr, wish->blob.len);
	memcpy(seed.secret, wish->seed.ptr, wish->seed.len);
	TRY(tpm_session_encrypt(dev, a->session, true, true, reason));
	struct tpm_call c = tpm_call_begin(dev, "TPM2_ActivateCredential");
	while (tpm_call_again(&c)) {
		c.rc = Esys_ActivateCredential(dev->esys, a->object, a->ek, a->session, a->policy, ESYS_TR_NONE, &blob, &seed, &found);
	}
	if (is_about_input(c.rc)) return for_another(reason);
	TRY(tpm_call_end(&c, reason));
	POST(found);
	enum coffer_err err = take(found, out);
	return err == ERR_DENIED ? for_another(reason) : err;
}

static enum coffer_err load_and_activate(struct tpm_device *dev, const struct tpm_key *key, const struct token_endorse_wish *wish, struct activation *a,
	struct token_endorse_answer *out, struct reason *reason)
{
	TRY(tpm_session_open(dev, key->primary, &a->session, reason));
	TRY(tpm_child_load(dev, key, a->session, TPM_CHILD_DERIVE, view_of(wish->ref.data, wish->ref.len), wish->auth, &a->object, reason));
	if (a->object == ESYS_TR_NONE) return ERR_OK;
	TRY(tpm_ek_load(dev, &a->ek, reason));
	TRY(allow(dev, a, reason));
	TRY(activate(dev, a, wish, &out->secret, reason));
	out->there = true;
	return ERR_OK;
}

enum coffer_err tpm_endorse_activate(struct tpm_device *dev, const struct tpm_key *key, const struct token_endorse_wish *wish, struct token_endorse_answer *out,
	struct reason *reason)
{
	struct activation a = { ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE };
	struct token_endorse_answer answer = { .there = false };
	enum coffer_err err = load_and_activate(dev, key, wish, &a, &answer, reason);
	tpm_child_unload(dev, a.session, &a.object);
	tpm_device_flush(dev, &a.ek);
	tpm_device_flush(dev, &a.policy);
	tpm_device_flush(dev, &a.session);
	tpm_device_scrub(dev);
	if (!err) *out = answer;
	return err;
}
