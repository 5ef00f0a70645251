/* What becomes of the master secret before the one in force, whose token comes back later: destroyed, not shown, or kept as evidence where the counter in there was raised by a newer store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "ops/rotation.h"
#include "ops/rotation_internal.h"
#include "ops/rotation_master_internal.h"
#include "test_arena.h"
#include "unit/ops/anchor_node.h"

#define NEW "tpm2:fake"
#define OLD "tpm2:old"

/* The helpers of the token that was left, by their place. */
static struct {
	bool of_old[FAKE_HELPERS_MAX];
	bool missing; /* it shows no master secret */
	bool refuses; /* the PIN */
	unsigned attached, erased;
} old;

static void on_request(unsigned helper, const struct channel_request *q, struct channel_reply *r, struct buf *bytes)
{
	(void)bytes;
	switch (q->op) {
	case CHANNEL_OPEN: old.of_old[helper] = strcmp(q->uri, OLD) == 0; break;
	case CHANNEL_ATTACH:
		if (!old.of_old[helper]) break;
		old.attached++;
		if (old.missing) r->err = ERR_TOKEN_KEY_MISSING;
		if (old.refuses) r->err = ERR_AUTH;
		break;
	case CHANNEL_DESCRIBE:
		memcpy(r->info.kind, "tpm2", sizeof "tpm2");
		memcpy(r->info.mechanism, "fake-xor", sizeof "fake-xor");
		r->info.made_here = true;
		break;
	case CHANNEL_UNWRAP: r->err = ERR_CORRUPT; break;
	case CHANNEL_ERASE:
		assert_true(old.of_old[helper]);
		old.erased++;
		break;
	case CHANNEL_COUNTER_MAKE: case CHANNEL_COUNTER_READ: case CHANNEL_COUNTER_RAISE:
		r->counter.state = TOKEN_COUNTER_WELL;
		r->err = on_counter(q->op, &q->counter, &r->counter);
		break;
	default: break;
	}
}

static enum coffer_err put_record(struct engine *e, struct txn *txn, void *arg, struct reason *reason)
{
	(void)e; (void)reason;
	return master_record_put(txn, arg);
}

static unsigned phase(struct node *n)
{
	char uri[TOKEN_URI_MAX + 1];
	bool begun = false;
	rotation_master_stands(&n->engine, uri, &begun);
	return begun ? 1 : uri[0] ? 2 : 0;
}

/* The node went from OLD to NEW while OLD was away; the counter of OLD is at what the store knew then. */
static void leave(struct node *n)
{
	struct engine *e = &n->engine;
	struct token_binding binding = { .mechanism = "fake-xor" };
	memset(&old, 0, sizeof old);
	n->token.on_request = on_request;
	checks_well(n);
	opens_audit(n);
	e->identity.binding = binding;
	(void)snprintf(e->identity.token_uri, sizeof e->identity.token_uri, "%s", NEW);
	(void)snprintf(e->identity.token_kind, sizeof e->identity.token_kind, "tpm2");
	struct master_record record = { .phase = 2, .uri = OLD, .kind = "tpm2", .binding = binding, .left = record_of(n) };
	assert_int_equal(e->on_store(e, put_record, &record, NULL), ERR_OK);
	anchor_record_clear(&record.left);
	if (!e->rotation) e->rotation = rotation_new();
	assert_non_null(e->rotation);
}

static void said(struct node *n, const char *words)
{
	char text[REASON_MAX];
	rotation_old(&n->engine, text);
	if (words[0] ? !strstr(text, words) : text[0] != '\0') fail_msg("status does not say '%s' of it: %s", words, text);
}

static int stop(void **state)
{
	struct rotation *rotation = ((struct node *)*state)->engine.rotation;
	int done = stop_node(state);
	rotation_free(rotation);
	return done;
}

static void it_is_destroyed_and_its_counter_raised(void **state)
{
	struct node *n = *state;
	leave(n);
	rotation_master_finish(&n->engine, NULL, NULL);
	assert_true(old.erased == 1 && chip.value == 2 && phase(n) == 0);
	on_record(n, "the earlier one is destroyed, and looked for again");
	recorded_by(n, "node");
	said(n, "");
}

/* Its token answers, and has no such master secret: nothing was destroyed just now, and nobody says so. */
static void one_that_its_token_does_not_show_is_not_called_destroyed(void **state)
{
	struct node *n = *state;
	leave(n);
	old.missing = true;
	rotation_master_finish(&n->engine, NULL, NULL);
	assert_true(old.erased == 0 && chip.value == 2 && phase(n) == 0);
	on_record(n, "the earlier one is not shown by its token, so it is not known whether it is destroyed");
	said(n, "not shown by its token");
}

