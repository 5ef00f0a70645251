/* None of the roots is older than it was seen; and the rest of a life. */
#include "shared.h"

/* ---- freshness ---- */

void another_nodes_root_that_is_older_than_it_was_seen_is_refused_by_name(void **state)
{
	struct world *w = *state;
	struct store *a = w->nodes[0].store, *b = w->nodes[1].store;
	struct store_row id = shared_root_of(1);
	struct copy old, newest;
	char node[UUID_TEXT_LEN + 1];
	shared_uuid_of(1, node);
	shared_put(a, STORE_OBJECT, 0x10, 1, "a");
	shared_put(b, STORE_OBJECT, 0x20, 1, "b");
	shared_take_copy(w->raw, STORE_DOMAIN, shared_id_of(&id), &old);
	shared_put(b, STORE_OBJECT, 0x20, 2, "b");
	shared_put(b, STORE_OBJECT, 0x20, 3, "b");
	shared_refresh(a);
	shared_take_copy(w->raw, STORE_DOMAIN, shared_id_of(&id), &newest);
	shared_put_copy(w->raw, STORE_DOMAIN, &old);
	shared_expect_refused(a, node, "last 2 changes");
	shared_close_node(w, 0); /* nor after a start, by the mark */
	shared_open_node(w, 0);
	a = w->nodes[0].store;
	assert_int_equal(rooted_store_verdict(a, NULL), ERR_CORRUPT);
	shared_expect_refused(a, node, "last 2 changes");
	shared_put_copy(w->raw, STORE_DOMAIN, &newest); /* the right database is back */
	shared_refresh(a);
	shared_put(a, STORE_OBJECT, 0x10, 2, "a");
	shared_erase(w->raw, STORE_DOMAIN, shared_id_of(&id));
	shared_expect_refused(a, node, "is gone");
	shared_put_copy(w->raw, STORE_DOMAIN, &newest);
	shared_refresh(a);
	struct copy moved = newest; /* a true root under another node's name */
	uint8_t stranger[UUID_LEN] = { 0x5a };
	root_node_row_id(stranger, &moved.row);
	moved.row.header = newest.row.header;
	moved.row.index = newest.row.index;
	moved.row.body = newest.row.body;
	shared_put_copy(w->raw, STORE_DOMAIN, &moved);
	shared_expect_refused(a, "5a000000", "does not open");
	shared_erase(w->raw, STORE_DOMAIN, shared_id_of(&moved.row));
	shared_refresh(a);
	shared_expect_well(w, 0);
}

void a_floor_that_was_told_counts_as_seen(void **state)
{
	struct world *w = *state;
	struct domain_id domain;
	char node[UUID_TEXT_LEN + 1];
	shared_uuid_of(1, node);
	fixture_domain(&domain);
	domain.node_id[0] = 0xa1;
	shared_put(w->nodes[1].store, STORE_OBJECT, 0x20, 1, "b");
	assert_int_equal(rooted_store_floor(w->nodes[0].store, domain.node_id, 1), ERR_OK);
	shared_refresh(w->nodes[0].store);
	assert_int_equal(rooted_store_floor(w->nodes[0].store, domain.node_id, 8), ERR_OK);
	shared_expect_refused(w->nodes[0].store, node, "last 7 changes");
}

void this_nodes_own_root_that_was_put_back_is_found_while_it_runs_and_after(void **state)
{
	struct world *w = *state;
	struct store *a = w->nodes[0].store;
	struct store_row id = shared_root_of(0);
	struct copy old, newest;
	struct reason why = { "" };
	shared_put(a, STORE_OBJECT, 0x10, 1, "a");
	shared_take_copy(w->raw, STORE_DOMAIN, shared_id_of(&id), &old);
	shared_put(a, STORE_OBJECT, 0x10, 2, "a");
	shared_take_copy(w->raw, STORE_DOMAIN, shared_id_of(&id), &newest);
	shared_put_copy(w->raw, STORE_DOMAIN, &old);
	struct store_row row = shared_row_of(0x30, 1, "next");
	assert_int_equal(store_begin(a, NULL), ERR_OK);
	assert_int_equal(store_put(a, STORE_OBJECT, &row, true), ERR_OK);
	assert_int_equal(store_commit(a, &why), ERR_CORRUPT); /* it is not written over */
	assert_int_equal(rooted_store_verdict(a, &why), ERR_CORRUPT);
	assert_non_null(strstr(why.text, "was changed since it wrote it last"));
	shared_close_node(w, 0);
	shared_open_node(w, 0);
	a = w->nodes[0].store;
	assert_int_equal(rooted_store_verdict(a, &why), ERR_CORRUPT);
	assert_non_null(strstr(why.text, "this node's own last 1 changes"));
	shared_put_copy(w->raw, STORE_DOMAIN, &newest);
	shared_close_node(w, 0);
	shared_open_node(w, 0);
	shared_put(w->nodes[0].store, STORE_OBJECT, 0x10, 3, "a");
	shared_expect_well(w, 0);
}

/* ---- the rest of a life ---- */

