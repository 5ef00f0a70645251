/* The version root: frozen answers, and what a rooted store finds. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keyring/root.h"
#include "keyring/rooted_store.h"
#include "store/store_internal.h"
#include "unit/keyring/frozen.h"

static int start(void **state)
{
	return frozen_start("version-root-v1.json", state);
}

static struct store_row row_of(uint8_t first, uint32_t version, uint32_t generation, const char *body)
{
	static const uint8_t header[] = { 1 };
	struct store_row row = { .id_len = UUID_LEN, .version = version, .state = 1, .generation = generation, .header = view_of(header, 1),
		.body = view_str(body) };
	rising(first, row.id, UUID_LEN);
	return row;
}

static void entries_sums_and_the_sealed_root_are_the_frozen_ones(void **state)
{
	struct ring *ring = fixture_ring(2);
	struct root_sum sum = { .count = 0 };
	struct store_row rows[] = { row_of(0x50, 1, 1, "sealed grant"), row_of(0x60, 1, 1, ""), row_of(0x70, 3, 0, "signed stanza") };
	static const char *const names[] = { "grant-entry", "other-entry", "stanza-entry" };
	uint8_t entry[ROOT_SUM_LEN], body[ANSWER_MAX];
	struct root root;
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(root_entry(ring, 1, i < 2 ? STORE_GRANT : STORE_RECOVERY, &rows[i], entry), ERR_OK);
		assert_frozen(names[i], entry, sizeof entry);
		if (i < 2) root_sum_add(&sum, entry);
	}
	assert_frozen("grant-sum", sum.sum, sizeof sum.sum);
	struct store_row row = row_of(0, 1, 1, "");
	row.state = 0;
	row.id_len = 4;
	memcpy(row.id, ROOT_ID, 4);
	row.body = frozen_bytes("sealed-body", body);
	assert_int_equal(root_from_row(ring, &row, &root), ERR_OK);
	assert_true(root.version == 7 && root.accepted == 1 && root.accepted_ms == 1700000000000 && root.accepted_from == 5);
	assert_true(root.head.seq == 9 && root.tables[STORE_GRANT].count == 2 && root.tables[STORE_RECOVERY].count == 1);
	assert_true(root_sum_equal(&root.tables[STORE_GRANT], &sum));
	/* Written and read again it says the same. */
	AUTO_BUF struct buf sealed = BUF_EMPTY;
	AUTO_BUF struct buf plain = BUF_EMPTY;
	root.generation = 0;
	assert_int_equal(root_to_row(ring, &root, &row, &sealed), ERR_OK);
	assert_int_equal(root.generation, 2);
	assert_int_equal(record_open(ring, STORE_DOMAIN, &row, &plain), ERR_OK);
	assert_frozen("body", plain.ptr, plain.len);
	ring_free(ring);
}

static void a_sum_comes_back_when_what_was_added_is_taken(void **state)
{
	struct root_sum sum = { .count = 3 }, before;
	uint8_t entry[ROOT_SUM_LEN];
	(void)state;
	memset(sum.sum, 0xff, sizeof sum.sum);
	for (unsigned i = 0; i < 512; i++) {
		for (size_t k = 0; k < sizeof entry; k++) entry[k] = (uint8_t)(i * 37 + k * 101);
		before = sum;
		root_sum_add(&sum, entry);
		assert_false(root_sum_equal(&sum, &before));
		root_sum_take(&sum, entry);
		assert_true(root_sum_equal(&sum, &before));
		root_sum_add(&sum, entry);
	}
}

/* ---- a rooted store over memory, and the store behind it ---- */

struct world {
	struct store *inner, *rooted;
	struct ring *ring;
};

static void open_world(struct world *w, unsigned generations)
{
	assert_int_equal(store_open_memory(&w->inner), ERR_OK);
	assert_int_equal(rooted_store_new(w->inner, &w->rooted), ERR_OK);
	w->ring = fixture_ring(generations);
	assert_int_equal(rooted_store_attach(w->rooted, w->ring, NULL), ERR_OK);
	assert_int_equal(rooted_store_verdict(w->rooted, NULL), ERR_OK);
}

static void close_world(struct world *w)
{
	store_close(w->rooted);
	ring_free(w->ring);
}

