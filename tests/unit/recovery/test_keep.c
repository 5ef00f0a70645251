/* Recovery in the store: stanza row and domain record agree, or nothing is wrapped. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "recovery/recovery.h"
#include "unit/keyring/fixture.h"

struct kept {
	struct store *store;
	struct ring *ring;
	struct secret *seed;
	struct store_row row;
	struct buf body, texts[3];
	struct view views[3];
};

static void keep(struct kept *k)
{
	memset(k, 0, sizeof *k);
	k->ring = fixture_ring(1);
	k->seed = fixture_seed();
	assert_int_equal(store_open_memory(&k->store), ERR_OK);
	assert_int_equal(store_begin(k->store, NULL), ERR_OK);
	assert_int_equal(recovery_new_shares(k->ring, k->seed, 2, 3, &k->row, &k->body, k->texts, NULL), ERR_OK);
	for (unsigned i = 0; i < 3; i++) k->views[i] = buf_view(&k->texts[i]);
}

static void done(struct kept *k)
{
	store_rollback(k->store);
	store_close(k->store);
	for (unsigned i = 0; i < 3; i++) buf_free(&k->texts[i]);
	buf_free(&k->body);
	secret_free(k->seed);
	ring_free(k->ring);
}

static void grow(struct kept *k, uint32_t generation)
{
	struct secret *key = rising_secret((uint8_t)(0x60 + generation), DATA_KEY_LEN);
	assert_int_equal(ring_add(k->ring, generation, &key), ERR_OK);
}

static void a_stanza_comes_back_as_it_was_put(void **state)
{
	struct kept k;
	struct store_row row;
	struct stanza stanza;
	struct recovery_record record;
	AUTO_BUF struct buf body = BUF_EMPTY;
	(void)state;
	keep(&k);
	assert_int_equal(recovery_get(k.store, k.ring, &record), ERR_NOT_FOUND);
	assert_int_equal(recovery_put(k.store, k.ring, k.seed, &k.row, NULL), ERR_OK);
	assert_int_equal(recovery_get(k.store, k.ring, &record), ERR_OK);
	assert_int_equal(record.version, 1);
	assert_memory_equal(record.key_id, k.row.id, RECOVERY_KEY_ID_LEN);
	assert_int_equal(recovery_load(k.store, k.ring, &row, &stanza, &body, NULL), ERR_OK);
	assert_true(view_equal(row.body, k.row.body));
	assert_int_equal(recovery_prove_shares(ring_domain(k.ring), &row, k.views, 2, NULL), ERR_OK);
	done(&k);
}

static void no_recovery_is_zeros_and_stays_visible(void **state)
{
	struct kept k;
	struct store_row row;
	struct stanza stanza;
	struct recovery_record record;
	struct reason why = { "" };
	static const uint8_t zeros[RECOVERY_KEY_ID_LEN];
	AUTO_BUF struct buf body = BUF_EMPTY;
	(void)state;
	keep(&k);
	assert_int_equal(recovery_put_none(k.store, k.ring), ERR_OK);
	assert_int_equal(recovery_get(k.store, k.ring, &record), ERR_OK);
	assert_int_equal(record.version, 0);
	assert_memory_equal(record.key_id, zeros, sizeof zeros);
	assert_int_equal(recovery_load(k.store, k.ring, &row, &stanza, &body, &why), ERR_NOT_FOUND);
	assert_int_equal(recovery_add_generation(k.store, k.ring, k.seed, 1, &why), ERR_NOT_FOUND);
	assert_int_equal(recovery_put(k.store, k.ring, k.seed, &k.row, NULL), ERR_OK); /* made up for later */
	assert_int_equal(recovery_put_none(k.store, k.ring), ERR_EXISTS);
	done(&k);
}

