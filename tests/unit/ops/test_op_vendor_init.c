/* Init and Init Confirm, with a token of the tests and the daemon's part played here. */
#include "unit/ops/vendor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "access/quorum_record.h"
#include "base/arena.h"
#include "base/clock.h"
#include "keyring/generation.h"
#include "ops/backup.h"
#include "ops/init_flow.h"
#include "ops/restore.h"
#include "recovery/recovery.h"
#include "unit/ops/fake_token.h"

struct init_fix {
	struct fix fix; /* first: fix_stop takes it */
	struct fake_token token;
	char dir[64];
	enum { WRITES, IS_FULL, UNKNOWN_BUT_WRITTEN, UNKNOWN_AND_LOST } store; /* how the domain's transaction ends */
};

static struct init_fix *now;
static uint64_t late_ms;

static enum coffer_err on_store(struct engine *engine, engine_store_fn *fn, void *arg, struct reason *reason)
{
	TRY(txn_begin(engine->txn, reason));
	enum coffer_err err = fn(engine, engine->txn, arg, reason);
	int how = txn_ring(engine->txn) ? (int)now->store : WRITES;
	if (!err && (how == WRITES || how == UNKNOWN_BUT_WRITTEN)) err = txn_commit(engine->txn, reason);
	else txn_abort(engine->txn);
	if (err || how == WRITES) return err;
	now->store = WRITES;
	return how == IS_FULL ? ERR_FULL : ERR_UNKNOWN_OUTCOME;
}

static enum coffer_err set_ring(struct engine *engine, struct ring **ring)
{
	struct ring *old = txn_ring(engine->txn);
	now->fix.ring = ring ? *ring : NULL;
	txn_set_ring(engine->txn, now->fix.ring);
	if (ring) {
		engine->domain = *ring_domain(*ring);
		*ring = NULL;
	} else {
		audit_chain_free(engine->audit);
		engine->audit = NULL;
	}
	ring_free(old);
	return ERR_OK;
}

static enum coffer_err load_grants(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	struct grants *grants;
	(void)arg;
	if (!engine->audit) TRY(audit_chain_open(txn, &engine->audit, reason));
	TRY(grants_load(txn, &grants));
	engine_set_grants(engine, grants);
	return ERR_OK;
}

static enum coffer_err open_domain(struct engine *engine, struct reason *reason)
{
	TRY(engine->on_store(engine, load_grants, NULL, reason));
	engine->state = ENGINE_OPEN;
	return ERR_OK;
}

static int start(void **state)
{
	if (arena_level() == ARENA_NONE && arena_init(32u << 20, false, NULL) != ERR_OK) return -1;
	struct init_fix *t = calloc(1, sizeof *t);
	if (!t) return -1;
	struct fix *f = &t->fix;
	struct engine *e = &f->engine;
	now = t;
	late_ms = 0;
	snprintf(t->dir, sizeof t->dir, "/tmp/coffer-test-init-XXXXXX");
	assert_non_null(mkdtemp(t->dir));
	fake_token_init(&t->token);
	f->config = (struct config){ .max_message = 4u << 20, .state_dir = t->dir, .store = (char *)(uintptr_t)"memory",
		.token = (char *)(uintptr_t)"", .token_deadline_ms = 3000, .token_probe_interval_ms = 60000 };
	e->config = &f->config;
	e->on_store = on_store;
	e->set_ring = set_ring;
	e->open = open_domain;
	e->spawner = &t->token.spawner;
	e->state = ENGINE_UNINITIALISED;
	pthread_rwlock_init(&e->grants_lock, NULL);
	pthread_mutex_init(&e->admin_lock, NULL);
	pthread_mutex_init(&e->note_lock, NULL);
	assert_int_equal(store_open_memory(&e->store), ERR_OK);
	e->objects = object_table_new(64);
	e->txn = txn_new(e->store, e->objects);
	f->worker = op_local_new(e->objects);
	f->store_local = op_local_new(e->objects);
	f->streams = op_streams_new();
	*state = t;
	return 0;
}

