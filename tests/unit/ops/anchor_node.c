/* One node with a token that counts, and its lives. */
#include "unit/ops/anchor_node.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keyring/domain_record.h"
#include "keyring/rooted_store.h"
#include "token/channel.h"

struct anchor_chip chip;
struct knife knife;

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

static enum coffer_err make_on_chip(const struct token_counter_wish *w, struct token_counter_answer *out)
{
	bool mine = chip.there && memcmp(chip.owner, w->owner, sizeof chip.owner) == 0, takes = mine && memcmp(chip.auth, w->auth.ptr, sizeof chip.auth) == 0;
	if (mine && !takes && !w->replace) out->state = TOKEN_COUNTER_OTHER;
	if (out->state == TOKEN_COUNTER_OTHER) return ERR_OK;
	if (!takes && chip.full) return ERR_FULL;
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
	return ERR_OK;
}

static void read_chip(const struct token_counter_wish *w, struct token_counter_answer *out)
{
	bool takes = memcmp(chip.auth, w->auth.ptr, sizeof chip.auth) == 0;
	bool mine = chip.there && memcmp(chip.owner, w->owner, sizeof chip.owner) == 0;
	if (!(w->ref.len ? chip.there : mine)) out->state = TOKEN_COUNTER_NONE;
	else if (!takes || (w->ref.len && w->ref.data[0] != chip.place)) out->state = TOKEN_COUNTER_OTHER;
	else out->value = chip.value;
}

enum coffer_err on_counter(unsigned op, const struct token_counter_wish *w, struct token_counter_answer *out)
{
	enum cut cut = cut_here();
	if (cut == CUT_BEFORE) return ERR_TOKEN;
	if (op == CHANNEL_COUNTER_MAKE) TRY(make_on_chip(w, out));
	else read_chip(w, out);
	if (op == CHANNEL_COUNTER_RAISE && out->state == TOKEN_COUNTER_WELL && chip.value == w->from) {
		raise_chip();
		out->value = chip.value;
	}
	return cut == CUT_AFTER ? ERR_TOKEN : ERR_OK;
}

/* ---- one life of a node ---- */

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

void next_life(struct node *n)
{
	end_life(n);
	begin_life(n);
}

int start_node(void **state)
{
	struct node *n = calloc(1, sizeof *n);
	assert_non_null(n);
	struct engine *e = &n->engine;
	memset(&chip, 0, sizeof chip);
	memset(&knife, 0, sizeof knife);
	e->config = &n->config;
	e->on_store = on_store;
	assert_true(pthread_mutex_init(&e->note_lock, NULL) == 0 && pthread_rwlock_init(&e->grants_lock, NULL) == 0);
	n->ring = new_ring(&e->identity.domain);
	e->domain = e->identity.domain;
	e->objects = object_table_new(64);
	assert_int_equal(store_open_memory(&n->inner), ERR_OK);
	assert_int_equal(rooted_store_new(n->inner, &e->store), ERR_OK);
	begin_life(n);
	*state = n;
	return 0;
}

int stop_node(void **state)
{
	struct node *n = *state;
	end_life(n);
	store_close(n->engine.store);
	object_table_free(n->engine.objects);
	ring_free(n->ring);
	free(n);
	return 0;
}

enum anchor_level level_of(struct node *n)
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

void commit_something(struct node *n)
{
	unsigned at = knife.at, step = knife.step;
	knife.at = 0;
	assert_int_equal(n->engine.on_store(&n->engine, put_grant, NULL, NULL), ERR_OK);
	knife.at = at;
	knife.step = step;
}

void erase_record(struct node *n)
{
	assert_int_equal(txn_begin(n->engine.txn, NULL), ERR_OK);
	assert_int_equal(anchor_record_erase(txn_store(n->engine.txn), n->ring), ERR_OK);
	assert_int_equal(txn_commit(n->engine.txn, NULL), ERR_OK);
}

void checks_well(struct node *n)
{
	struct reason why = { "" };
	if (anchor_check(&n->engine, &why) != ERR_OK) fail_msg("refused: %s", why.text);
	assert_int_equal(level_of(n), ANCHOR_TOKEN);
	assert_false(n->engine.anchor_fault);
}

void is_refused(struct node *n, const char *words)
{
	struct reason why = { "" };
	assert_int_equal(anchor_check(&n->engine, &why), ERR_CORRUPT);
	if (!strstr(why.text, words)) fail_msg("does not say '%s': %s", words, why.text);
	assert_int_equal(level_of(n), ANCHOR_REFUSED);
	assert_true(n->engine.anchor_fault);
}

/* ---- record and audit log ---- */

struct anchor_record record_of(struct node *n)
{
	struct anchor_record record = ANCHOR_RECORD_NONE;
	assert_int_equal(anchor_record_read(n->engine.store, n->ring, &record), ERR_OK);
	return record;
}

void damage_record(struct node *n)
{
	static const uint8_t header[] = { 1 };
	struct anchor_record now = record_of(n);
	struct store_row row = { .version = now.row_version + 1, .generation = 1, .header = view_of(header, 1), .body = view_str("this was a record and is none any more") };
	anchor_record_clear(&now);
	domain_record_node_id("anchor-", &n->engine.domain, &row);
	assert_int_equal(txn_begin(n->engine.txn, NULL), ERR_OK);
	assert_int_equal(store_put(txn_store(n->engine.txn), STORE_DOMAIN, &row, true), ERR_OK);
	assert_int_equal(txn_commit(n->engine.txn, NULL), ERR_OK);
}

struct newest {
	char details[REASON_MAX + 128], principal[64];
};

static enum coffer_err take_details(void *arg, const struct audit_event *event)
{
	struct newest *out = arg;
	(void)snprintf(out->details, sizeof out->details, "%.*s", (int)event->details.len, (const char *)event->details.ptr);
	(void)snprintf(out->principal, sizeof out->principal, "%.*s", (int)event->principal.len, (const char *)event->principal.ptr);
	return ERR_OK;
}

static enum coffer_err read_newest(struct engine *e, struct txn *txn, void *arg, struct reason *reason)
{
	if (!e->audit) return audit_chain_open(txn, &e->audit, reason);
	return audit_read(e->audit, txn, audit_chain_length(e->audit), 1, take_details, arg);
}

void opens_audit(struct node *n)
{
	if (!n->engine.audit) assert_int_equal(n->engine.on_store(&n->engine, read_newest, NULL, NULL), ERR_OK);
}

void on_record(struct node *n, const char *words)
{
	struct newest newest = { .details = "" };
	assert_int_equal(n->engine.on_store(&n->engine, read_newest, &newest, NULL), ERR_OK);
	if (!strstr(newest.details, words)) fail_msg("not on record: %s, but %s", words, newest.details);
}

void recorded_by(struct node *n, const char *principal)
{
	struct newest newest = { .details = "" };
	assert_int_equal(n->engine.on_store(&n->engine, read_newest, &newest, NULL), ERR_OK);
	assert_string_equal(newest.principal, principal);
}
