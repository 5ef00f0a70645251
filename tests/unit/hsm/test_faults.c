/* Every answer of a failing token is mapped and acted on, driven through the shim. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "unit/hsm/fixture.h"
#include "unit/hsm/shimmed.h"

#ifndef HSM_SHIM_PATH
#error "the build names the shim by HSM_SHIM_PATH"
#endif

#define LIE 0x12345UL /* far more than any buffer of this project */

static void close_token(struct token *t)
{
	shim_arm(NULL, 0, 0, 0);
	token_backend.close(t);
}

/* ---- opening ---- */

static void answers_while_opening_are_mapped_and_the_pin_is_sent_once(void **state)
{
	static const struct { const char *call; CK_RV rv; enum coffer_err err; } rows[] = {
		{ "C_Login", CKR_PIN_INCORRECT, ERR_AUTH }, { "C_Login", CKR_PIN_LOCKED, ERR_TOKEN_LOCKED },
		{ "C_Login", CKR_PIN_EXPIRED, ERR_AUTH }, { "C_Login", CKR_PIN_LEN_RANGE, ERR_AUTH },
		{ "C_Login", CKR_USER_PIN_NOT_INITIALIZED, ERR_AUTH }, { "C_Login", CKR_DEVICE_ERROR, ERR_TOKEN_GONE },
		{ "C_Login", CKR_GENERAL_ERROR, ERR_TOKEN_GONE }, { "C_Login", CKR_TOKEN_NOT_PRESENT, ERR_TOKEN_GONE },
		{ "C_Login", CKR_SESSION_HANDLE_INVALID, ERR_TOKEN_GONE }, { "C_Login", CKR_HOST_MEMORY, ERR_MEMORY },
		{ "C_Login", CKR_USER_ANOTHER_ALREADY_LOGGED_IN, ERR_TOKEN }, { "C_Login", 0x80000777, ERR_TOKEN },
		{ "C_OpenSession", CKR_SESSION_COUNT, ERR_BUSY }, { "C_OpenSession", CKR_TOKEN_NOT_PRESENT, ERR_TOKEN_GONE },
		{ "C_OpenSession", CKR_DEVICE_REMOVED, ERR_TOKEN_GONE }, { "C_OpenSession", CKR_TOKEN_NOT_RECOGNIZED,
			ERR_TOKEN_GONE },
		{ "C_OpenSession", CKR_GENERAL_ERROR, ERR_TOKEN_GONE }, { "C_OpenSession", CKR_TOKEN_WRITE_PROTECTED, ERR_OK },
		{ "C_Initialize", CKR_GENERAL_ERROR, ERR_TOKEN_GONE }, { "C_Initialize", CKR_HOST_MEMORY, ERR_MEMORY },
		{ "C_Initialize", CKR_CRYPTOKI_ALREADY_INITIALIZED, ERR_OK }, { "C_GetSlotList", CKR_GENERAL_ERROR, ERR_TOKEN_GONE },
		{ "C_FindObjectsInit", CKR_DEVICE_ERROR, ERR_TOKEN_GONE },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct token *t = NULL;
		struct reason reason = { "" };
		/* "Already initialised" must be true, or nothing works afterwards. */
		struct token *other = rows[i].rv == CKR_CRYPTOKI_ALREADY_INITIALIZED ? hsm_fixture_open(*state, "token=coffer",
			NULL) : NULL;
		shim_arm(rows[i].call, 1, rows[i].rv, 0);
		enum coffer_err err = token_backend.open(hsm_fixture_uri(*state, "token=coffer", HSM_SHIM_PATH), &t, &reason);
		unsigned logins = shim_calls("C_Login");
		close_token(t);
		token_backend.close(other);
		if (err != rows[i].err) print_error("%s 0x%lX\n", rows[i].call, rows[i].rv);
		hsm_fixture_expect(err, rows[i].err, &reason);
		assert_true(logins <= 1);
	}
}

static void wrong_pin_costs_exactly_one_try(void **state)
{
	struct hsm_fixture *f = *state;
	struct token *t = NULL;
	struct reason reason = { "" };
	hsm_fixture_shell("echo 9999 >%s/pin", f->dir);
	shim_arm(NULL, 0, 0, 0);
	enum coffer_err err = token_backend.open(hsm_fixture_uri(f, "token=coffer", HSM_SHIM_PATH), &t, &reason);
	hsm_fixture_expect(err, ERR_AUTH, &reason);
	assert_int_equal(shim_calls("C_Login"), 1);
	assert_null(strstr(reason.text, "9999"));
}