static int stop(void **state)
{
	struct init_fix *t = *state;
	char path[128];
	struct token_proxy *proxy = t->fix.engine.token;
	init_drop(&t->fix.engine);
	backup_drop(&t->fix.engine);
	restore_drop(&t->fix.engine);
	token_proxy_free(proxy);
	fake_token_done(&t->token);
	snprintf(path, sizeof path, "%s/node.id", t->dir);
	unlink(path);
	assert_int_equal(rmdir(t->dir), 0); /* nothing is left over */
	return fix_stop(state);
}

static bool identity_is_there(struct init_fix *t)
{
	struct identity identity;
	enum coffer_err err = identity_read(t->dir, &identity, NULL);
	assert_true(err == ERR_OK || err == ERR_NOT_FOUND);
	return err == ERR_OK;
}

static enum coffer_err init(struct init_fix *t, unsigned uid, int32_t mode, int32_t n, int32_t k, const char *passphrase,
	struct answer *out)
{
	struct ask a;
	ask_one(&a, OPERATION_COFFER_INIT);
	ttlv_put_str(&a.w, TAG_COFFER_TOKEN_URI, "tpm2:device");
	ttlv_put_i32(&a.w, TAG_COFFER_RECOVERY_MODE, mode);
	if (n) ttlv_put_i32(&a.w, TAG_COFFER_SHARE_COUNT, n);
	if (n) ttlv_put_i32(&a.w, TAG_COFFER_SHARE_THRESHOLD, k);
	if (passphrase) ttlv_put_bytes(&a.w, TAG_COFFER_PASSPHRASE, view_str(passphrase));
	return vendor_send(&t->fix, uid, &a, out);
}

/* The i-th share of Init's answer. */
static struct view share_at(const struct answer *a, size_t i)
{
	struct ttlv_cursor c = answer_payload(a, 0);
	struct ttlv_item item;
	struct view text = { NULL, 0 };
	while (ttlv_next(&c, &item))
		if (item.tag == TAG_COFFER_SHARE && i-- == 0) assert_int_equal(ttlv_get_text(&item, &text), ERR_OK);
	assert_true(text.len > 0);
	return text;
}

static enum coffer_err confirm(struct init_fix *t, const struct answer *made, const struct view *shares, size_t count,
	const char *passphrase, struct answer *out)
{
	struct ask a;
	ask_one(&a, OPERATION_COFFER_INIT_CONFIRM);
	ttlv_put_bytes(&a.w, TAG_COFFER_INIT_ID, vendor_bytes(made, TAG_COFFER_INIT_ID));
	for (size_t i = 0; i < count; i++) ttlv_put_text(&a.w, TAG_COFFER_SHARE, shares[i]);
	if (passphrase) ttlv_put_bytes(&a.w, TAG_COFFER_PASSPHRASE, view_str(passphrase));
	return vendor_send(&t->fix, geteuid(), &a, out);
}

static enum coffer_err confirm_alone(struct init_fix *t, const struct answer *made, const struct view *shares, size_t count,
	const char *passphrase)
{
	struct answer answer;
	enum coffer_err err = confirm(t, made, shares, count, passphrase, &answer);
	answer_free(&answer);
	return err;
}

static void shares_that_were_proven_make_the_domain(void **state)
{
	struct init_fix *t = *state;
	struct engine *e = &t->fix.engine;
	struct answer made, done;
	struct recovery_record record;
	AUTO_SECRET struct secret *seed = NULL;
	uint64_t slots;
	assert_int_equal(init(t, geteuid(), 1, 3, 2, NULL, &made), ERR_OK);
	assert_int_equal(vendor_count(&made, TAG_COFFER_SHARE), 3);
	assert_true(vendor_holds(vendor_text(&made, TAG_COFFER_TOKEN_KEY_LABEL), "ECC P-256, wraps with fake-xor, made here"));
	assert_int_equal(e->state, ENGINE_UNINITIALISED);
	assert_false(identity_is_there(t));
	struct view shares[] = { share_at(&made, 2), share_at(&made, 0) };
	assert_int_equal(confirm(t, &made, shares, 2, NULL, &done), ERR_OK);
	assert_true(view_equal(vendor_text(&done, TAG_COFFER_FINGERPRINT), vendor_text(&made, TAG_COFFER_FINGERPRINT)));
	assert_int_equal(e->state, ENGINE_OPEN);
	assert_true(identity_is_there(t));
	assert_non_null(e->token);
	assert_null(e->pending);
	assert_string_equal(e->recovery, "shares: any 2 of 3");
	assert_int_equal(grants_count(e->grants), 1);
	assert_int_equal(store_count(e->store, STORE_SLOT, &slots), ERR_OK);
	assert_int_equal(slots, 1);
	assert_int_equal(generation_get_domain_key(e->store, t->fix.ring, &seed), ERR_OK);
	assert_int_equal(recovery_get(e->store, t->fix.ring, &record), ERR_OK);
	assert_int_equal(record.version, 1);
	assert_int_equal(audit_chain_length(e->audit), 2); /* the event, and the operation */
	answer_free(&done);
	answer_free(&made);
}

