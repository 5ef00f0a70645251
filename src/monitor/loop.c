/* The monitor's loop: signals, the control channel, and one timer. */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "monitor/monitor.h"

#define REAP_LIMIT_MS 5000u /* for what was killed at the end */

static int open_signals(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	(void)signal(SIGPIPE, SIG_IGN);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0) return -1;
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void reap(struct monitor *m)
{
	int wait_status;
	for (pid_t pid; (pid = waitpid(-1, &wait_status, WNOHANG)) > 0;) {
		if (pid == m->cofferd_pid) monitor_cofferd_ended(m, wait_status);
		else if (!monitor_tokend_ended(m, pid, wait_status) && !monitor_notifier_ended(m, pid, wait_status)) log_debug("reaped process %lld", (long long)pid);
	}
}

/* The monitor's own part is log_level and stop_timeout; cofferd warns of what needs a restart. */
static void reload(struct monitor *m)
{
	struct config fresh;
	struct reason reason = { "" };
	struct control_message message = { .op = CONTROL_RELOAD };
	char text[64];
	(void)snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)clock_mono_ms() * 1000);
	monitor_notify(text);
	enum coffer_err err = config_reload(m->config_path, &m->config, &fresh, NULL, NULL, &reason);
	if (err == ERR_OK) {
		config_free(&m->config);
		m->config = fresh;
		log_set_level(m->config.log_level);
	} else if (err != ERR_NOT_FOUND || m->config_given) {
		log_error("the configuration stays as it was: %s", reason_text(&reason, err));
	}
	monitor_cofferd_tell(m, &message, -1);
	if (m->state == MONITOR_PAUSING) m->act_at_ms = clock_mono_ms(); /* what kept it from starting may be mended */
	if (m->was_ready) monitor_notify("READY=1");
}

static void on_signals(struct monitor *m)
{
	struct signalfd_siginfo info;
	while (m->state != MONITOR_ENDED && read(m->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
		if (info.ssi_signo == SIGCHLD) reap(m);
		else if (info.ssi_signo == SIGHUP) reload(m);
		else monitor_cofferd_stop(m);
	}
}

static void on_time(struct monitor *m)
{
	m->act_at_ms = UINT64_MAX;
	if (m->state == MONITOR_PAUSING) {
		monitor_cofferd_start(m);
		return;
	}
	if (!m->cofferd_pid) return;
	log_error("cofferd (pid %lld) does not end; killing it", (long long)m->cofferd_pid);
	(void)kill(m->cofferd_pid, SIGKILL);
}

static int timeout_until(uint64_t at_ms)
{
	uint64_t now = clock_mono_ms();
	if (at_ms == UINT64_MAX) return -1;
	if (at_ms <= now) return 0;
	return at_ms - now > INT_MAX ? INT_MAX : (int)(at_ms - now);
}

static void step(struct monitor *m)
{
	struct pollfd fds[] = { { .fd = m->signal_fd, .events = POLLIN }, { .fd = m->control_fd, .events = POLLIN } };
	int n = poll(fds, 2, timeout_until(m->act_at_ms));
	if (n < 0 && errno != EINTR) log_error("poll: %m");
	if (n < 0) return;
	/* What cofferd sent before it ended is read first. */
	if (n > 0 && fds[1].revents) monitor_cofferd_message(m);
	if (n > 0 && fds[0].revents) on_signals(m);
	if (m->state != MONITOR_ENDED && clock_mono_ms() >= m->act_at_ms) on_time(m);
}

/* Nothing of ours is left behind, killed or not yet. */
static void end_children(struct monitor *m)
{
	struct pollfd p = { .fd = m->signal_fd, .events = POLLIN };
	struct signalfd_siginfo info;
	uint64_t limit = clock_mono_ms() + REAP_LIMIT_MS;
	monitor_tokend_kill_all(m);
	for (;;) {
		int wait_status;
		pid_t pid = waitpid(-1, &wait_status, WNOHANG);
		if (pid < 0 || clock_mono_ms() >= limit) return;
		if (pid > 0) continue;
		(void)poll(&p, 1, timeout_until(limit));
		while (read(m->signal_fd, &info, sizeof info) > 0)
			;
	}
}

int monitor_run(struct monitor *m)
{
	m->signal_fd = open_signals();
	if (m->signal_fd < 0) {
		log_error("signals cannot be received: %m");
		return 1;
	}
	monitor_cofferd_start(m);
	while (m->state != MONITOR_ENDED)
		step(m);
	end_children(m);
	monitor_remove_pid(m->config.monitor_pid_file, getpid());
	close(m->signal_fd);
	return m->exit_status;
}
