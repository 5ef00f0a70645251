/* The anchor over a store in memory and a token that counts: what each answer of the token means, and a crash at every step. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "keyring/rooted_store.h"
#include "ops/anchor_internal.h"
#include "test_arena.h"
#include "token/channel.h"
#include "unit/ops/fake_token.h"


/* The token: one counter, and no way back. The tests change it between lives. */
static struct {
	bool there;
	uint8_t owner[TOKEN_COUNTER_OWNER_LEN], auth[TOKEN_COUNTER_AUTH_LEN];
	uint8_t place;
	uint64_t value, most; /* most: of all counters that there ever were */
	unsigned raises;
} chip;

/* The n-th step of a life fails: a call of the token, or a transaction. */
enum cut { CUT_NONE, CUT_BEFORE, CUT_AFTER };
static struct {
	enum cut cut;
	unsigned at, step;
} knife;

static enum cut cut_here(void)
{
	return ++knife.step == knife.at ? knife.cut : CUT_NONE;
}

static void raise_chip(void)
{
	chip.value = chip.value ? chip.value + 1 : chip.most + 1;
	if (chip.value > chip.most) chip.most = chip.value;
	chip.raises++;
}

static void make_on_chip(const struct token_counter_wish *w, struct token_counter_answer *out)
{
	bool mine = chip.there && memcmp(chip.owner, w->owner, sizeof chip.owner) == 0, takes = mine && memcmp(chip.auth, w->auth.ptr, sizeof chip.auth) == 0;
	if (mine && !takes && !w->replace) {
		out->state = TOKEN_COUNTER_OTHER;
		return;
	}
	if (!takes) {
		chip.there = true;
		chip.value = 0;
		chip.place++;
		memcpy(chip.owner, w->owner, sizeof chip.owner);
		memcpy(chip.auth, w->auth.ptr, sizeof chip.auth);
	}
	raise_chip();
	out->value = chip.value;
	out->ref = (struct token_counter_ref){ .data = { chip.place }, .len = 1, .place = "a place" };
}

static void read_chip(const struct token_counter_wish *w, struct token_counter_answer *out)
{
	bool takes = memcmp(chip.auth, w->auth.ptr, sizeof chip.auth) == 0;
	bool mine = chip.there && memcmp(chip.owner, w->owner, sizeof chip.owner) == 0;
	if (!(w->ref.len ? chip.there : mine)) out->state = TOKEN_COUNTER_NONE;
	else if (!takes || (w->ref.len && w->ref.data[0] != chip.place)) out->state = TOKEN_COUNTER_OTHER;
	else out->value = chip.value;
}

static enum coffer_err on_counter(unsigned op, const struct token_counter_wish *w, struct token_counter_answer *out)
{
	enum cut cut = cut_here();
	if (cut == CUT_BEFORE) return ERR_TOKEN;
	if (op == CHANNEL_COUNTER_MAKE) make_on_chip(w, out);
	else read_chip(w, out);
	if (op == CHANNEL_COUNTER_RAISE && out->state == TOKEN_COUNTER_WELL && chip.value == w->from) {
		raise_chip();
		out->value = chip.value;
	}
	return cut == CUT_AFTER ? ERR_TOKEN : ERR_OK;
}

/* ---- one life of a node ---- */

struct node {
	struct engine engine;
	struct config config;
	struct fake_token token;
	struct store *inner;
	struct ring *ring;
};

static enum coffer_err on_store(struct engine *e, engine_store_fn *fn, void *arg, struct reason *reason)
{
	enum cut cut = cut_here();
	if (cut == CUT_BEFORE) return ERR_IO;
	TRY(txn_begin(e->txn, reason));
	enum coffer_err err = fn(e, e->txn, arg, reason);
	if (err) {
		txn_abort(e->txn);
		return err;
	}
	TRY(txn_commit(e->txn, reason));
	return cut == CUT_AFTER ? ERR_UNKNOWN_OUTCOME : ERR_OK;
}

