/* The nodes, and what the daemon does for them. */
#include "unit/ops/nodes_world.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "access/quorum.h"
#include "base/arena.h"
#include "crypto/p256.h"
#include "crypto/sign.h"
#include "domain/node_record.h"
#include "domain/transport_record.h"
#include "keyring/generation.h"
#include "keyring/rooted_internal.h"
#include "keyring/slot.h"
#include "objects/reindex.h"
#include "ops/rotation.h"
#include "ops/shared_news.h"
#include "ops/store_check.h"
#include "recovery/recovery.h"

#define MASK 0x3cu

struct world w;

/* ---- b's token ---- */

void world_wrap(struct buf *out, struct view in)
{
	for (size_t i = 0; i < in.len; i++) {
		uint8_t b = in.ptr[i] ^ MASK;
		assert_int_equal(buf_append(out, view_of(&b, 1)), ERR_OK);
	}
}

static void on_request(unsigned helper, const struct channel_request *q, struct channel_reply *r, struct buf *bytes)
{
	uint8_t shared[HPKE_SHARED_LEN];
	(void)helper;
	if (q->op == CHANNEL_WRAP || q->op == CHANNEL_UNWRAP) world_wrap(bytes, q->bytes);
	if (q->op != CHANNEL_TRANSPORT_ECDH) return;
	w.asked++;
	r->err = w.silent ? ERR_TOKEN : p256_ecdh(w.private_key, q->transport.point, shared);
	r->transport.there = true;
	if (!r->err) assert_int_equal(buf_append(bytes, view_of(shared, sizeof shared)), ERR_OK);
}

/* ---- nodes ---- */

enum coffer_err world_on_store(struct engine *engine, engine_store_fn *fn, void *arg, struct reason *reason)
{
	TRY(rotation_settle(engine));
	TRY(txn_begin(engine->txn, reason));
	enum coffer_err err = fn(engine, engine->txn, arg, reason);
	if (!err) return txn_commit(engine->txn, reason);
	txn_abort(engine->txn);
	return err;
}

static enum coffer_err put_first_slot(struct engine *e, struct txn *txn, void *arg, struct reason *reason)
{
	AUTO_BUF struct buf header = BUF_EMPTY;
	AUTO_BUF struct buf body = BUF_EMPTY;
	AUTO_BUF struct buf blob = BUF_EMPTY;
	struct store_row row = { .version = 0 };
	uint8_t check[32], signature[DOMAIN_SIGNATURE_LEN];
	(void)arg;
	(void)reason;
	world_wrap(&blob, secret_view(w.first));
	TRY(ring_key_check(&w.domain, 1, w.first, check));
	TRY(generation_sign(w.seed, &w.domain, 1, check, signature));
	TRY(slot_make(txn_ring(txn), 1, e->identity.token_kind, &e->identity.binding, buf_view(&blob), signature, 1, &row, &header, &body));
	return store_put(txn_store(txn), STORE_SLOT, &row, false);
}

static enum coffer_err put_domain(struct engine *e, struct txn *txn, void *arg, struct reason *reason)
{
	(void)e;
	(void)arg;
	(void)reason;
	TRY(generation_put_domain_key(txn_store(txn), txn_ring(txn), w.seed, w.domain.public_key));
	return recovery_put_none(txn_store(txn), txn_ring(txn));
}

static enum coffer_err put_transport(struct engine *e, struct txn *txn, void *arg, struct reason *reason)
{
	AUTO_SECRET struct secret *auth = secret_new(TRANSPORT_RECORD_AUTH_LEN);
	struct transport_record record = { .auth = auth, .reference = { 1 }, .reference_len = 1 };
	(void)e;
	(void)reason;
	ENSURE(auth, ERR_MEMORY);
	memset(secret_mut(auth), 7, TRANSPORT_RECORD_AUTH_LEN);
	memcpy(record.public_key, ((struct node *)arg)->transport, sizeof record.public_key);
	return transport_record_put(txn_store(txn), txn_ring(txn), &record);
}

static enum coffer_err open_rest(struct engine *e, struct txn *txn, void *arg, struct reason *reason)
{
	struct grants *grants = NULL;
	struct reindex r = { .begun = false };
	(void)arg;
	while (!r.done) TRY(txn_reindex(txn, &r, reason));
	TRY(audit_chain_open(txn, &e->audit, reason));
	TRY(grants_load(txn, &grants));
	engine_set_grants(e, grants);
	return ERR_OK;
}

static void give_token(struct node *n)
{
	struct engine *e = &n->engine;
	fake_token_init(&n->token);
	n->token.on_request = on_request;
	e->identity = (struct identity){ .domain = *ring_domain(n->ring), .token_kind = "tpm2", .binding = { .mechanism = "fake", .data = { 1 }, .data_len = 1 }, .rooted = true };
	struct token_proxy_config config = { .uri = "tpm2:device", .binding = &e->identity.binding, .spawner = &n->token.spawner, .deadline_ms = 3000, .probe_interval_ms = 3600000 };
	assert_int_equal(token_proxy_new(&config, &e->token, NULL), ERR_OK);
	assert_int_equal(token_proxy_probe_now(e->token, 3000, NULL), ERR_OK);
	if (n == &w.c) memcpy(n->transport, w.b.transport, sizeof n->transport);
}

