/* A thread for each host that has a name, so that a name service that does not answer for one delays no other. */
#include "store/postgres_start.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct postgres_start {
	atomic_uint holders;              /* thread and caller; the last one frees */
	const char *names[POSTGRES_START_MAX];
	char *values[POSTGRES_START_MAX]; /* ours */
	int fd;
	PGconn *_Atomic conn;
};

bool postgres_start_asks(const char *host)
{
	struct in6_addr address;
	if (!host || !host[0] || host[0] == '/' || host[0] == '@') return false;
	return inet_pton(AF_INET, host, &address) != 1 && inet_pton(AF_INET6, host, &address) != 1;
}

static void free_start(struct postgres_start *s)
{
	PQfinish(s->conn);
	for (size_t i = 0; i < POSTGRES_START_MAX; i++) free(s->values[i]);
	if (s->fd >= 0) close(s->fd);
	free(s);
}

void postgres_start_leave(struct postgres_start *start)
{
	if (start && atomic_fetch_sub(&start->holders, 1) == 1) free_start(start);
}

static void *start_main(void *arg)
{
	struct postgres_start *s = arg;
	s->conn = PQconnectStartParams(s->names, (const char *const *)s->values, 1);
	(void)eventfd_write(s->fd, 1); /* it has room */
	postgres_start_leave(s);
	return NULL;
}

static bool copy(struct postgres_start *s, const char *const names[POSTGRES_START_MAX], const char *const values[POSTGRES_START_MAX])
{
	for (size_t i = 0; i < POSTGRES_START_MAX && names[i]; i++) {
		s->names[i] = names[i];
		s->values[i] = strdup(values[i]);
		if (!s->values[i]) return false;
	}
	return true;
}

static bool run(struct postgres_start *s)
{
	pthread_t thread;
	sigset_t all, before;
	sigfillset(&all); /* signals belong to the main thread */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	bool runs = pthread_create(&thread, NULL, start_main, s) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (runs) (void)pthread_detach(thread);
	return runs;
}

struct postgres_start *postgres_start_new(const char *const names[POSTGRES_START_MAX], const char *const values[POSTGRES_START_MAX])
{
	struct postgres_start *s = calloc(1, sizeof *s);
	if (!s) return NULL;
	s->holders = 2;
	s->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->fd >= 0 && copy(s, names, values) && run(s)) return s;
	free_start(s);
	return NULL;
}

int postgres_start_fd(const struct postgres_start *start)
{
	return start->fd;
}

PGconn *postgres_start_take(struct postgres_start *start)
{
	return atomic_exchange(&start->conn, NULL);
}
