/* The monitor: the process that the service manager watches. It holds no keys; it starts cofferd and, on cofferd's request,
 * coffer-tokend, each under its own user, restarts cofferd when it crashes, and ends what is left. One thread, one struct.
 *
 *            ┌──────── cofferd crashed ───────┐
 *            ▼                                │
 *        PAUSING ──── pause is over ───► RUNNING ──── SIGTERM, SIGINT ───► STOPPING
 *            │                                │                               │
 *            └──── SIGTERM ────► ENDED ◄──────┴─ cofferd exits 0 or 78 ◄──────┘ cofferd ended, or was killed in the end
 */
#ifndef COFFER_MONITOR_MONITOR_H
#define COFFER_MONITOR_MONITOR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/reason.h"
#include "config/config.h"
#include "monitor/control.h"
#include "monitor/pause.h"
#include "monitor/spawn.h"

#define MONITOR_EXIT_CONFIG 78         /* sysexits.h EX_CONFIG: starting again would not help */
#define MONITOR_NOT_STARTED (-1)       /* in place of a wait status */
#define MONITOR_STEADY_MS 60000u       /* a cofferd that ran for so long starts the pauses anew */
#define MONITOR_SEND_MS 1000u          /* for one message to cofferd */

enum monitor_state { MONITOR_RUNNING, MONITOR_PAUSING, MONITOR_STOPPING, MONITOR_ENDED };

/* A helper for the token or the store. Killed ones stay until they are reaped, hence more places than may live. */
struct monitor_tokend {
	pid_t pid;          /* 0: free */
	uint32_t instance;
	bool killed;
	bool stored;        /* coffer-stored */
};
#define MONITOR_TOKENDS (2u * CONTROL_TOKENDS_MAX + 6u)

struct monitor {
	struct config config;
	const char *config_path;
	bool config_given;           /* else the file may be absent */
	struct spawn_user cofferd_user, tokend_user, stored_user;
	bool stored_absent; /* user_stored is no user here; nothing is started as somebody else */
	unsigned state;              /* enum monitor_state */
	int signal_fd;
	pid_t cofferd_pid;           /* 0: none */
	int control_fd;              /* -1: none */
	bool ready;                  /* this cofferd said so */
	bool was_ready;              /* the service manager knows */
	uint64_t started_ms;         /* of this cofferd */
	uint64_t act_at_ms;          /* RUNNING, STOPPING: when cofferd is killed; PAUSING: when it is started; UINT64_MAX: never */
	struct pause pause;
	struct monitor_tokend tokends[MONITOR_TOKENDS];
	uint32_t last_instance;
	struct monitor_tokend notifier; /* the helper that runs notify_command */
	uint64_t notifier_ms;        /* when the last one was started; 0: none was */
	uint32_t notifier_wanted;    /* request for another one, once this one has ended; 0: none */
	int exit_status;             /* in MONITOR_ENDED */
};

/* setup.c: resolves the users, raises limits, makes the folders of the store and the socket. */
enum coffer_err monitor_prepare(struct monitor *m, struct reason *reason) MUST_USE;
/* Whom notify_command runs as. ERR_USAGE: nobody, or a user of the other processes. */
enum coffer_err monitor_notify_user(const struct monitor *m, struct spawn_user *out, struct reason *reason) MUST_USE;

/* loop.c: runs until the end; the exit status. */
int monitor_run(struct monitor *m);

/* cofferd.c */
void monitor_cofferd_start(struct monitor *m);
void monitor_cofferd_message(struct monitor *m);             /* the control channel is readable */
void monitor_cofferd_ended(struct monitor *m, int wait_status);
void monitor_cofferd_stop(struct monitor *m);                /* SIGTERM, SIGINT */
void monitor_cofferd_tell(struct monitor *m, const struct control_message *message, int fd);
void monitor_move(struct monitor *m, enum monitor_state to);

/* tokend.c */
void monitor_tokend_start(struct monitor *m, const struct control_message *request);
void monitor_tokend_kill(struct monitor *m, uint32_t instance);
void monitor_tokend_kill_all(struct monitor *m);
/* Whether the process was a helper. */
bool monitor_tokend_ended(struct monitor *m, pid_t pid, int wait_status);

/* notifier.c */
void monitor_notifier_start(struct monitor *m, uint32_t request); /* answered at once, or when the one before has ended */
void monitor_notifier_kill(struct monitor *m);                 /* and none is wanted */
bool monitor_notifier_ended(struct monitor *m, pid_t pid, int wait_status); /* whether it was this process */

/* report.c: the service manager (sd_notify(3); nothing without $NOTIFY_SOCKET) and the pid files. */
void monitor_notify(const char *state);                      /* "STATUS=…" */
void monitor_write_pid(const char *path, pid_t pid);         /* "" : nothing; a failure is logged */
void monitor_remove_pid(const char *path, pid_t pid);        /* only when the file still names this process */
/* "exit status 1", "signal 9 (Killed)" into text. */
void monitor_describe_end(int wait_status, char *text, size_t cap);

#endif
