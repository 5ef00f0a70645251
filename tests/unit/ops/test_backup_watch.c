/* Telling once a day that no backup is verified: in the audit log, across restarts and whatever the clock does (docs/formats.md section 16.4). */
#include "ops/backup_watch.h"

#include <string.h>

#include "base/clock.h"
#include "keyring/generation.h"
#include "ops/backup_record.h"
#include "recovery/recovery.h"
#include "unit/ops/fixture.h"

#define HOUR_S UINT64_C(3600)
#define DAY_S UINT64_C(86400)

/* What the alert is told: whether it could be judged, and that one is missing. */
static void expect_judged(struct fix *f, bool missing)
{
	struct backup_watch watch = { .hushed = true };
	assert_int_equal(f->engine.on_store(&f->engine, backup_watch, &watch, NULL), ERR_OK);
	assert_true(watch.judged);
	assert_int_equal(watch.missing, missing);
}

/* A look of a process that has told it (hushed), or of one that was started anew. */
static bool look(struct fix *f, bool hushed)
{
	struct backup_watch watch = { .hushed = hushed };
	uint64_t rows = fix_audit_rows(f);
	assert_int_equal(f->engine.on_store(&f->engine, backup_watch, &watch, NULL), ERR_OK);
	assert_int_equal(fix_audit_rows(f), rows + watch.told);
	if (watch.told) assert_non_null(strstr(watch.sentence, "coffer backup create"));
	return watch.told;
}

static int start(void **state)
{
	char id[UUID_TEXT_LEN + 1];
	if (fix_start(state) != 0) return -1;
	struct fix *f = *state;
	f->config.backup_max_age_ms = 7 * DAY_S * 1000;
	fix_create(f, ADMIN, &(struct key_wish){ .name = "k" }, id); /* the audit log begins */
	return 0;
}

struct made {
	uint64_t at_s;
	bool verified;
};

static enum coffer_err put_backup(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	const struct made *made = arg;
	struct backup_record record = { .created_ms = made->at_s * 1000, .verified_ms = made->verified ? made->at_s * 1000 : 0, .principal = "unix:0" };
	(void)engine;
	(void)reason;
	memcpy(record.archive_id, &made->at_s, sizeof made->at_s);
	return backup_record_put(txn, &record);
}

static void backup(struct fix *f, bool verified)
{
	struct made made = { f->now_s, verified };
	assert_int_equal(f->engine.on_store(&f->engine, put_backup, &made, NULL), ERR_OK);
}

static void a_domain_without_a_backup_is_told_after_a_day_and_then_daily(void **state)
{
	struct fix *f = *state;
	f->now_s += DAY_S - 1;
	assert_false(look(f, false));
	f->now_s++;
	assert_true(look(f, false));
	for (int i = 0; i < 24; i++) {
		assert_false(look(f, true));
		f->now_s += HOUR_S - 1;
	}
	assert_false(look(f, true));
	f->now_s += 24;
	assert_true(look(f, false));
}

static void a_restart_does_not_double_it(void **state)
{
	struct fix *f = *state;
	f->now_s += 2 * DAY_S;
	assert_true(look(f, false));
	f->now_s += HOUR_S;
	assert_false(look(f, false));
	f->now_s += DAY_S;
	assert_true(look(f, false));
}

static void a_verified_backup_is_good_for_backup_max_age(void **state)
{
	struct fix *f = *state;
	f->now_s += 2 * DAY_S;
	backup(f, false);
	assert_true(look(f, false));
	f->now_s += 2 * DAY_S;
	backup(f, true);
	f->now_s += 7 * DAY_S - 1;
	assert_false(look(f, false));
	backup(f, false); /* one that nobody opened does not count */
	f->now_s++;
	assert_true(look(f, false));
	backup(f, true);
	f->now_s += 6 * DAY_S;
	assert_false(look(f, false));
}

static void a_short_backup_max_age_holds_from_the_first_day(void **state)
{
	struct fix *f = *state;
	f->config.backup_max_age_ms = HOUR_S * 1000;
	f->now_s += HOUR_S - 1;
	assert_false(look(f, false));
	f->now_s++;
	assert_true(look(f, false));
}

static void a_clock_set_forward_tells_at_most_once_a_day_of_the_other_clock(void **state)
{
	struct fix *f = *state;
	f->now_s += 2 * DAY_S;
	assert_true(look(f, false));
	for (int i = 0; i < 5; i++) {
		f->now_s += 30 * DAY_S;
		assert_false(look(f, true));
	}
	assert_true(look(f, false));
}

static void a_clock_that_was_ahead_neither_floods_nor_silences(void **state)
{
	struct fix *f = *state;
	f->now_s += 2 * DAY_S;
	const uint64_t now = f->now_s;
	f->now_s += 5 * 365 * DAY_S;
	assert_true(look(f, false));
	f->now_s = now;
	for (int i = 0; i < 3; i++) assert_false(look(f, false));
	f->now_s += DAY_S - 1;
	assert_false(look(f, false));
	f->now_s++;
	assert_true(look(f, false));
}

