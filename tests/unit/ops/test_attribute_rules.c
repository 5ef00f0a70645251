/* Every attribute through the dispatcher, under every version: a client may do what its row of kmip/attr.def says, and nothing else. */
#include <string.h>

#include "kmip/values.h"
#include "unit/ops/attrs.h"

#define DENIED RESULT_REASON_PERMISSION_DENIED
#define ILLEGAL RESULT_REASON_ILLEGAL_OPERATION
#define FIELD RESULT_REASON_INVALID_FIELD
#define LOST RESULT_REASON_ITEM_NOT_FOUND

static uint32_t version_of(uint32_t minor) { return minor ? minor : KMIP_1_0; }

static const char *name_of(enum kmip_attr id)
{
	return id == ATTR_CUSTOM_ATTRIBUTE ? "x-rule" : kmip_attr_row(id)->name;
}

static void put_structure(struct writer *w, enum kmip_attr id, const char *text)
{
	uint32_t tag = TAG_ATTRIBUTE_VALUE;
	switch (id) {
	case ATTR_NAME: kmip_name_put(w, tag, &(struct kmip_name){ view_str(text), 1 }); break;
	case ATTR_ALTERNATIVE_NAME: kmip_alternative_name_put(w, tag, &(struct kmip_alternative_name){ view_str(text), 1 }); break;
	case ATTR_KEY_VALUE_LOCATION: kmip_key_value_location_put(w, tag, &(struct kmip_key_value_location){ view_str(text), 1 }); break;
	case ATTR_LINK: kmip_link_put(w, tag, &(struct kmip_link){ LINK_TYPE_PARENT_LINK, view_str(text) }); break;
	case ATTR_REVOCATION_REASON: kmip_revocation_put(w, tag, &(struct kmip_revocation){ 1, true, view_str(text) }); break;
	case ATTR_APPLICATION_SPECIFIC_INFORMATION:
		kmip_application_put(w, tag, &(struct kmip_application){ view_str("ssl"), true, view_str(text) });
		break;
	case ATTR_CRYPTOGRAPHIC_PARAMETERS:
		kmip_params_put(w, tag, &(struct kmip_params){ .has_block_cipher_mode = true, .block_cipher_mode = (uint32_t)text[0] % 4 + 1 });
		break;
	case ATTR_CRYPTOGRAPHIC_DOMAIN_PARAMETERS: kmip_domain_params_put(w, tag, &(struct kmip_domain_params){ true, 256, false, 0 }); break;
	case ATTR_DIGEST: kmip_digest_put(w, tag, &(struct kmip_digest){ .hashing_algorithm = 6, .has_value = true, .value = view_str(text) }); break;
	case ATTR_USAGE_LIMITS: kmip_usage_limits_put(w, tag, &(struct kmip_usage_limits){ true, text[0], false, 0, true, 1 }); break;
	case ATTR_RANDOM_NUMBER_GENERATOR: kmip_rng_put(w, tag, &(struct kmip_rng){ .has_algorithm = true, .algorithm = 1 }); break;
	default: ttlv_end(w, ttlv_begin(w, tag)); break; /* those of certificates, which nobody may give */
	}
}

/* In the order that they need among each other, and still to come. */
static int64_t date_of(enum kmip_attr id, const char *text)
{
	static const enum kmip_attr order[] = { ATTR_ACTIVATION_DATE, ATTR_PROCESS_START_DATE, ATTR_PROTECT_STOP_DATE, ATTR_DEACTIVATION_DATE };
	for (size_t i = 0; i < 4; i++)
		if (order[i] == id) return (int64_t)NOW_S + 1000 * ((int64_t)i + 1) + text[0];
	return text[0];
}

