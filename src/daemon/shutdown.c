/* Drain and reload. */
#include "daemon/shutdown.h"

#include <signal.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/link.h"
#include "daemon/listener.h"
#include "daemon/state_dir.h"

#define POLL_MS 20

/* Ends the main loop when every connection is gone, or the time is over. */
static void on_drain_tick(evutil_socket_t fd, short what, void *arg)
{
	struct daemon *d = arg;
	(void)fd;
	(void)what;
	if (d->engine.connections == 0 || clock_mono_ms() >= d->drain_until_ms) {
		if (d->engine.connections) log_warn("%llu connections did not end in time", (unsigned long long)d->engine.connections);
		event_base_loopbreak(d->base);
		return;
	}
	struct timeval tick = { 0, POLL_MS * 1000 };
	event_add(d->drain_timer, &tick);
}

void shutdown_begin(struct daemon *d)
{
	if (d->draining) return;
	log_info(d->restarting ? "stopping, to be started anew" : "stopping");
	d->draining = true;
	state_dir_stopping(d->state_lock_fd);
	d->drain_until_ms = clock_mono_ms() + d->engine.config->drain_timeout_ms;
	if (!d->restarting) link_stopping(d);
	listener_close(d);
	for (unsigned i = 0; i < d->worker_count; i++) worker_drain(&d->workers[i]);
	d->drain_timer = event_new(d->base, -1, 0, on_drain_tick, d);
	struct timeval now = { 0, 0 };
	if (!d->drain_timer || event_add(d->drain_timer, &now) != 0) event_base_loopbreak(d->base);
}

static void needs_restart(void *arg, const char *key)
{
	(void)arg;
	log_warn("the change of '%s' takes effect at the next restart", key);
}

void shutdown_reload(struct daemon *d)
{
	struct reason reason = { "" };
	struct config *next = calloc(1, sizeof *next);
	if (!next) return;
	enum coffer_err err = config_reload(d->config_path, d->config, next, needs_restart, NULL, &reason);
	if (err && !(err == ERR_NOT_FOUND && !d->config_given)) {
		log_error("the configuration stays as it was: %s", reason_text(&reason, err));
		free(next);
		return;
	}
	if (err) {
		free(next);
	} else {
		/* The old one may still be read by other threads: it is kept until the end. */
		if (d->retired_count < DAEMON_RETIRED_MAX) d->retired[d->retired_count++] = d->config;
		d->config = next;
		d->engine.config = next;
		log_set_level(next->log_level);
		log_info("the configuration was read again");
	}
	if (pthread_mutex_trylock(&d->engine.admin_lock) != 0) return; /* an init is under way: it talks to the token anyway */
	if (d->engine.token) token_proxy_retry(d->engine.token);
	pthread_mutex_unlock(&d->engine.admin_lock);
}

static void on_signal(evutil_socket_t signal, short what, void *arg)
{
	(void)what;
	if (signal != SIGHUP) {
		shutdown_begin(arg);
		return;
	}
	link_reloading(arg);
	shutdown_reload(arg);
	link_ready(arg);
}

enum coffer_err shutdown_catch_signals(struct daemon *d)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP };
	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < 3; i++) {
		d->signal_events[i] = evsignal_new(d->base, signals[i], on_signal, d);
		ENSURE(d->signal_events[i] && event_add(d->signal_events[i], NULL) == 0, ERR_MEMORY);
	}
	return ERR_OK;
}
