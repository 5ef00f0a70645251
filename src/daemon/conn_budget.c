/* Secret memory for large requests, shared by all connections. */
#include "base/arena.h"
#include "daemon/conn_internal.h"
#include "daemon/daemon.h"

/* Blocks of the arena are powers of two. */
static size_t block_of(size_t len)
{
	size_t block = CONN_READ_BLOCK;
	while (block < len + ARENA_CANARY_LEN && block <= SIZE_MAX / 4) block *= 2;
	return block;
}

enum coffer_err conn_admit(struct conn *c, size_t frame_size)
{
	struct daemon *d = c->worker->daemon;
	size_t need = 2 * block_of(frame_size); /* the frame and its answer */
	if (c->budget >= need) return ERR_OK;
	if (need > d->bulk_limit) return ERR_TOO_LARGE;
	conn_release(c);
	size_t used = d->bulk_used;
	do {
		if (used > d->bulk_limit - need) return ERR_BUSY;
	} while (!atomic_compare_exchange_weak(&d->bulk_used, &used, used + need));
	c->budget = need;
	return ERR_OK;
}

void conn_release(struct conn *c)
{
	c->worker->daemon->bulk_used -= c->budget;
	c->budget = 0;
}
