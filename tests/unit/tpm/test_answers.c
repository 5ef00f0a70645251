/* Answers that are cut, lost, garbled or another command's; a TPM that dies in a command; thousands of operations without a resource
 * manager. Nothing false is accepted, and nothing is left in the TPM. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "tpm/tpm_err.h"
#include "unit/tpm/bench.h"

#define CASE_LIMIT_S 30u /* a case that takes longer hangs */
#define COMMANDS_MAX 64u

static unsigned long number(const char *name, unsigned long otherwise)
{
	const char *text = getenv(name);
	return text ? strtoul(text, NULL, 10) : otherwise;
}

/* ---- operations: a result is right or there is none ---- */

static enum coffer_err do_wrap(struct bench *b)
{
	AUTO_BUF struct buf out = BUF_EMPTY;
	enum coffer_err err = token_backend.wrap(b->t, b->key, &out, NULL);
	if (err != ERR_OK) {
		assert_int_equal(out.len, 0);
		return err;
	}
	bench_attach_again(b);
	assert_int_equal(bench_opens(b, buf_view(&out)), ERR_OK);
	return ERR_OK;
}

static enum coffer_err do_random(struct bench *b)
{
	static const uint8_t untouched[40] = { 0 };
	uint8_t bytes[40] = { 0 };
	enum coffer_err err = token_backend.random(b->t, bytes, sizeof bytes, NULL);
	if (err == ERR_OK) assert_memory_not_equal(bytes, untouched, sizeof bytes);
	return err;
}

static enum coffer_err do_describe(struct bench *b)
{
	struct token_info info;
	return token_backend.describe(b->t, &info, NULL);
}

struct operation {
	const char *name;
	enum coffer_err (*run)(struct bench *b);
	uint32_t telling; /* the command whose answer matters most */
	unsigned last;    /* commands */
};

static struct operation operations[] = { { "attach", do_attach, TPM2_CC_ReadPublic, 0 }, { "unwrap", do_unwrap, TPM2_CC_Unseal, 0 },
	{ "wrap", do_wrap, TPM2_CC_Create, 0 }, { "random", do_random, TPM2_CC_GetRandom, 0 } };
#define OPERATIONS (sizeof operations / sizeof operations[0])

/* ---- a lost connection, a dead TPM ---- */

static unsigned commands_of(struct bench *b, const struct operation *op)
{
	bench_attach_again(b);
	proxy_clear(b->proxy);
	if (op->run == do_wrap) { /* the wrapping alone, without the look at what it made */
		AUTO_BUF struct buf out = BUF_EMPTY;
		help_wrap(b->t, b->key, &out);
	} else {
		assert_int_equal(op->run(b), ERR_OK);
	}
	return (unsigned)proxy_commands(b->proxy, NULL, 0);
}

/* Lost in what is put away or scrubbed at the end, the result stands; the next call finds the connection dead. */
static void gone_until_opened_again(struct bench *b, const struct operation *op, unsigned nth, bool maybe_whole)
{
	enum coffer_err err = op->run(b);
	if (err != ERR_OK && err != ERR_TOKEN_GONE) fail_msg("%s, command %u: %s", op->name, nth, err_name(err));
	if (err == ERR_OK && (op->run == do_wrap || maybe_whole)) return; /* an answer of 10 bytes was there before the end */
	proxy_clear(b->proxy);
	enum coffer_err after = do_random(b);
	if (after != ERR_TOKEN_GONE) fail_msg("%s, command %u: %s, then %s", op->name, nth, err_name(err), err_name(after));
	assert_true(proxy_commands(b->proxy, NULL, 0) <= 1); /* none where the loss was noticed */
}

