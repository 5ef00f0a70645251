/* A new master secret: made, proven by every data key, put in force by one transaction and one rename; then the old one is destroyed. */
#include "ops/rotation_master.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "keyring/slot.h"
#include "kmip/enums.h"
#include "ops/anchor_internal.h"
#include "ops/audit_signer.h"
#include "ops/rotation_internal.h"
#include "ops/rotation_master_internal.h"

static void flow_end(struct master_flow *f)
{
	for (unsigned i = 0; i < f->count; i++) {
		secret_free(f->keys[i].key);
		buf_free(&f->keys[i].blob);
		buf_free(&f->keys[i].old);
	}
}

static struct moving *find_key(struct master_flow *f, uint32_t generation)
{
	for (unsigned i = 0; i < f->count; i++)
		if (f->keys[i].generation == generation) return &f->keys[i];
	return NULL;
}

/* ---- on the store thread ---- */

static enum coffer_err load(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	struct master_flow *f = arg;
	(void)engine;
	if (!txn_ring(txn)) return reason_fail(reason, ERR_SEALED, "the node is sealed");
	enum coffer_err err = master_record_read(txn, &f->record);
	return err ? reason_default(reason, err, "the record of an earlier change of the master secret does not open: %s", err_text(err)) : ERR_OK;
}

static void slot_id(const struct domain_id *domain, uint32_t generation, uint8_t out[static UUID_LEN + 4])
{
	memcpy(out, domain->node_id, UUID_LEN);
	for (unsigned i = 0; i < 4; i++) out[UUID_LEN + i] = (uint8_t)(generation >> (24 - 8 * i));
}

/* The wrapped key as it stands in the store; none where the node was opened by shares. */
static enum coffer_err take_old(struct txn *txn, struct moving *m, struct reason *reason)
{
	uint8_t id[UUID_LEN + 4];
	struct store_row row;
	struct slot slot;
	slot_id(ring_domain(txn_ring(txn)), m->generation, id);
	enum coffer_err err = store_get(txn_store(txn), STORE_SLOT, view_of(id, sizeof id), &row);
	if (err == ERR_NOT_FOUND) return ERR_OK;
	TRY(err);
	TRY(slot_parse(&row, &slot, reason));
	return buf_append(&m->old, slot.blob);
}

static enum coffer_err take_keys(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	struct master_flow *f = arg;
	struct ring *ring = txn_ring(txn);
	(void)engine;
	if (!ring) return reason_fail(reason, ERR_SEALED, "the node is sealed");
	ENSURE(ring_count(ring) <= ROTATION_GENERATIONS_MAX, ERR_LIMIT);
	flow_end(f);
	f->count = 0;
	for (unsigned i = 0; i < ring_count(ring); i++) {
		const struct secret *key;
		struct moving *m = &f->keys[f->count];
		TRY(ring_data_key(ring, ring_generation_at(ring, i), &key));
		*m = (struct moving){ .generation = ring_generation_at(ring, i), .key = secret_copy(secret_bytes(key), secret_len(key)) };
		ENSURE(m->key, ERR_MEMORY);
		f->count++;
		TRY(take_old(txn, m, reason));
	}
	return ERR_OK;
}

static enum coffer_err put_slot(struct txn *txn, struct master_flow *f, uint32_t generation, struct reason *reason)
{
	AUTO_BUF struct buf header = BUF_EMPTY;
	AUTO_BUF struct buf body = BUF_EMPTY;
	struct ring *ring = txn_ring(txn);
	struct moving *m = find_key(f, generation);
	uint8_t id[UUID_LEN + 4];
	struct store_row row;
	struct slot slot;
	if (!m) return reason_fail(reason, ERR_STATE, "the data key was changed meanwhile; nothing was changed, try again");
	slot_id(ring_domain(ring), generation, id);
	TRY(store_get(txn_store(txn), STORE_SLOT, view_of(id, sizeof id), &row));
	TRY(slot_parse(&row, &slot, reason));
	TRY(slot_verify(ring, &row));
	ENSURE(row.version < UINT32_MAX - 1, ERR_LIMIT);
	row.version++;
	TRY(slot_make(ring, generation, f->after.token_kind, &f->after.binding, buf_view(&m->blob), slot.signature, slot.created_ms, &row, &header, &body));
	return store_put(txn_store(txn), STORE_SLOT, &row, true);
}

