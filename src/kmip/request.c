/* Reading a request message. */
#include <string.h>

#include "kmip/credential.h"
#include "kmip/extension.h"
#include "kmip/message.h"
#include "kmip/names.h"

/* Fields of the Request Header in their order (KMIP 1.4 table 282). */
static const uint32_t header_order[] = {
	TAG_PROTOCOL_VERSION, TAG_MAXIMUM_RESPONSE_SIZE, TAG_CLIENT_CORRELATION_VALUE, TAG_SERVER_CORRELATION_VALUE,
	TAG_ASYNCHRONOUS_INDICATOR, TAG_ATTESTATION_CAPABLE_INDICATOR, TAG_ATTESTATION_TYPE, TAG_AUTHENTICATION, TAG_BATCH_ERROR_CONTINUATION_OPTION,
	TAG_BATCH_ORDER_OPTION, TAG_TIME_STAMP, TAG_BATCH_COUNT
};

#define HEADER_FIELDS (sizeof header_order / sizeof header_order[0])

static size_t header_place(uint32_t tag)
{
	size_t i = 0;
	while (i < HEADER_FIELDS && header_order[i] != tag) i++;
	return i;
}

static enum coffer_err get_count(const struct ttlv_item *item, uint32_t *out)
{
	int32_t v;
	TRY(ttlv_get_i32(item, &v));
	ENSURE(v >= 0, ERR_FIELD);
	*out = (uint32_t)v;
	return ERR_OK;
}

static enum coffer_err get_correlation(const struct ttlv_item *item, struct view *out)
{
	TRY(ttlv_get_text(item, out));
	return out->len <= KMIP_CORRELATION_MAX ? ERR_OK : ERR_TOO_LARGE;
}

static enum coffer_err get_continuation(const struct ttlv_item *item, uint32_t *out)
{
	TRY(ttlv_get_enum(item, out));
	return kmip_enum_has(ENUM_BATCH_ERROR_CONTINUATION_OPTION, *out) ? ERR_OK : ERR_FIELD;
}

static enum coffer_err read_header_field(const struct ttlv_item *item, struct kmip_request_header *h)
{
	uint32_t ignored;
	switch (item->tag) {
	case TAG_PROTOCOL_VERSION: return kmip_version_parse(item, &h->version);
	case TAG_MAXIMUM_RESPONSE_SIZE:
		h->has_max_response_size = true;
		return get_count(item, &h->max_response_size);
	case TAG_CLIENT_CORRELATION_VALUE: return get_correlation(item, &h->client_correlation);
	case TAG_SERVER_CORRELATION_VALUE: return get_correlation(item, &h->server_correlation);
	case TAG_ASYNCHRONOUS_INDICATOR: return ttlv_get_bool(item, &h->asynchronous);
	case TAG_ATTESTATION_CAPABLE_INDICATOR: return ttlv_get_bool(item, &h->attestation_capable);
	case TAG_ATTESTATION_TYPE: return ttlv_get_enum(item, &ignored);
	case TAG_AUTHENTICATION:
		h->has_authentication = true;
		return kmip_authentication_check(item, h->version.minor);
	case TAG_BATCH_ERROR_CONTINUATION_OPTION: return get_continuation(item, &h->error_continuation);
	case TAG_BATCH_ORDER_OPTION: return ttlv_get_bool(item, &h->batch_order);
	case TAG_TIME_STAMP:
		h->has_time_stamp = true;
		return ttlv_get_time(item, &h->time_stamp);
	case TAG_BATCH_COUNT: return get_count(item, &h->batch_count);
	default: return ERR_BUG; /* header_order and this switch differ */
	}
}

/* lenient: unknown fields are passed over (section 11.1, newer minor version). Unknown is also what came with a later version than the request's. */
static enum coffer_err read_header(struct ttlv_cursor *c, struct kmip_request_header *h, bool lenient)
{
	struct ttlv_item item;
	size_t next = 0; /* the first place that may still come */
	while (ttlv_next(c, &item)) {
		size_t place = header_place(item.tag);
		if (place == HEADER_FIELDS || (next > 0 && kmip_tag_since(item.tag) > h->version.minor)) {
			ENSURE(lenient, ERR_FIELD);
			continue;
		}
		ENSURE(place >= next && (next > 0 || place == 0), ERR_INPUT); /* doubled, out of order, or no version in front */
		next = item.tag == TAG_ATTESTATION_TYPE ? place : place + 1;
		TRY(read_header_field(&item, h));
	}
	TRY(ttlv_done(c));
	ENSURE(next == HEADER_FIELDS, ERR_MISSING); /* Batch Count is the last */
	return ERR_OK;
}

/* The version in front of the header, read from bytes that need not be well-formed behind it. */
static bool peek_version(struct view frame, struct kmip_version *out)
{
	struct ttlv_cursor top = ttlv_cursor_of(frame), message, header;
	struct ttlv_item item;
	return ttlv_take_structure(&top, TAG_REQUEST_MESSAGE, &message) == ERR_OK &&
		ttlv_take_structure(&message, TAG_REQUEST_HEADER, &header) == ERR_OK &&
		ttlv_take(&header, TAG_PROTOCOL_VERSION, &item) == ERR_OK && kmip_version_parse(&item, out) == ERR_OK;
}

