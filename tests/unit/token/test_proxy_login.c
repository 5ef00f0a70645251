/* The token proxy and PINs: which token is given which. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "fake_tokend.h"
#include "test_arena.h"
#include "token/proxy_policy.h"

#define HOUR_MS 3600000u

static struct token_proxy *attended(const char *uri, struct fake *f)
{
	struct token_proxy *p = NULL;
	struct token_proxy_config config = { .uri = uri, .binding = &fake_binding, .spawner = &f->spawner, .deadline_ms = 1000, .probe_interval_ms = HOUR_MS,
		.attended = true };
	assert_int_equal(token_proxy_new(&config, &p, NULL), ERR_OK);
	return p;
}

/* Two tokens whose PINs a person gave: neither is ever given the other's, and one that refuses, or wants one, costs the other nothing. */
static void a_pin_is_for_one_token_alone(void **state)
{
	struct fake *f = fake_new();
	struct token_proxy *p = attended("tpm2:fake", f);
	struct secret *pin = secret_copy("mine", 4);
	struct token_health health;
	(void)state;
	assert_int_equal(token_proxy_unlock(p, &pin, NULL), ERR_OK);
	for (enum coffer_err refuses = ERR_AUTH;; refuses = ERR_USAGE) {
		f->pin[0] = '\0';
		fake_set(f, CHANNEL_OPEN, FAKE_FAIL, refuses);
		assert_int_equal(token_proxy_retarget(p, "tpm2:another", &fake_binding, NULL), refuses);
		assert_string_equal(f->pin, "");
		fake_set(f, CHANNEL_OPEN, FAKE_DO, ERR_OK);
		assert_int_equal(token_proxy_retarget(p, "tpm2:fake", &fake_binding, NULL), ERR_OK);
		assert_string_equal(f->pin, "mine");
		if (refuses == ERR_USAGE) break;
	}
	pin = secret_copy("theirs", 6);
	token_proxy_give_pin(p, "tpm2:another", &pin);
	assert_null(pin);
	assert_int_equal(token_proxy_retarget(p, "tpm2:another", &fake_binding, NULL), ERR_OK);
	assert_string_equal(f->pin, "theirs");
	assert_int_equal(token_proxy_retarget(p, "tpm2:fake", &fake_binding, NULL), ERR_OK);
	assert_string_equal(f->pin, "mine");
	fake_set(f, CHANNEL_OPEN, FAKE_FAIL, ERR_AUTH);
	assert_int_equal(token_proxy_retarget(p, "tpm2:another", &fake_binding, NULL), ERR_AUTH);
	assert_string_equal(f->pin, "theirs");
	fake_set(f, CHANNEL_OPEN, FAKE_DO, ERR_OK);
	assert_int_equal(token_proxy_retarget(p, "tpm2:fake", &fake_binding, NULL), ERR_OK);
	assert_string_equal(f->pin, "mine");
	f->pin[0] = '\0';
	assert_int_equal(token_proxy_retarget(p, "tpm2:another", &fake_binding, NULL), ERR_OK);
	assert_string_equal(f->pin, ""); /* what it refused is gone */
	token_proxy_health(p, &health);
	assert_int_equal(health.state, TOKEN_WELL);
	token_proxy_free(p);
	fake_free(f);
}

/* Another place in the same PKCS#11 token has the same PIN: one that is refused there is refused here. A TPM's belongs to the binding. */
static void a_pin_goes_along_within_a_token(void **state)
{
	static const struct { const char *here, *there; bool again; } cases[] = {
		{ "tpm2:fake", "tpm2:fake?handle=0x81010D02", true },
		{ "pkcs11:token=fake;object=master", "pkcs11:token=fake;object=master;id=%01", false },
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct fake *f = fake_new();
		struct token_proxy *p = attended(cases[i].here, f);
		struct secret *pin = secret_copy("mine", 4);
		assert_int_equal(token_proxy_unlock(p, &pin, NULL), ERR_OK);
		f->pin[0] = '\0';
		assert_int_equal(token_proxy_retarget(p, cases[i].there, &fake_binding, NULL), ERR_OK);
		assert_string_equal(f->pin, "mine");
		assert_int_equal(token_proxy_retarget(p, cases[i].here, &fake_binding, NULL), ERR_OK);
		fake_set(f, CHANNEL_OPEN, FAKE_FAIL, ERR_AUTH);
		assert_int_equal(token_proxy_retarget(p, cases[i].there, &fake_binding, NULL), ERR_AUTH);
		fake_set(f, CHANNEL_OPEN, FAKE_DO, ERR_OK);
		f->pin[0] = '\0';
		assert_int_equal(token_proxy_retarget(p, cases[i].here, &fake_binding, NULL), ERR_OK);
		assert_string_equal(f->pin, cases[i].again ? "mine" : "");
		token_proxy_free(p);
		fake_free(f);
	}
}

