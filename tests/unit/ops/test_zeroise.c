/* Zeroise where something stands in its way: a key beside the master secret, an earlier master secret, a change of unknown outcome. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kmip/enums.h"
#include "kmip/tags.h"
#include "ops/rotation.h"
#include "ops/rotation_master.h"
#include "ops/zeroise_mark.h"
#include "unit/ops/founded.h"
#include "unit/ops/vendor.h"

#define EARLIER "tpm2:device?handle=0x81010C10"

static unsigned restarts;

static void count_restart(struct engine *engine)
{
	(void)engine;
	restarts++;
}

static struct founded *begin(void)
{
	founded_reset();
	struct founded *n = founded_new();
	founded_init(n);
	restarts = 0;
	n->fix.engine.restart = count_restart;
	n->fix.engine.rotation = rotation_new();
	assert_non_null(n->fix.engine.rotation);
	return n;
}

static void end(struct founded *n)
{
	char path[128];
	static const char *const names[] = { ZEROISE_MARK, ZEROISE_ORDER };
	for (size_t i = 0; i < 2; i++) {
		(void)snprintf(path, sizeof path, "%s/%s", n->dir, names[i]);
		(void)unlink(path);
	}
	identity_withdraw(n->dir);
	rotation_free(TAKE(n->fix.engine.rotation));
	founded_free(n);
}

static enum coffer_err zeroise(struct founded *n, struct answer *out)
{
	struct ask a;
	char fingerprint[DOMAIN_FINGERPRINT_TEXT];
	domain_fingerprint_text(&n->fix.engine.identity.domain, fingerprint);
	ask_one(&a, OPERATION_COFFER_ZEROISE);
	ttlv_put_str(&a.w, TAG_COFFER_FINGERPRINT, fingerprint);
	return vendor_send(&n->fix, geteuid(), &a, out);
}

static void is_done(struct founded *n, const char *words, bool says)
{
	struct answer answer;
	assert_int_equal(zeroise(n, &answer), ERR_OK);
	struct view said = vendor_text(&answer, TAG_COFFER_JSON);
	assert_true(vendor_holds(said, "destroyed, and looked for again"));
	if (vendor_holds(said, words) != says) fail_msg("'%s': %.*s", words, (int)said.len, (const char *)said.ptr);
	assert_int_equal(restarts, 1);
	answer_free(&answer);
}

static enum coffer_err no_answer(unsigned op, const struct token_signer_wish *wish, struct token_signer_answer *out)
{
	(void)op;
	(void)wish;
	(void)out;
	return ERR_TIMEOUT;
}

/* After which the proxy ends its helper. */
static void a_signing_key_that_stays_does_not_keep_the_master_secret(void **state)
{
	(void)state;
	struct founded *n = begin();
	n->token.on_signer = no_answer;
	is_done(n, "earlier", false);
	end(n);
}

static enum coffer_err put_earlier(struct engine *e, struct txn *txn, void *arg, struct reason *reason)
{
	struct master_record record = { .phase = 2, .uri = EARLIER, .kind = "tpm2", .binding = e->identity.binding };
	(void)arg;
	(void)reason;
	return master_record_put(txn, &record);
}

/* The token here says of each that it opens what the other one wrapped; without wrapped data keys it cannot. */
static void begin_at_fault(struct founded *n, bool keys)
{
	struct engine *e = &n->fix.engine;
	uint8_t id[UUID_LEN + 4] = { 0 };
	assert_int_equal(e->on_store(e, put_earlier, NULL, NULL), ERR_OK);
	memcpy(id, e->domain.node_id, UUID_LEN);
	id[UUID_LEN + 3] = 1;
	if (!keys) {
		assert_int_equal(store_begin(n->inner, NULL), ERR_OK);
		assert_int_equal(store_erase(n->inner, STORE_SLOT, view_of(id, sizeof id)), ERR_OK);
		assert_int_equal(store_commit(n->inner, NULL), ERR_OK);
	}
	e->state = ENGINE_FAULT;
}

