/* Streams memory to memory beside the raw cipher; a line of JSON for each figure, one round.
 *
 *   bench_stream raw ENGINE MILLISECONDS [SEGMENT]              AES-256-GCM over 1 MiB, in place, one thread: in as much memory as ten of them
 *                                                               ("ring"), and in one piece of 1 MiB ("hot"); and opened as a segment that others
 *                                                               may write to has to be, read once into memory of one's own and copied back when its
 *                                                               tag was right, with nothing around it ("moved"). ENGINE is openssl or ipsec-mb
 *   bench_stream stream SOCKET PID KEY ENGINE MILLISECONDS THREADS [SEGMENT [WORK]]
 *                                                               segments through libcoffer's lent memory, a connection for each thread
 *
 * A number behind SEGMENT is the one kind of work that is measured then: 0 seal, 1 seal filled, 2 open. SEGMENT is their size in bytes, of the streams and of "moved": what writers take unasked when it is not given.
 *
 * gbps is bytes in wall time, per_core bytes in processor time (the cipher's thread; cofferd's workers). Before it counts, what was sealed is opened
 * and compared, and a changed bit is refused. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "client/include/coffer.h"
#include "common.h"
#include "crypto/aead.h"
#include "crypto/aead_choose.h"
#include "crypto/ossl_mem.h"
#include "crypto/stream.h"

#define RAW ((size_t)1024 * 1024)
#define SLOT_TAIL 4096u
#define STREAM_BYTES ((size_t)24 * 1024 * 1024) /* of the stream that is opened */
#define THREADS_MAX 16u

static size_t segment = (size_t)1 << STREAM_BITS_DEFAULT;

static size_t sealed_size(void)
{
	return segment + COFFER_SEGMENT_OVERHEAD;
}

/* ---- the cipher alone ---- */

enum memory { RING, HOT, MOVED };

struct raw {
	struct aead_key *key;
	uint8_t *memory;   /* segments, each with its tag behind it */
	uint8_t *scratch;
	unsigned slots;
	size_t len;        /* of a segment */
	uint64_t count, cpu_ns, wall_ns;
};

static void nonce_of(uint64_t n, uint8_t out[static AEAD_NONCE_LEN])
{
	memset(out, 0, AEAD_NONCE_LEN);
	memcpy(out, &n, sizeof n);
}

static void raw_seal(struct raw *r, uint64_t round)
{
	uint8_t nonce[AEAD_NONCE_LEN];
	for (unsigned i = 0; i < r->slots; i++) {
		uint8_t *at = r->memory + i * (r->len + SLOT_TAIL);
		nonce_of(round * r->slots + i, nonce);
		bench_must(aead_seal(r->key, nonce, NULL, 0, view_of(at, r->len), at, at + r->len) == ERR_OK, "sealing");
	}
}

static void raw_open(struct raw *r, uint64_t round)
{
	uint8_t nonce[AEAD_NONCE_LEN];
	for (unsigned i = 0; i < r->slots; i++) {
		uint8_t *at = r->memory + i * (r->len + SLOT_TAIL);
		nonce_of(round * r->slots + i, nonce);
		bench_must(aead_open(r->key, nonce, NULL, 0, view_of(at, r->len), at + r->len, at) == ERR_OK, "opening");
	}
}

/* The least that opening takes where the ciphertext can change meanwhile. */
static void raw_open_moved(struct raw *r, uint64_t round)
{
	uint8_t nonce[AEAD_NONCE_LEN];
	for (unsigned i = 0; i < r->slots; i++) {
		uint8_t *at = r->memory + i * (r->len + SLOT_TAIL);
		nonce_of(round * r->slots + i, nonce);
		bench_must(aead_open_shared(r->key, nonce, view_of(at, r->len + AEAD_TAG_LEN), r->scratch) == ERR_OK, "opening");
		aead_copy_back(at, r->scratch, r->len);
	}
}

/* Seals all and opens all, in turns; the time of one of the two. */
static void raw_measure(const char *engine, bool open, enum memory memory, uint64_t window_ns)
{
	static const uint8_t key[32] = { 1 };
	static const char *const names[] = { "ring", "hot", "moved" };
	size_t len = memory == MOVED ? segment : RAW, room = COFFER_STREAM_SLOTS * (len + SLOT_TAIL);
	struct raw r = { .slots = memory == HOT ? 1 : COFFER_STREAM_SLOTS, .memory = malloc(room), .scratch = arena_alloc(len), .len = len };
	bench_must(r.memory && r.scratch && aead_key_new(key, sizeof key, &r.key) == ERR_OK, "making a key");
	memset(r.memory, 7, room);
	uint64_t until = bench_now_ns() + window_ns;
	for (uint64_t round = 0; round < 2 || bench_now_ns() < until; round++) {
		uint64_t cpu = bench_own_cpu_ns();
		raw_seal(&r, round);
		uint64_t middle = bench_own_cpu_ns();
		if (memory == MOVED) raw_open_moved(&r, round);
		else raw_open(&r, round);
		if (round == 0) continue; /* the first touches the memory */
		r.cpu_ns += open ? bench_own_cpu_ns() - middle : middle - cpu;
		r.count += r.slots;
	}
	double rate = (double)r.count * (double)len / (double)r.cpu_ns;
	printf("{\"part\":\"b\",\"what\":\"raw\",\"engine\":\"%s\",\"op\":\"%s\",\"memory\":\"%s\",\"segment\":%zu,\"threads\":1,\"gbps\":%.4f,\"per_core\":%.4f}\n",
		engine, open ? "open" : "seal", names[memory], len, rate, rate);
	aead_key_free(r.key);
	arena_free(r.scratch);
	free(r.memory);
}

