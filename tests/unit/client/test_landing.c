/* Large results of single calls: they go to the caller's memory as they come, and are judged as strictly as all others. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <linux/sockios.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "unit/client/pair.h"

#define UUID "11111111-2222-3333-4444-555555555555"
#define LARGE CONN_ASIDE_MIN
#define FILL 0xee /* of the caller's memory before */

static uint8_t sealed[LARGE + 4096] = "sealed";
static uint8_t answer[LARGE + 8192], plain[LARGE + 4096], out[LARGE + 4096];
static size_t out_len;

/* The answer to an Open of `len` bytes of `plain`. */
static struct view opened(const char *uuid, size_t len)
{
	struct writer w;
	writer_init(&w, answer, sizeof answer);
	struct kmip_response_mark message = kmip_response_begin(&w, KMIP_VERSION_HIGHEST, 1700000000, view_of(NULL, 0), view_of(NULL, 0));
	struct kmip_item_mark item = kmip_item_begin(&w, &(struct kmip_item_id){ .operation = OPERATION_COFFER_OPEN });
	ttlv_put_str(&w, TAG_UNIQUE_IDENTIFIER, uuid);
	ttlv_put_bytes(&w, TAG_COFFER_PLAINTEXT, view_of(plain, len));
	kmip_item_end(&w, item);
	kmip_response_end(&w, message, 1);
	assert_int_equal(writer_done(&w), ERR_OK);
	return writer_view(&w);
}

/* The answer that refuses it. */
static struct view refused(const char *sentence)
{
	struct writer w;
	writer_init(&w, answer, sizeof answer);
	struct kmip_response_mark message = kmip_response_begin(&w, KMIP_VERSION_HIGHEST, 1700000000, view_of(NULL, 0), view_of(NULL, 0));
	kmip_item_fail(&w, &(struct kmip_item_id){ .operation = OPERATION_COFFER_OPEN }, ERR_STATE, sentence, true);
	kmip_response_end(&w, message, 1);
	assert_int_equal(writer_done(&w), ERR_OK);
	return writer_view(&w);
}

static enum coffer_status call(const struct pair *p)
{
	memset(out, FILL, sizeof out);
	out_len = 7;
	return coffer_decrypt(p->c, NULL, 0, sealed, LARGE + COFFER_MESSAGE_OVERHEAD, out, sizeof out, &out_len);
}

/* A connection that knows how such an answer begins; what was asked is taken from the other end. */
static void forget_requests(const struct pair *p)
{
	static uint8_t request[2 * LARGE];
	while (recv(p->peer, request, sizeof request, 0) > 0) continue;
}

static struct pair known(void)
{
	struct pair p = pair_open(0);
	pair_say(&p, opened(UUID, LARGE), false);
	assert_int_equal(call(&p), COFFER_OK);
	forget_requests(&p);
	return p;
}

static bool holds(const struct wire *w, const uint8_t *bytes, size_t len)
{
	return w->ptr && memmem(w->ptr, w->cap, bytes, len);
}

/* The first `begun` bytes of the caller's memory are `with`, the others untouched. */
static void assert_out(size_t begun, uint8_t with)
{
	for (size_t i = 0; i < begun; i++) assert_int_equal(out[i], with);
	for (size_t i = begun; i < sizeof out; i++) assert_int_equal(out[i], FILL);
}

static void assert_result(size_t len)
{
	assert_int_equal(out_len, len);
	assert_memory_equal(out, plain, len);
	for (size_t i = len; i < sizeof out; i++) assert_int_equal(out[i], FILL);
}

static int setup(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof plain; i++) plain[i] = (uint8_t)(i * 7 + i / 251 + 1);
	return 0;
}

/* Of every length, with every padding; none of it stands in the connection's memory, not even for a moment: it is not wiped there. */
static void nothing_of_it_stands_in_the_connection(void **state)
{
	struct pair p = known();
	(void)state;
	for (size_t more = 0; more <= 17; more++) {
		pair_say(&p, opened(UUID, LARGE + more), false);
		memset(p.c->in.ptr, FILL, p.c->in.cap);
		assert_int_equal(call(&p), COFFER_OK);
		assert_result(LARGE + more);
		for (size_t i = p.c->in.cap - 1; i > 1024; i--) assert_int_equal(p.c->in.ptr[i], FILL);
		assert_int_equal(wire_total(&p.c->in), 0);
		assert_false(holds(&p.c->in, plain, 16));
		forget_requests(&p);
	}
	pair_close(&p);
}

