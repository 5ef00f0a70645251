/* The token proxy with a token that is well: opening, provisioning, calls, health. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "fake_tokend.h"
#include "token/proxy_transport.h"
#include "test_arena.h"
#include "token/proxy_policy.h"

#define HOUR_MS 3600000u

static struct secret *data_key(void)
{
	struct secret *s = secret_new(TOKEN_SECRET_LEN);
	assert_non_null(s);
	for (size_t i = 0; i < TOKEN_SECRET_LEN; i++)
		secret_mut(s)[i] = (uint8_t)(i + 1);
	return s;
}

static void proxy_opens_attaches_and_wraps(void **state)
{
	struct fake *f = fake_new();
	struct token_proxy *p = fake_proxy(f, &fake_binding, HOUR_MS);
	AUTO_SECRET struct secret *key = data_key();
	AUTO_SECRET struct secret *back = NULL;
	AUTO_BUF struct buf blob = BUF_EMPTY;
	(void)state;
	assert_int_equal(token_proxy_wrap(p, key, &blob, NULL), ERR_OK); /* waits for the first attempt */
	assert_int_equal(blob.len, TOKEN_SECRET_LEN + 1);
	assert_int_equal(token_proxy_unwrap(p, buf_view(&blob), &back, NULL), ERR_OK);
	assert_true(secret_equal(key, back));
	assert_int_equal(fake_count(f, CHANNEL_OPEN), 1);
	assert_memory_equal(f->attached.master_secret_id, fake_binding.master_secret_id, TOKEN_MS_ID_LEN);
	assert_string_equal(f->attached.mechanism, "fake-wrap");
	assert_int_equal(f->attached.data_len, 5);
	token_proxy_free(p);
	assert_int_equal(fake_count(f, CHANNEL_CLOSE), 1);
	fake_free(f);
}

static void proxy_tells_its_health(void **state)
{
	struct fake *f = fake_new();
	struct token_proxy *p = fake_proxy(f, &fake_binding, HOUR_MS);
	struct token_health h;
	(void)state;
	assert_int_equal(token_proxy_probe_now(p, 5000, NULL), ERR_OK);
	assert_int_equal(token_proxy_probe_now(p, 5000, NULL), ERR_OK);
	token_proxy_health(p, &h);
	assert_int_equal(h.state, TOKEN_WELL);
	assert_string_equal(h.sentence, "");
	assert_true(h.probed && h.described);
	assert_true(h.probe_age_ms < 5000);
	assert_int_equal(h.failures, 0);
	assert_int_equal(h.restarts, 0);
	assert_string_equal(h.info.label, "fake");
	token_proxy_free(p);
	fake_free(f);
}

static void proxy_without_a_binding_waits_for_provisioning(void **state)
{
	struct fake *f = fake_new();
	struct token_proxy *p = fake_proxy(f, NULL, HOUR_MS);
	struct token_binding binding;
	struct reason why = { "" };
	AUTO_SECRET struct secret *key = data_key();
	AUTO_BUF struct buf blob = BUF_EMPTY;
	(void)state;
	fake_await(p, TOKEN_OPEN, 5000);
	assert_int_equal(token_proxy_wrap(p, key, &blob, &why), ERR_STATE);
	assert_string_equal(why.text, "this node has no master secret in its token yet");
	assert_int_equal(token_proxy_provision(p, &binding, NULL), ERR_OK);
	assert_string_equal(binding.mechanism, "fake-wrap");
	assert_int_equal(binding.data_len, 5);
	fake_await(p, TOKEN_WELL, 5000);
	assert_int_equal(token_proxy_wrap(p, key, &blob, NULL), ERR_OK);
	assert_int_equal(token_proxy_provision(p, &binding, &why), ERR_STATE);
	assert_int_equal(fake_count(f, CHANNEL_ATTACH), 0);
	fake_set(f, CHANNEL_WRAP, FAKE_CRASH, ERR_OK);
	assert_int_equal(token_proxy_wrap(p, key, &blob, NULL), ERR_TOKEN_GONE);
	fake_await(p, TOKEN_WELL, 5000);
	assert_int_equal(fake_count(f, CHANNEL_ATTACH), 1); /* the next helper gets the binding */
	token_proxy_free(p);
	fake_free(f);
}