/* A value that suits the attribute; another text makes another value. */
static void sample(struct given *g, enum kmip_attr id, const char *text)
{
	const struct kmip_attr_row *row = kmip_attr_row(id);
	struct writer *w = given_new(g);
	uint32_t tag = TAG_ATTRIBUTE_VALUE;
	switch (row->type) {
	case TTLV_STRUCTURE: put_structure(w, id, text); break;
	case TTLV_INTEGER: ttlv_put_i32(w, tag, 128); break;
	case TTLV_ENUMERATION: ttlv_put_enum(w, tag, id == ATTR_CRYPTOGRAPHIC_ALGORITHM ? CRYPTOGRAPHIC_ALGORITHM_AES : 1); break;
	case TTLV_BOOLEAN: ttlv_put_bool(w, tag, id != ATTR_EXTRACTABLE); break;
	case TTLV_DATE_TIME: ttlv_put_time(w, tag, date_of(id, text)); break;
	case TTLV_INTERVAL: ttlv_put_interval(w, tag, 60); break;
	default: ttlv_put_str(w, tag, id == ATTR_OPERATION_POLICY_NAME ? "default" : text); break;
	}
	assert_int_equal(writer_done(w), ERR_OK);
}

static void check(const char *what, enum kmip_attr id, uint32_t minor, uint32_t reason, uint32_t expected)
{
	if (reason != expected)
		fail_msg("%s %s under 1.%u: Result Reason %u, not %u", what, name_of(id), (unsigned)minor, (unsigned)reason, (unsigned)expected);
}

static uint32_t change_with(struct fix *f, uint32_t operation, uint32_t minor, const char *id, enum kmip_attr attr, const char *text)
{
	struct given g;
	sample(&g, attr, text);
	return change_reason(f, ADMIN, &(struct change){ .operation = operation, .version = version_of(minor), .id = id, .name = name_of(attr),
		.value = operation == OPERATION_DELETE_ATTRIBUTE ? NULL : &g });
}

/* ---- Create ---- */

/* The template of Create takes less than the rows: the server's own when it makes the object, or what is not kept of a new key. What it takes
 * nevertheless must be there afterwards. */
static bool may_be_refused(enum kmip_attr id)
{
	return id == ATTR_USAGE_LIMITS || id == ATTR_KEY_VALUE_LOCATION || id == ATTR_RANDOM_NUMBER_GENERATOR || id == ATTR_LINK ||
		id == ATTR_OPERATION_POLICY_NAME || id == ATTR_ORIGINAL_CREATION_DATE || id == ATTR_FRESH;
}

static bool is_given_anyway(enum kmip_attr id)
{
	return id == ATTR_CRYPTOGRAPHIC_ALGORITHM || id == ATTR_CRYPTOGRAPHIC_LENGTH || id == ATTR_CRYPTOGRAPHIC_USAGE_MASK;
}

static uint32_t create_with(struct fix *f, uint32_t minor, enum kmip_attr id, char out_id[static UUID_TEXT_LEN + 1])
{
	struct ask a;
	struct answer answer;
	struct given g;
	struct ttlv_item item;
	ask_begin(&a, &(struct ask_header){ .count = 1, .minor = minor, .zero = minor == 0, .plain = true });
	ask_item(&a, OPERATION_CREATE, 1);
	ttlv_put_enum(&a.w, TAG_OBJECT_TYPE, OBJECT_TYPE_SYMMETRIC_KEY);
	struct ttlv_mark mark = ttlv_begin(&a.w, TAG_TEMPLATE_ATTRIBUTE);
	kmip_attr_put_enum(&a.w, ATTR_CRYPTOGRAPHIC_ALGORITHM, CRYPTOGRAPHIC_ALGORITHM_AES);
	kmip_attr_put_i32(&a.w, ATTR_CRYPTOGRAPHIC_LENGTH, 128);
	kmip_attr_put_i32(&a.w, ATTR_CRYPTOGRAPHIC_USAGE_MASK, 12);
	if (!is_given_anyway(id)) {
		sample(&g, id, "created");
		assert_int_equal(ttlv_root(writer_view(&g.w), &item), ERR_OK);
		struct ttlv_mark attribute = ttlv_begin(&a.w, TAG_ATTRIBUTE);
		ttlv_put_str(&a.w, TAG_ATTRIBUTE_NAME, name_of(id));
		ttlv_put_item(&a.w, TAG_ATTRIBUTE_VALUE, &item);
		ttlv_end(&a.w, attribute);
	}
	ttlv_end(&a.w, mark);
	ask_item_end(&a, NULL);
	ask_end(&a);
	fix_send(f, ADMIN, &a, &answer);
	uint32_t reason = answer.response.items[0].reason;
	if (!reason) answer_id(&answer, 0, out_id);
	answer_free(&answer);
	return reason;
}

