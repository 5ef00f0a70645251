/* Raises and looks at a counter whose token is turned, busy or away: what is written, and what is told, once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "keyring/rooted_store.h"
#include "ops/rotation_master_internal.h"
#include "test_arena.h"
#include "unit/ops/anchor_node.h"

static uint64_t root_version(struct node *n)
{
	struct rooted_facts root;
	rooted_store_facts(n->engine.store, &root);
	return root.version;
}

static struct anchor_facts facts_of(struct node *n)
{
	struct anchor_facts f;
	anchor_facts(n->engine.anchor, &f);
	return f;
}

static void count(void *told)
{
	++*(unsigned *)told;
}

/* While `rotate master` has the token: nobody is told that a raise failed, nothing is written, and the next one goes through. */
static void a_raise_while_the_token_is_turned_is_busy_and_no_failure(void **state)
{
	struct node *n = *state;
	struct reason why = { "" };
	unsigned told = 0;
	checks_well(n);
	commit_something(n);
	uint64_t version = root_version(n);
	assert_int_equal(pthread_rwlock_wrlock(&n->engine.anchor->turning), 0);
	assert_int_equal(anchor_raise(&n->engine, count, &told, &why), ERR_BUSY);
	assert_string_equal(why.text, "the token is being changed");
	assert_false(anchor_keep_token(n->engine.anchor));
	assert_true(told == 0 && chip.value == 1 && root_version(n) == version);
	assert_true(!facts_of(n).late && !facts_of(n).sentence[0]);
	assert_int_equal(pthread_rwlock_unlock(&n->engine.anchor->turning), 0);
	assert_int_equal(anchor_raise(&n->engine, count, &told, NULL), ERR_OK);
	assert_true(told == 1 && chip.value == 2 && !facts_of(n).late);
}

static enum coffer_err busy(unsigned op, const struct token_counter_wish *w, struct token_counter_answer *out)
{
	if (op == CHANNEL_COUNTER_RAISE) return ERR_BUSY;
	return on_counter(op, w, out);
}

/* A TPM that takes no more writes for now (TPM_RC_NV_RATE): that is a raise that failed, told once and made good. */
static void a_raise_that_the_token_is_too_busy_for_is_late(void **state)
{
	struct node *n = *state;
	checks_well(n);
	opens_audit(n);
	commit_something(n);
	n->token.on_counter = busy;
	for (unsigned i = 0; i < 2; i++) assert_int_equal(anchor_raise(&n->engine, NULL, NULL, NULL), ERR_BUSY);
	assert_true(facts_of(n).late && chip.value == 1);
	on_record(n, "is not anchored");
	assert_int_equal(audit_chain_length(n->engine.audit), 1);
	n->token.on_counter = on_counter;
	assert_int_equal(anchor_raise(&n->engine, NULL, NULL, NULL), ERR_OK);
	assert_true(!facts_of(n).late && chip.value == 2);
	on_record(n, "anchored again");
	next_life(n);
	checks_well(n);
}

/* ---- away, with a pin-source ---- */

static enum coffer_err gone(void)
{
	return ERR_TOKEN_GONE;
}

static void with_pin_source(struct node *n)
{
	struct engine *e = &n->engine;
	struct token_binding binding = { .mechanism = "fake-xor" };
	assert_int_equal(token_proxy_retarget(e->token, "tpm2:fake?pin-source=file:/x", &binding, NULL), ERR_OK);
}

static void goes_away(struct node *n)
{
	n->token.on_call = gone;
	assert_int_equal(token_proxy_probe_now(n->engine.token, 5000, NULL), ERR_TOKEN_GONE);
	assert_true(token_proxy_counts(n->engine.token)); /* it may be the PIN alone that cannot be read */
}

static void for_a_token_that_is_away_nothing_is_written(void **state)
{
	struct node *n = *state;
	checks_well(n);
	with_pin_source(n);
	opens_audit(n);
	commit_something(n);
	goes_away(n);
	assert_int_equal(anchor_raise(&n->engine, NULL, NULL, NULL), ERR_TOKEN_GONE);
	on_record(n, "is not anchored");
	uint64_t version = root_version(n);
	for (unsigned i = 0; i < 3; i++) assert_int_equal(anchor_raise(&n->engine, NULL, NULL, NULL), ERR_TOKEN_GONE);
	assert_int_equal(root_version(n), version);
	assert_true(facts_of(n).late);
	n->token.on_call = NULL;
	assert_int_equal(token_proxy_probe_now(n->engine.token, 5000, NULL), ERR_OK);
	assert_int_equal(anchor_raise(&n->engine, NULL, NULL, NULL), ERR_OK);
	assert_int_equal(chip.value, 2);
}

/* Lines of the log with these words, of what this does. */
static unsigned logs(struct node *n, unsigned times, const char *words)
{
	char name[] = "/tmp/coffer-test-log-XXXXXX", line[1024];
	unsigned lines = 0;
	int kept = dup(STDERR_FILENO), fd = mkstemp(name);
	assert_true(kept >= 0 && fd >= 0 && dup2(fd, STDERR_FILENO) >= 0);
	for (unsigned i = 0; i < times; i++) assert_int_equal(anchor_compare_late(&n->engine, NULL), ERR_TOKEN_GONE);
	assert_true(dup2(kept, STDERR_FILENO) >= 0);
	FILE *f = fdopen(fd, "r");
	assert_non_null(f);
	rewind(f);
	while (fgets(line, sizeof line, f)) lines += strstr(line, words) != NULL;
	fclose(f);
	close(kept);
	unlink(name);
	return lines;
}

static void that_it_is_still_away_is_told_once(void **state)
{
	struct node *n = *state;
	checks_well(n);
	with_pin_source(n);
	opens_audit(n);
	goes_away(n);
	anchor_go_without_token(&n->engine, ERR_TOKEN_GONE, &(struct reason){ "away" });
	assert_int_equal(logs(n, 4, "could not be asked yet"), 1);
	assert_true(facts_of(n).uncompared && strstr(facts_of(n).sentence, "could not be asked yet"));
	n->token.on_call = NULL;
	assert_int_equal(token_proxy_probe_now(n->engine.token, 5000, NULL), ERR_OK);
	assert_int_equal(anchor_compare_late(&n->engine, NULL), ERR_OK);
	on_record(n, "the store is the newest");
}

/* ---- a change of the master secret ---- */

/* What stands against the counter of a token that comes to be in force, or stays it, is on record at once, and not only with the next opening. */
static void what_a_change_finds_is_on_record(void **state)
{
	struct node *n = *state;
	struct reason why = { "" };
	struct master_flow f = { .engine = &n->engine };
	checks_well(n);
	opens_audit(n);
	rotation_anchor_tell(&n->engine, true);
	assert_int_equal(audit_chain_length(n->engine.audit), 0); /* it is well */
	chip.value = chip.most = 9;
	assert_int_equal(rotation_anchor_before(&f, &why), ERR_CORRUPT);
	assert_int_equal(engine_state_get(&n->engine), ENGINE_FAULT);
	on_record(n, "a change of the master secret, and the counter in the token: rollback: the store is older than this node has been");
}

#define T(f) cmocka_unit_test_setup_teardown(f, start_node, stop_node)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_raise_while_the_token_is_turned_is_busy_and_no_failure),
		T(a_raise_that_the_token_is_too_busy_for_is_late),
		T(for_a_token_that_is_away_nothing_is_written),
		T(that_it_is_still_away_is_told_once),
		T(what_a_change_finds_is_on_record),
	};
	return cmocka_run_group_tests(tests, setup_arena, NULL);
}
