/* The token proxy and PINs that no answer came to: none is sent again by itself, but for a right one, once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "fake_tokend.h"
#include "test_arena.h"
#include "token/proxy_internal.h"
#include "token/proxy_policy.h"

#define HOUR_MS 3600000u

static struct token_proxy *proxy_of(struct fake *f, const char *uri, bool attended)
{
	struct token_proxy *p = NULL;
	struct token_proxy_config config = { .uri = uri, .binding = &fake_binding, .spawner = &f->spawner, .deadline_ms = 1000, .probe_interval_ms = HOUR_MS,
		.attended = attended };
	assert_int_equal(token_proxy_new(&config, &p, NULL), ERR_OK);
	return p;
}

static bool keeps_pin(struct token_proxy *p)
{
	pthread_mutex_lock(&p->lock);
	bool keeps = p->pin != NULL;
	pthread_mutex_unlock(&p->lock);
	return keeps;
}

/* That the state stays says nothing yet: the thread is asked to look, which it does in every state that goes on by itself. */
static void stays_stopped(struct fake *f, struct token_proxy *p, enum channel_op op, unsigned count)
{
	struct token_health health;
	assert_int_equal(token_proxy_probe_now(p, 2000, NULL), ERR_AUTH);
	assert_int_equal(fake_count(f, op), count);
	token_proxy_health(p, &health);
	assert_int_equal(health.state, TOKEN_WRONG_PIN);
	assert_non_null(strstr(health.sentence, "coffer unseal"));
	assert_null(strstr(health.sentence, "correct the PIN"));
}

/* At a start nothing is known of the PIN: one login, whether the helper hangs, dies or talks nonsense over it, until an operator asks for one more. */
static void a_login_that_is_cut_off_is_not_sent_again(void **state)
{
	static const struct { enum fake_act act; const char *sentence; } cases[] = {
		{ FAKE_HANG, "the token did not answer in time after the PIN was sent: whether that cost a try is not known, so it is not sent again; look how many tries" },
		{ FAKE_CRASH, "coffer-tokend ended after the PIN was sent: " }, { FAKE_GARBAGE, "coffer-tokend ended after the PIN was sent: " },
		{ FAKE_STALE, "coffer-tokend ended after the PIN was sent: " },
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct fake *f = fake_new();
		struct token_health health;
		fake_says(f, CHANNEL_OPEN, TOKEN_PIN_GOES);
		fake_set(f, CHANNEL_OPEN, cases[i].act, ERR_OK);
		struct token_proxy *p = proxy_of(f, "pkcs11:token=fake?pin-source=file:/x", false);
		fake_await(p, TOKEN_WRONG_PIN, 5000);
		token_proxy_health(p, &health);
		assert_int_equal(strncmp(health.sentence, cases[i].sentence, strlen(cases[i].sentence)), 0);
		stays_stopped(f, p, CHANNEL_OPEN, 1);
		struct secret *none = NULL;
		assert_int_equal(token_proxy_unlock(p, &none, NULL), ERR_AUTH); /* an operator's try hangs too */
		stays_stopped(f, p, CHANNEL_OPEN, 2);
		fake_set(f, CHANNEL_OPEN, FAKE_DO, ERR_OK);
		assert_int_equal(token_proxy_unlock(p, &none, NULL), ERR_OK);
		assert_int_equal(fake_count(f, CHANNEL_OPEN), 3);
		token_proxy_free(p);
		fake_free(f);
	}
}

