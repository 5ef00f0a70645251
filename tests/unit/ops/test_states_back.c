/* The table of states and operations once more, for keys that came back: with a restored archive on another node, and with an older store that an administrator took against the counter.
 * What was allowed is allowed, what was refused is refused; what was destroyed or compromised stays so. */
#include <string.h>

#include "ops/anchor.h"
#include "unit/ops/founded.h"
#include "unit/ops/life.h"
#include "unit/ops/states.h"

#define CELLS_MAX 256u

static struct states_subject subjects[CELLS_MAX];

/* A key of its own for every cell. */
static void bring_all(struct founded *n)
{
	assert_true(states_event_count * STATES <= CELLS_MAX);
	for (size_t e = 0; e < states_event_count; e++) {
		for (size_t i = 0; i < STATES; i++) {
			struct states_subject *s = &subjects[e * STATES + i];
			states_name(s, &n->fix, (unsigned)(e * STATES + i));
			states_bring(s, states_all[i]);
		}
	}
}

static void walk_all(struct founded *n)
{
	for (size_t e = 0; e < states_event_count; e++) {
		for (size_t i = 0; i < STATES; i++) {
			subjects[e * STATES + i].f = &n->fix;
			(void)states_walk(&subjects[e * STATES + i], &states_events[e], states_all[i]);
		}
	}
}

static void free_all(void)
{
	for (size_t i = 0; i < CELLS_MAX; i++) buf_free(&subjects[i].sealed);
}

static struct founded *begin(void)
{
	founded_reset();
	struct founded *n = founded_new();
	founded_init(n);
	bring_all(n);
	return n;
}

static void a_restored_node_allows_what_the_old_one_did(void **state)
{
	struct bytes archive = BYTES_EMPTY;
	struct reason why = { "" };
	(void)state;
	struct founded *old = begin();
	founded_backup(old, &archive);
	walk_all(old); /* what happens later is not in the archive, and the table held in front of it */
	struct founded *box = founded_new();
	if (founded_restore(box, &archive, old, &why) != ERR_OK) fail_msg("not restored: %s", why.text);
	assert_int_equal(box->fix.engine.state, ENGINE_OPEN);
	walk_all(box);
	founded_free(box);
	founded_free(old);
	bytes_free(&archive);
	free_all();
}

/* Keys that were active in the older store. */
static void end_some(struct founded *n, bool destroyed)
{
	struct fix *f = &n->fix;
	for (size_t e = 0; e < states_event_count; e += 7) {
		const char *id = subjects[e * STATES + 1].id;
		assert_int_equal(states_all[1], OBJECT_ACTIVE);
		assert_int_equal(life_revoke(f, ADMIN, id, REVOCATION_REASON_CODE_KEY_COMPROMISE), LIFE_DONE);
		if (destroyed) assert_int_equal(life_ask(f, ADMIN, OPERATION_DESTROY, id, NULL, NULL, NULL), LIFE_DONE);
	}
}

static enum anchor_level level_of(struct founded *n)
{
	struct anchor_facts facts;
	anchor_facts(n->fix.engine.anchor, &facts);
	return facts.level;
}

static void an_older_store_is_refused_and_once_it_was_taken_allows_what_it_did_then(void **state)
{
	(void)state;
	for (int destroyed = 0; destroyed < 2; destroyed++) {
		struct founded *n = begin();
		founded_raise(n);
		struct store *then = founded_copy(n);
		end_some(n, destroyed);
		founded_raise(n);
		struct store *now = founded_copy(n);
		struct founded *back = founded_again(n, then);
		assert_int_equal(back->fix.engine.state, ENGINE_FAULT); /* nothing of what was ended comes back by itself … */
		assert_int_equal(level_of(back), ANCHOR_REFUSED);
		assert_int_not_equal(life_cipher(&back->fix, ADMIN, OPERATION_ENCRYPT, subjects[1].id, 32), LIFE_DONE);
		struct founded *newest = founded_again(n, now); /* … and the newest rows are served */
		assert_int_equal(newest->fix.engine.state, ENGINE_OPEN);
		subjects[1].f = &newest->fix;
		assert_int_equal(states_of(&subjects[1], NULL), destroyed ? OBJECT_DESTROYED_COMPROMISED : OBJECT_COMPROMISED);
		assert_int_equal(founded_accept(back), ERR_OK);
		assert_int_equal(back->fix.engine.state, ENGINE_OPEN);
		walk_all(back); /* the table is that of the older store, to the last cell */
		founded_free(newest);
		founded_free(back);
		founded_free(n);
		free_all();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_restored_node_allows_what_the_old_one_did),
		cmocka_unit_test(an_older_store_is_refused_and_once_it_was_taken_allows_what_it_did_then),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
