/* The table from PKCS#11 return values to Coffer's errors and actions. */
#include "hsm/p11_err.h"

#include <stddef.h>
#include <string.h>

struct row {
	CK_RV rv;
	struct hsm_verdict verdict;
};

static const struct row rows[] = {
#define CKR_ROW(name, err, action, blame) { CKR_##name, { "CKR_" #name, ERR_##err, HSM_ACTION_##action, (blame) } },
#include "hsm/p11_err.def"
#undef CKR_ROW
};

struct hsm_verdict hsm_err_map(CK_RV rv)
{
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		if (rows[i].rv == rv) return rows[i].verdict;
	}
	return (struct hsm_verdict){ "CKR_?", ERR_TOKEN, HSM_ACTION_STOP, true };
}

/* What a person can do; "" when the error's own sentence says enough. */
static const char *advice(CK_RV rv, enum coffer_err err)
{
	switch (rv) {
	case CKR_PIN_EXPIRED: return ": the PIN has expired; set a new one with pkcs11-tool --change-pin";
	case CKR_PIN_LOCKED: return ": the PIN is locked; the token's security officer must reset it";
	case CKR_USER_PIN_NOT_INITIALIZED: return ": the token has no user PIN yet; set one with pkcs11-tool --init-pin";
	case CKR_SESSION_COUNT: return ": every session of the token is taken; end another program that uses it";
	case CKR_TOKEN_WRITE_PROTECTED: return ": the token is write-protected";
	default: break;
	}
	switch (err) {
	case ERR_AUTH: return ": the PIN is wrong; it is not tried again, correct the pin-source first";
	case ERR_TOKEN_GONE: return ": the token does not answer; check that it is there and that its files can be read";
	default: return "";
	}
}

/* What was asked for stands already. To any other call these two are no answer: taken as success there, a buffer that
 * nobody filled would pass for random bytes or for a wrapped data key. */
static bool stands_already(const char *call, CK_RV rv)
{
	if (rv == CKR_USER_ALREADY_LOGGED_IN) return strcmp(call, "C_Login") == 0;
	if (rv == CKR_CRYPTOKI_ALREADY_INITIALIZED) return strcmp(call, "C_Initialize") == 0;
	return false;
}

enum coffer_err hsm_err_fail(struct reason *reason, const char *call, CK_RV rv)
{
	struct hsm_verdict v = hsm_err_map(rv);
	if (v.err == ERR_OK || stands_already(call, rv)) return ERR_OK;
	return reason_fail(reason, v.err, "%s: the token answers %s (0x%lX)%s", call, v.name, rv, advice(rv, v.err));
}
