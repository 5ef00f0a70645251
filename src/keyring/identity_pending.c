/* The identity file while an init is under way. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "keyring/identity.h"

#define PATH_LEN 4096

static enum coffer_err path_of(const char *dir, const char *name, char out[static PATH_LEN])
{
	return snprintf(out, PATH_LEN, "%s/%s", dir, name) < PATH_LEN ? ERR_OK : ERR_USAGE;
}

static enum coffer_err io_fail(struct reason *reason, const char *path)
{
	return reason_fail(reason, errno == ENOSPC ? ERR_FULL : ERR_IO, "%s cannot be written: %s", path, strerror(errno));
}

static enum coffer_err sync_dir(const char *dir, struct reason *reason)
{
	AUTO_FD int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd >= 0 && fsync(fd) == 0 ? ERR_OK : io_fail(reason, dir);
}

enum coffer_err identity_prepare(const char *dir, const struct identity *identity, struct reason *reason)
{
	char pending[PATH_LEN];
	TRY(path_of(dir, "pending", pending));
	if (mkdir(pending, 0700) != 0 && errno != EEXIST) return io_fail(reason, pending);
	TRY(sync_dir(dir, reason)); /* after the store's commit there is no other copy */
	return identity_write(pending, identity, reason);
}

enum coffer_err identity_publish(const char *dir, struct reason *reason)
{
	char from[PATH_LEN], to[PATH_LEN], pending[PATH_LEN];
	TRY(path_of(dir, "pending/node.id", from));
	TRY(path_of(dir, "node.id", to));
	TRY(path_of(dir, "pending", pending));
	if (rename(from, to) != 0 && errno != ENOENT) return io_fail(reason, to);
	TRY(sync_dir(dir, reason));
	rmdir(pending);
	return ERR_OK;
}

void identity_withdraw(const char *dir)
{
	char path[PATH_LEN];
	if (path_of(dir, "pending/node.id", path) == ERR_OK) unlink(path);
	if (path_of(dir, "pending", path) == ERR_OK) rmdir(path);
}

static bool is_same(const struct identity *a, const struct identity *b)
{
	return memcmp(a->binding.master_secret_id, b->binding.master_secret_id, TOKEN_MS_ID_LEN) == 0 && a->binding.data_len == b->binding.data_len &&
		memcmp(a->binding.data, b->binding.data, a->binding.data_len) == 0 && strcmp(a->token_uri, b->token_uri) == 0;
}

enum coffer_err identity_settled(const char *dir, const struct identity *current, struct reason *reason)
{
	char pending[PATH_LEN];
	struct identity found;
	TRY(path_of(dir, "pending", pending));
	enum coffer_err err = identity_read(pending, &found, reason);
	if (err == ERR_NOT_FOUND || err == ERR_CORRUPT) {
		if (reason) reason->text[0] = '\0';
		return ERR_OK;
	}
	TRY(err);
	if (is_same(&found, current)) return identity_publish(dir, reason);
	return reason_fail(reason, ERR_STATE, "an earlier change of the token is not settled; restart the daemon, it finds whether it took effect");
}
