/* The token proxy with helpers and tokens that hang, crash, lie or refuse. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "fake_tokend.h"
#include "test_arena.h"
#include "token/proxy_internal.h"

#define HOUR_MS 3600000u
#define CURE_LIMIT_MS 5000u /* serving again so long after the fault is gone */

static void proxy_ends_a_helper_that_breaks_the_rules_and_starts_another(void **state)
{
	static const struct { enum fake_act act; enum coffer_err err; enum token_state after; const char *sentence; } cases[] = {
		{ FAKE_HANG, ERR_TIMEOUT, TOKEN_NOT_ANSWERING,
			"the token did not answer within 500 ms; its helper was ended and is started again" },
		{ FAKE_CRASH, ERR_TOKEN_GONE, TOKEN_GONE, "coffer-tokend ended during a call; it is started again" },
		{ FAKE_STALE, ERR_TOKEN_GONE, TOKEN_GONE, "coffer-tokend gave an answer that is not one (INPUT); it is started again" },
		{ FAKE_OVERSIZE, ERR_TOKEN_GONE, TOKEN_GONE,
			"coffer-tokend gave an answer that is not one (TOO_LARGE); it is started again" },
		{ FAKE_GARBAGE, ERR_TOKEN_GONE, TOKEN_GONE, "coffer-tokend gave an answer that is not one (INPUT); it is started again" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct fake *f = fake_new();
		struct token_proxy *p = fake_proxy(f, &fake_binding, HOUR_MS);
		struct reason why = { "" };
		uint8_t byte = 0;
		fake_await(p, TOKEN_WELL, 5000);
		fake_set(f, CHANNEL_RANDOM, cases[i].act, ERR_OK);
		uint64_t began = clock_mono_ms();
		assert_int_equal(token_proxy_random(p, &byte, 1, &why), cases[i].err);
		assert_true(clock_mono_ms() - began < 3000);
		assert_string_equal(why.text, cases[i].sentence);
		assert_int_equal(byte, 0);
		fake_set(f, CHANNEL_RANDOM, FAKE_DO, ERR_OK);
		fake_await(p, TOKEN_WELL, CURE_LIMIT_MS);
		assert_int_equal(token_proxy_random(p, &byte, 1, &why), ERR_OK);
		assert_int_equal(fake_starts(f), 2);
		assert_int_equal(f->seen[0], TOKEN_WELL);
		assert_int_equal(f->seen[1], cases[i].after);
		assert_int_equal(f->seen[2], TOKEN_WELL);
		token_proxy_free(p);
		fake_free(f);
	}
}

/* Every way in which an opening token may fail and be cured without an operator's word. */
static void proxy_recovers_within_five_seconds_of_the_cure(void **state)
{
	static const struct { enum channel_op op; enum fake_act act; enum coffer_err err; enum token_state during; } cases[] = {
		{ CHANNEL_OPEN, FAKE_FAIL, ERR_TOKEN_GONE, TOKEN_GONE }, { CHANNEL_OPEN, FAKE_HANG, ERR_OK, TOKEN_NOT_ANSWERING },
		{ CHANNEL_OPEN, FAKE_CRASH, ERR_OK, TOKEN_GONE }, { CHANNEL_ATTACH, FAKE_FAIL, ERR_TOKEN_OTHER, TOKEN_OTHER },
		{ CHANNEL_ATTACH, FAKE_FAIL, ERR_TOKEN_KEY_MISSING, TOKEN_KEY_MISSING },
		{ CHANNEL_ATTACH, FAKE_FAIL, ERR_TOKEN_REFUSED, TOKEN_REFUSED }, { CHANNEL_PROBE, FAKE_FAIL, ERR_TOKEN, TOKEN_GONE },
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct fake *f = fake_new();
		struct token_proxy *p = fake_proxy(f, &fake_binding, 20);
		struct token_health h;
		uint8_t byte;
		fake_await(p, TOKEN_WELL, 5000);
		fake_set(f, cases[i].op, cases[i].act, cases[i].err);
		if (cases[i].op != CHANNEL_PROBE) fake_set(f, CHANNEL_RANDOM, FAKE_CRASH, ERR_OK);
		if (cases[i].op != CHANNEL_PROBE) assert_int_equal(token_proxy_random(p, &byte, 1, NULL), ERR_TOKEN_GONE);
		fake_await(p, cases[i].during, 5000);
		do { /* until the pauses have grown */
			fake_await(p, cases[i].during, 5000);
			token_proxy_health(p, &h);
		} while (h.failures < 3);
		uint64_t began = clock_mono_ms();
		assert_int_not_equal(token_proxy_random(p, &byte, 1, NULL), ERR_OK);
		assert_true(clock_mono_ms() - began < 1000); /* at once: nobody waits for a token that is known to be away */
		fake_set(f, CHANNEL_RANDOM, FAKE_DO, ERR_OK);
		fake_set(f, cases[i].op, FAKE_DO, ERR_OK);
		fake_await(p, TOKEN_WELL, CURE_LIMIT_MS);
		assert_int_equal(token_proxy_random(p, &byte, 1, NULL), ERR_OK);
		token_proxy_free(p);
		fake_free(f);
	}
}

/* Watches for longer than any pause that no further open comes. */
static void assert_opens_stay(struct fake *f, unsigned opens)
{
	const struct timespec tick = { 0, 20000000 };
	for (uint64_t until = clock_mono_ms() + 2300; clock_mono_ms() < until; nanosleep(&tick, NULL))
		assert_int_equal(fake_count(f, CHANNEL_OPEN), opens);
}

static void proxy_tries_a_wrong_pin_once(void **state)
{
	static const struct { enum coffer_err err; enum token_state state; const char *advice; } cases[] = {
		{ ERR_AUTH, TOKEN_WRONG_PIN, "the fake says AUTH; correct the PIN, then reload" },
		{ ERR_TOKEN_LOCKED, TOKEN_LOCKED, "the fake says TOKEN_LOCKED; unlock it or wait" },
	};
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct fake *f = fake_new();
		fake_set(f, CHANNEL_OPEN, FAKE_FAIL, cases[i].err);
		struct token_proxy *p = fake_proxy(f, &fake_binding, 20);
		struct token_health h;
		struct reason why = { "" };
		uint8_t byte;
		fake_await(p, cases[i].state, 5000);
		assert_int_equal(token_proxy_random(p, &byte, 1, &why), cases[i].err);
		assert_int_equal(token_proxy_probe_now(p, 5000, &why), cases[i].err);
		assert_opens_stay(f, 1);
		token_proxy_health(p, &h);
		assert_int_equal(strncmp(h.sentence, cases[i].advice, strlen(cases[i].advice)), 0);
		token_proxy_retry(p); /* still wrong: exactly one more */
		while (fake_count(f, CHANNEL_OPEN) < 2) fake_await(p, cases[i].state, 5000);
		assert_opens_stay(f, 2);
		fake_set(f, CHANNEL_OPEN, FAKE_DO, ERR_OK);
		token_proxy_retry(p);
		fake_await(p, TOKEN_WELL, 5000);
		assert_int_equal(fake_count(f, CHANNEL_OPEN), 3);
		token_proxy_free(p);
		fake_free(f);
	}
}