/* One that did not come to the PIN costs nothing, so it goes on; so does one whose PIN was taken before something else hung. */
static void what_hangs_before_or_behind_the_login_is_tried_again(void **state)
{
	struct fake *f = fake_new();
	struct token_proxy *p = proxy_of(f, "pkcs11:token=fake", true);
	struct secret *pin = secret_copy("1234", 4);
	(void)state;
	fake_set(f, CHANNEL_OPEN, FAKE_HANG, ERR_OK);
	assert_int_equal(token_proxy_unlock(p, &pin, NULL), ERR_TIMEOUT);
	assert_true(keeps_pin(p));
	fake_says(f, CHANNEL_OPEN, TOKEN_PIN_TAKEN);
	while (fake_count(f, CHANNEL_OPEN) < 4) fake_await(p, TOKEN_NOT_ANSWERING, 5000);
	assert_true(keeps_pin(p));
	fake_set(f, CHANNEL_OPEN, FAKE_DO, ERR_OK);
	fake_await(p, TOKEN_WELL, 5000);
	assert_string_equal(f->pin, "1234");
	token_proxy_free(p);
	fake_free(f);
}

/* What a person gave is wiped with the helper that hung over it, and a right one given again opens. */
static void a_given_pin_that_is_cut_off_is_wiped(void **state)
{
	struct fake *f = fake_new();
	struct token_proxy *p = proxy_of(f, "pkcs11:token=fake", true);
	struct secret *pin = secret_copy("1234", 4);
	struct reason why = { "" };
	(void)state;
	fake_says(f, CHANNEL_OPEN, TOKEN_PIN_GOES);
	fake_set(f, CHANNEL_OPEN, FAKE_HANG, ERR_OK);
	assert_int_equal(token_proxy_unlock(p, &pin, &why), ERR_AUTH);
	assert_non_null(strstr(why.text, "whether that cost a try is not known"));
	assert_false(keeps_pin(p));
	token_proxy_retry(p); /* anybody's */
	stays_stopped(f, p, CHANNEL_OPEN, 1);
	fake_set(f, CHANNEL_OPEN, FAKE_DO, ERR_OK);
	pin = secret_copy("1234", 4);
	assert_int_equal(token_proxy_unlock(p, &pin, NULL), ERR_OK);
	assert_int_equal(fake_count(f, CHANNEL_OPEN), 2);
	token_proxy_free(p);
	fake_free(f);
}

/* The PIN that the token took before is right: it goes out once more by itself, in an opening or in another call that wants it, and after that no more. One that comes to it is known again. */
static void a_right_pin_is_sent_once_more(void **state)
{
	static const enum channel_op ops[] = { CHANNEL_OPEN, CHANNEL_RANDOM };
	(void)state;
	for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
		struct fake *f = fake_new();
		uint8_t byte;
		fake_says(f, CHANNEL_OPEN, TOKEN_PIN_GOES);
		fake_says(f, CHANNEL_RANDOM, TOKEN_PIN_GOES);
		struct token_proxy *p = proxy_of(f, "pkcs11:token=fake?pin-source=file:/x", false);
		fake_await(p, TOKEN_WELL, 5000);
		for (unsigned round = 0; round < 2; round++) { /* once, and well: each time anew */
			fake_set(f, CHANNEL_RANDOM, FAKE_HANG, ERR_OK);
			unsigned before = fake_count(f, CHANNEL_OPEN);
			assert_int_equal(token_proxy_random(p, &byte, 1, NULL), ERR_TIMEOUT);
			fake_await(p, TOKEN_WELL, 5000);
			assert_int_equal(fake_count(f, CHANNEL_OPEN), before + 1);
		}
		unsigned before = fake_count(f, CHANNEL_OPEN);
		if (ops[i] == CHANNEL_OPEN) fake_says(f, CHANNEL_RANDOM, 0); /* the first that hangs over it is an opening */
		fake_set(f, CHANNEL_OPEN, FAKE_HANG, ERR_OK);
		assert_int_equal(token_proxy_random(p, &byte, 1, NULL), ERR_TIMEOUT);
		fake_await(p, TOKEN_WRONG_PIN, 10000);
		stays_stopped(f, p, CHANNEL_OPEN, before + (ops[i] == CHANNEL_OPEN ? 2 : 1));
		token_proxy_free(p);
		fake_free(f);
	}
}

