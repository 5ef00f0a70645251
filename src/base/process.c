/* A process hardens itself, leaves root and ties its life to its parent's. */
#include "base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"

#define PASSWD_TEXT_MAX ((size_t)1 << 20) /* bytes of one user's entry */

enum coffer_err process_harden(struct reason *reason)
{
	const struct rlimit none = { 0, 0 };
	if (setrlimit(RLIMIT_CORE, &none) != 0) return reason_fail(reason, ERR_IO, "cannot switch core dumps off: %m");
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		return reason_fail(reason, ERR_IO, "cannot keep debuggers out of this process: %m");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return reason_fail(reason, ERR_IO, "cannot set no_new_privs: %m");
	(void)umask(077);
	(void)signal(SIGXFSZ, SIG_IGN); /* a limit of file sizes is an error of the write with its sentence, not an end without one */
	return ERR_OK;
}

bool process_own_standard_fds(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF) continue;
		/* The lowest free number is this one. */
		if (open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd) return false;
	}
	return true;
}

void process_reset_signals(void)
{
	sigset_t none;
	for (int s = 1; s < NSIG; s++)
		(void)signal(s, SIG_DFL); /* fails for those that have no other disposition */
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

void process_close_fds_from(int first)
{
	PRE(first >= 0);
	closefrom(first);
}

static bool is_assignment_to(const char *name, const char *entry)
{
	size_t len = strlen(name);
	return strncmp(entry, name, len) == 0 && entry[len] == '=';
}

/* Moves what is kept to the front, in place: nothing here can fail half-way. */
void process_clean_environment(const char *const *keep)
{
	size_t kept = 0;
	if (!environ) return;
	for (; *keep; keep++) {
		size_t at = kept;
		while (environ[at] && !is_assignment_to(*keep, environ[at])) at++;
		if (!environ[at]) continue;
		char *entry = environ[at];
		memmove(&environ[kept + 1], &environ[kept], (at - kept) * sizeof entry);
		environ[kept++] = entry;
	}
	environ[kept] = NULL;
}

/* Whether all three user ids and all three group ids are the given ones. */
static bool is_user(uid_t uid, gid_t gid)
{
	uid_t r, e, s;
	gid_t gr, ge, gs;
	return getresuid(&r, &e, &s) == 0 && getresgid(&gr, &ge, &gs) == 0 && r == uid && e == uid && s == uid && gr == gid &&
		ge == gid && gs == gid;
}

enum coffer_err process_drop_user(uid_t uid, gid_t gid, struct reason *reason)
{
	if (uid == 0 || gid == 0 || uid == (uid_t)-1 || gid == (gid_t)-1)
		return reason_fail(reason, ERR_USAGE, "name a user that is not root to run as (user id %lld, group id %lld)",
			(long long)uid, (long long)gid);
	if (!is_user(uid, gid)) {
		if (setgroups(0, NULL) != 0)
			return reason_fail(reason, ERR_IO, "cannot give up supplementary groups: %m; start as root or as user %lld",
				(long long)uid);
		if (setresgid(gid, gid, gid) != 0)
			return reason_fail(reason, ERR_IO, "cannot become group %lld: %m", (long long)gid);
		if (setresuid(uid, uid, uid) != 0)
			return reason_fail(reason, ERR_IO, "cannot become user %lld: %m", (long long)uid);
	}
	/* The proof: root must be out of reach by every id, also for a process that kept a capability. */
	if (setresuid((uid_t)-1, 0, (uid_t)-1) == 0 || setresgid((gid_t)-1, 0, (gid_t)-1) == 0 || !is_user(uid, gid))
		return reason_fail(reason, ERR_IO, "root can be had back after becoming user %lld: refusing to go on", (long long)uid);
	/* A change of ids resets this to a system-wide default. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		return reason_fail(reason, ERR_IO, "cannot keep debuggers out of this process: %m");
	return ERR_OK;
}

/* Looks a name up with as much room as its entry needs. */
static enum coffer_err find_user(const char *name, struct passwd *entry, char **out_text, struct reason *reason)
{
	for (size_t size = 1024; size <= PASSWD_TEXT_MAX; size *= 2) {
		AUTO_FREE char *text = malloc(size);
		struct passwd *found = NULL;
		ENSURE(text, ERR_MEMORY);
		int error = getpwnam_r(name, entry, text, size, &found);
		if (error == ERANGE) continue;
		if (found) {
			*out_text = TAKE(text);
			return ERR_OK;
		}
		/* getpwnam_r(3): several values of errno mean no more than "there is none". */
		bool missing = error == 0 || error == ENOENT || error == ESRCH || error == EBADF || error == EPERM;
		errno = error;
		if (!missing) return reason_fail(reason, ERR_IO, "cannot look up the user '%s': %m", name);
		return reason_fail(reason, ERR_NOT_FOUND, "there is no user '%s'; make it, or give a numeric user id", name);
	}
	return reason_fail(reason, ERR_IO, "the entry of the user '%s' is too long", name);
}

enum coffer_err process_parse_user(const char *name_or_uid, uid_t *out_uid, gid_t *out_gid, struct reason *reason)
{
	uint64_t number;
	if (text_parse_u64(view_str(name_or_uid), &number) == ERR_OK) {
		if (number >= (uid_t)-1)
			return reason_fail(reason, ERR_NOT_FOUND, "'%s' is not a user id", name_or_uid);
		*out_uid = (uid_t)number;
		*out_gid = (gid_t)number;
		return ERR_OK;
	}
	AUTO_FREE char *text = NULL;
	struct passwd entry;
	TRY(find_user(name_or_uid, &entry, &text, reason));
	*out_uid = entry.pw_uid;
	*out_gid = entry.pw_gid;
	return ERR_OK;
}

enum coffer_err process_die_with_parent(pid_t expected_parent)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) return ERR_IO;
	/* The parent may have ended before the line above; then nobody would send the signal. */
	return getppid() == expected_parent ? ERR_OK : ERR_CLOSED;
}
