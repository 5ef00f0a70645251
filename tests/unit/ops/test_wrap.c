/* Get: keys wrapped by keys, and keys that were registered wrapped. */
#include <string.h>

#include "crypto/keywrap.h"
#include "kmip/values.h"
#include "kmip/wrapping.h"
#include "unit/ops/wanted.h"

static void key_is_wrapped_as_in_rfc_3394(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1], by[UUID_TEXT_LEN + 1];
	struct answer answer;
	struct kmip_managed got;
	struct ttlv_cursor c;
	uint32_t method;
	struct bring b = bring_key(), k = wanted_kek();
	bring_in(f, ADMIN, &b, id);
	bring_in(f, ADMIN, &k, by);
	struct wanted q = { .by = by, .mode = BLOCK_CIPHER_MODE_NIST_KEY_WRAP, .encoding = ENCODING_OPTION_NO_ENCODING };
	wanted_get(f, ADMIN, id, &q, &answer);
	bring_got(&answer, &got);
	assert_true(got.block.wrapped);
	assert_true(view_equal(got.block.material, view_of(WANTED_WRAPPED, WANTED_WRAPPED_LEN)));
	assert_int_equal(got.block.length_bits, 128);
	assert_int_equal(ttlv_enter(&got.block.wrapping, &c), ERR_OK);
	assert_int_equal(ttlv_take_enum(&c, TAG_WRAPPING_METHOD, &method), ERR_OK);
	assert_int_equal(method, WRAPPING_METHOD_ENCRYPT);
	answer_free(&answer);
}

static void without_parameters_the_first_of_the_key_hold(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1], by[UUID_TEXT_LEN + 1];
	struct answer answer;
	struct kmip_managed got;
	struct bring b = bring_key(), k = wanted_kek();
	bring_in(f, ADMIN, &b, id);
	bring_in(f, ADMIN, &k, by);
	struct wanted q = { .by = by, .encoding = ENCODING_OPTION_NO_ENCODING };
	wanted_get(f, ADMIN, id, &q, &answer);
	bring_got(&answer, &got);
	assert_true(view_equal(got.block.material, view_of(WANTED_WRAPPED, WANTED_WRAPPED_LEN)));
	answer_free(&answer);
}

/* Key Wrapping Data that names the key `by`. */
static struct view wrapping_data(struct buf *out, const char *by, uint32_t mode, uint32_t encoding)
{
	struct writer w;
	writer_init_buf(&w, out, 1024);
	struct ttlv_mark data = ttlv_begin(&w, TAG_KEY_WRAPPING_DATA);
	ttlv_put_enum(&w, TAG_WRAPPING_METHOD, WRAPPING_METHOD_ENCRYPT);
	struct ttlv_mark info = ttlv_begin(&w, TAG_ENCRYPTION_KEY_INFORMATION);
	ttlv_put_str(&w, TAG_UNIQUE_IDENTIFIER, by);
	kmip_params_put(&w, TAG_CRYPTOGRAPHIC_PARAMETERS, &(struct kmip_params){ .has_block_cipher_mode = true, .block_cipher_mode = mode });
	ttlv_end(&w, info);
	if (encoding) ttlv_put_enum(&w, TAG_ENCODING_OPTION, encoding);
	ttlv_end(&w, data);
	assert_int_equal(writer_done(&w), ERR_OK);
	return buf_view(out);
}

/* Registers wrapped bytes that the key `by` opens; they come back as they came. */
static void register_wrapped(struct fix *f, struct view wrapped, const struct wanted *how, char out_id[static UUID_TEXT_LEN + 1])
{
	AUTO_BUF struct buf data = BUF_EMPTY;
	struct answer answer;
	struct kmip_managed got;
	struct bring b = bring_key();
	b.managed.block.wrapped = true;
	b.managed.block.material = wrapped;
	assert_int_equal(ttlv_root(wrapping_data(&data, how->by, how->mode, how->encoding), &b.managed.block.wrapping), ERR_OK);
	bring_in(f, ADMIN, &b, out_id);
	object_table_clear(f->engine.objects);
	bring_get(f, ADMIN, out_id, &answer, &got);
	assert_true(got.block.wrapped && view_equal(got.block.material, wrapped));
	assert_true(view_equal(got.block.wrapping.value, b.managed.block.wrapping.value));
	answer_free(&answer);
}

