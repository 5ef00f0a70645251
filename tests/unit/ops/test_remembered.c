/* What a worker remembers of the request before (kmip/alike.h) and of the cipher that a key served (kmip_cipher_choose) ends with what it stands on:
 * the very same message is judged anew. */
#include <stdlib.h>
#include <string.h>

#include "kmip/alike.h"
#include "kmip/values.h"
#include "test_arena.h"
#include "unit/ops/attrs.h"
#include "unit/ops/vendor.h"

#define USER 4003u
#define ROOM 4096u /* bytes, of an answer: as a worker lends it (ops/again.h) */

struct remembered {
	struct fix *f;
	char id[UUID_TEXT_LEN + 1];
	struct kmip_request room;
	struct kmip_alike alike;
	struct ask same;
};

static void ask_same(struct remembered *s, bool lists_twice)
{
	ask_one(&s->same, OPERATION_ENCRYPT);
	ask_id(&s->same, s->id);
	struct ttlv_mark mark = ttlv_begin(&s->same.w, TAG_CRYPTOGRAPHIC_PARAMETERS);
	ttlv_put_enum(&s->same.w, TAG_BLOCK_CIPHER_MODE, BLOCK_CIPHER_MODE_GCM);
	ttlv_put_bool(&s->same.w, TAG_RANDOM_IV, true);
	ttlv_end(&s->same.w, mark);
	for (int i = lists_twice ? 2 : 1; i > 0; i--) ttlv_put_bytes(&s->same.w, TAG_DATA, view_str("sixteen bytes..."));
	ask_item_end(&s->same, NULL);
	ask_end(&s->same);
}

/* As a worker runs it: how many items of the message were done. What has to go to another thread to be refused is not served. */
static unsigned items_for(struct remembered *s, unsigned uid)
{
	unsigned done = 0;
	struct principal who;
	struct kmip_response response;
	struct request r = { .engine = &s->f->engine, .streams = s->f->streams, .principal = &who };
	principal_from_uid(uid, 1, &who);
	request_begin(&r);
	assert_int_equal(buf_reserve(&r.answer, ROOM), ERR_OK);
	r.lent_frame = buf_view(&s->same.frame);
	r.lent_parsed = &s->room;
	r.lent_alike = &s->alike;
	assert_int_equal(request_classify(&r), ERR_OK);
	bool served = request_run(&r, s->f->worker, NULL) == ERR_OK;
	if (served) {
		assert_int_equal(kmip_response_parse(request_answer(&r), NULL, &response, NULL), ERR_OK);
		for (size_t i = 0; i < response.count; i++) done += response.items[i].err == ERR_OK;
	}
	request_done(&r);
	return done;
}

static bool is_served(struct remembered *s, unsigned uid)
{
	return items_for(s, uid) > 0;
}

static unsigned served_items(struct remembered *s)
{
	return items_for(s, ADMIN);
}

static void assert_remembered(struct remembered *s)
{
	struct answer answer;
	struct ask first;
	ask_one(&first, OPERATION_ENCRYPT); /* sets invocations aside, on the store lane */
	ask_id(&first, s->id);
	struct ttlv_mark mark = ttlv_begin(&first.w, TAG_CRYPTOGRAPHIC_PARAMETERS);
	ttlv_put_enum(&first.w, TAG_BLOCK_CIPHER_MODE, BLOCK_CIPHER_MODE_GCM);
	ttlv_put_bool(&first.w, TAG_RANDOM_IV, true);
	ttlv_end(&first.w, mark);
	ttlv_put_bytes(&first.w, TAG_DATA, view_str("data"));
	ask_item_end(&first, NULL);
	ask_end(&first);
	fix_send(s->f, ADMIN, &first, &answer);
	answer_free(&answer);
	uint64_t answered = again_answered(s->f->worker);
	for (unsigned i = 0; i < 4; i++) assert_true(is_served(s, ADMIN));
	assert_true(again_answered(s->f->worker) >= answered + 2);
	assert_int_equal(s->alike.frame_len, s->same.frame.len);
	assert_int_equal(s->alike.known_payloads, 1);
}

