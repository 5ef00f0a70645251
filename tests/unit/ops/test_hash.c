/* Hash, whole and in parts. */
#include "unit/ops/crypt.h"

#include <string.h>

#define SHA_256_ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define SHA_256_EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static const struct kmip_params sha_256 = { .has_hashing_algorithm = true, .hashing_algorithm = HASHING_ALGORITHM_SHA_256 };

static void hash_gives_the_digest_of_each_algorithm_or_refuses(void **state)
{
	static const struct { uint32_t algorithm; const char *digest; } cases[] = {
		{ HASHING_ALGORITHM_SHA_1, "a9993e364706816aba3e25717850c26c9cd0d89d" },
		{ HASHING_ALGORITHM_SHA_224, "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7" }, { HASHING_ALGORITHM_SHA_256, SHA_256_ABC },
		{ HASHING_ALGORITHM_SHA_512_256, "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23" },
		{ HASHING_ALGORITHM_SHA3_256, "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532" },
		{ HASHING_ALGORITHM_MD5, NULL }, { HASHING_ALGORITHM_RIPEMD_160, NULL },
	};
	struct fix *f = *state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct kmip_params p = { .has_hashing_algorithm = true, .hashing_algorithm = cases[i].algorithm };
		struct crypted out;
		crypt_send(f, &(struct crypt){ .operation = OPERATION_HASH, .params = &p, .data = view_str("abc"), .minor = 2 }, &out);
		assert_int_equal(out.err, cases[i].digest ? ERR_OK : ERR_UNSUPPORTED);
		if (cases[i].digest) crypt_assert_hex(&out.data, cases[i].digest);
	}
}

static void hash_asks_for_what_it_needs(void **state)
{
	static const struct kmip_params none = { .has_block_cipher_mode = true, .block_cipher_mode = BLOCK_CIPHER_MODE_CBC };
	struct fix *f = *state;
	assert_int_equal(crypt_reason(f, &(struct crypt){ .operation = OPERATION_HASH, .data = view_str("abc") }), RESULT_REASON_MISSING_DATA);
	assert_int_equal(crypt_reason(f, &(struct crypt){ .operation = OPERATION_HASH, .params = &none, .data = view_str("abc") }),
		RESULT_REASON_MISSING_DATA);
	assert_int_equal(crypt_reason(f, &(struct crypt){ .operation = OPERATION_HASH, .params = &sha_256 }), RESULT_REASON_MISSING_DATA);
	assert_int_equal(crypt_reason(f, &(struct crypt){ .operation = OPERATION_HASH, .params = &sha_256, .data = view_str("abc"), .init = true,
		.minor = 2 }), RESULT_REASON_INVALID_FIELD); /* 1.2 knows no parts */
}

/* Sends a part; its Correlation Value is that of `before`, unless that is NULL. */
static void part(struct fix *f, const char *data, const struct crypted *before, bool final, struct crypted *out)
{
	struct crypt c = { .operation = OPERATION_HASH, .params = &sha_256, .init = before == NULL, .final = final };
	if (data) c.data = view_str(data);
	if (before) c.correlation = crypt_view(&before->correlation);
	crypt_send(f, &c, out);
}

static void parts_together_have_the_digest_of_the_whole(void **state)
{
	struct fix *f = *state;
	struct crypted first, next, last;
	part(f, "a", NULL, false, &first);
	assert_int_equal(first.err, ERR_OK);
	assert_int_equal(first.correlation.len, 16);
	assert_false(first.data.there);
	part(f, "b", &first, false, &next);
	assert_int_equal(next.err, ERR_OK);
	assert_true(view_equal(crypt_view(&next.correlation), crypt_view(&first.correlation)));
	part(f, "c", &first, true, &last);
	assert_int_equal(last.err, ERR_OK);
	assert_false(last.correlation.there);
	crypt_assert_hex(&last.data, SHA_256_ABC);
	part(f, "c", &first, true, &last); /* over is over */
	assert_int_equal(last.err, ERR_NOT_FOUND);
	part(f, NULL, NULL, false, &first);
	part(f, NULL, &first, true, &last);
	crypt_assert_hex(&last.data, SHA_256_EMPTY);
	part(f, "abc", NULL, true, &last); /* Init and Final together: the whole */
	assert_false(last.correlation.there);
	crypt_assert_hex(&last.data, SHA_256_ABC);
}

