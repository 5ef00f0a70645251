/* The backend against a real SoftHSM: adopting, making, attaching, wrapping. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/ct.h"
#include "hsm/attr.h"
#include "hsm/mech.h"
#include "hsm/object.h"
#include "unit/hsm/fixture.h"

static struct secret *data_key(uint8_t seed)
{
	struct secret *s = secret_new(TOKEN_SECRET_LEN);
	assert_non_null(s);
	for (size_t i = 0; i < TOKEN_SECRET_LEN; i++) secret_mut(s)[i] = (uint8_t)(seed + i);
	return s;
}

static void expect_round_trip(struct token *t)
{
	struct reason reason = { "" };
	AUTO_SECRET struct secret *plain = data_key(7);
	AUTO_SECRET struct secret *back = NULL;
	AUTO_BUF struct buf blob = BUF_EMPTY;
	hsm_fixture_expect(token_backend.wrap(t, plain, &blob, &reason), ERR_OK, &reason);
	hsm_fixture_expect(token_backend.unwrap(t, buf_view(&blob), &back, &reason), ERR_OK, &reason);
	assert_true(secret_equal(plain, back));
}

static void operator_key_of_pkcs11_tool_is_adopted(void **state)
{
	struct hsm_fixture *f = *state;
	struct token_binding binding;
	struct token_info info;
	struct reason reason = { "" };
	hsm_fixture_tool(f, "coffer", HSM_TEST_OPERATOR_KEY);
	struct token *t = hsm_fixture_provision(f, "token=coffer", NULL, &binding);
	assert_string_equal(binding.mechanism, "CKM_AES_KEY_WRAP");
	expect_round_trip(t);
	hsm_fixture_expect(token_backend.describe(t, &info, &reason), ERR_OK, &reason);
	assert_false(info.made_here);
	assert_string_equal(info.master_secret, "AES-256 'master' id 11");
	assert_string_equal(info.label, "coffer");
	assert_string_equal(info.warning, "");
	token_backend.close(t);
}

static void token_of_provision_sh_is_adopted_by_the_uri_that_it_prints(void **state)
{
	struct hsm_fixture *f = *state;
	char conf[128], uri[TOKEN_URI_MAX];
	struct token *t = NULL;
	struct token_binding binding;
	struct reason reason = { "" };
	const char *source = getenv("COFFER_SOURCE_DIR");
	hsm_fixture_shell("umask 077 && cd %s && echo 87654321 >so", f->dir);
	for (int run = 0; run < 2; run++) {
		hsm_fixture_shell("%s/softhsm-config/provision.sh --pin-file %s --so-pin-file %s/so --tokendir %s/p/tokens "
			">%s/uri 2>%s/tool.log || { cat %s/tool.log; false; }", source ? source : ".", f->pin_path, f->dir, f->dir, f->dir,
				f->dir, f->dir);
	}
	hsm_fixture_shell("grep -q \"master secret 'master' exists already\" %s/tool.log", f->dir);
	(void)snprintf(conf, sizeof conf, "%s/uri", f->dir);
	FILE *file = fopen(conf, "r");
	assert_non_null(file);
	assert_non_null(fgets(uri, sizeof uri, file));
	(void)fclose(file);
	uri[strcspn(uri, "\n")] = '\0';
	(void)snprintf(conf, sizeof conf, "%s/p/softhsm2.conf", f->dir);
	setenv("SOFTHSM2_CONF", conf, 1);
	hsm_fixture_expect(token_backend.open(uri, &t, &reason), ERR_OK, &reason);
	hsm_fixture_expect(token_backend.provision(t, &binding, &reason), ERR_OK, &reason);
	assert_string_equal(binding.mechanism, "CKM_AES_KEY_WRAP");
	expect_round_trip(t);
	token_backend.close(t);
}

static void provision_makes_a_key_where_there_is_none_and_adopts_it_later(void **state)
{
	struct hsm_fixture *f = *state;
	struct token_binding first, second;
	struct token_info info;
	struct reason reason = { "" };
	struct token *t = hsm_fixture_provision(f, "token=coffer", NULL, &first);
	assert_string_equal(first.mechanism, "CKM_AES_KEY_WRAP");
	hsm_fixture_expect(token_backend.describe(t, &info, &reason), ERR_OK, &reason);
	assert_true(info.made_here);
	expect_round_trip(t);
	token_backend.close(t);

	t = hsm_fixture_provision(f, "token=coffer", NULL, &second);
	hsm_fixture_expect(token_backend.describe(t, &info, &reason), ERR_OK, &reason);
	assert_false(info.made_here);
	token_backend.close(t);
}

/* What pkcs11-tool does not show. */
static void expect_strict_attributes(const struct hsm_fixture *f)
{
	struct hsm_raw raw;
	struct hsm_key key;
	CK_MECHANISM_TYPE allowed[8];
	size_t len = 0;
	bool modifiable = true;
	hsm_fixture_raw_open(f, &raw);
	assert_int_equal(hsm_object_find(&raw.session, "master", NULL, 0, &key, NULL), ERR_OK);
	assert_int_equal(hsm_attr_flag(&raw.session, key.handle, CKA_MODIFIABLE, &modifiable, NULL), ERR_OK);
	assert_false(modifiable);
	assert_int_equal(hsm_attr_bytes(&raw.session, key.handle, CKA_ALLOWED_MECHANISMS, allowed, sizeof allowed, &len,
		NULL), ERR_OK);
	assert_int_equal(len, 2 * sizeof allowed[0]);
	for (size_t i = 0; i < 2; i++) assert_true(hsm_mech_type_is_key_wrap(allowed[i]));
	CK_ATTRIBUTE nested = { CKA_UNWRAP_TEMPLATE, NULL, 0 };
	assert_int_equal(raw.module.fn->C_GetAttributeValue(raw.session.handle, key.handle, &nested, 1), CKR_OK);
	assert_int_equal(nested.ulValueLen, 3 * sizeof(CK_ATTRIBUTE));
	hsm_fixture_raw_close(&raw);
}

