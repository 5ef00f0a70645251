/* Waiting for a data key. */
#include "daemon/store_key.h"

#include <unistd.h>

#include "base/clock.h"
#include "keyring/rooted_store.h"

#define PAUSE_US 500u /* a token takes longer; the store thread does what else there is in between, one of each principal at a time */

static bool is_over(const struct job *job)
{
	return job->key_until_ms && clock_mono_ms() >= job->key_until_ms;
}

bool store_key_comes(const struct daemon *d, const struct job *job)
{
	return d->news.taking && !is_over(job) && rooted_store_is_shared(d->engine.store) && rooted_store_verdict(d->engine.store, NULL) == ERR_STATE;
}

static bool put_back(struct daemon *d, struct job *job)
{
	if (!job->key_until_ms) job->key_until_ms = clock_mono_ms() + STORE_KEY_WAIT_MS;
	if (is_over(job)) return false;
	request_clear_answer(&job->request);
	return job_queue_put(&d->store_jobs, job);
}

struct job *store_key_wait(struct daemon *d, struct job *list)
{
	struct job *left = NULL, **end = &left;
	usleep(PAUSE_US);
	for (struct job *job = list, *next; job; job = next) {
		next = job->next;
		if (put_back(d, job)) continue;
		job->next = NULL;
		*end = job;
		end = &job->next;
	}
	return left;
}

bool store_key_wait_one(struct daemon *d, struct job *job)
{
	if (!store_key_comes(d, job)) return false;
	job->next = NULL;
	return !store_key_wait(d, job);
}