/* Whatever else comes is read as it always was, and so is what comes after it. */
static void another_answer(struct view bytes, enum coffer_status status, const char *sentence, size_t len)
{
	static uint8_t copy[sizeof answer];
	memcpy(copy, bytes.ptr, bytes.len);
	struct pair p = known(); /* which needs `answer` */
	pair_say(&p, view_of(copy, bytes.len), false);
	assert_int_equal(call(&p), status);
	if (status) {
		assert_out(0, 0);
		assert_int_equal(out_len, 7);
		assert_string_equal(coffer_error(p.c), sentence);
	} else {
		assert_result(len);
	}
	forget_requests(&p);
	pair_say(&p, opened(UUID, LARGE + 1), false);
	assert_int_equal(call(&p), COFFER_OK);
	assert_result(LARGE + 1);
	pair_close(&p);
}

static void a_refusal(void **state)
{
	(void)state;
	another_answer(refused("no"), COFFER_ESTATE, "no", 0);
	static char sentence[400];
	memset(sentence, 'n', sizeof sentence - 1);
	another_answer(refused(sentence), COFFER_ESTATE, sentence, 0);
}

static void the_answer_of_another_key(void **state)
{
	(void)state;
	another_answer(opened("99999999-2222-3333-4444-555555555555", LARGE + 3), COFFER_OK, NULL, LARGE + 3);
	another_answer(opened("short", LARGE + 3), COFFER_OK, NULL, LARGE + 3);
	another_answer(opened(UUID "-" UUID, LARGE), COFFER_OK, NULL, LARGE);
}

static void a_result_without_room(void **state)
{
	struct pair p = known();
	(void)state;
	pair_say(&p, opened(UUID, LARGE), false);
	memset(out, FILL, sizeof out);
	assert_int_equal(coffer_decrypt(p.c, NULL, 0, sealed, LARGE + COFFER_MESSAGE_OVERHEAD, out, LARGE - 1, &out_len), COFFER_ENOSPACE);
	assert_out(0, 0);
	forget_requests(&p);
	pair_say(&p, opened(UUID, LARGE), false);
	assert_int_equal(coffer_decrypt(p.c, NULL, 0, sealed, LARGE + COFFER_MESSAGE_OVERHEAD, out, LARGE, &out_len), COFFER_OK);
	assert_result(LARGE);
	pair_close(&p);
}

/* Broken off, at each byte around the head's end and the result's. */
static void an_answer_that_breaks_off(void **state)
{
	struct pair p = known();
	size_t head = (size_t)p.c->forms.header.len + p.c->forms.answers[1].alone.len, whole = opened(UUID, LARGE + 3).len;
	(void)state;
	pair_close(&p);
	assert_int_equal(whole, head + LARGE + 8);
	size_t places[48], count = 0;
	for (size_t at = 0; at < 16; at++) {
		places[count++] = head - 8 + at;
		places[count++] = whole - 1 - at;
		places[count++] = head + 1000 * at;
	}
	for (size_t i = 0; i < count; i++) {
		size_t came = places[i] < head ? 0 : places[i] - head;
		p = known();
		pair_say(&p, view_of(opened(UUID, LARGE + 3).ptr, places[i]), true);
		assert_int_equal(call(&p), COFFER_ECLOSED);
		assert_out(came < LARGE + 3 ? came : LARGE + 3, 0);
		assert_int_equal(out_len, 7);
		assert_int_equal(call(&p), COFFER_ECLOSED);
		assert_out(0, 0);
		pair_close(&p);
	}
}

static void an_answer_that_does_not_end(void **state)
{
	struct pair p = known();
	(void)state;
	p.c->timeout_ms = 50;
	pair_say(&p, view_of(opened(UUID, LARGE).ptr, LARGE), false);
	assert_int_equal(call(&p), COFFER_ETIMEOUT);
	assert_int_equal(out_len, 7);
	for (size_t i = 0; i < sizeof out; i++) assert_true(out[i] == 0 || out[i] == FILL);
	assert_int_equal(out[0], 0);
	pair_close(&p);
}

static void padding_that_is_not_zero(void **state)
{
	(void)state;
	for (size_t i = 1; i <= 5; i++) {
		struct pair p = known();
		struct view bytes = opened(UUID, LARGE + 3);
		answer[bytes.len - i] = 1;
		pair_say(&p, bytes, false);
		assert_int_equal(call(&p), COFFER_EPROTOCOL);
		assert_out(LARGE + 3, 0);
		assert_int_equal(call(&p), COFFER_ECLOSED);
		pair_close(&p);
	}
}

