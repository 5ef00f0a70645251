/* Wiping the state directory. */
#include "daemon/zeroise.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "daemon/admin_pool.h"
#include "daemon/shutdown.h"
#include "ops/zeroise_mark.h"

#define DEPTH_MAX 8u /* folders within folders: the daemon makes one */

static enum coffer_err fail(const char *name, const char *doing, struct reason *reason)
{
	return reason_fail(reason, ERR_IO, "zeroise: %s cannot be %s: %s; remove it by hand and start the daemon again", name, doing, strerror(errno));
}

/* Sealed bytes without a key any more; overwritten all the same, where the file system writes in place. */
static enum coffer_err overwrite(int dir_fd, const char *name, struct reason *reason)
{
	static const uint8_t zeros[64 * 1024];
	struct stat st;
	AUTO_FD int fd = openat(dir_fd, name, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) != 0) return fail(name, "opened", reason);
	for (off_t at = 0; at < st.st_size;) {
		size_t len = st.st_size - at < (off_t)sizeof zeros ? (size_t)(st.st_size - at) : sizeof zeros;
		ssize_t n = pwrite(fd, zeros, len, at);
		if (n < 0 && errno == EINTR) continue;
		if (n <= 0) return fail(name, "overwritten", reason);
		at += n;
	}
	if (fsync(fd) != 0) return fail(name, "synced", reason);
	return ERR_OK;
}

static enum coffer_err wipe_folder(int fd, unsigned depth, struct reason *reason);

static enum coffer_err wipe_inner(int dir_fd, const char *name, unsigned depth, struct reason *reason)
{
	AUTO_FD int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0) return fail(name, "opened", reason);
	TRY(wipe_folder(fd, depth + 1, reason));
	return unlinkat(dir_fd, name, AT_REMOVEDIR) == 0 ? ERR_OK : fail(name, "removed", reason);
}

static enum coffer_err wipe_entry(int dir_fd, const char *name, unsigned depth, struct reason *reason)
{
	struct stat st;
	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0) return fail(name, "looked at", reason);
	if (S_ISDIR(st.st_mode)) return wipe_inner(dir_fd, name, depth, reason);
	if (S_ISREG(st.st_mode)) TRY(overwrite(dir_fd, name, reason));
	return unlinkat(dir_fd, name, 0) == 0 ? ERR_OK : fail(name, "removed", reason);
}

static bool stays(const char *name, unsigned depth)
{
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) return true;
	return depth == 0 && (strcmp(name, "lock") == 0 || strcmp(name, ZEROISE_MARK) == 0 || strcmp(name, "lost+found") == 0);
}

/* All that can be wiped is, whatever else stands there: what is said is the first that cannot. */
static enum coffer_err wipe_entries(DIR *stream, int fd, unsigned depth, struct reason *reason)
{
	enum coffer_err first = ERR_OK;
	for (;;) {
		errno = 0;
		const struct dirent *entry = readdir(stream);
		if (!entry && errno && !first) return fail("the state directory", "read", reason);
		if (!entry) return first;
		if (stays(entry->d_name, depth)) continue;
		enum coffer_err err = wipe_entry(fd, entry->d_name, depth, first ? NULL : reason);
		if (!first) first = err;
	}
}

static enum coffer_err wipe_folder(int fd, unsigned depth, struct reason *reason)
{
	if (depth > DEPTH_MAX) return reason_fail(reason, ERR_IO, "zeroise: there are folders within folders in the state directory; remove them by hand");
	int own = dup(fd);
	DIR *stream = own < 0 ? NULL : fdopendir(own);
	if (!stream) {
		if (own >= 0) close(own);
		return fail("the state directory", "read", reason);
	}
	enum coffer_err err = wipe_entries(stream, fd, depth, reason);
	closedir(stream);
	if (!err && fsync(fd) != 0) err = fail("the state directory", "synced", reason);
	return err;
}

enum coffer_err zeroise_finish(const char *dir, struct reason *reason)
{
	AUTO_FD int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) return fail(dir, "opened", reason);
	if (faccessat(fd, ZEROISE_MARK, F_OK, AT_SYMLINK_NOFOLLOW) != 0) return errno == ENOENT ? ERR_OK : fail(ZEROISE_MARK, "looked at", reason);
	log_warn("zeroise: everything in %s is wiped now", dir);
	TRY(wipe_folder(fd, 0, reason));
	if (unlinkat(fd, ZEROISE_MARK, 0) != 0 || fsync(fd) != 0) return fail(ZEROISE_MARK, "removed", reason);
	log_warn("zeroise: done; nothing of the domain is left on this node");
	return ERR_OK;
}

/* The order was given in front of the token's part, and that is done: what is left is the folder. The counter in the token is not touched: who can write the state folder could have it removed
 * with a file, and an older copy would then be served. */
static void go_on(void *arg)
{
	struct daemon *d = arg;
	struct engine *e = &d->engine;
	struct reason reason = { "" };
	struct token_health health = { .state = TOKEN_STARTING };
	pthread_mutex_lock(&e->admin_lock);
	if (e->token) token_proxy_health(e->token, &health);
	if (engine_state_get(e) == ENGINE_SEALED && health.state == TOKEN_KEY_MISSING && zeroise_order_is_there(d->config->state_dir)) {
		log_warn("zeroise: was ordered, and the token has no master secret any more: it goes on; a TPM may still have the node's counter, in which no secret is "
			"(tpm2_getcap handles-nv-index, tpm2_nvundefine -C o)");
		enum coffer_err err = zeroise_mark_put(d->config->state_dir, &reason);
		if (err) log_error("zeroise: %s", reason_text(&reason, err));
		else {
			e->state = ENGINE_FAULT;
			engine_note(e, "zeroised: the daemon starts anew");
			e->restart(e);
		}
	}
	pthread_mutex_unlock(&e->admin_lock);
}

void zeroise_on_key_missing(struct daemon *d)
{
	if (!zeroise_order_is_there(d->config->state_dir)) return;
	if (!admin_pool_call(d, go_on, d)) log_warn("zeroise: does not go on before the next start: memory is short");
}

void zeroise_forget_order(struct engine *engine)
{
	const char *dir = engine->config->state_dir;
	if (!zeroise_order_is_there(dir)) return;
	log_warn("zeroise: one that was ordered did not come to its end, and the domain is open; give the command again");
	if (zeroise_order_remove(dir) != ERR_OK) log_error("zeroise: %s/" ZEROISE_ORDER " cannot be removed: remove it by hand", dir);
}

static void on_restart(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	shutdown_begin(arg);
}

void zeroise_restart(struct engine *engine)
{
	struct daemon *d = engine->daemon;
	static const struct timeval now = { 0, 0 };
	d->restarting = true;
	if (event_base_once(d->base, -1, EV_TIMEOUT, on_restart, d, &now) != 0) log_error("the daemon cannot start itself anew: restart it");
}