void a_node_that_wrote_alone_goes_on_as_one_of_several(void **state)
{
	struct world *w = *state;
	struct store *single;
	struct ring *ring = shared_ring_of(0);
	struct store_row row;
	for (unsigned i = 0; i < NODES; i++) {
		shared_close_node(w, i);
		unlink(w->nodes[i].mark);
	}
	assert_int_equal(rooted_store_new(w->postgres ? shared_open_postgres(w, 1) : w->raw, &single), ERR_OK);
	assert_int_equal(rooted_store_attach(single, ring, NULL), ERR_OK);
	for (unsigned i = 0; i < 4; i++) shared_put(single, STORE_OBJECT, 0x10 * i, 1, "alone");
	static const uint8_t audit_header[1 + 4 + ROOT_LINK_LEN] = { 1 };
	struct store_row audit = { .version = 1, .generation = 1, .id_len = UUID_LEN + 8, .header = view_of(audit_header, sizeof audit_header), .body = view_str("12345678") };
	memcpy(audit.id, ring_domain(ring)->node_id, UUID_LEN);
	audit.id[UUID_LEN + 7] = 1;
	assert_int_equal(store_begin(single, NULL), ERR_OK);
	assert_int_equal(store_put(single, STORE_AUDIT, &audit, false), ERR_OK);
	shared_commit(single);
	if (!w->postgres) rooted_of(single)->inner = NULL;
	store_close(single);
	shared_open_node(w, 1); /* another node cannot take it for its own */
	assert_int_equal(rooted_store_verdict(w->nodes[1].store, NULL), ERR_CORRUPT);
	shared_close_node(w, 1);
	shared_open_node(w, 0);
	assert_int_equal(rooted_store_verdict(w->nodes[0].store, NULL), ERR_OK);
	shared_put(w->nodes[0].store, STORE_OBJECT, 0x10, 2, "one of several");
	assert_int_equal(store_get(w->raw, STORE_DOMAIN, view_str(ROOT_ID), &row), ERR_NOT_FOUND);
	shared_open_node(w, 1);
	shared_put(w->nodes[1].store, STORE_OBJECT, 0x20, 2, "another");
	shared_expect_well(w, 0);
	assert_int_equal(rooted_store_new(w->postgres ? shared_open_postgres(w, 50) : w->raw, &single), ERR_OK);
	assert_int_equal(rooted_store_attach(single, ring, NULL), ERR_OK);
	assert_int_equal(rooted_store_verdict(single, NULL), ERR_VERSION); /* and there is no way back unseen */
	if (!w->postgres) rooted_of(single)->inner = NULL;
	store_close(single);
	ring_free(ring);
}

/* What would show a node that waits for a data key that the store is not to be trusted must not hide behind the waiting. */
static void a_fault_counts_more_than_the_waiting(struct world *w)
{
	struct store *b = w->nodes[1].store;
	struct store_row junk = shared_row_of(0, 1, "junk");
	struct rooted_facts facts;
	memset(junk.id, 'f', sizeof junk.id);
	memcpy(junk.id, ROOT_NODE_ID, sizeof ROOT_NODE_ID - 1);
	junk.id_len = sizeof ROOT_NODE_ID - 1 + 2 * UUID_LEN;
	shared_put_copy(w->raw, STORE_DOMAIN, &(struct copy){ .row = junk });
	shared_expect_refused(b, "does not open", "coffer store accept");
	assert_int_equal(store_reopen(b, NULL), ERR_CORRUPT);
	shared_erase(w->raw, STORE_DOMAIN, shared_id_of(&junk));
	assert_int_equal(store_reopen(b, NULL), ERR_OK);
	rooted_store_facts(b, &facts);
	root_mark_write(rooted_of(b)->mark, w->nodes[1].ring, facts.version + 1); /* its own root is older than it was */
	assert_int_equal(store_reopen(b, NULL), ERR_CORRUPT);
	root_mark_clear(rooted_of(b)->mark);
	root_mark_write(rooted_of(b)->mark, w->nodes[1].ring, facts.version);
	assert_int_equal(store_reopen(b, NULL), ERR_OK);
	assert_int_equal(rooted_store_verdict(b, NULL), ERR_STATE);
}

