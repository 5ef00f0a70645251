/* What the version root costs: durable creates a second, each with its audit row and request record in a transaction of its own, or 16 in one, with and
 * without a rooted store in front of SQLite. Rounds of both take turns, so that a busy machine hinders them alike.
 *
 *   build/tests/bench_root_cost [FOLDER [ROUNDS]] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "audit/chain.h"
#include "base/arena.h"
#include "base/clock.h"
#include "keyring/rooted_store.h"
#include "objects/txn.h"
#include "ops/request_record.h"
#include "ops/row_check.h"

#define OF_ROUND 192u

struct side {
	const char *what;
	char path[4096];
	struct store *store;
	struct object_table *table;
	struct ring *ring;
	struct txn *txn;
	struct audit_chain *audit;
	struct request_records request_records;
	uint64_t us, cpu_us;
};

static void must(bool ok, const char *what)
{
	if (ok) return;
	fprintf(stderr, "bench_root_cost: %s failed\n", what);
	exit(1);
}

static void open_side(struct side *s, const char *folder, bool rooted)
{
	struct domain_id domain = { .id = "bench" };
	struct root_mark *mark;
	struct secret *key = secret_new(DATA_KEY_LEN);
	struct store *inner;
	char mark_path[4200];
	s->what = rooted ? "rooted" : "plain";
	snprintf(s->path, sizeof s->path, "%s/%s.db", folder, s->what);
	snprintf(mark_path, sizeof mark_path, "%s.mark", s->path);
	unlink(s->path);
	must(store_open_sqlite(s->path, &inner, NULL) == ERR_OK, "the store");
	s->store = inner;
	s->ring = ring_new(&domain);
	must(key && s->ring && ring_add(s->ring, 1, &key) == ERR_OK, "the ring");
	if (rooted) {
		must(rooted_store_new(inner, &s->store) == ERR_OK && root_mark_open(mark_path, &mark, NULL) == ERR_OK, "the root");
		rooted_store_set_mark(s->store, mark);
	}
	must(rooted_store_attach(s->store, s->ring, NULL) == ERR_OK, "the root");
	s->table = object_table_new(100000);
	s->txn = txn_new(s->store, s->table);
	must(s->table && s->txn, "memory");
	txn_set_ring(s->txn, s->ring);
	must(txn_begin(s->txn, NULL) == ERR_OK && audit_chain_open(s->txn, &s->audit, NULL) == ERR_OK && txn_commit(s->txn, NULL) == ERR_OK, "the chain");
}

static void create(struct side *s, const struct principal *p)
{
	static uint8_t id[KMIP_REQUEST_ID_LEN], digest[32];
	struct secret *material = secret_new(32);
	AUTO_OBJECT struct object *o = object_new(2, "unix:1000");
	must(o && material, "memory");
	o->algorithm = 3;
	o->length_bits = 256;
	o->usage_mask = 12;
	o->key_format = 1;
	o->state = OBJECT_ACTIVE;
	must(object_set_material(o, ring_domain(s->ring)->id, &material) == ERR_OK && txn_create(s->txn, o, NULL) == ERR_OK, "a create");
	const struct audit_event event = { .principal = view_str(p->text), .operation = 1, .object_id = view_of(o->id, UUID_LEN) };
	must(audit_append(s->audit, s->txn, &event) == ERR_OK, "an audit row");
	memcpy(id, o->id, sizeof id);
	must(request_record_put(s->txn, &s->request_records, p, id, digest, view_str("an answer of some two hundred bytes, as Create gives it")) == ERR_OK, "a request record");
}

static uint64_t now_us(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

static void run_round(struct side *s, unsigned in_commit)
{
	struct principal p;
	principal_from_uid(1000, 1, &p);
	uint64_t begun = now_us(CLOCK_MONOTONIC), cpu = now_us(CLOCK_PROCESS_CPUTIME_ID);
	for (unsigned i = 0; i < OF_ROUND; i += in_commit) {
		must(txn_begin(s->txn, NULL) == ERR_OK, "begin");
		for (unsigned k = 0; k < in_commit; k++) create(s, &p);
		must(txn_commit(s->txn, NULL) == ERR_OK, "commit");
	}
	s->us += now_us(CLOCK_MONOTONIC) - begun;
	s->cpu_us += now_us(CLOCK_PROCESS_CPUTIME_ID) - cpu;
}

static enum coffer_err look(void *arg, enum store_table table, const struct store_row *row)
{
	return row_check(arg, table, row);
}

static void found(void *arg, const struct rooted_fault *fault)
{
	(void)arg;
	(void)fault;
	must(false, "the store's integrity");
}

/* A pass of the scrub without its pauses. */
static void run_pass(struct side *s)
{
	struct row_check check = { .ring = s->ring };
	const struct rooted_watch watch = { .row = look, .fault = found, .arg = &check };
	uint64_t begun = now_us(CLOCK_MONOTONIC), cpu = now_us(CLOCK_PROCESS_CPUTIME_ID), steps = 0, longest = 0;
	bool done = false;
	for (rooted_store_pass_begin(s->store); !done; steps++) {
		uint64_t at = now_us(CLOCK_PROCESS_CPUTIME_ID);
		must(rooted_store_pass_step(s->store, 1, &watch, &done) == ERR_OK, "a pass");
		uint64_t took = now_us(CLOCK_PROCESS_CPUTIME_ID) - at;
		if (took > longest) longest = took;
	}
	printf("a pass of the scrub: %llu steps in %.2f s, processor %.1f us a step, %.1f ms the longest\n", (unsigned long long)steps,
		(double)(now_us(CLOCK_MONOTONIC) - begun) / 1e6, (double)(now_us(CLOCK_PROCESS_CPUTIME_ID) - cpu) / (double)steps, (double)longest / 1e3);
}

int main(int argc, char **argv)
{
	static const unsigned sizes[] = { 1, 16 };
	struct side sides[2] = { { 0 }, { 0 } };
	unsigned rounds = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 8;
	must(arena_init(16u << 20, false, NULL) == ERR_OK || arena_init(4u << 20, false, NULL) == ERR_OK, "the arena");
	for (int i = 0; i < 2; i++) open_side(&sides[i], argc > 1 ? argv[1] : ".", i == 1);
	for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
		for (int i = 0; i < 2; i++) sides[i].us = sides[i].cpu_us = 0;
		for (unsigned r = 0; r < 2 * rounds; r++) run_round(&sides[(r + r / 2) % 2], sizes[k]);
		double rate[2];
		for (int i = 0; i < 2; i++) rate[i] = (double)rounds * OF_ROUND * 1e6 / (double)sides[i].us;
		printf("%u in a commit: %.0f creates/s plain, %.0f rooted: %.1f %%; processor %.1f us and %.1f us a create\n", sizes[k], rate[0], rate[1],
			100.0 * rate[1] / rate[0], (double)sides[0].cpu_us / rounds / OF_ROUND, (double)sides[1].cpu_us / rounds / OF_ROUND);
	}
	run_pass(&sides[1]);
	for (int i = 0; i < 2; i++) {
		audit_chain_free(sides[i].audit);
		txn_free(sides[i].txn);
		object_table_free(sides[i].table);
		store_close(sides[i].store);
		ring_free(sides[i].ring);
		unlink(sides[i].path);
	}
	return 0;
}
