/* Captured and published KMIP messages (reference data outside this repository, COFFER_KMIP_CASES): what we read comes out of our own writers byte
 * for byte, and what we refuse is refused for the reason that this table gives. An outcome that is not in the table fails. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kmip/attr.h"
#include "kmip/keyblock.h"
#include "kmip/message.h"
#include "unit/kmip/kmip_test.h"
#include "unit/ttlv/reencode.h"

enum part { FRAME, REQUEST, REQUEST_BYTES, RESPONSE, RESPONSE_BYTES, ITEM, ATTRIBUTE, ATTRIBUTE_BYTES, OBJECT, OBJECT_BYTES };

/* ERR_OK in a row of bytes: the same bytes. sentence: what a refusal must say. */
static struct outcome {
	enum part part;
	enum coffer_err err;
	const char *sentence;
	unsigned at_least;
	const char *why;
	unsigned count;
} outcomes[] = {
	{ FRAME, ERR_OK, NULL, 215, "well-formed, and the same bytes from the TTLV encoder", 0 },
	{ FRAME, ERR_TRUNCATED, "a length points past the end", 12, "cut off where it was printed: a length points past the end", 0 },
	{ REQUEST, ERR_OK, NULL, 108, "request: header and batch read", 0 },
	{ REQUEST_BYTES, ERR_OK, NULL, 100, "request: the same bytes from our writer, but for our Message Extension", 0 },
	{ REQUEST_BYTES, ERR_UNSUPPORTED, "header", 0, "request: header fields that we read and never send (credentials, batch options, time)", 0 },
	{ RESPONSE, ERR_OK, NULL, 107, "response: header and batch read", 0 },
	{ RESPONSE_BYTES, ERR_OK, NULL, 107, "response: the same bytes from our writer", 0 },
	{ ITEM, ERR_OK, NULL, 108, "batch item: read", 0 },
	{ ATTRIBUTE, ERR_OK, NULL, 135, "attribute: read", 0 },
	{ ATTRIBUTE_BYTES, ERR_OK, NULL, 135, "attribute: the same bytes", 0 },
	{ OBJECT, ERR_OK, NULL, 13, "managed object: read", 0 },
	{ OBJECT_BYTES, ERR_OK, NULL, 13, "managed object: the same bytes", 0 },
	{ OBJECT, ERR_UNSUPPORTED, "this kind of object is not supported", 0, "managed object: a Template, deprecated since 1.3", 0 },
	{ OBJECT, ERR_UNSUPPORTED, "Key Compression Type is for elliptic curve keys only", 0, "managed object: a symmetric key with a Key Compression Type", 0 },
};

#define OUTCOMES (sizeof outcomes / sizeof outcomes[0])

static struct scratch again;
static struct kmip_request request;
static struct kmip_response response;
static const char *name_now;

static void note(enum part part, enum coffer_err err, const char *text)
{
	for (size_t i = 0; i < OUTCOMES; i++) {
		if (outcomes[i].part != part || outcomes[i].err != err) continue;
		if (outcomes[i].sentence && !strstr(text, outcomes[i].sentence)) continue;
		outcomes[i].count++;
		return;
	}
	fail_msg("%s: part %d is %s, which the table does not have: %s", name_now, (int)part, err_name(err), text);
}

static void note_bytes(enum part part, const struct writer *w, struct view expected)
{
	assert_int_equal(writer_done(w), ERR_OK);
	note(part, view_equal(writer_view(w), expected) ? ERR_OK : ERR_CORRUPT, "other bytes");
}

/* ---- inside a payload ---- */

static void see_attribute(const struct ttlv_item *item, struct view bytes)
{
	struct kmip_attr_value v;
	enum coffer_err err = kmip_attr_parse(item, &v);
	note(ATTRIBUTE, err, "attribute");
	if (err) return;
	struct writer *w = scratch_writer(&again);
	kmip_attr_put(w, &v);
	note_bytes(ATTRIBUTE_BYTES, w, bytes);
}

