/* Usage Limits and operations in parts: every part counts, refused parts end what is under way, and so does a transaction that fails. */
#include "unit/ops/crypt.h"
#include "unit/ops/life.h"

#include "ops/kmip_usage.h"

#define CTR_RANDOM { .has_block_cipher_mode = true, .block_cipher_mode = BLOCK_CIPHER_MODE_CTR, .has_random_iv = true, .random_iv = true }

static const struct kmip_params ctr = CTR_RANDOM,
	hmac = { .has_cryptographic_algorithm = true, .cryptographic_algorithm = CRYPTOGRAPHIC_ALGORITHM_HMAC_SHA256 };
static const uint8_t text[64];

static const struct {
	uint32_t operation;
	const struct kmip_params *params;
} verbs[] = { { OPERATION_ENCRYPT, &ctr }, { OPERATION_MAC, &hmac } };

static void limited(struct fix *f, const char *name, int64_t total, uint32_t unit, char id[static UUID_TEXT_LEN + 1])
{
	struct life_key key = { .name = name, .activation_s = NOW_S,
		.mask = CRYPTOGRAPHIC_USAGE_MASK_ENCRYPT | CRYPTOGRAPHIC_USAGE_MASK_MAC_GENERATE,
		.has_limits = true, .limits = { .has_total = true, .total = total, .has_unit = true, .unit = unit } };
	life_create(f, &key, id);
}

static enum coffer_err first(struct fix *f, size_t verb, const char *id, size_t len, struct crypted *out)
{
	crypt_send(f, &(struct crypt){ .operation = verbs[verb].operation, .id = id, .params = verbs[verb].params, .data = view_of(text, len),
		.init = true }, out);
	return out->err;
}

static enum coffer_err next(struct fix *f, size_t verb, const char *id, size_t len, bool final, const struct crypted *begun)
{
	struct crypted out;
	crypt_send(f, &(struct crypt){ .operation = verbs[verb].operation, .id = id, .data = view_of(text, len), .final = final,
		.correlation = crypt_view(&begun->correlation) }, &out);
	return out.err;
}

static void every_part_counts_its_bytes(void **state)
{
	static const char *const names[] = { "encrypts", "macs" };
	struct fix *f = *state;
	struct crypted begun;
	char id[UUID_TEXT_LEN + 1];
	for (size_t verb = 0; verb < 2; verb++) {
		limited(f, names[verb], 60, USAGE_LIMITS_UNIT_BYTE, id);
		assert_int_equal(first(f, verb, id, 10, &begun), ERR_OK);
		assert_int_equal(life_rest(f, id), 50);
		assert_int_equal(next(f, verb, id, 20, false, &begun), ERR_OK);
		assert_int_equal(next(f, verb, id, 0, true, &begun), ERR_OK);
		assert_int_equal(life_rest(f, id), 30);
		assert_int_equal(first(f, verb, id, 10, &begun), ERR_OK);
		assert_int_not_equal(next(f, verb, id, 21, false, &begun), ERR_OK);
		assert_int_equal(next(f, verb, id, 1, true, &begun), ERR_NOT_FOUND); /* that ended it */
		assert_int_equal(life_rest(f, id), 20);
	}
}

static void parts_together_are_one_object(void **state)
{
	static const char *const names[] = { "encrypts", "macs" };
	struct fix *f = *state;
	struct crypted begun;
	char id[UUID_TEXT_LEN + 1];
	for (size_t verb = 0; verb < 2; verb++) {
		limited(f, names[verb], 1, USAGE_LIMITS_UNIT_OBJECT, id);
		assert_int_equal(first(f, verb, id, 10, &begun), ERR_OK);
		assert_int_equal(life_rest(f, id), 0);
		assert_int_equal(next(f, verb, id, 10, false, &begun), ERR_OK);
		assert_int_equal(next(f, verb, id, 10, true, &begun), ERR_OK);
		assert_int_not_equal(first(f, verb, id, 10, &begun), ERR_OK);
	}
}

/* The transaction of a part fails: its client never gets the answer, so the whole cannot go on. */
static void a_part_that_is_not_durable_ends_the_whole(void **state)
{
	struct fix *f = *state;
	struct crypted begun;
	struct ask a;
	struct request r = { .engine = &f->engine, .streams = f->streams };
	char id[UUID_TEXT_LEN + 1];
	limited(f, "k", 60, USAGE_LIMITS_UNIT_BYTE, id);
	assert_int_equal(first(f, 0, id, 10, &begun), ERR_OK);
	ask_one(&a, OPERATION_ENCRYPT);
	ask_id(&a, id);
	ttlv_put_bytes(&a.w, TAG_DATA, view_of(text, 5));
	ttlv_put_bytes(&a.w, TAG_CORRELATION_VALUE, crypt_view(&begun.correlation));
	ask_item_end(&a, NULL);
	ask_end(&a);
	r.frame = a.frame;
	struct principal asks;
	principal_from_uid(ADMIN, 1, &asks);
	r.principal = &asks;
	assert_int_equal(request_classify(&r), ERR_OK);
	assert_int_equal(request_run(&r, f->worker, NULL), ERR_NOT_CACHED);
	assert_true(r.rerun_on_store);
	assert_int_equal(txn_begin(f->engine.txn, NULL), ERR_OK);
	assert_int_equal(request_run(&r, f->store_local, f->engine.txn), ERR_OK);
	txn_abort(f->engine.txn);
	request_done(&r);
	assert_int_equal(next(f, 0, id, 5, true, &begun), ERR_NOT_FOUND);
	assert_int_equal(life_rest(f, id), 50);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fix_start, fix_stop)
	const struct CMUnitTest tests[] = {
		T(every_part_counts_its_bytes), T(parts_together_are_one_object), T(a_part_that_is_not_durable_ends_the_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
