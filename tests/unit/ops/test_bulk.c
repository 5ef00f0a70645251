/* Counting: nothing is lost and nothing is counted twice, whatever runs beside it; what is kept is bounded. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <string.h>
#include <time.h>

#include "kmip/enums.h"
#include "ops/bulk.h"

#define THREADS 4u
#define OPS 200000u /* of each thread */
#define KEYS 2u
#define USERS 2u
#define NOW 1000u

static void key_id(uint32_t key, uint8_t out[static UUID_LEN])
{
	memset(out, 0, UUID_LEN);
	for (size_t i = 0; i < 4; i++) out[i] = out[12 + i] = (uint8_t)(key >> (8 * i));
}

static uint32_t key_of(const struct bulk_row *row)
{
	uint32_t key = 0;
	for (size_t i = 0; i < 4; i++) key |= (uint32_t)row->id[i] << (8 * i);
	return key;
}

static void use(struct bulk_table *table, uint32_t key, unsigned user, enum bulk_kind kind, uint64_t bytes, uint64_t now_s)
{
	uint8_t id[UUID_LEN];
	struct principal p;
	key_id(key, id);
	principal_from_uid(user, 1, &p);
	bulk_note(table, &(struct bulk_use){ .id = id, .principal = &p, .operation = OPERATION_ENCRYPT, .kind = kind, .bytes = bytes, .now_s = now_s });
}

static void add(struct bulk_counts *to, const struct bulk_counts *more)
{
	for (size_t i = 0; i < BULK_KINDS; i++) to->n[i] += more->n[i];
}

static uint64_t operations(const struct bulk_counts *c)
{
	return c->n[BULK_DONE] + c->n[BULK_PARTS] + c->n[BULK_UNOPENED] + c->n[BULK_FAILED] + c->n[BULK_REFUSED];
}

/* All rows there are, into a sum; the rows of `key` alone unless it is UINT32_MAX. */
static size_t take_all(struct bulk *b, struct bulk_counts *sum)
{
	size_t rows = 0;
	*sum = (struct bulk_counts){ .first_s = 0 };
	bulk_collect(b, NOW);
	for (struct bulk_batch *batch; (batch = bulk_take(b, NULL, 100)) != NULL; bulk_drop(batch)) {
		for (size_t i = 0; i < batch->count; i++) add(sum, &batch->rows[i].counts);
		rows += batch->count;
	}
	return rows;
}

/* ---- threads ---- */

struct counting {
	struct bulk *bulk;
	pthread_t thread;
	unsigned number;
	_Atomic bool done;
	struct bulk_counts expected[KEYS][USERS];
};

static void *count(void *arg)
{
	struct counting *c = arg;
	struct bulk_table *table = bulk_table_new(c->bulk);
	for (uint32_t i = 0; i < OPS && table; i++) {
		uint32_t key = (i + c->number) % KEYS, user = i / 3 % USERS;
		enum bulk_kind kind = i % 50 == 7 ? BULK_UNOPENED : i % 60 == 8 ? BULK_FAILED : i % 5 == 0 ? BULK_PARTS : BULK_DONE;
		uint64_t bytes = kind == BULK_DONE || kind == BULK_PARTS ? i % 4096 : 0;
		use(table, key, user, kind, bytes, NOW);
		c->expected[key][user].n[kind]++;
		c->expected[key][user].n[BULK_BYTES] += bytes;
	}
	bulk_table_free(table);
	c->done = true;
	return NULL;
}

static void note_rows(const struct bulk_batch *batch, struct bulk_counts sums[KEYS][USERS])
{
	for (size_t i = 0; i < batch->count; i++) {
		const struct bulk_row *row = &batch->rows[i];
		assert_int_equal(row->operation, OPERATION_ENCRYPT);
		unsigned user = strcmp(row->principal, "unix:0") == 0 ? 0 : 1;
		if (user) assert_string_equal(row->principal, "unix:1");
		assert_true(key_of(row) < KEYS);
		add(&sums[key_of(row)][user], &row->counts);
	}
}

static bool all_done(struct counting threads[THREADS])
{
	for (size_t i = 0; i < THREADS; i++)
		if (!threads[i].done) return false;
	return true;
}

