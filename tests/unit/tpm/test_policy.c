/* Wrapped data keys that are bound to PCRs and to a PIN. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <tss2/tss2_mu.h>

#include "base/arena.h"
#include "base/reader.h"
#include "unit/token/heard.h"
#include "token/bound.h"
#include "unit/tpm/machine.h"

/* ---- PCR values ---- */

static void bound_to_pcrs_it_opens_until_one_of_them_changes(void **state)
{
	struct machine *m = *state;
	bind_to(m, "pcrs=sha256:0,7");
	opens(m);
	struct token_policy_status s = status_of(m);
	assert_int_equal(s.boot, TOKEN_BOOT_OPENS);
	assert_string_equal(s.pcrs, "0 as bound, 7 as bound");
	assert_non_null(strstr(s.policy, "PCRs sha256:0,7"));
	assert_int_equal(swtpm_tool(&m->swtpm, EXTEND_8), 0);
	opens(m);
	assert_int_equal(swtpm_tool(&m->swtpm, EXTEND_7), 0);
	does_not_open(m, ERR_TOKEN_POLICY, "PCRs sha256:7 differ");
	s = status_of(m);
	assert_int_equal(s.boot, TOKEN_BOOT_CLOSED);
	assert_string_equal(s.pcrs, "0 as bound, 7 differs");
	assert_non_null(strstr(s.sentence, "coffer unseal --share-file"));
	reboot(m);
	opens(m);
	assert_int_equal(help_count_handles(m->swtpm.tcti, TPM2_TRANSIENT_FIRST), 0);
	assert_int_equal(help_count_handles(m->swtpm.tcti, TPM2_LOADED_SESSION_FIRST), 0);
}

/* Loads the blob with nothing of the backend, and unseals it in the given way. */
static TSS2_RC unseal_raw(struct machine *m, bool with_policy)
{
	struct raw raw;
	struct reader r;
	struct view pub_bytes, private_bytes;
	uint8_t format;
	ESYS_TR master, object, session = ESYS_TR_PASSWORD;
	const TPMT_SYM_DEF none = { .algorithm = TPM2_ALG_NULL };
	TPM2B_PUBLIC pub = { 0 };
	TPM2B_SENSITIVE_DATA *data = NULL;
	size_t used = 0;
	reader_init(&r, buf_view(&m->blob));
	assert_int_equal(reader_u8(&r, &format), ERR_OK);
	assert_int_equal(reader_view_u16(&r, 4096, &pub_bytes), ERR_OK);
	assert_int_equal(reader_view_u16(&r, 4096, &private_bytes), ERR_OK);
	assert_int_equal(Tss2_MU_TPMT_PUBLIC_Unmarshal(pub_bytes.ptr, pub_bytes.len, &used, &pub.publicArea), TSS2_RC_SUCCESS);
	TPM2B_PRIVATE private = { .size = (UINT16)private_bytes.len };
	memcpy(private.buffer, private_bytes.ptr, private_bytes.len);
	help_raw_open(&raw, m->swtpm.tcti);
	assert_int_equal(Esys_TR_FromTPMPublic(raw.esys, 0x81010C0F, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &master), TSS2_RC_SUCCESS);
	assert_int_equal(Esys_Load(raw.esys, master, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &private, &pub, &object), TSS2_RC_SUCCESS);
	if (with_policy) {
		assert_int_equal(Esys_StartAuthSession(raw.esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, NULL,
			TPM2_SE_POLICY, &none, pub.publicArea.nameAlg, &session), TSS2_RC_SUCCESS);
		assert_int_equal(Esys_PolicyCommandCode(raw.esys, session, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, TPM2_CC_Unseal), TSS2_RC_SUCCESS);
	}
	TSS2_RC rc = Esys_Unseal(raw.esys, object, session, ESYS_TR_NONE, ESYS_TR_NONE, &data);
	if (rc == TSS2_RC_SUCCESS) assert_memory_equal(data->buffer, secret_bytes(m->key), TOKEN_SECRET_LEN);
	Esys_Free(data);
	assert_int_equal(Esys_FlushContext(raw.esys, object), TSS2_RC_SUCCESS);
	if (with_policy) (void)Esys_FlushContext(raw.esys, session);
	help_raw_close(&raw);
	return rc;
}

