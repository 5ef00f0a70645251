/* A module that lies about lengths, that asks for larger buffers for ever, that loses what it made, or whose call took effect although it
 * failed. Under the address sanitizer a read past the end would show. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "unit/hsm/fixture.h"
#include "unit/hsm/shimmed.h"

#ifndef HSM_SHIM_PATH
#error "the build names the shim by HSM_SHIM_PATH"
#endif

struct bench {
	const struct hsm_fixture *f;
	const char *path;
	struct token *t;
	struct token_binding binding;
	struct secret *plain;
	struct buf blob;
};

static void bench_init(struct bench *b, const struct hsm_fixture *f, const char *path)
{
	struct reason why = { "" };
	*b = (struct bench){ .f = f, .path = path, .blob = BUF_EMPTY };
	b->t = hsm_fixture_provision(f, path, HSM_SHIM_PATH, &b->binding);
	b->plain = secret_new(TOKEN_SECRET_LEN);
	assert_non_null(b->plain);
	secret_mut(b->plain)[1] = 0xA7;
	hsm_fixture_expect(token_backend.wrap(b->t, b->plain, &b->blob, &why), ERR_OK, &why);
}

static void bench_done(struct bench *b)
{
	shim_arm(NULL, 0, 0, 0);
	token_backend.close(b->t);
	secret_free(b->plain);
	buf_free(&b->blob);
}

static void attach_again(struct bench *b)
{
	struct reason why = { "" };
	token_backend.close(TAKE(b->t));
	shim_arm(NULL, 0, 0, 0);
	b->t = hsm_fixture_open(b->f, b->path, HSM_SHIM_PATH);
	hsm_fixture_expect(token_backend.attach(b->t, &b->binding, &why), ERR_OK, &why);
}

/* A result is right or there is none. */
static bool opens(struct bench *b, struct view blob)
{
	AUTO_SECRET struct secret *out = NULL;
	enum coffer_err err = token_backend.unwrap(b->t, blob, &out, NULL);
	if (err == ERR_OK) assert_true(secret_equal(out, b->plain));
	else assert_null(out);
	return err == ERR_OK;
}

static void do_unwrap(struct bench *b) { (void)opens(b, buf_view(&b->blob)); }
static void do_attach(struct bench *b) { (void)token_backend.attach(b->t, &b->binding, NULL); }
static void do_probe(struct bench *b) { (void)token_backend.probe(b->t, NULL); }

static void do_provision(struct bench *b)
{
	struct token_binding again;
	(void)token_backend.provision(b->t, &again, NULL);
}

static void do_open(struct bench *b)
{
	token_backend.close(TAKE(b->t));
	if (token_backend.open(hsm_fixture_uri(b->f, b->path, HSM_SHIM_PATH), &b->t, NULL) != ERR_OK) b->t = NULL;
}

/* What a lying module returned as a wrapped key is not one that opens to something else. */
static void do_wrap(struct bench *b)
{
	AUTO_BUF struct buf out = BUF_EMPTY;
	enum coffer_err err = token_backend.wrap(b->t, b->plain, &out, NULL);
	assert_true((err == ERR_OK) == (out.len > 0));
	assert_true(out.len <= TOKEN_BLOB_MAX);
	shim_arm(NULL, 0, 0, 0);
	if (err != ERR_OK) return;
	attach_again(b);
	(void)opens(b, buf_view(&out));
}

static void (*const operations[])(struct bench *) = { do_open, do_provision, do_attach, do_probe, do_unwrap, do_wrap };
#define OPERATIONS (sizeof operations / sizeof operations[0])

#define CALLS_MAX 500u

static unsigned lie_everywhere(struct bench *b, const char *const *calls, size_t count)
{
	static const unsigned long lengths[] = { 0, 1, 7, 31, 33, 41, 64, 65, 129, 0x12345, 0x7FFFFFFFFFFFFFFF, (unsigned long)-1, (unsigned long)-2 };
	unsigned lies = 0;
	for (size_t c = 0; c < count; c++) {
		for (size_t i = 0; i < 2 * OPERATIONS * (sizeof lengths / sizeof lengths[0]); i++) {
			attach_again(b);
			shim_lie(calls[c], 1, lengths[i / (2 * OPERATIONS)], (int)(i % 2));
			operations[i / 2 % OPERATIONS](b);
			assert_true(shim_calls(calls[c]) <= CALLS_MAX);
			lies++;
		}
	}
	attach_again(b);
	assert_true(opens(b, buf_view(&b->blob)));
	return lies;
}

static void lengths_and_counts_that_are_lies_are_bounded(void **state)
{
	static const char *const calls[] = { "C_GetAttributeValue", "C_FindObjects", "C_GetSlotList", "C_WrapKey" };
	static const char *const gcm_calls[] = { "C_Encrypt", "C_Decrypt" };
	struct bench b;
	bench_init(&b, *state, "token=coffer");
	unsigned lies = lie_everywhere(&b, calls, 4);
	bench_done(&b);
	setenv("HSM_SHIM_HIDE", "0x2109,0x210a", 1);
	bench_init(&b, *state, "token=coffer;object=gcm");
	lies += lie_everywhere(&b, gcm_calls, 2);
	bench_done(&b);
	print_message("%u lies about lengths: none believed\n", lies);
}