static void last_try_is_never_spent(void **state)
{
	static const struct { const char *flags; enum coffer_err err; unsigned logins; } rows[] = {
		{ "0x10000", ERR_OK, 1 },           /* some tries are gone */
		{ "0x20000", ERR_TOKEN_LOCKED, 0 }, /* one is left */
		{ "0x40000", ERR_TOKEN_LOCKED, 0 }, /* none */
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct token *t = NULL;
		struct reason reason = { "" };
		setenv("HSM_SHIM_FLAGS", rows[i].flags, 1);
		shim_arm(NULL, 0, 0, 0);
		enum coffer_err err = token_backend.open(hsm_fixture_uri(*state, "token=coffer", HSM_SHIM_PATH), &t, &reason);
		unsigned logins = shim_calls("C_Login");
		close_token(t);
		hsm_fixture_expect(err, rows[i].err, &reason);
		assert_int_equal(logins, rows[i].logins);
	}
}

/* ---- wrapping and unwrapping ---- */

struct ready {
	struct token *t;
	struct token_binding binding;
	struct secret *plain;
	struct buf blob;
};

static void ready_init(struct ready *r, struct hsm_fixture *f)
{
	struct reason reason = { "" };
	*r = (struct ready){ .blob = BUF_EMPTY };
	r->t = hsm_fixture_provision(f, "token=coffer", HSM_SHIM_PATH, &r->binding);
	r->plain = secret_new(TOKEN_SECRET_LEN);
	assert_non_null(r->plain);
	secret_mut(r->plain)[3] = 0x42;
	hsm_fixture_expect(token_backend.wrap(r->t, r->plain, &r->blob, &reason), ERR_OK, &reason);
}

static void ready_done(struct ready *r)
{
	close_token(r->t);
	secret_free(r->plain);
	buf_free(&r->blob);
}

static enum coffer_err do_wrap(struct ready *r, struct reason *reason)
{
	AUTO_BUF struct buf out = BUF_EMPTY;
	enum coffer_err err = token_backend.wrap(r->t, r->plain, &out, reason);
	if (err != ERR_OK) assert_int_equal(out.len, 0);
	return err;
}

static enum coffer_err do_unwrap(struct ready *r, struct reason *reason)
{
	AUTO_SECRET struct secret *out = NULL;
	enum coffer_err err = token_backend.unwrap(r->t, buf_view(&r->blob), &out, reason);
	if (err == ERR_OK) assert_true(secret_equal(out, r->plain));
	else assert_null(out);
	return err;
}

static enum coffer_err do_attach(struct ready *r, struct reason *reason) { return token_backend.attach(r->t,
	&r->binding, reason); }
static enum coffer_err do_probe(struct ready *r, struct reason *reason) { return token_backend.probe(r->t, reason); }

static enum coffer_err do_random(struct ready *r, struct reason *reason)
{
	uint8_t bytes[16];
	return token_backend.random(r->t, bytes, sizeof bytes, reason);
}

typedef enum coffer_err operation(struct ready *r, struct reason *reason);

