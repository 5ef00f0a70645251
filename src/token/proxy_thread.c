/* The proxy's thread: opens the token, serves the calls, probes, and mends. */
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>

#include "base/clock.h"
#include "base/ct.h"
#include "token/proxy_internal.h"

static enum token_state state_of(const struct token_proxy *p)
{
	return (enum token_state)p->state;
}

static void set_state(struct token_proxy *p, enum token_state to, const struct reason *why)
{
	enum token_state from = state_of(p);
	struct reason sentence = { "" };
	proxy_state_explain(to, p->attended || p->given, p->helper.lost, why, &sentence);
	pthread_mutex_lock(&p->lock);
	p->sentence = sentence;
	if (from != to) {
		sm_move(&proxy_states, &p->state, to);
		p->since_wall_s = clock_wall_s();
	}
	pthread_mutex_unlock(&p->lock);
	if (from != to && p->on_health) p->on_health(p->on_health_arg, from, to);
}

/* Ends the helper, enters the state that the error means, and plans the next attempt. */
static void fail(struct token_proxy *p, enum coffer_err err, const struct reason *why)
{
	enum token_state to = proxy_state_after(err);
	proxy_helper_end(&p->helper);
	pthread_mutex_lock(&p->lock);
	uint32_t failures = ++p->failures;
	p->given = p->pin != NULL;
	p->source_refused = (err == ERR_AUTH || err == ERR_TOKEN_LOCKED) && !p->pin && strncmp(p->uri, "pkcs11:", 7) == 0;
	if (proxy_state_retry(to) == PROXY_RETRY_ASKED) { /* what was given by a person is not tried again */
		proxy_pin_refused(p);
		p->unlocked = false;
	}
	pthread_mutex_unlock(&p->lock);
	p->next_at_ms = proxy_state_retry(to) == PROXY_RETRY_ASKED ? UINT64_MAX : clock_mono_ms() + proxy_state_pause_ms(to, failures);
	set_state(p, to, why);
}

static enum coffer_err call(struct token_proxy *p, enum channel_op op, uint64_t limit_ms, struct channel_reply *reply,
	struct reason *reason)
{
	struct channel_request request = { .op = op };
	return proxy_helper_call(&p->helper, &request, limit_ms, reply, reason);
}

static void note_probe(struct token_proxy *p, uint64_t began_ms)
{
	uint64_t now = clock_mono_ms();
	pthread_mutex_lock(&p->lock);
	p->probed = true;
	p->probed_at_ms = now;
	p->probe_duration_ms = now - began_ms;
	p->failures = 0;
	pthread_mutex_unlock(&p->lock);
}

/* Without a binding there is nothing to wrap a canary with: an answer is enough. */
static enum coffer_err probe(struct token_proxy *p, uint64_t limit_ms, struct reason *reason)
{
	struct channel_reply reply;
	uint64_t began_ms = clock_mono_ms();
	TRY(call(p, p->bound ? CHANNEL_PROBE : CHANNEL_DESCRIBE, limit_ms, &reply, reason));
	note_probe(p, began_ms);
	p->next_at_ms = clock_mono_ms() + p->probe_interval_ms;
	return ERR_OK;
}

static enum coffer_err describe(struct token_proxy *p, uint64_t limit_ms, struct reason *reason)
{
	struct channel_reply reply;
	TRY(call(p, CHANNEL_DESCRIBE, limit_ms, &reply, reason));
	pthread_mutex_lock(&p->lock);
	p->info = reply.info;
	p->described = true;
	pthread_mutex_unlock(&p->lock);
	return ERR_OK;
}

static uint64_t left_ms(uint64_t deadline_ms)
{
	uint64_t now = clock_mono_ms();
	return deadline_ms > now ? deadline_ms - now : 0;
}

/* The helper has it before it opens the token. */
static enum coffer_err give_pin(struct token_proxy *p, uint64_t limit_ms, struct reason *reason)
{
	struct channel_reply reply;
	pthread_mutex_lock(&p->lock);
	bool has = p->pin != NULL;
	AUTO_SECRET struct secret *pin = has ? secret_copy(secret_bytes(p->pin), secret_len(p->pin)) : NULL;
	pthread_mutex_unlock(&p->lock);
	if (!has) return ERR_OK;
	if (!pin) return reason_fail(reason, ERR_TOKEN_GONE, "there is no secret memory for the PIN; raise secret_memory");
	struct channel_request request = { .op = CHANNEL_PIN, .bytes = secret_view(pin) };
	return proxy_helper_call(&p->helper, &request, limit_ms, &reply, reason);
}