/* One that was mistyped for another place in the same token is another one: the right one is there on the way back. */
static void one_that_was_mistyped_takes_no_other_with_it(void **state)
{
	static const char here[] = "pkcs11:token=fake;object=master", there[] = "pkcs11:token=fake;object=master;id=%01";
	struct fake *f = fake_new();
	struct token_proxy *p = attended(here, f);
	struct secret *pin = secret_copy("mine", 4);
	(void)state;
	assert_int_equal(token_proxy_unlock(p, &pin, NULL), ERR_OK);
	assert_true(token_proxy_has_pin(p));
	pin = secret_copy("mien", 4);
	token_proxy_give_pin(p, there, &pin);
	fake_set(f, CHANNEL_OPEN, FAKE_FAIL, ERR_AUTH);
	assert_int_equal(token_proxy_retarget(p, there, &fake_binding, NULL), ERR_AUTH);
	assert_string_equal(f->pin, "mien");
	fake_set(f, CHANNEL_OPEN, FAKE_DO, ERR_OK);
	assert_int_equal(token_proxy_retarget(p, here, &fake_binding, NULL), ERR_OK);
	assert_string_equal(f->pin, "mine");
	token_proxy_free(p);
	fake_free(f);
}

/* Where a proxy stays, nothing of another token stays with it. */
static void at_home_the_pin_of_another_token_is_wiped(void **state)
{
	(void)state;
	for (int keep = 0; keep < 2; keep++) {
		struct fake *f = fake_new();
		struct token_proxy *p = attended("tpm2:fake", f);
		struct secret *pin = secret_copy("mine", 4);
		assert_int_equal(token_proxy_unlock(p, &pin, NULL), ERR_OK);
		pin = secret_copy("theirs", 6);
		token_proxy_give_pin(p, "tpm2:another", &pin);
		token_proxy_is_home(p, keep);
		f->pin[0] = '\0';
		assert_int_equal(token_proxy_retarget(p, "tpm2:another", &fake_binding, NULL), ERR_OK);
		assert_string_equal(f->pin, keep ? "theirs" : "");
		token_proxy_free(p);
		fake_free(f);
	}
}

static struct secret *of(const char *text)
{
	struct secret *pin = secret_copy(text, strlen(text));
	assert_non_null(pin);
	return pin;
}

/* Attended, open with "mine". */
static struct token_proxy *opened(const char *uri, struct fake *f)
{
	struct token_proxy *p = attended(uri, f);
	struct secret *pin = of("mine");
	assert_int_equal(token_proxy_unlock(p, &pin, NULL), ERR_OK);
	return p;
}

static void turns(struct token_proxy *p, struct fake *f, const char *uri, enum coffer_err err, const char *pin)
{
	f->pin[0] = '\0';
	fake_set(f, CHANNEL_OPEN, err ? FAKE_FAIL : FAKE_DO, err);
	assert_int_equal(token_proxy_retarget(p, uri, &fake_binding, NULL), err);
	assert_string_equal(f->pin, pin);
	fake_set(f, CHANNEL_OPEN, FAKE_DO, ERR_OK);
}

