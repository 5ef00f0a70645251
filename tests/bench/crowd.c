/* Many connections at once: the other half is part_e.py.
 *
 *   bench_crowd SOCKET KEY idle COUNT            opens COUNT connections, has each answered once, says "ready", and holds them until its input ends
 *   bench_crowd SOCKET KEY active COUNT SECONDS  COUNT connections, each with one Seal of 256 bytes under way; how many in a second, and quantiles of
 *                                                their time in microseconds */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "client.h"

#define TIMES_MAX 4000000u
#define EVENTS 256

static void begin_seal(struct client *c, const char *key)
{
	static const uint8_t message[256];
	struct writer w;
	struct kmip_request_mark mark;
	begin_message(c, &w, 1, &mark);
	struct kmip_item_mark item = begin_item(&w, OPERATION_COFFER_SEAL, NULL);
	ttlv_put_str(&w, TAG_UNIQUE_IDENTIFIER, key);
	ttlv_put_bytes(&w, TAG_COFFER_PLAINTEXT, view_of(message, sizeof message));
	kmip_request_item_end(&w, item, NULL);
	end_message(c, &w, mark);
	c->begun_ns = now_ns();
	send_all(c);
}

static void ask_once(struct client *c, const char *key)
{
	begin_seal(c, key);
	while (!receive_some(c)) {
	}
	answer_of(c);
}

/* What a connection has here is given back, so that ten thousand of them fit. */
static void hold_idle(const char *path, const char *key, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct client c;
		open_client(&c, path);
		ask_once(&c, key);
		free(c.out);
		free(c.in);
	}
	puts("ready");
	fflush(stdout);
	while (getchar() != EOF) {
	}
}

static void serve(struct client *c, const char *key, uint64_t until, uint64_t *times, size_t *made, size_t *open)
{
	if (!receive_some(c)) return;
	uint64_t now = now_ns();
	answer_of(c);
	if (*made < TIMES_MAX) times[(*made)++] = now - c->begun_ns;
	if (now < until) begin_seal(c, key);
	else --*open;
}

static void be_active(const char *path, const char *key, size_t count, double seconds)
{
	struct client *clients = calloc(count, sizeof *clients);
	uint64_t *times = malloc(TIMES_MAX * sizeof *times), begun = now_ns(), until = begun + (uint64_t)(seconds * 1e9);
	int poll = epoll_create1(EPOLL_CLOEXEC);
	size_t made = 0, open = count;
	must(clients && times && poll >= 0 && count > 0, "memory");
	for (size_t i = 0; i < count; i++) {
		struct epoll_event event = { .events = EPOLLIN, .data.ptr = &clients[i] };
		open_client(&clients[i], path);
		must(epoll_ctl(poll, EPOLL_CTL_ADD, clients[i].fd, &event) == 0, "epoll");
		begin_seal(&clients[i], key);
	}
	while (open) {
		struct epoll_event events[EVENTS];
		int n = epoll_wait(poll, events, EVENTS, 60000);
		must(n > 0, "cofferd does not answer");
		for (int i = 0; i < n; i++) serve(events[i].data.ptr, key, until, times, &made, &open);
	}
	printf("rate %.0f\n", (double)made * 1e9 / (double)(now_ns() - begun));
	say("seal", times, made);
	for (size_t i = 0; i < count; i++) close_client(&clients[i]);
	free(times);
	free(clients);
	close(poll);
}

int main(int argc, char **argv)
{
	const char *verb = argc > 4 ? argv[3] : "";
	if (argc == 5 && !strcmp(verb, "idle")) hold_idle(argv[1], argv[2], strtoul(argv[4], NULL, 10));
	else if (argc == 6 && !strcmp(verb, "active")) be_active(argv[1], argv[2], strtoul(argv[4], NULL, 10), atof(argv[5]));
	else die("usage: bench_crowd SOCKET KEY idle COUNT | active COUNT SECONDS");
	return 0;
}