static void a_wrong_proof_leaves_the_init_as_it_was(void **state)
{
	struct init_fix *t = *state;
	struct answer made;
	char typo[4096];
	assert_int_equal(init(t, geteuid(), 1, 3, 2, NULL, &made), ERR_OK);
	struct view first = share_at(&made, 0), second = share_at(&made, 1);
	assert_true(second.len < sizeof typo);
	memcpy(typo, second.ptr, second.len);
	typo[second.len - 2] = typo[second.len - 2] == 'A' ? 'B' : 'A';
	const struct { struct view shares[2]; size_t count; enum coffer_err err; } cases[] = {
		{ { first }, 0, ERR_MISSING }, { { first }, 1, ERR_MISSING }, { { first, first }, 2, ERR_EXISTS },
		{ { first, view_of(typo, second.len) }, 2, ERR_CORRUPT },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_int_equal(confirm_alone(t, &made, cases[i].shares, cases[i].count, NULL), cases[i].err);
	assert_false(identity_is_there(t));
	struct view right[] = { first, second };
	assert_int_equal(confirm_alone(t, &made, right, 2, NULL), ERR_OK);
	assert_int_equal(t->fix.engine.state, ENGINE_OPEN);
	answer_free(&made);
}

static void a_passphrase_must_be_given_twice_alike(void **state)
{
	struct init_fix *t = *state;
	struct answer made;
	assert_int_equal(init(t, geteuid(), 2, 0, 0, "short", &made), ERR_FIELD);
	answer_free(&made);
	assert_int_equal(init(t, geteuid(), 2, 0, 0, "correct horse battery", &made), ERR_OK);
	assert_int_equal(vendor_count(&made, TAG_COFFER_SHARE), 0);
	assert_int_equal(confirm_alone(t, &made, NULL, 0, "correct horse"), ERR_AUTH);
	assert_int_equal(confirm_alone(t, &made, NULL, 0, "correct horse battery"), ERR_OK);
	assert_string_equal(t->fix.engine.recovery, "passphrase");
	answer_free(&made);
}

static void without_recovery_nothing_is_to_be_proven_and_a_domain_is_made_once(void **state)
{
	struct init_fix *t = *state;
	struct answer made, again;
	assert_int_equal(init(t, geteuid(), 3, 0, 0, NULL, &made), ERR_OK);
	assert_int_equal(confirm_alone(t, &made, NULL, 0, NULL), ERR_OK);
	assert_int_equal(confirm_alone(t, &made, NULL, 0, NULL), ERR_EXISTS);
	assert_int_equal(init(t, geteuid(), 3, 0, 0, NULL, &again), ERR_EXISTS);
	char fingerprint[DOMAIN_FINGERPRINT_TEXT];
	domain_fingerprint_text(&t->fix.engine.identity.domain, fingerprint);
	assert_true(vendor_holds(again.response.items[0].message, fingerprint));
	answer_free(&again);
	answer_free(&made);
}

static uint64_t late_mono(void *arg)
{
	(void)arg;
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000 + late_ms;
}

static uint64_t fixed_wall(void *arg)
{
	(void)arg;
	return NOW_S;
}

static void an_init_ends_after_ten_minutes_or_when_another_begins(void **state)
{
	struct init_fix *t = *state;
	struct answer first, second;
	assert_int_equal(init(t, geteuid(), 3, 0, 0, NULL, &first), ERR_OK);
	assert_int_equal(init(t, geteuid(), 3, 0, 0, NULL, &second), ERR_OK);
	assert_int_equal(confirm_alone(t, &first, NULL, 0, NULL), ERR_NOT_FOUND);
	late_ms = INIT_LIFETIME_MS;
	clock_set_source(&(struct clock_source){ fixed_wall, late_mono, NULL });
	assert_int_equal(confirm_alone(t, &second, NULL, 0, NULL), ERR_NOT_FOUND);
	clock_set_source(NULL);
	assert_null(t->fix.engine.pending);
	answer_free(&first);
	answer_free(&second);
}

static void only_root_and_the_own_user_make_a_domain(void **state)
{
	struct init_fix *t = *state;
	struct answer made;
	assert_int_equal(init(t, STRANGER, 3, 0, 0, NULL, &made), ERR_UNINITIALISED);
	assert_int_equal(t->token.count, 0);
	answer_free(&made);
}

static void who_makes_the_domain_is_its_one_administrator(void **state)
{
	struct init_fix *t = *state;
	struct answer made;
	struct principal self, root;
	principal_from_uid(geteuid(), 1, &self);
	principal_from_uid(geteuid() ? 0 : 1, 1, &root);
	assert_int_equal(init(t, geteuid(), 3, 0, 0, NULL, &made), ERR_OK);
	assert_null(engine_grants(&t->fix.engine));
	assert_int_equal(confirm_alone(t, &made, NULL, 0, NULL), ERR_OK);
	answer_free(&made);
	struct grants *grants = engine_grants(&t->fix.engine);
	assert_int_equal(grants_count(grants), 1);
	assert_string_equal(grants_at(grants, 0)->principal, self.text);
	assert_string_equal(grants_at(grants, 0)->granted_by, self.text);
	assert_string_equal(grants_at(grants, 0)->scope, "");
	assert_int_equal(grants_at(grants, 0)->role, ROLE_ADMINISTRATOR);
	assert_int_equal(policy_check(grants, &self, PERMISSION_GRANT, NULL, NULL), ERR_OK);
	assert_int_equal(policy_check(grants, &root, PERMISSION_GRANT, NULL, NULL), ERR_DENIED); /* being root, or another, is no role */
	grants_unref(grants);
}

static void strangers_do_not_finish_the_init_of_another(void **state)
{
	struct init_fix *t = *state;
	struct answer made, done;
	struct ask a;
	assert_int_equal(init(t, geteuid(), 3, 0, 0, NULL, &made), ERR_OK);
	ask_one(&a, OPERATION_COFFER_INIT_CONFIRM);
	ttlv_put_bytes(&a.w, TAG_COFFER_INIT_ID, vendor_bytes(&made, TAG_COFFER_INIT_ID));
	assert_int_equal(vendor_send(&t->fix, STRANGER, &a, &done), ERR_UNINITIALISED);
	answer_free(&done);
	ask_one(&a, OPERATION_COFFER_TOKEN_PROVISION);
	assert_int_equal(vendor_send(&t->fix, STRANGER, &a, &done), ERR_UNINITIALISED);
	answer_free(&done);
	assert_non_null(t->fix.engine.pending);
	assert_int_equal(confirm_alone(t, &made, NULL, 0, NULL), ERR_OK);
	answer_free(&made);
}

static void what_cannot_be_wished_is_refused_before_the_token_is_touched(void **state)
{
	static const struct { int32_t mode, n, k; const char *passphrase; enum coffer_err err; } cases[] = {
		{ 0, 0, 0, NULL, ERR_FIELD }, { 4, 0, 0, NULL, ERR_FIELD }, { 1, 0, 0, NULL, ERR_FIELD }, { 1, 3, 4, NULL, ERR_FIELD },
		{ 1, 256, 2, NULL, ERR_FIELD }, { 1, 3, 0, NULL, ERR_FIELD }, { 1, -1, 1, NULL, ERR_FIELD }, { 2, 0, 0, NULL, ERR_FIELD },
		{ 3, 3, 2, NULL, ERR_FIELD }, { 3, 0, 0, "a passphrase", ERR_FIELD },
	};
	struct init_fix *t = *state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct answer made;
		assert_int_equal(init(t, geteuid(), cases[i].mode, cases[i].n, cases[i].k, cases[i].passphrase, &made), cases[i].err);
		answer_free(&made);
	}
	assert_int_equal(t->token.count, 0);
}

