/* The table of attacks of docs/formats.md section 20.5: each is found, and named with its records. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/proof.h"
#include "unit/audit/lines.h"
#include "unit/keyring/fixture.h"

#define FOUND_MAX 4096u

static char found[FOUND_MAX]; /* "missing 5-7;edited 9-9;" */
static struct audit_proof_result result;
static struct audit_proof *proof;

static void take_finding(void *arg, const struct audit_finding *f)
{
	size_t len = strlen(found);
	(void)arg;
	snprintf(found + len, sizeof found - len, "%s %llu-%llu;", audit_finding_name(f->kind), (unsigned long long)f->from, (unsigned long long)f->to);
}

static void begin_proof(void)
{
	struct audit_trust trust = { .by_key = false };
	struct domain_id domain;
	fixture_domain(&domain);
	assert_int_equal(domain_fingerprint(&domain, trust.fingerprint), ERR_OK);
	found[0] = '\0';
	audit_proof_free(proof);
	proof = audit_proof_new(&trust, take_finding, NULL);
	assert_non_null(proof);
}

static void feed(const struct text *t)
{
	audit_proof_file(proof, "a file");
	for (size_t i = 0; i < t->count; i++) audit_proof_line(proof, view_str(t->lines[i]));
}

static const char *end_proof(void)
{
	audit_proof_end(proof, false, &result);
	return found;
}

static const char *judge(const struct text *t)
{
	begin_proof();
	feed(t);
	return end_proof();
}

static void drop(struct text *t, size_t at, size_t count)
{
	for (size_t i = 0; i < count; i++) free(t->lines[at + i]);
	memmove(&t->lines[at], &t->lines[at + count], (t->count - at - count) * sizeof t->lines[0]);
	t->count -= count;
}

static void insert(struct text *t, size_t at, const char *line)
{
	assert_true(t->count < LINES_MAX);
	memmove(&t->lines[at + 1], &t->lines[at], (t->count - at) * sizeof t->lines[0]);
	t->lines[at] = strdup(line);
	t->count++;
}

static void swap(struct text *t, size_t a, size_t b)
{
	char *line = t->lines[a];
	t->lines[a] = t->lines[b];
	t->lines[b] = line;
}

/* Line 0 is the header; records 1 to 12 with a checkpoint behind each fourth: line of record n. */
static size_t line_of(uint64_t n)
{
	return (size_t)(n + (n - 1) / 4);
}

static void a_whole_export_is_whole(void **state)
{
	struct text t, u;
	(void)state;
	make_export(&t, 1, 12, 4, 1);
	assert_string_equal(judge(&t), "");
	assert_true(result.begun && result.first == 1 && result.last == 12 && result.records == 12 && result.signed_to == 12 && result.findings == 0);
	make_export(&u, 13, 20, 100, 1);
	begin_proof();
	feed(&t);
	feed(&u);
	assert_string_equal(end_proof(), "");
	assert_int_equal(result.last, 20);
	free_export(&t);
	free_export(&u);
}

static void every_edited_record_is_named(void **state)
{
	char expected[64];
	(void)state;
	for (uint64_t n = 1; n <= 12; n++) {
		struct text t;
		make_export(&t, 1, 12, 4, 1);
		char *at = strstr(t.lines[line_of(n)], "unix:7");
		at[5] = '8';
		snprintf(expected, sizeof expected, "edited %llu-%llu;", (unsigned long long)n, (unsigned long long)n);
		assert_string_equal(judge(&t), expected);
		free_export(&t);
	}
}

/* Who makes every digest anew stops at the signature. */
static void an_edited_record_with_new_digests_is_found_by_the_next_checkpoint(void **state)
{
	struct text t, other;
	(void)state;
	make_export(&t, 1, 12, 4, 1);
	make_export(&other, 1, 12, 4, 2);
	for (uint64_t n = 1; n <= 6; n++) {
		free(t.lines[line_of(n)]);
		t.lines[line_of(n)] = strdup(other.lines[line_of(n)]);
	}
	assert_string_equal(judge(&t), "edited 1-4;edited 5-5;edited 7-7;");
	free_export(&t);
	make_export(&t, 1, 12, 4, 1);
	swap(&t, 5, 10);
	assert_string_equal(judge(&t), "out of order 5-8;stale 4-4;"); /* checkpoints that changed places */
	free_export(&t);
	free_export(&other);
}

