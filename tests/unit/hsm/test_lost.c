/* "Not found" never means gone: keys, tokens and files that vanish, come back, or are replaced. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "unit/hsm/fixture.h"

/* Ends the first provisioning and returns its binding. */
static struct token_binding provisioned(struct hsm_fixture *f)
{
	struct token_binding binding;
	hsm_fixture_tool(f, "coffer", HSM_TEST_OPERATOR_KEY);
	token_backend.close(hsm_fixture_provision(f, "token=coffer", NULL, &binding));
	return binding;
}

/* word: what the sentence must say. */
static void attach_gives(struct hsm_fixture *f, const struct token_binding *binding, enum coffer_err wanted,
	const char *word)
{
	struct reason reason = { "" };
	struct token *t = hsm_fixture_open(f, "token=coffer", NULL);
	enum coffer_err err = token_backend.attach(t, binding, &reason);
	token_backend.close(t);
	hsm_fixture_expect(err, wanted, &reason);
	if (!strstr(reason.text, word)) fail_msg("'%s' is not in: %s", word, reason.text);
}

static void removed_object_file_is_a_missing_key_and_no_new_one_is_made(void **state)
{
	struct hsm_fixture *f = *state;
	struct token_binding binding = provisioned(f);
	hsm_fixture_shell("cd %s/tokens/*/ && for o in *.object; do case $o in token.object) ;; *) mv $o ../../saved;; esac; "
		"done", f->dir);
	attach_gives(f, &binding, ERR_TOKEN_KEY_MISSING, "no new one is made");
	hsm_fixture_tool(f, "coffer", "--list-objects --type secrkey");
	hsm_fixture_shell("! grep -q master %s/tool.log", f->dir);
	hsm_fixture_shell("cd %s/tokens/*/ && mv ../../saved 11111111-2222-3333-4444-555555555555.object", f->dir);
	attach_gives(f, &binding, ERR_OK, "");
}

static void truncated_object_file_is_a_missing_key(void **state)
{
	struct hsm_fixture *f = *state;
	struct token_binding binding = provisioned(f);
	hsm_fixture_shell("cd %s/tokens/*/ && for o in *.object; do case $o in token.object) ;; *) truncate -s 100 $o;; "
		"esac; done", f->dir);
	attach_gives(f, &binding, ERR_TOKEN_KEY_MISSING, "no new one is made");
}

static void key_removed_while_running_is_found_missing_by_the_probe(void **state)
{
	struct hsm_fixture *f = *state;
	struct token_binding binding;
	struct reason reason = { "" };
	hsm_fixture_tool(f, "coffer", HSM_TEST_OPERATOR_KEY);
	struct token *t = hsm_fixture_provision(f, "token=coffer", NULL, &binding);
	hsm_fixture_tool(f, "coffer", "--delete-object --type secrkey --id 11");
	hsm_fixture_expect(token_backend.probe(t, &reason), ERR_TOKEN_KEY_MISSING, &reason);
	token_backend.close(t);
}

static void other_token_with_the_same_label_is_refused(void **state)
{
	struct hsm_fixture *f = *state;
	struct token_binding binding = provisioned(f);
	hsm_fixture_shell("mv %s/tokens %s/old && mkdir %s/tokens", f->dir, f->dir, f->dir);
	hsm_fixture_add_token(f, "coffer");
	hsm_fixture_tool(f, "coffer", HSM_TEST_OPERATOR_KEY);
	attach_gives(f, &binding, ERR_TOKEN_OTHER, "but this node's master secret is in token");
	hsm_fixture_shell("rm -r %s/tokens && mv %s/old %s/tokens", f->dir, f->dir, f->dir);
	attach_gives(f, &binding, ERR_OK, "");
}

static void other_key_with_the_same_label_and_id_is_refused(void **state)
{
	struct hsm_fixture *f = *state;
	struct token_binding binding = provisioned(f);
	hsm_fixture_tool(f, "coffer", "--delete-object --type secrkey --id 11");
	hsm_fixture_tool(f, "coffer", HSM_TEST_OPERATOR_KEY);
	attach_gives(f, &binding, ERR_TOKEN_OTHER, "does not open the canary");
}

