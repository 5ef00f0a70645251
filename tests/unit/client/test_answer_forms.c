/* Forms of answers: holding an answer against one gives what reading gives, and nothing secret stays behind. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "client/message.h"
#include "unit/client/pair.h"

#define ITEMS 4u
#define FRAMES_MAX 4096u
#define TIME_AT 64u /* of the Time Stamp's value in an answer */
#define SECRET "it is a secret: 23 bytes"

/* What is asked for, and how long the results are. */
static const enum message_op asked[ITEMS] = { MESSAGE_ENCRYPT, MESSAGE_DECRYPT, MESSAGE_ENCRYPT, MESSAGE_REWRAP };
static const size_t lengths[ITEMS] = { 16, 5, 80, 0 };

enum way { BATCH, ALONE, ONE_BY_ONE, WAYS };

/* The answers: one frame, or one for each item. */
struct answers {
	uint8_t bytes[FRAMES_MAX];
	size_t len;
	bool hole[FRAMES_MAX];  /* may differ from what was read before */
	size_t begin[ITEMS];    /* of the frame with this item */
};

static void put_item(struct answers *a, struct writer *w, unsigned i, bool named, const uint8_t *data, size_t len)
{
	static const uint32_t operations[] = { OPERATION_COFFER_SEAL, OPERATION_COFFER_OPEN, OPERATION_COFFER_REWRAP };
	uint8_t number = (uint8_t)i;
	struct kmip_item_id id = { .operation = operations[asked[i]], .has_unique_id = named, .unique_id = view_of(&number, 1) };
	struct kmip_item_mark item = kmip_item_begin(w, &id);
	ttlv_put_str(w, TAG_UNIQUE_IDENTIFIER, "11111111-2222-3333-4444-555555555555");
	if (asked[i] != MESSAGE_DECRYPT) ttlv_put_i32(w, TAG_COFFER_KEY_VERSION, 7);
	memset(a->hole + writer_len(w) + TTLV_HEADER_LEN, true, len);
	ttlv_put_bytes(w, asked[i] == MESSAGE_DECRYPT ? TAG_COFFER_PLAINTEXT : TAG_COFFER_SEALED_DATA, view_of(data, len));
	kmip_item_end(w, item);
}

/* Good answers; more: bytes by which the results are longer. */
static struct view make(struct answers *a, enum way way, size_t more)
{
	static const uint8_t plain[256] = SECRET, sealed[256] = "sealed";
	struct kmip_response_mark message = { .batch_count = { 0 } };
	struct writer w;
	memset(a, 0, sizeof *a);
	writer_init(&w, a->bytes, sizeof a->bytes);
	for (unsigned i = 0; i < ITEMS; i++) {
		bool first = i == 0 || way != BATCH, last = i + 1 == ITEMS || way != BATCH;
		a->begin[i] = first ? writer_len(&w) : 0;
		if (first) {
			message = kmip_response_begin(&w, KMIP_VERSION_HIGHEST, 1700000000, view_of(NULL, 0), view_of(NULL, 0));
			memset(a->hole + a->begin[i] + TIME_AT, true, 8);
		}
		put_item(a, &w, i, way == BATCH, asked[i] == MESSAGE_DECRYPT ? plain : sealed, lengths[i] + more);
		if (last) kmip_response_end(&w, message, way == BATCH ? ITEMS : 1);
	}
	assert_int_equal(writer_done(&w), ERR_OK);
	a->len = writer_len(&w);
	return view_of(a->bytes, a->len);
}

/* How the operations ended. */
struct outcome {
	enum coffer_status status[ITEMS];
	size_t len[ITEMS];
	uint8_t out[ITEMS][512];
	char text[ITEMS][CONN_TEXT_MAX];
	bool alike[ITEMS]; /* sent ahead: it was not read */
};

static struct message question(unsigned i)
{
	static const uint8_t plain[COFFER_MESSAGE_OVERHEAD + 100] = SECRET, sealed[sizeof plain] = "sealed";
	bool seal = asked[i] == MESSAGE_ENCRYPT;
	return (struct message){ asked[i], seal ? "k" : NULL, NULL, 0, view_of(seal ? plain : sealed, sizeof plain), 0, 0 };
}

static enum coffer_status send_one(struct coffer *c, const struct message *m)
{
	if (m->op == MESSAGE_ENCRYPT) return coffer_encrypt_send(c, m->key, NULL, 0, m->in.ptr, m->in.len);
	return (m->op == MESSAGE_DECRYPT ? coffer_decrypt_send : coffer_rewrap_send)(c, NULL, 0, m->in.ptr, m->in.len);
}

static enum coffer_status do_one(struct coffer *c, const struct message *m, struct outcome *o, unsigned i)
{
	if (m->op == MESSAGE_ENCRYPT) return coffer_encrypt(c, m->key, NULL, 0, m->in.ptr, m->in.len, o->out[i], sizeof o->out[i], &o->len[i]);
	return (m->op == MESSAGE_DECRYPT ? coffer_decrypt : coffer_rewrap)(c, NULL, 0, m->in.ptr, m->in.len, o->out[i], sizeof o->out[i], &o->len[i]);
}

