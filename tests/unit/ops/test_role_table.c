/* Every operation for every role, through the dispatcher and through the policy alone, against role_table.def. */
#include "unit/ops/vendor.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "access/operation_policy.h"
#include "objects/names.h"

#define EVERYWHERE 5000u /* uid of the i-th role without a scope */
#define SCOPED 5010u     /* uid of the i-th role on "pay" */
#define OWNER 5020u      /* owns an object, has no role */

static const struct line {
	const char *operation, *everywhere, *in_group, *elsewhere;
	char owner;
	const char *anybody, *own;
} table[] = {
#define ROLE_ROW(operation, everywhere, in_group, elsewhere, owner, anybody, own) \
	{ operation, everywhere, in_group, elsewhere, owner, anybody, own },
#include "unit/ops/role_table.def"
#undef ROLE_ROW
};
#define LINES (sizeof table / sizeof table[0])

static const struct { enum role role; char letter; } roles[] = {
	{ ROLE_ADMINISTRATOR, 'a' }, { ROLE_KEY_MANAGER, 'm' }, { ROLE_KEY_USER, 'u' }, { ROLE_KEY_EXPORTER, 'e' }, { ROLE_AUDITOR, 'r' },
};
#define ROLES (sizeof roles / sizeof roles[0])

static const struct { enum engine_state state; char letter; } states[] = {
	{ ENGINE_OPEN, 'o' }, { ENGINE_SEALED, 's' }, { ENGINE_UNINITIALISED, 'u' },
};

/* A key and a message sealed under it. */
struct thing {
	char id[UUID_TEXT_LEN + 1];
	struct buf sealed;
};

struct setting {
	struct fix *fix;
	struct thing in, out, owned; /* in the groups "web" and "pay"; in "web"; of OWNER in none */
};

static void make(struct fix *f, unsigned uid, const char *name, const char *groups[], struct thing *out)
{
	struct ask a;
	struct answer answer;
	out->sealed = BUF_EMPTY;
	ask_one(&a, OPERATION_CREATE);
	ttlv_put_enum(&a.w, TAG_OBJECT_TYPE, OBJECT_TYPE_SYMMETRIC_KEY);
	struct ttlv_mark mark = ttlv_begin(&a.w, TAG_TEMPLATE_ATTRIBUTE);
	kmip_attr_put_enum(&a.w, ATTR_CRYPTOGRAPHIC_ALGORITHM, CRYPTOGRAPHIC_ALGORITHM_AES);
	kmip_attr_put_i32(&a.w, ATTR_CRYPTOGRAPHIC_LENGTH, 256);
	kmip_attr_put_i32(&a.w, ATTR_CRYPTOGRAPHIC_USAGE_MASK, CRYPTOGRAPHIC_USAGE_MASK_ENCRYPT | CRYPTOGRAPHIC_USAGE_MASK_DECRYPT);
	ask_name(&a, name);
	for (; *groups; groups++) kmip_attr_put_text(&a.w, ATTR_OBJECT_GROUP, view_str(*groups));
	kmip_attr_put_time(&a.w, ATTR_ACTIVATION_DATE, (int64_t)f->now_s);
	ttlv_end(&a.w, mark);
	ask_item_end(&a, NULL);
	ask_end(&a);
	fix_send(f, uid, &a, &answer);
	answer_id(&answer, 0, out->id);
	answer_free(&answer);
	vendor_seal(f, uid, name, NULL, view_str("x"), &out->sealed);
}

static int start(void **state)
{
	static struct setting s;
	void *fix;
	if (fix_start(&fix) != 0) return -1;
	struct fix *f = s.fix = fix;
	f->config.store = (char *)(uintptr_t)"memory";
	f->config.token = (char *)(uintptr_t)"";
	make(f, ADMIN, "in", (const char *[]){ "web", "pay", NULL }, &s.in);
	make(f, ADMIN, "out", (const char *[]){ "web", NULL }, &s.out);
	struct grants *before = engine_grants(&f->engine);
	fix_give(f, OWNER, ROLE_ADMINISTRATOR, "");
	make(f, OWNER, "owned", (const char *[]){ NULL }, &s.owned);
	engine_set_grants(&f->engine, before);
	for (size_t i = 0; i < ROLES; i++) {
		fix_give(f, EVERYWHERE + (unsigned)i, roles[i].role, "");
		fix_give(f, SCOPED + (unsigned)i, roles[i].role, "pay");
	}
	*state = &s;
	return 0;
}

static int stop(void **state)
{
	struct setting *s = *state;
	void *fix = s->fix;
	buf_free(&s->in.sealed);
	buf_free(&s->out.sealed);
	buf_free(&s->owned.sealed);
	return fix_stop(&fix);
}

