/* Grants: kept as sealed records, changed inside transactions, never without an administrator. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "access/policy.h"
#include "base/writer.h"
#include "keyring/record.h"
#include "unit/objects/support.h"

static int set_up(void **state)
{
	static struct world w;
	world_open(&w);
	*state = &w;
	return 0;
}

static int tear_down(void **state)
{
	world_close(*state);
	return 0;
}

/* Replaces *grants by a snapshot with one more; committed. */
static enum coffer_err add(struct world *w, struct grants **grants, const char *principal, enum role role, const char *scope,
	struct reason *reason)
{
	static struct grant grant;
	struct grants *next = NULL;
	grant = (struct grant){ .role = role, .granted_by = "unix:0" };
	strncpy(grant.principal, principal, sizeof grant.principal - 1);
	strncpy(grant.scope, scope, sizeof grant.scope - 1);
	begin(w);
	enum coffer_err err = grants_add(w->txn, *grants, &grant, &next, reason);
	commit(w);
	if (err) return err;
	grants_unref(*grants);
	*grants = next;
	return ERR_OK;
}

static enum coffer_err take(struct world *w, struct grants **grants, const char *principal, enum role role, const char *scope,
	struct reason *reason)
{
	struct grants *next = NULL;
	begin(w);
	enum coffer_err err = grants_remove(w->txn, *grants, principal, role, scope, &next, reason);
	commit(w);
	if (err) return err;
	grants_unref(*grants);
	*grants = next;
	return ERR_OK;
}

static void grants_come_back_from_the_store_as_they_were(void **state)
{
	struct world *w = *state;
	struct grants *grants = NULL, *loaded = NULL;
	assert_int_equal(add(w, &grants, "unix:0", ROLE_ADMINISTRATOR, "", NULL), ERR_OK);
	assert_int_equal(add(w, &grants, "tls:CN=app", ROLE_KEY_USER, "finance", NULL), ERR_OK);
	assert_int_equal(grants_load(w->txn, &loaded), ERR_OK);
	assert_int_equal(grants_count(loaded), 2);
	for (size_t i = 0; i < 2; i++) {
		const struct grant *a = grants_at(loaded, i), *b = NULL;
		for (size_t j = 0; j < 2; j++)
			if (memcmp(grants_at(grants, j)->id, a->id, UUID_LEN) == 0) b = grants_at(grants, j);
		assert_non_null(b);
		assert_string_equal(a->principal, b->principal);
		assert_string_equal(a->scope, b->scope);
		assert_string_equal(a->granted_by, "unix:0");
		assert_int_equal(a->role, b->role);
		assert_int_equal(a->created_ms, b->created_ms);
		assert_true(a->created_ms > 0);
	}
	grants_unref(loaded);
	grants_unref(grants);
}

static void the_same_grant_twice_is_refused(void **state)
{
	struct world *w = *state;
	struct grants *grants = NULL;
	struct reason reason = { "" };
	assert_int_equal(add(w, &grants, "unix:7", ROLE_KEY_USER, "", NULL), ERR_OK);
	assert_int_equal(add(w, &grants, "unix:7", ROLE_KEY_USER, "", &reason), ERR_EXISTS);
	assert_string_equal(reason.text, "unix:7 has the role key-user already");
	assert_int_equal(add(w, &grants, "unix:7", ROLE_KEY_USER, "finance", NULL), ERR_OK);
	assert_int_equal(add(w, &grants, "unix:7", ROLE_KEY_MANAGER, "", NULL), ERR_OK);
	assert_int_equal(add(w, &grants, "", ROLE_KEY_USER, "", NULL), ERR_FIELD);
	assert_int_equal(add(w, &grants, "unix:8", ROLE_NONE, "", NULL), ERR_FIELD);
	assert_int_equal(rows(w, STORE_GRANT), 3);
	grants_unref(grants);
}

static void the_last_administrator_cannot_be_removed(void **state)
{
	struct world *w = *state;
	struct grants *grants = NULL;
	struct reason reason = { "" };
	assert_int_equal(add(w, &grants, "unix:0", ROLE_ADMINISTRATOR, "", NULL), ERR_OK);
	assert_int_equal(add(w, &grants, "unix:5", ROLE_ADMINISTRATOR, "finance", NULL), ERR_OK); /* does not count */
	assert_int_equal(take(w, &grants, "unix:0", ROLE_ADMINISTRATOR, "", &reason), ERR_STATE);
	assert_string_equal(reason.text, "unix:0 is the last administrator; make another one first");
	assert_int_equal(add(w, &grants, "unix:6", ROLE_ADMINISTRATOR, "", NULL), ERR_OK);
	assert_int_equal(take(w, &grants, "unix:0", ROLE_ADMINISTRATOR, "", NULL), ERR_OK);
	assert_int_equal(take(w, &grants, "unix:6", ROLE_ADMINISTRATOR, "", NULL), ERR_STATE);
	assert_int_equal(take(w, &grants, "unix:5", ROLE_ADMINISTRATOR, "finance", NULL), ERR_OK);
	assert_int_equal(grants_count(grants), 1);
	assert_int_equal(rows(w, STORE_GRANT), 1);
	grants_unref(grants);
}

