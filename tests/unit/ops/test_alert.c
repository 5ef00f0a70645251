/* Conditions, events, their queue and what is kept of them, on a clock that the tests move. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "ops/alert.h"

static uint64_t mono_ms, wall_s;
static struct alerts *a;

static uint64_t get_wall(void *arg)
{
	(void)arg;
	return wall_s;
}

static uint64_t get_mono(void *arg)
{
	(void)arg;
	return mono_ms;
}

static const struct clock_source source = { get_wall, get_mono, NULL };

static int start(void **state)
{
	(void)state;
	mono_ms = 5000;
	wall_s = 1700000000;
	clock_set_source(&source);
	a = alerts_new();
	return a ? 0 : -1;
}

static int stop(void **state)
{
	(void)state;
	alerts_free(a);
	clock_set_source(NULL);
	return 0;
}

static void pass(uint64_t ms)
{
	mono_ms += ms;
	wall_s += ms / 1000;
	alerts_look(a);
}

/* How many events are told now, the last of them in *last. */
static unsigned tell_all(struct alert_event *last, uint64_t *dropped)
{
	unsigned n = 0;
	uint64_t gone, ignored;
	if (!dropped) dropped = &ignored;
	for (*dropped = 0; alerts_begin(a, last, &gone); n++) {
		*dropped += gone;
		alerts_told(a, gone);
	}
	return n;
}

static void a_fact_that_holds_is_told_once_and_its_end_once(void **state)
{
	struct alert_event e;
	(void)state;
	alert_set(a, ALERT_TOKEN, ALERT_BAD, "the token is gone");
	pass(1999);
	assert_int_equal(tell_all(&e, NULL), 0);
	pass(1);
	for (unsigned i = 0; i < 100; i++) {
		alert_set(a, ALERT_TOKEN, ALERT_BAD, "the token is still gone");
		pass(500);
	}
	assert_int_equal(tell_all(&e, NULL), 1);
	assert_int_equal(e.number, 1);
	assert_int_equal(e.state, ALERT_RAISED);
	assert_int_equal(e.since_s, 1700000000);
	assert_string_equal(e.sentence, "the token is gone");
	alert_set(a, ALERT_TOKEN, ALERT_WELL, "");
	pass(ALERT_CALM_MS - 1);
	assert_int_equal(tell_all(&e, NULL), 0);
	for (unsigned i = 0; i < 100; i++) pass(500);
	assert_int_equal(tell_all(&e, NULL), 1);
	assert_int_equal(e.number, 2);
	assert_int_equal(e.state, ALERT_CLEARED);
	assert_int_equal(alert_severity_of(&e), ALERT_INFO);
	assert_string_equal(e.sentence, "the token is still gone");
}

static void what_is_not_known_changes_nothing(void **state)
{
	struct alert_event e;
	(void)state;
	alert_set(a, ALERT_BACKUP, ALERT_BAD, "none");
	pass(1);
	assert_int_equal(tell_all(&e, NULL), 1);
	alert_set(a, ALERT_BACKUP, ALERT_UNKNOWN, NULL);
	pass(100000000);
	assert_int_equal(tell_all(&e, NULL), 0);
	alert_set(a, ALERT_BACKUP, ALERT_BAD, "none");
	pass(100000000);
	assert_int_equal(tell_all(&e, NULL), 0);
}

/* Bad and well in turns, for a day, at every pace: what it costs is bounded. */
static void what_flaps_is_told_less_and_less(void **state)
{
	struct alert_event e;
	static const uint64_t paces[] = { 500, 3000, 10000, 60000, 599000, 700000 };
	(void)state;
	for (unsigned p = 0; p < sizeof paces / sizeof paces[0]; p++) {
		unsigned events = 0;
		stop(NULL);
		assert_int_equal(start(NULL), 0);
		for (uint64_t t = 0; t < 86400000; t += 500) {
			alert_set(a, ALERT_STORE_FULL, t / paces[p] % 2 ? ALERT_WELL : ALERT_BAD, "full");
			pass(500);
			events += tell_all(&e, NULL);
		}
		assert_in_range(events, 1, 2 * 144 + 20);
	}
}

