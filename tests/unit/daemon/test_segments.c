/* Answers about segments in a ring come in order or not at all: when there is no memory for one of them, none behind it takes its place, what was held is
 * given up, and the connection ends behind the answers before. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/conn_internal.h"
#include "daemon/crypt_pool.h"
#include "daemon/daemon.h"
#include "daemon/segment_ring.h"
#include "kmip/message.h"
#include "test_arena.h"

#define MIB (1024u * 1024u)
#define BITS 18u
#define SEGMENT (1u << BITS)  /* one is all that a worker does in a turn */
#define SMALL_BITS 16u        /* of these, more */
#define SLOT (SEGMENT + OP_RING_PAGE)
#define SLOTS CONN_SEGMENTS_MAX
#define ANSWER (16u * 1024u - ARENA_CANARY_LEN) /* bytes: fills a block, so that the next one needs memory */
#define BLOCKS_MAX 65536u

struct setting {
	struct config config;
	struct daemon daemon;
	struct worker worker;
	struct kmip_request parsed;
	struct stream_sealer *sealer;
	struct conn *conn;
	int client;
};

static void *taken[BLOCKS_MAX]; /* of the arena, so that nobody else gets any */
static size_t taken_count;

static void take_all_memory(void)
{
	for (size_t size = MIB; size >= 64; size /= 2)
		for (void *p; taken_count < BLOCKS_MAX && (p = arena_alloc(size - ARENA_CANARY_LEN)) != NULL;) taken[taken_count++] = p;
}

static void give_memory_back(void)
{
	while (taken_count) arena_free(taken[--taken_count]);
}

/* The segments are worked on when the test says so. */
static void not_now(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
}

static bool open_stream(struct setting *s, unsigned bits)
{
	static const uint8_t key[STREAM_KEY_LEN], id[UUID_LEN];
	uint8_t header[STREAM_HEADER_LEN];
	return stream_sealer_new(key, id, 1, view_of(NULL, 0), bits, header, &s->sealer) == ERR_OK;
}

static bool open_connection(struct setting *s)
{
	struct principal principal;
	struct peer *peer;
	struct reason reason = { "" };
	int ends[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) != 0) return false;
	s->client = ends[1];
	principal_from_uid(1000, 1, &principal);
	if (peers_enter(s->daemon.peers, &principal, 4, &peer, NULL) != ERR_OK || !(s->conn = conn_new(&s->worker, ends[0], peer))) return false;
	const struct op_ring_host *host = op_streams_host(s->conn->streams);
	if (host->map(host->arg, SLOT, SLOTS, op_streams_ring(s->conn->streams), &reason) != ERR_OK) return false;
	conn_segments_adopt(s->conn);
	if (s->conn->pass_fd >= 0) close(s->conn->pass_fd);
	s->conn->pass_fd = -1;
	return true;
}

static int start_with(void **state, unsigned bits)
{
	struct setting *s = calloc(1, sizeof *s);
	if (!s || pthread_mutex_init(&s->daemon.budget_lock, NULL) != 0) return -1;
	s->config = (struct config){ .max_message = MIB, .request_timeout_ms = 10000, .ring_memory = 8 * MIB };
	s->daemon.engine.config = &s->config;
	s->daemon.bulk_limit = 2 * MIB;
	s->daemon.lend_block = s->daemon.loan_block = CONN_READ_BLOCK;
	s->daemon.worker_count = 1;
	s->daemon.workers = &s->worker;
	s->daemon.crypt = crypt_pool_new(&s->daemon);
	s->daemon.peers = peers_new(4);
	s->worker.daemon = &s->daemon;
	s->worker.base = event_base_new();
	s->worker.crypt_event = event_new(s->worker.base, -1, 0, not_now, NULL);
	s->worker.due_event = event_new(s->worker.base, -1, 0, conn_on_due, &s->worker);
	s->parsed = (struct kmip_request){ .version = KMIP_VERSION_HIGHEST, .count = 1, .items[0].id.operation = OPERATION_COFFER_SEAL_STREAM };
	*state = s;
	return s->daemon.crypt && s->daemon.peers && open_stream(s, bits) && open_connection(s) ? 0 : -1;
}

static int start(void **state)
{
	return start_with(state, BITS);
}

static int start_small(void **state)
{
	return start_with(state, SMALL_BITS);
}

static int stop(void **state)
{
	struct setting *s = *state;
	give_memory_back();
	if (s->conn) conn_close(s->conn);
	close(s->client);
	stream_sealer_free(s->sealer);
	crypt_pool_free(s->daemon.crypt);
	event_free(s->worker.crypt_event);
	event_free(s->worker.due_event);
	event_base_free(s->worker.base);
	buf_free(&s->worker.input);
	buf_free(&s->worker.output);
	peers_free(s->daemon.peers);
	int left = s->daemon.bulk_used != 0;
	free(s);
	return left ? -1 : 0;
}

