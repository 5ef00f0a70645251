/* The ideal server: what a key server could do at most on this machine. The socket, the lengths of frames and the cipher construction of cofferd, and
 * nothing else: frames have a fixed length that the greeting names, so nothing is parsed; there is no policy, no audit, no wiping. It reads all that
 * is there and answers with one write; a thread that had work looks for more before it sleeps, by the same rules as cofferd's workers.
 *
 *   bench_ideal SOCKET THREADS POLL_US [ENGINE]      prints "ready" when it listens; ends with its standard input
 *                                                    (ENGINE: auto, openssl or ipsec-mb, as cofferd's aead_engine) */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "common.h"
#include "crypto/aead.h"
#include "crypto/aead_choose.h"
#include "crypto/ossl_mem.h"
#include "crypto/rng.h"
#include "crypto/selftest.h"
#include "crypto/xaes.h"
#include "ideal.h"

#define THREADS_MAX 64u
#define CONNS_MAX 64u                /* of a thread */
#define LOST_NS 20000u               /* as in src/daemon/worker_poll.c, with all below */
#define MISSED (-8)
#define TRUST_MOST 16
#define PAUSE_FIRST_NS 1000000u
#define PAUSE_MOST_NS 256000000u
#define SPINS_PER_YIELD 4u
#define BUSY_NS 1000000u
#define BUFFER_LEN (2u * 1024u * 1024u + 512u * 1024u)

struct conn {
	struct conn *next; /* of the new ones */
	int fd;
	bool greeted;
	struct ideal_hello hello;
	uint8_t *in, *out;
	size_t in_len, out_len, out_sent;
};

struct server_thread {
	pthread_t thread;
	int epoll_fd;
	uint64_t window_ns, off_until_ns, pause_ns; /* looking for work before sleeping, as src/daemon/worker_poll.c does */
	int trust;
	_Atomic uint64_t served_ns;
	_Atomic(struct conn *) news;   /* put there by the main thread */
	struct conn *conns[CONNS_MAX]; /* this thread's alone */
	size_t count;
	struct xaes_key *xaes;
	struct aead_key *gcm;
	struct rng_pool *rng;
};

static struct server_thread threads[THREADS_MAX];
static unsigned thread_count;
static _Atomic unsigned lookers;

static const uint8_t message_header[IDEAL_HEADER_LEN] = { 'C', 'F', 'R', '1', 1, [27] = 1 };

static enum coffer_err seal(struct server_thread *t, struct view text, uint8_t *out)
{
	uint8_t *nonce = out + IDEAL_HEADER_LEN - XAES_NONCE_LEN;
	memcpy(out, message_header, IDEAL_HEADER_LEN);
	TRY(rng_pool_bytes(t->rng, nonce, XAES_NONCE_LEN));
	const struct view aad[] = { view_of(out, IDEAL_HEADER_LEN), view_of(NULL, 0) };
	return xaes_seal(t->xaes, nonce, aad, 2, text, out + IDEAL_HEADER_LEN);
}

static enum coffer_err unseal(struct server_thread *t, struct view sealed, uint8_t *out)
{
	const struct view aad[] = { view_of(sealed.ptr, IDEAL_HEADER_LEN), view_of(NULL, 0) };
	struct view body = view_of(sealed.ptr + IDEAL_HEADER_LEN, sealed.len - IDEAL_HEADER_LEN);
	return xaes_open(t->xaes, sealed.ptr + IDEAL_HEADER_LEN - XAES_NONCE_LEN, aad, 2, body, out);
}

static enum coffer_err encrypt(struct server_thread *t, struct view text, uint8_t *out)
{
	uint8_t *iv = out + text.len;
	TRY(rng_pool_bytes(t->rng, iv, IDEAL_IV_LEN));
	return aead_seal(t->gcm, iv, NULL, 0, text, out, iv + IDEAL_IV_LEN);
}

static enum coffer_err decrypt(struct server_thread *t, struct view ct, uint8_t *out)
{
	const uint8_t *iv = ct.ptr + ct.len - IDEAL_CIPHER_MORE;
	return aead_open(t->gcm, iv, NULL, 0, view_of(ct.ptr, ct.len - IDEAL_CIPHER_MORE), iv + IDEAL_IV_LEN, out);
}

/* The frame's text at its end, and the answer's. */
static enum coffer_err answer(struct server_thread *t, const struct ideal_hello *h, const uint8_t *frame, uint8_t *out)
{
	const uint8_t *end = frame + h->request_len;
	uint8_t *out_end = out + h->answer_len;
	size_t n = h->text_len;
	switch ((enum ideal_op)h->op) {
	case IDEAL_SEAL: return seal(t, view_of(end - n, n), out_end - n - IDEAL_SEALED_MORE);
	case IDEAL_OPEN: return unseal(t, view_of(end - n - IDEAL_SEALED_MORE, n + IDEAL_SEALED_MORE), out_end - n);
	case IDEAL_ENCRYPT: return encrypt(t, view_of(end - n, n), out_end - n - IDEAL_CIPHER_MORE);
	case IDEAL_DECRYPT: return decrypt(t, view_of(end - n - IDEAL_CIPHER_MORE, n + IDEAL_CIPHER_MORE), out_end - n);
	}
	return ERR_FIELD;
}

