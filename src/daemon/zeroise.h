/* The end of a zeroise: everything in the state directory is wiped and removed, at the next start, before anything of it is opened
 * (docs/formats.md section 22.2). */
#ifndef COFFER_DAEMON_ZEROISE_H
#define COFFER_DAEMON_ZEROISE_H

#include "daemon/daemon.h"

/* Where Zeroise left its mark in `dir`: overwrites, syncs and removes every file there but `lock`, then the mark. ERR_OK also when there is no mark.
 * ERR_IO with the file's name: the mark stays, and so does the duty. The lock on the directory is held. */
enum coffer_err zeroise_finish(const char *dir, struct reason *reason) MUST_USE;
/* The token says that it has no master secret: where a zeroise was ordered and did not come to its mark, that goes on. Any thread; takes admin_lock in another one. */
void zeroise_on_key_missing(struct daemon *d);
/* The domain opens: a zeroise that was ordered before did not happen. Under admin_lock. */
void zeroise_forget_order(struct engine *engine);
/* engine->restart: this process ends in order and is started anew. Any thread. */
void zeroise_restart(struct engine *engine);

#endif
