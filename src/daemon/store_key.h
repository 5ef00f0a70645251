/* Where several nodes write the store: for a moment after `rotate data-key` a node knows that there is a later data key, and has not fetched it (docs/formats.md section 23.3). What needs it then is not
 * refused: it goes to the end of the queue, behind what fetches the key, until the key is here, cannot be fetched, or STORE_KEY_WAIT_MS are over. Store thread. */
#ifndef COFFER_DAEMON_STORE_KEY_H
#define COFFER_DAEMON_STORE_KEY_H

#include "daemon/daemon.h"

#define STORE_KEY_WAIT_MS 5000u

/* Whether a later data key is being fetched, without which nothing may be written, and this request, the first of a round, still waits for it. */
bool store_key_comes(const struct daemon *d, const struct job *job);
/* Puts those of a list, as if they had not been run, behind the others, after a short pause. Those that have waited for long enough, or all when the daemon stops, come back: they stay the caller's. */
struct job *store_key_wait(struct daemon *d, struct job *list);

/* One that is not in a list, where the key comes. True: it was put back. */
bool store_key_wait_one(struct daemon *d, struct job *job);

#endif
