/* Parses and checks the token URI; p11-kit knows the grammar, this file knows what Coffer accepts. */
#include "hsm/uri.h"

#include <string.h>


static enum coffer_err copy_label(struct hsm_uri *u, struct reason *reason)
{
	CK_ATTRIBUTE_PTR a = p11_kit_uri_get_attribute(u->parsed, CKA_LABEL);
	if (!a) return ERR_OK;
	if (a->ulValueLen == 0 || a->ulValueLen > HSM_LABEL_MAX || memchr(a->pValue, 0, a->ulValueLen)) {
		return reason_fail(reason, ERR_USAGE, "token URI: 'object' must be 1 to %u bytes of text", HSM_LABEL_MAX);
	}
	memcpy(u->label, a->pValue, a->ulValueLen);
	u->label[a->ulValueLen] = '\0';
	return ERR_OK;
}

static enum coffer_err copy_id(struct hsm_uri *u, struct reason *reason)
{
	CK_ATTRIBUTE_PTR a = p11_kit_uri_get_attribute(u->parsed, CKA_ID);
	if (!a) return ERR_OK;
	if (a->ulValueLen == 0 || a->ulValueLen > HSM_ID_MAX) {
		return reason_fail(reason, ERR_USAGE, "token URI: 'id' must be 1 to %u bytes", HSM_ID_MAX);
	}
	memcpy(u->id, a->pValue, a->ulValueLen);
	u->id_len = a->ulValueLen;
	return ERR_OK;
}

static enum coffer_err check_parsed(struct hsm_uri *u, struct reason *reason)
{
	if (p11_kit_uri_get_pin_value(u->parsed)) {
		return reason_fail(reason, ERR_USAGE, "token URI: 'pin-value' is refused, because secrets are never arguments; "
			"put the PIN into a file of mode 0600 and use pin-source=file:/PATH or pin-source=credential:NAME");
	}
	if (p11_kit_uri_any_unrecognized(u->parsed)) {
		return reason_fail(reason, ERR_USAGE, "token URI: it has an attribute that is not known; allowed are token, serial, "
			"manufacturer, model, slot-id, object, id, type and ?module-path, pin-source");
	}
	u->module_path = p11_kit_uri_get_module_path(u->parsed);
	if (!u->module_path) {
		return reason_fail(reason, ERR_USAGE, "token URI: add ?module-path=/PATH/OF/THE/PKCS11/MODULE.so");
	}
	if (u->module_path[0] != '/') {
		return reason_fail(reason, ERR_USAGE, "token URI: module-path must be an absolute path, '%s' is not one",
			u->module_path);
	}
	u->pin_source = p11_kit_uri_get_pin_source(u->parsed);
	TRY(copy_label(u, reason));
	TRY(copy_id(u, reason));
	if (u->label[0] == '\0' && u->id_len == 0) memcpy(u->label, HSM_DEFAULT_LABEL, sizeof HSM_DEFAULT_LABEL);
	return ERR_OK;
}

enum coffer_err hsm_uri_init(struct hsm_uri *out, const char *text, struct reason *reason)
{
	if (strnlen(text, TOKEN_URI_MAX + 1) > TOKEN_URI_MAX) {
		return reason_fail(reason, ERR_USAGE, "token URI: longer than %u bytes", TOKEN_URI_MAX);
	}
	struct hsm_uri u = { .parsed = p11_kit_uri_new() };
	ENSURE(u.parsed, ERR_MEMORY);
	memcpy(u.text, text, strlen(text));
	enum coffer_err err;
	int rc = p11_kit_uri_parse(text, P11_KIT_URI_FOR_ANY, u.parsed);
	if (rc != P11_KIT_URI_OK) {
		err = reason_fail(reason, ERR_USAGE, "token URI: %s; write it as "
			"pkcs11:token=LABEL;object=master?module-path=/PATH.so&pin-source=file:/PATH", p11_kit_uri_message(rc));
	} else {
		err = check_parsed(&u, reason);
	}
	if (err != ERR_OK) {
		hsm_uri_done(&u);
		return err;
	}
	*out = u;
	return ERR_OK;
}

void hsm_uri_done(struct hsm_uri *uri)
{
	if (uri->parsed) p11_kit_uri_free(uri->parsed);
	*uri = (struct hsm_uri){ 0 };
}

bool hsm_uri_match(const struct hsm_uri *uri, CK_SLOT_ID slot, const CK_TOKEN_INFO *info)
{
	CK_SLOT_ID wanted = p11_kit_uri_get_slot_id(uri->parsed);
	if (wanted != (CK_SLOT_ID)-1 && wanted != slot) return false;
	return p11_kit_uri_match_token_info(uri->parsed, info) != 0;
}