/* The item of one operation about a thing, as far as the dispatcher reads it: what the handler makes of so little is its own. */
static enum coffer_err send(struct fix *f, unsigned uid, const struct op_row *row, const struct thing *thing, char text[static 512])
{
	struct ask a;
	struct answer answer;
	ask_one(&a, row->operation);
	if (row->target == OP_TARGET_SEALED) ttlv_put_bytes(&a.w, TAG_COFFER_SEALED_DATA, buf_view(&thing->sealed));
	else if (row->target != OP_TARGET_NONE) ask_id(&a, thing->id);
	enum coffer_err err = vendor_send(f, uid, &a, &answer);
	snprintf(text, 512, "%.*s", (int)answer.response.items[0].message.len, (const char *)answer.response.items[0].message.ptr);
	answer_free(&answer);
	return err;
}

/* Whether the dispatcher let it through to the handler. */
static bool reaches(struct fix *f, unsigned uid, const struct op_row *row, const struct thing *thing)
{
	char text[512];
	enum coffer_err err = send(f, uid, row, thing, text);
	if (err == ERR_UNINITIALISED)
		return (row->operation == OPERATION_COFFER_TOKEN_TEST || row->operation == OPERATION_COFFER_TOKEN_POLICY) && strstr(text, "no token yet");
	if (err == ERR_SEALED || (err == ERR_NOT_FOUND && row->target != OP_TARGET_NONE)) return false;
	return !(err == ERR_DENIED && strstr(text, "may not"));
}

/* A new object in "pay" or in "web" alone. */
static bool may_make(const struct grants *grants, const struct principal *p, const char *group)
{
	AUTO_OBJECT struct object *o = object_new(OBJECT_TYPE_SYMMETRIC_KEY, p->text);
	assert_non_null(o);
	assert_int_equal(names_add_group(&o->attrs, view_str(group)), ERR_OK);
	return policy_may_regroup(grants, p, NULL, o, NULL) == ERR_OK;
}

/* The same question to the policy alone. */
static bool allowed(struct setting *s, unsigned uid, const struct op_row *row, const struct thing *thing)
{
	struct fix *f = s->fix;
	AUTO_OBJECT struct object *o = NULL;
	struct principal p;
	uint8_t id[UUID_LEN];
	struct grants *grants = engine_grants(&f->engine);
	principal_from_uid(uid, 1, &p);
	assert_int_equal(text_parse_uuid(view_str(thing->id), id), ERR_OK);
	assert_int_equal(txn_object(f->engine.txn, id, &o), ERR_OK);
	bool yes = policy_check(grants, &p, row->permission, row->target == OP_TARGET_NONE ? NULL : o, NULL) == ERR_OK;
	if (row->permission == PERMISSION_CREATE) yes = yes && may_make(grants, &p, thing == &s->in ? "pay" : "web");
	grants_unref(grants);
	return yes;
}

static const struct line *line_of(const struct op_row *row)
{
	for (size_t i = 0; i < LINES; i++)
		if (strcmp(table[i].operation, row->name) == 0) return &table[i];
	fail_msg("%s has no line in role_table.def: who may do it?", row->name);
	return NULL;
}

static void expect(const struct op_row *row, const char *who, bool is, bool wanted)
{
	if (is != wanted) fail_msg("%s, %s: %s", row->name, who, is ? "may" : "may not");
}

/* The role table judges where an object is made; the dispatcher does not know, before the handler reads the request. */
static bool is_asked_by_handler(const struct op_row *row, const struct thing *thing, const struct setting *s)
{
	return row->permission == PERMISSION_CREATE && thing == &s->out;
}

static void check_scoped(struct setting *s, const struct op_row *row, size_t role, const struct thing *thing, const char *letters)
{
	char who[64];
	bool wanted = strchr(letters, roles[role].letter) != NULL;
	snprintf(who, sizeof who, "%s of a group %s", role_name(roles[role].role), thing == &s->in ? "in it" : "elsewhere");
	expect(row, who, allowed(s, SCOPED + (unsigned)role, row, thing), wanted);
	if (!is_asked_by_handler(row, thing, s)) expect(row, who, reaches(s->fix, SCOPED + (unsigned)role, row, thing), wanted);
}

