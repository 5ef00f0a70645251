/* Archives: what is written is read, and nothing else is. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "keyring/domain_record.h"
#include "store/store_internal.h"
#include "unit/archive/maker.h"

static struct maker made;                /* one domain, two generations, shares */
static size_t used_at_start;

static int start(void **state)
{
	struct arena_stats stats;
	(void)state;
	if (arena_init(32u << 20, false, NULL) != ERR_OK) return -1;
	arena_stats(&stats);
	used_at_start = stats.used;
	maker_open(&made, 0, 2, false);
	maker_fill(&made);
	maker_archive(&made);
	return 0;
}

static int stop(void **state)
{
	struct arena_stats stats;
	(void)state;
	maker_done(&made);
	arena_stats(&stats);
	if (stats.used == used_at_start) return 0;
	fprintf(stderr, "%zu bytes of the arena were not given back\n", stats.used - used_at_start);
	return -1;
}

/* Opened and read whole; on ERR_OK *out is the archive. */
static enum coffer_err read_whole(struct view bytes, struct archive **out, int *fd, struct reason *reason)
{
	*fd = maker_file(bytes);
	enum coffer_err err = archive_open(*fd, out, reason);
	return err ? err : archive_pass(*out, NULL, NULL, reason);
}

static enum coffer_err judge(struct view bytes, struct reason *reason)
{
	struct archive *a = NULL;
	int fd;
	enum coffer_err err = read_whole(bytes, &a, &fd, reason);
	archive_free(a);
	close(fd);
	return err;
}

static bool is_refusal(enum coffer_err err)
{
	return err == ERR_CORRUPT || err == ERR_TRUNCATED || err == ERR_FOREIGN || err == ERR_VERSION || err == ERR_TOO_LARGE;
}

static struct bytes copy(void)
{
	struct bytes b = BYTES_EMPTY;
	assert_int_equal(bytes_append(&b, bytes_view(&made.file)), ERR_OK);
	return b;
}

static void an_archive_says_what_it_holds(void **state)
{
	struct archive *a = NULL;
	struct archive_facts f;
	int fd;
	(void)state;
	assert_int_equal(read_whole(bytes_view(&made.file), &a, &fd, NULL), ERR_OK);
	archive_facts(a, &f);
	assert_int_equal(f.size, made.file.len);
	assert_int_equal(f.size, made.size);
	assert_memory_equal(f.sha256, made.sha256, 32);
	assert_true(made.whole && f.flags == 0);
	assert_int_equal(f.k, 2);
	assert_int_equal(f.n, 3);
	assert_int_equal(f.generations, 2);
	assert_int_equal(f.header.generation, 2);
	assert_int_equal(f.tables[STORE_OBJECT].count, 2);
	assert_int_equal(f.states[2], 1);
	assert_int_equal(f.states[5], 1);
	assert_int_equal(f.tables[STORE_DOMAIN].count, 3); /* domain-key, recovery, object-index; not the root */
	assert_int_equal(f.rows, 8);
	archive_free(a);
	close(fd);
}

static void shares_open_it_and_every_row(void **state)
{
	struct archive *a = NULL;
	struct ring *ring = NULL;
	struct archive_look look = { .look = NULL };
	uint8_t signature[DOMAIN_SIGNATURE_LEN];
	const struct view pair[] = { made.shares[2], made.shares[0] };
	int fd;
	(void)state;
	assert_int_equal(read_whole(bytes_view(&made.file), &a, &fd, NULL), ERR_OK);
	assert_int_equal(archive_unlock_shares(a, pair, 2, &ring, NULL), ERR_OK);
	assert_int_equal(ring_count(ring), 2);
	assert_int_equal(archive_signature(a, 2, signature), ERR_OK);
	assert_int_equal(archive_signature(a, 3, signature), ERR_NOT_FOUND);
	assert_int_equal(archive_check_rows(a, ring, &look, NULL), ERR_OK);
	assert_int_equal(look.faults, 0);
	ring_free(ring);
	archive_free(a);
	close(fd);
}

