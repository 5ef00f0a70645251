/* Lines of an audit export: frozen, written and read in one way, and never more than a line. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "audit/line_internal.h"
#include "unit/audit/lines.h"
#include "unit/keyring/fixture.h"

static struct audit_line line;
static uint8_t out[AUDIT_LINE_MAX];
static const char *const frozen[] = { "header", "record-1", "record-2", "checkpoint", "gap" };
#define FROZEN (sizeof frozen / sizeof frozen[0])

/* The line written anew from what was read. */
static struct view again(void)
{
	struct writer w;
	writer_init(&w, out, sizeof out);
	switch (line.kind) {
	case AUDIT_LINE_HEADER: audit_line_header(&line.domain, &line.before, &w); break;
	case AUDIT_LINE_RECORD: audit_line_record_named(&line.event, &line.links, line.operation, line.result, &w); break;
	case AUDIT_LINE_CHECKPOINT: audit_line_checkpoint(&line.domain, &line.checkpoint, &w); break;
	default: audit_line_gap(&line.domain, &line.gap, &w); break;
	}
	assert_int_equal(writer_done(&w), ERR_OK);
	return writer_view(&w);
}

static void frozen_lines_are_read_and_written(void **state)
{
	static const enum audit_line_kind kinds[] = { AUDIT_LINE_HEADER, AUDIT_LINE_RECORD, AUDIT_LINE_RECORD, AUDIT_LINE_CHECKPOINT, AUDIT_LINE_GAP };
	(void)state;
	for (size_t i = 0; i < FROZEN; i++) {
		assert_int_equal(audit_line_read(view_str(frozen_line(frozen[i])), &line), ERR_OK);
		assert_int_equal(line.kind, kinds[i]);
		struct view w = again();
		assert_int_equal(w.len, strlen(frozen_line(frozen[i])));
		assert_memory_equal(w.ptr, frozen_line(frozen[i]), w.len);
	}
}

static void what_a_frozen_record_says_is_what_was_done(void **state)
{
	static const char details[] = "\xc3\xa9\xe2\x80\xae\xe2\x80\xa8\xf0\x9f\x94\x91\x7f\x00\xff\xc3";
	(void)state;
	assert_int_equal(audit_line_read(view_str(frozen_line("record-2")), &line), ERR_OK);
	assert_int_equal(line.event.seq, 2);
	assert_int_equal(line.event.operation, 0x8000000C);
	assert_true(view_equal_str(line.event.principal, "tls:CN=\"a\\b\"\r\n{\"seq\":9}\x1b[2J"));
	assert_true(view_equal(line.event.details, view_of(details, sizeof details - 1)));
	assert_int_equal(line.event.object_id.len, 2);
	assert_int_equal(line.event.request_id.len, 16);
}

static void frozen_signatures_verify_and_no_other_does(void **state)
{
	struct domain_id domain;
	(void)state;
	fixture_domain(&domain);
	assert_int_equal(audit_line_read(view_str(frozen_line("checkpoint")), &line), ERR_OK);
	assert_int_equal(audit_checkpoint_verify(&domain, &line.checkpoint), ERR_OK);
	uint8_t *fields[] = { &line.checkpoint.signature[63], &line.checkpoint.at.link[31], &line.checkpoint.at.digest[0], &domain.id[0], &domain.node_id[15],
		(uint8_t *)&line.checkpoint.at.seq, (uint8_t *)&line.checkpoint.time_ms, &domain.public_key[3] };
	for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
		*fields[i] ^= 1;
		assert_int_equal(audit_checkpoint_verify(&domain, &line.checkpoint), ERR_CORRUPT);
		*fields[i] ^= 1;
	}
	assert_int_equal(audit_line_read(view_str(frozen_line("gap")), &line), ERR_OK);
	assert_int_equal(audit_gap_verify(&domain, &line.gap), ERR_OK);
	uint8_t *more[] = { &line.gap.signature[0], &line.gap.before[31], &line.gap.to.digest[0], &line.gap.to.link[0], (uint8_t *)&line.gap.from,
		(uint8_t *)&line.gap.to.seq, (uint8_t *)&line.gap.time_ms, (uint8_t *)(uintptr_t)line.gap.why.ptr };
	for (size_t i = 0; i < sizeof more / sizeof more[0]; i++) {
		*more[i] ^= 1;
		assert_int_equal(audit_gap_verify(&domain, &line.gap), ERR_CORRUPT);
		*more[i] ^= 1;
	}
}

/* One byte more or cut off: refused, or another thing is said, in its one way. */
static void no_other_bytes_say_the_same(void **state)
{
	static char changed[AUDIT_LINE_MAX];
	(void)state;
	for (size_t i = 0; i < FROZEN; i++) {
		const char *good = frozen_line(frozen[i]);
		size_t len = strlen(good);
		for (size_t at = 0; at <= len; at++) {
			memcpy(changed, good, at);
			memcpy(changed + at + 1, good + at, len - at);
			for (unsigned c = 0; c < 128; c++) {
				changed[at] = (char)c;
				if (audit_line_read(view_of(changed, len + 1), &line) != ERR_OK) continue;
				struct view w = again();
				assert_true(w.len == len + 1 && memcmp(w.ptr, changed, w.len) == 0);
			}
			if (at < len) assert_int_equal(audit_line_read(view_of(good, at), &line), ERR_CORRUPT);
		}
	}
}

