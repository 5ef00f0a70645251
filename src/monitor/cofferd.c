/* The key-holding process: started, listened to, restarted after a crash, stopped in order. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/sm.h"
#include "monitor/environment.h"
#include "monitor/monitor.h"

static const struct sm_state states[] = {
	[MONITOR_RUNNING] = { "running", SM_TO(MONITOR_PAUSING) | SM_TO(MONITOR_STOPPING) | SM_TO(MONITOR_ENDED) },
	[MONITOR_PAUSING] = { "pausing", SM_TO(MONITOR_RUNNING) | SM_TO(MONITOR_ENDED) },
	[MONITOR_STOPPING] = { "stopping", SM_TO(MONITOR_ENDED) },
	[MONITOR_ENDED] = { "ended", 0 },
};
static const struct sm_table table = { "monitor", states, sizeof states / sizeof states[0] };

void monitor_move(struct monitor *m, enum monitor_state to)
{
	sm_move(&table, &m->state, to);
}

static enum coffer_err run_cofferd(struct monitor *m, int fd, struct reason *reason)
{
	char path[PATH_MAX], config[PATH_MAX];
	char name[] = "cofferd", supervised[] = "--supervised", number[] = "3", flag[] = "--config";
	TRY(spawn_find("cofferd", path, reason));
	(void)snprintf(config, sizeof config, "%s", m->config_path);
	char *const argv[] = { name, supervised, number, m->config_given ? flag : NULL, config, NULL };
	struct spawn_plan plan = { .program = path, .argv = argv, .keep = environment_kept, .user = &m->cofferd_user, .fd = fd };
	return spawn_start(&plan, &m->cofferd_pid, reason);
}

static enum coffer_err start(struct monitor *m, struct reason *reason)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return reason_fail(reason, ERR_IO, "a channel to cofferd cannot be made: %m");
	AUTO_FD int ours = pair[0];
	AUTO_FD int theirs = pair[1];
	TRY(run_cofferd(m, theirs, reason));
	m->control_fd = TAKE_FD(ours);
	return ERR_OK;
}

/* After a crash or a failed start. */
static void plan_restart(struct monitor *m, const char *what, int wait_status)
{
	uint64_t pause_ms = pause_next_ms(&m->pause, wait_status);
	m->act_at_ms = clock_mono_ms() + pause_ms;
	log_error("%s; starting cofferd again in %llu ms (%u in a row)", what, (unsigned long long)pause_ms, m->pause.crashes);
	monitor_notify("STATUS=cofferd ended unexpectedly and is started again; see the log");
	monitor_move(m, MONITOR_PAUSING);
}

void monitor_cofferd_start(struct monitor *m)
{
	struct reason reason = { "" };
	m->ready = false;
	m->act_at_ms = UINT64_MAX;
	m->started_ms = clock_mono_ms();
	if (m->state == MONITOR_PAUSING) monitor_move(m, MONITOR_RUNNING);
	enum coffer_err err = start(m, &reason);
	if (err != ERR_OK) {
		plan_restart(m, reason_text(&reason, err), MONITOR_NOT_STARTED);
		return;
	}
	log_info("cofferd started (pid %lld)", (long long)m->cofferd_pid);
}

static void close_control(struct monitor *m)
{
	if (m->control_fd >= 0) close(m->control_fd);
	m->control_fd = -1;
}

void monitor_cofferd_tell(struct monitor *m, const struct control_message *message, int fd)
{
	if (m->control_fd < 0) return;
	enum coffer_err err = control_send(m->control_fd, message, fd, clock_mono_ms() + MONITOR_SEND_MS);
	if (err != ERR_OK && err != ERR_CLOSED) log_error("cofferd did not take a message: %s", err_text(err));
}

static void on_ready(struct monitor *m)
{
	/* Not earlier: a second daemon on the same state ends before this and must not touch the files of the first. */
	monitor_write_pid(m->config.pid_file, m->cofferd_pid);
	monitor_write_pid(m->config.monitor_pid_file, getpid());
	if (m->ready) return;
	m->ready = true;
	log_info("cofferd is ready");
	monitor_notify("READY=1\nSTATUS=serving");
	m->was_ready = true;
}

