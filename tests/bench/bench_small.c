/* Small operations: cofferd beside the ideal server (ideal_server.c), in turns, cell by cell; a line of JSON for each measurement. Before a cell is measured
 * both servers show that what they give back can be opened, and that one bit changed cannot.
 *
 *   bench_small --table sealed|kmip --coffer SOCKET --coffer-pid N --ideal SOCKET --ideal-pid N --tap PATH --key NAME --uuid UUID
 *               [--rounds N] [--ms N] [--poll-us N] [--settle-ms N] [--sizes a,b] [--threads a,b] [--flight a,b] [--only-coffer] */
#include <getopt.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "client/include/coffer.h"
#include "common.h"
#include "crypto/aead.h"
#include "crypto/envelope.h"
#include "crypto/ossl_mem.h"
#include "frames.h"
#include "ideal.h"
#include "lane.h"
#include "tap.h"

#define THREADS_MAX 16u
#define LIST_MAX 16u

struct list { unsigned at[LIST_MAX]; size_t count; };

static struct options {
	const char *coffer, *ideal, *tap, *key, *uuid;
	pid_t coffer_pid, ideal_pid;
	bool kmip, only_coffer;
	unsigned rounds, ms, poll_us, settle_ms; /* settle_ms: until the scheduler has found places for several clients and the workers that serve them */
	struct list sizes, threads, flights;
} opt = { .rounds = 5, .ms = 150, .poll_us = 100, .settle_ms = 250, .sizes = { { 64, 256, 4096, 65536 }, 4 }, .threads = { { 1, 2 }, 2 }, .flights = { { 1, 16, 64 }, 3 } };

struct cell {
	bool open;
	unsigned size, threads, flight;
	uint8_t *text;                    /* plaintext */
	uint8_t *sealed;                  /* by cofferd: a sealed message */
	size_t sealed_len;
	struct buf request, answer;       /* of cofferd, KMIP: the request of this cell and its first answer */
	uint8_t *ideal_request;
	struct ideal_hello hello;
};

static const char *op_name(const struct cell *c)
{
	if (opt.kmip) return c->open ? "decrypt" : "encrypt";
	return c->open ? "open" : "seal";
}

/* ---- what the servers give back can be opened ---- */

static struct coffer *library(const char *path)
{
	struct coffer *c;
	const struct coffer_options options = { .size = sizeof options, .server_uid = path == opt.tap ? (int64_t)geteuid() : -1 };
	enum coffer_status st = coffer_connect(path, &options, &c);
	if (st) bench_die("libcoffer: %s", coffer_strerror(st));
	return c;
}

static void check_sealed(struct cell *cell)
{
	size_t n = 0, cap = cell->size + COFFER_MESSAGE_OVERHEAD;
	uint8_t *plain = malloc(cap);
	struct coffer *c = library(opt.coffer);
	bench_must(plain && coffer_encrypt(c, opt.key, NULL, 0, cell->text, cell->size, cell->sealed, cap, &cell->sealed_len) == COFFER_OK, "sealing");
	bench_must(coffer_decrypt(c, NULL, 0, cell->sealed, cell->sealed_len, plain, cap, &n) == COFFER_OK && n == cell->size &&
		memcmp(plain, cell->text, n) == 0, "opening what cofferd sealed");
	cell->sealed[cell->sealed_len - 1] ^= 1;
	bench_must(coffer_decrypt(c, NULL, 0, cell->sealed, cell->sealed_len, plain, cap, &n) == COFFER_EINTEGRITY, "refusing a changed message");
	cell->sealed[cell->sealed_len - 1] ^= 1;
	coffer_close(c);
	free(plain);
}

static void check_kmip(struct cell *cell)
{
	struct buf encrypt, encrypted, decrypt, decrypted;
	struct frame_parts parts, back;
	int fd = bench_connect(opt.coffer);
	frame_encrypt(opt.uuid, view_of(cell->text, cell->size), &encrypt);
	frame_ask(fd, buf_view(&encrypt), &encrypted);
	frame_parts(buf_view(&encrypted), &parts);
	bench_must(parts.data.len == cell->size && parts.iv.len == FRAME_IV_LEN && parts.tag.len == FRAME_TAG_LEN, "reading what Encrypt gave");
	frame_decrypt(opt.uuid, parts.data, parts.iv, parts.tag, &decrypt);
	frame_ask(fd, buf_view(&decrypt), &decrypted);
	frame_parts(buf_view(&decrypted), &back);
	bench_must(back.data.len == cell->size && memcmp(back.data.ptr, cell->text, cell->size) == 0, "decrypting what cofferd encrypted");
	close(fd);
	cell->request = cell->open ? decrypt : encrypt;
	cell->answer = cell->open ? decrypted : encrypted;
	buf_free(cell->open ? &encrypt : &decrypt);
	buf_free(cell->open ? &encrypted : &decrypted);
}

