/* leak_heap MARKERS NAME [heap]: a process with live OpenSSL contexts under the marker NAME: GCM both ways, CBC decryption, HMAC done; nothing else of it is
 * kept. With `heap` OpenSSL allocates from the ordinary heap, which is the control. Says `ready LEVEL ADDRESS`, an address in the arena, and waits; the line `abort` on
 * standard input ends it with SIGABRT. It is not hardened, so that the kernel writes its core: what keeps the marker out of that is the arena alone.
 * The markers whose names begin with `control` lie on its heap. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/ct.h"
#include "crypto/aead.h"
#include "crypto/algs.h"
#include "crypto/cipher_stream.h"
#include "crypto/mac.h"
#include "crypto/ossl_mem.h"
#include "leak/forms.h"

#define CBC 1u

struct work {
	struct aead_key *aead;
	struct cipher_stream *cbc;
	void *control;
};

static enum coffer_err use_key(const uint8_t *key, size_t len, struct work *w)
{
	uint8_t text[64] = { 0 }, tag[AEAD_TAG_LEN], nonce[AEAD_NONCE_LEN] = { 1 }, iv[16] = { 2 }, mac[MAC_LEN];
	AUTO_BUF struct buf out = BUF_EMPTY;
	struct view part = view_of(text, sizeof text);
	TRY(aead_key_new(key, len, &w->aead));
	TRY(aead_seal(w->aead, nonce, NULL, 0, part, text, tag));
	TRY(aead_open(w->aead, nonce, NULL, 0, part, tag, text));
	const struct cipher_params params = { .algorithm = 3, .mode = CBC };
	TRY(cipher_stream_new(&params, CIPHER_DECRYPT, view_of(key, len), view_of(iv, sizeof iv), &w->cbc));
	TRY(cipher_stream_update(w->cbc, part, &out));
	return mac_hmac_sha256(view_of(key, len), &part, 1, mac);
}

/* The marker goes from the file into the contexts, and is wiped everywhere else. */
static enum coffer_err run(const char *path, const char *name, struct work *w)
{
	static char line[1024];
	static struct marker m;
	enum coffer_err err = ERR_NOT_FOUND;
	FILE *f = fopen(path, "re");
	while (f && fgets(line, sizeof line, f)) {
		if (!marker_parse(line, &m)) continue;
		if (strcmp(m.name, name) == 0) err = use_key(m.bytes, m.len, w);
		if (strncmp(m.name, "control-key", 11) == 0 && (w->control = malloc(m.len))) memcpy(w->control, m.bytes, m.len);
	}
	if (f) fclose(f);
	wipe(&m, sizeof m);
	wipe_registers();
	return err;
}

int main(int argc, char **argv)
{
	struct reason reason = { "" };
	struct work w = { NULL, NULL, NULL };
	bool heap = argc == 4 && strcmp(argv[3], "heap") == 0;
	if (argc != 3 && !heap) {
		fprintf(stderr, "usage: leak_heap MARKERS NAME [heap]\n");
		return 2;
	}
	enum coffer_err err = arena_init((size_t)2 << 20, false, &reason);
	if (!err) err = heap ? algs_load() : ossl_mem_install();
	if (!err) err = run(argv[1], argv[2], &w);
	if (err) {
		fprintf(stderr, "leak_heap: %s\n", reason_text(&reason, err));
		return 2;
	}
	uint8_t *inside = arena_alloc(1);
	printf("ready %s %p\n", arena_level_name(), (void *)inside);
	fflush(stdout);
	char line[16] = "";
	if (fgets(line, sizeof line, stdin) && strcmp(line, "abort\n") == 0) abort();
	arena_free(inside);
	aead_key_free(w.aead);
	cipher_stream_free(w.cbc);
	free(w.control);
	return 0;
}
