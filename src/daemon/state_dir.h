/* The state directory: checked, and locked against a second daemon. */
#ifndef COFFER_DAEMON_STATE_DIR_H
#define COFFER_DAEMON_STATE_DIR_H

#include <stdbool.h>

#include "base/err.h"
#include "base/reason.h"

/* Opens `dir`/lock and takes the lock; the descriptor holds it until it is closed (the kernel drops it when the process dies).
 * ERR_USAGE: not a directory of ours, or open to others; ERR_BUSY: another daemon has it (its pid in the sentence). */
enum coffer_err state_dir_lock(const char *dir, int *out_fd, struct reason *reason) MUST_USE;
/* For who holds the lock: a start that comes now may wait for its end. */
void state_dir_stopping(int fd);
/* Whether the holder said so. */
bool state_dir_holder_stops(const char *dir);

#endif
