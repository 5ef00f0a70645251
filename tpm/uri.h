/* The token URI of a TPM: which TPM, where the master secret stands in it, and what its wrapped data keys are bound to.
 *
 *   tpm2:TCTI[?handle=0x81010C0F&pcrs=sha256:0,7&policy-key=/PATH&policy-file=/PATH&pin-source=file:/PATH]
 *
 * TCTI is device, swtpm, mssim or tabrmd with its settings; TCTIs that run commands or write files are refused. Every
 * other query parameter is refused, and so is one that stands there twice or does not parse: a protection that was asked
 * for is never silently left out (docs/formats.md section 18). */
#ifndef COFFER_TPM_URI_H
#define COFFER_TPM_URI_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/reason.h"
#include "token/pcr.h"
#include "token/token.h"

#define TPM_DEFAULT_HANDLE 0x81010C0Fu
#define TPM_HANDLE_MIN 0x81000000u /* persistent handles of the owner */
#define TPM_HANDLE_MAX 0x817FFFFFu
#define TPM_NEXT_MAX 3u            /* sets of values beside those of now */

struct tpm_uri {
	char tcti[TOKEN_URI_MAX + 1]; /* "swtpm:path=…", as the TCTI loader takes it */
	bool bare;                    /* no resource manager stands between (swtpm, mssim): all transient objects are ours */
	bool handle_given;
	uint32_t handle;              /* persistent handle of the master secret */
	struct pcr_selection pcrs;    /* mask 0: none */
	char policy_key[TOKEN_URI_MAX + 1];  /* path; "": none */
	char policy_file[TOKEN_URI_MAX + 1]; /* path; "": none */
	char pin_source[TOKEN_URI_MAX + 1];  /* "": none */
};

/* ERR_USAGE with the sentence that mends it. */
enum coffer_err tpm_uri_parse(const char *text, struct tpm_uri *out, struct reason *reason) MUST_USE;

/* What changes besides the URI. */
struct tpm_next {
	bool drop_pin; /* "pin-source=": only who asks for it goes without the PIN, also where a person gives it and no pin-source is there */
	unsigned count;
	struct pcr_values values[TPM_NEXT_MAX];
};
/* *out = uri with other policy parameters: pcrs, policy-key, policy-file, pin-source as in a query (an empty value takes
 * one away), and next=BANK:N=HEX,… once for each image to come. "" changes nothing. ERR_USAGE as above. */
enum coffer_err tpm_uri_change(const struct tpm_uri *uri, const char *changes, struct tpm_uri *out, struct tpm_next *out_next,
	struct reason *reason) MUST_USE;
/* As tpm_uri_parse takes it. ERR_USAGE: longer than TOKEN_URI_MAX. */
enum coffer_err tpm_uri_text(const struct tpm_uri *uri, char out[static TOKEN_URI_MAX + 1], struct reason *reason) MUST_USE;

#endif