/* The answers were said already. */
static void ask(struct coffer *c, enum way way, struct outcome *o)
{
	memset(o, 0, sizeof *o);
	for (unsigned i = 0; i < ITEMS && way != ONE_BY_ONE; i++) {
		struct message m = question(i);
		assert_int_equal(send_one(c, &m), COFFER_OK);
	}
	for (unsigned i = 0; i < ITEMS; i++) {
		struct message m = question(i);
		if (c->queue.frame_len == 0) c->queue.alike = false;
		o->status[i] = way == ONE_BY_ONE ? do_one(c, &m, o, i) : coffer_collect(c, o->out[i], sizeof o->out[i], &o->len[i]);
		o->alike[i] = c->queue.alike;
		memcpy(o->text[i], coffer_error(c), CONN_TEXT_MAX);
	}
}

static uint32_t batch_of(enum way way)
{
	return way == ALONE ? 1 : 0;
}

/* A connection that knows `forms` and is answered this. */
static void attempt(enum way way, const struct message_forms *forms, struct view answers, struct outcome *out, struct message_forms *out_forms)
{
	struct pair p = pair_open(batch_of(way));
	p.c->forms = *forms;
	pair_say(&p, answers, true);
	ask(p.c, way, out);
	if (out_forms) *out_forms = p.c->forms;
	pair_close(&p);
}

static const struct message_forms nothing;

static void learn(enum way way, struct message_forms *out)
{
	static struct answers good;
	static struct outcome o;
	attempt(way, &nothing, make(&good, way, 0), &o, out);
	for (unsigned i = 0; i < ITEMS; i++) {
		assert_int_equal(o.status[i], COFFER_OK);
		assert_int_equal(o.len[i], lengths[i]);
	}
}

/* Who knows `forms` and who reads everything are answered this; at: what was changed in it. Returns how it ended for the former. */
static const struct outcome *both(enum way way, const struct message_forms *forms, struct view answers, size_t at)
{
	static struct outcome with, without;
	attempt(way, forms, answers, &with, NULL);
	attempt(way, &nothing, answers, &without, NULL);
	for (unsigned i = 0; i < ITEMS; i++)
		if (with.status[i] != without.status[i] || with.len[i] != without.len[i] || memcmp(with.out[i], without.out[i], sizeof with.out[i]) != 0 ||
		    strcmp(with.text[i], without.text[i]) != 0)
			fail_msg("with byte %zu changed operation %u ends with %d, and when it is read with %d", at, i, with.status[i], without.status[i]);
	return &with;
}

/* The item whose answer is no more what it was. */
static unsigned item_at(const struct answers *a, enum way way, size_t at)
{
	unsigned i = 0;
	while (way != BATCH && i + 1 < ITEMS && at >= a->begin[i + 1]) i++;
	return i;
}

/* Every byte, changed in three ways: in a hole it is taken as it is; anywhere else the answer is read, and ends as it ends for who knows no forms. */
static void an_answer_is_alike_only_when_every_fixed_byte_is(void **state)
{
	static struct answers a;
	static struct message_forms forms;
	(void)state;
	for (enum way way = BATCH; way < WAYS; way++) {
		learn(way, &forms);
		struct view frames = make(&a, way, 0);
		for (size_t at = 0; at < a.len; at++) {
			for (unsigned change = 0; change < 3; change++) {
				static const uint8_t bits[] = { 1, 0x80, 0x07 };
				a.bytes[at] ^= bits[change];
				const struct outcome *o = both(way, &forms, frames, at);
				a.bytes[at] ^= bits[change];
				if (way != ONE_BY_ONE) assert_int_equal(o->alike[item_at(&a, way, at)], a.hole[at]);
			}
		}
	}
}

/* Other results, of any length, are alike; what is cut off is not. */
static void results_of_any_length_are_alike(void **state)
{
	static struct answers a;
	static struct message_forms forms;
	(void)state;
	for (enum way way = BATCH; way < WAYS; way++) {
		learn(way, &forms);
		for (size_t more = 0; more < 40; more++) {
			const struct outcome *o = both(way, &forms, make(&a, way, more), 0);
			for (unsigned i = 0; i < ITEMS; i++) {
				assert_int_equal(o->status[i], COFFER_OK);
				assert_int_equal(o->len[i], lengths[i] + more);
				assert_true(way == ONE_BY_ONE || o->alike[i]);
			}
		}
		struct view frames = make(&a, way, 0);
		for (size_t len = 0; len < a.len; len++) both(way, &forms, view_of(frames.ptr, len), len);
	}
}

