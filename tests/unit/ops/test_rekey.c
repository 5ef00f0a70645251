/* Re-key (KMIP 1.4 sections 4.4 and 11.5, tables 172 and 173). */
#include "unit/ops/attrs.h"
#include "unit/ops/bring.h"
#include "unit/ops/life.h"

#include <string.h>

#include "objects/names.h"

#define YEAR 31536000u

/* What the request has behind the Unique Identifier. */
struct wanted {
	bool has_offset;
	uint32_t offset_s;
	const struct life_key *template; /* mask -1: no algorithm, length and mask */
};

static void put_wanted(struct ask *a, const void *arg)
{
	const struct wanted *q = arg;
	if (q->has_offset) ttlv_put_interval(&a->w, TAG_OFFSET, q->offset_s);
	if (q->template) life_put_template(a, q->template);
}

static uint32_t try_rekey(struct fix *f, const char *id, const struct wanted *q, char out_id[static UUID_TEXT_LEN + 1])
{
	struct answer answer;
	uint32_t reason = life_ask(f, ADMIN, OPERATION_RE_KEY, id, put_wanted, q, &answer);
	if (reason == LIFE_DONE) answer_id(&answer, 0, out_id);
	answer_free(&answer);
	return reason;
}

static struct object *rekey(struct fix *f, const char *id, const struct wanted *q)
{
	char next[UUID_TEXT_LEN + 1];
	assert_int_equal(try_rekey(f, id, q, next), LIFE_DONE);
	return life_stored(f, next);
}

/* ---- dates ---- */

static void assert_dates(const struct object *o, uint64_t activation_s, uint64_t process_s, uint64_t protect_s, uint64_t deactivation_s)
{
	assert_int_equal(life_date(o, ATTR_ACTIVATION_DATE), activation_s);
	assert_int_equal(life_date(o, ATTR_PROCESS_START_DATE), process_s);
	assert_int_equal(life_date(o, ATTR_PROTECT_STOP_DATE), protect_s);
	assert_int_equal(life_date(o, ATTR_DEACTIVATION_DATE), deactivation_s);
}

static const struct life_key dated = { .name = "k", .activation_s = NOW_S - 100, .process_start_s = NOW_S - 50, .protect_stop_s = NOW_S + 200,
	.deactivation_s = NOW_S + 300 };

static void without_an_offset_the_dates_are_copied(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	life_create(f, &dated, id);
	f->now_s += 10;
	AUTO_OBJECT struct object *o = rekey(f, id, &(struct wanted){ .has_offset = false });
	assert_dates(o, dated.activation_s, dated.process_start_s, dated.protect_stop_s, dated.deactivation_s);
	assert_int_equal(life_date(o, ATTR_INITIAL_DATE), NOW_S + 10);
	assert_int_equal(o->state, OBJECT_ACTIVE);
}

static void an_offset_moves_the_dates_with_the_activation(void **state)
{
	static const uint32_t offsets[] = { 0, 1, 50, YEAR };
	struct fix *f = *state;
	for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++) {
		char id[UUID_TEXT_LEN + 1];
		uint64_t at_s = NOW_S + 10 + offsets[i];
		struct life_key key = dated;
		key.name = NULL;
		f->now_s = NOW_S;
		life_create(f, &key, id);
		f->now_s = NOW_S + 10;
		AUTO_OBJECT struct object *o = rekey(f, id, &(struct wanted){ .has_offset = true, .offset_s = offsets[i] });
		assert_dates(o, at_s, at_s + 50, at_s + 300, at_s + 400);
		assert_int_equal(o->state, offsets[i] ? OBJECT_PRE_ACTIVE : OBJECT_ACTIVE);
	}
}

static void an_offset_alone_makes_an_activation_date(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	life_create(f, &(struct life_key){ .name = "k" }, id);
	AUTO_OBJECT struct object *o = rekey(f, id, &(struct wanted){ .has_offset = true, .offset_s = 60 });
	assert_dates(o, NOW_S + 60, 0, 0, 0);
}

static void dates_of_the_request_replace_single_ones(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1], next[UUID_TEXT_LEN + 1];
	struct life_key t = { .mask = -1, .deactivation_s = NOW_S + 900 };
	life_create(f, &dated, id);
	AUTO_OBJECT struct object *o = rekey(f, id, &(struct wanted){ .template = &t });
	assert_dates(o, dated.activation_s, dated.process_start_s, dated.protect_stop_s, NOW_S + 900);
	text_uuid(o->id, id);
	t.deactivation_s = NOW_S + 100; /* before the Protect Stop Date, which is copied */
	assert_int_equal(try_rekey(f, id, &(struct wanted){ .template = &t }, next), RESULT_REASON_INVALID_FIELD);
}

