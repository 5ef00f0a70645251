/* Shares: bytes, printed form, and the reader of what a person typed. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "recovery/share.h"
#include "unit/keyring/fixture.h"

static char text[8192];

static size_t sheet(unsigned x)
{
	struct view v = answer_sheet(x);
	memcpy(text, v.ptr, v.len);
	text[v.len] = '\0';
	return v.len;
}

/* Where line i of the share begins in text. */
static char *line(unsigned i)
{
	char start[8];
	snprintf(start, sizeof start, "\n%u  ", i);
	char *at = strstr(text, start);
	assert_non_null(at);
	return at + 1;
}

static void assert_refused(const char *typed, enum coffer_err expected, const char *sentence)
{
	struct share share = { 0 };
	struct reason why = { "" };
	enum coffer_err err = share_read(view_str(typed), &share, &why);
	if (err != expected || !strstr(why.text, sentence)) fail_msg("%s: %s\n%s", err_name(err), why.text, typed);
	assert_null(share.y);
}

static void assert_reads(const char *typed, uint8_t x)
{
	struct share share = { 0 };
	struct reason why = { "" };
	char name[16];
	if (share_read(view_str(typed), &share, &why) != ERR_OK) fail_msg("%s\n%s", why.text, typed);
	assert_int_equal(share.k, 3);
	assert_int_equal(share.n, 5);
	assert_int_equal(share.x, x);
	snprintf(name, sizeof name, "share-y-%u", x);
	assert_answer(name, secret_bytes(share.y), secret_len(share.y));
	share_done(&share);
}

static void frozen_sheets_read_and_print_again(void **state)
{
	(void)state;
	for (unsigned x = 1; x <= 5; x++) {
		struct share share = { 0 };
		AUTO_BUF struct buf printed = BUF_EMPTY;
		uint8_t digest[SHARE_DIGEST_LEN];
		sheet(x);
		assert_reads(text, (uint8_t)x);
		assert_int_equal(share_read(view_str(text), &share, NULL), ERR_OK);
		assert_answer("domain-fingerprint", share.fingerprint, sizeof share.fingerprint);
		assert_int_equal(share_print(&share, &printed), ERR_OK);
		assert_true(view_equal(buf_view(&printed), answer_sheet(x)));
		assert_int_equal(share_digest(&share, digest), ERR_OK);
		if (x == 2) assert_answer("share-digest-2", digest, sizeof digest);
		share_done(&share);
	}
}

static void what_people_do_to_a_sheet_still_reads(void **state)
{
	static const char *const typed[] = {
		/* lower case, no groups, digits for letters (0 1 8 for O I B), carriage returns, another order, remarks */
		"5 tgkjpbu5scj6vypm57hg6s2azidz\r\n\r\n1aebq-kaxq-6hzp-h5hv-6337-r6p2-zf6n\r\n"
		"  2: 7P6P.37X7.RQDP.QN4Y.ZLAN.CAJY.A4T3\r\n3 XEBQ FLHG PWU6 KOVQ KVMF WYTJ ZFLS\r\n"
		"4\tMRTX-M3LA-MONJ-DHE7-T2S2-RK4S-IC5E",
		"copied by hand\n1 AE8Q-KAXQ-6HZP-H5HV-6337-R6P2-ZF6N\n2 7P6P-37X7-RQDP-QN4Y-ZLAN-CAJY-A4T3\n"
		"3 XE8Q-FLHG-PWU6-K0VQ-KVMF-WYTJ-ZFLS\n4 MRTX-M3LA-M0NJ-DHE7-T2S2-RK4S-1C5E\n5 TGKJ-PBU5-SCJ6-VYPM-57HG-6S2A-Z1DZ\n9 nothing\n",
	};
	(void)state;
	for (size_t i = 0; i < sizeof typed / sizeof typed[0]; i++) assert_reads(typed[i], 2);
}

static void every_typo_of_one_character_is_found_in_its_line(void **state)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
	unsigned tried = 0;
	(void)state;
	sheet(2);
	for (unsigned i = 1; i <= 5; i++) {
		char sentence[32];
		snprintf(sentence, sizeof sentence, "line %u is mistyped", i);
		for (char *at = line(i) + 3; *at != '\n'; at++) {
			char right = *at;
			if (right == '-') continue;
			for (const char *wrong = alphabet; *wrong; wrong++) {
				if (*wrong == right) continue;
				*at = *wrong;
				assert_refused(text, ERR_CORRUPT, sentence);
				tried++;
			}
			*at = '%';
			assert_refused(text, ERR_CORRUPT, sentence);
			*at = right;
		}
	}
	assert_int_equal(tried, 5 * 28 * 31);
}