static void wrapped_key_goes_round(void **state)
{
	static const uint32_t modes[] = { BLOCK_CIPHER_MODE_NIST_KEY_WRAP, BLOCK_CIPHER_MODE_AES_KEY_WRAP_PADDING };
	static const uint32_t encodings[] = { ENCODING_OPTION_NO_ENCODING, ENCODING_OPTION_TTLV_ENCODING, 0 };
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1], by[UUID_TEXT_LEN + 1], opener[UUID_TEXT_LEN + 1], again[UUID_TEXT_LEN + 1];
	struct bring b = bring_key(), k = wanted_kek();
	b.name = "wrapped";
	bring_in(f, ADMIN, &b, id);
	bring_in(f, ADMIN, &k, by);
	k.mask = CRYPTOGRAPHIC_USAGE_MASK_UNWRAP_KEY;
	bring_in(f, ADMIN, &k, opener);
	for (size_t i = 0; i < 6; i++) {
		struct answer answer, second;
		struct kmip_managed got, opened;
		struct wanted q = { .by = by, .mode = modes[i / 3], .encoding = encodings[i % 3], .attribute = i % 3 ? "Name" : NULL };
		wanted_get(f, ADMIN, id, &q, &answer);
		bring_got(&answer, &got);
		register_wrapped(f, got.block.material, &(struct wanted){ .by = opener, .mode = q.mode, .encoding = q.encoding }, again);
		wanted_get(f, ADMIN, again, &(struct wanted){ .wrap_type = KEY_WRAP_TYPE_NOT_WRAPPED }, &second);
		bring_got(&second, &opened);
		assert_false(opened.block.wrapped);
		assert_true(view_equal(opened.block.material, view_of(BRING_KEY, BRING_KEY_LEN)));
		answer_free(&second);
		answer_free(&answer);
	}
}

static void key_that_wraps_opens_nothing(void **state)
{
	struct fix *f = *state;
	char by[UUID_TEXT_LEN + 1], opener[UUID_TEXT_LEN + 1], id[UUID_TEXT_LEN + 1];
	struct bring k = wanted_kek();
	struct wanted how = { .mode = BLOCK_CIPHER_MODE_NIST_KEY_WRAP, .encoding = ENCODING_OPTION_NO_ENCODING };
	const struct wanted plain = { .wrap_type = KEY_WRAP_TYPE_NOT_WRAPPED };
	bring_in(f, ADMIN, &k, by);
	k.mask = CRYPTOGRAPHIC_USAGE_MASK_UNWRAP_KEY;
	bring_in(f, ADMIN, &k, opener);
	how.by = by;
	register_wrapped(f, view_of(WANTED_WRAPPED, WANTED_WRAPPED_LEN), &how, id);
	assert_int_equal(wanted_reason(f, ADMIN, id, plain), RESULT_REASON_PERMISSION_DENIED);
	how.by = opener;
	register_wrapped(f, view_of(WANTED_WRAPPED, WANTED_WRAPPED_LEN), &how, id);
	assert_int_equal(wanted_reason(f, ADMIN, id, plain), 0);
	register_wrapped(f, view_of(WANTED_WRAPPED, WANTED_WRAPPED_LEN - 8), &how, id);
	assert_int_equal(wanted_reason(f, ADMIN, id, plain), RESULT_REASON_CRYPTOGRAPHIC_FAILURE);
	how.encoding = ENCODING_OPTION_TTLV_ENCODING;
	register_wrapped(f, view_of(WANTED_WRAPPED, WANTED_WRAPPED_LEN), &how, id);
	assert_int_equal(wanted_reason(f, ADMIN, id, plain), RESULT_REASON_CRYPTOGRAPHIC_FAILURE);
}

