/* One client thread: requests in flight over raw frames or over libcoffer. */
#include "lane.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client/include/coffer.h"
#include "client/spin.h"
#include "common.h"

#define WARM_UP_NS 20000000u
#define READ_MAX (512u * 1024u)
#define TEXT_MAX (1024u * 1024u + 4096u)

struct clock_of {
	uint64_t begun, cpu;
	bool warm, counting;
};

/* True as long as the lane goes on: it warms up, and then goes on as before without a pause, but what it does counts from `go` on. */
static bool goes_on(struct lane *lane, struct clock_of *k, uint64_t *ops)
{
	const struct lane_plan *p = lane->plan;
	if (k->counting) return !atomic_load_explicit(p->stop, memory_order_relaxed);
	if (!k->warm && bench_now_ns() - k->begun >= WARM_UP_NS) {
		k->warm = true;
		(*p->ready)++;
	}
	if (!k->warm || !atomic_load_explicit(p->go, memory_order_relaxed)) return true;
	*ops = 0;
	k->counting = true;
	k->cpu = bench_own_cpu_ns();
	k->begun = bench_now_ns();
	return true;
}

static void note(struct lane *lane, const struct clock_of *k, uint64_t ops)
{
	lane->ops = ops;
	lane->ns = bench_now_ns() - k->begun;
	lane->cpu_ns = bench_own_cpu_ns() - k->cpu;
}

/* ---- frames ---- */

struct frames {
	int fd;
	struct spin spin;         /* libcoffer's own way to look before it sleeps */
	uint8_t *block, *in;      /* copies of the request, one behind the other */
	size_t copies;
	uint64_t to_send, at;     /* bytes: still to be sent; sent so far, modulo the block */
	size_t partial;           /* bytes of the answer that is coming in */
	unsigned under_way;
};

static void frames_open(struct frames *f, const struct lane_plan *p)
{
	*f = (struct frames){ .fd = bench_connect(p->socket), .copies = p->flight };
	spin_init(&f->spin, p->poll_us ? p->poll_us : COFFER_POLL_OFF);
	f->block = malloc(p->request.len * f->copies);
	f->in = malloc(READ_MAX);
	bench_must(f->block && f->in, "memory for requests");
	for (size_t i = 0; i < f->copies; i++) memcpy(f->block + i * p->request.len, p->request.ptr, p->request.len);
	if (p->greeting.len) bench_must(send(f->fd, p->greeting.ptr, p->greeting.len, MSG_NOSIGNAL) == (ssize_t)p->greeting.len, "the greeting");
}

static void frames_send(struct frames *f, const struct lane_plan *p)
{
	size_t block = p->request.len * f->copies;
	while (f->to_send) {
		size_t n = block - (size_t)f->at;
		if (n > f->to_send) n = (size_t)f->to_send;
		ssize_t sent = send(f->fd, f->block + f->at, n, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (sent < 0 && (errno == EAGAIN || errno == EINTR)) return;
		bench_must(sent > 0, "sending");
		f->to_send -= (uint64_t)sent;
		f->at = (f->at + (uint64_t)sent) % block;
	}
}

/* As recv; EAGAIN only when there is room for output that waits. */
static ssize_t frames_receive(struct frames *f)
{
	bool writing = f->to_send > 0, look = spin_begin(&f->spin);
	for (;;) {
		ssize_t n = recv(f->fd, f->in, READ_MAX, MSG_DONTWAIT);
		if (n >= 0 || (errno != EAGAIN && errno != EINTR)) {
			spin_end(&f->spin);
			return n;
		}
		if (look && !writing && (look = spin_again(&f->spin))) continue;
		struct pollfd p = { .fd = f->fd, .events = (short)(POLLIN | (writing ? POLLOUT : 0)) };
		if (poll(&p, 1, -1) < 0 && errno != EINTR) return -1;
		if (!writing || (p.revents & POLLIN)) continue;
		spin_end(&f->spin);
		errno = EAGAIN;
		return -1;
	}
}

/* Answers that became whole with the n bytes in f->in. */
static unsigned frames_count(struct frames *f, const struct lane_plan *p, size_t n)
{
	size_t first = f->partial ? p->answer_len - f->partial : 0; /* where an answer begins */
	if (p->expect.len && first + p->expect.len <= n && memcmp(f->in + first, p->expect.ptr, p->expect.len) != 0)
		bench_die("an answer is not as the first one was: the server refused a request");
	size_t whole = (f->partial + n) / p->answer_len;
	f->partial = (f->partial + n) % p->answer_len;
	bench_must(whole <= f->under_way, "counting answers");
	return (unsigned)whole;
}

static void frames_run(struct lane *lane)
{
	const struct lane_plan *p = lane->plan;
	struct clock_of k = { .begun = bench_now_ns() };
	struct frames f;
	uint64_t ops = 0;
	frames_open(&f, p);
	while (goes_on(lane, &k, &ops)) {
		f.to_send += (uint64_t)(p->flight - f.under_way) * p->request.len;
		f.under_way = p->flight;
		frames_send(&f, p);
		ssize_t n = frames_receive(&f);
		if (n < 0 && errno == EAGAIN) continue;
		bench_must(n > 0, "receiving");
		unsigned whole = frames_count(&f, p, (size_t)n);
		f.under_way -= whole;
		ops += whole;
	}
	note(lane, &k, ops);
	close(f.fd);
	free(f.block);
	free(f.in);
}

/* ---- libcoffer ---- */

static void library_must(struct coffer *c, enum coffer_status st)
{
	if (st) bench_die("libcoffer: %s: %s", coffer_strerror(st), coffer_error(c));
}

static void one(struct coffer *c, const struct lane_plan *p, uint8_t *out)
{
	size_t n;
	library_must(c, p->open ? coffer_decrypt(c, NULL, 0, p->text.ptr, p->text.len, out, TEXT_MAX, &n)
		: coffer_encrypt(c, p->key, NULL, 0, p->text.ptr, p->text.len, out, TEXT_MAX, &n));
}

#ifdef COFFER_AHEAD
static void send_one(struct coffer *c, const struct lane_plan *p)
{
	library_must(c, p->open ? coffer_decrypt_send(c, NULL, 0, p->text.ptr, p->text.len) : coffer_encrypt_send(c, p->key, NULL, 0, p->text.ptr, p->text.len));
}

static void collect_one(struct coffer *c)
{
	const void *out;
	size_t n;
	library_must(c, coffer_collect_view(c, &out, &n));
}
#endif

static void library_run(struct lane *lane)
{
	const struct lane_plan *p = lane->plan;
	struct coffer *c;
	struct clock_of k = { .begun = bench_now_ns() };
	uint8_t *out = malloc(TEXT_MAX);
	uint64_t ops = 0;
	enum coffer_status st = coffer_connect(p->socket, NULL, &c);
	if (st || !out) bench_die("libcoffer: %s", coffer_strerror(st));
	for (; goes_on(lane, &k, &ops); ops++) {
#ifdef COFFER_AHEAD
		if (p->flight > 1) {
			while (coffer_under_way(c) < p->flight) send_one(c, p);
			collect_one(c);
			continue;
		}
#endif
		one(c, p, out);
	}
	note(lane, &k, ops);
	coffer_close(c);
	free(out);
}

void *lane_main(void *arg)
{
	struct lane *lane = arg;
	if (lane->plan->kind == LANE_FRAMES) frames_run(lane);
	else library_run(lane);
	return NULL;
}