static void new_generations_need_the_public_half_alone(void **state)
{
	struct kept k;
	struct store_row row;
	struct stanza stanza;
	struct reason why = { "" };
	(void)state;
	keep(&k);
	assert_int_equal(recovery_put(k.store, k.ring, k.seed, &k.row, NULL), ERR_OK);
	for (uint32_t g = 2; g <= 4; g++) {
		AUTO_BUF struct buf body = BUF_EMPTY;
		grow(&k, g);
		assert_int_equal(recovery_add_generation(k.store, k.ring, k.seed, g, &why), ERR_OK);
		assert_int_equal(recovery_add_generation(k.store, k.ring, k.seed, g, &why), ERR_EXISTS);
		assert_int_equal(recovery_load(k.store, k.ring, &row, &stanza, &body, &why), ERR_OK);
		assert_int_equal(stanza.count, g);
		assert_int_equal(row.version, g);
		assert_int_equal(recovery_prove_shares(ring_domain(k.ring), &row, k.views + 1, 2, &why), ERR_OK);
	}
	assert_int_equal(recovery_add_generation(k.store, k.ring, k.seed, 9, &why), ERR_NOT_FOUND); /* not in the ring */
	done(&k);
}

static void an_old_or_edited_or_missing_row_blocks_wrapping(void **state)
{
	struct kept k;
	struct store_row row;
	struct stanza stanza;
	struct reason why = { "" };
	AUTO_BUF struct buf body = BUF_EMPTY;
	(void)state;
	keep(&k);
	assert_int_equal(recovery_put(k.store, k.ring, k.seed, &k.row, NULL), ERR_OK);
	grow(&k, 2);
	grow(&k, 3);
	assert_int_equal(recovery_add_generation(k.store, k.ring, k.seed, 2, &why), ERR_OK);
	assert_int_equal(store_put(k.store, STORE_RECOVERY, &k.row, true), ERR_OK); /* the old row, whole and well signed */
	assert_int_equal(recovery_load(k.store, k.ring, &row, &stanza, &body, &why), ERR_CORRUPT);
	assert_non_null(strstr(why.text, "not the newest"));
	struct store_row edited = k.row;
	edited.version = 2; /* pretends to be the newest */
	assert_int_equal(store_put(k.store, STORE_RECOVERY, &edited, true), ERR_OK);
	assert_int_equal(recovery_add_generation(k.store, k.ring, k.seed, 3, &why), ERR_CORRUPT);
	assert_int_equal(store_erase(k.store, STORE_RECOVERY, view_of(k.row.id, 16)), ERR_OK);
	assert_int_equal(recovery_add_generation(k.store, k.ring, k.seed, 3, &why), ERR_CORRUPT);
	assert_non_null(strstr(why.text, "gone"));
	done(&k);
}

static void a_new_recovery_key_takes_the_place_of_the_old_one(void **state)
{
	struct kept k;
	struct store_row row, old;
	struct stanza stanza;
	struct buf texts[1] = { BUF_EMPTY };
	AUTO_BUF struct buf body = BUF_EMPTY, loaded = BUF_EMPTY;
	(void)state;
	keep(&k);
	assert_int_equal(recovery_put(k.store, k.ring, k.seed, &k.row, NULL), ERR_OK);
	assert_int_equal(recovery_new_shares(k.ring, k.seed, 1, 1, &row, &body, texts, NULL), ERR_OK);
	assert_int_equal(recovery_put(k.store, k.ring, k.seed, &row, NULL), ERR_OK);
	assert_int_equal(store_get(k.store, STORE_RECOVERY, view_of(k.row.id, 16), &old), ERR_NOT_FOUND); /* its shares open nothing here */
	assert_int_equal(recovery_load(k.store, k.ring, &old, &stanza, &loaded, NULL), ERR_OK);
	assert_memory_equal(old.id, row.id, 16);
	buf_free(&texts[0]);
	done(&k);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stanza_comes_back_as_it_was_put),
		cmocka_unit_test(no_recovery_is_zeros_and_stays_visible),
		cmocka_unit_test(new_generations_need_the_public_half_alone),
		cmocka_unit_test(an_old_or_edited_or_missing_row_blocks_wrapping),
		cmocka_unit_test(a_new_recovery_key_takes_the_place_of_the_old_one),
	};
	return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
