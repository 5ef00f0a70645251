/* The house: made, closed, requests run in it. */
#include "fault/house.h"

#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "daemon/conn.h"
#include "daemon/store_care.h"
#include "daemon/store_thread.h"
#include "fault/fault.h"
#include "fault/house_check.h"
#include "keyring/rooted_store.h"
#include "objects/reindex.h"
#include "ops/backup.h"
#include "ops/init_flow.h"
#include "ops/restore.h"
#include "unit/store/fault_vfs.h"

static struct { const char *scenario, *fault; unsigned n; char words[REASON_MAX]; } doing = { "start", "none", 0, "" };

void house_says(const char *scenario, const char *fault, unsigned n)
{
	doing.scenario = scenario;
	doing.fault = fault;
	doing.n = n;
	doing.words[0] = '\0';
}

void house_words(struct view text)
{
	snprintf(doing.words, sizeof doing.words, "%.*s", (int)text.len, (const char *)text.ptr);
}

bool house_said(const char *part)
{
	return strstr(doing.words, part) != NULL;
}

static char folder[64]; /* of the house that is open; "" when none is */

void house_remove_folder(const char *path)
{
	DIR *d = opendir(path);
	for (const struct dirent *e; d && (e = readdir(d)) != NULL;) {
		char inner[600];
		snprintf(inner, sizeof inner, "%s/%s", path, e->d_name);
		if (e->d_name[0] == '.' || unlink(inner) == 0) continue;
		char last[700];
		snprintf(last, sizeof last, "%s/node.id", inner);
		unlink(last);
		rmdir(inner);
	}
	if (d) closedir(d);
	rmdir(path);
}

void house_die(const char *fmt, ...)
{
	va_list args;
	fault_disarm();
	va_start(args, fmt);
	fprintf(stderr, "FAILED: %s, %s, n=%u: ", doing.scenario, doing.fault, doing.n);
	vfprintf(stderr, fmt, args);
	fprintf(stderr, "%s%s\n", doing.words[0] ? "; last answer: " : "", doing.words);
	va_end(args);
	fault_show_place();
	if (folder[0]) house_remove_folder(folder);
	abort();
}

/* ---- in place of connections ---- */

static struct { pthread_mutex_t lock; pthread_cond_t back; bool is_back; } job_state = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false };

bool conn_may_run(struct job *job)
{
	(void)job;
	return true;
}

void conn_hold(struct job *job)
{
	(void)job;
}

void conn_return_job(struct job *job)
{
	job->turn = NULL;
	pthread_mutex_lock(&job_state.lock);
	job_state.is_back = true;
	pthread_cond_signal(&job_state.back);
	pthread_mutex_unlock(&job_state.lock);
}

/* There are no workers. */
bool worker_call(struct worker *w, void (*fn)(void *arg), void *arg)
{
	(void)w;
	(void)fn;
	(void)arg;
	return false;
}

void worker_sweep_keys(void *worker)
{
	(void)worker;
}

static void on_store_thread(struct house *h, struct job *job, enum job_kind kind)
{
	job->kind = kind;
	job_state.is_back = false;
	MUST(job_queue_put(&h->daemon.store_jobs, job));
	pthread_mutex_lock(&job_state.lock);
	while (!job_state.is_back) pthread_cond_wait(&job_state.back, &job_state.lock);
	pthread_mutex_unlock(&job_state.lock);
}

/* The way that daemon/conn_io.c and the pools give a request. */
static void run(struct house *h, struct job *job)
{
	struct request *r = &job->request;
	if (request_classify(r) != ERR_OK) return;
	for (int round = 0; round < 4; round++) {
		if (r->lane == OP_LANE_STORE) {
			on_store_thread(h, job, JOB_REQUEST);
			return;
		}
		enum coffer_err err = request_run(r, h->worker, NULL);
		if (err != ERR_NOT_CACHED) {
			if (err) request_fail(r, err, NULL);
			return;
		}
		on_store_thread(h, job, r->rerun_on_store ? JOB_REQUEST : JOB_LOAD);
		if (r->answer.len) return; /* the load failed, or it ran */
	}
	house_die("the request never ended");
}

/* ---- opened and closed ---- */

static uint64_t wall(void *arg)
{
	return ((struct house *)arg)->now_s;
}

static uint64_t mono(void *arg)
{
	return ((struct house *)arg)->now_s * 1000;
}

static enum coffer_err make_ring(struct house *h)
{
	struct domain_id *domain = &h->daemon.engine.domain;
	for (uint8_t i = 0; i < UUID_LEN; i++) {
		domain->id[i] = i;
		domain->node_id[i] = (uint8_t)(0x10 + i);
	}
	memset(domain->public_key, 7, sizeof domain->public_key);
	AUTO_SECRET struct secret *key = secret_new(DATA_KEY_LEN);
	ENSURE(key, ERR_MEMORY);
	memset(secret_mut(key), 0x5a, DATA_KEY_LEN);
	h->ring = ring_new(domain);
	ENSURE(h->ring, ERR_MEMORY);
	return ring_add(h->ring, 1, &key);
}