/* As the store thread does it: some are written, some cannot be. */
static void sums_of_rows_are_what_was_done_whoever_collects_meanwhile(void **state)
{
	static struct counting threads[THREADS];
	static struct bulk_counts told[KEYS][USERS];
	struct bulk *b = bulk_new();
	unsigned rounds = 0;
	(void)state;
	assert_non_null(b);
	for (unsigned i = 0; i < THREADS; i++) {
		threads[i] = (struct counting){ .bulk = b, .number = i };
		assert_int_equal(pthread_create(&threads[i].thread, NULL, count, &threads[i]), 0);
	}
	for (bool last = false; !last; rounds++) {
		last = all_done(threads);
		bulk_collect(b, NOW);
		for (struct bulk_batch *batch; (batch = bulk_take(b, NULL, 3)) != NULL;) {
			if (!last && rounds % 3 == 0) {
				bulk_give_back(batch);
				break;
			}
			note_rows(batch, told);
			bulk_drop(batch);
		}
	}
	for (unsigned i = 0; i < THREADS; i++) pthread_join(threads[i].thread, NULL);
	for (unsigned k = 0; k < KEYS; k++) {
		for (unsigned u = 0; u < USERS; u++) {
			struct bulk_counts expected = { .first_s = 0 };
			for (unsigned i = 0; i < THREADS; i++) add(&expected, &threads[i].expected[k][u]);
			assert_memory_equal(told[k][u].n, expected.n, sizeof expected.n);
			assert_true(operations(&expected) > OPS / 2);
		}
	}
	print_message("%u rounds\n", rounds);
	bulk_free(b);
}

static void *count_sevens(void *arg)
{
	struct counting *c = arg;
	struct bulk_table *table = bulk_table_new(c->bulk);
	for (uint32_t i = 0; i < 10 * OPS && table; i++) use(table, 1, 1, BULK_DONE, 7, NOW);
	bulk_table_free(table);
	c->done = true;
	return NULL;
}

/* But for a writer that the machine stops in the middle of a count, which is rare. */
static void a_row_is_of_one_moment(void **state)
{
	static struct counting c;
	struct bulk *b = bulk_new();
	unsigned rows = 0, torn = 0;
	(void)state;
	c = (struct counting){ .bulk = b };
	assert_int_equal(pthread_create(&c.thread, NULL, count_sevens, &c), 0);
	while (!c.done) {
		bulk_collect(b, NOW);
		struct bulk_batch *batch = bulk_take(b, NULL, 3);
		if (!batch) continue;
		torn += batch->rows[0].counts.n[BULK_BYTES] != 7 * batch->rows[0].counts.n[BULK_DONE];
		rows++;
		bulk_drop(batch);
	}
	pthread_join(c.thread, NULL);
	print_message("%u rows, %u torn\n", rows, torn);
	assert_true(torn * 8 <= rows + 64); /* few rows: one core for both, and each change of threads may tear one */
	bulk_free(b);
}

/* ---- bounds ---- */

static void a_full_table_is_collected_and_goes_on(void **state)
{
	struct bulk *b = bulk_new();
	struct bulk_table *t = bulk_table_new(b);
	struct bulk_counts sum;
	(void)state;
	for (uint32_t round = 0; round < 3; round++)
		for (uint32_t key = 0; key < BULK_KEYS_OF_ONE; key++) use(t, key, key % 3, BULK_DONE, 10, NOW);
	for (uint32_t key = 0; key < 100; key++) use(t, BULK_TABLE_KEYS + key, 9, BULK_DONE, 10, NOW);
	assert_int_equal(take_all(b, &sum), BULK_KEYS_OF_ONE + 100);
	assert_int_equal(sum.n[BULK_DONE], 3 * BULK_KEYS_OF_ONE + 100);
	assert_int_equal(sum.n[BULK_BYTES], 10 * sum.n[BULK_DONE]);
	assert_int_equal(take_all(b, &sum), 0);
	bulk_table_free(t);
	bulk_free(b);
}

static void one_principal_with_many_keys_has_so_many_rows_and_one_sum(void **state)
{
	struct bulk *b = bulk_new();
	struct bulk_table *t = bulk_table_new(b);
	struct bulk_counts sum, others = { .first_s = 0 };
	size_t rows = 0, of_other = 0, sums = 0;
	(void)state;
	for (uint32_t key = 0; key < 100000; key++) {
		use(t, key, 1, key % 2 ? BULK_DONE : BULK_UNOPENED, key % 2 ? 7 : 0, NOW);
		if (key % 1000 == 0) use(t, key, 2, BULK_DONE, 1, NOW);
	}
	bulk_collect(b, NOW);
	assert_true(bulk_waiting(b) <= BULK_KEYS_OF_ONE + 1 + 100);
	sum = (struct bulk_counts){ .first_s = 0 };
	for (struct bulk_batch *batch; (batch = bulk_take(b, NULL, 128)) != NULL; bulk_drop(batch)) {
		for (size_t i = 0; i < batch->count; i++) {
			const struct bulk_row *row = &batch->rows[i];
			if (row->operation == 0) {
				sums++;
				assert_string_equal(row->principal, "unix:1");
				assert_int_equal(row->keys, 100000 - BULK_KEYS_OF_ONE);
			}
			if (strcmp(row->principal, "unix:2") == 0) of_other++, add(&others, &row->counts);
			else rows++, add(&sum, &row->counts);
		}
	}
	assert_int_equal(rows, BULK_KEYS_OF_ONE + 1);
	assert_int_equal(sums, 1);
	assert_int_equal(sum.n[BULK_DONE], 50000);
	assert_int_equal(sum.n[BULK_UNOPENED], 50000);
	assert_int_equal(sum.n[BULK_BYTES], 350000);
	assert_int_equal(of_other, 100); /* who uses few keys keeps them apart */
	assert_int_equal(others.n[BULK_DONE], 100);
	bulk_table_free(t);
	bulk_free(b);
}

