/* Each call that this backend makes × each answer that a module may give, once and for ever: what the class of the answer says must
 * happen, and never a wrong result, a second PIN try, or a loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "token/erase.h"
#include "token/policy.h"
#include "token/sign.h"
#include "token/transport.h"
#include "unit/hsm/fixture.h"
#include "unit/hsm/shimmed.h"

#ifndef HSM_SHIM_PATH
#error "the build names the shim by HSM_SHIM_PATH"
#endif

#define CALLS_MAX 400u /* of one function in one operation, whatever is answered */

enum class { HERE, CANARY, REOPEN, DEGRADE, FATAL, STOP, CLASSES };
static const char *const class_names[CLASSES] = { "success for its own call", "canary decides", "reopen", "degrade", "fatal", "stop" };

static const struct answer { const char *name; CK_RV rv; enum class class; } answers[] = {
#define CLASS(name, class) { "CKR_" #name, CKR_##name, class },
#include "unit/hsm/ckr_classes.def"
#undef CLASS
};
#define ANSWERS (sizeof answers / sizeof answers[0])

/* Flushing every file system of the machine for each key of a test would only cost time: counted instead. */
static unsigned syncs;
void __wrap_sync(void);
void __wrap_sync(void)
{
	syncs++;
}

/* ---- the table of answers ---- */

static enum class class_of(CK_RV rv)
{
	struct hsm_verdict v = hsm_err_map(rv);
	if (rv == CKR_USER_ALREADY_LOGGED_IN || rv == CKR_CRYPTOKI_ALREADY_INITIALIZED) return HERE;
	if (v.blame_blob) return CANARY;
	if (v.action == HSM_ACTION_REOPEN || v.action == HSM_ACTION_LOGIN) return REOPEN;
	if (v.action == HSM_ACTION_END) return DEGRADE;
	return v.err == ERR_AUTH || v.err == ERR_TOKEN_LOCKED ? STOP : FATAL;
}

static void every_answer_has_the_class_that_was_written_down(void **state)
{
	unsigned count[CLASSES] = { 0 };
	(void)state;
	for (size_t i = 0; i < ANSWERS; i++) {
		if (class_of(answers[i].rv) != answers[i].class) {
			fail_msg("%s: %s instead of %s", answers[i].name, class_names[class_of(answers[i].rv)], class_names[answers[i].class]);
		}
		if (answers[i].rv != CKR_VENDOR_DEFINED) assert_string_equal(hsm_err_map(answers[i].rv).name, answers[i].name);
		count[answers[i].class]++;
	}
	for (size_t c = 0; c < CLASSES; c++) print_message("%u answers: %s\n", count[c], class_names[c]);
	print_message("%zu of %zu answers have a class\n", ANSWERS, ANSWERS);
}

/* ---- operations ---- */

struct bench {
	const struct hsm_fixture *f;
	const char *path; /* of the URI: which key */
	struct token *t;
	struct token_binding binding, erased;
	struct secret *plain;
	struct buf blob;
	bool counting; /* the calls of the operation alone: nothing is verified */
	struct token_signer_ref signer;
	struct token_transport_ref transport;
	uint8_t point[TOKEN_TRANSPORT_POINT_LEN]; /* the other side's: its own public half */
	struct secret *shared; /* what the transport key gives with the other side's point */
	unsigned made;
};

static void bench_reopen(struct bench *b)
{
	struct reason why = { "" };
	token_backend.close(TAKE(b->t));
	shim_arm(NULL, 0, 0, 0);
	b->t = hsm_fixture_open(b->f, b->path, HSM_SHIM_PATH);
	hsm_fixture_expect(token_backend.attach(b->t, &b->binding, &why), ERR_OK, &why);
}

static void bench_init(struct bench *b, const struct hsm_fixture *f, const char *path)
{
	struct reason why = { "" };
	*b = (struct bench){ .f = f, .path = path, .blob = BUF_EMPTY };
	b->t = hsm_fixture_provision(f, path, HSM_SHIM_PATH, &b->binding);
	b->plain = secret_new(TOKEN_SECRET_LEN);
	assert_non_null(b->plain);
	secret_mut(b->plain)[7] = 0x5A;
	hsm_fixture_expect(token_backend.wrap(b->t, b->plain, &b->blob, &why), ERR_OK, &why);
}

