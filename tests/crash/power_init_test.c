/* Init on a disk that loses power: the real Init and Init Confirm over a SQLite store and the identity file, with a token of the tests; then the start that
 * finishes or takes back what was cut off, and the init repeated. A cut in that start or in the repeated init follows for some. COFFER_POWER_SEED names another
 * seed; COFFER_POWER_PLANT, set to anything, lets every sync of a folder do nothing, which must be found. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "crash/node.h"
#include "crash/power_disk.h"
#include "daemon/interrupted.h"
#include "keyring/identity.h"
#include "keyring/rooted_store.h"
#include "ops/backup.h"
#include "ops/init_flow.h"
#include "ops/restore.h"
#include "unit/ops/fake_token.h"
#include "unit/ops/vendor.h"

#define IMAGES 700u
#define DEEPER 12u /* images of each second tape */

struct rig {
	struct fix fix; /* first: fix_stop takes it */
	struct fake_token token;
	struct daemon daemon; /* its engine: for the start alone */
};

static char place[128];
static unsigned images, deeper, initialised;
static uint64_t seed;
static struct rig *now;

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
	struct ring *old = txn_ring(engine->txn);
	now->fix.ring = ring ? *ring : NULL;
	TRY(rooted_store_attach(engine->store, now->fix.ring, NULL));
	txn_set_ring(engine->txn, now->fix.ring);
	if (ring) engine->domain = *ring_domain(*ring);
	if (ring) *ring = NULL;
	ring_free(old);
	return ERR_OK;
}

static enum coffer_err open_domain(struct engine *engine, struct reason *reason)
{
	(void)reason;
	engine->state = ENGINE_OPEN;
	return ERR_OK;
}

static void open_store(struct engine *e, const char *folder)
{
	char path[300];
	struct store *inner;
	struct root_mark *mark;
	struct reason reason = { "" };
	snprintf(path, sizeof path, "%s/store.db", folder);
	enum coffer_err err = store_open_sqlite(path, &inner, &reason);
	if (err) fail_msg("seed %llu, image %u: %s", (unsigned long long)seed, images, reason_text(&reason, err));
	assert_int_equal(rooted_store_new(inner, &e->store), ERR_OK);
	snprintf(path, sizeof path, "%s/node.root", folder);
	assert_int_equal(root_mark_open(path, &mark, &reason), ERR_OK);
	rooted_store_set_mark(e->store, mark);
}

/* A daemon that has just started, as far as the state folder goes. */
static struct rig *start(const char *folder)
{
	struct rig *r = calloc(1, sizeof *r);
	assert_non_null(r);
	struct fix *f = &r->fix;
	struct engine *e = &f->engine;
	now = r;
	fake_token_init(&r->token);
	f->config = (struct config){ .max_message = 4u << 20, .state_dir = (char *)(uintptr_t)folder, .store = (char *)(uintptr_t)"sqlite",
		.token = (char *)(uintptr_t)"", .token_deadline_ms = 30000, .token_probe_interval_ms = 60000 };
	e->config = &f->config;
	e->on_store = on_store;
	e->set_ring = set_ring;
	e->open = open_domain;
	e->spawner = &r->token.spawner;
	e->state = ENGINE_UNINITIALISED;
	pthread_rwlock_init(&e->grants_lock, NULL);
	pthread_mutex_init(&e->admin_lock, NULL);
	pthread_mutex_init(&e->note_lock, NULL);
	open_store(e, folder);
	e->objects = object_table_new(64);
	e->txn = txn_new(e->store, e->objects);
	f->worker = op_local_new(e->objects);
	f->store_local = op_local_new(e->objects);
	f->streams = op_streams_new();
	r->daemon.engine.config = &f->config;
	r->daemon.engine.on_store = on_store;
	r->daemon.engine.txn = e->txn;
	return r;
}

static void stop(struct rig *r)
{
	struct token_proxy *proxy = r->fix.engine.token;
	void *state = r;
	init_drop(&r->fix.engine);
	backup_drop(&r->fix.engine);
	restore_drop(&r->fix.engine);
	token_proxy_free(proxy);
	fake_token_done(&r->token);
	fix_stop(&state);
}

/* The daemon's start: what was cut off is settled. Whether this node has a domain; the test fails where an operator would be needed. */
static bool settle(struct rig *r, struct identity *out)
{
	bool empty = false;
	uint64_t slots = 0;
	struct reason reason = { "" };
	enum coffer_err err = interrupted_settle(&r->daemon, &reason);
	if (err) fail_msg("seed %llu, image %u: %s", (unsigned long long)seed, images, reason_text(&reason, err));
	err = identity_read(r->fix.config.state_dir, out, &reason);
	if (err && err != ERR_NOT_FOUND) fail_msg("seed %llu, image %u: %s", (unsigned long long)seed, images, reason_text(&reason, err));
	assert_int_equal(interrupted_store_is_empty(&r->daemon, &empty, NULL), ERR_OK);
	assert_int_equal(store_count(r->fix.engine.store, STORE_SLOT, &slots), ERR_OK);
	if (err && !empty) fail_msg("seed %llu, image %u: the store holds a domain, but node.id is missing beside it", (unsigned long long)seed, images);
	if (!err && slots != 1) fail_msg("seed %llu, image %u: node.id is there, but the store is empty", (unsigned long long)seed, images);
	return !err;
}