static void a_token_that_gives_back_another_key_makes_no_domain(void **state)
{
	struct init_fix *t = *state;
	struct answer made;
	t->token.other_key_comes_back = true;
	assert_int_equal(init(t, geteuid(), 3, 0, 0, NULL, &made), ERR_TOKEN);
	answer_free(&made);
	assert_null(t->fix.engine.pending);
	t->token.other_key_comes_back = false;
	t->token.no_random = true; /* no hindrance */
	assert_int_equal(init(t, geteuid(), 3, 0, 0, NULL, &made), ERR_OK);
	answer_free(&made);
}

static void a_store_that_cannot_write_leaves_the_node_uninitialised(void **state)
{
	struct init_fix *t = *state;
	struct engine *e = &t->fix.engine;
	struct answer made;
	uint64_t rows;
	t->store = IS_FULL;
	assert_int_equal(init(t, geteuid(), 3, 0, 0, NULL, &made), ERR_OK);
	assert_int_equal(confirm_alone(t, &made, NULL, 0, NULL), ERR_FULL);
	assert_int_equal(e->state, ENGINE_UNINITIALISED);
	assert_false(identity_is_there(t));
	assert_null(t->fix.ring);
	assert_null(e->audit);
	assert_int_equal(store_count(e->store, STORE_SLOT, &rows), ERR_OK);
	assert_int_equal(rows, 0);
	answer_free(&made);
	assert_int_equal(init(t, geteuid(), 3, 0, 0, NULL, &made), ERR_OK);
	assert_int_equal(confirm_alone(t, &made, NULL, 0, NULL), ERR_OK);
	assert_int_equal(e->state, ENGINE_OPEN);
	answer_free(&made);
}

