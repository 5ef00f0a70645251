/* Answers that are given without running the request (ops/again.h), where something changes while they are gathered, or a part of a message fails. */
#include <string.h>

#include "base/cleanup.h"
#include "crypto/aead_internal.h"
#include "kmip/values.h"
#include "test_arena.h"
#include "unit/ops/again_turn.h"

/* ---- a key that changes while its cipher runs ---- */

static struct again_test *changes; /* whose key; NULL: it stays */
static unsigned changes_at, calls;

/* As another thread does it that changes the object: the snapshot that is in use is not the newest any more. */
static void change_key(void)
{
	if (!changes || calls++ != changes_at) return;
	uint8_t id[UUID_LEN];
	assert_int_equal(text_parse_uuid(view_str(changes->id), id), ERR_OK);
	struct object *old = object_table_get(changes->f->engine.objects, id);
	struct object *new = object_copy(old);
	assert_non_null(new);
	new->record_version++;
	assert_int_equal(object_table_publish(changes->f->engine.objects, new), ERR_OK);
	object_unref(old);
	object_unref(new);
}

static enum coffer_err changing_seal(struct aead_key *k, const uint8_t *new_key, const uint8_t *nonce, const struct view *aad, size_t aad_count,
	struct view pt, uint8_t *out_ct, uint8_t *out_tag)
{
	change_key();
	return aead_openssl.seal(k, new_key, nonce, aad, aad_count, pt, out_ct, out_tag);
}

static enum coffer_err changing_open(struct aead_key *k, const uint8_t *new_key, const uint8_t *nonce, const struct view *aad, size_t aad_count,
	struct view ct, const uint8_t *tag, uint8_t *out_pt)
{
	change_key();
	return aead_openssl.open(k, new_key, nonce, aad, aad_count, ct, tag, out_pt);
}

/* Every item of the message is answered well, whichever of its times the key changes at. */
static void change_at_each(struct again_test *t, const struct ask *a, unsigned items)
{
	struct kmip_response response;
	for (changes_at = 0; changes_at < 6 * items; changes_at++) {
		changes = t;
		calls = 0;
		kmip_alike_forget(&t->alike);
		for (unsigned i = 0; i < 6; i++) {
			if (!again_ask(t, REPEAT, a)) again_use_once(t);
			else assert_int_equal(again_went_well(t, &response), items);
		}
		changes = NULL;
	}
}

static void a_key_may_change_while_its_cipher_runs(void **state)
{
	struct again_test *t = *state;
	struct ask a, back;
	struct kmip_response response;
	for (unsigned k = 0; k < 4; k++) {
		bool seals = k % 2;
		unsigned items = 1 + k / 2;
		again_protect(t, &a, seals, items, 40, 0);
		assert_true(again_ask(t, RUN, &a));
		assert_int_equal(again_went_well(t, &response), items);
		again_back(t, &back, &response, seals, 0);
		change_at_each(t, &a, items);
		change_at_each(t, &back, items);
		buf_free(&a.frame);
		buf_free(&back.frame);
	}
}

/* ---- batches that fail in part ---- */

static void put_gcm(struct ask *a)
{
	struct ttlv_mark mark = ttlv_begin(&a->w, TAG_CRYPTOGRAPHIC_PARAMETERS);
	ttlv_put_enum(&a->w, TAG_BLOCK_CIPHER_MODE, BLOCK_CIPHER_MODE_GCM);
	ttlv_put_bool(&a->w, TAG_RANDOM_IV, true);
	ttlv_end(&a->w, mark);
}

static void ask_mixed(struct again_test *t, struct ask *a, const struct kmip_response *sealed, uint32_t items, uint32_t most, uint32_t continuation)
{
	static const uint8_t text[48];
	ask_begin(a, &(struct ask_header){ .count = items, .max_response = most, .continuation = continuation, .plain = true });
	ask_item(a, OPERATION_ENCRYPT, 0);
	ask_id(a, t->id);
	put_gcm(a);
	ttlv_put_bytes(&a->w, TAG_DATA, view_of(text, sizeof text));
	ask_item_end(a, NULL);
	ask_item(a, OPERATION_COFFER_OPEN, 1);
	vendor_put_context(a, "app", "test");
	ttlv_put_bytes(&a->w, TAG_COFFER_SEALED_DATA, again_field(sealed, 0, TAG_COFFER_SEALED_DATA));
	ask_item_end(a, NULL);
	if (items > 2) {
		ask_item(a, OPERATION_COFFER_SEAL, 2);
		ask_id(a, t->id);
		ttlv_put_bytes(&a->w, TAG_COFFER_PLAINTEXT, view_of(text, 1));
		ask_item_end(a, NULL);
	}
	ask_end(a);
}