static void proxy_tries_a_pin_that_became_wrong_once(void **state)
{
	struct fake *f = fake_new();
	struct token_proxy *p = fake_proxy(f, &fake_binding, HOUR_MS);
	uint8_t byte;
	(void)state;
	fake_await(p, TOKEN_WELL, 5000);
	fake_set(f, CHANNEL_OPEN, FAKE_FAIL, ERR_AUTH);
	fake_set(f, CHANNEL_RANDOM, FAKE_CRASH, ERR_OK);
	assert_int_equal(token_proxy_random(p, &byte, 1, NULL), ERR_TOKEN_GONE);
	fake_await(p, TOKEN_WRONG_PIN, 5000);
	assert_opens_stay(f, 2);
	token_proxy_free(p);
	fake_free(f);
}

static void proxy_notices_at_once_that_an_idle_helper_ended(void **state)
{
	struct fake *f = fake_new();
	struct token_proxy *p = fake_proxy(f, &fake_binding, HOUR_MS);
	(void)state;
	assert_int_equal(token_proxy_probe_now(p, 5000, NULL), ERR_OK);
	fake_crash(f);
	for (uint64_t until = clock_mono_ms() + 2000; fake_starts(f) < 2;) assert_true(clock_mono_ms() < until);
	fake_await(p, TOKEN_WELL, 5000);
	assert_int_equal(f->seen[1], TOKEN_GONE);
	token_proxy_free(p);
	fake_free(f);
}

static void proxy_keeps_trying_while_helpers_cannot_be_started(void **state)
{
	struct fake *f = fake_new();
	struct token_health h;
	(void)state;
	f->start_fails = true;
	struct token_proxy *p = fake_proxy(f, &fake_binding, HOUR_MS);
	fake_await(p, TOKEN_GONE, 5000);
	token_proxy_health(p, &h);
	assert_string_equal(h.sentence, "no helper today");
	pthread_mutex_lock(&f->lock);
	f->start_fails = false;
	pthread_mutex_unlock(&f->lock);
	fake_await(p, TOKEN_WELL, CURE_LIMIT_MS);
	token_proxy_free(p);
	fake_free(f);
}