static void a_passphrase_opens_it(void **state)
{
	struct maker m;
	struct archive *a = NULL;
	struct ring *ring = NULL;
	struct reason reason = { "" };
	int fd;
	(void)state;
	maker_open(&m, 1, 1, true);
	maker_fill(&m);
	maker_archive(&m);
	assert_int_equal(read_whole(bytes_view(&m.file), &a, &fd, NULL), ERR_OK);
	assert_int_equal(archive_unlock_passphrase(a, view_str("wrong"), &ring, &reason), ERR_AUTH);
	assert_string_equal(reason.text, "the recovery passphrase is wrong");
	assert_int_equal(archive_unlock_shares(a, made.shares, 2, &ring, &reason), ERR_STATE);
	assert_int_equal(archive_unlock_passphrase(a, view_str(MAKER_PASSPHRASE), &ring, &reason), ERR_OK);
	ring_free(ring);
	archive_free(a);
	close(fd);
	maker_done(&m);
}

static void expect_unlock(const struct view *texts, unsigned count, enum coffer_err want, const char *says)
{
	struct archive *a = NULL;
	struct ring *ring = NULL;
	struct reason reason = { "" };
	int fd;
	assert_int_equal(read_whole(bytes_view(&made.file), &a, &fd, NULL), ERR_OK);
	assert_int_equal(archive_unlock_shares(a, texts, count, &ring, &reason), want);
	if (!strstr(reason.text, says)) fail_msg("'%s' does not say '%s'", reason.text, says);
	archive_free(a);
	close(fd);
}

static void wrong_shares_are_told_apart(void **state)
{
	struct maker other;
	(void)state;
	maker_open(&other, 2, 1, false);
	const struct view few[] = { made.shares[0] }, twice[] = { made.shares[0], made.shares[0] }, foreign[] = { other.shares[0], made.shares[1] };
	expect_unlock(few, 1, ERR_MISSING, "1 more");
	expect_unlock(twice, 2, ERR_EXISTS, "share 1 was given twice");
	expect_unlock(foreign, 2, ERR_FOREIGN, "another domain");
	maker_done(&other);
	struct secret *seed = NULL; /* the same domain, other shares */
	struct buf body = BUF_EMPTY, texts[3] = { BUF_EMPTY, BUF_EMPTY, BUF_EMPTY };
	struct store_row row;
	seed = made.seed;
	assert_int_equal(recovery_new_shares(made.ring, seed, 2, 3, &row, &body, texts, NULL), ERR_OK);
	const struct view set[] = { buf_view(&texts[0]), made.shares[1] };
	expect_unlock(set, 2, ERR_FOREIGN, "another set");
	for (unsigned i = 0; i < 3; i++) buf_free(&texts[i]);
	buf_free(&body);
}

static void every_changed_byte_is_refused(void **state)
{
	struct bytes b = copy();
	static const uint8_t changes[] = { 0x01, 0x80, 0xff };
	(void)state;
	for (size_t at = 0; at < b.len; at++)
		for (size_t i = 0; i < sizeof changes; i++) {
			struct reason reason = { "" };
			b.ptr[at] ^= changes[i];
			enum coffer_err err = judge(bytes_view(&b), &reason);
			b.ptr[at] ^= changes[i];
			if (!is_refusal(err) || !reason.text[0]) fail_msg("byte %zu xor %02x: %s '%s'", at, changes[i], err_text(err), reason.text);
		}
	assert_int_equal(judge(bytes_view(&b), NULL), ERR_OK); /* the loop left it as it was */
	bytes_free(&b);
}

static void every_shorter_and_longer_file_is_refused(void **state)
{
	struct bytes b = copy();
	struct reason reason = { "" };
	(void)state;
	for (size_t len = 0; len < b.len; len++)
		if (!is_refusal(judge(view_of(b.ptr, len), &reason))) fail_msg("%zu bytes of %zu", len, b.len);
	assert_int_equal(bytes_append(&b, view_str("x")), ERR_OK);
	assert_int_equal(judge(bytes_view(&b), &reason), ERR_CORRUPT);
	assert_non_null(strstr(reason.text, "behind its end"));
	bytes_free(&b);
}

