/* What the monitor prepares before the first start: users, limits and folders. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/process.h"
#include "monitor/monitor.h"

#define MEMLOCK_EXTRA ((rlim_t)256 << 20) /* bytes beside the arena: scrypt's scratch memory, the helper's arena */
#define NOFILE_EXTRA 256u                 /* descriptors beside the connections */

static enum coffer_err find_user(const char *key, const char *name, struct spawn_user *out, struct reason *reason)
{
	struct reason why = { "" };
	enum coffer_err err = process_parse_user(name, &out->uid, &out->gid, &why);
	if (err != ERR_OK) return reason_fail(reason, ERR_USAGE, "%s: %s", key, reason_text(&why, err));
	out->change = out->uid != 0;
	if (!out->change) log_warn("%s is root: this process can do everything on this machine; name a user of its own", key);
	return ERR_OK;
}

/* A store in a file may be moved to a database while the monitor runs: then the user is needed who was not before. */
static enum coffer_err find_stored_user(struct monitor *m, struct reason *reason)
{
	struct reason why = { "" };
	m->stored_absent = false;
	if (strcmp(m->config.store, "postgres") == 0) return find_user("user_stored", m->config.user_stored, &m->stored_user, reason);
	m->stored_absent = process_parse_user(m->config.user_stored, &m->stored_user.uid, &m->stored_user.gid, &why) != ERR_OK;
	m->stored_user.change = !m->stored_absent && m->stored_user.uid != 0;
	return ERR_OK;
}

static enum coffer_err find_users(struct monitor *m, struct reason *reason)
{
	m->cofferd_user = (struct spawn_user){ false, geteuid(), getegid() };
	m->tokend_user = m->stored_user = m->cofferd_user;
	if (geteuid() != 0) return ERR_OK;
	TRY(find_user("user_cofferd", m->config.user_cofferd, &m->cofferd_user, reason));
	TRY(find_user("user_tokend", m->config.user_tokend, &m->tokend_user, reason));
	TRY(find_stored_user(m, reason));
	if (m->cofferd_user.change && (m->cofferd_user.uid == m->stored_user.uid) && strcmp(m->config.store, "postgres") == 0)
		log_warn("user_cofferd and user_stored are the same user: the process with the network can signal the key-holding process");
	if (m->cofferd_user.change && m->cofferd_user.uid == m->tokend_user.uid)
		log_warn("user_cofferd and user_tokend are the same user: the token's library can signal and read the key-holding process");
	return ERR_OK;
}

enum coffer_err monitor_notify_user(const struct monitor *m, struct spawn_user *out, struct reason *reason)
{
	*out = (struct spawn_user){ false, geteuid(), getegid() };
	if (geteuid() != 0) return ERR_OK;
	TRY(find_user("user_notify", m->config.user_notify, out, reason));
	if (!out->change || (out->uid != m->cofferd_user.uid && out->uid != m->tokend_user.uid && out->uid != m->stored_user.uid)) return ERR_OK;
	return reason_fail(reason, ERR_USAGE, "user_notify must be a user of its own: as user %lld, notify_command could signal the processes that hold keys and read their files",
		(long long)out->uid);
}

/* Raises a limit as far as we may; who needs more says so itself. */
static void raise_limit(__rlimit_resource_t what, rlim_t wanted)
{
	struct rlimit limit;
	if (getrlimit(what, &limit) != 0 || limit.rlim_cur >= wanted) return;
	rlim_t hard = limit.rlim_max;
	if (hard < wanted) limit.rlim_max = wanted;
	limit.rlim_cur = wanted;
	if (setrlimit(what, &limit) == 0) return;
	limit.rlim_max = limit.rlim_cur = hard;
	(void)setrlimit(what, &limit);
}

static bool is_word_of(const char *word, const char *list)
{
	size_t len = strlen(word);
	for (const char *at = list; at && *at; at = strchr(at, ':') ? strchr(at, ':') + 1 : NULL)
		if (strncmp(at, word, len) == 0 && (at[len] == '\0' || at[len] == ':')) return true;
	return false;
}

/* Makes the folder, or takes over the one that systemd made for root (named in the variable). Whoever else's stays as it is. */
static enum coffer_err prepare_dir(const char *key, const char *path, mode_t mode, const char *variable,
	const struct spawn_user *user, struct reason *reason)
{
	struct stat st;
	bool made = mkdir(path, mode) == 0;
	if (!made && errno != EEXIST) return reason_fail(reason, ERR_IO, "%s: the folder %s cannot be made: %m", key, path);
	if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode)) return reason_fail(reason, ERR_IO, "%s: %s is not a usable folder", key, path);
	if (!made && !(st.st_uid == 0 && geteuid() == 0 && is_word_of(path, getenv(variable)))) return ERR_OK;
	AUTO_FD int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fchmod(fd, mode) != 0 || (user->change && fchown(fd, user->uid, user->gid) != 0))
		return reason_fail(reason, ERR_IO, "%s: the folder %s cannot be given to user %lld: %m", key, path, (long long)user->uid);
	return ERR_OK;
}

static enum coffer_err check_state_dir(const struct monitor *m, struct reason *reason)
{
	struct stat st;
	if (stat(m->config.state_dir, &st) != 0)
		return reason_fail(reason, ERR_IO, "state_dir: %s: %m", m->config.state_dir);
	if (st.st_uid != m->cofferd_user.uid)
		return reason_fail(reason, ERR_USAGE, "state_dir: %s belongs to user %lld, not to user %lld whom cofferd runs as; give it "
			"to that user (chown)", m->config.state_dir, (long long)st.st_uid, (long long)m->cofferd_user.uid);
	return ERR_OK;
}

enum coffer_err monitor_prepare(struct monitor *m, struct reason *reason)
{
	char path[PATH_MAX];
	TRY(spawn_find("cofferd", path, reason));
	TRY(find_users(m, reason));
	struct spawn_user notify;
	if (m->config.notify_command[0]) TRY(monitor_notify_user(m, &notify, reason));
	raise_limit(RLIMIT_MEMLOCK, 2 * (rlim_t)m->config.secret_memory + MEMLOCK_EXTRA);
	raise_limit(RLIMIT_NOFILE, (rlim_t)m->config.max_connections + NOFILE_EXTRA);
	TRY(prepare_dir("state_dir", m->config.state_dir, 0700, "STATE_DIRECTORY", &m->cofferd_user, reason));
	TRY(check_state_dir(m, reason));
	AUTO_FREE char *socket = strdup(m->config.socket);
	ENSURE(socket, ERR_MEMORY);
	return prepare_dir("socket", dirname(socket), 0755, "RUNTIME_DIRECTORY", &m->cofferd_user, reason);
}