static enum coffer_err open_token(struct token_proxy *p, uint64_t limit_ms, struct reason *reason)
{
	struct channel_request request = { .op = CHANNEL_OPEN };
	struct channel_reply reply;
	uint64_t deadline = clock_mono_ms() + limit_ms;
	struct token_binding binding;
	TRY(give_pin(p, limit_ms, reason));
	_Static_assert(sizeof request.uri == sizeof p->uri, "one size of URI");
	pthread_mutex_lock(&p->lock); /* both may be changed by token_proxy_policy_adopt */
	__builtin_memcpy(request.uri, p->uri, sizeof request.uri);
	binding = p->binding;
	pthread_mutex_unlock(&p->lock);
	TRY(proxy_helper_call(&p->helper, &request, left_ms(deadline), &reply, reason));
	if (p->bound) {
		request = (struct channel_request){ .op = CHANNEL_ATTACH, .binding = binding };
		TRY(proxy_helper_call(&p->helper, &request, left_ms(deadline), &reply, reason));
	}
	TRY(describe(p, left_ms(deadline), reason));
	/* After a failure the token is called well only when it has proved it, so that the state does not flicker. */
	return p->failures ? probe(p, left_ms(deadline), reason) : ERR_OK;
}

/* Attempts that mend are shorter than the first, by what the token was seen to need, so that one lost in a dead connection
 * does not keep the next from finding a token that is well again. */
static uint64_t attempt_limit_ms(const struct token_proxy *p)
{
	uint64_t limit = p->last_attempt_ms * 4;
	if (!p->last_attempt_ms) return p->open_ms;
	if (limit < PROXY_ATTEMPT_MIN_MS) limit = PROXY_ATTEMPT_MIN_MS;
	return limit < p->open_ms ? limit : p->open_ms;
}

/* A stop that came before the helper's descriptor could be cut off. */
static enum coffer_err check_stop(struct token_proxy *p)
{
	pthread_mutex_lock(&p->lock);
	bool stop = p->stop;
	pthread_mutex_unlock(&p->lock);
	return stop ? ERR_CLOSED : ERR_OK;
}

static enum coffer_err attempt(struct token_proxy *p, struct reason *reason)
{
	uint64_t began_ms = clock_mono_ms();
	if (p->started_once) {
		pthread_mutex_lock(&p->lock);
		p->restarts++;
		pthread_mutex_unlock(&p->lock);
	}
	p->started_once = true;
	enum coffer_err err = proxy_helper_start(&p->helper, reason);
	if (err == ERR_OK) err = check_stop(p);
	if (err == ERR_OK) err = open_token(p, attempt_limit_ms(p), reason);
	if (err != ERR_OK) {
		fail(p, err, reason);
		return err;
	}
	bool proved = p->failures == 0 && p->probed && p->probed_at_ms >= began_ms;
	p->last_attempt_ms = clock_mono_ms() - began_ms + 1;
	p->next_at_ms = clock_mono_ms() + (proved ? p->probe_interval_ms : 0);
	pthread_mutex_lock(&p->lock);
	p->unlocked = true; /* again, when another token refused meanwhile */
	p->given = p->source_refused = false;
	pthread_mutex_unlock(&p->lock);
	set_state(p, p->bound ? TOKEN_WELL : TOKEN_OPEN, NULL);
	return ERR_OK;
}

/* In order: a token that takes one connection at a time has it free for the next. */
static void close_helper(struct token_proxy *p)
{
	struct channel_reply reply;
	struct reason ignored = { "" };
	if (p->helper.fd >= 0) (void)!call(p, CHANNEL_CLOSE, PROXY_CLOSE_MS, &reply, &ignored);
	proxy_helper_end(&p->helper);
}

static bool take_anew(struct token_proxy *p)
{
	pthread_mutex_lock(&p->lock);
	bool anew = p->anew;
	p->anew = false;
	pthread_mutex_unlock(&p->lock);
	return anew;
}