static void put(struct store *s, enum store_table table, uint8_t first, uint32_t version, uint32_t generation)
{
	struct store_row row = row_of(first, version, generation, "body");
	assert_int_equal(store_begin(s, NULL), ERR_OK);
	assert_int_equal(store_put(s, table, &row, true), ERR_OK);
	assert_int_equal(store_commit(s, NULL), ERR_OK);
}

struct found {
	size_t count;
	struct rooted_fault last;
};

static void note(void *arg, const struct rooted_fault *fault)
{
	struct found *f = arg;
	f->count++;
	f->last = *fault;
}

static size_t pass(struct store *s, struct found *out)
{
	struct rooted_watch watch = { .fault = note, .arg = out };
	bool done = false;
	*out = (struct found){ .count = 0 };
	rooted_store_pass_begin(s);
	while (!done) assert_int_equal(rooted_store_pass_step(s, 2, &watch, &done), ERR_OK);
	return out->count;
}

static void a_row_that_is_gone_too_many_or_old_is_found_in_every_table(void **state)
{
	(void)state;
	for (int t = STORE_OBJECT; t < STORE_TABLE_END; t++) {
		enum store_table table = (enum store_table)t;
		uint32_t generation = table == STORE_RECOVERY ? 0 : 1;
		struct world w;
		struct found f;
		open_world(&w, 1);
		for (uint8_t i = 0; i < 5; i++) put(w.rooted, table, (uint8_t)(0x10 * i + 1), 1, generation);
		assert_int_equal(pass(w.rooted, &f), 0);
		put(w.rooted, table, 0x21, 2, generation); /* a newer version */
		assert_int_equal(pass(w.rooted, &f), 0);
		put(w.inner, table, 0x21, 1, generation); /* the old one back */
		assert_int_equal(pass(w.rooted, &f), 1);
		assert_true(f.last.kind == ROOTED_CHANGED && f.last.table == table);
		put(w.inner, table, 0x21, 2, generation);
		assert_int_equal(pass(w.rooted, &f), 0);
		put(w.inner, table, 0x99, 1, generation); /* one too many, which is named */
		assert_int_equal(pass(w.rooted, &f), 1);
		assert_true(f.last.kind == ROOTED_EXTRA && f.last.expected == 5 && f.last.found == 6);
		assert_true(f.last.id_len == UUID_LEN && f.last.id[0] == 0x99);
		put(w.rooted, table, 0x99, 2, generation); /* using it does not heal it */
		assert_int_equal(pass(w.rooted, &f), 1);
		close_world(&w);
	}
}

static void a_row_that_is_gone_is_found_and_stays_found_until_it_is_accepted(void **state)
{
	struct world w;
	struct found f;
	size_t faults;
	struct rooted_facts facts;
	(void)state;
	open_world(&w, 1);
	for (uint8_t i = 0; i < 5; i++) put(w.rooted, STORE_GRANT, (uint8_t)(0x10 * i + 1), 1, 1);
	struct store_row row = row_of(0x11, 1, 1, "");
	assert_int_equal(store_begin(w.inner, NULL), ERR_OK);
	assert_int_equal(store_erase(w.inner, STORE_GRANT, view_of(row.id, row.id_len)), ERR_OK);
	assert_int_equal(store_commit(w.inner, NULL), ERR_OK);
	put(w.rooted, STORE_GRANT, 0x71, 1, 1);
	assert_int_equal(rooted_store_check_small(w.rooted, &(struct rooted_watch){ .fault = note, .arg = &f }, &faults), ERR_OK);
	assert_int_equal(faults, 1);
	assert_int_equal(pass(w.rooted, &f), 1);
	assert_true(f.last.kind == ROOTED_MISSING && f.last.expected == 6 && f.last.found == 5 && f.last.table == STORE_GRANT);
	assert_int_equal(store_begin(w.rooted, NULL), ERR_OK);
	assert_int_equal(rooted_store_accept(w.rooted, 42), ERR_OK);
	store_rollback(w.rooted); /* not yet */
	assert_int_equal(pass(w.rooted, &f), 1);
	assert_int_equal(store_begin(w.rooted, NULL), ERR_OK);
	assert_int_equal(rooted_store_accept(w.rooted, 42), ERR_OK);
	assert_int_equal(store_commit(w.rooted, NULL), ERR_OK);
	assert_int_equal(pass(w.rooted, &f), 0);
	rooted_store_facts(w.rooted, &facts);
	assert_true(facts.accepted == 1 && facts.accepted_ms == 42 && facts.accepted_from == 6);
	close_world(&w);
}

