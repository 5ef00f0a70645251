/* TSS2_RC → enum coffer_err, and what to do next. The only place where TSS return codes are judged. Stateless. */
#ifndef COFFER_TPM_TPM_ERR_H
#define COFFER_TPM_TPM_ERR_H

#include <stdbool.h>

#include <tss2/tss2_tpm2_types.h>

#include "base/err.h"
#include "base/reason.h"

enum tpm_action {
	TPM_ACTION_STOP,    /* give the error to the caller */
	TPM_ACTION_BACKOFF, /* the same command again after a pause, up to the deadline */
	TPM_ACTION_REFRESH, /* sweep, make the primary again, and run the whole operation once more */
	TPM_ACTION_END      /* the connection is poisoned or the TPM is out of order: close and open again */
};

struct tpm_verdict {
	enum coffer_err err;
	enum tpm_action action;
	bool blame; /* an altered wrapped data key may be the cause */
};

/* Codes of the TPM and of a resource manager's copy of them go through tpm_err.def. Everything that the TSS itself
 * reports ends the connection: after an I/O error an ESYS context fails for ever, after a malformed or forged answer its
 * state is not known. */
struct tpm_verdict tpm_err_map(TSS2_RC rc);
/* Whether the TPM says that a policy session does not satisfy an object's policy. */
bool tpm_err_is_policy(TSS2_RC rc);
/* Whether it refuses a signature, a value in a parameter, or a point that is not on the curve. */
bool tpm_err_is_signature(TSS2_RC rc);
bool tpm_err_is_value(TSS2_RC rc);
bool tpm_err_is_point(TSS2_RC rc);
/* Writes "COMMAND: the TPM answers 0x… (text)…" and what helps; returns the mapped error. ERR_OK for success. */
enum coffer_err tpm_err_fail(struct reason *reason, const char *command, TSS2_RC rc);

#endif