/* The planned work, or what token_proxy_probe_now asked for. */
static enum coffer_err look(struct token_proxy *p, struct reason *reason)
{
	bool serves = state_of(p) == TOKEN_WELL || state_of(p) == TOKEN_OPEN;
	if (take_anew(p) && serves) {
		close_helper(p);
		serves = false;
	}
	if (!serves) return attempt(p, reason);
	enum coffer_err err = probe(p, p->call_ms, reason);
	if (err != ERR_OK) fail(p, err, reason);
	return err;
}

/* A helper that could not go over to the new policy is ended: the next one opens with it. */
static bool must_end(const struct proxy_job *job)
{
	return job->request.op == CHANNEL_POLICY_ADOPT;
}

/* After a call that the token refused. The errors that speak of the token's own state lead to that state. Others may be the
 * caller's fault or the token's: a probe tells. */
static void judge(struct token_proxy *p, const struct proxy_job *job)
{
	if (must_end(job)) {
		fail(p, job->err, &job->reason);
		return;
	}
	switch (job->err) {
	case ERR_TIMEOUT:
	case ERR_TOKEN_GONE:
	case ERR_AUTH:
	case ERR_TOKEN_LOCKED:
		fail(p, job->err, &job->reason);
		return;
	case ERR_TOKEN_OTHER:
	case ERR_TOKEN_KEY_MISSING:
	case ERR_TOKEN_REFUSED:
		if (job->request.op != CHANNEL_PROVISION) fail(p, job->err, &job->reason);
		return;
	default:
		p->next_at_ms = clock_mono_ms();
		return;
	}
}

static void after_provision(struct token_proxy *p, const struct channel_reply *reply)
{
	struct reason ignored = { "" };
	pthread_mutex_lock(&p->lock);
	p->binding = reply->binding;
	p->bound = true;
	pthread_mutex_unlock(&p->lock);
	enum coffer_err err = describe(p, p->call_ms, &ignored);
	if (err == ERR_OK) set_state(p, TOKEN_WELL, NULL);
	else fail(p, err, &ignored);
}

/* What a person gave goes to every helper that follows, so after a change of the PIN it is the new one: a PKCS#11 token has that at once, a TPM with its new binding. Where
 * there is no memory for it a person gives it again; the old one would cost a try. */
static void after_make(struct token_proxy *p, const struct proxy_job *job)
{
	struct view given = job->request.bytes;
	pthread_mutex_lock(&p->lock);
	secret_free(TAKE(p->next_pin));
	struct secret *next = p->pin && given.len ? secret_copy(given.ptr, given.len) : NULL;
	bool at_once = p->helper.kind == TOKEN_KIND_PKCS11 || (given.len && !next);
	if (!at_once) p->next_pin = next;
	else if (given.len) proxy_pin_replace(p, next);
	pthread_mutex_unlock(&p->lock);
}

/* What status says of the master secret names its policy. */
static void after_adopt(struct token_proxy *p)
{
	struct reason why = { "" };
	enum coffer_err err = describe(p, p->call_ms, &why);
	if (err != ERR_OK) fail(p, err, &why);
}

static void turn(struct token_proxy *p, struct proxy_job *job)
{
	const struct proxy_target *to = job->target;
	close_helper(p);
	pthread_mutex_lock(&p->lock);
	const bool known = to->home && p->source_refused && proxy_pin_is_same(p, to->uri);
	proxy_pin_turn(p, to->uri);
	memcpy(p->uri, to->uri, strlen(to->uri) + 1);
	p->bound = to->binding != NULL;
	if (p->bound) p->binding = *to->binding;
	p->probed = p->described = p->anew = false;
	p->failures = 0;
	pthread_mutex_unlock(&p->lock);
	p->helper.kind = to->kind;
	proxy_sent_forget(&p->helper.sent);
	p->last_attempt_ms = 0;
	if (known) job->err = reason_fail(&job->reason, proxy_state_error(state_of(p)), "%s", p->sentence.text); /* the state of before, until an operator asks */
	else job->err = attempt(p, &job->reason);
}

