/* The one session with the token. One is open always (closing the last one logs out, and races in SoftHSM 2.6.1). The PIN is
 * tried once: after a refusal this session never sends it again. One thread. */
#ifndef COFFER_HSM_SESSION_H
#define COFFER_HSM_SESSION_H

#include <stdbool.h>

#include "base/err.h"
#include "base/reason.h"
#include "base/secret.h"
#include "hsm/p11.h"
#include "hsm/p11_err.h"

struct hsm_session {
	CK_FUNCTION_LIST *fn; /* borrowed from the module */
	CK_SLOT_ID slot;
	CK_TOKEN_INFO token;      /* as read when the session was opened first */
	CK_SESSION_HANDLE handle; /* CK_INVALID_HANDLE: none */
	struct secret *pin;       /* owned; NULL: none, or typed at the reader */
	bool pin_refused;
	CK_RV last_rv;            /* the last answer that hsm_session_fail judged */
};

/* Opens a session in `slot` and logs in where the token wants that. Takes `pin` (may be NULL) in every case.
 * ERR_AUTH: PIN wrong, or refused before. ERR_TOKEN_LOCKED: locked, or one last try is left, which Coffer does not spend.
 * ERR_USAGE: the token wants a PIN and there is none. On failure *out needs no done. */
enum coffer_err hsm_session_init(struct hsm_session *out, CK_FUNCTION_LIST *fn, CK_SLOT_ID slot,
	const CK_TOKEN_INFO *token, struct secret *pin, struct reason *reason) MUST_USE;
/* Logs in again (no PIN is spent when the login still stands). */
enum coffer_err hsm_session_login(struct hsm_session *s, struct reason *reason) MUST_USE;
/* A new session in place of the old one, logged in. All object handles are stale afterwards. */
enum coffer_err hsm_session_reopen(struct hsm_session *s, struct reason *reason) MUST_USE;
/* Asks the token whether it is there at all: ERR_TOKEN_GONE when it is not. */
enum coffer_err hsm_session_token_present(struct hsm_session *s, struct reason *reason) MUST_USE;
/* Closes the session and wipes the PIN; accepts a zeroed struct. */
void hsm_session_done(struct hsm_session *s);

/* Judges an answer: ERR_OK for success; otherwise remembers it in last_rv and writes the sentence. */
enum coffer_err hsm_session_fail(struct hsm_session *s, struct reason *reason, const char *call, CK_RV rv) MUST_USE;

#endif
