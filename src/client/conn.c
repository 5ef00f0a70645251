/* Connecting, and bytes over the connection. */
#include "client/conn.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/ct.h"
#include "client/descriptor.h"
#include "client/portion.h"
#include "client/ring.h"
#include "ttlv/ttlv.h"

#define DEFAULT_SOCKET "/run/coffer/coffer.sock"
#define READ_CHUNK (64u * 1024u)
#define LARGE_ANSWER (32u * 1024u) /* bytes from which on an answer is read by itself, so that no beginning of the next one has to be moved */
#define RETRY_PAUSE_MS 50
#define CONNECT_TRIES 100

enum coffer_status conn_fail(struct coffer *c, enum coffer_status status, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	vsnprintf(c->text, sizeof c->text, fmt, args);
	va_end(args);
	return status;
}

enum coffer_status conn_refuse(struct coffer *c, enum coffer_status status, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	pthread_mutex_lock(&c->lock);
	vsnprintf(c->text, sizeof c->text, fmt, args);
	pthread_mutex_unlock(&c->lock);
	va_end(args);
	return status;
}

enum coffer_status conn_prepare(struct coffer *c, size_t len)
{
	c->aside = view_of(NULL, 0);
	enum coffer_status st = len <= wire_room(&c->out) ? COFFER_OK : wire_make_room(&c->out, len, c->max_memory, WIRE_NO_TAIL);
	if (!st) return COFFER_OK;
	if (st == COFFER_EMEMORY) return conn_fail(c, st, "out of memory");
	return conn_fail(c, COFFER_ETOOLARGE, "the request takes more memory than this connection may use (%zu bytes); send less at a time, or raise max_memory of coffer_options", c->max_memory);
}

static enum coffer_status broken(struct coffer *c, enum coffer_status status, const char *sentence)
{
	c->broken = true;
	c->why = sentence;
	c->why_status = status;
	return conn_fail(c, status, "%s", sentence);
}

/* Nothing after it can be told apart. */
static enum coffer_status garbled(struct coffer *c, enum coffer_status status, const char *sentence)
{
	c->garbled = true;
	return broken(c, status, sentence);
}

/* Of a room: the rest of a large answer alone, and behind one of them no more than another one. least 1: what comes. */
static size_t most_to_read(const struct coffer *c, size_t least, size_t room)
{
	if (c->head_only) return c->head_only - c->in.len;
	size_t most = least > 1 && least + c->in.len >= LARGE_ANSWER ? least : c->in.len == 0 && c->last_large ? c->last_large : room;
	return most < room ? most : room;
}

/* Of what was read, the bytes at the end that are no whole answer yet. */
static size_t tail_of(const struct coffer *c)
{
	const struct wire *in = &c->in;
	size_t at = 0, size = 0;
	while (in->len - at >= TTLV_HEADER_LEN) {
		struct view header = view_of(in->ptr + in->begin + at, TTLV_HEADER_LEN);
		if (ttlv_frame_size(header, TAG_RESPONSE_MESSAGE, c->max_memory, &size) != ERR_OK) return WIRE_NO_TAIL; /* it is found out when its turn comes */
		if (size > in->len - at) break;
		at += size;
	}
	return in->len - at;
}

/* What recv said. */
static enum coffer_status came(struct coffer *c, ssize_t n, bool *out_got)
{
	if (n > 0 && out_got) *out_got = true;
	if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR))) return COFFER_OK;
	return broken(c, COFFER_ECLOSED, "the daemon closed the connection; try again");
}

