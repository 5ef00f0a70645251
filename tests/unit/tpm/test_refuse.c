/* Which objects at the master secret's handle are adopted, and which are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "unit/tpm/helpers.h"
#include "unit/tpm/swtpm.h"

#define HANDLE "0x81010C0F"
#define FULL "fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|restricted|decrypt"

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

static void provision_is_refused(const struct swtpm *s, const char *uri, const char *says, const char *label)
{
	struct token_binding binding;
	struct reason why = { "" };
	struct token *t = help_open(uri);
	enum coffer_err err = token_backend.provision(t, &binding, &why);
	if (err != ERR_TOKEN_REFUSED || !strstr(why.text, says)) fail_msg("%s: %s: %s", label, err_name(err), why.text);
	assert_int_equal(token_backend.probe(t, NULL), ERR_STATE);
	token_backend.close(t);
	assert_int_equal(help_count_handles(s->tcti, TPM2_TRANSIENT_FIRST), 0);
	assert_int_equal(help_count_handles(s->tcti, TPM2_LOADED_SESSION_FIRST), 0);
}

/* An operator's key below an operator's primary, made persistent at our handle. */
static const struct {
	const char *make; /* options of tpm2_create */
	const char *says;
} children[] = {
	{ "-G ecc384:aes256cfb -g sha384 -a 'sensitivedataorigin|userwithauth|noda|restricted|decrypt'", "is not fixedTPM" },
	{ "-G ecc384:aes256cfb -g sha384 -a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|restricted|decrypt'",
	"lacks noDA" },
	{ "-G ecc384 -g sha384 -a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|decrypt'", "is not restricted" },
	{ "-G ecc384:ecdsa-sha384:null -g sha384 -a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|restricted|sign'",
		"is not a decryption key" },
	{ "-G ecc256:aes256cfb -g sha384 -a '" FULL "'", "of another strength" },
	{ "-G rsa2048:aes256cfb -g sha384 -a '" FULL "'", "is not an ECC key" },
	{ "-G ecc384:aes256cfb -g sha384 -a '" FULL "|adminwithpolicy'", "attributes that a master secret must not have" },
	{ "-G ecc384:aes256cfb -g sha384 -a '" FULL "'", "is not a child of Coffer's own primary" },
};

static void an_object_that_breaks_a_rule_is_refused_and_says_how_to_mend_it(void **state)
{
	struct swtpm *s = *state;
	char line[600];
	for (size_t i = 0; i < sizeof children / sizeof children[0]; i++) {
		(void)snprintf(line, sizeof line,
			"tpm2_createprimary -C o -G ecc384:aes256cfb -g sha384 -c p.ctx && tpm2_flushcontext -t && "
			"tpm2_create -C p.ctx %s -u k.pub -r k.priv && tpm2_flushcontext -t && tpm2_load -C p.ctx -u k.pub -r k.priv -c k.ctx && "
			"tpm2_flushcontext -t && tpm2_evictcontrol -C o -c k.ctx " HANDLE " && tpm2_flushcontext -t", children[i].make);
		if (swtpm_tool(s, line) != 0) fail_msg("tpm2-tools cannot make: %s", children[i].make);
		provision_is_refused(s, s->uri, children[i].says, children[i].make);
		provision_is_refused(s, s->uri, "tpm2_evictcontrol -C o -c " HANDLE, children[i].make);
		assert_int_equal(swtpm_tool(s, "tpm2_evictcontrol -C o -c " HANDLE), 0);
	}
	struct token_binding binding;
	token_backend.close(help_provision(s->uri, &binding)); /* the advice works */
}

static void another_handle_can_be_chosen(void **state)
{
	struct swtpm *s = *state;
	struct token_binding binding;
	struct token_info info;
	char uri[192];
	assert_int_equal(swtpm_tool(s, "tpm2_createprimary -C o -c k.ctx && tpm2_evictcontrol -C o -c k.ctx " HANDLE
		" && tpm2_flushcontext -t"), 0);
	provision_is_refused(s, s->uri, "?handle=0x8101XXXX", "default handle");
	(void)snprintf(uri, sizeof uri, "%s?handle=0x81010C10", s->uri);
	struct token *t = help_provision(uri, &binding);
	assert_int_equal(token_backend.describe(t, &info, NULL), ERR_OK);
	assert_non_null(strstr(info.master_secret, "persistent 0x81010C10"));
	token_backend.close(t);
	token_backend.close(help_attach(s->uri, &binding)); /* the binding knows the handle */
	t = help_open(uri);
	assert_int_equal(token_backend.attach(t, &binding, NULL), ERR_OK);
	token_backend.close(t);
	(void)snprintf(uri, sizeof uri, "%s?handle=0x81010C11", s->uri);
	t = help_open(uri);
	assert_int_equal(token_backend.attach(t, &binding, NULL), ERR_USAGE);
	token_backend.close(t);
}