static void more_principals_than_places_are_one_sum(void **state)
{
	struct bulk *b = bulk_new();
	struct bulk_table *t = bulk_table_new(b);
	struct bulk_counts sum = { .first_s = 0 };
	size_t nameless = 0;
	(void)state;
	for (uint32_t i = 0; i < 3 * BULK_PRINCIPALS; i++) use(t, i, i, BULK_DONE, 1, NOW);
	bulk_collect(b, NOW);
	struct bulk_batch *batch = bulk_take(b, NULL, BULK_ROWS);
	assert_non_null(batch);
	assert_int_equal(batch->count, BULK_PRINCIPALS + 1);
	for (size_t i = 0; i < batch->count; i++) {
		add(&sum, &batch->rows[i].counts);
		if (!batch->rows[i].principal) nameless++, assert_int_equal(batch->rows[i].keys, 2 * BULK_PRINCIPALS);
	}
	assert_int_equal(nameless, 1);
	assert_int_equal(sum.n[BULK_DONE], 3 * BULK_PRINCIPALS);
	bulk_drop(batch);
	use(t, 1, 99999, BULK_DONE, 1, NOW); /* their places are free again */
	bulk_collect(b, NOW);
	batch = bulk_take(b, NULL, BULK_ROWS);
	assert_non_null(batch);
	assert_string_equal(batch->rows[0].principal, "unix:99999");
	bulk_drop(batch);
	bulk_table_free(t);
	bulk_free(b);
}

static void the_ledger_has_a_last_row_and_no_use_is_lost_behind_it(void **state)
{
	struct bulk *b = bulk_new();
	struct bulk_table *t = bulk_table_new(b);
	struct bulk_counts sum;
	(void)state;
	for (uint32_t user = 0; user < 6; user++)
		for (uint32_t key = 0; key < 900; key++) use(t, key, user, BULK_DONE, 1, NOW);
	assert_true(take_all(b, &sum) <= BULK_ROWS + 6);
	assert_int_equal(sum.n[BULK_DONE], 6 * 900);
	bulk_table_free(t);
	bulk_free(b);
}

/* ---- what is taken ---- */

static void what_is_given_back_becomes_one_sum_with_what_comes_later(void **state)
{
	struct bulk *b = bulk_new();
	struct bulk_table *t = bulk_table_new(b);
	(void)state;
	use(t, 1, 1, BULK_DONE, 5, NOW);
	for (unsigned i = 0; i < 10; i++) {
		bulk_collect(b, NOW + i);
		struct bulk_batch *batch = bulk_take(b, NULL, 100);
		assert_non_null(batch);
		assert_int_equal(batch->count, 1);
		assert_int_equal(batch->rows[0].counts.n[BULK_DONE], 1 + i);
		use(t, 1, 1, BULK_DONE, 5, NOW + i + 1); /* while it is away */
		bulk_collect(b, NOW + i + 1);
		bulk_give_back(batch);
	}
	struct bulk_batch *batch = bulk_take(b, NULL, 100);
	assert_non_null(batch);
	assert_int_equal(batch->count, 1);
	assert_int_equal(batch->rows[0].counts.n[BULK_DONE], 11);
	assert_int_equal(batch->rows[0].counts.n[BULK_BYTES], 55);
	assert_int_equal(batch->rows[0].counts.first_s, NOW);
	assert_int_equal(batch->rows[0].counts.last_s, NOW + 10);
	bulk_drop(batch);
	bulk_table_free(t);
	bulk_free(b);
}