/* Reads what is there, with room for at least `least` bytes, and for a large piece as long as the memory lasts. *out_got may be NULL. */
static enum coffer_status read_some(struct coffer *c, size_t least, bool *out_got)
{
	if (c->landing) return came(c, landing_recv(c->landing, c->fd), out_got);
	size_t total = wire_total(&c->in), room = c->max_memory > total ? c->max_memory - total : 0;
	size_t want = READ_CHUNK < room ? READ_CHUNK : room;
	bool full = c->in.wrapped && c->in.cap >= c->max_memory; /* a block as large again would hold no more */
	if (want < least || (full && wire_room(&c->in) >= least)) want = least;
	enum coffer_status st = want <= wire_room(&c->in) ? COFFER_OK : wire_make_room(&c->in, want, c->max_memory, tail_of(c));
	if (st == COFFER_EMEMORY) return broken(c, st, "out of memory; the outcome of a change may be unknown: repeat it");
	if (st)
		return garbled(c, COFFER_ETOOLARGE, "the answer takes more memory than this connection may use; ask for less at a time, or raise max_memory of coffer_options");
	uint8_t *at = wire_end(&c->in);
	size_t cap = most_to_read(c, least, wire_room(&c->in));
	ssize_t n = c->takes_descriptor ? descriptor_recv(c->fd, at, cap, &c->descriptor) : recv(c->fd, at, cap, 0);
	if (n > 0) wire_added(&c->in, (size_t)n);
	return came(c, n, out_got);
}

static enum coffer_status late(struct coffer *c)
{
	return broken(c, COFFER_ETIMEOUT, "the daemon did not answer in time; the outcome of a change is unknown: repeat it");
}

static enum coffer_status wait_for(struct coffer *c, short events, uint64_t deadline_ms, short *out_ready)
{
	for (;;) {
		uint64_t now = clock_mono_ms();
		if (now >= deadline_ms) return late(c);
		struct pollfd p = { c->fd, events, 0 };
		int n = poll(&p, 1, deadline_ms - now > 1000 ? 1000 : (int)(deadline_ms - now));
		if (n > 0) {
			*out_ready = p.revents;
			return COFFER_OK;
		}
		if (n < 0 && errno != EINTR) return broken(c, COFFER_ECLOSED, "the connection failed");
	}
}

void conn_put_bytes(struct coffer *c, struct writer *w, uint32_t tag, struct view bytes)
{
	if (bytes.len < CONN_ASIDE_MIN || c->aside.len) {
		ttlv_put_bytes(w, tag, bytes);
		return;
	}
	struct ttlv_space space = ttlv_reserve_bytes(w, tag, bytes.len);
	if (!space.ptr) return; /* the writer has failed */
	ttlv_commit_bytes(w, space, bytes.len);
	c->aside = bytes;
	c->aside_at = space.at;
}

void conn_wipe_request(struct coffer *c, size_t len)
{
	size_t from = c->aside.len ? c->aside_at : len, to = from + c->aside.len;
	wipe(c->out.ptr, from);
	if (to < len) wipe(c->out.ptr + to, len - to);
	conn_leave_request(c);
}

void conn_keep_request(struct coffer *c, size_t len)
{
	if (c->aside.len) conn_wipe_request(c, len);
	else wire_leave(&c->out, len);
}

void conn_leave_request(struct coffer *c)
{
	c->aside = view_of(NULL, 0);
}

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

static struct iovec part_of(const uint8_t *ptr, size_t from, size_t to)
{
	union { const uint8_t *in; void *out; } base = { .in = ptr + from }; /* iovec has no const */
	return (struct iovec){ base.out, to - from };
}

/* The bytes of the request from `from` to `to`: before, aside, behind. */
static ssize_t send_part(struct coffer *c, size_t from, size_t to)
{
	struct iovec parts[3];
	size_t at = c->aside_at, end = at + c->aside.len, count = 0;
	if (c->aside.len == 0) return send(c->fd, c->out.ptr + from, to - from, MSG_NOSIGNAL);
	if (from < at) parts[count++] = part_of(c->out.ptr, from, smaller(at, to));
	if (from < end && at < to) parts[count++] = part_of(c->aside.ptr, from > at ? from - at : 0, smaller(end, to) - at);
	if (end < to) parts[count++] = part_of(c->out.ptr, from > end ? from : end, to);
	return sendmsg(c->fd, &(struct msghdr){ .msg_iov = parts, .msg_iovlen = count }, MSG_NOSIGNAL);
}

