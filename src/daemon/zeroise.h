/* The end of a zeroise: everything in the state directory is wiped and removed, at the next start, before anything of it is opened
 * (docs/formats.md section 22.2). */
#ifndef COFFER_DAEMON_ZEROISE_H
#define COFFER_DAEMON_ZEROISE_H

#include "daemon/daemon.h"

/* Where Zeroise left its mark in `dir`: overwrites, syncs and removes every file there but `lock`, then the mark. ERR_OK also when there is no mark.
 * ERR_IO with the file's name: the mark stays, and so does the duty. The lock on the directory is held. */
enum coffer_err zeroise_finish(const char *dir, struct reason *reason) MUST_USE;
/* engine->restart: this process ends in order and is started anew. Any thread. */
void zeroise_restart(struct engine *engine);

#endif
