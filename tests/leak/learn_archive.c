/* leak_learn_archive ARCHIVE [--passphrase] FILE…: prints the markers `data-key-N` of every generation that an archive carries: what who holds these shares (one file each), or this
 * passphrase, can learn offline. The archive is checked as `coffer backup verify` does. Lines as leak/forms.h reads them, masked. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "archive/archive.h"
#include "base/arena.h"
#include "crypto/ossl_mem.h"
#include "leak/marker.h"

#define SHARES_MAX 8
#define TEXT_MAX 4096

struct given {
	bool passphrase;
	unsigned count;
	char text[SHARES_MAX][TEXT_MAX];
	struct view views[SHARES_MAX];
};

static enum coffer_err read_text(const char *path, char out[static TEXT_MAX], struct reason *reason)
{
	FILE *f = fopen(path, "re");
	if (!f) return reason_fail(reason, ERR_IO, "%s cannot be read", path);
	size_t len = fread(out, 1, TEXT_MAX - 1, f);
	(void)fclose(f);
	out[len] = '\0';
	return ERR_OK;
}

static enum coffer_err unlock(struct archive *a, const struct given *g, struct ring **out, struct reason *reason)
{
	if (g->passphrase) return archive_unlock_passphrase(a, g->views[0], out, reason);
	return archive_unlock_shares(a, g->views, g->count, out, reason);
}

static enum coffer_err print_keys(const struct ring *ring)
{
	for (unsigned i = 0; i < ring_count(ring); i++) {
		char name[32];
		const struct secret *key;
		uint32_t generation = ring_generation_at(ring, i);
		TRY(ring_data_key(ring, generation, &key));
		(void)snprintf(name, sizeof name, "data-key-%u", (unsigned)generation);
		TRY(marker_print(name, key));
	}
	return ERR_OK;
}

static enum coffer_err learn(int fd, const struct given *g, struct reason *reason)
{
	struct archive *a = NULL;
	struct ring *ring = NULL;
	enum coffer_err err = archive_open(fd, &a, reason);
	if (!err) err = archive_pass(a, NULL, NULL, reason);
	if (!err) err = unlock(a, g, &ring, reason);
	if (!err) err = print_keys(ring);
	ring_free(ring);
	archive_free(a);
	return err;
}

int main(int argc, char **argv)
{
	static struct given given;
	struct reason reason = { "" };
	int at = 2;
	if (argc > at && strcmp(argv[at], "--passphrase") == 0) {
		given.passphrase = true;
		at++;
	}
	if (at >= argc || argc - at > SHARES_MAX) {
		fprintf(stderr, "usage: leak_learn_archive ARCHIVE [--passphrase] FILE…\n");
		return 2;
	}
	enum coffer_err err = arena_init((size_t)1 << 20, false, &reason);
	if (!err) err = ossl_mem_install();
	for (; !err && at < argc; at++) {
		err = read_text(argv[at], given.text[given.count], &reason);
		given.views[given.count] = view_str(given.text[given.count]);
		given.count++;
	}
	int fd = open(argv[1], O_RDONLY | O_CLOEXEC);
	if (!err) err = fd < 0 ? reason_fail(&reason, ERR_IO, "%s cannot be read", argv[1]) : learn(fd, &given, &reason);
	if (fd >= 0) (void)close(fd);
	if (err) fprintf(stderr, "leak_learn_archive: %s\n", reason_text(&reason, err));
	return err ? 1 : 0;
}