static bool greet(struct conn *c)
{
	struct ideal_hello *h = &c->hello;
	if (c->in_len < sizeof *h) return true;
	memcpy(h, c->in, sizeof *h);
	c->in_len -= sizeof *h;
	memmove(c->in, c->in + sizeof *h, c->in_len);
	c->greeted = true;
	bool sealing = h->op == IDEAL_SEAL || h->op == IDEAL_OPEN;
	size_t more = sealing ? IDEAL_SEALED_MORE : IDEAL_CIPHER_MORE;
	bool in_more = h->op == IDEAL_OPEN || h->op == IDEAL_DECRYPT;
	return h->magic == IDEAL_MAGIC && h->op >= IDEAL_SEAL && h->op <= IDEAL_DECRYPT && h->request_len <= IDEAL_FRAME_MAX && h->answer_len <= IDEAL_FRAME_MAX &&
		h->request_len >= h->text_len + (in_more ? more : 0) && h->answer_len >= h->text_len + (in_more ? 0 : more);
}

/* Every whole frame that there is. False: the connection ends. */
static bool work(struct server_thread *t, struct conn *c)
{
	const struct ideal_hello *h = &c->hello;
	size_t at = 0;
	if (!c->greeted && !greet(c)) return false;
	if (!c->greeted) return true;
	while (c->in_len - at >= h->request_len && c->out_len + h->answer_len <= BUFFER_LEN) {
		if (answer(t, h, c->in + at, c->out + c->out_len) != ERR_OK) return false;
		at += h->request_len;
		c->out_len += h->answer_len;
	}
	c->in_len -= at;
	if (at && c->in_len) memmove(c->in, c->in + at, c->in_len);
	return true;
}

/* 1: something was done; 0: nothing to do; -1: the connection ended. */
static int serve(struct server_thread *t, struct conn *c)
{
	int did = 0;
	if (c->out_sent == c->out_len) {
		ssize_t n = recv(c->fd, c->in + c->in_len, BUFFER_LEN - c->in_len, MSG_DONTWAIT);
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) return -1;
		if (n < 0) return 0;
		c->in_len += (size_t)n;
		c->out_len = c->out_sent = 0;
		if (!work(t, c)) return -1;
		did = 1;
	}
	if (c->out_sent == c->out_len) return did;
	ssize_t n = send(c->fd, c->out + c->out_sent, c->out_len - c->out_sent, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0) return errno == EAGAIN || errno == EINTR ? did : -1;
	c->out_sent += (size_t)n;
	return 1;
}

static void drop(struct server_thread *t, size_t i)
{
	struct conn *c = t->conns[i];
	t->conns[i] = t->conns[--t->count];
	close(c->fd);
	free(c->in);
	free(c->out);
	free(c);
}

/* Sleeps until a connection can be read, or written where an answer waits. */
static void wait_for_work(struct server_thread *t)
{
	struct epoll_event events[16];
	bool changed = false;
	for (size_t i = 0; i < t->count; i++) {
		struct conn *c = t->conns[i];
		struct epoll_event e = { .events = EPOLLOUT, .data.ptr = c };
		if (c->out_sent < c->out_len) changed = epoll_ctl(t->epoll_fd, EPOLL_CTL_MOD, c->fd, &e) == 0 || changed;
	}
	epoll_wait(t->epoll_fd, events, 16, -1);
	for (size_t i = 0; i < t->count && changed; i++) {
		struct epoll_event e = { .events = EPOLLIN, .data.ptr = t->conns[i] };
		epoll_ctl(t->epoll_fd, EPOLL_CTL_MOD, t->conns[i]->fd, &e);
	}
}

static void adopt(struct server_thread *t)
{
	for (struct conn *c = atomic_exchange(&t->news, NULL), *next; c; c = next) {
		next = c->next;
		bench_must(t->count < CONNS_MAX, "serving so many connections");
		t->conns[t->count++] = c;
	}
}

/* Everything that is there; false: nothing was. */
static bool serve_all(struct server_thread *t)
{
	bool did = false;
	if (atomic_load_explicit(&t->news, memory_order_relaxed)) adopt(t);
	for (size_t i = t->count; i-- > 0;) {
		int rc = serve(t, t->conns[i]);
		if (rc < 0) drop(t, i);
		else did = did || rc > 0;
	}
	return did;
}

/* True: something came. False: it is time to sleep, for nothing came, or because somebody else wants the processor. */
static bool look(struct server_thread *t)
{
	uint64_t before = bench_now_ns(), until = before + t->window_ns;
	for (unsigned spin = 1;; spin++) {
		if (serve_all(t)) return true;
		uint64_t now = bench_now_ns();
		if (now - before > LOST_NS) {
			t->pause_ns = t->pause_ns ? t->pause_ns * 2 : PAUSE_FIRST_NS;
			if (t->pause_ns > PAUSE_MOST_NS) t->pause_ns = PAUSE_MOST_NS;
			t->off_until_ns = now + t->pause_ns;
			return false;
		}
		if (now >= until) {
			t->trust = MISSED;
			return false;
		}
		before = now;
		if (spin % SPINS_PER_YIELD == 0) sched_yield();
	}
}