static void init(struct rig *r)
{
	struct ask a;
	struct answer made, confirmed;
	ask_one(&a, OPERATION_COFFER_INIT);
	ttlv_put_str(&a.w, TAG_COFFER_TOKEN_URI, "tpm2:device");
	ttlv_put_i32(&a.w, TAG_COFFER_RECOVERY_MODE, 3);
	assert_int_equal(vendor_send(&r->fix, geteuid(), &a, &made), ERR_OK);
	ask_one(&a, OPERATION_COFFER_INIT_CONFIRM);
	ttlv_put_bytes(&a.w, TAG_COFFER_INIT_ID, vendor_bytes(&made, TAG_COFFER_INIT_ID));
	assert_int_equal(vendor_send(&r->fix, geteuid(), &a, &confirmed), ERR_OK);
	answer_free(&confirmed);
	answer_free(&made);
}

/* What the outside world knows: the domain that an Init Confirm was answered for. */
struct told {
	bool confirmed;
	struct domain_id domain;
};

/* A start over the folder, and an init when it has no domain. */
static void run(const char *folder, struct told *told, struct power_tape *tape)
{
	struct identity identity;
	if (tape) power_tape_begin(tape, folder);
	struct rig *r = start(folder);
	bool has_domain = settle(r, &identity);
	if (told->confirmed && (!has_domain || memcmp(&identity.domain, &told->domain, sizeof told->domain) != 0))
		fail_msg("seed %llu, image %u: the domain that was confirmed is gone", (unsigned long long)seed, images);
	initialised += has_domain;
	if (!has_domain) init(r);
	if (!has_domain) identity = r->fix.engine.identity;
	told->domain = identity.domain;
	told->confirmed = true;
	if (tape) power_tape_mark(tape, 1);
	stop(r);
	if (tape) power_tape_end(tape, folder);
}

/* before: what was told when the tape began. */
static void cut_tape(const struct power_tape *tape, const struct told *before, const struct told *after, unsigned count, unsigned depth,
	struct power_dice *dice);

static void try_image(const struct power_disk *image, const struct told *told, unsigned depth, struct power_dice *dice)
{
	char folder[200];
	struct power_tape tape;
	struct told then = *told;
	bool again = depth == 1 && power_roll(dice, 24) == 0;
	snprintf(folder, sizeof folder, "%s/image-%u", place, depth);
	images++;
	deeper += depth > 1;
	power_disk_write(image, folder);
	run(folder, &then, again ? &tape : NULL);
	power_remove(folder);
	if (!again) return;
	cut_tape(&tape, told, &then, DEEPER, depth + 1, dice);
	power_tape_free(&tape);
}

static void cut_tape(const struct power_tape *tape, const struct told *before, const struct told *after, unsigned count, unsigned depth,
	struct power_dice *dice)
{
	struct power_cut cut;
	bool marked = false;
	power_cut_begin(&cut, tape);
	for (size_t at = 1; at <= tape->count; at++) {
		unsigned here = count / (unsigned)tape->count + (power_roll(dice, tape->count) < count % tape->count);
		marked = marked || tape->ops[at - 1].kind == POWER_MARK;
		power_cut_to(&cut, at);
		for (unsigned i = 0; i < here; i++) {
			struct power_disk image;
			power_image(&cut, (enum power_how)power_roll(dice, POWER_HOW_COUNT), dice, &image);
			try_image(&image, marked ? after : before, depth, dice);
			power_disk_free(&image);
		}
	}
	power_cut_free(&cut);
}

static void an_init_that_loses_power_is_finished_or_taken_back(void **state)
{
	const char *given = getenv("COFFER_POWER_SEED");
	char folder[200];
	struct power_tape tape;
	struct told nothing = { .confirmed = false }, told = nothing;
	(void)state;
	if (getenv("COFFER_POWER_PLANT")) power_planted = POWER_NO_FOLDER_SYNC;
	seed = given ? strtoull(given, NULL, 10) : 1;
	struct power_dice dice = { seed * 104729u };
	assert_true(arena_level() != ARENA_NONE || arena_init(32u << 20, false, NULL) == ERR_OK);
	print_message("seed %llu\n", (unsigned long long)seed);
	power_make_place(place);
	snprintf(folder, sizeof folder, "%s/first", place);
	assert_int_equal(mkdir(folder, 0700), 0);
	run(folder, &told, &tape);
	power_remove(folder);
	cut_tape(&tape, &nothing, &told, IMAGES, 1, &dice);
	print_message("power: init: %zu calls, %u images (%u after a second cut), %u with a domain at the start\n", tape.count, images, deeper, initialised);
	power_tape_free(&tape);
	power_remove(place);
}

/* Also after a failure. */
static void clean(void)
{
	power_tape_stop();
	if (place[0]) power_remove(place);
}

int main(void)
{
	atexit(clean);
	const struct CMUnitTest tests[] = { cmocka_unit_test(an_init_that_loses_power_is_finished_or_taken_back) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
