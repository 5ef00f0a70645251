/* The token proxy and PINs: which token is given which. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fake_tokend.h"
#include "test_arena.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pin_is_for_one_token_alone),
		cmocka_unit_test(a_pin_goes_along_within_a_token),
		cmocka_unit_test(one_that_was_mistyped_takes_no_other_with_it),
		cmocka_unit_test(at_home_the_pin_of_another_token_is_wiped),
	};
	return cmocka_run_group_tests(tests, setup_arena, NULL);
}