static void made_key_has_the_full_template(void **state)
{
	struct hsm_fixture *f = *state;
	struct token_binding binding;
	struct token *t = hsm_fixture_provision(f, "token=coffer;id=%31", NULL, &binding);
	token_backend.close(t);
	hsm_fixture_tool(f, "coffer", "--list-objects --type secrkey");
	hsm_fixture_shell("grep -q 'Usage: *wrap, unwrap$' %s/tool.log", f->dir);
	hsm_fixture_shell("grep -q 'sensitive, always sensitive, never extract.*local' %s/tool.log", f->dir);
	expect_strict_attributes(f);
}

static void attach_after_a_restart_opens_what_was_wrapped_before(void **state)
{
	struct hsm_fixture *f = *state;
	struct token_binding binding;
	struct reason reason = { "" };
	AUTO_SECRET struct secret *plain = data_key(1);
	AUTO_SECRET struct secret *back = NULL;
	AUTO_BUF struct buf blob = BUF_EMPTY;
	struct token *t = hsm_fixture_provision(f, "token=coffer", NULL, &binding);
	hsm_fixture_expect(token_backend.wrap(t, plain, &blob, &reason), ERR_OK, &reason);
	token_backend.close(t);

	t = hsm_fixture_open(f, "token=coffer", NULL);
	hsm_fixture_expect(token_backend.unwrap(t, buf_view(&blob), &back, &reason), ERR_STATE, &reason);
	hsm_fixture_expect(token_backend.attach(t, &binding, &reason), ERR_OK, &reason);
	hsm_fixture_expect(token_backend.probe(t, &reason), ERR_OK, &reason);
	hsm_fixture_expect(token_backend.unwrap(t, buf_view(&blob), &back, &reason), ERR_OK, &reason);
	assert_true(secret_equal(plain, back));
	token_backend.close(t);
}

