/* How keys are wrapped. */
#include "kmip/wrapping.h"

#include "kmip/attr.h"
#include "kmip/names.h"

#define IS_EXTENSION(value) ((value) >> 31) /* KMIP 1.4 section 9.1.3.2: 8XXXXXXX */

static bool listed(enum kmip_enum which, uint32_t value)
{
	return IS_EXTENSION(value) || kmip_enum_has(which, value);
}

static enum coffer_err take_information(struct ttlv_cursor *c, uint32_t tag, uint32_t minor, struct kmip_key_information *out)
{
	struct ttlv_cursor info;
	if (ttlv_peek_tag(c) != tag) return ERR_OK;
	TRY(ttlv_take_structure(c, tag, &info));
	TRY(ttlv_take_text(&info, TAG_UNIQUE_IDENTIFIER, &out->id));
	TRY(ttlv_take_optional(&info, TAG_CRYPTOGRAPHIC_PARAMETERS, &out->params, &out->has_params));
	TRY(ttlv_done(&info));
	ENSURE(out->id.len > 0, ERR_FIELD);
	if (out->has_params) {
		TRY(kmip_attr_check(ATTR_CRYPTOGRAPHIC_PARAMETERS, &out->params));
		ENSURE(kmip_attr_since(ATTR_CRYPTOGRAPHIC_PARAMETERS, &out->params) <= minor, ERR_FIELD);
	}
	out->present = true;
	return ERR_OK;
}

static enum coffer_err take_keys(struct ttlv_cursor *c, uint32_t minor, struct kmip_wrapping *p, struct reason *reason)
{
	TRY(ttlv_take_enum(c, TAG_WRAPPING_METHOD, &p->method));
	if (!listed(ENUM_WRAPPING_METHOD, p->method)) return reason_fail(reason, ERR_FIELD, "the Wrapping Method is not one that KMIP lists");
	TRY(take_information(c, TAG_ENCRYPTION_KEY_INFORMATION, minor, &p->encryption));
	TRY(take_information(c, TAG_MAC_SIGNATURE_KEY_INFORMATION, minor, &p->mac));
	if (p->encryption.present || p->mac.present) return ERR_OK;
	return reason_fail(reason, ERR_MISSING, "the Encryption Key Information is missing");
}

static enum coffer_err take_encoding(struct ttlv_cursor *c, uint32_t minor, struct kmip_wrapping *p, struct reason *reason)
{
	p->encoding = ENCODING_OPTION_TTLV_ENCODING;
	if (minor < KMIP_ENCODING_OPTION_MINOR) return ERR_OK;
	TRY(ttlv_take_optional_enum(c, TAG_ENCODING_OPTION, &p->encoding, &p->has_encoding));
	return listed(ENUM_ENCODING_OPTION, p->encoding) ? ERR_OK : reason_fail(reason, ERR_FIELD, "the Encoding Option is not one that KMIP lists");
}

static enum coffer_err take_names(struct ttlv_cursor *c, struct kmip_wrapping *p, struct reason *reason)
{
	while (ttlv_peek_tag(c) == TAG_ATTRIBUTE_NAME) {
		if (p->name_count == KMIP_WRAPPING_NAMES_MAX)
			return reason_fail(reason, ERR_LIMIT, "at most %u attributes can be wrapped with a key", KMIP_WRAPPING_NAMES_MAX);
		c->last = 0; /* Attribute Name may be repeated */
		TRY(ttlv_take_text(c, TAG_ATTRIBUTE_NAME, &p->names[p->name_count]));
		p->name_count++;
	}
	return ERR_OK;
}

static enum coffer_err parse(const struct ttlv_item *item, bool is_data, uint32_t minor, struct kmip_wrapping *p, struct reason *reason)
{
	struct ttlv_cursor c;
	TRY(ttlv_enter(item, &c));
	TRY(take_keys(&c, minor, p, reason));
	if (is_data) {
		TRY(ttlv_take_optional_bytes(&c, TAG_MAC_SIGNATURE, &p->mac_signature, &p->has_mac));
		TRY(ttlv_take_optional_bytes(&c, TAG_IV_COUNTER_NONCE, &p->iv, &p->has_iv));
	} else {
		TRY(take_names(&c, p, reason));
	}
	TRY(take_encoding(&c, minor, p, reason));
	return ttlv_done(&c);
}

enum coffer_err kmip_wrapping_data_parse(const struct ttlv_item *item, uint32_t minor, struct kmip_wrapping *out, struct reason *reason)
{
	*out = (struct kmip_wrapping){ .method = 0 };
	enum coffer_err err = parse(item, true, minor, out, reason);
	return err ? reason_default(reason, err, "the Key Wrapping Data is malformed") : ERR_OK;
}

enum coffer_err kmip_wrapping_specification_parse(const struct ttlv_item *item, uint32_t minor, struct kmip_wrapping *out,
	struct reason *reason)
{
	*out = (struct kmip_wrapping){ .method = 0 };
	enum coffer_err err = parse(item, false, minor, out, reason);
	return err ? reason_default(reason, err, "the Key Wrapping Specification is malformed") : ERR_OK;
}

static void put_information(struct writer *w, uint32_t tag, const struct kmip_key_information *info)
{
	if (!info->present) return;
	struct ttlv_mark mark = ttlv_begin(w, tag);
	ttlv_put_text(w, TAG_UNIQUE_IDENTIFIER, info->id);
	if (info->has_params) ttlv_put_item(w, TAG_CRYPTOGRAPHIC_PARAMETERS, &info->params);
	ttlv_end(w, mark);
}

void kmip_wrapping_data_put(struct writer *w, const struct kmip_wrapping *p)
{
	struct ttlv_mark data = ttlv_begin(w, TAG_KEY_WRAPPING_DATA);
	ttlv_put_enum(w, TAG_WRAPPING_METHOD, p->method);
	put_information(w, TAG_ENCRYPTION_KEY_INFORMATION, &p->encryption);
	put_information(w, TAG_MAC_SIGNATURE_KEY_INFORMATION, &p->mac);
	if (p->has_mac) ttlv_put_bytes(w, TAG_MAC_SIGNATURE, p->mac_signature);
	if (p->has_iv) ttlv_put_bytes(w, TAG_IV_COUNTER_NONCE, p->iv);
	if (p->has_encoding) ttlv_put_enum(w, TAG_ENCODING_OPTION, p->encoding);
	ttlv_end(w, data);
}
