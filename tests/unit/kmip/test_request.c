/* Reading of requests: what is understood, what fails alone, what is refused as a whole. */
#include "kmip/message.h"

#include <string.h>

#include "unit/kmip/kmip_test.h"

static struct scratch s;
static struct kmip_request request;

typedef void edit_fn(struct writer *w);

/* A message: version, then `head` in the header, Batch Count, then `items`. */
static enum coffer_err parse(struct kmip_version v, edit_fn *head, int32_t batch_count, edit_fn *items, struct reason *reason)
{
	struct writer *w = scratch_writer(&s);
	struct ttlv_mark message = ttlv_begin(w, TAG_REQUEST_MESSAGE);
	struct ttlv_mark header = ttlv_begin(w, TAG_REQUEST_HEADER);
	kmip_version_put(w, v);
	if (head) head(w);
	ttlv_put_i32(w, TAG_BATCH_COUNT, batch_count);
	ttlv_end(w, header);
	if (items) items(w);
	ttlv_end(w, message);
	assert_int_equal(writer_done(w), ERR_OK);
	return kmip_request_parse(writer_view(w), NULL, &request, reason);
}

static const struct kmip_version v14 = { 1, 4 };

static void put_item(struct writer *w, uint32_t operation, const char *id)
{
	struct kmip_item_id item = { .operation = operation, .has_unique_id = id != NULL, .unique_id = view_str(id ? id : "") };
	struct kmip_item_mark mark = kmip_request_item_begin(w, &item);
	ttlv_put_str(w, TAG_UNIQUE_IDENTIFIER, "x");
	ttlv_end(w, mark.payload);
	ttlv_end(w, mark.item);
}

static void one(struct writer *w) { put_item(w, OPERATION_GET, NULL); }

static void two(struct writer *w)
{
	put_item(w, OPERATION_GET, "1");
	put_item(w, OPERATION_DESTROY, "2");
}

static void two_without_ids(struct writer *w) { one(w); one(w); }

static void put_authentication(struct writer *w, const char *user)
{
	struct ttlv_mark auth = ttlv_begin(w, TAG_AUTHENTICATION), credential = ttlv_begin(w, TAG_CREDENTIAL);
	ttlv_put_enum(w, TAG_CREDENTIAL_TYPE, CREDENTIAL_TYPE_USERNAME_AND_PASSWORD);
	struct ttlv_mark value = ttlv_begin(w, TAG_CREDENTIAL_VALUE);
	if (user) ttlv_put_str(w, TAG_USERNAME, user);
	ttlv_end(w, value);
	ttlv_end(w, credential);
	ttlv_end(w, auth);
}

static void full_header(struct writer *w)
{
	ttlv_put_i32(w, TAG_MAXIMUM_RESPONSE_SIZE, 4096);
	ttlv_put_str(w, TAG_CLIENT_CORRELATION_VALUE, "client");
	ttlv_put_str(w, TAG_SERVER_CORRELATION_VALUE, "server");
	ttlv_put_bool(w, TAG_ASYNCHRONOUS_INDICATOR, true);
	ttlv_put_bool(w, TAG_ATTESTATION_CAPABLE_INDICATOR, true);
	ttlv_put_enum(w, TAG_ATTESTATION_TYPE, 1);
	ttlv_put_enum(w, TAG_ATTESTATION_TYPE, 2);
	put_authentication(w, "user");
	ttlv_put_enum(w, TAG_BATCH_ERROR_CONTINUATION_OPTION, BATCH_ERROR_CONTINUATION_OPTION_UNDO);
	ttlv_put_bool(w, TAG_BATCH_ORDER_OPTION, true);
	ttlv_put_time(w, TAG_TIME_STAMP, 1234);
}

