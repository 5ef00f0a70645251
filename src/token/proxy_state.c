/* States of the token as cofferd sees it, and what follows from each.
 *
 *                 ┌──────────── provision ───────────┐
 *   STARTING ──► OPEN (no binding)                    ▼
 *      │  └──────────────── attached ──────────────► WELL ◄─────────────────────────────┐
 *      │                                              │ probe or call failed            │
 *      ▼                                              ▼                                 │ attempt went well
 *   ┌─ attempts go on ─────────┐  ┌─ looked at every 2 s ──────────┐  ┌─ stopped ───────────────────┐
 *   │ NOT_ANSWERING   GONE     │  │ REFUSED   KEY_MISSING   OTHER  │  │ WRONG_PIN  LOCKED           │
 *   └──────────────────────────┘  └────────────────────────────────┘  │ MISCONFIGURED               │
 *   attended: WAITING stands in the place of STARTING, and is left by token_proxy_unlock.
 *        any unwell state may lead to any other unwell one            └─ left by token_proxy_retry ─┘
 */
#include "token/proxy_internal.h"

#define UNWELL (SM_TO(TOKEN_NOT_ANSWERING) | SM_TO(TOKEN_GONE) | SM_TO(TOKEN_REFUSED) | SM_TO(TOKEN_KEY_MISSING) | \
	SM_TO(TOKEN_OTHER) | SM_TO(TOKEN_WRONG_PIN) | SM_TO(TOKEN_LOCKED) | SM_TO(TOKEN_MISCONFIGURED))
#define SERVING (SM_TO(TOKEN_OPEN) | SM_TO(TOKEN_WELL))

static const struct sm_state states[] = {
	[TOKEN_STARTING] = { "starting", SERVING | UNWELL },
	[TOKEN_OPEN] = { "open", SM_TO(TOKEN_WELL) | UNWELL },
	[TOKEN_WELL] = { "well", SM_TO(TOKEN_OPEN) | UNWELL }, /* open: token_proxy_retarget */
	[TOKEN_NOT_ANSWERING] = { "not answering", SERVING | UNWELL },
	[TOKEN_GONE] = { "gone", SERVING | UNWELL },
	[TOKEN_REFUSED] = { "refused", SERVING | UNWELL },
	[TOKEN_KEY_MISSING] = { "key missing", SERVING | UNWELL },
	[TOKEN_OTHER] = { "other token", SERVING | UNWELL },
	[TOKEN_WRONG_PIN] = { "wrong PIN", SERVING | UNWELL },
	[TOKEN_LOCKED] = { "locked", SERVING | UNWELL },
	[TOKEN_MISCONFIGURED] = { "misconfigured", SERVING | UNWELL },
	[TOKEN_WAITING] = { "waiting", SERVING | UNWELL },
};
#define STATE_COUNT (sizeof states / sizeof states[0])

const struct sm_table proxy_states = { "token", states, STATE_COUNT };

#define ONCE_MORE "then reload the configuration (SIGHUP to the monitor); only that makes one more try"

static const struct {
	enum proxy_retry retry;
	enum coffer_err err;  /* of calls */
	const char *sentence; /* when the failure gave none */
	const char *advice;   /* added to every sentence; may be NULL */
} traits[] = {
	[TOKEN_STARTING] = { PROXY_RETRY_NONE, ERR_BUSY, "the token is being opened", NULL },
	[TOKEN_OPEN] = { PROXY_RETRY_NONE, ERR_STATE, "the token is open and holds no master secret of this node yet", NULL },
	[TOKEN_WELL] = { PROXY_RETRY_NONE, ERR_BUG, "", NULL },
	[TOKEN_NOT_ANSWERING] = { PROXY_RETRY_BACKOFF, ERR_TIMEOUT, "the token does not answer in time", NULL },
	[TOKEN_GONE] = { PROXY_RETRY_BACKOFF, ERR_TOKEN_GONE, "the token does not answer", NULL },
	[TOKEN_REFUSED] = { PROXY_RETRY_SLOW, ERR_TOKEN_REFUSED, "the master secret in the token does not meet the rules", NULL },
	[TOKEN_KEY_MISSING] = { PROXY_RETRY_SLOW, ERR_TOKEN_KEY_MISSING, "the token does not show the master secret", NULL },
	[TOKEN_OTHER] = { PROXY_RETRY_SLOW, ERR_TOKEN_OTHER, "this is not the token that holds this node's master secret", NULL },
	[TOKEN_WRONG_PIN] = { PROXY_RETRY_ASKED, ERR_AUTH, "the PIN or authorization value is wrong", "correct the PIN, " ONCE_MORE },
	[TOKEN_LOCKED] = { PROXY_RETRY_ASKED, ERR_TOKEN_LOCKED, "the token is locked", "unlock it or wait until its lockout ends, " ONCE_MORE },
	[TOKEN_MISCONFIGURED] = { PROXY_RETRY_ASKED, ERR_USAGE, "the token URI is not usable", "correct it, " ONCE_MORE },
	[TOKEN_WAITING] = { PROXY_RETRY_ASKED, ERR_STATE, "the token is not connected to before 'coffer unseal' (the start is attended)", NULL },
};
_Static_assert(sizeof traits / sizeof traits[0] == STATE_COUNT, "one row of traits for each state");

const char *token_state_name(enum token_state state)
{
	return sm_name(&proxy_states, state);
}

bool proxy_state_serves(enum token_state state)
{
	return traits[state].retry == PROXY_RETRY_NONE;
}

enum proxy_retry proxy_state_retry(enum token_state state)
{
	return traits[state].retry;
}

enum coffer_err proxy_state_error(enum token_state state)
{
	return traits[state].err;
}

enum token_state proxy_state_after(enum coffer_err err)
{
	switch (err) {
	case ERR_TIMEOUT:
		return TOKEN_NOT_ANSWERING;
	case ERR_TOKEN_REFUSED:
		return TOKEN_REFUSED;
	case ERR_TOKEN_KEY_MISSING:
		return TOKEN_KEY_MISSING;
	case ERR_TOKEN_OTHER:
		return TOKEN_OTHER;
	case ERR_AUTH:
		return TOKEN_WRONG_PIN;
	case ERR_TOKEN_LOCKED:
		return TOKEN_LOCKED;
	case ERR_USAGE:
	case ERR_UNSUPPORTED:
		return TOKEN_MISCONFIGURED;
	default:
		return TOKEN_GONE;
	}
}

void proxy_state_explain(enum token_state state, bool given, bool told, const struct reason *why, struct reason *out)
{
	const char *sentence = why && why->text[0] ? why->text : traits[state].sentence;
	const char *advice = given && traits[state].advice ? "then run 'coffer unseal --pin' again; only that makes one more try" : traits[state].advice;
	if (told) advice = NULL;
	/* A long reason must not push the advice out. */
	int room = advice ? REASON_MAX - 4 - (int)__builtin_strlen(advice) : REASON_MAX - 1;
	(void)reason_fail(out, ERR_OK, "%.*s%s%s", room, sentence, advice ? "; " : "", advice ? advice : "");
}

uint64_t proxy_state_pause_ms(enum token_state state, uint32_t failures)
{
	if (traits[state].retry == PROXY_RETRY_SLOW || failures > 4) return PROXY_PAUSE_MAX_MS;
	if (failures <= 1) return 0;
	uint64_t pause = (uint64_t)PROXY_PAUSE_MIN_MS << (failures - 2);
	return pause < PROXY_PAUSE_MAX_MS ? pause : PROXY_PAUSE_MAX_MS;
}