/* Another node took the role from the other one, and this one has not heard of it. */
static void an_administrator_is_not_removed_where_the_store_has_other_grants(void **state)
{
	struct world *w = *state;
	struct grants *grants = NULL;
	struct reason reason = { "" };
	uint8_t id[UUID_LEN];
	assert_int_equal(add(w, &grants, "unix:0", ROLE_ADMINISTRATOR, "", NULL), ERR_OK);
	assert_int_equal(add(w, &grants, "unix:6", ROLE_ADMINISTRATOR, "", NULL), ERR_OK);
	memcpy(id, grants_at(grants, 1)->id, sizeof id);
	begin(w);
	assert_int_equal(store_erase(txn_store(w->txn), STORE_GRANT, view_of(id, sizeof id)), ERR_OK);
	commit(w);
	assert_int_equal(take(w, &grants, "unix:0", ROLE_ADMINISTRATOR, "", &reason), ERR_BUSY);
	assert_string_equal(reason.text, "the grants were changed at another node just now; try again");
	grants_unref(grants);
}

static void only_what_is_there_is_removed(void **state)
{
	static const struct { const char *principal; enum role role; const char *scope; } absent[] = {
		{ "unix:8", ROLE_KEY_USER, "finance" }, { "unix:7", ROLE_KEY_MANAGER, "finance" }, { "unix:7", ROLE_KEY_USER, "" },
		{ "unix:7", ROLE_KEY_USER, "Finance" },
	};
	struct world *w = *state;
	struct grants *grants = NULL;
	assert_int_equal(add(w, &grants, "unix:7", ROLE_KEY_USER, "finance", NULL), ERR_OK);
	for (size_t i = 0; i < sizeof absent / sizeof absent[0]; i++)
		assert_int_equal(take(w, &grants, absent[i].principal, absent[i].role, absent[i].scope, NULL), ERR_NOT_FOUND);
	assert_int_equal(take(w, &grants, "unix:7", ROLE_KEY_USER, "finance", NULL), ERR_OK);
	assert_int_equal(grants_count(grants), 0);
	grants_unref(grants);
}

static void a_snapshot_outlives_the_one_that_follows_it(void **state)
{
	struct world *w = *state;
	struct grants *grants = NULL, *held;
	assert_int_equal(add(w, &grants, "unix:7", ROLE_KEY_USER, "", NULL), ERR_OK);
	held = grants_ref(grants);
	assert_int_equal(take(w, &grants, "unix:7", ROLE_KEY_USER, "", NULL), ERR_OK);
	assert_int_equal(grants_count(held), 1);
	assert_string_equal(grants_at(held, 0)->principal, "unix:7");
	grants_unref(held);
	grants_unref(grants);
	assert_int_equal(grants_count(NULL), 0);
	grants_unref(NULL);
}

/* A grant record with the given schema, principal, role number and bytes behind it. */
static enum coffer_err load_crafted(struct world *w, uint8_t schema, const char *principal, uint8_t role, size_t extra)
{
	struct store_row row = { .id_len = UUID_LEN, .version = 1, .state = 1, .header = view_of(&schema, 1) };
	uint8_t plain[256];
	struct writer out;
	struct buf body = BUF_EMPTY;
	struct grants *grants = NULL;
	rising(0x70, row.id, UUID_LEN);
	writer_init(&out, plain, sizeof plain);
	writer_view_u32(&out, view_str(principal));
	writer_u8(&out, role);
	writer_view_u32(&out, view_str(""));
	writer_view_u32(&out, view_str("unix:0"));
	writer_u64(&out, 1);
	writer_zero(&out, extra);
	begin(w);
	assert_int_equal(record_seal(w->ring, STORE_GRANT, writer_view(&out), &row, &body), ERR_OK);
	assert_int_equal(store_put(w->store, STORE_GRANT, &row, true), ERR_OK);
	enum coffer_err err = grants_load(w->txn, &grants);
	txn_abort(w->txn);
	grants_unref(grants);
	buf_free(&body);
	return err;
}

