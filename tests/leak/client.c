/* leak_client SOCKET KEY MARKERS NAME: a program with libcoffer that lives on after its work. It encrypts and decrypts the marker NAME as a message and as a stream of several
 * segments under way at once, wipes what is its own, keeps the connection, says `ready` and waits: what is then left of the plaintext is libcoffer's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ct.h"
#include "client/include/coffer.h"
#include "leak/forms.h"

#define SEGMENT 65536u
#define SEGMENTS 12u
#define SEALED (SEGMENT + COFFER_SEGMENT_OVERHEAD)

static uint8_t plain[SEGMENT], sealed[SEGMENTS][SEALED], out[SEALED];
static uint8_t header[COFFER_STREAM_HEADER];

static int fail(struct coffer *c, const char *what, enum coffer_status st)
{
	fprintf(stderr, "leak_client: %s: %s %s\n", what, coffer_strerror(st), c ? coffer_error(c) : "");
	return 2;
}

/* Fills `plain` with the marker, again and again. */
static bool load(const char *path, const char *name)
{
	static char line[1024];
	static struct marker m;
	bool found = false;
	FILE *f = fopen(path, "re");
	while (f && !found && fgets(line, sizeof line, f)) found = marker_parse(line, &m) && strcmp(m.name, name) == 0;
	if (f) fclose(f);
	for (size_t i = 0; found && i < sizeof plain; i++) plain[i] = m.bytes[i % m.len];
	wipe(&m, sizeof m);
	return found;
}

static enum coffer_status message(struct coffer *c, const char *key)
{
	size_t len, back;
	enum coffer_status st = coffer_encrypt(c, key, NULL, 0, plain, sizeof plain / 2, sealed[0], sizeof sealed[0], &len);
	if (!st) st = coffer_decrypt(c, NULL, 0, sealed[0], len, out, sizeof out, &back);
	return st;
}

/* Sends all segments, as many ahead as may be, and collects them: sealed into sealed[], opened into out. */
static enum coffer_status pump(struct coffer_stream *s, bool opening)
{
	enum coffer_status st = COFFER_OK;
	unsigned collected = 0;
	for (unsigned sent = 0; collected < SEGMENTS && !st;) {
		size_t len;
		if (sent < SEGMENTS && coffer_stream_under_way(s) < COFFER_STREAM_AHEAD) {
			const uint8_t *in = opening ? sealed[sent] : plain;
			st = coffer_stream_send(s, in, opening ? SEALED : SEGMENT, sent + 1 == SEGMENTS);
			sent++;
			continue;
		}
		st = coffer_stream_collect(s, opening ? out : sealed[collected], SEALED, &len);
		collected++;
	}
	return st;
}

static enum coffer_status stream(struct coffer *c, const char *key)
{
	struct coffer_stream *s = NULL;
	enum coffer_status st = coffer_stream_seal(c, key, NULL, 0, SEGMENT, header, &s);
	if (!st) st = pump(s, false);
	coffer_stream_close(s);
	s = NULL;
	if (!st) st = coffer_stream_open(c, NULL, 0, header, &s);
	if (!st) st = pump(s, true);
	coffer_stream_close(s);
	return st;
}

int main(int argc, char **argv)
{
	struct coffer *c = NULL;
	if (argc != 5 || !load(argv[3], argv[4])) {
		fprintf(stderr, "usage: leak_client SOCKET KEY MARKERS NAME\n");
		return 2;
	}
	enum coffer_status st = coffer_connect(argv[1], NULL, &c);
	if (!st) st = message(c, argv[2]);
	if (!st) st = stream(c, argv[2]);
	if (st) return fail(c, "the work", st);
	wipe(plain, sizeof plain);
	wipe(out, sizeof out);
	wipe_registers();
	printf("ready\n");
	fflush(stdout);
	(void)getchar();
	coffer_close(c);
	return 0;
}
