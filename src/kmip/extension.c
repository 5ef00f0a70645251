/* Message Extensions. */
#include "kmip/extension.h"

#include "kmip/message.h"

static enum coffer_err parse_ours(struct ttlv_cursor *fields, struct kmip_extension *ext)
{
	struct ttlv_item item;
	while (ttlv_next(fields, &item)) {
		switch (item.tag) {
		case TAG_COFFER_REQUEST_ID:
			ENSURE(!ext->has_request_id, ERR_INPUT);
			TRY(ttlv_get_bytes(&item, &ext->request_id));
			ENSURE(ext->request_id.len == KMIP_REQUEST_ID_LEN, ERR_INPUT);
			ext->has_request_id = true;
			break;
		case TAG_COFFER_ERROR_NAME:
			TRY(ttlv_get_text(&item, &ext->error_name));
			break;
		default:
			ENSURE(!ext->critical, ERR_UNSUPPORTED);
		}
	}
	return ttlv_done(fields);
}

enum coffer_err kmip_extension_parse(const struct ttlv_item *item, struct kmip_extension *out)
{
	struct ttlv_cursor c, fields;
	struct kmip_extension ext = { .critical = false };
	TRY(ttlv_enter(item, &c));
	TRY(ttlv_take_text(&c, TAG_VENDOR_IDENTIFICATION, &ext.vendor));
	TRY(ttlv_take_bool(&c, TAG_CRITICALITY_INDICATOR, &ext.critical));
	TRY(ttlv_take_structure(&c, TAG_VENDOR_EXTENSION, &fields));
	TRY(ttlv_done(&c));
	ext.ours = view_equal_str(ext.vendor, KMIP_VENDOR);
	ENSURE(ext.ours || !ext.critical, ERR_UNSUPPORTED);
	if (ext.ours) TRY(parse_ours(&fields, &ext));
	*out = ext;
	return ERR_OK;
}

void kmip_extension_put(struct writer *w, const uint8_t *request_id, const char *error_name)
{
	struct ttlv_mark ext = ttlv_begin(w, TAG_MESSAGE_EXTENSION);
	ttlv_put_str(w, TAG_VENDOR_IDENTIFICATION, KMIP_VENDOR);
	ttlv_put_bool(w, TAG_CRITICALITY_INDICATOR, false);
	struct ttlv_mark fields = ttlv_begin(w, TAG_VENDOR_EXTENSION);
	if (request_id) ttlv_put_bytes(w, TAG_COFFER_REQUEST_ID, view_of(request_id, KMIP_REQUEST_ID_LEN));
	if (error_name) ttlv_put_str(w, TAG_COFFER_ERROR_NAME, error_name);
	ttlv_end(w, fields);
	ttlv_end(w, ext);
}