static void an_hour_of_calm_forgets_that_it_flapped(void **state)
{
	struct alert_event e;
	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		alert_set(a, ALERT_STORE_FULL, ALERT_BAD, "full");
		pass(500);
		alert_set(a, ALERT_STORE_FULL, ALERT_WELL, "");
		pass(ALERT_CALM_MS << i);
		assert_int_equal(tell_all(&e, NULL), 2);
	}
	pass(ALERT_CALM_FORGET_MS);
	alert_set(a, ALERT_STORE_FULL, ALERT_BAD, "full");
	pass(500);
	alert_set(a, ALERT_STORE_FULL, ALERT_WELL, "");
	pass(ALERT_CALM_MS);
	assert_int_equal(tell_all(&e, NULL), 2);
}

static void a_full_queue_drops_the_oldest_and_says_so_in_the_next(void **state)
{
	struct alert_event e;
	uint64_t dropped;
	(void)state;
	for (unsigned i = 0; i < ALERT_QUEUE; i++) assert_int_equal(alert_happened(a, ALERT_TAKEOVER, "x"), i + 1);
	assert_true(alerts_begin(a, &e, &dropped));
	assert_int_equal(e.number, 1);
	for (unsigned i = 0; i < 3; i++) alert_happened(a, ALERT_TAKEOVER, "x");
	alerts_told(a, dropped); /* the one under way was not dropped, and did not tell of what left meanwhile */
	assert_true(alerts_begin(a, &e, &dropped));
	assert_int_equal(e.number, 5);
	assert_int_equal(dropped, 3);
	alerts_not_told(a);
	assert_true(alerts_begin(a, &e, &dropped));
	assert_int_equal(dropped, 3);
	alerts_told(a, dropped);
	assert_true(alerts_begin(a, &e, &dropped));
	assert_int_equal(e.number, 6);
	assert_int_equal(dropped, 0);
}

static void what_is_being_told_is_not_the_one_that_leaves(void **state)
{
	struct alert_event e;
	uint64_t dropped;
	(void)state;
	for (unsigned i = 0; i < ALERT_QUEUE; i++) alert_happened(a, ALERT_TAKEOVER, "x");
	assert_true(alerts_begin(a, &e, &dropped));
	alert_happened(a, ALERT_TAKEOVER, "x");
	alerts_not_told(a);
	assert_true(alerts_begin(a, &e, &dropped));
	assert_int_equal(e.number, 1);
	assert_int_equal(dropped, 1);
}

static void log_and_journal_get_each_event_once(void **state)
{
	struct alert_event e;
	unsigned n = 0;
	(void)state;
	for (unsigned i = 0; i < 2 * ALERT_QUEUE; i++) alert_happened(a, ALERT_NODE_JOINED, "x");
	while (alerts_take_fresh(a, &e)) n++;
	assert_int_equal(n, ALERT_QUEUE); /* what was dropped before it was looked at is gone */
	assert_int_equal(e.number, 2 * ALERT_QUEUE);
	alert_happened(a, ALERT_NODE_REMOVED, "y");
	assert_true(alerts_take_fresh(a, &e));
	assert_int_equal(e.name, ALERT_NODE_REMOVED);
	assert_false(alerts_take_fresh(a, &e));
	assert_int_equal(tell_all(&e, NULL), ALERT_QUEUE);
}

static void one_test_waits_at_a_time(void **state)
{
	struct alert_event e;
	(void)state;
	assert_int_equal(alert_happened(a, ALERT_TEST, "x"), 1);
	assert_true(alerts_is_hurried(a));
	assert_false(alerts_is_hurried(a));
	assert_int_equal(alert_happened(a, ALERT_TEST, "x"), 0);
	assert_int_equal(tell_all(&e, NULL), 1);
	assert_int_equal(alert_happened(a, ALERT_TEST, "x"), 2);
	assert_int_equal(alert_happened(NULL, ALERT_TEST, "x"), 0);
	alert_set(NULL, ALERT_TOKEN, ALERT_BAD, "nobody is told");
}

static size_t save(uint8_t bytes[static ALERT_RECORD_MAX])
{
	size_t len = 0;
	assert_int_equal(alerts_save(a, bytes, ALERT_RECORD_MAX, &len), ERR_OK);
	return len;
}

