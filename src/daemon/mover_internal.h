/* What the parts of the mover share: mover.c (the start), mover_look.c (before the order), mover_settle.c (the switch). */
#ifndef COFFER_DAEMON_MOVER_INTERNAL_H
#define COFFER_DAEMON_MOVER_INTERNAL_H

#include "daemon/mover.h"
#include "ops/move_order.h"
#include "store/move.h"

#define MOVER_PATH_LEN 4096

struct mover {
	struct daemon *daemon;
	struct move_order order;
	struct identity identity;     /* of the node, where there is an order */
	bool begun;
	bool settled, marked;         /* the switch was looked at; and both stores have their marks */
	bool moved;                   /* everything is copied and compared, by this process */
	struct store *from;           /* the other store; NULL: not open. Of the store thread once the move has begun */
	struct store_move move;       /* store thread */
	enum coffer_err (*then)(struct daemon *d, struct reason *reason);
	_Atomic bool stop;
	char said[REASON_MAX];
};

/* engine->look_at_move. */
enum coffer_err mover_look(struct engine *engine, struct move_order *order, struct reason *reason) MUST_USE;
/* The store that the order leads away from. *out NULL: there is no file. Any thread. */
enum coffer_err mover_open_other(struct mover *m, struct store **out, struct reason *reason) MUST_USE;
/* After a failure of one of the two: it is opened again, or says by itself that it is away. Store thread. */
void mover_mend(struct mover *m, enum coffer_err err);
/* The mark of the order in one of the two stores. */
void mover_mark(const struct mover *m, enum store_move_state state, struct store_move_mark *out);
/* Puts the mark into the old store (m->from), unless another node's is in its place by now, which is not this node's to mark. Store thread. */
enum coffer_err mover_mark_left(struct mover *m, struct reason *reason) MUST_USE;

#endif