static void the_tpm_itself_refuses_the_empty_value_and_a_weaker_policy(void **state)
{
	struct machine *m = *state;
	bind_to(m, "handle=0x81010C0F"); /* the control: bound to nothing, the same attempt opens it */
	assert_int_equal(unseal_raw(m, false), TPM2_RC_AUTH_UNAVAILABLE);
	assert_int_equal(unseal_raw(m, true), TSS2_RC_SUCCESS);
	bind_to(m, "pcrs=sha256:7");
	assert_int_equal(unseal_raw(m, false), TPM2_RC_AUTH_UNAVAILABLE);
	assert_int_equal(unseal_raw(m, true), TPM2_RC_POLICY_FAIL + TPM2_RC_S + TPM2_RC_1);
}

static void a_blob_of_another_policy_is_not_taken_for_one_of_this(void **state)
{
	struct machine *m = *state;
	struct token_binding bound;
	bind_to(m, "pcrs=sha256:7");
	bound = m->binding;
	AUTO_BUF struct buf strong = BUF_EMPTY;
	assert_int_equal(buf_append(&strong, buf_view(&m->blob)), ERR_OK);
	bind_to(m, "pcrs=sha256:8");
	m->binding = bound;
	does_not_open(m, ERR_CORRUPT, "of this TPM and policy");
	bind_to(m, "handle=0x81010C0F");
	m->binding = bound;
	does_not_open(m, ERR_CORRUPT, "of this TPM and policy");
	buf_clear(&m->blob);
	assert_int_equal(buf_append(&m->blob, buf_view(&strong)), ERR_OK);
	opens(m);
}

static void pcrs_that_the_tpm_does_not_keep_are_refused(void **state)
{
	struct machine *m = *state;
	struct token_binding binding;
	struct reason why = { "" };
	char uri[TEXT];
	bind_to(m, "pcrs=sha384:7"); /* the control: the bank is there now */
	assert_int_equal(swtpm_tool(&m->swtpm, "tpm2_pcrallocate sha256:all+sha384:none"), 0);
	reboot(m);
	(void)snprintf(uri, sizeof uri, "%s?pcrs=sha384:7", proxy_uri(m->proxy));
	struct token *t = help_open(uri);
	assert_int_equal(token_backend.provision(t, &binding, &why), ERR_TOKEN_REFUSED);
	assert_non_null(strstr(why.text, "does not keep"));
	token_backend.close(t);
}

/* ---- PIN ---- */

static void the_right_pin_opens_and_a_wrong_one_is_tried_once(void **state)
{
	struct machine *m = *state;
	char parameters[TEXT], path[TEXT];
	bind_to(m, "handle=0x81010C0F");
	assert_false(token_binding_wants_pin(&m->binding));
	bind_to(m, "pcrs=sha256:7");
	assert_false(token_binding_wants_pin(&m->binding));
	bind_to(m, with_pin(m, "pin", "1234\n", parameters));
	assert_true(token_binding_wants_pin(&m->binding));
	m->binding.data_len = 2;
	assert_false(token_binding_wants_pin(&m->binding));
	bind_to(m, with_pin(m, "pin", "1234\n", parameters));
	opens(m);
	assert_int_equal(help_property(m->swtpm.tcti, TPM2_PT_MAX_AUTH_FAIL), 32);
	put_file(m, "pin", "1235", 4, path);
	proxy_clear(m->proxy);
	does_not_open(m, ERR_AUTH, "is not tried again");
	assert_int_equal(help_property(m->swtpm.tcti, TPM2_PT_LOCKOUT_COUNTER), 1);
	put_file(m, "pin", "1234", 4, path);
	opens(m);
	assert_non_null(strstr(status_of(m).policy, "PIN from file:"));
	assert_non_null(strstr(status_of(m).warning, "tpm2_changeauth -c lockout"));
}

/* Each use of a PIN is told before TPM2_PolicySecret, and when it was right; where nobody hears of it the TPM is not sent it. */
static void each_use_of_a_pin_is_told(void **state)
{
	struct machine *m = *state;
	struct heard heard;
	char parameters[TEXT], path[TEXT];
	bind_to(m, with_pin(m, "pin", "1234", parameters));
	heard_begin(&heard);
	opens(m);
	assert_true(heard_steps(&heard, "gt"));
	put_file(m, "pin", "1235", 4, path);
	does_not_open(m, ERR_AUTH, "is not tried again");
	assert_true(heard_steps(&heard, "g"));
	heard.refuses = ERR_CLOSED;
	unsigned before = proxy_seen(m->proxy, TPM2_CC_PolicySecret);
	does_not_open(m, ERR_TOKEN_GONE, "it is not sent the PIN");
	assert_true(heard_steps(&heard, "g"));
	assert_int_equal(proxy_seen(m->proxy, TPM2_CC_PolicySecret), before);
	assert_int_equal(help_property(m->swtpm.tcti, TPM2_PT_LOCKOUT_COUNTER), 1);
	assert_int_equal(help_count_handles(m->swtpm.tcti, TPM2_TRANSIENT_FIRST), 0);
	heard_begin(NULL);
}