/* Where members begin, front included. */
struct member { size_t at, len; uint8_t type; };

static size_t list_members(const struct bytes *b, struct member *out, size_t max)
{
	size_t n = 0, at = 8;
	while (at + 64 < b->len && n < max) {
		const uint8_t *p = b->ptr + at;
		size_t len = 5 + ((size_t)p[1] << 24 | (size_t)p[2] << 16 | (size_t)p[3] << 8 | p[4]);
		out[n++] = (struct member){ at, len, p[0] };
		at += len;
	}
	return n;
}

/* The archive with member `a` in place of `b` and the other way round, signed by the domain. */
static void expect_swapped(struct member a, struct member b, const char *says)
{
	struct bytes out = BYTES_EMPTY;
	struct reason reason = { "" };
	const uint8_t *p = made.file.ptr;
	const struct view parts[] = { view_of(p, a.at), view_of(p + b.at, b.len), view_of(p + a.at + a.len, b.at - a.at - a.len),
		view_of(p + a.at, a.len), view_of(p + b.at + b.len, made.file.len - b.at - b.len) };
	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) assert_int_equal(bytes_append(&out, parts[i]), ERR_OK);
	maker_sign(&made, &out);
	assert_int_equal(judge(bytes_view(&out), &reason), ERR_CORRUPT);
	if (!strstr(reason.text, says)) fail_msg("members %u and %u: '%s'", a.type, b.type, reason.text);
	bytes_free(&out);
}

/* Well signed: the form alone refuses it. */
static void members_out_of_order_doubled_or_missing_are_refused(void **state)
{
	struct member m[32];
	size_t n = list_members(&made.file, m, 32);
	(void)state;
	assert_int_equal(n, 3 + 8 + 2);
	expect_swapped(m[3], m[4], "not in order");   /* two rows of one table */
	expect_swapped(m[4], m[5], "not in order");   /* of two tables */
	expect_swapped(m[10], m[11], "not in order"); /* row and canary */
	for (size_t i = 0; i < n; i++) {
		struct bytes without = BYTES_EMPTY, twice = BYTES_EMPTY;
		const uint8_t *p = made.file.ptr;
		size_t end = m[i].at + m[i].len;
		assert_int_equal(bytes_append(&without, view_of(p, m[i].at)), ERR_OK);
		assert_int_equal(bytes_append(&without, view_of(p + end, made.file.len - end)), ERR_OK);
		assert_int_equal(bytes_append(&twice, view_of(p, end)), ERR_OK);
		assert_int_equal(bytes_append(&twice, view_of(p + m[i].at, made.file.len - m[i].at)), ERR_OK);
		maker_sign(&made, &without);
		maker_sign(&made, &twice);
		if (!is_refusal(judge(bytes_view(&without), NULL))) fail_msg("without member %zu", i);
		if (!is_refusal(judge(bytes_view(&twice), NULL))) fail_msg("member %zu twice", i);
		bytes_free(&without);
		bytes_free(&twice);
	}
}

/* A row in a table that is not carried, well signed. */
static void tables_that_are_not_carried_are_refused(void **state)
{
	static const uint8_t tables[] = { 0, 6, 7, 8, 9, 255 };
	struct member m[32];
	struct bytes b = copy();
	(void)state;
	list_members(&b, m, 32);
	for (size_t i = 0; i < sizeof tables; i++) {
		b.ptr[m[10].at + 5] = tables[i];
		maker_sign(&made, &b);
		assert_int_equal(judge(bytes_view(&b), NULL), ERR_CORRUPT);
	}
	bytes_free(&b);
}

