/* Each command of each operation × each answer of a failing TPM: what the class of the answer says must happen, with one try at most
 * where a try may cost an authorization. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/clock.h"
#include "token/counter.h"
#include "token/erase.h"
#include "token/policy.h"
#include "token/sign.h"
#include "tpm/tpm_err.h"
#include "unit/tpm/bench.h"

#define COMMANDS_MAX 200u

enum class { AGAIN, ONCE, FATAL, STOP, END, CLASSES };
static const char *const class_names[CLASSES] = { "again after a pause", "swept and once more", "fatal", "stop", "end" };

static const struct answer { uint32_t rc; enum class class; } answers[] = {
#define CLASS(rc, class) { rc, class },
#include "unit/tpm/rc_classes.def"
#undef CLASS
};
#define ANSWERS (sizeof answers / sizeof answers[0])

static enum class class_of(uint32_t rc)
{
	struct tpm_verdict v = tpm_err_map(rc);
	switch (v.action) {
	case TPM_ACTION_BACKOFF:
		return AGAIN;
	case TPM_ACTION_REFRESH:
		return ONCE;
	case TPM_ACTION_END:
		return END;
	default:
		return v.err == ERR_AUTH || v.err == ERR_TOKEN_LOCKED ? STOP : FATAL;
	}
}

static void every_answer_has_the_class_that_was_written_down(void **state)
{
	unsigned count[CLASSES] = { 0 };
	(void)state;
	for (size_t i = 0; i < ANSWERS; i++) {
		enum class class = class_of(answers[i].rc);
		if (class != answers[i].class) fail_msg("0x%X: %s instead of %s", answers[i].rc, class_names[class], class_names[answers[i].class]);
		count[class]++;
	}
	for (size_t c = 0; c < CLASSES; c++) print_message("%u answers: %s\n", count[c], class_names[c]);
}

/* ---- operations ---- */

static enum coffer_err do_open(struct bench *b)
{
	assert_null(b->t);
	return token_backend.open(proxy_uri(b->proxy), &b->t, NULL);
}

/* Before the commands of an operation are counted from 1. */
static void prepare(struct bench *b, bool opening)
{
	if (opening) token_backend.close(TAKE(b->t));
	proxy_clear(b->proxy);
}


static enum coffer_err do_adopt(struct bench *b)
{
	struct token_binding again;
	return token_backend.provision(b->t, &again, NULL);
}

static enum coffer_err do_wrap(struct bench *b)
{
	AUTO_BUF struct buf out = BUF_EMPTY;
	enum coffer_err err = token_backend.wrap(b->t, b->key, &out, NULL);
	assert_true((err == ERR_OK) == (out.len > 0));
	return err;
}

static enum coffer_err do_random(struct bench *b)
{
	uint8_t bytes[40] = { 0 };
	return token_backend.random(b->t, bytes, sizeof bytes, NULL);
}

static enum coffer_err do_describe(struct bench *b)
{
	struct token_info info;
	return token_backend.describe(b->t, &info, NULL);
}

/* ---- counter, signing key, policy ---- */

static const uint8_t extra_auth[32] = { [0] = 7, [31] = 1 };
_Static_assert(sizeof extra_auth == TOKEN_COUNTER_AUTH_LEN && sizeof extra_auth == TOKEN_SIGNER_AUTH_LEN, "one for both");
static struct token_counter_wish counter = { .owner = { 1 }, .auth = { extra_auth, sizeof extra_auth } };
static struct token_signer_wish signer = { .owner = { 1 }, .auth = { extra_auth, sizeof extra_auth } };

static enum coffer_err do_count_make(struct bench *b)
{
	struct token_counter_answer a;
	TRY(token_counter_backend.make(b->t, &counter, &a, NULL));
	if (a.state != TOKEN_COUNTER_WELL) return ERR_OK;
	counter.ref = a.ref;
	counter.from = a.value;
	return ERR_OK;
}

static enum coffer_err do_count_read(struct bench *b)
{
	struct token_counter_answer a;
	TRY(token_counter_backend.read(b->t, &counter, &a, NULL));
	if (a.state == TOKEN_COUNTER_WELL) counter.from = a.value;
	else assert_int_equal(a.value, 0);
	return ERR_OK;
}

