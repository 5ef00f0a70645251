/* Helpers for token and store: started and killed as cofferd asks, reaped, and never left behind. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "monitor/environment.h"
#include "monitor/monitor.h"

static const char *what(bool stored)
{
	return stored ? "store helper" : "token helper";
}

static struct monitor_tokend *find_place(struct monitor *m, bool stored)
{
	struct monitor_tokend *place = NULL;
	unsigned alive = 0;
	for (size_t i = 0; i < MONITOR_TOKENDS; i++) {
		if (m->tokends[i].pid && !m->tokends[i].killed && m->tokends[i].stored == stored) alive++;
		if (!m->tokends[i].pid) place = &m->tokends[i];
	}
	return alive < CONTROL_TOKENDS_MAX ? place : NULL;
}

static enum coffer_err run_tokend(struct monitor *m, enum token_kind kind, int fd, pid_t *out_pid, struct reason *reason)
{
	char name[32], path[PATH_MAX], environment[ENVIRONMENT_WORDS_MAX], debug[] = "--debug";
	(void)snprintf(name, sizeof name, "coffer-tokend-%s", token_kind_name(kind));
	TRY(spawn_find(name, path, reason));
	TRY(environment_of_tokend(&m->config, environment, sizeof environment));
	char *const argv[] = { name, m->config.log_level == LOG_LEVEL_DEBUG ? debug : NULL, NULL };
	struct spawn_plan plan = { .program = path, .argv = argv, .keep = environment_kept, .assignments = environment,
		.user = &m->tokend_user, .fd = fd };
	return spawn_start(&plan, out_pid, reason);
}

static enum coffer_err run_stored(struct monitor *m, int fd, pid_t *out_pid, struct reason *reason)
{
	char name[] = "coffer-stored", path[PATH_MAX], debug[] = "--debug";
	if (m->stored_absent)
		return reason_fail(reason, ERR_USAGE, "user_stored: there is no user %.64s for it; make that user, or name another one, and restart the monitor", m->config.user_stored);
	TRY(spawn_find(name, path, reason));
	char *const argv[] = { name, m->config.log_level == LOG_LEVEL_DEBUG ? debug : NULL, NULL };
	struct spawn_plan plan = { .program = path, .argv = argv, .keep = environment_kept, .user = &m->stored_user, .fd = fd };
	return spawn_start(&plan, out_pid, reason);
}

static enum coffer_err start(struct monitor *m, const struct control_message *request, struct reason *reason)
{
	bool stored = request->op == CONTROL_START_STORED;
	struct monitor_tokend *place = find_place(m, stored);
	int pair[2];
	pid_t pid = 0;
	if (!place) return reason_fail(reason, ERR_LIMIT, "%u %ss are running already", CONTROL_TOKENDS_MAX, what(stored));
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		return reason_fail(reason, ERR_IO, "a channel to the %s cannot be made: %m", what(stored));
	AUTO_FD int ours = pair[0];
	AUTO_FD int theirs = pair[1];
	TRY(stored ? run_stored(m, theirs, &pid, reason) : run_tokend(m, request->kind, theirs, &pid, reason));
	*place = (struct monitor_tokend){ .pid = pid, .instance = ++m->last_instance, .stored = stored };
	log_debug("%s %u started (pid %lld)", what(stored), place->instance, (long long)pid);
	struct control_message started = { .op = CONTROL_TOKEND_STARTED, .request = request->request, .instance = place->instance,
		.pid = pid };
	monitor_cofferd_tell(m, &started, ours);
	return ERR_OK;
}

void monitor_tokend_start(struct monitor *m, const struct control_message *request)
{
	struct reason reason = { "" };
	struct control_message failed = { .op = CONTROL_START_FAILED, .request = request->request };
	enum coffer_err err = start(m, request, &reason);
	if (err == ERR_OK) return;
	log_error("the %s cannot be started: %s", what(request->op == CONTROL_START_STORED), reason_text(&reason, err));
	(void)snprintf(failed.text, sizeof failed.text, "%.*s", (int)CONTROL_TEXT_MAX, reason_text(&reason, err));
	monitor_cofferd_tell(m, &failed, -1);
}

/* The pid is ours until it is reaped, so the signal cannot meet a stranger. */
static void kill_one(struct monitor_tokend *t)
{
	if (!t->pid || t->killed) return;
	if (kill(t->pid, SIGKILL) != 0) log_error("the %s (pid %lld) cannot be killed: %m", what(t->stored), (long long)t->pid);
	t->killed = true;
}

void monitor_tokend_kill(struct monitor *m, uint32_t instance)
{
	if (m->notifier.instance == instance) monitor_notifier_kill(m);
	for (size_t i = 0; i < MONITOR_TOKENDS; i++)
		if (m->tokends[i].instance == instance) kill_one(&m->tokends[i]);
}

void monitor_tokend_kill_all(struct monitor *m)
{
	monitor_notifier_kill(m);
	for (size_t i = 0; i < MONITOR_TOKENDS; i++)
		kill_one(&m->tokends[i]);
}

bool monitor_tokend_ended(struct monitor *m, pid_t pid, int wait_status)
{
	for (size_t i = 0; i < MONITOR_TOKENDS; i++) {
		struct monitor_tokend *t = &m->tokends[i];
		char text[64];
		if (t->pid != pid) continue;
		monitor_describe_end(wait_status, text, sizeof text);
		if (t->killed || wait_status == 0) log_debug("%s %u ended: %s", what(t->stored), t->instance, text);
		else log_error("%s %u ended by itself: %s", what(t->stored), t->instance, text);
		struct control_message ended = { .op = CONTROL_TOKEND_EXITED, .instance = t->instance, .wait_status = wait_status };
		*t = (struct monitor_tokend){ .pid = 0 };
		monitor_cofferd_tell(m, &ended, -1);
		return true;
	}
	return false;
}
