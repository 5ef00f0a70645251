/* The counter calls of the token proxy. */
#include <string.h>

#include "token/proxy_internal.h"

static enum coffer_err take_counter(struct proxy_job *job, const struct channel_reply *reply)
{
	*(struct token_counter_answer *)job->out = reply->counter;
	return ERR_OK;
}

static enum coffer_err count(struct token_proxy *p, enum channel_op op, const struct token_counter_wish *wish, struct token_counter_answer *out,
	struct reason *reason)
{
	if (wish->auth.len != TOKEN_COUNTER_AUTH_LEN) return reason_fail(reason, ERR_BUG, "a counter's authorization value has 32 bytes");
	struct proxy_job job = { .request = { .op = op, .counter = *wish }, .limit_ms = p->call_ms, .take = take_counter, .out = out };
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