static void an_unknown_outcome_is_read_back(void **state)
{
	struct init_fix *t = *state;
	struct engine *e = &t->fix.engine;
	struct answer made;
	assert_int_equal(init(t, geteuid(), 3, 0, 0, NULL, &made), ERR_OK);
	t->store = UNKNOWN_AND_LOST;
	assert_int_equal(confirm_alone(t, &made, NULL, 0, NULL), ERR_IO);
	assert_int_equal(e->state, ENGINE_UNINITIALISED);
	assert_false(identity_is_there(t));
	answer_free(&made);
	assert_int_equal(init(t, geteuid(), 3, 0, 0, NULL, &made), ERR_OK);
	t->store = UNKNOWN_BUT_WRITTEN;
	assert_int_equal(confirm_alone(t, &made, NULL, 0, NULL), ERR_OK);
	assert_int_equal(e->state, ENGINE_OPEN);
	assert_true(identity_is_there(t));
	assert_int_equal(audit_chain_length(e->audit), 2);
	answer_free(&made);
}

static enum coffer_err want_two(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	return (void)engine, (void)arg, (void)reason, quorum_record_put(txn, 2);
}

static void a_recovery_key_begun_by_one_is_not_confirmed_when_it_takes_two(void **state)
{
	struct init_fix *t = *state;
	struct answer made, done;
	struct ask a;
	assert_int_equal(init(t, geteuid(), 1, 2, 1, NULL, &made), ERR_OK);
	assert_int_equal(confirm_alone(t, &made, (struct view[]){ share_at(&made, 0) }, 1, NULL), ERR_OK);
	answer_free(&made);
	ask_one(&a, OPERATION_COFFER_RECOVERY_NEW);
	ttlv_put_i32(&a.w, TAG_COFFER_RECOVERY_MODE, 2);
	ttlv_put_bytes(&a.w, TAG_COFFER_PASSPHRASE, view_str("correct horse battery"));
	assert_int_equal(vendor_send(&t->fix, geteuid(), &a, &made), ERR_OK);
	assert_int_equal(t->fix.engine.on_store(&t->fix.engine, want_two, NULL, NULL), ERR_OK);
	ask_one(&a, OPERATION_COFFER_RECOVERY_CONFIRM);
	ttlv_put_bytes(&a.w, TAG_COFFER_RECOVERY_CHANGE_ID, vendor_bytes(&made, TAG_COFFER_RECOVERY_CHANGE_ID));
	ttlv_put_bytes(&a.w, TAG_COFFER_PASSPHRASE, view_str("correct horse battery"));
	assert_int_equal(vendor_send(&t->fix, geteuid(), &a, &done), ERR_DENIED);
	answer_free(&done);
	answer_free(&made);
}

