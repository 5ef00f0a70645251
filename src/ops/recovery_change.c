/* Making a new recovery key, and writing it down. */
#include "ops/recovery_change.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "access/quorum_record.h"
#include "keyring/rooted_store.h"
#include "base/clock.h"
#include "base/ct.h"
#include "crypto/rng.h"
#include "keyring/generation.h"
#include "kmip/enums.h"

void recovery_change_forget_texts(struct recovery_change *c)
{
	for (unsigned i = 0; c->texts && i < c->wish.shares; i++) buf_free(&c->texts[i]);
	free(c->texts);
	c->texts = NULL;
}

static void change_free(struct recovery_change *c)
{
	if (!c) return;
	recovery_change_forget_texts(c);
	buf_free(&c->body);
	free(c);
}

DEFINE_AUTO(struct recovery_change, change_free)

void recovery_change_drop(struct engine *engine)
{
	change_free(TAKE(engine->recovery_change));
}

enum coffer_err recovery_copy_ring(const struct ring *ring, struct ring **out)
{
	struct ring *copy = ring_new(ring_domain(ring));
	enum coffer_err err = copy ? ERR_OK : ERR_MEMORY;
	for (unsigned i = 0; i < ring_count(ring) && !err; i++) {
		uint32_t generation = ring_generation_at(ring, i);
		const struct secret *key;
		err = ring_data_key(ring, generation, &key);
		AUTO_SECRET struct secret *mine = err ? NULL : secret_copy(secret_bytes(key), secret_len(key));
		if (!err) err = mine ? ring_add(copy, generation, &mine) : ERR_MEMORY;
	}
	if (err) ring_free(copy);
	else *out = copy;
	return err;
}

/* What is needed of the store to make a stanza. */
struct ground {
	struct ring *ring;
	struct secret *seed;
	struct recovery_record before;
};

static void ground_done(struct ground *g)
{
	ring_free(g->ring);
	secret_free(g->seed);
}

static enum coffer_err take_ground(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	struct ground *g = arg;
	(void)engine;
	ground_done(g);
	*g = (struct ground){ .ring = NULL };
	enum coffer_err err = recovery_get(txn_store(txn), txn_ring(txn), &g->before);
	if (!err) err = generation_get_domain_key(txn_store(txn), txn_ring(txn), &g->seed);
	if (!err) err = recovery_copy_ring(txn_ring(txn), &g->ring);
	return reason_default(reason, err, "the domain's own records cannot be read: %s", err_text(err));
}

static enum coffer_err make(struct recovery_change *c, const struct ground *g, struct view passphrase, struct reason *reason)
{
	struct stanza stanza;
	if (c->wish.mode == STANZA_PASSPHRASE) {
		TRY(recovery_new_passphrase(g->ring, g->seed, passphrase, &c->row, &c->body, reason));
	} else {
		c->texts = calloc(c->wish.shares, sizeof *c->texts);
		ENSURE(c->texts, ERR_MEMORY);
		TRY(recovery_new_shares(g->ring, g->seed, c->wish.threshold, c->wish.shares, &c->row, &c->body, c->texts, reason));
	}
	TRY(stanza_parse(&c->row, &stanza, reason));
	recovery_set_name(&stanza, c->set);
	return rng_bytes(c->id, sizeof c->id);
}

static bool expired(const struct recovery_change *c)
{
	return clock_mono_ms() >= c->ends_mono_ms;
}

static bool may_touch(const struct recovery_change *c, const struct principal *principal)
{
	return (principal->is_unix && principal->uid == 0) || strcmp(c->owner, principal->text) == 0;
}

enum coffer_err recovery_change_begin(struct engine *engine, const struct principal *principal, const struct recovery_wish *wish,
	struct reason *reason)
{
	const struct recovery_change *old = engine->recovery_change;
	if (old && !expired(old) && !may_touch(old, principal))
		return reason_fail(reason, ERR_BUSY, "%.64s has begun to make a new recovery key; that ends by itself after 10 minutes", old->owner);
	recovery_change_drop(engine);
	AUTO(auto_change_free) struct recovery_change *c = calloc(1, sizeof *c);
	AUTO(ground_done) struct ground g = { .ring = NULL };
	ENSURE(c, ERR_MEMORY);
	c->wish = *wish;
	c->wish.passphrase = view_of(NULL, 0);
	memcpy(c->owner, principal->text, sizeof c->owner);
	TRY(engine->on_store(engine, take_ground, &g, reason));
	c->before = g.before;
	TRY(make(c, &g, wish->passphrase, reason));
	c->ends_mono_ms = clock_mono_ms() + RECOVERY_CHANGE_LIFETIME_MS;
	engine->recovery_change = TAKE(c);
	return ERR_OK;
}

enum coffer_err recovery_change_find(struct engine *engine, const struct principal *principal, struct view id, struct recovery_change **out,
	struct reason *reason)
{
	if (engine->recovery_change && expired(engine->recovery_change)) recovery_change_drop(engine);
	struct recovery_change *c = engine->recovery_change;
	if (!c || !may_touch(c, principal) || id.len != sizeof c->id || !ct_equal(c->id, id.ptr, sizeof c->id))
		return reason_fail(reason, ERR_NOT_FOUND,
			"this new recovery key is not waited for any more: it was confirmed already, another one took its place, or 10 minutes passed; 'coffer status' says which is in force");
	*out = c;
	return ERR_OK;
}