static void an_earlier_master_secret_that_stays_is_said(void **state)
{
	(void)state;
	struct founded *n = begin();
	begin_at_fault(n, true);
	is_done(n, "an earlier master secret stays in " EARLIER, true);
	end(n);
}

static void an_earlier_master_secret_goes_at_fault_too(void **state)
{
	(void)state;
	struct founded *n = begin();
	begin_at_fault(n, false);
	is_done(n, "earlier", false);
	end(n);
}

static void of_an_unknown_outcome_nothing_is_destroyed(void **state)
{
	(void)state;
	struct founded *n = begin();
	struct identity other = n->fix.engine.identity;
	struct answer answer;
	other.binding.master_secret_id[0] ^= 1;
	assert_int_equal(identity_prepare(n->dir, &other, NULL), ERR_OK);
	assert_int_equal(zeroise(n, &answer), ERR_STATE);
	assert_int_equal(restarts, 0);
	assert_false(zeroise_order_is_there(n->dir));
	answer_free(&answer);
	identity_withdraw(n->dir);
	is_done(n, "earlier", false);
	end(n);
}

/* ---- a change that did not come to its end ---- */

#define BEGUN_ID 0x77u
#define MISTYPED "tpm2:devise"

static uint8_t attached; /* first byte of the id of the master secret that the token is attached to */
static unsigned erased[256];
static bool away;

static enum coffer_err watch(const struct channel_request *q)
{
	if (q->op == CHANNEL_ATTACH) attached = q->binding.master_secret_id[0];
	if (q->op == CHANNEL_ATTACH && away && attached == BEGUN_ID) return ERR_TOKEN_GONE;
	if (q->op == CHANNEL_ERASE) erased[attached]++;
	return ERR_OK;
}

static enum coffer_err put_begun(struct engine *e, struct txn *txn, void *arg, struct reason *reason)
{
	struct master_record record = { .phase = 1, .uri = EARLIER, .kind = "tpm2" };
	(void)reason;
	if (arg) {
		record.binding = e->identity.binding;
		memset(record.binding.master_secret_id, BEGUN_ID, sizeof record.binding.master_secret_id);
	}
	return master_record_put(txn, &record);
}

static struct founded *begin_begun(bool made)
{
	struct founded *n = begin();
	struct engine *e = &n->fix.engine;
	assert_int_equal(e->on_store(e, put_begun, made ? &made : NULL, NULL), ERR_OK);
	attached = e->identity.binding.master_secret_id[0];
	memset(erased, 0, sizeof erased);
	away = false;
	n->token.on_ask = watch;
	return n;
}

static void what_a_change_had_begun_with_goes_too(void **state)
{
	(void)state;
	struct founded *n = begin_begun(true);
	uint8_t own = attached;
	is_done(n, EARLIER, false);
	assert_int_equal(erased[BEGUN_ID], 1);
	assert_int_equal(erased[own], 1);
	end(n);
}

static void what_a_change_may_have_left_is_said(void **state)
{
	(void)state;
	struct founded *n = begin_begun(false); /* cut off before anybody knew what was made */
	is_done(n, "a change of the master secret that was begun may have left one in " EARLIER, true);
	assert_int_equal(erased[BEGUN_ID], 0);
	end(n);
	n = begin_begun(true);
	away = true;
	uint8_t own = attached;
	is_done(n, "a change of the master secret that was begun may have left one in " EARLIER, true);
	assert_int_equal(erased[BEGUN_ID], 0);
	assert_int_equal(erased[own], 1);
	end(n);
}

static enum coffer_err not_that_place(const struct channel_request *q)
{
	return q->op == CHANNEL_OPEN && strcmp(q->uri, MISTYPED) == 0 ? ERR_USAGE : watch(q);
}

