/* Ends the helper when cofferd has closed the channel, also while a vendor's library or a device hangs in a call: whoever gives up on a
 * helper only has to close its end, and needs no right to signal it. */
#ifndef COFFER_TOKEND_WATCH_H
#define COFFER_TOKEND_WATCH_H

#include <stdbool.h>

#include "base/err.h"

#define WATCH_ORDER_MS 1000u /* for an idle helper to close its token in order after the channel has ended */

/* Starts the watching thread, once, after the filter of system calls was entered (the thread inherits it). The channel stays open for the
 * life of the process. ERR_MEMORY: no thread. */
enum coffer_err watch_start(int channel_fd) MUST_USE;
/* Whether a call of the token is under way: then the end of the channel ends the process at once. Main thread. */
void watch_busy(bool busy);

#endif
