/* Adopting and making the master secret. */
#include "hsm/provision.h"

#include <string.h>
#include <unistd.h>

#include "crypto/rng.h"
#include "hsm/key_check.h"
#include "hsm/mech.h"

#define NEW_ID_LEN 16u

/* A mechanism that did not work may be passed over for the next; a token that fails may not, or a passing fault would
 * leave the node with a weaker mechanism for good. */
static bool may_pass_over(const struct hsm_session *s, enum coffer_err err)
{
	return err == ERR_UNSUPPORTED || err == ERR_TOKEN_REFUSED || hsm_err_map(s->last_rv).blame_blob;
}

/* The first mechanism in order that the token proves with this key. */
static enum coffer_err choose_mech(struct hsm_session *s, const struct hsm_key *key, const struct hsm_mech **out,
	struct reason *reason)
{
	struct reason last = { "it offers none" };
	for (size_t i = 0; hsm_mech_at(i); i++) {
		const struct hsm_mech *mech = hsm_mech_at(i);
		bool offered = false;
		if (mech->key_type != key->type) continue;
		TRY(hsm_mech_offered(s, mech, &offered, reason));
		if (!offered) continue;
		s->last_rv = CKR_OK;
		enum coffer_err err = hsm_mech_prove(s, mech, key, &last);
		if (err == ERR_OK) {
			*out = mech;
			return ERR_OK;
		}
		if (!may_pass_over(s, err)) return reason_fail(reason, err, "%s", reason_text(&last, err));
	}
	TRY(hsm_session_token_present(s, reason)); /* it may have gone meanwhile, and then that is the reason */
	return reason_fail(reason, ERR_UNSUPPORTED, "no wrapping mechanism of the token works with the key '%s' (%s)",
		key->label, last.text);
}

/* The first mechanism that works with a session key of the template that the master secret would get: so no key ever has to
 * be taken off the token again. */
static enum coffer_err choose_mech_for_new(struct hsm_session *s, const struct hsm_mech **out, struct reason *reason)
{
	struct reason last = { "it offers none" };
	for (size_t i = 0; hsm_mech_at(i); i++) {
		const struct hsm_mech *mech = hsm_mech_at(i);
		struct hsm_key trial;
		bool offered = false;
		if (mech->key_type != CKK_AES) continue;
		TRY(hsm_mech_offered(s, mech, &offered, reason));
		if (!offered) continue;
		s->last_rv = CKR_OK;
		enum coffer_err err = hsm_object_generate(s, mech, HSM_TMP_LABEL, NULL, 0, false, &trial, &last);
		if (err == ERR_OK) {
			err = hsm_mech_prove(s, mech, &trial, &last);
			(void)s->fn->C_DestroyObject(s->handle, trial.handle);
		}
		if (err == ERR_OK) {
			*out = mech;
			return ERR_OK;
		}
		if (!may_pass_over(s, err)) return reason_fail(reason, err, "%s", reason_text(&last, err));
	}
	TRY(hsm_session_token_present(s, reason));
	return reason_fail(reason, ERR_UNSUPPORTED, "the token can make no master secret that wraps data keys (%.200s); if "
		"it holds RSA keys alone, make one with pkcs11-tool --keypairgen --key-type RSA:3072 --usage-decrypt", last.text);
}

/* made_for: the mechanism that Coffer just made the key for; NULL: an operator's key. */
static enum coffer_err adopt(struct hsm_session *s, const struct hsm_uri *uri, const struct hsm_key *key,
	const struct hsm_mech *made_for, struct hsm_binding *out, struct reason *reason)
{
	const struct hsm_mech *mech = NULL;
	bool key_wrap = made_for && hsm_mech_is_key_wrap(made_for);
	if (!made_for) TRY(hsm_mech_key_wrap_offered(s, &key_wrap, reason));
	TRY(hsm_key_check(s, uri, key, key_wrap, reason));
	TRY(choose_mech(s, key, &mech, reason));
	return hsm_binding_make(s, key, mech, made_for != NULL, out, reason);
}

/* Makes the key and believes in it only after a new session shows it. */
static enum coffer_err make(struct hsm_session *s, const struct hsm_uri *uri, struct hsm_key *out_key,
	struct hsm_binding *out_binding, struct reason *reason)
{
	const struct hsm_mech *mech = NULL;
	struct hsm_key made, key;
	uint8_t id[HSM_ID_MAX];
	size_t id_len = uri->id_len ? uri->id_len : NEW_ID_LEN;
	const char *label = uri->label[0] ? uri->label : HSM_DEFAULT_LABEL;
	if (uri->id_len) memcpy(id, uri->id, uri->id_len);
	else TRY(rng_bytes(id, NEW_ID_LEN));
	TRY(choose_mech_for_new(s, &mech, reason));
	TRY(hsm_object_generate(s, mech, label, id, id_len, true, &made, reason));
	sync(); /* tokens that keep their objects in files do not flush them (SoftHSM) */
	TRY(hsm_session_reopen(s, reason));
	TRY(hsm_object_find(s, label, id, id_len, &key, reason));
	TRY(adopt(s, uri, &key, mech, out_binding, reason));
	*out_key = key;
	return ERR_OK;
}

/* The key that is there, adopted. */
static enum coffer_err find_and_adopt(struct hsm_session *s, const struct hsm_uri *uri, struct hsm_key *out_key,
	struct hsm_binding *out_binding, struct reason *reason)
{
	struct reason why = { "" };
	s->last_rv = CKR_OK;
	enum coffer_err err = hsm_object_find(s, uri->label, uri->id, uri->id_len, out_key, &why);
	if (err != ERR_OK) return reason_fail(reason, err, "%s", why.text);
	return adopt(s, uri, out_key, NULL, out_binding, reason);
}

enum coffer_err hsm_provision(struct hsm_session *s, const struct hsm_uri *uri, struct hsm_key *out_key,
	struct hsm_binding *out_binding, struct reason *reason)
{
	const char *label = uri->label[0] ? uri->label : HSM_DEFAULT_LABEL;
	struct reason ignored = { "" };
	struct hsm_key key;
	unsigned torn = 0;
	enum coffer_err err = find_and_adopt(s, uri, &key, out_binding, reason);
	/* What is refused may be what an attempt left that ended while the token made the key. */
	if (err == ERR_TOKEN_REFUSED && hsm_object_sweep_torn(s, label, &torn, &ignored) == ERR_OK && torn)
		err = find_and_adopt(s, uri, &key, out_binding, reason);
	/* Made only where a search that went well found nothing: an answer such as CKR_KEY_HANDLE_INVALID says no such thing. */
	if (err == ERR_TOKEN_KEY_MISSING && s->last_rv == CKR_OK) {
		TRY(hsm_object_sweep_torn(s, label, &torn, reason));
		return make(s, uri, out_key, out_binding, reason);
	}
	TRY(err);
	*out_key = key;
	return ERR_OK;
}
