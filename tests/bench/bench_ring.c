/* Segments in a ring, memory to memory: what the daemon's workers make of the cipher, beside the bare cipher in the same run.
 *
 *     bench_ring PID KEY [IN_FLIGHT [SEGMENTS [ROUNDS]]]
 *
 * PID is cofferd's (cofferd.pid). Segments of 1 MiB, sealed and opened in turns with the bare cipher, ROUNDS times; medians. "core" is bytes for each second
 * of the daemon's processor time, which is what the machine's other load changes least. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "crypto/aead.h"
#include "crypto/stream.h"
#include "kmip/message.h"

#define SEGMENT ((size_t)1 << STREAM_BITS_DEFAULT)
#define SEALED (SEGMENT + STREAM_TAG_LEN)
#define SLOTS 9u
#define FRAME_MAX 4096u
#define ROUNDS_MAX 99u

struct bench {
	int fd;
	clockid_t clock; /* of the daemon's processor time */
	const char *key;
	uint8_t *ring, *store; /* store: sealed segments in memory of our own */
	size_t slot_bytes, in_flight, segments;
	uint8_t header[STREAM_HEADER_LEN];
	uint8_t answer[FRAME_MAX];
	size_t have;
};

struct rate {
	double wall, core; /* GB/s; core: of the daemon's processor time */
};