/* What the ideal server made of the text, opened here; a bit of it changed does not open. */
static bool opens(const struct cell *cell, uint8_t *made)
{
	size_t n = cell->size;
	uint8_t *plain = malloc(n);
	bool same;
	bench_must(plain != NULL, "memory for a text");
	if (opt.kmip) {
		struct aead_key *key;
		bench_must(aead_key_new(ideal_key, sizeof ideal_key, &key) == ERR_OK, "making a key");
		same = aead_open(key, made + n, NULL, 0, view_of(made, n), made + n + IDEAL_IV_LEN, plain) == ERR_OK;
		aead_key_free(key);
	} else {
		struct xaes_key *key;
		bench_must(xaes_key_new(ideal_key, &key) == ERR_OK, "making a key");
		same = envelope_open(key, ENVELOPE_MESSAGE, view_of(made, n + IDEAL_SEALED_MORE), view_of(NULL, 0), plain) == ERR_OK;
		xaes_key_free(key);
	}
	same = same && memcmp(plain, cell->text, n) == 0;
	free(plain);
	return same;
}

/* One request to the ideal server by itself; the caller frees the answer. */
static uint8_t *ask_ideal(const struct ideal_hello *hello, const uint8_t *request)
{
	uint8_t *answer = malloc(hello->answer_len);
	int fd = bench_connect(opt.ideal);
	bench_must(answer && send(fd, hello, sizeof *hello, MSG_NOSIGNAL) == (ssize_t)sizeof *hello &&
		send(fd, request, hello->request_len, MSG_NOSIGNAL) == (ssize_t)hello->request_len, "asking the ideal server");
	for (size_t at = 0; at < hello->answer_len;) {
		ssize_t n = recv(fd, answer + at, hello->answer_len - at, 0);
		bench_must(n > 0, "the ideal server's answer");
		at += (size_t)n;
	}
	close(fd);
	return answer;
}

/* Seals with the ideal server, looks at it, and (to measure opening) makes that the request. */
static void prepare_ideal(struct cell *cell, size_t request_len, size_t answer_len)
{
	size_t n = cell->size, more = opt.kmip ? IDEAL_CIPHER_MORE : IDEAL_SEALED_MORE;
	struct ideal_hello h = { IDEAL_MAGIC, opt.kmip ? IDEAL_ENCRYPT : IDEAL_SEAL, (uint32_t)request_len, (uint32_t)answer_len, (uint32_t)n };
	if (cell->open) {
		h.request_len = (uint32_t)answer_len; /* the other way round, for this once */
		h.answer_len = (uint32_t)request_len;
	}
	uint8_t *request = calloc(1, request_len + answer_len);
	bench_must(request && h.request_len >= n && h.answer_len >= n + more, "the ideal server's frames");
	memcpy(request + h.request_len - n, cell->text, n);
	uint8_t *answer = ask_ideal(&h, request), *made = answer + h.answer_len - n - more;
	bench_must(opens(cell, made), "opening what the ideal server sealed");
	made[0] ^= 1;
	bench_must(!opens(cell, made), "refusing what was changed");
	made[0] ^= 1;
	cell->ideal_request = cell->open ? answer : request;
	cell->hello = h;
	if (!cell->open) {
		free(answer);
		return;
	}
	cell->hello = (struct ideal_hello){ IDEAL_MAGIC, opt.kmip ? IDEAL_DECRYPT : IDEAL_OPEN, (uint32_t)request_len, (uint32_t)answer_len, (uint32_t)n };
	uint8_t *plain = ask_ideal(&cell->hello, answer);
	bench_must(memcmp(plain + answer_len - n, cell->text, n) == 0, "what the ideal server opened");
	free(plain);
	free(request);
}

/* ---- bytes of libcoffer's frames ---- */

static void some_operations(struct coffer *c, const struct cell *cell, unsigned count, uint8_t *out)
{
	size_t n, cap = cell->size + COFFER_MESSAGE_OVERHEAD;
	for (unsigned i = 0; i < count; i++) {
#ifdef COFFER_AHEAD
		if (cell->flight > 1) {
			for (unsigned k = 0; k < cell->flight; k++)
				bench_must((cell->open ? coffer_decrypt_send(c, NULL, 0, cell->sealed, cell->sealed_len)
					: coffer_encrypt_send(c, opt.key, NULL, 0, cell->text, cell->size)) == COFFER_OK, "sending ahead");
			while (coffer_under_way(c)) bench_must(coffer_collect(c, out, cap, &n) == COFFER_OK, "collecting");
			continue;
		}
#endif
		bench_must((cell->open ? coffer_decrypt(c, NULL, 0, cell->sealed, cell->sealed_len, out, cap, &n)
			: coffer_encrypt(c, opt.key, NULL, 0, cell->text, cell->size, out, cap, &n)) == COFFER_OK, "an operation through the tap");
	}
}