/* What is said to be raised is, and by one at most, also when an answer was lost. */
static enum coffer_err do_count_raise(struct bench *b)
{
	struct token_counter_answer a;
	TRY(token_counter_backend.raise(b->t, &counter, &a, NULL));
	if (a.state != TOKEN_COUNTER_WELL) return ERR_OK;
	assert_in_range(a.value, counter.from, counter.from + 1);
	counter.from = a.value;
	return ERR_OK;
}

static enum coffer_err do_sign_make(struct bench *b)
{
	struct token_signer_answer a;
	TRY(token_signer_backend.make(b->t, &signer, &a, NULL));
	return ERR_OK;
}

/* Nothing is left behind: the binding that comes is not taken on. */
static enum coffer_err do_reseal(struct bench *b)
{
	struct token_policy_made made;
	return token_policy_backend.make(b->t, "pcrs=sha256:7", NULL, &made, NULL);
}

/* Under a gate that wants a new PIN, which is proved: the only PIN that goes. Bound to no PCRs, and so no failure is blamed on them. */
static enum coffer_err do_pin(struct bench *b)
{
	char path[] = "/tmp/coffer-rc-XXXXXX", changes[64];
	struct token_policy_made made;
	struct reason why = { "" };
	int fd = mkstemp(path);
	assert_true(fd >= 0 && write(fd, "1234", 4) == 4);
	(void)close(fd);
	(void)snprintf(changes, sizeof changes, "pin-source=file:%s", path);
	enum coffer_err err = token_policy_backend.make(b->t, changes, NULL, &made, &why);
	(void)unlink(path);
	assert_null(strstr(why.text, "PCR"));
	return err;
}

static enum coffer_err do_count_drop(struct bench *b)
{
	struct token_counter_answer a;
	return token_counter_backend.drop(b->t, &counter, &a, NULL);
}

static enum coffer_err do_erase(struct bench *b) { return token_erase_backend.erase(b->t, NULL); }

/* What a drop or an erase took away is there again, before the next cell. */
static void restock_counter(struct bench *b)
{
	proxy_clear(b->proxy);
	counter.ref.len = 0;
	assert_int_equal(do_count_make(b), ERR_OK);
	assert_true(counter.ref.len > 0);
}

/* Out: whether the master secret was gone. */
static bool restock_master(struct bench *b)
{
	token_backend.close(TAKE(b->t));
	proxy_clear(b->proxy);
	b->t = help_open(proxy_uri(b->proxy));
	enum coffer_err err = do_attach(b);
	if (err == ERR_OK) return false;
	assert_int_equal(err, ERR_TOKEN_KEY_MISSING);
	token_backend.close(TAKE(b->t));
	b->t = help_provision(proxy_uri(b->proxy), &b->binding);
	buf_free(&b->blob);
	b->blob = BUF_EMPTY;
	help_wrap(b->t, b->key, &b->blob);
	return true;
}

enum what { OPEN, ADOPT, ATTACH, WRAP, UNWRAP, RANDOM, PROBE, DESCRIBE, COUNT, SIGN, RESEAL, DROP, ERASE };
struct operation {
	const char *name;
	enum what what;
	enum coffer_err (*run)(struct bench *b);
	unsigned stride; /* each stride-th of the cells is run (no stride divides the number of answers: each answer and each command
	                    has its turn); all of them with COFFER_TOKEN_FULL */
};

static const struct operation operations[] = {
	{ "open, sweep", OPEN, do_open, 3 }, { "provision (adopts)", ADOPT, do_adopt, 11 }, { "attach", ATTACH, do_attach, 3 },
	{ "wrap", WRAP, do_wrap, 3 }, { "unwrap", UNWRAP, do_unwrap, 3 }, { "random", RANDOM, do_random, 3 },
	{ "probe", PROBE, do_probe, 11 }, { "describe, health", DESCRIBE, do_describe, 5 },
	{ "counter, make", COUNT, do_count_make, 29 }, { "counter, read", COUNT, do_count_read, 7 }, { "counter, raise", COUNT, do_count_raise, 11 },
	{ "signing key, make", SIGN, do_sign_make, 5 }, { "reseal", RESEAL, do_reseal, 17 },
	{ "change of the PIN", RESEAL, do_pin, 37 }, { "counter, drop", DROP, do_count_drop, 17 }, { "erase", ERASE, do_erase, 17 },
};
#define OPERATIONS (sizeof operations / sizeof operations[0])

