/* Init writes the identity file to STATE/pending/node.id, commits the store, and moves the file to its place. Here is what a start does with a crash
 * in between: a store that holds the domain finishes the move, an empty store takes the file back. */
#ifndef COFFER_DAEMON_INTERRUPTED_H
#define COFFER_DAEMON_INTERRUPTED_H

#include "daemon/daemon.h"

enum coffer_err interrupted_settle(struct daemon *d, struct reason *reason) MUST_USE;
/* No slot, no audit row, no domain record. */
enum coffer_err interrupted_store_is_empty(struct daemon *d, bool *out, struct reason *reason) MUST_USE;

#endif
