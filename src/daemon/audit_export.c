/* One thread for each copy of the audit log. */
#include "daemon/audit_export.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/audit_feed.h"

#define RETRY_MS 1000u
#define BUSY_MS 10u
#define IDLE_MS 60000u
#define CLOSED_MS 200u /* while the log is not open */

struct exporter {
	struct daemon *daemon;
	struct audit_feed feed;
	struct engine_export *slot;
	pthread_t thread;
	bool started, ended;         /* guarded by the lock of all */
	enum coffer_err trouble;     /* said last */
	uint64_t busy_ms;            /* since when its receiver takes nothing; 0: it does */
};

struct audit_exports {
	struct exporter of[ENGINE_EXPORTS];
	size_t count;
	pthread_mutex_t lock;        /* guards the rest */
	pthread_cond_t changed;
	uint64_t length;             /* of the log, as the store thread saw it last */
	bool ending;
};

/* Until the log is longer than `seen`, the end is asked for, or the time has come. */
static void wait_for_more(struct audit_exports *all, uint64_t seen, uint64_t most_ms)
{
	struct timespec until;
	int rc = 0;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += (time_t)(most_ms / 1000);
	until.tv_nsec += (long)(most_ms % 1000) * 1000000L;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000L;
	}
	pthread_mutex_lock(&all->lock);
	while (rc == 0 && !all->ending && all->length <= seen) rc = pthread_cond_timedwait(&all->changed, &all->lock, &until);
	pthread_mutex_unlock(&all->lock);
}

static bool is_ending(struct audit_exports *all)
{
	pthread_mutex_lock(&all->lock);
	bool ending = all->ending;
	pthread_mutex_unlock(&all->lock);
	return ending;
}

/* A receiver whose queue is full for a moment is no trouble. */
static bool is_short_wait(struct exporter *x, enum coffer_err err)
{
	uint64_t now = clock_mono_ms();
	if (err != ERR_BUSY) x->busy_ms = 0;
	else if (!x->busy_ms) x->busy_ms = now;
	return err == ERR_BUSY && now - x->busy_ms < RETRY_MS;
}

/* Once for each change. */
static void tell(struct exporter *x, enum coffer_err err)
{
	x->slot->trouble = err;
	x->slot->seq = x->feed.place.seq;
	x->slot->lost = x->feed.lost;
	x->slot->sealed_to = x->feed.located ? x->feed.signed_to : 0;
	if (err == x->trouble) return;
	if (err) log_error("audit export to the %s: %s; it goes on when that has changed%s", x->slot->name, audit_feed_trouble(err),
		x->feed.ops->lost ? "" : ", with a gap record where more than audit_queue waited");
	else log_info("audit export to the %s: well, up to record %llu", x->slot->name, (unsigned long long)x->feed.place.seq);
	x->trouble = err;
}

static bool is_open(const struct exporter *x)
{
	enum engine_state state = engine_state_get(x->feed.engine);
	return (state == ENGINE_OPEN || state == ENGINE_DRAINING) && !x->feed.engine->store_away && !x->feed.engine->store_hangs;
}

static void *exporter_main(void *arg)
{
	struct exporter *x = arg;
	struct audit_exports *all = x->daemon->audit_exports;
	char name[16];
	snprintf(name, sizeof name, "audit-%.9s", x->slot->name);
	prctl(PR_SET_NAME, name);
	for (;;) {
		bool idle = false, ending = is_ending(all);
		enum coffer_err err = audit_feed_step(&x->feed, ending, &idle);
		bool hurried = is_short_wait(x, err);
		tell(x, hurried ? ERR_OK : err);
		if (ending && (idle || err)) break;
		if (hurried) wait_for_more(all, UINT64_MAX - 1, BUSY_MS);
		else if (err) wait_for_more(all, UINT64_MAX - 1, RETRY_MS);
		else if (idle && (!x->feed.located || !is_open(x))) wait_for_more(all, UINT64_MAX - 1, CLOSED_MS);
		else if (idle) wait_for_more(all, x->feed.place.seq, audit_feed_pause(&x->feed, IDLE_MS));
	}
	pthread_mutex_lock(&all->lock);
	x->ended = true;
	pthread_cond_broadcast(&all->changed);
	pthread_mutex_unlock(&all->lock);
	return NULL;
}