static struct ring *new_ring(struct domain_id *domain)
{
	struct secret *key = secret_new(DATA_KEY_LEN);
	for (uint8_t i = 0; i < UUID_LEN; i++) {
		domain->id[i] = i;
		domain->node_id[i] = (uint8_t)(0x10 + i);
	}
	memset(secret_mut(key), 0x5a, DATA_KEY_LEN);
	struct ring *ring = ring_new(domain);
	assert_non_null(ring);
	assert_int_equal(ring_add(ring, 1, &key), ERR_OK);
	return ring;
}

/* What a snapshot of the disk is here: the bytes of the anchor's record and the version of the root. */
static void begin_life(struct node *n)
{
	struct engine *e = &n->engine;
	struct token_binding binding = { .mechanism = "fake-xor" };
	e->anchor = anchor_new();
	e->txn = txn_new(e->store, e->objects);
	assert_true(e->anchor && e->txn);
	assert_int_equal(rooted_store_attach(e->store, n->ring, NULL), ERR_OK);
	txn_set_ring(e->txn, n->ring);
	fake_token_init(&n->token);
	n->token.on_counter = on_counter;
	struct token_proxy_config config = { .uri = "tpm2:fake", .binding = &binding, .spawner = &n->token.spawner, .deadline_ms = 5000,
		.probe_interval_ms = 3600000 };
	assert_int_equal(token_proxy_new(&config, &e->token, NULL), ERR_OK);
	assert_int_equal(token_proxy_probe_now(e->token, 5000, NULL), ERR_OK);
	e->state = ENGINE_OPEN;
}

static void end_life(struct node *n)
{
	struct engine *e = &n->engine;
	token_proxy_free(e->token);
	fake_token_done(&n->token);
	audit_chain_free(e->audit);
	e->audit = NULL;
	txn_free(e->txn);
	anchor_free(e->anchor);
	assert_int_equal(rooted_store_attach(e->store, NULL, NULL), ERR_OK);
}

static void next_life(struct node *n)
{
	end_life(n);
	begin_life(n);
}

static int start(void **state)
{
	struct node *n = calloc(1, sizeof *n);
	assert_non_null(n);
	struct engine *e = &n->engine;
	memset(&chip, 0, sizeof chip);
	memset(&knife, 0, sizeof knife);
	e->config = &n->config;
	e->on_store = on_store;
	pthread_mutex_init(&e->note_lock, NULL);
	pthread_mutex_init(&e->admin_lock, NULL);
	pthread_rwlock_init(&e->grants_lock, NULL);
	n->ring = new_ring(&e->identity.domain);
	e->domain = e->identity.domain;
	e->objects = object_table_new(64);
	assert_int_equal(store_open_memory(&n->inner), ERR_OK);
	assert_int_equal(rooted_store_new(n->inner, &e->store), ERR_OK);
	begin_life(n);
	*state = n;
	return 0;
}

static int stop(void **state)
{
	struct node *n = *state;
	end_life(n);
	store_close(n->engine.store);
	object_table_free(n->engine.objects);
	ring_free(n->ring);
	free(n);
	return 0;
}

static enum anchor_level level_of(struct node *n)
{
	struct anchor_facts f;
	anchor_facts(n->engine.anchor, &f);
	return f.level;
}

static enum coffer_err put_grant(struct engine *e, struct txn *txn, void *arg, struct reason *reason)
{
	static const uint8_t header[] = { 1 };
	static uint8_t number;
	struct store_row row = { .id_len = UUID_LEN, .version = 1, .state = 1, .generation = 1, .header = view_of(header, 1), .body = view_str("x") };
	(void)e; (void)arg; (void)reason;
	row.id[0] = ++number;
	row.id[1] = (uint8_t)(chip.raises);
	return store_put(txn_store(txn), STORE_GRANT, &row, true);
}

static void commit_something(struct node *n)
{
	unsigned at = knife.at, step = knife.step;
	knife.at = 0;
	assert_int_equal(n->engine.on_store(&n->engine, put_grant, NULL, NULL), ERR_OK);
	knife.at = at;
	knife.step = step;
}

