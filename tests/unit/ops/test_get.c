/* Get: formats, wrapped keys, and the rules about what may leave. */
#include <string.h>

#include "crypto/keywrap.h"
#include "kmip/values.h"
#include "unit/ops/bring.h"

#define KEK "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f"
/* RFC 3394 section 4.1: BRING_KEY under KEK. */
#define WRAPPED "\x1f\xa6\x8b\x0a\x81\x12\xb4\x47\xae\xf3\x4b\xd8\xfb\x5a\x7b\x82\x9d\x3e\x86\x23\x71\xd2\xcf\xe5"
#define WRAPPED_LEN 24u

/* What Get is asked for; 0 and NULL leave a field out. */
struct wanted {
	uint32_t minor, format, wrap_type;
	const char *by;               /* Unique Identifier of the wrapping key */
	uint32_t mode, method, encoding;
	const char *attribute;        /* to wrap with the key */
	bool compressed, mac, bare;   /* bare: a specification without key information */
};

static void put_specification(struct writer *w, const struct wanted *q)
{
	struct ttlv_mark spec = ttlv_begin(w, TAG_KEY_WRAPPING_SPECIFICATION);
	ttlv_put_enum(w, TAG_WRAPPING_METHOD, q->method ? q->method : WRAPPING_METHOD_ENCRYPT);
	if (!q->bare) {
		struct ttlv_mark info = ttlv_begin(w, TAG_ENCRYPTION_KEY_INFORMATION);
		ttlv_put_str(w, TAG_UNIQUE_IDENTIFIER, q->by);
		if (q->mode) kmip_params_put(w, TAG_CRYPTOGRAPHIC_PARAMETERS, &(struct kmip_params){ .has_block_cipher_mode = true,
			.block_cipher_mode = q->mode });
		ttlv_end(w, info);
	}
	if (q->mac) {
		struct ttlv_mark info = ttlv_begin(w, TAG_MAC_SIGNATURE_KEY_INFORMATION);
		ttlv_put_str(w, TAG_UNIQUE_IDENTIFIER, q->by);
		ttlv_end(w, info);
	}
	if (q->attribute) ttlv_put_str(w, TAG_ATTRIBUTE_NAME, q->attribute);
	if (q->encoding) ttlv_put_enum(w, TAG_ENCODING_OPTION, q->encoding);
	ttlv_end(w, spec);
}

static void get(struct fix *f, unsigned uid, const char *id, const struct wanted *q, struct answer *answer)
{
	struct ask a;
	ask_begin(&a, &(struct ask_header){ .count = 1, .minor = q->minor, .plain = true });
	ask_item(&a, OPERATION_GET, 1);
	ask_id(&a, id);
	if (q->format) ttlv_put_enum(&a.w, TAG_KEY_FORMAT_TYPE, q->format);
	if (q->wrap_type) ttlv_put_enum(&a.w, TAG_KEY_WRAP_TYPE, q->wrap_type);
	if (q->compressed) ttlv_put_enum(&a.w, TAG_KEY_COMPRESSION_TYPE, 1);
	if (q->by) put_specification(&a.w, q);
	ask_item_end(&a, NULL);
	ask_end(&a);
	fix_send(f, uid, &a, answer);
}

/* The Result Reason; 0 on success. */
static uint32_t reason_of(struct fix *f, unsigned uid, const char *id, struct wanted q)
{
	struct answer answer;
	get(f, uid, id, &q, &answer);
	uint32_t reason = answer.response.items[0].err ? answer.response.items[0].reason : 0;
	if (reason) assert_true(answer.response.items[0].message.len > 0);
	answer_free(&answer);
	return reason;
}

static void put_modes(struct ask *a, void *arg)
{
	for (const uint32_t *mode = arg; *mode; mode++) {
		struct kmip_attr_mark mark = kmip_attr_begin(&a->w, ATTR_CRYPTOGRAPHIC_PARAMETERS);
		ttlv_put_enum(&a->w, TAG_BLOCK_CIPHER_MODE, *mode);
		kmip_attr_end(&a->w, mark);
	}
}

#define WRAP_MASK (CRYPTOGRAPHIC_USAGE_MASK_WRAP_KEY | CRYPTOGRAPHIC_USAGE_MASK_UNWRAP_KEY)