static bool status_holds(struct init_fix *t, const char *part)
{
	struct ask a;
	struct answer answer;
	ask_one(&a, OPERATION_COFFER_STATUS);
	assert_int_equal(vendor_send(&t->fix, geteuid(), &a, &answer), ERR_OK);
	bool holds = vendor_holds(vendor_text(&answer, TAG_COFFER_STATUS_JSON), part);
	answer_free(&answer);
	return holds;
}

/* The proxy's clock cannot be moved under its waits: this takes a second. */
static void wait_until_probe_is_old(struct token_proxy *proxy)
{
	struct token_health health;
	for (unsigned i = 0; i < 500; i++) {
		token_proxy_health(proxy, &health);
		if (health.probed && health.probe_age_ms > 1000) return;
		usleep(10 * 1000);
	}
	fail_msg("the last probe does not grow old");
}

static void status_and_token_test_see_the_token_as_it_is_now(void **state)
{
	struct init_fix *t = *state;
	struct answer made, tested;
	struct ask a;
	assert_true(status_holds(t, "\"state\":\"uninitialised\""));
	assert_int_equal(init(t, geteuid(), 3, 0, 0, NULL, &made), ERR_OK);
	assert_int_equal(confirm_alone(t, &made, NULL, 0, NULL), ERR_OK);
	answer_free(&made);
	assert_true(status_holds(t, "\"health\":\"well\""));
	assert_true(status_holds(t, "\"uri\":\"tpm2:device\""));
	ask_one(&a, OPERATION_COFFER_TOKEN_TEST);
	assert_int_equal(vendor_send(&t->fix, geteuid(), &a, &tested), ERR_OK);
	assert_true(vendor_i32(&tested, TAG_COFFER_ELAPSED_MS) >= 1);
	answer_free(&tested);
	t->token.silent = true;
	wait_until_probe_is_old(t->fix.engine.token);
	assert_false(status_holds(t, "\"health\":\"well\""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(shares_that_were_proven_make_the_domain, start, stop),
		cmocka_unit_test_setup_teardown(a_wrong_proof_leaves_the_init_as_it_was, start, stop),
		cmocka_unit_test_setup_teardown(a_passphrase_must_be_given_twice_alike, start, stop),
		cmocka_unit_test_setup_teardown(without_recovery_nothing_is_to_be_proven_and_a_domain_is_made_once, start, stop),
		cmocka_unit_test_setup_teardown(an_init_ends_after_ten_minutes_or_when_another_begins, start, stop),
		cmocka_unit_test_setup_teardown(only_root_and_the_own_user_make_a_domain, start, stop),
		cmocka_unit_test_setup_teardown(who_makes_the_domain_is_its_one_administrator, start, stop),
		cmocka_unit_test_setup_teardown(strangers_do_not_finish_the_init_of_another, start, stop),
		cmocka_unit_test_setup_teardown(what_cannot_be_wished_is_refused_before_the_token_is_touched, start, stop),
		cmocka_unit_test_setup_teardown(a_token_that_gives_back_another_key_makes_no_domain, start, stop),
		cmocka_unit_test_setup_teardown(a_store_that_cannot_write_leaves_the_node_uninitialised, start, stop),
		cmocka_unit_test_setup_teardown(an_unknown_outcome_is_read_back, start, stop),
		cmocka_unit_test_setup_teardown(a_recovery_key_begun_by_one_is_not_confirmed_when_it_takes_two, start, stop),
		cmocka_unit_test_setup_teardown(status_and_token_test_see_the_token_as_it_is_now, start, stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