static void restart_from(const uint8_t *bytes, size_t len)
{
	alerts_free(a);
	a = alerts_new();
	assert_non_null(a);
	mono_ms = 10; /* another boot */
	assert_int_equal(alerts_load(a, view_of(bytes, len)), ERR_OK);
}

/* What was said before the record is read: facts stay, and nothing of it is told to log and journal a second time. */
static void facts_that_are_older_than_the_record_stay(void **state)
{
	static uint8_t bytes[ALERT_RECORD_MAX];
	struct alert_event e;
	(void)state;
	size_t len = save(bytes);
	alerts_free(a);
	a = alerts_new();
	assert_non_null(a);
	alert_set(a, ALERT_TOKEN, ALERT_BAD, "the token is gone");
	assert_int_equal(alert_happened(a, ALERT_TEST, "x"), 1);
	assert_int_equal(alerts_load(a, view_of(bytes, len)), ERR_OK);
	assert_false(alerts_take_fresh(a, &e));
	pass(60000);
	assert_int_equal(tell_all(&e, NULL), 1);
	assert_int_equal(e.name, ALERT_TOKEN);
}

static void a_restart_repeats_nothing_and_forgets_nothing(void **state)
{
	static uint8_t bytes[ALERT_RECORD_MAX];
	struct alert_event e;
	(void)state;
	alert_set(a, ALERT_TOKEN, ALERT_BAD, "the token is gone");
	alert_set(a, ALERT_BACKUP, ALERT_BAD, "none is verified");
	pass(2000);
	assert_int_equal(tell_all(&e, NULL), 2);
	alert_happened(a, ALERT_TAKEOVER, "not told before the end");
	assert_true(alerts_is_dirty(a));
	size_t len = save(bytes);
	assert_false(alerts_is_dirty(a));
	restart_from(bytes, len);
	alert_set(a, ALERT_TOKEN, ALERT_BAD, "the token is gone");
	pass(60000);
	assert_int_equal(tell_all(&e, NULL), 1);
	assert_int_equal(e.name, ALERT_TAKEOVER);
	assert_string_equal(e.sentence, "not told before the end");
	alert_set(a, ALERT_TOKEN, ALERT_WELL, "");
	pass(ALERT_CALM_MS);
	assert_int_equal(tell_all(&e, NULL), 1);
	assert_int_equal(e.number, 4);
	assert_int_equal(e.since_s, 1700000000);
}

static void how_calm_it_must_be_outlives_a_restart(void **state)
{
	static uint8_t bytes[ALERT_RECORD_MAX];
	struct alert_event e;
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		alert_set(a, ALERT_STORE_FULL, ALERT_BAD, "full");
		pass(500);
		alert_set(a, ALERT_STORE_FULL, ALERT_WELL, "");
		pass(ALERT_CALM_MS << i);
	}
	tell_all(&e, NULL);
	restart_from(bytes, save(bytes));
	alert_set(a, ALERT_STORE_FULL, ALERT_BAD, "full");
	pass(500);
	alert_set(a, ALERT_STORE_FULL, ALERT_WELL, "");
	pass(ALERT_CALM_MS << 3);
	assert_int_equal(tell_all(&e, NULL), 1);
	pass(ALERT_CALM_MS << 3);
	assert_int_equal(tell_all(&e, NULL), 1);
}

static void the_largest_record_fits_and_every_damage_is_refused_or_harmless(void **state)
{
	static uint8_t bytes[ALERT_RECORD_MAX], damaged[ALERT_RECORD_MAX];
	static const enum alert_name all[] = { ALERT_TOKEN, ALERT_CLOSED, ALERT_STORE_FULL, ALERT_STORE_FAILED, ALERT_AUDIT_UNWRITTEN, ALERT_AUDIT_EXPORT,
		ALERT_INTEGRITY, ALERT_ROLLBACK, ALERT_UNANCHORED, ALERT_BACKUP, ALERT_CLOCK, ALERT_MEMORY, ALERT_MASTER_LOST, ALERT_DATABASE_LOST, ALERT_NODE_CLONED };
	char longest[600];
	(void)state;
	memset(longest, 'w', sizeof longest);
	longest[sizeof longest - 1] = '\0';
	for (unsigned i = 0; i < sizeof all / sizeof all[0]; i++) alert_set(a, all[i], ALERT_BAD, longest);
	pass(60000);
	for (unsigned i = 0; i < 2 * ALERT_QUEUE; i++) alert_happened(a, ALERT_AUDIT_GAP, longest);
	size_t len = save(bytes);
	for (size_t cut = 0; cut < len; cut++) {
		struct alerts *b = alerts_new();
		assert_int_equal(alerts_load(b, view_of(bytes, cut)), ERR_INPUT);
		alerts_free(b);
	}
	for (size_t at = 0; at < len; at++) {
		struct alerts *b = alerts_new();
		memcpy(damaged, bytes, len);
		damaged[at] ^= (uint8_t)(1u << at % 8);
		enum coffer_err err = alerts_load(b, view_of(damaged, len));
		assert_true(err == ERR_OK || err == ERR_INPUT);
		alerts_look(b);
		alerts_free(b);
	}
}