/* Bytes of a request and an answer, for each operation. */
static void measure_frames(const struct cell *cell, size_t *request_len, size_t *answer_len)
{
	enum { ROUNDS = 4 };
	struct tap tap;
	uint8_t *out = malloc(cell->size + COFFER_MESSAGE_OVERHEAD);
	bench_must(out != NULL, "memory for a text");
	tap_begin(&tap, opt.tap, opt.coffer);
	struct coffer *c = library(opt.tap);
	some_operations(c, cell, 1, out);
	uint64_t requests = tap.requests, answers = tap.answers;
	some_operations(c, cell, ROUNDS, out);
	uint64_t each = ROUNDS;
#ifdef COFFER_AHEAD
	if (cell->flight > 1) each *= cell->flight;
#endif
	*request_len = (size_t)((tap.requests - requests + each - 1) / each);
	*answer_len = (size_t)((tap.answers - answers + each - 1) / each);
	coffer_close(c);
	tap_end(&tap);
	free(out);
}

/* ---- measuring ---- */

static struct lane_plan plan_of(const struct cell *c, bool ideal)
{
	struct lane_plan p = { .kind = ideal || opt.kmip ? LANE_FRAMES : LANE_LIBRARY, .socket = ideal ? opt.ideal : opt.coffer, .flight = c->flight,
		.poll_us = opt.poll_us, .open = c->open, .key = opt.key };
	if (ideal) {
		p.greeting = view_of(&c->hello, sizeof c->hello);
		p.request = view_of(c->ideal_request, c->hello.request_len);
		p.answer_len = c->hello.answer_len;
	} else if (opt.kmip) {
		p.request = buf_view(&c->request);
		p.answer_len = c->answer.len;
		p.expect = view_of(c->answer.ptr, 8);
	} else {
		p.text = c->open ? view_of(c->sealed, c->sealed_len) : view_of(c->text, c->size);
	}
	return p;
}

static struct timespec milliseconds(unsigned ms)
{
	return (struct timespec){ .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };
}

static void measure(const struct cell *cell, bool ideal, unsigned round)
{
	struct lane lanes[THREADS_MAX] = { { NULL } };
	pthread_t threads[THREADS_MAX];
	_Atomic bool go = false, stop = false;
	_Atomic unsigned ready = 0;
	struct lane_plan plan = plan_of(cell, ideal);
	pid_t pid = ideal ? opt.ideal_pid : opt.coffer_pid;
	unsigned settle_ms = cell->threads > 1 ? opt.settle_ms : 0;
	const struct timespec pause = { .tv_nsec = 500000 }, settle = milliseconds(settle_ms), window = milliseconds(opt.ms);
	double rate = 0, client = 0;
	plan.go = &go;
	plan.stop = &stop;
	plan.ready = &ready;
	for (unsigned i = 0; i < cell->threads; i++) {
		lanes[i].plan = &plan;
		bench_must(pthread_create(&threads[i], NULL, lane_main, &lanes[i]) == 0, "starting a thread");
	}
	while (ready < cell->threads) nanosleep(&pause, NULL);
	nanosleep(&settle, NULL);
	uint64_t cpu = bench_cpu_ns(pid, "worker");
	go = true;
	nanosleep(&window, NULL);
	stop = true;
	cpu = bench_cpu_ns(pid, "worker") - cpu;
	uint64_t ops = 0;
	for (unsigned i = 0; i < cell->threads; i++) {
		pthread_join(threads[i], NULL);
		rate += (double)lanes[i].ops * 1e9 / (double)lanes[i].ns;
		client += (double)lanes[i].cpu_ns;
		ops += lanes[i].ops;
	}
	printf("{\"part\":\"a\",\"table\":\"%s\",\"op\":\"%s\",\"size\":%u,\"threads\":%u,\"flight\":%u,\"side\":\"%s\",\"round\":%u,\"rate\":%.1f,"
		"\"server_us\":%.3f,\"client_us\":%.3f,\"request\":%u,\"answer\":%u}\n", opt.kmip ? "kmip" : "sealed", op_name(cell), cell->size, cell->threads,
		cell->flight, ideal ? "ideal" : "coffer", round, rate, ops ? (double)cpu / 1e3 / (double)ops : 0, ops ? client / 1e3 / (double)ops : 0,
		cell->hello.request_len, cell->hello.answer_len);
	fflush(stdout);
}