static void attributes_that_are_named_are_wrapped_with_the_key(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1], by[UUID_TEXT_LEN + 1];
	AUTO_BUF struct buf plain = BUF_EMPTY;
	struct answer answer;
	struct kmip_managed got;
	struct kmip_key_block block = { .format = KEY_FORMAT_TYPE_RAW };
	struct kmip_attr_value v;
	struct ttlv_item item;
	bool found = false;
	struct bring b = bring_key(), k = wanted_kek();
	b.name = "n";
	b.group = "not asked for";
	bring_in(f, ADMIN, &b, id);
	bring_in(f, ADMIN, &k, by);
	wanted_get(f, ADMIN, id, &(struct wanted){ .by = by, .mode = BLOCK_CIPHER_MODE_NIST_KEY_WRAP, .attribute = "Name" }, &answer);
	bring_got(&answer, &got);
	assert_int_equal(keywrap_unwrap(view_of(WANTED_KEK, 16), KEYWRAP_RFC3394, got.block.material, &plain), ERR_OK);
	assert_int_equal(ttlv_root(buf_view(&plain), &item), ERR_OK);
	assert_int_equal(item.tag, TAG_KEY_VALUE);
	assert_int_equal(kmip_key_value_parse(&item, &block), ERR_OK);
	assert_true(view_equal(block.material, view_of(BRING_KEY, BRING_KEY_LEN)));
	assert_int_equal(kmip_attr_next(&block.attributes, &v, &found), ERR_OK);
	assert_true(found && v.id == ATTR_NAME);
	assert_int_equal(kmip_attr_next(&block.attributes, &v, &found), ERR_OK);
	assert_false(found);
	answer_free(&answer);
}

static void wrapped_key_is_kept_but_never_used(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	struct ask a;
	struct answer answer;
	register_wrapped(f, view_of(WANTED_WRAPPED, WANTED_WRAPPED_LEN), &(struct wanted){ .by = "a key of the client", .mode = BLOCK_CIPHER_MODE_NIST_KEY_WRAP }, id);
	assert_int_equal(fix_simple(f, ADMIN, OPERATION_ACTIVATE, id), ERR_OK);
	AUTO_OBJECT struct object *o = bring_stored(f, id);
	assert_non_null(o->wrapping);
	assert_int_equal(attrset_count(&o->attrs, ATTR_DIGEST), 0);
	assert_null(o->seal_message);
	ask_one(&a, OPERATION_ENCRYPT);
	ask_id(&a, id);
	kmip_params_put(&a.w, TAG_CRYPTOGRAPHIC_PARAMETERS, &(struct kmip_params){ .has_block_cipher_mode = true,
		.block_cipher_mode = BLOCK_CIPHER_MODE_ECB });
	ttlv_put_bytes(&a.w, TAG_DATA, view_of(BRING_KEY, BRING_KEY_LEN));
	ask_item_end(&a, NULL);
	ask_end(&a);
	fix_send(f, ADMIN, &a, &answer);
	assert_int_equal(answer.response.items[0].err, ERR_STATE);
	answer_free(&answer);
	assert_int_equal(wanted_reason(f, ADMIN, id, (struct wanted){ .wrap_type = KEY_WRAP_TYPE_NOT_WRAPPED }), RESULT_REASON_ITEM_NOT_FOUND);
	assert_int_equal(wanted_reason(f, ADMIN, id, (struct wanted){ .format = KEY_FORMAT_TYPE_TRANSPARENT_SYMMETRIC_KEY }),
		RESULT_REASON_KEY_FORMAT_TYPE_NOT_SUPPORTED);
}

static enum coffer_err decrypt(struct fix *f, const char *id, uint32_t mode)
{
	struct ask a;
	struct answer answer;
	ask_one(&a, OPERATION_DECRYPT);
	ask_id(&a, id);
	kmip_params_put(&a.w, TAG_CRYPTOGRAPHIC_PARAMETERS, &(struct kmip_params){ .has_block_cipher_mode = true, .block_cipher_mode = mode });
	ttlv_put_bytes(&a.w, TAG_DATA, view_of(WANTED_WRAPPED, mode == BLOCK_CIPHER_MODE_NIST_KEY_WRAP ? WANTED_WRAPPED_LEN : 16));
	if (mode != BLOCK_CIPHER_MODE_NIST_KEY_WRAP && mode != BLOCK_CIPHER_MODE_ECB) ttlv_put_bytes(&a.w, TAG_IV_COUNTER_NONCE, view_of(BRING_KEY, 16));
	ask_item_end(&a, NULL);
	ask_end(&a);
	fix_send(f, ADMIN, &a, &answer);
	enum coffer_err err = answer.response.items[0].err;
	answer_free(&answer);
	return err;
}

