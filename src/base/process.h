/* What every process of Coffer does to itself at start: harden, clean up, drop privileges. Single-threaded callers only. */
#ifndef COFFER_BASE_PROCESS_H
#define COFFER_BASE_PROCESS_H

#include <sys/types.h>

#include "base/err.h"
#include "base/reason.h"

/* Not dumpable (no core, no ptrace by the same user, /proc/self owned by root), RLIMIT_CORE 0, no_new_privs, umask 077. */
enum coffer_err process_harden(struct reason *reason) MUST_USE;
/* Closes every descriptor from `first` on; opens /dev/null for 0 to 2 where they are closed. */
void process_close_fds_from(int first);
/* Empties the environment but for the names in `keep` (NULL-terminated; may be NULL). */
enum coffer_err process_clean_environment(const char *const *keep) MUST_USE;
/* Name (looked up) or decimal number (gid = uid). ERR_USAGE names what to do. */
enum coffer_err process_parse_user(const char *user, uid_t *out_uid, gid_t *out_gid, struct reason *reason) MUST_USE;
/* Becomes the user for good: no supplementary groups; checks that the way back is closed. */
enum coffer_err process_drop_user(uid_t uid, gid_t gid, struct reason *reason) MUST_USE;
/* SIGKILL when the parent dies; ends now when it is gone already. */
void process_die_with_parent(pid_t expected_parent);

#endif