/* A batch of more or fewer items than were asked for, all of them like what was read before. */
static void the_number_of_items_has_to_be_right(void **state)
{
	static struct answers a;
	static struct message_forms forms;
	static uint8_t longer[2 * FRAMES_MAX];
	(void)state;
	learn(BATCH, &forms);
	make(&a, BATCH, 0);
	size_t item = 88, first = (size_t)be64_get(a.bytes + item) & UINT32_MAX;
	memcpy(longer, a.bytes, a.len);
	memcpy(longer + a.len, a.bytes + item, TTLV_HEADER_LEN + first); /* the first one again */
	for (int more = 0; more < 2; more++) {
		size_t len = more ? a.len + TTLV_HEADER_LEN + first : a.len - (TTLV_HEADER_LEN + first);
		if (!more) memmove(longer + item, a.bytes + item + TTLV_HEADER_LEN + first, len - item);
		else memcpy(longer, a.bytes, a.len);
		for (uint8_t said = ITEMS - 1; said <= ITEMS + 1; said++) {
			be64_put(longer, (uint64_t)TAG_RESPONSE_MESSAGE << 40 | (uint64_t)TTLV_STRUCTURE << 32 | (len - TTLV_HEADER_LEN));
			longer[item - 5] = said;
			assert_false(both(BATCH, &forms, view_of(longer, len), said)->alike[0]);
		}
	}
}

/* Seals as many and collects them in order: each is what pair_say_sealed says, or all end with this status. */
static void seal_many(const struct pair *p, unsigned count, uint8_t first, enum coffer_status status)
{
	uint8_t out[16], expected[sizeof out];
	size_t len = 0;
	for (unsigned i = 0; i < count; i++) assert_int_equal(coffer_encrypt_send(p->c, "k", NULL, 0, "data", 4), COFFER_OK);
	for (unsigned i = 0; i < count; i++) {
		memset(expected, first + (int)i, sizeof expected);
		assert_int_equal(coffer_collect(p->c, out, sizeof out, &len), i && status ? COFFER_ECLOSED : status);
		if (status) continue;
		assert_int_equal(len, sizeof out);
		assert_memory_equal(out, expected, sizeof out);
	}
}

/* One item needs no number. Where there are more, those without one are refused, though the one alone was like them. */
static void items_of_a_batch_have_numbers(void **state)
{
	(void)state;
	for (unsigned numbered = 0; numbered < 2; numbered++) {
		struct pair p = pair_open(0);
		for (unsigned i = 0; i < 2; i++) {
			pair_say_sealed(&p, 1, false, 'a', 16);
			seal_many(&p, 1, 'a', COFFER_OK);
		}
		pair_say_sealed(&p, 2, numbered, 'b', 16);
		seal_many(&p, 2, 'b', numbered ? COFFER_OK : COFFER_EPROTOCOL);
		pair_close(&p);
	}
}

static bool holds(const void *memory, size_t len)
{
	return len && memmem(memory, len, SECRET, sizeof SECRET - 1);
}

static void assert_nothing_secret_in(const struct coffer *c)
{
	assert_false(holds(c, sizeof *c) || holds(c->in.ptr, c->in.cap) || holds(c->out.ptr, c->out.cap));
}

/* Plaintext that was looked at where it lies is there until the next call. */
static void look(const struct pair *p, enum way way)
{
	static struct answers a;
	const void *view;
	size_t len;
	pair_say(p, make(&a, way, 100), false);
	for (unsigned i = 0; i < ITEMS; i++) {
		struct message m = question(i);
		assert_int_equal(send_one(p->c, &m), COFFER_OK);
	}
	for (unsigned i = 0; i < ITEMS; i++) {
		assert_int_equal(coffer_collect_view(p->c, &view, &len), COFFER_OK);
		assert_true(asked[i] != MESSAGE_DECRYPT || holds(view, len));
	}
	assert_int_equal(coffer_flush(p->c), COFFER_OK);
}

/* Nothing is written over its request. */
static void seal_once(const struct pair *p)
{
	static struct answers a;
	static struct outcome o;
	struct message m = question(0);
	make(&a, ONE_BY_ONE, 0);
	pair_say(p, view_of(a.bytes, a.begin[1]), false);
	assert_int_equal(do_one(p->c, &m, &o, 0), COFFER_OK);
}

/* Plaintext goes out with two of the operations, and comes back with one; in the first round everything is written and read, then forms are used. */
static void nothing_secret_stays(void **state)
{
	static struct answers a;
	static struct outcome o;
	(void)state;
	for (enum way way = BATCH; way < WAYS; way++) {
		struct pair p = pair_open(batch_of(way));
		for (unsigned round = 0; round < 3; round++) {
			pair_say(&p, make(&a, way, 100), false);
			ask(p.c, way, &o);
			assert_true(holds(o.out[1], o.len[1]));
			assert_true(way == ONE_BY_ONE || o.alike[1] == (round > 0));
			assert_nothing_secret_in(p.c);
			if (way == ONE_BY_ONE) seal_once(&p);
			else look(&p, way);
			assert_nothing_secret_in(p.c);
		}
		pair_close(&p);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_is_alike_only_when_every_fixed_byte_is),
		cmocka_unit_test(results_of_any_length_are_alike),
		cmocka_unit_test(the_number_of_items_has_to_be_right),
		cmocka_unit_test(items_of_a_batch_have_numbers),
		cmocka_unit_test(nothing_secret_stays),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