static void every_tampered_blob_is_corrupt_and_the_token_stays_usable(void **state)
{
	struct hsm_fixture *f = *state;
	struct token_binding binding;
	struct reason reason = { "" };
	AUTO_SECRET struct secret *plain = data_key(9);
	AUTO_BUF struct buf blob = BUF_EMPTY;
	struct token *t = hsm_fixture_provision(f, "token=coffer", NULL, &binding);
	hsm_fixture_expect(token_backend.wrap(t, plain, &blob, &reason), ERR_OK, &reason);
	for (size_t bit = 0; bit < blob.len * 8; bit += 5) {
		AUTO_SECRET struct secret *back = NULL;
		blob.ptr[bit / 8] ^= (uint8_t)(1u << (bit % 8));
		hsm_fixture_expect(token_backend.unwrap(t, buf_view(&blob), &back, &reason), ERR_CORRUPT, &reason);
		assert_null(back);
		blob.ptr[bit / 8] ^= (uint8_t)(1u << (bit % 8));
	}
	for (size_t len = 0; len < blob.len; len++) {
		AUTO_SECRET struct secret *back = NULL;
		hsm_fixture_expect(token_backend.unwrap(t, view_of(blob.ptr, len), &back, &reason), ERR_CORRUPT, &reason);
	}
	expect_round_trip(t);
	token_backend.close(t);
}

static void wrapped_key_of_another_length_is_corrupt(void **state)
{
	struct hsm_fixture *f = *state;
	struct token_binding binding;
	struct reason reason = { "" };
	struct hsm_raw raw;
	struct hsm_key key;
	token_backend.close(hsm_fixture_provision(f, "token=coffer", NULL, &binding));
	for (size_t len = 16; len <= 24; len += 8) {
		AUTO_SECRET struct secret *shorter = secret_new(len);
		AUTO_SECRET struct secret *back = NULL;
		AUTO_BUF struct buf blob = BUF_EMPTY;
		const struct hsm_mech *mech = hsm_mech_by_name(binding.mechanism);
		hsm_fixture_raw_open(f, &raw);
		assert_int_equal(hsm_object_find(&raw.session, "master", NULL, 0, &key, NULL), ERR_OK);
		assert_int_equal(mech->method->wrap(&raw.session, mech, &key, shorter, &blob, NULL), ERR_OK);
		hsm_fixture_raw_close(&raw);
		struct token *t = hsm_fixture_open(f, "token=coffer", NULL);
		hsm_fixture_expect(token_backend.attach(t, &binding, &reason), ERR_OK, &reason);
		enum coffer_err err = token_backend.unwrap(t, buf_view(&blob), &back, &reason);
		token_backend.close(t);
		hsm_fixture_expect(err, ERR_CORRUPT, &reason);
	}
}

static void random_bytes_come_from_the_token(void **state)
{
	struct hsm_fixture *f = *state;
	struct reason reason = { "" };
	uint8_t a[32] = { 0 }, b[32] = { 0 };
	struct token *t = hsm_fixture_open(f, "token=coffer", NULL);
	hsm_fixture_expect(token_backend.random(t, a, sizeof a, &reason), ERR_OK, &reason);
	hsm_fixture_expect(token_backend.random(t, b, sizeof b, &reason), ERR_OK, &reason);
	assert_false(ct_equal(a, b, sizeof a));
	token_backend.close(t);
}

static void leftovers_of_a_crash_are_swept_at_open(void **state)
{
	struct hsm_fixture *f = *state;
	hsm_fixture_tool(f, "coffer", "--keygen --key-type AES:32 --label coffer-tmp --id 77 --private");
	hsm_fixture_tool(f, "coffer", "--keygen --key-type AES:32 --label coffer-tmp-else --id 78 --private");
	struct token *t = hsm_fixture_open(f, "token=coffer", NULL);
	token_backend.close(t);
	hsm_fixture_tool(f, "coffer", "--list-objects --type secrkey");
	hsm_fixture_shell("test $(grep -c coffer-tmp %s/tool.log) = 1 && grep -q coffer-tmp-else %s/tool.log", f->dir, f->dir);
}

#define T(name) cmocka_unit_test_setup_teardown(name, hsm_fixture_setup, hsm_fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(operator_key_of_pkcs11_tool_is_adopted),
		T(token_of_provision_sh_is_adopted_by_the_uri_that_it_prints),
		T(provision_makes_a_key_where_there_is_none_and_adopts_it_later),
		T(made_key_has_the_full_template),
		T(attach_after_a_restart_opens_what_was_wrapped_before),
		T(every_tampered_blob_is_corrupt_and_the_token_stays_usable),
		T(wrapped_key_of_another_length_is_corrupt),
		T(random_bytes_come_from_the_token),
		T(leftovers_of_a_crash_are_swept_at_open),
	};
	return cmocka_run_group_tests(tests, hsm_fixture_group, NULL);
}
