/* New binding, new blobs, one transaction, new identity file. */
#include "ops/reseal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "access/principal.h"
#include "base/clock.h"
#include "base/log.h"
#include "keyring/slot.h"
#include "kmip/enums.h"
#include "token/proxy_policy.h"

#define SLOTS_MAX 64u

struct reseal_slot {
	uint32_t generation;
	uint32_t version;
	uint64_t created_ms;
	uint8_t signature[DOMAIN_SIGNATURE_LEN];
	struct secret *key;
	struct buf blob;
};

struct reseal {
	const struct reseal_wish *wish;
	struct token_policy_made made;
	struct identity identity; /* as it will be */
	struct reseal_slot slots[SLOTS_MAX];
	unsigned count;
	bool written;             /* read back: the rows are the new ones */
};

static void forget(struct reseal *r)
{
	for (unsigned i = 0; i < r->count; i++) {
		secret_free(r->slots[i].key);
		buf_free(&r->slots[i].blob);
	}
}

/* ---- what is there ---- */

struct scan {
	struct engine *engine;
	struct reseal *reseal;
	struct ring *ring;
};

static bool is_ours(const struct engine *engine, const struct store_row *row)
{
	return row->id_len == UUID_LEN + 4 && memcmp(row->id, engine->identity.domain.node_id, UUID_LEN) == 0;
}

static enum coffer_err gather_row(void *arg, const struct store_row *row)
{
	struct scan *s = arg;
	struct reseal *r = s->reseal;
	struct slot slot;
	const struct secret *key;
	if (!is_ours(s->engine, row)) return ERR_OK;
	ENSURE(r->count < SLOTS_MAX, ERR_LIMIT);
	TRY(slot_verify(s->ring, row));
	TRY(slot_parse(row, &slot, NULL));
	TRY(ring_data_key(s->ring, slot.generation, &key));
	struct reseal_slot *to = &r->slots[r->count];
	*to = (struct reseal_slot){ .generation = slot.generation, .version = row->version, .created_ms = slot.created_ms, .blob = BUF_EMPTY };
	memcpy(to->signature, slot.signature, sizeof to->signature);
	to->key = secret_copy(secret_bytes(key), secret_len(key));
	ENSURE(to->key, ERR_MEMORY);
	r->count++;
	return ERR_OK;
}

static enum coffer_err gather(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	struct scan s = { engine, arg, txn_ring(txn) };
	forget(s.reseal);
	s.reseal->count = 0;
	enum coffer_err err = store_scan(txn_store(txn), STORE_SLOT, view_of(NULL, 0), false, 4096, gather_row, &s);
	if (err) return reason_default(reason, err, "the wrapped data keys of this node cannot be read: %s", err_text(err));
	if (s.reseal->count == 0) return reason_fail(reason, ERR_CORRUPT, "the store holds no wrapped data key of this node");
	return ERR_OK;
}

/* ---- what will be there ---- */

static enum coffer_err put_slot(struct txn *txn, const struct reseal *r, const struct reseal_slot *slot)
{
	AUTO_BUF struct buf header = BUF_EMPTY;
	AUTO_BUF struct buf body = BUF_EMPTY;
	struct store_row row = { .version = slot->version + 1 };
	TRY(slot_make(txn_ring(txn), slot->generation, r->identity.token_kind, &r->made.binding, buf_view(&slot->blob), slot->signature,
		slot->created_ms, &row, &header, &body));
	return store_put(txn_store(txn), STORE_SLOT, &row, true);
}

struct counting {
	const struct engine *engine;
	const struct reseal *reseal;
	unsigned same; /* rows that are as they were gathered */
	unsigned ours;
};

static enum coffer_err count_row(void *arg, const struct store_row *row)
{
	struct counting *c = arg;
	if (!is_ours(c->engine, row)) return ERR_OK;
	c->ours++;
	for (unsigned i = 0; i < c->reseal->count; i++) {
		if (c->reseal->slots[i].generation == row->generation && c->reseal->slots[i].version == row->version) c->same++;
	}
	return ERR_OK;
}

static enum coffer_err append_record(struct engine *engine, struct txn *txn, const struct reseal *r)
{
	char details[256];
	snprintf(details, sizeof details, "%u wrapped data keys bound anew: %.180s", r->count, r->wish->details);
	const struct audit_event event = { .principal = view_str(r->wish->principal->text), .operation = r->wish->operation,
		.status = RESULT_STATUS_SUCCESS, .details = view_str(details) };
	return audit_append(engine->audit, txn, &event);
}

