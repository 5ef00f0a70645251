/* What the monitor tells others: the service manager and the pid files. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fdio.h"
#include "base/log.h"
#include "monitor/monitor.h"

void monitor_notify(const char *state)
{
	int rc = sd_notify(0, state);
	if (rc < 0) log_warn("the service manager did not take a message: %s", strerrordesc_np(-rc));
}

void monitor_write_pid(const char *path, pid_t pid)
{
	char text[32];
	struct reason reason = { "" };
	if (!path[0]) return;
	int len = snprintf(text, sizeof text, "%lld\n", (long long)pid);
	enum coffer_err err = fdio_write_file_atomic(path, 0644, view_of(text, (size_t)len), &reason);
	if (err != ERR_OK) log_error("the pid file: %s", reason_text(&reason, err));
}

/* Whether the file names this process: by now it may be the one of a monitor that was started after us. */
static bool names(const char *path, pid_t pid)
{
	char text[32] = "";
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd >= 0 && read(fd, text, sizeof text - 1) > 0 && strtol(text, NULL, 10) == (long)pid;
}

void monitor_remove_pid(const char *path, pid_t pid)
{
	if (path[0] && names(path, pid) && unlink(path) != 0 && errno != ENOENT) log_warn("the pid file %s cannot be removed: %m", path);
}

void monitor_describe_end(int wait_status, char *text, size_t cap)
{
	if (WIFSIGNALED(wait_status)) {
		const char *name = sigdescr_np(WTERMSIG(wait_status));
		(void)snprintf(text, cap, "signal %d (%s)", WTERMSIG(wait_status), name ? name : "unknown");
	} else {
		(void)snprintf(text, cap, "exit status %d", WEXITSTATUS(wait_status));
	}
}