enum coffer_err recovery_change_prove(struct engine *engine, const struct recovery_change *c, const struct view *proofs, unsigned count,
	struct reason *reason)
{
	if (count == 0)
		return reason_fail(reason, ERR_MISSING, c->wish.mode == STANZA_SHARES ? "give %u of the new shares as proof" :
			"give the new recovery passphrase once more as proof", c->wish.threshold);
	if (c->wish.mode == STANZA_PASSPHRASE) return recovery_prove_passphrase(&engine->domain, &c->row, proofs[0], reason);
	return recovery_prove_shares(&engine->domain, &c->row, proofs, count, reason);
}

struct writing {
	const struct recovery_change *change;
	const struct principal *principal;
	bool written; /* read back */
};

/* Generations that came between the two requests. */
static enum coffer_err wrap_newer(struct txn *txn, const struct secret *seed, const struct store_row *row, struct reason *reason)
{
	struct stanza stanza;
	struct stanza_wrap last;
	struct ring *ring = txn_ring(txn);
	TRY(stanza_parse(row, &stanza, reason));
	stanza_wrap_at(&stanza, stanza.count - 1, &last);
	for (unsigned i = 0; i < ring_count(ring); i++)
		if (ring_generation_at(ring, i) > last.generation)
			TRY(recovery_add_generation(txn_store(txn), ring, seed, ring_generation_at(ring, i), reason));
	return ERR_OK;
}

static enum coffer_err append_event(struct engine *engine, struct txn *txn, const struct writing *w)
{
	char details[160];
	const struct recovery_wish *wish = &w->change->wish;
	if (wish->mode == STANZA_SHARES)
		snprintf(details, sizeof details, "new recovery key: shares, any %u of %u (set %s); those before open nothing here any more", wish->threshold,
			wish->shares, w->change->set);
	else snprintf(details, sizeof details, "new recovery key: passphrase (set %s); what was before opens nothing here any more", w->change->set);
	struct audit_event event = { .principal = view_str(w->principal->text), .status = RESULT_STATUS_SUCCESS, .details = view_str(details) };
	return audit_append(engine->audit, txn, &event);
}

/* What was begun when one administrator was enough must not come into force when it takes two. A record that does not open is taken for the stricter one. */
static enum coffer_err check_quorum(struct txn *txn, const struct recovery_change *c, struct reason *reason)
{
	unsigned needed = 2;
	struct rooted_facts root;
	enum coffer_err err = quorum_record_get(txn, &needed);
	if (err_class(err) == ERR_CLASS_memory || err_class(err) == ERR_CLASS_io) return err;
	rooted_store_facts(txn_store(txn), &root);
	if (err == ERR_NOT_FOUND) needed = 1;
	else if (err) needed = 2;
	if (root.two_administrators) needed = 2;
	if (needed <= c->wish.administrators) return ERR_OK;
	return reason_fail(reason, ERR_DENIED, "this takes two administrators by now, and it was begun when one was enough: nothing was changed, begin again with "
		"'coffer recovery shares --new'");
}

static enum coffer_err write_change(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	const struct writing *w = arg;
	const struct recovery_change *c = w->change;
	struct store *store = txn_store(txn);
	struct ring *ring = txn_ring(txn);
	struct recovery_record now;
	AUTO_SECRET struct secret *seed = NULL;
	TRY(check_quorum(txn, c, reason));
	TRY(recovery_get(store, ring, &now));
	/* The stanza is written again when the data key changes: what must be the same is whose it is. */
	if (memcmp(now.key_id, c->before.key_id, RECOVERY_KEY_ID_LEN) != 0)
		return reason_fail(reason, ERR_STATE, "another recovery key came into force meanwhile; nothing was changed, begin again");
	TRY(generation_get_domain_key(store, ring, &seed));
	TRY(recovery_put(store, ring, seed, &c->row, reason));
	TRY(wrap_newer(txn, seed, &c->row, reason));
	TRY(append_event(engine, txn, w));
	txn_want_scrub(txn);
	return ERR_OK;
}

static enum coffer_err read_back(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	struct writing *w = arg;
	struct recovery_record now;
	(void)engine;
	(void)reason;
	TRY(recovery_get(txn_store(txn), txn_ring(txn), &now));
	w->written = memcmp(now.key_id, w->change->row.id, RECOVERY_KEY_ID_LEN) == 0;
	return ERR_OK;
}

static enum coffer_err write_for_certain(struct engine *engine, struct writing *w, struct reason *reason)
{
	enum coffer_err err = engine->on_store(engine, write_change, w, reason);
	if (err != ERR_UNKNOWN_OUTCOME) return err;
	if (engine->on_store(engine, read_back, w, NULL) != ERR_OK)
		return reason_fail(reason, err, "the store failed: which recovery key is in force is not known; 'coffer status' says it when the store is back. Keep both "
			"sets of shares until then");
	if (!w->written) return reason_fail(reason, ERR_IO, "the store could not write the new recovery key; the old one is in force, try again");
	return ERR_OK;
}

static enum coffer_err describe(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	(void)arg;
	(void)reason;
	recovery_describe(engine, txn);
	return ERR_OK;
}

enum coffer_err recovery_change_write(struct engine *engine, const struct principal *principal, struct reason *reason)
{
	struct writing w = { .change = engine->recovery_change, .principal = principal };
	enum coffer_err err = write_for_certain(engine, &w, reason);
	bool passes = err && err != ERR_UNKNOWN_OUTCOME && (err_class(err) == ERR_CLASS_io || err_class(err) == ERR_CLASS_memory);
	if (!passes) recovery_change_drop(engine);
	if (!err) (void)!engine->on_store(engine, describe, NULL, NULL);
	return err;
}