/* An active wrapping key with the bytes of RFC 3394. */
static struct bring kek(void)
{
	static uint32_t modes[] = { BLOCK_CIPHER_MODE_NIST_KEY_WRAP, BLOCK_CIPHER_MODE_AES_KEY_WRAP_PADDING, 0 };
	struct bring b = bring_key();
	b.managed.block.material = view_of(KEK, 16);
	b.mask = WRAP_MASK;
	b.active = true;
	b.attributes = put_modes;
	b.arg = modes;
	return b;
}

static void key_is_wrapped_as_in_rfc_3394(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1], by[UUID_TEXT_LEN + 1];
	struct answer answer;
	struct kmip_managed got;
	struct ttlv_cursor c;
	uint32_t method;
	struct bring b = bring_key(), k = kek();
	bring_in(f, ADMIN, &b, id);
	bring_in(f, ADMIN, &k, by);
	struct wanted q = { .by = by, .mode = BLOCK_CIPHER_MODE_NIST_KEY_WRAP, .encoding = ENCODING_OPTION_NO_ENCODING };
	get(f, ADMIN, id, &q, &answer);
	bring_got(&answer, &got);
	assert_true(got.block.wrapped);
	assert_true(view_equal(got.block.material, view_of(WRAPPED, WRAPPED_LEN)));
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
	struct bring b = bring_key(), k = kek();
	bring_in(f, ADMIN, &b, id);
	bring_in(f, ADMIN, &k, by);
	struct wanted q = { .by = by, .encoding = ENCODING_OPTION_NO_ENCODING };
	get(f, ADMIN, id, &q, &answer);
	bring_got(&answer, &got);
	assert_true(view_equal(got.block.material, view_of(WRAPPED, WRAPPED_LEN)));
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
	struct bring b = bring_key(), k = kek();
	b.name = "wrapped";
	bring_in(f, ADMIN, &b, id);
	bring_in(f, ADMIN, &k, by);
	k.mask = CRYPTOGRAPHIC_USAGE_MASK_UNWRAP_KEY;
	bring_in(f, ADMIN, &k, opener);
	for (size_t i = 0; i < 6; i++) {
		struct answer answer, second;
		struct kmip_managed got, opened;
		struct wanted q = { .by = by, .mode = modes[i / 3], .encoding = encodings[i % 3], .attribute = i % 3 ? "Name" : NULL };
		get(f, ADMIN, id, &q, &answer);
		bring_got(&answer, &got);
		register_wrapped(f, got.block.material, &(struct wanted){ .by = opener, .mode = q.mode, .encoding = q.encoding }, again);
		get(f, ADMIN, again, &(struct wanted){ .wrap_type = KEY_WRAP_TYPE_NOT_WRAPPED }, &second);
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
	struct bring k = kek();
	struct wanted how = { .mode = BLOCK_CIPHER_MODE_NIST_KEY_WRAP, .encoding = ENCODING_OPTION_NO_ENCODING };
	const struct wanted plain = { .wrap_type = KEY_WRAP_TYPE_NOT_WRAPPED };
	bring_in(f, ADMIN, &k, by);
	k.mask = CRYPTOGRAPHIC_USAGE_MASK_UNWRAP_KEY;
	bring_in(f, ADMIN, &k, opener);
	how.by = by;
	register_wrapped(f, view_of(WRAPPED, WRAPPED_LEN), &how, id);
	assert_int_equal(reason_of(f, ADMIN, id, plain), RESULT_REASON_PERMISSION_DENIED);
	how.by = opener;
	register_wrapped(f, view_of(WRAPPED, WRAPPED_LEN), &how, id);
	assert_int_equal(reason_of(f, ADMIN, id, plain), 0);
	register_wrapped(f, view_of(WRAPPED, WRAPPED_LEN - 8), &how, id);
	assert_int_equal(reason_of(f, ADMIN, id, plain), RESULT_REASON_CRYPTOGRAPHIC_FAILURE);
	how.encoding = ENCODING_OPTION_TTLV_ENCODING;
	register_wrapped(f, view_of(WRAPPED, WRAPPED_LEN), &how, id);
	assert_int_equal(reason_of(f, ADMIN, id, plain), RESULT_REASON_CRYPTOGRAPHIC_FAILURE);
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
	struct bring b = bring_key(), k = kek();
	b.name = "n";
	b.group = "not asked for";
	bring_in(f, ADMIN, &b, id);
	bring_in(f, ADMIN, &k, by);
	get(f, ADMIN, id, &(struct wanted){ .by = by, .mode = BLOCK_CIPHER_MODE_NIST_KEY_WRAP, .attribute = "Name" }, &answer);
	bring_got(&answer, &got);
	assert_int_equal(keywrap_unwrap(view_of(KEK, 16), KEYWRAP_RFC3394, got.block.material, &plain), ERR_OK);
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
	struct bring b = bring_key();
	uint8_t data[] = { 0x42, 0x00, 0x9e, 5, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0 };
	b.active = true;
	b.managed.block.wrapped = true;
	b.managed.block.material = view_of(WRAPPED, WRAPPED_LEN);
	b.managed.block.wrapping = (struct ttlv_item){ TAG_KEY_WRAPPING_DATA, TTLV_STRUCTURE, view_of(data, sizeof data) };
	bring_in(f, ADMIN, &b, id);
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
	assert_int_equal(reason_of(f, ADMIN, id, (struct wanted){ .wrap_type = KEY_WRAP_TYPE_NOT_WRAPPED }), RESULT_REASON_MISSING_DATA);
	assert_int_equal(reason_of(f, ADMIN, id, (struct wanted){ .format = KEY_FORMAT_TYPE_TRANSPARENT_SYMMETRIC_KEY }),
		RESULT_REASON_KEY_FORMAT_TYPE_NOT_SUPPORTED);
}

