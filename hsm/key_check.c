/* Template checks of an adopted (or just made) master secret. */
#include "hsm/key_check.h"


#include "base/text.h"
#include "hsm/attr.h"
#include "hsm/mech.h"
#include "hsm/slot.h"

#define ALLOWED_MAX 64u
#define RSA_MIN_BITS 2048u

struct rule {
	CK_ATTRIBUTE_TYPE type;
	bool wanted;
	const char *fault; /* ends "the key '…' … " */
};

static const struct rule protection[] = {
	{ CKA_TOKEN, true, "is not stored on the token" },
	{ CKA_PRIVATE, true, "can be seen without a login" },
	{ CKA_EXTRACTABLE, false, "can leave the token (extractable)" },
	{ CKA_SENSITIVE, true, "is not sensitive: the token would show its value" },
	{ CKA_NEVER_EXTRACTABLE, true, "was extractable once, so a copy may exist" },
	{ CKA_ALWAYS_SENSITIVE, true, "was not always sensitive, so a copy may exist" },
	{ CKA_LOCAL, true, "was not made inside the token, so a copy may exist" },
};

static const struct rule wrap_uses[] = {
	{ CKA_WRAP, true, "may not wrap keys" },
	{ CKA_UNWRAP, true, "may not unwrap keys" },
};

static const struct rule cipher_uses[] = {
	{ CKA_ENCRYPT, true, "may not encrypt, and this token offers no key wrap" },
	{ CKA_DECRYPT, true, "may not decrypt, and this token offers no key wrap" },
};

static const struct rule no_other_uses[] = {
	{ CKA_ENCRYPT, false, "may also encrypt, and its allowed mechanisms do not rule that out" },
	{ CKA_DECRYPT, false, "may also decrypt, so whoever logs in could open wrapped keys with it; its allowed mechanisms "
		"do not rule that out" },
	{ CKA_SIGN, false, "may also sign, and its allowed mechanisms do not rule that out" },
	{ CKA_VERIFY, false, "may also verify, and its allowed mechanisms do not rule that out" },
	{ CKA_DERIVE, false, "may also derive keys, and its allowed mechanisms do not rule that out" },
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const char *mend_options(CK_KEY_TYPE type, bool key_wrap)
{
	if (type == CKK_RSA) return "--keypairgen --key-type RSA:3072 --usage-decrypt";
	if (key_wrap) return "--keygen --key-type AES:32 --usage-wrap --allowed-mechanisms AES-KEY-WRAP";
	return "--keygen --key-type AES:32 --usage-decrypt --allowed-mechanisms AES-GCM";
}

/* "the key 'master' FAULT; use another key, for example: pkcs11-tool …" */
static enum coffer_err refuse(struct hsm_session *s, const struct hsm_uri *uri, const struct hsm_key *key,
	const char *fault,
	struct reason *reason)
{
	char token[33], label[HSM_LABEL_MAX + 1];
	hsm_slot_text(s->token.label, sizeof s->token.label, token, sizeof token);
	text_printable(view_str(key->label), label, sizeof label);
	return reason_fail(reason, ERR_TOKEN_REFUSED, "the key '%s' %s; remove or rename it and make one with: pkcs11-tool "
		"--module %s "
		"--token-label '%s' --login %s --label '%s' --id 11 --sensitive --private", label, fault, uri->module_path, token,
		mend_options(key->type, hsm_mech_key_wrap_offered(s)), label[0] ? label : HSM_DEFAULT_LABEL);
}

static enum coffer_err check_rules(struct hsm_session *s, const struct hsm_uri *uri, const struct hsm_key *key,
	const struct rule *rules, size_t count, struct reason *reason)
{
	for (size_t i = 0; i < count; i++) {
		bool value = !rules[i].wanted;
		TRY(hsm_attr_flag(s, key->handle, rules[i].type, &value, reason));
		if (value != rules[i].wanted) return refuse(s, uri, key, rules[i].fault, reason);
	}
	return ERR_OK;
}

/* Whether CKA_ALLOWED_MECHANISMS is set and names key-wrap mechanisms alone. */
static enum coffer_err only_key_wrap(struct hsm_session *s, const struct hsm_key *key, bool *out, struct reason *reason)
{
	CK_MECHANISM_TYPE allowed[ALLOWED_MAX];
	size_t len = 0;
	enum coffer_err err = hsm_attr_bytes(s, key->handle, CKA_ALLOWED_MECHANISMS, allowed, sizeof allowed, &len, reason);
	if (err == ERR_TOO_LARGE) len = 0; /* that many are not key-wrap mechanisms alone */
	else TRY(err);
	size_t count = len / sizeof allowed[0];
	bool only = count > 0;
	for (size_t i = 0; i < count; i++) only = only && hsm_mech_type_is_key_wrap(allowed[i]);
	*out = only;
	return ERR_OK;
}

static enum coffer_err check_aes(struct hsm_session *s, const struct hsm_uri *uri, const struct hsm_key *key,
	struct reason *reason)
{
	CK_ULONG value_len = 0;
	TRY(hsm_attr_ulong(s, key->handle, CKA_VALUE_LEN, &value_len, reason));
	if (value_len != 32) return refuse(s, uri, key, "is not an AES key of 256 bits", reason);
	if (!hsm_mech_key_wrap_offered(s)) return check_rules(s, uri, key, cipher_uses, COUNT(cipher_uses), reason);
	bool only = false;
	TRY(check_rules(s, uri, key, wrap_uses, COUNT(wrap_uses), reason));
	TRY(only_key_wrap(s, key, &only, reason));
	if (only) return ERR_OK;
	return check_rules(s, uri, key, no_other_uses, COUNT(no_other_uses), reason);
}

static enum coffer_err check_rsa(struct hsm_session *s, const struct hsm_uri *uri, const struct hsm_key *key,
	struct reason *reason)
{
	uint8_t modulus[1024];
	size_t len = 0;
	TRY(hsm_attr_bytes(s, key->handle, CKA_MODULUS, modulus, sizeof modulus, &len, reason));
	if (len * 8 < RSA_MIN_BITS) return refuse(s, uri, key, "is an RSA key of less than 2048 bits", reason);
	static const struct rule decrypt[] = { { CKA_DECRYPT, true, "may not decrypt" } };
	return check_rules(s, uri, key, decrypt, COUNT(decrypt), reason);
}

enum coffer_err hsm_key_check(struct hsm_session *s, const struct hsm_uri *uri, const struct hsm_key *key,
	struct reason *reason)
{
	if (key->type != CKK_AES && key->type != CKK_RSA) return refuse(s, uri, key, "is neither an AES nor an RSA key",
		reason);
	TRY(check_rules(s, uri, key, protection, COUNT(protection), reason));
	return key->type == CKK_AES ? check_aes(s, uri, key, reason) : check_rsa(s, uri, key, reason);
}
