/* The admin threads. */
#include "daemon/admin_pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>

#include "daemon/anchor_thread.h"
#include "daemon/conn.h"

static void run_job(struct daemon *d, struct op_local *local, struct job *job)
{
	if (job->kind == JOB_CALL) {
		job->call(job->arg);
		free(job);
		return;
	}
	struct request *r = &job->request;
	enum coffer_err err = conn_may_run(job) ? request_run(r, local, NULL) : ERR_OK;
	if (err) request_fail(r, err, NULL);
	conn_hold(job);
	if (!err && r->anchored && anchor_thread_hold(d, job)) return;
	conn_return_job(job);
}

static void *admin_main(void *arg)
{
	struct daemon *d = arg;
	char name[16];
	snprintf(name, sizeof name, "admin-%u", d->admin_names++);
	prctl(PR_SET_NAME, name);
	struct op_local *local = op_local_new(d->engine.objects);
	for (struct job *job; (job = job_queue_wait_one(&d->admin_jobs)) != NULL;) run_job(d, local, job);
	op_local_free(local);
	return NULL;
}

enum coffer_err admin_pool_start(struct daemon *d)
{
	TRY(job_queue_init(&d->admin_jobs, false));
	while (d->admin_started < DAEMON_ADMINS && pthread_create(&d->admin_threads[d->admin_started], NULL, admin_main, d) == 0) d->admin_started++;
	return d->admin_started > 0 ? ERR_OK : ERR_LIMIT; /* one is enough */
}

bool admin_pool_call(struct daemon *d, void (*fn)(void *arg), void *arg)
{
	struct job *job = calloc(1, sizeof *job);
	if (!job) return false;
	job->kind = JOB_CALL;
	job->call = fn;
	job->arg = arg;
	if (job_queue_put(&d->admin_jobs, job)) return true;
	free(job);
	return false;
}

void admin_pool_stop(struct daemon *d)
{
	if (!d->admin_started) return;
	job_queue_close(&d->admin_jobs);
	while (d->admin_started > 0) pthread_join(d->admin_threads[--d->admin_started], NULL);
	job_queue_done(&d->admin_jobs);
}