static void every_cut_is_named(void **state)
{
	char expected[64];
	(void)state;
	for (uint64_t n = 1; n <= 11; n++) {
		for (uint64_t to = n; to <= 11; to++) {
			struct text t;
			make_export(&t, 1, 12, 4, 1);
			drop(&t, line_of(n), line_of(to) - line_of(n) + 1);
			snprintf(expected, sizeof expected, "missing %llu-%llu;", (unsigned long long)n, (unsigned long long)to);
			assert_string_equal(judge(&t), expected);
			free_export(&t);
		}
	}
}

static void records_out_of_order_are_named(void **state)
{
	struct text t;
	(void)state;
	make_export(&t, 1, 12, 4, 1);
	swap(&t, line_of(2), line_of(3));
	assert_string_equal(judge(&t), "out of order 2-2;");
	free_export(&t);
	make_export(&t, 1, 12, 4, 1);
	swap(&t, line_of(1), line_of(3));
	assert_string_equal(judge(&t), "out of order 2-2;out of order 1-1;");
	free_export(&t);
}

static void doubled_records_and_files_are_named(void **state)
{
	struct text t;
	(void)state;
	make_export(&t, 1, 12, 4, 1);
	insert(&t, line_of(7), t.lines[line_of(6)]);
	assert_string_equal(judge(&t), "doubled 6-6;");
	free_export(&t);
	make_export(&t, 1, 12, 100, 1);
	begin_proof();
	feed(&t);
	feed(&t);
	assert_string_equal(end_proof(), "doubled 1-12;");
	free_export(&t);
}

static void a_tail_without_checkpoint_is_unsigned_and_one_cut_behind_it_needs_a_checkpoint_from_elsewhere(void **state)
{
	struct text t;
	char kept[1024];
	(void)state;
	make_export(&t, 1, 12, 4, 1);
	drop(&t, line_of(11), 3);
	assert_string_equal(judge(&t), "unsigned 9-10;");
	drop(&t, line_of(9), 2);
	assert_string_equal(judge(&t), "");
	make_checkpoint(kept, 11, 1);
	begin_proof();
	assert_int_equal(audit_proof_keep(proof, view_str(kept)), ERR_OK);
	feed(&t);
	assert_string_equal(end_proof(), "truncated 9-11;");
	free_export(&t);
}

static void a_file_that_is_gone_is_named(void **state)
{
	struct text a, c;
	(void)state;
	make_export(&a, 1, 4, 4, 1);
	make_export(&c, 9, 12, 4, 1);
	begin_proof();
	feed(&a);
	feed(&c);
	assert_string_equal(end_proof(), "missing 5-8;");
	free_export(&a);
	free_export(&c);
}

/* The next file names another digest than the one before it has. */
static void a_file_of_another_history_does_not_go_on(void **state)
{
	struct text a, b;
	(void)state;
	make_export(&a, 1, 4, 4, 1);
	make_export(&b, 5, 8, 4, 2);
	begin_proof();
	feed(&a);
	feed(&b);
	assert_string_equal(end_proof(), "edited 4-4;");
	free_export(&a);
	free_export(&b);
}

static void checkpoints_from_elsewhere_find_a_new_history(void **state)
{
	struct text t;
	char kept[1024];
	(void)state;
	make_export(&t, 1, 12, 4, 2); /* signed with the right key */
	make_checkpoint(kept, 6, 1);
	assert_string_equal(judge(&t), "");
	begin_proof();
	assert_int_equal(audit_proof_keep(proof, view_str(kept)), ERR_OK);
	feed(&t);
	assert_string_equal(end_proof(), "rewritten 6-6;");
	make_checkpoint(kept, 6, 2);
	begin_proof();
	assert_int_equal(audit_proof_keep(proof, view_str(kept)), ERR_OK);
	assert_int_equal(audit_proof_keep(proof, view_str(frozen_line("gap"))), ERR_CORRUPT);
	feed(&t);
	assert_string_equal(end_proof(), "");
	assert_int_equal(result.compared, 1);
	free_export(&t);
}

