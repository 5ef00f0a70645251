/* The shape of credentials. */
#include "kmip/credential.h"

#include "kmip/message.h"

#define EXTENSIONS 0x80000000u /* the first number of the extension values of an enumeration */

static enum coffer_err check_password(struct ttlv_cursor *c)
{
	struct view text;
	TRY(ttlv_take_text(c, TAG_USERNAME, &text));
	TRY(ttlv_take_optional_text(c, TAG_PASSWORD, &text, NULL));
	return ttlv_done(c);
}

/* Texts, of which at least one is there. */
static enum coffer_err check_device(struct ttlv_cursor *c)
{
	static const uint32_t fields[] = { TAG_DEVICE_SERIAL_NUMBER, TAG_PASSWORD, TAG_DEVICE_IDENTIFIER, TAG_NETWORK_IDENTIFIER,
		TAG_MACHINE_IDENTIFIER, TAG_MEDIA_IDENTIFIER };
	bool any = false;
	for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
		struct view text;
		bool present;
		TRY(ttlv_take_optional_text(c, fields[i], &text, &present));
		any = any || present;
	}
	TRY(ttlv_done(c));
	return any ? ERR_OK : ERR_MISSING;
}

static enum coffer_err check_attestation(struct ttlv_cursor *c)
{
	struct ttlv_cursor nonce;
	struct view bytes;
	uint32_t type;
	bool measurement, assertion;
	TRY(ttlv_take_structure(c, TAG_NONCE, &nonce));
	TRY(ttlv_take_bytes(&nonce, TAG_NONCE_ID, &bytes));
	TRY(ttlv_take_bytes(&nonce, TAG_NONCE_VALUE, &bytes));
	TRY(ttlv_done(&nonce));
	TRY(ttlv_take_enum(c, TAG_ATTESTATION_TYPE, &type));
	TRY(ttlv_take_optional_bytes(c, TAG_ATTESTATION_MEASUREMENT, &bytes, &measurement));
	TRY(ttlv_take_optional_bytes(c, TAG_ATTESTATION_ASSERTION, &bytes, &assertion));
	TRY(ttlv_done(c));
	return measurement || assertion ? ERR_OK : ERR_MISSING;
}

/* With the first minor version that has the type. */
static const struct {
	uint32_t type, since;
	enum coffer_err (*check)(struct ttlv_cursor *value);
} types[] = {
	{ CREDENTIAL_TYPE_USERNAME_AND_PASSWORD, 0, check_password },
	{ CREDENTIAL_TYPE_DEVICE, 1, check_device },
	{ CREDENTIAL_TYPE_ATTESTATION, 2, check_attestation },
};

static enum coffer_err check_value(struct ttlv_cursor *credential, uint32_t type, uint32_t minor)
{
	struct ttlv_cursor value;
	struct ttlv_item any;
	if (type >= EXTENSIONS) return ttlv_take(credential, TAG_CREDENTIAL_VALUE, &any);
	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
		if (types[i].type != type || types[i].since > minor) continue;
		TRY(ttlv_take_structure(credential, TAG_CREDENTIAL_VALUE, &value));
		return types[i].check(&value);
	}
	return ERR_FIELD;
}

enum coffer_err kmip_authentication_check(const struct ttlv_item *item, uint32_t minor)
{
	struct ttlv_cursor c;
	TRY(ttlv_enter(item, &c));
	ENSURE(item->value.len <= KMIP_AUTHENTICATION_MAX, ERR_TOO_LARGE);
	c.lenient = minor > KMIP_VERSION_HIGHEST.minor;
	do {
		struct ttlv_cursor credential;
		uint32_t type;
		TRY(ttlv_take_structure(&c, TAG_CREDENTIAL, &credential));
		TRY(ttlv_take_enum(&credential, TAG_CREDENTIAL_TYPE, &type));
		TRY(check_value(&credential, type, minor));
		TRY(ttlv_done(&credential));
	} while (ttlv_peek_tag(&c) == TAG_CREDENTIAL);
	return ttlv_done(&c);
}
