/* The node, and the daemon's part played for it. */
#include "unit/ops/founded.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "crypto/hash.h"
#include "keyring/rooted_store.h"
#include "objects/reindex.h"
#include "ops/anchor.h"
#include "ops/backup.h"
#include "ops/init_flow.h"
#include "ops/recovery_change.h"
#include "ops/restore.h"
#include "ops/token_of.h"
#include "token/channel.h"
#include "unit/ops/vendor.h"

/* ---- a token that counts ---- */

#define CHIPS 8u

static struct chip {
	uint8_t owner[TOKEN_COUNTER_OWNER_LEN], auth[TOKEN_COUNTER_AUTH_LEN];
	uint64_t value;
} chips[CHIPS];
static unsigned chip_count;

static struct chip *chip_of(const struct token_counter_wish *w)
{
	for (unsigned i = 0; i < chip_count; i++)
		if (memcmp(chips[i].owner, w->owner, sizeof chips[i].owner) == 0) return &chips[i];
	return NULL;
}

static enum coffer_err on_counter(unsigned op, const struct token_counter_wish *w, struct token_counter_answer *out)
{
	struct chip *chip = chip_of(w);
	if (!chip && op == CHANNEL_COUNTER_MAKE && chip_count < CHIPS) {
		chip = &chips[chip_count++];
		*chip = (struct chip){ .value = 1 };
		memcpy(chip->owner, w->owner, sizeof chip->owner);
		memcpy(chip->auth, w->auth.ptr, sizeof chip->auth);
		out->ref = (struct token_counter_ref){ .data = { 1 }, .len = 1, .place = "a place" };
	}
	if (!chip) out->state = TOKEN_COUNTER_NONE;
	else if (memcmp(chip->auth, w->auth.ptr, sizeof chip->auth) != 0) out->state = TOKEN_COUNTER_OTHER;
	else if (op == CHANNEL_COUNTER_RAISE && chip->value == w->from) chip->value++;
	if (chip) out->value = chip->value;
	return ERR_OK;
}

void founded_reset(void)
{
	chip_count = 0;
}

/* ---- the daemon's part ---- */

static uint64_t wall(void *arg)
{
	return ((struct founded *)arg)->fix.now_s;
}

static uint64_t mono(void *arg)
{
	return ((struct founded *)arg)->fix.now_s * 1000;
}

static enum coffer_err on_store(struct engine *engine, engine_store_fn *fn, void *arg, struct reason *reason)
{
	TRY(txn_begin(engine->txn, reason));
	enum coffer_err err = fn(engine, engine->txn, arg, reason);
	if (!err) return txn_commit(engine->txn, reason);
	txn_abort(engine->txn);
	return err;
}

static enum coffer_err set_ring(struct engine *engine, struct ring **ring)
{
	struct founded *n = engine->daemon;
	struct ring *old = txn_ring(engine->txn);
	TRY(rooted_store_attach(engine->store, ring ? *ring : NULL, NULL));
	n->fix.ring = ring ? *ring : NULL;
	txn_set_ring(engine->txn, n->fix.ring);
	if (ring) {
		engine->domain = *ring_domain(*ring);
		*ring = NULL;
	} else {
		audit_chain_free(TAKE(engine->audit));
	}
	ring_free(old);
	return ERR_OK;
}

static enum coffer_err load(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	struct grants *grants = NULL;
	struct reindex r = { .begun = false };
	(void)arg;
	if (!engine->audit) TRY(audit_chain_open(txn, &engine->audit, reason));
	while (!r.done) TRY(txn_reindex(txn, &r, reason));
	TRY(grants_load(txn, &grants));
	engine_set_grants(engine, grants);
	return ERR_OK;
}

static enum coffer_err open_domain(struct engine *engine, struct reason *reason)
{
	TRY(anchor_check(engine, reason));
	TRY(engine->on_store(engine, load, NULL, reason));
	engine->state = ENGINE_OPEN;
	return ERR_OK;
}