/* The counter of a TPM that was left says more than leaving it does: the store that left it was an older one. Nothing is destroyed, and nothing is served, until root takes it. */
static void a_counter_that_went_on_stops_the_node(void **state)
{
	struct node *n = *state;
	struct engine *e = &n->engine;
	struct principal root;
	struct anchor_facts f;
	principal_from_uid(0, 1, &root);
	leave(n);
	chip.value = chip.most = 4;
	for (unsigned i = 0; i < 2; i++) { /* and after a restart */
		rotation_master_finish(e, NULL, NULL);
		assert_true(old.erased == 0 && chip.value == 4 && phase(n) == 2);
		assert_true(engine_state_get(e) == ENGINE_FAULT && e->anchor_fault && level_of(n) == ANCHOR_REFUSED);
		on_record(n, "rollback: the store is older than this node has been: the token's counter was raised to 4 and the store knows of 1");
		said(n, "not destroyed yet: rollback: the store is older");
		if (i == 0) {
			next_life(n);
			n->token.on_request = on_request;
			opens_audit(n);
		}
	}
	uint64_t before = chip.value;
	assert_int_equal(anchor_accept(e, &root, "", NULL), ERR_OK);
	on_record(n, "the store knows of 1, the token says 4; that token was left");
	assert_int_equal(anchor_accept(e, &root, "", NULL), ERR_STATE);
	assert_int_equal(chip.value, before);
	next_life(n);
	n->token.on_request = on_request;
	chip.value = 1; /* of the token in force, which is another one */
	checks_well(n);
	anchor_facts(e->anchor, &f);
	assert_true(f.overridden == 1 && f.overridden_from == 1 && f.overridden_to == 4);
	chip.value = before;
	opens_audit(n);
	rotation_master_finish(e, NULL, NULL);
	assert_true(old.erased == 1 && chip.value == before + 1 && phase(n) == 0 && engine_state_get(e) == ENGINE_OPEN);
	on_record(n, "the earlier one is destroyed, and looked for again");
}

/* To destroy all is no matter of which store is the newest. */
static void zeroise_is_not_stopped_by_it(void **state)
{
	struct node *n = *state;
	leave(n);
	chip.value = chip.most = 4;
	char gone[TOKEN_URI_MAX + 1];
	rotation_master_finish(&n->engine, "unix:0", gone);
	assert_true(old.erased == 1 && phase(n) == 0 && !n->engine.anchor_fault);
	assert_string_equal(gone, OLD);
	on_record(n, "the earlier one is destroyed, and looked for again");
	recorded_by(n, "unix:0");
	rotation_master_finish(&n->engine, "unix:0", gone);
	assert_string_equal(gone, "");
}

/* A token that refused its PIN is asked by nobody but who changes the master secret: not by a start, and not by a zeroise, whose answer names it. */
static void one_whose_token_refused_is_not_asked_again(void **state)
{
	struct node *n = *state;
	struct token_binding binding = { .mechanism = "fake-xor" };
	leave(n);
	struct master_record record = { .phase = 2, .uri = OLD, .kind = "tpm2", .binding = binding, .refused = true };
	assert_int_equal(n->engine.on_store(&n->engine, put_record, &record, NULL), ERR_OK);
	for (int ends = 0; ends < 2; ends++) {
		rotation_master_finish(&n->engine, ends ? "root" : NULL, NULL);
		assert_true(old.erased == 0 && phase(n) == 2);
		for (unsigned i = 0; i < FAKE_HELPERS_MAX; i++) assert_false(old.of_old[i]);
		said(n, "not asked again by itself");
	}
}

static bool refused_on_record(struct node *n)
{
	struct master_flow f = { .engine = &n->engine };
	assert_int_equal(n->engine.on_store(&n->engine, master_load, &f, NULL), ERR_OK);
	anchor_record_clear(&f.record.left);
	return f.record.refused;
}

/* That is noted at the first refusal, and where the token takes the PIN, asked by an administrator, the note goes, whatever comes behind that. */
static void a_refusal_is_on_record_until_the_pin_is_taken(void **state)
{
	struct node *n = *state;
	const struct master_wish wish = { .principal = "root" };
	struct master_change out;
	leave(n);
	old.refuses = true;
	rotation_master_finish(&n->engine, NULL, NULL);
	assert_true(refused_on_record(n));
	const unsigned before = old.attached; /* its counter is asked without a PIN */
	rotation_master_finish(&n->engine, NULL, NULL);
	rotation_master_finish(&n->engine, "root", NULL);
	assert_true(old.attached == before && old.erased == 0 && phase(n) == 2);
	old.refuses = false;
	chip.there = false; /* so that it is not through yet */
	n->config.state_dir = (char *)"/nonexistent";
	assert_int_equal(rotation_master(&n->engine, &wish, &out, NULL), ERR_TOKEN);
	assert_true(old.erased == 1 && phase(n) == 2 && !refused_on_record(n));
}

/* A change that was asked for the master secret in force noted its place, and made nothing. */
static void what_was_to_be_made_where_the_one_in_force_is_was_not_begun(void **state)
{
	struct node *n = *state;
	leave(n);
	struct master_record record = { .phase = 1, .uri = NEW };
	assert_int_equal(n->engine.on_store(&n->engine, put_record, &record, NULL), ERR_OK);
	assert_int_equal(phase(n), 0);
	(void)snprintf(record.uri, sizeof record.uri, "%s", OLD);
	assert_int_equal(n->engine.on_store(&n->engine, put_record, &record, NULL), ERR_OK);
	assert_int_equal(phase(n), 1);
}

