/* leak_learn_archive ARCHIVE [--passphrase | --counter STATE] FILE…: prints the markers `data-key-N` of every generation that an archive carries: what who holds these shares (one file each),
 * or this passphrase, can learn offline; with --counter the marker `counter-auth` alone, which the (copied) store of the node in STATE has sealed under one of these keys. The archive is checked as `coffer backup verify` does. Lines as leak/forms.h reads them, masked. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "archive/archive.h"
#include "base/arena.h"
#include "crypto/ossl_mem.h"
#include "keyring/anchor_record.h"
#include "keyring/identity.h"
#include "leak/marker.h"

#define SHARES_MAX 8
#define TEXT_MAX 4096

struct given {
	bool passphrase;
	const char *state; /* of the node whose counter is asked for, or NULL */
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

struct counter {
	const struct identity *identity;
	struct ring *ring;
	unsigned found;
};

static enum coffer_err print_if_counter(void *arg, const struct store_row *row)
{
	struct counter *c = arg;
	struct anchor_record record = ANCHOR_RECORD_NONE;
	if (!anchor_record_is(&c->identity->domain, row)) return ERR_OK;
	enum coffer_err err = anchor_record_open(c->ring, row, &record);
	if (!err) err = marker_print("counter-auth", record.auth);
	anchor_record_clear(&record);
	c->found += !err;
	return err;
}

static enum coffer_err print_counter(const char *state, struct ring *ring, struct reason *reason)
{
	struct identity identity;
	struct counter c = { .identity = &identity, .ring = ring };
	struct store *store = NULL;
	char path[4096];
	TRY(identity_read(state, &identity, reason));
	(void)snprintf(path, sizeof path, "%s/store.db", state);
	TRY(store_open_sqlite(path, &store, reason));
	enum coffer_err err = store_scan(store, STORE_DOMAIN, view_of(NULL, 0), false, 1024, print_if_counter, &c);
	store_close(store);
	if (!err && !c.found) return reason_fail(reason, ERR_NOT_FOUND, "the store has no record of a counter");
	return err;
}

static enum coffer_err learn(int fd, const struct given *g, struct reason *reason)
{
	struct archive *a = NULL;
	struct ring *ring = NULL;
	enum coffer_err err = archive_open(fd, &a, reason);
	if (!err) err = archive_pass(a, NULL, NULL, reason);
	if (!err) err = unlock(a, g, &ring, reason);
	if (!err) err = g->state ? print_counter(g->state, ring, reason) : print_keys(ring);
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
	} else if (argc > at + 1 && strcmp(argv[at], "--counter") == 0) {
		given.state = argv[at + 1];
		at += 2;
	}
	if (at >= argc || argc - at > SHARES_MAX) {
		fprintf(stderr, "usage: leak_learn_archive ARCHIVE [--passphrase | --counter STATE] FILE…\n");
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