/* ---- its life ---- */

static struct founded *make(struct store *rows)
{
	if (arena_level() == ARENA_NONE) assert_int_equal(arena_init(32u << 20, false, NULL), ERR_OK);
	struct founded *n = calloc(1, sizeof *n);
	static char nothing[] = "", sqlite[] = "sqlite";
	assert_non_null(n);
	struct fix *f = &n->fix;
	struct engine *e = &f->engine;
	snprintf(n->dir, sizeof n->dir, "/tmp/coffer-test-founded-XXXXXX");
	assert_non_null(mkdtemp(n->dir));
	f->now_s = NOW_S;
	clock_set_source(&(struct clock_source){ wall, mono, n });
	fake_token_init(&n->token);
	n->token.on_counter = on_counter;
	f->config = (struct config){ .max_message = 4u << 20, .kmip_lease_time_ms = 3600000, .locate_scan_max = 10000, .state_dir = n->dir, .store = sqlite, .token = nothing,
		.token_deadline_ms = 3000, .token_probe_interval_ms = 3600000, .anchor_interval_ms = 10000 };
	*e = (struct engine){ .config = &f->config, .on_store = on_store, .set_ring = set_ring, .open = open_domain, .spawner = &n->token.spawner, .daemon = n,
		.state = ENGINE_UNINITIALISED };
	assert_true(pthread_rwlock_init(&e->grants_lock, NULL) == 0 && pthread_mutex_init(&e->admin_lock, NULL) == 0 && pthread_mutex_init(&e->note_lock, NULL) == 0);
	n->inner = rows;
	if (!rows) assert_int_equal(store_open_memory(&n->inner), ERR_OK);
	assert_int_equal(rooted_store_new(n->inner, &e->store), ERR_OK);
	e->objects = object_table_new(1024);
	e->txn = txn_new(e->store, e->objects);
	e->quorum = quorum_new();
	e->anchor = anchor_new();
	f->worker = op_local_new(e->objects);
	f->store_local = op_local_new(e->objects);
	f->streams = op_streams_new();
	assert_true(e->objects && e->txn && e->quorum && e->anchor && f->worker && f->store_local && f->streams);
	return n;
}

struct founded *founded_new(void)
{
	return make(NULL);
}

struct founded *founded_over(struct store *rows)
{
	return make(rows);
}

void founded_free(struct founded *n)
{
	char path[128];
	struct engine *e = &n->fix.engine;
	void *fix = n;
	init_drop(e);
	backup_drop(e);
	restore_drop(e);
	token_proxy_free(TAKE(e->token));
	fake_token_done(&n->token);
	anchor_free(e->anchor);
	n->fix.ring = txn_ring(e->txn);
	snprintf(path, sizeof path, "%s/node.id", n->dir);
	unlink(path);
	assert_int_equal(rmdir(n->dir), 0);
	assert_int_equal(fix_stop(&fix), 0);
}

static void take_share(struct founded *n, const struct answer *made, unsigned i)
{
	struct ttlv_cursor c = answer_payload(made, 0);
	struct ttlv_item item;
	unsigned left = i;
	while (ttlv_next(&c, &item)) {
		if (item.tag != TAG_COFFER_SHARE || left-- != 0) continue;
		assert_true(item.value.len < sizeof n->shares[i]);
		memcpy(n->shares[i], item.value.ptr, item.value.len);
		return;
	}
	fail_msg("a share is missing");
}