static void bench_done(struct bench *b)
{
	token_backend.close(b->t);
	secret_free(b->plain);
	secret_free(b->shared);
	buf_free(&b->blob);
}

static enum coffer_err do_open(struct bench *b)
{
	token_backend.close(TAKE(b->t));
	return token_backend.open(hsm_fixture_uri(b->f, b->path, HSM_SHIM_PATH), &b->t, NULL);
}

static enum coffer_err do_attach(struct bench *b) { return token_backend.attach(b->t, &b->binding, NULL); }
static enum coffer_err do_probe(struct bench *b) { return token_backend.probe(b->t, NULL); }

static enum coffer_err do_adopt(struct bench *b)
{
	struct token_binding again;
	return token_backend.provision(b->t, &again, NULL);
}

/* Makes a master secret under a name of its own. Whatever happens, a second attempt finds one key at most. */
static enum coffer_err do_make(struct bench *b)
{
	char path[64];
	struct token_binding binding;
	token_backend.close(TAKE(b->t));
	syncs = 0;
	(void)snprintf(path, sizeof path, "token=coffer;object=made%u", b->made++);
	struct token *t = hsm_fixture_open(b->f, path, HSM_SHIM_PATH);
	enum coffer_err err = token_backend.provision(t, &binding, NULL);
	token_backend.close(t);
	assert_true(shim_calls("C_Login") <= 3); /* opening, the new session that looks, the mended one */
	if (err == ERR_OK) assert_true(syncs > 0);
	if (b->counting) return err;
	shim_arm(NULL, 0, 0, 0);
	token_backend.close(hsm_fixture_provision(b->f, path, HSM_SHIM_PATH, &binding));
	assert_int_equal(strncmp(binding.mechanism, "CKM_AES_KEY_WRAP", 16), 0); /* never a weak one */
	return err;
}

static enum coffer_err opens(struct bench *b, struct view blob)
{
	AUTO_SECRET struct secret *out = NULL;
	enum coffer_err err = token_backend.unwrap(b->t, blob, &out, NULL);
	if (err == ERR_OK) assert_true(secret_equal(out, b->plain));
	else assert_null(out);
	return err;
}

static enum coffer_err do_unwrap(struct bench *b) { return opens(b, buf_view(&b->blob)); }

/* What was wrapped under a fault is opened without one. */
static enum coffer_err do_wrap(struct bench *b)
{
	AUTO_BUF struct buf out = BUF_EMPTY;
	enum coffer_err err = token_backend.wrap(b->t, b->plain, &out, NULL);
	if (err != ERR_OK) {
		assert_int_equal(out.len, 0);
		return err;
	}
	if (b->counting) return ERR_OK;
	assert_true(shim_calls("C_Login") <= 1);
	shim_arm(NULL, 0, 0, 0);
	assert_int_equal(opens(b, buf_view(&out)), ERR_OK);
	return ERR_OK;
}

static enum coffer_err do_random(struct bench *b)
{
	static const uint8_t untouched[16] = { 0 };
	uint8_t bytes[16] = { 0 };
	enum coffer_err err = token_backend.random(b->t, bytes, sizeof bytes, NULL);
	if (err == ERR_OK) assert_memory_not_equal(bytes, untouched, sizeof bytes);
	return err;
}

/* ---- PIN, keys for signing and deriving, destroying ---- */

/* The PIN that it has: what is changed and what is not is in force. */
static enum coffer_err do_pin(struct bench *b)
{
	struct token_policy_made made;
	AUTO_SECRET struct secret *pin = secret_copy(HSM_TEST_PIN, sizeof HSM_TEST_PIN - 1);
	assert_non_null(pin);
	enum coffer_err err = token_policy_backend.make(b->t, "", pin, &made, NULL);
	assert_in_range(shim_calls("C_SetPIN"), 0, 1); /* a PIN try: never once more */
	return err;
}

static enum coffer_err do_sign(struct bench *b)
{
	struct token_signer_answer answer;
	struct token_signer_wish wish = { .ref = b->signer, .digest = { 9 } };
	TRY(token_signer_backend.sign(b->t, &wish, &answer, NULL));
	assert_true(answer.there);
	return ERR_OK;
}

