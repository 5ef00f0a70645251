/* RNG Retrieve and RNG Seed: limits, and what the configuration makes of a seed. */
#include <stdlib.h>
#include <string.h>

#include "unit/ops/fixture.h"

static uint32_t seed(struct fix *f, unsigned uid, size_t len, int32_t *out_used)
{
	struct ask a;
	struct answer answer;
	uint8_t *bytes = malloc(len ? len : 1);
	assert_non_null(bytes);
	memset(bytes, 0x33, len);
	ask_begin(&a, &(struct ask_header){ .count = 1, .plain = true });
	ask_item(&a, OPERATION_RNG_SEED, 1);
	ttlv_put_bytes(&a.w, TAG_DATA, view_of(bytes, len));
	ask_item_end(&a, NULL);
	ask_end(&a);
	free(bytes);
	fix_send(f, uid, &a, &answer);
	struct kmip_response_item *item = &answer.response.items[0];
	uint32_t reason = item->reason;
	*out_used = -1;
	if (item->err == ERR_OK) {
		assert_int_equal(ttlv_take_i32(&item->payload, TAG_DATA_LENGTH, out_used), ERR_OK);
		assert_int_equal(ttlv_done(&item->payload), ERR_OK);
	}
	answer_free(&answer);
	return reason;
}

static void seed_is_taken_ignored_or_refused_as_configured(void **state)
{
	struct fix *f = *state;
	int32_t used;
	assert_int_equal(seed(f, ADMIN, 32, &used), 0);
	assert_int_equal(used, 32);
	f->config.rng_seed = CONFIG_SEED_IGNORE;
	assert_int_equal(seed(f, ADMIN, 32, &used), 0);
	assert_int_equal(used, 0);
	f->config.rng_seed = CONFIG_SEED_REFUSE;
	uint64_t rows = fix_audit_rows(f);
	assert_int_equal(seed(f, ADMIN, 32, &used), RESULT_REASON_PERMISSION_DENIED);
	assert_int_equal(fix_audit_rows(f), rows + 1);
}

static void seed_needs_the_permission_and_has_limits(void **state)
{
	static const struct { size_t len; uint32_t reason; } cases[] = {
		{ 0, RESULT_REASON_INVALID_FIELD }, { 1, 0 }, { 4096, 0 }, { 4097, 0 }, { 65536, 0 }, { 65537, RESULT_REASON_INVALID_FIELD },
	};
	struct fix *f = *state;
	int32_t used;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		assert_int_equal(seed(f, ADMIN, cases[i].len, &used), cases[i].reason);
		assert_int_equal(used, cases[i].reason ? -1 : (int32_t)cases[i].len);
	}
	assert_int_equal(seed(f, STRANGER, 32, &used), RESULT_REASON_PERMISSION_DENIED);
}

static uint32_t retrieve(struct fix *f, int32_t len, uint8_t *out)
{
	struct ask a;
	struct answer answer;
	struct view bytes;
	ask_begin(&a, &(struct ask_header){ .count = 1, .plain = true });
	ask_item(&a, OPERATION_RNG_RETRIEVE, 1);
	ttlv_put_i32(&a.w, TAG_DATA_LENGTH, len);
	ask_item_end(&a, NULL);
	ask_end(&a);
	fix_send(f, ADMIN, &a, &answer);
	struct kmip_response_item *item = &answer.response.items[0];
	uint32_t reason = item->reason;
	if (item->err == ERR_OK) {
		assert_int_equal(ttlv_take_bytes(&item->payload, TAG_DATA, &bytes), ERR_OK);
		assert_int_equal(bytes.len, len);
		if (out) memcpy(out, bytes.ptr, bytes.len);
	}
	answer_free(&answer);
	return reason;
}

static void retrieve_has_limits_and_never_repeats(void **state)
{
	static const int32_t refused[] = { INT32_MIN, -1, 0, 65537, INT32_MAX };
	struct fix *f = *state;
	uint8_t a[32], b[32];
	int32_t used;
	for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
		assert_int_equal(retrieve(f, refused[i], NULL), RESULT_REASON_INVALID_FIELD);
	assert_int_equal(retrieve(f, 65536, NULL), 0);
	/* The same seed before both: it adds to the state and does not replace it. */
	assert_int_equal(seed(f, ADMIN, 32, &used), 0);
	assert_int_equal(retrieve(f, sizeof a, a), 0);
	assert_int_equal(seed(f, ADMIN, 32, &used), 0);
	assert_int_equal(retrieve(f, sizeof b, b), 0);
	assert_memory_not_equal(a, b, sizeof a);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fix_start, fix_stop)
	const struct CMUnitTest tests[] = {
		T(seed_is_taken_ignored_or_refused_as_configured), T(seed_needs_the_permission_and_has_limits),
		T(retrieve_has_limits_and_never_repeats),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