static void run_cell(struct cell *cell)
{
	size_t request_len = 0, answer_len = 0;
	cell->text = malloc(cell->size);
	cell->sealed = malloc(cell->size + COFFER_MESSAGE_OVERHEAD);
	bench_must(cell->text && cell->sealed, "memory for a text");
	for (unsigned i = 0; i < cell->size; i++) cell->text[i] = (uint8_t)(i * 7 + 1);
	if (opt.kmip) {
		check_kmip(cell);
		request_len = cell->request.len;
		answer_len = cell->answer.len;
	} else {
		check_sealed(cell);
		measure_frames(cell, &request_len, &answer_len);
	}
	prepare_ideal(cell, request_len, answer_len);
	for (unsigned round = 0; round < opt.rounds; round++) {
		for (unsigned turn = 0; turn < 2; turn++) {
			bool ideal = (round + turn) % 2 == 1;
			if (!ideal || !opt.only_coffer) measure(cell, ideal, round);
		}
	}
	buf_free(&cell->request);
	buf_free(&cell->answer);
	free(cell->ideal_request);
	free(cell->sealed);
	free(cell->text);
}

/* ---- the command line ---- */

static void read_list(const char *text, struct list *out)
{
	char copy[128], *rest = copy;
	snprintf(copy, sizeof copy, "%s", text);
	out->count = 0;
	for (char *word; (word = strsep(&rest, ",")) != NULL && out->count < LIST_MAX;) out->at[out->count++] = (unsigned)bench_number(word, 1, 262144);
}

static void read_option(int which, const char *value)
{
	switch (which) {
	case 't': opt.kmip = strcmp(value, "kmip") == 0; break;
	case 'c': opt.coffer = value; break;
	case 'C': opt.coffer_pid = (pid_t)bench_number(value, 1, 1u << 30); break;
	case 'i': opt.ideal = value; break;
	case 'I': opt.ideal_pid = (pid_t)bench_number(value, 1, 1u << 30); break;
	case 'x': opt.tap = value; break;
	case 'k': opt.key = value; break;
	case 'u': opt.uuid = value; break;
	case 'r': opt.rounds = (unsigned)bench_number(value, 1, 1000); break;
	case 'm': opt.ms = (unsigned)bench_number(value, 1, 60000); break;
	case 'S': opt.settle_ms = (unsigned)bench_number(value, 0, 60000); break;
	case 'p': opt.poll_us = (unsigned)bench_number(value, 0, 100000); break;
	case 's': read_list(value, &opt.sizes); break;
	case 'T': read_list(value, &opt.threads); break;
	case 'f': read_list(value, &opt.flights); break;
	case 'o': opt.only_coffer = true; break;
	default: exit(2);
	}
}

int main(int argc, char **argv)
{
	static const struct option known[] = { { "table", 1, NULL, 't' }, { "coffer", 1, NULL, 'c' }, { "coffer-pid", 1, NULL, 'C' }, { "ideal", 1, NULL, 'i' },
		{ "ideal-pid", 1, NULL, 'I' }, { "tap", 1, NULL, 'x' }, { "key", 1, NULL, 'k' }, { "uuid", 1, NULL, 'u' }, { "rounds", 1, NULL, 'r' },
		{ "ms", 1, NULL, 'm' }, { "poll-us", 1, NULL, 'p' }, { "settle-ms", 1, NULL, 'S' }, { "sizes", 1, NULL, 's' }, { "threads", 1, NULL, 'T' }, { "flight", 1, NULL, 'f' },
		{ "only-coffer", 0, NULL, 'o' }, { 0 } };
	for (int which; (which = getopt_long(argc, argv, "", known, NULL)) != -1;) read_option(which, optarg);
	if (!opt.coffer || !opt.ideal || !opt.tap || !opt.key || !opt.uuid) bench_die("--coffer, --ideal, --tap, --key and --uuid are wanted");
	bench_must(arena_init(4u << 20, false, NULL) == ERR_OK && ossl_mem_install() == ERR_OK, "making the arena");
	for (size_t s = 0; s < opt.sizes.count; s++)
		for (size_t t = 0; t < opt.threads.count; t++)
			for (size_t f = 0; f < opt.flights.count; f++)
				for (int open = 0; open < 2; open++) {
					struct cell cell = { .open = open, .size = opt.sizes.at[s], .threads = opt.threads.at[t], .flight = opt.flights.at[f] };
					bench_must(cell.threads <= THREADS_MAX, "so many threads");
					run_cell(&cell);
				}
	return 0;
}