static enum coffer_err append_changed(struct engine *engine, struct txn *txn, const struct master_flow *f)
{
	char details[512];
	snprintf(details, sizeof details, "master secret: %.200s took the place of that in %s; wraps with %s%s", f->out->info.master_secret, f->before.token_kind,
		f->after.binding.mechanism, rotation_anchor_makes(f) ? "; a rollback counter is made anew" : "");
	const struct audit_event event = { .principal = view_str(f->wish->principal), .operation = OPERATION_COFFER_ROTATE_MASTER,
		.status = RESULT_STATUS_SUCCESS, .details = view_str(details) };
	return audit_append(engine->audit, txn, &event);
}

static enum coffer_err write_slots(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	struct master_flow *f = arg;
	struct ring *ring = txn_ring(txn);
	if (!ring) return reason_fail(reason, ERR_SEALED, "the node is sealed");
	for (unsigned i = 0; i < ring_count(ring); i++) {
		enum coffer_err err = put_slot(txn, f, ring_generation_at(ring, i), reason);
		if (err) return reason_default(reason, err, "the wrapped data key of generation %u cannot be written again: %s", ring_generation_at(ring, i), err_text(err));
	}
	TRY(master_record_put(txn, &f->record));
	TRY(rotation_anchor_write(engine, txn, f, reason));
	struct rotation_record record = rotation_record_now(engine);
	record.master_ms = clock_wall_s() * 1000;
	TRY(rotation_put_record(engine, txn, &record));
	txn_want_scrub(txn);
	return append_changed(engine, txn, f);
}

static enum coffer_err read_back(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	struct master_flow *f = arg;
	uint8_t id[UUID_LEN + 4];
	struct store_row row;
	struct slot slot;
	(void)engine;
	slot_id(&f->after.domain, f->keys[f->count - 1].generation, id);
	TRY(store_get(txn_store(txn), STORE_SLOT, view_of(id, sizeof id), &row));
	TRY(slot_parse(&row, &slot, reason));
	f->written = view_equal(slot.master_secret_id, view_of(f->after.binding.master_secret_id, TOKEN_MS_ID_LEN));
	return ERR_OK;
}

/* The blobs as they stand in the store now, in place of those that were meant to be there. */
static enum coffer_err read_slots(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	struct master_flow *f = arg;
	(void)engine;
	for (unsigned i = 0; i < f->count; i++) {
		uint8_t id[UUID_LEN + 4];
		struct store_row row;
		struct slot slot;
		slot_id(&f->after.domain, f->keys[i].generation, id);
		buf_clear(&f->keys[i].blob);
		enum coffer_err err = store_get(txn_store(txn), STORE_SLOT, view_of(id, sizeof id), &row);
		if (err == ERR_NOT_FOUND) continue; /* that generation left meanwhile */
		TRY(err);
		TRY(slot_parse(&row, &slot, reason));
		TRY(slot_check_binding(&slot, f->after.token_kind, &f->after.binding, reason));
		TRY(buf_append(&f->keys[i].blob, slot.blob));
	}
	return ERR_OK;
}

static enum coffer_err store_end(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	const struct master_flow *f = arg;
	char details[REASON_MAX + 64];
	const char *what = f->out->old_destroyed ? "destroyed, and looked for again" : f->out->old_adopted ? "left to its owner: Coffer did not make it" : "given up";
	if (!engine->audit) TRY(audit_chain_open(txn, &engine->audit, reason)); /* of a node at fault */
	TRY(master_record_put(txn, &f->record));
	snprintf(details, sizeof details, "master secret: %s is %s", f->begun ? "the one that a change had begun with" : "the earlier one", what);
	const struct audit_event event = { .principal = view_str(f->wish ? f->wish->principal : "node"), .operation = OPERATION_COFFER_ROTATE_MASTER,
		.status = RESULT_STATUS_SUCCESS, .details = view_str(details) };
	return audit_append(engine->audit, txn, &event);
}

/* ---- with the token ---- */

static enum coffer_err prove(struct master_flow *f, struct reason *reason)
{
	for (unsigned i = 0; i < f->count; i++) {
		AUTO_SECRET struct secret *back = NULL;
		if (f->keys[i].blob.len == 0) continue;
		TRY(token_proxy_unwrap(f->engine->token, buf_view(&f->keys[i].blob), &back, reason));
		if (!secret_equal(f->keys[i].key, back)) return reason_fail(reason, ERR_TOKEN, "the new master secret gives back another data key than it was given");
	}
	return ERR_OK;
}

