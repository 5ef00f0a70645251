/* The token proxy as its callers see it: jobs for the thread, and the health. */
#include "token/proxy.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "token/proxy_internal.h"

#define UNLOCK_SLACK_MS 2000u /* for a call that is under way */

/* Cannot fail but for a full counter, which wakes as well. */
static void wake(const struct token_proxy *p)
{
	(void)!eventfd_write(p->wake_fd, 1);
}

static enum coffer_err start_thread(struct token_proxy *p)
{
	pthread_condattr_t attr;
	sigset_t all, before;
	p->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ENSURE(p->wake_fd >= 0, ERR_IO);
	ENSURE(pthread_condattr_init(&attr) == 0, ERR_MEMORY);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->done, &attr);
	pthread_condattr_destroy(&attr);
	sigfillset(&all); /* signals belong to the main thread */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int rc = pthread_create(&p->thread, NULL, proxy_thread_main, p);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc == 0) return ERR_OK;
	close(p->wake_fd);
	return ERR_IO;
}

enum coffer_err token_proxy_new(const struct token_proxy_config *config, struct token_proxy **out, struct reason *reason)
{
	enum token_kind kind;
	TRY(token_kind_of_uri(config->uri, &kind, reason));
	AUTO_FREE struct token_proxy *p = calloc(1, sizeof *p);
	ENSURE(p, ERR_MEMORY);
	memcpy(p->uri, config->uri, strlen(config->uri) + 1);
	p->open_ms = config->deadline_ms ? config->deadline_ms : TOKEN_DEFAULT_DEADLINE_MS;
	p->call_ms = p->open_ms / 2;
	p->provision_ms = p->open_ms * 3;
	p->probe_interval_ms = config->probe_interval_ms ? config->probe_interval_ms : TOKEN_DEFAULT_PROBE_INTERVAL_MS;
	p->on_health = config->on_health;
	p->on_health_arg = config->on_health_arg;
	if (config->binding) {
		p->bound = true;
		p->binding = *config->binding;
	}
	p->since_wall_s = clock_wall_s();
	p->attended = config->attended;
	p->state = p->attended ? TOKEN_WAITING : TOKEN_STARTING;
	if (p->attended) p->next_at_ms = UINT64_MAX;
	proxy_state_explain((enum token_state)p->state, false, false, NULL, &p->sentence);
	p->helper = (struct proxy_helper){ .spawner = config->spawner, .kind = kind, .lock = &p->lock, .fd = -1 };
	if (start_thread(p) != ERR_OK) return reason_fail(reason, ERR_IO, "the token's thread cannot be started; raise TasksMax= and LimitNOFILE= in the systemd unit (ulimit -u, ulimit -n)");
	*out = TAKE(p);
	return ERR_OK;
}

/* For a wait on p->done. */
static struct timespec until_ms(uint64_t wait_ms)
{
	uint64_t at = clock_mono_ms() + wait_ms;
	return (struct timespec){ (time_t)(at / 1000), (long)(at % 1000) * 1000000 };
}

void token_proxy_stop(struct token_proxy *p)
{
	if (!p || p->joined) return;
	struct timespec until = until_ms(PROXY_STOP_MS);
	pthread_mutex_lock(&p->lock);
	p->stop = true;
	wake(p);
	/* Cuts short what the thread waits for, more than once: it may have been about to start another helper. An idle helper is closed in order instead. */
	while (p->busy) {
		if (pthread_cond_timedwait(&p->done, &p->lock, &until) == 0) continue;
		if (p->busy && p->helper.fd >= 0) (void)shutdown(p->helper.fd, SHUT_RDWR);
		until = until_ms(PROXY_CUT_MS);
	}
	pthread_mutex_unlock(&p->lock);
	pthread_join(p->thread, NULL);
	p->joined = true;
}

