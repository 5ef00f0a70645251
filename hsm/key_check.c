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

struct check {
	struct hsm_session *s;
	const struct hsm_uri *uri;
	const struct hsm_key *key;
	bool key_wrap; /* key wrap works with this token */
	struct reason *reason;
};

/* "the key 'master' FAULT; remove or rename it and make one with: pkcs11-tool …" */
static enum coffer_err refuse(const struct check *c, const char *fault)
{
	char token[33], label[HSM_LABEL_MAX + 1];
	hsm_slot_text(c->s->token.label, sizeof c->s->token.label, token, sizeof token);
	text_printable(view_str(c->key->label), label, sizeof label);
	return reason_fail(c->reason, ERR_TOKEN_REFUSED, "the key '%s' %s; remove or rename it and make one with: "
		"pkcs11-tool --module %s --token-label '%s' --login %s --label '%s' --id 11 --sensitive --private", label, fault,
		c->uri->module_path, token, mend_options(c->key->type, c->key_wrap), label[0] ? label : HSM_DEFAULT_LABEL);
}

static enum coffer_err check_rules(const struct check *c, const struct rule *rules, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		bool value = !rules[i].wanted;
		TRY(hsm_attr_flag(c->s, c->key->handle, rules[i].type, &value, c->reason));
		if (value != rules[i].wanted) return refuse(c, rules[i].fault);
	}
	return ERR_OK;
}

/* Whether CKA_ALLOWED_MECHANISMS is set and names key-wrap mechanisms alone. */
static enum coffer_err only_key_wrap(const struct check *c, bool *out)
{
	CK_MECHANISM_TYPE allowed[ALLOWED_MAX];
	size_t len = 0;
	enum coffer_err err = hsm_attr_bytes(c->s, c->key->handle, CKA_ALLOWED_MECHANISMS, allowed, sizeof allowed, &len,
		c->reason);
	if (err == ERR_TOO_LARGE) len = 0; /* that many are not key-wrap mechanisms alone */
	else TRY(err);
	size_t count = len / sizeof allowed[0];
	bool only = count > 0;
	for (size_t i = 0; i < count; i++) only = only && hsm_mech_type_is_key_wrap(allowed[i]);
	*out = only;
	return ERR_OK;
}

static enum coffer_err check_aes(const struct check *c)
{
	CK_ULONG value_len = 0;
	TRY(hsm_attr_ulong(c->s, c->key->handle, CKA_VALUE_LEN, &value_len, c->reason));
	if (value_len != 32) return refuse(c, "is not an AES key of 256 bits");
	if (!c->key_wrap) return check_rules(c, cipher_uses, COUNT(cipher_uses));
	bool only = false;
	TRY(check_rules(c, wrap_uses, COUNT(wrap_uses)));
	TRY(only_key_wrap(c, &only));
	if (only) return ERR_OK;
	return check_rules(c, no_other_uses, COUNT(no_other_uses));
}

static enum coffer_err check_rsa(const struct check *c)
{
	static const struct rule decrypt[] = { { CKA_DECRYPT, true, "may not decrypt" } };
	uint8_t modulus[1024];
	size_t len = 0;
	TRY(hsm_attr_bytes(c->s, c->key->handle, CKA_MODULUS, modulus, sizeof modulus, &len, c->reason));
	if (len * 8 < RSA_MIN_BITS) return refuse(c, "is an RSA key of less than 2048 bits");
	return check_rules(c, decrypt, COUNT(decrypt));
}

enum coffer_err hsm_key_check(struct hsm_session *s, const struct hsm_uri *uri, const struct hsm_key *key,
	bool key_wrap, struct reason *reason)
{
	struct check c = { s, uri, key, key_wrap, reason };
	if (key->type != CKK_AES && key->type != CKK_RSA) return refuse(&c, "is neither an AES nor an RSA key");
	TRY(check_rules(&c, protection, COUNT(protection)));
	return key->type == CKK_AES ? check_aes(&c) : check_rsa(&c);
}