static enum coffer_err read_extension(const struct ttlv_item *item, struct kmip_batch_item *out)
{
	struct kmip_extension ext;
	TRY(kmip_extension_parse(item, &ext));
	out->from_coffer = ext.ours;
	out->has_request_id = ext.has_request_id;
	if (ext.has_request_id) memcpy(out->request_id, ext.request_id.ptr, KMIP_REQUEST_ID_LEN);
	return ERR_OK;
}

/* alone: the Batch Count is 1, so that the Unique Batch Item ID may be left out (table 283). */
static enum coffer_err read_item(const struct ttlv_item *item, bool lenient, bool alone, struct kmip_batch_item *out)
{
	struct ttlv_cursor c;
	struct ttlv_item ext;
	bool has_extension;
	TRY(ttlv_enter(item, &c));
	c.lenient = lenient;
	TRY(ttlv_take_enum(&c, TAG_OPERATION, &out->id.operation));
	TRY(ttlv_take_optional_bytes(&c, TAG_UNIQUE_BATCH_ITEM_ID, &out->id.unique_id, &out->id.has_unique_id));
	if (out->id.unique_id.len > KMIP_UNIQUE_ID_MAX) {
		out->id.has_unique_id = false; /* too long to be sent back */
		return ERR_INPUT;
	}
	if (!alone && !out->id.has_unique_id) {
		out->why = "every item of a batch needs a Unique Batch Item ID";
		return ERR_MISSING;
	}
	TRY(ttlv_take_structure(&c, TAG_REQUEST_PAYLOAD, &out->payload));
	TRY(ttlv_take_optional(&c, TAG_MESSAGE_EXTENSION, &ext, &has_extension));
	if (has_extension) TRY(read_extension(&ext, out));
	return ttlv_done(&c);
}

/* Section 11.1: what cannot be parsed fails with Invalid Message. */
static enum coffer_err unparsed(enum coffer_err err)
{
	return err == ERR_MISSING || err == ERR_TRUNCATED ? ERR_INPUT : err;
}

static enum coffer_err read_items(struct ttlv_cursor *c, bool lenient, struct kmip_request *out, struct reason *reason)
{
	struct ttlv_item item;
	bool critical = false;
	out->count = 0;
	while (ttlv_next(c, &item)) {
		if (item.tag != TAG_BATCH_ITEM) {
			if (lenient) continue;
			return reason_fail(reason, ERR_FIELD, "a request message holds only its header and batch items");
		}
		if (out->count == KMIP_BATCH_MAX || out->count == out->header.batch_count)
			return reason_fail(reason, ERR_INPUT, "there are more batch items than the Batch Count says");
		struct kmip_batch_item *to = &out->items[out->count++];
		*to = (struct kmip_batch_item){ .err = ERR_OK };
		to->err = unparsed(read_item(&item, lenient, out->header.batch_count == 1, to));
		critical = critical || to->err == ERR_UNSUPPORTED;
	}
	TRY(ttlv_done(c));
	if (out->count != out->header.batch_count)
		return reason_fail(reason, ERR_INPUT, "there are fewer batch items than the Batch Count says");
	for (size_t i = 0; critical && i < out->count; i++)
		out->items[i].err = ERR_UNSUPPORTED;
	return ERR_OK;
}

static enum coffer_err read_request_header(struct ttlv_cursor *message, bool lenient, struct kmip_request *out,
	struct reason *reason)
{
	struct ttlv_cursor header;
	enum coffer_err err = ttlv_take_structure(message, TAG_REQUEST_HEADER, &header);
	out->header = (struct kmip_request_header){ .error_continuation = BATCH_ERROR_CONTINUATION_OPTION_STOP };
	if (err == ERR_OK) err = read_header(&header, &out->header, lenient);
	if (err != ERR_OK) return reason_fail(reason, unparsed(err), "the request header is malformed");
	if (out->header.batch_count == 0) return reason_fail(reason, ERR_INPUT, "the Batch Count must be at least 1");
	if (out->header.batch_count > KMIP_BATCH_MAX)
		return reason_fail(reason, ERR_LIMIT, "a message may hold at most %u batch items", KMIP_BATCH_MAX);
	return ERR_OK;
}

enum coffer_err kmip_request_parse(struct view frame, const struct ttlv_limits *limits, struct kmip_request *out,
	struct reason *reason)
{
	struct ttlv_item root;
	struct ttlv_cursor message;
	struct kmip_version sent = KMIP_VERSION_HIGHEST;
	out->version = KMIP_VERSION_HIGHEST;
	bool has_version = peek_version(frame, &sent);
	enum coffer_err chosen = kmip_version_choose(sent, &out->version);
	TRY(ttlv_check(frame, limits, reason));
	TRY(ttlv_root(frame, &root));
	if (root.tag != TAG_REQUEST_MESSAGE || root.type != TTLV_STRUCTURE)
		return reason_fail(reason, ERR_INPUT, "this is not a KMIP request message");
	if (!has_version)
		return reason_fail(reason, ERR_INPUT, "the request does not begin with a header and its protocol version");
	if (chosen != ERR_OK)
		return reason_fail(reason, chosen, "KMIP %u.%u is not spoken here; use 1.0 to 1.4", (unsigned)sent.major,
			(unsigned)sent.minor);
	TRY(ttlv_enter(&root, &message));
	bool lenient = sent.minor > KMIP_VERSION_HIGHEST.minor;
	TRY(read_request_header(&message, lenient, out, reason));
	return read_items(&message, lenient, out, reason);
}
