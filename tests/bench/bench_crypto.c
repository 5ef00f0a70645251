/* What one message costs in the cipher alone, by engine: AES-256-GCM with a key that stays, XAES-256-GCM (a key for each message), segments of
 * streams, and ciphertext in shared memory. The engines take turns, round by round, so that a busy machine hinders them alike; figures are
 * medians of processor time.
 *
 *   build/tests/bench_crypto [ROUNDS [THREADS [json]]] */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "crypto/aead_internal.h"
#include "crypto/ossl_mem.h"
#include "crypto/rng.h"
#include "crypto/stream_core.h"
#include "crypto/xaes.h"
#include "tests/bench/common.h"

#define TEXT_MAX (1024u * 1024u) /* bytes */
#define ROUNDS_MAX 101u
#define THREADS_MAX 16u
#define ROUND_NS 2000000u /* of one figure in one round */

/* What one thread works with. */
struct bench {
	struct aead_key *key;
	struct xaes_key *xaes;
	struct rng_pool *pool;
	uint8_t *text, *out; /* TEXT_MAX + a tag each */
	uint8_t nonce[XAES_NONCE_LEN];
};

static const uint8_t key_bytes[32] = { 1, 2, 3 };

static void raw_seal(struct bench *b, size_t len)
{
	bench_must(aead_seal(b->key, b->nonce, NULL, 0, view_of(b->text, len), b->out, b->out + len) == ERR_OK, "sealing");
}

static void raw_open(struct bench *b, size_t len)
{
	bench_must(aead_open(b->key, b->nonce, NULL, 0, view_of(b->out, len), b->out + len, b->text) == ERR_OK, "opening");
}

static void raw_rekey(struct bench *b, size_t len)
{
	bench_must(aead_seal_rekeyed(b->key, key_bytes, b->nonce, NULL, 0, view_of(b->text, len), b->out, b->out + len) == ERR_OK, "sealing");
}

static void xaes_out(struct bench *b, size_t len)
{
	bench_must(xaes_seal(b->xaes, b->nonce, NULL, 0, view_of(b->text, len), b->out) == ERR_OK, "sealing");
}

static void xaes_in(struct bench *b, size_t len)
{
	bench_must(xaes_open(b->xaes, b->nonce, NULL, 0, view_of(b->out, len + XAES_TAG_LEN), b->text) == ERR_OK, "opening");
}

static void segment_seal(struct bench *b, size_t len)
{
	bench_must(stream_core_seal(b->key, b->nonce, 7, false, view_of(b->text, len), b->text) == ERR_OK, "sealing");
}

static void shared_open(struct bench *b, size_t len)
{
	bench_must(aead_open_shared(b->key, b->nonce, view_of(b->out, len + AEAD_TAG_LEN), b->text) == ERR_OK, "opening");
}

static void copy(struct bench *b, size_t len)
{
	memcpy(b->text, b->out, len);
	__asm__ volatile("" ::: "memory");
}

static void draw_nonce(struct bench *b, size_t len)
{
	(void)len;
	bench_must(rng_pool_bytes(b->pool, b->nonce, sizeof b->nonce) == ERR_OK, "drawing");
}

typedef void work_fn(struct bench *b, size_t len);

static const struct work {
	const char *name;
	work_fn *before, *run; /* before: makes what `run` opens */
	unsigned least, most;  /* rows of sizes */
	bool engines;          /* whether the engine matters */
} works[] = {
	{ "GCM seal", NULL, raw_seal, 1, 5, true }, { "GCM open", raw_seal, raw_open, 1, 5, true },
	{ "GCM seal, new key", NULL, raw_rekey, 0, 5, true }, { "XAES seal", NULL, xaes_out, 1, 5, true },
	{ "XAES open", xaes_out, xaes_in, 1, 5, true }, { "segment seal in place", NULL, segment_seal, 4, 5, true },
	{ "shared open", raw_seal, shared_open, 3, 5, true }, { "copy", NULL, copy, 1, 5, false }, { "nonce", NULL, draw_nonce, 0, 0, false },
};
static const size_t sizes[] = { 0, 64, 256, 4096, 65536, TEXT_MAX };

struct job {
	const struct aead_engine *engine;
	const struct work *work;
	size_t len;
	uint64_t count;
	double ns; /* out: of one call */
};

