/* Configuration files: structure and precise errors. */
#include "base_test.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/ini.h"
#include "test_arena.h"

/* Writes "section.key=value@line;" for each key into the text at arg. */
static enum coffer_err note(void *arg, const struct ini_line *line, struct reason *reason)
{
	char *text = arg;
	size_t used = strlen(text);
	if (strcmp(line->key, "refuse") == 0)
		return reason_fail(reason, ERR_DENIED, "%s:%u: refused", line->file, line->line);
	snprintf(text + used, 1024 - used, "%s.%s=%s@%u;", line->section, line->key, line->value, line->line);
	return ERR_OK;
}

static void keys_come_with_their_section_value_and_line(void **state)
{
	char text[1024] = "";
	(void)state;
	assert_int_equal(ini_parse("f", LITERAL("# first\n a=1\n\n; second\nb = two words # not a comment  \n[ net ]\n"
		"\tb\t=\tx=y\nempty =\n[store]\nb=3"), note, text, NULL), ERR_OK);
	assert_string_equal(text, ".a=1@2;.b=two words # not a comment@5;net.b=x=y@7;net.empty=@8;store.b=3@10;");
}

static void an_empty_file_has_no_keys(void **state)
{
	static const char *const cases[] = { "", "\n", "\n\n", "# only\n", "   \t\n", "[section]\n" };
	(void)state;
	for (unsigned i = 0; i < COUNT(cases); i++) {
		char text[1024] = "";
		assert_int_equal(ini_parse("f", view_str(cases[i]), note, text, NULL), ERR_OK);
		assert_string_equal(text, "");
	}
}

static void errors_name_file_line_and_fault(void **state)
{
	const struct { struct view bytes; const char *prefix, *word; } cases[] = {
		{ LITERAL("a=1\nnonsense\n"), "f.conf:2: ", "key = value" },
		{ LITERAL("=1\n"), "f.conf:1: ", "no key" },
		{ LITERAL("a b=1\n"), "f.conf:1: ", "letters" },
		{ LITERAL("\n\n[open\n"), "f.conf:3: ", "']'" },
		{ LITERAL("[]\n"), "f.conf:1: ", "section name" },
		{ LITERAL("["), "f.conf:1: ", "']'" },
		{ LITERAL("[a\"b]\n"), "f.conf:1: ", "section name" },
		{ LITERAL("a=1\nb=2\na=3\n"), "f.conf:3: ", "a: given twice, first in line 1" },
		{ LITERAL("[s]\na=1\n[t]\na=1\n[s]\na=2\n"), "f.conf:6: ", "first in line 2" },
		{ LITERAL("a=\0\n"), "f.conf:1: ", "0x00" },
		{ LITERAL("a=1\r\n"), "f.conf:1: ", "Unix line ends" },
		{ LITERAL("a=\x1b\n"), "f.conf:1: ", "0x1b" },
		{ LITERAL("# \xff\n"), "f.conf:1: ", "UTF-8" },
	};
	(void)state;
	for (unsigned i = 0; i < COUNT(cases); i++) {
		char text[1024] = "";
		struct reason reason = { "" };
		assert_int_equal(ini_parse("f.conf", cases[i].bytes, note, text, &reason), ERR_USAGE);
		if (!strstr(reason.text, cases[i].word)) print_error("case %u: %s\n", i, reason.text);
		assert_memory_equal(reason.text, cases[i].prefix, strlen(cases[i].prefix));
		assert_non_null(strstr(reason.text, cases[i].word));
	}
}

static void the_readers_own_refusal_ends_the_parse(void **state)
{
	char text[1024] = "";
	struct reason reason = { "" };
	(void)state;
	assert_int_equal(ini_parse("f", LITERAL("a=1\nrefuse=1\nb=2\n"), note, text, &reason), ERR_DENIED);
	assert_string_equal(reason.text, "f:2: refused");
	assert_string_equal(text, ".a=1@1;");
}

static void lines_and_files_have_a_largest_size(void **state)
{
	char *large = malloc(INI_FILE_MAX + 1);
	char text[1024] = "";
	struct reason reason = { "" };
	(void)state;
	assert_non_null(large);
	memset(large, 'x', INI_FILE_MAX + 1);
	large[0] = '#';
	assert_int_equal(ini_parse("f", view_of(large, INI_LINE_MAX), note, text, &reason), ERR_OK);
	assert_int_equal(ini_parse("f", view_of(large, INI_LINE_MAX + 1), note, text, &reason), ERR_USAGE);
	assert_non_null(strstr(reason.text, "f:1: "));
	memset(large, '\n', INI_FILE_MAX + 1);
	assert_int_equal(ini_parse("f", view_of(large, INI_FILE_MAX), note, text, &reason), ERR_OK);
	assert_int_equal(ini_parse("f", view_of(large, INI_FILE_MAX + 1), note, text, &reason), ERR_USAGE);
	free(large);
}

static void files_are_read_and_missing_ones_reported(void **state)
{
	char path[] = "/tmp/coffer-test-ini-XXXXXX", text[1024] = "";
	struct reason reason = { "" };
	int fd = mkstemp(path);
	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "[s]\nk = v\n", 10), 10);
	close(fd);
	assert_int_equal(ini_parse_file(path, note, text, &reason), ERR_OK);
	assert_string_equal(text, "s.k=v@2;");
	unlink(path);
	assert_int_equal(ini_parse_file(path, note, text, &reason), ERR_NOT_FOUND);
	assert_non_null(strstr(reason.text, path));
	assert_int_equal(ini_parse_file("/tmp", note, text, &reason), ERR_IO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_come_with_their_section_value_and_line),
		cmocka_unit_test(an_empty_file_has_no_keys),
		cmocka_unit_test(errors_name_file_line_and_fault),
		cmocka_unit_test(the_readers_own_refusal_ends_the_parse),
		cmocka_unit_test(lines_and_files_have_a_largest_size),
		cmocka_unit_test(files_are_read_and_missing_ones_reported),
	};
	return cmocka_run_group_tests(tests, setup_arena, NULL);
}
