/* A worker without a thread. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "kmip/message.h"
#include "unit/daemon/worker_setting.h"

static uint64_t fake_mono(void *arg)
{
	struct setting *s = arg;
	if (s->step_every && ++s->asked % s->step_every == 0) s->now_ms++;
	return s->now_ms;
}

int worker_setting_start(void **state)
{
	struct setting *s = calloc(1, sizeof *s);
	struct principal principal;
	int ends[2];
	if (!s || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) != 0) return -1;
	s->now_ms = 1000;
	s->config = (struct config){ .busy_poll_us = WINDOW_US, .max_message = 1u << 20, .request_timeout_ms = 10000 };
	s->daemon.engine.config = &s->config;
	s->daemon.bulk_limit = 1u << 20;
	s->daemon.lend_block = s->daemon.loan_block = CONN_READ_BLOCK;
	s->daemon.workers = s->workers;
	s->daemon.worker_count = 2;
	s->workers[0].daemon = &s->daemon;
	s->workers[0].base = event_base_new();
	for (unsigned i = 0; i < WORKER_ALIKES; i++) s->workers[0].parsed[i] = malloc(sizeof *s->workers[0].parsed[i]);
	s->workers[0].due_event = event_new(s->workers[0].base, -1, 0, conn_on_due, &s->workers[0]);
	s->daemon.peers = peers_new(4);
	if (!s->workers[0].base || !s->workers[0].parsed[WORKER_ALIKES - 1] || !s->workers[0].due_event || !s->daemon.peers || pthread_mutex_init(&s->daemon.budget_lock, NULL) != 0) return -1;
	principal_from_uid(1000, 1, &principal);
	if (peers_enter(s->daemon.peers, &principal, 4, &s->peer, NULL) != ERR_OK) return -1;
	s->conn = conn_new(&s->workers[0], ends[0], s->peer);
	s->client = ends[1];
	clock_set_source(&(struct clock_source){ .mono_ms = fake_mono, .arg = s });
	*state = s;
	if (!s->conn || send(s->client, worker_setting_header, sizeof worker_setting_header, 0) != (ssize_t)sizeof worker_setting_header || event_base_loop(s->workers[0].base, EVLOOP_ONCE) != 0) return -1;
	worker_poll(&s->workers[0]);
	return 0;
}

int worker_setting_stop(void **state)
{
	struct setting *s = *state;
	clock_set_source(NULL);
	close(s->client);
	if (s->conn) conn_close(s->conn);
	event_free(s->workers[0].due_event);
	event_base_free(s->workers[0].base);
	buf_free(&s->workers[0].input);
	buf_free(&s->workers[0].output);
	for (unsigned i = 0; i < WORKER_ALIKES; i++) free(s->workers[0].parsed[i]);
	peers_free(s->daemon.peers);
	int left = s->daemon.pollers != 0 || s->daemon.bulk_used != 0;
	free(s);
	return left ? -1 : 0;
}

int worker_setting_connect(struct setting *s, int type)
{
	int ends[2];
	struct principal principal;
	close(s->client);
	if (s->conn) conn_close(s->conn);
	principal_from_uid(1000, 1, &principal);
	assert_int_equal(socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, ends), 0);
	assert_int_equal(peers_enter(s->daemon.peers, &principal, 4, &s->peer, NULL), ERR_OK);
	s->conn = conn_new(&s->workers[0], ends[0], s->peer);
	assert_non_null(s->conn);
	return s->client = ends[1];
}