static enum coffer_err add_first_grant(struct engine *e, struct grants **grants)
{
	struct grants *after = NULL;
	struct principal p;
	struct grant grant = { .role = ROLE_ADMINISTRATOR, .created_ms = 1 };
	principal_from_uid(HOUSE_ADMIN, 1, &p);
	snprintf(grant.principal, sizeof grant.principal, "%s", p.text);
	snprintf(grant.granted_by, sizeof grant.granted_by, "%s", p.text);
	TRY(grants_add(e->txn, *grants, &grant, &after, NULL));
	grants_unref(*grants);
	*grants = after;
	return ERR_OK;
}

/* Inside a transaction, as daemon/unseal.c does it. */
static enum coffer_err read_domain(struct engine *e, struct grants **grants)
{
	struct reindex r = { .begun = false };
	TRY(audit_chain_open(e->txn, &e->audit, NULL));
	TRY(grants_load(e->txn, grants));
	if (grants_count(*grants) == 0) TRY(add_first_grant(e, grants));
	while (!r.done) TRY(txn_reindex(e->txn, &r, NULL));
	return ERR_OK;
}

static enum coffer_err open_domain(struct house *h)
{
	struct engine *e = &h->daemon.engine;
	struct grants *grants = NULL;
	TRY(txn_begin(e->txn, NULL));
	enum coffer_err err = read_domain(e, &grants);
	engine_set_grants(e, grants);
	if (err) txn_abort(e->txn);
	else err = txn_commit(e->txn, NULL);
	if (err == ERR_UNKNOWN_OUTCOME) MUST_OK(txn_settle(e->txn, false));
	if (!err) e->state = ENGINE_OPEN;
	return err;
}

/* Rows without a root, of a program that kept none: an operator accepts them. */
static enum coffer_err accept_rows(struct store *s, struct reason *reason)
{
	enum coffer_err err = rooted_store_verdict(s, NULL);
	if (err != ERR_CORRUPT) return err;
	TRY(store_begin(s, reason));
	err = rooted_store_accept(s, 1000);
	if (!err) return store_commit(s, reason);
	store_rollback(s);
	return err;
}

static enum coffer_err go_up(struct house *h)
{
	struct engine *e = &h->daemon.engine;
	if (!h->empty) TRY(make_ring(h));
	struct store *inner;
	TRY(store_open_sqlite(h->path, &inner, &h->reason));
	enum coffer_err err = rooted_store_new(inner, &e->store);
	if (err) store_close(inner);
	TRY(err);
	e->objects = object_table_new(64);
	ENSURE(e->objects, ERR_MEMORY);
	e->txn = txn_new(e->store, e->objects);
	ENSURE(e->txn, ERR_MEMORY);
	if (!h->empty) TRY(rooted_store_attach(e->store, h->ring, &h->reason));
	if (!h->empty) TRY(accept_rows(e->store, &h->reason));
	if (!h->empty) txn_set_ring(e->txn, h->ring);
	if (h->empty) e->state = ENGINE_UNINITIALISED;
	else TRY(open_domain(h));
	h->worker = op_local_new(e->objects);
	h->streams = op_streams_new();
	ENSURE(h->worker && h->streams, ERR_MEMORY);
	TRY(store_care_start(&h->daemon, &h->reason));
	return store_thread_start(&h->daemon);
}

/* What daemon/unseal.c does for an init. */
struct new_ring { struct engine *engine; struct ring *ring; enum coffer_err err; };

static void set_ring_on_store(void *arg)
{
	struct new_ring *n = arg;
	struct engine *e = n->engine;
	struct ring *old = txn_ring(e->txn);
	n->err = rooted_store_attach(e->store, n->ring, NULL);
	if (n->err) return;
	txn_set_ring(e->txn, n->ring);
	if (n->ring) e->domain = *ring_domain(n->ring);
	else audit_chain_free(TAKE(e->audit));
	ring_free(old);
}

static enum coffer_err set_ring(struct engine *e, struct ring **ring)
{
	struct new_ring n = { e, ring ? *ring : NULL, ERR_OK };
	MUST(store_thread_do(e->daemon, set_ring_on_store, &n));
	TRY(n.err);
	if (ring) *ring = NULL;
	return ERR_OK;
}

static enum coffer_err open_on_store(struct engine *e, struct txn *txn, void *arg, struct reason *reason)
{
	struct grants *grants = NULL;
	struct reindex r = { .begun = false };
	(void)arg;
	if (!e->audit) TRY(audit_chain_open(txn, &e->audit, reason));
	while (!r.done) TRY(txn_reindex(txn, &r, reason));
	TRY(grants_load(txn, &grants));
	engine_set_grants(e, grants);
	return ERR_OK;
}