static void old_forged_and_foreign_checkpoints_are_told_apart(void **state)
{
	struct text t;
	char old[1024], forged[1024], foreign[1024];
	(void)state;
	make_checkpoint(old, 4, 1);
	make_checkpoint(forged, 12, 1);
	char *at = strstr(forged, "\"signature\":\"") + 13;
	*at = *at == '0' ? '1' : '0';
	make_checkpoint(foreign, 12, 1);
	at = strstr(foreign, "\"node\":\"") + 8;
	*at = '2';
	const char *const last[] = { old, forged, foreign };
	static const char *const expected[] = { "stale 4-4;unsigned 9-12;", "forged 12-12;unsigned 9-12;", "foreign 0-0;unsigned 9-12;" };
	for (size_t i = 0; i < 3; i++) {
		make_export(&t, 1, 12, 4, 1);
		drop(&t, t.count - 1, 1);
		insert(&t, t.count, last[i]);
		assert_string_equal(judge(&t), expected[i]);
		free_export(&t);
	}
}

static void a_gap_is_told_and_one_that_nobody_signed_is_forged(void **state)
{
	struct text t;
	char gap[1024];
	(void)state;
	make_gap(gap, 6, 7);
	make_export(&t, 1, 12, 4, 1);
	drop(&t, line_of(6), 2);
	insert(&t, line_of(6), gap);
	assert_string_equal(judge(&t), "gap 6-7;");
	char *at = strstr(t.lines[line_of(6)], "\"why\":\"the") + 7;
	*at = 'T';
	assert_string_equal(judge(&t), "forged 6-7;missing 6-7;");
	free_export(&t);
	make_gap(gap, 3, 3);
	make_export(&t, 1, 12, 4, 1);
	insert(&t, line_of(6), gap);
	assert_string_equal(judge(&t), "stale 3-3;");
	free_export(&t);
}

static void a_domain_of_his_own_is_foreign(void **state)
{
	struct audit_trust trust = { .by_key = true, .key = { 1 } };
	struct text t;
	(void)state;
	make_export(&t, 1, 12, 4, 1);
	begin_proof();
	audit_proof_free(proof);
	proof = audit_proof_new(&trust, take_finding, NULL);
	feed(&t);
	assert_string_equal(end_proof(), "foreign 0-0;");
	assert_false(result.begun);
	free_export(&t);
}

static void what_is_no_line_is_named_and_the_rest_still_judged(void **state)
{
	struct text t;
	(void)state;
	make_export(&t, 1, 12, 4, 1);
	insert(&t, line_of(3), "{\"seq\":3,\"time\":\"");
	insert(&t, 1, "");
	assert_string_equal(judge(&t), "unreadable 0-0;unreadable 0-0;");
	free_export(&t);
	make_export(&t, 1, 3, 4, 1);
	drop(&t, 0, 1);
	assert_string_equal(judge(&t), "unreadable 0-0;unreadable 0-0;unreadable 0-0;unreadable 0-0;");
	free_export(&t);
}

/* The header alone is signed by nobody: a log that is cut off whole, with a header that says it began behind everything, is not whole. */
static void a_header_that_nothing_vouches_for_hides_no_cut(void **state)
{
	struct text t;
	char kept[1024];
	(void)state;
	make_export(&t, 60, 63, 4, 1);
	drop(&t, 1, t.count - 1);
	assert_string_equal(judge(&t), "unsigned 0-0;");
	make_checkpoint(kept, 11, 1);
	begin_proof();
	assert_int_equal(audit_proof_keep(proof, view_str(kept)), ERR_OK);
	feed(&t);
	assert_string_equal(end_proof(), "unsigned 0-0;truncated 11-11;");
	begin_proof();
	assert_int_equal(audit_proof_keep(proof, view_str(kept)), ERR_OK);
	feed(&t);
	audit_proof_end(proof, true, &result);
	assert_string_equal(found, "truncated 11-11;"); /* --live forgives no more */
	free_export(&t);
	make_export(&t, 60, 63, 4, 1); /* what came before was moved away: that is no cut, and a checkpoint of then cannot be compared */
	begin_proof();
	assert_int_equal(audit_proof_keep(proof, view_str(kept)), ERR_OK);
	feed(&t);
	assert_string_equal(end_proof(), "");
	assert_int_equal(result.compared, 0);
	free_export(&t);
}