static void every_role_may_do_what_its_line_says(void **state)
{
	struct setting *s = *state;
	size_t count;
	const struct op_row *rows = dispatch_rows(&count);
	for (size_t i = 0; i < count; i++) {
		const struct line *line = line_of(&rows[i]);
		for (size_t r = 0; r < ROLES; r++) {
			bool wanted = strchr(line->everywhere, roles[r].letter) != NULL;
			expect(&rows[i], role_name(roles[r].role), allowed(s, EVERYWHERE + (unsigned)r, &rows[i], &s->out), wanted);
			expect(&rows[i], role_name(roles[r].role), reaches(s->fix, EVERYWHERE + (unsigned)r, &rows[i], &s->out), wanted);
			check_scoped(s, &rows[i], r, &s->in, line->in_group);
			check_scoped(s, &rows[i], r, &s->out, line->elsewhere);
		}
	}
}

static void owners_may_do_what_their_column_says(void **state)
{
	struct setting *s = *state;
	size_t count;
	const struct op_row *rows = dispatch_rows(&count);
	for (size_t i = 0; i < count; i++) {
		const struct line *line = line_of(&rows[i]);
		assert_int_equal(line->owner == '-', rows[i].target == OP_TARGET_NONE);
		if (line->owner == '-') continue;
		expect(&rows[i], "the owner", reaches(s->fix, OWNER, &rows[i], &s->owned), line->owner == 'y');
		expect(&rows[i], "the owner", allowed(s, OWNER, &rows[i], &s->owned), line->owner == 'y');
		expect(&rows[i], "the owner of another object", reaches(s->fix, OWNER, &rows[i], &s->out), false);
	}
}

/* Sealed and before init nobody knows the grants. */
static void without_a_role_the_state_of_the_node_decides(void **state)
{
	struct setting *s = *state;
	struct fix *f = s->fix;
	const unsigned own[] = { 0, geteuid() };
	size_t count;
	const struct op_row *rows = dispatch_rows(&count);
	for (size_t n = 0; n < sizeof states / sizeof states[0]; n++) {
		if (states[n].state == ENGINE_SEALED) engine_set_grants(&f->engine, NULL);
		f->engine.state = states[n].state;
		for (size_t i = 0; i < count; i++) {
			const struct line *line = line_of(&rows[i]);
			expect(&rows[i], engine_state_name(states[n].state), reaches(f, STRANGER, &rows[i], &s->out),
				strchr(line->anybody, states[n].letter) != NULL);
			for (size_t k = 0; k < 2; k++)
				expect(&rows[i], engine_state_name(states[n].state), reaches(f, own[k], &rows[i], &s->out),
					strchr(line->own, states[n].letter) != NULL);
		}
	}
	f->engine.state = ENGINE_OPEN;
}

/* For an object that is public, somebody without a role may what the tables of the specification say: neither more nor less. */
static void public_keys_are_there_for_all_as_the_specification_says(void **state)
{
	AUTO_OBJECT struct object *o = object_new(OBJECT_TYPE_PUBLIC_KEY, "unix:1");
	struct principal stranger;
	uint8_t bytes[64];
	struct writer w;
	size_t count, open = 0;
	const struct op_row *rows = dispatch_rows(&count);
	(void)state;
	principal_from_uid(STRANGER, 1, &stranger);
	writer_init(&w, bytes, sizeof bytes);
	ttlv_put_str(&w, TAG_OPERATION_POLICY_NAME, operation_policy_name(OPERATION_POLICY_PUBLIC));
	assert_int_equal(attrset_set(&o->attrs, ATTR_OPERATION_POLICY_NAME, writer_view(&w)), ERR_OK);
	for (size_t i = 0; i < count; i++) {
		if (rows[i].target == OP_TARGET_NONE) continue;
		bool wanted = policy_operation_allowed(OPERATION_POLICY_PUBLIC, rows[i].operation, o->type, false);
		expect(&rows[i], "anybody, of a public key", policy_check(NULL, &stranger, rows[i].permission, o, NULL) == ERR_OK, wanted);
		open += wanted;
	}
	assert_true(open >= 3);
}

static void every_line_is_of_one_operation(void **state)
{
	size_t count;
	const struct op_row *rows = dispatch_rows(&count);
	(void)state;
	for (size_t i = 0; i < LINES; i++) {
		size_t found = 0;
		for (size_t j = 0; j < count; j++) found += strcmp(rows[j].name, table[i].operation) == 0;
		if (found != 1) fail_msg("the line %s is of %zu operations", table[i].operation, found);
	}
	assert_int_equal(LINES, count);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_line_is_of_one_operation),
		cmocka_unit_test_setup_teardown(public_keys_are_there_for_all_as_the_specification_says, start, stop),
		cmocka_unit_test_setup_teardown(every_role_may_do_what_its_line_says, start, stop),
		cmocka_unit_test_setup_teardown(owners_may_do_what_their_column_says, start, stop),
		cmocka_unit_test_setup_teardown(without_a_role_the_state_of_the_node_decides, start, stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
