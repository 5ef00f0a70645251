/* A new master secret: made, proven by every data key, put in force by one transaction and one rename; then the old one is destroyed (rotation_master_old.c). */
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
#include "ops/transport_own.h"
#include "token/bound.h"
#include "token/place.h"

void master_flow_end(struct master_flow *f)
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

enum coffer_err master_load(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	struct master_flow *f = arg;
	(void)engine;
	if (!txn_ring(txn)) return reason_fail(reason, ERR_SEALED, "the node is sealed");
	enum coffer_err err = master_record_read(txn, &f->record);
	return err ? reason_default(reason, err, "the record of an earlier change of the master secret does not open: %s", err_text(err)) : ERR_OK;
}

void master_slot_id(const struct domain_id *domain, uint32_t generation, uint8_t out[static UUID_LEN + 4])
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
	master_slot_id(ring_domain(txn_ring(txn)), m->generation, id);
	enum coffer_err err = store_get(txn_store(txn), STORE_SLOT, view_of(id, sizeof id), &row);
	if (err == ERR_NOT_FOUND) return ERR_OK;
	TRY(err);
	TRY(slot_parse(&row, &slot, reason));
	return buf_append(&m->old, slot.blob);
}

enum coffer_err master_take_keys(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	struct master_flow *f = arg;
	struct ring *ring = txn_ring(txn);
	(void)engine;
	if (!ring) return reason_fail(reason, ERR_SEALED, "the node is sealed");
	ENSURE(ring_count(ring) <= ROTATION_GENERATIONS_MAX, ERR_LIMIT);
	master_flow_end(f);
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
	master_slot_id(ring_domain(ring), generation, id);
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
	if (!token_place_same_token(f->before.token_uri, f->after.token_uri)) TRY(transport_own_leave(engine, txn));
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
	master_slot_id(&f->after.domain, f->keys[f->count - 1].generation, id);
	TRY(store_get(txn_store(txn), STORE_SLOT, view_of(id, sizeof id), &row));
	TRY(slot_parse(&row, &slot, reason));
	f->written = view_equal(slot.master_secret_id, view_of(f->after.binding.master_secret_id, TOKEN_MS_ID_LEN));
	return ERR_OK;
}

/* ---- with the token ---- */

enum coffer_err master_prove(struct master_flow *f, struct reason *reason)
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
	return master_prove(f, reason);
}

/* ---- the steps ---- */