/* A TPM serves before it has a PIN: the PIN goes to a helper of its own, and so does the next one. */
static void a_tpm_that_serves_without_its_pin_takes_it(void **state)
{
	struct fake *f = fake_new();
	struct token_proxy *p = attended("tpm2:fake", f);
	struct secret *none = NULL, *pin = of("mine");
	struct token_health health;
	(void)state;
	assert_int_equal(token_proxy_unlock(p, &none, NULL), ERR_OK);
	token_proxy_health(p, &health);
	assert_int_equal(health.state, TOKEN_WELL);
	assert_int_equal(fake_count(f, CHANNEL_PIN), 0);
	assert_int_equal(token_proxy_unlock(p, &pin, NULL), ERR_OK);
	assert_null(pin);
	assert_true(token_proxy_has_pin(p));
	assert_string_equal(f->pin, "mine");
	assert_int_equal(fake_starts(f), 2);
	assert_int_equal(token_proxy_unlock(p, &none, NULL), ERR_OK); /* a look, and no more */
	assert_int_equal(fake_starts(f), 2);
	pin = of("another");
	assert_int_equal(token_proxy_unlock(p, &pin, NULL), ERR_OK);
	assert_string_equal(f->pin, "another");
	token_proxy_free(p);
	fake_free(f);
}

/* A login is behind a PKCS#11 token that serves: its helper goes on, and the PIN goes nowhere. */
static void a_pkcs11_token_that_serves_is_given_none(void **state)
{
	struct fake *f = fake_new();
	struct token_proxy *p = opened("pkcs11:token=fake", f);
	struct secret *pin = of("another");
	(void)state;
	assert_int_equal(token_proxy_unlock(p, &pin, NULL), ERR_OK);
	assert_null(pin);
	assert_string_equal(f->pin, "mine");
	assert_int_equal(fake_starts(f), 1);
	token_proxy_free(p);
	fake_free(f);
}

/* Who gave the PIN gives the next one, also where the start is not attended. */
static void who_gave_the_pin_is_told_to_give_it_again(void **state)
{
	struct fake *f = fake_new();
	struct token_proxy *p = fake_proxy(f, &fake_binding, HOUR_MS);
	struct secret *pin = of("wrong");
	struct token_health health;
	(void)state;
	fake_await(p, TOKEN_WELL, 2000);
	fake_set(f, CHANNEL_OPEN, FAKE_FAIL, ERR_AUTH);
	assert_int_equal(token_proxy_unlock(p, &pin, NULL), ERR_AUTH);
	token_proxy_health(p, &health);
	assert_non_null(strstr(health.sentence, "coffer unseal --pin"));
	assert_null(strstr(health.sentence, "SIGHUP"));
	token_proxy_free(p);
	fake_free(f);
}

#define HSM "pkcs11:token=fake;object=master"
#define HSM_OTHER "pkcs11:object=other;token=fake"
#define SOURCE "?module-path=/m&pin-source=file:/p"

/* What one pin-source gives is tried once for one command: not on the way back to the same token. */
static void a_pin_source_that_was_refused_is_not_tried_on_the_way_back(void **state)
{
	static const struct { const char *there, *back; bool again; } cases[] = {
		{ HSM ";id=%01" SOURCE, HSM SOURCE, false },
		{ HSM ";id=%01" SOURCE, HSM "?module-path=/m&pin-source=file:/other", true },
		{ "pkcs11:token=another" SOURCE, HSM SOURCE, true },
		{ "tpm2:fake?handle=0x81010D02&pin-source=file:/p", "tpm2:fake?pin-source=file:/p", true },
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct fake *f = fake_new();
		struct token_proxy *p = fake_proxy(f, &fake_binding, HOUR_MS);
		struct token_health health;
		fake_await(p, TOKEN_WELL, 2000);
		turns(p, f, cases[i].back, ERR_OK, "");
		turns(p, f, cases[i].there, ERR_AUTH, "");
		unsigned before = fake_count(f, CHANNEL_OPEN);
		assert_int_equal(token_proxy_go_home(p, cases[i].back, &fake_binding, NULL), cases[i].again ? ERR_OK : ERR_AUTH);
		assert_int_equal(fake_count(f, CHANNEL_OPEN), before + cases[i].again);
		token_proxy_health(p, &health);
		assert_int_equal(health.state, cases[i].again ? TOKEN_WELL : TOKEN_WRONG_PIN);
		token_proxy_retry(p); /* an operator's */
		fake_await(p, TOKEN_WELL, 2000);
		assert_string_equal(f->opened, cases[i].back);
		token_proxy_free(p);
		fake_free(f);
	}
}

