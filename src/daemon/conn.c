/* The life of a connection: made, events, closed. */
#include "daemon/conn.h"

#include <malloc.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "daemon/conn_internal.h"
#include "daemon/daemon.h"

#define CROWD 256u /* connections of a worker that are worth the while */

struct conn *conn_next(struct conn *c)
{
	return c->next;
}

static void unlink_conn(struct conn *c)
{
	worker_poll_forget(c->worker, c);
	if (c->prev) c->prev->next = c->next;
	else c->worker->conns = c->next;
	if (c->next) c->next->prev = c->prev;
	c->next = c->prev = NULL;
}

/* The allocator keeps what a crowd had; when most of it has left, the system gets those pages of it that are wholly free. */
static void give_back_memory(struct worker *w)
{
	if (w->conn_most < CROWD || w->conn_count > w->conn_most / 4) return;
	w->conn_most = w->conn_count;
	malloc_trim(0);
}

static void free_conn(struct conn *c)
{
	struct worker *w = c->worker;
	request_done(&c->job.request);
	conn_segments_free(c);
	op_streams_free(c->streams);
	conn_release(c);
	peers_leave(w->daemon->peers, c->peer);
	free(c);
	w->daemon->engine.connections--;
	w->conn_count--;
	give_back_memory(w);
	if (w->draining && w->conn_count == 0) event_base_loopbreak(w->base);
}

/* Descriptor and buffers go at once; the connection is counted until its job came back, so that a drain waits for it. */
void conn_close(struct conn *c)
{
	if (!c->closed) {
		c->closed = true;
		c->due_ms = 0;
		if (c->read_event) event_free(c->read_event);
		if (c->write_event) event_free(c->write_event);
		if (c->wait_event) event_free(c->wait_event);
		c->read_event = c->write_event = c->wait_event = NULL;
		close(c->fd);
		c->fd = -1;
		bool kept = conn_own_input(c);
		(void)kept;
		buf_free(&c->in);
		buf_free(&c->spare);
		if (c->pass_fd >= 0) close(TAKE_FD(c->pass_fd));
		conn_drop_answers(c);
		conn_hold_answers(c);
		conn_leave_blocks(c);
		unlink_conn(c);
	}
	if (!conn_is_needed(c)) free_conn(c);
}

static void on_read(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;
	(void)fd;
	(void)what;
	conn_on_readable(c);
}

static void on_write(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;
	(void)fd;
	if (what & EV_TIMEOUT) conn_on_unread(c);
	else conn_on_writable(c);
}

static void on_wait(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	conn_on_wait(arg);
}

/* Most connections never wait: the events for that are made when they do. */
bool conn_add_write(struct conn *c, const struct timeval *within)
{
	if (!c->write_event) c->write_event = event_new(c->worker->base, c->fd, EV_WRITE, on_write, c);
	return c->write_event && event_add(c->write_event, within) == 0;
}

bool conn_add_wait(struct conn *c, const struct timeval *after)
{
	if (!c->wait_event) c->wait_event = event_new(c->worker->base, -1, 0, on_wait, c);
	return c->wait_event && event_add(c->wait_event, after) == 0;
}

size_t conn_idle_bytes(void)
{
	return sizeof(struct conn) + event_get_struct_event_size() + op_streams_idle_bytes();
}

struct conn *conn_new(struct worker *worker, int fd, struct peer *peer)
{
	struct conn *c = calloc(1, sizeof *c);
	if (!c) {
		close(fd);
		return NULL;
	}
	*c = (struct conn){ .worker = worker, .fd = fd, .pass_fd = -1, .peer = peer };
	c->read_event = event_new(worker->base, fd, EV_READ | EV_PERSIST, on_read, c);
	c->streams = op_streams_new();
	c->job.conn = c;
	c->job.request.engine = &worker->daemon->engine;
	c->job.request.principal = &peer->principal;
	c->job.request.streams = c->streams;
	if (!c->read_event || !c->streams) {
		if (c->read_event) event_free(c->read_event);
		op_streams_free(c->streams);
		free(c);
		close(fd);
		return NULL;
	}
	conn_segments_offer(c);
	c->next = worker->conns;
	if (c->next) c->next->prev = c;
	worker->conns = c;
	if (++worker->conn_count > worker->conn_most) worker->conn_most = worker->conn_count;
	conn_rearm(c);
	return c;
}

void conn_sweep(struct conn *c)
{
	c->sweep_due = c->busy;
	if (!c->busy) op_streams_sweep(c->streams, c->worker->daemon->engine.objects);
}

void conn_drain(struct conn *c)
{
	if (c->closed) return;
	c->closing = true;
	if (!conn_at_work(c) && conn_unsent(c) == 0) conn_close(c);
}

bool conn_may_run(struct job *job)
{
	struct reason reason = { "" };
	if (!conn_overdrawn(job->conn)) return true;
	enum coffer_err err = reason_fail(&reason, ERR_BUSY, "your answers take more memory than the daemon has; read them, then try again");
	request_refuse(&job->request, err, &reason);
	return false;
}

void conn_return_job(struct job *job)
{
	job->turn = NULL;
	/* The inbox stays open as long as a connection lives, so this cannot fail. */
	bool put = job_queue_put(&job->conn->worker->inbox, job);
	INVARIANT(put);
}
