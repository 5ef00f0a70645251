/* Small requests as frames that are ready: what the daemon can answer, without a library in between.
 *
 *     bench_frames OPERATION KEY BYTES IN_FLIGHT CONNECTIONS SECONDS
 *
 * OPERATION is seal, open, encrypt or decrypt (AES-GCM). Each connection has a thread that keeps IN_FLIGHT requests under way: it sends as many at once
 * as answers came at once, and polls for 50 us before it sleeps. One line is printed: answers a second, and the daemon's processor time for each. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "kmip/message.h"
#include "kmip/values.h"

#define FRAME_MAX (256u * 1024u)
#define IN_FLIGHT_MAX 1024u
#define POLL_NS 50000u

struct frame {
	uint8_t bytes[FRAME_MAX];
	size_t len, answer_len;
};

struct client {
	pthread_t thread;
	const struct frame *frame;
	size_t in_flight;
	uint64_t answers;
};

static atomic_bool stop;

static void die(const char *what)
{
	fprintf(stderr, "bench_frames: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int connect_daemon(void)
{
	const char *path = getenv("COFFER_SOCKET");
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	if (!path || strlen(path) >= sizeof to.sun_path) die("COFFER_SOCKET is not set");
	memcpy(to.sun_path, path, strlen(path) + 1);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) != 0) die("connecting");
	return fd;
}

static void send_all(int fd, const uint8_t *from, size_t len)
{
	while (len) {
		ssize_t n = send(fd, from, len, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR) continue;
		if (n <= 0) die("sending");
		from += n;
		len -= (size_t)n;
	}
}

/* Bytes that are there, after a short time of asking. */
static size_t receive(int fd, uint8_t *to, size_t room)
{
	uint64_t until = now_ns() + POLL_NS;
	for (;;) {
		ssize_t n = recv(fd, to, room, now_ns() < until ? MSG_DONTWAIT : 0);
		if (n > 0) return (size_t)n;
		if (n == 0) die("the daemon closed the connection");
		if (errno != EAGAIN && errno != EINTR) die("receiving");
	}
}

static size_t ask(int fd, const struct frame *frame, uint8_t *answer)
{
	size_t have = 0, size = TTLV_HEADER_LEN;
	send_all(fd, frame->bytes, frame->len);
	while (have < size) {
		have += receive(fd, answer + have, FRAME_MAX - have);
		if (have >= TTLV_HEADER_LEN && ttlv_frame_size(view_of(answer, have), TAG_RESPONSE_MESSAGE, FRAME_MAX, &size) != ERR_OK)
			die("an answer that is none");
	}
	return size;
}

struct making {
	struct writer w;
	struct kmip_request_mark request;
	struct kmip_item_mark item;
};

static void begin(struct making *m, struct frame *frame, uint32_t operation)
{
	writer_init(&m->w, frame->bytes, sizeof frame->bytes);
	m->request = kmip_request_begin(&m->w, KMIP_VERSION_HIGHEST, 0, 1);
	m->item = kmip_request_item_begin(&m->w, &(struct kmip_item_id){ .operation = operation });
}

static void end(struct making *m, struct frame *frame)
{
	kmip_item_end(&m->w, m->item);
	kmip_request_end(&m->w, m->request);
	if (writer_done(&m->w) != ERR_OK) die("the request is too large");
	frame->len = writer_len(&m->w);
}

static void put_gcm(struct making *m, bool random_iv)
{
	struct ttlv_mark params = ttlv_begin(&m->w, TAG_CRYPTOGRAPHIC_PARAMETERS);
	ttlv_put_enum(&m->w, TAG_BLOCK_CIPHER_MODE, BLOCK_CIPHER_MODE_GCM);
	if (random_iv) ttlv_put_bool(&m->w, TAG_RANDOM_IV, true);
	ttlv_put_i32(&m->w, TAG_TAG_LENGTH, 16);
	ttlv_end(&m->w, params);
}

/* Field of a successful answer. */
static struct view field(const uint8_t *answer, size_t len, uint32_t tag)
{
	static struct kmip_response parsed;
	struct ttlv_limits limits = ttlv_limits_of(FRAME_MAX);
	struct ttlv_item item;
	if (kmip_response_parse(view_of(answer, len), &limits, &parsed, NULL) != ERR_OK || parsed.count != 1) die("the answer is malformed");
	if (parsed.items[0].err != ERR_OK) {
		fprintf(stderr, "%.*s\n", (int)parsed.items[0].message.len, (const char *)parsed.items[0].message.ptr);
		die("the daemon refused");
	}
	while (ttlv_next(&parsed.items[0].payload, &item))
		if (item.tag == tag) return item.value;
	return view_of(NULL, 0);
}