static void a_full_header_is_read(void **state)
{
	(void)state;
	assert_int_equal(parse(v14, full_header, 2, two, NULL), ERR_OK);
	const struct kmip_request_header *h = &request.header;
	assert_true(h->has_max_response_size && h->max_response_size == 4096);
	assert_true(view_equal_str(h->client_correlation, "client"));
	assert_true(view_equal_str(h->server_correlation, "server"));
	assert_true(h->asynchronous && h->attestation_capable && h->has_authentication && h->batch_order);
	assert_int_equal(h->error_continuation, BATCH_ERROR_CONTINUATION_OPTION_UNDO);
	assert_true(h->has_time_stamp && h->time_stamp == 1234);
	assert_int_equal(request.count, 2);
	assert_int_equal(request.items[1].id.operation, OPERATION_DESTROY);
	assert_true(view_equal_str(request.items[1].id.unique_id, "2"));
}

static void a_short_header_has_the_defaults(void **state)
{
	(void)state;
	struct view id;
	assert_int_equal(parse((struct kmip_version){ 1, 2 }, NULL, 1, one, NULL), ERR_OK);
	assert_int_equal(request.version.minor, 2);
	assert_false(request.header.has_max_response_size || request.header.asynchronous || request.header.batch_order);
	assert_int_equal(request.header.error_continuation, BATCH_ERROR_CONTINUATION_OPTION_STOP);
	assert_int_equal(request.items[0].err, ERR_OK);
	assert_false(request.items[0].id.has_unique_id || request.items[0].has_request_id || request.items[0].from_coffer);
	assert_int_equal(ttlv_take_text(&request.items[0].payload, TAG_UNIQUE_IDENTIFIER, &id), ERR_OK);
	assert_int_equal(ttlv_done(&request.items[0].payload), ERR_OK);
}

static void head_doubled(struct writer *w)
{
	ttlv_put_time(w, TAG_TIME_STAMP, 1);
	ttlv_put_time(w, TAG_TIME_STAMP, 1);
}

static void head_out_of_order(struct writer *w)
{
	ttlv_put_time(w, TAG_TIME_STAMP, 1);
	ttlv_put_i32(w, TAG_MAXIMUM_RESPONSE_SIZE, 4096);
}

static void head_unknown(struct writer *w) { ttlv_put_i32(w, TAG_OFFSET, 1); }
static void head_negative(struct writer *w) { ttlv_put_i32(w, TAG_MAXIMUM_RESPONSE_SIZE, -1); }
static void head_type(struct writer *w) { ttlv_put_i64(w, TAG_MAXIMUM_RESPONSE_SIZE, 1); }
static void head_option(struct writer *w) { ttlv_put_enum(w, TAG_BATCH_ERROR_CONTINUATION_OPTION, 4); }

static void head_capable(struct writer *w) { ttlv_put_bool(w, TAG_ATTESTATION_CAPABLE_INDICATOR, false); }
static void head_client(struct writer *w) { ttlv_put_str(w, TAG_CLIENT_CORRELATION_VALUE, "client"); }
static void head_credential(struct writer *w) { put_authentication(w, NULL); }

static void head_correlation(struct writer *w)
{
	uint8_t letters[KMIP_CORRELATION_MAX + 1];
	memset(letters, 'a', sizeof letters);
	ttlv_put_text(w, TAG_CLIENT_CORRELATION_VALUE, view_of(letters, sizeof letters));
}

static void item_unknown(struct writer *w) { one(w); ttlv_put_i32(w, TAG_OFFSET, 1); }

static void many(struct writer *w)
{
	for (int i = 0; i < 65; i++) put_item(w, OPERATION_GET, "1");
}