/* A change to a place that was mistyped asked nobody to make anything: it is not on record, and what another change had begun with still is. */
static void a_change_that_asked_nobody_is_not_on_record(void **state)
{
	(void)state;
	for (int begun = 0; begun < 2; begun++) {
		struct founded *n = begun ? begin_begun(true) : begin();
		const struct master_wish wish = { .principal = "root", .uri = MISTYPED };
		struct master_change out;
		char uri[TOKEN_URI_MAX + 1];
		bool is_begun;
		memset(erased, 0, sizeof erased);
		n->token.on_ask = not_that_place;
		assert_int_equal(rotation_master(&n->fix.engine, &wish, &out, NULL), ERR_USAGE);
		rotation_master_stands(&n->fix.engine, uri, &is_begun);
		assert_string_equal(uri, begun ? EARLIER : "");
		is_done(n, EARLIER, false);
		assert_int_equal(erased[BEGUN_ID], begun);
		end(n);
	}
}

static unsigned places; /* in the same token, that were opened */

static enum coffer_err refuses_every_place(const struct channel_request *q)
{
	if (q->op != CHANNEL_OPEN || !strstr(q->uri, "handle=")) return watch(q);
	places++;
	return ERR_AUTH;
}

/* A change that goes on where one before it was asks one place: another one of the same token would be another try. */
static void a_pin_that_is_refused_is_not_tried_in_the_next_place(void **state)
{
	(void)state;
	struct founded *n = begin_begun(false);
	const struct master_wish wish = { .principal = "root" };
	struct master_change out;
	places = 0;
	n->token.on_ask = refuses_every_place;
	assert_int_equal(rotation_master(&n->fix.engine, &wish, &out, NULL), ERR_AUTH);
	assert_int_equal(places, 1);
	end(n);
}

static enum coffer_err read_phase(struct engine *e, struct txn *txn, void *arg, struct reason *reason)
{
	struct master_record record;
	(void)e;
	(void)reason;
	enum coffer_err err = master_record_read(txn, &record);
	*(unsigned *)arg = record.phase;
	return err;
}

/* Nor one that found the master secret in force under another name. */
static void a_change_that_found_the_one_in_force_is_not_on_record(void **state)
{
	(void)state;
	struct founded *n = begin();
	const struct master_wish wish = { .principal = "root", .uri = "tpm2:device:/dev/tpmrm0" };
	struct master_change out;
	unsigned phase = 2;
	assert_int_equal(rotation_master(&n->fix.engine, &wish, &out, NULL), ERR_EXISTS);
	assert_int_equal(n->fix.engine.on_store(&n->fix.engine, read_phase, &phase, NULL), ERR_OK);
	assert_int_equal(phase, 0);
	end(n);
}

static enum coffer_err (*store_of_before)(struct engine *e, engine_store_fn *fn, void *arg, struct reason *reason);
static bool store_failed;

static enum coffer_err fails_behind_the_erase(struct engine *e, engine_store_fn *fn, void *arg, struct reason *reason)
{
	if (store_failed || !erased[BEGUN_ID]) return store_of_before(e, fn, arg, reason);
	store_failed = true;
	return reason_fail(reason, ERR_IO, "no room");
}

/* Destroyed, and the store could not note it: nobody says that it may stand. */
static void what_is_destroyed_and_not_noted_is_not_said_to_stand(void **state)
{
	(void)state;
	struct founded *n = begin_begun(true);
	store_of_before = n->fix.engine.on_store;
	store_failed = false;
	n->fix.engine.on_store = fails_behind_the_erase;
	is_done(n, EARLIER, false);
	assert_true(store_failed);
	assert_int_equal(erased[BEGUN_ID], 1);
	n->fix.engine.on_store = store_of_before;
	end(n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_signing_key_that_stays_does_not_keep_the_master_secret),
		cmocka_unit_test(an_earlier_master_secret_that_stays_is_said),
		cmocka_unit_test(an_earlier_master_secret_goes_at_fault_too),
		cmocka_unit_test(of_an_unknown_outcome_nothing_is_destroyed),
		cmocka_unit_test(what_a_change_had_begun_with_goes_too),
		cmocka_unit_test(what_a_change_may_have_left_is_said),
		cmocka_unit_test(a_pin_that_is_refused_is_not_tried_in_the_next_place),
		cmocka_unit_test(a_change_that_asked_nobody_is_not_on_record),
		cmocka_unit_test(a_change_that_found_the_one_in_force_is_not_on_record),
		cmocka_unit_test(what_is_destroyed_and_not_noted_is_not_said_to_stand),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