static void answers_of_wrap_and_unwrap_are_mapped(void **state)
{
	static const struct { CK_RV rv; enum coffer_err wrap_once, wrap_always, unwrap_once, unwrap_always; } rows[] = {
		{ CKR_SESSION_HANDLE_INVALID, ERR_OK, ERR_TOKEN_GONE, ERR_OK, ERR_TOKEN_GONE },
		{ CKR_SESSION_CLOSED, ERR_OK, ERR_TOKEN_GONE, ERR_OK, ERR_TOKEN_GONE },
		{ CKR_USER_NOT_LOGGED_IN, ERR_OK, ERR_TOKEN_GONE, ERR_OK, ERR_TOKEN_GONE },
		{ CKR_OPERATION_NOT_INITIALIZED, ERR_OK, ERR_TOKEN_GONE, ERR_OK, ERR_TOKEN_GONE },
		{ CKR_UNWRAPPING_KEY_HANDLE_INVALID, ERR_OK, ERR_TOKEN, ERR_OK, ERR_TOKEN },
		{ CKR_WRAPPING_KEY_HANDLE_INVALID, ERR_OK, ERR_TOKEN, ERR_OK, ERR_TOKEN },
		{ CKR_KEY_HANDLE_INVALID, ERR_OK, ERR_TOKEN, ERR_OK, ERR_TOKEN },
		{ CKR_OBJECT_HANDLE_INVALID, ERR_OK, ERR_TOKEN, ERR_OK, ERR_TOKEN },
		{ CKR_DEVICE_ERROR, ERR_TOKEN_GONE, ERR_TOKEN_GONE, ERR_TOKEN_GONE, ERR_TOKEN_GONE },
		{ CKR_DEVICE_REMOVED, ERR_TOKEN_GONE, ERR_TOKEN_GONE, ERR_TOKEN_GONE, ERR_TOKEN_GONE },
		{ CKR_TOKEN_NOT_PRESENT, ERR_TOKEN_GONE, ERR_TOKEN_GONE, ERR_TOKEN_GONE, ERR_TOKEN_GONE },
		{ CKR_CRYPTOKI_NOT_INITIALIZED, ERR_TOKEN_GONE, ERR_TOKEN_GONE, ERR_TOKEN_GONE, ERR_TOKEN_GONE },
		{ CKR_GENERAL_ERROR, ERR_TOKEN_GONE, ERR_TOKEN_GONE, ERR_OK, ERR_TOKEN_GONE },
		{ CKR_FUNCTION_FAILED, ERR_TOKEN_GONE, ERR_TOKEN_GONE, ERR_OK, ERR_TOKEN_GONE },
		{ CKR_WRAPPED_KEY_INVALID, ERR_CORRUPT, ERR_CORRUPT, ERR_OK, ERR_TOKEN },
		{ CKR_WRAPPED_KEY_LEN_RANGE, ERR_CORRUPT, ERR_CORRUPT, ERR_OK, ERR_TOKEN },
		{ CKR_ENCRYPTED_DATA_INVALID, ERR_CORRUPT, ERR_CORRUPT, ERR_OK, ERR_TOKEN },
		{ CKR_HOST_MEMORY, ERR_MEMORY, ERR_MEMORY, ERR_MEMORY, ERR_MEMORY },
		{ CKR_DEVICE_MEMORY, ERR_TOKEN, ERR_TOKEN, ERR_TOKEN, ERR_TOKEN },
		{ CKR_MECHANISM_INVALID, ERR_UNSUPPORTED, ERR_UNSUPPORTED, ERR_UNSUPPORTED, ERR_UNSUPPORTED },
		{ CKR_KEY_FUNCTION_NOT_PERMITTED, ERR_TOKEN_REFUSED, ERR_TOKEN_REFUSED, ERR_TOKEN_REFUSED, ERR_TOKEN_REFUSED },
		{ CKR_BUFFER_TOO_SMALL, ERR_TOKEN, ERR_TOKEN, ERR_OK, ERR_TOKEN },
		{ 0x80000777, ERR_TOKEN, ERR_TOKEN, ERR_OK, ERR_TOKEN },
	};
	for (size_t i = 0; i < 4 * sizeof rows / sizeof rows[0]; i++) {
		const unsigned row = (unsigned)(i / 4), unwrap = (unsigned)(i / 2) % 2, always = (unsigned)i % 2;
		enum coffer_err wanted = unwrap ? (always ? rows[row].unwrap_always : rows[row].unwrap_once)
			: (always ? rows[row].wrap_always : rows[row].wrap_once);
		struct reason reason = { "" };
		struct ready r;
		ready_init(&r, *state);
		shim_arm(unwrap ? "C_UnwrapKey" : "C_WrapKey", 1, rows[row].rv, (int)always);
		enum coffer_err err = unwrap ? do_unwrap(&r, &reason) : do_wrap(&r, &reason);
		unsigned logins = shim_calls("C_Login");
		shim_arm(NULL, 0, 0, 0);
		/* After TOKEN_GONE nothing works until the token is opened again; after everything else it does. */
		enum coffer_err after = do_unwrap(&r, &reason);
		ready_done(&r);
		if (err != wanted) print_error("0x%lX %s %s\n", rows[row].rv, unwrap ? "C_UnwrapKey" : "C_WrapKey",
			always ? "always" : "once");
		hsm_fixture_expect(err, wanted, &reason);
		hsm_fixture_expect(after, wanted == ERR_TOKEN_GONE ? ERR_TOKEN_GONE : ERR_OK, &reason);
		assert_true(logins <= 1);
	}
}