/* ---- one cell ---- */

struct cell {
	const struct operation *op;
	unsigned nth;         /* from 1 */
	unsigned last;        /* how many commands the operation has */
	uint32_t command;
	const struct answer *answer;
	bool evicted;         /* the master secret was destroyed by a command before this one */
};

/* Cells in which the class alone does not say what must happen: run always, also where the stride would pass over them. */
static bool is_special(const struct cell *c)
{
	switch (c->command) {
	case TPM2_CC_PolicySecret:
		return c->answer->class == STOP;
	case TPM2_CC_Unseal:
		return c->op->what == RESEAL && tpm_err_is_policy(c->answer->rc);
	case TPM2_CC_ReadPublic:
		return c->op->what == ERASE && tpm_err_map(c->answer->rc).err == ERR_TOKEN_KEY_MISSING;
	default:
		return false;
	}
}

static void print_cell(const struct cell *c, enum coffer_err err)
{
	print_message("%s, command %u of %u (0x%X) answers 0x%X (%s): %s\n", c->op->name, c->nth, c->last, c->command, c->answer->rc,
		class_names[c->answer->class], err_name(err));
}

/* Failures that are meant to be passed over: what cannot be flushed is left to the next sweep, what describes is left out, the word of an orderly stop behind a PIN is a favour. */
static bool passed_over(const struct cell *c)
{
	if (c->command == TPM2_CC_FlushContext || c->command == TPM2_CC_StirRandom || c->command == TPM2_CC_Shutdown) return true;
	if (c->op->what == DESCRIBE) return c->nth > 3;                                     /* manufacturer, model */
	if (c->op->what == COUNT && c->command == TPM2_CC_NV_Read) return tpm_err_map(c->answer->rc).err == ERR_AUTH; /* another one's */
	if (c->op->what != ADOPT) return false;
	return c->command == TPM2_CC_GetCapability && c->nth > c->last - 3;                 /* raising maxTries is a favour */
}

/* A place that is said to be empty, or to be another's, is taken for that: what stands in the way then is found by the next command. */
static bool counter_misled(const struct cell *c, enum coffer_err said)
{
	if (c->op->run != do_count_make) return false;
	return (c->command == TPM2_CC_NV_ReadPublic && said == ERR_TOKEN_KEY_MISSING) || (c->command == TPM2_CC_NV_Read && said == ERR_AUTH);
}

static bool as_expected(const struct cell *c, enum coffer_err err)
{
	struct tpm_verdict v = tpm_err_map(c->answer->rc);
	if (counter_misled(c, v.err)) return err == ERR_OK || err == ERR_EXISTS || err == ERR_TOKEN;
	if (c->evicted && c->command == TPM2_CC_ReadPublic && v.err == ERR_TOKEN_KEY_MISSING) return err == ERR_OK; /* asked whether it is gone: it is */
	if (c->op->what == RESEAL && c->command == TPM2_CC_Unseal && tpm_err_is_policy(c->answer->rc)) return err == ERR_TOKEN_POLICY; /* there is one */
	bool blamed = v.blame && (c->command == TPM2_CC_Load || c->command == TPM2_CC_Unseal) && c->op->what != ADOPT;
	if (passed_over(c)) return err == ERR_OK || (c->answer->class == END && err == ERR_TOKEN_GONE && c->nth < c->last);
	if (c->op->what == ADOPT && c->command == TPM2_CC_TestParms && v.err == ERR_UNSUPPORTED) return err == ERR_TOKEN_REFUSED;
	if (c->op->what == ADOPT && c->command == TPM2_CC_ReadPublic && v.err == ERR_TOKEN_KEY_MISSING) return err == ERR_EXISTS || err == ERR_OK;
	if (c->op->what == ADOPT && c->command == TPM2_CC_NV_ReadPublic && v.err == ERR_TOKEN_KEY_MISSING) return err == ERR_OK;
	if (c->op->what == ADOPT && (c->command == TPM2_CC_Load || c->command == TPM2_CC_Unseal) && v.blame) return err == ERR_CORRUPT;
	switch (c->answer->class) {
	case AGAIN:
		return err == ERR_OK;
	case ONCE:
		return err == (c->op->what == OPEN || c->op->what == DESCRIBE || c->op->what == ERASE ? v.err : ERR_OK); /* an erase is not repeated */
	default:
		return err == (blamed ? ERR_CORRUPT : v.err);
	}
}