/* Checked, and the counter at what the record says. */
static void checks_well(struct node *n)
{
	struct reason why = { "" };
	if (anchor_check(&n->engine, &why) != ERR_OK) fail_msg("refused: %s", why.text);
	assert_int_equal(level_of(n), ANCHOR_TOKEN);
	assert_false(n->engine.anchor_fault);
}

static void is_refused(struct node *n, const char *words)
{
	struct reason why = { "" };
	assert_int_equal(anchor_check(&n->engine, &why), ERR_CORRUPT);
	if (!strstr(why.text, words)) fail_msg("does not say '%s': %s", words, why.text);
	assert_int_equal(level_of(n), ANCHOR_REFUSED);
	assert_true(n->engine.anchor_fault);
}

/* ---- rows of docs/formats.md section 19.4 ---- */

static void every_answer_has_its_verdict(void **state)
{
	(void)state;
	for (uint64_t c = 1; c <= 6; c++) {
		for (uint64_t v = 0; v <= 9; v++) {
			struct token_counter_answer a = { .state = TOKEN_COUNTER_WELL, .value = v };
			enum anchor_verdict want = v == c ? ANCHOR_WELL : v == c - 1 ? ANCHOR_STEP_BEHIND : v > c ? ANCHOR_STORE_OLD : ANCHOR_TOKEN_OLD;
			assert_int_equal(anchor_judge(c, &a), want);
			a.state = TOKEN_COUNTER_NONE;
			assert_int_equal(anchor_judge(c, &a), ANCHOR_GONE);
			a.state = TOKEN_COUNTER_OTHER;
			assert_int_equal(anchor_judge(c, &a), ANCHOR_REPLACED);
		}
	}
}

static void the_owner_digest_is_the_frozen_one(void **state)
{
	struct node *n = *state;
	uint8_t owner[TOKEN_COUNTER_OWNER_LEN];
	char hex[2 * sizeof owner + 1];
	assert_int_equal(anchor_owner(&n->engine.domain, owner), ERR_OK);
	text_hex(view_of(owner, sizeof owner), hex);
	assert_string_equal(hex, "6e826de2f9d4323f51986ed94700ccacf7d08c93069a5015b8b7d70d72617abe");
}

static unsigned told;
static void recorded(void *arg)
{
	(void)arg;
	told++;
}

static void a_counter_is_made_once_and_raised_when_there_is_something_to_anchor(void **state)
{
	struct node *n = *state;
	struct anchor_facts f;
	checks_well(n);
	assert_true(chip.there);
	assert_int_equal(chip.value, 1);
	assert_int_equal(anchor_raise(&n->engine, recorded, NULL, NULL), ERR_OK);
	assert_int_equal(chip.value, 1); /* nothing was committed since */
	commit_something(n);
	told = 0;
	assert_int_equal(anchor_raise(&n->engine, recorded, NULL, NULL), ERR_OK);
	assert_int_equal(told, 1);
	assert_int_equal(chip.value, 2);
	anchor_facts(n->engine.anchor, &f);
	assert_int_equal(f.counter, 2);
	assert_int_equal(f.first, 1);
	struct rooted_facts root;
	rooted_store_facts(n->engine.store, &root);
	assert_int_equal(f.root_version, root.version);
	next_life(n);
	checks_well(n);
	assert_int_equal(chip.value, 2);
}

static void a_token_that_cannot_count_is_served_and_said(void **state)
{
	struct node *n = *state;
	n->token.on_counter = NULL;
	assert_int_equal(anchor_check(&n->engine, NULL), ERR_OK);
	assert_int_equal(level_of(n), ANCHOR_NONE);
	assert_int_equal(anchor_raise(&n->engine, NULL, NULL, NULL), ERR_OK);
	next_life(n);
	checks_well(n); /* another token, and there never was a counter */
	next_life(n);
	n->token.on_counter = NULL;
	is_refused(n, "in another token");
}