static void put_every_mode(struct ask *a, void *arg)
{
	static const uint32_t modes[] = { BLOCK_CIPHER_MODE_NIST_KEY_WRAP, BLOCK_CIPHER_MODE_ECB, BLOCK_CIPHER_MODE_CBC, BLOCK_CIPHER_MODE_CTR };
	(void)arg;
	for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
		struct kmip_attr_mark mark = kmip_attr_begin(&a->w, ATTR_CRYPTOGRAPHIC_PARAMETERS);
		ttlv_put_enum(&a->w, TAG_BLOCK_CIPHER_MODE, modes[i]);
		kmip_attr_end(&a->w, mark);
	}
}

static void key_that_wraps_decrypts_nothing_that_it_wrapped(void **state)
{
	struct fix *f = *state;
	char by[UUID_TEXT_LEN + 1], other[UUID_TEXT_LEN + 1];
	struct bring k = wanted_kek();
	k.attributes = put_every_mode;
	k.mask = CRYPTOGRAPHIC_USAGE_MASK_WRAP_KEY | CRYPTOGRAPHIC_USAGE_MASK_DECRYPT;
	bring_in(f, ADMIN, &k, by);
	k.mask = CRYPTOGRAPHIC_USAGE_MASK_DECRYPT;
	bring_in(f, ADMIN, &k, other);
	static const uint32_t modes[] = { BLOCK_CIPHER_MODE_NIST_KEY_WRAP, BLOCK_CIPHER_MODE_ECB, BLOCK_CIPHER_MODE_CBC };
	for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
		assert_int_equal(decrypt(f, by, modes[i]), ERR_DENIED);
		assert_int_equal(decrypt(f, other, modes[i]), ERR_OK);
	}
	assert_int_equal(decrypt(f, by, BLOCK_CIPHER_MODE_CTR), ERR_OK);
}

static void specification_is_checked(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1], by[UUID_TEXT_LEN + 1];
	struct bring b = bring_key(), k = wanted_kek();
	bring_in(f, ADMIN, &b, id);
	bring_in(f, ADMIN, &k, by);
	const struct { struct wanted q; uint32_t reason; } cases[] = {
		{ { .by = by, .bare = true }, RESULT_REASON_MISSING_DATA }, { { .by = by, .mac = true }, RESULT_REASON_FEATURE_NOT_SUPPORTED },
		{ { .by = by, .bare = true, .mac = true }, RESULT_REASON_FEATURE_NOT_SUPPORTED },
		{ { .by = by, .method = WRAPPING_METHOD_MAC_SIGN }, RESULT_REASON_FEATURE_NOT_SUPPORTED },
		{ { .by = by, .method = WRAPPING_METHOD_TR_31 }, RESULT_REASON_FEATURE_NOT_SUPPORTED },
		{ { .by = by, .encoding = ENCODING_OPTION_NO_ENCODING, .attribute = "Name" }, RESULT_REASON_ENCODING_OPTION_ERROR },
		{ { .by = by, .encoding = 9 }, RESULT_REASON_INVALID_FIELD }, { { .by = by, .encoding = 0x80000001 }, RESULT_REASON_ENCODING_OPTION_ERROR },
		{ { .by = by, .method = 9 }, RESULT_REASON_INVALID_FIELD },
		{ { .by = by, .encoding = ENCODING_OPTION_NO_ENCODING, .format = KEY_FORMAT_TYPE_TRANSPARENT_SYMMETRIC_KEY },
			RESULT_REASON_ENCODING_OPTION_ERROR },
		{ { .by = by, .mode = BLOCK_CIPHER_MODE_CBC }, RESULT_REASON_ITEM_NOT_FOUND },
		{ { .by = "nonsense" }, RESULT_REASON_ITEM_NOT_FOUND },
		{ { .by = "3b2f0f6e-7f6c-4a7e-9d2e-0b1c2d3e4f50" }, RESULT_REASON_ITEM_NOT_FOUND },
		{ { .by = by, .minor = 1, .encoding = ENCODING_OPTION_TTLV_ENCODING }, 0 },
		{ { .by = by, .compressed = true }, RESULT_REASON_KEY_COMPRESSION_TYPE_NOT_SUPPORTED },
		{ { .wrap_type = 9 }, RESULT_REASON_FEATURE_NOT_SUPPORTED }, { { .wrap_type = KEY_WRAP_TYPE_NOT_WRAPPED, .minor = 3 }, RESULT_REASON_INVALID_FIELD },
		{ { .wrap_type = KEY_WRAP_TYPE_AS_REGISTERED }, 0 }, { { .wrap_type = KEY_WRAP_TYPE_NOT_WRAPPED }, 0 },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) assert_int_equal(wanted_reason(f, ADMIN, id, cases[i].q), cases[i].reason);
}