void world_open_node(struct node *n, uint8_t first)
{
	struct engine *e = &n->engine;
	struct domain_id domain = w.domain;
	struct secret *key = secret_copy(secret_bytes(w.first), DATA_KEY_LEN);
	memset(domain.node_id, first, UUID_LEN);
	e->config = &n->config;
	e->daemon = n;
	e->on_store = world_on_store;
	e->domain = domain;
	assert_int_equal(pthread_rwlock_init(&e->grants_lock, NULL) + pthread_mutex_init(&e->note_lock, NULL), 0);
	assert_int_equal(rooted_store_new(w.inner, &e->store), ERR_OK);
	assert_int_equal(rooted_store_share(e->store), ERR_OK);
	n->ring = ring_new(&domain);
	assert_true(key && n->ring);
	assert_int_equal(ring_add(n->ring, 1, &key), ERR_OK);
	assert_int_equal(rooted_store_attach(e->store, n->ring, NULL), ERR_OK);
	e->quorum = quorum_new();
	e->objects = object_table_new(64);
	e->txn = txn_new(e->store, e->objects);
	e->rotation = rotation_new();
	e->check = store_check_new();
	assert_true(e->quorum && e->objects && e->txn && e->rotation && e->check);
	txn_set_ring(e->txn, n->ring);
	give_token(n);
	if (n == &w.a) assert_int_equal(world_on_store(e, put_domain, NULL, NULL), ERR_OK);
	assert_int_equal(world_on_store(e, open_rest, NULL, NULL), ERR_OK);
	assert_int_equal(world_on_store(e, put_first_slot, NULL, NULL), ERR_OK);
	if (n != &w.a) assert_int_equal(world_on_store(e, put_transport, n, NULL), ERR_OK);
	assert_int_equal(world_on_store(e, rotation_load, NULL, NULL), ERR_OK);
	e->state = ENGINE_OPEN;
}

static void close_node(struct node *n)
{
	struct engine *e = &n->engine;
	if (!e->store) return;
	token_proxy_free(e->token);
	fake_token_done(&n->token);
	audit_chain_free(e->audit);
	engine_set_grants(e, NULL);
	rotation_free(e->rotation);
	store_check_free(e->check);
	txn_free(e->txn);
	object_table_free(e->objects);
	quorum_free(e->quorum);
	rooted_of(e->store)->inner = NULL;
	store_close(e->store);
	ring_free(n->ring);
}

struct wanted {
	const struct node *node;
	enum node_state state;
	bool mute; /* no transport key */
};

static enum coffer_err put_record(struct engine *e, struct txn *txn, void *arg, struct reason *reason)
{
	const struct wanted *wanted = arg;
	struct node_record r = { .origin = NODE_FOUNDED, .admitted_ms = 5, .token_kind = "tpm2" };
	(void)e;
	(void)reason;
	const uint8_t *id = wanted->node->engine.domain.node_id;
	enum coffer_err err = node_record_get(txn_store(txn), txn_ring(txn), id, &r);
	if (err && err != ERR_NOT_FOUND) return err;
	memcpy(r.node_id, id, UUID_LEN);
	snprintf(r.name, sizeof r.name, "node %x", id[0]);
	snprintf(r.principal, sizeof r.principal, "unix:1");
	r.state = wanted->state;
	r.joined_ms = wanted->state == NODE_ADMITTED ? 0 : 6;
	r.removed_ms = wanted->state == NODE_REMOVED ? 7 : 0;
	memset(r.transport_key, 0, sizeof r.transport_key);
	if (!wanted->mute) memcpy(r.transport_key, wanted->node->transport, sizeof r.transport_key);
	if (wanted->node != &w.a && !wanted->mute) r.origin = NODE_BY_FINGERPRINT;
	return node_record_put(txn_store(txn), txn_ring(txn), &r);
}

enum coffer_err world_record(struct node *node, enum node_state state, bool mute)
{
	return world_on_store(&w.a.engine, put_record, &(struct wanted){ node, state, mute }, NULL);
}

enum coffer_err world_hear(struct node *n)
{
	struct shared_news news;
	return shared_news_read(&n->engine, &news, NULL);
}

int world_open(void **state)
{
	(void)state;
	memset(&w, 0, sizeof w);
	w.domain = (struct domain_id){ .id = "rotation" };
	w.first = secret_new(DATA_KEY_LEN);
	w.private_key = secret_new(32);
	if (!w.first || !w.private_key || store_open_memory(&w.inner) != ERR_OK) return -1;
	memset(secret_mut(w.first), 0x11, DATA_KEY_LEN);
	memset(secret_mut(w.private_key), 0x22, 32);
	assert_int_equal(p256_public_of(w.private_key, w.b.transport), ERR_OK);
	assert_int_equal(sign_keypair_generate(&w.seed, w.domain.public_key), ERR_OK);
	world_open_node(&w.a, 0xa0);
	world_open_node(&w.b, 0xb0);
	assert_int_equal(world_record(&w.a, NODE_MEMBER, true), ERR_OK);
	assert_int_equal(world_record(&w.b, NODE_MEMBER, false), ERR_OK);
	assert_int_equal(world_hear(&w.a), ERR_OK);
	assert_int_equal(world_hear(&w.b), ERR_OK);
	return 0;
}

int world_close(void **state)
{
	(void)state;
	close_node(&w.a);
	close_node(&w.b);
	close_node(&w.c);
	store_close(w.inner);
	secret_free(w.first);
	secret_free(w.private_key);
	secret_free(w.seed);
	return 0;
}
