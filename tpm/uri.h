/* The token URI of a TPM: which TPM, and where the master secret stands in it.
 *
 *   tpm2:TCTI[?handle=0x81010C0F]        tpm2:device:/dev/tpmrm0    tpm2:swtpm:path=/run/swtpm/sock?handle=0x81010C10
 *
 * TCTI is device, swtpm, mssim or tabrmd with its settings; TCTIs that run commands or write files are refused. Every
 * query parameter but handle is refused, pcrs= and pin-source= with a sentence of their own: a protection that was asked
 * for is never silently left out. */
#ifndef COFFER_TPM_URI_H
#define COFFER_TPM_URI_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/reason.h"
#include "token/token.h"

#define TPM_DEFAULT_HANDLE 0x81010C0Fu
#define TPM_HANDLE_MIN 0x81000000u /* persistent handles of the owner */
#define TPM_HANDLE_MAX 0x817FFFFFu

struct tpm_uri {
	char tcti[TOKEN_URI_MAX + 1]; /* "swtpm:path=…", as the TCTI loader takes it */
	bool bare;                    /* no resource manager stands between (swtpm, mssim): all transient objects are ours */
	bool handle_given;
	uint32_t handle;              /* persistent handle of the master secret */
};

/* ERR_USAGE with the sentence that mends it. */
enum coffer_err tpm_uri_parse(const char *text, struct tpm_uri *out, struct reason *reason) MUST_USE;

#endif
