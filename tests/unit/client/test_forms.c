/* Forms of requests: what they give is what writing field by field gives. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client/message.h"
#include "unit/client/pair.h"

#define LONGEST (CONN_ASIDE_MIN + 4096u)

static unsigned random_state;
static uint8_t data[LONGEST];
static char longest_name[COFFER_NAME_MAX + 1];
static const char *const keys[] = { "k", "disk", "disl", "01234567-89ab-cdef-0123-456789abcdef", "eight888", longest_name };

static uint32_t any(uint32_t below)
{
	return (uint32_t)rand_r(&random_state) % below;
}

static const struct coffer_pair *any_context(size_t *out_count)
{
	static struct coffer_pair pairs[3];
	*out_count = any(3) ? 0 : any(4);
	for (size_t i = 0; i < 3; i++) pairs[i] = (struct coffer_pair){ keys[any(6)], data + any(100), any(40) };
	return pairs;
}

static struct message any_message(void)
{
	struct message m = { .op = (enum message_op)any(FORM_OPS) };
	size_t len = any(20) == 0 ? any(LONGEST - 100) : any(3) ? any(20) : any(600);
	m.key = m.op == MESSAGE_ENCRYPT ? keys[any(6)] : NULL;
	m.context = any_context(&m.context_count);
	m.in = view_of(len || any(2) ? data + any(100) : NULL, len);
	return m;
}

/* Bytes written; 0: the writer failed. */
static size_t put(struct coffer *c, const struct message *m, bool alone, uint8_t number, uint8_t *out, size_t cap)
{
	struct writer w;
	c->aside = view_of(NULL, 0);
	writer_init(&w, out, cap);
	if (alone) message_put_alone(c, &w, m);
	else message_put_item(c, &w, m, number);
	return writer_done(&w) == ERR_OK ? writer_len(&w) : 0;
}

static bool has_form(const struct coffer *c, const struct message *m, bool alone)
{
	const struct request_form *form = alone ? &c->forms.requests[m->op].alone : &c->forms.requests[m->op].of_batch;
	return m->in.len < CONN_ASIDE_MIN && request_form_is_for(form, view_of(m->key, m->key_len));
}

/* Every message is written by a connection that has written many, and by one that has written none. */
static void a_form_gives_the_bytes_that_writing_gives(void **state)
{
	static uint8_t filled[LONGEST + 4096], plain[sizeof filled];
	static struct coffer fresh;
	struct pair old = pair_open(0);
	unsigned used = 0;
	(void)state;
	for (unsigned i = 0; i < 30000; i++) {
		struct message m = any_message();
		bool alone = any(2);
		uint8_t number = (uint8_t)any(COFFER_BATCH_MAX);
		assert_int_equal(message_check(old.c, &m), COFFER_OK);
		used += has_form(old.c, &m, alone);
		memset(&fresh, 0, sizeof fresh);
		size_t len = put(&fresh, &m, alone, number, plain, sizeof plain);
		assert_true(len > 0 && len <= m.size + CALL_OVERHEAD);
		assert_int_equal(put(old.c, &m, alone, number, filled, sizeof filled), len);
		size_t gap = fresh.aside.len ? fresh.aside_at : len; /* what is sent from elsewhere is not written */
		assert_int_equal(old.c->aside.len, fresh.aside.len);
		assert_true(fresh.aside.len == 0 || old.c->aside_at == gap);
		assert_memory_equal(filled, plain, gap);
		assert_memory_equal(filled + gap + fresh.aside.len, plain + gap + fresh.aside.len, len - gap - fresh.aside.len);
	}
	assert_true(used > 5000);
	pair_close(&old);
}

/* A message that does not fit is a failure of the writer, wherever it ends, and nothing is written behind the end. */
static void a_form_that_does_not_fit_is_a_failure(void **state)
{
	static uint8_t out[2048];
	static const struct coffer_pair context = { "app", "value", 5 };
	struct pair p = pair_open(0);
	struct message m = { MESSAGE_ENCRYPT, "disk", &context, 1, view_of(data, 100), 0, 0 };
	(void)state;
	assert_int_equal(message_check(p.c, &m), COFFER_OK);
	size_t len = put(p.c, &m, true, 0, out, sizeof out);
	assert_true(len > 0 && has_form(p.c, &m, true));
	for (size_t cap = 0; cap < len; cap++) {
		memset(out, 0xa5, sizeof out);
		assert_int_equal(put(p.c, &m, true, 0, out, cap), 0);
		for (size_t i = cap; i < sizeof out; i++) assert_int_equal(out[i], 0xa5);
	}
	assert_int_equal(put(p.c, &m, true, 0, out, len), len);
	pair_close(&p);
}

/* The last key that was named has a form, and no other. */
static void a_form_is_for_one_key(void **state)
{
	uint8_t out[2048];
	struct pair p = pair_open(0);
	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		struct message m = { MESSAGE_ENCRYPT, keys[i], NULL, 0, view_of(data, 10), 0, 0 };
		assert_int_equal(message_check(p.c, &m), COFFER_OK);
		assert_false(has_form(p.c, &m, false));
		assert_true(put(p.c, &m, false, 0, out, sizeof out) > 0);
		assert_true(has_form(p.c, &m, false));
		assert_false(has_form(p.c, &m, true));
	}
	pair_close(&p);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_form_gives_the_bytes_that_writing_gives),
		cmocka_unit_test(a_form_that_does_not_fit_is_a_failure),
		cmocka_unit_test(a_form_is_for_one_key),
	};
	const char *seed = getenv("COFFER_SEED");
	unsigned begun = seed ? (unsigned)strtoul(seed, NULL, 0) : (unsigned)time(NULL);
	random_state = begun;
	memset(longest_name, 'n', COFFER_NAME_MAX);
	for (size_t i = 0; i < sizeof data; i++) data[i] = (uint8_t)any(256);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	if (failed) print_message("again with COFFER_SEED=%u\n", begun);
	return failed;
}
