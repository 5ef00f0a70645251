/* PKCS#11 has no policies beside the PIN, which the token keeps: what can change here is the PIN. */
#include "token/policy.h"

#include <stdio.h>
#include <string.h>

#include "hsm/token_p11.h"
#include "token/notice.h"

static enum coffer_err policy_status(struct token *t, struct token_policy_status *out, struct reason *reason)
{
	struct token_policy_status s = { .boot = TOKEN_BOOT_UNKNOWN };
	(void)reason;
	if (!(t->session.token.flags & CKF_LOGIN_REQUIRED)) {
		(void)snprintf(s.policy, sizeof s.policy, "none: the token wants no PIN");
	} else if (t->uri.pin_source) {
		s.boot = t->session.pin_refused ? TOKEN_BOOT_CLOSED : TOKEN_BOOT_OPENS;
		(void)snprintf(s.policy, sizeof s.policy, "PIN from %.200s, as it was read when the token was opened", t->uri.pin_source);
	} else {
		(void)snprintf(s.policy, sizeof s.policy, "PIN, given at the token itself");
	}
	*out = s;
	return ERR_OK;
}

/* Nothing is tried again: whether the PIN was changed is not known after a failure, and a wrong one costs a try. */
static enum coffer_err refused(struct token *t, CK_RV rv, struct reason *reason)
{
	if (rv == CKR_PIN_LEN_RANGE || rv == CKR_PIN_INVALID || rv == CKR_PIN_TOO_WEAK)
		return reason_fail(reason, ERR_FIELD, "the token does not take this PIN (its length or its characters); nothing was changed");
	enum coffer_err err = hsm_session_fail(&t->session, reason, "C_SetPIN", rv);
	if (err == ERR_TOKEN_GONE) t->dead = true;
	if (err == ERR_AUTH || err == ERR_TOKEN_LOCKED) {
		t->session.pin_refused = true;
		secret_free(TAKE(t->session.pin));
	}
	return err;
}

/* The PIN that logged in is the old one. The new one is tried by nobody: the token has just taken it. */
static enum coffer_err set_pin(struct token *t, const struct secret *pin, struct reason *reason)
{
	if (t->dead) return reason_fail(reason, ERR_TOKEN_GONE, "the token was lost; the token helper must be started again");
	if (t->session.pin_refused) return reason_fail(reason, ERR_AUTH, "the token refused the PIN before; it is not tried again until coffer is restarted");
	if (!t->session.pin) return reason_fail(reason, ERR_STATE, "the token's PIN is given at the token itself; change it there");
	AUTO_SECRET struct secret *copy = secret_copy(secret_bytes(pin), secret_len(pin));
	ENSURE(copy, ERR_MEMORY);
	TRY(token_notice(TOKEN_PIN_CHANGES, t->session.pin, reason));
	CK_RV rv = t->session.fn->C_SetPIN(t->session.handle, secret_mut(t->session.pin), secret_len(t->session.pin), secret_mut(copy), secret_len(copy));
	if (rv != CKR_OK) return refused(t, rv, reason);
	(void)!token_notice(TOKEN_PIN_TAKEN, copy, NULL);
	secret_free(t->session.pin);
	t->session.pin = TAKE(copy);
	return ERR_OK;
}

static enum coffer_err policy_make(struct token *t, const char *changes, const struct secret *pin, struct token_policy_made *out,
	struct reason *reason)
{
	struct token_policy_made made;
	if (changes[0] != '\0' || !pin) {
		return reason_fail(reason, ERR_UNSUPPORTED, "a PKCS#11 token has no policy to reseal; its PIN is changed with 'coffer token change-pin'");
	}
	TRY(hsm_binding_encode(&t->binding, &made.binding));
	memcpy(made.uri, t->uri.text, sizeof made.uri);
	TRY(set_pin(t, pin, reason));
	*out = made;
	return ERR_OK;
}

static enum coffer_err policy_wrap(struct token *t, const struct token_binding *under, const struct secret *plain, struct buf *out,
	struct reason *reason)
{
	(void)t;
	(void)under;
	(void)plain;
	(void)out;
	return reason_fail(reason, ERR_UNSUPPORTED, "a PKCS#11 token has no policy to wrap under");
}

static enum coffer_err policy_adopt(struct token *t, const struct token_policy_made *made, struct reason *reason)
{
	(void)t;
	(void)made;
	return reason_fail(reason, ERR_UNSUPPORTED, "a PKCS#11 token has no policy to go over to");
}

const struct token_policy_ops token_policy_backend = {
	.status = policy_status,
	.make = policy_make,
	.wrap = policy_wrap,
	.adopt = policy_adopt,
};
