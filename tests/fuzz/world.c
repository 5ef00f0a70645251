/* The world: made, reset, and requests run in it. */
#include "fuzz/world.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/ct.h"
#include "fuzz/world_internal.h"
#include "objects/reindex.h"
#include "objects/txn_internal.h"
#include "ops/store_check.h"

static uint64_t still_s(void *arg)
{
	(void)arg;
	return WORLD_NOW_S;
}

static uint64_t still_ms(void *arg)
{
	(void)arg;
	return WORLD_NOW_S * 1000;
}

static enum coffer_err on_store(struct engine *engine, engine_store_fn *fn, void *arg, struct reason *reason)
{
	struct world *w = engine->daemon;
	TRY(txn_begin(engine->txn, reason));
	enum coffer_err err = fn(engine, engine->txn, arg, reason);
	if (engine->txn->step_count) w->changed = true;
	if (!err) return txn_commit(engine->txn, reason);
	txn_abort(engine->txn);
	return err;
}

static enum coffer_err no_token(void *arg, enum token_kind kind, int *out_fd, uint32_t *out_instance, struct reason *reason)
{
	(void)arg;
	(void)kind;
	(void)out_fd;
	(void)out_instance;
	return reason_fail(reason, ERR_IO, "there are no token helpers here");
}

static void end_nothing(void *arg, uint32_t instance)
{
	(void)arg;
	(void)instance;
}

static const struct token_spawner no_tokens = { no_token, end_nothing, NULL };

static void make_ring(struct world *w)
{
	struct domain_id *domain = &w->engine.domain;
	for (uint8_t i = 0; i < UUID_LEN; i++) {
		domain->id[i] = i;
		domain->node_id[i] = (uint8_t)(0x10 + i);
	}
	memset(domain->public_key, 7, sizeof domain->public_key);
	struct secret *key = secret_new(DATA_KEY_LEN);
	REQUIRE(key);
	memset(secret_mut(key), 0x5a, DATA_KEY_LEN);
	w->ring = ring_new(domain);
	REQUIRE(w->ring && ring_add(w->ring, 1, &key) == ERR_OK);
}

/* There is no scrub. */
static void no_check(struct engine *engine)
{
	(void)engine;
}

/* An empty store and what stands on it. */
static void open_store(struct world *w)
{
	struct engine *e = &w->engine;
	REQUIRE(store_open_memory(&e->store) == ERR_OK);
	e->txn = txn_new(e->store, e->objects);
	if (!e->check) e->check = store_check_new();
	e->want_check = no_check;
	REQUIRE(e->txn && e->check);
	txn_set_ring(e->txn, w->ring);
}

/* As at every start: writes the mark the first time, finds it later. */
static void index_store(struct world *w)
{
	struct reindex r = { .begun = false };
	REQUIRE(txn_begin(w->engine.txn, NULL) == ERR_OK);
	while (!r.done) REQUIRE(txn_reindex(w->engine.txn, &r, NULL) == ERR_OK);
	REQUIRE(txn_commit(w->engine.txn, NULL) == ERR_OK);
	REQUIRE(txn_indexed(w->engine.txn));
}

static void close_store(struct world *w)
{
	struct engine *e = &w->engine;
	audit_chain_free(e->audit);
	txn_free(e->txn);
	store_close(e->store);
	e->audit = NULL;
}

struct keeping { struct world *w; enum store_table table; };

static enum coffer_err keep_row(void *arg, const struct store_row *row)
{
	struct keeping *k = arg;
	REQUIRE(k->w->row_count < WORLD_ROWS_MAX);
	struct world_row *to = &k->w->rows[k->w->row_count++];
	size_t h = row->header.len, i = row->index.len, b = row->body.len;
	to->table = k->table;
	to->row = *row;
	to->bytes = malloc(h + i + b + 1);
	REQUIRE(to->bytes);
	if (h) memcpy(to->bytes, row->header.ptr, h);
	if (i) memcpy(to->bytes + h, row->index.ptr, i);
	if (b) memcpy(to->bytes + h + i, row->body.ptr, b);
	to->row.header = view_of(to->bytes, h);
	to->row.index = view_of(to->bytes + h, i);
	to->row.body = view_of(to->bytes + h + i, b);
	return ERR_OK;
}

static void keep_rows(struct world *w)
{
	for (int table = STORE_OBJECT; table < STORE_TABLE_END; table++) {
		struct keeping k = { w, (enum store_table)table };
		REQUIRE(store_scan(w->engine.store, k.table, view_of(NULL, 0), false, WORLD_ROWS_MAX, keep_row, &k) == ERR_OK);
	}
}

