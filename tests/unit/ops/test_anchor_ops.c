/* Operations and the anchor: Anchor Accept where the token cannot follow (it is away, or another one is in force that cannot count), and a new recovery key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "keyring/rooted_store.h"
#include "ops/anchor.h"
#include "unit/ops/counted.h"
#include "unit/ops/founded.h"

static unsigned opens_later;

static void open_later(struct engine *engine)
{
	(void)engine;
	opens_later++;
}

static enum coffer_err gone(void)
{
	return ERR_TOKEN_GONE;
}

static struct anchor_facts facts_of(struct founded *n)
{
	struct anchor_facts f;
	anchor_facts(n->fix.engine.anchor, &f);
	return f;
}

static void last_says(struct founded *n, const char *words)
{
	struct newest newest;
	counted_look(&n->fix, &newest);
	if (!strstr(newest.text, words)) fail_msg("not on record: %s, but %s", words, newest.text);
}

/* Taken is taken: it is on record and counted once, the node stays sealed until its token answers, opens then by itself, and the counter follows. */
static void what_is_taken_without_the_token_opens_when_it_is_back(void **state)
{
	(void)state;
	founded_reset();
	struct founded *n = founded_new();
	founded_init(n);
	founded_raise(n);
	struct store *old = founded_copy(n);
	fix_give(&n->fix, ADMIN, ROLE_AUDITOR, "");
	founded_raise(n);
	struct founded *again = founded_again(n, old);
	struct engine *e = &again->fix.engine;
	assert_int_equal(engine_state_get(e), ENGINE_FAULT);
	e->open_later = open_later;
	opens_later = 0;
	again->token.on_call = gone;
	assert_int_equal(founded_accept(again), ERR_TOKEN_GONE);
	assert_int_equal(engine_state_get(e), ENGINE_SEALED);
	assert_int_equal(opens_later, 1);
	assert_int_equal(facts_of(again).level, ANCHOR_UNKNOWN);
	last_says(again, "store taken as it is against the token's counter");
	assert_int_not_equal(founded_accept(again), ERR_OK); /* nothing is to be taken any more */
	again->token.on_call = NULL;
	assert_int_equal(token_proxy_probe_now(e->token, 5000, NULL), ERR_OK);
	assert_int_equal(e->open(e, NULL), ERR_OK);
	struct anchor_facts f = facts_of(again);
	assert_true(f.level == ANCHOR_TOKEN && f.overridden == 1);
	founded_raise(again);
	assert_true(facts_of(again).counter > f.overridden_to);
	founded_free(again);
	founded_free(n);
}

/* The counter is in a TPM that this node has left, and the PKCS#11 token in force has none: root takes the store, nothing is made, and that is what is on record. */
static void on_a_token_that_cannot_count_nothing_is_made(void **state)
{
	(void)state;
	founded_reset();
	struct founded *n = founded_new();
	founded_init(n);
	founded_raise(n);
	struct engine *e = &n->fix.engine;
	(void)snprintf(e->identity.token_kind, sizeof e->identity.token_kind, "pkcs11");
	n->token.on_counter = NULL;
	assert_int_equal(anchor_check(e, NULL), ERR_CORRUPT);
	assert_non_null(strstr(facts_of(n).sentence, "in another token"));
	e->state = ENGINE_FAULT;
	assert_int_equal(founded_accept(n), ERR_OK);
	assert_int_equal(engine_state_get(e), ENGINE_OPEN);
	struct anchor_facts f = facts_of(n);
	assert_true(f.level == ANCHOR_NONE && f.overridden == 1);
	last_says(n, "; this token cannot count");
	founded_free(n);
}

/* An older store would bring back the recovery key that was in force before: the counter stands behind the new one before it is acknowledged. */
static void a_new_recovery_key_is_anchored(void **state)
{
	struct answer made, done;
	struct ask a;
	(void)state;
	founded_reset();
	struct founded *n = founded_new();
	founded_init(n);
	ask_one(&a, OPERATION_COFFER_RECOVERY_NEW);
	ttlv_put_i32(&a.w, TAG_COFFER_RECOVERY_MODE, 2);
	ttlv_put_bytes(&a.w, TAG_COFFER_PASSPHRASE, view_str("correct horse battery"));
	assert_int_equal(vendor_send(&n->fix, ADMIN, &a, &made), ERR_OK);
	assert_false(made.request.anchored); /* nothing is in force yet */
	ask_one(&a, OPERATION_COFFER_RECOVERY_CONFIRM);
	ttlv_put_bytes(&a.w, TAG_COFFER_RECOVERY_CHANGE_ID, vendor_bytes(&made, TAG_COFFER_RECOVERY_CHANGE_ID));
	ttlv_put_bytes(&a.w, TAG_COFFER_PASSPHRASE, view_str("correct horse battery"));
	assert_int_equal(vendor_send(&n->fix, ADMIN, &a, &done), ERR_OK);
	assert_true(done.request.anchored);
	answer_free(&done);
	answer_free(&made);
	founded_free(n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_taken_without_the_token_opens_when_it_is_back),
		cmocka_unit_test(on_a_token_that_cannot_count_nothing_is_made),
		cmocka_unit_test(a_new_recovery_key_is_anchored),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
