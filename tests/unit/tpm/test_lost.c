/* Power cuts, a TPM that goes away, is cleared or exchanged, and what a crashed program left in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "unit/tpm/helpers.h"
#include "unit/tpm/swtpm.h"

#define POWER_CUTS 20

static int new_tpm(void **state)
{
	static struct swtpm swtpm;
	swtpm_init(&swtpm);
	*state = &swtpm;
	return 0;
}

static int free_tpm(void **state)
{
	swtpm_done(*state);
	return 0;
}

static void twenty_power_cuts_never_lead_to_lockout(void **state)
{
	struct swtpm *s = *state;
	struct token_binding binding;
	AUTO_SECRET struct secret *key = help_key();
	AUTO_BUF struct buf blob = BUF_EMPTY;
	struct token *t = help_provision(s->uri, &binding);
	help_wrap(t, key, &blob);
	token_backend.close(t);
	assert_int_equal(swtpm_tool(s, "tpm2_dictionarylockout -s -n 3 -t 1000 -l 1000"), 0);
	assert_int_equal(help_property(s->tcti, TPM2_PT_MAX_AUTH_FAIL), 3);
	for (int i = 0; i < POWER_CUTS; i++) {
		t = help_attach(s->uri, &binding);
		help_unwraps_to(t, buf_view(&blob), key);
		swtpm_cut(s);
		token_backend.close(t);
		swtpm_start(s);
	}
	assert_int_equal(help_property(s->tcti, TPM2_PT_LOCKOUT_COUNTER), 0);
	t = help_attach(s->uri, &binding);
	help_unwraps_to(t, buf_view(&blob), key);
	token_backend.close(t);
}

/* The positive control: with an object that counts, three cuts lock this TPM, and then the right value fails. Coffer's own keys
 * do not mind the lockout. */
static void three_power_cuts_lock_an_object_without_noda(void **state)
{
	static const char use[] = "tpm2_flushcontext -t; tpm2_createprimary -C o -c p.ctx && tpm2_flushcontext -t && "
		"tpm2_load -C p.ctx -u s.pub -r s.priv -c s.ctx && tpm2_flushcontext -t && tpm2_unseal -c s.ctx -p abc";
	struct swtpm *s = *state;
	struct token_binding binding;
	struct token_info info;
	AUTO_SECRET struct secret *key = help_key();
	AUTO_BUF struct buf blob = BUF_EMPTY;
	struct token *t = help_provision(s->uri, &binding);
	help_wrap(t, key, &blob);
	token_backend.close(t);
	assert_int_equal(swtpm_tool(s, "tpm2_dictionarylockout -s -n 3 -t 1000 -l 1000 && tpm2_createprimary -C o -c p.ctx && "
		"echo secret | tpm2_create -C p.ctx -p abc -i- -u s.pub -r s.priv"), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(swtpm_tool(s, use), 0);
		swtpm_cut(s);
		swtpm_start(s);
	}
	assert_int_equal(help_property(s->tcti, TPM2_PT_LOCKOUT_COUNTER), 3);
	assert_int_not_equal(swtpm_tool(s, use), 0);
	t = help_attach(s->uri, &binding);
	help_unwraps_to(t, buf_view(&blob), key);
	assert_int_equal(token_backend.probe(t, NULL), ERR_OK);
	assert_int_equal(token_backend.describe(t, &info, NULL), ERR_OK);
	assert_non_null(strstr(info.warning, "lockout"));
	token_backend.close(t);
}

static void provisioning_raises_the_tolerance_for_wrong_authorizations(void **state)
{
	struct swtpm *s = *state;
	struct token_binding binding;
	uint32_t interval_s = help_property(s->tcti, TPM2_PT_LOCKOUT_INTERVAL);
	assert_true(help_property(s->tcti, TPM2_PT_MAX_AUTH_FAIL) < 32);
	token_backend.close(help_provision(s->uri, &binding));
	assert_int_equal(help_property(s->tcti, TPM2_PT_MAX_AUTH_FAIL), 32);
	assert_int_equal(help_property(s->tcti, TPM2_PT_LOCKOUT_INTERVAL), interval_s);
}