static void a_connection_lost_at_any_byte_is_gone_and_leaves_nothing(void **state)
{
	static const size_t answer_cuts[] = { 0, 1, 6, 10, 14 }, command_cuts[] = { 0, 5, 10, 30 };
	struct bench *b = *state;
	unsigned cells = 0;
	for (size_t o = 0; o < OPERATIONS; o++) {
		unsigned last = commands_of(b, &operations[o]);
		for (unsigned i = 0; i < 9 * last; i++, cells++) {
			unsigned nth = i / 9 + 1, cut = i % 9;
			bench_attach_again(b);
			if (cut < 5) proxy_cut_nth(b->proxy, PROXY_ANY, nth, answer_cuts[cut]);
			else proxy_cut_command(b->proxy, PROXY_ANY, nth, command_cuts[cut - 5]);
			gone_until_opened_again(b, &operations[o], nth, cut == 3 || cut == 4);
		}
	}
	bench_attach_again(b);
	assert_int_equal(do_unwrap(b), ERR_OK);
	token_backend.close(TAKE(b->t));
	assert_int_equal(help_count_handles(b->swtpm.tcti, TPM2_TRANSIENT_FIRST), 0);
	assert_int_equal(help_count_handles(b->swtpm.tcti, TPM2_ACTIVE_SESSION_FIRST), 0);
	print_message("%u cells: gone, and well when opened again\n", cells);
}

static void power_cut(void *swtpm)
{
	swtpm_cut(swtpm);
}

static void a_tpm_killed_before_any_command_is_gone_and_well_after_a_start(void **state)
{
	struct bench *b = *state;
	unsigned cells = 0;
	for (size_t o = 0; o < OPERATIONS; o++) {
		unsigned last = commands_of(b, &operations[o]);
		for (unsigned nth = 1; nth <= last; nth++, cells++) {
			bench_attach_again(b);
			proxy_hook_at(b->proxy, PROXY_ANY, nth, power_cut, &b->swtpm);
			enum coffer_err err = operations[o].run == do_wrap ? ERR_TOKEN_GONE : operations[o].run(b);
			if (operations[o].run == do_wrap) {
				AUTO_BUF struct buf out = BUF_EMPTY;
				(void)token_backend.wrap(b->t, b->key, &out, NULL);
			}
			assert_true(err == ERR_TOKEN_GONE || err == ERR_OK);
			assert_int_equal(do_random(b), ERR_TOKEN_GONE);
			swtpm_start(&b->swtpm);
		}
	}
	bench_attach_again(b);
	assert_int_equal(do_unwrap(b), ERR_OK);
	token_backend.close(TAKE(b->t));
	assert_int_equal(help_property(b->swtpm.tcti, TPM2_PT_LOCKOUT_COUNTER), 0);
	print_message("%u kills: gone, and well after a start\n", cells);
}

static void a_tpm_cleared_while_attached_is_another_at_the_next_probe(void **state)
{
	/* TPM2_Clear with the lockout hierarchy's empty password */
	static const uint8_t clear[] = { 0x80, 0x02, 0, 0, 0, 0x1B, 0, 0, 0x01, 0x26, 0x40, 0, 0, 0x0A, 0, 0, 0, 0x09, 0x40, 0, 0, 0x09,
		0, 0, 0, 0, 0 };
	struct bench *b = *state;
	struct reason why = { "" };
	assert_int_equal(do_probe(b), ERR_OK);
	proxy_inject(b->proxy, PROXY_ANY, 1, view_of(clear, sizeof clear));
	assert_int_equal(do_describe(b), ERR_OK);
	assert_int_equal(token_backend.probe(b->t, &why), ERR_TOKEN_OTHER);
	assert_non_null(strstr(why.text, "cleared"));
	assert_int_not_equal(do_unwrap(b), ERR_OK);
	assert_int_equal(help_count_handles(b->swtpm.tcti, TPM2_PERSISTENT_FIRST), 0); /* nothing was made anew */
}

/* ---- garbled answers ---- */

struct dice {
	uint64_t x;
};

static uint32_t roll(struct dice *d, uint32_t below)
{
	d->x ^= d->x << 13;
	d->x ^= d->x >> 7;
	d->x ^= d->x << 17;
	return (uint32_t)(d->x >> 16) % below;
}

struct garbler {
	struct dice dice;
	uint8_t before[8192]; /* an earlier answer of the same command */
	size_t before_len;
	uint32_t before_command;
	uint8_t original[8192], altered[8192]; /* of the last one: for a failure */
	size_t original_len, altered_len;
	bool must_be_refused; /* the last one altered what a session authenticates */
};