static void run_job(struct token_proxy *p, struct proxy_job *job)
{
	struct channel_reply reply;
	if (job->target) {
		turn(p, job);
		return;
	}
	if (proxy_goes_without_pin(p, job)) {
		proxy_run_without_pin(p, job);
		return;
	}
	if (!proxy_state_serves(state_of(p))) {
		job->err = reason_fail(&job->reason, proxy_state_error(state_of(p)), "%s", p->sentence.text);
		return;
	}
	job->asked = true;
	job->err = proxy_helper_call(&p->helper, &job->request, job->limit_ms, &reply, &job->reason);
	if (job->err != ERR_OK) {
		judge(p, job);
		return;
	}
	if (job->take) job->err = job->take(job, &reply);
	buf_clear(&p->helper.frame);
	if (job->request.op == CHANNEL_PROVISION) after_provision(p, &reply);
	if (job->request.op == CHANNEL_POLICY_MAKE && job->err == ERR_OK) after_make(p, job);
	if (job->request.op == CHANNEL_POLICY_ADOPT && job->err == ERR_OK) after_adopt(p);
}

static bool has_work(struct token_proxy *p)
{
	pthread_mutex_lock(&p->lock);
	bool work = p->stop || p->first_job || p->probe_wanted != p->probe_done || p->retry_asked;
	pthread_mutex_unlock(&p->lock);
	return work || clock_mono_ms() >= p->next_at_ms;
}

/* Also watches the idle helper: whatever it says unasked, its end above all, is the end of it. */
static void wait_for_work(struct token_proxy *p)
{
	struct reason why = { "" };
	eventfd_t ignored;
	while (!has_work(p)) {
		struct pollfd fds[] = { { .fd = p->wake_fd, .events = POLLIN }, { .fd = p->helper.fd, .events = POLLIN } };
		uint64_t left = p->next_at_ms == UINT64_MAX ? UINT64_MAX : left_ms(p->next_at_ms);
		int timeout = left > INT_MAX ? (p->next_at_ms == UINT64_MAX ? -1 : INT_MAX) : (int)left;
		wipe_registers();
		int n = poll(fds, 2, timeout);
		if (n > 0 && fds[0].revents) (void)!eventfd_read(p->wake_fd, &ignored);
		if (n > 0 && fds[1].revents)
			fail(p, reason_fail(&why, ERR_TOKEN_GONE, "coffer-tokend ended by itself; it is started again"), &why);
	}
}

/* Jobs first, but not before the first attempt has ended. */
static struct proxy_job *take_job(struct token_proxy *p)
{
	struct proxy_job *job = p->first_job;
	if (!job || state_of(p) == TOKEN_STARTING) return NULL;
	p->first_job = job->next;
	if (!p->first_job) p->last_job = NULL;
	return job;
}

/* Called and returns with the lock held; works without it. */
static void work(struct token_proxy *p)
{
	struct proxy_job *job = take_job(p);
	struct reason reason = { "" };
	enum coffer_err err = ERR_OK;
	bool retry = p->retry_asked;
	uint64_t wanted = p->probe_wanted;
	bool probing = wanted != p->probe_done;
	enum token_state state = state_of(p);
	p->busy = true;
	if (!job) p->retry_asked = false;
	pthread_mutex_unlock(&p->lock);
	if (job) run_job(p, job);
	else if (probing && !retry && proxy_state_retry(state) == PROXY_RETRY_ASKED)
		err = reason_fail(&reason, proxy_state_error(state), "%s", p->sentence.text);
	else err = look(p, &reason);
	pthread_mutex_lock(&p->lock);
	p->busy = false;
	if (job) job->done = true;
	if (!job && probing) {
		p->probe_done = wanted;
		p->probe_err = err;
		p->probe_reason = reason;
	}
	pthread_cond_broadcast(&p->done);
}

/* Under the lock. Those that wait in the queue are told too; later ones are refused before they are queued. */
static void refuse_jobs(struct token_proxy *p)
{
	for (struct proxy_job *job = p->first_job, *next; job; job = next) {
		next = job->next; /* one that is done is gone */
		job->err = reason_fail(&job->reason, ERR_CLOSED, "cofferd is stopping");
		job->done = true;
	}
	p->first_job = p->last_job = NULL;
	pthread_cond_broadcast(&p->done);
}

void *proxy_thread_main(void *proxy)
{
	struct token_proxy *p = proxy;
	prctl(PR_SET_NAME, "token");
	for (bool stop = false; !stop;) {
		wait_for_work(p);
		pthread_mutex_lock(&p->lock);
		stop = p->stop;
		if (stop) refuse_jobs(p);
		else work(p);
		pthread_mutex_unlock(&p->lock);
	}
	close_helper(p);
	return NULL;
}