static void a_lockout_value_is_neither_guessed_nor_needed(void **state)
{
	struct swtpm *s = *state;
	struct token_binding binding;
	uint32_t tries = help_property(s->tcti, TPM2_PT_MAX_AUTH_FAIL);
	assert_int_equal(swtpm_tool(s, "tpm2_changeauth -c lockout abc"), 0);
	token_backend.close(help_provision(s->uri, &binding));
	assert_int_equal(help_property(s->tcti, TPM2_PT_MAX_AUTH_FAIL), tries);
	assert_int_equal(help_property(s->tcti, TPM2_PT_LOCKOUT_COUNTER), 0);
	assert_int_equal(swtpm_tool(s, "tpm2_dictionarylockout -c -p abc"), 0);
}

static void a_tpm_killed_in_use_is_gone_until_it_is_opened_again(void **state)
{
	struct swtpm *s = *state;
	struct token_binding binding;
	struct token_info info;
	uint8_t byte = 0;
	AUTO_SECRET struct secret *key = help_key();
	AUTO_SECRET struct secret *back = NULL;
	AUTO_BUF struct buf blob = BUF_EMPTY, other = BUF_EMPTY;
	struct token *t = help_provision(s->uri, &binding);
	help_wrap(t, key, &blob);
	swtpm_cut(s);
	assert_int_equal(token_backend.unwrap(t, buf_view(&blob), &back, NULL), ERR_TOKEN_GONE);
	swtpm_start(s); /* the old connection stays dead */
	assert_int_equal(token_backend.unwrap(t, buf_view(&blob), &back, NULL), ERR_TOKEN_GONE);
	assert_int_equal(token_backend.wrap(t, key, &other, NULL), ERR_TOKEN_GONE);
	assert_int_equal(token_backend.probe(t, NULL), ERR_TOKEN_GONE);
	assert_int_equal(token_backend.random(t, &byte, 1, NULL), ERR_TOKEN_GONE);
	assert_int_equal(token_backend.describe(t, &info, NULL), ERR_TOKEN_GONE);
	token_backend.close(t);
	t = help_attach(s->uri, &binding);
	help_unwraps_to(t, buf_view(&blob), key);
	token_backend.close(t);
}

static void a_cleared_tpm_is_refused_and_opens_no_older_key(void **state)
{
	struct swtpm *s = *state;
	struct token_binding binding, again;
	struct raw raw;
	struct reason why = { "" };
	AUTO_SECRET struct secret *key = help_key();
	AUTO_SECRET struct secret *back = NULL;
	AUTO_BUF struct buf blob = BUF_EMPTY;
	struct token *t = help_provision(s->uri, &binding);
	help_wrap(t, key, &blob);
	token_backend.close(t);
	help_raw_open(&raw, s->tcti);
	assert_int_equal(Esys_Clear(raw.esys, ESYS_TR_RH_LOCKOUT, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE),
		TSS2_RC_SUCCESS);
	help_raw_close(&raw);
	t = help_open(s->uri);
	assert_int_equal(token_backend.attach(t, &binding, &why), ERR_TOKEN_OTHER);
	assert_non_null(strstr(why.text, "cleared"));
	assert_int_equal(token_backend.provision(t, &again, NULL), ERR_OK);
	assert_int_equal(token_backend.unwrap(t, buf_view(&blob), &back, NULL), ERR_CORRUPT);
	token_backend.close(t);
}

static void a_master_secret_that_was_evicted_is_missing_and_not_made_again(void **state)
{
	struct swtpm *s = *state;
	struct token_binding binding;
	struct reason why = { "" };
	token_backend.close(help_provision(s->uri, &binding));
	assert_int_equal(swtpm_tool(s, "tpm2_evictcontrol -C o -c 0x81010C0F"), 0);
	struct token *t = help_open(s->uri);
	assert_int_equal(token_backend.attach(t, &binding, &why), ERR_TOKEN_KEY_MISSING);
	assert_non_null(strstr(why.text, "0x81010C0F"));
	assert_int_equal(token_backend.probe(t, NULL), ERR_STATE);
	token_backend.close(t);
	assert_int_equal(help_count_handles(s->tcti, TPM2_PERSISTENT_FIRST), 0);
	assert_int_equal(help_count_handles(s->tcti, TPM2_TRANSIENT_FIRST), 0);
}