static void specification_is_checked(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1], by[UUID_TEXT_LEN + 1];
	struct bring b = bring_key(), k = kek();
	bring_in(f, ADMIN, &b, id);
	bring_in(f, ADMIN, &k, by);
	const struct { struct wanted q; uint32_t reason; } cases[] = {
		{ { .by = by, .bare = true }, RESULT_REASON_MISSING_DATA }, { { .by = by, .mac = true }, RESULT_REASON_FEATURE_NOT_SUPPORTED },
		{ { .by = by, .bare = true, .mac = true }, RESULT_REASON_FEATURE_NOT_SUPPORTED },
		{ { .by = by, .method = WRAPPING_METHOD_MAC_SIGN }, RESULT_REASON_FEATURE_NOT_SUPPORTED },
		{ { .by = by, .method = WRAPPING_METHOD_TR_31 }, RESULT_REASON_FEATURE_NOT_SUPPORTED },
		{ { .by = by, .encoding = ENCODING_OPTION_NO_ENCODING, .attribute = "Name" }, RESULT_REASON_ENCODING_OPTION_ERROR },
		{ { .by = by, .encoding = 9 }, RESULT_REASON_ENCODING_OPTION_ERROR },
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
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) assert_int_equal(reason_of(f, ADMIN, id, cases[i].q), cases[i].reason);
}

static void wrapping_key_must_be_able_and_allowed(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1], by[UUID_TEXT_LEN + 1], secret[UUID_TEXT_LEN + 1];
	static uint32_t cbc[] = { BLOCK_CIPHER_MODE_CBC, 0 };
	struct bring b = bring_key(), k = kek();
	bring_in(f, ADMIN, &b, id);
	k.mask = CRYPTOGRAPHIC_USAGE_MASK_ENCRYPT;
	bring_in(f, ADMIN, &k, by);
	assert_int_equal(reason_of(f, ADMIN, id, (struct wanted){ .by = by }), RESULT_REASON_PERMISSION_DENIED);
	k = kek();
	k.active = false;
	bring_in(f, ADMIN, &k, by);
	assert_int_equal(reason_of(f, ADMIN, id, (struct wanted){ .by = by }), RESULT_REASON_PERMISSION_DENIED);
	assert_int_equal(fix_simple(f, ADMIN, OPERATION_DESTROY, by), ERR_OK);
	assert_int_equal(reason_of(f, ADMIN, id, (struct wanted){ .by = by }), RESULT_REASON_PERMISSION_DENIED);
	k = kek();
	k.arg = cbc;
	bring_in(f, ADMIN, &k, by);
	assert_int_equal(reason_of(f, ADMIN, id, (struct wanted){ .by = by }), RESULT_REASON_FEATURE_NOT_SUPPORTED);
	k.attributes = NULL;
	bring_in(f, ADMIN, &k, by);
	assert_int_equal(reason_of(f, ADMIN, id, (struct wanted){ .by = by }), RESULT_REASON_ITEM_NOT_FOUND);
	k = kek();
	k.attributes = NULL;
	k.managed.object_type = OBJECT_TYPE_SECRET_DATA;
	k.managed.data_type = SECRET_DATA_TYPE_SEED;
	bring_in(f, ADMIN, &k, secret);
	assert_int_equal(reason_of(f, ADMIN, id, (struct wanted){ .by = secret }), RESULT_REASON_ILLEGAL_OPERATION);
	k = kek();
	bring_in(f, ADMIN, &k, by);
	assert_int_equal(reason_of(f, ADMIN, id, (struct wanted){ .by = by }), 0);
	bring_archive(f, by);
	assert_int_equal(reason_of(f, ADMIN, id, (struct wanted){ .by = by }), RESULT_REASON_OBJECT_ARCHIVED);
}