/* Another change wants the earlier one settled, and stops in the same way. */
static void another_change_stops_too(void **state)
{
	struct node *n = *state;
	const struct master_wish wish = { .principal = "root" };
	struct master_change out;
	struct reason why = { "" };
	leave(n);
	chip.value = chip.most = 4;
	n->config.state_dir = (char *)"/nonexistent";
	assert_int_equal(rotation_master(&n->engine, &wish, &out, &why), ERR_CORRUPT);
	assert_int_equal(strncmp(why.text, "rollback: the store is older", 28), 0);
	assert_true(old.erased == 0 && phase(n) == 2 && engine_state_get(&n->engine) == ENGINE_FAULT);
}

/* Destroyed is destroyed: where the counter alone is not as it should be, that is what is said, also of one that is given up then. */
static void destroyed_and_its_counter_gone_is_said_as_it_is(void **state)
{
	struct node *n = *state;
	const struct master_wish wish = { .principal = "root" }, forget = { .principal = "root", .forget_old = true };
	struct master_change out;
	struct reason why = { "" };
	leave(n);
	chip.there = false;
	n->config.state_dir = (char *)"/nonexistent";
	assert_int_equal(rotation_master(&n->engine, &wish, &out, &why), ERR_TOKEN);
	assert_true(old.erased == 1 && phase(n) == 2);
	assert_non_null(strstr(why.text, "the master secret before this one is destroyed; the counter in the token that was left could not be raised once more"));
	assert_non_null(strstr(why.text, "was removed"));
	rotation_master_finish(&n->engine, NULL, NULL);
	said(n, "destroyed; the counter in the token that was left could not be raised once more");
	chip.there = true; /* that of the token in force is there */
	assert_int_not_equal(rotation_master(&n->engine, &forget, &out, &why), ERR_OK); /* there is no state folder to go on in */
	assert_int_not_equal(phase(n), 2);
	on_record(n, "the earlier one is given up; last known of it: destroyed; the counter in the token that was left");
}

/* As a TPM makes it that is bound to a PIN (docs/formats.md section 18.2), as far as the flags. */
static const struct token_binding with_pin = { .mechanism = "tpm2-seal", .data = { 2, 1, 1, 0x81, 1, 0x0c, 0x0f, 0, 1, 'p', 0, 1, 'm', 4 }, .data_len = 14 };

/* Bound to a PIN that nobody gave, and the next one would have none: refused before anything is asked for. */
static void a_binding_with_a_pin_is_not_exchanged_for_one_without(void **state)
{
	struct node *n = *state;
	struct master_wish wish = { .principal = "root", .uri = "tpm2:third" };
	const struct master_wish here = { .principal = "root" };
	struct master_flow f = { .engine = &n->engine, .wish = &wish };
	struct reason why = { "" };
	leave(n);
	f.before = n->engine.identity;
	assert_int_equal(master_check_pin(&f, &why), ERR_OK);
	f.before.binding = with_pin;
	assert_int_equal(master_check_pin(&f, &why), ERR_USAGE);
	assert_non_null(strstr(why.text, "would want none: give the new one's with --pin"));
	f.wish = &here;
	assert_int_equal(master_check_pin(&f, &why), ERR_USAGE);
	assert_non_null(strstr(why.text, "'coffer unseal --pin' first"));
	(void)snprintf(f.before.token_uri, sizeof f.before.token_uri, NEW "?pin-source=file:/x"); /* goes along */
	assert_int_equal(master_check_pin(&f, &why), ERR_OK);
	f.wish = &wish;
	wish.pin = view_str("theirs");
	assert_int_equal(master_check_pin(&f, &why), ERR_OK);
	wish.pin = view_of(NULL, 0);
	(void)snprintf(wish.uri, sizeof wish.uri, "tpm2:third?pin-source=");
	assert_int_equal(master_check_pin(&f, &why), ERR_OK);
	(void)snprintf(wish.uri, sizeof wish.uri, "pkcs11:token=x");
	assert_int_equal(master_check_pin(&f, &why), ERR_OK);
}

#define T(f) cmocka_unit_test_setup_teardown(f, start_node, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(it_is_destroyed_and_its_counter_raised),
		T(one_that_its_token_does_not_show_is_not_called_destroyed),
		T(a_counter_that_went_on_stops_the_node),
		T(zeroise_is_not_stopped_by_it),
		T(one_whose_token_refused_is_not_asked_again),
		T(a_refusal_is_on_record_until_the_pin_is_taken),
		T(what_was_to_be_made_where_the_one_in_force_is_was_not_begun),
		T(another_change_stops_too),
		T(destroyed_and_its_counter_gone_is_said_as_it_is),
		T(a_binding_with_a_pin_is_not_exchanged_for_one_without),
	};
	return cmocka_run_group_tests(tests, setup_arena, NULL);
}