static void on_status(const struct control_message *message)
{
	char text[CONTROL_TEXT_MAX + 16];
	(void)snprintf(text, sizeof text, "STATUS=%s", message->text);
	monitor_notify(text);
}

static void act_on(struct monitor *m, const struct control_message *message)
{
	switch (message->op) {
	case CONTROL_READY:
		on_ready(m);
		return;
	case CONTROL_STATUS:
		on_status(message);
		return;
	case CONTROL_STOPPING:
		monitor_notify("STOPPING=1");
		return;
	case CONTROL_START_TOKEND:
	case CONTROL_START_STORED:
		monitor_tokend_start(m, message);
		return;
	case CONTROL_START_NOTIFY:
		monitor_notifier_start(m, message->request);
		return;
	case CONTROL_KILL_TOKEND:
		monitor_tokend_kill(m, message->instance);
		return;
	default:
		log_error("cofferd sent a message that is not for the monitor; killing it");
		(void)kill(m->cofferd_pid, SIGKILL);
		close_control(m);
	}
}

void monitor_cofferd_message(struct monitor *m)
{
	struct control_message message;
	int fd = -1;
	enum coffer_err err = control_recv(m->control_fd, clock_mono_ms() + MONITOR_SEND_MS, &message, &fd);
	if (fd >= 0) close(fd); /* comes only with messages that are refused below */
	if (err == ERR_OK) {
		act_on(m, &message);
		return;
	}
	if (err == ERR_TIMEOUT) return;
	if (err != ERR_CLOSED) {
		log_error("cofferd broke the protocol of the control channel (%s); killing it", err_name(err));
		if (m->cofferd_pid) (void)kill(m->cofferd_pid, SIGKILL);
	}
	close_control(m);
	/* It closes the channel as it ends; that may take a while, not for ever. */
	if (m->act_at_ms == UINT64_MAX) m->act_at_ms = clock_mono_ms() + m->config.stop_timeout_ms;
}

static void end(struct monitor *m, int exit_status)
{
	m->exit_status = exit_status;
	m->act_at_ms = UINT64_MAX;
	monitor_move(m, MONITOR_ENDED);
}

void monitor_cofferd_ended(struct monitor *m, int wait_status)
{
	char text[64], what[96];
	bool exited = WIFEXITED(wait_status);
	monitor_remove_pid(m->config.pid_file, m->cofferd_pid);
	m->cofferd_pid = 0;
	close_control(m);
	monitor_tokend_kill_all(m);
	monitor_describe_end(wait_status, text, sizeof text);
	if (exited && WEXITSTATUS(wait_status) == 0) {
		log_info("cofferd has stopped");
		end(m, 0);
	} else if (exited && WEXITSTATUS(wait_status) == MONITOR_EXIT_CONFIG) {
		log_error("cofferd cannot run with this configuration; see its message above");
		end(m, MONITOR_EXIT_CONFIG);
	} else if (m->state == MONITOR_STOPPING) {
		log_error("cofferd did not stop in order: %s", text);
		end(m, 1);
	} else {
		if (clock_mono_ms() - m->started_ms >= MONITOR_STEADY_MS) pause_reset(&m->pause);
		(void)snprintf(what, sizeof what, "cofferd ended unexpectedly: %s", text);
		plan_restart(m, what, wait_status);
	}
}

void monitor_cofferd_stop(struct monitor *m)
{
	struct control_message stop = { .op = CONTROL_STOP };
	if (m->state == MONITOR_STOPPING) return;
	monitor_notify("STOPPING=1");
	if (m->state == MONITOR_PAUSING) {
		end(m, 0);
		return;
	}
	log_info("stopping cofferd");
	monitor_move(m, MONITOR_STOPPING);
	m->act_at_ms = clock_mono_ms() + m->config.stop_timeout_ms;
	monitor_cofferd_tell(m, &stop, -1);
}
