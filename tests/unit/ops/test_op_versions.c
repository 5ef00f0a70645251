/* Every operation in every version: no answer holds a tag or an attribute that its version does not know, and our own tags have the types that Query
 * tells. */
#include "unit/ops/vendor.h"

#include <stdio.h>
#include <string.h>

#include "kmip/names.h"
#include "kmip/values.h"

/* What the operations of one round are about. */
struct things {
	struct fix *fix;
	char rich[UUID_TEXT_LEN + 1];  /* an active key with the attributes of every version */
	char plain[UUID_TEXT_LEN + 1]; /* an active key without Cryptographic Parameters */
	char fresh[UUID_TEXT_LEN + 1]; /* a pre-active key */
	struct buf sealed;
	uint32_t minor;
	bool attributes_seen;
};

/* ---- what is asked ---- */

typedef void fields_fn(struct ask *a, const struct things *t);

static void of_rich(struct ask *a, const struct things *t) { ask_id(a, t->rich); }
static void of_plain(struct ask *a, const struct things *t) { ask_id(a, t->plain); }
static void of_fresh(struct ask *a, const struct things *t) { ask_id(a, t->fresh); }
static void nothing(struct ask *a, const struct things *t) { (void)a; (void)t; }

static void create(struct ask *a, const struct things *t)
{
	ask_key(a, &(struct key_wish){ .pre_active = true }, t->fix->now_s);
}

static void locate(struct ask *a, const struct things *t)
{
	(void)t;
	kmip_attr_put_enum(&a->w, ATTR_OBJECT_TYPE, OBJECT_TYPE_SYMMETRIC_KEY);
}

static void every_function(struct ask *a, const struct things *t)
{
	(void)t;
	for (uint32_t i = 1; i <= 12; i++) ttlv_put_enum(&a->w, TAG_QUERY_FUNCTION, i);
}

static void block(struct ask *a, const struct things *t)
{
	static const uint8_t bytes[16] = { 1 };
	struct kmip_params params = { .has_block_cipher_mode = true, .block_cipher_mode = BLOCK_CIPHER_MODE_ECB, .has_padding_method = true,
		.padding_method = PADDING_METHOD_NONE };
	ask_id(a, t->plain);
	kmip_params_put(&a->w, TAG_CRYPTOGRAPHIC_PARAMETERS, &params);
	ttlv_put_bytes(&a->w, TAG_DATA, view_of(bytes, sizeof bytes));
}

static void random_bytes(struct ask *a, const struct things *t)
{
	(void)t;
	ttlv_put_i32(&a->w, TAG_DATA_LENGTH, 16);
}

static void seed(struct ask *a, const struct things *t)
{
	(void)t;
	ttlv_put_bytes(&a->w, TAG_DATA, view_str("seed"));
}

static void compromised(struct ask *a, const struct things *t)
{
	ask_id(a, t->fresh);
	kmip_revocation_put(&a->w, TAG_REVOCATION_REASON, &(struct kmip_revocation){ .code = REVOCATION_REASON_CODE_KEY_COMPROMISE });
}

static void seal(struct ask *a, const struct things *t)
{
	ask_id(a, t->plain);
	ttlv_put_bytes(&a->w, TAG_COFFER_PLAINTEXT, view_str("x"));
}

static void opened(struct ask *a, const struct things *t)
{
	ttlv_put_bytes(&a->w, TAG_COFFER_SEALED_DATA, buf_view(&t->sealed));
}

static void grant(struct ask *a, const struct things *t)
{
	(void)t;
	ttlv_put_str(&a->w, TAG_COFFER_PRINCIPAL, "unix:4711");
	ttlv_put_str(&a->w, TAG_COFFER_ROLE, "auditor");
}