static enum coffer_err do_derive(struct bench *b)
{
	struct token_transport_answer answer = { .shared = NULL };
	struct token_transport_wish wish = { .ref = b->transport };
	memcpy(wish.point, b->point, sizeof b->point);
	enum coffer_err err = token_transport_backend.ecdh(b->t, &wish, &answer, NULL);
	AUTO_SECRET struct secret *shared = answer.shared;
	assert_true((err == ERR_OK) == (shared != NULL));
	if (!b->shared) b->shared = TAKE(shared);
	else if (shared) assert_true(secret_equal(shared, b->shared));
	return err;
}

static void make_pairs(struct bench *b)
{
	struct reason why = { "" };
	struct token_signer_answer signer;
	struct token_transport_answer transport;
	const struct token_signer_wish sign = { .owner = { 1 } };
	const struct token_transport_wish derive = { .owner = { 1 } };
	hsm_fixture_expect(token_signer_backend.make(b->t, &sign, &signer, &why), ERR_OK, &why);
	hsm_fixture_expect(token_transport_backend.make(b->t, &derive, &transport, &why), ERR_OK, &why);
	b->signer = signer.ref;
	b->transport = transport.ref;
	memcpy(b->point, transport.public_key, sizeof b->point);
}

/* Before a cell is armed: a master secret that may go. */
static void prepare_erase(struct bench *b)
{
	token_backend.close(TAKE(b->t));
	shim_arm(NULL, 0, 0, 0);
	b->t = hsm_fixture_provision(b->f, "token=coffer;object=erased", HSM_SHIM_PATH, &b->erased);
}

/* Destroyed is what a module that nobody disturbs has not any more. */
static bool is_gone(struct bench *b)
{
	struct reason why = { "" };
	token_backend.close(TAKE(b->t));
	shim_arm(NULL, 0, 0, 0);
	struct token *t = hsm_fixture_open(b->f, "token=coffer;object=erased", HSM_SHIM_PATH);
	enum coffer_err err = token_backend.attach(t, &b->erased, &why);
	token_backend.close(t);
	if (err != ERR_OK) hsm_fixture_expect(err, ERR_TOKEN_KEY_MISSING, &why);
	return err != ERR_OK;
}

static enum coffer_err do_erase(struct bench *b) { return token_erase_backend.erase(b->t, NULL); }

static const char *const functions[] = { "C_Initialize", "C_Finalize", "C_GetSlotList", "C_GetTokenInfo", "C_GetMechanismInfo",
	"C_OpenSession", "C_CloseSession", "C_Login", "C_CreateObject", "C_DestroyObject", "C_GetAttributeValue", "C_FindObjectsInit",
	"C_FindObjects", "C_FindObjectsFinal", "C_GenerateKey", "C_WrapKey", "C_UnwrapKey", "C_EncryptInit", "C_Encrypt",
	"C_DecryptInit", "C_Decrypt", "C_GenerateRandom", "C_SetPIN", "C_SignInit", "C_Sign", "C_DeriveKey" };
#define FUNCTIONS (sizeof functions / sizeof functions[0])

enum what { OPEN, ADOPT, MAKE, ATTACH, WRAP, UNWRAP, RANDOM, PROBE, PIN, SIGN, DERIVE, ERASE, LOOK };

struct operation {
	const char *name;
	enum what what;
	enum coffer_err (*run)(struct bench *b);
};

static const struct operation operations[] = {
	{ "open", OPEN, do_open }, { "provision (adopts)", ADOPT, do_adopt }, { "attach", ATTACH, do_attach }, { "wrap", WRAP, do_wrap },
	{ "unwrap", UNWRAP, do_unwrap }, { "random", RANDOM, do_random }, { "probe", PROBE, do_probe },
};
/* With a master secret that can only encrypt and decrypt. */
static const struct operation gcm_operations[] = {
	{ "wrap (GCM)", WRAP, do_wrap }, { "unwrap (GCM)", UNWRAP, do_unwrap }, { "attach (GCM)", ATTACH, do_attach },
};
static const struct operation key_operations[] = { { "change of the PIN", PIN, do_pin }, { "sign", SIGN, do_sign }, { "derive", DERIVE, do_derive } };
/* The other one: the last of these calls alone, behind the destroying, which asks whether it is gone. */
static const struct operation erase_operations[] = { { "erase", ERASE, do_erase }, { "erase, looks again", LOOK, do_erase } };
static const struct operation make_operations[] = { { "provision (makes)", MAKE, do_make } };