static enum coffer_err wrap_all(struct master_flow *f, struct reason *reason)
{
	for (unsigned i = 0; i < f->count; i++) TRY(token_proxy_wrap(f->engine->token, f->keys[i].key, &f->keys[i].blob, reason));
	return prove(f, reason);
}

/* ---- the steps ---- */

static void back_to(struct master_flow *f, const struct identity *to)
{
	struct reason why = { "" };
	enum coffer_err err = token_proxy_retarget(f->engine->token, to->token_uri, &to->binding, &why);
	if (err) log_warn("the token in force does not answer: %s", reason_text(&why, err));
}

static enum coffer_err write_for_certain(struct master_flow *f, struct reason *reason)
{
	struct engine *e = f->engine;
	f->record = (struct master_record){ .phase = 2, .binding = f->before.binding, .left = f->left };
	f->left = ANCHOR_RECORD_NONE;
	snprintf(f->record.uri, sizeof f->record.uri, "%s", f->before.token_uri);
	snprintf(f->record.kind, sizeof f->record.kind, "%s", f->before.token_kind);
	enum coffer_err err = e->on_store(e, write_slots, f, reason);
	if (err != ERR_UNKNOWN_OUTCOME) return err;
	if (e->on_store(e, read_back, f, NULL) != ERR_OK) return err;
	return f->written ? ERR_OK : reason_fail(reason, ERR_IO, "the store could not write; the master secret is as it was, try again");
}

/* From here on the store names the new one; the file follows, now or at the next start. */
static enum coffer_err put_in_force(struct master_flow *f, struct reason *reason)
{
	struct engine *e = f->engine;
	enum coffer_err err = identity_prepare(e->config->state_dir, &f->after, reason);
	if (!err) err = write_for_certain(f, reason);
	f->unknown = err == ERR_UNKNOWN_OUTCOME;
	if (f->unknown)
		return reason_fail(reason, err, "the store failed and could not be read again: restart the daemon, it finds which master secret is in force");
	if (err) {
		identity_withdraw(e->config->state_dir);
		return err;
	}
	pthread_mutex_lock(&e->note_lock);
	e->identity = f->after;
	pthread_mutex_unlock(&e->note_lock);
	return identity_publish(e->config->state_dir, reason);
}

/* A PKCS#11 token keeps the pair that signed the audit log; the one in force has a pair of its own. The same token keeps it: it signs with it. */
static void drop_signer(struct engine *e, const struct token_info *old, const struct token_info *now)
{
	bool stays = strcmp(old->kind, "pkcs11") != 0 || (strcmp(now->kind, "pkcs11") == 0 && strcmp(old->serial, now->serial) == 0);
	if (!stays) audit_signer_drop(e);
}

/* Only after every slot, as it stands in the store, was opened by the new one. */
static enum coffer_err destroy_old(struct master_flow *f, struct reason *reason)
{
	struct engine *e = f->engine;
	struct token_info info, now;
	struct reason why = { "" };
	f->out->old_destroyed = f->out->old_adopted = false; /* of one before this one */
	enum coffer_err err = e->on_store(e, read_slots, f, reason);
	if (!err) err = prove(f, reason);
	if (!err) err = token_proxy_describe(e->token, &now, reason);
	if (err) return err;
	err = token_proxy_retarget(e->token, f->record.uri, &f->record.binding, reason);
	enum coffer_err left = token_proxy_counts(e->token) ? rotation_anchor_leave(f, &why) : ERR_OK;
	if (!err) err = token_proxy_describe(e->token, &info, reason);
	const struct moving *newest = &f->keys[f->count - 1];
	f->out->old_adopted = !err && !info.made_here;
	if (!err && master_opens(e, newest, &newest->blob))
		err = reason_fail(reason, ERR_BUG, "the earlier master secret opens what the new one wrapped, so it is the same and stays");
	if (!err) drop_signer(e, &info, &now);
	if (!err && info.made_here) err = token_proxy_erase(e->token, reason);
	if (err == ERR_TOKEN_KEY_MISSING) err = ERR_OK;
	f->out->old_destroyed = !err && !f->out->old_adopted;
	if (!err && left) err = reason_fail(reason, left, "the counter in the token that was left could not be raised once more: %.300s", reason_text(&why, left));
	back_to(f, &e->identity);
	return err;
}