static void a_buffer_that_is_always_too_small_is_no_loop(void **state)
{
	static const char *const calls[] = { "C_GetAttributeValue", "C_GetSlotList", "C_WrapKey", "C_FindObjects" };
	struct bench b;
	bench_init(&b, *state, "token=coffer");
	for (size_t i = 0; i < 4 * OPERATIONS; i++) {
		attach_again(&b);
		shim_arm(calls[i / OPERATIONS], 1, CKR_BUFFER_TOO_SMALL, 1);
		operations[i % OPERATIONS](&b);
		assert_true(shim_calls(calls[i / OPERATIONS]) <= 10);
	}
	bench_done(&b);
}

/* ---- what the token makes ---- */

static void delete_objects(void *fixture)
{
	const struct hsm_fixture *f = fixture;
	hsm_fixture_shell("cd %s/tokens/*/ && find . -name '*.object' ! -name token.object -delete", f->dir);
}

/* The second C_GenerateKey of a provisioning makes the master secret; the first one makes a trial key of the session. A key whose file
 * is gone before its answer came is made again, or the provisioning fails; what is acknowledged is there for a module that starts anew. */
static void a_key_that_is_lost_before_the_answer_is_never_acknowledged(void **state)
{
	struct hsm_fixture *f = *state;
	for (int forever = 0; forever <= 1; forever++) {
		struct token_binding binding;
		struct reason why = { "" };
		struct token *t = hsm_fixture_open(f, "token=coffer", HSM_SHIM_PATH);
		shim_hook("C_GenerateKey", 2, delete_objects, f, forever);
		enum coffer_err err = token_backend.provision(t, &binding, NULL);
		assert_true(shim_calls("C_GenerateKey") >= 2);
		token_backend.close(t);
		shim_arm(NULL, 0, 0, 0);
		if (forever) assert_int_not_equal(err, ERR_OK);
		if (err != ERR_OK) continue;
		t = hsm_fixture_open(f, "token=coffer", NULL);
		hsm_fixture_expect(token_backend.attach(t, &binding, &why), ERR_OK, &why);
		token_backend.close(t);
		delete_objects(f);
	}
}

/* C_GenerateKey made the key and then said that it failed: at most that one is there afterwards. */
static void a_key_is_not_made_twice_when_its_answer_was_lost(void **state)
{
	static const CK_RV rvs[] = { CKR_SESSION_HANDLE_INVALID, CKR_SESSION_CLOSED, CKR_USER_NOT_LOGGED_IN, CKR_DEVICE_ERROR };
	for (unsigned i = 0; i < sizeof rvs / sizeof rvs[0]; i++) {
		char path[64], list[128];
		struct token_binding binding;
		struct reason why = { "" };
		(void)snprintf(path, sizeof path, "token=coffer;object=once%u", i);
		struct token *t = hsm_fixture_open(*state, path, HSM_SHIM_PATH);
		shim_arm_after("C_GenerateKey", 2, rvs[i], 0);
		enum coffer_err err = token_backend.provision(t, &binding, &why);
		assert_true(shim_calls("C_GenerateKey") == 2);
		token_backend.close(t);
		hsm_fixture_expect(err, rvs[i] == CKR_DEVICE_ERROR ? ERR_TOKEN_GONE : ERR_OK, &why);
		shim_arm(NULL, 0, 0, 0);
		token_backend.close(hsm_fixture_provision(*state, path, HSM_SHIM_PATH, &binding)); /* several would be refused */
		(void)snprintf(list, sizeof list, "--list-objects --type secrkey --label once%u", i);
		hsm_fixture_tool(*state, "coffer", list);
	}
}

/* ---- the PIN ---- */

/* A module that answers a wrong PIN with CKR_GENERAL_ERROR: the token counts the try, so it is not made again. With the right PIN the
 * same answer is a failure like any other. */
static void a_wrong_pin_under_another_name_is_a_wrong_pin(void **state)
{
	static const CK_RV rvs[] = { CKR_GENERAL_ERROR, CKR_FUNCTION_FAILED, CKR_DEVICE_ERROR, CKR_VENDOR_DEFINED };
	struct hsm_fixture *f = *state;
	for (unsigned i = 0; i < 2 * sizeof rvs / sizeof rvs[0]; i++) {
		struct token *t = NULL;
		struct reason why = { "" };
		bool wrong = i % 2;
		hsm_fixture_shell("echo %s >%s/pin", wrong ? "9999" : HSM_TEST_PIN, f->dir);
		shim_arm_after("C_Login", 1, rvs[i / 2], 1);
		enum coffer_err err = token_backend.open(hsm_fixture_uri(f, "token=coffer", HSM_SHIM_PATH), &t, &why);
		assert_int_equal(shim_calls("C_Login"), 1);
		shim_arm(NULL, 0, 0, 0);
		if (wrong) hsm_fixture_expect(err, ERR_AUTH, &why);
		else hsm_fixture_expect(err, rvs[i / 2] == CKR_VENDOR_DEFINED ? ERR_TOKEN : ERR_TOKEN_GONE, &why);
		assert_null(strstr(why.text, "9999"));
		hsm_fixture_tool(f, "coffer", "--list-objects"); /* the right PIN puts the count back */
	}
}

#define T(name) cmocka_unit_test_setup_teardown(name, shimmed_setup, hsm_fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(lengths_and_counts_that_are_lies_are_bounded),
		T(a_buffer_that_is_always_too_small_is_no_loop),
		T(a_key_that_is_lost_before_the_answer_is_never_acknowledged),
		T(a_key_is_not_made_twice_when_its_answer_was_lost),
		T(a_wrong_pin_under_another_name_is_a_wrong_pin),
	};
	return cmocka_run_group_tests(tests, hsm_fixture_group, NULL);
}
