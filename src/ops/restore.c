/* The upload, and the order of a restore. */
#include "ops/restore.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/ct.h"
#include "base/log.h"
#include "crypto/hash.h"
#include "crypto/rng.h"
#include "ops/domain_found.h"
#include "ops/restore_internal.h"
#include "recovery/recovery.h"

#define FOLDER_NAME "restore"
#define FILE_NAME "archive"
#define PATH_LEN 4096

struct restore {
	uint8_t id[RESTORE_ID_LEN];
	char owner[PRINCIPAL_MAX + 1];
	int fd;
	uint64_t size, got;
	uint8_t sha256[32];
	struct hash *hash;
	bool whole;               /* its hash was compared */
	uint64_t used_mono_ms;
};

/* The folder of the upload; nothing that stands in its place is followed. -1, errno: there is none. */
static int open_folder(const char *state_dir, bool make)
{
	AUTO_FD int state = open(state_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (state < 0) return -1;
	if (make && mkdirat(state, FOLDER_NAME, 0700) != 0 && errno != EEXIST) return -1;
	return openat(state, FOLDER_NAME, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static void remove_file(const char *state_dir)
{
	char path[PATH_LEN];
	AUTO_FD int folder = open_folder(state_dir, false);
	if (folder < 0) return;
	unlinkat(folder, FILE_NAME, 0);
	if (snprintf(path, sizeof path, "%s/" FOLDER_NAME, state_dir) < (int)sizeof path) rmdir(path);
}

void restore_sweep(const char *state_dir)
{
	remove_file(state_dir);
}

static void upload_free(struct restore *u)
{
	if (!u) return;
	if (u->fd >= 0) close(u->fd);
	hash_free(u->hash);
	free(u);
}

DEFINE_AUTO(struct restore, upload_free)

void restore_drop(struct engine *engine)
{
	if (!engine->restore) return;
	upload_free(TAKE(engine->restore));
	remove_file(engine->config->state_dir);
}

static enum coffer_err file_fail(struct reason *reason, const char *path)
{
	bool full = errno == ENOSPC || errno == EDQUOT || errno == EFBIG;
	return reason_fail(reason, full ? ERR_FULL : ERR_IO, "%s cannot be written: %s; make room there and run 'coffer restore' again", path,
		strerror(errno));
}

static enum coffer_err open_file(const char *state_dir, int *out, struct reason *reason)
{
	char path[PATH_LEN];
	ENSURE(snprintf(path, sizeof path, "%s/" FOLDER_NAME, state_dir) < (int)sizeof path, ERR_USAGE);
	AUTO_FD int folder = open_folder(state_dir, true);
	if (folder < 0 && (errno == ELOOP || errno == ENOTDIR))
		return reason_fail(reason, ERR_IO, "%s is no folder of the daemon's own (a link, or a file): find out who put it there, remove it and run 'coffer restore' again", path);
	if (folder < 0) return file_fail(reason, path);
	unlinkat(folder, FILE_NAME, 0);
	int fd = openat(folder, FILE_NAME, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0) return file_fail(reason, path);
	*out = fd;
	return ERR_OK;
}

static bool may_replace(const struct restore *u, const struct principal *principal)
{
	return (principal->is_unix && principal->uid == 0) || strcmp(u->owner, principal->text) == 0 || clock_mono_ms() - u->used_mono_ms >= RESTORE_IDLE_MS;
}

enum coffer_err restore_begin(struct engine *engine, const struct principal *principal, uint64_t size, const uint8_t sha256[static 32],
	uint8_t out_id[static RESTORE_ID_LEN], struct reason *reason)
{
	TRY(domain_check_none(engine, reason));
	TRY(domain_check_store(engine, reason));
	if (engine->pending) return reason_fail(reason, ERR_BUSY, "an init waits for its proof; finish it first, or wait 10 minutes");
	if (engine->restore && !may_replace(engine->restore, principal))
		return reason_fail(reason, ERR_BUSY, "%s is restoring; try again later", engine->restore->owner);
	if (size > ARCHIVE_LEN_MAX) return reason_fail(reason, ERR_TOO_LARGE, "the file is too large to be an archive");
	restore_drop(engine);
	AUTO(auto_upload_free) struct restore *u = calloc(1, sizeof *u);
	ENSURE(u, ERR_MEMORY);
	*u = (struct restore){ .fd = -1, .size = size, .used_mono_ms = clock_mono_ms() };
	memcpy(u->owner, principal->text, sizeof u->owner);
	memcpy(u->sha256, sha256, sizeof u->sha256);
	TRY(rng_bytes(u->id, sizeof u->id));
	TRY(hash_new(HASH_SHA256, &u->hash));
	TRY(open_file(engine->config->state_dir, &u->fd, reason));
	memcpy(out_id, u->id, sizeof u->id);
	engine->restore = TAKE(u);
	return ERR_OK;
}

static enum coffer_err find(struct engine *engine, const struct principal *principal, struct view id, struct restore **out, struct reason *reason)
{
	struct restore *u = engine->restore;
	TRY(domain_check_none(engine, reason));
	if (!u || strcmp(u->owner, principal->text) != 0 || id.len != sizeof u->id || !ct_equal(u->id, id.ptr, sizeof u->id))
		return reason_fail(reason, ERR_NOT_FOUND, "this restore is over: another one took its place, or the daemon was started again; run 'coffer restore' again");
	u->used_mono_ms = clock_mono_ms();
	*out = u;
	return ERR_OK;
}

enum coffer_err restore_write(struct engine *engine, const struct principal *principal, struct view id, uint64_t offset, struct view bytes,
	struct reason *reason)
{
	struct restore *u = NULL;
	TRY(find(engine, principal, id, &u, reason));
	POST(u);
	if (offset != u->got || bytes.len > u->size - u->got) return reason_fail(reason, ERR_FIELD, "the pieces of an archive are sent in order, up to the size that was told");
	for (size_t done = 0; done < bytes.len;) {
		ssize_t n = pwrite(u->fd, bytes.ptr + done, bytes.len - done, (off_t)(u->got + done));
		if (n < 0 && errno == EINTR) continue;
		if (n <= 0) {
			enum coffer_err err = file_fail(reason, "restore/archive in state_dir");
			restore_drop(engine);
			return err;
		}
		done += (size_t)n;
	}
	TRY(hash_update(u->hash, bytes));
	u->got += bytes.len;
	return ERR_OK;
}

static enum coffer_err check_whole(struct restore *u, struct reason *reason)
{
	uint8_t digest[32];
	if (u->whole) return ERR_OK;
	if (u->got != u->size) return reason_fail(reason, ERR_TRUNCATED, "the archive was not sent to its end; run 'coffer restore' again");
	TRY(hash_final(u->hash, digest));
	if (memcmp(digest, u->sha256, sizeof digest) != 0)
		return reason_fail(reason, ERR_CORRUPT, "the archive changed while it was sent; run 'coffer restore' again");
	u->whole = true;
	return ERR_OK;
}

void restoring_done(struct restoring *r)
{
	archive_free(r->archive);
	anchor_record_clear(&r->anchor);
	ring_free(r->opened);
	token_proxy_free(r->proxy);
	ring_free(r->ring);
	for (unsigned i = 0; i < r->blob_count; i++) buf_free(&r->blobs[i]);
	free(r->blobs);
}

static void describe(const struct archive_facts *facts, char *out, size_t cap)
{
	if (facts->mode == STANZA_SHARES) snprintf(out, cap, "shares: any %u of %u", facts->k, facts->n);
	else snprintf(out, cap, "passphrase");
}

static enum coffer_err run(struct restoring *r, const struct restore *u, struct reason *reason)
{
	char recovery[sizeof r->engine->recovery];
	TRY(restore_check(r, u->fd, reason));
	TRY(restore_provision(r, reason));
	TRY(restore_compare_counter(r, reason));
	describe(&r->result->facts, recovery, sizeof recovery);
	memcpy(r->result->node_id, r->identity.domain.node_id, UUID_LEN);
	const struct domain_founding founding = { .identity = &r->identity, .ring = &r->ring, .proxy = &r->proxy, .write = restore_rows, .arg = r,
		.recovery = recovery, .command = "coffer restore" };
	return domain_found(r->engine, &founding, reason);
}

enum coffer_err restore_commit(struct engine *engine, const struct principal *principal, struct view id, const struct restore_wish *wish,
	struct restore_result *out, struct reason *reason)
{
	struct restore *u = NULL;
	TRY(find(engine, principal, id, &u, reason));
	POST(u);
	TRY(check_whole(u, reason));
	AUTO(restoring_done) struct restoring r = { .engine = engine, .principal = principal, .wish = wish, .result = out };
	enum coffer_err err = run(&r, u, reason);
	if (!err || engine_state_get(engine) != ENGINE_UNINITIALISED) restore_drop(engine);
	return err;
}