/* Rows of one archive in another one of the same domain: the manifest's author is the domain, so only the domain could; then the sums tell. */
static void a_store_that_was_not_whole_is_found_when_it_opens(void **state)
{
	struct maker m;
	struct archive *a = NULL;
	struct ring *ring = NULL;
	struct archive_look look = { .look = NULL };
	struct archive_facts facts;
	int fd;
	(void)state;
	maker_open(&m, 3, 1, false);
	maker_fill(&m);
	assert_int_equal(store_commit(m.store, NULL), ERR_OK);
	struct store *inner = m.store->ops->beneath(m.store);
	assert_int_equal(store_begin(inner, NULL), ERR_OK);
	assert_int_equal(store_erase(inner, STORE_OBJECT, view_str("object-aaaaaaaaa")), ERR_OK);
	assert_int_equal(store_commit(inner, NULL), ERR_OK);
	maker_archive_of(&m, inner);
	assert_false(m.whole);
	assert_int_equal(read_whole(bytes_view(&m.file), &a, &fd, NULL), ERR_OK);
	archive_facts(a, &facts);
	assert_int_equal(facts.flags, ARCHIVE_FLAG_NOT_WHOLE);
	assert_int_equal(archive_unlock_shares(a, m.shares, 2, &ring, NULL), ERR_OK);
	assert_int_equal(archive_check_rows(a, ring, &look, NULL), ERR_OK);
	assert_int_equal(look.faults, 1);
	assert_non_null(strstr(look.said, "table 1"));
	ring_free(ring);
	archive_free(a);
	close(fd);
	maker_done(&m);
}

/* Its body is another one, and the domain signed that: the data keys are not those that it was made with. */
static void a_canary_that_the_data_key_does_not_open_stops_before_anything_else(void **state)
{
	struct member m[32];
	struct bytes b = copy();
	struct archive *a = NULL;
	struct ring *ring = NULL;
	struct reason reason = { "" };
	int fd;
	(void)state;
	list_members(&b, m, 32);
	b.ptr[m[11].at + m[11].len - 1] ^= 1;
	maker_sign(&made, &b);
	assert_int_equal(read_whole(bytes_view(&b), &a, &fd, &reason), ERR_OK);
	assert_int_equal(archive_unlock_shares(a, made.shares, 2, &ring, &reason), ERR_CORRUPT);
	assert_null(ring);
	assert_non_null(strstr(reason.text, "does not open the archive's canary"));
	archive_free(a);
	close(fd);
	bytes_free(&b);
}

static void a_row_that_does_not_open_is_found(void **state)
{
	struct maker m;
	struct archive *a = NULL;
	struct ring *ring = NULL;
	struct archive_look look = { .look = NULL };
	int fd;
	(void)state;
	maker_open(&m, 4, 1, false);
	maker_fill(&m);
	static const uint8_t header[] = { 1 };
	struct store_row row = { .id_len = 16, .version = 1, .state = 2, .generation = 1, .header = view_of(header, 1), .body = view_str("not sealed at all") };
	memcpy(row.id, "object-ccccccccc", 16);
	assert_int_equal(store_put(m.store, STORE_OBJECT, &row, false), ERR_OK);
	maker_archive(&m);
	assert_true(m.whole); /* it is what the store was meant to hold */
	assert_int_equal(read_whole(bytes_view(&m.file), &a, &fd, NULL), ERR_OK);
	assert_int_equal(archive_unlock_shares(a, m.shares, 2, &ring, NULL), ERR_OK);
	assert_int_equal(archive_check_rows(a, ring, &look, NULL), ERR_OK);
	assert_int_equal(look.faults, 1);
	ring_free(ring);
	archive_free(a);
	close(fd);
	maker_done(&m);
}

