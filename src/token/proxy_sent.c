/* PINs on their way to the token. One that no answer came to may have cost a try, so it does not go out again by itself; but for one that the token has taken before, which is right: once. */
#include <string.h>

#include "base/ct.h"
#include "token/proxy_internal.h"

static uint8_t *mark_sent(struct proxy_sent *s)
{
	return secret_mut(s->marks);
}

static uint8_t *mark_taken(struct proxy_sent *s)
{
	return secret_mut(s->marks) + TOKEN_PIN_MARK_LEN;
}

void proxy_sent_note(struct proxy_sent *s, const struct token_notice *notice)
{
	const bool taken = notice->step == TOKEN_PIN_TAKEN;
	if (!s->marks) s->marks = secret_new(2 * (size_t)TOKEN_PIN_MARK_LEN); /* without it none is known */
	if (s->marks) memcpy(taken ? mark_taken(s) : mark_sent(s), notice->mark, TOKEN_PIN_MARK_LEN);
	s->way = taken ? 0 : notice->step;
	if (!taken) return;
	s->known = s->marks != NULL;
	s->repeated = false;
}

void proxy_sent_forget(struct proxy_sent *s)
{
	secret_free(TAKE(s->marks));
	s->way = 0;
	s->known = s->repeated = false;
}

bool proxy_sent_answered(struct proxy_sent *s, enum coffer_err err)
{
	if (s->way == TOKEN_PIN_CHANGES && (err == ERR_TOKEN_GONE || err == ERR_TIMEOUT)) return false;
	s->way = 0;
	if (err == ERR_AUTH || err == ERR_TOKEN_LOCKED) s->known = false;
	return true;
}

enum proxy_lost proxy_sent_lost(struct proxy_sent *s)
{
	const enum token_pin_step way = s->way;
	const bool right = way == TOKEN_PIN_GOES && s->known && !s->repeated && ct_equal(mark_sent(s), mark_taken(s), TOKEN_PIN_MARK_LEN);
	if (way == 0) return PROXY_LOST_NOTHING;
	if (!right) proxy_sent_forget(s);
	s->way = 0;
	s->repeated = right;
	if (right) return PROXY_LOST_NOTHING;
	return way == TOKEN_PIN_GOES ? PROXY_LOST_LOGIN : PROXY_LOST_CHANGE;
}