/* A refused PIN is not sent again (of the two TPM2_PolicySecret of a change, the TPM answers the first with RETRY, before it looks at
 * the PIN: it must note first that an object with tries is used). What follows carries none: the TPM is told that it stops in
 * order, so that the next power cut does not count as a wrong try, and in lockout it is asked when a try comes back. */
static bool may_follow_pin(const struct cell *c, uint32_t code)
{
	if (c->command != TPM2_CC_PolicySecret) return false;
	return code == TPM2_CC_Shutdown || (code == TPM2_CC_GetCapability && tpm_err_map(c->answer->rc).err == ERR_TOKEN_LOCKED);
}

/* After an authorization failure or a lockout nothing more is asked of the TPM; only what was loaded is put away. */
static bool nothing_followed(struct bench *b, const struct cell *c)
{
	uint32_t codes[COMMANDS_MAX];
	size_t count = proxy_commands(b->proxy, codes, COMMANDS_MAX);
	for (size_t i = c->nth; i < count && i < COMMANDS_MAX; i++) {
		if (codes[i] != TPM2_CC_FlushContext && codes[i] != TPM2_CC_StirRandom && !may_follow_pin(c, codes[i])) return false;
	}
	return true;
}

/* Gone, and only then, when the TPM was told so and did not refuse. */
static void judge_erased(struct bench *b, const struct cell *c, enum coffer_err err)
{
	uint32_t codes[COMMANDS_MAX];
	size_t count = proxy_commands(b->proxy, codes, COMMANDS_MAX);
	bool told = false, gone = restock_master(b);
	for (size_t i = 0; i < count && i < COMMANDS_MAX; i++) told = told || (codes[i] == TPM2_CC_EvictControl && (i + 1 != c->nth || c->answer->class == AGAIN));
	if (gone == told && (gone || err != ERR_OK)) return;
	print_cell(c, err);
	print_message("  the master secret is %s\n", gone ? "gone" : "there");
	b->wrong++;
}

/* The command that got the answer: what a cell before this one left unloaded is loaded first. */
static void find_command(struct bench *b, struct cell *c)
{
	uint32_t codes[COMMANDS_MAX];
	size_t count = proxy_commands(b->proxy, codes, COMMANDS_MAX);
	if (c->nth <= count && c->nth <= COMMANDS_MAX) c->command = codes[c->nth - 1];
	c->evicted = false;
	for (size_t i = 0; i + 1 < c->nth && i < count && i < COMMANDS_MAX; i++) c->evicted = c->evicted || codes[i] == TPM2_CC_EvictControl;
}

static void run_cell(struct bench *b, struct cell *c)
{
	proxy_clear(b->proxy);
	if (c->op->what == DROP) restock_counter(b);
	if (c->op->what == COUNT) assert_int_equal(do_count_read(b), ERR_OK); /* the last cell may have raised it and not got to know */
	prepare(b, c->op->what == OPEN);
	proxy_answer_nth(b->proxy, PROXY_ANY, c->nth, c->answer->rc, 1);
	enum coffer_err err = c->op->run(b);
	find_command(b, c);
	bool silent = c->answer->class != STOP || passed_over(c) || nothing_followed(b, c);
	if (!as_expected(c, err) || !silent) {
		print_cell(c, err);
		print_message("%s\n", silent ? "  not as written down" : "  the TPM was asked again");
		b->wrong++;
	}
	if (c->op->what == ERASE) {
		judge_erased(b, c, err);
		return;
	}
	if (c->answer->class == END && b->t) {
		proxy_clear(b->proxy);
		assert_int_equal(do_random(b), ERR_TOKEN_GONE);
		assert_int_equal(proxy_commands(b->proxy, NULL, 0), 0);
	}
	/* A session that could not be flushed fills a slot: swept by opening again, before the next cell. */
	if (!b->t || c->answer->class == END || c->command == TPM2_CC_FlushContext || c->op->what == OPEN || (err != ERR_OK && (c->op->what == ATTACH || c->op->what == ADOPT)))
		bench_attach_again(b);
}