static enum coffer_err end(struct master_flow *f, struct reason *reason)
{
	anchor_record_clear(&f->record.left);
	f->record = (struct master_record){ .phase = 0 };
	TRY(f->engine->on_store(f->engine, store_end, f, reason));
	rotation_tell_old(f->engine, "");
	return ERR_OK;
}

/* In force is another token, or the same one again: the counter is made there, or asked. Where nobody knows which, it is not touched: what the record means is known after a restart. */
static void anchor_again(struct engine *e, const struct master_flow *f, bool moved, enum anchor_level before)
{
	struct reason why = { "" };
	const bool other_token = moved && (rotation_anchor_makes(f) || f->counter == MASTER_COUNTER_RETURNS);
	if (!e->anchor) return;
	if (f->unknown) {
		anchor_set_level(e->anchor, ANCHOR_BROKEN, "the store failed while the master secret was changed: restart the daemon, it finds which token is to be asked");
		return;
	}
	enum coffer_err err = e->anchor_fault ? ERR_CORRUPT : anchor_check(e, &why);
	/* Record and counter of the token in force are as they were: raises go on when it answers. Those of another one are made, or compared, as soon as it does. */
	if (err && !e->anchor_fault) {
		log_warn("the counter in the token: %s", reason_text(&why, err));
		if (other_token) anchor_set_uncompared(e->anchor, reason_text(&why, err));
		else anchor_set_level(e->anchor, before, reason_text(&why, err));
	}
	rotation_anchor_tell(e, err != ERR_OK || moved);
	if (e->anchor_fault) anchor_stop_serving(e);
}

/* The token is not turned to another one while a raise or a signature is under way, and none begins meanwhile. */
static void keep_raises(struct engine *e)
{
	if (e->anchor) pthread_rwlock_wrlock(&e->anchor->turning);
}

static void let_raises(struct engine *e)
{
	if (e->anchor) pthread_rwlock_unlock(&e->anchor->turning);
}

static enum coffer_err change(struct master_flow *f, struct reason *reason)
{
	struct engine *e = f->engine;
	struct reason why = { "" };
	struct token_health health;
	token_proxy_health(e->token, &health);
	f->old_info = health.info;
	enum coffer_err err = master_make(f, reason);
	if (!err) err = e->on_store(e, take_keys, f, reason);
	if (!err && (master_is_same_key(&f->old_info, &f->out->info) || master_opens(e, &f->keys[f->count - 1], &f->keys[f->count - 1].old)))
		err = reason_fail(reason, ERR_EXISTS, "that is the master secret in force already, under another name");
	if (!err) err = wrap_all(f, reason);
	if (!err) err = rotation_anchor_plan(f, reason);
	if (!err) err = put_in_force(f, reason);
	if (err) {
		back_to(f, &e->identity);
		if (!master_is_same(&f->before, &e->identity)) rotation_tell_old(e, reason_text(reason, err)); /* in force, and node.id does not say so yet */
		return err;
	}
	err = destroy_old(f, &why);
	if (!err) err = end(f, &why);
	if (!err) return ERR_OK;
	snprintf(f->out->old_sentence, sizeof f->out->old_sentence, "%s", reason_text(&why, err));
	rotation_tell_old(e, f->out->old_sentence);
	return ERR_OK;
}

/* An earlier change whose old master secret stands yet. */
static enum coffer_err settle_earlier(struct master_flow *f, struct reason *reason)
{
	struct reason why = { "" };
	if (f->record.phase != 2) return ERR_OK;
	enum coffer_err err = f->wish->forget_old ? ERR_OK : f->engine->on_store(f->engine, take_keys, f, &why);
	if (!err && !f->wish->forget_old) err = destroy_old(f, &why);
	flow_end(f);
	f->count = 0;
	if (err)
		return reason_fail(reason, err, "the master secret before this one is not destroyed yet: %.300s; mend its token, or say --forget-old", reason_text(&why, err));
	return end(f, reason);
}