/* Whatever does not fit into the answer is refused as a run refuses it. */
static void each_size_of_an_answer_has_the_results_of_a_run(void **state)
{
	static const uint32_t continuations[] = { 0, BATCH_ERROR_CONTINUATION_OPTION_CONTINUE };
	struct again_test *t = *state;
	AUTO_BUF struct buf by_run = BUF_EMPTY;
	struct ask first, a;
	struct kmip_response sealed;
	uint64_t before = again_answered(t->f->worker);
	again_protect(t, &first, true, 1, 1, 0);
	assert_true(again_ask(t, RUN, &first));
	AUTO_BUF struct buf kept = BUF_EMPTY;
	assert_int_equal(buf_append(&kept, again_answer(t)), ERR_OK);
	assert_int_equal(kmip_response_parse(buf_view(&kept), NULL, &sealed, NULL), ERR_OK);
	for (uint32_t most = 200; most < 700; most++) {
		for (unsigned c = 0; c < 4; c++) {
			ask_mixed(t, &a, &sealed, 2 + c / 2, most, continuations[c % 2]);
			while (!again_ask(t, RUN, &a)) again_use_once(t);
			buf_clear(&by_run);
			assert_int_equal(buf_append(&by_run, again_answer(t)), ERR_OK);
			t->alike.missed = 0; /* else batches are kept now and then only */
			for (unsigned i = 0; i < 4; i++) {
				while (!again_ask(t, REPEAT, &a)) again_use_once(t);
				again_assert_shape(again_answer(t), buf_view(&by_run));
			}
			buf_free(&a.frame);
		}
	}
	assert_true(again_answered(t->f->worker) > before);
	buf_free(&first.frame);
}

/* What was written of it is gone, and a run says what is wrong. */
static void of_a_batch_with_a_forged_item_nothing_stays_behind_the_answer(void **state)
{
	struct again_test *t = *state;
	struct ask a, back;
	struct kmip_response response;
	t->before = 100;
	again_protect(t, &a, false, 2, 2000, 0);
	assert_true(again_ask(t, RUN, &a));
	assert_int_equal(again_went_well(t, &response), 2);
	again_back(t, &back, &response, false, 0);
	uint8_t tag[AEAD_TAG_LEN];
	memcpy(tag, again_field(&response, 0, TAG_AUTHENTICATED_ENCRYPTION_TAG).ptr, sizeof tag);
	for (unsigned i = 0; i < 4; i++) {
		assert_true(again_ask(t, REPEAT, &back));
		assert_int_equal(again_went_well(t, &response), 2);
	}
	uint64_t answered = again_answered(t->f->worker);
	assert_true(answered > 0);
	uint8_t *forged = memmem(back.frame.ptr, back.frame.len, tag, sizeof tag);
	assert_non_null(forged);
	*forged ^= 1;
	assert_true(again_ask(t, REPEAT, &back));
	assert_int_equal(again_answered(t->f->worker), answered);
	assert_int_equal(again_went_well(t, &response), 0);
	for (size_t i = 0; i < t->before; i++) assert_int_equal(t->answer.ptr[i], 0x5a);
	for (size_t i = t->answer.len; i < t->answer.cap; i++) assert_int_equal(t->answer.ptr[i], 0);
	buf_free(&a.frame);
	buf_free(&back.frame);
}

/* Behind others, and where it does not fit: then it is run, and the room grows. */
static void an_answer_stands_behind_others_or_finds_no_room(void **state)
{
	struct again_test *t = *state;
	struct ask a;
	struct kmip_response response;
	again_protect(t, &a, true, 1, 100, 0);
	for (unsigned i = 0; i < 4; i++) assert_true(again_ask(t, REPEAT, &a));
	size_t len = t->answer.len, cap = t->answer.cap;
	uint64_t answered = again_answered(t->f->worker);
	t->before = cap - len;
	assert_true(again_ask(t, REPEAT, &a));
	assert_int_equal(again_went_well(t, &response), 1);
	assert_int_equal(again_answered(t->f->worker), answered + 1);
	assert_int_equal(t->answer.cap, cap);
	t->before++;
	assert_true(again_ask(t, REPEAT, &a));
	assert_int_equal(again_went_well(t, &response), 1);
	assert_int_equal(again_answered(t->f->worker), answered + 1);
	buf_free(&a.frame);
}

static int start_changing(void **state)
{
	static struct aead_engine engine;
	engine = aead_openssl;
	engine.seal = changing_seal;
	engine.open = changing_open;
	aead_engine_use(&engine);
	return again_start(state);
}

static int stop_changing(void **state)
{
	int failed = again_stop(state);
	aead_engine_use(&aead_openssl);
	return failed;
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, again_start, again_stop)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_key_may_change_while_its_cipher_runs, start_changing, stop_changing),
		CASE(each_size_of_an_answer_has_the_results_of_a_run),
		CASE(of_a_batch_with_a_forged_item_nothing_stays_behind_the_answer),
		CASE(an_answer_stands_behind_others_or_finds_no_room),
	};
	return cmocka_run_group_tests(tests, setup_arena, NULL);
}
