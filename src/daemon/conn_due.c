/* Deadlines of connections: one timer of the worker instead of one each, because most are moved long before they come. */
#include "base/clock.h"
#include "daemon/conn_internal.h"

static void arm(struct worker *w, uint64_t now, uint64_t due)
{
	uint64_t ms = due > now + CONN_DUE_GRAIN_MS ? due - now : CONN_DUE_GRAIN_MS;
	struct timeval tv = { .tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000 * 1000) };
	w->due_ms = now + ms;
	event_add(w->due_event, &tv);
}

void conn_set_due(struct conn *c, uint64_t ms)
{
	struct worker *w = c->worker;
	c->due_ms = 0;
	if (ms == 0) return;
	uint64_t now = clock_mono_ms();
	c->due_ms = now + ms;
	if (w->due_ms == 0 || c->due_ms + CONN_DUE_GRAIN_MS < w->due_ms) arm(w, now, c->due_ms);
}

void conn_on_due(evutil_socket_t fd, short what, void *worker)
{
	struct worker *w = worker;
	uint64_t now = clock_mono_ms(), next = 0;
	(void)fd;
	(void)what;
	w->due_ms = 0;
	for (struct conn *c = w->conns, *after; c; c = after) {
		after = c->next;
		if (c->due_ms == 0) continue;
		if (c->due_ms <= now) conn_close(c);
		else if (next == 0 || c->due_ms < next) next = c->due_ms;
	}
	if (next) arm(w, now, next);
}
