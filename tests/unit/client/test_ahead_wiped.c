/* Operations sent ahead: what the connection had of their plaintext is wiped when none is under way any more, however they ended. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "unit/client/pair.h"

#define SECRET "it is a secret: 23 bytes"
#define COUNT 8u

static const uint8_t sealed[COFFER_MESSAGE_OVERHEAD + 100] = "sealed";
static uint8_t answer[1024];

/* The answer to one Open; times: so often in it. */
static struct view opened(unsigned times)
{
	struct writer w;
	writer_init(&w, answer, sizeof answer);
	struct kmip_response_mark message = kmip_response_begin(&w, KMIP_VERSION_HIGHEST, 1700000000, view_of(NULL, 0), view_of(NULL, 0));
	for (unsigned i = 0; i < times; i++) {
		struct kmip_item_mark item = kmip_item_begin(&w, &(struct kmip_item_id){ .operation = OPERATION_COFFER_OPEN });
		ttlv_put_str(&w, TAG_UNIQUE_IDENTIFIER, "11111111-2222-3333-4444-555555555555");
		ttlv_put_bytes(&w, TAG_COFFER_PLAINTEXT, view_of(SECRET, sizeof SECRET - 1));
		kmip_item_end(&w, item);
	}
	kmip_response_end(&w, message, times);
	assert_int_equal(writer_done(&w), ERR_OK);
	return writer_view(&w);
}

static unsigned times_in(const struct wire *w)
{
	unsigned times = 0;
	const uint8_t *at = w->ptr, *end = w->ptr + w->cap;
	while (at && (at = memmem(at, (size_t)(end - at), SECRET, sizeof SECRET - 1))) {
		times++;
		at++;
	}
	return times;
}

static void assert_nothing_stays(const struct pair *p)
{
	assert_int_equal(coffer_under_way(p->c), 0);
	assert_int_equal(times_in(&p->c->in) + times_in(&p->c->out), 0);
}

/* Each in a message of its own. */
static struct pair opening(unsigned count)
{
	struct pair p = pair_open(1);
	for (unsigned i = 0; i < count; i++) assert_int_equal(coffer_decrypt_send(p.c, NULL, 0, sealed, sizeof sealed), COFFER_OK);
	return p;
}

static enum coffer_status collect(const struct pair *p)
{
	uint8_t out[256];
	size_t len;
	return coffer_collect(p->c, out, sizeof out, &len);
}

static void after_the_last_one(void **state)
{
	struct pair p = opening(COUNT);
	(void)state;
	for (unsigned i = 0; i < COUNT; i++) pair_say(&p, opened(1), false);
	for (unsigned i = 0; i < COUNT; i++) assert_int_equal(collect(&p), COFFER_OK);
	assert_nothing_stays(&p);
	pair_close(&p);
}

/* Only what is looked at stays, and that until the next call, whatever it is. */
static void after_the_last_look(void **state)
{
	const void *view;
	size_t len;
	struct pair p = opening(COUNT);
	(void)state;
	for (unsigned i = 0; i < COUNT; i++) pair_say(&p, opened(1), false);
	for (unsigned i = 0; i < COUNT; i++) assert_int_equal(coffer_collect_view(p.c, &view, &len), COFFER_OK);
	assert_int_equal(times_in(&p.c->in), 1);
	assert_memory_equal(view, SECRET, len);
	assert_int_equal(coffer_collect_view(p.c, &view, &len), COFFER_ESTATE);
	assert_nothing_stays(&p);
	pair_close(&p);
}

/* Two operations: the first one's answer is good, and then comes this, and the end. */
static void ends_with(struct view second, enum coffer_status status)
{
	uint8_t bytes[sizeof answer];
	struct pair p = opening(2);
	memcpy(bytes, second.ptr, second.len);
	pair_say(&p, opened(1), false);
	pair_say(&p, view_of(bytes, second.len), true);
	assert_int_equal(collect(&p), COFFER_OK);
	assert_true(times_in(&p.c->in) > 0);
	assert_int_equal(collect(&p), status);
	assert_nothing_stays(&p);
	pair_close(&p);
}

static void after_half_an_answer(void **state)
{
	struct view half = opened(1);
	(void)state;
	half.len -= 16; /* all of the secret is in it */
	ends_with(half, COFFER_ECLOSED);
}

static void after_an_answer_that_is_none(void **state)
{
	(void)state;
	ends_with(opened(2), COFFER_EPROTOCOL); /* two items, where one was asked for */
}

/* What was only gathered when the connection broke. */
static void after_what_was_never_sent(void **state)
{
	struct pair p = opening(2);
	(void)state;
	pair_say(&p, opened(1), false);
	pair_say(&p, opened(2), false);
	assert_int_equal(collect(&p), COFFER_OK); /* both answers are read, and nobody looks whether there are more */
	assert_int_equal(coffer_encrypt_send(p.c, "disk", NULL, 0, SECRET, sizeof SECRET - 1), COFFER_OK);
	assert_int_equal(times_in(&p.c->out), 1);
	assert_int_equal(collect(&p), COFFER_EPROTOCOL);
	assert_int_equal(collect(&p), COFFER_ECLOSED);
	assert_nothing_stays(&p);
	pair_close(&p);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(after_the_last_one),
		cmocka_unit_test(after_the_last_look),
		cmocka_unit_test(after_half_an_answer),
		cmocka_unit_test(after_an_answer_that_is_none),
		cmocka_unit_test(after_what_was_never_sent),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