/* The root of an earlier moment comes back while the store is opened again: found then, and every time after. */
static void an_older_store_is_not_taken_for_the_newest_when_it_is_opened_again(void **state)
{
	struct world w;
	struct store_row row;
	struct reason why = { "" };
	uint8_t header[8], index[8], body[1024];
	(void)state;
	open_world(&w, 1);
	put(w.rooted, STORE_GRANT, 0x11, 1, 1);
	assert_int_equal(store_get(w.inner, STORE_DOMAIN, view_str(ROOT_ID), &row), ERR_OK);
	struct store_row old = row;
	assert_true(row.header.len <= sizeof header && row.index.len <= sizeof index && row.body.len <= sizeof body);
	memcpy(header, row.header.ptr, row.header.len);
	memcpy(index, row.index.ptr, row.index.len);
	memcpy(body, row.body.ptr, row.body.len);
	old.header = view_of(header, row.header.len);
	old.index = view_of(index, row.index.len);
	old.body = view_of(body, row.body.len);
	put(w.rooted, STORE_GRANT, 0x21, 1, 1);
	assert_int_equal(store_reopen(w.rooted, &why), ERR_OK);
	assert_int_equal(store_begin(w.inner, NULL), ERR_OK);
	assert_int_equal(store_put(w.inner, STORE_DOMAIN, &old, true), ERR_OK);
	assert_int_equal(store_commit(w.inner, NULL), ERR_OK);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(store_reopen(w.rooted, &why), ERR_CORRUPT);
		assert_non_null(strstr(why.text, "older than before"));
	}
	close_world(&w);
}

static void a_store_without_its_root_is_refused_until_it_is_accepted(void **state)
{
	struct world w;
	struct found f;
	struct reason why = { "" };
	struct rooted_facts facts;
	(void)state;
	open_world(&w, 1);
	for (uint8_t i = 0; i < 5; i++) put(w.rooted, STORE_OBJECT, (uint8_t)(0x10 * i + 1), 1, 1);
	assert_int_equal(store_begin(w.inner, NULL), ERR_OK);
	assert_int_equal(store_erase(w.inner, STORE_DOMAIN, view_str(ROOT_ID)), ERR_OK);
	assert_int_equal(store_commit(w.inner, NULL), ERR_OK);
	assert_int_equal(rooted_store_attach(w.rooted, w.ring, &why), ERR_OK);
	assert_int_equal(rooted_store_verdict(w.rooted, &why), ERR_CORRUPT);
	assert_non_null(strstr(why.text, "root is missing"));
	struct store_row row = row_of(0x91, 1, 1, "new");
	assert_int_equal(store_begin(w.rooted, NULL), ERR_OK);
	assert_int_equal(store_put(w.rooted, STORE_OBJECT, &row, true), ERR_CORRUPT);
	store_rollback(w.rooted);
	assert_int_equal(store_begin(w.rooted, NULL), ERR_OK);
	assert_int_equal(rooted_store_accept(w.rooted, 1000), ERR_OK);
	assert_int_equal(store_commit(w.rooted, NULL), ERR_OK);
	assert_int_equal(rooted_store_verdict(w.rooted, &why), ERR_OK);
	rooted_store_facts(w.rooted, &facts);
	assert_int_equal(facts.accepted, 1);
	assert_int_equal(pass(w.rooted, &f), 0);
	close_world(&w);
}

static enum coffer_err fail_get(struct store *s, enum store_table table, struct view id, struct store_row *out)
{
	(void)s;
	(void)table;
	(void)id;
	(void)out;
	return ERR_IO;
}

