/* Requests about the life of keys. */
#include "unit/ops/life.h"

#include <stdlib.h>

#include "ops/kmip_usage.h"

uint32_t life_ask(struct fix *f, unsigned uid, uint32_t operation, const char *id, life_put *put, const void *arg, struct answer *out)
{
	struct ask a;
	struct answer answer;
	ask_begin(&a, &(struct ask_header){ .count = 1, .plain = true });
	ask_item(&a, operation, 1);
	ask_id(&a, id);
	if (put) put(&a, arg);
	ask_item_end(&a, NULL);
	ask_end(&a);
	fix_send(f, uid, &a, &answer);
	assert_int_equal(answer.response.count, 1);
	const struct kmip_response_item *item = &answer.response.items[0];
	uint32_t reason = item->status == RESULT_STATUS_SUCCESS ? LIFE_DONE : item->reason;
	if (item->status != RESULT_STATUS_SUCCESS) assert_true(reason != 0 && item->message.len > 0);
	if (out) *out = answer;
	else answer_free(&answer);
	return reason;
}

static void put_date(struct ask *a, enum kmip_attr attr, uint64_t date_s)
{
	if (date_s) kmip_attr_put_time(&a->w, attr, (int64_t)date_s);
}

void life_put_template(struct ask *a, const struct life_key *key)
{
	struct ttlv_mark mark = ttlv_begin(&a->w, TAG_TEMPLATE_ATTRIBUTE);
	if (key->name) ask_name(a, key->name);
	if (key->mask >= 0) {
		kmip_attr_put_enum(&a->w, ATTR_CRYPTOGRAPHIC_ALGORITHM, CRYPTOGRAPHIC_ALGORITHM_AES);
		kmip_attr_put_i32(&a->w, ATTR_CRYPTOGRAPHIC_LENGTH, 256);
		kmip_attr_put_i32(&a->w, ATTR_CRYPTOGRAPHIC_USAGE_MASK, key->mask ? key->mask
			: CRYPTOGRAPHIC_USAGE_MASK_ENCRYPT | CRYPTOGRAPHIC_USAGE_MASK_DECRYPT);
	}
	put_date(a, ATTR_ACTIVATION_DATE, key->activation_s);
	put_date(a, ATTR_PROCESS_START_DATE, key->process_start_s);
	put_date(a, ATTR_PROTECT_STOP_DATE, key->protect_stop_s);
	put_date(a, ATTR_DEACTIVATION_DATE, key->deactivation_s);
	if (key->group) kmip_attr_put_text(&a->w, ATTR_OBJECT_GROUP, view_str(key->group));
	if (key->has_limits) {
		struct ttlv_mark attribute = ttlv_begin(&a->w, TAG_ATTRIBUTE);
		ttlv_put_str(&a->w, TAG_ATTRIBUTE_NAME, "Usage Limits");
		kmip_usage_limits_put(&a->w, TAG_ATTRIBUTE_VALUE, &key->limits);
		ttlv_end(&a->w, attribute);
	}
	if (key->more) key->more(a, key->arg);
	ttlv_end(&a->w, mark);
}

static void put_key(struct ask *a, const void *arg)
{
	ttlv_put_enum(&a->w, TAG_OBJECT_TYPE, OBJECT_TYPE_SYMMETRIC_KEY);
	life_put_template(a, arg);
}

uint32_t life_try_create(struct fix *f, unsigned uid, const struct life_key *key, char out_id[static UUID_TEXT_LEN + 1])
{
	struct answer answer;
	uint32_t reason = life_ask(f, uid, OPERATION_CREATE, NULL, put_key, key, &answer);
	if (reason == LIFE_DONE) answer_id(&answer, 0, out_id);
	answer_free(&answer);
	return reason;
}

void life_create(struct fix *f, const struct life_key *key, char out_id[static UUID_TEXT_LEN + 1])
{
	assert_int_equal(life_try_create(f, ADMIN, key, out_id), LIFE_DONE);
}

static void put_revocation(struct ask *a, const void *arg)
{
	kmip_revocation_put(&a->w, TAG_REVOCATION_REASON, &(struct kmip_revocation){ .code = *(const uint32_t *)arg });
}

uint32_t life_revoke(struct fix *f, unsigned uid, const char *id, uint32_t code)
{
	return life_ask(f, uid, OPERATION_REVOKE, id, put_revocation, &code, NULL);
}

static void put_cipher(struct ask *a, const void *arg)
{
	static const uint8_t iv[16] = { 1 };
	size_t len = *(const size_t *)arg;
	uint8_t *data = calloc(1, len + 1);
	assert_non_null(data);
	struct ttlv_mark mark = ttlv_begin(&a->w, TAG_CRYPTOGRAPHIC_PARAMETERS);
	ttlv_put_enum(&a->w, TAG_BLOCK_CIPHER_MODE, BLOCK_CIPHER_MODE_CTR);
	ttlv_end(&a->w, mark);
	ttlv_put_bytes(&a->w, TAG_DATA, view_of(data, len));
	ttlv_put_bytes(&a->w, TAG_IV_COUNTER_NONCE, view_of(iv, sizeof iv));
	free(data);
}

uint32_t life_cipher(struct fix *f, unsigned uid, uint32_t operation, const char *id, size_t len)
{
	return life_ask(f, uid, operation, id, put_cipher, &len, NULL);
}

struct object *life_stored(struct fix *f, const char *id)
{
	struct object *o = NULL;
	uint8_t uuid[UUID_LEN];
	object_table_clear(f->engine.objects);
	assert_int_equal(text_parse_uuid(view_str(id), uuid), ERR_OK);
	assert_int_equal(txn_object(f->engine.txn, uuid, &o), ERR_OK);
	return o;
}

int64_t life_rest(struct fix *f, const char *id)
{
	AUTO_OBJECT struct object *o = life_stored(f, id);
	struct kmip_usage_limits limits;
	assert_true(kmip_usage_limits(o, &limits));
	return limits.count;
}

uint64_t life_date(const struct object *o, enum kmip_attr attr)
{
	uint64_t date_s = 0;
	attrset_get_time(&o->attrs, attr, &date_s);
	return date_s;
}
