/* A tap that counts bytes. */
#include "tap.h"

#include <sys/socket.h>
#include <unistd.h>

#include "common.h"

#define CHUNK 65536u

/* One piece from one side to the other; false: there is no more. */
static bool pass(int from, int to, _Atomic uint64_t *count)
{
	static _Thread_local uint8_t bytes[CHUNK];
	ssize_t n = recv(from, bytes, sizeof bytes, 0);
	if (n <= 0) return false;
	*count += (uint64_t)n; /* before they go on: whoever has the answer finds it counted */
	for (ssize_t at = 0; at < n;) {
		ssize_t sent = send(to, bytes + at, (size_t)(n - at), MSG_NOSIGNAL);
		if (sent <= 0) return false;
		at += sent;
	}
	return true;
}

struct way {
	int from, to;
	_Atomic uint64_t *count;
};

/* A thread for each way: neither side may wait for the other. */
static void *pass_all(void *arg)
{
	struct way *w = arg;
	while (pass(w->from, w->to, w->count)) continue;
	shutdown(w->from, SHUT_RD);
	shutdown(w->to, SHUT_WR);
	return NULL;
}

static void *tap_main(void *arg)
{
	struct tap *tap = arg;
	pthread_t back;
	int client = accept(tap->listener, NULL, NULL), server = bench_connect(tap->to);
	bench_must(client >= 0, "the tap's connection");
	struct way forth = { client, server, &tap->requests }, home = { server, client, &tap->answers };
	bench_must(pthread_create(&back, NULL, pass_all, &home) == 0, "starting a thread");
	pass_all(&forth);
	pthread_join(back, NULL);
	close(client);
	close(server);
	return NULL;
}

void tap_begin(struct tap *tap, const char *path, const char *to)
{
	tap->to = to;
	tap->requests = tap->answers = 0;
	tap->listener = bench_listen(path);
	bench_must(pthread_create(&tap->thread, NULL, tap_main, tap) == 0, "starting a thread");
}

void tap_end(struct tap *tap)
{
	pthread_join(tap->thread, NULL);
	close(tap->listener);
}