static void make_seal(struct frame *frame, const char *key, struct view plain)
{
	struct making m;
	begin(&m, frame, OPERATION_COFFER_SEAL);
	ttlv_put_str(&m.w, TAG_COFFER_KEY_NAME, key);
	ttlv_put_bytes(&m.w, TAG_COFFER_PLAINTEXT, plain);
	end(&m, frame);
}

static void make_encrypt(struct frame *frame, struct view id, struct view plain)
{
	struct making m;
	begin(&m, frame, OPERATION_ENCRYPT);
	ttlv_put_text(&m.w, TAG_UNIQUE_IDENTIFIER, id);
	put_gcm(&m, true);
	ttlv_put_bytes(&m.w, TAG_DATA, plain);
	end(&m, frame);
}

static void make_open(struct frame *frame, struct view sealed)
{
	struct making m;
	begin(&m, frame, OPERATION_COFFER_OPEN);
	ttlv_put_bytes(&m.w, TAG_COFFER_SEALED_DATA, sealed);
	end(&m, frame);
}

static void make_decrypt(struct frame *frame, struct view id, const uint8_t *answer, size_t len)
{
	struct making m;
	begin(&m, frame, OPERATION_DECRYPT);
	ttlv_put_text(&m.w, TAG_UNIQUE_IDENTIFIER, id);
	put_gcm(&m, false);
	ttlv_put_bytes(&m.w, TAG_DATA, field(answer, len, TAG_DATA));
	ttlv_put_bytes(&m.w, TAG_IV_COUNTER_NONCE, field(answer, len, TAG_IV_COUNTER_NONCE));
	ttlv_put_bytes(&m.w, TAG_AUTHENTICATED_ENCRYPTION_TAG, field(answer, len, TAG_AUTHENTICATED_ENCRYPTION_TAG));
	end(&m, frame);
}

/* The frame that will be sent over and over. */
static void prepare(int fd, struct frame *frame, const char *operation, const char *key, size_t bytes)
{
	static uint8_t plain[FRAME_MAX], first[FRAME_MAX], answer[FRAME_MAX];
	struct view text = view_of(plain, bytes);
	make_seal(frame, key, text);
	size_t len = ask(fd, frame, first);
	struct view id = field(first, len, TAG_UNIQUE_IDENTIFIER);
	if (strcmp(operation, "open") == 0) make_open(frame, field(first, len, TAG_COFFER_SEALED_DATA));
	if (strcmp(operation, "encrypt") == 0 || strcmp(operation, "decrypt") == 0) make_encrypt(frame, id, text);
	if (strcmp(operation, "decrypt") == 0) {
		len = ask(fd, frame, answer);
		make_decrypt(frame, id, answer, len);
	}
	frame->answer_len = ask(fd, frame, answer);
	if (field(answer, frame->answer_len, TAG_UNIQUE_IDENTIFIER).len == 0) die("the answer is not that of the operation");
}

/* The requests of one connection, over and over; the ring of bytes holds in_flight of them. */
struct flow {
	int fd;
	uint8_t *out, *in;
	size_t out_len, at, owed; /* bytes of the ring; where the next one is; bytes to be sent */
	size_t room, have;
};

/* Never waits: the daemon reads no more while its answers pile up. */
static void send_owed(struct flow *f)
{
	while (f->owed) {
		size_t len = f->out_len - f->at < f->owed ? f->out_len - f->at : f->owed;
		ssize_t n = send(f->fd, f->out + f->at, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR) continue;
		if (n < 0 && errno == EAGAIN) return;
		if (n <= 0) die("sending");
		f->at = (f->at + (size_t)n) % f->out_len;
		f->owed -= (size_t)n;
	}
}

static void wait_for(const struct flow *f)
{
	struct pollfd p = { .fd = f->fd, .events = (short)(POLLIN | (f->owed ? POLLOUT : 0)) };
	poll(&p, 1, 100);
}