static int raw(const char *engine, unsigned ms)
{
	struct reason reason = { "" };
	enum aead_choice choice = strcmp(engine, "openssl") == 0 ? AEAD_CHOICE_OPENSSL : AEAD_CHOICE_IPSEC_MB;
	bench_must(arena_init(4u << 20, false, NULL) == ERR_OK && ossl_mem_install() == ERR_OK, "making the arena");
	if (aead_choose(choice, &reason) != ERR_OK) bench_die("%s", reason.text);
	for (int open = 0; open < 2; open++)
		for (enum memory m = RING; m <= (open ? MOVED : HOT); m++) raw_measure(engine, open, m, (uint64_t)ms * 1000000u);
	return 0;
}

/* ---- streams ---- */

enum work { SEAL, SEAL_FILLED, OPEN };

static const char *path, *key_name;
static uint8_t header[COFFER_STREAM_HEADER], *plain, *sealed; /* the stream that is opened */
static _Atomic bool go, stop;
static _Atomic unsigned ready;

struct stream_thread {
	pthread_t thread;
	enum work work;
	uint64_t segments, ns;
	bool in_ring;
};

static size_t segments(void)
{
	return STREAM_BYTES / segment;
}

static void must(struct coffer *c, enum coffer_status st)
{
	if (st) bench_die("libcoffer: %s: %s", coffer_strerror(st), coffer_error(c));
}

static struct coffer *connection(void)
{
	struct coffer *c;
	enum coffer_status st = coffer_connect(path, NULL, &c);
	if (st) bench_die("libcoffer: %s", coffer_strerror(st));
	return c;
}

/* Collects the oldest segment and lets `out` have its bytes where that is given. */
static size_t collect(struct coffer *c, struct coffer_stream *s, uint8_t *out)
{
	const void *lent;
	size_t len;
	must(c, coffer_stream_collect_lent(s, &lent, &len));
	if (out) memcpy(out, lent, len);
	must(c, coffer_stream_give_back(s, lent));
	return len;
}

/* Sends one segment if another may be under way; from NULL: what lies in the piece already. */
static bool send_one(struct coffer *c, struct coffer_stream *s, const uint8_t *from, size_t len, bool last)
{
	void *lent;
	size_t cap;
	if (coffer_stream_under_way(s) >= COFFER_STREAM_AHEAD) return false;
	enum coffer_status st = coffer_stream_lend(s, &lent, &cap);
	if (st == COFFER_EBUSY) return false;
	must(c, st);
	if (from) memcpy(lent, from, len);
	must(c, coffer_stream_send_lent(s, lent, len, last));
	return true;
}

static bool going(struct stream_thread *t, uint64_t *begun, uint64_t *count)
{
	if (*begun) return !atomic_load_explicit(&stop, memory_order_relaxed);
	if (*count < 2 * segments()) return true; /* warms up */
	ready++;
	while (!go) sched_yield();
	t->segments = *count = 0;
	*begun = bench_now_ns();
	return true;
}

static uint64_t seal_all(struct stream_thread *t, struct coffer *c)
{
	struct coffer_stream *s;
	uint8_t ignored[COFFER_STREAM_HEADER];
	uint64_t begun = 0, count = 0, sent = 0;
	must(c, coffer_stream_seal(c, key_name, NULL, 0, (uint32_t)segment, ignored, &s));
	while (going(t, &begun, &count)) {
		while (send_one(c, s, t->work == SEAL_FILLED ? plain + sent % segments() * segment : NULL, segment, false)) sent++;
		collect(c, s, NULL);
		count++;
	}
	t->segments = count;
	t->in_ring = coffer_stream_in_ring(s) == 1;
	while (coffer_stream_under_way(s)) collect(c, s, NULL);
	coffer_stream_close(s);
	return begun;
}

/* The whole stream once; out: its plaintext, or NULL. */
static bool open_once(struct stream_thread *t, struct coffer *c, uint8_t *out, uint64_t *begun, uint64_t *count)
{
	struct coffer_stream *s;
	size_t sent = 0, got = 0;
	bool more = true;
	must(c, coffer_stream_open(c, NULL, 0, header, &s));
	for (; got < segments() && more; got++) {
		more = !t || going(t, begun, count);
		while (sent < segments() && send_one(c, s, sealed + sent * sealed_size(), sealed_size(), sent == segments() - 1)) sent++;
		bench_must(collect(c, s, out ? out + got * segment : NULL) == segment, "opening a segment");
		if (count) ++*count;
		if (t) t->in_ring = coffer_stream_in_ring(s) == 1;
	}
	while (coffer_stream_under_way(s)) collect(c, s, NULL);
	coffer_stream_close(s);
	return more;
}