static unsigned busy_now(uint64_t now)
{
	unsigned busy = 0;
	for (unsigned i = 0; i < thread_count; i++)
		if (atomic_load_explicit(&threads[i].served_ns, memory_order_relaxed) + BUSY_NS > now) busy++;
	return busy;
}

/* As in src/daemon/worker_poll.c. */
static unsigned room(uint64_t now)
{
	unsigned busy = busy_now(now), half = thread_count > 3 ? thread_count / 2 : 1, left = thread_count > busy ? thread_count - busy : 0;
	return left < half ? left : half;
}

static bool takes_place(uint64_t now)
{
	if (atomic_fetch_add(&lookers, 1) < room(now)) return true;
	atomic_fetch_sub(&lookers, 1);
	return false;
}

static void *thread_main(void *arg)
{
	struct server_thread *t = arg;
	uint64_t slept = 0;
	prctl(PR_SET_NAME, "worker");
	for (;;) {
		wait_for_work(t);
		uint64_t woke = bench_now_ns();
		while (serve_all(t)) continue;
		uint64_t now = bench_now_ns();
		atomic_store_explicit(&t->served_ns, now, memory_order_relaxed);
		if (woke - slept < 3 * t->window_ns && t->trust < TRUST_MOST) t->trust++;
		if (t->trust > 0 && woke >= t->off_until_ns && takes_place(now)) {
			for (unsigned hits = 1; look(t); hits++) {
				if (t->trust < TRUST_MOST) t->trust++;
				if (hits % 4) continue;
				t->pause_ns /= 2;
				now = bench_now_ns();
				atomic_store_explicit(&t->served_ns, now, memory_order_relaxed);
				if (room(now) < lookers) break;
			}
			atomic_fetch_sub(&lookers, 1);
		}
		slept = bench_now_ns();
	}
	return NULL;
}

static void start_thread(struct server_thread *t, unsigned poll_us)
{
	t->window_ns = (uint64_t)poll_us * 1000u;
	t->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	t->rng = rng_pool_new();
	bench_must(t->epoll_fd >= 0 && t->rng && xaes_key_new(ideal_key, &t->xaes) == ERR_OK && aead_key_new(ideal_key, sizeof ideal_key, &t->gcm) == ERR_OK,
		"making a thread's contexts");
	bench_must(pthread_create(&t->thread, NULL, thread_main, t) == 0, "starting a thread");
}

static void take_in(int listener, unsigned next)
{
	struct server_thread *t = &threads[next];
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0) return;
	struct conn *c = calloc(1, sizeof *c);
	bench_must(c && (c->in = malloc(BUFFER_LEN)) && (c->out = calloc(1, BUFFER_LEN)), "memory for a connection");
	c->fd = fd;
	c->next = atomic_load(&t->news);
	while (!atomic_compare_exchange_weak(&t->news, &c->next, c)) continue;
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };
	bench_must(epoll_ctl(t->epoll_fd, EPOLL_CTL_ADD, fd, &e) == 0, "adding a connection");
}

static void choose_engine(const char *name)
{
	struct reason reason = { "" };
	enum aead_choice choice = strcmp(name, "openssl") == 0 ? AEAD_CHOICE_OPENSSL : strcmp(name, "ipsec-mb") == 0 ? AEAD_CHOICE_IPSEC_MB : AEAD_CHOICE_AUTO;
	if (crypto_selftest(&reason) != ERR_OK || aead_choose(choice, &reason) != ERR_OK) bench_die("%s", reason.text);
}

int main(int argc, char **argv)
{
	if (argc < 4) bench_die("usage: bench_ideal SOCKET THREADS POLL_US [ENGINE]");
	thread_count = (unsigned)bench_number(argv[2], 1, THREADS_MAX);
	unsigned poll_us = (unsigned)bench_number(argv[3], 0, 1000000);
	bench_must(arena_init(4u << 20, false, NULL) == ERR_OK && ossl_mem_install() == ERR_OK, "making the arena");
	choose_engine(argc > 4 ? argv[4] : "auto");
	for (unsigned i = 0; i < thread_count; i++) start_thread(&threads[i], poll_us);
	int listener = bench_listen(argv[1]);
	printf("ready\n");
	fflush(stdout);
	for (unsigned next = 0;;) {
		struct pollfd p[] = { { .fd = listener, .events = POLLIN }, { .fd = STDIN_FILENO, .events = POLLIN } };
		if (poll(p, 2, -1) < 0 && errno != EINTR) return 1;
		if (p[1].revents) return 0; /* whoever started it has gone */
		if (p[0].revents) take_in(listener, next++ % thread_count);
	}
}
