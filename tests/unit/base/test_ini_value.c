/* Configuration values and near names. */
#include "base_test.h"

#include "base/ini.h"

typedef enum coffer_err number_fn(const struct ini_line *, uint64_t, uint64_t, uint64_t *, struct reason *);

static struct ini_line line_with(const char *value)
{
	return (struct ini_line){ "c.conf", 12, "s", "limit", value };
}

static void switches_have_six_words(void **state)
{
	static const struct { const char *text; int value; } cases[] = {
		{ "yes", 1 }, { "true", 1 }, { "on", 1 }, { "no", 0 }, { "false", 0 }, { "off", 0 },
		{ "", -1 }, { "1", -1 }, { "0", -1 }, { "Yes", -1 }, { "yes ", -1 }, { "y", -1 },
	};
	(void)state;
	for (unsigned i = 0; i < COUNT(cases); i++) {
		struct ini_line line = line_with(cases[i].text);
		struct reason reason = { "" };
		bool value = cases[i].value != 1;
		enum coffer_err err = ini_bool(&line, &value, &reason);
		assert_int_equal(err, cases[i].value < 0 ? ERR_USAGE : ERR_OK);
		if (err == ERR_OK) assert_int_equal(value, cases[i].value);
		if (err != ERR_OK) assert_memory_equal(reason.text, "c.conf:12: limit: ", 18);
	}
}

static void numbers_sizes_and_durations_are_exact_and_in_range(void **state)
{
	static const struct { number_fn *fn; const char *text; bool ok; uint64_t value; } cases[] = {
		{ ini_u64, "10", true, 10 }, { ini_u64, "9", false, 0 }, { ini_u64, "1000000000000", true, 1000000000000 },
		{ ini_u64, "1000000000001", false, 0 }, { ini_u64, "10K", false, 0 }, { ini_u64, "", false, 0 },
		{ ini_u64, "-10", false, 0 }, { ini_u64, "18446744073709551616", false, 0 },
		{ ini_size, "512", true, 512 }, { ini_size, "64K", true, 65536 }, { ini_size, "2M", true, 2097152 },
		{ ini_size, "1G", true, 1073741824 }, { ini_size, "1k", false, 0 }, { ini_size, "1T", false, 0 },
		{ ini_size, "K", false, 0 }, { ini_size, "1 K", false, 0 }, { ini_size, "1KB", false, 0 }, { ini_size, "9", false, 0 },
		{ ini_size, "18446744073709551615G", false, 0 }, { ini_size, "17179869184G", false, 0 },
		{ ini_duration_ms, "500ms", true, 500 }, { ini_duration_ms, "10s", true, 10000 }, { ini_duration_ms, "10", true, 10000 },
		{ ini_duration_ms, "5m", true, 300000 }, { ini_duration_ms, "1h", true, 3600000 },
		{ ini_duration_ms, "7d", true, 604800000 }, { ini_duration_ms, "1w", false, 0 }, { ini_duration_ms, "s", false, 0 },
		{ ini_duration_ms, "1.5s", false, 0 }, { ini_duration_ms, "9ms", false, 0 },
		{ ini_duration_ms, "18446744073709551615d", false, 0 },
	};
	(void)state;
	for (unsigned i = 0; i < COUNT(cases); i++) {
		struct ini_line line = line_with(cases[i].text);
		struct reason reason = { "" };
		uint64_t value = 0;
		enum coffer_err err = cases[i].fn(&line, 10, UINT64_C(1000000000000), &value, &reason);
		if (err != (cases[i].ok ? ERR_OK : ERR_USAGE)) print_error("'%s'\n", cases[i].text);
		assert_int_equal(err, cases[i].ok ? ERR_OK : ERR_USAGE);
		assert_true(value == cases[i].value);
		if (err != ERR_OK) assert_memory_equal(reason.text, "c.conf:12: limit: ", 18);
	}
}

static void a_hostile_value_is_shown_harmlessly(void **state)
{
	struct ini_line line = line_with("\x1b[2Jxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
	struct reason reason = { "" };
	uint64_t value;
	(void)state;
	assert_int_equal(ini_u64(&line, 0, 1, &value, &reason), ERR_USAGE);
	assert_null(strchr(reason.text, '\x1b'));
	assert_true(strlen(reason.text) < 150);
}

static void the_nearest_name_is_at_most_three_edits_away(void **state)
{
	static const char *const names[] = { "listen", "store_path", "log_level", "token", NULL };
	static const struct { const char *word, *near; } cases[] = {
		{ "listen", "listen" }, { "lisen", "listen" }, { "store-path", "store_path" }, { "storepath", "store_path" },
		{ "loglevle", "log_level" }, { "tok", "token" }, { "tokens", "token" }, { "audit_retention", NULL },
		{ "completely-else", NULL },
	};
	static const char *const none[] = { NULL };
	char large[200];
	(void)state;
	for (unsigned i = 0; i < COUNT(cases); i++) {
		const char *near = ini_nearest(cases[i].word, names);
		if (!cases[i].near) assert_null(near);
		if (cases[i].near) assert_string_equal(near, cases[i].near);
	}
	assert_null(ini_nearest("listen", none));
	memset(large, 'x', sizeof large - 1);
	large[sizeof large - 1] = '\0';
	assert_null(ini_nearest(large, names));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(switches_have_six_words),
		cmocka_unit_test(numbers_sizes_and_durations_are_exact_and_in_range),
		cmocka_unit_test(a_hostile_value_is_shown_harmlessly),
		cmocka_unit_test(the_nearest_name_is_at_most_three_edits_away),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