/* What the store knows is set back by moving the token on: an older store and a newer token are the same to each other. */
static void each_refusal_says_what_and_can_be_taken(void **state)
{
	static const struct {
		const char *words;
		int move; /* of the chip's value; 0: see below */
		bool gone, other_auth, other_place;
	} cases[] = {
		{ "older than this node has been", 1, false, false, false }, { "older than this node has been", 7, false, false, false },
		{ "the token is older", -2, false, false, false }, { "not there any more", 0, true, false, false },
		{ "another counter stands", 0, false, true, false }, { "another counter stands", 0, false, false, true },
	};
	struct node *n = *state;
	struct principal root;
	struct reason why = { "" };
	principal_from_uid(0, 1, &root);
	chip.most = 10;
	checks_well(n);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		next_life(n);
		checks_well(n);
		assert_int_equal(anchor_accept(&n->engine, &root, "", &why), ERR_STATE);
		commit_something(n);
		assert_int_equal(anchor_raise(&n->engine, NULL, NULL, NULL), ERR_OK);
		chip.value += (uint64_t)(int64_t)cases[i].move;
		if (chip.value > chip.most) chip.most = chip.value;
		if (cases[i].gone) chip.there = false;
		if (cases[i].other_auth) chip.auth[0] ^= 1;
		if (cases[i].other_place) chip.place++;
		next_life(n);
		is_refused(n, cases[i].words);
		uint64_t before = chip.value;
		if (anchor_accept(&n->engine, &root, "", &why) != ERR_OK) fail_msg("not taken: %s", why.text);
		assert_true(chip.value > before || cases[i].gone || cases[i].other_auth || cases[i].other_place);
		next_life(n);
		checks_well(n);
		struct anchor_facts f;
		anchor_facts(n->engine.anchor, &f);
		assert_int_equal(f.overridden, i + 1);
	}
}

static void a_store_from_before_its_counter_is_refused(void **state)
{
	struct node *n = *state;
	checks_well(n);
	assert_int_equal(txn_begin(n->engine.txn, NULL), ERR_OK);
	assert_int_equal(anchor_record_erase(txn_store(n->engine.txn), n->ring), ERR_OK);
	assert_int_equal(txn_commit(n->engine.txn, NULL), ERR_OK);
	next_life(n);
	is_refused(n, "from before it was made");
	chip.owner[0] ^= 1; /* of another node of this token */
	next_life(n);
	checks_well(n);
}

static void a_raise_that_fails_is_told_once_and_made_good(void **state)
{
	struct node *n = *state;
	struct anchor_facts f;
	checks_well(n);
	n->token.on_counter = NULL;
	for (unsigned i = 0; i < 3; i++) {
		commit_something(n);
		assert_int_equal(anchor_raise(&n->engine, NULL, NULL, NULL), ERR_UNSUPPORTED);
		anchor_facts(n->engine.anchor, &f);
		assert_true(f.late && f.sentence[0] && f.counter == 1);
	}
	n->token.on_counter = on_counter;
	assert_int_equal(anchor_raise(&n->engine, NULL, NULL, NULL), ERR_OK);
	assert_int_equal(chip.value, 2); /* the store was never two ahead */
	anchor_facts(n->engine.anchor, &f);
	assert_true(!f.late && !f.sentence[0]);
	next_life(n);
	checks_well(n);
	commit_something(n);
	chip.value++; /* a copy of this node raised it */
	chip.most = chip.value;
	assert_int_equal(anchor_raise(&n->engine, NULL, NULL, NULL), ERR_OK); /* which cannot be told from an answer that was lost … */
	commit_something(n);
	chip.value += 2;
	assert_int_equal(anchor_raise(&n->engine, NULL, NULL, NULL), ERR_CORRUPT); /* … but the next time it is */
	anchor_facts(n->engine.anchor, &f);
	assert_non_null(strstr(f.sentence, "another copy of this node"));
}

/* ---- a crash at every step ---- */

/* A life: check, a commit, a raise, another. ERR_OK: the knife was not met. */
static enum coffer_err live(struct node *n)
{
	TRY(anchor_check(&n->engine, NULL));
	for (unsigned i = 0; i < 2; i++) {
		if (level_of(n) != ANCHOR_TOKEN) return ERR_TOKEN; /* it goes on without: here that is the end */
		commit_something(n);
		TRY(anchor_raise(&n->engine, NULL, NULL, NULL));
	}
	return ERR_OK;
}

