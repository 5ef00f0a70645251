/* Format levels: what a program does not know it refuses, one that somebody did not say to know is not raised to, and what is written follows the domain's level. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/writer.h"
#include "domain/level.h"
#include "keyring/domain_record.h"
#include "ops/nodes.h"
#include "ops/seat.h"
#include "ops/signs.h"
#include "unit/ops/nodes_world.h"

/* What another program left: of n, or of the domain (NULL). */
struct said {
	const struct node *n;
	uint32_t level;
	uint8_t bend; /* added to the record's first byte */
};

static enum coffer_err put_said(struct engine *e, struct txn *txn, void *arg, struct reason *reason)
{
	const struct said *s = arg;
	char name[STORE_ID_MAX + 1] = LEVEL_RECORD;
	uint8_t bytes[16];
	struct writer out;
	(void)e;
	(void)reason;
	if (s->n) domain_record_node_name(LEVEL_RECORD "-", ring_domain(s->n->ring), name);
	writer_init(&out, bytes, sizeof bytes);
	writer_u8(&out, (uint8_t)(1 + s->bend));
	writer_u32(&out, s->level);
	writer_u8(&out, 5);
	writer_bytes(&out, view_str("9.8.7"));
	assert_int_equal(writer_done(&out), ERR_OK);
	return domain_record_put(txn_store(txn), txn_ring(txn), name, writer_view(&out));
}

static void say(const struct node *n, uint32_t level, uint8_t bend)
{
	struct said s = { n, level, bend };
	assert_int_equal(world_on_store(&w.a.engine, put_said, &s, NULL), ERR_OK);
}

static enum coffer_err check(struct engine *e, struct txn *txn, void *arg, struct reason *reason)
{
	(void)e;
	return level_check(txn_store(txn), txn_ring(txn), arg, reason);
}

static enum coffer_err note_own(struct engine *e, struct txn *txn, void *arg, struct reason *reason)
{
	(void)e;
	(void)arg;
	(void)reason;
	return level_note_own(txn_store(txn), txn_ring(txn));
}

static uint32_t of_members(size_t *members)
{
	uint32_t level = 0;
	assert_int_equal(level_of_members(w.a.engine.store, w.a.ring, &level, members), ERR_OK);
	return level;
}

static void a_domain_without_a_record_is_at_the_first_level(void **state)
{
	uint32_t level = 0;
	size_t members = 0;
	(void)state;
	assert_int_equal(world_on_store(&w.a.engine, check, &level, NULL), ERR_OK);
	assert_int_equal(level, LEVEL_FIRST);
	assert_int_equal(of_members(&members), LEVEL_FIRST);
	assert_int_equal(members, 2);
}

static void a_level_that_this_program_does_not_know_is_refused_by_both_versions_and_the_cure(void **state)
{
	uint32_t level;
	struct reason reason = { "" };
	(void)state;
	say(NULL, level_known() + 1, 0);
	assert_int_equal(world_on_store(&w.a.engine, check, &level, &reason), ERR_VERSION);
	assert_non_null(strstr(reason.text, "Coffer 9.8.7 raised it"));
	assert_non_null(strstr(reason.text, level_program()));
	assert_non_null(strstr(reason.text, "install the version"));
	say(NULL, level_known(), 0);
	assert_int_equal(world_on_store(&w.a.engine, check, &level, NULL), ERR_OK);
	assert_int_equal(level, level_known());
	say(NULL, level_known() + 1, 1); /* no such record: the store's check is to find it, and nothing above the first level is written */
	assert_int_equal(world_on_store(&w.a.engine, check, &level, NULL), ERR_OK);
	assert_int_equal(level, LEVEL_FIRST);
}

static void what_all_members_know_is_what_the_oldest_of_them_knows(void **state)
{
	size_t members;
	uint32_t level;
	(void)state;
	assert_int_equal(world_on_store(&w.a.engine, note_own, NULL, NULL), ERR_OK);
	assert_int_equal(of_members(&members), LEVEL_FIRST); /* b has said nothing */
	assert_int_equal(world_on_store(&w.b.engine, note_own, NULL, NULL), ERR_OK);
	assert_int_equal(of_members(&members), level_known());
	say(&w.b, LEVEL_FIRST, 0); /* an older program was put there again */
	assert_int_equal(of_members(&members), LEVEL_FIRST);
	assert_int_equal(world_on_store(&w.b.engine, note_own, NULL, NULL), ERR_OK);
	assert_int_equal(of_members(&members), level_known());
	say(&w.b, level_known() + 3, 0); /* and a newer one: what this program writes, it knows itself */
	assert_int_equal(of_members(&members), level_known());
	say(&w.b, level_known(), 1);
	assert_int_equal(level_of_members(w.a.engine.store, w.a.ring, &level, &members), ERR_CORRUPT);
}

struct told {
	unsigned count;
	uint32_t a, b;
};

static enum coffer_err tell(void *arg, const uint8_t node_id[static UUID_LEN], uint32_t level)
{
	struct told *t = arg;
	t->count++;
	if (memcmp(node_id, w.a.engine.domain.node_id, UUID_LEN) == 0) t->a = level;
	if (memcmp(node_id, w.b.engine.domain.node_id, UUID_LEN) == 0) t->b = level;
	return ERR_OK;
}