static struct world *make(void)
{
	struct world *w = calloc(1, sizeof *w);
	REQUIRE(w);
	struct engine *e = &w->engine;
	static char nowhere[] = "/nonexistent", kind[] = "memory", none[] = "";
	fuzz_arena();
	clock_set_source(&(struct clock_source){ still_s, still_ms, w });
	w->config = (struct config){ .max_message = 1u << 20, .locate_scan_max = 64, .state_dir = nowhere, .store = kind, .token = none, .token_deadline_ms = 1000,
		.token_probe_interval_ms = 60000 };
	e->config = &w->config;
	e->on_store = on_store;
	e->daemon = w;
	e->spawner = &no_tokens;
	pthread_rwlock_init(&e->grants_lock, NULL);
	pthread_mutex_init(&e->admin_lock, NULL);
	pthread_mutex_init(&e->note_lock, NULL);
	make_ring(w);
	e->objects = object_table_new(64);
	e->bulk = bulk_new();
	REQUIRE(e->objects && e->bulk);
	open_store(w);
	REQUIRE(txn_begin(e->txn, NULL) == ERR_OK);
	world_fill(w);
	REQUIRE(txn_commit(e->txn, NULL) == ERR_OK);
	index_store(w);
	keep_rows(w);
	world_fill_known(w);
	w->worker = op_local_new(e->objects);
	w->store_local = op_local_new(e->objects);
	REQUIRE(w->worker && w->store_local);
	w->changed = true;
	world_reset(w);
	return w;
}

struct world *world_get(void)
{
	static struct world *w;
	if (!w) w = make();
	return w;
}

static void restore(struct world *w)
{
	struct engine *e = &w->engine;
	op_local_clear(w->worker);
	op_local_clear(w->store_local);
	object_table_clear(e->objects);
	close_store(w);
	open_store(w);
	REQUIRE(store_begin(e->store, NULL) == ERR_OK);
	for (size_t i = 0; i < w->row_count; i++) REQUIRE(store_put(e->store, w->rows[i].table, &w->rows[i].row, false) == ERR_OK);
	REQUIRE(store_commit(e->store, NULL) == ERR_OK);
	REQUIRE(audit_chain_open(e->txn, &e->audit, NULL) == ERR_OK);
	index_store(w);
	REQUIRE(!e->staged_grants);
	engine_set_grants(e, grants_ref(w->grants));
	world_print_table(w, STORE_OBJECT, &w->objects);
	world_print_table(w, STORE_GRANT, &w->grant_rows);
	w->changed = false;
}

/* What a frame counted is not told in a later one. */
static void forget_counts(struct world *w)
{
	bulk_collect(w->engine.bulk, 0);
	struct bulk_batch *batch = bulk_take(w->engine.bulk, NULL, BULK_ROWS);
	if (batch) bulk_drop(batch);
}

static enum coffer_err map_ring(void *arg, size_t slot_bytes, unsigned slots, struct op_ring *out, struct reason *reason)
{
	struct world *w = arg;
	if (slot_bytes * slots > WORLD_RING_MAX) return reason_fail(reason, ERR_BUSY, "there is no room for it");
	REQUIRE(!w->ring_memory);
	w->ring_bytes = slot_bytes * slots;
	w->ring_memory = malloc(w->ring_bytes); /* of this very size: nobody gets past its end unseen */
	REQUIRE(w->ring_memory);
	memset(w->ring_memory, 'r', w->ring_bytes);
	*out = (struct op_ring){ .memory = w->ring_memory, .slot_bytes = slot_bytes, .slots = slots };
	return ERR_OK;
}

static void new_streams(struct world *w)
{
	const struct op_ring_host host = { map_ring, w };
	op_streams_free(w->streams);
	free(TAKE(w->ring_memory));
	w->streams = op_streams_new();
	REQUIRE(w->streams);
	op_streams_set_host(w->streams, &host);
}

void world_reset(struct world *w)
{
	forget_counts(w);
	w->engine.state = ENGINE_OPEN;
	for (size_t i = 0; i < w->secret_count; i++) w->secrets[i].said = false;
	new_streams(w);
	if (w->changed) restore(w);
}

void world_set_state(struct world *w, enum engine_state state)
{
	w->engine.state = (int)state;
}