/* A session lost at any call of any idempotent operation is mended once. */
static void session_lost_at_any_call_is_mended(void **state)
{
	static const char *const calls[] = { "C_CreateObject", "C_DestroyObject", "C_GetAttributeValue", "C_FindObjectsInit",
		"C_FindObjects",
		"C_FindObjectsFinal", "C_WrapKey", "C_UnwrapKey", "C_GenerateRandom" };
	static const CK_RV rvs[] = { CKR_SESSION_HANDLE_INVALID, CKR_SESSION_CLOSED, CKR_USER_NOT_LOGGED_IN };
	static operation *const operations[] = { do_attach, do_wrap, do_unwrap, do_probe, do_random };
	struct ready r;
	unsigned injected = 0;
	ready_init(&r, *state);
	for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
		for (size_t c = 0; c < 3 * sizeof calls / sizeof calls[0]; c++) {
			const char *call = calls[c / 3];
			for (unsigned n = 1; n <= 40; n++) {
				struct reason reason = { "" };
				shim_arm(call, n, rvs[c % 3], 0);
				enum coffer_err err = operations[i](&r, &reason);
				bool reached = shim_calls(call) >= n;
				if (err != ERR_OK) print_error("operation %zu, %s, call %u\n", i, call, n);
				hsm_fixture_expect(err, ERR_OK, &reason);
				if (!reached) break;
				injected++;
				assert_int_not_equal(n, 40);
			}
		}
	}
	ready_done(&r);
	assert_true(injected > 100);
}

static CK_FUNCTION_LIST *softhsm_functions(const struct hsm_fixture *f)
{
	CK_FUNCTION_LIST *fn = NULL;
	CK_C_GetFunctionList get = NULL;
	void *lib = dlopen(f->softhsm, RTLD_NOW | RTLD_LOCAL);
	assert_non_null(lib);
	*(void **)&get = dlsym(lib, "C_GetFunctionList");
	assert_int_equal(get(&fn), CKR_OK);
	return fn;
}

static void sessions_that_really_closed_are_mended_and_a_changed_pin_is_tried_once(void **state)
{
	struct hsm_fixture *f = *state;
	struct ready r;
	struct reason reason = { "" };
	CK_SLOT_ID slots[4];
	CK_ULONG count = 4;
	ready_init(&r, f);
	CK_FUNCTION_LIST *fn = softhsm_functions(f);
	assert_int_equal(fn->C_GetSlotList(CK_TRUE, slots, &count), CKR_OK);
	for (CK_ULONG i = 0; i < count; i++) (void)fn->C_CloseAllSessions(slots[i]);
	hsm_fixture_expect(do_unwrap(&r, &reason), ERR_OK, &reason);

	for (CK_ULONG i = 0; i < count; i++) (void)fn->C_CloseAllSessions(slots[i]);
	shim_arm("C_Login", 1, CKR_PIN_INCORRECT, 1);
	for (int i = 0; i < 3; i++) hsm_fixture_expect(do_unwrap(&r, &reason), ERR_AUTH, &reason);
	assert_int_equal(shim_calls("C_Login"), 1);
	ready_done(&r);
}

static void lengths_that_cannot_be_are_refused(void **state)
{
	static const struct { const char *call; operation *op; } rows[] = {
		{ "C_WrapKey", do_wrap }, { "C_GetAttributeValue", do_unwrap }, { "C_GetAttributeValue", do_attach },
		{ "C_FindObjects", do_attach }, { "C_FindObjects", do_probe },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct ready r;
		struct reason reason = { "" };
		ready_init(&r, *state);
		shim_lie(rows[i].call, 1, LIE, 0);
		enum coffer_err err = rows[i].op(&r, &reason);
		assert_true(shim_calls(rows[i].call) >= 1);
		ready_done(&r);
		/* One wrong length of an opened key is mended by the second look; everything else fails. */
		if (rows[i].op == do_unwrap) hsm_fixture_expect(err, ERR_OK, &reason);
		else assert_int_not_equal(err, ERR_OK);
	}
	struct token *t = NULL;
	struct reason reason = { "" };
	shim_lie("C_GetSlotList", 2, LIE, 0);
	enum coffer_err err = token_backend.open(hsm_fixture_uri(*state, "token=coffer", HSM_SHIM_PATH), &t, &reason);
	hsm_fixture_expect(err, ERR_TOKEN, &reason);
}

/* ---- tokens that lack mechanisms ---- */

