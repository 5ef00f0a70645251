/* Talking with coffer-stored: every wait has an end, and after it the process is not believed any more. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fdio.h"
#include "store/postgres.h"
#include "store/remote_internal.h"

#define SLACK_MS 1000u      /* beside what coffer-stored allows the database */
#define QUIET_STATEMENTS 2u /* that a quiet call is there at most */

void remote_drop(struct remote_store *s)
{
	if (s->fd >= 0) {
		close(s->fd);
		s->spawner.kill(s->spawner.arg, s->instance);
	}
	s->fd = -1;
	s->lost = true;
	pthread_mutex_lock(&s->lock);
	if (!s->facts.lost_wall_s) s->facts.lost_wall_s = clock_wall_s();
	pthread_mutex_unlock(&s->lock);
}

static enum coffer_err gone(struct remote_store *s, enum coffer_err err, struct reason *reason)
{
	remote_drop(s);
	if (err == ERR_TIMEOUT)
		return reason_fail(reason, ERR_TIMEOUT, "the database did not answer within its deadline; see whether its server is up and reachable");
	if (err == ERR_MEMORY) return reason_fail(reason, ERR_MEMORY, "out of memory on the way to the database; give the process more memory");
	if (err == ERR_INPUT) return reason_fail(reason, ERR_CLOSED, "coffer-stored broke the protocol of its channel and was ended; install all programs of one version");
	return reason_fail(reason, ERR_CLOSED, "coffer-stored, the way to the database, has ended; see its message in the log");
}

static enum coffer_err send_request(struct remote_store *s, const struct remote_request *q, uint64_t end_ms)
{
	struct writer w;
	struct writer_mark mark;
	size_t max = REMOTE_LEN_BYTES + remote_request_size(q);
	ENSURE(remote_bytes_room(&s->out, max), ERR_MEMORY);
	writer_init(&w, s->out.ptr, s->out.cap);
	mark = writer_reserve_u32(&w);
	remote_encode_request(q, &w);
	writer_fill_len(&w, mark);
	TRY(writer_done(&w));
	return fdio_write_exact(s->fd, s->out.ptr, writer_len(&w), end_ms);
}

static enum coffer_err receive(struct remote_store *s, enum remote_op op, uint64_t end_ms, struct remote_answer *out)
{
	uint8_t head[REMOTE_LEN_BYTES];
	struct reader r;
	uint32_t len;
	TRY(fdio_read_exact(s->fd, head, sizeof head, end_ms));
	reader_init(&r, view_of(head, sizeof head));
	TRY(reader_u32(&r, &len));
	ENSURE(len <= REMOTE_FRAME_MAX, ERR_INPUT);
	remote_bytes_shrink(&s->in);
	ENSURE(remote_bytes_room(&s->in, len ? len : 1), ERR_MEMORY);
	TRY(fdio_read_exact(s->fd, s->in.ptr, len, end_ms));
	return remote_decode_answer(view_of(s->in.ptr, len), op, out);
}

/* A call may stand for a BEGIN, the preparation of a statement and the statement, and be behind quiet ones, for whose answers coffer-stored waits each time that it has sent as many as it may; each of these
 * waits ends within a statement's deadline there, and the first that does not ends them all. */
static uint64_t patience_ms(const struct remote_store *s, enum remote_op op)
{
	if (op == REMOTE_OPEN) return (uint64_t)s->connect_ms + 4u * (uint64_t)s->statement_ms + SLACK_MS;
	uint64_t waits = 3u + (uint64_t)s->quiet.calls * QUIET_STATEMENTS / POSTGRES_SENT_MAX + s->quiet.bytes / POSTGRES_SENT_BYTES_MAX;
	return waits * s->statement_ms + SLACK_MS;
}

/* What no answer has come behind yet. */
static void count_quiet(struct remote_store *s, const struct remote_request *q)
{
	if (!(q->flags & REMOTE_QUIET)) {
		s->quiet = (struct remote_quiet){ .calls = 0 };
		return;
	}
	s->quiet.calls++;
	s->quiet.bytes += remote_request_size(q);
}

enum coffer_err remote_ask(struct remote_store *s, struct remote_request *q, struct remote_answer *out, struct reason *reason)
{
	struct timespec from, to;
	*out = (struct remote_answer){ .op = q->op };
	if (s->fd < 0) return gone(s, ERR_CLOSED, reason);
	uint64_t end_ms = clock_mono_ms() + patience_ms(s, q->op);
	count_quiet(s, q);
	clock_gettime(CLOCK_MONOTONIC, &from);
	enum coffer_err err = send_request(s, q, end_ms);
	remote_bytes_shrink(&s->out);
	if (!err && !(q->flags & REMOTE_QUIET)) {
		err = receive(s, q->op, end_ms, out);
		clock_gettime(CLOCK_MONOTONIC, &to);
		pthread_mutex_lock(&s->lock);
		s->facts.latency_us = (uint64_t)((to.tv_sec - from.tv_sec) * 1000000 + (to.tv_nsec - from.tv_nsec) / 1000);
		pthread_mutex_unlock(&s->lock);
	}
	return err ? gone(s, err, reason) : ERR_OK;
}

enum coffer_err remote_answer_fail(const struct remote_answer *a, struct reason *reason)
{
	if (a->text.len) return reason_fail(reason, a->err, "%.*s", (int)a->text.len, (const char *)a->text.ptr);
	return reason_fail(reason, a->err, "the database: %s", err_text(a->err));
}

/* What it is compared with later counts from the first commit on: until then whoever uses this store may find that it lacks what he knows, and want the one before back. */
static void note_open(struct remote_store *s, const struct remote_answer *a)
{
	pthread_mutex_lock(&s->lock);
	size_t len = a->open.server.len < sizeof s->facts.server ? a->open.server.len : sizeof s->facts.server - 1;
	memset(s->facts.server, 0, sizeof s->facts.server);
	if (len) memcpy(s->facts.server, a->open.server.ptr, len);
	s->facts.version = a->open.version;
	s->opened_system = a->open.system;
	s->opened_timeline = a->open.timeline;
	s->facts.opened++;
	s->facts.lost_wall_s = 0;
	pthread_mutex_unlock(&s->lock);
}

enum coffer_err remote_connect(struct remote_store *s, struct reason *reason)
{
	struct remote_request q = { .op = REMOTE_OPEN, .open = { .writer = s->writer, .connect_ms = s->connect_ms, .statement_ms = s->statement_ms,
		.system = s->system, .timeline = s->timeline, .conninfo = view_str(s->conninfo), .schema = view_str(s->schema), .passfile = view_str(s->passfile) } };
	struct remote_answer a;
	if (s->fd >= 0) remote_drop(s);
	TRY(s->spawner.start(s->spawner.arg, &s->fd, &s->instance, reason));
	TRY(remote_ask(s, &q, &a, reason));
	if (a.err) {
		enum coffer_err err = remote_answer_fail(&a, reason);
		remote_drop(s);
		return err;
	}
	note_open(s, &a);
	s->lost = s->unknown = false;
	s->doom = ERR_OK;
	s->begin_due = s->asked = false;
	return ERR_OK;
}