/* A generation that came or went since the rows were read is not overwritten. */
static enum coffer_err write_rows(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	const struct reseal *r = arg;
	struct counting c = { .engine = engine, .reseal = r };
	TRY(store_scan(txn_store(txn), STORE_SLOT, view_of(NULL, 0), false, 4096, count_row, &c));
	if (c.same != r->count || c.ours != r->count)
		return reason_fail(reason, ERR_BUSY, "the data keys changed meanwhile; nothing was done, try again");
	for (unsigned i = 0; i < r->count; i++) TRY(put_slot(txn, r, &r->slots[i]));
	return append_record(engine, txn, r);
}

static enum coffer_err read_back(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	struct reseal *r = arg;
	struct counting c = { .engine = engine, .reseal = r };
	(void)reason;
	TRY(store_scan(txn_store(txn), STORE_SLOT, view_of(NULL, 0), false, 4096, count_row, &c));
	r->written = c.ours == r->count && c.same == 0;
	return ERR_OK;
}

/* Written, or not: an outcome that is not known is read back. */
static enum coffer_err write_for_certain(struct engine *engine, struct reseal *r, struct reason *reason)
{
	enum coffer_err err = engine->on_store(engine, write_rows, r, reason);
	if (err != ERR_UNKNOWN_OUTCOME) return err;
	if (engine->on_store(engine, read_back, r, NULL) != ERR_OK) return err;
	return r->written ? ERR_OK : reason_fail(reason, ERR_IO, "the store could not write the wrapped data keys; nothing was changed");
}

/* ---- the steps ---- */

static enum coffer_err wrap_all(struct engine *engine, struct reseal *r, struct reason *reason)
{
	for (unsigned i = 0; i < r->count; i++)
		TRY(token_proxy_policy_wrap(engine->token, &r->made.binding, r->slots[i].key, &r->slots[i].blob, reason));
	return ERR_OK;
}

static void take_over(struct engine *engine, const struct reseal *r)
{
	struct reason why = { "" };
	pthread_mutex_lock(&engine->note_lock); /* status reads the URI */
	engine->identity = r->identity;
	pthread_mutex_unlock(&engine->note_lock);
	if (token_proxy_policy_adopt(engine->token, &r->made, &why) != ERR_OK)
		log_warn("the token goes over to its new binding with a new helper: %s", why.text);
}

/* From the pending file on: an unknown outcome leaves it there, and the next start decides by the rows. */
static enum coffer_err write_down(struct engine *engine, struct reseal *r, struct reason *reason)
{
	const char *dir = engine->config->state_dir;
	enum coffer_err err = identity_prepare(dir, &r->identity, reason);
	if (!err) err = write_for_certain(engine, r, reason);
	if (err == ERR_UNKNOWN_OUTCOME)
		return reason_fail(reason, err, "it is not known whether the wrapped data keys were written; restart the daemon, it finds out");
	if (err) {
		identity_withdraw(dir);
		return err;
	}
	err = identity_publish(dir, reason);
	if (err) log_error("node.id is not at its place yet: %s; the next start puts it there", reason_text(reason, err));
	take_over(engine, r);
	return ERR_OK;
}

static enum coffer_err run(struct engine *engine, struct reseal *r, struct reason *reason)
{
	const struct token_binding *before = &engine->identity.binding;
	TRY(identity_settled(engine->config->state_dir, &engine->identity, reason));
	TRY(engine->on_store(engine, gather, r, reason)); /* before a token changes its PIN by itself */
	TRY(token_proxy_policy_make(engine->token, r->wish->changes, r->wish->pin, &r->made, reason));
	if (before->data_len == r->made.binding.data_len && memcmp(before->data, r->made.binding.data, before->data_len) == 0 &&
		strcmp(engine->identity.token_uri, r->made.uri) == 0) {
		forget(r);
		r->count = 0;
		return ERR_OK;
	}
	TRY(wrap_all(engine, r, reason));
	r->identity = engine->identity;
	r->identity.binding = r->made.binding;
	memcpy(r->identity.token_uri, r->made.uri, sizeof r->identity.token_uri);
	return write_down(engine, r, reason);
}

enum coffer_err reseal_run(struct engine *engine, const struct reseal_wish *wish, unsigned *out_slots, struct reason *reason)
{
	struct reseal *r = calloc(1, sizeof *r);
	ENSURE(r, ERR_MEMORY);
	r->wish = wish;
	enum coffer_err err = run(engine, r, reason);
	*out_slots = r->count;
	forget(r);
	free(r);
	return err;
}