/* In the order in which they are carried out; an operation that is missing here is asked about the rich key, whatever comes of it. */
static const struct { uint32_t operation; fields_fn *fields; bool succeeds; } asked[] = {
	{ OPERATION_CREATE, create, true }, { OPERATION_LOCATE, locate, true }, { OPERATION_GET, of_rich, true },
	{ OPERATION_GET_ATTRIBUTES, of_rich, true }, { OPERATION_GET_ATTRIBUTE_LIST, of_rich, true }, { OPERATION_QUERY, every_function, true },
	{ OPERATION_DISCOVER_VERSIONS, nothing, true }, { OPERATION_ENCRYPT, block, true }, { OPERATION_DECRYPT, block, true },
	{ OPERATION_RNG_RETRIEVE, random_bytes, true }, { OPERATION_RNG_SEED, seed, true }, { OPERATION_COFFER_SEAL, seal, true },
	{ OPERATION_COFFER_OPEN, opened, true }, { OPERATION_COFFER_REWRAP, opened, true }, { OPERATION_COFFER_SEAL_STREAM, of_plain, true },
	{ OPERATION_COFFER_GRANT, grant, true }, { OPERATION_COFFER_LIST_GRANTS, nothing, true }, { OPERATION_COFFER_REVOKE_GRANT, grant, true },
	{ OPERATION_COFFER_AUDIT_SHOW, nothing, true }, { OPERATION_COFFER_AUDIT_VERIFY, nothing, true },
	{ OPERATION_COFFER_AUDIT_EXPORT, nothing, true },
	{ OPERATION_COFFER_STATUS, nothing, true }, { OPERATION_ACTIVATE, of_fresh, true }, { OPERATION_RE_KEY, of_fresh, true },
	{ OPERATION_REVOKE, compromised, true }, { OPERATION_DESTROY, of_fresh, true },
};
#define ASKED (sizeof asked / sizeof asked[0])

/* ---- what is answered ---- */

static void check_own(const struct ttlv_item *item)
{
	size_t count;
	const struct kmip_vendor_tag *tags = kmip_vendor_tags(&count);
	for (size_t i = 0; i < count; i++)
		if (tags[i].tag == item->tag && tags[i].type != item->type) fail_msg("%s is a %s", tags[i].name, ttlv_type_name(item->type));
}

static void check_name(struct things *t, const struct ttlv_item *item)
{
	struct view name;
	assert_int_equal(ttlv_get_text(item, &name), ERR_OK);
	enum kmip_attr attr = kmip_attr_by_name(name);
	if (attr == ATTR_NONE || kmip_attr_row(attr)->since_minor > t->minor)
		fail_msg("1.%u has no attribute %.*s", (unsigned)t->minor, (int)name.len, (const char *)name.ptr);
	t->attributes_seen = true;
}

static void check_item(struct things *t, const char *operation, const struct ttlv_item *item, unsigned depth)
{
	struct ttlv_cursor c;
	struct ttlv_item child;
	const char *name = kmip_tag_name(item->tag);
	assert_true(depth < TTLV_DEPTH_MAX);
	if (kmip_tag_since(item->tag) > t->minor) fail_msg("%s: 1.%u has no field %s", operation, (unsigned)t->minor, name ? name : "?");
	check_own(item);
	if (item->tag == TAG_ATTRIBUTE_NAME) check_name(t, item);
	if (item->type != TTLV_STRUCTURE) return;
	assert_int_equal(ttlv_enter(item, &c), ERR_OK);
	while (ttlv_next(&c, &child)) check_item(t, operation, &child, depth + 1);
	assert_int_equal(ttlv_done(&c), ERR_OK);
}

static void run_one(struct things *t, const struct op_row *row, fields_fn *fields, bool succeeds)
{
	struct ask a;
	struct answer answer;
	struct ttlv_item root;
	ask_begin(&a, &(struct ask_header){ .count = 1, .minor = t->minor, .zero = t->minor == 0 });
	ask_item(&a, row->operation, 1);
	fields(&a, t);
	ask_item_end(&a, NULL);
	ask_end(&a);
	fix_send(t->fix, ADMIN, &a, &answer);
	const struct kmip_response_item *item = &answer.response.items[0];
	assert_int_equal(answer.response.version.minor, t->minor);
	if (succeeds && row->since_minor <= t->minor && item->err != ERR_OK)
		fail_msg("%s in 1.%u: %.*s", row->name, (unsigned)t->minor, (int)item->message.len, (const char *)item->message.ptr);
	if (row->since_minor > t->minor) assert_int_equal(item->reason, RESULT_REASON_OPERATION_NOT_SUPPORTED);
	assert_int_equal(ttlv_root(buf_view(&answer.request.answer), &root), ERR_OK);
	check_item(t, row->name, &root, 0);
	answer_free(&answer);
}

static bool is_asked(uint32_t operation)
{
	for (size_t i = 0; i < ASKED; i++)
		if (asked[i].operation == operation) return true;
	return false;
}