static void prepare(struct bench *b, const struct job *j)
{
	bench_must(aead_key_new_on(j->engine, key_bytes, sizeof key_bytes, &b->key) == ERR_OK, "a key");
	bench_must(xaes_key_new(key_bytes, &b->xaes) == ERR_OK, "a key");
	b->pool = rng_pool_new();
	b->text = calloc(1, TEXT_MAX + AEAD_TAG_LEN); /* nobody's secret: with many threads the arena would be too small */
	b->out = calloc(1, TEXT_MAX + AEAD_TAG_LEN);
	bench_must(b->pool && b->text && b->out, "memory");
	if (j->work->before) j->work->before(b, j->len);
	for (unsigned i = 0; i < 3; i++) j->work->run(b, j->len);
}

static void *run_job(void *arg)
{
	struct job *j = arg;
	struct bench b = { .key = NULL };
	prepare(&b, j);
	uint64_t count = 0, begun = bench_own_cpu_ns(), spent = 0, step = j->len > 60000 ? 1 : 64;
	while (spent < ROUND_NS) {
		for (uint64_t i = 0; i < step; i++) j->work->run(&b, j->len);
		count += step;
		spent = bench_own_cpu_ns() - begun;
	}
	j->ns = (double)spent / (double)count;
	aead_key_free(b.key);
	xaes_key_free(b.xaes);
	rng_pool_free(b.pool);
	free(b.text);
	free(b.out);
	return NULL;
}

/* One round on every thread; the slowest thread's figure. */
static double round_of(const struct aead_engine *engine, const struct work *work, size_t len, unsigned threads)
{
	struct job jobs[THREADS_MAX];
	pthread_t ids[THREADS_MAX];
	double worst = 0;
	aead_engine_use(engine);
	for (unsigned i = 0; i < threads; i++) {
		jobs[i] = (struct job){ engine, work, len, 0, 0 };
		bench_must(pthread_create(&ids[i], NULL, run_job, &jobs[i]) == 0, "a thread");
	}
	for (unsigned i = 0; i < threads; i++) {
		pthread_join(ids[i], NULL);
		if (jobs[i].ns > worst) worst = jobs[i].ns;
	}
	return worst;
}

static int by_size(const void *a, const void *b)
{
	const double *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

static double median(double *values, unsigned count)
{
	qsort(values, count, sizeof *values, by_size);
	return values[count / 2];
}

static void print_figure(const struct work *work, size_t len, const double *ns, bool other, bool json)
{
	double gb = (double)len / ns[0], gb_other = (double)len / ns[1];
	if (json) {
		printf("{\"part\": \"crypto\", \"what\": \"%s\", \"bytes\": %zu, \"openssl_ns\": %.1f", work->name, len, ns[0]);
		if (other) printf(", \"ipsec_mb_ns\": %.1f", ns[1]);
		printf("}\n");
	} else if (!work->engines) {
		printf("%-22s %8zu B  %11.1f ns %6.2f GB/s\n", work->name, len, ns[0], gb);
	} else if (!other) {
		printf("%-22s %8zu B  openssl %11.1f ns %6.2f GB/s\n", work->name, len, ns[0], gb);
	} else {
		printf("%-22s %8zu B  openssl %11.1f ns %6.2f GB/s  ipsec-mb %11.1f ns %6.2f GB/s  ratio %.2f\n", work->name, len, ns[0], gb, ns[1],
			gb_other, ns[0] / ns[1]);
	}
	fflush(stdout);
}

static void measure(const struct work *work, size_t len, unsigned rounds, unsigned threads, bool json)
{
	static double ns[2][ROUNDS_MAX];
	bool other = work->engines && aead_ipsec_mb.missing() == NULL;
	for (unsigned r = 0; r < rounds; r++) {
		ns[0][r] = round_of(&aead_openssl, work, len, threads);
		if (other) ns[1][r] = round_of(&aead_ipsec_mb, work, len, threads);
	}
	double medians[2] = { median(ns[0], rounds), other ? median(ns[1], rounds) : 1 };
	print_figure(work, len, medians, other, json);
}

int main(int argc, char **argv)
{
	struct reason why = { "" };
	unsigned rounds = argc > 1 ? (unsigned)bench_number(argv[1], 1, ROUNDS_MAX) : 11;
	unsigned threads = argc > 2 ? (unsigned)bench_number(argv[2], 1, THREADS_MAX) : 1;
	bool json = argc > 3 && strcmp(argv[3], "json") == 0;
	bench_must(arena_init((size_t)8 << 20, false, &why) == ERR_OK, "the arena");
	bench_must(ossl_mem_install() == ERR_OK, "OpenSSL");
	if (!json && aead_ipsec_mb.missing()) printf("ipsec-mb is left out: %s\n", aead_ipsec_mb.missing());
	for (size_t w = 0; w < sizeof works / sizeof works[0]; w++)
		for (unsigned s = works[w].least; s <= works[w].most; s++) measure(&works[w], sizes[s], rounds, threads, json);
	return 0;
}