/* How many steps the transaction had. */
static size_t run_in_transaction(struct world *w, struct request *r)
{
	struct engine *e = &w->engine;
	REQUIRE(txn_begin(e->txn, NULL) == ERR_OK);
	REQUIRE(request_run(r, w->store_local, e->txn) == ERR_OK);
	size_t staged = e->txn->step_count;
	if (staged) w->changed = true;
	REQUIRE(txn_commit(e->txn, NULL) == ERR_OK);
	return staged;
}

static size_t run(struct world *w, struct request *r)
{
	for (int round = 0; round < 4; round++) {
		if (r->lane == OP_LANE_STORE) return run_in_transaction(w, r);
		enum coffer_err err = request_run(r, w->worker, NULL);
		if (err == ERR_OK) return 0;
		REQUIRE(err == ERR_NOT_CACHED);
		if (!r->rerun_on_store) REQUIRE(request_load(r, w->engine.txn) == ERR_OK);
	}
	fuzz_stop(__FILE__, __LINE__, "a request ends after four rounds");
	return 0;
}

/* As the daemon does it: the cipher's work on a segment in the ring, before the answer is sent. */
static void do_work(struct world *w, struct request *r)
{
	struct segment_work *work = &r->work;
	size_t need = segment_work_scratch(work);
	if (!segment_work_pending(work)) return;
	uint8_t *scratch = malloc(need + 1);
	REQUIRE(scratch && work->bytes >= w->ring_memory && work->bytes + work->ticket.plain_len + STREAM_TAG_LEN <= w->ring_memory + w->ring_bytes);
	if (segment_work_run(work, scratch) != ERR_OK) {
		segment_work_fail(work);
		REQUIRE(segment_work_ended(work) && ct_is_zero(work->bytes, work->ticket.plain_len));
	}
	free(scratch);
	segment_work_drop(work);
}

void world_send(struct world *w, unsigned uid, struct view frame)
{
	struct request r = { .engine = &w->engine, .streams = w->streams };
	size_t staged = 0;
	if (frame.len > w->config.max_message) return; /* the listener refuses it */
	struct principal asks;
	principal_from_uid(uid, 1, &asks);
	r.principal = &asks;
	REQUIRE(buf_append(&r.frame, frame) == ERR_OK);
	enum coffer_err classified = request_classify(&r);
	if (classified == ERR_OK) staged = run(w, &r);
	do_work(w, &r);
	world_check_answer(w, &r, classified, staged);
	world_check_secrets(w, uid, frame, buf_view(&r.answer));
	if (w->on_answer) w->on_answer(w->on_answer_arg, buf_view(&r.answer));
	request_done(&r);
}

void world_on_answer(struct world *w, void (*fn)(void *arg, struct view answer), void *arg)
{
	w->on_answer = fn;
	w->on_answer_arg = arg;
}

void world_run_bytes(struct world *w, struct view bytes)
{
	static const unsigned users[] = { WORLD_ADMIN, WORLD_ADMIN, WORLD_USER, WORLD_MANAGER, WORLD_AUDITOR, WORLD_STRANGER, 0, WORLD_ADMIN };
	static const enum engine_state states[] = { ENGINE_OPEN, ENGINE_OPEN, ENGINE_OPEN, ENGINE_OPEN, ENGINE_UNINITIALISED, ENGINE_SEALED,
		ENGINE_DRAINING, ENGINE_FAULT };
	if (bytes.len < 1) return;
	unsigned uid = users[bytes.ptr[0] & 7];
	world_set_state(w, states[bytes.ptr[0] >> 3 & 7]);
	struct view rest = view_of(bytes.ptr + 1, bytes.len - 1);
	for (unsigned frames = 0; frames < 64 && rest.len; frames++) {
		size_t size = rest.len;
		if (ttlv_frame_size(rest, TAG_REQUEST_MESSAGE, rest.len, &size) != ERR_OK) size = rest.len;
		world_send(w, uid, view_of(rest.ptr, size));
		rest = view_of(rest.ptr + size, rest.len - size);
	}
	world_reset(w);
}

void world_counts(const struct world *w, uint64_t *out_ok, uint64_t *out_failed)
{
	*out_ok = w->ok;
	*out_failed = w->failed;
}

const char *world_never_done(const struct world *w, size_t i)
{
	size_t count;
	const struct op_row *rows = dispatch_rows(&count);
	for (size_t k = 0; k < count && k < WORLD_OPERATIONS_MAX; k++)
		if (!w->done[k] && i-- == 0) return rows[k].name;
	return NULL;
}