static void records_that_opened_are_still_read_strictly(void **state)
{
	struct world *w = *state;
	assert_int_equal(load_crafted(w, 1, "unix:7", 3, 0), ERR_OK);
	assert_int_equal(load_crafted(w, 2, "unix:7", 3, 0), ERR_CORRUPT);
	assert_int_equal(load_crafted(w, 1, "", 3, 0), ERR_CORRUPT);
	assert_int_equal(load_crafted(w, 1, "unix:7", 0, 0), ERR_CORRUPT);
	assert_int_equal(load_crafted(w, 1, "unix:7", 200, 0), ERR_CORRUPT);
	assert_int_equal(load_crafted(w, 1, "unix:7", 3, 1), ERR_CORRUPT);
}

static void an_edited_grant_closes_the_door(void **state)
{
	struct world *w = *state;
	struct grants *grants = NULL, *loaded = NULL;
	struct store_row row;
	assert_int_equal(add(w, &grants, "unix:0", ROLE_ADMINISTRATOR, "", NULL), ERR_OK);
	begin(w);
	assert_int_equal(store_get(w->store, STORE_GRANT, view_of(grants_at(grants, 0)->id, UUID_LEN), &row), ERR_OK);
	row.id[0] ^= 1; /* a copy under another id */
	assert_int_equal(store_put(w->store, STORE_GRANT, &row, false), ERR_OK);
	assert_int_equal(grants_load(w->txn, &loaded), ERR_CORRUPT);
	assert_null(loaded);
	txn_abort(w->txn);
	grants_unref(grants);
}

/* What a store that was accepted is read with: the others give what they gave, and nothing else is given. */
static void grants_that_do_not_open_give_nothing_when_they_are_passed_over(void **state)
{
	struct world *w = *state;
	struct grants *grants = NULL, *loaded = NULL;
	struct store_row row;
	assert_int_equal(add(w, &grants, "unix:0", ROLE_ADMINISTRATOR, "", NULL), ERR_OK);
	assert_int_equal(add(w, &grants, "unix:7", ROLE_KEY_USER, "", NULL), ERR_OK);
	for (uint8_t edited = 1; edited <= 2; edited++) { /* copies under other ids, before and behind */
		begin(w);
		assert_int_equal(store_get(w->store, STORE_GRANT, view_of(grants_at(grants, edited - 1)->id, UUID_LEN), &row), ERR_OK);
		row.id[0] = edited == 1 ? 0x00 : 0xff;
		memset(row.id + 1, edited, UUID_LEN - 1);
		assert_int_equal(store_put(w->store, STORE_GRANT, &row, false), ERR_OK);
		commit(w);
	}
	assert_int_equal(grants_load(w->txn, &loaded), ERR_CORRUPT);
	assert_int_equal(grants_load_passing(w->txn, &loaded), ERR_OK);
	assert_int_equal(grants_count(loaded), 2);
	for (size_t i = 0; i < 2; i++) {
		const struct grant *g = grants_at(loaded, i);
		assert_string_equal(g->principal, g->role == ROLE_ADMINISTRATOR ? "unix:0" : "unix:7");
	}
	assert_true(grants_have_administrator(loaded));
	grants_unref(loaded);
	assert_int_equal(add(w, &grants, "unix:6", ROLE_ADMINISTRATOR, "", NULL), ERR_OK);
	assert_int_equal(take(w, &grants, "unix:0", ROLE_ADMINISTRATOR, "", NULL), ERR_OK);
	assert_int_equal(grants_load_passing(w->txn, &loaded), ERR_OK); /* the copy of what was revoked is as dead as before */
	assert_int_equal(grants_count(loaded), 2);
	for (size_t i = 0; i < 2; i++) assert_string_not_equal(grants_at(loaded, i)->principal, "unix:0");
	grants_unref(loaded);
	grants_unref(grants);
	assert_false(grants_have_administrator(NULL));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(grants_come_back_from_the_store_as_they_were, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_same_grant_twice_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_last_administrator_cannot_be_removed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_administrator_is_not_removed_where_the_store_has_other_grants, set_up, tear_down),
		cmocka_unit_test_setup_teardown(only_what_is_there_is_removed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_snapshot_outlives_the_one_that_follows_it, set_up, tear_down),
		cmocka_unit_test_setup_teardown(records_that_opened_are_still_read_strictly, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_edited_grant_closes_the_door, set_up, tear_down),
		cmocka_unit_test_setup_teardown(grants_that_do_not_open_give_nothing_when_they_are_passed_over, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
