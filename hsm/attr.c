/* C_GetAttributeValue, one attribute at a time. */
#include "hsm/attr.h"

enum coffer_err hsm_attr_bytes(struct hsm_session *s, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, void *out,
	size_t cap, size_t *out_len, struct reason *reason)
{
	CK_ATTRIBUTE a = { type, out, cap };
	CK_RV rv = s->fn->C_GetAttributeValue(s->handle, object, &a, 1);
	if (rv == CKR_ATTRIBUTE_TYPE_INVALID || (rv == CKR_OK && a.ulValueLen == CK_UNAVAILABLE_INFORMATION)) {
		*out_len = 0;
		return ERR_OK;
	}
	if (rv == CKR_BUFFER_TOO_SMALL || (rv == CKR_OK && a.ulValueLen > cap)) {
		return reason_fail(reason, ERR_TOO_LARGE, "attribute 0x%lX of the token's object is longer than %zu bytes", type,
			cap);
	}
	TRY(hsm_session_fail(s, reason, "C_GetAttributeValue", rv));
	*out_len = a.ulValueLen;
	return ERR_OK;
}

enum coffer_err hsm_attr_flag(struct hsm_session *s, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, bool *out,
	struct reason *reason)
{
	CK_BBOOL v = CK_FALSE;
	size_t len = 0;
	TRY(hsm_attr_bytes(s, object, type, &v, sizeof v, &len, reason));
	*out = len == sizeof v && v != CK_FALSE;
	return ERR_OK;
}

enum coffer_err hsm_attr_ulong(struct hsm_session *s, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, CK_ULONG *out,
	struct reason *reason)
{
	CK_ULONG v = 0;
	size_t len = 0;
	TRY(hsm_attr_bytes(s, object, type, &v, sizeof v, &len, reason));
	*out = len == sizeof v ? v : 0;
	return ERR_OK;
}