/* Each single byte of the head but the time stamp, and each length but the right one: none is taken for an answer like the one before. */
static void a_head_with_a_changed_byte(void **state)
{
	struct pair p = known();
	size_t time_at = p.c->forms.header.time_at, head = (size_t)p.c->forms.header.len + p.c->forms.answers[1].alone.len;
	(void)state;
	pair_close(&p);
	for (size_t i = 0; i < head; i++) {
		p = known();
		struct view bytes = opened(UUID, LARGE);
		answer[i] ^= 1;
		pair_say(&p, bytes, true);
		enum coffer_status st = call(&p);
		if (i >= time_at && i < time_at + 8) assert_int_equal(st, COFFER_OK);
		if (st) assert_out(0, 0);
		else assert_result(LARGE);
		pair_close(&p);
	}
}

/* A message may be opened where it lies; when that fails it lies there still. */
static void a_message_that_is_opened_where_it_lies(void **state)
{
	static uint8_t box[LARGE + 4096];
	size_t len, in_len = LARGE + COFFER_MESSAGE_OVERHEAD;
	(void)state;
	for (size_t from = 0; from <= COFFER_MESSAGE_OVERHEAD; from += COFFER_MESSAGE_OVERHEAD) {
		struct pair p = known();
		memcpy(box, sealed, in_len);
		pair_say(&p, opened(UUID, LARGE), false);
		assert_int_equal(coffer_decrypt(p.c, NULL, 0, box, in_len, box + from, LARGE, &len), COFFER_OK);
		assert_memory_equal(box + from, plain, LARGE);
		memcpy(box, sealed, in_len);
		pair_say(&p, view_of(opened(UUID, LARGE).ptr, LARGE), true);
		assert_int_equal(coffer_decrypt(p.c, NULL, 0, box, in_len, box + from, LARGE, &len), COFFER_ECLOSED);
		assert_memory_equal(box, sealed, in_len);
		pair_close(&p);
	}
}

struct drip {
	int peer;
	struct view bytes;
	size_t first; /* so many bytes, and the others when these were taken */
};

static void *say_in_two(void *arg)
{
	const struct drip *d = arg;
	int queued = 1;
	if (send(d->peer, d->bytes.ptr, d->first, MSG_NOSIGNAL) != (ssize_t)d->first) abort();
	for (long turns = 0; queued && turns < 100000000; turns++) { /* bounded */
		if (ioctl(d->peer, SIOCOUTQ, &queued) != 0) abort();
		sched_yield();
	}
	size_t rest = d->bytes.len - d->first;
	if (send(d->peer, d->bytes.ptr + d->first, rest, MSG_NOSIGNAL) != (ssize_t)rest) abort();
	return NULL;
}

static void an_answer_in_two_pieces(void **state)
{
	struct pair p = known();
	size_t head = (size_t)p.c->forms.header.len + p.c->forms.answers[1].alone.len;
	struct view bytes = opened(UUID, LARGE + 3);
	const size_t firsts[] = { 1, 7, 8, 9, head - 1, head, head + 1, head + LARGE / 2, head + LARGE + 2, head + LARGE + 3, head + LARGE + 4, head + LARGE + 7 };
	(void)state;
	assert_int_equal(bytes.len, head + LARGE + 8);
	for (size_t i = 0; i < sizeof firsts / sizeof firsts[0]; i++) {
		pthread_t thread;
		struct drip d = { p.peer, bytes, firsts[i] };
		assert_int_equal(pthread_create(&thread, NULL, say_in_two, &d), 0);
		assert_int_equal(call(&p), COFFER_OK);
		assert_int_equal(pthread_join(thread, NULL), 0);
		assert_result(LARGE + 3);
		forget_requests(&p);
	}
	pair_close(&p);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_of_it_stands_in_the_connection),
		cmocka_unit_test(a_refusal),
		cmocka_unit_test(the_answer_of_another_key),
		cmocka_unit_test(a_result_without_room),
		cmocka_unit_test(an_answer_that_breaks_off),
		cmocka_unit_test(an_answer_that_does_not_end),
		cmocka_unit_test(padding_that_is_not_zero),
		cmocka_unit_test(a_head_with_a_changed_byte),
		cmocka_unit_test(a_message_that_is_opened_where_it_lies),
		cmocka_unit_test(an_answer_in_two_pieces),
	};
	return cmocka_run_group_tests(tests, setup, NULL);
}