static void see_object(const struct ttlv_item *item, struct view bytes)
{
	struct kmip_managed m;
	struct reason reason = { "" };
	enum coffer_err err = kmip_managed_parse(item, &m, &reason);
	note(OBJECT, err, reason.text);
	if (err) return;
	struct writer *w = scratch_writer(&again);
	kmip_managed_put(w, &m);
	note_bytes(OBJECT_BYTES, w, bytes);
}

/* Every Attribute and every managed object, wherever it stands. */
static void see_fields(struct ttlv_cursor c)
{
	struct ttlv_cursor levels[TTLV_DEPTH_MAX + 1];
	size_t depth = 0;
	levels[0] = c;
	for (;;) {
		struct view before = levels[depth].rest;
		struct ttlv_item item;
		if (!ttlv_next(&levels[depth], &item)) {
			if (depth-- == 0) return;
			continue;
		}
		struct view bytes = view_of(before.ptr, before.len - levels[depth].rest.len);
		if (item.tag == TAG_ATTRIBUTE) see_attribute(&item, bytes);
		else if (kmip_managed_is(item.tag) && item.type == TTLV_STRUCTURE) see_object(&item, bytes);
		else if (item.type == TTLV_STRUCTURE) assert_int_equal(ttlv_enter(&item, &levels[++depth]), ERR_OK);
	}
}

/* ---- messages ---- */

static void put_rest(struct writer *w, struct ttlv_cursor c)
{
	writer_bytes(w, c.rest);
}

static bool header_is_plain(const struct kmip_request_header *h)
{
	return !h->client_correlation.len && !h->server_correlation.len && !h->asynchronous && !h->attestation_capable && !h->has_authentication &&
		h->error_continuation == BATCH_ERROR_CONTINUATION_OPTION_STOP && !h->batch_order && !h->has_time_stamp;
}

/* Our request writer ends each item with our own Message Extension: what it wrote is read again and compared in pieces. */
static void write_request(struct view in)
{
	static struct kmip_request second;
	struct writer *w = scratch_writer(&again);
	const struct kmip_request_header *h = &request.header;
	if (!header_is_plain(h)) {
		note(REQUEST_BYTES, ERR_UNSUPPORTED, "header");
		return;
	}
	struct kmip_request_mark mark = kmip_request_begin(w, h->version, h->max_response_size, h->batch_count);
	size_t start = writer_len(w);
	for (size_t i = 0; i < request.count; i++) {
		struct kmip_item_mark item = kmip_request_item_begin(w, &request.items[i].id);
		put_rest(w, request.items[i].payload);
		kmip_request_item_end(w, item, NULL);
	}
	kmip_request_end(w, mark);
	assert_int_equal(writer_done(w), ERR_OK);
	assert_int_equal(kmip_request_parse(writer_view(w), NULL, &second, NULL), ERR_OK);
	bool same = second.count == request.count && start <= in.len && memcmp(in.ptr + 8, w->ptr + 8, start - 8) == 0;
	for (size_t i = 0; same && i < request.count; i++)
		same = second.items[i].id.operation == request.items[i].id.operation && second.items[i].from_coffer &&
			view_equal(second.items[i].id.unique_id, request.items[i].id.unique_id) &&
			view_equal(second.items[i].payload.rest, request.items[i].payload.rest);
	note(REQUEST_BYTES, same ? ERR_OK : ERR_CORRUPT, "request");
}

static void see_request(struct view in)
{
	struct reason reason = { "" };
	enum coffer_err err = kmip_request_parse(in, NULL, &request, &reason);
	note(REQUEST, err, reason.text);
	if (err) return;
	write_request(in);
	for (size_t i = 0; i < request.count; i++) {
		note(ITEM, request.items[i].err, "batch item");
		if (!request.items[i].err) see_fields(request.items[i].payload);
	}
}