static void swapped_neighbours_and_lost_characters_are_found_in_their_line(void **state)
{
	(void)state;
	for (unsigned i = 1; i <= 5; i++) {
		char sentence[48];
		sheet(2);
		char *at = line(i) + 3; /* the first two characters of every line of sheet 2 differ */
		char first = at[0];
		assert_int_not_equal(first, at[1]);
		at[0] = at[1];
		at[1] = first;
		snprintf(sentence, sizeof sentence, "line %u is mistyped", i);
		assert_refused(text, ERR_CORRUPT, sentence);
		sheet(2);
		at = line(i) + 3;
		*at = ' ';
		snprintf(sentence, sizeof sentence, "line %u is mistyped: it has 27 characters", i);
		assert_refused(text, ERR_CORRUPT, sentence);
		*at = 'A';
		at[4] = 'A'; /* in place of '-' */
		snprintf(sentence, sizeof sentence, "line %u is mistyped: it has 29 characters", i);
		assert_refused(text, ERR_CORRUPT, sentence);
	}
}

static void a_line_under_a_wrong_number_is_mistyped(void **state)
{
	(void)state;
	sheet(2);
	line(3)[0] = '4';
	assert_refused(text, ERR_CORRUPT, "line 4 is mistyped");
}

static void missing_and_doubled_lines_are_named(void **state)
{
	(void)state;
	for (unsigned i = 1; i <= 5; i++) {
		char sentence[48], copy[64];
		sheet(2);
		char *at = line(i);
		size_t len = strcspn(at, "\n") + 1;
		memcpy(copy, at, len);
		copy[len] = '\0';
		snprintf(text + strlen(text), 64, "%s", copy);
		snprintf(sentence, sizeof sentence, "line %u is there twice", i);
		assert_refused(text, ERR_FIELD, sentence);
		sheet(2);
		line(i)[0] = '#';
		snprintf(sentence, sizeof sentence, "line %u is missing", i);
		assert_refused(text, ERR_MISSING, sentence);
	}
	assert_refused("", ERR_MISSING, "line 1 is missing");
	assert_refused("no share at all\n", ERR_MISSING, "line 1 is missing");
}

static void lines_of_two_sheets_are_not_one_share(void **state)
{
	char other[64];
	(void)state;
	for (unsigned i = 3; i <= 5; i++) { /* lines 2 of all sheets of a set are alike */
		sheet(4);
		memcpy(other, line(i), 38);
		sheet(2);
		if (memcmp(line(i), other, 38) == 0) continue;
		memcpy(line(i), other, 38);
		assert_refused(text, ERR_CORRUPT, "different shares");
	}
	sheet(4);
	memcpy(other, line(1), 38);
	sheet(2);
	memcpy(line(1), other, 38);
	assert_refused(text, ERR_CORRUPT, "different shares");
}

static void a_text_longer_than_a_share_is_refused(void **state)
{
	(void)state;
	size_t len = sheet(2);
	memset(text + len, '\n', SHARE_TEXT_MAX + 1 - len);
	text[SHARE_TEXT_MAX] = '\0';
	assert_reads(text, 2);
	text[SHARE_TEXT_MAX] = '\n';
	text[SHARE_TEXT_MAX + 1] = '\0';
	assert_refused(text, ERR_TOO_LARGE, "longer than a share");
}

static void numbers_that_make_no_sense_are_refused(void **state)
{
	static const struct { uint8_t k, n, x; } bad[] = { { 0, 5, 1 }, { 6, 5, 1 }, { 3, 5, 0 }, { 3, 5, 6 }, { 0, 0, 0 } };
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		AUTO_BUF struct buf printed = BUF_EMPTY;
		struct share share = { .k = bad[i].k, .n = bad[i].n, .x = bad[i].x, .y = rising_secret(1, 32) };
		assert_int_equal(share_print(&share, &printed), ERR_OK);
		assert_int_equal(buf_append(&printed, view_of("", 1)), ERR_OK);
		assert_refused((const char *)printed.ptr, ERR_FIELD, "make no sense");
		share_done(&share);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(frozen_sheets_read_and_print_again),
		cmocka_unit_test(what_people_do_to_a_sheet_still_reads),
		cmocka_unit_test(every_typo_of_one_character_is_found_in_its_line),
		cmocka_unit_test(swapped_neighbours_and_lost_characters_are_found_in_their_line),
		cmocka_unit_test(a_line_under_a_wrong_number_is_mistyped),
		cmocka_unit_test(missing_and_doubled_lines_are_named),
		cmocka_unit_test(lines_of_two_sheets_are_not_one_share),
		cmocka_unit_test(a_text_longer_than_a_share_is_refused),
		cmocka_unit_test(numbers_that_make_no_sense_are_refused),
	};
	return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
