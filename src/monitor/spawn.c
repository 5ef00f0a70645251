/* Child processes. */
#include "monitor/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/process.h"

static bool is_program(const char *dir, int dir_len, const char *name, char out[static PATH_MAX])
{
	int n = snprintf(out, PATH_MAX, "%.*s/%s", dir_len, dir, name);
	return n > 0 && n < PATH_MAX && access(out, X_OK) == 0;
}

enum coffer_err spawn_find(const char *name, char out[static PATH_MAX], struct reason *reason)
{
	char self[PATH_MAX], path[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
	self[len > 0 ? len : 0] = '\0';
	const char *slash = strrchr(self, '/');
	int dir_len = slash ? (int)(slash - self) : 0;
	char sbin[PATH_MAX + sizeof COFFER_SBIN_FROM_LIBEXEC + 1];
	int sbin_len = snprintf(sbin, sizeof sbin, "%.*s/" COFFER_SBIN_FROM_LIBEXEC, dir_len, self);
	if ((dir_len && is_program(self, dir_len, name, path)) || (dir_len && is_program(sbin, sbin_len, name, path)) ||
	    is_program(COFFER_LIBEXEC_DIR, (int)strlen(COFFER_LIBEXEC_DIR), name, path) ||
	    is_program(COFFER_SBIN_DIR, (int)strlen(COFFER_SBIN_DIR), name, path)) {
		memcpy(out, path, strlen(path) + 1);
		return ERR_OK;
	}
	return reason_fail(reason, ERR_NOT_FOUND, "the program %s is not installed (looked in %.*s, %s and %s)", name,
		dir_len < 100 ? dir_len : 100, self, COFFER_LIBEXEC_DIR, COFFER_SBIN_DIR);
}

/* The channel becomes SPAWN_FD, standard input is empty, nothing else is open. */
static enum coffer_err arrange_fds(int fd, struct reason *reason)
{
	int channel = fcntl(fd, F_DUPFD, SPAWN_FD + 1);
	int null = open("/dev/null", O_RDONLY);
	if (channel < 0 || null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(channel, SPAWN_FD) < 0)
		return reason_fail(reason, ERR_IO, "descriptors of the new process: %m");
	process_close_fds_from(SPAWN_FD + 1);
	return ERR_OK;
}

static enum coffer_err arrange_environment(const struct spawn_plan *plan)
{
	char *state = NULL;
	process_clean_environment(plan->keep);
	char *words = strdup(plan->assignments ? plan->assignments : "");
	ENSURE(words, ERR_MEMORY);
	for (char *word = strtok_r(words, " \t", &state); word; word = strtok_r(NULL, " \t", &state))
		ENSURE(putenv(word) == 0, ERR_MEMORY); /* words belongs to the environment now */
	return ERR_OK;
}

static enum coffer_err become(const struct spawn_plan *plan, pid_t parent, struct reason *reason)
{
	process_reset_signals();
	(void)setsid(); /* a terminal's ^C is for the monitor alone */
	TRY(arrange_fds(plan->fd, reason));
	TRY(arrange_environment(plan));
	TRY(process_harden(reason));
	if (plan->user->change) TRY(process_drop_user(plan->user->uid, plan->user->gid, reason));
	TRY(process_die_with_parent(parent));
	(void)execv(plan->program, plan->argv);
	return reason_fail(reason, ERR_IO, "%s cannot be run: %m", plan->program);
}

enum coffer_err spawn_start(const struct spawn_plan *plan, pid_t *out_pid, struct reason *reason)
{
	pid_t parent = getpid();
	pid_t pid = fork();
	if (pid < 0) return reason_fail(reason, ERR_IO, "a new process cannot be made: %m");
	if (pid > 0) {
		*out_pid = pid;
		return ERR_OK;
	}
	struct reason why = { "" };
	enum coffer_err err = become(plan, parent, &why);
	if (err != ERR_CLOSED) log_error("%s", reason_text(&why, err));
	_exit(1);
}