static void put_size(uint8_t *answer, size_t len)
{
	for (int i = 0; i < 4; i++) answer[2 + i] = (uint8_t)(len >> (24 - 8 * i));
}

static void flip_bits(struct dice *d, uint8_t *answer, size_t len)
{
	for (uint32_t n = 1 + roll(d, 8); n > 0; n--) {
		size_t at = roll(d, (uint32_t)len);
		if (at < 2 || at >= 6) answer[at] ^= (uint8_t)(1u << roll(d, 8));
	}
}

static void wrong_inner_length(struct dice *d, uint8_t *answer, size_t len)
{
	static const uint16_t lengths[] = { 0, 1, 0x7FFF, 0x8000, 0xFFFF, 0x00FF, 0x0401, 0x1000 };
	uint16_t value = lengths[roll(d, 8)];
	size_t at = len > 12 ? 10 + roll(d, (uint32_t)len - 11) : 6;
	answer[at] = (uint8_t)(value >> 8);
	answer[at + 1] = (uint8_t)value;
}

static void enlarge(struct dice *d, uint8_t *answer, size_t *len, size_t cap)
{
	size_t more = 1 + roll(d, roll(d, 2) ? 16 : 6000);
	if (*len + more > cap) more = cap - *len;
	for (size_t i = 0; i < more; i++) answer[*len + i] = (uint8_t)roll(d, 256);
	*len += more;
	put_size(answer, *len);
}

static void noise(struct dice *d, uint8_t *answer, size_t len)
{
	for (size_t i = roll(d, 2) ? 10 : 0; i < len; i++) {
		if (i < 2 || i >= 6) answer[i] = (uint8_t)roll(d, 256);
	}
}

/* Another size than there are bytes: what is left over stays in the stream, what is missing never comes. */
static void wrong_size(struct dice *d, uint8_t *answer, size_t len)
{
	static const uint32_t sizes[] = { 0, 9, 10, 0x7FFFFFFF, 0xFFFFFFFF, 4096, 4097, 8192 };
	uint32_t pick = roll(d, 10);
	put_size(answer, pick < 8 ? sizes[pick] : pick == 8 ? len - 1 : len + 1);
}

static void swap_for_earlier(struct garbler *g, uint32_t command, uint8_t *answer, size_t *len)
{
	uint8_t now[8192];
	size_t now_len = *len;
	memcpy(now, answer, now_len);
	if (g->before_command == command) {
		memcpy(answer, g->before, g->before_len);
		*len = g->before_len;
	}
	memcpy(g->before, now, now_len);
	g->before_len = now_len;
	g->before_command = command;
}

static bool garble_somehow(struct garbler *g, uint32_t command, uint8_t *answer, size_t *len, size_t cap)
{
	struct dice *d = &g->dice;
	switch (roll(d, 10)) {
	case 0:
	case 1:
		flip_bits(d, answer, *len);
		return true;
	case 2:
		noise(d, answer, *len);
		return true;
	case 3:
		enlarge(d, answer, len, cap);
		return true;
	case 4:
		wrong_size(d, answer, *len);
		return false;
	case 5: /* the tag, now and then a right one of the other kind */
		answer[0] = roll(d, 2) ? 0x80 : (uint8_t)roll(d, 256);
		answer[1] = (uint8_t)(roll(d, 2) ? 1 + roll(d, 2) : roll(d, 256));
		return true;
	case 6:
		wrong_inner_length(d, answer, *len);
		return true;
	case 7:
		swap_for_earlier(g, command, answer, len);
		return true;
	case 8: /* only the beginning, with the size made right */
		*len = 10 + roll(d, (uint32_t)*len - 9);
		put_size(answer, *len);
		return true;
	default: /* twice: the second stands ready as the next command's answer */
		if (2 * *len <= cap) memcpy(answer + *len, answer, *len);
		if (2 * *len <= cap) *len *= 2;
		return roll(d, 2);
	}
}