static void steps_that_make_no_sense_are_refused(void **state)
{
	static const struct kmip_params sha_512 = { .has_hashing_algorithm = true, .hashing_algorithm = HASHING_ALGORITHM_SHA_512 };
	struct fix *f = *state;
	struct crypted first, out;
	struct crypt c = { .operation = OPERATION_HASH, .params = &sha_256, .data = view_str("a"), .final = true };
	assert_int_equal(crypt_reason(f, &c), RESULT_REASON_MISSING_DATA); /* final without a beginning */
	part(f, "a", NULL, false, &first);
	c = (struct crypt){ .operation = OPERATION_HASH, .params = &sha_256, .data = view_str("a"), .init = true, .correlation = crypt_view(&first.correlation) };
	assert_int_equal(crypt_reason(f, &c), RESULT_REASON_INVALID_FIELD); /* two beginnings */
	c = (struct crypt){ .operation = OPERATION_HASH, .correlation = crypt_view(&first.correlation) };
	assert_int_equal(crypt_reason(f, &c), RESULT_REASON_MISSING_DATA); /* a middle part without data */
	c = (struct crypt){ .operation = OPERATION_HASH, .params = &sha_512, .data = view_str("b"), .correlation = crypt_view(&first.correlation) };
	assert_int_equal(crypt_reason(f, &c), RESULT_REASON_INVALID_FIELD); /* another algorithm; that was its end */
	part(f, "b", &first, false, &out);
	assert_int_equal(out.err, ERR_NOT_FOUND);
}

static void a_part_belongs_to_operation_principal_and_connection(void **state)
{
	struct fix *f = *state;
	struct crypted first, out;
	char id[UUID_TEXT_LEN + 1];
	part(f, "a", NULL, false, &first);
	struct crypt c = { .operation = OPERATION_HASH, .data = view_str("b"), .correlation = crypt_view(&first.correlation), .uid = OTHER };
	assert_int_equal(crypt_reason(f, &c), RESULT_REASON_ITEM_NOT_FOUND);
	crypt_key(f, CRYPTOGRAPHIC_ALGORITHM_HMAC_SHA256, 128, "000102030405060708090a0b0c0d0e0f", NULL, id);
	c = (struct crypt){ .operation = OPERATION_MAC, .id = id, .data = view_str("b"), .correlation = crypt_view(&first.correlation) };
	assert_int_equal(crypt_reason(f, &c), RESULT_REASON_ITEM_NOT_FOUND);
	struct op_streams *other = op_streams_new(), *mine = f->streams;
	f->streams = other;
	part(f, "b", &first, false, &out);
	assert_int_equal(out.err, ERR_NOT_FOUND);
	f->streams = mine;
	op_streams_free(other);
	first.correlation.bytes[15] ^= 1;
	part(f, "b", &first, false, &out);
	assert_int_equal(out.err, ERR_NOT_FOUND);
	first.correlation.bytes[15] ^= 1;
	first.correlation.len = 15;
	part(f, "b", &first, false, &out);
	assert_int_equal(out.err, ERR_NOT_FOUND);
	first.correlation.len = 16;
	part(f, "bc", &first, true, &out);
	crypt_assert_hex(&out.data, SHA_256_ABC);
}

static void a_connection_has_sixteen_under_way(void **state)
{
	struct fix *f = *state;
	struct crypted first[OP_PARTS_MAX], out;
	for (size_t i = 0; i < OP_PARTS_MAX; i++) {
		part(f, "a", NULL, false, &first[i]);
		assert_int_equal(first[i].err, ERR_OK);
		for (size_t j = 0; j < i; j++)
			assert_memory_not_equal(first[i].correlation.bytes, first[j].correlation.bytes, OP_PART_ID_LEN);
	}
	part(f, "a", NULL, false, &out);
	assert_int_equal(out.err, ERR_LIMIT);
	part(f, "bc", &first[7], true, &out);
	crypt_assert_hex(&out.data, SHA_256_ABC);
	part(f, "a", NULL, false, &out);
	assert_int_equal(out.err, ERR_OK);
}

static void a_part_does_not_share_a_batch_but_a_whole_does(void **state)
{
	struct fix *f = *state;
	struct crypted out;
	crypt_send(f, &(struct crypt){ .operation = OPERATION_HASH, .params = &sha_256, .data = view_str("a"), .init = true, .batch = true }, &out);
	assert_int_equal(out.err, ERR_UNSUPPORTED);
	crypt_send(f, &(struct crypt){ .operation = OPERATION_HASH, .params = &sha_256, .data = view_str("abc"), .batch = true }, &out);
	crypt_assert_hex(&out.data, SHA_256_ABC);
}

static void hash_needs_a_role(void **state)
{
	struct fix *f = *state;
	struct crypted out;
	uint64_t rows = fix_audit_rows(f);
	struct crypt c = { .operation = OPERATION_HASH, .params = &sha_256, .data = view_str("abc"), .uid = OTHER };
	crypt_send(f, &c, &out);
	crypt_assert_hex(&out.data, SHA_256_ABC);
	assert_int_equal(fix_audit_rows(f), rows);
	c.uid = STRANGER;
	assert_int_equal(crypt_reason(f, &c), RESULT_REASON_PERMISSION_DENIED);
	assert_int_equal(fix_audit_rows(f), rows + 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fix_start, fix_stop)
	const struct CMUnitTest tests[] = {
		T(hash_gives_the_digest_of_each_algorithm_or_refuses), T(hash_asks_for_what_it_needs), T(parts_together_have_the_digest_of_the_whole),
		T(steps_that_make_no_sense_are_refused), T(a_part_belongs_to_operation_principal_and_connection), T(a_connection_has_sixteen_under_way),
		T(a_part_does_not_share_a_batch_but_a_whole_does), T(hash_needs_a_role),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