static void proxy_passes_a_refused_provision_on_and_stays_open(void **state)
{
	struct fake *f = fake_new();
	struct token_proxy *p = fake_proxy(f, NULL, HOUR_MS);
	struct token_binding binding;
	struct reason why = { "" };
	(void)state;
	fake_set(f, CHANNEL_PROVISION, FAKE_FAIL, ERR_TOKEN_REFUSED);
	assert_int_equal(token_proxy_provision(p, &binding, &why), ERR_TOKEN_REFUSED);
	assert_string_equal(why.text, "the fake says TOKEN_REFUSED");
	fake_set(f, CHANNEL_PROVISION, FAKE_DO, ERR_OK);
	assert_int_equal(token_proxy_provision(p, &binding, &why), ERR_OK);
	assert_int_equal(fake_starts(f), 1);
	token_proxy_free(p);
	fake_free(f);
}

static void proxy_gives_random_bytes_and_the_description(void **state)
{
	struct fake *f = fake_new();
	struct token_proxy *p = fake_proxy(f, &fake_binding, HOUR_MS);
	uint8_t bytes[CHANNEL_RANDOM_MAX + 1] = { 0 };
	struct token_info info;
	(void)state;
	assert_int_equal(token_proxy_random(p, bytes, 33, NULL), ERR_OK);
	assert_int_equal(bytes[32], 0xa5);
	assert_int_equal(bytes[33], 0);
	assert_int_equal(token_proxy_random(p, bytes, CHANNEL_RANDOM_MAX, NULL), ERR_OK);
	assert_int_equal(token_proxy_random(p, bytes, CHANNEL_RANDOM_MAX + 1, NULL), ERR_TOO_LARGE);
	assert_int_equal(token_proxy_describe(p, &info, NULL), ERR_OK);
	assert_string_equal(info.kind, "tpm2");
	token_proxy_free(p);
	fake_free(f);
}

static void proxy_agrees_by_the_transport_key(void **state)
{
	static const uint8_t auth[TOKEN_TRANSPORT_AUTH_LEN] = { 1 };
	struct fake *f = fake_new();
	struct token_proxy *p = fake_proxy(f, &fake_binding, HOUR_MS);
	struct token_transport_wish wish = { .auth = view_of(auth, sizeof auth), .owner = { 9 }, .point = { 4, 5, 6 } }, short_auth = wish;
	struct token_transport_answer answer;
	struct reason why = { "" };
	(void)state;
	assert_int_equal(token_proxy_transport_make(p, &wish, &answer, NULL), ERR_OK);
	assert_true(answer.there && answer.ref.len == 1 && answer.public_key[1] == 9 && !answer.shared);
	wish.ref = answer.ref;
	assert_int_equal(token_proxy_transport_public(p, &wish.ref, &answer, NULL), ERR_OK);
	assert_true(answer.there && !answer.shared);
	assert_int_equal(token_proxy_transport_ecdh(p, &wish, &answer, NULL), ERR_OK);
	assert_true(answer.there && secret_len(answer.shared) == TOKEN_TRANSPORT_SHARED_LEN);
	assert_memory_equal(secret_bytes(answer.shared), wish.point, TOKEN_TRANSPORT_SHARED_LEN);
	secret_free(answer.shared);
	wish.ref.len = 0;
	assert_int_equal(token_proxy_transport_ecdh(p, &wish, &answer, NULL), ERR_OK);
	assert_true(!answer.there && !answer.shared);
	assert_int_equal(token_proxy_transport_remove(p, wish.owner, NULL), ERR_OK);
	short_auth.auth.len--;
	assert_int_equal(token_proxy_transport_ecdh(p, &short_auth, &answer, NULL), ERR_BUG);
	fake_set(f, CHANNEL_TRANSPORT_ECDH, FAKE_FAIL, ERR_FIELD);
	assert_int_equal(token_proxy_transport_ecdh(p, &wish, &answer, &why), ERR_FIELD);
	fake_await(p, TOKEN_WELL, 0); /* a point that is none says nothing of the token */
	assert_int_equal(fake_starts(f), 1);
	token_proxy_free(p);
	fake_free(f);
}

