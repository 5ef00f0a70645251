/* The cipher's work on segments in rings, shared by all workers: one queue, from which a worker takes a task, or a few that are small, whenever its event
 * loop comes round, so that neither tasks nor connections wait for long. The worker of a connection takes part itself; others are woken when more tasks wait
 * than are being seen to, and more bytes than a wake is worth.
 *
 * Opening needs scratch memory in the arena, where the plaintext is made before its tag is known to be right. The pool has a few such blocks, counted as
 * secret memory of requests are; they are wiped before their worker sleeps, and freed when nobody needed them for a while. */
#ifndef COFFER_DAEMON_CRYPT_POOL_H
#define COFFER_DAEMON_CRYPT_POOL_H

#include <stdbool.h>

#include "daemon/job.h"
#include "ops/segment_work.h"

struct crypt_pool;
struct daemon;
struct worker;

/* One segment's work. The connection owns it, and gets it back through its worker's inbox, or at once where that worker did it. */
struct crypt_task {
	struct job job;            /* JOB_SEGMENT on its way back */
	struct crypt_task *next;
	struct segment_work work;
	enum coffer_err err;       /* how the work ended */
};

struct crypt_pool *crypt_pool_new(struct daemon *d); /* NULL when memory is short */
void crypt_pool_free(struct crypt_pool *pool);       /* no worker is left; accepts NULL */

/* Whether segments of up to `plain_len` bytes can ever be opened here. */
bool crypt_pool_fits(struct crypt_pool *pool, size_t plain_len);
/* Makes sure that a segment of up to `plain_len` bytes that is submitted soon is opened: there is scratch memory for it. False: not now. Any thread. */
bool crypt_pool_ready(struct crypt_pool *pool, size_t plain_len);
/* A task of a connection of `owner`, on its thread. It comes back in conn_segment_done, never from inside this call. */
void crypt_pool_submit(struct crypt_pool *pool, struct worker *owner, struct crypt_task *task);
/* The worker's loop has ended: its own thread, last. Tasks that wait are another's. */
void crypt_pool_leave(struct crypt_pool *pool, struct worker *worker);
/* Does one task, or a few that are small, if there is one; else the worker has wiped what it used. Its own thread, from its crypt_event. */
void crypt_pool_turn(struct crypt_pool *pool, struct worker *worker);
/* Now and then, any thread: scratch memory that nobody needs is freed. */
void crypt_pool_tick(struct crypt_pool *pool);

#endif