static void a_message_is_refused_as_a_whole_for_these(void **state)
{
	(void)state;
	static const struct {
		const char *what;
		struct kmip_version v;
		edit_fn *head;
		int32_t count;
		edit_fn *items;
		enum coffer_err err;
		uint32_t minor;
	} rows[] = {
		{ "doubled field", { 1, 3 }, head_doubled, 1, one, ERR_INPUT, 3 },
		{ "order", { 1, 4 }, head_out_of_order, 1, one, ERR_INPUT, 4 },
		{ "unknown field", { 1, 4 }, head_unknown, 1, one, ERR_FIELD, 4 },
		{ "unknown field of a newer minor version", { 1, 5 }, head_unknown, 1, one, ERR_OK, 4 },
		{ "negative size", { 1, 4 }, head_negative, 1, one, ERR_FIELD, 4 },
		{ "type", { 1, 0 }, head_type, 1, one, ERR_INPUT, 0 },
		{ "unknown option", { 1, 4 }, head_option, 1, one, ERR_FIELD, 4 },
		{ "long correlation value", { 1, 4 }, head_correlation, 1, one, ERR_TOO_LARGE, 4 },
		{ "field of 1.2 in 1.1", { 1, 1 }, head_capable, 1, one, ERR_FIELD, 1 },
		{ "field of 1.2 in 1.2", { 1, 2 }, head_capable, 1, one, ERR_OK, 2 },
		{ "field of 1.4 in 1.3", { 1, 3 }, head_client, 1, one, ERR_FIELD, 3 },
		{ "malformed credential", { 1, 0 }, head_credential, 1, one, ERR_INPUT, 0 },
		{ "major version", { 2, 1 }, NULL, 1, one, ERR_VERSION, 4 },
		{ "batch count 0", { 1, 4 }, NULL, 0, NULL, ERR_INPUT, 4 },
		{ "batch count -1", { 1, 4 }, NULL, -1, one, ERR_FIELD, 4 },
		{ "more items than the count", { 1, 4 }, NULL, 1, two, ERR_INPUT, 4 },
		{ "fewer items than the count", { 1, 4 }, NULL, 2, one, ERR_INPUT, 4 },
		{ "65 items", { 1, 1 }, NULL, 65, many, ERR_LIMIT, 1 },
		{ "something behind the items", { 1, 4 }, NULL, 1, item_unknown, ERR_FIELD, 4 },
		{ "something behind the items, newer minor version", { 1, 9 }, NULL, 1, item_unknown, ERR_OK, 4 },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct reason reason = { "" };
		enum coffer_err err = parse(rows[i].v, rows[i].head, rows[i].count, rows[i].items, &reason);
		if (err != rows[i].err) fail_msg("%s: %s", rows[i].what, err_name(err));
		assert_int_equal(request.version.major, 1);
		assert_int_equal(request.version.minor, rows[i].minor);
		assert_true((err == ERR_OK) == (reason.text[0] == '\0'));
	}
}

static void a_message_that_is_cut_is_refused_in_the_version_it_names(void **state)
{
	(void)state;
	assert_int_equal(parse((struct kmip_version){ 1, 1 }, NULL, 1, one, NULL), ERR_OK);
	uint8_t *bytes = s.bytes;
	bytes[s.w.len - 1] = 1; /* padding of the last text */
	assert_int_equal(kmip_request_parse(writer_view(&s.w), NULL, &request, NULL), ERR_INPUT);
	assert_int_equal(request.version.minor, 1);
	for (size_t len = 0; len < s.w.len; len++) {
		assert_int_not_equal(kmip_request_parse(view_of(bytes, len), NULL, &request, NULL), ERR_OK);
		assert_true(kmip_version_known(request.version));
	}
}

static void item_without_payload(struct writer *w)
{
	struct ttlv_mark item = ttlv_begin(w, TAG_BATCH_ITEM);
	ttlv_put_enum(w, TAG_OPERATION, OPERATION_QUERY);
	ttlv_put_bytes(w, TAG_UNIQUE_BATCH_ITEM_ID, view_of("7", 1));
	ttlv_end(w, item);
	put_item(w, OPERATION_GET, "8");
}

