/* CK_RV → enum coffer_err, and what to do next. The only place where PKCS#11 return values are judged. Stateless. */
#ifndef COFFER_HSM_P11_ERR_H
#define COFFER_HSM_P11_ERR_H

#include <stdbool.h>

#include "base/err.h"
#include "base/reason.h"
#include "hsm/p11.h"

enum hsm_action {
	HSM_ACTION_STOP,   /* give the error to the caller */
	HSM_ACTION_REOPEN, /* open a new session, log in, find the keys again, once more (idempotent calls alone) */
	HSM_ACTION_LOGIN,  /* log in once, find the keys again (handles change), once more */
	HSM_ACTION_END     /* only a full re-initialisation helps: this process is done with the token */
};

struct hsm_verdict {
	const char *name; /* "CKR_PIN_INCORRECT"; "CKR_?" for a value without a row */
	enum coffer_err err;
	enum hsm_action action;
	bool blame_blob; /* may be the fault of a wrapped data key: ask the canary */
};

struct hsm_verdict hsm_err_map(CK_RV rv);
/* Writes "CALL: the token answers NAME (0x…)…" and what helps; returns the mapped error. ERR_OK for
 * CKR_OK, for CKR_USER_ALREADY_LOGGED_IN of C_Login and for CKR_CRYPTOKI_ALREADY_INITIALIZED of C_Initialize. */
enum coffer_err hsm_err_fail(struct reason *reason, const char *call, CK_RV rv);

#endif
