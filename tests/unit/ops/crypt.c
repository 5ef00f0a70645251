/* Cryptographic requests. */
#include "unit/ops/crypt.h"

#include <string.h>

#define MASK_ALL (CRYPTOGRAPHIC_USAGE_MASK_ENCRYPT | CRYPTOGRAPHIC_USAGE_MASK_DECRYPT | CRYPTOGRAPHIC_USAGE_MASK_MAC_GENERATE | \
	CRYPTOGRAPHIC_USAGE_MASK_MAC_VERIFY)

static void put(struct ask *a, uint32_t tag, struct view v)
{
	if (v.ptr) ttlv_put_bytes(&a->w, tag, v);
}

static void put_fields(struct ask *a, const struct crypt *c)
{
	ask_id(a, c->id);
	if (c->params) kmip_params_put(&a->w, TAG_CRYPTOGRAPHIC_PARAMETERS, c->params);
	put(a, TAG_DATA, c->data);
	put(a, TAG_IV_COUNTER_NONCE, c->iv);
	put(a, TAG_MAC_DATA, c->mac);
	put(a, TAG_CORRELATION_VALUE, c->correlation);
	if (c->init) ttlv_put_bool(&a->w, TAG_INIT_INDICATOR, true);
	if (c->final) ttlv_put_bool(&a->w, TAG_FINAL_INDICATOR, true);
	put(a, TAG_AUTHENTICATED_ENCRYPTION_ADDITIONAL_DATA, c->aad);
	put(a, TAG_AUTHENTICATED_ENCRYPTION_TAG, c->tag);
}

static void send(struct fix *f, const struct crypt *c, bool plain, struct answer *answer)
{
	struct ask a;
	ask_begin(&a, &(struct ask_header){ .minor = c->minor, .count = c->batch ? 2 : 1, .plain = plain,
		.continuation = c->batch ? BATCH_ERROR_CONTINUATION_OPTION_CONTINUE : 0 });
	ask_item(&a, c->operation, 1);
	put_fields(&a, c);
	ask_item_end(&a, NULL);
	if (c->batch) {
		ask_item(&a, OPERATION_QUERY, 2);
		ttlv_put_enum(&a.w, TAG_QUERY_FUNCTION, QUERY_FUNCTION_QUERY_OPERATIONS);
		ask_item_end(&a, NULL);
	}
	ask_end(&a);
	fix_send(f, c->uid ? c->uid : ADMIN, &a, answer);
}

static void keep(const struct ttlv_item *item, struct crypt_field *out)
{
	assert_false(out->there);
	assert_true(item->value.len <= CRYPT_BYTES_MAX);
	out->there = true;
	out->len = item->value.len;
	if (out->len) memcpy(out->bytes, item->value.ptr, out->len);
}

static void take(struct ttlv_cursor payload, struct crypted *out)
{
	struct ttlv_item item;
	while (ttlv_next(&payload, &item)) {
		switch (item.tag) {
		case TAG_UNIQUE_IDENTIFIER: break;
		case TAG_DATA: keep(&item, &out->data); break;
		case TAG_IV_COUNTER_NONCE: keep(&item, &out->iv); break;
		case TAG_MAC_DATA: keep(&item, &out->mac); break;
		case TAG_CORRELATION_VALUE: keep(&item, &out->correlation); break;
		case TAG_AUTHENTICATED_ENCRYPTION_TAG: keep(&item, &out->tag); break;
		case TAG_VALIDITY_INDICATOR: assert_int_equal(ttlv_get_enum(&item, &out->validity), ERR_OK); break;
		default: fail_msg("the answer has a field 0x%06x", (unsigned)item.tag);
		}
	}
}

void crypt_send(struct fix *f, const struct crypt *c, struct crypted *out)
{
	struct answer answer;
	memset(out, 0, sizeof *out);
	send(f, c, false, &answer);
	out->err = answer.response.items[0].err;
	out->reason = answer.response.items[0].reason;
	if (!out->err) take(answer_payload(&answer, 0), out);
	answer_free(&answer);
}

uint32_t crypt_reason(struct fix *f, const struct crypt *c)
{
	struct answer answer;
	send(f, c, true, &answer);
	assert_int_not_equal(answer.response.items[0].err, ERR_OK);
	uint32_t reason = answer.response.items[0].reason;
	answer_free(&answer);
	return reason;
}

struct view crypt_view(const struct crypt_field *field)
{
	return view_of(field->bytes, field->len);
}

void crypt_assert_hex(const struct crypt_field *field, const char *hex)
{
	char got[2 * CRYPT_BYTES_MAX + 1];
	text_hex(crypt_view(field), got);
	assert_string_equal(got, hex);
}

struct of_key {
	const struct kmip_params *params;
};

static void put_key_params(struct ask *a, void *arg)
{
	const struct of_key *k = arg;
	if (!k->params) return;
	struct kmip_attr_mark mark = kmip_attr_begin(&a->w, ATTR_CRYPTOGRAPHIC_PARAMETERS);
	AUTO_BUF struct buf bytes = BUF_EMPTY;
	struct writer w;
	struct ttlv_item item;
	writer_init_buf(&w, &bytes, 4096);
	kmip_params_put(&w, TAG_CRYPTOGRAPHIC_PARAMETERS, k->params);
	assert_int_equal(ttlv_root(buf_view(&bytes), &item), ERR_OK);
	struct ttlv_cursor fields = ttlv_cursor_of(item.value);
	while (ttlv_next(&fields, &item)) ttlv_put_item(&a->w, item.tag, &item);
	kmip_attr_end(&a->w, mark);
}

void crypt_key(struct fix *f, uint32_t algorithm, uint32_t bits, const char *hex, const struct kmip_params *params,
	char out_id[static UUID_TEXT_LEN + 1])
{
	uint8_t bytes[SECRET_MAX / 64];
	struct of_key of = { params };
	struct bring b = bring_key();
	size_t len = strlen(hex) / 2;
	assert_true(len <= sizeof bytes);
	assert_int_equal(text_unhex(view_str(hex), bytes, len), ERR_OK);
	b.managed.block.algorithm = algorithm;
	b.managed.block.length_bits = bits;
	b.managed.block.material = view_of(bytes, len);
	b.mask = MASK_ALL;
	b.active = true;
	b.attributes = put_key_params;
	b.arg = &of;
	bring_in(f, ADMIN, &b, out_id);
}
