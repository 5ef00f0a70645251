/* The node: set up as cofferd does it when its token has opened the data key. */
#include "crash/node.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/chain.h"
#include "base/arena.h"
#include "keyring/rooted_store.h"
#include "store/store.h"

void (*node_die_hook)(const char *text);

void node_die(const char *fmt, ...)
{
	char text[1024];
	va_list args;
	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	if (node_die_hook) node_die_hook(text);
	fprintf(stderr, "crash: %s\n", text);
	exit(3);
}

static void must(enum coffer_err err, const struct reason *reason, const char *what)
{
	if (err) node_die("%s: %s: %s", what, err_name(err), reason && reason->text[0] ? reason->text : err_text(err));
}

static struct ring *fixed_ring(void)
{
	struct domain_id id = { .id = { 0 } }, *domain = &id;
	for (uint8_t i = 0; i < UUID_LEN; i++) {
		domain->id[i] = i;
		domain->node_id[i] = (uint8_t)(0x10 + i);
	}
	memset(domain->public_key, 7, sizeof domain->public_key);
	struct secret *key = secret_new(DATA_KEY_LEN);
	struct ring *ring = ring_new(domain);
	if (!key || !ring) node_die("out of memory");
	memset(secret_mut(key), 0x5a, DATA_KEY_LEN);
	must(ring_add(ring, 1, &key), NULL, "the data key");
	return ring;
}

static void load_grants(struct node *n)
{
	struct grants *grants = NULL, *after = NULL;
	struct principal p;
	struct grant grant = { .role = ROLE_ADMINISTRATOR };
	must(txn_begin(n->engine.txn, NULL), NULL, "begin");
	must(grants_load(n->engine.txn, &grants), NULL, "grants");
	if (grants_count(grants) == 0) {
		principal_from_uid(NODE_UID, 1, &p);
		snprintf(grant.principal, sizeof grant.principal, "%s", p.text);
		snprintf(grant.granted_by, sizeof grant.granted_by, "%s", p.text);
		must(grants_add(n->engine.txn, grants, &grant, &after, NULL), NULL, "the first grant");
		grants_unref(grants);
		grants = after;
	}
	must(txn_commit(n->engine.txn, NULL), NULL, "commit of the first grant");
	engine_set_grants(&n->engine, grants);
}

void node_memory(void)
{
	struct reason reason = { "" };
	if (arena_level() == ARENA_NONE) must(arena_init(4u << 20, false, &reason), &reason, "the arena");
}

void node_open(struct node *n, const char *folder)
{
	node_memory();
	node_open_with(n, folder, fixed_ring());
}

/* The store, its version root and the mark beside it. A store with rows and no root is damage: may_make is false. */
static void open_store(struct node *n, const char *folder)
{
	struct reason reason = { "" };
	struct store *inner;
	struct root_mark *mark;
	char path[4096];
	snprintf(path, sizeof path, "%s/store.db", folder);
	must(store_open_sqlite(path, &inner, &reason), &reason, "the store");
	must(rooted_store_new(inner, &n->engine.store), NULL, "the store");
	snprintf(path, sizeof path, "%s/node.root", folder);
	must(root_mark_open(path, &mark, &reason), &reason, "the mark");
	rooted_store_set_mark(n->engine.store, mark);
	must(rooted_store_attach(n->engine.store, n->ring, &reason), &reason, "the version root");
	must(rooted_store_verdict(n->engine.store, &reason), &reason, "the version root");
}

void node_open_with(struct node *n, const char *folder, struct ring *ring)
{
	struct reason reason = { "" };
	struct engine *e = &n->engine;
	*n = (struct node){ .config = { .max_message = 4u << 20 }, .ring = ring };
	e->domain = *ring_domain(ring);
	e->config = &n->config;
	pthread_rwlock_init(&e->grants_lock, NULL);
	pthread_mutex_init(&e->admin_lock, NULL);
	pthread_mutex_init(&e->note_lock, NULL);
	open_store(n, folder);
	e->objects = object_table_new(1024);
	e->txn = txn_new(e->store, e->objects);
	if (!e->objects || !e->txn) node_die("out of memory");
	txn_set_ring(e->txn, n->ring);
	must(audit_chain_open(e->txn, &e->audit, &reason), &reason, "the audit chain");
	load_grants(n);
	n->local = op_local_new(e->objects);
	n->streams = op_streams_new();
	if (!n->local || !n->streams) node_die("out of memory");
	e->state = ENGINE_OPEN;
}

void node_close(struct node *n)
{
	op_streams_free(n->streams);
	op_local_free(n->local);
	engine_set_grants(&n->engine, NULL);
	audit_chain_free(n->engine.audit);
	txn_free(n->engine.txn);
	object_table_free(n->engine.objects);
	store_close(n->engine.store);
	ring_free(n->ring);
}

static enum coffer_err settle(struct node *n, struct request *r)
{
	bool durable = false;
	struct reason reason = { "" };
	must(store_reopen(n->engine.store, &reason), &reason, "reopening the store");
	must(request_was_durable(r, n->engine.txn, &durable), NULL, "reading what became of the request");
	must(txn_settle(n->engine.txn, durable), NULL, "settling");
	return durable ? ERR_OK : ERR_IO;
}

static enum coffer_err first_item(struct request *r, struct kmip_response *out)
{
	must(kmip_response_parse(buf_view(&r->answer), NULL, out, NULL), NULL, "the answer");
	return out->items[0].err;
}

enum coffer_err node_ask(struct node *n, struct buf *frame, node_ack_fn *ack, void *arg)
{
	static struct kmip_response response;
	struct request r = { .engine = &n->engine, .streams = n->streams, .frame = *frame };
	struct reason reason = { "" };
	*frame = BUF_EMPTY;
	struct principal asks;
	principal_from_uid(NODE_UID, 1, &asks);
	r.principal = &asks;
	must(request_classify(&r), NULL, "the request");
	enum coffer_err err = txn_begin(n->engine.txn, &reason);
	if (!err) {
		must(request_run(&r, n->local, n->engine.txn), NULL, "running the request");
#ifdef CRASH_ACK_EARLY /* the fault that the oracle must find: an answer before the commit */
		if (first_item(&r, &response) == ERR_OK) ack(arg, &response.items[0]);
		ack = NULL;
#endif
		err = txn_commit(n->engine.txn, &reason);
		if (err == ERR_UNKNOWN_OUTCOME) err = settle(n, &r);
	}
	if (!err) err = first_item(&r, &response);
	if (!err && ack) ack(arg, &response.items[0]);
	request_done(&r);
	return err;
}