void founded_init(struct founded *n)
{
	struct answer made, done;
	struct ask a;
	ask_one(&a, OPERATION_COFFER_INIT);
	ttlv_put_str(&a.w, TAG_COFFER_TOKEN_URI, "tpm2:device");
	ttlv_put_i32(&a.w, TAG_COFFER_RECOVERY_MODE, 1);
	ttlv_put_i32(&a.w, TAG_COFFER_SHARE_COUNT, 3);
	ttlv_put_i32(&a.w, TAG_COFFER_SHARE_THRESHOLD, 2);
	assert_int_equal(vendor_send(&n->fix, geteuid(), &a, &made), ERR_OK);
	for (unsigned i = 0; i < 2; i++) take_share(n, &made, i);
	ask_one(&a, OPERATION_COFFER_INIT_CONFIRM);
	ttlv_put_bytes(&a.w, TAG_COFFER_INIT_ID, vendor_bytes(&made, TAG_COFFER_INIT_ID));
	for (unsigned i = 0; i < 2; i++) ttlv_put_str(&a.w, TAG_COFFER_SHARE, n->shares[i]);
	assert_int_equal(vendor_send(&n->fix, geteuid(), &a, &done), ERR_OK);
	answer_free(&done);
	answer_free(&made);
	fix_give(&n->fix, ADMIN, ROLE_ADMINISTRATOR, "");
}

/* ---- backup and restore ---- */

static void read_pieces(struct founded *n, struct view id, struct bytes *out)
{
	struct answer answer;
	struct ask a;
	bool last = false;
	for (unsigned i = 0; i < 1000 && !last; i++) {
		struct view piece;
		ask_one(&a, OPERATION_COFFER_BACKUP_READ);
		ttlv_put_bytes(&a.w, TAG_COFFER_ARCHIVE_ID, id);
		ttlv_put_i64(&a.w, TAG_COFFER_ARCHIVE_OFFSET, (int64_t)out->len);
		assert_int_equal(vendor_send(&n->fix, ADMIN, &a, &answer), ERR_OK);
		struct ttlv_cursor c = answer_payload(&answer, 0);
		assert_int_equal(ttlv_take_bytes(&c, TAG_COFFER_ARCHIVE_BYTES, &piece), ERR_OK);
		assert_int_equal(ttlv_take_bool(&c, TAG_COFFER_ARCHIVE_LAST, &last), ERR_OK);
		assert_int_equal(bytes_append(out, piece), ERR_OK);
		answer_free(&answer);
	}
	assert_true(last);
}

void founded_backup(struct founded *n, struct bytes *out)
{
	struct answer begun, ended;
	struct ask a;
	ask_one(&a, OPERATION_COFFER_BACKUP_BEGIN);
	assert_int_equal(vendor_send(&n->fix, ADMIN, &a, &begun), ERR_OK);
	struct view id = vendor_bytes(&begun, TAG_COFFER_ARCHIVE_ID);
	read_pieces(n, id, out);
	ask_one(&a, OPERATION_COFFER_BACKUP_END);
	ttlv_put_bytes(&a.w, TAG_COFFER_ARCHIVE_ID, id);
	ttlv_put_bool(&a.w, TAG_COFFER_ARCHIVE_KEPT, true);
	assert_int_equal(vendor_send(&n->fix, ADMIN, &a, &ended), ERR_OK);
	answer_free(&ended);
	answer_free(&begun);
}

static void send_pieces(struct founded *n, struct view id, const struct bytes *archive)
{
	struct answer answer;
	struct ask a;
	for (size_t at = 0; at < archive->len; at += RESTORE_PIECE_MAX) {
		size_t len = archive->len - at < RESTORE_PIECE_MAX ? archive->len - at : RESTORE_PIECE_MAX;
		ask_one(&a, OPERATION_COFFER_RESTORE_WRITE);
		ttlv_put_bytes(&a.w, TAG_COFFER_RESTORE_ID, id);
		ttlv_put_i64(&a.w, TAG_COFFER_ARCHIVE_OFFSET, (int64_t)at);
		ttlv_put_bytes(&a.w, TAG_COFFER_ARCHIVE_BYTES, view_of(archive->ptr + at, len));
		assert_int_equal(vendor_send(&n->fix, geteuid(), &a, &answer), ERR_OK);
		answer_free(&answer);
	}
}