/* Two nodes were restored from backups of this one: what each says of it counts. */
static void every_restored_node_is_heard(void **state)
{
	struct audit_join early = { .has_digest = true }, late = { .has_digest = true };
	struct text t;
	(void)state;
	place_of(4, 1, &early.at);
	place_of(16, 1, &late.at);
	make_export(&t, 1, 12, 4, 1);
	begin_proof();
	assert_int_equal(audit_proof_expect_join(proof, &early), ERR_OK);
	assert_int_equal(audit_proof_expect_join(proof, &late), ERR_OK);
	feed(&t);
	assert_string_equal(end_proof(), "truncated 13-16;");
	assert_true(audit_proof_join_fits(proof, 0) && !audit_proof_join_fits(proof, 1) && !result.joined);
	place_of(8, 2, &late.at);
	begin_proof();
	assert_int_equal(audit_proof_expect_join(proof, &early), ERR_OK);
	assert_int_equal(audit_proof_expect_join(proof, &late), ERR_OK);
	feed(&t);
	assert_string_equal(end_proof(), "rewritten 8-8;");
	place_of(8, 1, &late.at);
	begin_proof();
	assert_int_equal(audit_proof_expect_join(proof, &early), ERR_OK);
	assert_int_equal(audit_proof_expect_join(proof, &late), ERR_OK);
	feed(&t);
	assert_string_equal(end_proof(), "");
	assert_true(result.joined && audit_proof_join_fits(proof, 1) && !audit_proof_join_fits(proof, 2));
	free_export(&t);
}

/* More holes than are remembered are told at once, not forgotten. */
static void every_second_record_cut_is_told_in_full(void **state)
{
	struct text t, more;
	unsigned count = 0;
	(void)state;
	begin_proof();
	for (uint64_t from = 1; from < 200; from += 20) {
		make_export(&t, from, from + 19, 1000, 1);
		for (size_t i = 1; i + 1 < t.count; i++) drop(&t, i, 1);
		drop(&t, t.count - 1, 1);
		if (from > 1) drop(&t, 0, 1);
		feed(&t);
		free_export(&t);
	}
	make_export(&more, 201, 202, 1, 1);
	feed(&more);
	end_proof();
	for (const char *at = found; (at = strstr(at, "missing")) != NULL; at++) count++;
	assert_true(count >= 64);
	free_export(&more);
}

static int done(void **state)
{
	audit_proof_free(proof);
	return lines_stop(state);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_export_is_whole),
		cmocka_unit_test(every_edited_record_is_named),
		cmocka_unit_test(an_edited_record_with_new_digests_is_found_by_the_next_checkpoint),
		cmocka_unit_test(every_cut_is_named),
		cmocka_unit_test(records_out_of_order_are_named),
		cmocka_unit_test(doubled_records_and_files_are_named),
		cmocka_unit_test(a_tail_without_checkpoint_is_unsigned_and_one_cut_behind_it_needs_a_checkpoint_from_elsewhere),
		cmocka_unit_test(a_file_that_is_gone_is_named),
		cmocka_unit_test(a_file_of_another_history_does_not_go_on),
		cmocka_unit_test(checkpoints_from_elsewhere_find_a_new_history),
		cmocka_unit_test(old_forged_and_foreign_checkpoints_are_told_apart),
		cmocka_unit_test(a_gap_is_told_and_one_that_nobody_signed_is_forged),
		cmocka_unit_test(a_domain_of_his_own_is_foreign),
		cmocka_unit_test(what_is_no_line_is_named_and_the_rest_still_judged),
		cmocka_unit_test(a_header_that_nothing_vouches_for_hides_no_cut),
		cmocka_unit_test(every_restored_node_is_heard),
		cmocka_unit_test(every_second_record_cut_is_told_in_full),
	};
	return cmocka_run_group_tests(tests, lines_start, done);
}