/* Where others are under way already the daemon is awake, and is not waited for after each: then it is the kernel's memory that counts, else one wake. */
static size_t next_part(const struct coffer *c, size_t len)
{
	return c->ahead > c->queue.gathered ? portion_of(len) : len;
}

enum coffer_status conn_send(struct coffer *c, size_t len, uint64_t deadline_ms)
{
	size_t sent = 0;
	while (sent < len) {
		ssize_t n = send_part(c, sent, sent + next_part(c, len - sent));
		if (n > 0) {
			sent += (size_t)n;
			continue;
		}
		/* Why the daemon closed may stand in what it said before: that is read next. ECONNRESET: it left something unread. */
		if (n < 0 && (errno == EPIPE || errno == ECONNRESET)) return COFFER_OK;
		if (n < 0 && errno != EAGAIN && errno != EINTR) return broken(c, COFFER_ECLOSED, "the daemon closed the connection; try again");
		short ready;
		enum coffer_status st = wait_for(c, POLLOUT | POLLIN, deadline_ms, &ready);
		if (st) return st;
		if (!(ready & POLLIN)) continue;
		st = read_some(c, 1, NULL);
		if (st == COFFER_ECLOSED && c->in.len) {
			c->text[0] = '\0';
			c->broken = false; /* the same: it may stand in what was read before the end was seen; the next read finds the end again */
			return COFFER_OK;
		}
		if (st) return st;
	}
	return COFFER_OK;
}

enum coffer_status conn_whole_frame(struct coffer *c, size_t *out_size, bool *out_whole)
{
	size_t size = 0;
	struct view have = view_of(c->in.len ? c->in.ptr + c->in.begin : NULL, c->in.len);
	enum coffer_err err = have.len < TTLV_HEADER_LEN ? ERR_OK : ttlv_frame_size(have, TAG_RESPONSE_MESSAGE, c->max_memory, &size);
	if (err == ERR_TOO_LARGE) return garbled(c, COFFER_ETOOLARGE, "the answer takes more memory than this connection may use");
	if (err) return garbled(c, COFFER_EPROTOCOL, "what answers at the socket does not speak Coffer's protocol");
	*out_size = size;
	*out_whole = size && have.len >= size;
	return COFFER_OK;
}

bool conn_has_answer(struct coffer *c)
{
	if (c->broken) return true;
	for (;;) {
		size_t size = 0;
		bool whole = false, got = false;
		enum coffer_status st = conn_whole_frame(c, &size, &whole);
		if (!st && whole) return true;
		if (!st) st = read_some(c, size > c->in.len ? size - c->in.len : 1, &got);
		c->why_unsaid = st != COFFER_OK;
		if (st || !got) return st != COFFER_OK;
	}
}

enum coffer_status conn_is_broken(struct coffer *c)
{
	bool unsaid = c->why_unsaid;
	c->why_unsaid = false;
	if (unsaid) return conn_fail(c, c->why_status, "%s", c->why);
	return conn_fail(c, COFFER_ECLOSED, "the connection is broken; connect again");
}

bool conn_stands(const struct coffer *c)
{
	struct pollfd p = { c->fd, POLLRDHUP, 0 };
	int n;
	do n = poll(&p, 1, 0);
	while (n < 0 && errno == EINTR); /* a signal that waits says so even where nothing waits for the socket */
	return n == 0;
}

/* Reads what comes next: what is there already, else what is seen by looking for a while, else what wakes us. */
static enum coffer_status await_some(struct coffer *c, size_t least, uint64_t deadline_ms)
{
	bool got = false;
	short ready;
	enum coffer_status st = read_some(c, least, &got);
	if (st || got) return st;
	bool look = spin_begin(&c->spin);
	while (look) {
		st = read_some(c, least, &got);
		if (st || got) break;
		look = spin_again(&c->spin);
	}
	if (!st && !got) st = wait_for(c, POLLIN, deadline_ms, &ready);
	if (!st && !got) st = read_some(c, least, NULL);
	spin_end(&c->spin);
	return st;
}