static enum coffer_err open_new(struct engine *e, struct reason *reason)
{
	TRY(e->on_store(e, open_on_store, NULL, reason));
	e->state = ENGINE_OPEN;
	return ERR_OK;
}

static void open_later(struct engine *e)
{
	((struct house *)(void *)((char *)e->daemon - offsetof(struct house, daemon)))->open_again = true;
}

static void token_changed(void *arg, enum token_state from, enum token_state to)
{
	(void)arg;
	(void)from;
	(void)to;
}

enum coffer_err house_up(struct house *h)
{
	struct engine *e = &h->daemon.engine;
	h->daemon = (struct daemon){ .config = &h->config, .state_lock_fd = -1, .listen_fd = -1, .care = { .reserve_fd = -1 } };
	h->reason.text[0] = '\0';
	e->config = &h->config;
	e->daemon = &h->daemon;
	e->spawner = h->spawner;
	e->set_ring = set_ring;
	e->open = open_new;
	e->open_later = open_later;
	e->token_changed = token_changed;
	pthread_rwlock_init(&e->grants_lock, NULL);
	pthread_mutex_init(&e->admin_lock, NULL);
	pthread_mutex_init(&e->note_lock, NULL);
	enum coffer_err err = go_up(h);
	if (err) house_down(h);
	return err;
}

void house_down(struct house *h)
{
	struct engine *e = &h->daemon.engine;
	backup_drop(e);
	restore_drop(e);
	if (h->empty) {
		init_drop(e);
		token_proxy_free(TAKE(e->token));
		if (e->txn) h->ring = txn_ring(e->txn);
	}
	store_thread_stop(&h->daemon);
	store_care_stop(&h->daemon);
	op_streams_free(TAKE(h->streams));
	op_local_free(TAKE(h->worker));
	engine_set_grants(e, NULL);
	audit_chain_free(e->audit);
	txn_free(e->txn);
	object_table_free(e->objects);
	store_close(e->store);
	ring_free(TAKE(h->ring));
	pthread_rwlock_destroy(&e->grants_lock);
	pthread_mutex_destroy(&e->admin_lock);
	pthread_mutex_destroy(&e->note_lock);
}

static void must_go_up(struct house *h)
{
	enum coffer_err err = house_up(h);
	if (err) house_die("the house does not open: %s", reason_text(&h->reason, err));
}

static struct house *make(bool empty, const struct token_spawner *spawner)
{
	struct house *h = calloc(1, sizeof *h);
	MUST(h);
	h->uid = empty ? geteuid() : HOUSE_ADMIN;
	h->empty = empty;
	h->spawner = spawner;
	static char no_token[] = "";
	snprintf(h->dir, sizeof h->dir, "%s/coffer-fault-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	MUST(mkdtemp(h->dir));
	snprintf(folder, sizeof folder, "%s", h->dir);
	snprintf(h->path, sizeof h->path, "%s/store.db", h->dir);
	h->now_s = HOUSE_NOW_S;
	h->config = (struct config){ .max_message = 1u << 20, .kmip_lease_time_ms = 3600000, .locate_scan_max = 1000, .state_dir = h->dir,
		.token = no_token, .token_deadline_ms = 3000, .token_probe_interval_ms = 60000 };
	clock_set_source(&(struct clock_source){ wall, mono, h });
	must_go_up(h);
	house_check_begin(h);
	return h;
}

struct house *house_open(void)
{
	return make(false, NULL);
}

struct house *house_open_empty(const struct token_spawner *spawner)
{
	return make(true, spawner);
}

void house_again(struct house *h)
{
	house_down(h);
	must_go_up(h);
	house_check_same(h);
	house_judge(h);
}

void house_close(struct house *h)
{
	house_down(h);
	house_remove_folder(h->dir);
	MUST(access(h->dir, F_OK) != 0);
	folder[0] = '\0';
	clock_set_source(NULL);
	buf_free(&h->answer);
	free(h);
}

void house_tick(struct house *h)
{
	h->now_s++;
	if (h->open_again && open_new(&h->daemon.engine, NULL) == ERR_OK) h->open_again = false;
}

enum coffer_err house_send(struct house *h, struct ask *a)
{
	struct job job = { .kind = JOB_REQUEST,
		.request = { .engine = &h->daemon.engine, .streams = h->streams, .frame = a->frame } };
	a->frame = BUF_EMPTY;
	h->now_s++;
	struct principal asks;
	principal_from_uid(h->uid, 1, &asks);
	job.request.principal = &asks;
	fault_back();
	fault_vfs_pause(false);
	run(h, &job);
	fault_vfs_pause(true);
	fault_aside();
	buf_free(&h->answer);
	h->answer = job.request.answer;
	job.request.answer = BUF_EMPTY;
	enum coffer_err err = house_check_answer(h, &job.request);
	request_done(&job.request);
	return err;
}

void house_must(struct house *h, struct ask *a)
{
	MUST_OK(house_send(h, a));
}