void a_newer_data_key_at_one_node_is_waited_for_at_the_other(void **state)
{
	struct world *w = *state;
	struct reason why = { "" };
	bool everything;
	shared_put(w->nodes[1].store, STORE_OBJECT, 0x10, 1, "old key");
	struct store_row stanza = shared_row_of(0x50, 1, "stanza");
	stanza.generation = 0;
	assert_int_equal(store_begin(w->nodes[1].store, NULL), ERR_OK);
	assert_int_equal(store_put(w->nodes[1].store, STORE_RECOVERY, &stanza, true), ERR_OK);
	shared_commit(w->nodes[1].store);
	shared_refresh(w->nodes[0].store);
	struct secret *key = rising_secret(0x21, DATA_KEY_LEN);
	assert_int_equal(ring_add(w->nodes[0].ring, 2, &key), ERR_OK);
	shared_put(w->nodes[0].store, STORE_OBJECT, 0x20, 1, "x"); /* its first write, under the newer key */
	assert_int_equal(rooted_store_refresh(w->nodes[1].store, NULL, NULL, &everything, &why), ERR_STATE);
	assert_non_null(strstr(why.text, "newer data key"));
	assert_int_equal(store_reopen(w->nodes[1].store, NULL), ERR_OK); /* else the key would never reach it */
	assert_int_equal(rooted_store_verdict(w->nodes[1].store, NULL), ERR_STATE);
	a_fault_counts_more_than_the_waiting(w);
	key = rising_secret(0x21, DATA_KEY_LEN);
	assert_int_equal(ring_add(w->nodes[1].ring, 2, &key), ERR_OK);
	shared_refresh(w->nodes[1].store);
	shared_expect_well(w, 0);
	stanza.version = 2;
	assert_int_equal(store_begin(w->nodes[1].store, NULL), ERR_OK);
	assert_int_equal(store_put(w->nodes[1].store, STORE_RECOVERY, &stanza, true), ERR_OK);
	shared_commit(w->nodes[1].store);
	shared_expect_well(w, 0);
	shared_put(w->raw, STORE_RECOVERY, 0x50, 2, "edited");
	struct findings f;
	assert_int_equal(shared_pass(w->nodes[0].store, &f), 1);
}

void accepting_takes_over_what_a_damaged_root_said(void **state)
{
	struct world *w = *state;
	struct store *a = w->nodes[0].store;
	struct store_row id = shared_root_of(1);
	struct copy root;
	struct rooted_facts facts;
	for (unsigned i = 0; i < 4; i++) shared_put(w->nodes[i % NODES].store, STORE_OBJECT, 0x10 * i, 1, "row");
	shared_refresh(a);
	shared_take_copy(w->raw, STORE_DOMAIN, shared_id_of(&id), &root);
	root.bytes[root.row.header.len + root.row.index.len + root.row.body.len - 1] ^= 1;
	shared_put_copy(w->raw, STORE_DOMAIN, &root);
	shared_expect_refused(a, "does not open", "coffer store accept");
	assert_int_equal(store_begin(a, NULL), ERR_OK);
	assert_int_equal(rooted_store_accept(a, 42), ERR_OK);
	shared_commit(a);
	shared_refresh(a);
	shared_put(a, STORE_OBJECT, 0x70, 1, "on");
	struct store_row row = shared_row_of(0x78, 1, "no");
	assert_int_equal(store_begin(w->nodes[1].store, NULL), ERR_OK); /* the other one finds that it was left out */
	assert_int_equal(store_put(w->nodes[1].store, STORE_OBJECT, &row, true), ERR_OK);
	assert_int_equal(store_commit(w->nodes[1].store, NULL), ERR_CORRUPT);
	assert_int_equal(store_begin(w->nodes[1].store, NULL), ERR_OK);
	assert_int_equal(rooted_store_accept(w->nodes[1].store, 43), ERR_OK);
	shared_commit(w->nodes[1].store);
	shared_refresh(a);
	rooted_store_facts(a, &facts);
	assert_int_equal(facts.accepted, 1);
	shared_expect_well(w, 0);
}

void flags_and_epoch_are_those_of_all(void **state)
{
	struct world *w = *state;
	struct rooted_facts facts;
	for (unsigned i = 0; i < 4; i++) {
		struct store *s = w->nodes[i % NODES].store, *other = w->nodes[!(i % NODES)].store;
		shared_refresh(s);
		assert_int_equal(store_begin(s, NULL), ERR_OK);
		rooted_store_need_two(s, i % 2 == 0);
		rooted_store_note_epoch(s, 7 + i);
		shared_commit(s);
		shared_refresh(other);
		rooted_store_facts(other, &facts);
		assert_int_equal(facts.two_administrators, i % 2 == 0);
		assert_int_equal(rooted_store_epoch(other), 7 + i);
	}
	shared_close_node(w, 0);
	shared_open_node(w, 0);
	assert_int_equal(rooted_store_epoch(w->nodes[0].store), 10);
	shared_expect_well(w, 0);
}

void roots_are_not_seen_by_who_uses_the_store(void **state)
{
	struct world *w = *state;
	struct store *a = w->nodes[0].store;
	struct store_row own = shared_root_of(0), other = shared_root_of(1), found;
	uint64_t count;
	for (unsigned i = 0; i < NODES; i++) shared_put(w->nodes[i].store, STORE_DOMAIN, 0x41 + i, 1, "record");
	assert_int_equal(store_count(a, STORE_DOMAIN, &count), ERR_OK);
	assert_int_equal(count, 2);
	assert_int_equal(store_get(a, STORE_DOMAIN, shared_id_of(&own), &found), ERR_NOT_FOUND);
	assert_int_equal(store_get(a, STORE_DOMAIN, shared_id_of(&other), &found), ERR_NOT_FOUND);
	assert_int_equal(store_begin(a, NULL), ERR_OK);
	other.version = 1;
	other.header = view_of((const uint8_t *)"\1", 1);
	assert_int_equal(store_put(a, STORE_DOMAIN, &other, true), ERR_FIELD);
	store_rollback(a);
}