static void list_mode(struct given *g, uint32_t mode)
{
	kmip_params_put(given_new(g), TAG_ATTRIBUTE_VALUE, &(struct kmip_params){ .has_block_cipher_mode = true, .block_cipher_mode = mode });
}

static void parameters_of_the_key_hold_at_once(void **state)
{
	struct remembered *s = *state;
	struct given g;
	assert_remembered(s);
	list_mode(&g, BLOCK_CIPHER_MODE_CBC);
	assert_int_equal(attr_add(s->f, s->id, "Cryptographic Parameters", &g), 0);
	assert_false(is_served(s, ADMIN));
	list_mode(&g, BLOCK_CIPHER_MODE_GCM);
	assert_int_equal(attr_modify(s->f, s->id, "Cryptographic Parameters", &g), 0);
	assert_remembered(s);
}

static void a_revoked_key_serves_no_more(void **state)
{
	struct remembered *s = *state;
	assert_remembered(s);
	assert_int_equal(fix_revoke(s->f, ADMIN, s->id, REVOCATION_REASON_CODE_UNSPECIFIED), ERR_OK);
	assert_false(is_served(s, ADMIN));
}

static enum coffer_err take_grant(struct fix *f)
{
	struct ask a;
	struct answer answer;
	ask_one(&a, OPERATION_COFFER_REVOKE_GRANT);
	ttlv_put_str(&a.w, TAG_COFFER_PRINCIPAL, "unix:4003");
	ttlv_put_str(&a.w, TAG_COFFER_ROLE, "key-user");
	enum coffer_err err = vendor_send(f, ADMIN, &a, &answer);
	answer_free(&answer);
	return err;
}

/* What one principal may, another one may not because of it; and a grant that is taken back is gone. */
static void leave_is_asked_for_each_time(void **state)
{
	struct remembered *s = *state;
	assert_remembered(s);
	assert_false(is_served(s, USER));
	assert_true(is_served(s, ADMIN));
	fix_give(s->f, USER, ROLE_KEY_USER, "");
	assert_true(is_served(s, USER));
	assert_int_equal(take_grant(s->f), ERR_OK);
	assert_false(is_served(s, USER));
	assert_true(is_served(s, ADMIN));
}

/* The id of the key that Seal used; false: it was not served. */
static bool seal_by_name(struct remembered *s, const char *name, char out_id[static UUID_TEXT_LEN + 1])
{
	struct principal who;
	struct kmip_response response;
	struct ttlv_item id;
	struct ask a;
	struct request r = { .engine = &s->f->engine, .streams = s->f->streams, .principal = &who };
	principal_from_uid(ADMIN, 1, &who);
	ask_one(&a, OPERATION_COFFER_SEAL);
	ttlv_put_str(&a.w, TAG_COFFER_KEY_NAME, name);
	ttlv_put_bytes(&a.w, TAG_COFFER_PLAINTEXT, view_str("text"));
	ask_item_end(&a, NULL);
	ask_end(&a);
	request_begin(&r);
	assert_int_equal(buf_reserve(&r.answer, ROOM), ERR_OK);
	r.lent_frame = buf_view(&a.frame);
	r.lent_parsed = &s->room;
	r.lent_alike = &s->alike;
	assert_int_equal(request_classify(&r), ERR_OK);
	bool served = request_run(&r, s->f->worker, NULL) == ERR_OK;
	if (served) {
		assert_int_equal(kmip_response_parse(request_answer(&r), NULL, &response, NULL), ERR_OK);
		served = response.items[0].err == ERR_OK;
	}
	if (served) {
		assert_int_equal(ttlv_take(&response.items[0].payload, TAG_UNIQUE_IDENTIFIER, &id), ERR_OK);
		assert_int_equal(id.value.len, UUID_TEXT_LEN);
		memcpy(out_id, id.value.ptr, UUID_TEXT_LEN);
		out_id[UUID_TEXT_LEN] = '\0';
	}
	request_done(&r);
	buf_free(&a.frame);
	return served;
}

