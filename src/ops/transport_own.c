/* A founder's transport key. */
#include "ops/transport_own.h"

#include <string.h>

#include "base/log.h"
#include "crypto/rng.h"
#include "domain/node_record.h"
#include "domain/transport_record.h"
#include "keyring/rooted_store.h"
#include "token/proxy_transport.h"

struct making {
	bool wanted;
	struct transport_record record;
};

static bool has_none(const struct node_record *own)
{
	static const uint8_t none[HPKE_PUBLIC_LEN];
	return own->state == NODE_MEMBER && memcmp(own->transport_key, none, sizeof none) == 0;
}

static enum coffer_err look(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	struct making *m = arg;
	struct node_record own;
	m->wanted = false;
	enum coffer_err err = node_record_get(txn_store(txn), txn_ring(txn), engine->domain.node_id, &own);
	if (err) return reason_default(reason, err, "this node's record cannot be read: %s", err_text(err));
	m->wanted = has_none(&own);
	return ERR_OK;
}

static enum coffer_err keep(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	const struct making *m = arg;
	struct node_record own;
	(void)reason;
	TRY(node_record_get(txn_store(txn), txn_ring(txn), engine->domain.node_id, &own));
	if (!has_none(&own)) return ERR_OK;
	memcpy(own.transport_key, m->record.public_key, sizeof own.transport_key);
	TRY(node_record_put(txn_store(txn), txn_ring(txn), &own));
	TRY(transport_record_put(txn_store(txn), txn_ring(txn), &m->record));
	const struct audit_event event = { .principal = view_str("node"), .details = view_str("a transport key was made in the token: later data keys are handed to it") };
	return audit_append(engine->audit, txn, &event);
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
	if (!err && m.wanted) err = make(engine, &m, reason);
	if (!err && m.wanted) err = engine->on_store(engine, keep, &m, reason);
	if (!err && m.wanted) log_info("a transport key was made in the token");
	transport_record_clear(&m.record);
	return err;
}
