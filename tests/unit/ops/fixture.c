/* The engine under test, and the daemon's part of running a request. */
#include "unit/ops/fixture.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "crypto/sign.h"
#include "kmip/values.h"
#include "objects/reindex.h"
#include "store/store.h"

#define BOOT_S (NOW_S / 2)

static uint64_t fake_wall(void *arg)
{
	const struct fix *f = arg;
	return f->now_s - f->wall_behind_s;
}

static uint64_t fake_mono(void *arg)
{
	return (((struct fix *)arg)->now_s - BOOT_S) * 1000;
}

static enum coffer_err run_on_store(struct engine *engine, engine_store_fn *fn, void *arg, struct reason *reason)
{
	TRY(txn_begin(engine->txn, reason));
	enum coffer_err err = fn(engine, engine->txn, arg, reason);
	if (err) {
		txn_abort(engine->txn);
		return err;
	}
	return txn_commit(engine->txn, reason);
}

struct secret *fix_seed(void)
{
	struct secret *seed = secret_new(DATA_KEY_LEN);
	assert_non_null(seed);
	memset(secret_mut(seed), 7, DATA_KEY_LEN);
	return seed;
}

static void make_ring(struct fix *f)
{
	AUTO_SECRET struct secret *seed = fix_seed();
	struct domain_id *domain = &f->engine.domain;
	for (uint8_t i = 0; i < UUID_LEN; i++) {
		domain->id[i] = i;
		domain->node_id[i] = (uint8_t)(0x10 + i);
	}
	assert_int_equal(sign_public_of(seed, domain->public_key), ERR_OK);
	struct secret *key = secret_new(DATA_KEY_LEN);
	assert_non_null(key);
	memset(secret_mut(key), 0x5a, DATA_KEY_LEN);
	f->ring = ring_new(domain);
	assert_non_null(f->ring);
	assert_int_equal(ring_add(f->ring, 1, &key), ERR_OK);
}

static void give(struct fix *f, unsigned uid, enum role role, const char *scope)
{
	struct principal p;
	struct grant grant = { .role = role, .created_ms = 1 };
	struct grants *before = engine_grants(&f->engine), *after = NULL;
	principal_from_uid(uid, 1, &p);
	snprintf(grant.principal, sizeof grant.principal, "%s", p.text);
	snprintf(grant.granted_by, sizeof grant.granted_by, "%s", p.text);
	snprintf(grant.scope, sizeof grant.scope, "%s", scope);
	grant.id[0] = (uint8_t)uid;
	assert_int_equal(grants_add(f->engine.txn, before, &grant, &after, NULL), ERR_OK);
	grants_unref(before);
	engine_set_grants(&f->engine, after);
}

static void open_engine(struct fix *f)
{
	struct engine *e = &f->engine;
	struct grants *grants = NULL;
	assert_int_equal(store_open_memory(&e->store), ERR_OK);
	e->objects = object_table_new(64);
	e->txn = txn_new(e->store, e->objects);
	assert_non_null(e->txn);
	txn_set_ring(e->txn, f->ring);
	assert_int_equal(audit_chain_open(e->txn, &e->audit, NULL), ERR_OK);
	assert_int_equal(txn_begin(e->txn, NULL), ERR_OK);
	assert_int_equal(grants_load(e->txn, &grants), ERR_OK);
	engine_set_grants(e, grants);
	give(f, ADMIN, ROLE_ADMINISTRATOR, "");
	give(f, OTHER, ROLE_KEY_USER, "pay");
	struct reindex r = { .begun = false };
	assert_int_equal(txn_reindex(e->txn, &r, NULL), ERR_OK);
	assert_int_equal(txn_commit(e->txn, NULL), ERR_OK);
	e->state = ENGINE_OPEN;
}

int fix_start(void **state)
{
	struct reason reason = { "" };
	if (arena_level() == ARENA_NONE && arena_init(32u << 20, false, &reason) != ERR_OK) return -1;
	struct fix *f = calloc(1, sizeof *f);
	if (!f) return -1;
	f->now_s = NOW_S;
	clock_set_source(&(struct clock_source){ fake_wall, fake_mono, f });
	f->config.max_message = 4u << 20;
	f->config.kmip_lease_time_ms = 3600000;
	f->config.locate_scan_max = 1000;
	f->engine.config = &f->config;
	f->engine.on_store = run_on_store;
	f->engine.quorum = quorum_new();
	assert_non_null(f->engine.quorum);
	pthread_rwlock_init(&f->engine.grants_lock, NULL);
	pthread_mutex_init(&f->engine.admin_lock, NULL);
	pthread_mutex_init(&f->engine.note_lock, NULL);
	make_ring(f);
	open_engine(f);
	f->worker = op_local_new(f->engine.objects);
	f->store_local = op_local_new(f->engine.objects);
	f->streams = op_streams_new();
	assert_true(f->worker && f->store_local && f->streams);
	*state = f;
	return 0;
}

int fix_stop(void **state)
{
	struct fix *f = *state;
	op_streams_free(f->streams);
	op_local_free(f->worker);
	op_local_free(f->store_local);
	engine_set_grants(&f->engine, NULL);
	quorum_free(f->engine.quorum);
	audit_chain_free(f->engine.audit);
	txn_free(f->engine.txn);
	object_table_free(f->engine.objects);
	store_close(f->engine.store);
	ring_free(f->ring);
	clock_set_source(NULL);
	free(f);
	return 0;
}