/* ---- one cell ---- */

struct cell {
	const struct operation *op;
	const char *function;
	const struct answer *answer;
	bool forever;
	unsigned nth; /* call of the function */
};

/* Whether a list of names, with one space between, holds this one. */
static bool among(const char *function, const char *list)
{
	size_t len = strlen(function);
	for (const char *at = strstr(list, function); at; at = strstr(at + 1, function)) {
		if ((at == list || at[-1] == ' ') && (at[len] == ' ' || at[len] == '\0')) return true;
	}
	return false;
}

static bool template_refusal(CK_RV rv)
{
	return rv == CKR_ATTRIBUTE_TYPE_INVALID || rv == CKR_ATTRIBUTE_VALUE_INVALID || rv == CKR_ATTRIBUTE_READ_ONLY ||
		rv == CKR_TEMPLATE_INCONSISTENT;
}

/* Provisioning passes over a mechanism (or a template) that the token refuses; what fails it passes on. */
static enum coffer_err expected_of_provision(const struct cell *c, enum coffer_err mapped)
{
	bool refused = c->answer->class == CANARY || mapped == ERR_UNSUPPORTED || mapped == ERR_TOKEN_REFUSED;
	if (among(c->function, "C_GetMechanismInfo")) {
		if (mapped == ERR_UNSUPPORTED || c->answer->rv == CKR_ARGUMENTS_BAD) return c->forever ? ERR_TOKEN_REFUSED : ERR_OK;
		return mapped;
	}
	if (!among(c->function, "C_CreateObject C_DestroyObject C_WrapKey C_UnwrapKey C_GenerateKey") || !refused) return mapped;
	return c->forever ? ERR_UNSUPPORTED : ERR_OK;
}

static bool erases(const struct cell *c) { return c->op->what == ERASE || c->op->what == LOOK; }

/* Changing the PIN: one that the token does not take is no wrong PIN; nothing is tried again. Destroying: one that the token refuses. */
static bool expected_of_key_calls(const struct cell *c, enum coffer_err *out)
{
	CK_RV rv = c->answer->rv;
	if (among(c->function, "C_SetPIN") && (rv == CKR_PIN_LEN_RANGE || rv == CKR_PIN_INVALID || rv == CKR_PIN_TOO_WEAK)) return *out = ERR_FIELD, true;
	if (among(c->function, "C_SetPIN") && c->answer->class == REOPEN) return *out = hsm_err_map(rv).err, true;
	if (!erases(c) || !among(c->function, "C_DestroyObject")) return false;
	if (rv != CKR_ACTION_PROHIBITED && rv != CKR_ATTRIBUTE_READ_ONLY && rv != CKR_TOKEN_WRITE_PROTECTED) return false;
	return *out = ERR_TOKEN_REFUSED, true;
}

/* The answers that mean something of their own to one call. */
static bool expected_exception(const struct cell *c, enum coffer_err mapped, enum coffer_err *out)
{
	CK_RV rv = c->answer->rv;
	bool once = !c->forever;
	if (expected_of_key_calls(c, out)) return true;
	if (among(c->function, "C_CloseSession C_Finalize")) return *out = ERR_OK, true;
	if (among(c->function, "C_GetTokenInfo") && c->op->what == OPEN) return *out = ERR_TOKEN_GONE, true; /* shows no token */
	if (among(c->function, "C_GetTokenInfo") && c->answer->class != REOPEN && mapped != ERR_MEMORY) return *out = ERR_TOKEN_GONE, true;
	if (among(c->function, "C_OpenSession") && rv == CKR_TOKEN_WRITE_PROTECTED && once) return *out = ERR_OK, true;
	if (among(c->function, "C_FindObjectsInit") && rv == CKR_OPERATION_ACTIVE && once) return *out = ERR_OK, true;
	if (among(c->function, "C_GenerateKey") && template_refusal(rv) && once) return *out = ERR_OK, true;
	if (!among(c->function, "C_GetAttributeValue") || c->op->what == UNWRAP || c->op->what == DERIVE) return false;
	if (rv == CKR_BUFFER_TOO_SMALL) return *out = ERR_TOO_LARGE, true;
	if (rv != CKR_ATTRIBUTE_TYPE_INVALID) return false;
	/* An attribute that the token does not have: read as 0. */
	*out = erases(c) ? ERR_OK : c->op->what == ATTACH ? ERR_TOKEN_OTHER : c->op->what == ADOPT ? ERR_TOKEN_REFUSED : once ? ERR_OK : ERR_UNSUPPORTED;
	return true;
}

