/* Register requests and Get answers. */
#include "unit/ops/bring.h"

#include <stdio.h>

struct bring bring_key(void)
{
	return (struct bring){ .managed = { .object_type = OBJECT_TYPE_SYMMETRIC_KEY, .block = { .format = KEY_FORMAT_TYPE_RAW, .has_value = true,
		.material = view_of(BRING_KEY, BRING_KEY_LEN), .algorithm = CRYPTOGRAPHIC_ALGORITHM_AES, .length_bits = 128 } } };
}

static void ask_attributes(struct fix *f, struct ask *a, const struct bring *b)
{
	struct ttlv_mark mark = ttlv_begin(&a->w, TAG_TEMPLATE_ATTRIBUTE);
	if (b->mask >= 0)
		kmip_attr_put_i32(&a->w, ATTR_CRYPTOGRAPHIC_USAGE_MASK, b->mask ? b->mask
			: CRYPTOGRAPHIC_USAGE_MASK_ENCRYPT | CRYPTOGRAPHIC_USAGE_MASK_DECRYPT);
	if (b->name) ask_name(a, b->name);
	if (b->group) kmip_attr_put_text(&a->w, ATTR_OBJECT_GROUP, view_str(b->group));
	if (b->active) kmip_attr_put_time(&a->w, ATTR_ACTIVATION_DATE, (int64_t)f->now_s);
	if (b->attributes) b->attributes(a, b->arg);
	ttlv_end(&a->w, mark);
}

void bring_ask(struct fix *f, struct ask *a, const struct bring *b)
{
	ask_begin(a, &(struct ask_header){ .count = 1, .minor = b->minor, .plain = b->plain });
	ask_item(a, OPERATION_REGISTER, 1);
	ttlv_put_enum(&a->w, TAG_OBJECT_TYPE, b->object_type ? b->object_type : b->managed.object_type);
	ask_attributes(f, a, b);
	if (b->object) b->object(&a->w, b->arg);
	else kmip_managed_put(&a->w, &b->managed);
	ask_item_end(a, NULL);
	ask_end(a);
}

enum coffer_err bring_try(struct fix *f, unsigned uid, const struct bring *b, char out_id[static UUID_TEXT_LEN + 1], uint32_t *result_reason)
{
	struct ask a;
	struct answer answer;
	bring_ask(f, &a, b);
	fix_send(f, uid, &a, &answer);
	assert_int_equal(answer.response.count, 1);
	enum coffer_err err = answer.response.items[0].err;
	if (result_reason) *result_reason = answer.response.items[0].reason;
	if (err == ERR_OK) answer_id(&answer, 0, out_id);
	else assert_true(answer.response.items[0].message.len > 0);
	answer_free(&answer);
	return err;
}

void bring_in(struct fix *f, unsigned uid, const struct bring *b, char out_id[static UUID_TEXT_LEN + 1])
{
	assert_int_equal(bring_try(f, uid, b, out_id, NULL), ERR_OK);
}

void bring_got(const struct answer *answer, struct kmip_managed *out)
{
	struct ttlv_cursor c = answer_payload(answer, 0);
	struct ttlv_item item;
	uint32_t type;
	assert_int_equal(ttlv_take_enum(&c, TAG_OBJECT_TYPE, &type), ERR_OK);
	assert_int_equal(ttlv_take(&c, TAG_UNIQUE_IDENTIFIER, &item), ERR_OK);
	assert_true(ttlv_next(&c, &item));
	assert_int_equal(kmip_managed_parse(&item, out, NULL), ERR_OK);
	assert_int_equal(out->object_type, type);
	assert_int_equal(ttlv_done(&c), ERR_OK);
}

void bring_get(struct fix *f, unsigned uid, const char *id, struct answer *answer, struct kmip_managed *out)
{
	struct ask a;
	ask_one(&a, OPERATION_GET);
	ask_id(&a, id);
	ask_item_end(&a, NULL);
	ask_end(&a);
	fix_send(f, uid, &a, answer);
	bring_got(answer, out);
}

struct object *bring_stored(struct fix *f, const char *id)
{
	struct object *o = NULL;
	uint8_t uuid[UUID_LEN];
	object_table_clear(f->engine.objects);
	assert_int_equal(text_parse_uuid(view_str(id), uuid), ERR_OK);
	assert_int_equal(txn_object(f->engine.txn, uuid, &o), ERR_OK);
	return o;
}

void bring_archive(struct fix *f, const char *id)
{
	AUTO_OBJECT struct object *before = bring_stored(f, id);
	AUTO_OBJECT struct object *after = object_copy(before);
	assert_non_null(after);
	after->archived = true;
	assert_int_equal(txn_begin(f->engine.txn, NULL), ERR_OK);
	assert_int_equal(txn_update(f->engine.txn, after, NULL), ERR_OK);
	assert_int_equal(txn_commit(f->engine.txn, NULL), ERR_OK);
}

void bring_grant(struct fix *f, unsigned uid, enum role role, const char *scope)
{
	struct principal p;
	struct grants *after = NULL;
	struct grant grant = { .role = role, .created_ms = 1 };
	principal_from_uid(uid, 1, &p);
	snprintf(grant.principal, sizeof grant.principal, "%s", p.text);
	snprintf(grant.granted_by, sizeof grant.granted_by, "%s", p.text);
	snprintf(grant.scope, sizeof grant.scope, "%s", scope);
	grant.id[0] = (uint8_t)role;
	grant.id[1] = 0xaa;
	assert_int_equal(txn_begin(f->engine.txn, NULL), ERR_OK);
	assert_int_equal(grants_add(f->engine.txn, f->engine.grants, &grant, &after, NULL), ERR_OK);
	assert_int_equal(txn_commit(f->engine.txn, NULL), ERR_OK);
	engine_set_grants(&f->engine, after);
}