static unsigned cut_each_step(struct node *n, enum cut cut)
{
	unsigned at = 1;
	for (bool met = true; met; at++) {
		assert_true(at < 60);
		knife.cut = cut;
		knife.at = at;
		knife.step = 0;
		met = live(n) != ERR_OK;
		knife.cut = CUT_NONE;
		next_life(n);
		checks_well(n); /* never taken for a rollback */
		uint64_t before = chip.value;
		commit_something(n);
		assert_int_equal(anchor_raise(&n->engine, NULL, NULL, NULL), ERR_OK);
		assert_int_equal(chip.value, before + 1);
		next_life(n);
	}
	return at;
}

static void a_crash_at_any_step_is_not_taken_for_a_rollback(void **state)
{
	struct node *n = *state;
	static const enum cut cuts[] = { CUT_BEFORE, CUT_AFTER };
	for (unsigned fresh = 0; fresh < 2; fresh++) {
		for (size_t i = 0; i < 2; i++) assert_true(cut_each_step(n, cuts[i]) > 6);
	}
}

/* The same from the very first start, whose counter is not made yet: every step on a store and a token as new. */
static void a_crash_at_any_step_of_making_is_mended(void **state)
{
	static const enum cut cuts[] = { CUT_BEFORE, CUT_AFTER };
	unsigned met = 0;
	for (size_t i = 0; i < 2; i++) {
		for (unsigned at = 1; at <= 8; at++) {
			struct node *n = *state;
			knife.cut = cuts[i];
			knife.at = at;
			knife.step = 0;
			met += live(n) != ERR_OK;
			knife.cut = CUT_NONE;
			next_life(n);
			checks_well(n);
			next_life(n);
			checks_well(n);
			assert_int_equal(chip.place, 1); /* one counter, however often it was begun */
			(void)stop(state);
			(void)start(state);
		}
	}
	assert_true(met >= 12);
}

static void a_crash_at_any_step_of_taking_is_mended_or_taken_again(void **state)
{
	static const enum cut cuts[] = { CUT_BEFORE, CUT_AFTER };
	struct node *n = *state;
	struct principal root;
	principal_from_uid(0, 1, &root);
	checks_well(n);
	for (unsigned round = 0; round < 16; round++) {
		if (round % 4 < 2) chip.value = chip.most = chip.most + 3;
		else chip.there = false;
		next_life(n);
		assert_int_equal(anchor_check(&n->engine, NULL), ERR_CORRUPT);
		knife.cut = cuts[round % 2];
		knife.at = round / 4 + 1;
		knife.step = 0;
		enum coffer_err cut = anchor_accept(&n->engine, &root, "", NULL);
		assert_true(cut != ERR_OK || knife.step < knife.at);
		knife.cut = CUT_NONE;
		next_life(n);
		if (anchor_check(&n->engine, NULL) != ERR_OK) {
			assert_int_equal(anchor_accept(&n->engine, &root, "", NULL), ERR_OK);
			next_life(n);
			checks_well(n);
		}
		assert_int_equal(level_of(n), ANCHOR_TOKEN);
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_answer_has_its_verdict),
		T(the_owner_digest_is_the_frozen_one),
		T(a_counter_is_made_once_and_raised_when_there_is_something_to_anchor),
		T(a_token_that_cannot_count_is_served_and_said),
		T(each_refusal_says_what_and_can_be_taken),
		T(a_store_from_before_its_counter_is_refused),
		T(a_raise_that_fails_is_told_once_and_made_good),
		T(a_crash_at_any_step_is_not_taken_for_a_rollback),
		T(a_crash_at_any_step_of_making_is_mended),
		T(a_crash_at_any_step_of_taking_is_mended_or_taken_again),
	};
	return cmocka_run_group_tests(tests, setup_arena, NULL);
}