static enum coffer_err tell_no_more(void *arg, const uint8_t node_id[static UUID_LEN], uint32_t level)
{
	(void)arg;
	(void)node_id;
	(void)level;
	return ERR_LIMIT;
}

static enum coffer_err put_others(struct engine *e, struct txn *txn, void *arg, struct reason *reason)
{
	(void)e;
	(void)arg;
	(void)reason;
	TRY(level_raise(txn_store(txn), txn_ring(txn), 2));
	TRY(domain_record_put(txn_store(txn), txn_ring(txn), "level-of-nobody", view_str("x")));
	return domain_record_put(txn_store(txn), txn_ring(txn), "levels", view_str("x"));
}

/* And nothing of the domain's own, of who has no record, of what is damaged, or of other records beside them. */
static void each_node_s_level_is_told_in_one_reading(void **state)
{
	struct told t = { .count = 0 };
	struct store *store = w.a.engine.store;
	(void)state;
	assert_int_equal(level_each_node(store, w.a.ring, tell, &t), ERR_OK);
	assert_int_equal(t.count, 0);
	assert_int_equal(world_on_store(&w.a.engine, put_others, NULL, NULL), ERR_OK);
	assert_int_equal(world_on_store(&w.a.engine, note_own, NULL, NULL), ERR_OK);
	say(&w.b, 7, 0);
	assert_int_equal(level_each_node(store, w.a.ring, tell, &t), ERR_OK);
	assert_int_equal(t.count, 2);
	assert_int_equal(t.a, level_known());
	assert_int_equal(t.b, 7);
	assert_int_equal(level_each_node(store, w.a.ring, tell_no_more, NULL), ERR_LIMIT);
	say(&w.b, 7, 1);
	t = (struct told){ .count = 0 };
	assert_int_equal(level_each_node(store, w.a.ring, tell, &t), ERR_OK);
	assert_int_equal(t.count, 1);
	assert_int_equal(t.b, 0);
}

static enum coffer_err erase_of(struct engine *e, struct txn *txn, void *arg, struct reason *reason)
{
	(void)e;
	(void)reason;
	return nodes_erase_rows(txn, arg);
}

static void who_is_removed_is_not_waited_for_and_leaves_no_record(void **state)
{
	size_t members;
	uint32_t level = 0;
	(void)state;
	assert_int_equal(world_on_store(&w.a.engine, note_own, NULL, NULL), ERR_OK);
	say(&w.b, 1, 0);
	assert_int_equal(world_record(&w.b, NODE_REMOVED, false), ERR_OK);
	assert_int_equal(of_members(&members), level_known());
	assert_int_equal(members, 1);
	say(&w.b, level_known(), 0);
	assert_int_equal(world_on_store(&w.a.engine, erase_of, w.b.engine.domain.node_id, NULL), ERR_OK);
	assert_int_equal(level_of_node(w.a.engine.store, w.a.ring, w.b.engine.domain.node_id, &level), ERR_OK);
	assert_int_equal(level, LEVEL_FIRST);
}

static void a_sign_of_life_has_its_date_and_its_view_from_their_levels_on(void **state)
{
	struct node_sign sign;
	(void)state;
	w.a.config.refresh_interval_ms = 60000;
	w.a.config.node_name = "";
	w.a.engine.seat = seat_new(&w.a.config);
	assert_non_null(w.a.engine.seat);
	w.a.engine.seat->taken = true;
	w.a.engine.seat->level = LEVEL_SIGN_DATE - 1;
	assert_true(signs_due(&w.a.engine, &sign));
	assert_true(sign.date_ms == 0);
	w.a.engine.seat->signed_at_ms = 0;
	w.a.engine.seat->level = LEVEL_SIGN_DATE;
	assert_true(signs_due(&w.a.engine, &sign));
	assert_true(sign.date_ms != 0 && !sign.has_view);
	w.a.engine.seat->signed_at_ms = 0;
	w.a.engine.seat->level = LEVEL_SIGN_VIEW;
	w.a.engine.seat->heard_ms = clock_mono_ms();
	assert_true(signs_due(&w.a.engine, &sign));
	assert_true(sign.has_view && sign.view.cache == SIGN_CACHE_NONE);
	seat_free(w.a.engine.seat);
	w.a.engine.seat = NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_domain_without_a_record_is_at_the_first_level, world_open, world_close),
		cmocka_unit_test_setup_teardown(a_level_that_this_program_does_not_know_is_refused_by_both_versions_and_the_cure, world_open, world_close),
		cmocka_unit_test_setup_teardown(what_all_members_know_is_what_the_oldest_of_them_knows, world_open, world_close),
		cmocka_unit_test_setup_teardown(each_node_s_level_is_told_in_one_reading, world_open, world_close),
		cmocka_unit_test_setup_teardown(who_is_removed_is_not_waited_for_and_leaves_no_record, world_open, world_close),
		cmocka_unit_test_setup_teardown(a_sign_of_life_has_its_date_and_its_view_from_their_levels_on, world_open, world_close),
	};
	log_init("test", LOG_LEVEL_ERROR);
	if (arena_init(16u << 20, false, NULL) != ERR_OK) return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
