/* From a token and the store to an open domain, and what init needs for the same. */
#ifndef COFFER_DAEMON_UNSEAL_H
#define COFFER_DAEMON_UNSEAL_H

#include "daemon/daemon.h"

/* At start, with store thread and admin threads running: reads the identity file, finishes or takes back an init that a crash interrupted, and
 * sets the state: uninitialised, or sealed with the token being opened (then it opens by itself as soon as the token is well). */
enum coffer_err unseal_start(struct daemon *d, struct reason *reason) MUST_USE;
/* Main thread, every tick: unseals again when the last try failed for want of memory or disk. */
void unseal_tick(struct daemon *d);
/* Ends the token's helper: what the admin threads have under way with it fails, so that they can be stopped. */
void unseal_stop(struct daemon *d);
/* After the admin threads: frees the token's proxy. */
void unseal_end(struct daemon *d);

/* engine->set_ring and engine->open (ops/engine.h). */
enum coffer_err unseal_set_ring(struct engine *engine, struct ring **ring) MUST_USE;
enum coffer_err unseal_open(struct engine *engine, struct reason *reason) MUST_USE;
enum coffer_err unseal_by_token(struct engine *engine, struct reason *reason) MUST_USE;
/* engine->open_later. */
void unseal_later(struct engine *engine);
/* engine->token_changed: the proxy's on_health. */
void unseal_on_health(void *arg, enum token_state from, enum token_state to);

#endif