static void a_backup_of_the_future_does_not_silence_it(void **state)
{
	struct fix *f = *state;
	f->now_s += 2 * DAY_S;
	const uint64_t now = f->now_s;
	f->now_s += 5 * 365 * DAY_S;
	backup(f, true);
	f->now_s = now;
	assert_true(look(f, false));
	f->now_s += DAY_S;
	f->now_s += HOUR_S;
	backup(f, true); /* by a clock that is ahead by an hour */
	f->now_s -= HOUR_S;
	assert_false(look(f, false));
}

static enum coffer_err take_out(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	AUTO_SECRET struct secret *seed = fix_seed();
	(void)arg;
	(void)reason;
	TRY(generation_put_domain_key(txn_store(txn), txn_ring(txn), seed, engine->domain.public_key)); /* signs what is taken out */
	return audit_take_out(engine->audit, txn, audit_chain_length(engine->audit) - 2, true);
}

/* Its oldest record is of a minute ago, because those before went into archives. */
static void a_log_that_is_kept_short_does_not_look_young(void **state)
{
	struct fix *f = *state;
	struct backup_watch watch = { .hushed = false };
	char id[UUID_TEXT_LEN + 1];
	f->now_s += 2 * DAY_S;
	fix_create(f, ADMIN, &(struct key_wish){ .name = "busy" }, id);
	fix_create(f, ADMIN, &(struct key_wish){ .name = "busier" }, id);
	assert_int_equal(f->engine.on_store(&f->engine, take_out, NULL, NULL), ERR_OK);
	f->now_s += 60;
	assert_int_equal(f->engine.on_store(&f->engine, backup_watch, &watch, NULL), ERR_OK);
	assert_true(watch.missing && watch.told);
}

static void the_newest_verified_backup_is_not_pushed_out_by_newer_ones(void **state)
{
	struct fix *f = *state;
	f->now_s += DAY_S;
	backup(f, true);
	for (unsigned i = 0; i < BACKUP_RECORDS_MAX + 2; i++) {
		f->now_s += HOUR_S;
		backup(f, false);
	}
	f->now_s += DAY_S;
	assert_false(look(f, false));
}

static void a_clock_behind_says_nothing(void **state)
{
	struct fix *f = *state;
	f->now_s += 2 * DAY_S;
	backup(f, true);
	f->now_s -= 2 * DAY_S;
	f->wall_behind_s = 1000 * DAY_S;
	assert_false(look(f, false));
}

static void zero_tells_nothing(void **state)
{
	struct fix *f = *state;
	f->now_s += 100 * DAY_S;
	expect_judged(f, true);
	f->config.backup_max_age_ms = 0;
	assert_false(look(f, false));
	expect_judged(f, false); /* what was raised before clears */
}

/* Its backups are the database's, and 'coffer backup create' is refused there: what was raised before it was shared would stand for ever. */
static void on_a_store_that_several_nodes_share_none_is_missing(void **state)
{
	struct fix *f = *state;
	f->now_s += 100 * DAY_S;
	expect_judged(f, true);
	f->config.store_shared = true;
	assert_false(look(f, false));
	expect_judged(f, false);
}

static enum coffer_err put_none(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	(void)engine;
	(void)arg;
	(void)reason;
	return recovery_put_none(txn_store(txn), txn_ring(txn));
}

static void a_domain_without_recovery_is_not_told_what_it_cannot_have(void **state)
{
	struct fix *f = *state;
	assert_int_equal(f->engine.on_store(&f->engine, put_none, NULL, NULL), ERR_OK);
	f->now_s += 100 * DAY_S;
	assert_false(look(f, false));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_domain_without_a_backup_is_told_after_a_day_and_then_daily, start, fix_stop),
		cmocka_unit_test_setup_teardown(a_restart_does_not_double_it, start, fix_stop),
		cmocka_unit_test_setup_teardown(a_verified_backup_is_good_for_backup_max_age, start, fix_stop),
		cmocka_unit_test_setup_teardown(a_short_backup_max_age_holds_from_the_first_day, start, fix_stop),
		cmocka_unit_test_setup_teardown(a_clock_set_forward_tells_at_most_once_a_day_of_the_other_clock, start, fix_stop),
		cmocka_unit_test_setup_teardown(a_clock_that_was_ahead_neither_floods_nor_silences, start, fix_stop),
		cmocka_unit_test_setup_teardown(a_backup_of_the_future_does_not_silence_it, start, fix_stop),
		cmocka_unit_test_setup_teardown(a_log_that_is_kept_short_does_not_look_young, start, fix_stop),
		cmocka_unit_test_setup_teardown(the_newest_verified_backup_is_not_pushed_out_by_newer_ones, start, fix_stop),
		cmocka_unit_test_setup_teardown(a_clock_behind_says_nothing, start, fix_stop),
		cmocka_unit_test_setup_teardown(zero_tells_nothing, start, fix_stop),
		cmocka_unit_test_setup_teardown(on_a_store_that_several_nodes_share_none_is_missing, start, fix_stop),
		cmocka_unit_test_setup_teardown(a_domain_without_recovery_is_not_told_what_it_cannot_have, start, fix_stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