static size_t receive_some(struct flow *f, uint64_t *idle_since)
{
	ssize_t n = recv(f->fd, f->in, f->room, MSG_DONTWAIT);
	if (n == 0) die("the daemon closed the connection");
	if (n < 0 && errno != EAGAIN && errno != EINTR) die("receiving");
	if (n > 0) {
		*idle_since = 0;
		return (size_t)n;
	}
	uint64_t now = now_ns();
	if (*idle_since == 0) *idle_since = now;
	if (now - *idle_since > POLL_NS) wait_for(f);
	return 0;
}

static void *run_client(void *arg)
{
	struct client *c = arg;
	const struct frame *frame = c->frame;
	AUTO_FREE uint8_t *out = malloc(c->in_flight * frame->len);
	AUTO_FREE uint8_t *in = malloc(c->in_flight * frame->answer_len);
	if (!out || !in) die("memory");
	struct flow f = { .fd = connect_daemon(), .out = out, .in = in, .out_len = c->in_flight * frame->len, .room = c->in_flight * frame->answer_len };
	uint64_t idle_since = 0;
	for (size_t i = 0; i < c->in_flight; i++) memcpy(out + i * frame->len, frame->bytes, frame->len);
	f.owed = f.out_len;
	while (!stop) {
		send_owed(&f);
		f.have += receive_some(&f, &idle_since);
		size_t whole = f.have / frame->answer_len;
		f.have %= frame->answer_len;
		c->answers += whole;
		f.owed += whole * frame->len;
	}
	close(f.fd);
	return NULL;
}

/* Processor time of all threads of the process at the other end. */
static double daemon_seconds(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof peer;
	char path[64 + NAME_MAX];
	unsigned long long ns = 0, of_thread;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0) die("SO_PEERCRED");
	snprintf(path, sizeof path, "/proc/%d/task", (int)peer.pid);
	DIR *tasks = opendir(path);
	if (!tasks) return 0;
	for (struct dirent *e; (e = readdir(tasks)) != NULL;) {
		snprintf(path, sizeof path, "/proc/%d/task/%s/schedstat", (int)peer.pid, e->d_name);
		AUTO_FILE FILE *f = e->d_name[0] == '.' ? NULL : fopen(path, "r");
		if (f && fscanf(f, "%llu", &of_thread) == 1) ns += of_thread;
	}
	closedir(tasks);
	return (double)ns / 1e9;
}

static uint64_t run_all(struct client *clients, size_t count, double seconds)
{
	uint64_t answers = 0;
	for (size_t i = 0; i < count; i++)
		if (pthread_create(&clients[i].thread, NULL, run_client, &clients[i]) != 0) die("a thread");
	nanosleep(&(struct timespec){ .tv_sec = (time_t)seconds, .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9) }, NULL);
	stop = true;
	for (size_t i = 0; i < count; i++) {
		pthread_join(clients[i].thread, NULL);
		answers += clients[i].answers;
	}
	return answers;
}

int main(int argc, char **argv)
{
	static struct frame frame;
	if (argc != 7) {
		fprintf(stderr, "usage: bench_frames seal|open|encrypt|decrypt KEY BYTES IN_FLIGHT CONNECTIONS SECONDS\n");
		return 2;
	}
	size_t bytes = strtoul(argv[3], NULL, 10), in_flight = strtoul(argv[4], NULL, 10), count = strtoul(argv[5], NULL, 10);
	double seconds = strtod(argv[6], NULL);
	struct client clients[64] = { 0 };
	if (bytes > FRAME_MAX / 2 || in_flight < 1 || in_flight > IN_FLIGHT_MAX || count < 1 || count > 64 || !(seconds > 0 && seconds <= 3600)) die("a number is out of range");
	int fd = connect_daemon();
	prepare(fd, &frame, argv[1], argv[2], bytes);
	for (size_t i = 0; i < count; i++) clients[i] = (struct client){ .frame = &frame, .in_flight = in_flight };
	double cpu = daemon_seconds(fd);
	uint64_t began = now_ns();
	uint64_t answers = run_all(clients, count, seconds);
	double took = (double)(now_ns() - began) / 1e9;
	cpu = daemon_seconds(fd) - cpu;
	printf("%-8s %6zu bytes, %4zu in flight, %zu connections: %9.0f/s, %7.0f ns of the daemon's processor time each\n", argv[1], bytes, in_flight, count,
		(double)answers / took, answers ? cpu * 1e9 / (double)answers : 0);
	close(fd);
	return answers ? 0 : 1;
}