/* ---- keys ---- */

static void put_alternative(struct ask *a)
{
	struct kmip_attr_mark mark = kmip_attr_begin(&a->w, ATTR_ALTERNATIVE_NAME);
	ttlv_put_str(&a->w, TAG_ALTERNATIVE_NAME_VALUE, "other");
	ttlv_put_enum(&a->w, TAG_ALTERNATIVE_NAME_TYPE, ALTERNATIVE_NAME_TYPE_UNINTERPRETED_TEXT_STRING);
	kmip_attr_end(&a->w, mark);
}

static void put_rich_attributes(struct ask *a)
{
	struct kmip_attr_mark mark = kmip_attr_begin(&a->w, ATTR_CRYPTOGRAPHIC_PARAMETERS);
	ttlv_put_enum(&a->w, TAG_BLOCK_CIPHER_MODE, BLOCK_CIPHER_MODE_GCM);
	ttlv_put_enum(&a->w, TAG_DIGITAL_SIGNATURE_ALGORITHM, DIGITAL_SIGNATURE_ALGORITHM_SHA_256_WITH_RSA_ENCRYPTION);
	ttlv_put_bool(&a->w, TAG_RANDOM_IV, true);
	ttlv_put_i32(&a->w, TAG_TAG_LENGTH, 16);
	ttlv_put_i32(&a->w, TAG_SALT_LENGTH, 8);
	kmip_attr_end(&a->w, mark);
	put_alternative(a);
	kmip_attr_put_text(&a->w, ATTR_DESCRIPTION, view_str("d"));
	kmip_attr_put_text(&a->w, ATTR_COMMENT, view_str("c"));
	kmip_attr_put_bool(&a->w, ATTR_EXTRACTABLE, true);
}

static void make_rich(struct things *t)
{
	struct ask a;
	struct answer answer;
	ask_one(&a, OPERATION_CREATE);
	ttlv_put_enum(&a.w, TAG_OBJECT_TYPE, OBJECT_TYPE_SYMMETRIC_KEY);
	struct ttlv_mark mark = ttlv_begin(&a.w, TAG_TEMPLATE_ATTRIBUTE);
	kmip_attr_put_enum(&a.w, ATTR_CRYPTOGRAPHIC_ALGORITHM, CRYPTOGRAPHIC_ALGORITHM_AES);
	kmip_attr_put_i32(&a.w, ATTR_CRYPTOGRAPHIC_LENGTH, 256);
	kmip_attr_put_i32(&a.w, ATTR_CRYPTOGRAPHIC_USAGE_MASK, CRYPTOGRAPHIC_USAGE_MASK_ENCRYPT);
	kmip_attr_put_time(&a.w, ATTR_ACTIVATION_DATE, (int64_t)t->fix->now_s);
	put_rich_attributes(&a);
	ttlv_end(&a.w, mark);
	assert_int_equal(vendor_send(t->fix, ADMIN, &a, &answer), ERR_OK);
	answer_id(&answer, 0, t->rich);
	answer_free(&answer);
}

static void no_answer_is_newer_than_its_request(void **state)
{
	static struct things t;
	size_t count;
	const struct op_row *rows = dispatch_rows(&count);
	t.fix = *state;
	t.fix->config.store = (char *)(uintptr_t)"memory";
	t.fix->config.token = (char *)(uintptr_t)"";
	make_rich(&t);
	fix_create(t.fix, ADMIN, &(struct key_wish){ .name = "plain" }, t.plain);
	vendor_seal(t.fix, ADMIN, "plain", NULL, view_str("x"), &t.sealed);
	for (t.minor = 0; t.minor <= 4; t.minor++) {
		t.attributes_seen = false;
		fix_create(t.fix, ADMIN, &(struct key_wish){ .pre_active = true }, t.fresh);
		for (size_t i = 0; i < ASKED; i++) {
			const struct op_row *row = dispatch_find(asked[i].operation);
			assert_non_null(row);
			run_one(&t, row, asked[i].fields, asked[i].succeeds);
		}
		for (size_t i = 0; i < count; i++)
			if (!is_asked(rows[i].operation)) run_one(&t, &rows[i], of_rich, false);
		assert_true(t.attributes_seen);
	}
	buf_free(&t.sealed);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test_setup_teardown(no_answer_is_newer_than_its_request, fix_start, fix_stop) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
