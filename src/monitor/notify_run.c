/* One run of notify_command: limits, deadline, and nothing left behind. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/process.h"
#include "base/text.h"
#include "monitor/notify.h"

#define FILE_MAX ((rlim_t)64 << 20) /* bytes of a file that it writes */
#define FDS_MAX 256u
#define PROCESSES_MAX 64u
#define LEFT_MS 2000u               /* for what was killed to be gone */
#define EXIT_NOT_RUN 127            /* as shells say it */

static char path_variable[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin", lang_variable[] = "LANG=C.UTF-8";

static void limit(__rlimit_resource_t what, rlim_t value)
{
	const struct rlimit l = { value, value };
	(void)setrlimit(what, &l); /* what is lower already stays so */
}

/* In the child. Only calls that are safe after fork. */
static void become(const struct notify_plan *plan, pid_t parent, int in, int out)
{
	char *const environment[] = { path_variable, lang_variable, NULL };
	rlim_t seconds = (rlim_t)(plan->timeout_ms / 1000) + 1;
	process_reset_signals();
	(void)setsid(); /* its own group, which is killed as a whole */
	if (dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 || dup2(out, STDERR_FILENO) < 0) _exit(EXIT_NOT_RUN);
	process_close_fds_from(STDERR_FILENO + 1);
	limit(RLIMIT_CPU, seconds);
	limit(RLIMIT_FSIZE, FILE_MAX);
	limit(RLIMIT_NOFILE, FDS_MAX);
	limit(RLIMIT_CORE, 0);
	if (plan->own_user) limit(RLIMIT_NPROC, PROCESSES_MAX);
	if (chdir("/") != 0 || process_die_with_parent(parent) != ERR_OK) _exit(EXIT_NOT_RUN);
	(void)execve(plan->argv[0], plan->argv, environment);
	(void)dprintf(STDERR_FILENO, "%s cannot be run: %m\n", plan->argv[0]);
	_exit(EXIT_NOT_RUN);
}

struct run {
	pid_t pid;
	int pid_fd, out_fd;
	char said[NOTIFY_TEXT_MAX + 1];
	size_t said_len;
};

/* Reads what is there; what does not fit is dropped. False: nothing more comes. */
static bool drain(struct run *r)
{
	char bytes[4096];
	ssize_t n = read(r->out_fd, bytes, sizeof bytes);
	if (n < 0) return errno == EAGAIN || errno == EINTR;
	size_t room = NOTIFY_TEXT_MAX - r->said_len, take = (size_t)n < room ? (size_t)n : room;
	memcpy(r->said + r->said_len, bytes, take);
	r->said_len += take;
	return n > 0;
}

static int wait_ms(uint64_t until_ms)
{
	uint64_t now = clock_mono_ms();
	return now >= until_ms ? 0 : until_ms - now > INT_MAX ? INT_MAX : (int)(until_ms - now);
}

/* Until the command has ended. ERR_TIMEOUT, ERR_CLOSED: it has not. */
static enum coffer_err attend(const struct notify_plan *plan, struct run *r, uint64_t until_ms)
{
	bool talks = true;
	for (;;) {
		struct pollfd fds[] = { { .fd = r->pid_fd, .events = POLLIN }, { .fd = talks ? r->out_fd : -1, .events = POLLIN },
			{ .fd = plan->channel, .events = POLLRDHUP } };
		int left = wait_ms(until_ms), n = poll(fds, 3, left);
		if (n < 0 && errno != EINTR) return ERR_IO;
		if (n > 0 && fds[1].revents) talks = drain(r);
		if (n > 0 && fds[0].revents) return ERR_OK;
		if (n > 0 && fds[2].revents) return ERR_CLOSED;
		if (left == 0) return ERR_TIMEOUT; /* also of one that never stops talking */
	}
}

/* Descendants whose parents ended are our children: this process is their subreaper. */
static void kill_children(void)
{
	char text[4096];
	snprintf(text, sizeof text, "/proc/self/task/%d/children", (int)getpid());
	AUTO_FD int fd = open(text, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
	if (n <= 0) return;
	text[n] = '\0';
	int pid, used;
	for (const char *at = text; sscanf(at, "%d%n", &pid, &used) == 1; at += used)
		if (pid > 1) (void)kill(pid, SIGKILL);
}

/* Kills and reaps until nothing is left. */
static void end_all(const struct run *r)
{
	uint64_t until = clock_mono_ms() + LEFT_MS;
	bool group = true; /* while it has members its number is nobody else's */
	do {
		group = group && kill(-r->pid, SIGKILL) == 0;
		kill_children();
		pid_t pid = waitpid(-1, NULL, WNOHANG);
		if (pid < 0 && errno == ECHILD) return;
		if (pid == 0) (void)poll(NULL, 0, 1);
	} while (clock_mono_ms() < until);
}

/* The command's own end is read before anything is killed. */
static void finish(struct run *r, enum coffer_err err, struct notify_answer *out)
{
	siginfo_t info = { .si_pid = 0 };
	if (!err) (void)waitid(P_PID, (id_t)r->pid, &info, WEXITED | WNOHANG | WNOWAIT);
	end_all(r);
	for (errno = 0; r->said_len < NOTIFY_TEXT_MAX && drain(r) && errno != EAGAIN;) errno = 0;
	*out = (struct notify_answer){ .outcome = NOTIFY_TIMEOUT };
	if (!err && info.si_code == CLD_EXITED) {
		out->outcome = info.si_status ? NOTIFY_EXIT : NOTIFY_TOLD;
		out->number = (uint32_t)info.si_status;
	} else if (!err) {
		out->outcome = NOTIFY_SIGNAL;
		out->number = (uint32_t)info.si_status;
	}
	size_t line = strcspn(r->said, "\n");
	text_printable(view_of(r->said, line), out->text, sizeof out->text);
}

static enum coffer_err start(const struct notify_plan *plan, struct view event, struct run *r)
{
	int in[2], out[2];
	ENSURE(pipe2(in, O_CLOEXEC) == 0, ERR_IO);
	AUTO_FD int in_read = in[0];
	AUTO_FD int in_write = in[1];
	ENSURE(pipe2(out, O_CLOEXEC) == 0, ERR_IO);
	AUTO_FD int out_read = out[0];
	AUTO_FD int out_write = out[1];
	/* A fresh pipe takes it all at once. */
	ENSURE(fcntl(out_read, F_SETFL, O_NONBLOCK) == 0 && write(in_write, event.ptr, event.len) == (ssize_t)event.len, ERR_IO);
	pid_t parent = getpid(), pid = fork();
	if (pid == 0) become(plan, parent, in_read, out_write);
	ENSURE(pid > 0, ERR_IO);
	r->pid = pid;
	r->pid_fd = pidfd_open(pid, 0);
	r->out_fd = TAKE_FD(out_read);
	return ERR_OK;
}

enum coffer_err notify_run(const struct notify_plan *plan, struct view event, struct notify_answer *out)
{
	struct run r = { .pid = 0, .pid_fd = -1, .out_fd = -1 };
	PRE(notify_is_event(event) && plan->argv[0]);
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	enum coffer_err err = start(plan, event, &r);
	if (err) {
		*out = (struct notify_answer){ .outcome = NOTIFY_NOT_STARTED };
		(void)snprintf(out->text, sizeof out->text, "no process can be made: %s", strerrorname_np(errno));
		return ERR_OK;
	}
	err = r.pid_fd < 0 ? ERR_IO : attend(plan, &r, clock_mono_ms() + plan->timeout_ms);
	finish(&r, err, out);
	if (r.pid_fd >= 0) close(r.pid_fd);
	close(r.out_fd);
	return err == ERR_CLOSED ? ERR_CLOSED : ERR_OK;
}