static void proxy_reports_a_tampered_blob_and_stays_well(void **state)
{
	struct fake *f = fake_new();
	struct token_proxy *p = fake_proxy(f, &fake_binding, HOUR_MS);
	struct secret *out = NULL;
	struct reason why = { "" };
	(void)state;
	assert_int_equal(token_proxy_unwrap(p, view_str("nonsense"), &out, &why), ERR_CORRUPT);
	assert_string_equal(why.text, "not a blob of this token");
	assert_null(out);
	assert_int_equal(token_proxy_unwrap(p, view_of("", 0), &out, &why), ERR_CORRUPT);
	assert_int_equal(token_proxy_probe_now(p, 5000, NULL), ERR_OK);
	fake_await(p, TOKEN_WELL, 0);
	assert_int_equal(fake_starts(f), 1);
	token_proxy_free(p);
	fake_free(f);
}

static void proxy_probes_by_itself(void **state)
{
	struct fake *f = fake_new();
	struct token_proxy *p = fake_proxy(f, &fake_binding, 20);
	(void)state;
	fake_await(p, TOKEN_WELL, 5000);
	fake_set(f, CHANNEL_PROBE, FAKE_FAIL, ERR_TOKEN_GONE);
	fake_await(p, TOKEN_GONE, 5000);
	fake_set(f, CHANNEL_PROBE, FAKE_DO, ERR_OK);
	assert_true(fake_await(p, TOKEN_WELL, 5000) <= 5000);
	token_proxy_free(p);
	fake_free(f);
}

static struct token_proxy *attended_proxy(struct fake *f)
{
	struct token_proxy *p = NULL;
	struct token_proxy_config config = { .uri = "tpm2:fake", .binding = &fake_binding, .spawner = &f->spawner, .deadline_ms = 1000,
		.probe_interval_ms = HOUR_MS, .attended = true };
	assert_int_equal(token_proxy_new(&config, &p, NULL), ERR_OK);
	return p;
}

/* Nothing is done before somebody comes; a refused PIN is forgotten and not tried again. */
static void an_attended_proxy_waits(void **state)
{
	struct fake *f = fake_new();
	struct token_proxy *p = attended_proxy(f);
	struct token_health health;
	struct reason why = { "" };
	AUTO_BUF struct buf blob = BUF_EMPTY;
	AUTO_SECRET struct secret *key = data_key();
	(void)state;
	token_proxy_retry(p); /* SIGHUP */
	assert_int_equal(token_proxy_probe_now(p, 1000, &why), ERR_STATE);
	assert_int_equal(token_proxy_wrap(p, key, &blob, &why), ERR_STATE);
	assert_non_null(strstr(why.text, "coffer unseal"));
	assert_int_equal(fake_starts(f), 0);

	fake_set(f, CHANNEL_OPEN, FAKE_FAIL, ERR_AUTH);
	struct secret *pin = secret_copy("1234", 4);
	assert_int_equal(token_proxy_unlock(p, &pin, &why), ERR_AUTH);
	assert_null(pin);
	assert_int_equal(fake_count(f, CHANNEL_PIN), 1);
	assert_int_equal(fake_count(f, CHANNEL_OPEN), 1);
	token_proxy_health(p, &health);
	assert_int_equal(health.state, TOKEN_WRONG_PIN);
	assert_non_null(strstr(health.sentence, "coffer unseal --pin"));
	token_proxy_retry(p);
	assert_int_equal(token_proxy_probe_now(p, 1000, &why), ERR_AUTH);
	assert_int_equal(fake_count(f, CHANNEL_OPEN), 1);

	fake_set(f, CHANNEL_OPEN, FAKE_DO, ERR_OK);
	pin = secret_copy("4321", 4);
	assert_int_equal(token_proxy_unlock(p, &pin, &why), ERR_OK);
	token_proxy_health(p, &health);
	assert_int_equal(health.state, TOKEN_WELL);
	fake_crash(f); /* the next helper gets the PIN too */
	for (unsigned i = 0; i < 50 && fake_count(f, CHANNEL_PIN) < 3; i++) (void)!token_proxy_probe_now(p, 200, NULL);
	fake_await(p, TOKEN_WELL, 5000);
	assert_int_equal(fake_count(f, CHANNEL_PIN), 3);
	token_proxy_free(p);
	fake_free(f);
}