static void create_takes_what_the_rows_give_clients(void **state)
{
	struct fix *f = *state;
	unsigned taken = 0;
	for (uint32_t minor = 0; minor <= 4; minor++) {
		for (int id = ATTR_NONE + 1; id < ATTR_COUNT; id++) {
			const struct kmip_attr_row *row = kmip_attr_row((enum kmip_attr)id);
			char made[UUID_TEXT_LEN + 1];
			uint32_t reason = create_with(f, minor, row->id, made);
			bool may = row->since_minor <= minor && row->set_by != KMIP_SET_SERVER && kmip_attr_applies(row->id, OBJECT_TYPE_SYMMETRIC_KEY);
			if (!may && !reason) fail_msg("Create took %s under 1.%u", name_of(row->id), (unsigned)minor);
			if (may && reason && !may_be_refused(row->id)) check("Create with", row->id, minor, reason, 0);
			if (reason) continue;
			taken++;
			assert_int_equal(attrs_of(f, made, name_of(row->id)), 1);
			assert_int_equal(fix_simple(f, ADMIN, OPERATION_DESTROY, made), ERR_OK); /* its Name is free again */
		}
	}
	assert_true(taken > 5 * 13);
}

/* ---- Add, Modify, Delete ---- */

/* A key that Create made has these from its beginning. */
static bool is_there(enum kmip_attr id)
{
	return id == ATTR_CRYPTOGRAPHIC_USAGE_MASK || id == ATTR_FRESH || id == ATTR_ORIGINAL_CREATION_DATE || id == ATTR_RANDOM_NUMBER_GENERATOR ||
		id == ATTR_SENSITIVE || id == ATTR_EXTRACTABLE;
}

static uint32_t reason_of_add(const struct kmip_attr_row *row, uint32_t type, uint32_t minor)
{
	if (row->since_minor > minor || !(row->set_by & KMIP_SET_CLIENT) || !kmip_attr_applies(row->id, type)) return DENIED;
	if (type == OBJECT_TYPE_SYMMETRIC_KEY && is_there(row->id)) return ILLEGAL;
	if (row->id == ATTR_CRYPTOGRAPHIC_USAGE_MASK && type != OBJECT_TYPE_TEMPLATE) return ILLEGAL;
	if (row->id == ATTR_KEY_VALUE_LOCATION) return DENIED; /* the object has its Key Value */
	return 0;
}

static void without_mask(struct object *o)
{
	if (o->type == OBJECT_TYPE_TEMPLATE) o->usage_mask = 0;
}

static void add_follows_the_rows(void **state)
{
	static const uint32_t types[] = { OBJECT_TYPE_SYMMETRIC_KEY, OBJECT_TYPE_SECRET_DATA, OBJECT_TYPE_OPAQUE_OBJECT, OBJECT_TYPE_TEMPLATE };
	struct fix *f = *state;
	for (size_t t = 0; t < 4; t++) {
		for (uint32_t minor = 0; minor <= 4; minor++) {
			char id[UUID_TEXT_LEN + 1];
			if (types[t] == OBJECT_TYPE_SYMMETRIC_KEY) fix_create(f, ADMIN, &(struct key_wish){ .pre_active = true }, id);
			else attrs_object(f, types[t], without_mask, id);
			for (int attr = ATTR_NONE + 1; attr < ATTR_COUNT; attr++) {
				const struct kmip_attr_row *row = kmip_attr_row((enum kmip_attr)attr);
				uint32_t expected = reason_of_add(row, types[t], minor);
				check("Add", row->id, minor, change_with(f, OPERATION_ADD_ATTRIBUTE, minor, id, row->id, "added"), expected);
				if (expected) continue;
				assert_int_equal(attrs_of(f, id, name_of(row->id)), 1);
				check("Add again", row->id, minor, change_with(f, OPERATION_ADD_ATTRIBUTE, minor, id, row->id, "below"), row->multi ? 0 : ILLEGAL);
			}
			if (kmip_attr_applies(ATTR_NAME, types[t])) assert_int_equal(attr_delete(f, id, "Name", "1"), 0);
			assert_int_equal(attr_delete(f, id, "Name", "0"), 0);
		}
	}
}

