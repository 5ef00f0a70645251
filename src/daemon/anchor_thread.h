/* When the counter in the token is raised, and who waits for it (docs/formats.md section 19.3): after a start, before a stop, every anchor_period when anything was
 * committed, and before what ends something is acknowledged, but at most every anchor_interval. A thread of its own raises, so that a slow token slows nothing else.
 *
 *   store thread: commit ── request.anchored ──► anchor_thread_hold ──► held ── record written ──► covered ── raised ──► answered
 *                                                     └── raised less than an interval ago, or the token is not well: answered at once */
#ifndef COFFER_DAEMON_ANCHOR_THREAD_H
#define COFFER_DAEMON_ANCHOR_THREAD_H

#include "daemon/daemon.h"

#define ANCHOR_WAIT_MS 2000u          /* no answer waits longer for a raise */

/* With the store thread and the admin threads running. ERR_LIMIT: no thread; ERR_MEMORY. */
enum coffer_err anchor_thread_start(struct daemon *d) MUST_USE;
/* The node has opened: the counter is raised. Any thread. */
void anchor_thread_opened(struct daemon *d);
/* A request that was carried out and is durable. True: the job is given back later, by another thread; false: the caller does. Store and admin threads. */
bool anchor_thread_hold(struct daemon *d, struct job *job);
/* Main thread, every tick: those that waited too long are given back. */
void anchor_thread_tick(struct daemon *d);
/* Raises for the last time, while token and store thread still run, and gives everything back; afterwards nothing is held any more. Fine when it was not started. */
void anchor_thread_stop(struct daemon *d);
/* When no other thread can hold or ask any more. Fine when it was not started. */
void anchor_thread_free(struct daemon *d);
/* How long the next raise is kept back after the one before, in milliseconds: anchor_interval, or longer when there were many. For status; any thread. */
uint64_t anchor_thread_spacing_ms(struct daemon *d);

#endif
