/* What libcoffer costs its caller: COUNT sealed messages over one connection, 1 in flight (one call each) or more (sent ahead), without looking before
 * sleeping, which costs as long as it lasts. To be run under callgrind (docs/performance.md), which counts what happens inside of `measured`; by itself it
 * prints the processor time of one operation.
 *
 *   bench_client SOCKET KEY seal|open BYTES IN-FLIGHT COUNT [BATCH] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/include/coffer.h"
#include "common.h"

#define BYTES_MAX (64u * 1024u)

static uint8_t plain[BYTES_MAX], sealed[BYTES_MAX + COFFER_MESSAGE_OVERHEAD], out[BYTES_MAX + COFFER_MESSAGE_OVERHEAD];

struct job {
	struct coffer *c;
	const char *key;
	bool open;
	size_t bytes, sealed_len;
	unsigned flight, count;
};

static void must(const struct job *j, enum coffer_status st)
{
	if (st) bench_die("libcoffer: %s: %s", coffer_strerror(st), coffer_error(j->c));
}

static void one(const struct job *j)
{
	size_t n;
	must(j, j->open ? coffer_decrypt(j->c, NULL, 0, sealed, j->sealed_len, out, sizeof out, &n)
		: coffer_encrypt(j->c, j->key, NULL, 0, plain, j->bytes, out, sizeof out, &n));
}

static void send_one(const struct job *j)
{
	must(j, j->open ? coffer_decrypt_send(j->c, NULL, 0, sealed, j->sealed_len) : coffer_encrypt_send(j->c, j->key, NULL, 0, plain, j->bytes));
}

__attribute__((noinline)) static void measured(const struct job *j)
{
	const void *result;
	size_t n;
	if (j->flight == 1) {
		for (unsigned i = 0; i < j->count; i++) one(j);
		return;
	}
	for (unsigned sent = 0, done = 0; done < j->count; done++) {
		for (; sent < j->count && sent - done < j->flight; sent++) send_one(j);
		must(j, coffer_collect_view(j->c, &result, &n));
	}
}

int main(int argc, char **argv)
{
	bench_must(argc == 7 || argc == 8, "reading SOCKET KEY seal|open BYTES IN-FLIGHT COUNT [BATCH]");
	struct job j = { .key = argv[2], .open = strcmp(argv[3], "open") == 0, .bytes = strtoul(argv[4], NULL, 10),
		.flight = (unsigned)strtoul(argv[5], NULL, 10), .count = (unsigned)strtoul(argv[6], NULL, 10) };
	struct coffer_options options = { .size = sizeof options, .server_uid = -1, .busy_poll_us = COFFER_POLL_OFF,
		.batch = argc == 8 ? (uint32_t)strtoul(argv[7], NULL, 10) : 0 };
	bench_must(j.bytes <= BYTES_MAX && j.flight >= 1 && j.flight <= COFFER_AHEAD && j.count >= 1, "reading BYTES, IN-FLIGHT and COUNT");
	enum coffer_status st = coffer_connect(argv[1], &options, &j.c);
	if (st) bench_die("libcoffer: %s", coffer_strerror(st));
	must(&j, coffer_encrypt(j.c, j.key, NULL, 0, plain, j.bytes, sealed, sizeof sealed, &j.sealed_len));
	uint64_t begun = bench_own_cpu_ns();
	measured(&j);
	printf("%.1f ns for each of %u\n", (double)(bench_own_cpu_ns() - begun) / j.count, j.count);
	coffer_close(j.c);
	return 0;
}
