/* Reading the PCRs of this TPM. */
#ifndef COFFER_TPM_PCR_READ_H
#define COFFER_TPM_PCR_READ_H

#include "base/err.h"
#include "base/reason.h"
#include "token/pcr.h"
#include "tpm/device.h"

/* Through the salted session, so that nobody between can answer. ERR_TOKEN_REFUSED when the TPM does not keep one of
 * these PCRs (its bank is not allocated): it then leaves it out of the answer, and a policy would be over nothing. */
enum coffer_err tpm_pcr_read(struct tpm_device *dev, ESYS_TR session, const struct pcr_selection *selection, struct pcr_values *out,
	struct reason *reason) MUST_USE;
/* As commands want it. */
void tpm_pcr_selection(const struct pcr_selection *selection, TPML_PCR_SELECTION *out);

#endif