/* Whether the answer's code now says that the command may be sent again, which then goes well. */
static bool says_again(const uint8_t *answer)
{
	uint32_t rc = (uint32_t)answer[6] << 24 | (uint32_t)answer[7] << 16 | (uint32_t)answer[8] << 8 | answer[9];
	enum tpm_action action = tpm_err_map(rc).action;
	return rc != 0 && (action == TPM_ACTION_BACKOFF || action == TPM_ACTION_REFRESH);
}

static bool garble(void *arg, uint32_t command, uint8_t *answer, size_t *len, size_t cap)
{
	struct garbler *g = arg;
	uint8_t original[8192];
	size_t original_len = *len;
	memcpy(original, answer, original_len);
	bool go_on = garble_somehow(g, command, answer, len, cap);
	/* The header's size is not authenticated, and the TSS passes over bytes behind the session's part. */
	bool altered = *len < original_len || memcmp(original, answer, 2) != 0 || memcmp(original + 6, answer + 6, original_len - 6) != 0;
	bool in_session = command == TPM2_CC_Unseal || command == TPM2_CC_Load || command == TPM2_CC_Create || command == TPM2_CC_GetRandom;
	memcpy(g->original, original, original_len);
	memcpy(g->altered, answer, original_len);
	g->original_len = original_len;
	g->altered_len = *len;
	g->must_be_refused = altered && in_session && !says_again(answer);
	return go_on;
}

/* Open, and attached where the operation needs it. */
static void ready_for(struct bench *b, const struct operation *op)
{
	proxy_clear(b->proxy);
	if (op->run != do_describe) {
		bench_attach_again(b);
		return;
	}
	if (!b->t) assert_int_equal(token_backend.open(proxy_uri(b->proxy), &b->t, NULL), ERR_OK);
}

struct tally {
	unsigned long refused, taken, forged;
};

static void garbled_case(struct bench *b, const struct operation *op, struct garbler *g, struct tally *tally)
{
	(void)alarm(CASE_LIMIT_S);
	ready_for(b, op);
	bool telling = op->run != do_describe && roll(&g->dice, 2);
	proxy_change_at(b->proxy, telling ? op->telling : PROXY_ANY, telling ? 1 : 1 + roll(&g->dice, op->last), garble, g);
	enum coffer_err err = op->run(b);
	if (err == ERR_TOKEN_GONE && proxy_commands(b->proxy, NULL, 0) == 0) { /* found dead: a failure that describing passed over */
		token_backend.close(TAKE(b->t));
		garbled_case(b, op, g, tally);
		return;
	}
	proxy_clear(b->proxy);
	if (err == ERR_OK && g->must_be_refused) {
		for (size_t i = 0; i < g->original_len; i++) {
			if (g->original[i] != g->altered[i]) print_message("byte %zu: 0x%02X, was 0x%02X\n", i, g->altered[i], g->original[i]);
		}
		fail_msg("%s: an altered answer was taken (%zu bytes, were %zu)", op->name, g->altered_len, g->original_len);
	}
	if (g->must_be_refused) tally->forged++;
	g->must_be_refused = false;
	if (err == ERR_OK) tally->taken++;
	else tally->refused++;
	if (err != ERR_OK || op->run != do_describe) token_backend.close(TAKE(b->t));
}

/* Mostly questions without a session, which cost little and whose answers nothing but their form protects; one case in sixteen goes
 * through sessions, and what comes out of it is checked. */
static void garbled_answers_are_never_accepted(void **state)
{
	static struct garbler g;
	static const struct operation describe = { "describe", do_describe, TPM2_CC_GetCapability, 8 };
	struct bench *b = *state;
	struct tally sessions = { 0, 0, 0 }, plain = { 0, 0, 0 };
	unsigned long cases = number("COFFER_TPM_CASES", 10000), seed = number("COFFER_SEED", 20260101);
	g = (struct garbler){ .dice = { 0x9E3779B97F4A7C15u ^ seed } };
	for (size_t o = 0; o < OPERATIONS; o++) operations[o].last = commands_of(b, &operations[o]);
	print_message("COFFER_SEED=%lu COFFER_TPM_CASES=%lu\n", seed, cases);
	for (unsigned long i = 0; i < cases; i++) {
		bool in_session = i % 16 == 0;
		garbled_case(b, in_session ? &operations[i / 16 % OPERATIONS] : &describe, &g, in_session ? &sessions : &plain);
	}
	bench_attach_again(b);
	assert_int_equal(do_unwrap(b), ERR_OK);
	assert_true(sessions.forged > cases / 100);
	print_message("%lu cases; in sessions: %lu refused, among them all %lu that altered what is authenticated, %lu gave the right result, "
		"0 a wrong one; plain questions: %lu refused, %lu taken\n", cases, sessions.refused, sessions.forged, sessions.taken,
		plain.refused, plain.taken);
}