static void second_key_with_the_same_id_is_refused_at_attach(void **state)
{
	struct hsm_fixture *f = *state;
	struct token_binding binding = provisioned(f);
	hsm_fixture_tool(f, "coffer", HSM_TEST_OPERATOR_KEY);
	attach_gives(f, &binding, ERR_TOKEN_REFUSED, "several keys");
}

static void token_directory_removed_while_running_is_gone_until_opened_again(void **state)
{
	struct hsm_fixture *f = *state;
	struct token_binding binding;
	struct reason reason = { "" };
	AUTO_SECRET struct secret *plain = secret_new(TOKEN_SECRET_LEN);
	AUTO_BUF struct buf blob = BUF_EMPTY;
	struct token *t = hsm_fixture_provision(f, "token=coffer", NULL, &binding);
	hsm_fixture_shell("mv %s/tokens %s/away && mkdir %s/tokens", f->dir, f->dir, f->dir);
	/* The token then shows no key, without any error: gone, not missing. */
	hsm_fixture_expect(token_backend.attach(t, &binding, &reason), ERR_TOKEN_GONE, &reason);
	token_backend.close(t);
	hsm_fixture_shell("rmdir %s/tokens && mv %s/away %s/tokens", f->dir, f->dir, f->dir);
	t = hsm_fixture_provision(f, "token=coffer", NULL, &binding);
	hsm_fixture_shell("mv %s/tokens %s/away && mkdir %s/tokens", f->dir, f->dir, f->dir);
	hsm_fixture_expect(token_backend.probe(t, &reason), ERR_TOKEN_GONE, &reason);
	hsm_fixture_expect(token_backend.wrap(t, plain, &blob, &reason), ERR_TOKEN_GONE, &reason);
	assert_int_equal(blob.len, 0);
	token_backend.close(t);
	hsm_fixture_shell("rmdir %s/tokens && mv %s/away %s/tokens", f->dir, f->dir, f->dir);
	attach_gives(f, &binding, ERR_OK, "");
}

static void damaged_binding_is_refused_at_every_byte(void **state)
{
	struct hsm_fixture *f = *state;
	struct token_binding binding = provisioned(f);
	struct reason reason = { "" };
	struct token *t = hsm_fixture_open(f, "token=coffer", NULL);
	for (size_t i = 0; i < binding.data_len; i++) {
		struct token_binding bad = binding;
		bad.data[i] ^= 0x41;
		assert_int_not_equal(token_backend.attach(t, &bad, &reason), ERR_OK);
		bad = binding;
		bad.data_len = i;
		hsm_fixture_expect(token_backend.attach(t, &bad, &reason), ERR_CORRUPT, &reason);
	}
	struct token_binding bad = binding;
	bad.master_secret_id[5] ^= 1;
	hsm_fixture_expect(token_backend.attach(t, &bad, &reason), ERR_CORRUPT, &reason);
	bad = binding;
	memcpy(bad.mechanism, "tpm2-seal", sizeof "tpm2-seal");
	hsm_fixture_expect(token_backend.attach(t, &bad, &reason), ERR_TOKEN_OTHER, &reason);
	hsm_fixture_expect(token_backend.attach(t, &binding, &reason), ERR_OK, &reason);
	hsm_fixture_expect(token_backend.attach(t, &bad, &reason), ERR_TOKEN_OTHER, &reason);
	hsm_fixture_expect(token_backend.probe(t, &reason), ERR_STATE, &reason);
	token_backend.close(t);
}

#define T(name) cmocka_unit_test_setup_teardown(name, hsm_fixture_setup, hsm_fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(removed_object_file_is_a_missing_key_and_no_new_one_is_made),
		T(truncated_object_file_is_a_missing_key),
		T(key_removed_while_running_is_found_missing_by_the_probe),
		T(other_token_with_the_same_label_is_refused),
		T(other_key_with_the_same_label_and_id_is_refused),
		T(second_key_with_the_same_id_is_refused_at_attach),
		T(token_directory_removed_while_running_is_gone_until_opened_again),
		T(damaged_binding_is_refused_at_every_byte),
	};
	return cmocka_run_group_tests(tests, hsm_fixture_group, NULL);
}