static void a_root_that_cannot_be_read_is_not_taken_for_an_empty_one(void **state)
{
	struct world w;
	struct rooted_facts facts;
	struct reason why = { "" };
	(void)state;
	open_world(&w, 1);
	for (uint8_t i = 0; i < 3; i++) put(w.rooted, STORE_GRANT, (uint8_t)(0x10 * i + 1), 1, 1);
	const struct store_ops *good = w.inner->ops;
	struct store_ops bad = *good;
	bad.get = fail_get;
	w.inner->ops = &bad;
	assert_int_equal(store_reopen(w.rooted, &why), ERR_IO);
	assert_non_null(strstr(why.text, "cannot be read"));
	rooted_store_facts(w.rooted, &facts);
	assert_int_equal(facts.version, 3);
	w.inner->ops = good;
	struct store_row row = row_of(0x91, 1, 1, "new");
	assert_int_equal(store_begin(w.rooted, NULL), ERR_OK);
	assert_int_equal(store_put(w.rooted, STORE_GRANT, &row, true), ERR_IO); /* not under a root of zeros */
	store_rollback(w.rooted);
	assert_int_equal(store_reopen(w.rooted, NULL), ERR_OK);
	put(w.rooted, STORE_GRANT, 0x91, 1, 1);
	rooted_store_facts(w.rooted, &facts);
	assert_int_equal(facts.version, 4);
	close_world(&w);
}

static void a_damaged_root_is_refused(void **state)
{
	struct world w;
	struct reason why = { "" };
	struct store_row row;
	(void)state;
	open_world(&w, 1);
	put(w.rooted, STORE_GRANT, 0x11, 1, 1);
	assert_int_equal(store_get(w.inner, STORE_DOMAIN, view_str(ROOT_ID), &row), ERR_OK);
	uint8_t body[1024];
	size_t len = row.body.len;
	assert_true(len <= sizeof body);
	memcpy(body, row.body.ptr, len);
	for (size_t at = 0; at < len; at += 7) {
		body[at] ^= 1;
		struct store_row bent = row;
		bent.body = view_of(body, len);
		assert_int_equal(store_begin(w.inner, NULL), ERR_OK);
		assert_int_equal(store_put(w.inner, STORE_DOMAIN, &bent, true), ERR_OK);
		assert_int_equal(store_commit(w.inner, NULL), ERR_OK);
		assert_int_equal(rooted_store_attach(w.rooted, w.ring, &why), ERR_OK);
		assert_int_equal(rooted_store_verdict(w.rooted, &why), ERR_CORRUPT);
		body[at] ^= 1;
		assert_int_equal(store_get(w.inner, STORE_DOMAIN, view_str(ROOT_ID), &row), ERR_OK);
	}
	close_world(&w);
}

/* The data key changes while the store lives: entries move with their rows, and those without a generation with the root. */
static void a_newer_data_key_keeps_the_sums_and_hides_nothing(void **state)
{
	for (int tampered = 0; tampered < 2; tampered++) {
		struct world w;
		struct found f;
		(void)state;
		open_world(&w, 1);
		put(w.rooted, STORE_OBJECT, 0x11, 1, 1);
		put(w.rooted, STORE_OBJECT, 0x21, 1, 1);
		put(w.rooted, STORE_RECOVERY, 0x31, 1, 0);
		if (tampered) put(w.inner, STORE_RECOVERY, 0x31, 2, 0);
		struct secret *key = rising_secret(0x77, DATA_KEY_LEN);
		assert_int_equal(ring_add(w.ring, 2, &key), ERR_OK);
		put(w.rooted, STORE_OBJECT, 0x11, 2, 2); /* re-sealed; the root goes along */
		assert_int_equal(pass(w.rooted, &f), tampered);
		assert_int_equal(rooted_store_attach(w.rooted, w.ring, NULL), ERR_OK);
		assert_int_equal(pass(w.rooted, &f), tampered);
		close_world(&w);
	}
}

