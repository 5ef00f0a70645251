/* Taking a generation. */
#include "ops/generation_take.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "domain/answer.h"
#include "domain/transport_record.h"
#include "keyring/rooted_store.h"
#include "keyring/slot.h"
#include "ops/recovery_change.h"
#include "ops/rotation_internal.h"
#include "token/proxy_transport.h"

struct taking {
	struct engine *engine;
	uint32_t generation;               /* the next one; 0: none waits */
	struct buf body;                   /* of its row */
	struct ring *ring;                 /* a copy: the token is asked while the store thread goes on */
	struct transport_record transport;
	struct refresh_opened opened;
	struct buf blob;                   /* under this node's own master secret */
};

static void forget(struct taking *t)
{
	buf_free(&t->body);
	buf_free(&t->blob);
	ring_free(TAKE(t->ring));
	transport_record_clear(&t->transport);
	secret_free(TAKE(t->opened.key));
	t->generation = 0;
}

static bool next_id(const struct ring *ring, uint8_t out[static ROTATION_SLOT_ID])
{
	uint32_t newest = ring_newest(ring);
	if (!newest || newest == UINT32_MAX) return false;
	rotation_slot_id(ring_domain(ring)->node_id, newest + 1, out);
	return true;
}

enum coffer_err generation_waits(struct engine *engine, bool *out)
{
	uint8_t id[ROTATION_SLOT_ID];
	struct store_row row;
	const struct ring *ring = txn_ring(engine->txn);
	*out = false;
	if (!ring || !rooted_store_is_shared(engine->store) || !next_id(ring, id)) return ERR_OK;
	enum coffer_err err = store_get(engine->store, STORE_REFRESH, view_of(id, sizeof id), &row);
	*out = err == ERR_OK;
	return err == ERR_NOT_FOUND ? ERR_OK : err;
}

static enum coffer_err look(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	struct taking *t = arg;
	uint8_t id[ROTATION_SLOT_ID];
	struct store_row row;
	const struct ring *ring = txn_ring(txn);
	(void)engine;
	forget(t);
	if (!ring || !next_id(ring, id)) return ERR_OK;
	enum coffer_err err = store_get(txn_store(txn), STORE_REFRESH, view_of(id, sizeof id), &row);
	if (err) return err == ERR_NOT_FOUND ? ERR_OK : err;
	TRY(buf_append(&t->body, row.body));
	err = transport_record_get(txn_store(txn), txn_ring(txn), &t->transport);
	if (err) return reason_fail(reason, err, "generation %u waits for this node, whose transport key cannot be used (%s); remove the node and join it anew", ring_newest(ring) + 1, err_text(err));
	TRY(recovery_copy_ring(ring, &t->ring));
	t->generation = ring_newest(ring) + 1;
	return ERR_OK;
}

static enum coffer_err by_token(void *arg, const uint8_t point[static HPKE_PUBLIC_LEN], struct secret **out_shared)
{
	const struct taking *t = arg;
	struct token_transport_wish wish = { .auth = secret_view(t->transport.auth), .ref = { .len = t->transport.reference_len } };
	struct token_transport_answer answer = { .there = false };
	memcpy(wish.ref.data, t->transport.reference, t->transport.reference_len);
	memcpy(wish.point, point, sizeof wish.point);
	TRY(token_proxy_transport_ecdh(t->engine->token, &wish, &answer, NULL));
	ENSURE(answer.there && answer.shared, ERR_TOKEN_OTHER);
	*out_shared = answer.shared;
	return ERR_OK;
}

/* What the token gives back must be what it was given. */
static enum coffer_err wrap(struct taking *t, struct reason *reason)
{
	AUTO_SECRET struct secret *back = NULL;
	TRY(token_proxy_wrap(t->engine->token, t->opened.key, &t->blob, reason));
	TRY(token_proxy_unwrap(t->engine->token, buf_view(&t->blob), &back, reason));
	if (secret_equal(t->opened.key, back)) return ERR_OK;
	return reason_fail(reason, ERR_TOKEN, "the token wraps a data key, but another one comes back: it cannot be used");
}

static enum coffer_err put_slot(const struct taking *t, struct txn *txn)
{
	AUTO_BUF struct buf header = BUF_EMPTY;
	AUTO_BUF struct buf body = BUF_EMPTY;
	struct store_row row = { .version = 0 };
	const struct identity *own = &t->engine->identity;
	TRY(slot_make(txn_ring(txn), t->generation, own->token_kind, &own->binding, buf_view(&t->blob), t->opened.signature, clock_wall_s() * 1000, &row, &header, &body));
	return store_put(txn_store(txn), STORE_SLOT, &row, false);
}

static enum coffer_err append_taken(struct engine *engine, struct txn *txn, uint32_t generation, struct reason *reason)
{
	char details[96];
	snprintf(details, sizeof details, "data key: generation %u was taken over from the master server", generation);
	const struct audit_event event = { .principal = view_str("node"), .details = view_str(details) };
	if (!engine->audit) TRY(audit_chain_open(txn, &engine->audit, reason));
	return audit_append(engine->audit, txn, &event);
}

/* The key is in the ring before its slot is in the store, as at the master server; the other nodes' roots are judged by it. */
static enum coffer_err keep(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	uint8_t id[ROTATION_SLOT_ID];
	const struct taking *t = arg;
	struct ring *ring = txn_ring(txn);
	ENSURE(ring, ERR_SEALED);
	if (ring_newest(ring) + 1 != t->generation) return ERR_OK; /* it is here already */
	next_id(ring, id);
	TRY(rotation_add_to_ring(engine, txn, t->generation, t->opened.key));
	TRY(rooted_store_look_again(txn_store(txn), reason));
	TRY(put_slot(t, txn));
	enum coffer_err err = store_erase(txn_store(txn), STORE_REFRESH, view_of(id, sizeof id));
	if (err && err != ERR_NOT_FOUND) return err;
	rooted_store_note_epoch(txn_store(txn), t->opened.epoch);
	return append_taken(engine, txn, t->generation, reason);
}

static enum coffer_err take_one(struct taking *t, struct reason *reason)
{
	struct engine *e = t->engine;
	const struct answer_key key = { .dh = by_token, .arg = t, .public_key = t->transport.public_key };
	if (!e->token) return reason_fail(reason, ERR_TOKEN_GONE, "generation %u of the data key waits for this node, and its token cannot be asked now", t->generation);
	TRY(refresh_open(t->ring, t->generation, &key, buf_view(&t->body), &t->opened, reason));
	TRY(wrap(t, reason));
	TRY(e->on_store(e, keep, t, reason));
	log_info("generation %u of the data key was taken over from the master server", t->generation);
	return ERR_OK;
}

enum coffer_err generation_take(struct engine *engine, struct reason *reason)
{
	struct taking t = { .engine = engine, .body = BUF_EMPTY, .blob = BUF_EMPTY };
	if (!engine->rotation || !rooted_store_is_shared(engine->store)) return ERR_OK;
	enum coffer_err err = engine->on_store(engine, look, &t, reason);
	for (unsigned i = 0; !err && t.generation && i < ROTATION_GENERATIONS_MAX; i++) {
		err = take_one(&t, reason);
		if (!err) err = engine->on_store(engine, look, &t, reason);
	}
	forget(&t);
	return err;
}
