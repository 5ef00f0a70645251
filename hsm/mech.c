/* Mechanism choice: rows in order, each proven before it is believed. */
#include "hsm/mech.h"

#include <string.h>

#include "base/buf.h"
#include "crypto/rng.h"
#include "token/token.h"

static const struct hsm_mech rows[] = {
#define MECH(name, type, method, key_type, hash, weak) { name, type, &(method), key_type, hash, weak },
#include "hsm/mech.def"
#undef MECH
};

#define ROWS (sizeof rows / sizeof rows[0])

const struct hsm_mech *hsm_mech_at(size_t i)
{
	return i < ROWS ? &rows[i] : NULL;
}

const struct hsm_mech *hsm_mech_by_name(const char *name)
{
	for (size_t i = 0; i < ROWS; i++) {
		if (strcmp(rows[i].name, name) == 0) return &rows[i];
	}
	return NULL;
}

bool hsm_mech_is_key_wrap(const struct hsm_mech *mech)
{
	return mech->method == &hsm_method_wrap_key;
}

bool hsm_mech_type_is_key_wrap(CK_MECHANISM_TYPE type)
{
	for (size_t i = 0; i < ROWS; i++) {
		if (rows[i].type == type && hsm_mech_is_key_wrap(&rows[i])) return true;
	}
	return false;
}

enum coffer_err hsm_mech_offered(struct hsm_session *s, const struct hsm_mech *mech, bool *out, struct reason *reason)
{
	CK_MECHANISM_INFO info = { 0 };
	CK_RV rv = s->fn->C_GetMechanismInfo(s->slot, mech->type, &info);
	*out = false;
	if (hsm_err_map(rv).err == ERR_UNSUPPORTED || rv == CKR_ARGUMENTS_BAD) return ERR_OK; /* modules differ in how they say no */
	TRY(hsm_session_fail(s, reason, "C_GetMechanismInfo", rv));
	*out = (info.flags & mech->method->needs) == mech->method->needs;
	return ERR_OK;
}

enum coffer_err hsm_mech_key_wrap_offered(struct hsm_session *s, bool *out, struct reason *reason)
{
	bool offered = false;
	for (size_t i = 0; i < ROWS && !offered; i++) {
		if (hsm_mech_is_key_wrap(&rows[i])) TRY(hsm_mech_offered(s, &rows[i], &offered, reason));
	}
	*out = offered;
	return ERR_OK;
}

CK_ULONG hsm_mech_allowed(const struct hsm_mech *mech, CK_MECHANISM_TYPE *out, CK_ULONG cap)
{
	CK_ULONG n = 0;
	if (n < cap) out[n++] = mech->type;
	/* The padded form beside the plain one: both only wrap keys, and a later version may need it. */
	if (mech->type == CKM_AES_KEY_WRAP && n < cap) out[n++] = CKM_AES_KEY_WRAP_PAD;
	return n;
}

static enum coffer_err prove_refusal(struct hsm_session *s, const struct hsm_mech *mech, const struct hsm_key *key,
	struct buf *blob, struct reason *reason)
{
	AUTO_SECRET struct secret *opened = NULL;
	s->last_rv = CKR_OK;
	blob->ptr[blob->len / 2] ^= 0x01;
	enum coffer_err err = mech->method->unwrap(s, mech, key, buf_view(blob), &opened, reason);
	blob->ptr[blob->len / 2] ^= 0x01;
	if (err == ERR_OK) return reason_fail(reason, ERR_TOKEN_REFUSED, "%s of this token opens altered data", mech->name);
	/* A refusal, or a failure that says nothing about the blob? */
	if (!hsm_err_map(s->last_rv).blame_blob) return err;
	s->last_rv = CKR_OK;
	return ERR_OK;
}

enum coffer_err hsm_mech_prove(struct hsm_session *s, const struct hsm_mech *mech, const struct hsm_key *key,
	struct reason *reason)
{
	AUTO_SECRET struct secret *canary = secret_new(TOKEN_SECRET_LEN);
	AUTO_SECRET struct secret *opened = NULL;
	AUTO_BUF struct buf blob = BUF_EMPTY;
	ENSURE(canary, ERR_MEMORY);
	TRY(rng_bytes(secret_mut(canary), TOKEN_SECRET_LEN));
	TRY(mech->method->wrap(s, mech, key, canary, &blob, reason));
	if (blob.len < TOKEN_SECRET_LEN + 8) {
		return reason_fail(reason, ERR_TOKEN_REFUSED, "%s of this token gives %zu bytes, which cannot carry an integrity "
			"check",
			mech->name, blob.len);
	}
	TRY(prove_refusal(s, mech, key, &blob, reason));
	TRY(mech->method->unwrap(s, mech, key, buf_view(&blob), &opened, reason));
	if (!secret_equal(canary, opened)) {
		return reason_fail(reason, ERR_TOKEN_REFUSED, "%s of this token does not give back what it wrapped", mech->name);
	}
	return ERR_OK;
}