void token_proxy_free(struct token_proxy *p)
{
	if (!p) return;
	token_proxy_stop(p);
	buf_free(&p->helper.frame);
	proxy_sent_forget(&p->helper.sent);
	secret_free(p->pin);
	secret_free(p->aside_pin);
	secret_free(p->next_pin);
	close(p->wake_fd);
	pthread_cond_destroy(&p->done);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

/* Under the lock: whether the job may be queued. */
static enum coffer_err check_job(struct token_proxy *p, struct proxy_job *job)
{
	enum token_state state = (enum token_state)p->state;
	if (job->target && !p->stop) return ERR_OK;
	enum channel_op op = job->request.op;
	if (p->stop) return reason_fail(&job->reason, ERR_CLOSED, "cofferd is stopping");
	if (op == CHANNEL_PROVISION && p->bound)
		return reason_fail(&job->reason, ERR_STATE, "this node has a master secret in its token already");
	if ((op == CHANNEL_WRAP || op == CHANNEL_UNWRAP || (op >= CHANNEL_POLICY_STATUS && op != CHANNEL_COUNTER_DROP)) && !p->bound)
		return reason_fail(&job->reason, ERR_STATE, "this node has no master secret in its token yet");
	if (!proxy_state_serves(state) && !proxy_goes_without_pin(p, job)) return reason_fail(&job->reason, proxy_state_error(state), "%s", p->sentence.text);
	return ERR_OK;
}

enum coffer_err proxy_run(struct token_proxy *p, struct proxy_job *job, struct reason *reason)
{
	pthread_mutex_lock(&p->lock);
	job->err = check_job(p, job);
	if (job->err == ERR_OK) {
		if (p->last_job) p->last_job->next = job;
		else p->first_job = job;
		p->last_job = job;
		wake(p);
		while (!job->done)
			pthread_cond_wait(&p->done, &p->lock);
	}
	pthread_mutex_unlock(&p->lock);
	if (job->err != ERR_OK && reason) *reason = job->reason;
	return job->err;
}

static enum coffer_err take_binding(struct proxy_job *job, const struct channel_reply *reply)
{
	*(struct token_binding *)job->out = reply->binding;
	return ERR_OK;
}

enum coffer_err token_proxy_provision(struct token_proxy *p, struct token_binding *out, struct reason *reason)
{
	struct proxy_job job = { .request.op = CHANNEL_PROVISION, .limit_ms = p->provision_ms, .take = take_binding, .out = out };
	return proxy_run(p, &job, reason);
}

static enum coffer_err lead(struct token_proxy *p, const char *uri, const struct token_binding *binding, bool home, struct reason *reason)
{
	struct proxy_target target = { .uri = uri, .binding = binding, .home = home };
	struct proxy_job job = { .target = &target };
	if (strlen(uri) > TOKEN_URI_MAX) return reason_fail(reason, ERR_USAGE, "the token URI is too long");
	TRY(token_kind_of_uri(uri, &target.kind, reason));
	return proxy_run(p, &job, reason);
}

enum coffer_err token_proxy_retarget(struct token_proxy *p, const char *uri, const struct token_binding *binding, struct reason *reason)
{
	return lead(p, uri, binding, false, reason);
}

enum coffer_err token_proxy_go_home(struct token_proxy *p, const char *uri, const struct token_binding *binding, struct reason *reason)
{
	return lead(p, uri, binding, true, reason);
}

static enum coffer_err take_bytes(struct proxy_job *job, const struct channel_reply *reply)
{
	return buf_append(job->out, reply->bytes);
}

enum coffer_err token_proxy_wrap(struct token_proxy *p, const struct secret *plain, struct buf *out, struct reason *reason)
{
	if (secret_len(plain) != TOKEN_SECRET_LEN) return reason_fail(reason, ERR_BUG, "a data key has 32 bytes");
	struct proxy_job job = { .request = { .op = CHANNEL_WRAP, .bytes = secret_view(plain) }, .limit_ms = p->call_ms,
		.take = take_bytes, .out = out };
	return proxy_run(p, &job, reason);
}

static enum coffer_err take_secret(struct proxy_job *job, const struct channel_reply *reply)
{
	struct secret *secret = secret_copy(reply->bytes.ptr, reply->bytes.len);
	ENSURE(secret, ERR_MEMORY);
	*(struct secret **)job->out = secret;
	return ERR_OK;
}

enum coffer_err token_proxy_unwrap(struct token_proxy *p, struct view blob, struct secret **out, struct reason *reason)
{
	if (blob.len == 0 || blob.len > TOKEN_BLOB_MAX)
		return reason_fail(reason, ERR_CORRUPT, "the wrapped data key has a length that no token makes");
	struct proxy_job job = { .request = { .op = CHANNEL_UNWRAP, .bytes = blob }, .limit_ms = p->call_ms, .take = take_secret,
		.out = out };
	return proxy_run(p, &job, reason);
}

static enum coffer_err take_random(struct proxy_job *job, const struct channel_reply *reply)
{
	if (reply->bytes.len != job->out_len)
		return reason_fail(&job->reason, ERR_TOKEN, "the token gave fewer random bytes than it was asked for");
	memcpy(job->out, reply->bytes.ptr, job->out_len);
	return ERR_OK;
}

enum coffer_err token_proxy_random(struct token_proxy *p, uint8_t *out, size_t len, struct reason *reason)
{
	if (len == 0) return ERR_OK;
	if (len > CHANNEL_RANDOM_MAX)
		return reason_fail(reason, ERR_TOO_LARGE, "at most %u random bytes at a time", CHANNEL_RANDOM_MAX);
	struct proxy_job job = { .request = { .op = CHANNEL_RANDOM, .random_len = (uint32_t)len }, .limit_ms = p->call_ms,
		.take = take_random, .out = out, .out_len = len };
	return proxy_run(p, &job, reason);
}

enum coffer_err token_proxy_erase(struct token_proxy *p, struct reason *reason)
{
	struct proxy_job job = { .request.op = CHANNEL_ERASE, .limit_ms = p->provision_ms };
	return proxy_run(p, &job, reason);
}

enum coffer_err token_proxy_zeroise(struct token_proxy *p, bool *out_asked, struct reason *reason)
{
	struct proxy_job job = { .request.op = CHANNEL_ERASE, .limit_ms = p->provision_ms, .ends = true };
	enum coffer_err err = proxy_run(p, &job, reason);
	*out_asked = job.asked;
	return err;
}

static enum coffer_err take_info(struct proxy_job *job, const struct channel_reply *reply)
{
	*(struct token_info *)job->out = reply->info;
	return ERR_OK;
}

enum coffer_err token_proxy_describe(struct token_proxy *p, struct token_info *out, struct reason *reason)
{
	struct proxy_job job = { .request.op = CHANNEL_DESCRIBE, .limit_ms = p->call_ms, .take = take_info, .out = out };
	return proxy_run(p, &job, reason);
}

enum coffer_err token_proxy_probe_now(struct token_proxy *p, uint64_t max_wait_ms, struct reason *reason)
{
	struct timespec until = until_ms(max_wait_ms);
	int rc = 0;
	pthread_mutex_lock(&p->lock);
	uint64_t mine = ++p->probe_wanted;
	wake(p);
	while (p->probe_done < mine && rc == 0)
		rc = pthread_cond_timedwait(&p->done, &p->lock, &until);
	bool answered = p->probe_done >= mine;
	enum coffer_err err = p->probe_err;
	if (answered && err != ERR_OK && reason) *reason = p->probe_reason;
	pthread_mutex_unlock(&p->lock);
	if (answered) return err;
	return reason_fail(reason, ERR_TIMEOUT, "the token did not answer within %llu ms", (unsigned long long)max_wait_ms);
}

/* A PKCS#11 token that serves has taken its PIN. A TPM serves without one, and wants it for the data key; its helper takes it in front of OPEN alone, so another one is started. */
enum coffer_err token_proxy_unlock(struct token_proxy *p, struct secret **pin, struct reason *reason)
{
	pthread_mutex_lock(&p->lock);
	const bool serves = proxy_state_serves((enum token_state)p->state);
	const bool anew = serves && *pin && strncmp(p->uri, "tpm2:", 5) == 0;
	if (!serves || anew) proxy_pin_replace(p, TAKE(*pin));
	p->anew = anew;
	p->unlocked = true;
	p->retry_asked = true;
	pthread_mutex_unlock(&p->lock);
	secret_free(TAKE(*pin));
	return token_proxy_probe_now(p, p->open_ms + UNLOCK_SLACK_MS, reason);
}

void token_proxy_retry(struct token_proxy *p)
{
	pthread_mutex_lock(&p->lock);
	p->retry_asked = !p->attended || p->unlocked;
	wake(p);
	pthread_mutex_unlock(&p->lock);
}

void token_proxy_health(struct token_proxy *p, struct token_health *out)
{
	pthread_mutex_lock(&p->lock);
	*out = (struct token_health){
		.state = (enum token_state)p->state, .since_wall_s = p->since_wall_s, .probed = p->probed,
		.probe_age_ms = p->probed ? clock_mono_ms() - p->probed_at_ms : 0, .probe_duration_ms = p->probe_duration_ms,
		.failures = p->failures, .restarts = p->restarts, .described = p->described, .info = p->info,
	};
	memcpy(out->sentence, p->sentence.text, sizeof out->sentence);
	pthread_mutex_unlock(&p->lock);
}
