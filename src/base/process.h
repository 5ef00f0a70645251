/* What a process does to itself at its start: hardening, closing what it inherited, leaving root, dying with its parent.
 * Call from the main thread before others are started. The order that works: process_own_standard_fds, process_reset_signals,
 * process_close_fds_from, process_clean_environment, process_harden, process_drop_user, process_die_with_parent. */
#ifndef COFFER_BASE_PROCESS_H
#define COFFER_BASE_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/reason.h"

/* No core dumps, no ptrace by others (PR_SET_DUMPABLE 0, RLIMIT_CORE 0), no privileges gained by exec
 * (PR_SET_NO_NEW_PRIVS), umask 077. ERR_IO. A program that is run afterwards by exec is dumpable again. */
enum coffer_err process_harden(struct reason *reason) MUST_USE;

/* Whoever started this process may have closed standard input, output or error: the next file that is opened would take the number, and what
 * is printed or logged would go into the store or a socket. Puts /dev/null there, opened the wrong way round, so that using it is an error.
 * False: /dev/null cannot be opened, and the process must end. */
bool process_own_standard_fds(void) MUST_USE;

/* Every signal as the system has it at first and none blocked: an ignored SIGCHLD, which is inherited, would hide the end of children. */
void process_reset_signals(void);

/* Closes every descriptor from `first` up. */
void process_close_fds_from(int first);

/* Removes every environment variable but those named (`keep` ends in NULL). Of a name that is there twice the first stays,
 * the one that getenv finds. */
void process_clean_environment(const char *const *keep);

/* Becomes the user for good: no supplementary groups, all user and group ids replaced, and a check that root cannot be
 * had back. A process that is this user already and not privileged stays as it is. ERR_USAGE for root or the
 * "no id" value, ERR_IO otherwise; after a failure the process must end. Clears process_die_with_parent. */
enum coffer_err process_drop_user(uid_t uid, gid_t gid, struct reason *reason) MUST_USE;

/* A user name of the system, or a decimal user id (then the group has the same number). ERR_NOT_FOUND, ERR_IO. */
enum coffer_err process_parse_user(const char *name_or_uid, uid_t *out_uid, gid_t *out_gid, struct reason *reason) MUST_USE;

/* From now on the kernel kills this process when its parent ends. ERR_CLOSED when the parent has ended already (it is
 * not expected_parent any more): the caller must end at once. ERR_IO. */
enum coffer_err process_die_with_parent(pid_t expected_parent) MUST_USE;

#endif
