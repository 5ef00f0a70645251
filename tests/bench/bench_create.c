/* Durable creates: each connection creates one key after the other. A line of JSON with the rate.
 *
 *   bench_create SOCKET CONNECTIONS MILLISECONDS PREFIX      names begin with PREFIX */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "client/include/coffer.h"
#include "common.h"

#define CONNECTIONS_MAX 256u

static const char *path, *prefix;
static _Atomic bool go, stop;
static _Atomic unsigned ready;

struct writer_thread {
	pthread_t thread;
	unsigned number;
	uint64_t created, busy, ns, slowest_ns;
};

static void *create_all(void *arg)
{
	struct writer_thread *w = arg;
	struct coffer *c;
	char name[128], uuid[COFFER_UUID_TEXT];
	if (coffer_connect(path, NULL, &c) != COFFER_OK) bench_die("nobody answers at %s", path);
	ready++;
	while (!go) sched_yield();
	uint64_t begun = bench_now_ns(), last = begun;
	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		snprintf(name, sizeof name, "%s-%u-%llu", prefix, w->number, (unsigned long long)w->created);
		enum coffer_status st;
		while ((st = coffer_key_create(c, name, NULL, NULL, uuid)) == COFFER_EBUSY) w->busy++; /* another node's came between, again and again */
		if (st) bench_die("%s was not created: %s", name, coffer_error(c));
		w->created++;
		uint64_t now = bench_now_ns();
		if (now - last > w->slowest_ns) w->slowest_ns = now - last;
		last = now;
	}
	w->ns = last - begun;
	coffer_close(c);
	return NULL;
}

int main(int argc, char **argv)
{
	static struct writer_thread threads[CONNECTIONS_MAX];
	if (argc != 5) bench_die("usage: bench_create SOCKET CONNECTIONS MILLISECONDS PREFIX");
	unsigned count = (unsigned)bench_number(argv[2], 1, CONNECTIONS_MAX), ms = (unsigned)bench_number(argv[3], 1, 600000);
	const struct timespec window = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };
	double rate = 0;
	uint64_t created = 0, busy = 0, slowest = 0;
	path = argv[1];
	prefix = argv[4];
	for (unsigned i = 0; i < count; i++) {
		threads[i].number = i;
		bench_must(pthread_create(&threads[i].thread, NULL, create_all, &threads[i]) == 0, "starting a thread");
	}
	while (ready < count) sched_yield();
	go = true;
	nanosleep(&window, NULL);
	stop = true;
	for (unsigned i = 0; i < count; i++) {
		pthread_join(threads[i].thread, NULL);
		rate += threads[i].ns ? (double)threads[i].created * 1e9 / (double)threads[i].ns : 0;
		created += threads[i].created;
		busy += threads[i].busy;
		if (threads[i].slowest_ns > slowest) slowest = threads[i].slowest_ns;
	}
	printf("{\"part\":\"d\",\"side\":\"coffer\",\"connections\":%u,\"rate\":%.1f,\"created\":%llu,\"busy\":%llu,\"slowest_ms\":%.2f}\n", count, rate,
		(unsigned long long)created, (unsigned long long)busy, (double)slowest / 1e6);
	return 0;
}