static void twenty_power_cuts_lock_nothing(void **state)
{
	struct machine *m = *state;
	char parameters[TEXT];
	bind_to(m, with_pin(m, "pin", "1234", parameters));
	assert_int_equal(swtpm_tool(&m->swtpm, "tpm2_dictionarylockout -s -n 3 -t 10000 -l 10000"), 0);
	for (int i = 0; i < 20; i++) {
		opens(m);
		reboot(m);
	}
	assert_int_equal(help_property(m->swtpm.tcti, TPM2_PT_LOCKOUT_COUNTER), 0);
	opens(m);
}

/* The control of the test above: when the TPM is not told that it stops in order, the third cut locks it. */
static void without_an_orderly_end_three_power_cuts_lock_it(void **state)
{
	struct machine *m = *state;
	char parameters[TEXT];
	bind_to(m, with_pin(m, "pin", "1234", parameters));
	assert_int_equal(swtpm_tool(&m->swtpm, "tpm2_dictionarylockout -s -n 3 -t 10000 -l 10000"), 0);
	for (int i = 0; i < 3; i++) {
		struct token *t = help_attach(m->uri, &m->binding);
		AUTO_SECRET struct secret *back = NULL;
		proxy_answer(m->proxy, TPM2_CC_Shutdown, TPM2_RC_NV_UNAVAILABLE, 1);
		assert_int_equal(token_backend.unwrap(t, buf_view(&m->blob), &back, NULL), ERR_OK);
		token_backend.close(t);
		reboot(m);
	}
	does_not_open(m, ERR_TOKEN_LOCKED, "0x921");
	assert_non_null(strstr(status_of(m).policy, "PIN"));
}

static void a_gate_of_somebody_elses_opens_nothing(void **state)
{
	struct machine *m = *state;
	char parameters[TEXT];
	bind_to(m, with_pin(m, "pin", "1234", parameters));
	AUTO_BUF struct buf blob = BUF_EMPTY;
	assert_int_equal(buf_append(&blob, buf_view(&m->blob)), ERR_OK);
	bind_to(m, with_pin(m, "evil", "9999", parameters)); /* node.id with a gate whose PIN the thief knows */
	buf_clear(&m->blob);
	assert_int_equal(buf_append(&m->blob, buf_view(&blob)), ERR_OK);
	does_not_open(m, ERR_CORRUPT, "of this TPM and policy");
}

static void pcrs_and_pin_are_both_needed(void **state)
{
	struct machine *m = *state;
	char parameters[TEXT], both[2 * TEXT], path[TEXT];
	(void)snprintf(both, sizeof both, "pcrs=sha256:7&%s", with_pin(m, "pin", "1234", parameters));
	bind_to(m, both);
	opens(m);
	put_file(m, "pin", "1235", 4, path);
	does_not_open(m, ERR_AUTH, "is not tried again");
	assert_int_equal(swtpm_tool(&m->swtpm, EXTEND_7), 0);
	proxy_clear(m->proxy);
	does_not_open(m, ERR_TOKEN_POLICY, "differ");
	assert_int_equal(proxy_seen(m->proxy, TPM2_CC_PolicySecret), 0); /* the PIN is not spent on it */
	put_file(m, "pin", "1234", 4, path);
	does_not_open(m, ERR_TOKEN_POLICY, "differ");
	reboot(m);
	opens(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define WITH_MACHINE(test) cmocka_unit_test_setup_teardown(test, new_machine, free_machine)
		WITH_MACHINE(bound_to_pcrs_it_opens_until_one_of_them_changes),
		WITH_MACHINE(the_tpm_itself_refuses_the_empty_value_and_a_weaker_policy),
		WITH_MACHINE(a_blob_of_another_policy_is_not_taken_for_one_of_this),
		WITH_MACHINE(pcrs_that_the_tpm_does_not_keep_are_refused),
		WITH_MACHINE(the_right_pin_opens_and_a_wrong_one_is_tried_once),
		WITH_MACHINE(each_use_of_a_pin_is_told),
		WITH_MACHINE(twenty_power_cuts_lock_nothing),
		WITH_MACHINE(without_an_orderly_end_three_power_cuts_lock_it),
		WITH_MACHINE(a_gate_of_somebody_elses_opens_nothing),
		WITH_MACHINE(pcrs_and_pin_are_both_needed),
	};
	if (arena_init(4u << 20, false, NULL) != ERR_OK) return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