static void names_that_do_not_fit_their_numbers_are_refused(void **state)
{
	static const struct { const char *from, *to; bool good; } changes[] = {
		{ "\"operation\":\"Create\"", "\"operation\":\"Destroy\"", false },
		{ "\"operation\":\"Create\"", "\"operation\":\"unknown operation\"", true },
		{ "\"operation\":\"Create\"", "\"operation\":\"event\"", false },
		{ "\"result\":\"ok\"", "\"result\":\"failed\"", false },
		{ "\"op\":1,", "\"op\":0,", false },
		{ "\"op\":1,", "\"op\":2415919103,", true }, /* a newer program's */
		{ "\"status\":0", "\"status\":1", false },
		{ "2023-11-14T22:13:20Z", "2023-11-14T22:13:21Z", false },
		{ "\"ms\":1700000000000", "\"ms\":01700000000000", false },
		{ "\"ms\":1700000000000", "\"ms\":1700000000999", true },
		{ "\"op\":1,", "\"op\":4294967297,", false },
		{ "\"epoch\":5", "\"epoch\":18446744073709551616", false },
		{ "4041", "4A41", false },
		{ "unix", "\\u0075nix", false },
		{ "unix", "\\ud800nix", false },
		{ "unix", "\\udc41nix", false },
		{ "unix", "\\udcc3\\udca9", false }, /* bytes that are a character after all */
	};
	static char changed[AUDIT_LINE_MAX];
	const char *good = frozen_line("record-1");
	(void)state;
	for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
		const char *at = strstr(good, changes[i].from);
		assert_non_null(at);
		size_t front = (size_t)(at - good), len = strlen(changes[i].to);
		memcpy(changed, good, front);
		memcpy(changed + front, changes[i].to, len);
		memcpy(changed + front + len, at + strlen(changes[i].from), strlen(at + strlen(changes[i].from)) + 1);
		enum coffer_err err = audit_line_read(view_str(changed), &line);
		if ((err == ERR_OK) != changes[i].good) fail_msg("%s", changes[i].to);
	}
}

/* Every byte, alone and behind others, in every text that comes from outside: one line of printable ASCII, which says the same. */
static void text_cannot_leave_its_line(void **state)
{
	static const char *const worse[] = { "\r\n<13>Jan 1 00:00:00 root: all is well", "\x1b]0;title\a\x1b[2J", "\xe2\x80\xae" "cba", "\xe2\x81\xa6\xe2\x81\xa9",
		"\xc2\x85\xc2\x9b" "31m", "\xed\xa0\x80\xed\xb0\x80", "\xf4\x90\x80\x80", "\xc0\xaf", "\xef\xbb\xbf", "\"}\n{\"checkpoint\":1", "\\u000a\\\"", "\xff\xfe\xfd",
		"\xf0\x9f\x94\x91\xf0\x9f\x94", "%n%s%x", "${jndi:x}" };
	uint8_t bytes[64];
	struct audit_links links = { .generation = 1 };
	(void)state;
	for (unsigned i = 0; i < 256 + sizeof worse / sizeof worse[0]; i++) {
		size_t len = i < 256 ? 3 : strlen(worse[i - 256]);
		if (i < 256) memcpy(bytes, (const uint8_t[]){ (uint8_t)i, 'x', (uint8_t)i }, 3);
		else memcpy(bytes, worse[i - 256], len);
		struct audit_event e = { .seq = 1, .principal = view_of(bytes, len), .details = view_of(bytes, len) };
		struct writer w;
		writer_init(&w, out, sizeof out);
		audit_line_record(&e, &links, &w);
		assert_int_equal(writer_done(&w), ERR_OK);
		for (size_t k = 0; k < writer_len(&w); k++) assert_in_range(out[k], 0x20, 0x7e);
		assert_int_equal(audit_line_read(writer_view(&w), &line), ERR_OK);
		assert_true(view_equal(line.event.principal, e.principal) && view_equal(line.event.details, e.details));
	}
}

static void the_longest_record_is_a_line_and_longer_texts_are_none(void **state)
{
	static uint8_t most[AUDIT_DETAILS_MAX + 1];
	uint8_t id[AUDIT_ID_MAX] = { 1 };
	struct audit_links links = { .generation = UINT32_MAX };
	(void)state;
	memset(most, 0xff, sizeof most);
	for (unsigned over = 0; over < 3; over++) {
		struct audit_event e = { .seq = UINT64_MAX, .time_ms = UINT64_MAX, .epoch = UINT64_MAX, .operation = UINT32_MAX, .status = UINT32_MAX,
			.result_reason = UINT32_MAX, .principal = view_of(most, AUDIT_PRINCIPAL_MAX + (over == 1)),
			.details = view_of(most, AUDIT_DETAILS_MAX + (over == 2)), .object_id = view_of(id, sizeof id), .request_id = view_of(id, sizeof id) };
		struct writer w;
		writer_init(&w, out, sizeof out);
		audit_line_record(&e, &links, &w);
		assert_int_equal(writer_done(&w), ERR_OK);
		assert_int_equal(audit_line_read(writer_view(&w), &line), over ? ERR_CORRUPT : ERR_OK);
		if (!over) assert_true(line.event.details.len == AUDIT_DETAILS_MAX && line.event.time_ms == UINT64_MAX);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(frozen_lines_are_read_and_written),
		cmocka_unit_test(what_a_frozen_record_says_is_what_was_done),
		cmocka_unit_test(frozen_signatures_verify_and_no_other_does),
		cmocka_unit_test(no_other_bytes_say_the_same),
		cmocka_unit_test(names_that_do_not_fit_their_numbers_are_refused),
		cmocka_unit_test(text_cannot_leave_its_line),
		cmocka_unit_test(the_longest_record_is_a_line_and_longer_texts_are_none),
	};
	return cmocka_run_group_tests(tests, lines_start, lines_stop);
}