static void an_offset_beside_a_date_is_an_invalid_message(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1], next[UUID_TEXT_LEN + 1];
	const struct life_key templates[] = {
		{ .mask = -1, .activation_s = dated.activation_s }, /* also when it is the date that the key has */
		{ .mask = -1, .process_start_s = NOW_S }, { .mask = -1, .protect_stop_s = NOW_S }, { .mask = -1, .deactivation_s = NOW_S },
	};
	life_create(f, &dated, id);
	for (size_t i = 0; i < sizeof templates / sizeof templates[0]; i++)
		assert_int_equal(try_rekey(f, id, &(struct wanted){ .has_offset = true, .template = &templates[i] }, next), RESULT_REASON_INVALID_MESSAGE);
}

static void an_offset_needs_an_activation_date_to_measure_others_from(void **state)
{
	static const struct life_key keys[] = { { .process_start_s = NOW_S }, { .protect_stop_s = NOW_S }, { .deactivation_s = NOW_S + 10 } };
	struct fix *f = *state;
	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
		char id[UUID_TEXT_LEN + 1], next[UUID_TEXT_LEN + 1];
		life_create(f, &keys[i], id);
		assert_int_equal(try_rekey(f, id, &(struct wanted){ .has_offset = true }, next), RESULT_REASON_ILLEGAL_OPERATION);
	}
}

static void an_offset_cannot_leave_the_range_of_dates(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1], next[UUID_TEXT_LEN + 1];
	life_create(f, &(struct life_key){ .activation_s = 1, .deactivation_s = INT64_MAX }, id);
	assert_int_equal(try_rekey(f, id, &(struct wanted){ .has_offset = true, .offset_s = UINT32_MAX }, next), RESULT_REASON_INVALID_FIELD);
}

/* ---- attributes ---- */

static void put_own(struct ask *a, void *arg)
{
	(void)arg;
	kmip_attr_put_text(&a->w, ATTR_CONTACT_INFORMATION, view_str("joe"));
	kmip_attr_put_text(&a->w, ATTR_COMMENT, view_str("old words"));
	kmip_attr_put_bool(&a->w, ATTR_SENSITIVE, true);
	kmip_attr_put_bool(&a->w, ATTR_EXTRACTABLE, true);
	kmip_attr_put_text(&a->w, ATTR_OBJECT_GROUP, view_str("web"));
	ask_name(a, "second");
	struct ttlv_mark mark = ttlv_begin(&a->w, TAG_ATTRIBUTE);
	ttlv_put_str(&a->w, TAG_ATTRIBUTE_NAME, "x-note");
	ttlv_put_str(&a->w, TAG_ATTRIBUTE_VALUE, "mine");
	ttlv_end(&a->w, mark);
}

static bool links_to(const struct object *from, uint32_t type, const struct object *to)
{
	char id[UUID_TEXT_LEN + 1];
	text_uuid(to->id, id);
	for (size_t i = 0; i < from->attrs.count; i++) {
		struct ttlv_item item;
		struct kmip_link link;
		if (from->attrs.values[i].attr != ATTR_LINK || !attrset_item(&from->attrs.values[i], &item)) continue;
		if (kmip_link_parse(&item, &link) == ERR_OK && link.type == type && view_equal_str(link.linked, id)) return true;
	}
	return false;
}