static void each_command_answers_each_answer(void **state)
{
	struct bench *b = *state;
	unsigned cells = 0;
	bool full = getenv("COFFER_TOKEN_FULL") != NULL;
	for (size_t o = 0; o < OPERATIONS; o++) {
		const struct operation *op = &operations[o];
		uint32_t codes[COMMANDS_MAX];
		unsigned before = cells, at = 0;
		if (op->what == DROP) restock_counter(b);
		if (op->what == COUNT) assert_int_equal(op->run(b), ERR_OK); /* which makes the counter: from now on it is there */
		prepare(b, op->what == OPEN);
		assert_int_equal(op->run(b), ERR_OK);
		unsigned last = (unsigned)proxy_commands(b->proxy, codes, COMMANDS_MAX);
		assert_in_range(last, 1, COMMANDS_MAX);
		if (op->what == ERASE) (void)restock_master(b);
		else bench_attach_again(b);
		for (unsigned i = 0; i < last * ANSWERS; i++) {
			struct cell c = { op, i / ANSWERS + 1, last, codes[i / ANSWERS], &answers[i % ANSWERS], false };
			if (at++ % (full ? 1 : op->stride) != 0 && !is_special(&c)) continue;
			run_cell(b, &c);
			cells++;
		}
		proxy_clear(b->proxy);
		assert_int_equal(do_unwrap(b), ERR_OK);
		print_message("%-20s %2u commands: %u cells\n", op->name, last, cells - before);
	}
	print_message("%u of %u cells as written down\n", cells - b->wrong, cells);
	assert_int_equal(b->wrong, 0);
	token_backend.close(TAKE(b->t));
	token_backend.close(help_open(b->swtpm.uri)); /* sweeps what failed flushes left */
	assert_int_equal(help_count_handles(b->swtpm.tcti, TPM2_TRANSIENT_FIRST), 0);
	assert_int_equal(help_property(b->swtpm.tcti, TPM2_PT_LOCKOUT_COUNTER), 0);
}

static void a_busy_tpm_is_waited_for_at_each_command(void **state)
{
	static const struct { uint32_t rc; unsigned times; } busy[] = { { 0x922, 1 }, { 0x90A, 3 }, { 0x908, 5 } };
	struct bench *b = *state;
	unsigned cells = 0;
	bool full = getenv("COFFER_TOKEN_FULL") != NULL;
	for (size_t o = 0; o < OPERATIONS; o++) {
		if (operations[o].what == ERASE) continue; /* which is not done twice */
		prepare(b, operations[o].what == OPEN);
		assert_int_equal(operations[o].run(b), ERR_OK);
		unsigned last = (unsigned)proxy_commands(b->proxy, NULL, 0);
		if (operations[o].what == OPEN) bench_attach_again(b);
		for (unsigned i = 0; i < 3 * last; i += full || last < 8 ? 1 : 4, cells++) {
			prepare(b, operations[o].what == OPEN);
			proxy_answer_nth(b->proxy, PROXY_ANY, i / 3 + 1, busy[i % 3].rc, busy[i % 3].times);
			assert_int_equal(operations[o].run(b), ERR_OK);
			if (operations[o].what == OPEN) bench_attach_again(b);
		}
	}
	print_message("%u cells: each went well\n", cells);
}

static void fifty_answers_that_the_tpm_is_busy_are_waited_for(void **state)
{
	static const struct { uint32_t rc, command; enum coffer_err (*run)(struct bench *b); } cases[] = {
		{ 0x90A, TPM2_CC_CreatePrimary, do_attach }, { 0x922, TPM2_CC_Create, do_wrap }, { 0x908, TPM2_CC_Load, do_unwrap },
	};
	struct bench *b = *state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		proxy_clear(b->proxy);
		proxy_answer(b->proxy, cases[i].command, cases[i].rc, 50);
		uint64_t began = clock_mono_ms();
		assert_int_equal(cases[i].run(b), ERR_OK);
		assert_in_range(clock_mono_ms() - began, 300, 5000); /* with pauses of our own between the five quick ones of the TSS */
		assert_int_equal(proxy_seen(b->proxy, cases[i].command), 51);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_answer_has_the_class_that_was_written_down),
		cmocka_unit_test_setup_teardown(each_command_answers_each_answer, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(a_busy_tpm_is_waited_for_at_each_command, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(fifty_answers_that_the_tpm_is_busy_are_waited_for, bench_setup, bench_teardown),
	};
	if (arena_init(4u << 20, false, NULL) != ERR_OK) return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