static void an_item_that_cannot_be_read_fails_alone(void **state)
{
	(void)state;
	assert_int_equal(parse(v14, NULL, 2, item_without_payload, NULL), ERR_OK);
	assert_int_equal(request.items[0].err, ERR_INPUT);
	assert_int_equal(request.items[0].id.operation, OPERATION_QUERY);
	assert_true(view_equal_str(request.items[0].id.unique_id, "7"));
	assert_int_equal(request.items[1].err, ERR_OK);
	assert_int_equal(parse(v14, NULL, 2, two_without_ids, NULL), ERR_OK);
	assert_int_equal(request.items[0].err, ERR_INPUT); /* required when the Batch Count is above 1 */
	assert_int_equal(request.items[1].err, ERR_INPUT);
	assert_non_null(request.items[1].why);
}

static void put_extension(struct writer *w, const char *vendor, bool critical, uint32_t tag, struct view value)
{
	struct kmip_item_id id = { .operation = OPERATION_GET, .has_unique_id = true, .unique_id = view_str("1") };
	struct kmip_item_mark mark = kmip_request_item_begin(w, &id);
	ttlv_end(w, mark.payload);
	struct ttlv_mark ext = ttlv_begin(w, TAG_MESSAGE_EXTENSION);
	ttlv_put_str(w, TAG_VENDOR_IDENTIFICATION, vendor);
	ttlv_put_bool(w, TAG_CRITICALITY_INDICATOR, critical);
	struct ttlv_mark fields = ttlv_begin(w, TAG_VENDOR_EXTENSION);
	ttlv_put_bytes(w, tag, value);
	ttlv_end(w, fields);
	ttlv_end(w, ext);
	ttlv_end(w, mark.item);
}

static const uint8_t id16[KMIP_REQUEST_ID_LEN] = "0123456789abcde";

static void ext_ours(struct writer *w) { put_extension(w, "coffer", true, TAG_COFFER_REQUEST_ID, view_of(id16, sizeof id16)); }
static void ext_short(struct writer *w) { put_extension(w, "coffer", false, TAG_COFFER_REQUEST_ID, view_of(id16, 15)); }
static void ext_other(struct writer *w) { put_extension(w, "ACME", false, 0x54ff01, view_of(id16, 3)); }
static void ext_unknown(struct writer *w) { put_extension(w, "coffer", false, 0x54ff01, view_of(id16, 3)); }

static void ext_critical(struct writer *w)
{
	put_item(w, OPERATION_GET, "0");
	put_extension(w, "ACME", true, 0x54ff01, view_of(id16, 3));
}

static void ext_unknown_critical(struct writer *w) { put_extension(w, "coffer", true, 0x54ff01, view_of(id16, 3)); }

static void message_extensions_are_ours_ignored_or_refused(void **state)
{
	(void)state;
	static const struct { edit_fn *items; int32_t count; enum coffer_err err; bool ours, request_id; } rows[] = {
		{ ext_ours, 1, ERR_OK, true, true },       { ext_short, 1, ERR_INPUT, false, false },
		{ ext_other, 1, ERR_OK, false, false },    { ext_unknown, 1, ERR_OK, true, false },
		{ ext_critical, 2, ERR_UNSUPPORTED, false, false }, { ext_unknown_critical, 1, ERR_UNSUPPORTED, false, false },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_int_equal(parse(v14, NULL, rows[i].count, rows[i].items, NULL), ERR_OK);
		for (size_t k = 0; k < request.count; k++)
			assert_int_equal(request.items[k].err, rows[i].err);
		assert_int_equal(request.items[0].from_coffer, rows[i].ours);
		assert_int_equal(request.items[0].has_request_id, rows[i].request_id);
		if (rows[i].request_id) assert_memory_equal(request.items[0].request_id, id16, sizeof id16);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_header_is_read),
		cmocka_unit_test(a_short_header_has_the_defaults),
		cmocka_unit_test(a_message_is_refused_as_a_whole_for_these),
		cmocka_unit_test(a_message_that_is_cut_is_refused_in_the_version_it_names),
		cmocka_unit_test(an_item_that_cannot_be_read_fails_alone),
		cmocka_unit_test(message_extensions_are_ours_ignored_or_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