static void attributes_go_over_as_table_173_says(void **state)
{
	static const enum kmip_attr copied[] = { ATTR_CONTACT_INFORMATION, ATTR_COMMENT, ATTR_SENSITIVE, ATTR_EXTRACTABLE, ATTR_CUSTOM_ATTRIBUTE };
	static const enum kmip_attr left[] = { ATTR_COMPROMISE_DATE, ATTR_COMPROMISE_OCCURRENCE_DATE, ATTR_REVOCATION_REASON, ATTR_DESTROY_DATE,
		ATTR_ARCHIVE_DATE };
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	struct life_key key = { .name = "first", .group = "pay", .activation_s = NOW_S, .more = put_own };
	life_create(f, &key, id);
	assert_int_equal(life_revoke(f, ADMIN, id, REVOCATION_REASON_CODE_KEY_COMPROMISE), LIFE_DONE);
	f->now_s += 10;
	AUTO_OBJECT struct object *o = rekey(f, id, &(struct wanted){ .has_offset = false });
	AUTO_OBJECT struct object *old = life_stored(f, id);
	for (size_t i = 0; i < sizeof copied / sizeof copied[0]; i++) assert_int_equal(attrset_count(&o->attrs, copied[i]), 1);
	for (size_t i = 0; i < sizeof left / sizeof left[0]; i++) assert_int_equal(attrset_count(&o->attrs, left[i]), 0);
	assert_true(object_has_name(o, view_str("first")) && object_has_name(o, view_str("second")));
	assert_int_equal(attrset_count(&old->attrs, ATTR_NAME), 0);
	assert_int_equal(attrset_count(&o->attrs, ATTR_OBJECT_GROUP), 2);
	assert_int_equal(attrset_count(&o->attrs, ATTR_LINK), 1);
	assert_true(links_to(o, LINK_TYPE_REPLACED_OBJECT_LINK, old) && links_to(old, LINK_TYPE_REPLACEMENT_OBJECT_LINK, o));
	assert_int_equal(life_date(o, ATTR_INITIAL_DATE), NOW_S + 10);
	assert_int_equal(life_date(o, ATTR_ORIGINAL_CREATION_DATE), NOW_S + 10);
	assert_int_equal(life_date(old, ATTR_LAST_CHANGE_DATE), NOW_S + 10);
	assert_int_equal(o->key_version, old->key_version + 1);
	assert_int_equal(o->state, OBJECT_ACTIVE);
	assert_int_equal(old->state, OBJECT_COMPROMISED);
	assert_string_equal(o->owner, old->owner);
	assert_false(secret_equal(o->material, old->material));
	assert_false(view_equal(view_of(attrset_get(&o->attrs, ATTR_DIGEST, NULL, 0)->item, attrset_get(&o->attrs, ATTR_DIGEST, NULL, 0)->item_len),
		view_of(attrset_get(&old->attrs, ATTR_DIGEST, NULL, 0)->item, attrset_get(&old->attrs, ATTR_DIGEST, NULL, 0)->item_len)));
}

static void put_new(struct ask *a, void *arg)
{
	(void)arg;
	kmip_attr_put_text(&a->w, ATTR_COMMENT, view_str("new words"));
}

static void attributes_of_the_request_take_the_place_of_copied_ones(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	struct life_key key = { .name = "first", .more = put_own }, t = { .mask = -1, .name = "third", .more = put_new };
	struct ttlv_item item;
	struct view text;
	life_create(f, &key, id);
	AUTO_OBJECT struct object *o = rekey(f, id, &(struct wanted){ .template = &t });
	AUTO_OBJECT struct object *old = life_stored(f, id);
	assert_true(object_has_name(o, view_str("third")));
	assert_int_equal(attrset_count(&o->attrs, ATTR_NAME), 1);
	assert_int_equal(attrset_count(&old->attrs, ATTR_NAME), 0);
	assert_true(attrset_item(attrset_get(&o->attrs, ATTR_COMMENT, NULL, 0), &item));
	assert_int_equal(ttlv_get_text(&item, &text), ERR_OK);
	assert_true(view_equal_str(text, "new words"));
}

static void usage_limits_begin_again_for_the_replacement_alone(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1], next[UUID_TEXT_LEN + 1], last[UUID_TEXT_LEN + 1];
	struct kmip_usage_limits limits = { .has_total = true, .total = 100, .has_unit = true, .unit = USAGE_LIMITS_UNIT_BYTE };
	struct life_key key = { .activation_s = NOW_S, .has_limits = true, .limits = limits }, t = { .mask = -1, .has_limits = true, .limits = limits };
	life_create(f, &key, id);
	assert_int_equal(life_cipher(f, ADMIN, OPERATION_ENCRYPT, id, 30), LIFE_DONE);
	assert_int_equal(try_rekey(f, id, &(struct wanted){ .has_offset = false }, next), LIFE_DONE);
	assert_int_equal(life_rest(f, next), 100);
	assert_int_equal(life_rest(f, id), 70);
	t.limits.total = 5;
	assert_int_equal(try_rekey(f, next, &(struct wanted){ .template = &t }, last), LIFE_DONE);
	assert_int_equal(life_rest(f, last), 5);
}