static void nothing_is_written_without_the_data_keys(void **state)
{
	struct world w;
	struct store_row row = row_of(0x11, 1, 1, "body");
	uint64_t count;
	(void)state;
	open_world(&w, 1);
	put(w.rooted, STORE_DOMAIN, 0x41, 1, 1);
	assert_int_equal(rooted_store_attach(w.rooted, NULL, NULL), ERR_OK);
	assert_int_equal(store_begin(w.rooted, NULL), ERR_OK);
	assert_int_equal(store_count(w.rooted, STORE_DOMAIN, &count), ERR_OK);
	assert_int_equal(count, 1); /* the root is not seen */
	assert_int_equal(store_put(w.rooted, STORE_OBJECT, &row, true), ERR_SEALED);
	assert_int_equal(store_put(w.rooted, STORE_LEASE, &row, true), ERR_SEALED);
	assert_int_equal(store_put(w.rooted, STORE_ADMISSION, &row, true), ERR_OK); /* who asks to join has none */
	assert_int_equal(store_commit(w.rooted, NULL), ERR_OK);
	assert_int_equal(store_count(w.rooted, STORE_ADMISSION, &count), ERR_OK);
	assert_int_equal(count, 1);
	row.id_len = 4;
	memcpy(row.id, ROOT_ID, 4);
	assert_int_equal(rooted_store_attach(w.rooted, w.ring, NULL), ERR_OK);
	assert_int_equal(store_begin(w.rooted, NULL), ERR_OK);
	assert_int_equal(store_put(w.rooted, STORE_DOMAIN, &row, true), ERR_FIELD); /* nor written by others */
	store_rollback(w.rooted);
	close_world(&w);
}

/* Writes of every kind between the steps of a pass, undone ones too. */
static void a_pass_agrees_with_writes_that_come_between_its_steps(void **state)
{
	struct world w;
	unsigned seed = 20261121;
	(void)state;
	open_world(&w, 1);
	for (unsigned i = 0; i < 60; i++) put(w.rooted, STORE_OBJECT, (uint8_t)(i * 4), 1, 1);
	for (unsigned round = 0; round < 40; round++) {
		struct found f = { .count = 0 };
		struct rooted_watch watch = { .fault = note, .arg = &f };
		bool done = false;
		rooted_store_pass_begin(w.rooted);
		while (!done) {
			assert_int_equal(rooted_store_pass_step(w.rooted, 1 + (size_t)rand_r(&seed) % 9, &watch, &done), ERR_OK);
			assert_int_equal(store_begin(w.rooted, NULL), ERR_OK);
			for (unsigned i = 0; i < 3; i++) {
				struct store_row row = row_of((uint8_t)rand_r(&seed), (uint32_t)rand_r(&seed), 1, "again");
				assert_int_equal(store_savepoint(w.rooted), ERR_OK);
				enum coffer_err err = rand_r(&seed) % 3 ? store_put(w.rooted, STORE_OBJECT, &row, rand_r(&seed) % 2)
					: store_erase(w.rooted, STORE_OBJECT, view_of(row.id, row.id_len));
				assert_true(err == ERR_OK || err == ERR_EXISTS || err == ERR_NOT_FOUND);
				store_release(w.rooted, rand_r(&seed) % 4 != 0);
			}
			if (rand_r(&seed) % 4) assert_int_equal(store_commit(w.rooted, NULL), ERR_OK);
			else store_rollback(w.rooted);
		}
		if (f.count) fail_msg("seed 20261121, round %u: %zu faults", round, f.count);
	}
	close_world(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entries_sums_and_the_sealed_root_are_the_frozen_ones),
		cmocka_unit_test(a_sum_comes_back_when_what_was_added_is_taken),
		cmocka_unit_test(a_row_that_is_gone_too_many_or_old_is_found_in_every_table),
		cmocka_unit_test(a_row_that_is_gone_is_found_and_stays_found_until_it_is_accepted),
		cmocka_unit_test(an_older_store_is_not_taken_for_the_newest_when_it_is_opened_again),
		cmocka_unit_test(a_store_without_its_root_is_refused_until_it_is_accepted),
		cmocka_unit_test(a_root_that_cannot_be_read_is_not_taken_for_an_empty_one),
		cmocka_unit_test(a_damaged_root_is_refused),
		cmocka_unit_test(a_newer_data_key_keeps_the_sums_and_hides_nothing),
		cmocka_unit_test(nothing_is_written_without_the_data_keys),
		cmocka_unit_test(a_pass_agrees_with_writes_that_come_between_its_steps),
	};
	return cmocka_run_group_tests(tests, start, frozen_stop);
}