static void the_rows_of_one_key_are_taken_alone(void **state)
{
	struct bulk *b = bulk_new();
	struct bulk_table *t = bulk_table_new(b);
	struct bulk_counts sum;
	uint8_t id[UUID_LEN];
	(void)state;
	for (uint32_t key = 0; key < 50; key++)
		for (uint32_t user = 0; user < 3; user++) use(t, key, user, BULK_DONE, 1, NOW);
	for (uint32_t key = 0; key < 50; key += 7) {
		key_id(key, id);
		bulk_collect(b, NOW);
		struct bulk_batch *batch = bulk_take(b, id, 100);
		assert_non_null(batch);
		assert_int_equal(batch->count, 3);
		for (size_t i = 0; i < 3; i++) assert_int_equal(key_of(&batch->rows[i]), key);
		bulk_drop(batch);
		assert_null(bulk_take(b, id, 100));
	}
	assert_int_equal(take_all(b, &sum), 3 * (50 - 8));
	bulk_table_free(t);
	bulk_free(b);
}

static void times_are_those_of_what_the_row_tells(void **state)
{
	struct bulk *b = bulk_new();
	struct bulk_table *t = bulk_table_new(b);
	(void)state;
	for (uint64_t round = 0; round < 5; round++) {
		uint64_t at = 1000 + 60 * round;
		use(t, 1, 1, BULK_DONE, 0, at + 10);
		use(t, 1, 1, BULK_DONE, 0, at + 20);
		bulk_collect(b, at + 30);
		struct bulk_batch *batch = bulk_take(b, NULL, 100);
		assert_non_null(batch);
		assert_int_equal(batch->rows[0].counts.first_s, at + 10);
		assert_int_equal(batch->rows[0].counts.last_s, at + 20);
		bulk_drop(batch);
	}
	bulk_table_free(t);
	bulk_free(b);
}

/* However many are refused, so many rows of their own at most; who is refused less often than that has them all. */
static void exact_rows_are_bounded(void **state)
{
	struct bulk *b = bulk_new();
	struct principal p;
	size_t exact = 0;
	(void)state;
	for (unsigned interval = 0; interval < 3; interval++) {
		principal_from_uid(7, 1, &p);
		for (unsigned i = 0; i < BULK_EXACT; i++) assert_true(bulk_exact(b, &p, OPERATION_GET));
		for (unsigned i = 0; i < 1000; i++) assert_false(bulk_exact(b, &p, OPERATION_GET));
		assert_true(bulk_exact(b, &p, OPERATION_DESTROY));
		bulk_next_interval(b);
	}
	for (unsigned uid = 0; uid < 20000; uid++) {
		principal_from_uid(uid, 1, &p);
		for (unsigned i = 0; i < 20; i++) exact += bulk_exact(b, &p, OPERATION_GET);
	}
	assert_true(exact <= 4096 * BULK_EXACT);
	assert_true(exact > 2048 * BULK_EXACT);
	bulk_free(b);
}

/* Told, not judged: the machine may be busy. Only an order of magnitude fails. */
static void a_count_costs_some_nanoseconds(void **state)
{
	enum { N = 5000000 };
	struct bulk *b = bulk_new();
	struct bulk_table *t = bulk_table_new(b);
	struct timespec from, to;
	uint8_t ids[8][UUID_LEN];
	struct principal p;
	(void)state;
	principal_from_uid(1000, 1, &p);
	for (uint32_t i = 0; i < 8; i++) key_id(i * 77, ids[i]);
	for (uint32_t keys = 1; keys <= 8; keys *= 8) {
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
		for (uint32_t i = 0; i < N; i++)
			bulk_note(t, &(struct bulk_use){ .id = ids[i % keys], .principal = &p, .operation = OPERATION_ENCRYPT, .kind = BULK_DONE, .bytes = 256, .now_s = NOW });
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
		double ns = ((double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec)) / N;
		print_message("%u keys in turns: %.1f ns a count\n", keys, ns);
		assert_true(ns < 2000);
	}
	bulk_table_free(t);
	bulk_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums_of_rows_are_what_was_done_whoever_collects_meanwhile),
		cmocka_unit_test(a_row_is_of_one_moment),
		cmocka_unit_test(a_full_table_is_collected_and_goes_on),
		cmocka_unit_test(one_principal_with_many_keys_has_so_many_rows_and_one_sum),
		cmocka_unit_test(more_principals_than_places_are_one_sum),
		cmocka_unit_test(the_ledger_has_a_last_row_and_no_use_is_lost_behind_it),
		cmocka_unit_test(what_is_given_back_becomes_one_sum_with_what_comes_later),
		cmocka_unit_test(the_rows_of_one_key_are_taken_alone),
		cmocka_unit_test(times_are_those_of_what_the_row_tells),
		cmocka_unit_test(exact_rows_are_bounded),
		cmocka_unit_test(a_count_costs_some_nanoseconds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