enum coffer_err founded_restore(struct founded *n, const struct bytes *archive, const struct founded *of, struct reason *reason)
{
	struct answer begun, done;
	struct ask a;
	uint8_t sum[32];
	assert_int_equal(hash_sha256(bytes_view(archive), sum), ERR_OK);
	ask_one(&a, OPERATION_COFFER_RESTORE_BEGIN);
	ttlv_put_i64(&a.w, TAG_COFFER_ARCHIVE_SIZE, (int64_t)archive->len);
	ttlv_put_bytes(&a.w, TAG_COFFER_ARCHIVE_DIGEST, view_of(sum, sizeof sum));
	assert_int_equal(vendor_send(&n->fix, geteuid(), &a, &begun), ERR_OK);
	struct view id = vendor_bytes(&begun, TAG_COFFER_RESTORE_ID);
	send_pieces(n, id, archive);
	ask_one(&a, OPERATION_COFFER_RESTORE_COMMIT);
	ttlv_put_bytes(&a.w, TAG_COFFER_RESTORE_ID, id);
	ttlv_put_str(&a.w, TAG_COFFER_TOKEN_URI, "tpm2:device");
	for (unsigned i = 0; i < 2; i++) ttlv_put_str(&a.w, TAG_COFFER_SHARE, of->shares[i]);
	enum coffer_err err = vendor_send(&n->fix, geteuid(), &a, &done);
	if (err && reason) snprintf(reason->text, sizeof reason->text, "%.*s", (int)done.response.items[0].message.len, (const char *)done.response.items[0].message.ptr);
	answer_free(&done);
	answer_free(&begun);
	return err;
}

/* ---- an earlier store ---- */

struct copying {
	struct store *to;
	enum store_table table;
};

static enum coffer_err copy_row(void *arg, const struct store_row *row)
{
	const struct copying *c = arg;
	return store_put(c->to, c->table, row, false);
}

struct store *founded_copy(struct founded *n)
{
	struct copying c = { .to = NULL };
	assert_int_equal(store_open_memory(&c.to), ERR_OK);
	assert_int_equal(store_begin(c.to, NULL), ERR_OK);
	for (c.table = STORE_OBJECT; c.table <= STORE_RECOVERY; c.table++)
		assert_int_equal(store_scan(n->inner, c.table, view_of(NULL, 0), false, 100000, copy_row, &c), ERR_OK);
	assert_int_equal(store_commit(c.to, NULL), ERR_OK);
	return c.to;
}

struct founded *founded_again(struct founded *n, struct store *rows)
{
	struct founded *again = make(rows);
	struct engine *e = &again->fix.engine;
	struct token_proxy *proxy = NULL;
	struct ring *ring = NULL;
	e->identity = n->fix.engine.identity;
	e->domain = e->identity.domain;
	struct token_proxy_config config = { .uri = e->identity.token_uri, .binding = &e->identity.binding, .spawner = e->spawner, .deadline_ms = 3000, .probe_interval_ms = 3600000 };
	assert_int_equal(token_proxy_new(&config, &proxy, NULL), ERR_OK);
	assert_int_equal(token_proxy_probe_now(proxy, 3000, NULL), ERR_OK);
	token_set(e, proxy);
	assert_int_equal(recovery_copy_ring(n->fix.ring, &ring), ERR_OK);
	assert_int_equal(set_ring(e, &ring), ERR_OK);
	if (open_domain(e, NULL) != ERR_OK) {
		assert_int_equal(on_store(e, load, NULL, NULL), ERR_OK); /* who may accept it */
		e->state = ENGINE_FAULT;
	}
	return again;
}

void founded_raise(struct founded *n)
{
	assert_int_equal(anchor_raise(&n->fix.engine, NULL, NULL, NULL), ERR_OK);
}

enum coffer_err founded_accept(struct founded *n)
{
	struct answer answer;
	struct ask a;
	ask_one(&a, OPERATION_COFFER_ANCHOR_ACCEPT);
	enum coffer_err err = vendor_send(&n->fix, geteuid(), &a, &answer);
	answer_free(&answer);
	return err;
}