static enum coffer_err expected(const struct cell *c)
{
	enum coffer_err mapped = hsm_err_map(c->answer->rv).err, exception = ERR_OK;
	enum what what = c->op->what;
	if (expected_exception(c, mapped, &exception)) return exception;
	switch (c->answer->class) {
	case HERE:
		return among(c->function, c->answer->rv == CKR_USER_ALREADY_LOGGED_IN ? "C_Login" : "C_Initialize") ? ERR_OK : ERR_TOKEN_GONE;
	case REOPEN:
		return !c->forever && what != OPEN ? ERR_OK : mapped;
	case CANARY:
		if (what == ADOPT || what == MAKE) return expected_of_provision(c, mapped);
		if (what != UNWRAP && !(among(c->function, "C_UnwrapKey C_DestroyObject C_Decrypt C_DecryptInit") &&
			(what == ATTACH || what == PROBE))) return mapped;
		return !c->forever ? ERR_OK : mapped == ERR_CORRUPT ? ERR_TOKEN : mapped;
	case FATAL:
		return what == ADOPT || what == MAKE ? expected_of_provision(c, mapped) : mapped;
	default:
		return mapped;
	}
}

static unsigned cells, mended;

static void judge(const struct cell *c, enum coffer_err err)
{
	enum coffer_err wanted = expected(c);
	unsigned logins = shim_calls("C_Login"), calls = shim_calls(c->function);
	/* A search that is never ended gets in its own way. */
	bool stuck = among(c->function, "C_FindObjectsFinal") && c->forever && c->answer->class == REOPEN && err == ERR_TOKEN;
	if ((err == wanted || stuck) && logins <= (c->op->what == MAKE ? 3 : 1) && calls <= CALLS_MAX) return;
	fail_msg("%s, %s answers %s %s: %s instead of %s, %u logins, %u calls", c->op->name, c->function, c->answer->name,
		c->forever ? "for ever" : "once", err_name(err), err_name(wanted), logins, calls);
}

/* What stands there is what was said; it was destroyed too when the answer to that was lost, and when only looking again failed. */
static void judge_erased(struct bench *b, const struct cell *c, enum coffer_err err)
{
	bool lost = c->answer->class == HERE && among(c->function, "C_DestroyObject"), gone = is_gone(b);
	if (gone == (err == ERR_OK || lost || c->op->what == LOOK)) return;
	fail_msg("%s, %s answers %s: %s, and it is %s", c->op->name, c->function, c->answer->name, err_name(err), gone ? "gone" : "there");
}

static void run_cell(struct bench *b, const struct cell *c)
{
	/* What "stands already" says is true, so the call took place. */
	if (erases(c)) prepare_erase(b);
	(c->answer->class == HERE ? shim_arm_after : shim_arm)(c->function, c->nth, c->answer->rv, c->forever);
	enum coffer_err err = c->op->run(b);
	judge(c, err);
	cells++;
	mended += err == ERR_OK;
	if (erases(c)) judge_erased(b, c, err);
	if (c->op->what == OPEN || c->op->what == MAKE || erases(c)) return; /* each opens the token for itself */
	shim_arm("none", 1, 0, 0);
	/* After TOKEN_GONE the module is not touched again; after everything else the next call works. */
	enum coffer_err after = do_unwrap(b);
	if (err == ERR_TOKEN_GONE) assert_int_equal(shim_calls(NULL), 0);
	else if (c->op->what != ADOPT && c->op->what != ATTACH) assert_int_equal(after, ERR_OK);
	if (c->op->what == PIN && c->answer->class == STOP && err != ERR_FIELD) {
		shim_arm("C_GenerateRandom", 1, CKR_USER_NOT_LOGGED_IN, 0);
		assert_int_equal(do_random(b), ERR_AUTH);
		assert_int_equal(shim_calls("C_Login"), 0);
	}
	bool pin_is_gone = c->op->what == PIN && err != ERR_OK; /* it is not tried again */
	if (after != ERR_OK || pin_is_gone || among(c->function, "C_FindObjectsFinal")) bench_reopen(b);
}

