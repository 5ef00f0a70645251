/* The token proxy where the PIN or the master secret fails: what a TPM does all the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fake_tokend.h"
#include "test_arena.h"
#include "token/proxy_internal.h"

#define HOUR_MS 3600000u

/* What the counter says while the PIN is wrong; the helper that asks has none. */
static void counts(struct fake *f, const char *uri, const char *opened, enum coffer_err expected)
{
	static const uint8_t auth[TOKEN_COUNTER_AUTH_LEN] = { 1 };
	const struct token_counter_wish wish = { .auth = view_of(auth, sizeof auth) };
	struct token_counter_answer answer = { .value = 0 };
	struct token_health health;
	struct token_proxy *p = NULL;
	AUTO_SECRET struct secret *out = NULL;
	struct token_proxy_config config = { .uri = uri, .binding = &fake_binding, .spawner = &f->spawner, .deadline_ms = 1000, .probe_interval_ms = HOUR_MS };
	assert_int_equal(token_proxy_new(&config, &p, NULL), ERR_OK);
	fake_await(p, TOKEN_WELL, 2000);
	fake_set(f, CHANNEL_UNWRAP, FAKE_FAIL, ERR_AUTH);
	assert_int_equal(token_proxy_unwrap(p, view_str("W"), &out, NULL), ERR_AUTH);
	unsigned starts = fake_starts(f), tries = fake_count(f, CHANNEL_UNWRAP);
	for (unsigned i = 0; i < 2; i++) assert_int_equal(token_proxy_counter_read(p, &wish, &answer, NULL), expected);
	assert_int_equal(fake_starts(f) - starts, expected ? 0 : 2);
	if (!expected) assert_int_equal(answer.value, 7);
	if (!expected) assert_string_equal(f->opened, opened);
	token_proxy_health(p, &health);
	assert_int_equal(health.state, TOKEN_WRONG_PIN);
	assert_int_equal(token_proxy_unwrap(p, view_str("W"), &out, NULL), ERR_AUTH);
	assert_int_equal(fake_count(f, CHANNEL_UNWRAP), tries);
	token_proxy_free(p);
	fake_set(f, CHANNEL_UNWRAP, FAKE_DO, ERR_OK);
}

static void a_counter_is_asked_without_the_pin(void **state)
{
	struct fake *f = fake_new();
	(void)state;
	counts(f, "tpm2:fake", "tpm2:fake", ERR_OK);
	counts(f, "tpm2:fake?pin-source=file:/x", "tpm2:fake", ERR_OK);
	counts(f, "tpm2:fake?handle=0x81010D02&pin-source=file:/x", "tpm2:fake?handle=0x81010D02", ERR_OK);
	counts(f, "tpm2:fake?pin-source=file:/x&pcrs=sha256:7", "tpm2:fake?pcrs=sha256:7", ERR_OK);
	counts(f, "pkcs11:token=fake?pin-source=file:/x", "", ERR_AUTH); /* has none to ask, and a login would be a try */
	fake_free(f);
}

/* The token answers, and its master secret is not there or not the one: attach fails, and the counter is asked all the same. A PKCS#11 token is not. */
static void a_counter_is_asked_without_the_master_secret(void **state)
{
	static const uint8_t auth[TOKEN_COUNTER_AUTH_LEN] = { 1 };
	static const struct { enum coffer_err err; enum token_state state; bool counts; } cases[] = {
		{ ERR_TOKEN_KEY_MISSING, TOKEN_KEY_MISSING, true }, { ERR_TOKEN_OTHER, TOKEN_OTHER, true }, { ERR_TOKEN_REFUSED, TOKEN_REFUSED, true },
		{ ERR_TOKEN_GONE, TOKEN_GONE, false },
	};
	const struct token_counter_wish wish = { .auth = view_of(auth, sizeof auth) };
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct fake *f = fake_new();
		struct token_counter_answer answer = { .value = 0 };
		fake_set(f, CHANNEL_ATTACH, FAKE_FAIL, cases[i].err);
		struct token_proxy *p = fake_proxy(f, &fake_binding, HOUR_MS);
		fake_await(p, cases[i].state, 2000);
		assert_int_equal(token_proxy_counts(p), cases[i].counts);
		assert_int_equal(token_proxy_counter_read(p, &wish, &answer, NULL), cases[i].counts ? ERR_OK : cases[i].err);
		assert_int_equal(answer.value, cases[i].counts ? 7 : 0);
		assert_int_equal(token_proxy_counter_raise(p, &wish, &answer, NULL), cases[i].counts ? ERR_OK : cases[i].err);
		fake_set(f, CHANNEL_ATTACH, FAKE_FAIL, ERR_TOKEN); /* none of these: the helper never came to the binding */
		if (cases[i].counts) assert_int_equal(token_proxy_counter_read(p, &wish, &answer, NULL), ERR_TOKEN);
		token_proxy_free(p);
		fake_free(f);
	}
}

