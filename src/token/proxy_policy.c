/* Calls about policies. */
#include "token/proxy_policy.h"

#include <string.h>

#include "token/proxy_internal.h"

static enum coffer_err take_status(struct proxy_job *job, const struct channel_reply *reply)
{
	*(struct token_policy_status *)job->out = reply->policy;
	return ERR_OK;
}

enum coffer_err token_proxy_policy_status(struct token_proxy *p, struct token_policy_status *out, struct reason *reason)
{
	struct proxy_job job = { .request.op = CHANNEL_POLICY_STATUS, .limit_ms = p->call_ms, .take = take_status, .out = out };
	return proxy_run(p, &job, reason);
}

static enum coffer_err take_made(struct proxy_job *job, const struct channel_reply *reply)
{
	struct token_policy_made *out = job->out;
	out->binding = reply->binding;
	memcpy(out->uri, reply->uri, sizeof out->uri);
	return ERR_OK;
}

enum coffer_err token_proxy_policy_make(struct token_proxy *p, const char *changes, const struct secret *pin, struct token_policy_made *out,
	struct reason *reason)
{
	struct proxy_job job = { .request.op = CHANNEL_POLICY_MAKE, .limit_ms = p->provision_ms, .take = take_made, .out = out };
	size_t len = strlen(changes);
	if (len > TOKEN_CHANGES_MAX) return reason_fail(reason, ERR_USAGE, "what is to be changed has more than %u bytes", TOKEN_CHANGES_MAX);
	if (pin && secret_len(pin) > TOKEN_PIN_MAX_LEN) return reason_fail(reason, ERR_USAGE, "a PIN has at most %u bytes", TOKEN_PIN_MAX_LEN);
	memcpy(job.request.changes, changes, len);
	if (pin) job.request.bytes = secret_view(pin);
	return proxy_run(p, &job, reason);
}

static enum coffer_err take_blob(struct proxy_job *job, const struct channel_reply *reply)
{
	return buf_append(job->out, reply->bytes);
}

enum coffer_err token_proxy_policy_wrap(struct token_proxy *p, const struct token_binding *under, const struct secret *plain, struct buf *out,
	struct reason *reason)
{
	if (secret_len(plain) != TOKEN_SECRET_LEN) return reason_fail(reason, ERR_BUG, "a data key has 32 bytes");
	struct proxy_job job = { .request = { .op = CHANNEL_POLICY_WRAP, .binding = *under, .bytes = secret_view(plain) }, .limit_ms = p->call_ms,
		.take = take_blob, .out = out };
	return proxy_run(p, &job, reason);
}

/* The length of the pin-source in a URI, and where it begins; 0: none. */
static size_t find_source(const char *uri, const char **out)
{
	const char *at = strstr(uri, "pin-source=");
	*out = at;
	return at ? strcspn(at, "&") : 0;
}

static bool is_same_source(const char *a, const char *b)
{
	const char *in_a, *in_b;
	size_t len = find_source(a, &in_a);
	return find_source(b, &in_b) == len && (len == 0 || memcmp(in_a, in_b, len) == 0);
}

/* Under the lock: the PIN that belongs to the new binding. One that is read from elsewhere from now on takes the place of what a person gave. */
static void go_over_to_pin(struct token_proxy *p, const struct token_policy_made *made)
{
	bool other = p->next_pin || !is_same_source(p->uri, made->uri);
	if (!other) return;
	proxy_pin_replace(p, TAKE(p->next_pin));
}

enum coffer_err token_proxy_policy_adopt(struct token_proxy *p, const struct token_policy_made *made, struct reason *reason)
{
	struct proxy_job job = { .request = { .op = CHANNEL_POLICY_ADOPT, .binding = made->binding }, .limit_ms = p->call_ms };
	memcpy(job.request.uri, made->uri, sizeof job.request.uri);
	pthread_mutex_lock(&p->lock);
	go_over_to_pin(p, made);
	p->binding = made->binding;
	memcpy(p->uri, made->uri, sizeof p->uri);
	pthread_mutex_unlock(&p->lock);
	return proxy_run(p, &job, reason);
}