/* ---- refusals (table 331) ---- */

static uint32_t rekey_reason(struct fix *f, const char *id)
{
	char next[UUID_TEXT_LEN + 1];
	return try_rekey(f, id, &(struct wanted){ .has_offset = false }, next);
}

static void absent(struct object *o)
{
	o->algorithm = CRYPTOGRAPHIC_ALGORITHM_AES;
	o->length_bits = 256;
	o->key_format = KEY_FORMAT_TYPE_RAW;
	assert_int_equal(attrset_set_bool(&o->attrs, ATTR_KEY_VALUE_PRESENT, false), ERR_OK);
}

static void rekey_is_refused_as_table_331_says(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1], other[UUID_TEXT_LEN + 1];
	assert_int_equal(rekey_reason(f, "nothing"), RESULT_REASON_ITEM_NOT_FOUND);
	attrs_object(f, OBJECT_TYPE_SECRET_DATA, NULL, other);
	assert_int_equal(rekey_reason(f, other), RESULT_REASON_PERMISSION_DENIED);
	attrs_object(f, OBJECT_TYPE_SYMMETRIC_KEY, absent, other);
	assert_int_equal(rekey_reason(f, other), RESULT_REASON_KEY_VALUE_NOT_PRESENT);
	life_create(f, &(struct life_key){ .name = "k" }, id);
	assert_int_equal(life_ask(f, ADMIN, OPERATION_ARCHIVE, id, NULL, NULL, NULL), LIFE_DONE);
	assert_int_equal(rekey_reason(f, id), RESULT_REASON_OBJECT_ARCHIVED);
	assert_int_equal(life_ask(f, ADMIN, OPERATION_RECOVER, id, NULL, NULL, NULL), LIFE_DONE);
	assert_int_equal(rekey_reason(f, id), LIFE_DONE);
	assert_int_equal(rekey_reason(f, id), RESULT_REASON_PERMISSION_DENIED); /* once only */
	life_create(f, &(struct life_key){ .name = "gone" }, other);
	assert_int_equal(life_ask(f, ADMIN, OPERATION_DESTROY, other, NULL, NULL, NULL), LIFE_DONE);
	assert_int_equal(rekey_reason(f, other), RESULT_REASON_PERMISSION_DENIED);
}

static void a_name_that_another_key_has_refuses_the_whole_of_it(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1], other[UUID_TEXT_LEN + 1], next[UUID_TEXT_LEN + 1];
	struct life_key t = { .mask = -1, .name = "taken" };
	life_create(f, &(struct life_key){ .name = "k" }, id);
	life_create(f, &(struct life_key){ .name = "taken" }, other);
	assert_int_equal(try_rekey(f, id, &(struct wanted){ .template = &t }, next), RESULT_REASON_INVALID_FIELD);
	AUTO_OBJECT struct object *old = life_stored(f, id);
	assert_true(object_has_name(old, view_str("k")));
	assert_int_equal(attrset_count(&old->attrs, ATTR_LINK), 0);
}

static void a_key_revoked_before_its_protection_stopped_is_replaced(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	life_create(f, &dated, id);
	assert_int_equal(life_revoke(f, ADMIN, id, REVOCATION_REASON_CODE_SUPERSEDED), LIFE_DONE);
	AUTO_OBJECT struct object *o = rekey(f, id, &(struct wanted){ .has_offset = true });
	assert_int_equal(o->state, OBJECT_ACTIVE);
	assert_dates(o, NOW_S, NOW_S + 50, NOW_S + 100, NOW_S + 100);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fix_start, fix_stop)
	const struct CMUnitTest tests[] = {
		T(without_an_offset_the_dates_are_copied), T(an_offset_moves_the_dates_with_the_activation),
		T(an_offset_alone_makes_an_activation_date), T(dates_of_the_request_replace_single_ones),
		T(an_offset_beside_a_date_is_an_invalid_message), T(an_offset_needs_an_activation_date_to_measure_others_from),
		T(an_offset_cannot_leave_the_range_of_dates), T(attributes_go_over_as_table_173_says),
		T(attributes_of_the_request_take_the_place_of_copied_ones), T(usage_limits_begin_again_for_the_replacement_alone),
		T(rekey_is_refused_as_table_331_says), T(a_name_that_another_key_has_refuses_the_whole_of_it),
		T(a_key_revoked_before_its_protection_stopped_is_replaced),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