static void wrapping_key_of_another_owner_needs_the_permission_to_use_it(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1], by[UUID_TEXT_LEN + 1];
	struct bring b = bring_key(), k = kek();
	bring_in(f, ADMIN, &k, by);
	bring_grant(f, STRANGER, ROLE_KEY_MANAGER, "");
	bring_in(f, STRANGER, &b, id);
	assert_int_equal(reason_of(f, STRANGER, id, (struct wanted){ .by = by }), RESULT_REASON_PERMISSION_DENIED);
	bring_grant(f, STRANGER, ROLE_KEY_USER, "");
	assert_int_equal(reason_of(f, STRANGER, id, (struct wanted){ .by = by }), 0);
}

static void wrapping_key_that_may_not_be_seen_does_not_exist(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1], by[UUID_TEXT_LEN + 1];
	struct bring b = bring_key(), k = kek();
	bring_in(f, ADMIN, &k, by);
	b.group = "pay";
	bring_in(f, ADMIN, &b, id);
	bring_grant(f, OTHER, ROLE_KEY_EXPORTER, "pay");
	assert_int_equal(reason_of(f, OTHER, id, (struct wanted){ .by = NULL }), 0);
	assert_int_equal(reason_of(f, OTHER, id, (struct wanted){ .by = by }), RESULT_REASON_ITEM_NOT_FOUND);
}

static void put_secrecy(struct ask *a, void *arg)
{
	const bool *flags = arg;
	kmip_attr_put_bool(&a->w, ATTR_SENSITIVE, flags[0]);
	kmip_attr_put_bool(&a->w, ATTR_EXTRACTABLE, flags[1]);
}

static void sensitive_keys_leave_wrapped_and_others_never(void **state)
{
	struct fix *f = *state;
	char sensitive[UUID_TEXT_LEN + 1], fixed[UUID_TEXT_LEN + 1], by[UUID_TEXT_LEN + 1];
	bool flags[2] = { true, true };
	struct bring b = bring_key(), k = kek();
	b.attributes = put_secrecy;
	b.arg = flags;
	bring_in(f, ADMIN, &b, sensitive);
	flags[1] = false;
	bring_in(f, ADMIN, &b, fixed);
	bring_in(f, ADMIN, &k, by);
	assert_int_equal(reason_of(f, ADMIN, sensitive, (struct wanted){ .by = NULL }), RESULT_REASON_SENSITIVE);
	assert_int_equal(reason_of(f, ADMIN, sensitive, (struct wanted){ .by = by }), 0);
	assert_int_equal(reason_of(f, ADMIN, fixed, (struct wanted){ .by = NULL }), RESULT_REASON_NOT_EXTRACTABLE);
	assert_int_equal(reason_of(f, ADMIN, fixed, (struct wanted){ .by = by }), RESULT_REASON_NOT_EXTRACTABLE);
}

static void raw_and_transparent_are_two_forms_of_one_key(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1], opaque[UUID_TEXT_LEN + 1];
	struct answer answer;
	struct kmip_managed got;
	struct bring b = bring_key();
	bring_in(f, ADMIN, &b, id);
	get(f, ADMIN, id, &(struct wanted){ .format = KEY_FORMAT_TYPE_TRANSPARENT_SYMMETRIC_KEY }, &answer);
	bring_got(&answer, &got);
	assert_int_equal(got.block.format, KEY_FORMAT_TYPE_TRANSPARENT_SYMMETRIC_KEY);
	assert_true(view_equal(got.block.material, view_of(BRING_KEY, BRING_KEY_LEN)));
	answer_free(&answer);
	assert_int_equal(reason_of(f, ADMIN, id, (struct wanted){ .format = KEY_FORMAT_TYPE_OPAQUE }), RESULT_REASON_KEY_FORMAT_TYPE_NOT_SUPPORTED);
	b.managed.block.format = KEY_FORMAT_TYPE_OPAQUE;
	bring_in(f, ADMIN, &b, opaque);
	assert_int_equal(reason_of(f, ADMIN, opaque, (struct wanted){ .format = KEY_FORMAT_TYPE_RAW }), RESULT_REASON_KEY_FORMAT_TYPE_NOT_SUPPORTED);
	assert_int_equal(reason_of(f, ADMIN, opaque, (struct wanted){ .format = KEY_FORMAT_TYPE_OPAQUE }), 0);
}