void master_back_to(struct master_flow *f, const struct identity *to)
{
	struct reason why = { "" };
	enum coffer_err err = token_proxy_go_home(f->engine->token, to->token_uri, &to->binding, &why);
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

void master_keep_raises(struct engine *e)
{
	if (e->anchor) pthread_rwlock_wrlock(&e->anchor->turning);
}

void master_let_raises(struct engine *e)
{
	if (e->anchor) pthread_rwlock_unlock(&e->anchor->turning);
}

enum coffer_err master_give_pin(struct master_flow *f, const char *uri)
{
	if (f->wish->pin.len == 0) return ERR_OK;
	AUTO_SECRET struct secret *pin = secret_copy(f->wish->pin.ptr, f->wish->pin.len);
	ENSURE(pin, ERR_MEMORY);
	token_proxy_give_pin(f->engine->token, uri, &pin);
	return ERR_OK;
}

/* A TPM without a PIN binds nothing: who comes from one whose data keys are bound to a PIN, or from a token whose PIN a person gave, says what the new one wants. Nobody gave that of the TPM in
 * force where shares opened the node. */
enum coffer_err master_check_pin(const struct master_flow *f, struct reason *reason)
{
	struct token_proxy *token = f->engine->token;
	const bool other = f->wish->uri[0] != '\0';
	const char *uri = other ? f->wish->uri : f->before.token_uri;
	const bool to_tpm = strncmp(uri, "tpm2:", 5) == 0;
	const bool says = strstr(uri, "pin-source=") || (other && f->wish->pin.len);
	if (!to_tpm || says || token_proxy_brings_pin(token, uri)) return ERR_OK;
	if (!token_proxy_has_pin(token) && !token_binding_wants_pin(&f->before.binding)) return ERR_OK;
	if (!other)
		return reason_fail(reason, ERR_USAGE, "the data keys are bound to a PIN that was not given, and the new master secret would want none: give it with 'coffer unseal --pin' first, or name another place "
			"in the TPM with --token, and a PIN with --pin");
	return reason_fail(reason, ERR_USAGE, "the master secret in force wants a PIN, and the new one would want none: give the new one's with --pin, or add 'pin-source=' to its URI to go without");
}

/* A PIN that a person gave is bound to the new master secret as well: not one that the token in force refuses. Where that cannot say, as with other firmware, the PIN stands as it was given. */
static enum coffer_err prove_pin(struct master_flow *f, struct reason *reason)
{
	struct engine *e = f->engine;
	AUTO_SECRET struct secret *back = NULL;
	struct reason why = { "" };
	const char *uri = f->wish->uri[0] ? f->wish->uri : f->before.token_uri;
	if (f->wish->pin.len || !token_binding_wants_pin(&f->before.binding) || !token_proxy_has_pin(e->token) || !token_proxy_brings_pin(e->token, uri)) return ERR_OK;
	TRY(e->on_store(e, master_take_keys, f, reason));
	const struct buf *old = &f->keys[f->count - 1].old;
	enum coffer_err err = old->len ? token_proxy_unwrap(e->token, buf_view(old), &back, &why) : ERR_OK;
	return err == ERR_AUTH || err == ERR_TOKEN_LOCKED ? reason_fail(reason, err, "%s", reason_text(&why, err)) : ERR_OK;
}

static enum coffer_err change(struct master_flow *f, struct reason *reason)
{
	struct engine *e = f->engine;
	struct reason why = { "" };
	struct token_health health;
	token_proxy_health(e->token, &health);
	f->out->old = MASTER_OLD_STANDS; /* of one before this one */
	f->old_info = health.info;
	enum coffer_err err = master_check_pin(f, reason);
	if (!err) err = prove_pin(f, reason);
	if (!err && f->wish->uri[0]) err = master_give_pin(f, f->wish->uri);
	if (!err) err = master_make(f, reason);
	if (!err) err = e->on_store(e, master_take_keys, f, reason);
	if (!err && (master_is_same_key(&f->old_info, &f->out->info) || master_opens(e, &f->keys[f->count - 1], &f->keys[f->count - 1].old)))
		err = master_already(f, ", under another name", reason);
	if (!err) err = wrap_all(f, reason);
	if (!err) err = rotation_anchor_plan(f, reason);
	if (!err) err = put_in_force(f, reason);
	if (err) {
		master_back_to(f, &e->identity);
		if (!master_is_same(&f->before, &e->identity)) master_tell_old(f, reason_text(reason, err)); /* in force, and node.id does not say so yet */
		return err;
	}
	err = master_destroy_old(f, &why);
	if (!err) err = master_end(f, &why);
	if (!err) return ERR_OK;
	snprintf(f->out->old_sentence, sizeof f->out->old_sentence, "%s", reason_text(&why, err));
	master_tell_old(f, f->out->old_sentence);
	return ERR_OK;
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
	master_flow_end(f);
	anchor_again(e, f, moved, facts.level);
	return err;
}

enum coffer_err rotation_master(struct engine *engine, const struct master_wish *wish, struct master_change *out, struct reason *reason)
{
	struct master_flow f = { .engine = engine, .wish = wish, .out = out, .before = engine->identity, .after = engine->identity };
	struct reason why = { "" };
	*out = (struct master_change){ .old = MASTER_OLD_STANDS };
	if (!engine->token) return reason_fail(reason, ERR_TOKEN_GONE, "the node has no token now");
	enum coffer_err err = engine->on_store(engine, master_load, &f, reason);
	if (!err) err = identity_settled(engine->config->state_dir, &engine->identity, reason);
	master_keep_raises(engine);
	if (!err) err = master_settle_earlier(&f, reason);
	if (!err) err = change_and_count(&f, reason);
	master_let_raises(engine);
	if (!err && transport_own_make(engine, &why) != ERR_OK) log_warn("this node has no transport key, and the data key of the domain cannot be changed before it has one, which is tried at its next start: %s", why.text);
	token_proxy_is_home(engine->token, f.record.phase == 2); /* what was left is asked again */
	anchor_record_clear(&f.left);
	anchor_record_clear(&f.record.left);
	return err;
}
