/* Captured and published KMIP messages (reference data outside this repository, COFFER_KMIP_CASES): what is
 * well-formed passes the check, comes out of the encoder as it was, and is understood; what is not is refused. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kmip/message.h"
#include "unit/kmip/kmip_test.h"
#include "unit/ttlv/reencode.h"

static struct scratch again;
static struct kmip_request request;
static struct kmip_response response;

struct counts { unsigned accepted, refused, requests, responses, not_ours; };

/* Only 1.x is spoken here, and only the whole message of a kind. */
static bool spoken(struct view bytes)
{
	struct ttlv_cursor top = ttlv_cursor_of(bytes), message, header;
	struct ttlv_item item;
	struct kmip_version v;
	uint32_t tag = ttlv_peek_tag(&top);
	return (tag == TAG_REQUEST_MESSAGE || tag == TAG_RESPONSE_MESSAGE) && ttlv_take_structure(&top, tag, &message) == ERR_OK &&
		ttlv_take_structure(&message, ttlv_peek_tag(&message), &header) == ERR_OK &&
		ttlv_take(&header, TAG_PROTOCOL_VERSION, &item) == ERR_OK && kmip_version_parse(&item, &v) == ERR_OK && v.major == 1;
}

static void understand(struct view bytes, const char *name, struct counts *n)
{
	struct reason reason = { "" };
	struct ttlv_cursor top = ttlv_cursor_of(bytes);
	if (!spoken(bytes)) {
		n->not_ours++;
		return;
	}
	if (ttlv_peek_tag(&top) == TAG_REQUEST_MESSAGE) {
		if (kmip_request_parse(bytes, NULL, &request, &reason) != ERR_OK) fail_msg("%s: %s", name, reason.text);
		for (size_t i = 0; i < request.count; i++)
			if (request.items[i].err != ERR_OK && request.items[i].err != ERR_UNSUPPORTED)
				fail_msg("%s: item %zu: %s", name, i, err_name(request.items[i].err));
		n->requests++;
	} else {
		if (kmip_response_parse(bytes, NULL, &response, &reason) != ERR_OK) fail_msg("%s: %s", name, reason.text);
		n->responses++;
	}
}

static void one_message(const json_t *message, struct counts *n)
{
	static uint8_t bytes[64 * 1024];
	const char *hex = json_string_value(json_object_get(message, "hex"));
	const char *name = json_string_value(json_object_get(message, "name"));
	bool wellformed = json_is_true(json_object_get(message, "wellformed"));
	size_t len = strlen(hex) / 2;
	assert_true(len <= sizeof bytes);
	assert_int_equal(text_unhex(view_str(hex), bytes, len), ERR_OK);
	struct view in = view_of(bytes, len);
	struct reason reason = { "" };
	bool passes = ttlv_check(in, NULL, &reason) == ERR_OK;
	if (passes != wellformed) fail_msg("%s: well-formed is %d, but: %s", name, wellformed, passes ? "accepted" : reason.text);
	if (!passes) {
		n->refused++;
		return;
	}
	n->accepted++;
	assert_int_equal(reencode(in, scratch_writer(&again)), ERR_OK);
	if (!view_equal(writer_view(&again.w), in)) fail_msg("%s: written differently", name);
	understand(in, name, n);
}

static void captured_messages_are_read_and_written_unchanged(void **state)
{
	(void)state;
	char path[4096];
	struct counts n = { 0 };
	size_t i;
	json_t *message;
	const char *cases = getenv("COFFER_KMIP_CASES"), *source = getenv("COFFER_SOURCE_DIR");
	if (cases) snprintf(path, sizeof path, "%s/hex_messages.json", cases);
	else snprintf(path, sizeof path, "%s/../shared/kmip/hex_messages.json", source ? source : ".");
	json_t *all = json_load_file(path, 0, NULL);
	if (!all) {
		print_message("the captured messages are not here (COFFER_KMIP_CASES): skipped\n");
		skip();
	}
	json_array_foreach(all, i, message) one_message(message, &n);
	json_decref(all);
	print_message("%u accepted, %u refused; %u requests and %u responses understood, %u of other versions or parts\n", n.accepted,
		n.refused, n.requests, n.responses, n.not_ours);
	assert_true(n.accepted > 200 && n.refused > 5 && n.requests > 80 && n.responses > 80);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(captured_messages_are_read_and_written_unchanged) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