static void wrapping_key_must_be_able_and_allowed(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1], by[UUID_TEXT_LEN + 1], secret[UUID_TEXT_LEN + 1];
	static uint32_t cbc[] = { BLOCK_CIPHER_MODE_CBC, 0 };
	struct bring b = bring_key(), k = wanted_kek();
	bring_in(f, ADMIN, &b, id);
	k.mask = CRYPTOGRAPHIC_USAGE_MASK_ENCRYPT;
	bring_in(f, ADMIN, &k, by);
	assert_int_equal(wanted_reason(f, ADMIN, id, (struct wanted){ .by = by }), RESULT_REASON_PERMISSION_DENIED);
	k = wanted_kek();
	k.active = false;
	bring_in(f, ADMIN, &k, by);
	assert_int_equal(wanted_reason(f, ADMIN, id, (struct wanted){ .by = by }), RESULT_REASON_PERMISSION_DENIED);
	assert_int_equal(fix_simple(f, ADMIN, OPERATION_DESTROY, by), ERR_OK);
	assert_int_equal(wanted_reason(f, ADMIN, id, (struct wanted){ .by = by }), RESULT_REASON_PERMISSION_DENIED);
	k = wanted_kek();
	k.arg = cbc;
	bring_in(f, ADMIN, &k, by);
	assert_int_equal(wanted_reason(f, ADMIN, id, (struct wanted){ .by = by }), RESULT_REASON_FEATURE_NOT_SUPPORTED);
	k.attributes = NULL;
	bring_in(f, ADMIN, &k, by);
	assert_int_equal(wanted_reason(f, ADMIN, id, (struct wanted){ .by = by }), RESULT_REASON_ITEM_NOT_FOUND);
	k = wanted_kek();
	k.attributes = NULL;
	k.managed.object_type = OBJECT_TYPE_SECRET_DATA;
	k.managed.data_type = SECRET_DATA_TYPE_SEED;
	bring_in(f, ADMIN, &k, secret);
	assert_int_equal(wanted_reason(f, ADMIN, id, (struct wanted){ .by = secret }), RESULT_REASON_ILLEGAL_OPERATION);
	k = wanted_kek();
	bring_in(f, ADMIN, &k, by);
	assert_int_equal(wanted_reason(f, ADMIN, id, (struct wanted){ .by = by }), 0);
	bring_archive(f, by);
	assert_int_equal(wanted_reason(f, ADMIN, id, (struct wanted){ .by = by }), RESULT_REASON_OBJECT_ARCHIVED);
}

static void wrapping_key_of_another_owner_needs_the_permission_to_use_it(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1], by[UUID_TEXT_LEN + 1];
	struct bring b = bring_key(), k = wanted_kek();
	bring_in(f, ADMIN, &k, by);
	bring_grant(f, STRANGER, ROLE_KEY_MANAGER, "");
	bring_in(f, STRANGER, &b, id);
	assert_int_equal(wanted_reason(f, STRANGER, id, (struct wanted){ .by = by }), RESULT_REASON_PERMISSION_DENIED);
	bring_grant(f, STRANGER, ROLE_KEY_USER, "");
	assert_int_equal(wanted_reason(f, STRANGER, id, (struct wanted){ .by = by }), 0);
}

static void wrapping_key_that_may_not_be_seen_does_not_exist(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1], by[UUID_TEXT_LEN + 1];
	struct bring b = bring_key(), k = wanted_kek();
	bring_in(f, ADMIN, &k, by);
	b.group = "pay";
	bring_in(f, ADMIN, &b, id);
	bring_grant(f, OTHER, ROLE_KEY_EXPORTER, "pay");
	assert_int_equal(wanted_reason(f, OTHER, id, (struct wanted){ .by = NULL }), 0);
	assert_int_equal(wanted_reason(f, OTHER, id, (struct wanted){ .by = by }), RESULT_REASON_ITEM_NOT_FOUND);
}