/* Audit rows may be linked under a generation that left, whose audit key stands behind them. */
static void audit_keys_of_generations_that_left_are_in_the_ring_before_the_rows(void **state)
{
	static const uint8_t key[32] = { 0x5c };
	struct maker m;
	struct archive *a = NULL;
	struct ring *ring = NULL;
	const struct secret *subkey;
	int fd;
	(void)state;
	maker_open_from(&m, 5, 2, 2, false);
	assert_int_equal(domain_record_put(m.store, m.ring, "audit-key-00000001", view_of(key, sizeof key)), ERR_OK);
	maker_fill(&m);
	maker_archive(&m);
	assert_int_equal(read_whole(bytes_view(&m.file), &a, &fd, NULL), ERR_OK);
	assert_int_equal(archive_unlock_shares(a, m.shares, 2, &ring, NULL), ERR_OK);
	assert_int_equal(ring_count(ring), 1);
	assert_int_equal(ring_subkey(ring, 1, SUBKEY_AUDIT, &subkey), ERR_OK);
	assert_memory_equal(secret_bytes(subkey), key, sizeof key);
	assert_int_equal(ring_subkey(ring, 1, SUBKEY_INDEX, &subkey), ERR_NOT_FOUND);
	ring_free(ring);
	archive_free(a);
	close(fd);
	maker_done(&m);
}

/* The stanza of one domain in front of another's rows, signed by whom you like. */
static void a_substituted_stanza_is_refused(void **state)
{
	struct maker evil;
	struct member mine[32], theirs[32];
	struct bytes out = BYTES_EMPTY;
	(void)state;
	maker_open(&evil, 5, 2, false);
	maker_fill(&evil);
	maker_archive(&evil);
	list_members(&made.file, mine, 32);
	list_members(&evil.file, theirs, 32);
	assert_int_equal(bytes_append(&out, view_of(made.file.ptr, mine[1].at)), ERR_OK);
	assert_int_equal(bytes_append(&out, view_of(evil.file.ptr + theirs[1].at, theirs[1].len)), ERR_OK);
	assert_int_equal(bytes_append(&out, view_of(made.file.ptr + mine[2].at, made.file.len - mine[2].at)), ERR_OK);
	maker_sign(&evil, &out);
	assert_int_equal(judge(bytes_view(&out), NULL), ERR_CORRUPT);
	maker_sign(&made, &out);
	assert_int_equal(judge(bytes_view(&out), NULL), ERR_CORRUPT);
	bytes_free(&out);
	maker_done(&evil);
}

static void a_file_that_changes_between_two_readings_is_noticed(void **state)
{
	struct archive *a = NULL;
	struct maker m;
	int fd;
	(void)state;
	maker_open(&m, 0, 2, false); /* the same domain: well signed by it */
	maker_fill(&m);
	maker_put(&m, STORE_OBJECT, "object-ccccccccc", "another", 2);
	maker_archive(&m);
	assert_int_equal(read_whole(bytes_view(&made.file), &a, &fd, NULL), ERR_OK);
	assert_int_equal(pwrite(fd, m.file.ptr, made.file.len, 0), (ssize_t)made.file.len);
	assert_true(is_refusal(archive_pass(a, NULL, NULL, NULL)));
	assert_int_equal(ftruncate(fd, 100), 0);
	assert_int_equal(archive_pass(a, NULL, NULL, NULL), ERR_TRUNCATED);
	archive_free(a);
	close(fd);
	maker_done(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_archive_says_what_it_holds),
		cmocka_unit_test(shares_open_it_and_every_row),
		cmocka_unit_test(a_passphrase_opens_it),
		cmocka_unit_test(wrong_shares_are_told_apart),
		cmocka_unit_test(every_changed_byte_is_refused),
		cmocka_unit_test(every_shorter_and_longer_file_is_refused),
		cmocka_unit_test(members_out_of_order_doubled_or_missing_are_refused),
		cmocka_unit_test(tables_that_are_not_carried_are_refused),
		cmocka_unit_test(a_store_that_was_not_whole_is_found_when_it_opens),
		cmocka_unit_test(a_canary_that_the_data_key_does_not_open_stops_before_anything_else),
		cmocka_unit_test(a_row_that_does_not_open_is_found),
		cmocka_unit_test(audit_keys_of_generations_that_left_are_in_the_ring_before_the_rows),
		cmocka_unit_test(a_substituted_stanza_is_refused),
		cmocka_unit_test(a_file_that_changes_between_two_readings_is_noticed),
	};
	return cmocka_run_group_tests_name("archives", tests, start, stop);
}
