/* The helper that runs notify_command: one at a time, with the words of the monitor's own configuration. What it is told does not pass through here. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "monitor/environment.h"
#include "monitor/monitor.h"
#include "monitor/notify.h"

/* coffer-notify [--own-user] --timeout MS -- WORDS. `text` holds the words. */
static void make_words(char *text, char *timeout, bool own_user, char *argv[static NOTIFY_WORDS_MAX + 6])
{
	static char name[] = "coffer-notify", own[] = "--own-user", limit[] = "--timeout", end[] = "--";
	char *state = NULL;
	size_t n = 0;
	argv[n++] = name;
	if (own_user) argv[n++] = own;
	argv[n++] = limit;
	argv[n++] = timeout;
	argv[n++] = end;
	size_t first = n;
	for (char *word = strtok_r(text, " \t", &state); word && n < first + NOTIFY_WORDS_MAX; word = strtok_r(NULL, " \t", &state)) argv[n++] = word;
	argv[n] = NULL;
}

static enum coffer_err run(struct monitor *m, int fd, pid_t *out_pid, struct reason *reason)
{
	char path[PATH_MAX], timeout[24], *argv[NOTIFY_WORDS_MAX + 6];
	struct spawn_user user = { false, geteuid(), getegid() };
	if (!m->config.notify_command[0]) return reason_fail(reason, ERR_STATE, "notify_command is not set in the monitor's configuration");
	TRY(monitor_notify_user(m, &user, reason));
	TRY(spawn_find("coffer-notify", path, reason));
	AUTO_FREE char *text = strdup(m->config.notify_command);
	ENSURE(text, ERR_MEMORY);
	(void)snprintf(timeout, sizeof timeout, "%llu", (unsigned long long)m->config.notify_timeout_ms);
	make_words(text, timeout, user.change, argv);
	struct spawn_plan plan = { .program = path, .argv = argv, .keep = environment_kept, .user = &user, .fd = fd };
	return spawn_start(&plan, out_pid, reason);
}

static enum coffer_err start(struct monitor *m, uint32_t request, struct reason *reason)
{
	int pair[2];
	pid_t pid = 0;
	uint64_t now = clock_mono_ms();
	if (m->notifier_ms && now - m->notifier_ms < NOTIFY_SPACING_MS) return reason_fail(reason, ERR_LIMIT, "the last one was started just now");
	m->notifier_ms = now;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) return reason_fail(reason, ERR_IO, "a channel to it cannot be made: %m");
	AUTO_FD int ours = pair[0];
	AUTO_FD int theirs = pair[1];
	TRY(run(m, theirs, &pid, reason));
	m->notifier = (struct monitor_tokend){ .pid = pid, .instance = ++m->last_instance };
	log_debug("helper %u of notify_command started (pid %lld)", m->notifier.instance, (long long)pid);
	struct control_message started = { .op = CONTROL_TOKEND_STARTED, .request = request, .instance = m->notifier.instance, .pid = pid };
	monitor_cofferd_tell(m, &started, ours);
	return ERR_OK;
}

static void end(struct monitor *m)
{
	if (!m->notifier.pid || m->notifier.killed) return;
	if (kill(m->notifier.pid, SIGKILL) != 0) log_error("the helper of notify_command (pid %lld) cannot be killed: %m", (long long)m->notifier.pid);
	m->notifier.killed = true;
}

/* Who asks for another one is done with the one that is there: it may be ending just now. */
void monitor_notifier_start(struct monitor *m, uint32_t request)
{
	struct reason reason = { "" };
	struct control_message failed = { .op = CONTROL_START_FAILED, .request = request };
	if (m->notifier.pid) {
		m->notifier_wanted = request;
		end(m);
		return;
	}
	enum coffer_err err = start(m, request, &reason);
	if (err == ERR_OK) return;
	(void)snprintf(failed.text, sizeof failed.text, "%.*s", (int)CONTROL_TEXT_MAX, reason_text(&reason, err));
	monitor_cofferd_tell(m, &failed, -1);
}

void monitor_notifier_kill(struct monitor *m)
{
	m->notifier_wanted = 0;
	end(m);
}

bool monitor_notifier_ended(struct monitor *m, pid_t pid, int wait_status)
{
	char text[64];
	if (!m->notifier.pid || m->notifier.pid != pid) return false;
	monitor_describe_end(wait_status, text, sizeof text);
	if (m->notifier.killed || wait_status == 0) log_debug("helper %u of notify_command ended: %s", m->notifier.instance, text);
	else log_error("helper %u of notify_command ended by itself: %s", m->notifier.instance, text);
	m->notifier = (struct monitor_tokend){ .pid = 0 };
	uint32_t wanted = m->notifier_wanted;
	m->notifier_wanted = 0;
	if (wanted) monitor_notifier_start(m, wanted);
	return true;
}