/* A key with everything that a client can add. */
static void full_key(struct fix *f, char id[static UUID_TEXT_LEN + 1])
{
	fix_create(f, ADMIN, &(struct key_wish){ .pre_active = true }, id);
	for (int attr = ATTR_NONE + 1; attr < ATTR_COUNT; attr++)
		if (reason_of_add(kmip_attr_row((enum kmip_attr)attr), OBJECT_TYPE_SYMMETRIC_KEY, 4) == 0)
			assert_int_equal(change_with(f, OPERATION_ADD_ATTRIBUTE, 4, id, (enum kmip_attr)attr, "first"), 0);
}

static bool needs_early(enum kmip_attr_when when)
{
	return when == KMIP_PRE_ACTIVE || when == KMIP_NOT_REACHED || when == KMIP_NOT_OVER;
}

static uint32_t reason_of_modify(const struct kmip_attr_row *row, uint32_t minor, bool over)
{
	if (row->since_minor > minor) return FIELD;
	if (row->client_modify == KMIP_NEVER || (over && needs_early(row->client_modify))) return DENIED;
	return row->id == ATTR_KEY_VALUE_LOCATION ? FIELD : 0; /* it has none */
}

static void modify_follows_the_rows(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	full_key(f, id);
	for (int over = 0; over <= 1; over++) {
		for (uint32_t minor = 0; minor <= 4; minor++) {
			const char text[] = { (char)('a' + (int)minor), '\0' };
			for (int attr = ATTR_NONE + 1; attr < ATTR_COUNT; attr++) {
				const struct kmip_attr_row *row = kmip_attr_row((enum kmip_attr)attr);
				check(over ? "Modify when over" : "Modify", row->id, minor, change_with(f, OPERATION_MODIFY_ATTRIBUTE, minor, id, row->id, text),
					reason_of_modify(row, minor, over));
			}
		}
		assert_int_equal(fix_revoke(f, ADMIN, id, REVOCATION_REASON_CODE_KEY_COMPROMISE), over ? ERR_STATE : ERR_OK);
	}
}

static void delete_follows_the_rows(void **state)
{
	struct fix *f = *state;
	for (uint32_t minor = 0; minor <= 4; minor++) {
		char id[UUID_TEXT_LEN + 1];
		full_key(f, id);
		for (int attr = ATTR_NONE + 1; attr < ATTR_COUNT; attr++) {
			const struct kmip_attr_row *row = kmip_attr_row((enum kmip_attr)attr);
			uint32_t expected = row->since_minor > minor ? LOST : row->client_delete == KMIP_NEVER ? DENIED
				: row->id == ATTR_KEY_VALUE_LOCATION ? LOST : 0;
			check("Delete", row->id, minor, change_with(f, OPERATION_DELETE_ATTRIBUTE, minor, id, row->id, ""), expected);
			if (expected == 0) assert_int_equal(attrs_of(f, id, name_of(row->id)), 0);
			if (row->always) assert_int_equal(attrs_of(f, id, name_of(row->id)), kmip_attr_applies(row->id, OBJECT_TYPE_SYMMETRIC_KEY));
		}
	}
}

/* What the rows say is there always, and what is set unasked. */
static void a_new_key_has_what_its_rows_promise(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	fix_create(f, ADMIN, &(struct key_wish){ .name = "k" }, id);
	for (int attr = ATTR_NONE + 1; attr < ATTR_COUNT; attr++) {
		const struct kmip_attr_row *row = kmip_attr_row((enum kmip_attr)attr);
		unsigned have = attrs_of(f, id, name_of(row->id));
		bool applies = kmip_attr_applies(row->id, OBJECT_TYPE_SYMMETRIC_KEY);
		if (row->always && applies && !have) fail_msg("%s is missing", name_of(row->id));
		if (have && !applies) fail_msg("%s does not apply", name_of(row->id));
		bool mine = row->id == ATTR_NAME; /* the one that was asked for, beside REQUEST ones and dates */
		if (have && !mine && !(row->implicit & (UINT32_C(1) << OPERATION_CREATE))) fail_msg("%s came by itself", name_of(row->id));
	}
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fix_start, fix_stop)
	const struct CMUnitTest tests[] = {
		T(create_takes_what_the_rows_give_clients), T(add_follows_the_rows), T(modify_follows_the_rows), T(delete_follows_the_rows),
		T(a_new_key_has_what_its_rows_promise),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