/* The PIN that the helper which follows a crash is given. */
static const char *pin_after_crash(struct fake *f, struct token_proxy *p)
{
	unsigned before = fake_count(f, CHANNEL_PIN), opens = fake_count(f, CHANNEL_OPEN);
	f->pin[0] = '\0';
	fake_crash(f);
	for (unsigned i = 0; i < 50 && fake_count(f, CHANNEL_OPEN) == opens; i++) (void)!token_proxy_probe_now(p, 200, NULL);
	fake_await(p, TOKEN_WELL, 5000);
	return fake_count(f, CHANNEL_PIN) > before ? f->pin : "";
}

static struct token_policy_made changed_pin(struct token_proxy *p, const char *text)
{
	struct token_policy_made made;
	AUTO_SECRET struct secret *pin = text ? secret_copy(text, strlen(text)) : NULL;
	assert_int_equal(token_proxy_policy_make(p, "", pin, &made, NULL), ERR_OK);
	return made;
}

/* A TPM's new PIN belongs to the new binding: before that is in force the old one counts, and afterwards the old one would cost a try. */
static void a_changed_pin_is_the_one_that_helpers_are_given(void **state)
{
	struct fake *f = fake_new();
	struct token_proxy *p = attended_proxy(f);
	struct secret *pin = secret_copy("old", 3);
	(void)state;
	assert_int_equal(token_proxy_unlock(p, &pin, NULL), ERR_OK);
	struct token_policy_made made = changed_pin(p, "new");
	assert_string_equal(pin_after_crash(f, p), "old");
	assert_int_equal(token_proxy_policy_adopt(p, &made, NULL), ERR_OK);
	assert_string_equal(pin_after_crash(f, p), "new");
	made = changed_pin(p, NULL);
	assert_int_equal(token_proxy_policy_adopt(p, &made, NULL), ERR_OK);
	assert_string_equal(pin_after_crash(f, p), "new");
	snprintf(f->makes_uri, sizeof f->makes_uri, "tpm2:fake?pin-source=file:/x");
	made = changed_pin(p, NULL);
	assert_int_equal(token_proxy_policy_adopt(p, &made, NULL), ERR_OK);
	assert_string_equal(pin_after_crash(f, p), ""); /* it is read from there from now on */
	token_proxy_free(p);
	fake_free(f);
}

/* A look at another token, whose PIN is read from a file, and back: what a person gave is not lost thereby. */
static void a_pin_is_there_again_on_the_way_back(void **state)
{
	struct fake *f = fake_new();
	struct token_proxy *p = attended_proxy(f);
	struct secret *pin = secret_copy("mine", 4);
	(void)state;
	assert_int_equal(token_proxy_unlock(p, &pin, NULL), ERR_OK);
	f->pin[0] = '\0';
	assert_int_equal(token_proxy_retarget(p, "tpm2:fake?pin-source=file:/x", &fake_binding, NULL), ERR_OK);
	assert_string_equal(f->pin, "");
	assert_int_equal(token_proxy_retarget(p, "tpm2:fake", &fake_binding, NULL), ERR_OK);
	assert_string_equal(f->pin, "mine");
	f->pin[0] = '\0';
	assert_int_equal(token_proxy_retarget(p, "tpm2:fake?pin-source=file:/x", &fake_binding, NULL), ERR_OK);
	(void)!token_proxy_retarget(p, "tpm2:another", &fake_binding, NULL);
	assert_string_equal(f->pin, ""); /* another token would count it as a wrong one */
	assert_int_equal(token_proxy_retarget(p, "tpm2:fake", &fake_binding, NULL), ERR_OK);
	assert_string_equal(f->pin, "mine");
	token_proxy_free(p);
	fake_free(f);
}