static void an_owner_authorization_value_is_reported_and_not_guessed(void **state)
{
	struct swtpm *s = *state;
	struct token_binding binding;
	struct reason why = { "" };
	token_backend.close(help_provision(s->uri, &binding));
	assert_int_equal(swtpm_tool(s, "tpm2_changeauth -c owner abc"), 0);
	provision_is_refused(s, s->uri, "tpm2_changeauth -c owner -p", "owner value");
	struct token *t = help_open(s->uri);
	assert_int_equal(token_backend.attach(t, &binding, &why), ERR_TOKEN_REFUSED);
	token_backend.close(t);
	assert_int_equal(swtpm_tool(s, "tpm2_changeauth -c owner -p abc"), 0);
	token_backend.close(help_attach(s->uri, &binding));
}

static void the_strongest_profile_is_chosen_and_shown(void **state)
{
	struct swtpm *s = *state;
	struct token_binding binding;
	struct token_info info;
	struct token *t = help_provision(s->uri, &binding);
	assert_int_equal(token_backend.describe(t, &info, NULL), ERR_OK);
	assert_string_equal(info.master_secret, "ECC P-384, AES-256-CFB, persistent 0x81010C0F");
	assert_string_equal(info.mechanism, "tpm2-seal");
	assert_true(info.made_here);
	token_backend.close(t);
	assert_int_equal(swtpm_tool(s,
		"tpm2_readpublic -c " HANDLE " >pub.txt && grep -q 'fixedtpm|fixedparent|sensitivedataorigin|"
		"userwithauth|noda|restricted|decrypt' pub.txt && grep -q 'value: NIST p384' pub.txt"), 0);
}

static void assert_label_after_provisioning(const struct swtpm *s, const char *label, bool warned)
{
	struct token_binding binding;
	struct token_info info;
	token_backend.close(help_provision(s->uri, &binding));
	struct token *t = help_attach(s->uri, &binding); /* it is kept in the binding */
	assert_int_equal(token_backend.describe(t, &info, NULL), ERR_OK);
	assert_string_equal(info.label, label);
	assert_int_equal(info.warning[0] != '\0', warned);
	token_backend.close(t);
	assert_int_equal(help_count_handles(s->tcti, TPM2_TRANSIENT_FIRST), 0);
}

#define NV_ATTRIBUTES "'ppwrite|ppread|ownerread|authread|no_da|platformcreate'"

/* The certificate is found by the key in it, so a bare public key in DER stands for one. */
static void a_certificate_is_compared_with_the_endorsement_key(void **state)
{
	static const struct {
		const char *type, *convert, *index, *size;
	} keys[] = {
		{ "rsa", "openssl rsa -pubin -outform DER", "0x01C00002", "294" },
		{ "ecc", "openssl ec -pubin -outform DER", "0x01C0000A", "91" },
	};
	struct swtpm *s = *state;
	char line[600];
	assert_label_after_provisioning(s, "no EK certificate", false);
	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
		(void)snprintf(line, sizeof line,
			"tpm2_createek -c ek.ctx -G %s -u ek.pem -f pem && tpm2_flushcontext -t && %s -in ek.pem -out ek.der && "
			"tpm2_nvdefine %s -C p -s %s -a " NV_ATTRIBUTES " && tpm2_nvwrite %s -C p -i ek.der", keys[i].type,
			keys[i].convert, keys[i].index,
			keys[i].size, keys[i].index);
		assert_int_equal(swtpm_tool(s, line), 0);
		assert_label_after_provisioning(s, "EK certificate matches", false);
		(void)snprintf(line, sizeof line, "printf x | tpm2_nvwrite %s -C p -i- --offset 60", keys[i].index);
		assert_int_equal(swtpm_tool(s, line), 0);
		assert_label_after_provisioning(s, "EK certificate of another TPM", true);
	}
	assert_int_equal(swtpm_tool(s, "tpm2_changeauth -c endorsement abc"), 0);
	assert_label_after_provisioning(s, "EK certificate not compared", false);
}

#define T(f) cmocka_unit_test_setup_teardown(f, new_tpm, free_tpm)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(an_object_that_breaks_a_rule_is_refused_and_says_how_to_mend_it),
		T(another_handle_can_be_chosen),
		T(an_owner_authorization_value_is_reported_and_not_guessed),
		T(the_strongest_profile_is_chosen_and_shown),
		T(a_certificate_is_compared_with_the_endorsement_key),
	};
	if (arena_init(4u << 20, false, NULL) != ERR_OK) return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
