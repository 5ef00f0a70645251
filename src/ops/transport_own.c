/* A node's own transport key: a founder's first one, and another one when another token is in force. */
#include "ops/transport_own.h"

#include <string.h>

#include "base/log.h"
#include "crypto/rng.h"
#include "domain/node_record.h"
#include "domain/transport_record.h"
#include "keyring/rooted_store.h"
#include "ops/rotation_internal.h"
#include "token/proxy_transport.h"

struct making {
	bool wanted;
	uint8_t named[HPKE_PUBLIC_LEN]; /* by this node's record: zeros when there is none */
	struct transport_record found;  /* reference_len 0: nothing says where it is */
	struct transport_record record;
};

static bool names_none(const uint8_t key[static HPKE_PUBLIC_LEN])
{
	static const uint8_t none[HPKE_PUBLIC_LEN];
	return memcmp(key, none, sizeof none) == 0;
}

static enum coffer_err look(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	struct making *m = arg;
	struct node_record own;
	m->wanted = false;
	transport_record_clear(&m->found);
	m->found = (struct transport_record){ .reference_len = 0 };
	enum coffer_err err = node_record_get(txn_store(txn), txn_ring(txn), engine->domain.node_id, &own);
	if (err) return reason_default(reason, err, "this node's record cannot be read: %s", err_text(err));
	if (own.state != NODE_MEMBER) return ERR_OK;
	memcpy(m->named, own.transport_key, sizeof m->named);
	m->wanted = names_none(m->named);
	if (m->wanted) return ERR_OK;
	err = transport_record_get(txn_store(txn), txn_ring(txn), &m->found);
	return !err ? ERR_OK : reason_default(reason, err, "this node's transport record cannot be read: %s", err_text(err));
}

/* Where the token in force does not know the key that the record names, another token took the master secret over (17.2), or somebody took it out there. */
static enum coffer_err ask_token(struct engine *engine, struct making *m, struct reason *reason)
{
	struct token_transport_ref ref = { .len = m->found.reference_len };
	struct token_transport_answer answer = { .there = false };
	if (m->wanted || ref.len == 0) return ERR_OK;
	if (!engine->token) return reason_fail(reason, ERR_TOKEN_GONE, "the node has no token now, so nobody knows whether its transport key is there");
	memcpy(ref.data, m->found.reference, ref.len);
	TRY(token_proxy_transport_public(engine->token, &ref, &answer, reason));
	m->wanted = !answer.there || memcmp(answer.public_key, m->found.public_key, sizeof m->found.public_key) != 0;
	return ERR_OK;
}

struct handed {
	const uint8_t *own;
	size_t count;
	uint8_t ids[ROTATION_GENERATIONS_MAX][ROTATION_SLOT_ID];
};

static enum coffer_err note_handed(void *arg, const struct store_row *row)
{
	struct handed *h = arg;
	if (row->id_len != ROTATION_SLOT_ID || memcmp(row->id, h->own, UUID_LEN) != 0) return ERR_OK;
	if (h->count < ROTATION_GENERATIONS_MAX) memcpy(h->ids[h->count++], row->id, ROTATION_SLOT_ID);
	return ERR_OK;
}

/* What waits for this node was wrapped for the key that is gone: the master server writes it again for the new one (rotation_look_after). */
static enum coffer_err erase_handed(struct engine *engine, struct txn *txn)
{
	struct handed h = { .own = engine->domain.node_id };
	TRY(store_scan(txn_store(txn), STORE_REFRESH, view_of(h.own, UUID_LEN), false, ROTATION_GENERATIONS_MAX, note_handed, &h));
	for (size_t i = 0; i < h.count; i++) TRY(store_erase(txn_store(txn), STORE_REFRESH, view_of(h.ids[i], ROTATION_SLOT_ID)));
	return ERR_OK;
}

static enum coffer_err keep(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	const struct making *m = arg;
	struct node_record own;
	(void)reason;
	TRY(node_record_get(txn_store(txn), txn_ring(txn), engine->domain.node_id, &own));
	if (own.state != NODE_MEMBER || memcmp(own.transport_key, m->named, sizeof m->named) != 0) return ERR_OK;
	memcpy(own.transport_key, m->record.public_key, sizeof own.transport_key);
	TRY(node_record_put(txn_store(txn), txn_ring(txn), &own));
	TRY(transport_record_put(txn_store(txn), txn_ring(txn), &m->record));
	TRY(erase_handed(engine, txn));
	const struct audit_event event = { .principal = view_str("node"), .details = view_str("a transport key was made in the token: later data keys are handed to it") };
	return audit_append(engine->audit, txn, &event);
}

enum coffer_err transport_own_leave(struct engine *engine, struct txn *txn)
{
	struct node_record own;
	if (!rooted_store_is_shared(engine->store)) return ERR_OK;
	enum coffer_err err = node_record_get(txn_store(txn), txn_ring(txn), engine->domain.node_id, &own);
	if (err) return err == ERR_NOT_FOUND ? ERR_OK : err;
	if (own.state != NODE_MEMBER || names_none(own.transport_key)) return ERR_OK;
	memset(own.transport_key, 0, sizeof own.transport_key);
	TRY(node_record_put(txn_store(txn), txn_ring(txn), &own));
	return erase_handed(engine, txn);
}

/* A TPM takes no authorization value that ends with a zero. */
static enum coffer_err make_auth(struct secret **out)
{
	AUTO_SECRET struct secret *auth = secret_new(TRANSPORT_RECORD_AUTH_LEN);
	ENSURE(auth, ERR_MEMORY);
	do TRY(rng_bytes(secret_mut(auth), TRANSPORT_RECORD_AUTH_LEN));
	while (secret_bytes(auth)[TRANSPORT_RECORD_AUTH_LEN - 1] == 0);
	*out = TAKE(auth);
	return ERR_OK;
}

static enum coffer_err make(struct engine *engine, struct making *m, struct reason *reason)
{
	struct token_transport_wish wish = { .ref = { .len = 0 } };
	struct token_transport_answer answer = { .there = false };
	if (!engine->token) return reason_fail(reason, ERR_TOKEN_GONE, "the node has no token now, so no transport key can be made");
	TRY(make_auth(&m->record.auth));
	TRY(transport_owner(&engine->domain, wish.owner));
	wish.auth = secret_view(m->record.auth);
	TRY(token_proxy_transport_make(engine->token, &wish, &answer, reason));
	if (!answer.there || answer.ref.len == 0 || answer.ref.len > sizeof m->record.reference) return reason_fail(reason, ERR_TOKEN, "the token made no transport key");
	memcpy(m->record.reference, answer.ref.data, answer.ref.len);
	m->record.reference_len = answer.ref.len;
	memcpy(m->record.public_key, answer.public_key, sizeof m->record.public_key);
	return ERR_OK;
}

enum coffer_err transport_own_make(struct engine *engine, struct reason *reason)
{
	struct making m = { .wanted = false };
	if (!rooted_store_is_shared(engine->store)) return ERR_OK;
	enum coffer_err err = engine->on_store(engine, look, &m, reason);
	if (!err) err = ask_token(engine, &m, reason);
	if (!err && m.wanted) err = make(engine, &m, reason);
	if (!err && m.wanted) err = engine->on_store(engine, keep, &m, reason);
	if (!err && m.wanted) log_info("a transport key was made in the token");
	transport_record_clear(&m.found);
	transport_record_clear(&m.record);
	return err;
}