/* A PKCS#11 token has changed it when it answers. */
static void a_changed_pin_of_a_pkcs11_token_counts_at_once(void **state)
{
	struct fake *f = fake_new();
	struct token_proxy *p = NULL;
	struct token_proxy_config config = { .uri = "pkcs11:token=fake", .binding = &fake_binding, .spawner = &f->spawner, .deadline_ms = 1000,
		.probe_interval_ms = HOUR_MS, .attended = true };
	(void)state;
	assert_int_equal(token_proxy_new(&config, &p, NULL), ERR_OK);
	struct secret *pin = secret_copy("old", 3);
	assert_int_equal(token_proxy_unlock(p, &pin, NULL), ERR_OK);
	(void)changed_pin(p, "new");
	assert_string_equal(pin_after_crash(f, p), "new");
	token_proxy_free(p);
	fake_free(f);
}

/* A retry that anybody may ask for does not bring back what the token refused. */
static void a_refused_pin_is_forgotten(void **state)
{
	struct fake *f = fake_new();
	fake_set(f, CHANNEL_OPEN, FAKE_FAIL, ERR_AUTH);
	struct token_proxy *p = fake_proxy(f, &fake_binding, HOUR_MS);
	struct reason why = { "" };
	(void)state;
	fake_await(p, TOKEN_WRONG_PIN, 2000);
	struct secret *pin = secret_copy("1234", 4);
	assert_int_equal(token_proxy_unlock(p, &pin, &why), ERR_AUTH);
	assert_int_equal(fake_count(f, CHANNEL_PIN), 1);
	token_proxy_retry(p);
	for (unsigned i = 0; i < 50 && fake_count(f, CHANNEL_OPEN) < 3; i++) (void)!token_proxy_probe_now(p, 200, NULL);
	assert_int_equal(fake_count(f, CHANNEL_OPEN), 3);
	assert_int_equal(fake_count(f, CHANNEL_PIN), 1);
	token_proxy_free(p);
	fake_free(f);
}

static void proxy_refuses_a_uri_that_is_none(void **state)
{
	struct fake *f = fake_new();
	struct token_proxy *p = NULL;
	struct token_proxy_config config = { .uri = "usb:1", .spawner = &f->spawner };
	struct reason why = { "" };
	(void)state;
	assert_int_equal(token_proxy_new(&config, &p, &why), ERR_USAGE);
	assert_string_equal(why.text, "a token URI begins with tpm2: or pkcs11:");
	assert_null(p);
	token_proxy_free(NULL);
	fake_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(proxy_opens_attaches_and_wraps),
		cmocka_unit_test(proxy_tells_its_health),
		cmocka_unit_test(proxy_without_a_binding_waits_for_provisioning),
		cmocka_unit_test(proxy_passes_a_refused_provision_on_and_stays_open),
		cmocka_unit_test(proxy_gives_random_bytes_and_the_description),
		cmocka_unit_test(proxy_agrees_by_the_transport_key),
		cmocka_unit_test(proxy_reports_a_tampered_blob_and_stays_well),
		cmocka_unit_test(proxy_probes_by_itself),
		cmocka_unit_test(an_attended_proxy_waits),
		cmocka_unit_test(a_changed_pin_is_the_one_that_helpers_are_given),
		cmocka_unit_test(a_changed_pin_of_a_pkcs11_token_counts_at_once),
		cmocka_unit_test(a_pin_is_there_again_on_the_way_back),
		cmocka_unit_test(a_refused_pin_is_forgotten),
		cmocka_unit_test(proxy_refuses_a_uri_that_is_none),
	};
	return cmocka_run_group_tests(tests, setup_arena, NULL);
}
