/* Key wrap through C_WrapKey and C_UnwrapKey with session objects. */
#include "hsm/use.h"

#include "hsm/attr.h"
#include "hsm/mech.h"
#include "token/token.h"

#define WRAPPED_MAX (TOKEN_SECRET_LEN + 64u) /* bytes; key wrap adds 8 or 16 */

struct secret *hsm_use_copy(struct view bytes)
{
	return bytes.len ? secret_copy(bytes.ptr, bytes.len) : NULL;
}

static enum coffer_err destroy(struct hsm_session *s, CK_OBJECT_HANDLE h, struct reason *reason)
{
	return hsm_session_fail(s, reason, "C_DestroyObject", s->fn->C_DestroyObject(s->handle, h));
}

static enum coffer_err create_object(struct hsm_session *s, const struct secret *plain, CK_OBJECT_HANDLE *out,
	struct reason *reason)
{
	CK_OBJECT_CLASS cls = CKO_SECRET_KEY;
	CK_KEY_TYPE type = CKK_AES;
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	char label[] = HSM_TMP_LABEL;
	AUTO_SECRET struct secret *value = hsm_use_copy(secret_view(plain));
	ENSURE(value, ERR_MEMORY);
	CK_ATTRIBUTE rows[] = {
		HSM_ATTR(CKA_CLASS, cls), HSM_ATTR(CKA_KEY_TYPE, type), HSM_ATTR(CKA_TOKEN, no), HSM_ATTR(CKA_PRIVATE, yes),
		HSM_ATTR(CKA_SENSITIVE, yes), HSM_ATTR(CKA_EXTRACTABLE, yes), HSM_ATTR(CKA_ENCRYPT, no), HSM_ATTR(CKA_DECRYPT, no),
		{ CKA_LABEL, label, sizeof label - 1 }, { CKA_VALUE, secret_mut(value), secret_len(value) },
	};
	CK_OBJECT_HANDLE h = CK_INVALID_HANDLE;
	TRY(hsm_session_fail(s, reason, "C_CreateObject", s->fn->C_CreateObject(s->handle, rows,
		sizeof rows / sizeof rows[0], &h)));
	*out = h;
	return ERR_OK;
}

static enum coffer_err wrap_key(struct hsm_session *s, const struct hsm_mech *mech, const struct hsm_key *key,
	const struct secret *plain, struct buf *out, struct reason *reason)
{
	CK_OBJECT_HANDLE tmp = CK_INVALID_HANDLE;
	TRY(create_object(s, plain, &tmp, reason));
	CK_MECHANISM m = { mech->type, NULL, 0 };
	uint8_t wrapped[WRAPPED_MAX];
	CK_ULONG len = sizeof wrapped;
	CK_RV rv = s->fn->C_WrapKey(s->handle, &m, key->handle, tmp, wrapped, &len);
	enum coffer_err err = hsm_session_fail(s, reason, "C_WrapKey", rv);
	if (err != ERR_OK) {
		(void)s->fn->C_DestroyObject(s->handle, tmp);
		return err;
	}
	TRY(destroy(s, tmp, reason));
	if (len == 0 || len > sizeof wrapped) return reason_fail(reason, ERR_TOKEN, "C_WrapKey: the module returns a wrong "
		"length");
	return buf_append(out, view_of(wrapped, len));
}

static enum coffer_err unwrap_object(struct hsm_session *s, const struct hsm_mech *mech, const struct hsm_key *key,
	struct view blob, CK_OBJECT_HANDLE *out, struct reason *reason)
{
	CK_OBJECT_CLASS cls = CKO_SECRET_KEY;
	CK_KEY_TYPE type = CKK_AES;
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	char label[] = HSM_TMP_LABEL;
	AUTO_SECRET struct secret *bytes = hsm_use_copy(blob);
	ENSURE(bytes, ERR_MEMORY);
	/* Repeats every row of the master secret's CKA_UNWRAP_TEMPLATE: SoftHSM wants that. */
	CK_ATTRIBUTE rows[] = {
		HSM_ATTR(CKA_CLASS, cls), HSM_ATTR(CKA_KEY_TYPE, type), HSM_ATTR(CKA_TOKEN, no), HSM_ATTR(CKA_WRAP, no),
		HSM_ATTR(CKA_PRIVATE, yes), HSM_ATTR(CKA_SENSITIVE, no), HSM_ATTR(CKA_EXTRACTABLE, yes),
		{ CKA_LABEL, label, sizeof label - 1 },
	};
	CK_MECHANISM m = { mech->type, NULL, 0 };
	CK_OBJECT_HANDLE h = CK_INVALID_HANDLE;
	CK_RV rv = s->fn->C_UnwrapKey(s->handle, &m, key->handle, secret_mut(bytes), secret_len(bytes), rows,
		sizeof rows / sizeof rows[0], &h);
	TRY(hsm_session_fail(s, reason, "C_UnwrapKey", rv));
	*out = h;
	return ERR_OK;
}

static enum coffer_err unwrap_key(struct hsm_session *s, const struct hsm_mech *mech, const struct hsm_key *key,
	struct view blob, struct secret **out, struct reason *reason)
{
	CK_OBJECT_HANDLE tmp = CK_INVALID_HANDLE;
	AUTO_SECRET struct secret *plain = secret_new(TOKEN_SECRET_LEN);
	ENSURE(plain, ERR_MEMORY);
	TRY(unwrap_object(s, mech, key, blob, &tmp, reason));
	CK_ATTRIBUTE value = { CKA_VALUE, secret_mut(plain), TOKEN_SECRET_LEN };
	CK_RV rv = s->fn->C_GetAttributeValue(s->handle, tmp, &value, 1);
	if (rv == CKR_BUFFER_TOO_SMALL || (rv == CKR_OK &&
		value.ulValueLen != TOKEN_SECRET_LEN)) rv = CKR_WRAPPED_KEY_LEN_RANGE;
	enum coffer_err err = hsm_session_fail(s, reason, "C_GetAttributeValue", rv);
	if (err != ERR_OK) {
		(void)s->fn->C_DestroyObject(s->handle, tmp);
		return err;
	}
	TRY(destroy(s, tmp, reason));
	*out = TAKE(plain);
	return ERR_OK;
}

const struct hsm_method hsm_method_wrap_key = { CKF_WRAP | CKF_UNWRAP, wrap_key, unwrap_key };