/* A segment is sealed in this slot, and its answer is full of `mark`. */
static void begin_segment(struct setting *s, unsigned slot, uint8_t mark)
{
	size_t len = stream_sealer_segment_size(s->sealer);
	struct request *r = &s->conn->job.request;
	struct op_ring *ring = op_streams_ring(s->conn->streams);
	request_begin(r);
	r->parsed = r->lent_parsed = &s->parsed;
	r->work = (struct segment_work){ .sealer = stream_sealer_ref(s->sealer), .slot = slot, .bytes = ring->memory + slot * ring->slot_bytes, .len = len };
	assert_int_equal(stream_sealer_take(s->sealer, len, false, &r->work.ticket), ERR_OK);
	assert_int_equal(buf_reserve(&r->answer, ANSWER), ERR_OK);
	memset(r->answer.ptr, mark, ANSWER);
	r->answer.len = ANSWER;
	assert_true(conn_answer(s->conn));
}

/* The daemon's end of the socket takes no more. */
static size_t fill_socket(struct setting *s)
{
	static const uint8_t filler[4096];
	size_t sent = 0;
	for (ssize_t n; (n = send(s->conn->fd, filler, sizeof filler, MSG_NOSIGNAL)) > 0;) sent += (size_t)n;
	assert_int_equal(errno, EAGAIN);
	return sent;
}

/* What the client reads until the daemon closes; how often each byte came. */
static size_t read_all(struct setting *s, size_t counts[static 256])
{
	static uint8_t bytes[65536];
	size_t got = 0;
	for (unsigned round = 0; round < 1000; round++) {
		ssize_t n = recv(s->client, bytes, sizeof bytes, 0);
		if (n == 0) {
			s->conn = NULL;
			return got;
		}
		for (ssize_t i = 0; i < n; i++) counts[bytes[i]]++;
		if (n > 0) got += (size_t)n;
		else assert_int_equal(event_base_loop(s->worker.base, EVLOOP_NONBLOCK) < 0, false);
	}
	fail_msg("the connection stays");
	return 0;
}

static void no_answer_takes_the_place_of_one_that_is_missing(void **state)
{
	struct setting *s = *state;
	size_t counts[256] = { 0 };
	for (unsigned i = 0; i < 3; i++) begin_segment(s, i, (uint8_t)('1' + i));
	size_t filler = fill_socket(s);
	crypt_pool_turn(s->daemon.crypt, &s->worker);
	assert_int_equal(conn_unsent(s->conn), ANSWER); /* the first one waits for its reader */
	request_begin(&s->conn->job.request);
	s->conn->job.request.parsed = s->conn->job.request.lent_parsed = &s->parsed;
	assert_true(conn_segments_hold(s->conn, true));
	take_all_memory();
	crypt_pool_turn(s->daemon.crypt, &s->worker);
	assert_true(s->conn->closing);
	assert_false(s->conn->held); /* what would be answered behind it is given up */
	give_memory_back();
	crypt_pool_turn(s->daemon.crypt, &s->worker);
	assert_int_equal(conn_unsent(s->conn), ANSWER);
	assert_int_equal(read_all(s, counts), filler + ANSWER);
	assert_int_equal(counts['1'], ANSWER);
	assert_int_equal(counts['2'] + counts['3'], 0);
}

/* The same with memory. */
static void answers_come_in_order(void **state)
{
	struct setting *s = *state;
	size_t counts[256] = { 0 };
	for (unsigned i = 0; i < 3; i++) begin_segment(s, i, (uint8_t)('1' + i));
	size_t filler = fill_socket(s);
	for (unsigned i = 0; i < 3; i++) crypt_pool_turn(s->daemon.crypt, &s->worker);
	assert_int_equal(conn_unsent(s->conn), 3 * ANSWER);
	for (unsigned i = 0; i < 3; i++) assert_int_equal(s->conn->out.ptr[i * ANSWER], '1' + i);
	conn_drain(s->conn);
	assert_int_equal(read_all(s, counts), filler + 3 * ANSWER);
	assert_int_equal(counts['3'], ANSWER);
}

/* One write for several answers; those that are late are not waited for long. */
static void answers_wait_for_each_other_while_many_segments_are_worked_on(void **state)
{
	struct setting *s = *state;
	size_t counts[256] = { 0 };
	for (unsigned i = 0; i < SLOTS; i++) begin_segment(s, i, (uint8_t)('1' + i));
	size_t filler = fill_socket(s);
	for (unsigned done = 1; done <= SLOTS; done++) {
		crypt_pool_turn(s->daemon.crypt, &s->worker);
		assert_int_equal(conn_unsent(s->conn), done < SLOTS / 2 ? 0 : done * ANSWER);
	}
	conn_drain(s->conn);
	assert_int_equal(read_all(s, counts), filler + SLOTS * ANSWER);
	for (unsigned i = 0; i < SLOTS; i++) assert_int_equal(counts['1' + i], ANSWER);
}

