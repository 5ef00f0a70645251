/* Messages that come again and again. */
#include "unit/ops/again_turn.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define ROOM (256u * 1024u)

bool again_ask(struct again_test *t, enum way way, const struct ask *a)
{
	struct principal who;
	struct request r = { .engine = &t->f->engine, .streams = t->f->streams, .principal = &who };
	principal_from_uid(ADMIN, 1, &who);
	request_begin(&r);
	buf_clear(&t->answer);
	t->answer.len = r.answer_at = t->before;
	if (t->before) memset(t->answer.ptr, 0x5a, t->before);
	r.answer = t->answer;
	r.lent_frame = buf_view(&a->frame);
	r.lent_parsed = &t->room;
	r.lent_alike = way == REPEAT ? &t->alike : NULL;
	assert_int_equal(request_classify(&r), ERR_OK);
	bool served = request_run(&r, t->f->worker, NULL) == ERR_OK;
	t->answer = r.answer;
	r.answer = BUF_EMPTY;
	request_done(&r);
	return served;
}

struct view again_answer(const struct again_test *t)
{
	return view_of(t->answer.ptr + t->before, t->answer.len - t->before);
}

unsigned again_went_well(const struct again_test *t, struct kmip_response *out)
{
	unsigned well = 0;
	assert_int_equal(kmip_response_parse(again_answer(t), NULL, out, NULL), ERR_OK);
	for (size_t i = 0; i < out->count; i++) well += out->items[i].err == ERR_OK;
	return well;
}

struct view again_field(const struct kmip_response *response, size_t item, uint32_t tag)
{
	struct ttlv_cursor payload = response->items[item].payload;
	struct ttlv_item found;
	while (ttlv_next(&payload, &found))
		if (found.tag == tag) return found.value;
	return view_of(NULL, 0);
}

static void put_gcm(struct ask *a, bool random_iv)
{
	struct ttlv_mark mark = ttlv_begin(&a->w, TAG_CRYPTOGRAPHIC_PARAMETERS);
	ttlv_put_enum(&a->w, TAG_BLOCK_CIPHER_MODE, BLOCK_CIPHER_MODE_GCM);
	if (random_iv) ttlv_put_bool(&a->w, TAG_RANDOM_IV, true);
	ttlv_end(&a->w, mark);
}

static void begin(struct ask *a, unsigned items)
{
	if (items > 1) ask_begin(a, &(struct ask_header){ .count = items });
}

static void begin_item(struct ask *a, unsigned items, uint32_t operation, unsigned i)
{
	if (items > 1) ask_item(a, operation, (uint8_t)i);
	else ask_one(a, operation);
}

struct view again_text(uint8_t *bytes, size_t len, unsigned n)
{
	for (size_t i = 0; i < len; i++) bytes[i] = (uint8_t)(i * 7 + n * 31 + i / 251);
	return view_of(bytes, len);
}

void again_protect(struct again_test *t, struct ask *a, bool seals, unsigned items, size_t len, unsigned n)
{
	static uint8_t bytes[AGAIN_TEXT_MAX];
	begin(a, items);
	for (unsigned i = 0; i < items; i++) {
		begin_item(a, items, seals ? OPERATION_COFFER_SEAL : OPERATION_ENCRYPT, i);
		ask_id(a, t->id);
		if (seals) vendor_put_context(a, "app", "test");
		else put_gcm(a, true);
		ttlv_put_bytes(&a->w, seals ? TAG_COFFER_PLAINTEXT : TAG_DATA, again_text(bytes, len, n + i));
		if (!seals) ttlv_put_bytes(&a->w, TAG_AUTHENTICATED_ENCRYPTION_ADDITIONAL_DATA, again_text(bytes, 13, n + i + 5));
		ask_item_end(a, NULL);
	}
	ask_end(a);
}

void again_back(struct again_test *t, struct ask *a, const struct kmip_response *of, bool seals, unsigned n)
{
	uint8_t bytes[16];
	unsigned items = (unsigned)of->count;
	begin(a, items);
	for (unsigned i = 0; i < items; i++) {
		begin_item(a, items, seals ? OPERATION_COFFER_OPEN : OPERATION_DECRYPT, i);
		if (seals) {
			vendor_put_context(a, "app", "test");
			ttlv_put_bytes(&a->w, TAG_COFFER_SEALED_DATA, again_field(of, i, TAG_COFFER_SEALED_DATA));
		} else {
			ask_id(a, t->id);
			put_gcm(a, false);
			ttlv_put_bytes(&a->w, TAG_DATA, again_field(of, i, TAG_DATA));
			ttlv_put_bytes(&a->w, TAG_IV_COUNTER_NONCE, again_field(of, i, TAG_IV_COUNTER_NONCE));
			ttlv_put_bytes(&a->w, TAG_AUTHENTICATED_ENCRYPTION_ADDITIONAL_DATA, again_text(bytes, 13, n + i + 5));
			ttlv_put_bytes(&a->w, TAG_AUTHENTICATED_ENCRYPTION_TAG, again_field(of, i, TAG_AUTHENTICATED_ENCRYPTION_TAG));
		}
		ask_item_end(a, NULL);
	}
	ask_end(a);
}

void again_use_once(struct again_test *t)
{
	struct ask a;
	struct answer answer;
	again_protect(t, &a, false, 1, 16, 0);
	fix_send(t->f, ADMIN, &a, &answer);
	answer_free(&answer);
}

void again_assert_shape(struct view a, struct view b)
{
	struct ttlv_cursor x = ttlv_cursor_of(a), y = ttlv_cursor_of(b);
	struct ttlv_item p, q;
	while (ttlv_next(&x, &p)) {
		assert_true(ttlv_next(&y, &q));
		assert_int_equal(p.tag, q.tag);
		assert_int_equal(p.type, q.type);
		assert_int_equal(p.value.len, q.value.len);
		if (p.type == TTLV_STRUCTURE) again_assert_shape(p.value, q.value);
		else if (p.type != TTLV_BYTES) assert_memory_equal(p.value.ptr, q.value.ptr, p.value.len);
	}
	assert_false(ttlv_next(&y, &q));
	assert_int_equal(x.err, ERR_OK);
}

int again_start(void **state)
{
	struct again_test *t = calloc(1, sizeof *t);
	if (!t || fix_start((void **)&t->f) != 0 || buf_reserve(&t->answer, ROOM) != ERR_OK) return -1;
	t->f->engine.bulk = bulk_new();
	if (!t->f->engine.bulk) return -1;
	fix_create(t->f, ADMIN, &(struct key_wish){ .name = "again" }, t->id);
	fix_create(t->f, ADMIN, &(struct key_wish){ .name = "other" }, t->other);
	again_use_once(t);
	*state = t;
	return 0;
}

int again_stop(void **state)
{
	struct again_test *t = *state;
	void *f = t->f;
	kmip_alike_done(&t->alike);
	buf_free(&t->answer);
	struct bulk *bulk = t->f->engine.bulk;
	int failed = fix_stop(&f);
	bulk_free(bulk);
	free(t);
	return failed;
}
