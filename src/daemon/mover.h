/* Moving the store between the file and the database (docs/formats.md section 26): what the order in the state directory says is carried out by the start after it, before anything
 * else looks at the store, and the new place counts only when its version root and its audit chain were verified there. */
#ifndef COFFER_DAEMON_MOVER_H
#define COFFER_DAEMON_MOVER_H

#include "daemon/daemon.h"

/* Before the store is opened: reads the order. ERR_USAGE: the store was moved away from where the configuration has it; ERR_CORRUPT, ERR_IO. */
enum coffer_err mover_start(struct daemon *d, struct reason *reason) MUST_USE;
/* True: rows are moved first, on an admin thread, and `then` runs there afterwards (an error of it is a fault of the node). After the threads were started. */
bool mover_goes_first(struct daemon *d, enum coffer_err (*then)(struct daemon *d, struct reason *reason));
/* With the ring, and the small tables found good; before anything is written. Verifies what was moved and switches over; looks whether the store was left. Admin lane, admin_lock held.
 * ERR_CORRUPT: not this store; others: it is tried again. */
enum coffer_err mover_settle(struct engine *engine, struct reason *reason) MUST_USE;
/* The record of the opening is durable. Admin lane, admin_lock held. */
void mover_opened(struct engine *engine);
/* Before the admin threads are stopped. */
void mover_stop(struct daemon *d);
/* When nobody uses the store any more. */
void mover_free(struct daemon *d);

#endif