static void a_master_secret_that_was_replaced_is_refused(void **state)
{
	struct swtpm *s = *state;
	struct token_binding first, second;
	struct reason why = { "" };
	token_backend.close(help_provision(s->uri, &first));
	assert_int_equal(swtpm_tool(s, "tpm2_evictcontrol -C o -c 0x81010C0F"), 0);
	token_backend.close(help_provision(s->uri, &second));
	struct token *t = help_open(s->uri);
	assert_int_equal(token_backend.attach(t, &first, &why), ERR_TOKEN_OTHER);
	assert_non_null(strstr(why.text, "replaced"));
	assert_int_equal(token_backend.attach(t, &second, &why), ERR_OK);
	token_backend.close(t);
}

static void leave_things_behind(const struct swtpm *s)
{
	const TPMT_SYM_DEF none = { .algorithm = TPM2_ALG_NULL };
	ESYS_TR session = ESYS_TR_NONE;
	struct raw raw;
	assert_int_equal(swtpm_tool(s, "tpm2_createprimary -C o -c a.ctx && tpm2_createprimary -C o -G rsa -c b.ctx && "
		"tpm2_createprimary -C e -c c.ctx"), 0);
	help_raw_open(&raw, s->tcti);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(Esys_StartAuthSession(raw.esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
			ESYS_TR_NONE, NULL,
			TPM2_SE_POLICY, &none, TPM2_ALG_SHA256, &session), TSS2_RC_SUCCESS);
	}
	help_raw_close(&raw);
}

static void what_a_crash_left_in_the_tpm_is_swept_at_open(void **state)
{
	struct swtpm *s = *state;
	struct token_binding binding;
	token_backend.close(help_provision(s->uri, &binding));
	assert_int_equal(swtpm_tool(s, "tpm2_createprimary -C o -c k.ctx && tpm2_evictcontrol -C o -c k.ctx 0x81000123 && "
		"tpm2_flushcontext -t"), 0);
	leave_things_behind(s);
	assert_int_equal(help_count_handles(s->tcti, TPM2_TRANSIENT_FIRST), 3);
	assert_true(help_count_handles(s->tcti, TPM2_LOADED_SESSION_FIRST) == 3);
	token_backend.close(help_attach(s->uri, &binding));
	assert_int_equal(help_count_handles(s->tcti, TPM2_TRANSIENT_FIRST), 0);
	assert_int_equal(help_count_handles(s->tcti, TPM2_LOADED_SESSION_FIRST), 0);
	assert_int_equal(help_count_handles(s->tcti, TPM2_ACTIVE_SESSION_FIRST), 0);
	assert_int_equal(help_count_handles(s->tcti, TPM2_PERSISTENT_FIRST), 2);
}

#define T(f) cmocka_unit_test_setup_teardown(f, new_tpm, free_tpm)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(twenty_power_cuts_never_lead_to_lockout),
		T(three_power_cuts_lock_an_object_without_noda),
		T(provisioning_raises_the_tolerance_for_wrong_authorizations),
		T(a_lockout_value_is_neither_guessed_nor_needed),
		T(a_tpm_killed_in_use_is_gone_until_it_is_opened_again),
		T(a_cleared_tpm_is_refused_and_opens_no_older_key),
		T(a_master_secret_that_was_evicted_is_missing_and_not_made_again),
		T(a_master_secret_that_was_replaced_is_refused),
		T(what_a_crash_left_in_the_tpm_is_swept_at_open),
	};
	if (arena_init(4u << 20, false, NULL) != ERR_OK) return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
