/* Session and login. */
#include "hsm/session.h"

#include "token/notice.h"

enum coffer_err hsm_session_fail(struct hsm_session *s, struct reason *reason, const char *call, CK_RV rv)
{
	enum coffer_err err = hsm_err_fail(reason, call, rv);
	if (err != ERR_OK) s->last_rv = rv;
	return err;
}

static enum coffer_err open_handle(struct hsm_session *s, CK_SESSION_HANDLE *out, struct reason *reason)
{
	CK_SESSION_HANDLE h = CK_INVALID_HANDLE;
	/* Always read-write: some services know no read-only sessions. */
	CK_RV rv = s->fn->C_OpenSession(s->slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &h);
	if (rv == CKR_TOKEN_WRITE_PROTECTED) rv = s->fn->C_OpenSession(s->slot, CKF_SERIAL_SESSION, NULL, NULL, &h);
	TRY(hsm_session_fail(s, reason, "C_OpenSession", rv));
	*out = h;
	return ERR_OK;
}

/* A try is spent only when the token says that more than one is left. */
static enum coffer_err check_tries(struct hsm_session *s, CK_FLAGS *out_flags, struct reason *reason)
{
	CK_TOKEN_INFO info = { 0 };
	TRY(hsm_session_fail(s, reason, "C_GetTokenInfo", s->fn->C_GetTokenInfo(s->slot, &info)));
	if (info.flags & CKF_USER_PIN_LOCKED) {
		return reason_fail(reason, ERR_TOKEN_LOCKED, "the user PIN of the token is locked; its security officer must reset "
			"it");
	}
	if (info.flags & CKF_USER_PIN_FINAL_TRY) {
		return reason_fail(reason, ERR_TOKEN_LOCKED, "the token has one last PIN try, which Coffer does not spend; log in "
			"once with pkcs11-tool --login --list-objects and the right PIN, then start again");
	}
	*out_flags = info.flags;
	return ERR_OK;
}

/* Some modules answer a wrong PIN with a failure of their own. Such an answer would be tried again and again, so the token is asked
 * whether it counted a try. */
static bool a_try_was_spent(struct hsm_session *s, CK_FLAGS before)
{
	CK_TOKEN_INFO info = { 0 };
	if (s->fn->C_GetTokenInfo(s->slot, &info) != CKR_OK) return false;
	return (info.flags & ~before & (CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY | CKF_USER_PIN_LOCKED)) != 0;
}

static enum coffer_err send_pin(struct hsm_session *s, CK_FLAGS before, struct reason *reason)
{
	if (!s->pin) return hsm_session_fail(s, reason, "C_Login", s->fn->C_Login(s->handle, CKU_USER, NULL, 0));
	TRY(token_notice(TOKEN_PIN_GOES, s->pin, reason));
	/* PKCS#11 takes the PIN by a pointer to non-const, but only reads it. */
	CK_RV rv = s->fn->C_Login(s->handle, CKU_USER, secret_mut(s->pin), secret_len(s->pin));
	if (rv == CKR_OK) (void)!token_notice(TOKEN_PIN_TAKEN, s->pin, NULL);
	enum coffer_err err = hsm_session_fail(s, reason, "C_Login", rv);
	if (err != ERR_OK && err != ERR_AUTH && err != ERR_TOKEN_LOCKED && a_try_was_spent(s, before)) {
		s->last_rv = CKR_PIN_INCORRECT;
		err = reason_fail(reason, ERR_AUTH, "C_Login: the token answers %s (0x%lX) and counts a wrong PIN; it is not tried again, "
			"correct the pin-source first", hsm_err_map(rv).name, rv);
	}
	if (err == ERR_AUTH || err == ERR_TOKEN_LOCKED) {
		s->pin_refused = true;
		secret_free(TAKE(s->pin));
	}
	return err;
}

enum coffer_err hsm_session_login(struct hsm_session *s, struct reason *reason)
{
	if (!(s->token.flags & CKF_LOGIN_REQUIRED)) return ERR_OK;
	if (s->pin_refused) {
		return reason_fail(reason, ERR_AUTH, "the token refused the PIN before; it is not tried again until coffer is "
			"restarted");
	}
	if (!s->pin && !(s->token.flags & CKF_PROTECTED_AUTHENTICATION_PATH)) {
		return reason_fail(reason, ERR_USAGE, "the token wants a PIN: give it with 'coffer unseal --pin', or with --pin to the command that "
			"names this token, or add &pin-source=file:/PATH to its URI");
	}
	/* C_GetSessionInfo is not asked whether a login stands: it says so even after the token was made anew. C_Login answers
	 * CKR_USER_ALREADY_LOGGED_IN then. */
	CK_FLAGS before = 0;
	TRY(check_tries(s, &before, reason));
	return send_pin(s, before, reason);
}

enum coffer_err hsm_session_init(struct hsm_session *out, CK_FUNCTION_LIST *fn, CK_SLOT_ID slot,
	const CK_TOKEN_INFO *token, struct secret *pin, struct reason *reason)
{
	struct hsm_session s = { .fn = fn, .slot = slot, .token = *token, .handle = CK_INVALID_HANDLE, .pin = pin };
	enum coffer_err err = open_handle(&s, &s.handle, reason);
	if (err == ERR_OK) err = hsm_session_login(&s, reason);
	if (err != ERR_OK) {
		hsm_session_done(&s);
		return err;
	}
	*out = s;
	return ERR_OK;
}

enum coffer_err hsm_session_reopen(struct hsm_session *s, struct reason *reason)
{
	CK_SESSION_HANDLE fresh = CK_INVALID_HANDLE;
	TRY(open_handle(s, &fresh, reason));
	CK_SESSION_HANDLE old = s->handle;
	s->handle = fresh;
	if (old != CK_INVALID_HANDLE) (void)s->fn->C_CloseSession(old);
	return hsm_session_login(s, reason);
}

enum coffer_err hsm_session_token_present(struct hsm_session *s, struct reason *reason)
{
	CK_TOKEN_INFO info = { 0 };
	CK_RV rv = s->fn->C_GetTokenInfo(s->slot, &info);
	enum coffer_err err = hsm_session_fail(s, reason, "C_GetTokenInfo", rv);
	return err == ERR_OK || err == ERR_MEMORY ? err : ERR_TOKEN_GONE;
}

void hsm_session_done(struct hsm_session *s)
{
	if (s->handle != CK_INVALID_HANDLE) (void)s->fn->C_CloseSession(s->handle);
	secret_free(s->pin);
	*s = (struct hsm_session){ 0 };
}