static uint64_t open_all(struct stream_thread *t, struct coffer *c)
{
	uint64_t begun = 0, count = 0;
	while (open_once(t, c, NULL, &begun, &count)) continue;
	t->segments = count;
	return begun;
}

static void *stream_main(void *arg)
{
	struct stream_thread *t = arg;
	struct coffer *c = connection();
	uint64_t begun = t->work == OPEN ? open_all(t, c) : seal_all(t, c);
	t->ns = bench_now_ns() - begun;
	coffer_close(c);
	return NULL;
}

/* Seals the stream that will be opened, opens it once and compares; a changed bit is refused. */
static void prepare(void)
{
	struct coffer_stream *s;
	struct coffer *c = connection();
	size_t len, room = STREAM_BYTES;
	uint8_t *back = malloc(room);
	plain = malloc(room);
	sealed = malloc(segments() * sealed_size());
	bench_must(plain && sealed && back, "memory for a stream");
	for (size_t i = 0; i < room; i++) plain[i] = (uint8_t)(i * 31 + i / segment);
	must(c, coffer_stream_seal(c, key_name, NULL, 0, (uint32_t)segment, header, &s));
	for (size_t i = 0; i < segments(); i++) {
		must(c, coffer_stream_send(s, plain + i * segment, segment, i == segments() - 1));
		must(c, coffer_stream_collect(s, sealed + i * sealed_size(), sealed_size(), &len));
	}
	coffer_stream_close(s);
	open_once(NULL, c, back, NULL, NULL);
	bench_must(memcmp(plain, back, room) == 0, "comparing what was opened");
	sealed[100] ^= 1;
	must(c, coffer_stream_open(c, NULL, 0, header, &s));
	must(c, coffer_stream_send(s, sealed, sealed_size(), 0));
	bench_must(coffer_stream_collect(s, back, segment, &len) == COFFER_EINTEGRITY, "refusing a changed segment");
	sealed[100] ^= 1;
	coffer_stream_close(s);
	coffer_close(c);
	free(back);
}

static void stream_measure(enum work work, const char *engine, pid_t pid, unsigned ms, unsigned count)
{
	static const char *const names[] = { "seal", "seal, filled", "open" };
	struct stream_thread threads[THREADS_MAX] = { { 0 } };
	const struct timespec window = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };
	double gbps = 0, segments = 0;
	go = stop = false;
	ready = 0;
	for (unsigned i = 0; i < count; i++) {
		threads[i].work = work;
		bench_must(pthread_create(&threads[i].thread, NULL, stream_main, &threads[i]) == 0, "starting a thread");
	}
	while (ready < count) sched_yield();
	uint64_t cpu = bench_cpu_ns(pid, "worker");
	go = true;
	nanosleep(&window, NULL);
	stop = true;
	cpu = bench_cpu_ns(pid, "worker") - cpu;
	for (unsigned i = 0; i < count; i++) {
		pthread_join(threads[i].thread, NULL);
		gbps += (double)threads[i].segments * (double)segment / (double)threads[i].ns;
		segments += (double)threads[i].segments;
	}
	printf("{\"part\":\"b\",\"what\":\"stream\",\"engine\":\"%s\",\"op\":\"%s\",\"segment\":%zu,\"threads\":%u,\"gbps\":%.4f,\"per_core\":%.4f,\"ring\":%s}\n", engine,
		names[work], segment, count, gbps, segments * (double)segment / (double)cpu, threads[0].in_ring ? "true" : "false");
	fflush(stdout);
}

int main(int argc, char **argv)
{
	bool is_raw = argc >= 4 && strcmp(argv[1], "raw") == 0;
	int words = is_raw ? 4 : 8;
	int only = argc == 10 && !is_raw ? (int)bench_number(argv[9], SEAL, OPEN) : -1;
	if (only >= 0) argc--;
	if (argc == words + 1) segment = (size_t)bench_number(argv[words], 1u << STREAM_BITS_MIN, 1u << 20);
	else if (argc != words) argc = 0;
	if (argc && is_raw) return raw(argv[2], (unsigned)bench_number(argv[3], 1, 60000));
	if (!argc || strcmp(argv[1], "stream") != 0)
		bench_die("usage: bench_stream raw ENGINE MS [SEGMENT] | stream SOCKET PID KEY ENGINE MS THREADS [SEGMENT]");
	path = argv[2];
	key_name = argv[4];
	pid_t pid = (pid_t)bench_number(argv[3], 1, 1u << 30);
	unsigned ms = (unsigned)bench_number(argv[6], 1, 60000), count = (unsigned)bench_number(argv[7], 1, THREADS_MAX);
	prepare();
	for (enum work work = SEAL; work <= OPEN; work++)
		if (only < 0 || only == (int)work) stream_measure(work, argv[5], pid, ms, count);
	return 0;
}