enum coffer_status conn_receive(struct coffer *c, uint64_t deadline_ms, struct view *out)
{
	for (unsigned reads = 0;; reads++) {
		size_t size = 0;
		bool whole = false;
		enum coffer_status st = conn_whole_frame(c, &size, &whole);
		if (st) return st;
		if (whole) {
			c->last_large = size >= LARGE_ANSWER ? size : 0;
			*out = view_of(c->in.ptr + c->in.begin, size);
			return COFFER_OK;
		}
		if (reads && clock_mono_ms() >= deadline_ms) return late(c); /* it drips */
		st = await_some(c, size > c->in.len ? size - c->in.len : 1, deadline_ms);
		if (st) return st;
	}
}

enum coffer_status conn_receive_head(struct coffer *c, size_t len, uint64_t deadline_ms)
{
	enum coffer_status st = COFFER_OK;
	c->head_only = len;
	for (unsigned reads = 0; !st && c->in.len < len; reads++) {
		size_t size = 0;
		bool whole = false;
		st = conn_whole_frame(c, &size, &whole);
		if (st || whole) break;
		if (reads && clock_mono_ms() >= deadline_ms) st = late(c);
		else st = await_some(c, 1, deadline_ms);
	}
	c->head_only = 0;
	return st;
}

enum coffer_status conn_receive_rest(struct coffer *c, struct landing *rest, uint64_t deadline_ms)
{
	enum coffer_status st = COFFER_OK;
	c->landing = rest;
	while (!st && landing_left(rest)) {
		st = await_some(c, 1, deadline_ms);
		if (!st && landing_left(rest) && clock_mono_ms() >= deadline_ms) st = late(c);
	}
	c->landing = NULL;
	if (st) landing_drop(rest);
	return st;
}

void conn_pass_over(struct coffer *c, size_t len)
{
	wire_pass_over(&c->in, len);
}

void conn_consume(struct coffer *c, size_t len)
{
	wipe(c->in.ptr + c->in.begin, len);
	conn_pass_over(c, len);
}

void conn_settle(struct coffer *c)
{
	struct ahead_queue *q = &c->queue;
	if (q->next != q->first) return;
	if (q->unsent) { /* nor will it be sent */
		if (q->secret) wire_leave(&c->out, writer_len(&q->w));
		q->unsent = q->gathered = 0;
		q->secret = q->open = false;
	}
	if (c->broken && !c->lent && wire_total(&c->in)) wire_drop(&c->in); /* nobody can ask for it */
	wire_settle(&c->in);
	wire_settle(&c->out);
}

void conn_take_back(struct coffer *c)
{
	if (c->lent && !c->lent_sealed) wire_leave(&c->in, c->in.begin + c->lent);
	conn_pass_over(c, c->lent);
	c->lent = 0;
	conn_settle(c);
}

/* The daemon must be who it should be, before anything is sent to it. */
static bool peer_trusted(int fd, const char *path, int64_t wanted_uid)
{
	struct ucred peer;
	socklen_t len = sizeof peer;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0) return false;
	if (wanted_uid >= 0) return (int64_t)peer.uid == wanted_uid;
	if (peer.uid == 0 || peer.uid == geteuid()) return true;
	char folder[4096];
	struct stat st;
	snprintf(folder, sizeof folder, "%s", path);
	char *slash = strrchr(folder, '/');
	if (!slash) return false;
	slash[slash == folder ? 1 : 0] = '\0';
	/* The owner of a folder that only he can write decides what stands in it. */
	return stat(folder, &st) == 0 && st.st_uid == peer.uid && !(st.st_mode & (S_IWGRP | S_IWOTH));
}

static enum coffer_status open_socket(const char *path, int64_t uid, uint64_t deadline_ms, int *out_fd)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof address.sun_path) return COFFER_EINVAL;
	memcpy(address.sun_path, path, strlen(path) + 1);
	AUTO_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) return COFFER_EMEMORY;
	/* EAGAIN: the daemon has not accepted those before us yet. */
	unsigned tries = 0;
	while (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
		if (errno != EAGAIN && errno != EINTR) return COFFER_EUNREACHABLE;
		if (++tries > CONNECT_TRIES || !conn_pause(deadline_ms)) return COFFER_EUNREACHABLE;
	}
	if (!peer_trusted(fd, path, uid)) return COFFER_EPEER;
	*out_fd = TAKE_FD(fd);
	return COFFER_OK;
}