/* How often, undisturbed. */
static unsigned uses(struct bench *b, const struct operation *op, const char *function)
{
	if (op->what == ERASE || op->what == LOOK) prepare_erase(b);
	shim_arm("none", 1, 0, 0);
	b->counting = true;
	assert_int_equal(op->run(b), ERR_OK);
	b->counting = false;
	unsigned used = shim_calls(function);
	bench_reopen(b);
	return used;
}

/* COFFER_HSM_STRIDE: only each n-th answer, for builds that are slow. Of some operations a part alone, all of them with COFFER_TOKEN_FULL. */
static size_t stride_wanted(const struct operation *op)
{
	static const unsigned part[] = { [SIGN] = 3, [DERIVE] = 3, [ERASE] = 9, [LOOK] = 9 };
	const char *text = getenv("COFFER_HSM_STRIDE");
	size_t stride = text ? strtoul(text, NULL, 10) : 1;
	if (op->what >= SIGN && !getenv("COFFER_TOKEN_FULL")) stride *= part[op->what];
	return stride ? stride : 1;
}

/* only: names of functions; NULL: all that the operation calls. */
static void run_operations(struct bench *b, const struct operation *ops, size_t count, const char *only)
{
	for (size_t o = 0; o < count; o++) {
		const size_t stride = stride_wanted(&ops[o]);
		unsigned functions_of_it = 0, before = cells;
		for (size_t f = 0; f < FUNCTIONS; f++) {
			unsigned used = only && !among(functions[f], only) ? 0 : uses(b, &ops[o], functions[f]);
			if (!used) continue;
			functions_of_it++;
			for (size_t i = f % stride; i < 2 * ANSWERS; i += stride) {
				const struct cell c = { &ops[o], functions[f], &answers[i / 2], i % 2, ops[o].what == LOOK ? used : 1 };
				run_cell(b, &c);
			}
			bench_reopen(b);
		}
		print_message("%-20s %2u functions × %zu answers × once, for ever: %u cells\n", ops[o].name, functions_of_it, ANSWERS, cells - before);
	}
}

static void each_call_answers_each_answer(void **state)
{
	struct bench b;
	bench_init(&b, *state, "token=coffer");
	run_operations(&b, operations, sizeof operations / sizeof operations[0], NULL);
	run_operations(&b, make_operations, 1, "C_GenerateKey");
	bench_reopen(&b);
	make_pairs(&b);
	run_operations(&b, key_operations, 1, "C_SetPIN");
	run_operations(&b, key_operations + 1, 1, "C_FindObjectsInit C_FindObjects C_FindObjectsFinal C_SignInit C_Sign");
	run_operations(&b, key_operations + 2, 1, "C_FindObjects C_DeriveKey C_GetAttributeValue C_DestroyObject");
	run_operations(&b, erase_operations, 1, "C_GetAttributeValue C_FindObjectsInit C_FindObjects C_FindObjectsFinal C_DestroyObject");
	run_operations(&b, erase_operations + 1, 1, "C_GetTokenInfo C_FindObjectsInit C_FindObjects C_FindObjectsFinal");
	bench_done(&b);
	setenv("HSM_SHIM_HIDE", "0x2109,0x210a", 1);
	bench_init(&b, *state, "token=coffer;object=gcm");
	run_operations(&b, gcm_operations, sizeof gcm_operations / sizeof gcm_operations[0],
		"C_EncryptInit C_Encrypt C_DecryptInit C_Decrypt C_GenerateRandom");
	bench_done(&b);
	unsetenv("HSM_SHIM_HIDE");
	print_message("%u of %u cells as written down: %u mended, %u refused in order\n", cells, cells, mended, cells - mended);
}

#define T(name) cmocka_unit_test_setup_teardown(name, shimmed_setup, hsm_fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_answer_has_the_class_that_was_written_down),
		T(each_call_answers_each_answer),
	};
	return cmocka_run_group_tests(tests, hsm_fixture_group, NULL);
}