static void a_line_is_one_line_and_no_sentence_breaks_it(void **state)
{
	struct alert_event e;
	uint64_t dropped;
	static const char breaking[] = "\",\"event\":\"none\"\n\033[2J\x7f\\\xff";
	char line[ALERT_LINE_MAX], hostile[300];
	size_t len;
	const struct alert_origin origin = { "host", "0b0f1e34-0000-4000-8000-000000000001", "RQDP-QN4Y" };
	(void)state;
	memset(hostile, '"', sizeof hostile);
	memcpy(hostile, breaking, sizeof breaking - 1);
	hostile[sizeof hostile - 1] = '\0';
	alert_happened(a, ALERT_NODE_JOINED, hostile);
	assert_true(alerts_begin(a, &e, &dropped));
	assert_int_equal(alert_line(&e, &origin, 7, line, sizeof line, &len), ERR_OK);
	assert_int_equal(line[len - 1], '\n');
	assert_null(memchr(line, '\n', len - 1));
	assert_null(memchr(line, '\033', len));
	line[len - 1] = '\0';
	assert_ptr_equal(strstr(line, "{\"format\":1,\"id\":\"0b0f1e34-0000-4000-8000-000000000001-1\",\"number\":1,\"event\":\"node_joined\",\"state\":\"once\",\"severity\":\"warning\","
		"\"time\":\"2023-11-14T22:13:20Z\",\"since\":\"2023-11-14T22:13:20Z\",\"sentence\":\"\\\",\\\"event"), line);
	assert_non_null(strstr(line, "\"dropped\":7,"));
	assert_int_equal(alert_line(&e, &origin, 7, line, 100, &len), ERR_TOO_LARGE);
}

static void names_and_journal_ids_are_all_different(void **state)
{
	static const enum alert_name all[] = {
#define CONDITION(id, number, name, hold_ms, severity, message_id) ALERT_##id,
#define EVENT(id, number, name, severity, message_id) ALERT_##id,
#include "ops/alert.def"
	};
	(void)state;
	for (unsigned i = 0; i < sizeof all / sizeof all[0]; i++) {
		assert_int_equal(strspn(alert_message_id(all[i]), "0123456789abcdef"), 32);
		for (unsigned j = 0; j < i; j++) {
			assert_int_not_equal(all[i], all[j]);
			assert_string_not_equal(alert_name_text(all[i]), alert_name_text(all[j]));
			assert_string_not_equal(alert_message_id(all[i]), alert_message_id(all[j]));
		}
	}
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, start, stop)
	const struct CMUnitTest tests[] = {
		T(a_fact_that_holds_is_told_once_and_its_end_once), T(what_is_not_known_changes_nothing), T(what_flaps_is_told_less_and_less),
		T(an_hour_of_calm_forgets_that_it_flapped), T(a_full_queue_drops_the_oldest_and_says_so_in_the_next), T(what_is_being_told_is_not_the_one_that_leaves),
		T(log_and_journal_get_each_event_once),
		T(one_test_waits_at_a_time), T(a_restart_repeats_nothing_and_forgets_nothing), T(how_calm_it_must_be_outlives_a_restart),
		T(one_test_waits_at_a_time), T(facts_that_are_older_than_the_record_stay), T(how_calm_it_must_be_outlives_a_restart),
		T(the_largest_record_fits_and_every_damage_is_refused_or_harmless), T(a_line_is_one_line_and_no_sentence_breaks_it),
		T(names_and_journal_ids_are_all_different),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