/* Callers compiled before there was busy_poll_us, or no_ring, have a shorter structure. */
static bool take_options(const struct coffer_options *from, struct coffer_options *out)
{
	*out = (struct coffer_options){ .server_uid = -1 };
	if (!from) return true;
	if (from->size != sizeof *from && from->size != offsetof(struct coffer_options, no_ring) && from->size != offsetof(struct coffer_options, busy_poll_us))
		return false;
	memcpy(out, from, from->size);
	return out->server_uid >= -1 && out->batch <= COFFER_BATCH_MAX &&
		(out->busy_poll_us <= SPIN_MAX_US || out->busy_poll_us == COFFER_POLL_OFF);
}

enum coffer_status coffer_connect(const char *socket_path, const struct coffer_options *options, struct coffer **out)
{
	struct coffer_options o;
	int fd = -1;
	if (!out || !take_options(options, &o)) return COFFER_EINVAL;
	if (!socket_path) socket_path = secure_getenv("COFFER_SOCKET");
	if (!socket_path || !socket_path[0]) socket_path = DEFAULT_SOCKET;
	uint32_t timeout_ms = o.timeout_ms ? o.timeout_ms : CONN_TIMEOUT_DEFAULT_MS;
	enum coffer_status st = open_socket(socket_path, o.server_uid, clock_mono_ms() + timeout_ms, &fd);
	if (st) return st;
	struct coffer *c = calloc(1, sizeof *c);
	if (!c || pthread_mutex_init(&c->lock, NULL) != 0) {
		free(c);
		close(fd);
		return COFFER_EMEMORY;
	}
	c->path = strdup(socket_path);
	if (!c->path) {
		pthread_mutex_destroy(&c->lock);
		free(c);
		close(fd);
		return COFFER_EMEMORY;
	}
	c->fd = fd;
	c->process = getpid();
	c->server_uid = o.server_uid;
	c->timeout_ms = timeout_ms;
	c->max_memory = o.max_memory ? o.max_memory : CONN_MEMORY_DEFAULT;
	c->no_ring = c->without_ring = o.no_ring != 0;
	c->batch = o.batch;
	spin_init(&c->spin, o.busy_poll_us);
	*out = c;
	return COFFER_OK;
}

bool conn_pause(uint64_t deadline_ms)
{
	if (clock_mono_ms() + RETRY_PAUSE_MS >= deadline_ms) return false;
	struct timespec pause = { 0, RETRY_PAUSE_MS * 1000000L };
	nanosleep(&pause, NULL);
	return true;
}

enum coffer_status conn_reconnect(struct coffer *c, uint64_t deadline_ms)
{
	int fd = -1;
	enum coffer_status st;
	while ((st = open_socket(c->path, c->server_uid, deadline_ms, &fd)) == COFFER_EUNREACHABLE && conn_pause(deadline_ms)) {
	}
	if (st) return broken(c, COFFER_ECLOSED, "the daemon went away and did not come back in time; repeat what you did"); /* an answer to the attempt before may be here */
	close(c->fd);
	c->fd = fd;
	wire_free(&c->in);
	ring_drop(c->ring);
	c->ring = NULL;
	c->without_ring = c->no_ring;
	c->ahead = 0;
	c->socket++;
	c->broken = c->garbled = c->why_unsaid = false;
	return COFFER_OK;
}

void coffer_close(struct coffer *c)
{
	if (!c) return;
	ring_drop(c->ring);
	close(c->fd);
	wire_free(&c->out);
	wire_free(&c->in);
	free(c->path);
	pthread_mutex_destroy(&c->lock);
	wipe(c, sizeof *c);
	free(c);
}

const char *coffer_error(struct coffer *c)
{
	return c ? c->text : "";
}