static void run_in_transaction(struct fix *f, struct request *r)
{
	f->store_runs++;
	assert_int_equal(txn_begin(f->engine.txn, NULL), ERR_OK);
	assert_int_equal(request_run(r, f->store_local, f->engine.txn), ERR_OK);
	assert_int_equal(txn_commit(f->engine.txn, NULL), ERR_OK);
}

static void run(struct fix *f, struct request *r)
{
	for (int round = 0; round < 4; round++) {
		if (r->lane == OP_LANE_STORE) {
			run_in_transaction(f, r);
			return;
		}
		enum coffer_err err = request_run(r, f->worker, NULL);
		if (err == ERR_OK) return;
		assert_int_equal(err, ERR_NOT_CACHED);
		if (!r->rerun_on_store) assert_int_equal(request_load(r, f->engine.txn), ERR_OK);
	}
	fail_msg("the request never ended");
}

void fix_send(struct fix *f, unsigned uid, struct ask *ask, struct answer *out)
{
	struct request *r = &out->request;
	*out = (struct answer){ .request = { .engine = &f->engine, .streams = f->streams, .frame = ask->frame } };
	ask->frame = BUF_EMPTY;
	principal_from_uid(uid, 1, &out->principal);
	r->principal = &out->principal;
	out->classified = request_classify(r);
	if (out->classified == ERR_OK) run(f, r);
	assert_true(r->answer.len > 0);
	assert_int_equal(kmip_response_parse(buf_view(&r->answer), NULL, &out->response, NULL), ERR_OK);
}

void answer_free(struct answer *a)
{
	request_done(&a->request);
}

struct ttlv_cursor answer_payload(const struct answer *a, size_t item)
{
	assert_true(item < a->response.count);
	const struct kmip_response_item *i = &a->response.items[item];
	if (i->err != ERR_OK) fail_msg("item %zu: %s: %.*s", item, err_name(i->err), (int)i->message.len, (const char *)i->message.ptr);
	return i->payload;
}

void answer_id(const struct answer *a, size_t item, char out[static UUID_TEXT_LEN + 1])
{
	struct ttlv_cursor c = answer_payload(a, item);
	struct ttlv_item field;
	struct view text;
	while (ttlv_next(&c, &field)) {
		if (field.tag != TAG_UNIQUE_IDENTIFIER) continue;
		assert_int_equal(ttlv_get_text(&field, &text), ERR_OK);
		assert_int_equal(text.len, UUID_TEXT_LEN);
		memcpy(out, text.ptr, text.len);
		out[text.len] = '\0';
		return;
	}
	fail_msg("no Unique Identifier");
}

void fix_give(struct fix *f, unsigned uid, enum role role, const char *scope)
{
	assert_int_equal(txn_begin(f->engine.txn, NULL), ERR_OK);
	give(f, uid, role, scope);
	assert_int_equal(txn_commit(f->engine.txn, NULL), ERR_OK);
}

uint64_t fix_audit_rows(struct fix *f)
{
	uint64_t rows;
	assert_int_equal(store_count(f->engine.store, STORE_AUDIT, &rows), ERR_OK);
	assert_int_equal(rows, audit_chain_length(f->engine.audit));
	return rows;
}

void fix_create(struct fix *f, unsigned uid, const struct key_wish *wish, char out_id[static UUID_TEXT_LEN + 1])
{
	struct ask a;
	struct answer answer;
	ask_one(&a, OPERATION_CREATE);
	ask_key(&a, wish, f->now_s);
	ask_item_end(&a, NULL);
	ask_end(&a);
	fix_send(f, uid, &a, &answer);
	answer_id(&answer, 0, out_id);
	answer_free(&answer);
}

enum coffer_err fix_simple(struct fix *f, unsigned uid, uint32_t operation, const char *id)
{
	struct ask a;
	struct answer answer;
	ask_one(&a, operation);
	ask_id(&a, id);
	ask_item_end(&a, NULL);
	ask_end(&a);
	fix_send(f, uid, &a, &answer);
	assert_int_equal(answer.response.count, 1);
	enum coffer_err err = answer.response.items[0].err;
	answer_free(&answer);
	return err;
}

enum coffer_err fix_revoke(struct fix *f, unsigned uid, const char *id, uint32_t code)
{
	struct ask a;
	struct answer answer;
	ask_one(&a, OPERATION_REVOKE);
	ask_id(&a, id);
	kmip_revocation_put(&a.w, TAG_REVOCATION_REASON, &(struct kmip_revocation){ .code = code });
	ask_item_end(&a, NULL);
	ask_end(&a);
	fix_send(f, uid, &a, &answer);
	enum coffer_err err = answer.response.items[0].err;
	answer_free(&answer);
	return err;
}

uint32_t fix_state(struct fix *f, unsigned uid, const char *id)
{
	struct ask a;
	struct answer answer;
	struct kmip_attr_value value;
	bool found = false;
	uint32_t state = 0;
	ask_one(&a, OPERATION_GET_ATTRIBUTES);
	ask_id(&a, id);
	ttlv_put_str(&a.w, TAG_ATTRIBUTE_NAME, "State");
	ask_item_end(&a, NULL);
	ask_end(&a);
	fix_send(f, uid, &a, &answer);
	struct ttlv_cursor c = answer_payload(&answer, 0);
	struct ttlv_item skipped;
	assert_int_equal(ttlv_take(&c, TAG_UNIQUE_IDENTIFIER, &skipped), ERR_OK);
	assert_int_equal(kmip_attr_next(&c, &value, &found), ERR_OK);
	if (found) assert_int_equal(ttlv_get_enum(&value.value, &state), ERR_OK);
	answer_free(&answer);
	return state;
}
