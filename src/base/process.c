/* Process hardening and privileges. */
#include "base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"

enum coffer_err process_harden(struct reason *reason)
{
	const struct rlimit none = { 0, 0 };
	umask(077);
	if (prctl(PR_SET_DUMPABLE, 0) != 0 || setrlimit(RLIMIT_CORE, &none) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return reason_fail(reason, ERR_IO, "the process cannot be hardened: %s", strerror(errno));
	return ERR_OK;
}

void process_close_fds_from(int first)
{
	if (close_range((unsigned)first, ~0u, 0) != 0) {
		long max = sysconf(_SC_OPEN_MAX);
		for (int fd = first; fd < (max > 0 ? max : 1024); fd++) close(fd);
	}
	for (int fd = 0; fd < 3; fd++) {
		if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF) continue;
		int opened = open("/dev/null", O_RDWR);
		if (opened >= 0 && opened != fd) {
			dup2(opened, fd);
			close(opened);
		}
	}
}

enum coffer_err process_clean_environment(const char *const *keep)
{
	enum { KEEP_MAX = 64 };
	char *values[KEEP_MAX] = { NULL };
	enum coffer_err err = ERR_OK;
	size_t n = 0;
	for (; keep && keep[n] && n < KEEP_MAX; n++) {
		const char *value = getenv(keep[n]);
		values[n] = value ? strdup(value) : NULL;
		if (value && !values[n]) err = ERR_MEMORY;
	}
	clearenv();
	for (size_t i = 0; i < n; i++) {
		if (values[i] && setenv(keep[i], values[i], 1) != 0) err = ERR_MEMORY;
		free(values[i]);
	}
	return err;
}

enum coffer_err process_parse_user(const char *user, uid_t *out_uid, gid_t *out_gid, struct reason *reason)
{
	uint64_t number;
	if (text_parse_u64(view_str(user), &number) == ERR_OK) {
		if (number >= UINT32_MAX) return reason_fail(reason, ERR_USAGE, "%s is not a user number", user);
		*out_uid = (uid_t)number;
		*out_gid = (gid_t)number;
		return ERR_OK;
	}
	char buffer[4096];
	struct passwd entry, *found = NULL;
	if (getpwnam_r(user, &entry, buffer, sizeof buffer, &found) != 0 || !found)
		return reason_fail(reason, ERR_USAGE, "there is no user '%s'; make it with 'useradd --system --no-create-home "
			"--shell /usr/sbin/nologin %s'", user, user);
	*out_uid = found->pw_uid;
	*out_gid = found->pw_gid;
	return ERR_OK;
}

enum coffer_err process_drop_user(uid_t uid, gid_t gid, struct reason *reason)
{
	if (setgroups(0, NULL) != 0 || setresgid(gid, gid, gid) != 0 || setresuid(uid, uid, uid) != 0)
		return reason_fail(reason, ERR_IO, "the process cannot become user %lu: %s", (unsigned long)uid, strerror(errno));
	if (uid != 0 && (setresuid(0, 0, 0) == 0 || geteuid() == 0))
		return reason_fail(reason, ERR_BUG, "root could be regained after dropping it");
	return ERR_OK;
}

void process_die_with_parent(pid_t expected_parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != expected_parent) _exit(1);
}