static void die(const char *what)
{
	fprintf(stderr, "bench_ring: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double seconds(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Processor time of the daemon, all threads, to the nanosecond. */
static double daemon_seconds(const struct bench *b)
{
	struct timespec t;
	if (clock_gettime(b->clock, &t) != 0) die("the daemon's clock");
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void connect_daemon(struct bench *b)
{
	const char *path = getenv("COFFER_SOCKET");
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	if (!path || strlen(path) >= sizeof to.sun_path) die("COFFER_SOCKET is not set");
	memcpy(to.sun_path, path, strlen(path) + 1);
	b->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (b->fd < 0 || connect(b->fd, (struct sockaddr *)&to, sizeof to) != 0) die("connecting");
}

struct asking {
	uint8_t bytes[FRAME_MAX];
	struct writer w;
	struct kmip_request_mark request;
	struct kmip_item_mark item;
};

static void begin(struct asking *a, uint32_t operation)
{
	writer_init(&a->w, a->bytes, sizeof a->bytes);
	a->request = kmip_request_begin(&a->w, KMIP_VERSION_HIGHEST, 0, 1);
	a->item = kmip_request_item_begin(&a->w, &(struct kmip_item_id){ .operation = operation });
}

static void ask(struct bench *b, struct asking *a)
{
	kmip_item_end(&a->w, a->item);
	kmip_request_end(&a->w, a->request);
	if (writer_done(&a->w) != ERR_OK) die("a request that does not fit");
	if (send(b->fd, a->bytes, writer_len(&a->w), MSG_NOSIGNAL) != (ssize_t)writer_len(&a->w)) die("sending");
}

/* Fields of the next answer; *out_fd: the descriptor that came with it, or -1. */
static struct ttlv_cursor next_answer(struct bench *b, int *out_fd)
{
	static uint8_t frame[FRAME_MAX];
	struct kmip_response parsed;
	struct ttlv_limits limits = ttlv_limits_of(FRAME_MAX);
	struct reason reason = { "" };
	size_t size = FRAME_MAX;
	union { struct cmsghdr align; char bytes[CMSG_SPACE(sizeof(int))]; } control;
	*out_fd = -1;
	while (b->have < TTLV_HEADER_LEN || ttlv_frame_size(view_of(b->answer, b->have), TAG_RESPONSE_MESSAGE, FRAME_MAX, &size) != ERR_OK || b->have < size) {
		struct iovec part = { b->answer + b->have, FRAME_MAX - b->have };
		struct msghdr msg = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes };
		ssize_t n = recvmsg(b->fd, &msg, MSG_CMSG_CLOEXEC);
		if (n <= 0) die("the daemon closed the connection");
		if (CMSG_FIRSTHDR(&msg)) memcpy(out_fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof *out_fd);
		b->have += (size_t)n;
	}
	memcpy(frame, b->answer, size);
	memmove(b->answer, b->answer + size, b->have - size);
	b->have -= size;
	if (kmip_response_parse(view_of(frame, size), &limits, &parsed, &reason) != ERR_OK || parsed.count != 1) die("an answer that is none");
	if (parsed.items[0].status != RESULT_STATUS_SUCCESS) {
		fprintf(stderr, "bench_ring: %.*s\n", (int)parsed.items[0].message.len, (const char *)parsed.items[0].message.ptr);
		exit(1);
	}
	return parsed.items[0].payload;
}

static int32_t number(struct ttlv_cursor c, uint32_t tag)
{
	struct ttlv_item item;
	int32_t value = -1;
	while (ttlv_next(&c, &item))
		if (item.tag == tag && ttlv_get_i32(&item, &value) == ERR_OK) return value;
	die("an answer without its fields");
	return -1;
}

static int32_t begin_sealing(struct bench *b)
{
	struct asking a;
	struct ttlv_item item;
	struct view header;
	int none;
	begin(&a, OPERATION_COFFER_SEAL_STREAM);
	ttlv_put_str(&a.w, TAG_COFFER_KEY_NAME, b->key);
	ask(b, &a);
	struct ttlv_cursor c = next_answer(b, &none), again = c;
	while (ttlv_next(&c, &item))
		if (item.tag == TAG_COFFER_STREAM_HEADER && ttlv_get_bytes(&item, &header) == ERR_OK) memcpy(b->header, header.ptr, sizeof b->header);
	return number(again, TAG_COFFER_STREAM_HANDLE);
}

static int32_t begin_opening(struct bench *b)
{
	struct asking a;
	int none;
	begin(&a, OPERATION_COFFER_OPEN_STREAM);
	ttlv_put_bytes(&a.w, TAG_COFFER_STREAM_HEADER, view_of(b->header, sizeof b->header));
	ask(b, &a);
	return number(next_answer(b, &none), TAG_COFFER_STREAM_HANDLE);
}

static void end_stream(struct bench *b, int32_t handle)
{
	struct asking a;
	int none;
	begin(&a, OPERATION_COFFER_CLOSE_STREAM);
	ttlv_put_i32(&a.w, TAG_COFFER_STREAM_HANDLE, handle);
	ask(b, &a);
	(void)next_answer(b, &none);
}

static void map_ring(struct bench *b)
{
	struct asking a;
	int fd;
	int32_t handle = begin_sealing(b);
	begin(&a, OPERATION_COFFER_MAP_RING);
	ttlv_put_i32(&a.w, TAG_COFFER_RING_SLOT_SIZE, (int32_t)SEGMENT);
	ttlv_put_i32(&a.w, TAG_COFFER_RING_SLOTS, (int32_t)SLOTS);
	ask(b, &a);
	b->slot_bytes = (size_t)number(next_answer(b, &fd), TAG_COFFER_RING_SLOT_SIZE);
	b->ring = mmap(NULL, SLOTS * b->slot_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
	if (fd < 0 || b->ring == MAP_FAILED) die("mapping the ring");
	close(fd);
	end_stream(b, handle);
}

/* All segments through the ring. Sealing leaves what it made in store, once; opening takes it from there. */
static void pump(struct bench *b, int32_t handle, bool seal, bool keep)
{
	struct asking a;
	int none;
	for (size_t sent = 0, done = 0; done < b->segments; done++) {
		for (; sent < b->segments && sent - done < b->in_flight; sent++) {
			uint8_t *slot = b->ring + sent % SLOTS * b->slot_bytes;
			if (!seal) memcpy(slot, b->store + sent * SEALED, SEALED);
			begin(&a, seal ? OPERATION_COFFER_SEAL_STREAM : OPERATION_COFFER_OPEN_STREAM);
			ttlv_put_i32(&a.w, TAG_COFFER_STREAM_HANDLE, handle);
			ttlv_put_i32(&a.w, TAG_COFFER_RING_SLOT, (int32_t)(sent % SLOTS));
			ttlv_put_i32(&a.w, TAG_COFFER_SEGMENT_LENGTH, (int32_t)(seal ? SEGMENT : SEALED));
			ttlv_put_bool(&a.w, TAG_COFFER_LAST_SEGMENT, sent == b->segments - 1);
			ask(b, &a);
		}
		if (number(next_answer(b, &none), TAG_COFFER_RING_SLOT) != (int32_t)(done % SLOTS)) die("an answer out of order");
		if (keep) memcpy(b->store + done * SEALED, b->ring + done % SLOTS * b->slot_bytes, SEALED);
	}
}

static struct rate measure(struct bench *b, bool seal)
{
	int32_t handle = seal ? begin_sealing(b) : begin_opening(b);
	double wall = seconds(CLOCK_MONOTONIC), daemon = daemon_seconds(b), bytes = (double)(b->segments * SEGMENT) / 1e9;
	pump(b, handle, seal, false);
	return (struct rate){ bytes / (seconds(CLOCK_MONOTONIC) - wall), bytes / (daemon_seconds(b) - daemon) };
}

/* The same bytes of memory with nothing around the cipher; wall: of this thread's processor time too. */
static struct rate bare(const struct bench *b)
{
	static const uint8_t key[32] = { 1 };
	uint8_t nonce[AEAD_NONCE_LEN] = { 0 }, tag[AEAD_TAG_LEN];
	AUTO(auto_aead_key_free) struct aead_key *k = NULL;
	if (aead_key_new(key, sizeof key, &k) != ERR_OK) die("the cipher");
	double wall = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_THREAD_CPUTIME_ID), bytes = (double)(b->segments * SEGMENT) / 1e9;
	for (size_t i = 0; i < b->segments; i++) {
		uint8_t *slot = b->ring + i % SLOTS * b->slot_bytes;
		memcpy(nonce, &i, sizeof i);
		if (aead_seal(k, nonce, NULL, 0, view_of(slot, SEGMENT), slot, tag) != ERR_OK) die("the cipher");
	}
	return (struct rate){ bytes / (seconds(CLOCK_MONOTONIC) - wall), bytes / (seconds(CLOCK_THREAD_CPUTIME_ID) - cpu) };
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double print(const char *what, const struct rate *rates, unsigned rounds, double of_core)
{
	double wall[ROUNDS_MAX], core[ROUNDS_MAX];
	for (unsigned i = 0; i < rounds; i++) {
		wall[i] = rates[i].wall;
		core[i] = rates[i].core;
	}
	qsort(wall, rounds, sizeof *wall, compare);
	qsort(core, rounds, sizeof *core, compare);
	double median = core[rounds / 2];
	printf("%-8s %6.2f GB/s (%.2f to %.2f)   core %6.2f GB/s (%.2f to %.2f)   of the cipher %.2f\n", what, wall[rounds / 2], wall[0], wall[rounds - 1], median,
		core[0], core[rounds - 1], of_core > 0 ? median / of_core : 1.0);
	return median;
}

static unsigned long argument(int argc, char **argv, int i, unsigned long otherwise, unsigned long most)
{
	unsigned long n = argc > i ? strtoul(argv[i], NULL, 10) : otherwise;
	return n < 1 || n > most ? otherwise : n;
}

int main(int argc, char **argv)
{
	static struct bench b;
	static struct rate raw[ROUNDS_MAX], seal[ROUNDS_MAX], open[ROUNDS_MAX];
	struct reason reason = { "" };
	clockid_t clock;
	if (argc < 3) {
		fprintf(stderr, "usage: bench_ring PID KEY [IN_FLIGHT [SEGMENTS [ROUNDS]]]\n");
		return 2;
	}
	if (arena_init((size_t)1 << 20, false, &reason) != ERR_OK || clock_getcpuclockid((pid_t)strtol(argv[1], NULL, 10), &clock) != 0) die("starting");
	b.clock = clock;
	b.key = argv[2];
	b.in_flight = argument(argc, argv, 3, 8, 8);
	b.segments = argument(argc, argv, 4, 256, 4096);
	unsigned rounds = (unsigned)argument(argc, argv, 5, 9, ROUNDS_MAX);
	b.store = mmap(NULL, b.segments * SEALED, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (b.store == MAP_FAILED) die("memory");
	connect_daemon(&b);
	map_ring(&b);
	for (unsigned i = 0; i < rounds; i++) {
		raw[i] = bare(&b);
		seal[i] = measure(&b, true);
		pump(&b, begin_sealing(&b), true, true); /* what is opened next */
		open[i] = measure(&b, false);
	}
	printf("%zu segments of 1 MiB, %zu in flight, %u rounds, medians (least to most)\n", b.segments, b.in_flight, rounds);
	double cipher = print("cipher", raw, rounds, 0);
	print("sealing", seal, rounds, cipher);
	print("opening", open, rounds, cipher);
	return 0;
}