/* Known of one PIN is not known of another one, nor of the same digits at another token. */
static void another_pin_or_token_is_not_known(void **state)
{
	struct fake *f = fake_new();
	(void)state;
	fake_says(f, CHANNEL_OPEN, TOKEN_PIN_GOES);
	struct token_proxy *p = proxy_of(f, "pkcs11:token=fake?pin-source=file:/x", false);
	fake_await(p, TOKEN_WELL, 5000);
	pthread_mutex_lock(&f->lock);
	memcpy(f->pin, "other", 6); /* its file was changed */
	pthread_mutex_unlock(&f->lock);
	fake_set(f, CHANNEL_OPEN, FAKE_HANG, ERR_OK);
	unsigned before = fake_count(f, CHANNEL_OPEN);
	fake_crash(f);
	fake_await(p, TOKEN_WRONG_PIN, 5000);
	stays_stopped(f, p, CHANNEL_OPEN, before + 1);
	fake_set(f, CHANNEL_OPEN, FAKE_DO, ERR_OK);
	struct secret *none = NULL;
	assert_int_equal(token_proxy_unlock(p, &none, NULL), ERR_OK);
	fake_set(f, CHANNEL_OPEN, FAKE_HANG, ERR_OK);
	before = fake_count(f, CHANNEL_OPEN);
	assert_int_equal(token_proxy_retarget(p, "pkcs11:token=another?pin-source=file:/x", &fake_binding, NULL), ERR_AUTH);
	stays_stopped(f, p, CHANNEL_OPEN, before + 1);
	token_proxy_free(p);
	fake_free(f);
}

/* Of a change it is not known which PIN is in force: neither is sent, however well the old one was known, and also when the token says no more than that it is lost. */
static void a_change_that_is_cut_off_sends_neither(void **state)
{
	static const struct { enum fake_act act; enum coffer_err err; const char *sentence; } cases[] = {
		{ FAKE_HANG, ERR_OK, "the token did not answer in time while its PIN was changed: the old one or the new one is in force, so none is sent; " },
		{ FAKE_CRASH, ERR_OK, "coffer-tokend ended while its PIN was changed" }, { FAKE_FAIL, ERR_TOKEN_GONE, "the token was lost while its PIN was changed" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct fake *f = fake_new();
		struct token_proxy *p = proxy_of(f, "pkcs11:token=fake", true);
		struct secret *pin = secret_copy("1234", 4), *next = secret_copy("4321", 4);
		struct token_policy_made made;
		struct reason why = { "" };
		fake_says(f, CHANNEL_OPEN, TOKEN_PIN_GOES);
		fake_says(f, CHANNEL_POLICY_MAKE, TOKEN_PIN_CHANGES);
		assert_int_equal(token_proxy_unlock(p, &pin, NULL), ERR_OK);
		fake_set(f, CHANNEL_POLICY_MAKE, cases[i].act, cases[i].err);
		assert_int_equal(token_proxy_policy_make(p, "", next, &made, &why), ERR_AUTH);
		assert_int_equal(strncmp(why.text, cases[i].sentence, strlen(cases[i].sentence)), 0);
		assert_false(keeps_pin(p));
		stays_stopped(f, p, CHANNEL_OPEN, 1);
		secret_free(next);
		token_proxy_free(p);
		fake_free(f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_login_that_is_cut_off_is_not_sent_again),
		cmocka_unit_test(what_hangs_before_or_behind_the_login_is_tried_again),
		cmocka_unit_test(a_given_pin_that_is_cut_off_is_wiped),
		cmocka_unit_test(a_right_pin_is_sent_once_more),
		cmocka_unit_test(another_pin_or_token_is_not_known),
		cmocka_unit_test(a_change_that_is_cut_off_sends_neither),
	};
	return cmocka_run_group_tests(tests, setup_arena, NULL);
}
