/* Sign, take out, wait. */
#include "daemon/audit_signer_thread.h"

#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/clock.h"
#include "ops/audit_keep.h"
#include "ops/audit_signer.h"

struct audit_signer_thread {
	struct daemon *daemon;
	pthread_t thread;
	pthread_mutex_t lock; /* guards the rest */
	pthread_cond_t wake;
	bool stop, opened;
};

#define KEEP_AGAIN_MS 10000u   /* records to be taken out are looked for so often */
#define LOOK_AGAIN_MS 60000u   /* and whether the configuration was changed */

/* True: the node has opened. */
static bool wait_for(struct audit_signer_thread *t, uint64_t ms)
{
	uint64_t at_ms = clock_mono_ms() + ms;
	const struct timespec at = { (time_t)(at_ms / 1000), (long)(at_ms % 1000) * 1000000 };
	int rc = 0;
	pthread_mutex_lock(&t->lock);
	while (!t->stop && !t->opened && rc == 0) rc = pthread_cond_timedwait(&t->wake, &t->lock, &at);
	bool opened = t->opened;
	t->opened = false;
	pthread_mutex_unlock(&t->lock);
	return opened;
}

static bool is_stopping(struct audit_signer_thread *t)
{
	pthread_mutex_lock(&t->lock);
	bool stop = t->stop;
	pthread_mutex_unlock(&t->lock);
	return stop;
}

/* What a file has, with a checkpoint behind it. */
static uint64_t exported_to(const struct engine *e)
{
	for (size_t i = 0; i < ENGINE_EXPORTS && e->exports[i].name; i++)
		if (strcmp(e->exports[i].name, "file") == 0) return e->exports[i].sealed_to;
	return 0;
}

static void take_out_old(struct audit_signer_thread *t)
{
	struct engine *e = &t->daemon->engine;
	for (bool more = true; more && !is_stopping(t);) (void)!audit_keep_step(e, exported_to(e), &more);
}

/* How often the token signs, and how often records are taken out, are two things. */
static void *signer_main(void *arg)
{
	struct audit_signer_thread *t = arg;
	uint64_t sign_at_ms = 0, interval_ms = 0;
	prctl(PR_SET_NAME, "audit-signer");
	while (!is_stopping(t)) {
		const struct config *config = t->daemon->engine.config;
		uint64_t most_ms = config->audit_keep ? KEEP_AGAIN_MS : LOOK_AGAIN_MS;
		if (clock_mono_ms() >= sign_at_ms || config->audit_token_interval_ms != interval_ms) {
			uint64_t again_ms;
			(void)!audit_signer_step(&t->daemon->engine, &again_ms);
			sign_at_ms = clock_mono_ms() + again_ms;
			interval_ms = config->audit_token_interval_ms;
		}
		take_out_old(t);
		uint64_t now = clock_mono_ms(), left_ms = sign_at_ms > now ? sign_at_ms - now : 1;
		if (wait_for(t, left_ms < most_ms ? left_ms : most_ms)) sign_at_ms = 0;
	}
	return NULL;
}

enum coffer_err audit_signer_start(struct daemon *d)
{
	pthread_condattr_t attr;
	struct audit_signer_thread *t = calloc(1, sizeof *t);
	ENSURE(t, ERR_MEMORY);
	t->daemon = d;
	pthread_mutex_init(&t->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&t->wake, &attr);
	pthread_condattr_destroy(&attr);
	d->audit_signer_thread = t;
	if (pthread_create(&t->thread, NULL, signer_main, t) == 0) return ERR_OK;
	d->audit_signer_thread = NULL;
	pthread_cond_destroy(&t->wake);
	pthread_mutex_destroy(&t->lock);
	free(t);
	return ERR_LIMIT;
}

static void signal_it(struct audit_signer_thread *t, bool *flag)
{
	pthread_mutex_lock(&t->lock);
	*flag = true;
	pthread_cond_signal(&t->wake);
	pthread_mutex_unlock(&t->lock);
}

void audit_signer_opened(struct daemon *d)
{
	if (d->audit_signer_thread) signal_it(d->audit_signer_thread, &d->audit_signer_thread->opened);
}

void audit_signer_stop(struct daemon *d)
{
	struct audit_signer_thread *t = d->audit_signer_thread;
	if (!t) return;
	signal_it(t, &t->stop);
	pthread_join(t->thread, NULL);
	d->audit_signer_thread = NULL;
	pthread_cond_destroy(&t->wake);
	pthread_mutex_destroy(&t->lock);
	free(t);
}