static void a_name_is_the_key_s_that_has_it_now(void **state)
{
	struct remembered *s = *state;
	char other[UUID_TEXT_LEN + 1], used[UUID_TEXT_LEN + 1];
	struct given g;
	fix_create(s->f, ADMIN, &(struct key_wish){ .name = "other" }, other);
	for (unsigned i = 0; i < 3; i++) assert_true(seal_by_name(s, "remembered", used));
	assert_string_equal(used, s->id);
	given_name(&g, "renamed");
	assert_int_equal(attr_modify(s->f, s->id, "Name", &g), 0);
	assert_false(seal_by_name(s, "remembered", used));
	given_name(&g, "remembered");
	assert_int_equal(attr_modify(s->f, other, "Name", &g), 0);
	for (unsigned i = 0; i < 2; i++) assert_true(seal_by_name(s, "remembered", used));
	assert_string_equal(used, other);
	assert_int_equal(fix_revoke(s->f, ADMIN, other, REVOCATION_REASON_CODE_KEY_COMPROMISE), ERR_OK);
	assert_false(seal_by_name(s, "remembered", used));
	assert_int_equal(fix_simple(s->f, ADMIN, OPERATION_DESTROY, other), ERR_OK);
	assert_false(seal_by_name(s, "remembered", used));
	fix_create(s->f, ADMIN, &(struct key_wish){ .name = "remembered" }, other);
	assert_true(seal_by_name(s, "remembered", used));
	assert_string_equal(used, other);
}

/* A payload that is not in order is not taken for one that was. */
static void a_field_that_stands_twice_is_refused_each_time(void **state)
{
	struct remembered *s = *state;
	assert_remembered(s);
	buf_free(&s->same.frame);
	ask_same(s, true);
	for (unsigned i = 0; i < 3; i++) assert_false(is_served(s, ADMIN));
	assert_int_equal(s->alike.known_payloads, 0);
}

/* A batch of two: whether its second item has a field twice. */
static void ask_two(struct remembered *s, bool lists_twice)
{
	buf_free(&s->same.frame);
	ask_begin(&s->same, &(struct ask_header){ .count = 2, .continuation = BATCH_ERROR_CONTINUATION_OPTION_CONTINUE });
	for (uint8_t i = 0; i < 2; i++) {
		ask_item(&s->same, OPERATION_COFFER_SEAL, i);
		ask_id(&s->same, s->id);
		ttlv_put_bytes(&s->same.w, TAG_COFFER_PLAINTEXT, view_str("text"));
		if (i && lists_twice) ttlv_put_bytes(&s->same.w, TAG_COFFER_PLAINTEXT, view_str("text"));
		ask_item_end(&s->same, NULL);
	}
	ask_end(&s->same);
}

/* That one item of a batch is in order says nothing about the next. */
static void each_item_of_a_batch_is_looked_at(void **state)
{
	struct remembered *s = *state;
	assert_remembered(s);
	ask_two(s, false);
	for (unsigned i = 0; i < 3; i++) assert_int_equal(served_items(s), 2);
	assert_int_equal(s->alike.known_payloads, 3);
	ask_two(s, true);
	for (unsigned i = 0; i < 3; i++) assert_int_equal(served_items(s), 1);
	assert_int_equal(s->alike.known_payloads, 1);
}

static int start(void **state)
{
	struct remembered *s = calloc(1, sizeof *s);
	if (!s || fix_start((void **)&s->f) != 0) return -1;
	fix_create(s->f, ADMIN, &(struct key_wish){ .name = "remembered" }, s->id);
	ask_same(s, false);
	*state = s;
	return 0;
}

static int stop(void **state)
{
	struct remembered *s = *state;
	void *f = s->f;
	kmip_alike_done(&s->alike);
	buf_free(&s->same.frame);
	int failed = fix_stop(&f);
	free(s);
	return failed;
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, start, stop)
	const struct CMUnitTest tests[] = {
		CASE(parameters_of_the_key_hold_at_once),
		CASE(a_revoked_key_serves_no_more),
		CASE(leave_is_asked_for_each_time),
		CASE(a_name_is_the_key_s_that_has_it_now),
		CASE(a_field_that_stands_twice_is_refused_each_time),
		CASE(each_item_of_a_batch_is_looked_at),
	};
	return cmocka_run_group_tests(tests, setup_arena, NULL);
}