/* A file that was wrong once and is right now keeps nobody from going back. */
static void a_pin_source_that_was_mended_is_tried_on_the_way_back(void **state)
{
	struct fake *f = fake_new();
	struct token_proxy *p = fake_proxy(f, &fake_binding, HOUR_MS);
	(void)state;
	fake_await(p, TOKEN_WELL, 2000);
	turns(p, f, HSM SOURCE, ERR_AUTH, "");
	token_proxy_retry(p); /* an operator's, who has mended it */
	fake_await(p, TOKEN_WELL, 2000);
	turns(p, f, HSM ";id=%01" SOURCE, ERR_OK, "");
	unsigned before = fake_count(f, CHANNEL_OPEN);
	assert_int_equal(token_proxy_go_home(p, HSM SOURCE, &fake_binding, NULL), ERR_OK);
	assert_int_equal(fake_count(f, CHANNEL_OPEN), before + 1);
	fake_await(p, TOKEN_WELL, 2000);
	token_proxy_free(p);
	fake_free(f);
}

/* No answer to a login may be a try spent: what was given for the token is not sent again, neither at once nor by the next change. */
static void a_pin_that_was_given_and_lost_is_sent_once(void **state)
{
	struct fake *f = fake_new();
	struct token_proxy *p = opened("tpm2:fake", f);
	struct secret *pin = of("theirs");
	(void)state;
	token_proxy_give_pin(p, "tpm2:another", &pin);
	fake_says(f, CHANNEL_OPEN, TOKEN_PIN_GOES);
	fake_set(f, CHANNEL_OPEN, FAKE_HANG, ERR_OK);
	unsigned before = fake_count(f, CHANNEL_PIN);
	assert_int_equal(token_proxy_retarget(p, "tpm2:another", &fake_binding, NULL), ERR_AUTH);
	fake_says(f, CHANNEL_OPEN, 0);
	turns(p, f, "tpm2:fake", ERR_OK, "mine");
	turns(p, f, "tpm2:another", ERR_OK, "");
	assert_int_equal(fake_count(f, CHANNEL_PIN), before + 2);
	token_proxy_free(p);
	fake_free(f);
}

/* One PIN in the whole token: the old one is kept for no other object of it, and is no try there. */
static void a_changed_pin_leaves_no_old_one_behind(void **state)
{
	struct fake *f = fake_new();
	struct token_policy_made made;
	struct secret *pin = of("mine");
	AUTO_SECRET struct secret *next = of("next");
	(void)state;
	struct token_proxy *p = opened(HSM, f);
	token_proxy_give_pin(p, HSM_OTHER, &pin);
	assert_true(token_proxy_brings_pin(p, HSM_OTHER));
	assert_int_equal(token_proxy_policy_make(p, "", next, &made, NULL), ERR_OK);
	assert_false(token_proxy_brings_pin(p, HSM_OTHER));
	turns(p, f, HSM_OTHER, ERR_OK, "");
	turns(p, f, HSM, ERR_OK, "next");
	token_proxy_free(p);
	fake_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pin_is_for_one_token_alone),
		cmocka_unit_test(a_pin_goes_along_within_a_token),
		cmocka_unit_test(one_that_was_mistyped_takes_no_other_with_it),
		cmocka_unit_test(at_home_the_pin_of_another_token_is_wiped),
		cmocka_unit_test(a_tpm_that_serves_without_its_pin_takes_it),
		cmocka_unit_test(a_pkcs11_token_that_serves_is_given_none),
		cmocka_unit_test(who_gave_the_pin_is_told_to_give_it_again),
		cmocka_unit_test(a_pin_source_that_was_refused_is_not_tried_on_the_way_back),
		cmocka_unit_test(a_pin_source_that_was_mended_is_tried_on_the_way_back),
		cmocka_unit_test(a_pin_that_was_given_and_lost_is_sent_once),
		cmocka_unit_test(a_changed_pin_leaves_no_old_one_behind),
	};
	return cmocka_run_group_tests(tests, setup_arena, NULL);
}
