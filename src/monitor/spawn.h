/* Starts one of our programs in a clean process: its own session, no inherited descriptors, signals or variables, its own user, and an
 * end when the monitor ends. */
#ifndef COFFER_MONITOR_SPAWN_H
#define COFFER_MONITOR_SPAWN_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/reason.h"

#define SPAWN_FD 3 /* where the child finds its channel */

struct spawn_user {
	bool change; /* false: stay who we are */
	uid_t uid;
	gid_t gid;
};

struct spawn_plan {
	const char *program;           /* path */
	char *const *argv;
	const char *const *keep;       /* variables of our environment, ends in NULL */
	const char *assignments;       /* further NAME=VALUE words, space-separated */
	const struct spawn_user *user;
	int fd;                        /* becomes SPAWN_FD; borrowed */
};

/* Finds a program of ours: beside this one, in the sbin of this one's tree, in the libexec folder, in sbin. ERR_NOT_FOUND. */
enum coffer_err spawn_find(const char *name, char out[static PATH_MAX], struct reason *reason) MUST_USE;
/* Forks and runs it. A child that cannot be prepared says why on stderr and exits with status 1. ERR_IO. */
enum coffer_err spawn_start(const struct spawn_plan *plan, pid_t *out_pid, struct reason *reason) MUST_USE;

#endif
