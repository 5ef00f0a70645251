/* The counter calls of the token proxy. */
#include <string.h>

#include "token/proxy_internal.h"

/* ---- without the PIN ---- */

/* In a state that says that the PIN or the master secret is what fails: the PIN was refused, the token takes no try of one, or it cannot be read; the token answers, and the master secret is not
 * there or not the one. */
static bool may_without_pin(const struct token_proxy *p)
{
	if (!p->bound || p->helper.kind != TOKEN_KIND_TPM2) return false;
	switch ((enum token_state)p->state) {
	case TOKEN_WRONG_PIN:
	case TOKEN_LOCKED:
	case TOKEN_REFUSED:
	case TOKEN_KEY_MISSING:
	case TOKEN_OTHER:
		return true;
	case TOKEN_GONE:
	case TOKEN_MISCONFIGURED:
		return strstr(p->uri, "pin-source=") != NULL;
	default:
		return false;
	}
}

bool proxy_counts_without_pin(const struct token_proxy *p, enum channel_op op)
{
	return (op == CHANNEL_COUNTER_READ || op == CHANNEL_COUNTER_MAKE || op == CHANNEL_COUNTER_RAISE) && may_without_pin(p);
}

bool proxy_goes_without_pin(const struct token_proxy *p, const struct proxy_job *job)
{
	if (!job->ends) return proxy_counts_without_pin(p, job->request.op);
	return may_without_pin(p) || (p->state == TOKEN_WAITING && p->bound && p->helper.kind == TOKEN_KIND_TPM2);
}

/* The URI of a TPM without its pin-source. */
static void strip_pin(char uri[static TOKEN_URI_MAX + 1])
{
	for (char *at = strchr(uri, '?'); at;) {
		char *next = strchr(at + 1, '&');
		if (strncmp(at + 1, "pin-source=", 11) != 0) {
			at = next;
			continue;
		}
		if (!next) *at = '\0';
		else memmove(at + 1, next + 1, strlen(next + 1) + 1);
		return;
	}
}

/* Attach has told the helper what the binding pins; that the master secret is not there, or another one is, keeps no counter from being asked. */
static bool is_of_master(enum coffer_err err)
{
	return err == ERR_TOKEN_KEY_MISSING || err == ERR_TOKEN_OTHER || err == ERR_TOKEN_REFUSED;
}

static enum coffer_err open_without_pin(struct token_proxy *p, bool counts, struct reason *reason)
{
	struct channel_request request = { .op = CHANNEL_OPEN };
	struct channel_reply reply;
	pthread_mutex_lock(&p->lock);
	struct token_binding binding = p->binding;
	memcpy(request.uri, p->uri, sizeof request.uri);
	pthread_mutex_unlock(&p->lock);
	strip_pin(request.uri);
	TRY(proxy_helper_start(&p->helper, reason));
	TRY(proxy_helper_call(&p->helper, &request, p->call_ms, &reply, reason));
	request = (struct channel_request){ .op = CHANNEL_ATTACH, .binding = binding };
	enum coffer_err err = proxy_helper_call(&p->helper, &request, p->call_ms, &reply, reason);
	return counts && is_of_master(err) ? ERR_OK : err;
}

void proxy_run_without_pin(struct token_proxy *p, struct proxy_job *job)
{
	struct channel_reply reply;
	struct reason ignored = { "" };
	struct channel_request close = { .op = CHANNEL_CLOSE };
	job->err = open_without_pin(p, job->request.op != CHANNEL_ERASE, &job->reason);
	job->asked = !job->err;
	if (!job->err) job->err = proxy_helper_call(&p->helper, &job->request, job->limit_ms, &reply, &job->reason);
	if (!job->err && job->take) job->err = job->take(job, &reply);
	if (p->helper.fd >= 0) (void)!proxy_helper_call(&p->helper, &close, PROXY_CLOSE_MS, &reply, &ignored);
	proxy_helper_end(&p->helper);
}

bool token_proxy_counts(struct token_proxy *p)
{
	pthread_mutex_lock(&p->lock);
	bool counts = p->state == TOKEN_WELL || proxy_counts_without_pin(p, CHANNEL_COUNTER_READ);
	pthread_mutex_unlock(&p->lock);
	return counts;
}

/* ---- calls ---- */

static enum coffer_err take_counter(struct proxy_job *job, const struct channel_reply *reply)
{
	*(struct token_counter_answer *)job->out = reply->counter;
	return ERR_OK;
}

static enum coffer_err count(struct token_proxy *p, enum channel_op op, const struct token_counter_wish *wish, struct token_counter_answer *out,
	struct reason *reason)
{
	if (wish->auth.len != TOKEN_COUNTER_AUTH_LEN) return reason_fail(reason, ERR_BUG, "a counter's authorization value has 32 bytes");
	struct proxy_job job = { .request = { .op = op, .counter = *wish }, .limit_ms = p->call_ms, .take = take_counter, .out = out, .ends = op == CHANNEL_COUNTER_DROP };
	return proxy_run(p, &job, reason);
}

enum coffer_err token_proxy_counter_make(struct token_proxy *p, const struct token_counter_wish *wish, struct token_counter_answer *out,
	struct reason *reason)
{
	return count(p, CHANNEL_COUNTER_MAKE, wish, out, reason);
}

enum coffer_err token_proxy_counter_read(struct token_proxy *p, const struct token_counter_wish *wish, struct token_counter_answer *out,
	struct reason *reason)
{
	return count(p, CHANNEL_COUNTER_READ, wish, out, reason);
}

enum coffer_err token_proxy_counter_raise(struct token_proxy *p, const struct token_counter_wish *wish, struct token_counter_answer *out,
	struct reason *reason)
{
	return count(p, CHANNEL_COUNTER_RAISE, wish, out, reason);
}

enum coffer_err token_proxy_counter_drop(struct token_proxy *p, const uint8_t owner[static TOKEN_COUNTER_OWNER_LEN], struct reason *reason)
{
	static const uint8_t none[TOKEN_COUNTER_AUTH_LEN];
	struct token_counter_wish wish = { .auth = view_of(none, sizeof none) };
	struct token_counter_answer answer;
	memcpy(wish.owner, owner, sizeof wish.owner);
	return count(p, CHANNEL_COUNTER_DROP, &wish, &answer, reason);
}