static enum coffer_err change_and_count(struct master_flow *f, struct reason *reason)
{
	struct engine *e = f->engine;
	struct anchor_facts facts;
	TRY(rotation_anchor_before(f, reason));
	anchor_facts(e->anchor, &facts);
	f->compared = facts.level == ANCHOR_TOKEN;
	if (e->anchor) anchor_set_level(e->anchor, ANCHOR_UNKNOWN, "the master secret is being changed");
	enum coffer_err err = change(f, reason);
	bool moved = !master_is_same(&f->before, &e->identity);
	flow_end(f);
	anchor_again(e, f, moved, facts.level);
	return err;
}

enum coffer_err rotation_master(struct engine *engine, const struct master_wish *wish, struct master_change *out, struct reason *reason)
{
	struct master_flow f = { .engine = engine, .wish = wish, .out = out, .before = engine->identity, .after = engine->identity };
	*out = (struct master_change){ .old_destroyed = false };
	if (!engine->token) return reason_fail(reason, ERR_TOKEN_GONE, "the node has no token now");
	enum coffer_err err = engine->on_store(engine, load, &f, reason);
	if (!err) err = identity_settled(engine->config->state_dir, &engine->identity, reason);
	keep_raises(engine);
	if (!err) err = settle_earlier(&f, reason);
	if (!err) err = change_and_count(&f, reason);
	let_raises(engine);
	anchor_record_clear(&f.left);
	anchor_record_clear(&f.record.left);
	return err;
}

void rotation_master_stands(struct engine *engine, char out[static TOKEN_URI_MAX + 1], bool *out_begun)
{
	struct master_flow f = { .engine = engine };
	enum engine_state state = engine_state_get(engine);
	out[0] = '\0';
	*out_begun = false;
	if ((state != ENGINE_OPEN && state != ENGINE_FAULT) || engine->store_hangs) return;
	if (engine->on_store(engine, load, &f, NULL) == ERR_OK && f.record.phase != 0) snprintf(out, TOKEN_URI_MAX + 1, "%s", f.record.uri);
	*out_begun = f.record.phase == 1;
	anchor_record_clear(&f.record.left);
}

/* What a change made and did not put in force: attached to by its binding, so exactly that one. Nothing is wrapped by it. */
static enum coffer_err destroy_begun(struct master_flow *f, struct reason *reason)
{
	struct engine *e = f->engine;
	struct token_info info;
	f->begun = true;
	if (memcmp(f->record.binding.master_secret_id, e->identity.binding.master_secret_id, TOKEN_MS_ID_LEN) == 0) return ERR_OK; /* goes with what is in force */
	enum coffer_err err = token_proxy_retarget(e->token, f->record.uri, &f->record.binding, reason);
	if (!err) err = token_proxy_describe(e->token, &info, reason);
	f->out->old_adopted = !err && !info.made_here;
	if (!err && info.made_here) err = token_proxy_erase(e->token, reason);
	if (err == ERR_TOKEN_KEY_MISSING) err = ERR_OK;
	f->out->old_destroyed = !err && !f->out->old_adopted;
	back_to(f, &e->identity);
	return err;
}

void rotation_master_finish(struct engine *engine, bool ends)
{
	struct master_change out = { .old_destroyed = false };
	struct master_flow f = { .engine = engine, .out = &out };
	struct reason why = { "" };
	pthread_mutex_lock(&engine->admin_lock);
	enum engine_state state = engine_state_get(engine);
	const bool may = state == ENGINE_OPEN || (ends && state == ENGINE_FAULT && !engine->store_hangs);
	enum coffer_err err = may && engine->token ? engine->on_store(engine, load, &f, &why) : ERR_STATE;
	const bool begun = ends && f.record.phase == 1 && f.record.binding.data_len;
	if (!err && (f.record.phase == 2 || begun)) {
		f.before = f.after = engine->identity;
		if (!begun) err = engine->on_store(engine, take_keys, &f, &why);
		keep_raises(engine);
		if (!err) err = begun ? destroy_begun(&f, &why) : destroy_old(&f, &why);
		let_raises(engine);
		if (!err) err = end(&f, &why);
		if (err) log_warn("the master secret %s is not destroyed yet: %s", begun ? "that a change had begun with" : "before this one", reason_text(&why, err));
		if (err && !begun) rotation_tell_old(engine, reason_text(&why, err));
	}
	anchor_record_clear(&f.record.left);
	flow_end(&f);
	pthread_mutex_unlock(&engine->admin_lock);
}