/* ---- its life ---- */

static const char *socket_of(const char *value, const char *usual)
{
	if (strcmp(value, "no") == 0) return NULL;
	return strcmp(value, "yes") == 0 ? usual : value;
}

static enum coffer_err add(struct daemon *d, const struct audit_sink_ops *ops, struct audit_sink *sink)
{
	struct audit_exports *all = d->audit_exports;
	struct exporter *x = &all->of[all->count];
	ENSURE(sink, ERR_MEMORY);
	enum coffer_err err = audit_feed_init(&x->feed, &d->engine, ops, sink);
	x->daemon = d;
	if (err) ops->close(sink);
	TRY(err);
	x->slot = &d->engine.exports[all->count++];
	x->slot->name = ops->name;
	ENSURE(pthread_create(&x->thread, NULL, exporter_main, x) == 0, ERR_LIMIT);
	x->started = true;
	return ERR_OK;
}

static enum coffer_err make_all(struct daemon *d)
{
	struct audit_exports *all = calloc(1, sizeof *all);
	pthread_condattr_t attr;
	ENSURE(all, ERR_MEMORY);
	if (pthread_mutex_init(&all->lock, NULL) != 0 || pthread_condattr_init(&attr) != 0) {
		free(all);
		return ERR_MEMORY;
	}
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&all->changed, &attr);
	pthread_condattr_destroy(&attr);
	d->audit_exports = all;
	return ERR_OK;
}

enum coffer_err audit_export_start(struct daemon *d)
{
	const struct config *c = d->config;
	const char *syslog = socket_of(c->audit_export_syslog, "/dev/log");
	const char *journal = socket_of(c->audit_export_journal, "/run/systemd/journal/socket");
	if (!c->audit_export_file[0] && !syslog && !journal) return ERR_OK;
	TRY(make_all(d));
	if (c->audit_export_file[0]) TRY(add(d, &audit_sink_file, audit_sink_file_new(c->audit_export_file)));
	if (syslog) TRY(add(d, &audit_sink_syslog, audit_sink_syslog_new(syslog, c->state_dir)));
	if (journal) TRY(add(d, &audit_sink_journal, audit_sink_journal_new(journal, c->state_dir)));
	return ERR_OK;
}

void audit_export_note(struct daemon *d)
{
	struct audit_exports *all = d->audit_exports;
	if (!all || !d->engine.audit) return;
	uint64_t length = audit_chain_length(d->engine.audit);
	pthread_mutex_lock(&all->lock);
	if (length != all->length) {
		all->length = length;
		pthread_cond_broadcast(&all->changed);
	}
	pthread_mutex_unlock(&all->lock);
}

static bool wait_for_end(struct audit_exports *all, uint64_t most_ms)
{
	struct timespec until;
	int rc = 0;
	bool ended = false;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += (time_t)((most_ms + 999) / 1000);
	pthread_mutex_lock(&all->lock);
	all->ending = true;
	pthread_cond_broadcast(&all->changed);
	while (!ended && rc == 0) {
		ended = true;
		for (size_t i = 0; i < all->count; i++) ended = ended && (all->of[i].ended || !all->of[i].started);
		if (!ended) rc = pthread_cond_timedwait(&all->changed, &all->lock, &until);
	}
	pthread_mutex_unlock(&all->lock);
	return ended;
}

bool audit_export_end(struct daemon *d, uint64_t most_ms)
{
	struct audit_exports *all = d->audit_exports;
	if (!all) return true;
	if (!wait_for_end(all, most_ms)) {
		log_warn("an export of the audit log does not answer: what it lacks follows at the next start");
		return false;
	}
	for (size_t i = 0; i < all->count; i++) {
		if (all->of[i].started) pthread_join(all->of[i].thread, NULL);
		audit_feed_done(&all->of[i].feed);
	}
	pthread_cond_destroy(&all->changed);
	pthread_mutex_destroy(&all->lock);
	free(all);
	d->audit_exports = NULL;
	return true;
}
