/* The JSON writer, and the table of vendor operations. */
#include "unit/ops/vendor.h"

#include <string.h>

#include "ops/json_out.h"

static void values_are_escaped(void **state)
{
	static const struct { struct view in; const char *out; } cases[] = {
		{ { (const uint8_t *)"plain", 5 }, "{\"v\":\"plain\"}" },
		{ { NULL, 0 }, "{\"v\":\"\"}" },
		{ { (const uint8_t *)"a\"b\\c", 5 }, "{\"v\":\"a\\\"b\\\\c\"}" },
		{ { (const uint8_t *)"\n\t\x7f", 3 }, "{\"v\":\"\\u000a\\u0009\\u007f\"}" },
		{ { (const uint8_t *)"\x1b[31m", 5 }, "{\"v\":\"\\u001b[31m\"}" },
		{ { (const uint8_t *)"\xc3\xa4", 2 }, "{\"v\":\"\xc3\xa4\"}" },
		{ { (const uint8_t *)"\xc3(", 2 }, "{\"v\":\"?(\"}" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char text[128];
		struct writer w;
		struct json_out j = { &w, false };
		writer_init(&w, text, sizeof text);
		json_begin(&j, NULL);
		json_text(&j, "v", cases[i].in);
		json_end(&j);
		assert_int_equal(writer_done(&w), ERR_OK);
		assert_true(view_equal_str(writer_view(&w), cases[i].out));
	}
}

static void members_and_objects_are_joined_by_commas(void **state)
{
	char text[128];
	struct writer w;
	struct json_out j = { &w, false };
	(void)state;
	writer_init(&w, text, sizeof text);
	json_begin(&j, NULL);
	json_begin(&j, "empty");
	json_end(&j);
	json_begin(&j, "in");
	json_u64(&j, "a", 0);
	json_u64(&j, "b", UINT64_MAX);
	json_end(&j);
	json_str(&j, "c", "d");
	json_end(&j);
	assert_true(view_equal_str(writer_view(&w), "{\"empty\":{},\"in\":{\"a\":0,\"b\":18446744073709551615},\"c\":\"d\"}"));
}

static void every_vendor_operation_has_one_row(void **state)
{
	static const uint32_t operations[] = {
#define VENDOR_OPERATION(id, number, name) number,
#include "kmip/vendor.def"
		OPERATION_RNG_RETRIEVE
	};
	size_t count;
	const struct op_row *rows = dispatch_rows(&count);
	(void)state;
	for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
		unsigned found = 0;
		for (size_t r = 0; r < count; r++) found += rows[r].operation == operations[i] && rows[r].run;
		assert_int_equal(found, 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_escaped),
		cmocka_unit_test(members_and_objects_are_joined_by_commas),
		cmocka_unit_test(every_vendor_operation_has_one_row),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