static void mechanisms_are_taken_in_order_of_preference(void **state)
{
	static const struct { const char *hide, *mechanism, *warning; } rows[] = {
		{ "", "CKM_AES_KEY_WRAP", "" },
		{ "0x2109", "CKM_AES_KEY_WRAP_PAD", "" },
		{ "0x2109,0x210a", "CKM_AES_GCM", "master secret: weak usage" },
	};
	struct hsm_fixture *f = *state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char path[64];
		struct token_info info;
		struct reason reason = { "" };
		struct token_binding binding;
		setenv("HSM_SHIM_HIDE", rows[i].hide, 1);
		(void)snprintf(path, sizeof path, "token=coffer;object=key%zu", i);
		struct token *t = hsm_fixture_provision(f, path, HSM_SHIM_PATH, &binding);
		assert_string_equal(binding.mechanism, rows[i].mechanism);
		hsm_fixture_expect(token_backend.describe(t, &info, &reason), ERR_OK, &reason);
		assert_string_equal(info.warning, rows[i].warning);
		hsm_fixture_expect(token_backend.attach(t, &binding, &reason), ERR_OK, &reason);
		hsm_fixture_expect(token_backend.probe(t, &reason), ERR_OK, &reason);
		close_token(t);
	}
	setenv("HSM_SHIM_HIDE", "0x2109,0x210a,0x1087", 1);
	struct token_binding binding;
	struct reason reason = { "" };
	struct token *t = hsm_fixture_open(f, "token=coffer;object=none", HSM_SHIM_PATH);
	enum coffer_err err = token_backend.provision(t, &binding, &reason);
	close_token(t);
	hsm_fixture_expect(err, ERR_UNSUPPORTED, &reason);
}

static void mechanism_that_opens_altered_data_is_passed_over(void **state)
{
	struct hsm_fixture *f = *state;
	struct token_binding binding;
	struct reason reason = { "" };
	setenv("HSM_SHIM_CARELESS", "1", 1);
	struct token *t = hsm_fixture_provision(f, "token=coffer", HSM_SHIM_PATH, &binding);
	assert_string_equal(binding.mechanism, "CKM_AES_GCM");
	close_token(t);
	/* An operator's key for key wrap alone has nothing to fall back on. */
	hsm_fixture_tool(f, "coffer", "--keygen --key-type AES:32 --label wrap --id 44 --sensitive --private --usage-wrap "
		"--allowed-mechanisms AES-KEY-WRAP");
	t = hsm_fixture_open(f, "token=coffer;object=wrap", HSM_SHIM_PATH);
	enum coffer_err err = token_backend.provision(t, &binding, &reason);
	close_token(t);
	hsm_fixture_expect(err, ERR_UNSUPPORTED, &reason);
}

static void passing_fault_while_provisioning_never_weakens_the_mechanism(void **state)
{
	static const struct { CK_RV rv; enum coffer_err err; } rows[] = {
		{ CKR_DEVICE_ERROR, ERR_TOKEN_GONE }, { CKR_SESSION_HANDLE_INVALID, ERR_OK }, { CKR_DEVICE_MEMORY, ERR_TOKEN },
		{ CKR_HOST_MEMORY, ERR_MEMORY },
	};
	for (unsigned i = 0; i < 8 * sizeof rows / sizeof rows[0]; i++) {
		struct token_binding binding;
		struct reason reason = { "" };
		struct token *t = hsm_fixture_open(*state, "token=coffer", HSM_SHIM_PATH);
		shim_arm(i & 4 ? "C_UnwrapKey" : "C_WrapKey", i % 4 + 1, rows[i / 8].rv, 0);
		enum coffer_err err = token_backend.provision(t, &binding, &reason);
		unsigned faults = shim_calls(i & 4 ? "C_UnwrapKey" : "C_WrapKey");
		close_token(t);
		assert_true(err != ERR_OK || rows[i / 8].err == ERR_OK || faults < i % 4 + 1);
		if (err == ERR_OK) assert_string_equal(binding.mechanism, "CKM_AES_KEY_WRAP");
		else hsm_fixture_expect(err, rows[i / 8].err, &reason);
	}
}

#define T(name) cmocka_unit_test_setup_teardown(name, shimmed_setup, hsm_fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(answers_while_opening_are_mapped_and_the_pin_is_sent_once),
		T(wrong_pin_costs_exactly_one_try),
		T(last_try_is_never_spent),
		T(answers_of_wrap_and_unwrap_are_mapped),
		T(session_lost_at_any_call_is_mended),
		T(sessions_that_really_closed_are_mended_and_a_changed_pin_is_tried_once),
		T(lengths_that_cannot_be_are_refused),
		T(mechanisms_are_taken_in_order_of_preference),
		T(mechanism_that_opens_altered_data_is_passed_over),
		T(passing_fault_while_provisioning_never_weakens_the_mechanism),
	};
	return cmocka_run_group_tests(tests, hsm_fixture_group, NULL);
}