static void small_segments_are_done_in_one_turn(void **state)
{
	struct setting *s = *state;
	size_t counts[256] = { 0 };
	for (unsigned i = 0; i < 5; i++) begin_segment(s, i, (uint8_t)('1' + i));
	size_t filler = fill_socket(s);
	crypt_pool_turn(s->daemon.crypt, &s->worker);
	assert_int_equal(conn_unsent(s->conn), 4 * ANSWER);
	crypt_pool_turn(s->daemon.crypt, &s->worker); /* the others have their turn before */
	conn_drain(s->conn);
	assert_int_equal(read_all(s, counts), filler + 5 * ANSWER);
}

/* ---- what else the worker has to do ---- */

struct beside {
	struct setting *s;
	int ends[2];
	unsigned turns, turns_before; /* turns_before: until what else there is was looked at */
};

static void one_turn(evutil_socket_t fd, short what, void *arg)
{
	struct beside *b = arg;
	(void)fd;
	(void)what;
	if (b->turns++ == 0) assert_int_equal(send(b->ends[1], "x", 1, 0), 1); /* somebody asks something */
	crypt_pool_turn(b->s->daemon.crypt, &b->s->worker);
}

static void is_asked(evutil_socket_t fd, short what, void *arg)
{
	struct beside *b = arg;
	char byte;
	(void)what;
	if (recv(fd, &byte, 1, 0) == 1) b->turns_before = b->turns;
}

/* As many turns as there are segments, and those who ask for something else have theirs between them. */
static void others_are_looked_at_between_segments(void **state)
{
	struct setting *s = *state;
	struct worker *w = &s->worker;
	struct beside b = { .s = s };
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, b.ends), 0);
	struct event *readable = event_new(w->base, b.ends[0], EV_READ | EV_PERSIST, is_asked, &b);
	assert_non_null(readable);
	assert_int_equal(event_add(readable, NULL), 0);
	event_free(w->crypt_event);
	w->crypt_event = event_new(w->base, -1, 0, one_turn, &b);
	assert_non_null(w->crypt_event);
	for (unsigned i = 0; i < SLOTS; i++) begin_segment(s, i, (uint8_t)('1' + i));
	for (unsigned i = 0; i < 100 && w->crypting; i++) assert_int_equal(event_base_loop(w->base, EVLOOP_ONCE), 0);
	assert_false(w->crypting);
	assert_int_equal(b.turns, SLOTS + 1);
	assert_in_range(b.turns_before, 1, 2);
	event_free(readable);
	close(b.ends[0]);
	close(b.ends[1]);
}

/* A worker whose loop ends leaves to another what waits, and is not woken again. */
static void a_worker_that_leaves_gives_its_work_away(void **state)
{
	struct setting *s = *state;
	struct worker both[2] = { { .daemon = &s->daemon }, { .daemon = &s->daemon } };
	assert_int_equal(job_queue_init(&both[0].inbox, true), ERR_OK);
	assert_int_equal(job_queue_init(&both[1].inbox, true), ERR_OK);
	begin_segment(s, 0, '1');
	s->daemon.workers = both; /* the setting's is not among those that are woken */
	s->daemon.worker_count = 2;
	crypt_pool_leave(s->daemon.crypt, &s->worker);
	assert_ptr_equal(job_queue_take_all(&both[0].inbox), &both[0].crypt_job);
	assert_true(both[0].crypting);
	crypt_pool_leave(s->daemon.crypt, &both[0]);
	assert_ptr_equal(job_queue_take_all(&both[1].inbox), &both[1].crypt_job);
	s->daemon.workers = &s->worker;
	s->daemon.worker_count = 1;
	crypt_pool_turn(s->daemon.crypt, &s->worker);
	crypt_pool_turn(s->daemon.crypt, &both[1]); /* which finds nothing left */
	job_queue_done(&both[0].inbox);
	job_queue_done(&both[1].inbox);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, start, stop)
	const struct CMUnitTest tests[] = {
		CASE(answers_come_in_order),
		CASE(answers_wait_for_each_other_while_many_segments_are_worked_on),
		cmocka_unit_test_setup_teardown(small_segments_are_done_in_one_turn, start_small, stop),
		CASE(others_are_looked_at_between_segments),
		CASE(a_worker_that_leaves_gives_its_work_away),
		CASE(no_answer_takes_the_place_of_one_that_is_missing),
	};
	return cmocka_run_group_tests(tests, setup_arena, NULL);
}