/* ---- handles ---- */

static void an_operation_that_fails(struct bench *b, unsigned long i)
{
	static const uint32_t commands[] = { TPM2_CC_Load, TPM2_CC_Unseal, TPM2_CC_PolicyCommandCode, TPM2_CC_Create, TPM2_CC_StartAuthSession };
	static const uint32_t codes[] = { 0x921, 0x98E, 0x923, 0x1DF, 0x126 };
	proxy_answer_nth(b->proxy, commands[i % 5], 1, codes[i / 5 % 5], 1);
	if (commands[i % 5] == TPM2_CC_Create) {
		AUTO_BUF struct buf out = BUF_EMPTY;
		assert_int_not_equal(token_backend.wrap(b->t, b->key, &out, NULL), ERR_OK);
	} else {
		assert_int_not_equal(do_unwrap(b), ERR_OK);
	}
}

static void wrap_once(struct bench *b)
{
	AUTO_BUF struct buf out = BUF_EMPTY;
	help_wrap(b->t, b->key, &out);
}

/* swtpm has no resource manager and three slots: what leaks shows at once, as 0x902, 0x903 or 0x904. */
static void thousands_of_operations_leave_nothing_in_the_tpm(void **state)
{
	struct bench *b = *state;
	unsigned long operations_wanted = number("COFFER_TPM_OPERATIONS", 1500), failing = 0;
	size_t before = help_count_handles(b->swtpm.tcti, TPM2_PERSISTENT_FIRST);
	unsigned full = proxy_full(b->proxy);
	bench_attach_again(b);
	for (unsigned long i = 0; i < operations_wanted; i++) {
		(void)alarm(CASE_LIMIT_S);
		if (i % 50 == 0) assert_int_equal(do_probe(b), ERR_OK);
		else if (i % 10 == 3) wrap_once(b);
		else if (i % 10 == 5) assert_int_equal(do_unwrap(b), ERR_OK);
		else if (i % 10 == 7) assert_int_equal(do_random(b), ERR_OK);
		else if (i % 20 == 9) an_operation_that_fails(b, failing++);
		else assert_int_equal(do_describe(b), ERR_OK);
	}
	assert_int_equal(proxy_full(b->proxy), full);
	token_backend.close(TAKE(b->t));
	assert_int_equal(help_count_handles(b->swtpm.tcti, TPM2_TRANSIENT_FIRST), 0);
	assert_int_equal(help_count_handles(b->swtpm.tcti, TPM2_LOADED_SESSION_FIRST), 0);
	assert_int_equal(help_count_handles(b->swtpm.tcti, TPM2_ACTIVE_SESSION_FIRST), 0);
	assert_int_equal(help_count_handles(b->swtpm.tcti, TPM2_PERSISTENT_FIRST), before);
	print_message("%lu operations, %lu of them made to fail: never 0x902, 0x903, 0x904; 0 handles left\n", operations_wanted, failing);
}

#define T(f) cmocka_unit_test_setup_teardown(f, bench_setup, bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_connection_lost_at_any_byte_is_gone_and_leaves_nothing),
		T(a_tpm_killed_before_any_command_is_gone_and_well_after_a_start),
		T(a_tpm_cleared_while_attached_is_another_at_the_next_probe),
		T(garbled_answers_are_never_accepted),
		T(thousands_of_operations_leave_nothing_in_the_tpm),
	};
	if (arena_init(4u << 20, false, NULL) != ERR_OK) return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