static void kmip_1_0_knows_encoded_values_alone(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1], by[UUID_TEXT_LEN + 1], bare[UUID_TEXT_LEN + 1];
	bool flags[2] = { true, true };
	struct answer answer;
	struct kmip_managed got;
	struct kmip_wrapping data;
	struct bring b = bring_key(), k = wanted_kek();
	b.attributes = wanted_secrecy;
	b.arg = flags;
	bring_in(f, ADMIN, &b, id);
	bring_in(f, ADMIN, &k, by);
	wanted_get(f, ADMIN, id, &(struct wanted){ .by = by, .zero = true }, &answer);
	bring_got(&answer, &got);
	assert_int_equal(kmip_wrapping_data_parse(&got.block.wrapping, 0, &data, NULL), ERR_OK);
	assert_int_equal(got.block.material.len, 8 + 8 + 8 + 16);
	answer_free(&answer);
	assert_int_equal(wanted_reason(f, ADMIN, id, (struct wanted){ .by = by, .zero = true, .encoding = ENCODING_OPTION_TTLV_ENCODING }),
		RESULT_REASON_INVALID_FIELD);
	assert_int_equal(wanted_reason(f, ADMIN, id, (struct wanted){ .zero = true }), RESULT_REASON_PERMISSION_DENIED);
	register_wrapped(f, view_of(WANTED_WRAPPED, WANTED_WRAPPED_LEN), &(struct wanted){ .by = by, .mode = BLOCK_CIPHER_MODE_NIST_KEY_WRAP,
		.encoding = ENCODING_OPTION_NO_ENCODING }, bare);
	assert_int_equal(wanted_reason(f, ADMIN, bare, (struct wanted){ .zero = true }), RESULT_REASON_ILLEGAL_OPERATION);
	assert_int_equal(wanted_reason(f, ADMIN, bare, (struct wanted){ .minor = 1 }), 0);
}

static void short_keys_need_padding_or_an_encoding(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1], by[UUID_TEXT_LEN + 1];
	struct bring k = wanted_kek(), b = { .managed = { .object_type = OBJECT_TYPE_SECRET_DATA, .data_type = SECRET_DATA_TYPE_PASSWORD, .block = {
		.format = KEY_FORMAT_TYPE_OPAQUE, .has_value = true, .material = view_str("SecretPassword") } } };
	bring_in(f, ADMIN, &b, id);
	bring_in(f, ADMIN, &k, by);
	const struct wanted bare = { .by = by, .mode = BLOCK_CIPHER_MODE_NIST_KEY_WRAP, .encoding = ENCODING_OPTION_NO_ENCODING };
	struct wanted padded = bare, encoded = bare;
	padded.mode = BLOCK_CIPHER_MODE_AES_KEY_WRAP_PADDING;
	encoded.encoding = ENCODING_OPTION_TTLV_ENCODING;
	assert_int_equal(wanted_reason(f, ADMIN, id, bare), RESULT_REASON_ENCODING_OPTION_ERROR);
	assert_int_equal(wanted_reason(f, ADMIN, id, padded), 0);
	assert_int_equal(wanted_reason(f, ADMIN, id, encoded), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fix_start, fix_stop)
	const struct CMUnitTest tests[] = {
		T(key_is_wrapped_as_in_rfc_3394), T(without_parameters_the_first_of_the_key_hold), T(wrapped_key_goes_round),
		T(key_that_wraps_opens_nothing), T(attributes_that_are_named_are_wrapped_with_the_key), T(wrapped_key_is_kept_but_never_used),
		T(key_that_wraps_decrypts_nothing_that_it_wrapped), T(specification_is_checked), T(wrapping_key_must_be_able_and_allowed), T(wrapping_key_of_another_owner_needs_the_permission_to_use_it),
		T(wrapping_key_that_may_not_be_seen_does_not_exist), T(kmip_1_0_knows_encoded_values_alone), T(short_keys_need_padding_or_an_encoding),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