static void short_keys_need_padding_or_an_encoding(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1], by[UUID_TEXT_LEN + 1];
	struct bring k = kek(), b = { .managed = { .object_type = OBJECT_TYPE_SECRET_DATA, .data_type = SECRET_DATA_TYPE_PASSWORD, .block = {
		.format = KEY_FORMAT_TYPE_OPAQUE, .has_value = true, .material = view_str("SecretPassword") } } };
	bring_in(f, ADMIN, &b, id);
	bring_in(f, ADMIN, &k, by);
	const struct wanted bare = { .by = by, .mode = BLOCK_CIPHER_MODE_NIST_KEY_WRAP, .encoding = ENCODING_OPTION_NO_ENCODING };
	struct wanted padded = bare, encoded = bare;
	padded.mode = BLOCK_CIPHER_MODE_AES_KEY_WRAP_PADDING;
	encoded.encoding = ENCODING_OPTION_TTLV_ENCODING;
	assert_int_equal(reason_of(f, ADMIN, id, bare), RESULT_REASON_ENCODING_OPTION_ERROR);
	assert_int_equal(reason_of(f, ADMIN, id, padded), 0);
	assert_int_equal(reason_of(f, ADMIN, id, encoded), 0);
}

static void key_that_is_elsewhere_has_no_value(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1], by[UUID_TEXT_LEN + 1];
	struct answer answer;
	struct kmip_managed got;
	bool present = true;
	struct bring b = bring_key(), k = kek();
	b.managed.block.has_value = false;
	b.minor = 1;
	assert_int_equal(bring_try(f, ADMIN, &b, id, NULL), ERR_MISSING);
	b.minor = 2;
	bring_in(f, ADMIN, &b, id);
	bring_in(f, ADMIN, &k, by);
	AUTO_OBJECT struct object *o = bring_stored(f, id);
	assert_true(attrset_get_bool(&o->attrs, ATTR_KEY_VALUE_PRESENT, &present) && !present);
	bring_get(f, ADMIN, id, &answer, &got);
	assert_false(got.block.has_value);
	assert_int_equal(got.block.length_bits, 128);
	answer_free(&answer);
	assert_int_equal(reason_of(f, ADMIN, id, (struct wanted){ .minor = 1 }), RESULT_REASON_ILLEGAL_OPERATION);
	assert_int_equal(reason_of(f, ADMIN, id, (struct wanted){ .by = by }), RESULT_REASON_ILLEGAL_OPERATION);
}

static void archived_object_is_to_be_recovered_first(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	struct bring b = bring_key();
	bring_in(f, ADMIN, &b, id);
	assert_int_equal(reason_of(f, ADMIN, id, (struct wanted){ .by = NULL }), 0);
	bring_archive(f, id);
	assert_int_equal(reason_of(f, ADMIN, id, (struct wanted){ .by = NULL }), RESULT_REASON_OBJECT_ARCHIVED);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fix_start, fix_stop)
	const struct CMUnitTest tests[] = {
		T(key_is_wrapped_as_in_rfc_3394), T(without_parameters_the_first_of_the_key_hold), T(wrapped_key_goes_round), T(key_that_wraps_opens_nothing),
		T(attributes_that_are_named_are_wrapped_with_the_key),
		T(wrapped_key_is_kept_but_never_used), T(specification_is_checked), T(wrapping_key_must_be_able_and_allowed),
		T(wrapping_key_of_another_owner_needs_the_permission_to_use_it), T(wrapping_key_that_may_not_be_seen_does_not_exist),
		T(sensitive_keys_leave_wrapped_and_others_never), T(raw_and_transparent_are_two_forms_of_one_key),
		T(short_keys_need_padding_or_an_encoding), T(key_that_is_elsewhere_has_no_value), T(archived_object_is_to_be_recovered_first),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