static void put_item(struct writer *w, const struct kmip_response_item *item)
{
	char text[REASON_MAX];
	snprintf(text, sizeof text, "%.*s", (int)item->message.len, (const char *)item->message.ptr);
	if (item->status == RESULT_STATUS_OPERATION_FAILED) {
		kmip_item_fail_reason(w, &item->id, item->reason, item->message.len ? text : NULL, ERR_OK);
	} else if (item->status == RESULT_STATUS_OPERATION_PENDING) {
		kmip_item_pending(w, &item->id, item->correlation);
	} else if (item->status == RESULT_STATUS_OPERATION_UNDONE) {
		kmip_item_undone(w, &item->id);
	} else {
		struct kmip_item_mark mark = kmip_item_begin(w, &item->id);
		put_rest(w, item->payload);
		kmip_item_end(w, mark);
	}
}

static void see_response(struct view in)
{
	struct reason reason = { "" };
	enum coffer_err err = kmip_response_parse(in, NULL, &response, &reason);
	note(RESPONSE, err, reason.text);
	if (err) return;
	struct writer *w = scratch_writer(&again);
	struct kmip_response_mark mark = kmip_response_begin(w, response.version, response.time_stamp, response.client_correlation,
		response.server_correlation);
	for (size_t i = 0; i < response.count; i++) put_item(w, &response.items[i]);
	kmip_response_end(w, mark, (uint32_t)response.count);
	note_bytes(RESPONSE_BYTES, w, in);
	for (size_t i = 0; i < response.count; i++)
		if (response.items[i].has_payload) see_fields(response.items[i].payload);
}

static void one_message(const json_t *message)
{
	static uint8_t bytes[64 * 1024];
	static char name[512];
	const char *hex = json_string_value(json_object_get(message, "hex"));
	size_t len = strlen(hex) / 2;
	struct reason reason = { "" };
	snprintf(name, sizeof name, "%s (%s)", json_string_value(json_object_get(message, "name")),
		json_string_value(json_object_get(message, "source")));
	name_now = name;
	assert_true(len <= sizeof bytes);
	assert_int_equal(text_unhex(view_str(hex), bytes, len), ERR_OK);
	struct view in = view_of(bytes, len);
	enum coffer_err err = ttlv_check(in, NULL, &reason);
	note(FRAME, err, reason.text);
	if ((err == ERR_OK) != json_is_true(json_object_get(message, "wellformed"))) fail_msg("%s: %s", name, reason.text);
	if (err) return;
	assert_int_equal(reencode(in, scratch_writer(&again)), ERR_OK);
	if (!view_equal(writer_view(&again.w), in)) fail_msg("%s: written differently", name);
	struct ttlv_cursor top = ttlv_cursor_of(in);
	if (ttlv_peek_tag(&top) == TAG_REQUEST_MESSAGE) see_request(in);
	else see_response(in);
}

static json_t *load(void)
{
	char path[4096];
	const char *cases = getenv("COFFER_KMIP_CASES"), *source = getenv("COFFER_SOURCE_DIR");
	if (cases) snprintf(path, sizeof path, "%s/hex_messages.json", cases);
	else snprintf(path, sizeof path, "%s/../shared/kmip/hex_messages.json", source ? source : ".");
	return json_load_file(path, 0, NULL);
}

static void captured_messages_are_read_and_written_unchanged(void **state)
{
	size_t i;
	json_t *message, *all = *state;
	json_array_foreach(all, i, message) one_message(message);
	for (i = 0; i < OUTCOMES; i++) print_message("%5u  %-12s %s\n", outcomes[i].count, err_name(outcomes[i].err), outcomes[i].why);
	for (i = 0; i < OUTCOMES; i++)
		if (outcomes[i].count < outcomes[i].at_least) fail_msg("fewer than %u: %s", outcomes[i].at_least, outcomes[i].why);
}

#define SKIPPED 77 /* CTest says so */

int main(void)
{
	json_t *all = load();
	if (!all) {
		print_message("SKIPPED: the captured messages are not here; COFFER_KMIP_CASES names the folder of hex_messages.json\n");
		return SKIPPED;
	}
	const struct CMUnitTest tests[] = { cmocka_unit_test_prestate(captured_messages_are_read_and_written_unchanged, all) };
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	json_decref(all);
	return failed;
}
