/* The store thread: runs every transaction. Requests that wait together share one commit, and are answered after it. */
#ifndef COFFER_DAEMON_STORE_THREAD_H
#define COFFER_DAEMON_STORE_THREAD_H

#include "daemon/daemon.h"

enum coffer_err store_thread_start(struct daemon *d) MUST_USE;
/* Ends when its queue is empty. */
void store_thread_stop(struct daemon *d);
/* Runs fn(arg) on the store thread, outside a transaction, and waits for it. Same callers as below. False when the daemon is stopping. */
bool store_thread_do(struct daemon *d, void (*fn)(void *arg), void *arg);
/* The same also while the store is away: for what does not ask it. */
bool store_thread_do_away(struct daemon *d, void (*fn)(void *arg), void *arg);
/* The calling thread is the one that opens a node from the store which its cache opened: until that is done all others are refused. */
void store_thread_opens(bool opens);
bool store_thread_may_open(void);
/* engine->on_store: waits for the store thread. Not from a worker, not from the store thread itself. */
enum coffer_err store_thread_call(struct engine *engine, engine_store_fn *fn, void *arg, struct reason *reason) MUST_USE;
/* The same on the store thread itself, from a call that runs there. */
enum coffer_err store_thread_within(struct engine *engine, engine_store_fn *fn, void *arg, struct reason *reason) MUST_USE;
/* txn_commit, with an eye on how long it takes. Store thread. */
enum coffer_err store_thread_commit(struct daemon *d, struct reason *reason) MUST_USE;
/* Main thread, every STORE_CARE_TICK_MS: a commit that takes longer than audit_deadline makes the store hang; requests that wait behind it are refused. */
void store_thread_tick(struct daemon *d);
/* A call of the caller's own, which stays valid until it has begun to run; it may put itself again. False when the daemon is stopping. Any thread. */
bool store_thread_put(struct daemon *d, struct job *job);

#endif
