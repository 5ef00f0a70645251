/* What others changed. */
#include "shared.h"

/* ---- changes ---- */

void what_the_other_changed_is_told_once(void **state)
{
	struct world *w = *state;
	struct store *a = w->nodes[0].store, *b = w->nodes[1].store;
	struct store_row undone = shared_row_of(0x30, 1, "undone"), erased = shared_row_of(0x10, 1, "");
	shared_put(a, STORE_OBJECT, 0x10, 1, "active");
	struct told t = shared_refresh(b);
	assert_true(t.count == 1 && t.first[0] == 0x10 && t.table == STORE_OBJECT && !t.everything);
	assert_int_equal(shared_refresh(b).count, 0);
	assert_int_equal(shared_refresh(a).count, 0); /* its own are not told */
	assert_int_equal(store_begin(a, NULL), ERR_OK);
	assert_int_equal(store_savepoint(a), ERR_OK);
	assert_int_equal(store_put(a, STORE_OBJECT, &undone, true), ERR_OK);
	store_release(a, false);
	assert_int_equal(store_erase(a, STORE_OBJECT, shared_id_of(&erased)), ERR_OK);
	shared_commit(a);
	shared_put(a, STORE_GRANT, 0x40, 1, "grant");
	t = shared_refresh(b);
	assert_true(t.count == 2 && t.first[0] == 0x10 && t.first[1] == 0x40 && !t.everything);
	shared_close_node(w, 1); /* who starts knows of nothing, so is told nothing that came before */
	shared_open_node(w, 1);
	t = shared_refresh(w->nodes[1].store);
	assert_true(t.count == 0 && !t.everything);
}

static struct store_row change_of(unsigned node, uint8_t number)
{
	struct store_row row = shared_root_of(node);
	struct ring *ring = shared_ring_of(node);
	memset(row.id, 0, sizeof row.id);
	memcpy(row.id, ring_domain(ring)->node_id, UUID_LEN);
	row.id[UUID_LEN + 7] = number;
	row.id_len = UUID_LEN + 8;
	ring_free(ring);
	return row;
}

void a_change_that_is_kept_from_a_node_makes_it_forget_everything(void **state)
{
	struct world *w = *state;
	struct store *a = w->nodes[0].store, *b = w->nodes[1].store;
	struct copy kept, given_up;
	uint32_t version = 0;
	shared_put(a, STORE_OBJECT, 0x10, ++version, "active");
	shared_refresh(b);
	for (uint8_t what = 0; what < 4; what++) {
		uint8_t number = (uint8_t)(2 + 3 * what);
		struct store_row id = change_of(0, (uint8_t)(number + (what == 1)));
		for (unsigned i = 0; i < 3; i++) shared_put(a, STORE_OBJECT, 0x10, ++version, "changed");
		if (what == 1) id = change_of(0, (uint8_t)(number + 2)); /* the last one */
		shared_take_copy(w->raw, STORE_CHANGE, shared_id_of(&id), &kept);
		if (what < 2) shared_erase(w->raw, STORE_CHANGE, shared_id_of(&id));
		if (what == 2) { /* edited */
			kept.bytes[kept.row.header.len + kept.row.index.len + kept.row.body.len - 1] ^= 1;
			shared_put_copy(w->raw, STORE_CHANGE, &kept);
		}
		if (what == 3) { /* another one's body under its number */
			struct store_row before = change_of(0, (uint8_t)(number - 1));
			shared_take_copy(w->raw, STORE_CHANGE, shared_id_of(&before), &given_up);
			memcpy(given_up.row.id, id.id, id.id_len);
			shared_put_copy(w->raw, STORE_CHANGE, &given_up);
		}
		struct told t = shared_refresh(b);
		if (!t.everything) fail_msg("case %u: told %zu", what, t.count);
		t = shared_refresh(b);
		assert_true(!t.everything && t.count == 0); /* known now */
	}
}

/* A change that was sealed under a number and rolled back, which the database kept and shows in place of the one that counts. */
void a_change_that_was_rolled_back_does_not_stand_in_for_the_one_that_was_made(void **state)
{
	struct world *w = *state;
	struct rooted *a = rooted_of(w->nodes[0].store);
	struct store_row harmless = shared_row_of(0x60, 1, "x"), id = change_of(0, 2);
	struct copy rolled_back;
	shared_put(w->nodes[0].store, STORE_OBJECT, 0x10, 1, "active");
	shared_refresh(w->nodes[1].store);
	assert_int_equal(store_begin(w->nodes[0].store, NULL), ERR_OK);
	assert_int_equal(store_put(w->nodes[0].store, STORE_OBJECT, &harmless, true), ERR_OK);
	assert_int_equal(rooted_write_change(a), ERR_OK);
	shared_take_copy(a->inner, STORE_CHANGE, shared_id_of(&id), &rolled_back);
	store_rollback(w->nodes[0].store);
	shared_put(w->nodes[0].store, STORE_OBJECT, 0x10, 2, "destroyed");
	shared_put_copy(w->raw, STORE_CHANGE, &rolled_back);
	assert_true(shared_refresh(w->nodes[1].store).everything);
}

void more_than_one_row_names_is_everything(void **state)
{
	struct world *w = *state;
	struct store *a = w->nodes[0].store;
	for (unsigned extra = 0; extra < 2; extra++) {
		assert_int_equal(store_begin(a, NULL), ERR_OK);
		for (unsigned i = 0; i < ROOTED_CHANGED_MAX + extra; i++) {
			struct store_row row = shared_row_of(0, 1, "bulk");
			row.id[0] = (uint8_t)(i >> 8);
			row.id[1] = (uint8_t)i;
			row.id[2] = (uint8_t)extra;
			assert_int_equal(store_put(a, STORE_OBJECT, &row, true), ERR_OK);
		}
		shared_commit(a);
		struct told t = shared_refresh(w->nodes[1].store);
		if (extra) assert_true(t.everything);
		else assert_true(!t.everything && t.count == ROOTED_CHANGED_MAX);
	}
	for (uint32_t i = 1; i <= ROOTED_CHANGES_READ + 1; i++) shared_put(a, STORE_GRANT, 0x10, i, "again");
	assert_true(shared_refresh(w->nodes[1].store).everything); /* too far behind */
}