/* Whatever keeps a TPM's node from opening: its owner destroys without the PIN, and no try is spent. */
static void ends(const char *uri, bool attended, enum coffer_err refused, bool can)
{
	static const uint8_t owner[TOKEN_COUNTER_OWNER_LEN] = { 1 };
	struct fake *f = fake_new();
	struct token_proxy *p = NULL;
	struct reason why = { "" };
	bool asked = true;
	struct token_proxy_config config = { .uri = uri, .binding = &fake_binding, .spawner = &f->spawner, .deadline_ms = 1000, .probe_interval_ms = HOUR_MS, .attended = attended };
	fake_set(f, CHANNEL_OPEN, refused ? FAKE_FAIL : FAKE_DO, refused);
	assert_int_equal(token_proxy_new(&config, &p, NULL), ERR_OK);
	fake_await(p, attended ? TOKEN_WAITING : refused == ERR_AUTH ? TOKEN_WRONG_PIN : TOKEN_LOCKED, 2000);
	fake_set(f, CHANNEL_OPEN, FAKE_DO, ERR_OK);
	unsigned pins = fake_count(f, CHANNEL_PIN);
	enum coffer_err expected = can ? ERR_OK : attended ? ERR_STATE : refused;
	assert_int_equal(token_proxy_erase(p, NULL), attended ? ERR_STATE : refused); /* by nobody else */
	if (can) { /* what attach finds is what is said, and nothing is destroyed */
		fake_set(f, CHANNEL_ATTACH, FAKE_FAIL, ERR_TOKEN_OTHER);
		assert_int_equal(token_proxy_zeroise(p, &asked, &why), ERR_TOKEN_OTHER);
		assert_string_equal(why.text, "the fake says TOKEN_OTHER");
		assert_false(asked);
		assert_int_equal(fake_count(f, CHANNEL_ERASE), 0);
		assert_int_equal(token_proxy_counter_drop(p, owner, NULL), ERR_OK); /* a counter does not hang on it */
		fake_set(f, CHANNEL_ATTACH, FAKE_DO, ERR_OK);
	}
	assert_int_equal(token_proxy_zeroise(p, &asked, NULL), expected);
	assert_int_equal(asked, can);
	assert_int_equal(token_proxy_counter_drop(p, owner, NULL), expected);
	assert_int_equal(fake_count(f, CHANNEL_ERASE), can ? 1 : 0);
	assert_int_equal(fake_count(f, CHANNEL_PIN), pins);
	if (can) assert_string_equal(f->opened, "tpm2:fake");
	token_proxy_free(p);
	fake_free(f);
}

static void a_tpm_is_zeroised_without_its_pin(void **state)
{
	(void)state;
	ends("tpm2:fake?pin-source=file:/x", false, ERR_AUTH, true);
	ends("tpm2:fake?pin-source=file:/x", false, ERR_TOKEN_LOCKED, true);
	ends("tpm2:fake", true, ERR_OK, true);
	ends("pkcs11:token=fake?pin-source=file:/x", false, ERR_AUTH, false);
	ends("pkcs11:token=fake", true, ERR_OK, false);
}

/* Whether a token that did not answer was told is known. */
static void a_zeroise_knows_whether_the_token_was_asked(void **state)
{
	struct fake *f = fake_new();
	struct token_proxy *p = fake_proxy(f, &fake_binding, HOUR_MS);
	bool asked = false;
	(void)state;
	fake_set(f, CHANNEL_ERASE, FAKE_CRASH, ERR_OK);
	assert_int_equal(token_proxy_zeroise(p, &asked, NULL), ERR_TOKEN_GONE);
	assert_true(asked);
	fake_set(f, CHANNEL_OPEN, FAKE_FAIL, ERR_TOKEN_GONE);
	fake_crash(f);
	fake_await(p, TOKEN_GONE, 2000);
	assert_int_equal(token_proxy_zeroise(p, &asked, NULL), ERR_TOKEN_GONE);
	assert_false(asked);
	token_proxy_free(p);
	fake_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_counter_is_asked_without_the_pin),
		cmocka_unit_test(a_counter_is_asked_without_the_master_secret),
		cmocka_unit_test(a_tpm_is_zeroised_without_its_pin),
		cmocka_unit_test(a_zeroise_knows_whether_the_token_was_asked),
	};
	return cmocka_run_group_tests(tests, setup_arena, NULL);
}