static void proxy_probe_now_waits_no_longer_than_told(void **state)
{
	struct fake *f = fake_new();
	fake_set(f, CHANNEL_OPEN, FAKE_HANG, ERR_OK);
	struct token_proxy *p = fake_proxy(f, &fake_binding, HOUR_MS);
	struct reason why = { "" };
	(void)state;
	uint64_t began = clock_mono_ms();
	assert_int_equal(token_proxy_probe_now(p, 50, &why), ERR_TIMEOUT);
	assert_true(clock_mono_ms() - began < 800);
	assert_string_equal(why.text, "the token did not answer within 50 ms");
	token_proxy_free(p);
	fake_free(f);
}

static void proxy_frees_at_once_while_the_token_hangs(void **state)
{
	struct fake *f = fake_new();
	fake_set(f, CHANNEL_OPEN, FAKE_HANG, ERR_OK);
	struct token_proxy_config config = { .uri = "tpm2:fake", .spawner = &f->spawner, .deadline_ms = 60000 };
	struct token_proxy *p = NULL;
	(void)state;
	assert_int_equal(token_proxy_new(&config, &p, NULL), ERR_OK);
	while (fake_count(f, CHANNEL_OPEN) == 0) fake_await(p, TOKEN_STARTING, 1000);
	uint64_t began = clock_mono_ms();
	token_proxy_free(p);
	assert_true(clock_mono_ms() - began < 2000);
	fake_free(f);
}

struct caller {
	struct token_proxy *p;
	pthread_t thread;
	enum coffer_err err;
	struct reason why;
};

static void *call_token(void *arg)
{
	struct caller *c = arg;
	uint8_t byte;
	c->err = token_proxy_random(c->p, &byte, 1, &c->why);
	return NULL;
}

/* One call is with the token and another behind it. */
static bool is_queued(struct token_proxy *p)
{
	pthread_mutex_lock(&p->lock);
	bool queued = p->first_job != NULL;
	pthread_mutex_unlock(&p->lock);
	return queued;
}

/* An unseal may be under way, and another call behind it, when the daemon stops. */
static void proxy_stops_under_its_callers(void **state)
{
	struct fake *f = fake_new();
	struct token_proxy_config config = { .uri = "tpm2:fake", .binding = &fake_binding, .spawner = &f->spawner, .deadline_ms = 60000 };
	struct caller callers[2] = { { .err = ERR_OK }, { .err = ERR_OK } };
	struct token_proxy *p = NULL;
	struct reason why = { "" };
	uint8_t byte;
	(void)state;
	assert_int_equal(token_proxy_new(&config, &p, NULL), ERR_OK);
	fake_await(p, TOKEN_WELL, 5000);
	fake_set(f, CHANNEL_RANDOM, FAKE_HANG, ERR_OK);
	for (size_t i = 0; i < 2; i++) {
		callers[i].p = p;
		assert_int_equal(pthread_create(&callers[i].thread, NULL, call_token, &callers[i]), 0);
	}
	while (fake_count(f, CHANNEL_RANDOM) == 0 || !is_queued(p)) fake_await(p, TOKEN_WELL, 1000);
	uint64_t began = clock_mono_ms();
	token_proxy_stop(p);
	for (size_t i = 0; i < 2; i++) {
		pthread_join(callers[i].thread, NULL);
		assert_int_not_equal(callers[i].err, ERR_OK);
		assert_string_not_equal(callers[i].why.text, "");
	}
	assert_true(clock_mono_ms() - began < 4000);
	assert_int_equal(token_proxy_random(p, &byte, 1, &why), ERR_CLOSED);
	token_proxy_stop(p);
	token_proxy_free(p);
	fake_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(proxy_ends_a_helper_that_breaks_the_rules_and_starts_another),
		cmocka_unit_test(proxy_recovers_within_five_seconds_of_the_cure),
		cmocka_unit_test(proxy_tries_a_wrong_pin_once),
		cmocka_unit_test(proxy_tries_a_pin_that_became_wrong_once),
		cmocka_unit_test(proxy_notices_at_once_that_an_idle_helper_ended),
		cmocka_unit_test(proxy_keeps_trying_while_helpers_cannot_be_started),
		cmocka_unit_test(proxy_probe_now_waits_no_longer_than_told),
		cmocka_unit_test(proxy_frees_at_once_while_the_token_hangs),
		cmocka_unit_test(proxy_stops_under_its_callers),
	};
	return cmocka_run_group_tests(tests, setup_arena, NULL);
}
